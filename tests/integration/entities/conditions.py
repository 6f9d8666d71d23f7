"""Law 13: conditions on rows (`where`). What the destination has is what the condition is true for, as if nothing else were."""

import random

from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import only

FULL = ("--binlog-row-metadata=FULL",)
TABLE = """
CREATE TABLE t (id INT PRIMARY KEY, a INT, s VARCHAR(20) CHARACTER SET utf8mb4, d DECIMAL(8,2), at DATETIME, u INT, UNIQUE KEY (u));
CREATE TABLE other (id INT PRIMARY KEY, v INT);
"""


def same(lab, condition, table="t"):
    """`condition` as SQL: under BINARY comparison it means the same there."""
    here = lab.source.query("SELECT * FROM %s WHERE %s ORDER BY id" % (table, condition), "shop")
    there = lab.destination.query("SELECT * FROM %s ORDER BY id" % table, "shop")
    expect_equal(there, here, "rows of %s" % table)


@only("where-rows-come-and-go", "rows that come into the condition are inserted, those that leave it deleted, the rest is not there")
def _():
    condition = "a > 5 AND (s <> 'x' OR s IS NULL)"
    with Lab(settings={"where": {"t": condition}}, source_options=FULL) as lab:
        lab.source.script(TABLE)
        lab.source.run("INSERT INTO t VALUES (1, 1, 'a', 1, NULL, 1), (2, 6, 'a', 1, NULL, 2), (3, 7, 'x', 1, NULL, 3), (4, NULL, 'a', 1, NULL, 4), "
                       "(5, 9, NULL, 1, NULL, 5)")
        lab.program.incremental()
        same(lab, condition)
        for statements in (
                ("UPDATE t SET a = 6 WHERE id = 1", "UPDATE t SET a = 2 WHERE id = 2", "UPDATE t SET d = 9"),
                ("UPDATE t SET s = 'y' WHERE id = 3", "DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (6, 5, 'n', 1, NULL, 6), (7, 50, 'n', 1, NULL, 7)"),
                # the same key leaves and comes within a transaction, unique values move between rows in and out
                ("BEGIN", "UPDATE t SET a = 1 WHERE id = 7", "UPDATE t SET u = NULL WHERE id = 7", "UPDATE t SET u = 7 WHERE id = 5",
                 "UPDATE t SET a = 8, u = 70 WHERE id = 7", "UPDATE t SET id = 70 WHERE id = 7", "COMMIT"),
                ("REPLACE INTO t VALUES (5, 4, 'r', 1, NULL, 5)", "REPLACE INTO t VALUES (5, 14, 'r', 1, NULL, 5)"),
                ("ALTER TABLE t ADD COLUMN n INT FIRST", "UPDATE t SET n = 1, a = a + 1", "ALTER TABLE t DROP COLUMN n"),
                ("TRUNCATE t", "INSERT INTO t VALUES (1, 9, 'a', 1, NULL, 1), (2, 1, 'a', 1, NULL, 2)")):
            with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            lab.program.incremental()
            same(lab, condition)
        code, out, _err = lab.program.command("check", "--counts")
        expect_equal(code, 0, "check --counts: " + out)
        expect_contains(out, "were not compared", "check --counts")


@only("where-refused", "conditions that cannot be kept: exit 2, and why")
def _():
    with Lab(source_options=FULL) as lab:
        lab.source.script(TABLE + "CREATE TABLE p (id INT PRIMARY KEY);\nCREATE TABLE c (id INT PRIMARY KEY, p INT, v INT, FOREIGN KEY (p) "
                          "REFERENCES p (id) ON DELETE SET NULL);\nCREATE TABLE odd (id INT PRIMARY KEY, l VARCHAR(9) CHARACTER SET latin1, u UUID, "
                          "g INT AS (id + 1) VIRTUAL);\n")
        for n, (where, part) in enumerate((
                ({"t": "a >"}, "a number or a 'text'"), ({"t": "b = 1"}, "no column b"), ({"t": "a = 'x'"}, "compared with a number"),
                ({"p": "id > 1"}, "rows of c refer"), ({"c": "p = 1"}, "sets column p to NULL"), ({"sales_flat_order": "entity_id > 5"}, "no table sales_flat_order"),
                ({"catalog_product_option": "option_id > 5"}, "put the condition on its root"), ({"tt": "a = 1"}, "no table tt"), ({"t*": "a = 1"}, "is a pattern"),
                ({"odd": "l = 'x'"}, "in latin1"), ({"odd": "u = 'x'"}, "is uuid"), ({"odd": "g = 1"}, "is generated"), ({"t": ["x"]}, "one value is wanted"), ("t", "a mapping is wanted"))):
            other = lab.another("refused-%d" % n, settings={"where": where})
            code, _out, err = other.command("incremental")
            expect(code == 2 or (code == 1 and n in (1, 2)), "%s: exit %d: %s" % (where, code, err[-500:]))
            expect_contains(err, part, "message for %s" % (where,))
        other = lab.another("fine", settings={"where": {"c": "v = 1", "t": "at >= '2024-01-01'"}})
        other.incremental()
        other.configure({"where": {"c": "v = 2"}})
        expect_contains(other.incremental(expect=2), "where=[c: v = 2,t: at >= '2024-01-01']", "another condition")
        code, out, _err = other.command("check")
        expect_contains(out, "where", "check")


@only("where-renamed", "a table that becomes another one stops, unless the condition is the same")
def _():
    with Lab(settings={"where": {"t": "a = 1", "t2": "a = 1"}}, source_options=FULL) as lab:
        lab.source.script(TABLE)
        lab.source.run("INSERT INTO t (id, a) VALUES (1, 1), (2, 2)", "CREATE TABLE t2 (id INT, a INT)")
        lab.program.incremental()
        lab.source.run("DROP TABLE t2", "RENAME TABLE t TO t2", "UPDATE t2 SET a = 3 - a")
        lab.program.incremental()
        same(lab, "a = 1", "t2")
        lab.source.run("RENAME TABLE t2 TO t3")
        expect_contains(lab.program.incremental(expect=1), "--resnapshot", "message")


@only("where-needs-names-and-full-rows", "what the binlog does not tell stops the stream, it is not guessed")
def _():
    with Lab(settings={"where": {"t": "a = 1"}}, source_options=FULL) as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("SET GLOBAL binlog_row_image = MINIMAL", database=None)
        lab.source.run("INSERT INTO t (id, a, d) VALUES (1, 1, 5)", "UPDATE t SET d = 6")
        expect_contains(lab.program.incremental(expect=1), "binlog_row_image", "message")


@only("where-random", "random changes: the rows of the condition, whatever the batches, the masks beside it, kills")
def _():
    rng = random.Random(20261128)
    condition = "a BETWEEN 3 AND 7 AND s LIKE 'k%'"
    settings = {"where": {"t": condition}, "batch": {"max_rows": 40},
                "mask": {"key": "only for this case here", "rules": ["*.* keep", "t.d null"]}}
    with Lab(settings=settings, source_options=FULL) as lab:
        lab.source.script(TABLE)
        lab.program.start()
        with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
            for step in range(1500):
                if rng.random() < 0.2:
                    cursor.execute("BEGIN" if rng.random() < 0.5 else "COMMIT")
                ident, a, s = rng.randrange(60), rng.randrange(10), rng.choice(("k1", "k2", "K1", "x", None))
                text = "NULL" if s is None else "'%s'" % s
                cursor.execute(rng.choice((
                    "INSERT IGNORE INTO t VALUES (%d, %d, %s, 1.5, NOW(), %d)" % (ident, a, text, rng.randrange(90)),
                    "UPDATE IGNORE t SET a = %d WHERE id = %d" % (a, ident), "UPDATE IGNORE t SET s = %s WHERE id %% 7 = %d" % (text, a),
                    "UPDATE IGNORE t SET id = %d WHERE id = %d" % (rng.randrange(60), ident), "UPDATE IGNORE t SET u = u + 1 WHERE id < %d" % ident,
                    "DELETE FROM t WHERE id = %d" % ident, "REPLACE INTO t VALUES (%d, %d, %s, 2.5, NULL, %d)" % (ident, a, text, rng.randrange(90)))))
                if step % 400 == 399:
                    cursor.execute("COMMIT")
                    lab.program.kill()
                    lab.program.start()
            cursor.execute("COMMIT")
        lab.program.wait_caught_up()
        here = lab.source.query("SELECT id, a, s, NULL, at, u FROM t WHERE a BETWEEN 3 AND 7 AND s LIKE BINARY 'k%' ORDER BY id", "shop")
        expect_equal(lab.destination.query("SELECT * FROM t ORDER BY id", "shop"), here, "rows")
        expect(len(here) > 3, "too few rows to say anything")


@only("where-and-ddl", "DDL that makes a condition one that cannot be kept stops before rows are lost by it")
def _():
    for ddl, rows, part in (
            ("CREATE TABLE c (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE)",
             ("INSERT INTO c VALUES (1, 1)", "UPDATE t SET a = 0 WHERE id = 1"), "hang on it"),
            ("ALTER TABLE t ADD CONSTRAINT n FOREIGN KEY (a) REFERENCES other (id) ON DELETE SET NULL", ("DELETE FROM other",), "set to NULL"),
            ("ALTER TABLE t MODIFY s VARCHAR(20) CHARACTER SET latin1", ("UPDATE t SET s = 'y'",), "column s")):
        with Lab(settings={"where": {"t": "a = 1 AND s <> 'x'"}}, source_options=FULL) as lab:
            lab.source.script(TABLE)
            lab.source.run("INSERT INTO other VALUES (1, 1)", "INSERT INTO t (id, a, s) VALUES (1, 1, 'a'), (2, 1, 'x')")
            lab.program.start()
            lab.program.wait_caught_up()
            lab.source.run(ddl, *rows)
            expect_equal(lab.program.wait_exit(), 1, "exit code")
            expect_contains(lab.program.log_text().decode(), part, "message")
            expect_equal(lab.destination.query("SELECT id FROM t", "shop"), ((1,),), "rows")
            lab.program.command("incremental")
            expect_equal(lab.destination.query("SELECT id FROM t", "shop"), ((1,),), "rows after another start")
