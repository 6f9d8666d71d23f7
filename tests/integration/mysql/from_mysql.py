"""MySQL as the source, MariaDB as the destination."""

import os
import signal
import time

from base import Lab, expect, expect_contains, expect_equal, follow, suite
from workloads import CASCADES, CASCADE_CHANGES, TYPES, TYPE_CHANGES


@suite.case("source-all-types", "every type, copied and streamed, by GTID")
def _():
    follow("mysql", "mariadb", TYPES, TYPE_CHANGES)


@suite.case("source-without-gtid", "gtid_mode OFF: positions are files and offsets")
def _():
    def rotate(lab):
        lab.source.run("FLUSH BINARY LOGS", "INSERT INTO types (id) VALUES (99)")
    follow("mysql", "mariadb", TYPES, [TYPE_CHANGES, rotate, TYPE_CHANGES.replace("id = ", "id = 1 + ")],
           gtid=False)


@suite.case("source-gtid-permissive", "some transactions have GTIDs: positions are files, too")
def _():
    turned_off = ["OFF_PERMISSIVE", "ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF"]
    for start, later in (("ON_PERMISSIVE", []), ("OFF", turned_off)):
        with Lab("mysql", "mariadb", gtid=False, source_options=(
                "--gtid-mode=" + start, "--enforce-gtid-consistency=ON")) as lab:
            lab.source.script(TYPES)
            for mode in later:
                lab.source.run("SET GLOBAL gtid_mode = " + mode, "INSERT INTO types () VALUES ()")
            expect(lab.source.gtid(), "no transaction has a GTID")
            lab.program.start()
            lab.program.wait_caught_up()
            lab.source.script(TYPE_CHANGES)
            lab.source.run("FLUSH BINARY LOGS", "INSERT INTO types (id) VALUES (99)")
            lab.program.wait_caught_up()
            lab.program.stop()
            lab.source.script(TYPE_CHANGES.replace("id = ", "id = 1 + "))
            lab.settle()


@suite.case("source-partial-json-compressed", "JSON diffs inside compressed transactions")
def _():
    follow("mysql", "mariadb", TYPES, """
SET binlog_row_value_options = 'PARTIAL_JSON', binlog_transaction_compression = ON;
UPDATE types SET j = JSON_SET(j, '$.b[1]', 'two', '$.n', CAST('2020-01-01' AS DATE)) WHERE id = 1;
UPDATE types SET j = JSON_REMOVE(JSON_REPLACE(j, '$.a', CAST(1.50 AS DECIMAL(9,2))), '$.d') WHERE id = 1;
UPDATE types SET j = JSON_ARRAY_APPEND(j, '$', JSON_OBJECT('k', TIME'10:11:12.5'));
UPDATE types SET j = JSON_INSERT(j, '$[0]', REPEAT('long ', 20000), '$[1]', x'00ff') WHERE id = 3;
""" + TYPE_CHANGES, source_options=("--binlog-row-image=FULL",))


@suite.case("source-foreign-keys", "cascades, whose rows newer MySQL writes to the binlog")
def _():
    follow("mysql", "mariadb", CASCADES, CASCADE_CHANGES)


@suite.case("source-ddl", "statements of MySQL 8 and newer, their collations translated")
def _():
    def check(lab):
        rows = dict(lab.destination.query(
            "SELECT table_name, table_collation FROM information_schema.tables WHERE"
            " table_schema='shop' AND table_type='BASE TABLE'"))
        expect_equal(rows["made"], "utf8mb4_uca1400_nopad_ai_ci", "a table of the default charset")
        expect_equal(rows["plain"], "utf8mb4_uca1400_nopad_ai_ci", "CHARSET=utf8mb4 alone")
        expect_equal(rows["chosen"], "utf8mb4_uca1400_spanish_nopad_ai_ci", "a language's collation")
        expect_equal(rows["old"], "utf8mb4_general_ci", "a collation that both have")
    follow("mysql", "mariadb", """
CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20), UNIQUE KEY (v));
INSERT INTO a VALUES (1, 'x'), (2, 'X '), (3, 'é');
CREATE TABLE inv (id INT PRIMARY KEY, hidden INT INVISIBLE DEFAULT 5, d VARCHAR(40) DEFAULT (CONCAT('a', 'b')));
INSERT INTO inv (id, hidden) VALUES (1, 7);
CREATE TABLE gen (id INT PRIMARY KEY, j JSON, v VARCHAR(30) AS (j->>'$.name') STORED, w INT AS (id * 2) VIRTUAL, KEY (v));
INSERT INTO gen (id, j) VALUES (1, '{"name": "ü"}');
CREATE VIEW seen AS SELECT id, CAST(v AS CHAR(5) CHARACTER SET utf8mb4) c FROM a WHERE v COLLATE utf8mb4_0900_as_cs = 'x';
CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN 2 * x;
""", """
CREATE TABLE copied SELECT * FROM a;
CREATE TABLE made (id INT PRIMARY KEY, v VARCHAR(20));
CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(20) CHARACTER SET utf8mb4, w VARCHAR(9) CHARSET latin1) CHARSET=utf8mb4;
CREATE TABLE chosen (id INT PRIMARY KEY, v VARCHAR(20)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_es_0900_ai_ci;
CREATE TABLE old (id INT PRIMARY KEY, v VARCHAR(20)) COLLATE = utf8mb4_general_ci;
INSERT INTO made VALUES (1, 'q');
INSERT INTO plain VALUES (1, 'q', 'ä');
ALTER TABLE plain ADD COLUMN t VARCHAR(20) CHARACTER SET utf8mb4 NOT NULL DEFAULT 'é', ADD hid INT INVISIBLE DEFAULT 3;
ALTER TABLE made CONVERT TO CHARACTER SET utf8mb4, ALGORITHM=COPY;
ALTER TABLE inv ADD COLUMN last INT FIRST, ALGORITHM=INSTANT;
ALTER TABLE a RENAME COLUMN v TO vv, RENAME INDEX v TO vvv;
UPDATE a SET vv = 'changed' WHERE id = 3;
INSERT INTO inv (id) VALUES (2);
RENAME TABLE old TO older, a TO old, older TO a;
RENAME TABLE old TO z, a TO old;
DROP TABLE IF EXISTS copied, missing;
CREATE TABLE like_made LIKE made;
TRUNCATE TABLE chosen;
CREATE OR REPLACE VIEW seen AS SELECT id FROM z WHERE vv COLLATE utf8mb4_0900_as_cs = 'x';
DROP FUNCTION twice;
CREATE INDEX i ON made (v DESC);
ALTER TABLE made ADD CONSTRAINT c CHECK (id > 0);
UPDATE gen SET j = JSON_SET(j, '$.name', 'z');
ANALYZE TABLE made;
""", check=check, create="CREATE DATABASE shop")


@suite.case("source-ddl-unknown", "what MariaDB cannot have stops, with the statement")
def _():
    with Lab("mysql", "mariadb") as lab:
        lab.source.script("CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20));\n")
        lab.program.incremental()
        lab.source.script("ALTER TABLE a MODIFY v VARCHAR(20) COLLATE utf8mb4_ja_0900_as_cs;\n")
        expect_contains(lab.program.incremental(expect=1), "Unknown collation", "the log")
        lab.source.script("INSERT INTO a VALUES (1, 'x');\n")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "utf8mb4_ja_0900_as_cs", "the log")


@suite.case("source-xa", "XA transactions, prepared before and committed after a stop")
def _():
    def prepared(lab):
        connection = lab.source.connect("shop")
        with connection.cursor() as cursor:
            for sql in ("XA START 'x1', 'b', 7", "INSERT INTO t VALUES (10, 'xa')",
                        "UPDATE t SET v = 'xa' WHERE id = 1", "XA END 'x1', 'b', 7",
                        "XA PREPARE 'x1', 'b', 7"):
                cursor.execute(sql)
        connection.close()
        lab.source.run("INSERT INTO t VALUES (11, 'between')")
        lab.program.start()
        lab.program.wait_caught_up()
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM shop.t WHERE v = 'xa'"), 0,
                     "rows of a prepared transaction")
        lab.program.kill()
        lab.source.run("XA COMMIT 'x1', 'b', 7", database=None)
        lab.source.run("XA START 'x2'", "INSERT INTO t VALUES (12, 'one')", "XA END 'x2'",
                       "XA COMMIT 'x2' ONE PHASE", "XA START 'x3'", "DELETE FROM t", "XA END 'x3'",
                       "XA PREPARE 'x3'", "XA ROLLBACK 'x3'")
    follow("mysql", "mariadb", "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20));\n"
           "INSERT INTO t VALUES (1, 'a'), (2, 'b');\n", prepared)


def busy(lab, times, marks=()):
    """Transactions, one after the other."""
    connection = lab.source.connect("shop")
    with connection.cursor() as cursor:
        for sql in marks:
            cursor.execute(sql)
        for i in range(times):
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO t (v) VALUES ('a%d'), ('b%d')" % (i, i))
            cursor.execute("UPDATE t SET v = CONCAT(v, '+') WHERE id %% 7 = %d" % (i % 7))
            cursor.execute("DELETE FROM t WHERE id %% 11 = %d ORDER BY id LIMIT 1" % (i % 11))
            cursor.execute("COMMIT")
    connection.close()


def faults(gtid):
    with Lab("mysql", "mariadb", gtid=gtid) as lab:
        lab.source.script("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(200));\n")
        lab.program.start()
        lab.program.wait_caught_up()
        for turn in range(4):
            busy(lab, 60, ["SET binlog_transaction_compression = %s" % ("ON" if turn % 2 else "OFF")])
            lab.program.kill()
            busy(lab, 20)
            lab.program.start()
            busy(lab, 20)
        lab.program.wait_caught_up()
        lab.equal()
        expect(lab.source.cut() > 0, "no connection of ours at the source")
        busy(lab, 20)
        lab.program.wait_caught_up()
        lab.source.stop()
        lab.program.wait_for("waiting", lambda status: status["state"] == "waiting_source")
        lab.source.start()
        busy(lab, 20)
        lab.program.wait_caught_up()
        lab.source.kill()
        lab.source.start()
        busy(lab, 20)
        expect(lab.destination.cut() > 0, "no connection of ours at the destination")
        lab.settle()


suite.case("source-faults", "kill -9, cuts, and restarts of the source")(lambda: faults(True))
suite.case("source-faults-without-gtid", "the same, by file and position")(lambda: faults(False))


def reset(lab, writes):
    """The source's binlog begins anew, in another second than before, with as many transactions in it."""
    second = lab.source.scalar("SELECT UNIX_TIMESTAMP()")
    while lab.source.scalar("SELECT UNIX_TIMESTAMP()") == second:
        time.sleep(0.05)
    modern = lab.source.scalar("SELECT VERSION()") >= "8.2"
    lab.source.run("RESET BINARY LOGS AND GTIDS" if modern else "RESET MASTER", database=None)
    busy(lab, writes)


def refused(lab):
    """The stream does not go on; a new copy does."""
    expect_contains(lab.program.incremental(expect=1), "--resnapshot", "the log")
    lab.program.incremental("--resnapshot", "--yes")
    lab.equal()


def ended(lab):
    expect_equal(lab.program.wait_exit(), 1, "exit of run; " + lab.program.log_tail())
    expect_contains(lab.program.log_tail(), "--resnapshot", "the log")


def resets(gtid):
    table = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(200));\n"
    with Lab("mysql", "mariadb", gtid=gtid) as lab:
        lab.source.script(table)
        lab.program.incremental()
        busy(lab, 10)
        lab.program.incremental()
        reset(lab, 40)  # the same file again, longer, with the same numbers
        refused(lab)
        # our file comes again, and is not the newest
        lab.source.run("FLUSH BINARY LOGS", database=None)
        busy(lab, 5)
        lab.program.incremental()
        reset(lab, 70)
        lab.source.run("FLUSH BINARY LOGS", "FLUSH BINARY LOGS", "FLUSH BINARY LOGS", database=None)
        busy(lab, 20)
        refused(lab)
        # our file comes again, and ends behind our place; what follows our GTIDs is in later ones
        lab.source.run("FLUSH BINARY LOGS", database=None)
        busy(lab, 20)
        lab.program.incremental()
        reset(lab, 0)
        lab.source.run("INSERT INTO t (v) VALUES " + ", ".join(["(REPEAT('x', 100))"] * 600), "DELETE FROM t LIMIT 50")
        for _ in range(60):
            lab.source.run("FLUSH BINARY LOGS", "UPDATE t SET v = CONCAT(LEFT(v, 99), RAND()) LIMIT 3")
        refused(lab)
        # the connection breaks, and another history stands behind it
        lab.program.start()
        lab.program.wait_log("binlog dump opened")
        lab.program.process.send_signal(signal.SIGSTOP)
        expect(lab.source.cut() > 0, "no connection of ours at the source")
        reset(lab, 150)
        lab.program.process.send_signal(signal.SIGCONT)
        ended(lab)
        lab.program.incremental("--resnapshot", "--yes")
        # nothing breaks, and the new history is shorter: nothing comes
        lab.program.start()
        lab.program.wait_log("binlog dump opened")
        busy(lab, 100)
        lab.program.wait_caught_up()
        reset(lab, 3)
        ended(lab)


suite.case("source-resets", "a binlog that begins anew is not taken for the one that was followed")(
    lambda: resets(True))
suite.case("source-resets-without-gtid", "the same, by file and position")(lambda: resets(False))


@suite.case("source-passwords", "caching_sha2_password, encrypted and in the clear")
def _():
    with Lab("mysql", "mariadb") as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY);\nINSERT INTO t VALUES (1);\n")
        plugin = lab.source.scalar("SELECT plugin FROM mysql.user WHERE user = 'datasync'")
        expect_equal(plugin, "caching_sha2_password", "the account's plugin")
        # a full exchange each time: the server forgets what it has verified
        for mode, more in (("disabled", {}), ("preferred", {}), ("required", {}),
                           ("verify_ca", {"ca": os.path.join(lab.source.datadir, "ca.pem")})):
            lab.source.run("FLUSH PRIVILEGES", "INSERT INTO t SELECT MAX(id) + 1 FROM t")
            lab.program.configure({"source": {"tls": {"mode": mode, **more}}})
            lab.program.incremental()
            lab.equal()
        lab.program.configure({"source": {"password": "wrong"}})
        for mode in ("disabled", "required"):
            lab.program.configure({"source": {"tls": {"mode": mode}}})
            lab.program.incremental(expect=2)


@suite.case("source-check", "check names what is missing at a MySQL source")
def _():
    with Lab("mysql", "mariadb") as lab:
        code, out, err = lab.program.command("check")
        expect_equal(code, 0, "exit of check: " + out + err)
        lab.source.run("SET GLOBAL binlog_row_image = MINIMAL",
                       "REVOKE RELOAD, REPLICATION SLAVE ON *.* FROM datasync@'127.0.0.1'",
                       database=None)
        code, out, err = lab.program.command("check")
        expect_equal(code, 1, "exit of check: " + out + err)
        for part in ("binlog_row_image", "REPLICATION SLAVE"):
            expect_contains(out + err, part, "check")
