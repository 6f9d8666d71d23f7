"""Statements for the DDL tests."""

import collections

Form = collections.namedtuple("Form", "setup statement rows intent", defaults=(None, True))

_T = "CREATE TABLE t (id INT PRIMARY KEY, v INT, w INT) ENGINE=InnoDB"
_ROWS = "INSERT INTO t VALUES (1,10,100),(2,20,200)"
_PARTS = ("CREATE TABLE t (id INT PRIMARY KEY, v INT) PARTITION BY RANGE (id)"
          " (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)")
_SAME = "CREATE TABLE %s (id INT AUTO_INCREMENT PRIMARY KEY, v INT)"


def _alter(*changes):
    return [Form((_T, _ROWS), "ALTER TABLE t " + change) for change in changes]


# What succeeds silently when it runs twice, and what fails; each is killed at every step.
GROUPS = {
    "rename": [
        Form((_SAME % "a", _SAME % "b", "INSERT INTO a VALUES (1,1)", "INSERT INTO b VALUES (7,7)"),
             "RENAME TABLE a TO x, b TO a, x TO b"),
        Form((_T, _SAME % "b", _ROWS), "RENAME TABLE t TO x, b TO t, x TO b"),
        Form((_T, _ROWS, "CREATE TABLE _t_new LIKE t", "INSERT INTO _t_new SELECT id,v,0 FROM t"),
             "RENAME TABLE t TO _t_old, _t_new TO t"),
        Form((_T, _ROWS), "RENAME TABLE t TO `odd ``name\u00fc$`"),
        Form((_T, _ROWS), "ALTER TABLE t RENAME TO u, ADD x INT"),
    ],
    "columns": _alter("RENAME COLUMN v TO w, RENAME COLUMN w TO v",
                      "CHANGE v w INT, CHANGE w v INT", "ADD c INT AUTO_INCREMENT UNIQUE",
                      "DROP v, ADD v VARCHAR(9) DEFAULT 'x' AFTER id", "MODIFY v BIGINT FIRST",
                      "ADD COLUMN IF NOT EXISTS v INT", "ENGINE=InnoDB, COMMENT='AUTO_INCREMENT=3'"),
    "keys": _alter("ADD INDEX (v)", "ADD UNIQUE (w)", "ADD CHECK (v > 0)",
                   "ADD FULLTEXT INDEX (x), ADD x TEXT") + [
        Form((_T, _ROWS, "CREATE TABLE a (t INT) ENGINE=InnoDB"),
             "ALTER TABLE a ADD FOREIGN KEY (t) REFERENCES t (id)"),
        Form((_T, _ROWS), "CREATE INDEX i ON t (v)"),
        Form((_T, _ROWS, "CREATE INDEX i ON t (v)"), "DROP INDEX i ON t"),
    ],
    "partitions": [
        Form(("CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2",
              "INSERT INTO t VALUES (1),(2),(3)"), "ALTER TABLE t ADD PARTITION PARTITIONS 2"),
        Form((_PARTS, "CREATE TABLE u (id INT PRIMARY KEY, v INT)",
              "INSERT INTO t VALUES (1,1),(20,1)", "INSERT INTO u VALUES (5,5)"),
             "ALTER TABLE t EXCHANGE PARTITION p0 WITH TABLE u"),
        Form((_PARTS, "INSERT INTO t VALUES (1,1),(20,1)"), "ALTER TABLE t DROP PARTITION p0"),
        Form((_PARTS, "INSERT INTO t VALUES (1,1),(20,1)"),
             "ALTER TABLE t CONVERT PARTITION p0 TO TABLE u"),
    ],
    "create-drop": [
        Form((), "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)"),
        Form((_T, _ROWS), "CREATE OR REPLACE TABLE t (id INT)"),
        Form((_T, _ROWS), "CREATE TABLE u LIKE t"),
        Form((), "CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO {db}.t VALUES (1),(2)"),
        Form((_T, _ROWS), "CREATE OR REPLACE TABLE t (id INT)", "INSERT INTO {db}.t VALUES (3)"),
        Form((), "CREATE TABLE t (id INT) ENGINE=MyISAM", "INSERT INTO {db}.t VALUES (1),(2)"),
        Form((_T, _SAME % "a", _ROWS), "DROP TABLE t, a"),
        Form((_T, _ROWS), "TRUNCATE TABLE t", None, False),
        Form((), "CREATE SEQUENCE q START WITH 7"),
    ],
    "views-routines": [
        Form((_T,), "CREATE VIEW v AS SELECT id FROM t"),
        Form((_T, "CREATE VIEW v AS SELECT id FROM t"), "CREATE OR REPLACE VIEW v AS SELECT 1 x"),
        Form((_T, "CREATE VIEW v AS SELECT id FROM t"), "ALTER VIEW v AS SELECT v FROM t"),
        Form((_T, "CREATE VIEW v AS SELECT id FROM t"), "DROP VIEW v"),
        Form((), "CREATE PROCEDURE p(a INT) BEGIN SELECT a; END"),
        Form(("CREATE PROCEDURE p() SELECT 1",), "DROP PROCEDURE p"),
        Form(("CREATE FUNCTION f() RETURNS INT RETURN 1",), "ALTER FUNCTION f COMMENT 'x'"),
    ],
}


def at(form, database):
    return form._replace(rows=form.rows.format(db=database)) if form.rows else form


SESSION = ["SET SESSION character_set_client=utf8mb4, collation_connection=utf8mb4_unicode_ci",
           "SET SESSION explicit_defaults_for_timestamp=0"]
# DDL with the word shop in many places; {db}, {q} and {a} where it is the database.
MANY = [
    "CREATE TABLE {db}.t1 (id INT PRIMARY KEY, shop INT COMMENT 'shop.t1', d TIMESTAMP)",
    "CREATE TABLE {q}.`t2` (id INT PRIMARY KEY, t1 INT, FOREIGN KEY f (t1) REFERENCES {db}.t1"
    " (id) ON DELETE CASCADE) ENGINE=InnoDB",
    "CREATE TABLE {db}.shop (shop INT PRIMARY KEY, n VARCHAR(20) DEFAULT 'shop.shop')",
    "CREATE TABLE t3 LIKE {db}.t1",
    "CREATE TABLE t4 (LIKE {db}.shop)",
    "CREATE TABLE `odd ``na.me` (`a``b` INT, `ü€` TEXT, KEY `k.1` (`a``b`))",
    "CREATE TABLE `select` (`from` INT) /* shop.x */ COMMENT 'a;b' -- shop.y",
    "CREATE TABLE t5 (a INT) /*!50100 PARTITION BY HASH (a) PARTITIONS 3 */",
    "CREATE TABLE t6 (a INT, b INT AS (a + 1) STORED, c INT AS (a) VIRTUAL, CHECK (a < 5))",
    "CREATE TABLE t7 (a INT) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "CREATE TABLE t8 SELECT 1 AS a, 'x' AS b",
    "CREATE OR REPLACE TABLE t8 (k INT PRIMARY KEY) AS SELECT 1 AS k, 2 AS l",
    "CREATE TABLE t9 (a INT) ENGINE=MEMORY",
    "CREATE TABLE m1 (a INT) ENGINE=MyISAM",
    "CREATE TABLE m2 (a INT) ENGINE=MyISAM",
    "CREATE TABLE mrg (a INT) ENGINE=MERGE UNION=({db}.m1, {db}.m2)",
    "TRUNCATE t8",
    "CREATE UNIQUE INDEX shop ON {db}.t1 (shop)",
    "CREATE INDEX gone ON {db}.t1 (d)",
    "DROP INDEX gone ON {db}.t1",
    "ALTER TABLE {db}.t2 ADD c2 VARCHAR(20) DEFAULT 'ü', ADD INDEX i2 (c2)",
    "ALTER TABLE {db}.t3 RENAME TO {db}.t3b, ADD x INT",
    "ALTER TABLE t3b RENAME COLUMN x TO y",
    "SET STATEMENT max_statement_time=100 FOR ALTER TABLE {db}.t4 ADD z INT",
    "RENAME TABLE {db}.t3b TO {db}.t3c, t4 TO {db}.t4b",
    "RENAME TABLE t3c TO swap, t4b TO t3c, swap TO t4b",
    "CREATE SEQUENCE {db}.q START WITH 3 INCREMENT BY 2",
    "CREATE TABLE t10 (id INT DEFAULT (NEXT VALUE FOR {db}.q), b INT DEFAULT (NEXTVAL({db}.q)))",
    "ALTER SEQUENCE q MAXVALUE 1000",
    "CREATE VIEW {db}.v1 AS SELECT {db}.t1.id, t1.shop FROM {db}.t1",
    "CREATE VIEW v2 AS SELECT shop.shop, shop.n FROM {db}.shop WHERE shop.shop > 0",
    "CREATE VIEW v3 AS SELECT shop.id AS a, x.id AS b FROM t1 shop JOIN {db}.t2 x ON shop.id = x.t1",
    "CREATE SQL SECURITY INVOKER VIEW v4 AS SELECT id FROM t2 WHERE id IN"
    " (SELECT {db}.t1.id FROM {db}.t1)",
    "CREATE OR REPLACE VIEW v1 AS SELECT COUNT(*) AS n FROM {db}.t1, {db}.t2",
    "ALTER VIEW v2 AS SELECT n FROM {db}.shop",
    "CREATE FUNCTION {db}.f(a INT) RETURNS INT DETERMINISTIC RETURN a + 1",
    "CREATE VIEW v5 AS SELECT {db}.f(id) AS fid FROM t1",
    "CREATE PROCEDURE p(IN x INT) BEGIN DECLARE n INT; SELECT COUNT(*) INTO n FROM {db}.t1;"
    " INSERT INTO {db}.t1 (id) VALUES (x); UPDATE {db}.t1 SET shop = x WHERE id = n;"
    " DELETE FROM {db}.t1 WHERE id = 5; CALL {db}.p2(x); END",
    "CREATE PROCEDURE {db}.p2(x INT) COMMENT 'shop.p2' SELECT 'shop.t1'",
    "ALTER PROCEDURE p2 SQL SECURITY INVOKER",
    "CREATE TRIGGER trg BEFORE INSERT ON {db}.t1 FOR EACH ROW SET NEW.shop = 1",
    "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM {db}.t1",
    "CREATE TABLE gone1 (a INT)", "CREATE TABLE gone2 (a INT)",
    "DROP TABLE IF EXISTS gone1, {db}.gone2, missing",
    "CREATE TABLE a1 (x INT)",
    "CREATE TABLE a2 (x INT) PARTITION BY RANGE (x) (PARTITION p VALUES LESS THAN (5))",
    "ALTER TABLE {db}.a2 EXCHANGE PARTITION p WITH TABLE {db}.a1",
    "SET SESSION sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
    "CREATE TABLE {a}.\"q t\" (\"a\" VARCHAR(9) DEFAULT 'a\\')",
    "ALTER DATABASE {db} COLLATE utf8mb4_bin",
    "CREATE TABLE \"last\" (a VARCHAR(5))",
]
