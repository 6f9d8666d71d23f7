"""Law 7: definitions change once, whatever is in the way."""

from base import follow, law, suite
from lib.lab import Lab
from lib.program import binary
from lib.proxy import Proxy
from lib.suite import Skip, expect, expect_contains, expect_equal

TABLES = """
CREATE TABLE a (id INT PRIMARY KEY, v INT, w INT);
CREATE TABLE b (id INT PRIMARY KEY, v INT, w INT);
INSERT INTO a VALUES (1, 1, 10), (2, 2, 20);
INSERT INTO b VALUES (1, 100, 1000);
"""

# Forms that succeed when they are run twice, and differ; and forms that do nothing the second time.
TWICE = """
RENAME TABLE a TO x, b TO a, x TO b;
INSERT INTO a VALUES (5, 5, 5);
ALTER TABLE a RENAME COLUMN v TO w, RENAME COLUMN w TO v;
UPDATE a SET v = 7 WHERE id = 1;
ALTER TABLE a ADD INDEX (v);
ALTER TABLE a ADD UNIQUE (w);
UPDATE b SET v = 1;
ALTER TABLE b ADD FOREIGN KEY (v) REFERENCES a (id);
ALTER TABLE b DROP FOREIGN KEY b_ibfk_1;
ALTER TABLE a ADD CHECK (v > 0);
CREATE TABLE h (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2;
INSERT INTO h VALUES (1), (2), (3), (4);
ALTER TABLE h ADD PARTITION PARTITIONS 2;
ALTER TABLE h COALESCE PARTITION 1;
CREATE TABLE pt (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10),
  PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE TABLE px (id INT PRIMARY KEY);
INSERT INTO pt VALUES (1), (20);
INSERT INTO px VALUES (2), (3);
ALTER TABLE pt EXCHANGE PARTITION p0 WITH TABLE px;
INSERT INTO px VALUES (4);
ALTER TABLE a ADD COLUMN n INT FIRST, DROP COLUMN w;
ALTER TABLE a MODIFY n BIGINT AFTER id;
ALTER TABLE a AUTO_INCREMENT = 100;
CREATE TABLE copy (PRIMARY KEY (id)) AS SELECT * FROM a;
CREATE OR REPLACE TABLE copy AS SELECT * FROM b;
CREATE TABLE alike LIKE a;
INSERT INTO alike SELECT * FROM a;
TRUNCATE TABLE alike;
DROP TABLE IF EXISTS missing, alike;
CREATE TABLE IF NOT EXISTS a (other INT);
ALTER TABLE a ADD COLUMN IF NOT EXISTS n INT;
CREATE INDEX i2 ON a (n);
DROP INDEX i2 ON a;
ALTER TABLE b RENAME TO c;
RENAME TABLE c TO b, a TO c, c TO a;
"""

law("ddl-forms", "DDL of many forms, rows between them", TABLES, TWICE)

# Numbers of such collations are above 255, as those that MariaDB has by default from 11.5 on are.
law("session-collation-of-uca-14", "a session's collation, where its number is no client's",
    "CREATE TABLE t (a VARCHAR(10));", """
SET NAMES utf8mb4 COLLATE utf8mb4_uca1400_as_ci;
CREATE VIEW v AS SELECT CONCAT(a, 'x') AS x FROM t;
CREATE FUNCTION f(a VARCHAR(10)) RETURNS VARCHAR(20) RETURN CONCAT(a, 'x');
CREATE TABLE made (PRIMARY KEY (x)) AS SELECT 'ä' AS x;
INSERT INTO made VALUES ('a');
""")

law("ddl-that-fails-at-the-source", "what failed at the source is not run", TABLES, lambda lab: [
    _fails(lab.source, sql) for sql in (
        "ALTER TABLE a ADD COLUMN v INT", "DROP TABLE missing", "CREATE TABLE a (id INT)",
        "ALTER TABLE a ADD UNIQUE KEY q (nothing)", "DROP TABLE a, missing",
        "CREATE TABLE q (PRIMARY KEY (v)) AS SELECT 1 AS v UNION ALL SELECT 1")])


def _fails(server, sql):
    try:
        server.run(sql)
    except Exception:  # pylint: disable=broad-except
        return
    raise AssertionError("succeeds: " + sql)


law("views-and-routines", "views, functions and procedures come and go", TABLES + """
CREATE VIEW v1 AS SELECT id, v FROM a WHERE v > 0;
CREATE FUNCTION f1(n INT) RETURNS INT DETERMINISTIC RETURN n + 1;
CREATE PROCEDURE p1(IN x INT) BEGIN SELECT 'a;b', x; END;
""", """
CREATE OR REPLACE VIEW v1 AS SELECT id FROM b;
CREATE VIEW `v``2` AS SELECT 'ü' AS `ä`, f1(3) AS three;
CREATE SQL SECURITY INVOKER VIEW v3 AS SELECT * FROM v1;
ALTER VIEW v3 AS SELECT id + 1 AS n FROM v1;
DROP FUNCTION f1;
CREATE FUNCTION f1(n INT) RETURNS VARCHAR(20) CHARSET latin1 DETERMINISTIC RETURN 'x';
DROP PROCEDURE p1;
CREATE PROCEDURE p2() COMMENT 'two' SELECT 2;
ALTER PROCEDURE p2 COMMENT 'zwei';
DROP VIEW IF EXISTS v3, missing;
""")

law("statement-under-odd-modes", "sql_mode decides what a DDL statement says", TABLES, """
SET sql_mode = 'ANSI_QUOTES';
CREATE TABLE "quo""ted" ("id" INT PRIMARY KEY, "v" VARCHAR(10) DEFAULT 'it''s');
SET sql_mode = 'NO_BACKSLASH_ESCAPES';
CREATE TABLE back (id INT PRIMARY KEY, v VARCHAR(10) DEFAULT '\\', w INT COMMENT 'c:\\temp');
SET sql_mode = '';
ALTER TABLE back ADD COLUMN x VARCHAR(10) DEFAULT 'a\\'b';
SET STATEMENT sql_mode = 'ANSI_QUOTES' FOR CREATE TABLE stmt (id INT PRIMARY KEY);
/* a comment */ CREATE /*!50000 TABLE */ `comm``ent` /* here */ (id INT PRIMARY KEY) -- the end
;
CREATE TABLE shop.qualified (id INT PRIMARY KEY);
CREATE TABLE `shop` . `spaced` (id INT PRIMARY KEY);
DROP TABLE shop.qualified;
""")

law("default-engine", "a table takes the engine of the source's session", TABLES, """
SET default_storage_engine = MyISAM;
CREATE TABLE e1 (id INT PRIMARY KEY, v INT);
INSERT INTO e1 VALUES (1, 1);
SET default_storage_engine = InnoDB;
CREATE TABLE e2 (id INT PRIMARY KEY);
ALTER TABLE e1 ENGINE = InnoDB;
""", native=False)

law("temporary-tables", "they are nobody's business", TABLES, """
CREATE TEMPORARY TABLE a (id INT PRIMARY KEY, other TEXT);
INSERT INTO a VALUES (9, 'temporary');
ALTER TABLE a ADD COLUMN more INT;
INSERT INTO b SELECT id, 1, 1 FROM a;
TRUNCATE TABLE a;
DROP TABLE a;
INSERT INTO a VALUES (3, 3, 3);
CREATE TEMPORARY TABLE t2 AS SELECT * FROM a;
DROP TEMPORARY TABLE t2;
""")

law("partitions", "partitions come, go and are emptied", """
CREATE TABLE p (id INT, v INT, PRIMARY KEY (id)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN
  (10), PARTITION p1 VALUES LESS THAN (20), PARTITION pm VALUES LESS THAN MAXVALUE);
INSERT INTO p SELECT seq, seq FROM seq_1_to_40;
""", """
UPDATE p SET id = id + 100 WHERE id % 2 = 0;
ALTER TABLE p TRUNCATE PARTITION p0;
INSERT INTO p VALUES (3, 3);
ALTER TABLE p REORGANIZE PARTITION pm INTO (PARTITION p2 VALUES LESS THAN (120), PARTITION pm VALUES LESS
  THAN MAXVALUE);
DELETE FROM p WHERE id > 110;
ALTER TABLE p DROP PARTITION p1;
INSERT INTO p VALUES (15, 15);
ALTER TABLE p REMOVE PARTITIONING;
UPDATE p SET v = 0;
""")

law("other-databases", "statements that concern another database, and both", """
CREATE DATABASE other;
""" + TABLES + """
CREATE TABLE other.o (id INT PRIMARY KEY, v INT);
""", """
INSERT INTO other.o VALUES (1, 1);
BEGIN;
UPDATE a SET v = 50;
UPDATE other.o SET v = 50;
COMMIT;
ALTER TABLE other.o ADD COLUMN x INT;
CREATE TABLE from_other AS SELECT * FROM other.o;
USE other;
CREATE TABLE shop.while_there (id INT PRIMARY KEY);
CREATE TABLE only_here (id INT PRIMARY KEY);
INSERT INTO shop.while_there VALUES (1);
USE shop;
DROP DATABASE other;
""", native=False)


@suite.case("triggers-arrive-by-ddl", "CREATE TRIGGER and EVENT are recorded, not created",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(TABLES + """
CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20));
CREATE TRIGGER early AFTER INSERT ON a FOR EACH ROW INSERT INTO log (what) VALUES ('early');
CREATE EVENT ev1 ON SCHEDULE EVERY 1 DAY DO INSERT INTO log (what) VALUES ('event');
INSERT INTO a VALUES (3, 3, 3);
""")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.script("""
CREATE TRIGGER late AFTER UPDATE ON a FOR EACH ROW INSERT INTO log (what) VALUES ('late');
CREATE EVENT ev2 ON SCHEDULE EVERY 1 DAY DO INSERT INTO log (what) VALUES ('event');
UPDATE a SET v = v + 1;
INSERT INTO a VALUES (4, 4, 4);
DROP TRIGGER early;
INSERT INTO a VALUES (5, 5, 5);
DROP EVENT ev1;
""")
        lab.settle()
        for table in ("triggers", "events"):
            column = "trigger_schema" if table == "triggers" else "event_schema"
            expect_equal(lab.destination.scalar(
                "SELECT COUNT(*) FROM information_schema.%s WHERE %s = 'shop'" % (table, column)),
                0, table + " at the destination")
        recorded = lab.destination.query("SELECT * FROM datasync.datasync_objects")
        text = str(recorded)
        for name in ("late", "ev2"):
            expect(name in text, "%s is not in datasync_objects: %s" % (name, text[:800]))
        for name in ("'early'", "'ev1'"):
            expect(name not in text, "dropped %s is still in datasync_objects: %s" % (name,
                                                                                   text[:800]))


@suite.case("triggers-move-with-their-tables", "a table is renamed whose trigger was there before"
            " the copy", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(TABLES + """
CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20));
SET sql_mode = 'ANSI_QUOTES';
CREATE TRIGGER copied AFTER INSERT ON "a" FOR EACH ROW INSERT INTO log (what) VALUES ('it''s');
""")
        lab.program.incremental()
        lab.source.script("""
CREATE TRIGGER streamed AFTER UPDATE ON a FOR EACH ROW INSERT INTO log (what) VALUES ('u');
RENAME TABLE a TO other_name;
INSERT INTO log (what) VALUES ('end');
""")
        lab.program.incremental()
        lab.equal()
        for name, table, statement in lab.destination.query(
                "SELECT object, object_table, statement FROM datasync.datasync_objects WHERE kind ="
                " 'trigger'"):
            expect_equal(table, "other_name", "table of trigger " + name)
            expect(b"other_name" in statement, "statement of trigger %s: %s" % (name, statement))


@suite.case("triggers-at-the-destination-are-refused", "they would run twice", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        lab.destination.run("CREATE TRIGGER mine BEFORE INSERT ON a FOR EACH ROW SET NEW.v = 0")
        code, _out, err = lab.program.command("incremental")
        expect(code in (1, 2), "exit %d: %s" % (code, err))
        expect_contains(err, "mine", "message")
        lab.program.configure({"triggers": "allow"})
        lab.program.incremental()


@suite.case("drop-database", "drops its objects, never our tables", program_only=True)
def _():
    with Lab(settings={"state_database": "shop"}) as lab:
        lab.source.script(TABLES + "CREATE VIEW v AS SELECT * FROM a;\n"
                          "CREATE FUNCTION f() RETURNS INT RETURN 1;\n")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("DROP DATABASE shop", "CREATE DATABASE shop CHARACTER SET utf8mb4",
                       "CREATE TABLE shop.a (id INT PRIMARY KEY, n TEXT)",
                       "INSERT INTO shop.a VALUES (1, 'new')", database=None)
        lab.program.wait_caught_up()
        expect_equal(lab.destination.query("SELECT * FROM a", "shop"), ((1, "new"),), "table a")
        ours = lab.destination.query("SELECT table_name FROM information_schema.tables WHERE"
                                     " table_schema = 'shop' AND table_name NOT LIKE 'datasync%'")
        expect_equal(ours, (("a",),), "tables")
        expect(lab.destination.scalar("SELECT COUNT(*) FROM datasync_checkpoint", "shop") > 0,
               "the checkpoint is gone")
        lab.program.stop()


@suite.case("ddl-stop", "ddl: stop ends before the statement and names it", program_only=True)
def _():
    with Lab(settings={"ddl": "stop"}) as lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        lab.source.script("INSERT INTO a VALUES (7, 7, 7);\nALTER TABLE a ADD COLUMN extra INT;\n"
                          "INSERT INTO a VALUES (8, 8, 8, 8);\n")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "ADD COLUMN extra", "message")
        expect_equal(lab.destination.scalar("SELECT MAX(id) FROM a", "shop"), 7, "last row")


@suite.case("ddl-that-cannot-be-applied", "stops with the statement; goes on when it can",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        lab.destination.run("CREATE TABLE taken (x INT)")
        lab.source.script("CREATE TABLE taken (id INT PRIMARY KEY);\nINSERT INTO taken VALUES (1);\n")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "taken", "message")
        lab.destination.run("DROP TABLE taken")
        lab.program.incremental()
        lab.equal()


@suite.case("ddl-killed-at-any-moment", "kill -9 during each form, many times", program_only=True)
def _():
    with Lab(settings={"batch": {"max_rows": 3}}) as lab:
        lab.source.script(TABLES)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.source.script(TWICE)
        code, kills = None, 0
        for delay in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8) * 2:
            lab.program.start()
            try:
                code = lab.program.process.wait(delay)
            except Exception:  # pylint: disable=broad-except
                lab.program.kill()
                kills += 1
                continue
            expect_equal(code, 4, "exit code between kills; " + lab.program.log_tail())
        expect(kills > 0, "never killed")
        lab.settle()


@suite.case("altered-during-the-copy", "a table that changes while it is copied", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100));\n"
                          "INSERT INTO t SELECT seq, REPEAT('x', 90) FROM seq_1_to_60000;\n"
                          "CREATE TABLE u (id INT PRIMARY KEY, v INT);\nINSERT INTO u VALUES (1, 1);\n")
        lab.program.start()
        for number in range(6):
            lab.source.run("SET SESSION lock_wait_timeout = 20",
                           "ALTER TABLE u ADD COLUMN c%d INT" % number,
                           "ALTER TABLE t ADD COLUMN c%d INT DEFAULT %d" % (number, number),
                           "UPDATE u SET c%d = 1" % number, "DELETE FROM t WHERE id = %d" % number)
        lab.settle(timeout=120)


@suite.case("rename-across-databases", "a table leaves the mirrored database, another one comes in",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        lab.source.run("CREATE DATABASE other", "CREATE TABLE other.incoming (id INT PRIMARY KEY)",
                       "INSERT INTO other.incoming VALUES (1), (2)", database=None)
        lab.program.incremental()
        lab.source.run("RENAME TABLE shop.a TO other.gone")
        code, _out, err = lab.program.command("incremental")
        if code == 0:
            lab.equal()
        else:
            # stopping is right, applying half of it is not
            expect_equal(code, 1, "exit code")
            expect_contains(err, "other.gone", "message")
            lab.program.incremental("--resnapshot", "--yes")
            lab.equal()
        lab.source.run("RENAME TABLE other.incoming TO shop.incoming")
        code, _out, err = lab.program.command("incremental")
        if code == 0:
            lab.equal()
        else:
            expect_equal(code, 1, "exit code")
            expect_contains(err, "incoming", "message")
            lab.program.incremental("--resnapshot", "--yes")
            lab.equal()


law("default-storage-engine", "a table created without an engine gets the source's default one", "",
    "CREATE TABLE plain (id INT PRIMARY KEY, v INT);\nINSERT INTO plain VALUES (1, 1);\n"
    "CREATE TABLE made SELECT 1 AS a;\nSET SESSION default_storage_engine = InnoDB;\nUPDATE plain SET v = 2;\n",
    native=False, source_options=("--default-storage-engine=Aria",))

UNCERTAIN = """
CREATE TABLE chance (id INT PRIMARY KEY, v INT);
INSERT INTO chance VALUES (1, 1), (2, 2);
CREATE TABLE heap (v INT, w VARCHAR(10));
INSERT INTO heap VALUES (3, 'c'), (1, 'a'), (2, 'b');
CREATE TABLE still (v INT);
CREATE TABLE keyed (code VARCHAR(10) NOT NULL, UNIQUE KEY (code));
INSERT INTO keyed VALUES ('b'), ('a'), ('c');
"""

law("ddl-that-numbers-rows", "numbers are given in the order of a key, or where there is no row", UNCERTAIN, """
INSERT INTO keyed VALUES ('B2'), ('a2');
ALTER TABLE keyed ADD COLUMN id INT AUTO_INCREMENT FIRST, ADD KEY (id);
ALTER TABLE still ADD COLUMN id INT AUTO_INCREMENT PRIMARY KEY, ADD COLUMN u CHAR(36) DEFAULT UUID();
INSERT INTO still (v) VALUES (5), (6);
ALTER TABLE chance AUTO_INCREMENT = 9, ADD COLUMN t DATETIME(6) DEFAULT NOW(6);
ALTER TABLE chance ALTER v SET DEFAULT (RAND());
INSERT INTO chance (id) VALUES (3);
""", native=False)


def _stops_at(sql, table):
    with Lab() as lab:
        lab.source.script(UNCERTAIN)
        lab.program.incremental()
        lab.source.run("INSERT INTO heap VALUES (9, 'z'), (0, 'x'), (0, 'x')", "DELETE FROM heap WHERE v = 9",
                       "INSERT INTO heap VALUES (7, 'z')", sql)
        code, _out, err = lab.program.command("incremental")
        expect_equal(code, 1, "exit code of " + sql)
        for part in (table, "not the same at the source", "--resnapshot", "0-1-"):
            expect_contains(err, part, "message of " + sql)
        lab.program.incremental("--resnapshot", "--yes")
        lab.equal()


@suite.case("ddl-whose-effect-is-uncertain", "what gives rows other values at each server stops", program_only=True)
def _():
    _stops_at("ALTER TABLE heap ADD COLUMN id INT AUTO_INCREMENT PRIMARY KEY FIRST", "heap")
    _stops_at("ALTER TABLE chance ADD COLUMN u CHAR(36) DEFAULT UUID()", "chance")


@suite.case("swap-of-alike-tables-killed", "RENAME that leaves the same definitions, killed before and after it",
            program_only=True)
def _():
    with open(binary(), "rb") as program:
        if b"ddl.after_intent\0" not in program.read():
            raise Skip("the program is built without -Dcrash_points=true")
    with Lab() as lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        for point in ("ddl.before_intent", "ddl.after_intent", "ddl.after_statement", "ddl.before_done",
                      "ddl.after_done"):
            lab.source.script("RENAME TABLE a TO x, b TO a, x TO b;\nUPDATE a SET w = w + 1;\n")
            code, _out, err = lab.program.command("incremental", env={"DATASYNC_CRASH": point + ":1"})
            expect_equal(code, -9, point + ": " + err[-800:])
            lab.program.incremental()
            lab.equal()


@suite.case("ddl-not-twice-after-its-commit", "the connection breaks between the commit of a statement and what follows it, while a table waits to be copied",
            program_only=True)
def _():
    with Lab() as lab:
        proxy = Proxy(lab.destination.port)
        lab.source.run("CREATE TABLE part (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), "
                       "PARTITION p1 VALUES LESS THAN MAXVALUE)", "CREATE TABLE part_x (id INT PRIMARY KEY, v INT)",
                       "INSERT INTO part VALUES (105, 1)", "CREATE TABLE m (a INT) ENGINE=MEMORY", "INSERT INTO m VALUES (1)")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("INSERT INTO m VALUES (1)")
        lab.program.wait_caught_up()
        lab.program.kill()
        lab.source.run("ALTER TABLE part EXCHANGE PARTITION p1 WITH TABLE part_x")
        lab.program.start("--stop-at", lab.source.gtid(), command="agent")  # so that it comes before the copy that m needs
        expect_equal(lab.program.wait_exit(), 0, "exit of the agent")
        proxy.cut_behind("\x03ALTER TABLE part EXCHANGE", "\x03COMMIT", "information_schema.STATISTICS")
        lab.program.configure({"destination": {"port": proxy.port}})
        lab.program.start()
        expect(proxy.cut.wait(60), "the connection was not cut")
        lab.program.wait_caught_up()
        proxy.close()
        expect_equal(lab.program.log_text().count(b'DDL applied kind="ALTER TABLE"'), 1, "how often it was run")
        lab.equal()
