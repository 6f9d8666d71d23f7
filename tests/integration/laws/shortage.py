"""Servers and disks that do not take what comes for a while: it is waited for, the log says for what, and it goes on by itself."""

import os
import resource
import time

from lib.lab import Lab
from lib.proxy import Proxy
from lib.server import ACCOUNT
from lib.suite import expect, expect_contains, expect_equal
from operation import only

TABLE = "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)"
ROWS = "INSERT INTO t SELECT seq, REPEAT('x', 1000) FROM seq_%d_to_%d"


@only("destination-read-only", "a destination that is read only for a while is waited for, like one that is away")
def _():
    with Lab() as lab:
        for what in ("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s", "GRANT ALL ON shop.* TO %s", "GRANT ALL ON datasync.* TO %s"):
            lab.destination.run(what % ("%s@'127.0.0.1'" % ACCOUNT), database=None)  # nothing that passes it
        lab.source.run(TABLE, ROWS % (1, 100))
        lab.program.start()
        lab.program.wait_caught_up()
        lab.destination.run("SET GLOBAL read_only = 1", database=None)
        lab.source.run("UPDATE t SET v = 'changed'")
        lab.program.wait_for("waiting", lambda status: status["state"] == "waiting_destination")
        lab.program.wait_log("destination lost, trying again.*read-only.*1290")
        lab.destination.run("SET GLOBAL read_only = 0", database=None)
        lab.settle()
        lab.program.stop()
        lab.destination.run("SET GLOBAL read_only = 1", database=None)
        lab.source.run("DELETE FROM t WHERE id > 50")
        lab.program.configure({"connect_timeout": 1})
        expect_contains(lab.program.incremental(expect=5), "read-only", "a command that ends by itself")
        lab.destination.run("SET GLOBAL read_only = 0", database=None)
        lab.program.incremental()
        lab.equal()


@only("spool-disk-full", "a disk of the spool that others have filled is waited for, and the log says so")
def _():
    with Lab() as lab:
        lab.source.run(TABLE)
        lab.program.start()
        lab.program.wait_caught_up()
        limits = resource.prlimit(lab.program.process.pid, resource.RLIMIT_FSIZE)
        # files of the program may not be longer: the spool takes that for the end of the disk
        resource.prlimit(lab.program.process.pid, resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
        lab.source.run(ROWS % (1, 500))
        lab.program.wait_log("the disk of the spool is full, waiting for room: free some there.* path=.*spool.* free=[0-9]+ needed=[0-9]+")
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t", "shop"), 0, "rows meanwhile")
        resource.prlimit(lab.program.process.pid, resource.RLIMIT_FSIZE, limits)
        lab.settle()
        lab.program.wait_log("the disk of the spool has room again")
        expect(lab.program.log_text().count(b"the disk of the spool is full") == 1, "told once: " + lab.program.log_tail())


@only("destination-busy", "rows that somebody locks for long: the log says that the destination is busy, not lost")
def _():
    with Lab(destination_options=("--innodb-lock-wait-timeout=0",)) as lab:
        lab.source.run(TABLE, ROWS % (1, 10))
        lab.program.start()
        lab.program.wait_caught_up()
        other = lab.destination.connect("datasync", autocommit=False)
        other.cursor().execute("SELECT * FROM datasync_checkpoint FOR UPDATE")
        lab.source.run("UPDATE t SET v = 'changed'")
        lab.program.wait_log("the batch again error=1205")
        lab.program.wait_log("destination is busy, trying again .*1205")
        other.rollback()
        other.close()
        lab.settle()
        expect(b"destination lost" not in lab.program.log_text(), "lost: " + lab.program.log_tail())


def timers(port):
    """Of connections to the port: (kind of timer, seconds until it ends); of an idle one 2, keepalive."""
    found = []
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table.readlines()[1:]:
            parts = line.split()
            if parts[3] == "01" and int(parts[2].split(":")[1], 16) == port:
                kind, ticks = parts[5].split(":")
                found.append((int(kind, 16), int(ticks, 16) / os.sysconf("SC_CLK_TCK")))
    return found


@only("host-lost", "a host that is gone without a word is noticed within minutes: its connections are asked for signs of life")
def _():
    with Lab() as lab:
        lab.source.run(TABLE)
        lab.program.start()
        lab.program.wait_caught_up()
        for server in (lab.source, lab.destination):
            found = timers(server.port)
            expect(found, "no connection to the " + server.name)
            expect(all(seconds <= 60 for _kind, seconds in found), "%s: %s" % (server.name, found))
        expect(2 in [kind for kind, _seconds in timers(lab.destination.port)], "keepalive")


@only("stale-copy-cut", "the source is lost while a command that ends by itself copies a table again: it tries again, and ends when that is done")
def _():
    with Lab() as lab:
        program = lab.program
        lab.source.run("CREATE TABLE m (id INT PRIMARY KEY, v CHAR(200)) ENGINE=MyISAM", "INSERT INTO m SELECT seq, 'x' FROM seq_1_to_5000")
        program.incremental()
        other = lab.destination.connect("datasync", autocommit=False)
        for number, words in enumerate((("LOCK TABLES",), ("LOCK TABLES", "SELECT", "`m`"), ("LOCK TABLES", "UNLOCK TABLES"))):
            # a row that gets another key, of which the binlog does not tell all: the applier wants a copy of the table
            lab.source.run("SET SESSION binlog_row_image = MINIMAL", "UPDATE m SET id = id + 10000 WHERE id = %d" % (number + 1))
            other.cursor().execute("SELECT * FROM datasync_checkpoint FOR UPDATE")
            proxy = Proxy(lab.source.port)
            proxy.cut_behind(*words)
            program.start("--set", "source.port=%d" % proxy.port, command="incremental")
            program.wait_log("binlog dump opened", since=program.log_start)
            while lab.source.connections_of():
                time.sleep(0.02)  # all of the stream is to be read before that
            other.rollback()
            expect_equal(program.wait_exit(), 0, "exit code")
            proxy.close()
            expect(proxy.cut.is_set(), "nothing was cut: %s" % (words,))
            lab.equal()
        other.close()
        expect_equal(program.log_text().count(b"source lost, trying again"), 3, "log: " + program.log_tail())
