"""What the agent does when connections, servers, positions and binlogs are not as they should be."""

import subprocess
import threading
import time

from base import FULL, SUITE, shop
from follower import Follower, groups, write_config
from lib.server import SOURCE, Server, attach_native, create_accounts, native_wait
from lib.suite import expect, expect_contains, expect_equal
from lib.workspace import Workspace


def steady(source, stop, errors):
    """Insert ids 1, 2, … until told to stop; each is committed before the next one is tried."""
    number = 1
    while not stop.is_set():
        try:
            source.run("INSERT INTO t VALUES (%d,REPEAT('x',30))" % number)
            number += 1
        except Exception:  # pylint: disable=broad-except
            try:
                if source.scalar("SELECT MAX(id) FROM shop.t") == number:
                    number += 1
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)
                time.sleep(0.05)


@SUITE.case("cut-connections", "connections that are killed cost nothing and bring nothing twice")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        follow = Follower(work, write_config(work, source), "applied=" + source.gtid())
        stop, errors = threading.Event(), []
        writer = threading.Thread(target=steady, args=(source, stop, errors))
        writer.start()
        for i in range(5):
            follow.wait_log("dump opened", count=i + 1)
            before = len([m for m in follow.lines if m["t"] == "change"])
            follow.wait(lambda m, n=[0], b=before: m["t"] == "change" and
                        (n.__setitem__(0, n[0] + 1) or n[0] > b + 5), "changes")
            source.cut()
        stop.set()
        writer.join()
        follow.reached(source.gtid())
        follow.close()
        rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
        expect_equal(rows, list(range(1, len(rows) + 1)), "rows")
        expect_equal(len(rows), source.scalar("SELECT COUNT(*) FROM shop.t"), "number of rows")
        expect(not [m for m in follow.lines if m["t"] == "generation"][1:], "the store was reset")


@SUITE.case("cut-inside", "a transaction that is cut in the middle goes on where it was")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        config = write_config(work, source)
        start = source.gtid()
        source.run("INSERT INTO t SELECT seq,"
                   " REPEAT('y',40) FROM seq_1_to_300000", "INSERT INTO t VALUES (0,'end')")
        follow = Follower(work, config, "applied=" + start)
        for i in range(3):
            follow.wait_log("dump opened", count=i + 1)
            source.cut()
            if any(m["t"] == "commit" and m["gtid_set"] == source.gtid() for m in follow.lines):
                break
        follow.reached(source.gtid(), timeout=120)
        follow.close()
        rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
        expect_equal(rows, list(range(1, 300001)) + [0], "rows")
        expect_equal(len(groups(follow.lines)), 2, "transactions")


@SUITE.case("restart-source", "a source that is killed and comes back is followed on")
def _():
    with Workspace() as work:
        source = shop(work, FULL, "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1")
        follow = Follower(work, write_config(work, source), "applied=" + source.gtid())
        for i in range(3):
            source.run("INSERT INTO t VALUES (%d,'a')" % (3 * i))
            follow.reached(source.gtid())
            if i % 2:
                source.stop()
            else:
                source.kill()
            follow.wait_log("source lost", count=i + 1)
            source.start()
            source.run("INSERT INTO t VALUES (%d,'b')" % (3 * i + 1))
            follow.reached(source.gtid())
        follow.close()
        rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
        expect_equal(rows, [0, 1, 3, 4, 6, 7], "rows")


@SUITE.case("unreachable", "gives up in time, or waits; a wrong password is told at once")
def _():
    with Workspace() as work:
        source = shop(work)
        gtid = source.gtid()
        nowhere = write_config(work, source, port=1, connect_timeout="1s")
        gone = Follower(work, nowhere, "applied=" + gtid, "once", spool="gone")
        expect_equal(gone.end()["code"], "DS_ECONN", "nobody there")
        gone.close()
        waiting = Follower(work, nowhere, "applied=" + gtid, spool="waiting")
        status = waiting.status(lambda s: s["state"] == 4)
        expect_contains(status["error"], "connect", "status")
        waiting.command("stop")
        expect_equal(waiting.end()["code"], "DS_ESTOPPED", "stopped while waiting")
        waiting.close()
        source.run("SET sql_log_bin=0", "SET PASSWORD FOR datasync@'127.0.0.1' = PASSWORD('other')")
        refused = Follower(work, write_config(work, source), "applied=" + gtid, spool="refused")
        expect_equal(refused.end()["code"], "DS_EACCESS", "wrong password")
        refused.close()


@SUITE.case("no-privilege", "a user who may not replicate is told what to grant")
def _():
    with Workspace() as work:
        source = shop(work)
        gtid = source.gtid()
        source.run("SET sql_log_bin=0",
                   "REVOKE REPLICATION SLAVE, REPLICATION SLAVE ADMIN ON *.* FROM datasync@'127.0.0.1'")
        follow = Follower(work, write_config(work, source), "applied=" + gtid)
        expect_equal(follow.end()["code"], "DS_EACCESS", "code")
        follow.close()
        check = Follower(work, write_config(work, source), "check")
        check.wait(lambda m: m["t"] == "finding" and m["level"] == 2 and m["what"] == "privileges",
                   "finding")
        check.close()


@SUITE.case("purged", "binlogs that are gone: a clear error, never a jump")
def _():
    with Workspace() as work:
        source = shop(work)
        config = write_config(work, source)
        start, status = source.gtid(), source.query("SHOW MASTER STATUS")[0]
        source.run("INSERT INTO t VALUES (1,'a')", "FLUSH BINARY LOGS", "INSERT INTO t VALUES (2,'b')",
                   "FLUSH BINARY LOGS")
        last = source.query("SHOW MASTER STATUS")[0][0]
        while len(source.query("SHOW BINARY LOGS")) > 1:  # until the server is done with them
            source.run("PURGE BINARY LOGS TO '%s'" % last)
            time.sleep(0.05)
        for name, position in (("gtid", start), ("file", "%s:%s" % status[:2])):
            follow = Follower(work, config, "applied=" + position, spool=name)
            end = follow.end()
            follow.close()
            expect_equal(end["code"], "DS_EPURGED", "code for " + name)
            expect_contains(end["message"], "--resnapshot", "error for " + name)
        # without the privilege to look beforehand, the dump says it
        source.run("SET sql_log_bin=0", "REVOKE BINLOG MONITOR ON *.* FROM datasync@'127.0.0.1'")
        follow = Follower(work, config, "applied=" + start, spool="blind")
        end = follow.end()
        follow.close()
        expect_equal(end["code"], "DS_EPURGED", "code from the dump")
        expect_contains(end["message"], "--resnapshot", "error from the dump")


@SUITE.case("errant", "transactions that the source lacks are listed")
def _():
    with Workspace() as work:
        source = shop(work)
        config = write_config(work, source)
        for position in ("0-71-999999", "0-99-1", source.gtid() + ",5-71-8"):
            follow = Follower(work, config, "applied=" + position, spool=position)
            end = follow.end()
            follow.close()
            expect_equal(end["code"], "DS_EPOSITION", "code for " + position)
            expect_contains(end["message"], position.split(",")[-1], "error")
            expect_contains(end["message"], source.gtid(), "error")
        follow = Follower(work, config, "applied=bin.000099:4", spool="file")
        end = follow.end()
        follow.close()
        expect_equal(end["code"], "DS_EPOSITION", "code for a file that is not there")


@SUITE.case("duplicate-id", "a server_id that is used twice is reported as that")
def _():
    with Workspace() as work:
        source = shop(work)
        gtid = source.gtid()
        first = Follower(work, write_config(work, source, "one", server_id=4711), "applied=" + gtid,
                         spool="one")
        first.status(lambda s: s["state"] == 3)
        first.wait_log("dump opened")
        second = Follower(work, write_config(work, source, "two", server_id=4711),
                          "applied=" + gtid, spool="two")
        end = first.end()
        first.close()
        second.close()
        expect_equal(end["code"], "DS_EUSAGE", "code")
        expect_contains(end["message"], "4711", "error")
        own = Follower(work, write_config(work, source, "own", server_id=71), "applied=" + gtid,
                       spool="own")
        end = own.end()
        own.close()
        expect_equal(end["code"], "DS_EUSAGE", "the source's own number")
        expect_contains(end["message"], "server_id", "error")


@SUITE.case("limit", "an event longer than max_event stops clearly")
def _():
    with Workspace() as work:
        source = shop(work)
        source.run("CREATE TABLE b (a LONGBLOB)")
        gtid = source.gtid()
        source.run("INSERT INTO b VALUES (REPEAT('x', 9000000))")
        follow = Follower(work, write_config(work, source, max_event="8MiB"), "applied=" + gtid)
        end = follow.end()
        follow.close()
        expect_equal(end["code"], "DS_ELIMIT", "code")
        expect_contains(end["message"], "max_event", "error")
        follow = Follower(work, write_config(work, source, max_event="64MiB"), "applied=" + gtid,
                          spool="large")
        follow.reached(source.gtid())
        follow.close()


@SUITE.case("fail-over", "another server goes on, if it has everything that is applied")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        other = Server(work, "other", 72, [*SOURCE, FULL, "--log-slave-updates"]).start()
        create_accounts(other, "source")
        start = source.gtid()
        attach_native(other, source)
        config = write_config(work, source)
        follow = Follower(work, config, "applied=" + start)
        source.run("INSERT INTO t VALUES (1,'a')")
        follow.reached(source.gtid())
        follow.close()
        applied = source.gtid()
        native_wait(other, applied)
        other.run("STOP SLAVE", "INSERT INTO shop.t VALUES (2,'new')", database=None)
        moved = Follower(work, write_config(work, other), "applied=" + applied)
        moved.reached(other.gtid())
        moved.close()
        expect_equal([m["after"][0] for m in moved.lines if m["t"] == "change"], [2], "rows")
        # the old one has what the new one never saw
        source.run("INSERT INTO t VALUES (3,'lost')")
        ahead = Follower(work, write_config(work, other), "applied=" + source.gtid())
        end = ahead.end()
        ahead.close()
        expect_equal(end["code"], "DS_EPOSITION", "code")
        expect_contains(end["message"], source.gtid(), "the errant transaction")


@SUITE.case("requests", "the applier has it fill the store again, and copy a stale table")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        start = source.gtid()
        follow = Follower(work, write_config(work, source), "applied=" + start, "hold")
        source.run("INSERT INTO t VALUES (1,'a')", "INSERT INTO m VALUES (5,6)")
        follow.reached(source.gtid())
        seen = len(follow.lines)
        follow.command("request refetch")
        follow.wait(lambda m: m["t"] == "generation", "the reset", start=seen)
        again = len(follow.lines)
        follow.wait(lambda m: m["t"] == "commit" and m["gtid_set"] == source.gtid(), "the rows again",
                    start=again - 1)
        copied = len(follow.lines)
        follow.command("request stale m")
        follow.wait(lambda m: m["t"] == "snapshot" and m["kind"] == 9, "the copy", start=copied)
        source.run("INSERT INTO t VALUES (2,'b')")
        follow.reached(source.gtid())
        follow.close()
        rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
        expect_equal(rows, [1, 5, 1, 5, 2], "rows")


@SUITE.case("full", "a full spool holds the source back; stopping and going on work from there")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        config = write_config(work, source)
        start = source.gtid()
        for i in range(0, 60000, 2000):
            source.run("INSERT INTO t SELECT seq, REPEAT('x',40) FROM seq_%d_to_%d" % (i + 1, i + 2000))
        held = Follower(work, config, "applied=" + start, "hold", "size=1048576")
        held.wait(lambda m: m["t"] == "commit", "the first transaction")
        before, now = -1, held.status()["rows"]
        while before != now:  # until nothing moves any more
            time.sleep(0.3)
            before, now = now, held.status()["rows"]
        expect(now < 60000, "everything went into a spool that is too small")
        held.command("request refetch")
        held.wait(lambda m: m["t"] == "generation", "a reset", start=1)
        held.command("stop")
        expect_equal(held.end()["code"], "DS_ESTOPPED", "stopped while the spool is full")
        held.close()
        follow = Follower(work, config, "applied=" + start, "size=1048576")
        follow.reached(source.gtid())
        follow.close()
        rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
        expect_equal(rows, list(range(1, 60001)), "rows")


@SUITE.case("tls", "the dump works encrypted")
def _():
    with Workspace() as work:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
                        "-days", "2", "-keyout", work.path("key.pem"), "-out", work.path("cert.pem")],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        source = shop(work, FULL, "--ssl-cert=" + work.path("cert.pem"),
                      "--ssl-key=" + work.path("key.pem"), "--require-secure-transport=ON")
        start = source.gtid()
        config = write_config(work, source)
        with open(config, encoding="utf-8") as old:
            text = old.read().replace("server_id: 0", "server_id: 0, tls: {mode: required}")
        with open(config, "w", encoding="utf-8") as new:
            new.write(text)
        source.run("INSERT INTO t SELECT seq, REPEAT('z',40) FROM seq_1_to_20000")
        follow = Follower(work, config, "applied=" + start)
        follow.reached(source.gtid())
        source.run("INSERT INTO t VALUES (0,'live')")
        follow.reached(source.gtid())
        source.cut()
        follow.wait_log("dump opened", count=2)
        source.run("INSERT INTO t VALUES (-1,'again')")
        follow.reached(source.gtid())
        follow.close()
        rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
        expect_equal(rows, list(range(1, 20001)) + [0, -1], "rows")
