"""Laws 1, 5, 12 and 13, and what the command line promises: exit codes, locks, stops, policies."""

import json
import os
import signal
import threading
import time

import pymysql

from base import suite
from lib.compare import compare
from lib.lab import Lab
from lib.proxy import Proxy
from lib.server import PASSWORD, create_accounts, native_wait
from lib.suite import expect, expect_contains, expect_equal

TABLE = """
CREATE TABLE t (id INT PRIMARY KEY, v INT, u INT, UNIQUE KEY (u));
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
CREATE TABLE n (a INT, b INT);
INSERT INTO n VALUES (1, 1);
"""


def only(name, about):
    return suite.case(name, about, program_only=True)


# --- exit codes ---------------------------------------------------------------------------------

@only("exit-2-usage", "wrong usage and configuration: exit 2, naming what is wrong")
def _():
    with Lab() as lab:
        program = lab.program
        for arguments, part in ((("incremental", "--no-such-option"), "no-such-option"),
                                (("no-such-command",), "no-such-command"),
                                (("run", "--stop-at", "nonsense here"), "nonsense"),
                                (("replay", "--from", "bin.000001:x1"), "bin.000001:x1")):
            code, _out, err = program.command(*arguments, config=arguments[0] != "no-such-command")
            expect_equal(code, 2, "exit code of %s: %s" % (" ".join(arguments), err[-400:]))
            expect_contains(err, part, "message of " + " ".join(arguments))
        for settings, part in (({"sauce": 1}, "sauce"), ({"batch": {"max_rows": "3307x"}}, "3307x"),
                               ({"source": {"port": "12a"}}, "12a"), ({"mode": "mirrored"}, "mirrored"),
                               ({"spool": {"max_size": "lots"}}, "lots")):
            other = lab.another("usage", settings=settings)
            code, _out, err = other.command("incremental")
            expect_equal(code, 2, "exit code with %s: %s" % (settings, err[-400:]))
            expect_contains(err, part, "message")
            expect_contains(err, "datasync.yaml", "message")
        code, out, _err = program.command("--help", config=False)
        expect_equal(code, 0, "--help")
        expect_contains(out, "incremental", "--help")
        code, out, _err = program.command("--version", config=False)
        expect_equal(code, 0, "--version")


@only("exit-2-refused-account", "wrong passwords are not retried, not even by run")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        for side in ("source", "destination"):
            other = lab.another("refused-" + side, settings={side: {"password": "wrong"}})
            code, _out, err = other.command("incremental", timeout=30)
            expect_equal(code, 2, "incremental, wrong %s password: %s" % (side, err[-500:]))
            expect_contains(err, side, "message")
            expect("wrong" not in err.replace("wrong usage", ""), "the password is in the log")
            other.start()
            expect_equal(other.wait_exit(30), 2, "run, wrong %s password" % side)


@only("exit-4-lock-held", "a second instance, and one from another host, ends with 4")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.start()
        lab.program.wait_caught_up()
        code, _out, err = lab.program.command("incremental")
        expect_equal(code, 4, "the same configuration: " + err[-400:])
        elsewhere = lab.another("elsewhere", settings={
            "name": "default", "state_dir": lab.work.path("elsewhere-state")})
        code, _out, err = elsewhere.command("incremental")
        expect_equal(code, 4, "another state_dir: " + err[-400:])
        expect_equal(lab.program.command("status", "--json")[0], 0, "status takes no lock")
        expect_equal(lab.program.command("entities")[0], 0, "entities takes no lock")
        expect_equal(lab.program.command("config")[0], 0, "config takes no lock")
        expect_equal(lab.program.command("quarantine", "list")[0], 0, "quarantine list takes none")
        lab.settle()


@only("exit-5-unreachable", "incremental gives up, run waits and goes on")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        for side in ("source", "destination"):
            other = lab.another("unreachable-" + side,
                                settings={side: {"port": 1}, "connect_timeout": 2})
            code, _out, err = other.command("incremental", timeout=60)
            expect_equal(code, 5, "incremental without %s: %s" % (side, err[-500:]))
        lab.destination.stop()
        lab.program.start()
        lab.program.wait_log("destination")
        lab.destination.start()
        lab.settle()
        lab.source.stop()
        lab.source.start()
        lab.source.script("INSERT INTO t VALUES (10, 10, 10);\n")
        lab.settle()


@only("exit-0-on-signals", "SIGTERM and SIGINT end it in order, while idle and at work")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.source.run("INSERT INTO t SELECT seq, seq, seq FROM seq_10_to_20000")
        seen = len(lab.program.log_text())
        lab.program.start()
        lab.program.wait_log("connected", since=seen)
        lab.program.process.send_signal(2)
        expect_equal(lab.program.wait_exit(), 0, "SIGINT")
        lab.settle()


@only("status-json", "every documented field, running and stopped")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.start()
        running = lab.program.wait_caught_up()
        expect_equal(running["state"], "streaming", "state")
        lab.source.script("INSERT INTO t VALUES (4, 4, 4);\nUPDATE t SET v = 5;\n")
        lab.program.wait_caught_up()
        running = lab.program.wait_for("the end of what is at work", lambda status: status["caught_up"])
        lab.program.stop()
        stopped = lab.program.status()
        for status, which in ((running, "running"), (stopped, "stopped")):
            missing = [key for key in (
                "name", "mode", "state", "source", "applied", "lag_seconds", "caught_up",
                "transactions", "rows", "rows_written", "batches", "conflicts", "quarantined",
                "stale_tables", "entities") if key not in status]
            expect(not missing, "%s: lacks %s: %s" % (which, missing, json.dumps(status)))
            expect_equal(status["applied"]["gtid"], lab.source.gtid(), which + ": applied.gtid")
        expect_equal(stopped["state"], "stopped", "state")
        expect_equal(stopped["transactions"], 2, "transactions since the stream began")
        expect_equal(stopped["rows"], 5, "rows since the stream began")
        expect_equal(running["lag_seconds"], 0, "lag when caught up")


@only("status-per-entity", "what was written of each entity, and what was folded; kept over a restart")
def _():
    with Lab() as lab:
        lab.source.script("""
CREATE TABLE sales_flat_order (entity_id INT PRIMARY KEY, state VARCHAR(20), total INT);
CREATE TABLE cms_page (page_id INT PRIMARY KEY, title VARCHAR(20));
CREATE TABLE other (a INT, b INT);
INSERT INTO other VALUES (1, 1), (1, 1), (2, 2);
""")
        lab.program.incremental()
        expect_equal(lab.program.status()["entities"], {}, "after the copy")
        lab.source.run("INSERT INTO sales_flat_order VALUES (1, 'new', 1), (2, 'new', 2), (3, 'new', 3)",
                       *["UPDATE sales_flat_order SET state = 's%d' WHERE entity_id < 3" % n for n in range(5)],
                       "DELETE FROM sales_flat_order WHERE entity_id = 3",
                       "INSERT INTO cms_page VALUES (1, 'a'), (2, 'b')", "UPDATE other SET b = 3")
        log = lab.program.incremental("-vv")
        counts = lab.program.status()["entities"]
        expect_equal({name: [counts[name][key] for key in ("inserted", "updated", "deleted", "folded")]
                      for name in counts},
                     {"order": [2, 0, 0, 12], "cms_page": [2, 0, 0, 0], "table": [3, 0, 3, 0]}, "counts")
        expect(all(counts[name]["time"] for name in counts), "times: %s" % counts)
        expect_contains(log, "applied entity=order inserted=2 updated=0 deleted=0 folded=12 lag=", "the log")
        lab.source.run("UPDATE cms_page SET title = 'c' WHERE page_id = 1", "DELETE FROM cms_page WHERE page_id = 2")
        lab.program.incremental()
        counts = lab.program.status()["entities"]
        expect_equal([counts["cms_page"][key] for key in ("inserted", "updated", "deleted", "folded")], [2, 1, 1, 0],
                     "counts since the stream began")
        expect_equal(counts["order"]["folded"], 12, "kept")


# --- the prefix law -------------------------------------------------------------------------------

@only("incremental-again-and-again", "from cron: each run takes what is new, an idle one nothing")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        for number in range(4):
            lab.program.incremental()
            lab.equal()
            lab.source.run("INSERT INTO t VALUES (%d, 1, NULL)" % (100 + number),
                           "INSERT INTO n VALUES (1, 1)", "UPDATE t SET v = v + 1")
        lab.program.incremental()
        lab.program.incremental()
        lab.equal()


@only("stop-at", "ends exactly there")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (50, 50, 50)")
        there = lab.source.gtid()
        lab.source.run("INSERT INTO t VALUES (51, 51, 51)")
        lab.program.start("--stop-at", there)
        expect_equal(lab.program.wait_exit(), 0, "exit code")
        expect_equal(lab.destination.scalar("SELECT MAX(id) FROM t", "shop"), 50, "last row")
        expect_equal(lab.program.status()["applied"]["gtid"], there, "applied.gtid")
        lab.settle()


@only("late-commit-of-a-lost-connection", "a commit of unknown outcome that lands late")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        proxy = Proxy(lab.destination.port)
        lab.program.configure({"destination": {"port": proxy.port}})
        lab.program.start()
        lab.program.wait_caught_up()
        for number in range(6):
            proxy.hold()  # what is under way stays open at the server, unseen by the program
            lab.source.run("INSERT INTO n VALUES (%d, 7)" % number, "UPDATE t SET v = v + 1")
            proxy.wait_held()
            proxy.drop_client_side()
            proxy.release_after(0.3 * (number % 3))
            lab.program.wait_caught_up()
            lab.equal()
        lab.program.stop()
        proxy.close()


@only("checkpoint-moved-by-another", "a batch stops when the checkpoint is not where it began")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.start()
        lab.program.wait_caught_up()
        holder = lab.destination.connect("datasync", autocommit=False)
        with holder.cursor() as cursor:
            cursor.execute("SELECT * FROM datasync_checkpoint FOR UPDATE")
            lab.source.run("INSERT INTO n VALUES (5, 5)")
            wanted = lab.source.gtid()
            lab.program.wait_for("reading on", lambda s: s["source"]["gtid"] == wanted)
            deadline = time.monotonic() + 60
            while not lab.destination.scalar("SELECT COUNT(*) FROM information_schema.innodb_trx"
                                             " WHERE trx_state = 'LOCK WAIT'"):
                expect(time.monotonic() < deadline, "does not wait for the checkpoint's lock")
                time.sleep(0.02)
            other = lab.destination.connect("shop")
            with other.cursor() as dirty:
                dirty.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
                dirty.execute("SELECT COUNT(*) FROM n")
                expect_equal(dirty.fetchone()[0], 1, "rows written without the checkpoint's lock")
            other.close()
        holder.rollback()
        holder.close()
        lab.settle()


@only("checkpoint-elsewhere", "another process has moved the checkpoint: stops, writes nothing")
def _():
    for change in ("INSERT INTO n VALUES (5, 5)", "TRUNCATE TABLE n", "ALTER TABLE n DROP COLUMN b"):
        with Lab() as lab:
            lab.source.script(TABLE)
            lab.program.start()
            lab.program.wait_caught_up()
            lab.destination.run("UPDATE datasync_checkpoint SET gtid_set = '0-1-999999', pos = pos + 1",
                                database="datasync")
            lab.source.run(change)
            expect_equal(lab.program.wait_exit(), 1, "exit code")
            expect_contains(lab.program.log_tail(), "another datasync", "message")
            expect_equal(lab.destination.query("SELECT a, b FROM n", "shop"), ((1, 1),), "rows")


@only("killed-while-the-server-commits", "kill -9 in a stream of small batches, restarted at once")
def _():
    with Lab(settings={"batch": {"max_rows": 1}}) as lab:
        lab.source.script(TABLE)
        lab.program.start()
        lab.program.wait_caught_up()
        stop = threading.Event()

        def write():
            number = 1000
            connection = lab.source.connect("shop")
            with connection.cursor() as cursor:
                while not stop.is_set():
                    number += 1
                    cursor.execute("INSERT INTO n VALUES (%d, 1)" % number)
                    cursor.execute("UPDATE t SET v = v + 1 WHERE id = 1")
            connection.close()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(12):
                time.sleep(0.05 + 0.03 * number)  # any instant will do
                lab.program.kill()
                lab.program.start()
        finally:
            stop.set()
            writer.join()
        if not lab.program.running() and lab.program.process.returncode == 4:
            lab.program.start()  # the lock of the one before was not free yet
        lab.settle()


@only("snapshot-interrupted-under-cascades", "the copy begins again as a whole")
def _():
    with Lab() as lab:
        lab.source.script("""
CREATE TABLE p (id INT PRIMARY KEY, v VARCHAR(200));
CREATE TABLE c (id INT PRIMARY KEY, p INT, v VARCHAR(200), FOREIGN KEY (p) REFERENCES p (id) ON DELETE
  CASCADE);
INSERT INTO p SELECT seq, REPEAT('p', 150) FROM seq_1_to_20000;
INSERT INTO c SELECT seq, seq, REPEAT('c', 150) FROM seq_1_to_20000;
""")
        for number in range(4):
            lab.program.start()
            time.sleep(0.1 + 0.15 * number)  # any instant will do
            lab.source.run("DELETE FROM p WHERE id = %d" % (number + 1),
                           "INSERT INTO p VALUES (%d, 'again')" % (number + 1),
                           "INSERT INTO c VALUES (%d, %d, 'again')" % (number + 1, number + 1))
            lab.program.kill()
            lab.source.run("DELETE FROM p WHERE id = %d" % (number + 100))
        lab.settle(timeout=120)


@only("start-at-current-and-at-a-position", "without a copy, when told so")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.destination.script(TABLE)
        lab.program.configure({"start": "current"})
        lab.program.start()
        lab.program.wait_log("opened")
        lab.program.wait_caught_up()
        lab.source.run("INSERT INTO t VALUES (8, 8, 8)")
        lab.settle()
        lab.program.stop()
        row = lab.source.query("SHOW MASTER STATUS")[0]
        lab.source.run("INSERT INTO t VALUES (9, 9, 9)")
        other = lab.another("second", settings={"start": "%s:%d" % (row[0], row[1])})
        other.incremental()
        lab.equal()


# --- what stops ---------------------------------------------------------------------------------

@only("statement-format-stops", "DML in statement format is an error, nothing after it is applied")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("SET SESSION binlog_format = STATEMENT", "UPDATE t SET v = 99 WHERE id = 1",
                       "SET SESSION binlog_format = ROW", "UPDATE t SET v = 98 WHERE id = 2")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "statement", "message")
        expect_contains(text, "0-1-", "position in the message")
        expect_equal(lab.destination.query("SELECT v FROM t ORDER BY id", "shop"),
                     ((1,), (2,), (3,)), "rows")


@only("purged-position", "says what is missing and what to do")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (7, 7, 7)", "FLUSH BINARY LOGS",
                       "INSERT INTO t VALUES (8, 8, 8)", "FLUSH BINARY LOGS")
        lab.source.cut()  # a dump thread that has not noticed its client's end keeps its file
        last = lab.source.query("SHOW BINARY LOGS")[-1][0]
        deadline = time.monotonic() + 60
        while lab.source.query("SHOW BINARY LOGS")[0][0] != last:
            # files that a thread still reads, or that wait for InnoDB's checkpoint, are kept
            expect(time.monotonic() < deadline, "the source does not purge its binlogs")
            lab.source.run("PURGE BINARY LOGS TO '%s'" % last)
            time.sleep(0.05)
        text = lab.program.incremental(expect=1)
        expect_contains(text, "purge", "message")
        expect_contains(text, "--resnapshot", "what to do")
        lab.program.incremental("--resnapshot", "--yes")
        lab.equal()


@only("duplicate-server-id", "two replicas with one number: no endless fight, nothing lost")
def _():
    with Lab(settings={"source": {"server_id": 77}}) as lab:
        lab.source.script(TABLE)
        other = lab.another("twin", settings={"destination": {"database": "shop2"}})
        lab.destination.run("CREATE DATABASE shop2 CHARACTER SET utf8mb4", database=None)
        other.configure({"source": {"server_id": 77}, "state_database": "datasync2"})
        lab.program.start()
        lab.program.wait_caught_up()
        other.start()
        deadline = time.monotonic() + 60
        while "server_id" not in (lab.program.log_tail() + other.log_tail()).lower():
            expect(time.monotonic() < deadline, "nobody says so: " + other.log_tail())
            time.sleep(0.1)
        other.kill()
        if not lab.program.running():
            lab.program.start()
        lab.source.run("INSERT INTO t VALUES (7, 7, 7)")
        lab.settle()


@only("another-filter-is-refused", "a changed filter is exit 2 and names the remedy")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.configure({"tables": {"exclude": ["n"]}})
        code, _out, err = lab.program.command("incremental")
        if code == 2:
            expect_contains(err, "tables", "message")  # filters that do not work yet are refused
            return
        expect_equal(code, 0, "exit code: " + err[-500:])
        lab.program.configure({"tables": {"exclude": []}})
        text = lab.program.incremental(expect=2)
        expect_contains(text, "exclude", "message")


@only("checkpoint-of-another-filter", "what was copied with another filter is not gone on with")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.destination.run("UPDATE datasync_checkpoint SET filter = 'f00d', filter_text = 'without n'",
                            database="datasync")
        lab.source.run("INSERT INTO n VALUES (5, 5)")
        text = lab.program.incremental(expect=2)
        for part in ("without n", "--resnapshot"):
            expect_contains(text, part, "message")
        expect_equal(lab.destination.query("SELECT a, b FROM n", "shop"), ((1, 1),), "rows")
        lab.program.incremental("--resnapshot", "--yes")
        lab.equal()


@only("dry-run", "counts, writes nothing")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (9, 9, 9)")
        before = lab.program.status()["applied"]["gtid"]
        lab.program.incremental("--dry-run")
        expect_equal(lab.program.status()["applied"]["gtid"], before, "applied.gtid")
        expect_equal(lab.destination.scalar("SELECT MAX(id) FROM t", "shop"), 3, "last row")
        lab.program.incremental()
        lab.equal()


@only("check", "finds what would stop it; else exit 0")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        code, out, err = lab.program.command("check")
        expect_equal(code, 0, "check: " + (out + err)[-800:])
        lab.source.run("SET GLOBAL binlog_format = STATEMENT")
        code, out, err = lab.program.command("check")
        expect_equal(code, 1, "check with statement format: " + (out + err)[-800:])
        expect_contains(out + err, "binlog_format", "message")


# --- bounds, filters, connections -----------------------------------------------------------------

@only("copy-larger-than-the-spool", "the first copy waits for room, and goes on after SIGTERM")
def _():
    with Lab(settings={"spool": {"max_size": "1MiB"}}) as lab:
        lab.source.script("CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(200), b MEDIUMBLOB);\n"
                          "INSERT INTO big SELECT seq, REPEAT('x', 150), NULL FROM seq_1_to_30000;\n"
                          "INSERT INTO big VALUES (40000, '', REPEAT('y', 3000000));\n")
        lab.program.start()
        lab.program.wait_log("snapshot begins")
        lab.program.stop()
        lab.program.start()
        lab.settle(timeout=120)


@only("transaction-larger-than-the-spool", "is applied while it arrives")
def _():
    with Lab(settings={"spool": {"max_size": "1MiB"}}) as lab:
        lab.source.script("CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(200));\n")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("BEGIN", "INSERT INTO big SELECT seq, REPEAT('x', 150) FROM seq_1_to_30000",
                       "UPDATE big SET v = REPEAT('y', 160)", "DELETE FROM big WHERE id % 5 = 0",
                       "COMMIT", "INSERT INTO big VALUES (5, 'after')")
        lab.settle(timeout=150)


@only("transaction-larger-than-the-spool-killed", "kill -9 in the middle of it")
def _():
    with Lab(settings={"spool": {"max_size": "1MiB"}}) as lab:
        lab.source.script("CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(200));\n")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("BEGIN", "INSERT INTO big SELECT seq, REPEAT('x', 150) FROM seq_1_to_30000",
                       "UPDATE big SET v = REPEAT('y', 160)", "COMMIT")
        for number in range(3):
            time.sleep(0.2 + number * 0.2)  # any instant will do
            lab.program.kill()
            lab.program.start()
        lab.settle(timeout=150)


@only("max-event", "an event beyond the limit is a clear stop")
def _():
    with Lab(settings={"max_event": "1MiB"}) as lab:
        lab.source.script("CREATE TABLE b (id INT PRIMARY KEY, v LONGBLOB);\n")
        lab.program.incremental()
        lab.source.run("INSERT INTO b VALUES (1, REPEAT('x', 3000000))")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "max_event", "message")
        lab.program.configure({"max_event": "16MiB"})
        lab.program.incremental()
        lab.equal()


@only("connections-cut", "KILL of its connections on either side, again and again")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.start()
        lab.program.wait_caught_up()
        for number in range(15):
            lab.source.run("INSERT INTO n VALUES (%d, 1)" % number, "UPDATE t SET v = v + 1",
                           "INSERT INTO t SELECT seq, seq, NULL FROM seq_%d_to_%d" % (
                               number * 1000 + 10, number * 1000 + 900))
            (lab.source if number % 2 else lab.destination).cut()
        lab.settle()


@only("source-exchanged", "the same stream goes on against a source that took over")
def _():
    with Lab(native=True) as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (7, 7, 7)")
        lab.native_agrees()
        # a replica with a binlog of its own takes over
        lab.native.stop()
        lab.native.options += ["--log-bin=bin", "--log-slave-updates", "--binlog-format=ROW"]
        lab.native.start()
        lab.native.run("STOP SLAVE", database=None)
        lab.native.run("SET SESSION sql_log_bin = 0",
                       "CREATE USER IF NOT EXISTS datasync@'127.0.0.1' IDENTIFIED BY '%s'" % PASSWORD,
                       "GRANT ALL ON *.* TO datasync@'127.0.0.1'", database=None)
        lab.native.run("INSERT INTO t VALUES (8, 8, 8)")
        code, _out, err = lab.program.command("incremental", "--set",
                                              "source.port=%d" % lab.native.port)
        # its binlog began after the takeover: what lies between is not there to be read
        expect(code in (0, 1), "exit %d: %s" % (code, err[-600:]))
        if code == 1:
            expect_contains(err, "--resnapshot", "what to do")
        else:
            rows = lab.destination.query("SELECT id FROM t ORDER BY id", "shop")
            expect_equal(rows, lab.native.query("SELECT id FROM t ORDER BY id", "shop"), "rows")


@only("errant-transactions", "a source that lacks what was applied is refused")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (7, 7, 7)")
        lab.program.incremental()
        lab.source.run("RESET MASTER", "INSERT INTO t VALUES (8, 8, 8)")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "0-1-", "GTIDs in the message")


@only("promoted-replica", "a replica without log_slave_updates becomes the source where we stand")
def _():
    with Lab(native=True) as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (7, 7, 7)")
        native_wait(lab.native, lab.source.gtid())
        lab.native.run("STOP SLAVE", database=None)
        lab.native.stop()
        lab.native.options += ["--log-bin=bin", "--binlog-format=ROW"]
        create_accounts(lab.native.start(), "source")
        lab.native.run("INSERT INTO t VALUES (8, 8, 8)", "UPDATE t SET v = 8 WHERE id = 1")
        lab.program.configure({"source": {"port": lab.native.port}})
        text = lab.program.incremental(expect=1)  # what it replicated meanwhile is in no binlog
        expect_contains(text, "lacks transactions", "message")
        lab.program.configure({"source": {"port": lab.source.port}})
        lab.program.incremental()
        lab.program.configure({"source": {"port": lab.native.port}})
        lab.program.incremental()
        differences = compare(lab.native, lab.destination)
        expect(not differences, "differences: %s" % differences)


@only("passwords-stay-secret", "in no log, no status, no configuration printed, no process title")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.start("-vv")
        lab.program.wait_caught_up()
        texts = [lab.program.log_text().decode(errors="replace"),
                 json.dumps(lab.program.status()), "".join(lab.program.command("config")[1:])]
        with open("/proc/%d/cmdline" % lab.program.process.pid, "rb") as title:
            texts.append(title.read().decode(errors="replace"))
        expect(not any(PASSWORD in text for text in texts), "a password is shown")
        mode = os.stat(lab.program.settings["state_dir"]).st_mode & 0o077
        expect_equal(mode, 0, "others' access to state_dir")
        lab.settle()


@only("replay-of-a-range", "from the server and from files, up to a position")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (60, 60, 60)")
        middle = lab.source.gtid()
        lab.source.run("INSERT INTO t VALUES (61, 61, 61)")
        code, _out, err = lab.program.command("replay", "--to", middle)
        expect_equal(code, 0, "replay: " + err[-600:])
        expect_equal(lab.destination.scalar("SELECT MAX(id) FROM t", "shop"), 60, "last row")
        lab.source.run("FLUSH BINARY LOGS")
        code, _out, err = lab.program.command(
            "replay", os.path.join(lab.source.datadir, "bin.000001"), "--from", middle)
        expect_equal(code, 0, "replay of a file: " + err[-600:])
        expect_equal(lab.destination.scalar("SELECT MAX(id) FROM t", "shop"), 61,
                     "last row; " + err[-1500:])


@only("privileges-are-enough", "a destination account with rights on its two databases only")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.destination.run(
            "REVOKE ALL PRIVILEGES, GRANT OPTION FROM datasync@'127.0.0.1'",
            "GRANT ALL ON shop.* TO datasync@'127.0.0.1'",
            "GRANT ALL ON datasync.* TO datasync@'127.0.0.1'", database=None)
        try:
            code, _out, err = lab.program.command("incremental")
        except pymysql.err.MySQLError as error:
            raise AssertionError(str(error)) from error
        if code == 2:
            expect_contains(err, "GRANT", "what to do")  # asks for more, by name
            return
        expect_equal(code, 0, "exit code: " + err[-600:])
        lab.source.run("INSERT INTO t VALUES (9, 9, 9)", "ALTER TABLE t ADD COLUMN w INT")
        lab.program.incremental()
        lab.equal()


@only("source-quiet", "a source that sends nothing is asked where it is; a domain that it forgot is no reset")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.source.run("SET SESSION gtid_domain_id = 7", "INSERT INTO t VALUES (7, 7, 7)")
        lab.program.start("-vv")
        lab.program.wait_caught_up()
        lab.source.run("FLUSH BINARY LOGS", "FLUSH BINARY LOGS", "INSERT INTO t VALUES (8, 8, 8)")
        lab.program.wait_caught_up()  # no dump reads the file that goes
        while lab.source.query("SHOW BINARY LOGS")[0][0] != "bin.000003":
            lab.source.run("PURGE BINARY LOGS TO 'bin.000003'", database=None)
        lab.source.run("FLUSH BINARY LOGS DELETE_DOMAIN_ID = (7)", database=None)
        lab.program.wait_log("a quiet source still has the binlog")
        lab.source.run("INSERT INTO t VALUES (9, 9, 9)")
        lab.program.wait_for("the last row", lambda _status: lab.destination.scalar(
            "SELECT COUNT(*) FROM shop.t WHERE id = 9"))
        lab.equal()


@only("source-reset", "a source whose binlog begins anew is not taken for the one that was followed")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (7, 7, 7)", "INSERT INTO t VALUES (8, 8, 8)")
        lab.program.incremental()
        applied = lab.source.gtid()
        lab.source.run("RESET MASTER", *["INSERT INTO t VALUES (%d, 0, %d)" % (n, n) for n in range(100, 140)])
        expect(int(lab.source.gtid().split("-")[2]) > int(applied.split("-")[2]), "the source has not overtaken")
        expect_contains(lab.program.incremental(expect=1), "RESET MASTER", "message")
        lab.program.incremental("--resnapshot", "--yes")
        lab.equal()
        lab.source.run("FLUSH BINARY LOGS", "INSERT INTO t VALUES (9, 9, 9)", "FLUSH BINARY LOGS",
                       "PURGE BINARY LOGS TO 'bin.000002'")
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (10, 10, 10)", "FLUSH BINARY LOGS")
        lab.program.incremental()
        lab.equal()
        # live: the connection breaks, and another history stands behind it
        lab.program.start()
        lab.program.wait_caught_up()
        count = int(lab.source.gtid().split("-")[2])
        dumps = ()
        while not dumps:  # what is applied already is caught up before the dump is asked for
            dumps = lab.source.query("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'")
        lab.program.process.send_signal(signal.SIGSTOP)
        for row in dumps:
            lab.source.run("KILL %d" % row[0], database=None)
        lab.source.run("RESET MASTER", *["UPDATE t SET v = %d" % n for n in range(count + 5)])
        lab.program.process.send_signal(signal.SIGCONT)
        expect_equal(lab.program.wait_exit(), 1, "exit of run; " + lab.program.log_tail())
        expect_contains(lab.program.log_tail(), "RESET MASTER", "message")
        lab.program.incremental("--resnapshot", "--yes")
        # live, and nothing breaks: the dump waits in a file that is gone
        lab.program.start()
        lab.program.wait_log("binlog dump opened")
        lab.source.run(*["UPDATE t SET v = %d" % n for n in range(20)])
        lab.program.wait_caught_up()
        lab.source.run("RESET MASTER", "UPDATE t SET v = 0")
        expect_equal(lab.program.wait_exit(), 1, "exit of run; " + lab.program.log_tail())
        expect_contains(lab.program.log_tail(), "--resnapshot", "message")
