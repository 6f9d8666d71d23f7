"""skip, incremental --limit and --dry-run, replay --dry-run, dump: what they do, and only that."""

import json
import os

from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import TABLE, only


# --- skip ----------------------------------------------------------------------------------------

def skip(lab, position, code, part="", reason="a test"):
    got, out, err = lab.program.command("skip", position, "--reason", reason, "--yes")
    expect_equal(got, code, "exit of skip %s: %s" % (position, err[-600:]))
    expect_contains(err, part, "skip")
    expect_equal(out, "", "stdout of skip")


def recorded(lab):
    """What was passed over or is to be: (position, state, reason)."""
    return lab.destination.query("SELECT position, reason_code, reason FROM datasync_quarantine WHERE"
                                 " operation = 'skip' ORDER BY id", "datasync")


def master_position(server):
    row = server.query("SHOW MASTER STATUS")[0]
    return "%s:%d" % (row[0], row[1])


def unfitting(lab):
    """A transaction that cannot be applied: its GTID and where it ends."""
    lab.destination.run("DELETE FROM t WHERE id = 2")
    lab.source.run("UPDATE t SET v = 20 WHERE id = 2")
    return lab.source.gtid(), master_position(lab.source)


@only("skip-at-a-gtid", "passes over that transaction only, with the reason on record")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        gtid, _end = unfitting(lab)
        lab.source.run("UPDATE t SET v = 9 WHERE id = 1")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "gtid=" + gtid, "the error names the transaction")
        skip(lab, gtid, 0, gtid, "somebody's `row` is \"gone\"; it's fine\u00fc")
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.query("SELECT id, v FROM t ORDER BY id", "shop"),
                     ((1, 9), (3, 3)), "rows")
        entry = recorded(lab)[0]
        expect_equal(entry[:2], (gtid, 1), "on record")
        expect_contains(entry[2], "somebody's `row` is \"gone\"; it's fine\u00fc", "reason on record")
        status = lab.program.status()
        expect_equal((status["quarantined"], status["applied"]["gtid"]), (0, lab.source.gtid()),
                     "status")
        lab.source.run("UPDATE t SET v = 10 WHERE id = 1")  # only once
        lab.program.incremental()
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 1", "shop"), 10, "row 1")


@only("skip-at-a-file-position", "the same by FILE:POSITION, also when its table is not there")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        _gtid, end = unfitting(lab)
        text = lab.program.incremental(expect=1)
        expect_contains(text, "file=" + end, "the error names the position")
        skip(lab, end, 0, end)
        lab.program.incremental(expect=3)
        lab.destination.run("DROP TABLE n")
        lab.source.run("INSERT INTO n VALUES (8, 8)", "INSERT INTO t VALUES (8, 8, 8)")
        text = lab.program.incremental(expect=1)
        place = text.rsplit("file=", 1)[1].split()[0].rstrip('"')
        skip(lab, place, 0, place)
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.scalar("SELECT MAX(id) FROM t", "shop"), 8, "row 8")
        expect_equal([entry[1] for entry in recorded(lab)], [1, 1], "on record")


@only("skip-of-a-large-transaction", "one that is written in parts, by both kinds of position")
def _():
    with Lab(settings={"batch": {"max_bytes": "64KiB"}}) as lab:
        lab.source.script(TABLE + "CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(200));\n")
        lab.program.incremental()
        for by_gtid in (True, False):
            lab.destination.run("DELETE FROM t WHERE id = 2")
            lab.source.run("BEGIN", "REPLACE INTO big SELECT seq, REPEAT('x', 150) FROM seq_1_to_2000",
                           "UPDATE t SET v = v + 1 WHERE id = 2", "COMMIT")
            text = lab.program.incremental(expect=1)
            gtid, end = lab.source.gtid(), master_position(lab.source)
            expect_contains(text, "gtid=%s file=%s" % (gtid, end), "the error names the position")
            skip(lab, gtid if by_gtid else end, 0)
            lab.program.incremental(expect=3)
            expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM big", "shop"), 0, "rows of it")


@only("skip-of-failed-ddl", "the statement is passed over, its intent closed")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.destination.run("ALTER TABLE t ADD COLUMN w INT DEFAULT 4")  # somebody did it by hand
        lab.source.run("ALTER TABLE t ADD COLUMN w INT DEFAULT 4")
        gtid = lab.source.gtid()
        lab.source.run("UPDATE t SET w = 5 WHERE id = 1")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "ADD COLUMN w", "the error names the statement")
        expect_contains(text, gtid, "and its position")
        expect_contains(text, "skip", "what to do")
        skip(lab, gtid, 0)
        lab.program.incremental(expect=3)
        lab.equal()
        lab.source.run("ALTER TABLE t ADD COLUMN x INT")
        lab.program.incremental()
        lab.equal()


@only("skip-at-a-wrong-position", "has no effect, and says so: at once, or when it is certain")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        done = lab.source.gtid()
        for position, part in (("nonsense", "nonsense"), ("0-1", "0-1"), ("bin.000001", "bin.000001"),
                               (done, "applied"), (master_position(lab.source), "applied"),
                               ("bin.000001:4", "applied"), ("0-1-1", "applied")):
            skip(lab, position, 2, part)
        expect_equal(recorded(lab), (), "on record")
        gtid, end = unfitting(lab)
        file, offset = end.split(":")
        wrong = "%s:%d" % (file, int(offset) - 1)
        skip(lab, wrong, 0)
        text = lab.program.incremental(expect=1)  # still stops there
        expect_contains(text, "gtid=" + gtid, "the error")
        expect_contains(text, wrong, "says that there is no such transaction")
        skip(lab, gtid, 0)
        skip(lab, "7-7-7", 0)
        lab.source.run("UPDATE t SET v = 9 WHERE id = 1")
        text = lab.program.incremental(expect=3)
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 1", "shop"), 9, "row 1")
        entries = recorded(lab)
        expect_equal([(e[0], e[1]) for e in entries], [(wrong, 2), (gtid, 1), ("7-7-7", 0)], "on record")
        expect_contains(text, "7-7-7", "one that still waits is named when the run ends")


# --- --limit ---------------------------------------------------------------------------------------

@only("limit", "ends at the last whole transaction before it; again and again comes to the end")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        for number in range(6):  # groups of 2, 3, 4, … rows
            lab.source.run("INSERT INTO t SELECT seq, 0, NULL FROM seq_%d_to_%d" % (
                number * 100 + 10, number * 100 + 11 + number))
        lab.source.run("ALTER TABLE t ADD COLUMN w INT", "UPDATE t SET w = 1 WHERE id < 4")
        counts = []
        for _ in range(20):
            text = lab.program.incremental("--limit", "8")
            counts.append(lab.destination.scalar("SELECT COUNT(*) FROM t", "shop") - 3)
            if not lab.differences():
                break
            expect_contains(text, "limit", "says why it has ended")
        expect_equal(counts, [5, 9, 14, 20, 27, 27], "rows after each run")
        lab.equal()
        expect("--limit" not in lab.program.incremental("--limit", "8"), "nothing is left")
        lab.source.run("INSERT INTO t SELECT seq, 0, NULL, 0 FROM seq_2000_to_2100")
        lab.program.incremental("--limit", "0")  # none
        lab.equal()
        for wrong in ("-1", "x", ""):
            lab.program.incremental("--limit", wrong, expect=2)


@only("limit-smaller-than-a-transaction", "says what to do, exit 1, nothing of it is applied")
def _():
    with Lab(settings={"batch": {"max_bytes": "64KiB"}}) as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        # the second one is written in parts
        for statement, count in (("INSERT INTO t SELECT seq, 0, NULL FROM seq_10_to_30", 21),
                                 ("INSERT INTO t SELECT seq, 0, NULL FROM seq_100_to_5099", 5000)):
            lab.source.run("INSERT INTO n VALUES (5, 5)", statement)
            before = lab.destination.scalar("SELECT COUNT(*) FROM t", "shop")
            lab.program.incremental("--limit", "20")
            for _ in range(2):
                text = lab.program.incremental("--limit", "20", expect=1)
                expect_contains(text, "--limit", "message")
                expect_contains(text, "gtid=" + lab.source.gtid(), "message")
                expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t", "shop"), before, "rows")
            lab.program.incremental("--limit", str(count))
            lab.equal()


@only("limit-and-lost-connections", "rows are not counted twice when a batch is tried again")
def _():
    with Lab(settings={"batch": {"max_rows": 4}}) as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run(*["INSERT INTO t VALUES (%d, 0, NULL)" % n for n in range(100, 160)])
        holder = lab.destination.connect("shop", autocommit=False)
        with holder.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (130, 0, NULL)")
            lab.program.configure({"connect_timeout": 30})
            lab.program.start("--limit", "50", command="incremental")
            lab.program.wait_for("the lock", lambda s: s["rows"] >= 28)
            lab.destination.cut()
            holder.rollback()
        holder.close()
        expect_equal(lab.program.wait_exit(), 0, "exit; " + lab.program.log_tail())
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t", "shop"), 53, "rows")


# --- --dry-run -------------------------------------------------------------------------------------

def fingerprint(server):
    """Definitions and CHECKSUM TABLE of everything that is not the server's own."""
    result = {}
    for database, name, kind in server.query(
            "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE"
            " table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"):
        full = "`%s`.`%s`" % (database, name)
        result[full] = (kind, server.query("SHOW CREATE TABLE " + full),
                        kind == "VIEW" or server.query("CHECKSUM TABLE " + full))
    return result, server.query("SHOW DATABASES")


DRY = TABLE + """
CREATE TABLE my (a INT, b INT) ENGINE = MyISAM;
CREATE TABLE mem (id INT PRIMARY KEY, b INT) ENGINE = MEMORY;
INSERT INTO my VALUES (1, 1), (2, 2);
INSERT INTO mem VALUES (1, 1), (2, 2);
"""
CHANGES = ("INSERT INTO t VALUES (10, 10, 10), (11, 11, 11)", "UPDATE t SET v = 5 WHERE id = 10",
           "INSERT INTO my VALUES (3, 3)", "DELETE FROM mem WHERE id = 1",
           "ALTER TABLE t ADD COLUMN w INT DEFAULT 1", "UPDATE t SET w = 2 WHERE id = 11",
           "CREATE TABLE fresh (id INT PRIMARY KEY)", "INSERT INTO fresh VALUES (1), (2), (3)",
           "CREATE TABLE chosen AS SELECT id, v FROM t", "CREATE VIEW seen AS SELECT 1 AS one",
           "TRUNCATE TABLE n", "DROP TABLE my", "XA START 'x'", "INSERT INTO fresh VALUES (9)",
           "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'", "RENAME TABLE fresh TO stale",
           "UPDATE stale SET id = id + 100")
ROWS = 2 + 1 + 1 + 1 + 1 + 3 + 5 + 1 + 4


@only("dry-run-changes-nothing", "incremental and replay, with DDL, XA and MyISAM rows: all is counted")
def _():
    with Lab() as lab:
        lab.source.script(DRY)
        code, _out, err = lab.program.command("incremental", "--dry-run")
        expect_equal(code, 0, "a dry run of everything: " + err[-300:])
        expect_contains(err, "would be copied", "a dry run of everything")
        lab.program.incremental()
        before = fingerprint(lab.destination)
        lab.source.run(*CHANGES)
        for arguments in (("incremental", "--dry-run"), ("replay", "--dry-run"),
                          ("incremental", "--dry-run")):
            code, _out, err = lab.program.command(*arguments)
            line = " ".join(arguments)
            expect_equal(code, 0, "exit of %s: %s" % (line, err[-1500:]))
            expect_contains(err, " rows=%d " % ROWS, "counts of " + line)
            expect_contains(err, "nothing was written", line)
            expect_equal(fingerprint(lab.destination), before, "the destination after " + line)
        path = lab.work.path("source", "data", "bin.000001")
        lab.source.run("FLUSH BINARY LOGS")
        code, _out, err = lab.program.command("replay", path, "--dry-run")
        expect_equal(code, 0, "replay of a file: " + err[-1500:])
        expect_contains(err, " rows=%d " % ROWS, "counts of a replay of a file")
        expect_equal(fingerprint(lab.destination), before, "the destination")
        lab.program.incremental()
        lab.equal()


@only("dry-run-larger-than-the-spool", "ends, counts, changes nothing")
def _():
    with Lab(settings={"spool": {"max_size": "1MiB"}, "batch": {"max_bytes": "64KiB"}}) as lab:
        lab.source.script(DRY + "CREATE TABLE big (id INT PRIMARY KEY, v VARCHAR(200));\n")
        lab.program.incremental()
        before = fingerprint(lab.destination)
        lab.source.run("INSERT INTO big SELECT seq, REPEAT('x', 150) FROM seq_1_to_20000",
                       *["UPDATE big SET v = REPEAT('%d', 150) WHERE id <= 5000" % n for n in range(4)])
        text = lab.program.incremental("--dry-run")
        expect_contains(text, " rows=40000 ", "counts")
        expect_equal(fingerprint(lab.destination), before, "the destination")
        lab.program.incremental()
        lab.equal()


def new_binlog(server):
    server.run("FLUSH BINARY LOGS", database=None)
    return os.path.join(server.datadir, server.query("SHOW MASTER STATUS")[0][0])


@only("replay-of-files-with-a-gap", "files that begin after the checkpoint are refused, also without "
      "a transaction in them or with --from as FILE:POSITION")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        applied = lab.source.gtid()
        lab.source.run("INSERT INTO t VALUES (60, 60, 60)")
        second = new_binlog(lab.source)
        lab.source.run("INSERT INTO t VALUES (61, 61, 61)")
        third = new_binlog(lab.source)  # has no transaction
        fourth = new_binlog(lab.source)
        lab.source.run("INSERT INTO t VALUES (62, 62, 62)")
        for arguments in (("--file", third), ("--file", second), ("--file", fourth),
                          ("--file", third, "--to", lab.source.gtid()),
                          ("--file", fourth, "--from", "bin.000001:4"),
                          ("--file", fourth, "--from", applied)):
            code, _out, err = lab.program.command("replay", *arguments)
            expect_equal(code, 1, "replay %s: %s" % (" ".join(arguments), err[-600:]))
            expect_contains(err, "give the files before it", "error")
            expect_equal(lab.program.status()["applied"]["gtid"], applied, "checkpoint")
        first = os.path.join(lab.source.datadir, "bin.000001")
        code, _out, err = lab.program.command("replay", fourth, "-f", second, "--file=" + third,
                                              "-f", first)
        expect_equal(code, 0, "replay of all files: " + err[-600:])
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t WHERE id >= 60", "shop"), 3, "rows")


@only("replay-of-files-without-one", "one that is missing behind a shutdown of the source is noticed")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        for number in (60, 61, 62):
            lab.source.run("INSERT INTO t VALUES (%d, %d, %d)" % ((number,) * 3))
            lab.source.stop()
            lab.source.start()
        files = [os.path.join(lab.source.datadir, "bin.00000%d" % n) for n in (1, 2, 3)]
        code, _out, err = lab.program.command("replay", files[0], files[2])
        expect_equal(code, 1, "replay without the second: " + err[-600:])
        expect_contains(err, "does not follow the one before it", "error")
        code, _out, err = lab.program.command("replay", *files)
        expect_equal(code, 0, "replay of all files: " + err[-600:])
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t WHERE id >= 60", "shop"), 3, "rows")


@only("replay-beside-a-full-spool", "what the agent has read beyond the range is not applied")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (60, 60, 60)")
        middle = lab.source.gtid()
        lab.source.run("INSERT INTO t VALUES (61, 61, 61)", "INSERT INTO t VALUES (62, 62, 62)")
        lab.program.start("--stop-at", lab.source.gtid(), command="agent")
        expect_equal(lab.program.wait_exit(), 0, "exit of agent; " + lab.program.log_tail())
        code, _out, err = lab.program.command("replay", "--to", middle)
        expect_equal(code, 0, "replay: " + err[-600:])
        expect_equal(lab.destination.scalar("SELECT MAX(id) FROM t", "shop"), 60, "last row")
        expect_equal(lab.program.status()["applied"]["gtid"], middle, "applied")
        lab.program.incremental()
        lab.equal()


# --- dump ------------------------------------------------------------------------------------------

@only("dump-while-the-applier-is-stopped", "what the agent has put into the spool, again and again")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (70, 7, NULL)", "CREATE TABLE later (id INT PRIMARY KEY)",
                       "DELETE FROM t WHERE id = 1")
        end = lab.source.gtid()
        lab.program.start("--stop-at", end, command="agent")
        expect_equal(lab.program.wait_exit(), 0, "exit of agent; " + lab.program.log_tail())
        texts = []
        for _ in range(2):
            code, out, err = lab.program.command("dump")
            expect_equal(code, 0, "dump: " + err[-500:])
            texts.append(out)
        expect_equal(texts[0], texts[1], "the second dump")
        lines = [json.loads(line) for line in texts[0].splitlines()]
        expect_equal([x["operation"] for x in lines if x["type"] == "change"], ["insert", "delete"],
                     "changes")
        expect_equal([x["statement"] for x in lines if x["type"] == "ddl"],
                     ["CREATE TABLE later (id INT PRIMARY KEY)"], "statements")
        expect_equal(lines[-1]["type"], "commit", "the last line")
        expect_contains(json.dumps(lines[-1]), end, "the last position")
        lab.program.incremental()
        lab.equal()
        code, out, _err = lab.program.command("dump")
        expect_equal((code, [json.loads(x)["type"] for x in out.splitlines() if "change" in x]),
                     (0, []), "dump when all is applied")


@only("names-from-the-copy", "columns have their names from the first change after the copy on")
def _():
    with Lab() as lab:
        lab.source.script("""
CREATE TABLE typed (id INT UNSIGNED PRIMARY KEY, a TINYINT, b MEDIUMINT UNSIGNED, c DECIMAL(10, 3), d FLOAT, e DOUBLE,
  f BIT(9), g YEAR, h DATE, i TIME(3), j DATETIME(6), k TIMESTAMP NULL, l CHAR(10), m VARCHAR(300), n BINARY(8),
  o VARBINARY(20), p TEXT,
  q LONGBLOB, r ENUM('x', 'y'), s SET('x', 'y'), t JSON, u UUID, v INET6, w POINT, x TINYTEXT, y TIME, z DATETIME);
INSERT INTO typed (id) VALUES (1);
CREATE TABLE hashed (id INT PRIMARY KEY, long_one TEXT, UNIQUE KEY (long_one));
INSERT INTO hashed VALUES (1, 'a');
""")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.source.run("UPDATE typed SET a = 1", "UPDATE hashed SET long_one = 'b'")
        lab.program.start("--stop-at", lab.source.gtid(), command="agent")
        expect_equal(lab.program.wait_exit(), 0, "exit code of the agent")
        changes = [message for message in map(json.loads, lab.program.command("dump")[1].splitlines())
                   if message["type"] == "change"]
        expect_equal([(m["table"], sorted(m["after"])) for m in changes], [
            ("typed", sorted(["id", *"abcdefghijklmnopqrstuvwxyz"])),
            ("hashed", ["@3", "id", "long_one"])], "names of columns")


@only("replay-of-files-cut-short", "a file that lacks its end is no range with the next; --file")
def _():
    with Lab() as lab:
        lab.source.script(TABLE)
        lab.program.incremental()
        lab.source.run(*["INSERT INTO t VALUES (%d, 0, %d)" % (n, n) for n in range(10, 20)],
                       "FLUSH BINARY LOGS", "UPDATE t SET v = 1", "FLUSH BINARY LOGS")
        paths = []
        for name in ("bin.000001", "bin.000002"):
            with open(lab.source.datadir + "/" + name, "rb") as binlog:
                whole = binlog.read()
            paths += ["--file", lab.work.path(name)]
            with open(paths[-1], "wb") as out:
                out.write(whole)
        with open(paths[1], "rb") as binlog:
            whole = binlog.read()
        starts = []  # of events: type, offset
        offset = 4
        while offset < len(whole):
            starts.append((whole[offset + 4], offset))
            offset += int.from_bytes(whole[offset + 9:offset + 13], "little")
        gtids = [at for kind, at in starts if kind == 162]
        commits = [at for kind, at in starts if kind == 16]
        for what, end in (("between transactions", gtids[-2]), ("in one", commits[-2]),
                          ("in an event", commits[-2] + 5), ("behind all but one", gtids[-1])):
            with open(paths[1], "wb") as out:
                out.write(whole[:end])
            code, _out, err = lab.program.command("replay", *paths)
            expect_equal(code, 1, "cut %s: %s" % (what, err[-600:]))
            expect_contains(err, "cut short when it was copied", "cut " + what)
        with open(paths[1], "wb") as out:
            out.write(whole[:commits[0] + 9] + bytes(4) + whole[commits[0] + 13:])
        code, _out, err = lab.program.command("dump", *paths[:2], config=False)
        expect_equal(code, 1, "an event of length 0: " + err[-600:])
        expect_contains(err, ":%d" % commits[0], "where")
        with open(paths[1], "wb") as out:
            out.write(whole)
        code, _out, err = lab.program.command("replay", *paths)
        expect_equal(code, 0, "whole files: " + err[-600:])
        lab.equal()
