"""With servers: reaching them, copying, following, locks, signals, status, dump."""

import json
import os
import re
import signal
import socket
import subprocess
import time

from base import BROKEN, binary, call, environment, expect_call, json_lines, suite, write
from lib.lab import Lab
from lib.program import ProgramError
from lib.suite import expect, expect_contains, expect_equal
from lib.workspace import Workspace, free_port

SETUP = """
CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(50) CHARACTER SET utf8mb4,
                b VARBINARY(20), d DOUBLE) ENGINE=InnoDB;
CREATE TABLE sales_flat_order (entity_id INT PRIMARY KEY, x INT) ENGINE=InnoDB;
INSERT INTO t (a, b, d) VALUES ('\u00fc', x'00ff', 0.1), (NULL, 'abc', -2.5);
INSERT INTO sales_flat_order VALUES (1, 1), (2, 2), (3, 3);
"""
STATUS_KEYS = {"name", "mode", "state", "source", "applied", "lag_seconds", "caught_up",
               "transactions", "rows", "rows_written", "batches", "conflicts", "quarantined",
               "entering", "stale_tables", "hooks", "entities"}


def sides(source, destination, **more):
    lines = ["source: {host: 127.0.0.1, port: %d, database: shop}" % source,
             "destination: {host: 127.0.0.1, port: %d, database: shop}" % destination]
    return "\n".join(lines + ["%s: %s" % item for item in more.items()]) + "\n"


@suite.case("unreachable", "exit 5 within connect_timeout, refused or silent", program_only=True)
def _():
    with Workspace() as work, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(20)
        quiet = silent.getsockname()[1]
        path = work.path("datasync.yaml")
        for port in (free_port(), quiet):
            write(path, sides(port, port, state_dir=work.path("state"), connect_timeout="2s")
                  .replace("database: shop}", "database: other}", 1))
            for command in (("status",), ("check",), ("incremental",), ("quarantine", "list")):
                since = time.monotonic()
                expect_call(5, "cannot connect to the", *command, "-c", path, timeout=60)
                expect(time.monotonic() - since < 30, "%s took too long" % command[0])


def wait_for_lock(server):
    """Until datasync waits for a table's lock."""
    waiting = ("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'datasync'"
               " AND state LIKE 'Waiting for table metadata lock'")
    deadline = time.monotonic() + 60
    while not server.scalar(waiting):
        expect(time.monotonic() < deadline, "it does not come to the table")
        time.sleep(0.05)


@suite.case("destination-lost", "one that goes away under way is exit 5, too, no sooner and not later",
            program_only=True)
def _():
    with Lab(settings={"connect_timeout": "6s"}) as lab:
        lab.source.script(SETUP)
        lab.program.incremental()
        lab.source.script("UPDATE t SET a = 'x';")
        holder = lab.destination.connect("shop")
        holder.cursor().execute("LOCK TABLES t WRITE")
        lab.program.start(command="incremental")
        wait_for_lock(lab.destination)
        lab.destination.kill()
        since = time.monotonic()
        expect_equal(lab.program.wait_exit(60), 5, "exit")
        expect(5 <= time.monotonic() - since, "it gave up too soon")
        expect_contains(lab.program.log_text().decode(),
                        ": destination 127.0.0.1:%d (user datasync): " % lab.destination.port,
                        "which server was lost")
        lab.destination.start()
        lab.program.incremental()
        lab.equal()


@suite.case("stopped-while-waiting", "a signal ends the wait for a server that does not answer",
            program_only=True)
def _():
    with Lab(settings={"connect_timeout": "2s"}) as lab:
        lab.source.script(SETUP)
        holder = lab.source.connect("shop")
        holder.cursor().execute("LOCK TABLES t WRITE")
        lab.program.start(command="incremental")
        wait_for_lock(lab.source)
        lab.program.stop(timeout=30)
        expect_contains(lab.program.log_text().decode(), "has not answered", "log")
        holder.close()
        lab.program.incremental()
        lab.source.script("UPDATE t SET a = 'x';")
        holder = lab.destination.connect("shop")
        holder.cursor().execute("LOCK TABLES t WRITE")
        lab.program.start(command="incremental")
        wait_for_lock(lab.destination)
        lab.program.stop(timeout=30)
        holder.close()
        lab.program.incremental()
        lab.equal()


@suite.case("refused", "a wrong password is exit 2 at once, and never shown", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        for side in ("source", "destination"):
            lab.program.configure({"source": {"password": "s3cret-Pass"},
                                   "destination": {"password": "s3cret-Pass"}})
            lab.program.configure({side: {"password": "Fals3h"}})
            for command in ("run", "incremental", "check"):
                code, out, err = lab.program.command(command, timeout=60)
                expect_equal(code, 2, "%s with a wrong password of the %s" % (command, side))
                expect_contains(err, side, "error")
                expect("Fals3h" not in out + err, "the password is shown")


@suite.case("copy-then-status", "incremental copies; status says what it did", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        before = lab.program.status()
        expect_equal(set(before), STATUS_KEYS, "fields of status --json")
        expect_equal((before["state"], before["applied"]["gtid"]), ("stopped", None), "status")
        lab.program.incremental()
        lab.equal()
        lab.source.script("UPDATE t SET a='x' WHERE id=1;\n"
                          "DELETE FROM sales_flat_order WHERE entity_id=2;\n"
                          "INSERT INTO sales_flat_order VALUES (9, 9);")
        lab.program.incremental()
        lab.equal()
        after = lab.program.status()
        expect_equal(set(after), STATUS_KEYS, "fields of status --json")
        expect_equal(after["state"], "stopped", "state")
        expect_equal(after["applied"]["gtid"], lab.source.gtid(), "applied.gtid")
        order = dict(after["entities"].get("order", {}))
        expect(order.pop("time", None), "entities.order has no time")
        expect_equal(order, {"inserted": 1, "updated": 0, "deleted": 1, "folded": 0, "lag_seconds": None},
                     "entities.order")
        expect_equal(after["rows"], 3, "rows")
        expect_equal(after["conflicts"], 0, "conflicts")
        code, out, _err = lab.program.command("status")
        expect_equal(code, 0, "exit of status")
        expect_contains(out, "applied      " + lab.source.gtid(), "status")
        code, out, _err = lab.program.command("quarantine", "list")
        expect_equal((code, out), (0, ""), "quarantine list")
        code, _out, err = lab.program.command("quarantine", "show", "7")
        expect_equal(code, 2, "quarantine show of nothing")
        expect_contains(err, "nothing with number 7", "error")


@suite.case("progress-within-a-table", "rows of a copy are counted as they are written",
            program_only=True)
def _():
    rows = 100000
    with Lab() as lab:
        lab.source.run("CREATE TABLE big (id INT PRIMARY KEY, a CHAR(100))",
                       "INSERT INTO big SELECT seq, REPEAT('x', 100) FROM seq_1_to_%d" % rows)
        holder = lab.destination.connect().cursor()
        holder.execute("FLUSH TABLES WITH READ LOCK")
        lab.program.start()

        def step(status):
            """Some statements go through, then it stands still again: is it within the table?"""
            expect(status["state"] != "streaming", "no progress was to be seen")
            holder.execute("UNLOCK TABLES")
            holder.execute("FLUSH TABLES WITH READ LOCK")
            return 0 < status.get("snapshot", {}).get("rows", 0) < rows

        lab.program.wait_for("within the table", step, timeout=150)
        holder.execute("UNLOCK TABLES")
        lab.settle()


@suite.case("lock-and-signals", "one at a time; SIGTERM and SIGINT end with 0", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        lab.program.start()
        status = lab.program.wait_caught_up()
        expect_equal(set(status), STATUS_KEYS, "fields of status --json")
        status = lab.program.wait_for("caught up", lambda s: s["caught_up"])
        expect_equal((status["state"], status["lag_seconds"]), ("streaming", 0), "status")
        expect_equal(status["source"]["gtid"], lab.source.gtid(), "source.gtid")
        for command in ("run", "incremental", "agent", "apply", "replay"):
            code, _out, err = lab.program.command(command, timeout=60)
            expect_equal(code, 4, "%s while run runs" % command)
            expect_contains(err, "another", "error")
        for command in (("check",), ("dump",), ("entities",), ("config",), ("quarantine", "list")):
            code, _out, err = lab.program.command(*command, timeout=60)
            expect_equal(code, 0, "%s while run runs (%s)" % (command[0], err[-300:]))
        mode = os.stat(os.path.join(lab.program.folder, "state")).st_mode & 0o777
        expect_equal(oct(mode), "0o700", "mode of state_dir")
        lab.program.stop()
        lab.program.start()
        lab.program.wait_for("streaming", lambda s: s["state"] == "streaming")
        lab.program.process.send_signal(signal.SIGINT)
        expect_equal(lab.program.wait_exit(), 0, "exit after SIGINT")
        expect_equal(lab.program.status()["state"], "stopped", "state")
        lab.equal()


@suite.case("killed-leaves-no-lock", "after kill -9 the next one starts", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.kill()
        expect_equal(lab.program.status()["state"], "stopped", "state after kill -9")
        lab.source.script("INSERT INTO t (a) VALUES ('late');")
        lab.program.incremental()
        lab.equal()


@suite.case("stop-at", "run --stop-at ends there with 0", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        lab.program.incremental()
        lab.source.script("INSERT INTO t (a) VALUES ('one');")
        stop = lab.source.gtid()
        lab.source.script("INSERT INTO t (a) VALUES ('two');")
        lab.program.start("--stop-at", stop)
        expect_equal(lab.program.wait_exit(), 0, "exit")
        expect_equal(lab.program.status()["applied"]["gtid"], stop, "applied")
        lab.program.incremental()
        lab.equal()


@suite.case("halves", "agent and apply as two processes, one status", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        halves = {}
        for half in ("agent", "apply"):
            with open(os.path.join(lab.program.folder, half + ".log"), "wb") as log:
                halves[half] = subprocess.Popen(
                    [binary(), half, "--config", lab.program.config], stdout=log, stderr=log,
                    stdin=subprocess.DEVNULL, env=environment(), start_new_session=True)
            lab.work.track("half-" + half, halves[half].pid)
        deadline = time.monotonic() + 90
        while True:
            status = lab.program.status()
            if status["caught_up"] and status["applied"]["gtid"] == lab.source.gtid():
                break
            expect(time.monotonic() < deadline, "never caught up: %s" % json.dumps(status))
            expect(all(p.poll() is None for p in halves.values()), "a half has ended")
            time.sleep(0.05)
        expect_equal(status["state"], "streaming", "state")
        expect_equal(status["source"]["gtid"], lab.source.gtid(), "source.gtid")
        lab.equal()
        for half, process in halves.items():
            process.terminate()
            expect_equal(process.wait(60), 0, "exit of " + half)
            if half == "agent":  # nobody knows what the source has by now
                status = lab.program.status()
                expect_equal((status["state"], status["caught_up"]), ("catching_up", False), "status of an applier alone")
            with open(os.path.join(lab.program.folder, half + ".log"), "rb") as log:
                if BROKEN.search(log.read()):
                    raise ProgramError("sanitizer report of " + half)


@suite.case("resnapshot", "copies everything again, but not without being asked",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        lab.program.incremental()
        lab.destination.script("DELETE FROM t;")
        code, _out, err = lab.program.command("incremental", "--resnapshot")
        expect_equal(code, 2, "exit without --yes")
        expect_contains(err, "--yes", "error")
        lab.program.incremental("--resnapshot", "--yes")
        lab.equal()


@suite.case("another-destination", "what an earlier process left is not believed",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        lab.program.incremental()
        lab.destination.run("DROP DATABASE datasync", "DROP DATABASE shop", database=None)
        lab.program.incremental()
        lab.equal()


@suite.case("dry-run", "incremental --dry-run changes nothing", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        lab.program.incremental("--dry-run")
        expect_equal(lab.program.status()["applied"]["gtid"], None, "applied after a dry run")
        lab.program.incremental()
        before = lab.program.status()["applied"]["gtid"]
        lab.source.script("INSERT INTO t (a) VALUES ('not yet');")
        lab.program.incremental("--dry-run")
        expect_equal(lab.program.status()["applied"]["gtid"], before, "applied after a dry run")
        expect(lab.differences(), "a dry run has written")
        lab.program.incremental()
        lab.equal()


@suite.case("dump-file", "a binlog file as JSON lines, values told apart", program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP + "UPDATE t SET a='neu' WHERE id=1;")
        path = os.path.join(lab.source.datadir, "bin.000001")
        out = expect_call(0, None, "dump", "-c", lab.program.config, "--file", path)
        rows = [row for row in json_lines(out) if row["type"] == "change"]
        first = next(row for row in rows if row["table"] == "t")
        values = list(first["after"].values())
        expect_equal(values, [1, "\u00fc", {"base64": "AP8="}, 0.1], "first row")
        expect_equal(first["operation"], "insert", "operation")
        update = [row for row in rows if row["operation"] == "update"][-1]
        expect_equal((list(update["before"].values())[1], list(update["after"].values())[:2]),
                     ("\u00fc", [1, "neu"]), "update")
        expect_equal([row["entity"] for row in rows if row["table"] == "sales_flat_order"],
                     ["order"] * 3, "entity")
        expect(json_lines(out)[-1]["type"] == "commit", "the last line is no commit")
        write(lab.work.path("broken"), "no binlog at all, but long enough for a header")
        code, _out, err = call("dump", "--file", lab.work.path("broken"))
        expect_equal(code, 1, "exit for a broken file")
        expect_contains(err, "binlog", "error")


WORKLOAD = SETUP + """
CREATE TABLE wide (id INT PRIMARY KEY, x INT, v LONGTEXT) ENGINE=InnoDB;
INSERT INTO wide VALUES (1, 1, REPEAT('a', 100000)), (2, 2, NULL);
UPDATE wide SET x = x + 1;
UPDATE t SET a = 'neu' WHERE id = 1;
START TRANSACTION;
INSERT INTO sales_flat_order VALUES (4, 4), (5, 5);
DELETE FROM sales_flat_order WHERE entity_id < 3;
INSERT INTO t (a) VALUES ('in between');
COMMIT;
TRUNCATE TABLE t;
INSERT INTO t (a) VALUES ('after it');
ALTER TABLE wide ADD COLUMN y INT;
UPDATE wide SET y = 5;
CREATE DATABASE other;
CREATE TABLE other.t (id INT PRIMARY KEY) ENGINE=InnoDB;
INSERT INTO other.t VALUES (1), (2);
"""


def printed_by_mariadb_binlog(path):
    """({database.table: [inserts, updates, deletes]}, number of event groups)"""
    done = subprocess.run(["mariadb-binlog", "--no-defaults", "-v", "--base64-output=decode-rows",
                           path], stdout=subprocess.PIPE, check=True)
    text = done.stdout.decode(errors="replace")
    counts = {}
    for verb, database, table in re.findall(r"^### (INSERT INTO|UPDATE|DELETE FROM) `(.*)`\.`(.*)`",
                                            text, re.M):
        row = counts.setdefault(database + "." + table, [0, 0, 0])
        row[("INSERT INTO", "UPDATE", "DELETE FROM").index(verb)] += 1
    return counts, len(re.findall(r"^#.*\tGTID \d", text, re.M))


def summed(lines):
    return {row["database"] + "." + row["table"]: [row["inserts"], row["updates"], row["deletes"]]
            for row in lines[:-1]}


@suite.case("dump-summary", "what a binlog file holds, counted as mariadb-binlog prints it",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(WORKLOAD)
        path = os.path.join(lab.source.datadir, "bin.000001")
        lines = json_lines(expect_call(0, None, "dump", "--summary", "--file", path,
                                       folder=lab.work.home))
        counts, groups = printed_by_mariadb_binlog(path)
        expect_equal(summed(lines), counts, "rows per table")
        expect_equal(counts["shop.wide"], [2, 4, 0], "rows of shop.wide")
        expect_equal(counts["shop.sales_flat_order"], [5, 0, 2], "rows of shop.sales_flat_order")
        expect_equal([row["entity"] for row in lines[:-1] if row["table"] == "sales_flat_order"],
                     ["order"], "entity")
        sizes = [row["bytes"] for row in lines[:-1]]
        expect_equal(sizes, sorted(sizes, reverse=True), "order of the lines")
        # the long text: inserted, then twice before and after, though a message holds it once
        expect_equal(lines[0]["table"], "wide", "largest table")
        expect(500000 < sizes[0] < 500200, "bytes of shop.wide: %d" % sizes[0])
        total = lines[-1]
        expect_equal((total["type"], total["tables"], total["changes"], total["transactions"],
                      total["truncates"], total["bytes"], total["copied"]),
                     ("total", len(counts), sum(map(sum, counts.values())), groups, 1, sum(sizes),
                      0), "totals")
        expect_equal((total["last"]["file"], total["last"]["position"]),
                     ("bin.000001", os.path.getsize(path)), "last position")
        messages = json_lines(expect_call(0, None, "dump", "--file", path, folder=lab.work.home))
        for kind, field in (("ddl", "ddl"), ("truncate", "truncates"), ("change", "changes")):
            expect_equal(total[field], sum(row["type"] == kind for row in messages), field)
        commits = [row for row in messages if row["type"] == "commit"]
        for place, commit in (("first", commits[0]), ("last", commits[-1])):
            expect_equal(total[place], {key: commit[key] for key in total[place]}, place)
            expect("timestamp" in total[place], "no time: %s" % total[place])
        lines = json_lines(expect_call(0, None, "dump", "-s", "-c", lab.program.config, "-f", path))
        expect("other.t" in counts and "other.t" not in summed(lines), "of another database")
        with open(path, "rb") as binlog, open(lab.work.path("damaged"), "wb") as damaged:
            whole = binlog.read()
            damaged.write(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
        out = expect_call(1, "checksum", "dump", "-s", "-f", lab.work.path("damaged"),
                          folder=lab.work.home)
        expect_equal(out, "", "half a summary")


@suite.case("dump-filtered", "--stock, --entity, tables and where choose what dump shows of a file and of the spool",
            program_only=True)
def _():
    with Lab(source_options=("--binlog-row-metadata=FULL",)) as lab:
        lab.source.script("""
CREATE TABLE cataloginventory_stock_item (item_id INT PRIMARY KEY, product_id INT, qty INT);
CREATE TABLE sales_flat_order (entity_id INT PRIMARY KEY, v INT);
CREATE TABLE sales_flat_order_item (item_id INT PRIMARY KEY, order_id INT);
CREATE TABLE plain (id INT PRIMARY KEY);
""")
        lab.program.incremental()
        lab.source.run("FLUSH BINARY LOGS", "INSERT INTO cataloginventory_stock_item VALUES (1, 1, 1)",
                       "INSERT INTO sales_flat_order VALUES (1, 1), (2, 2)",
                       "INSERT INTO sales_flat_order_item VALUES (1, 1), (2, 2)",
                       "INSERT INTO plain VALUES (1)")
        lab.program.start("--stop-at", lab.source.gtid(), command="agent")
        expect_equal(lab.program.wait_exit(), 0, "exit of agent")
        binlog = ("--file", os.path.join(lab.source.datadir, "bin.000002"))
        stock, order, item, plain = (("cataloginventory_stock_item", 1), ("sales_flat_order", 2),
                                     ("sales_flat_order_item", 2), ("plain", 1))
        for options, wanted in (
                ((), {stock, order, item, plain}),
                (("--stock=only",), {stock}), (("--stock=exclude",), {order, item, plain}),
                (("--entity=order",), {order, item}), (("--entity", "table"), {plain}),
                (("--set", "tables.exclude=sales_*"), {stock, plain}),
                (("--set", "where.sales_flat_order=v > 1"),
                 {stock, ("sales_flat_order", 1), item, plain})):
            for place in (binlog, ()):
                if not place and "where" in str(options):
                    continue  # the agent's conditions have chosen what is there
                rows = [row for row in json_lines(expect_call(
                    0, None, "dump", "-c", lab.program.config, *place, *options)) if row["type"] == "change"]
                what = "dump %s %s" % (" ".join(place), " ".join(options))
                expect_equal({(row["table"], sum(row["table"] == other["table"] for other in rows))
                              for row in rows}, wanted, what)
                lines = json_lines(expect_call(0, None, "dump", "--summary", "-c", lab.program.config,
                                               *place, *options))
                expect_equal({(row["table"], row["inserts"]) for row in lines[:-1]}, wanted, what)
                expect_equal(lines[-1]["transactions"], len(wanted), "transactions of " + what)


@suite.case("dump-summary-of-the-spool", "what waits there; without a spool, nothing",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        empty = json_lines(lab.program.command("dump", "--summary")[1])
        expect_equal([(row["type"], row["changes"], row["bytes"]) for row in empty],
                     [("total", 0, 0)], "summary without a spool")
        lab.program.incremental()
        lab.source.script("INSERT INTO t (a) VALUES ('x'), ('y');\nDELETE FROM t WHERE id = 1;\n"
                          "UPDATE sales_flat_order SET x = 7 WHERE x > 1;")
        lab.program.start("--stop-at", lab.source.gtid(), command="agent")
        expect_equal(lab.program.wait_exit(), 0, "exit of the agent")
        code, out, _err = lab.program.command("dump", "--summary")
        expect_equal(code, 0, "exit of dump")
        lines = json_lines(out)
        expect_equal(summed(lines), {"shop.t": [2, 0, 1], "shop.sales_flat_order": [0, 2, 0]},
                     "rows per table")
        expect_equal((lines[-1]["transactions"], lines[-1]["last"]["gtid_set"]),
                     (3, lab.source.gtid()), "totals")
        lab.program.incremental()
        lab.equal()


@suite.case("check", "what would stop it is found beforehand", program_only=True)
def _():
    with Lab(source_options=["--binlog-format=MIXED"]) as lab:
        lab.source.script(SETUP)
        code, out, _err = lab.program.command("check")
        expect_equal(code, 1, "exit of check with MIXED binlogs")
        expect_contains(out, "STOP  source binlog_format", "check")
        lab.source.run("SET GLOBAL binlog_format=ROW", database=None)
        code, out, _err = lab.program.command("check")
        expect_equal(code, 0, "exit of check: " + out)
        expect("filter" not in out, "a filter: " + out)
        for options, line in ((("--entity=order",), "ok    both filter: rows of 1 of 2 tables travel\n"),
                              (("--entity=order", "--stock=only"), "warn  both filter: rows of 0 of 2 tables travel: ")):
            code, out, _err = lab.program.command("check", *options)
            expect_equal(code, 0, "exit of check with %s" % (options,))
            expect_contains(out, line, "check")
        lab.destination.script("CREATE TABLE x (a INT);\n"
                               "CREATE TRIGGER tr BEFORE INSERT ON x FOR EACH ROW SET NEW.a = 1;")
        code, out, _err = lab.program.command("check")
        expect_equal(code, 1, "exit of check with a trigger")
        expect_contains(out, "STOP  destination triggers", "check")


@suite.case("check-privileges", "each that is missing at either side is found beforehand",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP + "CREATE VIEW v AS SELECT id FROM t;\n"
                                  "CREATE TABLE m (a INT) ENGINE=MyISAM;")
        account = "datasync@'127.0.0.1'"
        revoke = "REVOKE ALL PRIVILEGES, GRANT OPTION FROM " + account
        rows = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW"
        at_source = "REPLICATION SLAVE, BINLOG MONITOR ON *.*"

        def check(side, grants, *stops):
            server = getattr(lab, side)
            server.run("SET SESSION sql_log_bin=0", revoke,
                       *("GRANT %s TO %s" % (grant, account) for grant in grants), database=None)
            code, out, err = lab.program.command("check")
            expect_equal(code, 1 if stops else 0, "exit of check: " + out + err[-600:])
            expect_equal(out.count("STOP "), len(stops), "what would stop it: " + out)
            for part in stops:
                expect_contains(out, part, "check")

        for missing in ("UPDATE", "CREATE", "CREATE VIEW"):
            less = ", ".join(name for name in rows.split(", ") if name != missing)
            check("destination", (less + ", CREATE ROUTINE ON shop.*", "ALL ON datasync.*",
                                  "SET USER ON *.*"), "itself: %s. GRANT" % missing)
        check("destination", (rows + ", CREATE ROUTINE ON shop.*", "SELECT ON datasync.*",
                              "SET USER ON *.*"), "itself: INSERT, UPDATE, DELETE, CREATE. GRANT")
        check("destination", ("ALL ON shop.*", "ALL ON datasync.*"),
              "definers: the destination's account datasync@127.0.0.1 may not create views and "
              "routines of other definers: v of root@localhost")
        check("destination", ("ALL ON shop.*", "ALL ON datasync.*", "SET USER ON *.*"))
        check("source", (at_source, "SELECT, LOCK TABLES ON shop.*"), "STOP  source views")
        check("source", (at_source, "SELECT, SHOW VIEW ON shop.*"), "STOP  source LOCK TABLES")
        check("source", (at_source, "SELECT, SHOW VIEW, LOCK TABLES ON shop.*"))
        lab.program.incremental()  # and that is all it takes
        lab.program.command("skip", "7-7-7", "--yes")
        expect_contains(lab.program.command("check")[1], "quarantine: 0 changes wait", "check")


@suite.case("privileges-of-the-readme", "its accounts are enough for a copy and for DDL of all kinds",
            program_only=True)
def _():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "..", "..", "README.md"), encoding="utf-8") as file:
        blocks = re.findall("```sql\n(.*?)```", file.read(), re.S)
    more = ("GRANT SET USER ON *.* TO datasync@'127.0.0.1'",
            "GRANT SELECT ON mysql.proc TO datasync@'127.0.0.1'")
    with Lab() as lab:
        for side, block in zip(("source", "destination"), blocks, strict=True):
            text = re.sub("datasync@\\S+?(?=[ ;])", "datasync@'127.0.0.1'", block)
            statements = [part for part in text.replace("\u2026", "s3cret-Pass").split(";") if part.strip()]
            getattr(lab, side).run("SET SESSION sql_log_bin=0", "DROP USER datasync@'127.0.0.1'",
                                   *statements, *more[0 if side == "destination" else 1:], database=None)
        lab.destination.run("DROP DATABASE shop", database=None)
        lab.source.script(SETUP + "CREATE VIEW v AS SELECT id FROM t;\n"
                          "CREATE TABLE m (a INT PRIMARY KEY) ENGINE=MyISAM;\nINSERT INTO m VALUES (1);\n"
                          "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1;")
        expect_equal(lab.program.command("check")[0], 0, "exit of check")
        lab.program.incremental()
        lab.equal()
        lab.source.script("CREATE OR REPLACE VIEW v AS SELECT a FROM t;\nDROP FUNCTION f;\n"
                          "CREATE PROCEDURE p() SELECT 1;\nCREATE OR REPLACE PROCEDURE p() SELECT 2;\n"
                          "CREATE TABLE x (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES t (id));\n"
                          "INSERT INTO x SELECT id FROM t;\nALTER TABLE x ADD COLUMN y INT, ADD INDEX (y);\n"
                          "RENAME TABLE x TO y;\nCREATE TABLE z SELECT * FROM y;\nTRUNCATE z;\n"
                          "CREATE TRIGGER g BEFORE INSERT ON z FOR EACH ROW SET NEW.y = 1;\nDROP TABLE z;\n"
                          "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1;\nDROP EVENT e;\n"
                          "UPDATE m SET a = 2;\nDROP VIEW v;\nDROP PROCEDURE p;")
        lab.program.incremental()
        lab.equal()


@suite.case("check-counts", "rows and checksums of both sides; a difference is exit 1",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP + "CREATE TABLE `f\u00fc%r'x` (a FLOAT, j JSON, e ENUM('x', 'y'));\n"
                                  "INSERT INTO `f\u00fc%r'x` VALUES (0.1, '{}', 'y'), (0.1, '{}', 'y'),"
                                  " (NULL, NULL, NULL);")
        lab.program.incremental()

        def counts(code, last):
            got, out, err = lab.program.command("check", "--counts")
            expect_equal(got, code, "exit of check --counts (%s)\n%s" % (err[-600:], out[-1500:]))
            listed, end = out.split("table ")[1].split(last)
            return {line.split("  ")[0]: line.split() for line in listed.splitlines()[1:]}, end

        lines, end = counts(0, "3 tables, all equal\n")
        expect_equal((end, set(lines)), ("", {"t", "sales_flat_order", "f\u00fc%r'x"}), "tables")
        for name, rows in (("t", "2"), ("sales_flat_order", "3"), ("f\u00fc%r'x", "3")):
            line = lines[name]
            expect_equal((line[1], line[5]), (rows, "equal"), "line of " + name)
            expect_equal(line[1:3], line[3:5], "the sides of " + name)
            expect(len(line[2]) == 16 and int(line[2], 16), "no checksum: %s" % line)

        lab.destination.script("UPDATE t SET d = 0.1000000000000001 WHERE id = 1;\n"
                               "DELETE FROM sales_flat_order WHERE entity_id = 3;\n"
                               "DROP TABLE `f\u00fc%r'x`;\nCREATE TABLE more (a INT);")
        after, end = counts(1, "4 of 4 tables differ")
        expect_equal(after["t"][1:4:2], ["2", "2"], "rows of t")
        expect(after["t"][2] == lines["t"][2] != after["t"][4], "checksums of t: %s" % after["t"])
        expect_equal(after["sales_flat_order"][1:4:2], ["3", "2"], "rows of sales_flat_order")
        for name, verdict in (("t", "content differs"), ("sales_flat_order", "row counts differ"),
                              ("f\u00fc%r'x", "missing at the destination"),
                              ("more", "only at the destination")):
            expect_equal(" ".join(after[name][5:]), verdict, "verdict on " + name)
            expect_contains(end, verdict, "the end")
        lab.destination.script("DROP TABLE more;\nALTER TABLE t DROP COLUMN b;")
        after, end = counts(1, "3 of 3 tables differ")
        expect_equal(" ".join(after["t"][5:]), "definitions differ", "verdict on t")


@suite.case("password-in-title", "a password given as an option leaves the process title",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script(SETUP)
        lab.program.start("--db-pass", "s3cret-Pass", "--set", "destination.password=s3cret-Pass")
        lab.program.wait_caught_up()
        with open("/proc/%d/cmdline" % lab.program.process.pid, "rb") as file:
            title = file.read()
        expect(b"s3cret" not in title, "the password is in the process title: %r" % title)
        expect(b"s3cret" not in lab.program.log_text(), "the password is in the log")
        lab.program.stop()
