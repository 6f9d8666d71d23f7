"""MySQL as the destination, MariaDB or MySQL as the source."""

import os

from base import Lab, expect, expect_contains, expect_equal, follow, suite
from workloads import (CASCADES, CASCADE_CHANGES, ENGINES, ENGINE_CHANGES, NEGATIVE_ZERO, SHAPES,
                       SHAPE_CHANGES, TYPES, TYPE_CHANGES)

PLAIN = "CREATE TABLE t (id INT PRIMARY KEY, u INT, v VARCHAR(20), UNIQUE KEY (u));\n" \
        "INSERT INTO t VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');\n" \
        "CREATE TABLE k (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id));\n" \
        "INSERT INTO k VALUES (1, 1);\n"


def both(name, about):
    """A case for each kind of source."""
    def register(function):
        for source in ("mariadb", "mysql"):
            suite.case("destination-%s-from-%s" % (name, source), about)(
                lambda source=source: function(source))
        return function
    return register


@both("all-types", "every type, copied and streamed")
def _(source):
    # MariaDB's JSON is text with a check: MySQL's own form of it is not the same text
    kind = TYPES if source == "mysql" else TYPES.replace("j JSON", "j LONGTEXT")
    follow(source, "mysql", kind, TYPE_CHANGES + (NEGATIVE_ZERO if source == "mysql" else ""))


@both("shapes", "odd names, no key, ON UPDATE, swaps, thousands of rows: statements from literals")
def _(source):
    shapes = SHAPES if source == "mysql" else SHAPES.replace("e JSON", "e LONGTEXT")
    follow(source, "mysql", shapes, SHAPE_CHANGES)


@both("foreign-keys", "cascades")
def _(source):
    follow(source, "mysql", CASCADES, CASCADE_CHANGES)


@both("engines", "MEMORY and MyISAM tables, mixed transactions")
def _(source):
    follow(source, "mysql", ENGINES, ENGINE_CHANGES)


@both("ddl", "definitions, and what a session means by them")
def _(source):
    follow(source, "mysql", """
CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20), UNIQUE KEY (v));
INSERT INTO a VALUES (1, 'x'), (2, 'y');
CREATE TABLE b (id INT PRIMARY KEY, d DATE NOT NULL DEFAULT '2000-01-01');
CREATE VIEW seen AS SELECT id FROM a;
CREATE PROCEDURE p() SELECT 1;
CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW SET NEW.v = CONCAT(NEW.v, '!');
""", """
CREATE TABLE copied AS SELECT * FROM a;
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';
CREATE TABLE "quo ted" ("id" INT PRIMARY KEY, v VARCHAR(20) DEFAULT '\\');
SET sql_mode = 'ALLOW_INVALID_DATES';
ALTER TABLE b ADD COLUMN z DATE NOT NULL DEFAULT '0000-00-00';
INSERT INTO b VALUES (1, '2024-02-31', '2024-00-00');
SET sql_mode = DEFAULT;
CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET utf8mb4) CHARSET = utf8mb4;
INSERT INTO plain VALUES (1, 'x');
ALTER TABLE a ADD COLUMN w INT, ADD INDEX (w);
INSERT INTO a VALUES (3, 'z', 3);
RENAME TABLE a TO c, b TO a;
RENAME TABLE c TO b;
ALTER TABLE plain ADD COLUMN t TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP;
CREATE OR REPLACE VIEW seen AS SELECT v FROM b;
DROP PROCEDURE p;
CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;
DROP TRIGGER tr;
DROP TABLE copied;
TRUNCATE TABLE plain;
CREATE TABLE parts (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, 1), (11, 11);
ALTER TABLE parts TRUNCATE PARTITION p0;
CREATE DATABASE other;
CREATE TABLE other.t (id INT);
""")


@suite.case("destination-default-charset", "utf8mb4 alone means another collation at each server")
def _():
    def check(lab):
        rows = dict(lab.destination.query(
            "SELECT table_name, table_collation FROM information_schema.tables WHERE"
            " table_schema = 'shop'"))
        expect_equal(rows, {"plain": "utf8mb4_general_ci", "own": "utf8mb4_0900_ai_ci",
                            "of_database": "utf8mb4_general_ci"}, "collations")
    follow("mariadb", "mysql", "CREATE TABLE own (id INT PRIMARY KEY) COLLATE"
           " utf8mb4_uca1400_ai_ci;\n", """
CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20)) CHARSET = utf8mb4;
CREATE TABLE of_database (id INT PRIMARY KEY, v VARCHAR(20));
INSERT INTO plain VALUES (1, 'x');
""", check=check)


@both("ddl-crash", "dies around DDL: table ids of InnoDB tell what has run")
def _(source):
    with Lab(source, "mysql") as lab:
        lab.source.script(PLAIN + "CREATE TABLE s1 (id INT PRIMARY KEY);\n"
                          "CREATE TABLE `s-2` (id INT PRIMARY KEY);\n")
        lab.program.incremental()
        for turn, point in enumerate(("ddl.before_intent", "ddl.after_intent", "ddl.after_statement",
                                      "ddl.before_done", "ddl.after_done")):
            for statement in ("RENAME TABLE s1 TO x, `s-2` TO s1, x TO `s-2`",
                              "ALTER TABLE t ADD COLUMN c%d INT DEFAULT %d" % (turn, turn),
                              "ALTER TABLE t ADD INDEX (v)",
                              "CREATE TABLE made%d AS SELECT * FROM k" % turn,
                              "TRUNCATE TABLE made%d" % turn):
                lab.source.run(statement, "INSERT INTO s1 SELECT COALESCE(MAX(id), 0) + 1 FROM s1")
                code, _out, err = lab.program.command(
                    "incremental", env={"DATASYNC_CRASH": point + ":1"})
                expect(code in (-9, 0), "exit %d at %s of %s: %s" % (code, point, statement,
                                                                    err[-1500:]))
                lab.program.incremental()
                lab.equal()


@both("faults", "kill -9, cuts and restarts of a MySQL destination")
def _(source):
    with Lab(source, "mysql") as lab:
        lab.source.script(PLAIN + ENGINES)
        lab.program.start()
        lab.program.wait_caught_up()

        def work(first):
            connection = lab.source.connect("shop")
            with connection.cursor() as cursor:
                for i in range(first, first + 60):
                    for sql in ("INSERT INTO m VALUES (%d, 'm')" % i,
                                "REPLACE INTO mk VALUES (%d, %d, %d)" % (i % 9, i, i), "BEGIN",
                                "INSERT INTO t VALUES (%d, %d, 'x')" % (i, i),
                                "UPDATE t SET v = CONCAT('u', %d) WHERE id %% 5 = 1" % i, "COMMIT"):
                        cursor.execute(sql)
            connection.close()
        work(100)
        lab.program.kill()
        work(200)
        lab.program.start()
        work(300)
        lab.settle()
        expect(lab.destination.cut() > 0, "no connection of ours at the destination")
        work(400)
        lab.settle()
        lab.destination.stop()
        work(500)
        lab.program.wait_for("waiting", lambda s: s["state"] == "waiting_destination")
        lab.destination.start()
        work(600)
        lab.settle()  # the emptied MEMORY tables were copied again
        lab.destination.kill()
        lab.destination.start()
        work(700)
        lab.settle()
        lab.program.kill()
        lab.destination.stop()
        lab.destination.start()
        work(800)
        lab.settle()
        lab.program.stop()
        lab.source.stop()
        lab.source.start()
        work(900)
        lab.settle()


@both("conflicts", "stop, overwrite, quarantine")
def _(source):
    with Lab(source, "mysql") as lab:
        lab.source.script(PLAIN)
        lab.program.incremental()
        lab.destination.run("SET foreign_key_checks = 0", "DELETE FROM t WHERE id = 2",
                            "INSERT INTO t VALUES (90, 40, 'in the way')")
        lab.source.run("UPDATE t SET v = 'x' WHERE id = 2")
        expect_contains(lab.program.incremental(expect=1), "shop.t", "the log")
        lab.program.configure({"on_conflict": "overwrite"})
        lab.program.incremental()
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 2", "shop"), "x", "row 2")
        lab.program.configure({"on_conflict": "quarantine"})
        lab.source.run("INSERT INTO t VALUES (40, 40, 'q')", "UPDATE t SET v = 'r' WHERE id = 40",
                       "INSERT INTO k VALUES (2, 40)", "INSERT INTO t VALUES (50, 50, 'free')")
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.query("SELECT id FROM t ORDER BY id", "shop"),
                     ((1,), (2,), (3,), (50,), (90,)), "what does not depend on it is applied")
        lab.destination.run("DELETE FROM t WHERE id = 90")
        code, out, err = lab.program.command("quarantine", "list", "--json")
        expect_equal(code, 0, "exit of quarantine list: " + err)
        expect_contains(out, "shop", "quarantine list")
        numbers = [str(row[0]) for row in lab.destination.query(
            "SELECT id FROM datasync.datasync_quarantine WHERE held_by IS NULL ORDER BY id")]
        for number in numbers:
            code, out, err = lab.program.command("quarantine", "retry", number)
            expect_equal(code, 0, "exit of quarantine retry: " + err + out)
        lab.program.incremental()
        lab.equal()


@suite.case("destination-check", "check, check --counts, dump and status at a MySQL destination")
def _():
    with Lab("mysql", "mysql") as lab:
        lab.source.script(PLAIN)
        code, out, err = lab.program.command("check")
        expect_equal(code, 0, "exit of check: " + out + err)
        lab.program.incremental()
        code, out, err = lab.program.command("check", "--counts")
        expect_equal(code, 0, "exit of check --counts: " + out + err)
        lab.destination.run("DELETE FROM t WHERE id = 2")
        code, out, err = lab.program.command("check", "--counts")
        expect_equal(code, 1, "exit of check --counts: " + out + err)


@both("handlers", "a handler asks, writes and fails at MySQL")
def _(source):
    with Lab(source, "mysql", settings={"on_conflict": "quarantine"}) as lab:
        lab.source.script("CREATE TABLE plain (id INT PRIMARY KEY, v DECIMAL(10,2));\nINSERT INTO plain VALUES (1, 1);\n")
        lab.program.incremental()
        lab.destination.run("CREATE TABLE datasync.notes (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200))")
        with open(os.path.join(lab.program.folder, "mine.lua"), "w", encoding="utf-8") as out:
            out.write("""return {entities = {"table"}, after_apply = function(change)
  for _, row in ipairs(change.rows) do
    local there = db.query("SELECT v, CAST(18446744073709551615 AS UNSIGNED) AS big, NULL AS n, 1.5e0 AS f FROM plain WHERE id = ?", row.after.id)[1]
    db.exec("INSERT INTO datasync.notes (note) VALUES (?)", table.concat({there.v, there.big, tostring(there.n), there.f}, " "))
    assert(not pcall(db.exec, "COMMIT") and not pcall(db.exec, "INSERT INTO datasync.notes (id) VALUES (?)", "x"))
    if row.after.v == "13.00" then error("unlucky") end
  end
end}
""")
        lab.program.configure({"handlers": ["mine.lua"]})
        lab.source.run("UPDATE plain SET v = 2.5", "INSERT INTO plain VALUES (2, 3)")
        lab.program.incremental()
        lab.equal()
        lab.source.run("INSERT INTO plain VALUES (3, 13)")
        expect_contains(lab.program.incremental(expect=3), "unlucky", "log")
        expect_equal(sorted(row[0] for row in lab.destination.query("SELECT note FROM datasync.notes")),
                     ["2.50 18446744073709551615 nil 1.5", "3.00 18446744073709551615 nil 1.5"], "notes")
