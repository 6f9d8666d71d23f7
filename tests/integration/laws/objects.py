"""What is applied or stopped at, never skipped: sequences, versioned tables, tables made with rows; and
both halves of the program killed."""

import os
import random
import shutil
import threading
import time

import pymysql

from base import law, suite
from engines import finish, prepare
from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import only
from series import dies

TABLES = """
CREATE TABLE i (id INT PRIMARY KEY, v INT);
CREATE TABLE y (id INT PRIMARY KEY, v INT) ENGINE = MyISAM;
INSERT INTO i VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO y VALUES (1, 1), (2, 2);
"""

law("tables-made-with-rows", "CREATE TABLE … SELECT and CREATE OR REPLACE TABLE, of both engines", TABLES, """
CREATE TABLE c1 (PRIMARY KEY (id)) SELECT * FROM i;
CREATE TABLE c2 ENGINE = MyISAM SELECT * FROM i;
CREATE TABLE IF NOT EXISTS c1 SELECT 9 AS id, 9 AS v;
UPDATE c1 SET v = v + 1;
CREATE OR REPLACE TABLE c1 (id INT PRIMARY KEY, w VARCHAR(10)) SELECT id, 'w' AS w FROM i;
INSERT INTO c1 VALUES (9, 'nine');
CREATE OR REPLACE TABLE c1 LIKE i;
INSERT INTO c1 SELECT * FROM i;
CREATE OR REPLACE TABLE c2 (a INT) ENGINE = InnoDB;
INSERT INTO c2 VALUES (1), (1);
CREATE OR REPLACE TABLE y (id INT PRIMARY KEY, n INT) ENGINE = MyISAM SELECT id, id AS n FROM i;
DELETE FROM y WHERE id = 2;
CREATE TABLE c3 SELECT * FROM i WHERE FALSE;
INSERT INTO c3 VALUES (5, 5);
""")


@suite.case("made-with-rows-that-fail", "half done at the source: nothing of it arrives, MyISAM rows do")
def _():
    def fails(server, *statements):
        try:
            server.run(*statements)
        except pymysql.err.MySQLError:
            return
        raise AssertionError("succeeds: " + statements[-1])

    with Lab() as lab:
        lab.source.script(TABLES + "CREATE TABLE u (id INT, v INT);\nINSERT INTO u VALUES (1, 1), (1, 2);\n")
        lab.program.start()
        lab.program.wait_caught_up()
        fails(lab.source, "CREATE TABLE bad (PRIMARY KEY (id)) SELECT * FROM u")
        fails(lab.source, "CREATE OR REPLACE TABLE i (PRIMARY KEY (id)) SELECT * FROM u")  # i is gone then
        fails(lab.source, "ALTER TABLE u ADD PRIMARY KEY (id)")
        fails(lab.source, "ALTER TABLE u ADD COLUMN w INT, ADD UNIQUE KEY (id)")
        fails(lab.source, "INSERT INTO y VALUES (7, 7), (1, 1), (8, 8)")  # the first row stays
        fails(lab.source, "UPDATE y SET id = 9")
        fails(lab.source, "DROP TABLE u, missing")  # u is gone
        lab.source.run("BEGIN", "INSERT INTO y VALUES (20, 20)", "UPDATE y SET v = 5 WHERE id = 20", "ROLLBACK")
        lab.settle()


# --- sequences, versioned tables ---------------------------------------------------------------------

law("sequences-all-forms", "made, used, altered, set and dropped", TABLES + """
CREATE SEQUENCE s START WITH 10 INCREMENT BY 3 CACHE 5;
CREATE TABLE ns (id INT PRIMARY KEY DEFAULT NEXT VALUE FOR s, v INT);
""", """
SELECT NEXT VALUE FOR s;
SELECT SETVAL(s, 100);
INSERT INTO ns (v) VALUES (1), (2), (3);
ALTER SEQUENCE s RESTART WITH 500;
INSERT INTO ns (v) VALUES (4);
CREATE SEQUENCE s2;
SELECT NEXTVAL(s2);
CREATE OR REPLACE SEQUENCE s2 START WITH 7 NOCACHE;
SELECT NEXTVAL(s2);
RENAME TABLE s2 TO s3;
SELECT NEXTVAL(s3);
DROP SEQUENCE s3;
CREATE SEQUENCE IF NOT EXISTS s START WITH 1;
""")


@only("system-versioned-tables", "refused by check, by the copy, and where the stream comes to one")
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        lab.source.run("CREATE TABLE h (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING",
                       "INSERT INTO i VALUES (50, 50)", "INSERT INTO h VALUES (1, 1)",
                       "UPDATE h SET v = 2", "INSERT INTO i VALUES (51, 51)")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "versioned", "message")
        expect(lab.destination.scalar("SELECT MAX(id) FROM i", "shop") <= 50, "passed over its rows")
        code, out, _err = lab.program.command("check")
        expect_equal(code, 1, "check")
        expect_contains(out, "versioned", "check")
        lab.program.incremental("--resnapshot", "--yes", expect=1)
    with Lab() as lab:
        lab.source.script(TABLES)
        lab.program.incremental()
        lab.source.run("ALTER TABLE i ADD SYSTEM VERSIONING", "UPDATE i SET v = 2 WHERE id = 1")
        expect_contains(lab.program.incremental(expect=1), "versioned", "message")
        lab.source.run("ALTER TABLE i DROP SYSTEM VERSIONING")
        lab.program.incremental("--resnapshot", "--yes")
        lab.equal()


# --- agent and apply apart ----------------------------------------------------------------------------

class Writer(threading.Thread):
    """Writes rows, DDL and XA for as long as it is let."""

    def __init__(self, lab):
        super().__init__()
        self.lab, self.rng = lab, random.Random(5)
        self.stopped = threading.Event()
        self.error = None

    def run(self):
        try:
            number = 0
            while not self.stopped.is_set():
                number += 1
                self.step(number)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def step(self, number):
        rng, source = self.rng, self.lab.source
        source.run("INSERT INTO i VALUES (%d, 1)" % (100 + number), "UPDATE i SET v = v + 1 WHERE id %% 7 = %d" % (
            number % 7), "REPLACE INTO y VALUES (%d, %d)" % (number % 20, number))
        if rng.random() < 0.2:
            source.run("ALTER TABLE i ADD COLUMN w%d INT DEFAULT %d" % (number, number), "UPDATE i SET w%d = v" % number,
                       "ALTER TABLE i DROP COLUMN w%d" % number)
        if rng.random() < 0.3:
            name = "'x%d'" % number
            open_one = prepare(self.lab, name, "INSERT INTO i VALUES (%d, 1)" % (100000 + number))
            source.run("UPDATE i SET v = 0 WHERE id = 1")
            finish(open_one, "XA %s %s" % (rng.choice(("COMMIT", "COMMIT", "ROLLBACK")), name))


def wait_equal(lab, halves, seconds=60, locked=False):
    """`locked`: the lock of one that was killed may not be free yet."""
    deadline = time.monotonic() + seconds
    while lab.differences():
        for half, one in halves.items():
            if locked and not one.running() and one.process.returncode == 4:
                one.start(command=half)
            expect(one.running(), half + " has ended: " + one.log_tail())
        if time.monotonic() > deadline:
            lab.equal()
        time.sleep(0.1)


def stop(halves):
    for one in halves.values():
        one.stop()
        one.check_log()


@only("agent-and-apply-apart", "two processes joined by the spool")
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        halves = lab.halves()
        for half in ("apply", "agent"):
            halves[half].start(command=half)
        lab.source.run("INSERT INTO i VALUES (70, 70)")
        wait_equal(lab, halves)
        halves["apply"].kill()
        lab.source.run("INSERT INTO i VALUES (71, 71)", "UPDATE i SET v = 0")
        halves["apply"].start(command="apply")
        halves["agent"].kill()
        halves["agent"].start(command="agent")
        wait_equal(lab, halves)
        stop(halves)


@only("agent-begins-before-apply", "an agent that has not heard of the copy's checkpoint yet makes a copy that nobody needs: what came between is not lost")
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        halves = lab.halves()
        halves["agent"].start(command="agent")
        halves["apply"].start(command="apply", env={"DATASYNC_CRASH": "spool.trim:1"})
        expect_equal(halves["apply"].wait_exit(), -9, "exit code at the crash point")
        halves["agent"].kill()
        lab.source.run("INSERT INTO i VALUES (71, 71)", "UPDATE i SET v = 0", "DELETE FROM i WHERE id = 2", "DELETE FROM y")
        halves["agent"].start("--stop-at", lab.source.gtid(), command="agent")
        expect_equal(halves["agent"].wait_exit(), 0, "exit code of the agent alone")
        expect_equal(halves["agent"].log_text().count(b"snapshot begins"), 2, "copies")
        halves["apply"].start(command="apply")
        halves["apply"].wait_log("made a copy that is not needed")
        halves["agent"].start(command="agent")
        wait_equal(lab, halves)
        expect_equal(halves["agent"].log_text().count(b"snapshot begins"), 2, "copies")
        lab.source.run("INSERT INTO i VALUES (72, 72)")
        wait_equal(lab, halves)
        stop(halves)


@only("apply-restored-alone", "a destination that comes back from a backup while the agent goes on: what the spool has no more is read again")
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        halves, backup, here = lab.halves(), lab.work.path("backup"), lab.destination
        for half, one in halves.items():
            one.start(command=half)
        wait_equal(lab, halves)
        halves["apply"].stop()
        here.stop()
        shutil.copytree(here.datadir, backup)
        here.start()
        lab.source.run("UPDATE i SET v = 11 WHERE id = 1", "INSERT INTO i VALUES (70, 70)", "INSERT INTO y VALUES (7, 7)")
        halves["apply"].start(command="apply")
        wait_equal(lab, halves)
        halves["apply"].stop()
        here.stop()
        shutil.rmtree(here.datadir)
        shutil.move(backup, here.datadir)
        here.start()
        lab.source.run("INSERT INTO i VALUES (71, 71)")
        halves["apply"].start(command="apply")
        wait_equal(lab, halves)
        stop(halves)


@only("halves-killed-again-and-again", "agent and apply, kill -9 of either or both under writes, DDL and XA")
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        halves = lab.halves()
        for half, one in halves.items():
            one.start(command=half)
        rng = random.Random(9)
        writer = Writer(lab)
        writer.start()
        try:
            for _ in range(14):
                for half in rng.choice((("agent",), ("apply",), ("agent", "apply"))):
                    time.sleep(rng.random() * 0.4)  # any instant will do
                    halves[half].kill()
                    halves[half].start(command=half)
                for half, one in halves.items():
                    if not one.running():  # the lock of the one before was not free yet
                        expect_equal(one.process.returncode, 4, half + ": " + one.log_tail())
                        one.start(command=half)
        finally:
            writer.stopped.set()
            writer.join()
        expect(writer.error is None, "the writer: %r" % writer.error)
        wait_equal(lab, halves, 90, locked=True)
        stop(halves)


@only("leftover-partitions", "what a destination that died in CREATE TABLE … PARTITION left of it is no obstacle")
def _():
    with Lab() as lab:
        create = "CREATE TABLE parted (id INT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 3"
        lab.source.run(create, "CREATE TABLE `part ed` (id INT PRIMARY KEY)", "INSERT INTO parted VALUES (1, 1), (2, 2)")
        lab.destination.run(create, "FLUSH TABLES", database="shop")
        for ending in ("frm", "par"):  # InnoDB knows its partitions, the server knows no table
            os.unlink(os.path.join(lab.destination.datadir, "shop", "parted." + ending))
        lab.destination.run("FLUSH TABLES", database=None)
        lab.program.incremental()
        lab.equal()


@only("stale-copy-is-not-loaded-twice", "killed when rows behind the copy of a table are written, and both still in the store")
def _():
    with Lab() as lab:
        lab.source.script(TABLES + "CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE = MEMORY;\n"
                          "INSERT INTO m VALUES (1, 1), (2, 2);\n")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.destination.kill()
        lab.destination.start()
        lab.program.wait_log("table is copied again table=m", since=lab.program.log_text().rindex(b"snapshot loaded"))
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.source.run("UPDATE m SET v = 5 WHERE id = 1", "INSERT INTO m VALUES (3, 3)")
        expect(dies(lab, "commit.after_commit", 1), "the crash point was not reached")
        lab.program.incremental()
        lab.equal()


@only("copy-is-not-loaded-twice", "killed when a copy is committed and still in the store")
def _():
    with Lab() as lab:
        lab.source.script(TABLES)
        expect(dies(lab, "commit.after_commit", 1), "the crash point was not reached")
        text = lab.program.incremental()
        expect("snapshot loaded" not in text, "the copy was loaded again: " + text[-2000:])
        lab.equal()
