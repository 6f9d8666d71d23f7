"""Law 5: what happens to a change that does not fit the destination."""

import json

from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import TABLE, only


def conflict(lab):
    """Somebody has changed the destination: a row is missing, a unique value is taken."""
    lab.source.script(TABLE + "CREATE TABLE k (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES t"
                      " (id));\nINSERT INTO k VALUES (1, 1);\n")
    lab.program.incremental()
    lab.destination.run("SET SESSION foreign_key_checks = 0", "DELETE FROM t WHERE id = 2",
                        "INSERT INTO t VALUES (90, 90, 40)", "UPDATE t SET v = 77 WHERE id = 3")


@only("on-conflict-stop", "exit 1, with table, key and position; nothing of the batch is there")
def _():
    with Lab() as lab:
        conflict(lab)
        lab.source.run("UPDATE t SET v = 5 WHERE id = 1", "UPDATE t SET v = 20 WHERE id = 2",
                       "UPDATE t SET v = 6 WHERE id = 1")
        wanted = lab.source.gtid()
        text = lab.program.incremental(expect=1)
        expect_contains(text, "shop.t", "table")
        expect_contains(text, "2", "key")
        expect_contains(text, "0-1-", "position")
        status = lab.program.status()
        expect(status["applied"]["gtid"] != wanted, "the checkpoint passed the conflict")
        expect_equal(status["conflicts"], 1, "conflicts")
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 1", "shop") in (1, 5), True,
                     "row before the conflict")
        lab.destination.run("INSERT INTO t VALUES (2, 2, 2)")
        lab.program.incremental()
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 2", "shop"), 20, "row 2")
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 1", "shop"), 6, "row 1")
        lab.program.start()
        lab.source.run("INSERT INTO k VALUES (2, 1)")
        lab.program.wait_caught_up()
        lab.destination.run("SET SESSION foreign_key_checks = 0", "DROP TABLE k")
        lab.source.run("UPDATE k SET t = 2")
        expect_equal(lab.program.wait_exit(), 1, "exit code when a table is gone")
        for part in ("k is gone", "--resnapshot"):
            expect_contains(lab.program.log_tail(), part, "a table that is gone")


@only("on-conflict-overwrite", "missing rows are inserted, present ones overwritten")
def _():
    with Lab(settings={"on_conflict": "overwrite"}) as lab:
        conflict(lab)
        lab.source.run("UPDATE t SET v = 20 WHERE id = 2", "UPDATE t SET v = 30 WHERE id = 3",
                       "INSERT INTO t VALUES (90, 91, 91)", "DELETE FROM t WHERE id = 2")
        lab.destination.run("UPDATE t SET u = 40 WHERE id = 90")
        lab.program.incremental()
        lab.equal()
        lab.destination.run("INSERT INTO t VALUES (95, 95, 55)")
        lab.source.run("INSERT INTO t VALUES (55, 55, 55)")
        text = lab.program.incremental(expect=3)  # another row holds the value: never deleted
        expect_contains(text, "quarantine", "message")
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM t WHERE id = 95", "shop"), 1,
                     "the row that holds the value")
        expect_equal(lab.program.status()["quarantined"], 1, "quarantined")


@only("on-conflict-values", "a value that its column does not take is never cut, in a table with an ENUM neither: it stops, or waits as a whole; ENUM's error value is none")
def _():
    for policy in ("stop", "quarantine", "overwrite"):
        with Lab(settings={"on_conflict": policy}) as lab:
            lab.source.script("CREATE TABLE w (id INT PRIMARY KEY, e ENUM('a','b'), s VARCHAR(20));\nINSERT INTO w VALUES (1, 'a', 'one'), (2, 'b', 'two');\n")
            lab.program.incremental()
            lab.destination.run("ALTER TABLE w MODIFY s VARCHAR(10)")
            lab.source.run("SET SESSION sql_mode = ''", "INSERT INTO w VALUES (3, 'none', 'three')", *["UPDATE w SET e = 'none' WHERE id = 2", "UPDATE w SET e = 'b' WHERE id = 2"] * 40)
            lab.program.incremental()
            lab.source.run("UPDATE w SET s = 'longer than ten' WHERE id = 1", "INSERT INTO w VALUES (4, 'a', 'longer than ten')", "UPDATE w SET s = 'deux' WHERE id = 2")
            text = lab.program.incremental(expect=1 if policy == "stop" else 3)
            for part in ("column 's'", "id=1"):
                expect_contains(text, part, "what does not fit")
            rows = ((1, "a", "one"), (2, "b", "two" if policy == "stop" else "deux"), (3, "", "three"))
            expect_equal(lab.destination.query("SELECT * FROM w ORDER BY 1", "shop"), rows, policy)
            lab.destination.run("ALTER TABLE w MODIFY s VARCHAR(20)")
            if policy != "stop":
                code, _out, err = lab.program.command("quarantine", "retry", "all", "--yes")
                expect_equal(code, 0, "quarantine retry: " + err[-600:])
            lab.program.incremental()
            lab.equal()


@only("on-conflict-enum", "a value of an ENUM that the destination's column does not have is not written as the error value")
def _():
    for policy in ("stop", "quarantine"):
        with Lab(settings={"on_conflict": policy}) as lab:
            lab.source.script("CREATE TABLE w (id INT PRIMARY KEY, e ENUM('a','it''s, or','c\\\\','d'));\nINSERT INTO w VALUES (1, 'a'), (2, 'd');\n")
            lab.program.incremental()
            lab.destination.run("DELETE FROM w WHERE id = 2", "ALTER TABLE w MODIFY e ENUM('a','it''s, or','c\\\\')", "INSERT INTO w VALUES (2, 'a')")
            lab.source.run("UPDATE w SET e = 'c\\\\' WHERE id = 1", "INSERT INTO w VALUES (3, 'd')", "INSERT INTO w VALUES (4, 'it''s, or')")
            said = lab.program.incremental(expect=1 if policy == "stop" else 3)
            for part in ("it is number 4 of ENUM column 'e', which has 3", "id=3"):
                expect_contains(said, part, policy)
            there = "SELECT id, e + 0 FROM w ORDER BY 1"
            expect_equal(lab.destination.query(there, "shop"), ((1, 3), (2, 1)) + (() if policy == "stop" else ((4, 2),)), policy)
            lab.destination.run("ALTER TABLE w MODIFY e ENUM('a','it''s, or','c\\\\','d')", "UPDATE w SET e = 'd' WHERE id = 2")
            if policy == "quarantine":
                expect_equal(lab.program.command("quarantine", "retry", "all", "--yes")[0], 0, "quarantine retry")
            lab.program.incremental()
            lab.equal()


@only("on-conflict-quarantine", "the change and all that depends on it wait; retry and drop")
def _():
    with Lab(settings={"on_conflict": "quarantine"}) as lab:
        conflict(lab)
        lab.source.run("INSERT INTO t VALUES (40, 40, 40)", "UPDATE t SET v = 41 WHERE id = 40",
                       "INSERT INTO k VALUES (2, 40)", "INSERT INTO t VALUES (50, 50, 50)",
                       "INSERT INTO k VALUES (3, 50)")
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.query("SELECT id, v FROM t WHERE id >= 40 ORDER BY id", "shop"),
                     ((50, 50), (90, 90)), "rows: what does not depend on it is applied")
        expect_equal(lab.destination.query("SELECT id FROM k ORDER BY id", "shop"), ((1,), (3,)),
                     "rows that refer to it")
        code, out, err = lab.program.command("quarantine", "list", "--json")
        expect_equal(code, 0, "quarantine list: " + err[-400:])
        waiting = [json.loads(line) for line in out.splitlines() if line.strip()]
        expect_equal(len(waiting), 3, "changes in quarantine: " + out)
        expect(all("reason" in entry and "position" in entry for entry in waiting), out)
        expect_equal(lab.program.status()["quarantined"], 3, "status")
        lab.destination.run("DELETE FROM t WHERE id = 90")
        code, _out, err = lab.program.command("quarantine", "retry", "all", "--yes")
        expect_equal(code, 0, "quarantine retry: " + err[-600:])
        lab.destination.run("INSERT IGNORE INTO t VALUES (2, 2, 2)", "UPDATE t SET v = 3 WHERE id = 3")
        lab.program.incremental()
        lab.equal()


@only("quarantine-drop", "a dropped change is gone, later ones of its row arrive")
def _():
    with Lab(settings={"on_conflict": "quarantine"}) as lab:
        conflict(lab)
        lab.source.run("INSERT INTO t VALUES (40, 40, 40)")
        lab.program.incremental(expect=3)
        code, out, _err = lab.program.command("quarantine", "list", "--json")
        number = str(json.loads(out.splitlines()[0])["id"])
        code, _out, err = lab.program.command("quarantine", "drop", number, "--yes")
        expect_equal(code, 0, "quarantine drop: " + err[-400:])
        expect_equal(lab.program.status()["quarantined"], 0, "status")
        lab.source.run("UPDATE t SET v = 10 WHERE id = 1")
        lab.program.incremental()
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 1", "shop"), 10, "row 1")


@only("skip-one-transaction", "passed over at its exact position, and recorded")
def _():
    with Lab() as lab:
        conflict(lab)
        lab.source.run("UPDATE t SET v = 20 WHERE id = 2")
        bad = lab.source.gtid()
        lab.source.run("UPDATE t SET v = 9 WHERE id = 1")
        lab.program.incremental(expect=1)
        code, _out, err = lab.program.command("skip", bad, "--reason", "a test", "--yes")
        expect_equal(code, 0, "skip: " + err[-500:])
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 1", "shop"), 9, "row 1")


@only("zero-rows-matched", "an update or delete that finds no row is noticed")
def _():
    with Lab() as lab:
        lab.source.script(TABLE + "INSERT INTO t SELECT seq, seq, seq FROM seq_10_to_60;\n")
        lab.program.incremental()
        lab.destination.run("DELETE FROM t WHERE id = 33")
        lab.source.run("DELETE FROM t WHERE id BETWEEN 20 AND 50")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "33", "key in the message")
        lab.destination.run("INSERT INTO t VALUES (33, 33, 33)")
        lab.program.incremental()
        lab.equal()


@only("on-conflict-beside-keyless-rows", "changes of a table without a key are replayed as they came")
def _():
    with Lab(settings={"on_conflict": "overwrite"}) as lab:
        conflict(lab)
        lab.source.script("CREATE TABLE keyless (a INT, b INT);\n"
                          "INSERT INTO keyless VALUES (1, 1), (1, 1), (2, 2), (3, 3);\n")
        lab.program.incremental()
        lab.source.script("""
BEGIN;
UPDATE keyless SET b = 5 WHERE a = 1 LIMIT 1;
UPDATE keyless SET a = 7 WHERE a = 2;
DELETE FROM keyless WHERE a = 3;
INSERT INTO keyless VALUES (9, 9);
UPDATE t SET id = 33 WHERE id = 3;
UPDATE t SET v = 20 WHERE id = 2;
DELETE FROM k;
COMMIT;
""")
        lab.program.incremental()
        expect_equal(lab.program.status()["conflicts"] > 0, True, "there was a conflict")
        for table in ("keyless", "k"):
            rows = "SELECT * FROM %s ORDER BY 1, 2" % table
            expect_equal(lab.destination.query(rows, "shop"), lab.source.query(rows, "shop"), table)
        expect_equal(lab.destination.query("SELECT id FROM t WHERE id < 40 ORDER BY id", "shop"),
                     ((1,), (2,), (33,)), "rows of t")


@only("keyless-update-that-does-not-fit", "the new row is refused: the old one stays, and the change waits")
def _():
    for policy in ("quarantine", "overwrite"):
        with Lab(settings={"on_conflict": policy}) as lab:
            lab.source.script("CREATE TABLE n (a INT, b INT, UNIQUE KEY (a));\n"
                              "INSERT INTO n VALUES (1, 1), (2, 2), (NULL, 3);\n")
            lab.program.incremental()
            lab.destination.run("INSERT INTO n VALUES (5, 5)")
            lab.source.run("UPDATE n SET a = 5 WHERE a = 1", "UPDATE n SET b = 9 WHERE a = 2")
            lab.program.incremental(expect=3)
            expect_equal(lab.destination.query("SELECT a, b FROM n ORDER BY a", "shop"),
                         ((None, 3), (1, 1), (2, 9), (5, 5)), "rows under " + policy)
            lab.destination.run("DELETE FROM n WHERE a = 5")
            code, _out, err = lab.program.command("quarantine", "retry", "all", "--yes")
            expect_equal(code, 0, "quarantine retry: " + err[-600:])
            lab.equal()
