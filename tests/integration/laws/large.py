"""Law 12: transactions that are larger than a batch, written in parts."""

import time

from base import law
from lib.lab import Lab
from lib.suite import expect_contains, expect_equal
from operation import only

SMALL = {"batch": {"max_bytes": "64KiB"}}
TABLES = """
CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200), u INT UNIQUE);
CREATE TABLE k (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t (id) ON DELETE CASCADE);
CREATE TABLE my (id INT PRIMARY KEY, v INT) ENGINE = MyISAM;
INSERT INTO t VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3);
INSERT INTO k VALUES (1, 1), (2, 2), (3, 3);
"""


def rows(first, count):
    return ("INSERT INTO t SELECT seq, REPEAT('x', 150), seq FROM seq_%d_to_%d;\n" % (first, first + count - 1))


# A roll-back to a savepoint is only in the binlog when it cannot undo everything: hence the MyISAM rows.
law("large-savepoints", "roll-backs to savepoints that are in a part written before, and to later ones",
    TABLES, "BEGIN;\nUPDATE t SET v = 'kept' WHERE id = 1;\nSAVEPOINT a;\n" + rows(1000, 1500) + """
UPDATE t SET u = -u WHERE id = 2;
DELETE FROM t WHERE id = 3;
SAVEPOINT b;
""" + rows(3000, 1500) + """
INSERT INTO my VALUES (1, 1);
DELETE FROM t WHERE id < 1100;
SAVEPOINT c;
INSERT INTO t VALUES (9000, 'gone', 9000);
INSERT INTO my VALUES (2, 2);
ROLLBACK TO SAVEPOINT c;
INSERT INTO t VALUES (9001, 'gone', 9000);
ROLLBACK TO SAVEPOINT b;
INSERT INTO t VALUES (9002, 'kept', 9000);
""" + rows(5000, 1500) + """
INSERT INTO my VALUES (3, 3);
ROLLBACK TO SAVEPOINT a;
INSERT INTO t VALUES (9003, 'kept', 9000);
SAVEPOINT a;
""" + rows(7000, 800) + """
INSERT INTO my VALUES (4, 4);
ROLLBACK TO SAVEPOINT A;
INSERT INTO k VALUES (9, 9003);
RELEASE SAVEPOINT a;
COMMIT;
INSERT INTO t VALUES (9999, 'after', 9999);
""", native=True, settings=SMALL)

law("large-rolled-back", "all of it is rolled back, but for what cannot be", TABLES,
    "BEGIN;\n" + rows(1000, 3000) + "INSERT INTO my VALUES (1, 1);\nDELETE FROM t WHERE id = 1;\nROLLBACK;\n"
    "INSERT INTO t VALUES (9999, 'after', 9999);\n", native=True, settings=SMALL)

law("large-xa", "prepared, committed and rolled back", TABLES,
    "XA START 'x';\n" + rows(1000, 3000) + "UPDATE t SET v = 'xa' WHERE id = 1;\nXA END 'x';\nXA PREPARE 'x';\n"
    "XA COMMIT 'x';\n"
    "XA START 'y';\n" + rows(5000, 3000) + "XA END 'y';\nXA PREPARE 'y';\nXA ROLLBACK 'y';\n"
    "INSERT INTO t VALUES (9999, 'after', 9999);\n", native=True, settings=SMALL)


def conflicting(policy):
    lab = Lab(settings=dict(SMALL, on_conflict=policy))
    with lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        lab.destination.run("SET SESSION foreign_key_checks = 0", "DELETE FROM t WHERE id = 2",
                            "INSERT INTO t VALUES (4000, 'local', -1)")
        lab.source.script("BEGIN;\n" + rows(1000, 1000) + "UPDATE t SET v = 'later' WHERE id = 2;\n" +
                          rows(3000, 2000) + "UPDATE t SET v = 'end' WHERE id IN (1, 2, 4000);\nCOMMIT;\n")
        yield lab


@only("large-conflict-overwrite", "a transaction in parts: missing rows are inserted, present ones overwritten")
def _():
    for lab in conflicting("overwrite"):
        lab.program.incremental()
        lab.equal()
        expect_equal(lab.program.status()["conflicts"], 2, "conflicts")


@only("large-conflict-quarantine", "a transaction in parts: what does not fit waits, all else is there")
def _():
    for lab in conflicting("quarantine"):
        lab.program.incremental(expect=3)
        expect_equal(lab.program.status()["quarantined"], 4, "quarantined")
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t WHERE id >= 1000", "shop"), 3000, "rows")
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 1", "shop"), "end", "last change")
        lab.destination.run("INSERT INTO t VALUES (2, 'two', 2)", "DELETE FROM t WHERE id = 4000")
        code, _out, err = lab.program.command("quarantine", "retry", "all", "--yes")
        expect_equal(code, 0, "quarantine retry: " + err[-600:])
        lab.equal()


@only("large-conflict-stop", "a transaction in parts: nothing of it is there, the message names the row")
def _():
    for lab in conflicting("stop"):
        text = lab.program.incremental(expect=1)
        expect_contains(text, "shop.t", "table")
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t WHERE id >= 1000", "shop"), 1, "rows")
        lab.destination.run("INSERT INTO t VALUES (2, 'two', 2)", "DELETE FROM t WHERE id = 4000")
        lab.program.incremental()
        lab.equal()


@only("large-dry-run", "a dry run writes nothing, counts all")
def _():
    with Lab(settings=SMALL) as lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        before = lab.destination.query("SELECT * FROM datasync.datasync_checkpoint")
        lab.source.script("BEGIN;\n" + rows(1000, 3000) + "COMMIT;\n")
        code, out, err = lab.program.command("incremental", "--dry-run")
        expect_equal(code, 0, "dry run: " + (out + err)[-600:])
        expect_contains(out + err, "rows=3000", "counts")
        expect_equal(lab.destination.query("SELECT * FROM datasync.datasync_checkpoint"), before, "checkpoint")
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t", "shop"), 3, "rows")


@only("large-copies-again", "a table larger than the spool is copied again, also when the destination is lost meanwhile; so is one into which "
      "a transaction larger than the spool comes")
def _():
    with Lab(settings={"spool": {"max_size": "1MiB"}}) as lab:
        def room(server):
            server.run("SET GLOBAL max_heap_table_size = 64 * 1024 * 1024", database=None)

        def fill(first, last):
            with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO m SELECT seq, REPEAT('y', 50) FROM seq_%d_to_%d" % (first, last))

        def lose():
            lab.destination.kill()
            lab.destination.start()
            room(lab.destination)
        room(lab.source)
        room(lab.destination)
        lab.source.script("CREATE TABLE m (a INT, b VARCHAR(60)) ENGINE=MEMORY;\nCREATE TABLE t (id INT PRIMARY KEY);\n")
        fill(1, 40000)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.equal()
        lab.program.stop()
        lose()
        lab.program.start()
        deadline = time.monotonic() + 60
        while lab.destination.scalar("SELECT COUNT(*) FROM m", "shop") < 2000 and time.monotonic() < deadline:
            time.sleep(0.005)
        lab.destination.cut()
        lab.settle()
        lab.program.stop()
        lose()
        fill(50001, 90000)
        lab.source.run("INSERT INTO t VALUES (1)")
        lab.settle()


@only("large-create-select", "CREATE TABLE … SELECT with more rows than a batch holds: its statement, then its rows in parts, killed anywhere")
def _():
    for settings in ({"batch": {"max_bytes": "64KiB"}}, {"spool": {"max_size": "1MiB"}}):
        with Lab(settings=settings) as lab:
            lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200));\nINSERT INTO t SELECT seq, REPEAT('x', 100) FROM seq_1_to_20000;\n")
            lab.program.incremental()
            for n, point in enumerate((None, "ddl.after_intent:1", "ddl.after_statement:1", "commit.step:1", "commit.step:3", "commit.after_write:1",
                                       "commit.before_commit:1", "commit.after_commit:1")):
                lab.source.run("CREATE TABLE c%d (PRIMARY KEY (id)) AS SELECT * FROM t" % n, "UPDATE c%d SET v = 'y' WHERE id < 5" % n)
                if point:
                    code, _out, err = lab.program.command("incremental", env={"DATASYNC_CRASH": point})
                    expect_equal(code, -9, point + ": " + err[-800:])
                lab.program.incremental()
                lab.equal()


@only("large-then-ddl", "DDL behind a transaction that is written in parts, read with its end")
def _():
    with Lab(settings={"batch": {"max_bytes": "64KiB"}}) as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200));\n")
        lab.program.incremental()
        for turn in range(5):
            lab.source.run("INSERT INTO t (id, v) SELECT seq, REPEAT('x', 100) FROM seq_%d_to_%d" % (turn * 10000 + 1, turn * 10000 + 3000),
                           "ALTER TABLE t ADD COLUMN w%d INT" % turn, "UPDATE t SET w%d = id WHERE id %% 7 = 0" % turn)
        lab.program.incremental()
        lab.equal()
