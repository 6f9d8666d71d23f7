"""Where the agent starts and stops; ranges, files, the preflight."""

import glob
import time

from base import FULL, SUITE, T, server, shop
from follower import Follower, short, tables, write_config
from lib.suite import expect_contains, expect_equal
from lib.workspace import Workspace


@SUITE.case("stop-now", "ends at the source's position of the start, also when there is nothing to read")
def _():
    with Workspace() as work:
        source = server(work)
        config = write_config(work, source)
        empty = Follower(work, config, "applied=none", "stop=now", spool="empty")
        expect_equal(empty.end()["code"], "DS_OK", "an empty binlog")
        empty.close()
        source.run("CREATE DATABASE shop", "CREATE DATABASE other", database=None)
        source.run(T, "INSERT INTO t VALUES (1,'a')")
        there = Follower(work, config, "applied=" + source.gtid(), "stop=now", spool="there")
        expect_equal(there.end()["code"], "DS_OK", "a checkpoint that is there already")
        there.close()
        before = source.gtid()
        source.run("CREATE TABLE other.o (a INT)", "INSERT INTO other.o VALUES (1)",
                   "FLUSH BINARY LOGS")
        others = Follower(work, config, "applied=" + before, "stop=now", spool="others")
        expect_equal(others.end()["code"], "DS_OK", "other databases only")
        others.close()
        last = [m for m in others.lines if m["t"] == "commit"][-1]
        expect_equal(last["gtid_set"], source.gtid(), "position")


@SUITE.case("stop-at", "ends at a GTID, at FILE:POSITION and at a time")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        start = source.gtid()
        config = write_config(work, source)
        source.run("INSERT INTO t VALUES (1,'a')", "INSERT INTO t VALUES (2,'b')")
        stop, status = source.gtid(), source.query("SHOW MASTER STATUS")[0]
        moment = source.scalar("SELECT UNIX_TIMESTAMP()")
        while source.scalar("SELECT UNIX_TIMESTAMP()") <= moment:
            time.sleep(0.02)
        source.run("INSERT INTO t VALUES (3,'c')")
        for stop_at in (stop, "%s:%s" % status[:2], "time:%d" % moment):
            follow = Follower(work, config, "applied=" + start, "stop=" + stop_at,
                              spool="spool" + stop_at.replace(":", "_"))
            expect_equal(follow.end()["code"], "DS_OK", stop_at)
            follow.close()
            rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
            expect_equal(rows, [1, 2], "rows up to " + stop_at)
        quiet = source.scalar("SELECT UNIX_TIMESTAMP()")
        follow = Follower(work, config, "applied=" + start, "stop=time:%d" % quiet, spool="quiet")
        expect_equal(follow.end()["code"], "DS_OK", "a time after the last transaction")
        follow.close()
        rows = [m["after"][0] for m in follow.lines if m["t"] == "change"]
        expect_equal(rows, [1, 2, 3], "all rows")


@SUITE.case("start-at", "starts at a GTID set, at FILE:POSITION, and at the current position")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("INSERT INTO t VALUES (1,'a')")
        gtid, status = source.gtid(), source.query("SHOW MASTER STATUS")[0]
        source.run("INSERT INTO t VALUES (2,'b')")
        for start in (gtid, "%s:%s" % status[:2]):
            config = write_config(work, source, start="'%s'" % start)
            follow = Follower(work, config, "stop=now", spool="spool" + start.replace(":", "_"))
            expect_equal(follow.end()["code"], "DS_OK", start)
            follow.close()
            expect_equal([m["after"][0] for m in follow.lines if m["t"] == "change"], [2], start)
            last = [m for m in follow.lines if m["t"] == "commit"][-1]
            expect_equal(last["gtid_set"], source.gtid(), "GTID set from " + start)
        config = write_config(work, source)
        follow = Follower(work, config, spool="current")
        follow.wait(lambda m: m["t"] == "commit" and m["gtid_set"] == source.gtid(), "checkpoint")
        source.run("INSERT INTO t VALUES (3,'c')")
        follow.reached(source.gtid())
        follow.close()
        expect_equal([m["after"][0] for m in follow.lines if m["t"] == "change"], [3], "current")


@SUITE.case("file-position-checkpoint", "a checkpoint that has only a file position learns the GTID set")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("INSERT INTO t VALUES (1,'a')")
        status = source.query("SHOW MASTER STATUS")[0]
        source.run("INSERT INTO t VALUES (2,'b')")
        follow = Follower(work, write_config(work, source), "applied=%s:%s" % status[:2])
        follow.reached(source.gtid())
        follow.close()
        expect_equal([m["after"][0] for m in follow.lines if m["t"] == "change"], [2], "rows")


@SUITE.case("xa-at-start", "does not start while a transaction is prepared")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("XA START 'held'", "INSERT INTO t VALUES (9,'xa')", "XA END 'held'",
                   "XA PREPARE 'held'")
        follow = Follower(work, write_config(work, source), "once")
        end = follow.end()
        follow.close()
        expect_equal(end["code"], "DS_EUNSUPPORTED", "code")
        expect_contains(end["message"], "held", "error")
        source.run("XA ROLLBACK 'held'")


@SUITE.case("snapshot", "copies first, then follows from the copy's position")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("INSERT INTO t VALUES (1,'a')")
        follow = Follower(work, write_config(work, source, start="snapshot"))
        follow.wait(lambda m: m["t"] == "commit" and m["gtid_set"] == source.gtid(), "snapshot")
        source.run("INSERT INTO t VALUES (2,'b')")
        follow.reached(source.gtid())
        follow.close()
        kinds = [m["kind"] for m in follow.lines if m["t"] == "snapshot"]
        expect_equal((kinds[0], kinds[-1]), (1, 6), "snapshot")
        expect_equal([m["after"][0] for m in follow.lines if m["t"] == "change"], [2], "rows")


@SUITE.case("resume", "what the spool has is not read again, what it lost is")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        config = write_config(work, source)
        start = source.gtid()
        first = Follower(work, config, "applied=" + start, "hold")
        source.run("INSERT INTO t VALUES (1,'a')")
        first.reached(source.gtid())
        first.close()
        source.run("INSERT INTO t VALUES (2,'b')")
        second = Follower(work, config, "applied=" + start)
        second.reached(source.gtid())
        second.close()
        expect_contains(second.log_text(), "store=kept", "log")
        expect_equal([m["after"][0] for m in second.lines if m["t"] == "change"], [1, 2], "rows")
        third = Follower(work, config, "applied=" + start)
        third.reached(source.gtid())
        third.close()
        rows = [m["after"][0] for m in third.lines if m["t"] == "change"]
        expect_equal(rows, [1, 2], "rows read again from an older checkpoint")


@SUITE.case("backlog", "what is left in the store can be read by a process that has seen nothing of it")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        start = source.gtid()
        for number in range(1, 121):
            source.run("INSERT INTO t VALUES (%d,REPEAT('x',40))" % number,
                       "INSERT INTO m SELECT seq, seq FROM seq_%d_to_%d" % (number * 1000,
                                                                             number * 1000 + 99))
        config = write_config(work, source)
        first = Follower(work, config, "applied=" + start, "hold_after=100")
        first.reached(source.gtid())
        first.process.kill()  # and the agent with it
        commits = [m for m in first.lines if m["t"] == "commit"]
        trimmed = commits[98]["gtid_set"]
        second = Follower(work, config, "applied=" + trimmed)
        second.reached(source.gtid())
        second.close()
        expect_contains(second.log_text(), "store=kept", "log")
        whole = second.lines[[m["t"] for m in second.lines].index("begin"):]
        wanted = list(tables(first.lines).values())
        wanted += first.lines[first.lines.index(commits[98]) + 1:]
        last = [text for text in short(wanted) if text != "commit"]
        expect_equal([text for text in short(whole) if text != "commit"][-len(last):], last, "messages")

@SUITE.case("replay", "a range of the binlog, from the server and from its files")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        config = write_config(work, source)
        source.run("INSERT INTO t VALUES (1,'a')", "FLUSH BINARY LOGS")
        start, status = source.gtid(), source.query("SHOW MASTER STATUS")[0]
        source.run("INSERT INTO t VALUES (2,'b')", "FLUSH BINARY LOGS",
                   "INSERT INTO t VALUES (3,'c')")
        stop = source.gtid()
        moment = source.scalar("SELECT UNIX_TIMESTAMP()")
        while source.scalar("SELECT UNIX_TIMESTAMP()") <= moment:
            time.sleep(0.02)
        source.run("INSERT INTO t VALUES (4,'d')", "FLUSH BINARY LOGS")
        files = ["file=" + path for path in sorted(glob.glob(source.datadir + "/bin.0*"))]

        def rows(*options):
            rows.number += 1
            follow = Follower(work, config, "range", *options, spool="replay%d" % rows.number)
            end = follow.end()
            follow.close()
            expect_equal(end["code"], "DS_OK", "%r" % (options,))
            return [m["after"][0] for m in follow.lines if m["t"] == "change"]

        rows.number = 0
        for source_of in ([], list(reversed(files))):
            expect_equal(rows("from=" + start, "stop=" + stop, *source_of), [2, 3], "by GTID")
            expect_equal(rows("from=%s:%s" % status[:2], "stop=" + stop, *source_of), [2, 3],
                         "by file position")
            expect_equal(rows("from=" + start, *source_of), [2, 3, 4], "to the end")
            expect_equal(rows("from_time=%d" % (moment + 1), *source_of), [4], "by time")
            expect_equal(rows("from=" + start, "stop=time:%d" % moment, *source_of), [2, 3],
                         "to a time")
        expect_equal(rows(*files), [1, 2, 3, 4], "all files")
        gap = Follower(work, config, "range", files[0], files[2], spool="gap")
        end = gap.end()
        gap.close()
        expect_equal(end["code"], "DS_EPOSITION", "a file left out")
        late = Follower(work, config, "range", "from=0-71-1", *files[1:], spool="late")
        end = late.end()
        late.close()
        expect_equal(end["code"], "DS_EPURGED", "files that begin too late")


@SUITE.case("check", "the preflight finds what would stop a stream")
def _():
    with Workspace() as work:
        source = shop(work)
        good = Follower(work, write_config(work, source), "check")
        good.process.wait(60)
        source.run("SET GLOBAL binlog_format=MIXED", "SET GLOBAL binlog_row_image=MINIMAL",
                   "CREATE TABLE v (a INT) WITH SYSTEM VERSIONING")
        bad = Follower(work, write_config(work, source, "other"), "check")
        bad.process.wait(60)
        found = {}
        for which in (good, bad):
            which.wait(lambda m: m["t"] == "finding" and m["what"] == "privileges", "findings")
            while which._take(0.5) and len(which.lines) < 100:  # pylint: disable=protected-access
                pass
            found[which] = {m["what"]: m["level"] for m in which.lines if m["t"] == "finding"}
            which.close()
        expect_equal(max(found[good].values()), 1, "worst finding of a good source")
        expect_equal(found[bad]["binlog_format"], 2, "binlog_format")
        expect_equal(found[bad]["binlog_row_image"], 1, "binlog_row_image")
        expect_equal(found[bad]["system_versioning"], 2, "system versioning")
