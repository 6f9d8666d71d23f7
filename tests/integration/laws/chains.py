"""Law 5, policy quarantine: what is one chain. Once the cause is gone, a retry of all that waits succeeds, and both
sides are equal; what has nothing to do with it does not wait."""

import random

import pymysql

from lib.lab import Lab, compare
from lib.suite import Failure, expect, expect_contains, expect_equal
from operation import only
from quarantine import POLICY, held, retry, waiting

LINE = """
CREATE TABLE g (id INT PRIMARY KEY, v INT);
CREATE TABLE p (id INT PRIMARY KEY, g INT, u INT, UNIQUE KEY (u),
  CONSTRAINT pg FOREIGN KEY (g) REFERENCES g (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE q (id INT PRIMARY KEY, p INT, u INT, UNIQUE KEY (u),
  FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
CREATE TABLE c (id INT PRIMARY KEY, q INT, u INT, UNIQUE KEY (u),
  FOREIGN KEY (q) REFERENCES q (id) ON DELETE SET NULL);
CREATE TABLE w (id INT PRIMARY KEY, g INT, u INT, UNIQUE KEY (u),
  FOREIGN KEY (g) REFERENCES g (id) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO g VALUES (1, 1), (2, 2), (3, 3), (4, 4);
INSERT INTO p VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
INSERT INTO q VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
"""
MOVING = """
CREATE TABLE g (id INT PRIMARY KEY, v INT);
CREATE TABLE p (id INT, g INT, PRIMARY KEY (g, id),
  FOREIGN KEY (g) REFERENCES g (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE q (id INT, g INT, p INT, v INT, PRIMARY KEY (g, id),
  FOREIGN KEY (g, p) REFERENCES p (g, id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE w (id INT PRIMARY KEY, g INT, u INT, UNIQUE KEY (u),
  FOREIGN KEY (g) REFERENCES g (id) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO g VALUES (1, 1), (2, 2);
INSERT INTO p VALUES (1, 1), (2, 2);
INSERT INTO q VALUES (1, 1, 1, 1), (2, 2, 2, 2);
"""
WORDS = """
CREATE TABLE p (code VARCHAR(10) CHARACTER SET latin1 PRIMARY KEY, u INT, UNIQUE KEY (u));
CREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(10) CHARACTER SET latin1, u INT, UNIQUE KEY (u),
  FOREIGN KEY (code) REFERENCES p (code) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO p VALUES ('One', 1), ('Two', 2);
"""
VALUES = """
CREATE TABLE t (id INT PRIMARY KEY, v INT, u INT, UNIQUE KEY (u));
CREATE TABLE k (k VARCHAR(10) PRIMARY KEY, u INT, UNIQUE KEY (u));
INSERT INTO t VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
"""
LITERALS = """
CREATE TABLE g (k VARCHAR(20) PRIMARY KEY, n INT, UNIQUE KEY (n));
CREATE TABLE p (id INT PRIMARY KEY, k VARCHAR(20), n INT, FOREIGN KEY (k) REFERENCES g (k) ON DELETE CASCADE,
  FOREIGN KEY (n) REFERENCES g (n) ON DELETE CASCADE);
CREATE TABLE c (id INT PRIMARY KEY, p INT, u INT, UNIQUE KEY (u), FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL);
INSERT INTO g VALUES ('é', 1), ('O''Brien', 2), ('\\\\', 3), ('plain', 4), ('none', NULL);
INSERT INTO p VALUES (1, 'é', NULL), (2, 'O''Brien', NULL), (3, '\\\\', NULL), (4, 'plain', 4);
"""
PLANTED = {"p": "(900, NULL, 40)", "q": "(900, NULL, 40)", "c": "(900, NULL, 40)", "w": "(900, NULL, 40)",
           "t": "(900, 0, 40)", "k": "('x', 40)"}


def scene(setup, planted, *groups, wait, chains=1, settings=None):
    """Rows in the tables `planted` hold the unique value 40 at the destination. Each group of statements is applied by
    a run of its own. Then `wait` changes wait, in so many chains; and without the planted rows all is well again.
    `wait` 0: the last group has made the others fit."""
    with Lab(settings={**POLICY, **(settings or {})}) as lab:
        lab.source.script(setup)
        lab.program.incremental()
        for table, row in planted.items():
            lab.destination.run("INSERT INTO %s VALUES %s" % (table, row))
        for number, group in enumerate(groups):
            lab.source.run(*group)
            lab.program.incremental(expect=3 if wait or number + 1 < len(groups) else 0)
        rows = waiting(lab)
        expect_equal((len(rows), len([row for row in rows if not row.get("held_by")])), (wait, chains if wait else 0),
                     "changes that wait, and chains: %s" % held(lab))
        for table in planted:
            lab.destination.run("DELETE FROM %s WHERE u = 40" % table)
        retry(lab, "all", 0, "still_waiting=0")
        lab.equal()


def plant(*tables):
    return {table: PLANTED[table] for table in tables}


@only("chains-through-rows-between", "rows between that wait, or change in the same batch, belong to the chain")
def _():
    child = ("INSERT INTO c VALUES (40, 2, 40)",)
    scene(LINE, plant("p", "c"), ("UPDATE p SET g = 4, u = 40 WHERE id = 2",), child, ("DELETE FROM g WHERE id = 4",), wait=3)
    scene(LINE, plant("w", "c"), ("INSERT INTO w VALUES (40, 4, 40)",), child,
          ("UPDATE p SET g = 4 WHERE id = 2", "DELETE FROM g WHERE id = 4"), wait=3)
    scene(LINE, plant("w", "c"), ("INSERT INTO w VALUES (40, 4, 40)",), child,
          ("BEGIN", "UPDATE p SET g = 4 WHERE id = 2", "DELETE FROM g WHERE id = 4", "COMMIT"), wait=3)
    scene(LINE, plant("q", "c"), child, ("UPDATE q SET p = 3, u = 40 WHERE id = 2",), ("DELETE FROM p WHERE id = 3",), wait=3)


@only("chains-behind-a-waiting-cascade", "what it would have changed cannot be told from the destination")
def _():
    scene(MOVING, plant("w"), ("INSERT INTO w VALUES (40, 2, 40)",), ("UPDATE g SET id = 22 WHERE id = 2",),
          ("UPDATE q SET v = 9 WHERE id = 2",), ("UPDATE g SET id = 23 WHERE id = 22",), wait=4)
    scene(LINE, plant("c"), ("INSERT INTO c VALUES (40, 2, 40)",), ("DELETE FROM g WHERE id = 2",),
          ("INSERT INTO p VALUES (2, 1, 2)",), ("INSERT INTO q VALUES (2, 2, 2)", "DELETE FROM g WHERE id = 1"), wait=5)


@only("chains-overwrite", "a row that is there because its cascade waits is not overwritten")
def _():
    scene(LINE, plant("c"), ("INSERT INTO c VALUES (40, 2, 40)",), ("DELETE FROM g WHERE id = 2",),
          ("INSERT INTO p VALUES (2, 1, 2)",), wait=3, chains=2, settings={"on_conflict": "overwrite"})


@only("chains-by-collation", "references and keys that are equal to the server, not in their bytes")
def _():
    scene(WORDS, plant("c"), ("INSERT INTO c VALUES (40, 'tWO', 40)",), ("DELETE FROM p WHERE code = 'Two'",), wait=2)
    scene(WORDS, {"p": "('x', 40)"}, ("INSERT INTO p VALUES ('New', 40)",), ("INSERT INTO c VALUES (40, 'nEW ', 40)",),
          ("DELETE FROM p WHERE code = 'NEW'",), ("DELETE FROM p WHERE code = 'One'",), wait=3)
    scene(VALUES, plant("k"), ("INSERT INTO k VALUES ('New', 40)",), ("UPDATE k SET k = 'nEWer'",),
          ("INSERT INTO k VALUES ('NEw', 41)",), wait=3)


@only("chains-of-unique-values", "a value that a waiting change takes or gives is to be had only behind it")
def _():
    scene(VALUES, plant("t"), ("UPDATE t SET u = 40 WHERE id = 3",), ("INSERT INTO t VALUES (50, 0, 3)",),
          ("UPDATE t SET u = 7 WHERE id = 50",), ("UPDATE t SET u = 3 WHERE id = 3",), wait=4)
    with Lab(settings=POLICY) as lab:
        lab.source.script(VALUES)
        lab.program.incremental()
        lab.destination.run("INSERT INTO t VALUES (900, 0, 40), (901, 0, 41)")
        for change in ("INSERT INTO t VALUES (40, 0, 40)", "UPDATE t SET u = 41 WHERE id = 40"):
            lab.source.run(change)
            lab.program.incremental(expect=3)
        lab.destination.run("DELETE FROM t WHERE id = 900")  # the cause goes first
        lab.source.run("INSERT INTO t VALUES (50, 0, 40)")
        lab.program.incremental(expect=3)
        lab.destination.run("DELETE FROM t WHERE id = 901")
        retry(lab, "all", 0, "still_waiting=0")
        lab.equal()


@only("chains-release-themselves", "a change that makes what waits fit again, by what all of them come to, releases it")
def _():
    taken = ("INSERT INTO t VALUES (40, 0, 40)",)
    scene(VALUES, plant("t"), taken, ("UPDATE t SET u = 41 WHERE id = 40", "INSERT INTO k VALUES ('a', 1)"), wait=0)
    scene(VALUES, plant("t"), taken, ("DELETE FROM t WHERE id = 40",), wait=0)
    scene(LINE, plant("q", "c"), ("INSERT INTO q VALUES (40, 2, 40)",), ("INSERT INTO c VALUES (40, 40, 41)",),
          ("UPDATE c SET u = 40",), ("UPDATE q SET u = 41 WHERE id = 40",), wait=4)  # the other one does not fit yet
    scene(LINE, plant("q"), ("INSERT INTO q VALUES (40, 2, 40)",), ("INSERT INTO c VALUES (40, 40, 41)",),
          ("BEGIN", "DELETE FROM q WHERE id = 2", "UPDATE q SET u = 2 WHERE id = 40", "UPDATE c SET u = 5", "COMMIT"), wait=0)
    scene(VALUES + "CREATE TABLE m (id INT PRIMARY KEY, u INT, UNIQUE KEY (u)) ENGINE=MyISAM;\n", plant("t"), taken,
          ("INSERT INTO m VALUES (1, 1)",), ("UPDATE t SET v = 5 WHERE id = 40", "DELETE FROM t WHERE id = 1"), wait=2)


@only("chains-release-others", "conflicts that were there only because others waited are released with these, however many they are")
def _():
    for running in (False, True):
        with Lab(settings=POLICY) as lab:
            lab.source.script(LINE)
            lab.source.run("INSERT INTO q SELECT seq, 2, seq FROM seq_100_to_349")
            lab.program.incremental()
            lab.destination.run("INSERT INTO c VALUES (900, NULL, 40)", "INSERT INTO q VALUES (900, NULL, 900)")
            # the cascade waits, and what it would have taken is in the way; one has another cause
            for change in ("INSERT INTO c VALUES (40, 2, 40)", "DELETE FROM g WHERE id = 2", "INSERT INTO q SELECT seq, 1, 1000 + seq FROM seq_100_to_349",
                           "INSERT INTO q VALUES (800, 1, 900)"):
                lab.source.run(change)
                lab.program.incremental(expect=3)
            roots = [row for row in waiting(lab) if not row.get("held_by")]
            expect_equal(len(roots), 252, "chains")
            lab.destination.run("DELETE FROM c WHERE id = 900")
            if running:
                lab.program.start()
            lab.source.run("UPDATE c SET u = 41 WHERE id = 40")
            if running:
                lab.program.wait_for("released", lambda status: status["quarantined"] == 1)
                lab.program.stop()
            else:
                lab.program.incremental(expect=3)
            expect_equal(held(lab), [("insert", "q", "id=800")], "what waits")
            lab.destination.run("DELETE FROM q WHERE id = 900")
            retry(lab, "all", 0, "applied=1")
            lab.equal()


@only("chains-literals", "any text, and NULL, in a key that a cascade is looked up by")
def _():
    child = ("INSERT INTO c VALUES (40, 4, 40)",)
    scene(LITERALS, plant("c"), child, ("DELETE FROM g WHERE n < 4", "DELETE FROM g WHERE k = 'none'"), wait=1)
    scene(LITERALS, plant("c"), child, ("DELETE FROM g WHERE k = 'plain'",), wait=2)
    scene(LITERALS, plant("c"), ("INSERT INTO c VALUES (40, 1, 40)",), ("DELETE FROM g WHERE k = 'é'",), wait=2)


@only("chains-and-ddl", "a statement about a table that a waiting cascade reaches waits for it")
def _():
    with Lab(settings=POLICY) as lab:
        lab.source.script(LINE)
        lab.program.incremental()
        lab.destination.run("INSERT INTO c VALUES (900, NULL, 40)")
        lab.source.run("INSERT INTO c VALUES (40, 2, 40)", "DELETE FROM g WHERE id = 2", "CREATE TABLE o (id INT)",
                       "ALTER TABLE p DROP FOREIGN KEY pg")
        for _turn in range(2):
            expect_contains(lab.program.incremental(expect=1), "DROP FOREIGN KEY pg", "log")
        lab.destination.run("DELETE FROM c WHERE id = 900")
        retry(lab, "all", 0, "still_waiting=0")
        lab.program.incremental()
        lab.equal()


@only("chains-and-rollback", "rows of a transaction that was rolled back do not wait, they are nothing")
def _():
    scene(VALUES, plant("t"), ("INSERT INTO t VALUES (40, 0, 40)",),
          ("BEGIN", "UPDATE t SET v = 99 WHERE id = 40", "CREATE TEMPORARY TABLE x (a INT)",
           "UPDATE t SET v = 97 WHERE id = 40", "ROLLBACK"), wait=1)


# --- random -----------------------------------------------------------------------------------------------------------

class Family:
    """Tables t0, t1, …, each referring to earlier ones (or itself) by keys of any rule and form."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        dice, count = self.dice, self.dice.randint(3, 5)
        self.kinds = [dice.choice(("int", "int", "text", "two")) for _ in range(count)]
        self.parents, self.ddl = [], []
        for i in range(count):
            columns = {"int": ["id INT PRIMARY KEY"], "text": ["id VARCHAR(10) CHARACTER SET latin1 PRIMARY KEY"],
                       "two": ["a INT", "id INT", "PRIMARY KEY (a, id)"]}[self.kinds[i]] + ["v INT", "u INT UNIQUE"]
            mine = []
            for n in range(dice.choice((1, 1, 2)) if i else 0):
                parent = i if dice.random() < 0.1 and self.kinds[i] == "int" else dice.randrange(i)
                names = ["f%d" % n] if self.kinds[parent] != "two" else ["f%da" % n, "f%d" % n]
                kind = "VARCHAR(10) CHARACTER SET latin1" if self.kinds[parent] == "text" else "INT"
                columns += ["%s %s" % (name, kind) for name in names]
                columns.append("FOREIGN KEY (%s) REFERENCES t%d (%s) ON DELETE %s ON UPDATE %s" % (
                    ", ".join(names), parent, "a, id" if len(names) == 2 else "id",
                    dice.choice(("CASCADE", "CASCADE", "SET NULL", "RESTRICT")),
                    "RESTRICT" if parent == i else dice.choice(("CASCADE", "SET NULL", "RESTRICT"))))
                mine.append((parent, names))
            self.parents.append(mine)
            self.ddl.append("CREATE TABLE t%d (%s)" % (i, ", ".join(columns)))

    def key(self, table):
        number = self.dice.randint(1, 6)
        if self.kinds[table] == "two":
            return [str(number % 2), str(number)]
        if self.kinds[table] == "int":
            return [str(number)]
        word = "k%d" % number
        return ["'%s'" % (word if self.dice.random() < 0.5 else word.upper())]

    def insert(self, table):
        values = self.key(table) + [str(self.dice.randint(1, 9)), str(self.dice.randint(1, 14))]
        for parent, names in self.parents[table]:
            values += self.key(parent) if self.dice.random() < 0.8 else ["NULL"] * len(names)
        return "INSERT INTO t%d VALUES (%s)" % (table, ", ".join(values))

    def statement(self):
        dice = self.dice
        table = dice.randrange(len(self.kinds))
        where = "WHERE " + " AND ".join("%s = %s" % pair for pair in zip(
            ("a", "id") if self.kinds[table] == "two" else ("id",), self.key(table)))
        what = dice.random()
        if what < 0.35:
            return self.insert(table)
        if what < 0.55:
            return "DELETE FROM t%d %s" % (table, where)
        if what < 0.7:
            return "UPDATE t%d SET u = %d %s" % (table, dice.randint(1, 14), where)
        if what < 0.8:
            return "UPDATE t%d SET id = %s %s" % (table, self.key(table)[-1], where)
        if what < 0.9 and self.parents[table]:
            parent, names = dice.choice(self.parents[table])
            return "UPDATE t%d SET %s %s" % (table, ", ".join(
                "%s = %s" % pair for pair in zip(names, self.key(parent))), where)
        return "UPDATE t%d SET v = v + 1 %s" % (table, where)

    def run(self, server, count):
        """Transactions; what the source refuses is left out."""
        connection = server.connect("shop")
        with connection.cursor() as cursor:
            for _ in range(count):
                cursor.execute("BEGIN")
                for _statement in range(self.dice.choice((1, 1, 2, 4))):
                    try:
                        cursor.execute(self.statement())
                    except pymysql.err.MySQLError:
                        pass
                cursor.execute("COMMIT")
        connection.close()


def random_chains(lab, seed):
    family = Family(seed)
    lab.source.run("SET SESSION foreign_key_checks = 0", *["DROP TABLE IF EXISTS t%d" % n for n in range(5)])
    lab.source.run(*family.ddl)
    family.run(lab.source, 60)
    lab.program.incremental()
    planted = family.dice.sample(range(len(family.kinds)), family.dice.randint(2, len(family.kinds)))
    for table in planted:
        key = {"int": "900", "text": "'x900'", "two": "9, 900"}[family.kinds[table]]
        columns = ("a, id" if family.kinds[table] == "two" else "id") + ", u"
        used = {row[0] for row in lab.destination.query("SELECT u FROM t%d" % table, "shop")}
        value = family.dice.choice([n for n in range(1, 15) if n not in used])
        lab.destination.run("INSERT INTO t%d (%s) VALUES (%s, %d)" % (table, columns, key, value))
    for _ in range(3):
        family.run(lab.source, family.dice.choice((3, 15, 40)))
        code, _out, err = lab.program.command("incremental")
        expect(code in (0, 3), "incremental: exit %d: %s" % (code, err[-1500:]))
    for table in planted:
        lab.destination.run("DELETE FROM t%d WHERE id IN ('900', 'x900')" % table)
    retry(lab, "all", 0, "still_waiting=0")
    problems = compare(lab.source, lab.destination)
    expect(not problems, "differences: %s" % problems)


@only("chains-random", "random families of tables, planted conflicts: after a retry all is equal")
def _():
    first = random.randrange(10 ** 6)
    with Lab(settings=POLICY) as lab:
        for seed in range(first, first + 12):
            try:
                random_chains(lab, seed)
            except (Failure, AssertionError) as why:
                raise Failure("seed %d: %s" % (seed, why)) from why
        expect(lab.program.status()["conflicts"] > 0, "seeds from %d: nothing had to wait" % first)
