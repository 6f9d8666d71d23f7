"""Law 13: what the filter leaves out does not travel, and nothing else is lost."""

import time

from lib.compare import compare
from lib.lab import Difference, Lab
from lib.suite import expect_contains, expect_equal
from operation import only

FULL = ("--binlog-row-metadata=FULL",)


def filtered(name, about, left_out, setup, changes, settings=None, source_options=FULL):
    """Copy, stop, change, catch up; then change with the program following. `left_out`: the tables whose rows must not
    be at the destination; all others must equal the source's."""
    def case():
        chosen = settings or {"tables": {"exclude": list(left_out)}}
        with Lab(settings=chosen, source_options=source_options) as lab:
            def equal():
                problems = compare(lab.source, lab.destination, left_out=left_out)
                if problems:
                    raise Difference("source (left) and destination (right): " + "\n".join(problems))
            lab.source.script(setup)
            lab.program.incremental()
            for part in changes if isinstance(changes, (list, tuple)) else [changes]:
                lab.source.script(part)
                lab.program.incremental()
                equal()
            lab.program.start()
            for part in changes if isinstance(changes, (list, tuple)) else [changes]:
                lab.source.run("DROP DATABASE shop", "CREATE DATABASE shop CHARACTER SET utf8mb4", database=None)
                lab.source.script(setup)
                lab.source.script(part)
            lab.program.wait_caught_up()
            equal()
            lab.program.stop()
    only(name, about)(case)


PARENT = """
CREATE TABLE p (id INT PRIMARY KEY, code VARCHAR(10), v INT, UNIQUE KEY (code));
INSERT INTO p VALUES (1, 'A', 0), (2, 'B', 0), (3, 'C', 0), (4, NULL, 0);
"""
SET_NULL = PARENT + """
CREATE TABLE c (id INT PRIMARY KEY, p INT, v INT, at TIMESTAMP NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP,
  CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO c (id, p, v) VALUES (1, 1, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1);
"""
CASCADE = PARENT + """
CREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(10), v INT,
  FOREIGN KEY (code) REFERENCES p (code) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO c VALUES (1, 'A', 1), (2, 'A', 1), (3, 'B', 1), (4, NULL, 1);
CREATE TABLE d (id INT PRIMARY KEY, c INT, FOREIGN KEY (c) REFERENCES c (id) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO d VALUES (1, 1), (2, 3), (3, 4);
"""

filtered("filter-leaves-rows-out", "rows of a table that nothing depends on, its structure follows", ("logs", "logs_2"), """
CREATE TABLE logs (id INT PRIMARY KEY, v INT);
INSERT INTO logs VALUES (1, 1);
CREATE TABLE t (id INT PRIMARY KEY, v INT);
INSERT INTO t VALUES (1, 1);
""", """
INSERT INTO logs VALUES (2, 2);
UPDATE t SET v = 2;
ALTER TABLE logs ADD COLUMN w INT;
UPDATE logs SET w = 1;
CREATE TABLE logs_2 LIKE logs;
INSERT INTO logs_2 SELECT * FROM logs;
TRUNCATE logs;
INSERT INTO logs VALUES (1, 1, 1);
RENAME TABLE logs TO aside, logs_2 TO logs, aside TO logs_2;
INSERT INTO t SELECT id + 10, v FROM logs;
""", settings={"tables": {"exclude": ["logs*", "aside"]}})

filtered("filter-set-null", "a parent that is left out sets NULL when it goes", ("p",), SET_NULL, """
UPDATE c SET v = 2 WHERE id = 1;
DELETE FROM p WHERE id = 1;
INSERT INTO p VALUES (1, 'A', 0);
UPDATE c SET p = 1 WHERE id = 1;
UPDATE p SET id = 20 WHERE id = 2;
UPDATE p SET v = 9;
UPDATE c SET v = 3 WHERE p = 20;
REPLACE INTO p VALUES (3, 'C', 7);
""")

filtered("filter-cascade", "a parent that is left out takes children and theirs along", ("p",), CASCADE, """
UPDATE p SET code = 'X' WHERE id = 1;
UPDATE c SET v = 5 WHERE code = 'X';
DELETE FROM p WHERE id = 2;
INSERT INTO p VALUES (2, 'B', 1);
INSERT INTO c VALUES (3, 'B', 8);
INSERT INTO d VALUES (9, 3);
UPDATE p SET code = NULL WHERE id = 4;
BEGIN;
DELETE FROM p WHERE id = 1;
INSERT INTO p VALUES (1, 'X', 3);
INSERT INTO c VALUES (1, 'X', 1);
COMMIT;
SET foreign_key_checks = 0;
DELETE FROM p WHERE id = 1;
""")

filtered("filter-composite-keys", "keys of several columns, with NULL in them", ("pp",), """
CREATE TABLE pp (a INT NOT NULL, b VARCHAR(5) NOT NULL, secret TEXT, PRIMARY KEY (a, b));
INSERT INTO pp VALUES (1, 'x', 's'), (1, 'y', 's'), (2, 'x', 's');
CREATE TABLE cc (id INT PRIMARY KEY, a INT, b VARCHAR(5), v INT, FOREIGN KEY (a, b) REFERENCES pp (a, b) ON DELETE SET
  NULL ON UPDATE CASCADE);
INSERT INTO cc VALUES (1, 1, 'x', 0), (2, 1, 'y', 0), (3, NULL, 'x', 0), (4, 2, NULL, 0), (5, 2, 'x', 0);
""", """
UPDATE pp SET b = 'z' WHERE a = 1 AND b = 'x';
UPDATE cc SET v = 1;
DELETE FROM pp WHERE a = 1;
UPDATE pp SET a = 3, secret = 't';
UPDATE cc SET v = 5 WHERE a = 3;
""")

filtered("filter-keys-by-ddl", "foreign keys to what is left out come, change and go by DDL", ("p", "q"), SET_NULL, """
ALTER TABLE c DROP FOREIGN KEY f;
UPDATE c SET v = 7 WHERE id = 3;
DELETE FROM p WHERE id = 2;
UPDATE c SET v = 8 WHERE id = 3;
UPDATE c SET p = NULL WHERE id = 3;
ALTER TABLE c ADD CONSTRAINT g FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE;
INSERT INTO c (id, p, v) VALUES (10, 3, 1);
DELETE FROM p WHERE id = 3;
RENAME TABLE p TO q;
ALTER TABLE q RENAME COLUMN id TO number;
INSERT INTO c (id, p, v) VALUES (11, 4, 1);
ALTER TABLE c RENAME TO c2;
DELETE FROM q WHERE number = 4;
CREATE TABLE e (id INT PRIMARY KEY, q INT, FOREIGN KEY (q) REFERENCES q (number) ON DELETE SET NULL);
INSERT INTO e VALUES (1, 1);
DELETE FROM q WHERE number = 1;
ALTER TABLE c2 DROP COLUMN p, DROP FOREIGN KEY g;
UPDATE c2 SET v = v + 1;
DROP TABLE e;
DROP TABLE q;
""")


filtered("filter-key-changed-then-row-deleted", "both in one batch: the children had the new key", ("p", "pp"), CASCADE + """
CREATE TABLE pp (a INT, b INT, PRIMARY KEY (a, b));
INSERT INTO pp VALUES (1, 1), (2, 2);
CREATE TABLE cc (id INT PRIMARY KEY, a INT, b INT, FOREIGN KEY (a, b) REFERENCES pp (a, b) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO cc VALUES (1, 1, 1), (2, 2, 2);
""", """
BEGIN;
UPDATE p SET code = 'X' WHERE id = 1;
DELETE FROM p WHERE id = 1;
COMMIT;
UPDATE pp SET b = 5 WHERE a = 1;
UPDATE pp SET a = 6 WHERE a = 1;
UPDATE pp SET a = 7, b = 7 WHERE a = 6;
DELETE FROM pp WHERE a = 7;
DELETE FROM p WHERE id = 2;
""")

filtered("filter-cascade-goes-on-from-there", "a cascade written out acts further, whatever rows before it switched off", ("p",),
         CASCADE, """
SET foreign_key_checks = 0;
UPDATE d SET c = 77 WHERE id = 3;
SET foreign_key_checks = 1;
DELETE FROM p WHERE id = 1;
""")

filtered("filter-key-named-as-an-index", "a foreign key comes back although a unique key has its name", ("p",), PARENT + """
CREATE TABLE c (id INT PRIMARY KEY, p INT, UNIQUE KEY f (p), CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
INSERT INTO c VALUES (1, 1), (2, 2);
""", """
ALTER TABLE c ADD COLUMN v INT;
DELETE FROM p WHERE id = 1;
UPDATE c SET v = 3;
""")

filtered("filter-key-is-gone", "a foreign key that was dropped acts no more", ("p", "q"), SET_NULL, """
UPDATE c SET v = 2;
ALTER TABLE c DROP FOREIGN KEY f;
DELETE FROM p WHERE id = 1;
UPDATE c SET v = 3;
ALTER TABLE p RENAME q, CHANGE id number INT;
DELETE FROM q WHERE number = 2;
UPDATE c SET v = 4;
""")

filtered("filter-times-that-refer", "a column that changes by itself stays, even one with another key", ("p", "q"), """
CREATE TABLE p (id INT PRIMARY KEY);
INSERT INTO p VALUES (1);
CREATE TABLE q (at TIMESTAMP NOT NULL DEFAULT '2020-01-01' PRIMARY KEY);
INSERT INTO q VALUES ('2021-01-01');
CREATE TABLE c (id INT PRIMARY KEY, p INT, at TIMESTAMP NOT NULL DEFAULT '2021-01-01' ON UPDATE CURRENT_TIMESTAMP,
  FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL, FOREIGN KEY (at) REFERENCES q (at));
INSERT INTO c (id, p) VALUES (1, 1);
""", "DELETE FROM p;\n")

@only("filter-cascade-that-cannot-be-told", "rows in between are left out, too: it stops and says what to do")
def _():
    with Lab(settings={"tables": {"exclude": ["g", "p"]}}, source_options=FULL) as lab:
        lab.source.script("""
CREATE TABLE g (id INT PRIMARY KEY);
INSERT INTO g VALUES (1), (2);
CREATE TABLE p (id INT PRIMARY KEY, g INT, FOREIGN KEY (g) REFERENCES g (id) ON DELETE CASCADE);
INSERT INTO p VALUES (1, 1), (2, 2);
CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL);
INSERT INTO c VALUES (1, 1), (2, 2);
""")
        lab.program.incremental()
        lab.source.run("DELETE FROM p WHERE id = 1", "INSERT INTO g VALUES (3)")
        lab.program.incremental()
        expect_equal(compare(lab.source, lab.destination, left_out=("g", "p")), [], "differences")
        lab.source.run("DELETE FROM g WHERE id = 2")
        text = lab.program.incremental(expect=1)
        for part in ("filter leaves out", "cannot be told", "--resnapshot", "table=g", "0-1-"):
            expect_contains(text, part, "message")
        lab.program.incremental("--resnapshot", "--yes")
        expect_equal(compare(lab.source, lab.destination, left_out=("g", "p")), [], "differences")


@only("filter-cascade-through-what-is-left-out", "the same from a parent that is kept")
def _():
    with Lab(settings={"tables": {"exclude": ["p"]}}, source_options=FULL) as lab:
        lab.source.script("""
CREATE TABLE g (id INT PRIMARY KEY, v INT);
INSERT INTO g VALUES (1, 1), (2, 2);
CREATE TABLE p (id INT PRIMARY KEY, g INT, FOREIGN KEY (g) REFERENCES g (id) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO p VALUES (1, 1), (2, 2);
CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
INSERT INTO c VALUES (1, 1), (2, 2);
""")
        lab.program.incremental()
        lab.source.run("UPDATE g SET v = 5", "SET foreign_key_checks = 0", "INSERT INTO g VALUES (9, 9)",
                       "DELETE FROM g WHERE id = 9")
        lab.program.incremental()
        expect_equal(compare(lab.source, lab.destination, left_out=("p",)), [], "differences")
        lab.source.run("DELETE FROM g WHERE id = 2")
        expect_contains(lab.program.incremental(expect=1), "cannot be told", "message")
        lab.program.incremental("--resnapshot", "--yes")
        expect_equal(compare(lab.source, lab.destination, left_out=("p",)), [], "differences")


@only("filter-without-names", "without column names nothing can be told of rows that go")
def _():
    with Lab(settings={"tables": {"exclude": ["p"]}}) as lab:
        lab.source.script(SET_NULL)
        lab.program.incremental()
        lab.source.run("DELETE FROM p WHERE id = 1")
        lab.program.incremental()  # the copy's own definitions tell
        expect_equal(compare(lab.source, lab.destination, left_out=("p",)), [], "differences")
        lab.source.run("ALTER TABLE p ADD COLUMN more INT", "DELETE FROM p WHERE id = 2")
        text = lab.program.incremental(expect=1)
        expect_contains(text, "binlog_row_metadata = FULL", "message")


@only("filter-stock", "--stock=exclude today and --stock=only tomorrow lose nothing: the second is refused")
def _():
    shop = """
CREATE TABLE catalog_product_entity (entity_id INT PRIMARY KEY, sku VARCHAR(64));
CREATE TABLE cataloginventory_stock_item (item_id INT PRIMARY KEY, product_id INT, qty DECIMAL(12, 4),
  FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE);
INSERT INTO catalog_product_entity VALUES (1, 'a'), (2, 'b');
INSERT INTO cataloginventory_stock_item VALUES (1, 1, 5), (2, 2, 5);
"""
    with Lab(source_options=FULL) as lab:
        lab.source.script(shop)
        lab.program.incremental("--stock", "exclude")
        lab.source.run("UPDATE cataloginventory_stock_item SET qty = 4", "UPDATE catalog_product_entity SET sku = 'c' WHERE"
                       " entity_id = 1")
        lab.program.incremental("--stock", "exclude", "--mark-synced")
        expect_equal(compare(lab.source, lab.destination, left_out=("cataloginventory_stock_item",)), [], "differences")
        text = lab.program.incremental("--stock", "only", expect=2)
        for part in ("stock=exclude", "stock=only", "--resnapshot"):
            expect_contains(text, part, "message")
        lab.program.incremental("--stock", "only", "--resnapshot", "--yes")
        lab.source.run("UPDATE cataloginventory_stock_item SET qty = 3", "DELETE FROM catalog_product_entity WHERE entity_id"
                       " = 2", "UPDATE catalog_product_entity SET sku = 'd'")
        lab.program.incremental("--stock", "only")
        expect_equal(compare(lab.source, lab.destination, left_out=("catalog_product_entity",)), [], "differences")
        lab.program.incremental("--entity", "stock", expect=2)


@only("filter-and-quarantine", "a change that waits, retried and skipped under a filter")
def _():
    with Lab(settings={"tables": {"exclude": ["p"]}, "on_conflict": "quarantine"}, source_options=FULL) as lab:
        lab.source.script(SET_NULL)
        lab.program.incremental()
        lab.source.run("UPDATE c SET v = 5 WHERE id = 1")
        lab.program.incremental()
        lab.destination.run("DELETE FROM c WHERE id = 2")
        lab.source.run("UPDATE c SET v = 6 WHERE id = 2", "DELETE FROM p WHERE id = 2", "UPDATE c SET v = 7 WHERE id = 3")
        lab.program.incremental(expect=3)
        lab.destination.run("INSERT INTO c (id, p, v) VALUES (2, 1, 1)")
        code, _out, err = lab.program.command("quarantine", "retry", "all", "--yes")
        expect_equal(code, 0, "retry: " + err[-500:])
        lab.source.run("UPDATE c SET v = 8 WHERE id = 1")
        code, _out, err = lab.program.command("skip", lab.source.gtid(), "--yes", "--reason", "a test")
        expect_equal(code, 0, "skip: " + err[-500:])
        lab.program.incremental(expect=3)
        lab.source.run("UPDATE c SET v = 9 WHERE id = 1")
        lab.program.incremental()
        expect_equal(compare(lab.source, lab.destination, left_out=("p",)), [], "differences")


def cannot_be_told(name, about, left_out, setup, change):
    @only(name, about)
    def _():
        with Lab(settings={"tables": {"exclude": list(left_out)}}, source_options=FULL) as lab:
            lab.source.script(setup)
            lab.program.incremental()
            lab.source.run(change)
            expect_contains(lab.program.incremental(expect=1), "cannot be told", "message")
            lab.program.incremental("--resnapshot", "--yes")
            expect_equal(compare(lab.source, lab.destination, left_out=left_out), [], "differences")


cannot_be_told("filter-tree-left-out", "rows that are left out take along others of their table", ("p",), """
CREATE TABLE p (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES p (id) ON DELETE CASCADE);
INSERT INTO p VALUES (1, NULL), (2, 1);
CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
INSERT INTO c VALUES (1, 1), (2, 2);
""", "DELETE FROM p WHERE id = 1")

cannot_be_told("filter-cascade-kept-left-out-kept", "through kept rows first, then through rows that are left out", ("p",), """
CREATE TABLE g (id INT PRIMARY KEY);
INSERT INTO g VALUES (1);
CREATE TABLE k (id INT PRIMARY KEY, g INT, FOREIGN KEY (g) REFERENCES g (id) ON DELETE CASCADE);
INSERT INTO k VALUES (1, 1);
CREATE TABLE p (id INT PRIMARY KEY, k INT, FOREIGN KEY (k) REFERENCES k (id) ON DELETE CASCADE);
INSERT INTO p VALUES (1, 1);
CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL);
INSERT INTO c VALUES (1, 1);
""", "DELETE FROM g")


@only("filter-key-comes-late", "a new key makes rows depend on those behind the ones it refers to")
def _():
    with Lab(settings={"tables": {"exclude": ["g", "p"]}}, source_options=FULL) as lab:
        lab.source.script("""
CREATE TABLE g (id INT PRIMARY KEY);
INSERT INTO g VALUES (1);
CREATE TABLE p (id INT PRIMARY KEY, g INT, FOREIGN KEY (g) REFERENCES g (id) ON DELETE CASCADE);
INSERT INTO p VALUES (1, 1);
CREATE TABLE c (id INT PRIMARY KEY, p INT);
INSERT INTO c VALUES (1, 1);
""")
        lab.program.incremental()
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE",
                       "DELETE FROM g", "ALTER TABLE c DROP FOREIGN KEY f", "INSERT INTO c VALUES (2, NULL)")
        expect_equal(lab.program.wait_exit(), 1, "exit code")
        expect_contains(lab.program.log_text().decode(), "cannot be told", "log")


def stored(lab, gtid):
    """Wait until the agent, which runs alone, has stored this transaction."""
    deadline = time.monotonic() + 60
    while gtid not in lab.program.command("dump")[1]:
        if time.monotonic() > deadline or not lab.program.running():
            raise Difference("%s was not stored; %s" % (gtid, lab.program.log_tail()))
        time.sleep(0.05)


@only("filter-agent-starts-again", "an agent that starts ahead of the applier remembers what it has stored")
def _():
    with Lab(settings={"tables": {"exclude": ["p"]}}, source_options=FULL) as lab:
        lab.source.script(PARENT + "CREATE TABLE c (id INT PRIMARY KEY, p INT);\nINSERT INTO c VALUES (1, 1), (2, 2);\n")
        lab.program.incremental()
        lab.program.start(command="agent")
        lab.source.run("ALTER TABLE c ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE",
                       "INSERT INTO c VALUES (3, 3)")
        stored(lab, lab.source.gtid())
        lab.program.stop()
        lab.source.run("DELETE FROM p WHERE id = 1", "ALTER TABLE c DROP FOREIGN KEY f", "INSERT INTO c VALUES (4, 2)")
        lab.program.incremental()
        expect_equal(compare(lab.source, lab.destination, left_out=("p",)), [], "differences")


@only("filter-of-agent-and-applier", "both sides must have the same")
def _():
    with Lab(source_options=FULL) as lab:
        lab.source.script(PARENT)
        lab.program.incremental()
        lab.program.configure({"tables": {"exclude": ["p"]}})
        code, _out, err = lab.program.command("agent")
        expect_equal(code, 2, "exit code of agent: " + err[-500:])
        expect_contains(err, "both must have the same", "message")
        lab.program.configure({"tables": {"exclude": []}})
        lab.source.run("INSERT INTO p VALUES (9, 'I', 9)")
        lab.program.incremental()
        lab.equal()


@only("filter-prefix", "names of a filter are without the prefix: another one is another filter")
def _():
    with Lab(settings={"entities": ["order"]}, source_options=FULL) as lab:
        lab.source.run("CREATE TABLE mg_sales_flat_order (entity_id INT PRIMARY KEY)",
                       "INSERT INTO mg_sales_flat_order VALUES (1)")
        lab.program.incremental()
        lab.program.configure({"source": {"prefix": "mg_"}, "destination": {"prefix": "mg_"}})
        expect_contains(lab.program.incremental(expect=2), "prefix=mg_", "message")


@only("filter-cascade-in-quarantine", "what a key does that does not fit waits, and is done by retry")
def _():
    with Lab(settings={"tables": {"exclude": ["p"]}, "on_conflict": "quarantine"}, source_options=FULL) as lab:
        lab.source.script(PARENT + """
CREATE TABLE c (id INT PRIMARY KEY, p INT, UNIQUE KEY (p), CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id) ON UPDATE CASCADE);
INSERT INTO c VALUES (1, 1), (2, 2);
""")
        lab.program.incremental()
        lab.destination.run("INSERT INTO c VALUES (99, 20)")
        lab.source.run("UPDATE p SET id = 20 WHERE id = 2", "INSERT INTO c VALUES (3, 3)")
        expect_contains(lab.program.incremental(expect=3), "Duplicate entry '20'", "message")
        lab.destination.run("DELETE FROM c WHERE id = 99")
        code, _out, err = lab.program.command("quarantine", "retry", "all", "--yes")
        expect_equal(code, 0, "retry: " + err[-500:])
        expect_equal(compare(lab.source, lab.destination, left_out=("p",)), [], "differences")
