"""Law 5, policy quarantine: what waits, in which order, and what an operator does with it."""

import json
import re

from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import only

SETUP = """
CREATE TABLE t (id INT PRIMARY KEY, v INT, u INT, UNIQUE KEY (u));
CREATE TABLE k (id INT PRIMARY KEY, t INT, v INT, FOREIGN KEY (t) REFERENCES t (id));
CREATE TABLE g (id INT PRIMARY KEY, k INT, FOREIGN KEY (k) REFERENCES k (id));
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
INSERT INTO k VALUES (1, 1, 1);
"""
POLICY = {"on_conflict": "quarantine"}


def waiting(lab):
    """The entries of quarantine list."""
    code, out, err = lab.program.command("quarantine", "list", "--json")
    expect_equal(code, 0, "quarantine list: " + err[-400:])
    return [json.loads(line) for line in out.splitlines()]


def held(lab):
    """What waits, as (operation, table, key), in the order of the list."""
    return [(e["operation"], e["table"], e["key"]) for e in waiting(lab)]


def retry(lab, which, code, part=""):
    got, out, err = lab.program.command("quarantine", "retry", str(which))
    expect_equal(got, code, "exit of retry %s: %s" % (which, err[-600:]))
    expect_contains(err, part, "retry")
    expect_equal(out, "", "stdout of retry")
    return err


def taken(lab, values=(40,)):
    """Somebody holds unique values at the destination that the source is about to use."""
    lab.source.script(SETUP)
    lab.program.incremental()
    for value in values:
        lab.destination.run("INSERT INTO t VALUES (%d, 0, %d)" % (900 + value, value))


def give_back(lab, value=40):
    lab.destination.run("DELETE FROM t WHERE id = %d" % (900 + value))


CHAIN = ("INSERT INTO t VALUES (40, 1, 40)", "UPDATE t SET v = 2 WHERE id = 40",
         "INSERT INTO k VALUES (10, 40, 1)", "INSERT INTO g VALUES (10, 10)",
         "UPDATE k SET v = 2 WHERE id = 10", "UPDATE t SET v = v + 1 WHERE id = 40",
         "UPDATE k SET t = 1 WHERE id = 10", "DELETE FROM g WHERE id = 10",
         "INSERT INTO g VALUES (11, 10)", "UPDATE t SET id = 41 WHERE id = 40",
         "INSERT INTO k VALUES (11, 41, 5)", "INSERT INTO t VALUES (40, 77, 78)")


@only("quarantine-keeps-the-order", "later changes of the row, of its children and theirs wait")
def _():
    with Lab(settings=POLICY) as lab:
        taken(lab)
        lab.source.run(*CHAIN, "INSERT INTO t VALUES (60, 6, 60)", "INSERT INTO k VALUES (60, 60, 6)")
        lab.program.incremental(expect=3)
        entries = waiting(lab)
        expect_equal(len(entries), len(CHAIN), "changes that wait: %s" % held(lab))
        expect_equal([e["operation"] for e in entries],
                     [sql.split()[0].lower() for sql in CHAIN], "their order")
        first = entries[0]
        expect("held_by" not in first, "the first waits behind something: %s" % first)
        expect_equal({e["held_by"] for e in entries[1:]}, {first["id"]}, "behind what they wait")
        expect_equal((first["table"], first["reason_code"]), ("t", 1062), "the first")
        expect_contains(first["key"], "40", "its key")
        expect_contains(first["position"], "gtid=0-1-", "its position")
        expect_equal(lab.program.status()["quarantined"], len(CHAIN), "status")
        expect_equal(lab.destination.query("SELECT id FROM k ORDER BY id", "shop"), ((1,), (60,)),
                     "what does not depend on it is applied")
        lab.program.incremental(expect=3)  # nothing new, still waiting
        give_back(lab)
        text = retry(lab, first["id"], 0, "applied=%d" % len(CHAIN))
        expect_contains(text, "still_waiting=0", "retry")
        expect_equal(waiting(lab), [], "after the retry")
        lab.equal()
        lab.source.run("UPDATE t SET v = 9", "DELETE FROM g", "DELETE FROM k WHERE t >= 40",
                       "DELETE FROM t WHERE id = 41")
        lab.program.incremental()
        lab.equal()


@only("quarantine-show", "one change with its rows, as text and as JSON")
def _():
    with Lab(settings=POLICY) as lab:
        taken(lab)
        lab.source.run("INSERT INTO t VALUES (40, 1, 40)", "UPDATE t SET v = 2 WHERE id = 40")
        lab.program.incremental(expect=3)
        first, second = waiting(lab)
        code, out, err = lab.program.command("quarantine", "show", str(second["id"]))
        expect_equal(code, 0, "show: " + err[-400:])
        expect_contains(out, "waits behind %d" % first["id"], "show")
        expect_contains(out, second["position"], "show")
        _code, out, _err = lab.program.command("quarantine", "list")
        for row in (first, second):
            expect_contains(out, "    at %s\n" % row["position"], "list")
            expect(re.search(r"^%d  .*  %s, \d+ (s|min) ago$" % (row["id"], row["created_at"]), out, re.M), "age in " + out)
        code, out, err = lab.program.command("quarantine", "show", str(second["id"]), "--json")
        expect_equal(code, 0, "show --json: " + err[-400:])
        lines = [json.loads(line) for line in out.splitlines()]
        expect_equal(lines[0]["id"], second["id"], "the first line is the change")
        change = [line for line in lines if line.get("type") == "change"]
        expect_equal(len(change), 1, "changes: " + out)
        expect_equal((change[0]["operation"], list(change[0]["before"].values())),
                     ("update", [40, 1, 40]), "the row")
        expect_equal(list(change[0]["after"].values())[1], 2, "the new value: " + out)


@only("quarantine-retry-too-early", "while the cause is there: exit 3, says why, nothing moves")
def _():
    with Lab(settings=POLICY) as lab:
        taken(lab, (40, 50))
        lab.source.run("INSERT INTO t VALUES (40, 1, 40)", "INSERT INTO k VALUES (40, 40, 1)",
                       "INSERT INTO t VALUES (50, 1, 50)", "UPDATE t SET v = 2 WHERE id = 50")
        lab.program.incremental(expect=3)
        before = waiting(lab)
        roots = [e["id"] for e in before if "held_by" not in e]
        expect_equal(len(roots), 2, "causes")
        text = retry(lab, roots[0], 3, "still does not fit")
        expect_contains(text, "Duplicate entry", "retry")
        expect_equal([e["id"] for e in waiting(lab)], [e["id"] for e in before], "what waits")
        give_back(lab, 50)
        text = retry(lab, "all", 3, "applied=2")
        expect_contains(text, "still_waiting=2", "retry all")
        expect_equal(held(lab), [("insert", "t", before[0]["key"]), ("insert", "k", before[1]["key"])],
                     "what waits")
        expect_equal(lab.destination.scalar("SELECT v FROM t WHERE id = 50", "shop"), 2, "row 50")
        give_back(lab, 40)
        retry(lab, "all", 0)
        lab.equal()
        retry(lab, "all", 0, "applied=0")


@only("quarantine-retry-order", "one that waits for another's retry: all is one command")
def _():
    with Lab(settings=POLICY) as lab:
        taken(lab, (40, 50))
        # the second takes over the value that the first gives away: two causes, one chain
        lab.source.run("INSERT INTO t VALUES (40, 1, 40)", "INSERT INTO t VALUES (50, 2, 50)",
                       "UPDATE t SET u = 41 WHERE id = 40", "UPDATE t SET u = 40 WHERE id = 50",
                       "DELETE FROM t WHERE id = 40", "UPDATE t SET id = 40 WHERE id = 50",
                       "UPDATE t SET v = 99 WHERE id = 40", "INSERT INTO k VALUES (40, 40, 1)")
        lab.program.incremental(expect=3)
        expect_equal(len(waiting(lab)), 8, "changes that wait: %s" % waiting(lab))
        give_back(lab, 40)
        give_back(lab, 50)
        retry(lab, "all", 0)
        expect_equal(waiting(lab), [], "what waits")
        lab.equal()


@only("quarantine-drop-and-wrong-ids", "a dropped chain is gone; wrong ids are exit 2")
def _():
    with Lab(settings=POLICY) as lab:
        taken(lab)
        lab.source.run("INSERT INTO t VALUES (40, 1, 40)", "INSERT INTO k VALUES (40, 40, 1)",
                       "UPDATE t SET v = 2 WHERE id = 40")
        lab.program.incremental(expect=3)
        entries = waiting(lab)
        code, _out, err = lab.program.command("quarantine", "drop", str(entries[0]["id"]))
        expect_equal(code, 2, "drop without --yes and without a terminal")
        expect_contains(err, "--yes", "message")
        for verb, number, part in (("show", "99", "nothing with number 99"), ("show", "x", "'x'"),
                                   ("show", "0", "'0'"), ("drop", "99", "no quarantined change"),
                                   ("drop", "all", "'all'"), ("retry", "99", "no quarantined change"),
                                   ("retry", "-1", "'-1'"), ("retry", "1x", "'1x'"),
                                   ("retry", str(entries[1]["id"]),
                                    "waits behind %d" % entries[0]["id"])):
            code, _out, err = lab.program.command("quarantine", verb, number, "--yes")
            expect_equal(code, 2, "%s %s: %s" % (verb, number, err[-300:]))
            expect_contains(err, part, "%s %s" % (verb, number))
        expect_equal(waiting(lab)[0]["id"], entries[0]["id"], "what waits")
        code, _out, err = lab.program.command("quarantine", "drop", str(entries[0]["id"]), "--yes")
        expect_equal(code, 0, "drop: " + err[-300:])
        expect_contains(err, "changes=3", "drop")
        expect_equal((waiting(lab), lab.program.status()["quarantined"]), ([], 0), "what waits")
        give_back(lab)
        lab.destination.run("INSERT INTO t VALUES (40, 2, 40)", "INSERT INTO k VALUES (40, 40, 1)")
        lab.source.run("UPDATE t SET v = 3 WHERE id = 40")  # free again
        lab.program.incremental()
        lab.equal()


@only("quarantine-outlives-kill", "kill -9 while changes wait and more arrive: none lost, none twice")
def _():
    with Lab(settings={**POLICY, "batch": {"max_rows": 2}}) as lab:
        taken(lab)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("INSERT INTO t VALUES (40, 0, 40)")
        lab.program.wait_for("in quarantine", lambda s: s["quarantined"] == 1)
        lab.program.kill()
        for number in range(1, 6):
            lab.source.run("UPDATE t SET v = v + 1 WHERE id = 40",
                           "INSERT INTO k VALUES (%d, 40, 1)" % (100 + number),
                           "UPDATE t SET v = v + 1 WHERE id = 1")
            lab.program.start()
            lab.program.wait_for("some of it", lambda s, n=number: s["quarantined"] >= 2 * n)
            lab.program.kill()
        lab.program.start()
        lab.program.wait_caught_up()
        code, _out, err = lab.program.command("quarantine", "retry", "all")
        expect_equal(code, 4, "retry while run runs: " + err[-300:])
        lab.program.stop()
        expect_equal(len(waiting(lab)), 11, "what waits")
        give_back(lab)
        retry(lab, "all", 0, "applied=11")
        lab.equal()


@only("quarantine-and-ddl", "definitions that change while rows of the table wait")
def _():
    with Lab(settings=POLICY) as lab:
        taken(lab)
        lab.source.run("INSERT INTO t VALUES (40, 1, 40)", "INSERT INTO k VALUES (40, 40, 1)",
                       "ALTER TABLE t ADD COLUMN w INT DEFAULT 5",
                       "UPDATE t SET w = 6 WHERE id = 40", "UPDATE t SET w = 7 WHERE id = 1")
        # rows as they were cannot be written into a table that is another one: stop before it
        text = lab.program.incremental(expect=1)
        expect_contains(text, "quarantine", "message")
        expect_contains(text, "ADD COLUMN w", "message")
        expect_contains(lab.program.incremental(expect=1), "quarantine", "message, again")
        expect_equal(len(waiting(lab)), 2, "what waits")
        give_back(lab)
        retry(lab, "all", 0)
        lab.program.incremental()
        lab.equal()


@only("quarantine-and-truncate", "what waits of a table that is emptied or dropped")
def _():
    with Lab(settings=POLICY) as lab:
        taken(lab)
        lab.source.run("CREATE TABLE s (id INT PRIMARY KEY, u INT UNIQUE)", "CREATE TABLE z LIKE s")
        lab.program.incremental()
        lab.destination.run("INSERT INTO s VALUES (9, 9)", "INSERT INTO z VALUES (9, 9)")
        lab.source.run("INSERT INTO s VALUES (1, 9)", "INSERT INTO z VALUES (1, 9)", "TRUNCATE TABLE s",
                       "INSERT INTO s VALUES (1, 8), (2, 9)")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "quarantine", "message")
        first = [e for e in waiting(lab) if e["table"] == "s"]
        code, _out, err = lab.program.command("quarantine", "drop", str(first[0]["id"]), "--yes")
        expect_equal(code, 0, "drop: " + err[-300:])
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.query("SELECT * FROM s ORDER BY id", "shop"), ((1, 8), (2, 9)),
                     "rows of s")
        lab.source.run("DROP TABLE z")
        expect_contains(lab.program.incremental(expect=1), "DROP TABLE", "message")
        code, _out, err = lab.program.command("quarantine", "drop", str(waiting(lab)[0]["id"]), "--yes")
        expect_equal(code, 0, "drop: " + err[-300:])
        lab.program.incremental()
        give_back(lab)
        lab.equal()


FAMILY = """
CREATE TABLE p (id INT PRIMARY KEY, v INT);
CREATE TABLE c (id INT PRIMARY KEY, p INT, u INT, v INT, UNIQUE KEY (u),
  FOREIGN KEY (p) REFERENCES p (id) ON DELETE %s ON UPDATE %s);
INSERT INTO p VALUES (1, 1), (2, 2);
INSERT INTO c VALUES (1, 1, 1, 1);
"""


def parent_behind_child(rule, count, *changes, hidden=False):
    """A child waits; what happens to its parent afterwards was possible only behind it. `hidden`: row events of both
    tables have a column more than the tables, the hash of a unique key on long values."""
    with Lab(settings=POLICY) as lab:
        lab.source.script(FAMILY % (rule, rule))
        for table in ("p", "c") if hidden else ():
            lab.source.run("ALTER TABLE %s ADD COLUMN note TEXT INVISIBLE, ADD UNIQUE KEY (note)" % table)
        lab.program.incremental()
        lab.destination.run("INSERT INTO c VALUES (900, NULL, 40, 0)")
        lab.source.run("INSERT INTO c VALUES (40, 2, 40, 1)")
        lab.program.incremental(expect=3)
        lab.source.run(*changes, "UPDATE p SET v = 9 WHERE id = 1")
        lab.program.incremental(expect=3 if count else 0)
        expect_equal(len(waiting(lab)), count, "what waits: %s" % held(lab))
        expect_equal(lab.destination.scalar("SELECT v FROM p WHERE id = 1", "shop"), 9, "another parent")
        lab.destination.run("DELETE FROM c WHERE id = 900")
        retry(lab, "all", 0, "still_waiting=0")
        lab.equal()


@only("quarantine-holds-the-parent", "a parent that goes, or moves, behind its waiting child waits, too")
def _():
    parent_behind_child("SET NULL", 2, "DELETE FROM p WHERE id = 2")
    parent_behind_child("CASCADE", 5, "DELETE FROM p WHERE id = 2", "INSERT INTO p VALUES (2, 5)",
                        "INSERT INTO c VALUES (40, 2, 41, 2)", "UPDATE p SET v = 9 WHERE id = 2")
    parent_behind_child("CASCADE", 3, "UPDATE p SET id = 3 WHERE id = 2", "UPDATE c SET v = 5 WHERE id = 40")
    parent_behind_child("CASCADE", 3, "UPDATE p SET id = 3 WHERE id = 2", "UPDATE c SET v = 5 WHERE id = 40",
                        hidden=True)
    parent_behind_child("RESTRICT", 0, "DELETE FROM c WHERE id = 40", "DELETE FROM p WHERE id = 2")  # comes to nothing
    parent_behind_child("RESTRICT", 4, "INSERT INTO p VALUES (3, 3)", "UPDATE c SET p = 3 WHERE id = 40",
                        "DELETE FROM p WHERE id = 2", "UPDATE c SET p = 1 WHERE id = 40",
                        "UPDATE p SET v = 1 WHERE id = 3")


LINE = """
CREATE TABLE g (id INT PRIMARY KEY, v INT);
CREATE TABLE p (id INT PRIMARY KEY, g INT, code VARCHAR(10) CHARACTER SET latin1 NOT NULL, up INT, UNIQUE KEY (code),
  FOREIGN KEY (g) REFERENCES g (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE q (id INT PRIMARY KEY, code VARCHAR(10) CHARACTER SET latin1,
  FOREIGN KEY (code) REFERENCES p (code) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE c (id INT PRIMARY KEY, p INT, q INT, u INT, UNIQUE KEY (u),
  FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL,
  FOREIGN KEY (q) REFERENCES q (id) ON DELETE %s);
INSERT INTO g VALUES (1, 1), (2, 2), (3, 3), (4, 4);
INSERT INTO p VALUES (1, 1, 'One', 0), (2, 2, 'Twoä', 0), (3, 3, 'Three', 0);
INSERT INTO q VALUES (1, 'oNE'), (2, 'tWOÄ'), (3, 'three');
"""


def ancestor_behind_child(child, count, *changes, rule="SET NULL", applied=()):
    """A child waits, its parents do not; then something happens further up. `applied`: conditions on the destination
    that changes which must not wait have made true."""
    with Lab(settings=POLICY) as lab:
        lab.source.script(LINE % rule)
        lab.program.incremental()
        lab.destination.run("INSERT INTO c VALUES (900, NULL, NULL, 40)")
        lab.source.run(child)
        lab.program.incremental(expect=3)
        lab.source.run(*changes)
        lab.program.incremental(expect=3)
        expect_equal(len(waiting(lab)), count, "what waits: %s" % held(lab))
        for condition in applied:
            expect_equal(lab.destination.scalar("SELECT " + condition, "shop"), 1, condition)
        lab.destination.run("DELETE FROM c WHERE id = 900")
        retry(lab, "all", 0, "still_waiting=0")
        lab.equal()


@only("quarantine-holds-ancestors", "what a cascade would reach through rows that do not wait waits, too")
def _():
    by_p = "INSERT INTO c VALUES (40, 2, NULL, 40)"
    by_q = "INSERT INTO c VALUES (40, NULL, 2, 40)"
    gone = ("(SELECT COUNT(*) = 0 FROM p WHERE id = 1)",)
    ancestor_behind_child(by_p, 2, "DELETE FROM g WHERE id = 2", "DELETE FROM g WHERE id = 1", applied=gone)
    ancestor_behind_child(by_q, 2, "DELETE FROM g WHERE id = 1", "DELETE FROM g WHERE id = 2", applied=gone)
    ancestor_behind_child(by_q, 2, "DELETE FROM g WHERE id = 2", rule="CASCADE")
    # who is whose parent when it happens counts, not before and not afterwards
    ancestor_behind_child(by_p, 2, "UPDATE p SET g = 4 WHERE id = 2", "DELETE FROM g WHERE id = 4")
    ancestor_behind_child(by_p, 1, "UPDATE p SET g = 4 WHERE id = 2", "DELETE FROM g WHERE id = 2",
                          applied=("(SELECT COUNT(*) = 3 FROM g)",))
    ancestor_behind_child(by_q, 3, "DELETE FROM g WHERE id = 2", "INSERT INTO g VALUES (2, 5)",
                          "UPDATE g SET v = 9 WHERE id = 1", applied=("(SELECT v = 9 FROM g WHERE id = 1)",))
    # a key that moves reaches only who refers to the column that moves
    ancestor_behind_child(by_p, 1, "UPDATE g SET id = 22 WHERE id = 2", "UPDATE g SET v = 9 WHERE id = 1",
                          applied=("(SELECT g = 22 FROM p WHERE id = 2)",))


@only("quarantine-holds-in-circles", "a row further up in a tree of rows of one table")
def _():
    with Lab(settings=POLICY) as lab:
        lab.source.script("""
CREATE TABLE t (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES t (id) ON DELETE CASCADE);
CREATE TABLE c (id INT PRIMARY KEY, t INT, u INT, UNIQUE KEY (u), FOREIGN KEY (t) REFERENCES t (id) ON DELETE SET NULL);
INSERT INTO t VALUES (1, NULL), (2, 1), (3, 2), (4, 3);
""")
        lab.program.incremental()
        lab.destination.run("INSERT INTO c VALUES (900, NULL, 40)")
        lab.source.run("INSERT INTO c VALUES (40, 4, 40)", "DELETE FROM t WHERE id = 1", "INSERT INTO t VALUES (9, NULL)")
        lab.program.incremental(expect=3)
        expect_equal(len(waiting(lab)), 2, "what waits: %s" % held(lab))
        lab.destination.run("DELETE FROM c WHERE id = 900")
        retry(lab, "all", 0, "still_waiting=0")
        lab.equal()


@only("quarantine-released-beside-aria", "what fits again in a batch that writes a table without savepoints is released behind it")
def _():
    with Lab(settings=POLICY) as lab:
        lab.source.run("CREATE TABLE t (id INT PRIMARY KEY, u INT, UNIQUE KEY (u))", "CREATE TABLE aria (id INT PRIMARY KEY, v INT) ENGINE=Aria")
        lab.program.incremental()
        lab.destination.run("INSERT INTO t VALUES (99, 1)")
        lab.source.run("INSERT INTO t VALUES (1, 1)")
        lab.program.incremental(expect=3)
        lab.destination.run("DELETE FROM t WHERE id = 99")
        lab.source.run("UPDATE t SET u = 2 WHERE id = 1", "INSERT INTO aria VALUES (1, 1)")
        lab.program.incremental()
        expect_equal(waiting(lab), [], "what waits")
        lab.equal()
