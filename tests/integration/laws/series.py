"""Law 7: redefinitions of columns that follow each other are one statement, and nobody can tell."""

import re

from base import follow, law, suite
from lib.lab import Lab
from lib.program import binary
from lib.suite import Skip, expect, expect_contains, expect_equal

FLAT = """
CREATE TABLE flat (id INT PRIMARY KEY, a INT, b VARCHAR(10), c VARCHAR(20) NOT NULL DEFAULT 'x',
  d DECIMAL(12,4), e ENUM('x','y','z'), f TEXT, g SMALLINT UNSIGNED, h DATETIME, KEY (b),
  KEY (c(10), g)) CHARSET utf8mb4;
CREATE TABLE other (id INT PRIMARY KEY, a INT, b INT);
INSERT INTO flat VALUES (1, 1, 'one', 'ä', 1.25, 'y', 'text', 7, '2020-01-02 03:04:05'),
  (2, NULL, NULL, 'ü', NULL, NULL, NULL, NULL, NULL), (3, -5, '', '', 0.0001, 'z', '', 65535, '2021-01-01');
INSERT INTO other VALUES (1, 1, 1);
"""
ITEMS = ("CHANGE a a BIGINT NULL DEFAULT '5' COMMENT 'it''s, a'", "MODIFY COLUMN b VARCHAR(64) COLLATE utf8mb4_bin",
         "MODIFY c TEXT CHARACTER SET latin1 NOT NULL", "CHANGE COLUMN `d` `d` DECIMAL(8,2)",
         "MODIFY e ENUM('z','y','x') COMMENT 'turned'", "MODIFY f VARCHAR(255) NULL",
         "MODIFY g INT UNSIGNED NOT NULL DEFAULT 3", "CHANGE h h DATETIME(3) NULL")
SERIES = "SET sql_mode = '';\nSET timestamp = 1700000000;\n" + "".join(
    "ALTER TABLE `flat` %s;\n" % item for item in ITEMS)


def joined(text):
    """How many statements each joined one was."""
    return [int(n) for n in re.findall(r"are run as one count=(\d+)", text)]


def expect_joined(*counts):
    def check(lab):
        if lab.program.engine == "datasync":
            expect_equal(joined(lab.program.log_text().decode(errors="replace")), list(counts),
                         "statements that were joined")
    return check


suite.case("series-is-one", "a series of one table is one statement, its warnings and all")(
    lambda: follow(FLAT, SERIES + "INSERT INTO flat (id, c) VALUES (4, 'new');\n",
                   check=expect_joined(len(ITEMS))))

suite.case("series-is-broken", "by rows, another table, a session variable, a column again, TIMESTAMP")(
    lambda: follow(FLAT, """
SET timestamp = 1700000000;
SET sql_mode = '';
ALTER TABLE flat MODIFY a BIGINT;
ALTER TABLE flat MODIFY b VARCHAR(20);
INSERT INTO flat (id, c, b) VALUES (4, '4', '12345678901234567890');
ALTER TABLE flat MODIFY b VARCHAR(30);
ALTER TABLE flat MODIFY g INT;
ALTER TABLE other MODIFY a BIGINT;
ALTER TABLE flat MODIFY a SMALLINT;
ALTER TABLE other MODIFY b VARCHAR(5);
ALTER TABLE other MODIFY a INT;
SET sql_mode = 'ANSI_QUOTES';
ALTER TABLE other MODIFY "a" SMALLINT;
ALTER TABLE other MODIFY "b" VARCHAR(3) DEFAULT 'a"b';
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
ALTER TABLE other MODIFY b VARCHAR(9) COMMENT 'c:\\';
ALTER TABLE other MODIFY a INT COMMENT 'd:\\';
SET time_zone = '+05:00';
ALTER TABLE other MODIFY b VARCHAR(7);
SET foreign_key_checks = 0;
ALTER TABLE other MODIFY a BIGINT;
ALTER TABLE other MODIFY a DECIMAL(5,1);
ALTER TABLE other MODIFY A INT;
ALTER TABLE flat MODIFY g TINYINT UNSIGNED;
ALTER TABLE flat MODIFY h TIMESTAMP NULL;
ALTER TABLE flat MODIFY b TEXT, MODIFY d DOUBLE;
""", check=expect_joined(2, 2, 2, 2, 2)))

# The server writes an expression's text anew at each ALTER TABLE: one statement leaves another text.
law("series-with-expressions", "generated columns, CHECK and DEFAULT (…) read as after each statement", """
CREATE TABLE gen (id INT PRIMARY KEY, a VARCHAR(10), b VARCHAR(10), g VARCHAR(40) AS (CONCAT(a, b)) STORED)
  CHARSET latin1;
CREATE TABLE chk (id INT PRIMARY KEY, a VARCHAR(10), b VARCHAR(10), CHECK (a <> b)) CHARSET latin1;
CREATE TABLE def (id INT PRIMARY KEY, a VARCHAR(10), b VARCHAR(10),
  d VARCHAR(40) DEFAULT CONCAT(a, b)) CHARSET latin1;
INSERT INTO gen (id, a, b) VALUES (1, 'ä', 'b');
INSERT INTO chk VALUES (1, 'ä', 'b');
INSERT INTO def (id, a, b) VALUES (1, 'ä', 'b');
""", "".join("ALTER TABLE %s MODIFY %s VARCHAR(10) CHARACTER SET utf8mb4;\n" % (table, column)
             for table in ("gen", "chk", "def") for column in "ab"))

law("series-takes-time-along", "a TIME becomes a DATETIME of its own statement's day", """
CREATE TABLE t (id INT PRIMARY KEY, a TIME, b TIME, c TIME, d TIME);
INSERT INTO t VALUES (1, '11:22:33', '11:22:33', '11:22:33', '11:22:33');
""", """
SET timestamp = 1500000000;
ALTER TABLE t MODIFY a DATETIME;
SET timestamp = 1600000000;
ALTER TABLE t MODIFY b DATETIME;
ALTER TABLE t MODIFY c DATE;
SET timestamp = 1700000000;
ALTER TABLE t MODIFY d TIMESTAMP NULL;
""")

law("series-and-zero-dates", "a copy of the table changes dates that it does not name", """
SET sql_mode = 'ALLOW_INVALID_DATES';
CREATE TABLE t (id INT PRIMARY KEY, a INT, b DATETIME) PARTITION BY HASH (id) PARTITIONS 2;
INSERT INTO t VALUES (1, 1, '2020-03-00'), (2, 2, '2020-00-00'), (3, 3, '0000-00-00');
""", """
SET sql_mode = 'NO_ZERO_DATE,NO_ZERO_IN_DATE';
ALTER TABLE t MODIFY a VARCHAR(5) NOT NULL;
ALTER TABLE t MODIFY b VARCHAR(30);
""")


@suite.case("series-that-fails", "joined it is refused; then it stops at the statement that fails",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(FLAT)
        lab.program.incremental()
        lab.destination.run("ALTER TABLE flat DROP COLUMN d")
        lab.source.script(SERIES + "INSERT INTO flat (id, c) VALUES (4, 'new');\n")
        text = lab.program.incremental(expect=1)
        expect_equal(joined(text), [len(ITEMS)], "joined at first")
        expect_contains(text, ITEMS[3], "message")
        types = dict(lab.destination.query(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'shop'"
            " AND table_name = 'flat'"))
        expect_equal((types["a"], types["c"], types["f"]), ("bigint", "text", "text"), "types so far")
        position = re.findall(r"position=(0-1-\d+)", text)[-1]
        lab.destination.run("ALTER TABLE flat ADD COLUMN d DECIMAL(8,2) AFTER c")
        lab.destination.run("UPDATE flat SET d = 1.25 WHERE id = 1", "UPDATE flat SET d = 0 WHERE id = 3")
        code, _out, err = lab.program.command("skip", position, "--yes", "--reason", "done by hand")
        expect_equal(code, 0, "skip: " + err)
        lab.program.incremental(expect=3)
        lab.equal()


@suite.case("series-and-policy", "ddl: stop ends before the first of a series, ignore passes over all",
            program_only=True)
def _():
    with Lab(settings={"ddl": "stop"}) as lab:
        lab.source.script(FLAT)
        lab.program.incremental()
        before = lab.program.status()["transactions"]
        lab.source.script(SERIES)
        text = lab.program.incremental(expect=1)
        expect_contains(text, "CHANGE a a BIGINT", "message")
        expect_equal(joined(text), [], "joined")
        lab.program.configure({"ddl": "ignore"})
        text = lab.program.incremental()
        expect_equal(text.count("DDL not applied"), len(ITEMS), "statements passed over")
        expect_equal(lab.program.status()["transactions"] - before, len(ITEMS), "transactions")
        expect_equal(lab.destination.scalar("SELECT data_type FROM information_schema.columns WHERE"
                                            " table_schema = 'shop' AND table_name = 'flat' AND"
                                            " column_name = 'a'"), "int", "type of a")


def dies(lab, point, count):
    code, _out, err = lab.program.command(
        "incremental", env={"DATASYNC_CRASH": "%s:%d" % (point, count)}, timeout=90)
    expect(code in (-9, 0), "%s:%d: exit %d: %s" % (point, count, code, err[-2500:]))
    return code == -9


@suite.case("series-killed", "kill -9 at each step of a series, joined and not", program_only=True)
def _():
    with open(binary(), "rb") as program:
        if b"ddl.after_statement\0" not in program.read():
            raise Skip("the program is built without -Dcrash_points=true")
    with Lab(native=True) as lab:
        lab.source.script(FLAT + "CREATE TABLE gen (id INT PRIMARY KEY, a VARCHAR(10), b VARCHAR(10),"
                          " g VARCHAR(40) AS (CONCAT(a, b))) CHARSET latin1;\n"
                          "CREATE TABLE serial (id INT, v INT);\n"
                          "INSERT INTO gen (id, a, b) VALUES (1, 'ä', 'b');\n")
        lab.program.incremental()
        died, number = 0, 0
        for point in ("ddl.after_statement", "ddl.before_done", "ddl.after_done",
                      "commit.before_commit", "commit.after_commit"):
            for count in (1, 2, 4):
                number += 1
                wide = 20 + number
                lab.source.script(SERIES + """
ALTER TABLE serial MODIFY id SERIAL;
ALTER TABLE flat MODIFY b VARCHAR(%d), MODIFY g BIGINT;
INSERT INTO flat (id, c) VALUES (%d, 'x');
ALTER TABLE gen MODIFY a VARCHAR(%d) CHARACTER SET %s;
ALTER TABLE gen MODIFY b VARCHAR(%d) CHARACTER SET %s;
ALTER TABLE serial MODIFY v INT UNSIGNED COMMENT '%d';
""" % (wide, 100 + number, wide, ("utf8mb4", "latin1")[number % 2], wide,
       ("latin1", "utf8mb4")[number % 2], number))
                died += dies(lab, point, count)
                died += dies(lab, point, 1)
                lab.program.incremental()
                lab.equal()
                lab.source.script("ALTER TABLE flat MODIFY a INT, MODIFY c VARCHAR(20), MODIFY d"
                                  " DECIMAL(12,4), MODIFY e ENUM('x','y','z');\n"
                                  "ALTER TABLE serial MODIFY id INT, DROP KEY id;\n")
        expect(died > 20, "died %d times only" % died)
        lab.settle()
