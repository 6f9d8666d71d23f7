"""Laws 9 and 10: tables that cannot roll back with the checkpoint, and XA."""

import time

from base import follow, law, suite
from lib.lab import Lab, compare
from lib.program import binary
from lib.suite import Failure, Skip, expect, expect_contains, expect_equal

MEMORY = """
CREATE TABLE m (a INT, b VARCHAR(10)) ENGINE = MEMORY;
CREATE TABLE mk (id INT PRIMARY KEY, v INT, u INT, UNIQUE KEY (u)) ENGINE = MEMORY;
CREATE TABLE y (id INT AUTO_INCREMENT PRIMARY KEY, v INT, FULLTEXT KEY (t), t TEXT) ENGINE = MyISAM;
CREATE TABLE yn (a INT, b VARCHAR(10)) ENGINE = MyISAM;
CREATE TABLE i (id INT PRIMARY KEY, v INT);
INSERT INTO m VALUES (1, 'x'), (1, 'x'), (2, NULL);
INSERT INTO mk VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
INSERT INTO y (v, t) VALUES (1, 'one two'), (2, 'three');
INSERT INTO yn VALUES (1, 'x'), (1, 'x');
INSERT INTO i VALUES (1, 1), (2, 2);
"""

law("memory-and-myisam", "rows of both engines, with and without keys", MEMORY, """
INSERT INTO m VALUES (1, 'x'), (3, 'y');
DELETE FROM m WHERE a = 1 LIMIT 2;
UPDATE m SET b = 'z' WHERE a = 2;
UPDATE mk SET v = v + 1, u = u + 1 ORDER BY u DESC;
DELETE FROM mk WHERE id = 1;
INSERT INTO mk VALUES (1, 9, 9);
REPLACE INTO mk VALUES (5, 5, 9);
UPDATE y SET t = 'four five' WHERE id = 1;
DELETE FROM y WHERE id = 2;
INSERT INTO y (v, t) VALUES (3, 'six');
INSERT INTO yn VALUES (1, 'x'), (2, 'q');
DELETE FROM yn WHERE a = 1 LIMIT 1;
DELETE FROM m;
INSERT INTO m VALUES (7, 'seven');
TRUNCATE TABLE yn;
INSERT INTO yn VALUES (8, 'eight'), (8, 'eight');
""")

law("mixed-transactions", "one transaction changes both kinds of table", MEMORY, """
BEGIN;
INSERT INTO i VALUES (3, 3);
INSERT INTO mk VALUES (4, 4, 4);
UPDATE i SET v = 30 WHERE id = 3;
INSERT INTO y (v, t) VALUES (9, 'nine');
COMMIT;
BEGIN;
UPDATE y SET v = v + 1;
DELETE FROM i WHERE id = 1;
COMMIT;
""")

law("groups-that-end-in-rollback", "the transactional rows of a rolled back group do not count",
    MEMORY, """
BEGIN;
INSERT INTO i VALUES (50, 50);
INSERT INTO y (v, t) VALUES (50, 'stays');
INSERT INTO yn VALUES (50, 'stays');
UPDATE i SET v = 99 WHERE id = 1;
INSERT INTO m VALUES (50, 'stays');
ROLLBACK;
BEGIN;
INSERT INTO yn VALUES (51, 'stays');
SAVEPOINT s;
INSERT INTO i VALUES (51, 51);
INSERT INTO yn VALUES (52, 'stays');
ROLLBACK TO s;
INSERT INTO i VALUES (53, 53);
COMMIT;
INSERT INTO i VALUES (54, 54);
""")

law("savepoints", "what was rolled back to a savepoint is not there", """
CREATE TABLE i (id INT PRIMARY KEY, v INT);
INSERT INTO i VALUES (1, 1);
""", """
BEGIN;
INSERT INTO i VALUES (2, 2);
SAVEPOINT a;
INSERT INTO i VALUES (3, 3);
UPDATE i SET v = 20 WHERE id = 2;
SAVEPOINT `b ``b`;
DELETE FROM i WHERE id = 1;
ROLLBACK TO SAVEPOINT `b ``b`;
INSERT INTO i VALUES (4, 4);
ROLLBACK TO a;
INSERT INTO i VALUES (3, 33);
RELEASE SAVEPOINT a;
COMMIT;
BEGIN;
INSERT INTO i VALUES (9, 9);
ROLLBACK;
""")


@suite.case("no-key-memory-killed", "kill -9 between writing a keyless table and the checkpoint",
            program_only=True)
def _():
    with Lab(settings={"batch": {"max_rows": 2}}) as lab:
        lab.source.script(MEMORY)
        lab.program.start()
        lab.program.wait_caught_up()
        for number in range(4):
            lab.source.script("".join("INSERT INTO m VALUES (%d, 'k');\nINSERT INTO yn VALUES (%d, 'k');\n"
                                      "UPDATE mk SET v = v + 1;\n" % (n, n)
                                      for n in range(number * 100, number * 100 + 25)))
            lab.program.kill()
            lab.program.start()
        lab.settle()


@suite.case("destination-server-restarted", "its MEMORY tables are empty then: copied again",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(MEMORY)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.destination.kill()
        lab.source.script("INSERT INTO m VALUES (5, 'while');\nUPDATE mk SET v = v + 5;\n"
                          "INSERT INTO yn VALUES (5, 'while');\nINSERT INTO i VALUES (5, 5);\n")
        lab.destination.start()
        lab.source.script("UPDATE mk SET v = v + 7 WHERE id = 1;\nDELETE FROM m WHERE a = 2;\n")
        lab.settle()
        lab.program.stop()
        lab.destination.stop()
        lab.destination.start()
        lab.source.script("UPDATE mk SET v = v + 1;\n")
        lab.settle()


@suite.case("destination-restarted-and-quiet", "the same when nothing changes at the source",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(MEMORY)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.destination.kill()
        lab.destination.start()
        deadline = time.monotonic() + 60
        while lab.differences():
            if time.monotonic() > deadline:
                lab.equal()
            if not lab.program.running():
                raise Failure("ended: " + lab.program.log_tail())
            time.sleep(0.2)
        lab.settle()


@suite.case("source-server-restarted", "its MEMORY tables are empty, and it says so in the binlog",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(MEMORY)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.stop()
        lab.source.start()
        lab.source.script("SELECT * FROM mk;\nSELECT * FROM m;\nINSERT INTO mk VALUES (9, 9, 9);\n"
                          "UPDATE i SET v = 0;\n")
        lab.settle()


# --- XA ---------------------------------------------------------------------------------------

ACCOUNTS = """
CREATE TABLE x (id INT PRIMARY KEY, v INT);
CREATE TABLE o (id INT PRIMARY KEY, v INT);
INSERT INTO x VALUES (1, 1), (2, 2);
INSERT INTO o VALUES (1, 1);
"""


def prepare(lab, xid, *statements):
    """A connection that holds a prepared transaction."""
    connection = lab.source.connect("shop")
    with connection.cursor() as cursor:
        cursor.execute("XA START " + xid)
        for sql in statements:
            cursor.execute(sql)
        cursor.execute("XA END " + xid)
        cursor.execute("XA PREPARE " + xid)
    return connection


def finish(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


@suite.case("xa-with-other-work-between", "prepare, other work, commit or rollback")
def _():
    def changes(lab):
        one = prepare(lab, "'one'", "UPDATE x SET v = 10 WHERE id = 1", "INSERT INTO x VALUES (3, 3)")
        two = prepare(lab, "'two','branch',5", "DELETE FROM x WHERE id = 2")
        lab.source.script("INSERT INTO o VALUES (2, 2);\nUPDATE o SET v = v + 1;\n")
        three = prepare(lab, "x'00ff27'", "INSERT INTO o VALUES (9, 9)")
        finish(two, "XA ROLLBACK 'two','branch',5")
        lab.source.script("UPDATE x SET v = 20 WHERE id = 2;\n")
        finish(one, "XA COMMIT 'one'")
        finish(three, "XA COMMIT x'00ff27'")
        lab.source.script("XA START 'four';\nUPDATE x SET v = v + 1;\nXA END 'four';\n"
                          "XA COMMIT 'four' ONE PHASE;\n")
    follow(ACCOUNTS, changes)


@suite.case("xa-without-rows", "statements that changed nothing are prepared, then committed")
def _():
    def changes(lab):
        one = prepare(lab, "'one'", "UPDATE x SET v = 1 WHERE id = 1", "INSERT IGNORE INTO x VALUES (1, 9)")
        two = prepare(lab, "'two'", "INSERT IGNORE INTO o VALUES (1, 9)")
        finish(one, "XA COMMIT 'one'")
        finish(two, "XA ROLLBACK 'two'")
        lab.source.script("UPDATE x SET v = 5;\n")
    follow(ACCOUNTS, changes)


@suite.case("xa-across-a-restart", "the checkpoint passes the PREPARE, then kill -9", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(ACCOUNTS)
        lab.program.start()
        lab.program.wait_caught_up()
        one = prepare(lab, "'kept'", "UPDATE x SET v = 10 WHERE id = 1")
        two = prepare(lab, "'dropped'", "UPDATE x SET v = 20 WHERE id = 2")
        lab.source.script("UPDATE o SET v = 2;\n")
        lab.program.wait_caught_up()
        expect_equal(lab.destination.query("SELECT v FROM x ORDER BY id", "shop"), ((1,), (2,)),
                     "rows while only prepared")
        lab.program.kill()
        lab.program.start()
        lab.source.script("UPDATE o SET v = 3;\n")
        lab.program.wait_caught_up()
        finish(two, "XA ROLLBACK 'dropped'")
        finish(one, "XA COMMIT 'kept'")
        lab.settle()


@suite.case("xa-prepared-before-the-start", "its rows are in neither copy nor stream: wait or refuse",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(ACCOUNTS)
        open_one = prepare(lab, "'early'", "UPDATE x SET v = 10 WHERE id = 1",
                           "INSERT INTO x VALUES (7, 7)")
        lab.program.start()
        deadline = time.monotonic() + 60
        while (b"6561726c79" not in lab.program.log_text()  # 'early'
               and lab.program.running()):
            expect(time.monotonic() < deadline, "neither waits nor refuses aloud: "
                   + lab.program.log_tail())
            time.sleep(0.05)
        refused = not lab.program.running()
        if refused:
            expect_equal(lab.program.process.returncode, 1, "exit code")
            expect_contains(lab.program.log_tail(), "6561726c79", "message")
        finish(open_one, "XA COMMIT 'early'")
        if refused:
            lab.program.start()
        lab.settle()
        expect_equal(lab.destination.scalar("SELECT v FROM x WHERE id = 7", "shop"), 7, "row")


@suite.case("xa-commit-without-its-rows", "stops, never guesses", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(ACCOUNTS)
        lab.source.run("SET @unused = 1")
        before = prepare(lab, "'lost'", "UPDATE x SET v = 10 WHERE id = 1")
        position = lab.source.gtid()
        lab.program.configure({"start": position})
        lab.destination.script(ACCOUNTS)
        finish(before, "XA COMMIT 'lost'")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "6c6f7374", "message")  # 'lost'


law("no-key-memory-other-flags", "rows that come and go under different session flags, in one batch", """
CREATE TABLE m (id INT, v VARCHAR(10)) ENGINE = MEMORY;
CREATE TABLE y (id INT, v VARCHAR(10), CHECK (id < 100)) ENGINE = MyISAM;
""", """
INSERT INTO m VALUES (6, 'c'), (6, 'c');
SET SESSION unique_checks = 0;
DELETE FROM m;
SET SESSION foreign_key_checks = 0;
INSERT INTO m VALUES (7, 'd');
SET SESSION unique_checks = 1;
UPDATE m SET id = 8;
SET SESSION foreign_key_checks = 1, check_constraint_checks = 0;
INSERT INTO y VALUES (1000, 'x'), (1000, 'x');
SET SESSION check_constraint_checks = 1;
DELETE FROM y LIMIT 1;
""", native=False)


@suite.case("no-key-rows-and-a-busy-table", "a batch is tried again after rows that no roll-back takes back",
            program_only=True)
def _():
    with Lab(destination_options=("--lock-wait-timeout=1",)) as lab:
        lab.source.script("CREATE TABLE i (id INT PRIMARY KEY);\nCREATE TABLE a (v INT) ENGINE = MyISAM;\n"
                          "CREATE TABLE m (v INT) ENGINE = MEMORY;\nCREATE TABLE z (v INT) ENGINE = MyISAM;\n")
        lab.program.start()
        lab.program.wait_caught_up()
        holder = lab.destination.connect("shop")
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLES z WRITE")
            lab.source.run("BEGIN", "INSERT INTO i VALUES (1)", "INSERT INTO a VALUES (1), (1)",
                           "INSERT INTO m VALUES (1)", "INSERT INTO z VALUES (1)", "COMMIT")
            lab.program.wait_log("trying the batch again")
        holder.close()
        lab.settle()
        lab.source.run("INSERT INTO a VALUES (2)", "DELETE FROM m", "INSERT INTO z VALUES (2)")
        lab.settle()


@suite.case("no-key-rows-and-a-conflict", "a batch is halved after rows that no roll-back takes back",
            program_only=True)
def _():
    with Lab(settings={"on_conflict": "quarantine"}) as lab:
        lab.source.script("CREATE TABLE i (id INT PRIMARY KEY);\nCREATE TABLE a (v INT) ENGINE = MyISAM;\n"
                          "CREATE TABLE z (v INT) ENGINE = MyISAM;\n")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.destination.run("ALTER TABLE z MODIFY v INT NOT NULL")
        lab.source.run("INSERT INTO a VALUES (1)", "INSERT INTO i VALUES (1)", "INSERT INTO a VALUES (2)",
                       "INSERT INTO z VALUES (NULL)", "INSERT INTO a VALUES (3)")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.destination.run("ALTER TABLE z MODIFY v INT")
        code, _out, err = lab.program.command("quarantine", "retry", "all", "--yes")
        expect_equal(code, 0, "quarantine retry: " + err[-600:])
        lab.settle()


@suite.case("no-key-rows-written-before-death", "killed between their writing and the commit: not there twice",
            program_only=True)
def _():
    with open(binary(), "rb") as program:
        if b"commit.before_commit\0" not in program.read():
            raise Skip("the program is built without -Dcrash_points=true")
    with Lab() as lab:
        lab.source.script("CREATE TABLE i (id INT PRIMARY KEY);\nCREATE TABLE a (v INT) ENGINE = MyISAM;\n")
        lab.program.incremental()
        lab.source.run("INSERT INTO a VALUES (1)", "INSERT INTO i VALUES (1)")
        code, _out, err = lab.program.command("incremental", env={"DATASYNC_CRASH": "commit.before_commit:1"})
        expect_equal(code, -9, "death: " + err[-800:])
        lab.source.run("INSERT INTO a VALUES (2)")
        lab.program.incremental()  # alone, as from cron
        expect_equal(lab.program.status()["stale_tables"], [], "stale tables at its end")
        lab.equal()
        lab.source.run("INSERT INTO a VALUES (3)")
        lab.program.incremental()
        lab.equal()


@suite.case("xa-name-used-again", "what was rolled back under a name does not come with its next use")
def _():
    def changes(lab):
        for number in (1, 2):
            one = prepare(lab, "'again'", "UPDATE x SET v = v + %d WHERE id = 1" % number,
                          "INSERT INTO x VALUES (%d, 1)" % (10 * number))
            lab.source.script("INSERT INTO o VALUES (%d, 1);\n" % (10 + number))
            finish(one, "XA %s 'again'" % ("ROLLBACK" if number == 1 else "COMMIT"))
        finish(prepare(lab, "'again'", "DELETE FROM x WHERE id = 20"), "XA COMMIT 'again'")
    follow(ACCOUNTS, changes)


@suite.case("stale-table-changed-behind-the-end", "its copy cannot come before the place to stop at: ends all the same",
            program_only=True)
def _():
    with open(binary(), "rb") as program:
        if b"commit.before_commit\0" not in program.read():
            raise Skip("the program is built without -Dcrash_points=true")
    for change in ("DROP TABLE a", "ALTER TABLE a ADD COLUMN w INT"):
        with Lab() as lab:
            lab.source.script("CREATE TABLE i (id INT PRIMARY KEY);\nCREATE TABLE a (v INT) ENGINE = MyISAM;\n")
            lab.program.incremental()
            lab.source.run("INSERT INTO a VALUES (1)")
            code, _out, err = lab.program.command("incremental", env={"DATASYNC_CRASH": "commit.before_commit:1"})
            expect_equal(code, -9, "death: " + err[-800:])
            there = lab.source.gtid()
            lab.source.run(change, "INSERT INTO i VALUES (1)")
            lab.program.start("--stop-at", there)
            expect_equal(lab.program.wait_exit(), 0, "exit before " + change)
            expect_equal(lab.program.status()["applied"]["gtid"], there, "applied.gtid")
            lab.program.incremental()
            lab.equal()


def copy_that_ends_badly(extra, settings, left_out=(), options=()):
    """The destination dies after the copy's last row and before the checkpoint that says so."""
    with Lab(settings=settings, source_options=options) as lab:
        lab.source.script(MEMORY + extra)
        lab.destination.run("CREATE DATABASE IF NOT EXISTS datasync", database=None)
        lab.program.start()
        lab.program.wait_caught_up()
        # the second copy: the first one has made the table that holds this one up
        lab.program.stop()
        lab.destination.run("DROP DATABASE shop", "CREATE DATABASE shop", "DELETE FROM datasync.datasync_checkpoint",
                            database=None)
        blocker = lab.destination.connect("datasync")
        with blocker.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM datasync_checkpoint FOR UPDATE")  # and the gaps
            seen = len(lab.program.log_text())
            lab.program.start()
            lab.program.wait_log("snapshot loaded", since=seen)
            lab.destination.kill()
        lab.destination.start()
        lab.program.wait_caught_up()
        problems = compare(lab.source, lab.destination, left_out=left_out)
        expect(not problems, "differences: %s" % problems)
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM shop.mk"), 3, "rows in memory")


@suite.case("copy-without-its-checkpoint", "a copy is none until a checkpoint says so, whatever became of its server")
def _():
    copy_that_ends_badly("", {})


@suite.case("copy-without-its-checkpoint-filtered", "the same, with foreign keys that cannot hold there")
def _():
    copy_that_ends_badly("""
CREATE TABLE p (id INT PRIMARY KEY);
CREATE TABLE c (id INT PRIMARY KEY, p INT, CONSTRAINT cp FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
INSERT INTO p VALUES (1);
INSERT INTO c VALUES (1, 1);
""", {"tables": {"exclude": ["p"]}}, ("p",), ("--binlog-row-metadata=FULL",))


@suite.case("engines-partial-images-move-keys", "rows of MyISAM and MEMORY tables that get another key, told in part", program_only=True)
def _():
    for image in ("MINIMAL", "NOBLOB"):
        for engine in ("MyISAM", "MEMORY"):
            with Lab() as lab:
                blob = "" if engine == "MEMORY" else ", t TEXT"
                lab.source.run("CREATE TABLE m (id INT PRIMARY KEY, v INT, w VARCHAR(20)%s, UNIQUE KEY (w)) ENGINE=%s" % (blob, engine))
                lab.program.incremental()
                with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
                    for sql in ("SET SESSION binlog_row_image=" + image, "INSERT INTO m (id, v, w) VALUES (1, 1, 'b'), (5, 1, 'd'), (7, 2, 'x')",
                                "UPDATE m SET id = 11, w = 'a' WHERE id = 1", "UPDATE m SET id = 13, w = 'b' WHERE id = 7",
                                "UPDATE m SET v = 9 WHERE id = 13", "DELETE FROM m WHERE id = 5"):
                        cursor.execute(sql)
                    lab.program.incremental()
                    lab.equal()
                    cursor.execute("UPDATE m SET id = id + 100")
                    lab.program.start()
                    cursor.execute("UPDATE m SET id = id + 1000, w = CONCAT(w, '2')")
                    lab.settle()
