"""Whose row is it: keys of entities in messages, and in quarantine."""

import json

from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from filters import stored
from operation import only
from quarantine import held, retry, waiting

FULL = ("--binlog-row-metadata=FULL",)
OPTIONS = """
CREATE TABLE catalog_product_entity (entity_id INT UNSIGNED PRIMARY KEY, sku VARCHAR(64), UNIQUE KEY (sku));
CREATE TABLE catalog_product_option (option_id INT UNSIGNED PRIMARY KEY, product_id INT UNSIGNED, sort_order INT);
CREATE TABLE catalog_product_option_type_value (option_type_id INT UNSIGNED PRIMARY KEY, option_id INT UNSIGNED, v INT);
CREATE TABLE catalog_product_option_type_title (option_type_title_id INT UNSIGNED PRIMARY KEY,
  option_type_id INT UNSIGNED, store_id INT, title VARCHAR(60));
INSERT INTO catalog_product_entity VALUES (7, 'seven'), (8, 'eight');
INSERT INTO catalog_product_option VALUES (70, 7, 0), (80, 8, 0), (90, 9, 0);
INSERT INTO catalog_product_option_type_value VALUES (700, 70, 0), (800, 80, 0), (801, 81, 0), (900, 90, 0), (701, NULL, 0);
"""
TITLE = "INSERT INTO catalog_product_option_type_title VALUES (%d, %s, 0, 't')"


def keys(lab):
    """(table, operation, key) of the changes in the stream."""
    out = lab.program.command("dump")[1]
    changes = [message for message in map(json.loads, out.splitlines()) if message.get("type") == "change"]
    return [(change["table"].replace("catalog_product_", ""), change["operation"], change.get("key"))
            for change in changes]


def recorded(lab, *groups):
    """What the agent alone makes of these: each group of statements is stored before the next is run."""
    lab.program.start(command="agent")
    for group in groups:
        lab.source.run(*group, "CREATE TABLE reached (a INT)", "DROP TABLE reached")
        stored(lab, lab.source.gtid())
    lab.program.stop()
    return keys(lab)


def levels(metadata):
    with Lab(source_options=metadata) as lab:
        lab.source.script(OPTIONS)
        lab.program.incremental()
        got = recorded(
            lab, (TITLE % (1, 700), TITLE % (2, 800),  # looked up, two steps
                  TITLE % (3, 801), TITLE % (4, 12345),  # an option, a value that are not there
                  TITLE % (5, 701), TITLE % (6, "NULL"),  # a way that ends
                  TITLE % (7, 900)),  # to a product that is not there
            ("INSERT INTO catalog_product_option VALUES (71, 7, 0), (81, 8, 0)",
             "INSERT INTO catalog_product_option_type_value VALUES (710, 71, 0)",
             TITLE % (8, 710), TITLE % (9, 801)),  # seen, and no longer missing
            ("DELETE FROM catalog_product_option", "DELETE FROM catalog_product_option_type_value",
             "UPDATE catalog_product_option_type_title SET title = 'u' WHERE option_type_title_id IN (1, 3, 4, 8)",
             "DELETE FROM catalog_product_entity",
             "DELETE FROM catalog_product_option_type_title WHERE option_type_title_id = 2"))
        value, title = "option_type_value", "option_type_title"
        expect_equal(got, [
            (title, "insert", 7), (title, "insert", 8),
            (title, "insert", "catalog_product_option=81"),
            (title, "insert", "catalog_product_option_type_value=12345"),
            (title, "insert", "catalog_product_option_type_value=701"), (title, "insert", None),
            (title, "insert", 9),
            ("option", "insert", 7), ("option", "insert", 8), (value, "insert", 7),
            (title, "insert", 7), (title, "insert", 8),
            *[("option", "delete", key) for key in (7, 7, 8, 8, 9)],
            *[(value, "delete", key) for key in (7, "catalog_product_option_type_value=701", 7, 8, 8, 9)],
            (title, "update", 7), (title, "update", 8),
            (title, "update", "catalog_product_option_type_value=12345"), (title, "update", 7),
            ("entity", "delete", 7), ("entity", "delete", 8),
            (title, "delete", 8)], "keys")
        lab.program.incremental()
        lab.equal()


@only("entity-keys-of-levels", "rows that lead to their root through others: seen, looked up, or as near as known")
def _():
    levels(FULL)


@only("entity-keys-without-metadata", "the same with names from the history")
def _():
    levels(())


@only("entity-keys-after-restart", "what was seen before a restart is looked up; what is gone by then is as near as known")
def _():
    with Lab(source_options=FULL) as lab:
        lab.source.script(OPTIONS + """
DELETE FROM catalog_product_option WHERE option_id = 90;
ALTER TABLE catalog_product_option ADD FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id)
  ON DELETE CASCADE;
""")
        lab.program.incremental()
        recorded(lab, ("INSERT INTO catalog_product_option VALUES (71, 7, 0)",))
        # the option goes by a cascade, which no event tells
        lab.source.run("DELETE FROM catalog_product_entity WHERE entity_id = 8")
        got = recorded(lab, ("INSERT INTO catalog_product_option_type_value VALUES (711, 71, 0), (712, 80, 0)",
                             TITLE % (1, 711), TITLE % (2, 712), TITLE % (3, 800)))
        expect_equal([key for _table, _operation, key in got][-5:],
                     [7, "catalog_product_option=80", 7, "catalog_product_option=80", "catalog_product_option=80"], "keys")
        lab.program.incremental()
        lab.equal()


@only("entity-keys-no-source", "the source cannot be asked: said once, the stream goes on")
def _():
    with Lab(source_options=FULL) as lab:
        lab.source.script(OPTIONS)
        lab.program.incremental()
        lab.program.start(command="agent")
        lab.program.wait_log("binlog dump opened")
        lab.source.run("REVOKE ALL PRIVILEGES, GRANT OPTION FROM datasync@'127.0.0.1'", TITLE % (1, 700), TITLE % (2, 800))
        stored(lab, lab.source.gtid())
        expect_equal([key for _table, _operation, key in keys(lab)],
                     ["catalog_product_option_type_value=700", "catalog_product_option_type_value=800"], "keys")
        expect_equal(lab.program.log_text().count(b"cannot be asked whose rows"), 1, "warnings")


@only("quarantine-whole-entity", "later changes of a quarantined entity wait, whichever of its tables they are of")
def _():
    with Lab(settings={"on_conflict": "quarantine"}, source_options=FULL) as lab:
        lab.source.script(OPTIONS)
        lab.program.incremental()
        lab.destination.run("INSERT INTO catalog_product_entity VALUES (900, 'taken')")
        lab.source.run("UPDATE catalog_product_entity SET sku = 'taken' WHERE entity_id = 7",
                       TITLE % (1, 700), TITLE % (2, 800),
                       "UPDATE catalog_product_option SET sort_order = 5", "UPDATE catalog_product_option_type_value SET v = 5")
        lab.program.incremental(expect=3)
        rows = waiting(lab)
        expect_equal([(row["table"].replace("catalog_product_", ""), row["operation"]) for row in rows],
                     [("entity", "update"), ("option_type_title", "insert"), ("option", "update"),
                      ("option_type_value", "update")], "what waits: %s" % held(lab))
        expect_equal({row["entity_key"] for row in rows}, {"7"}, "whose")
        expect_equal(len({row.get("held_by") for row in rows}), 2, "one chain")
        code, out, _err = lab.program.command("quarantine", "list")
        expect_equal(code, 0, "list")
        expect_contains(out, "product 7", "list")
        lab.destination.run("DELETE FROM catalog_product_entity WHERE entity_id = 900")
        retry(lab, "all", 0, "still_waiting=0")
        lab.equal()


@only("stock-storm", "200 000 updates of 2 000 items: a batch writes each item at most once")
def _():
    with Lab(settings={"batch": {"max_rows": 50000}}, source_options=("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")) as lab:
        lab.source.run("CREATE TABLE cataloginventory_stock_item (item_id INT UNSIGNED PRIMARY KEY, product_id INT UNSIGNED NOT NULL, "
                       "stock_id INT NOT NULL DEFAULT 1, qty DECIMAL(12,4), UNIQUE KEY (product_id, stock_id))",
                       "INSERT INTO cataloginventory_stock_item SELECT seq, seq, 1, 1000 FROM seq_1_to_2000",
                       "CREATE PROCEDURE storm(first INT, last INT) BEGIN WHILE first <= last DO UPDATE cataloginventory_stock_item "
                       "SET qty = qty - 1 - first % 3 WHERE item_id = 1 + (first * 7919) % 2000; SET first = first + 1; END WHILE; END")
        lab.program.incremental()
        before = lab.program.status()
        lab.source.run("CALL storm(1, 200000)")
        lab.program.incremental(timeout=170)
        lab.equal()
        status = lab.program.status()
        batches = status["batches"] - before["batches"]
        written = status["rows_written"] - before["rows_written"]
        counts = status["entities"]["stock"]
        expect_equal(status["rows"] - before["rows"], 200000, "row changes of the source")
        print("%d rows written in %d batches" % (written, batches))
        expect(written <= 2000 * batches, "%d rows were written in %d batches" % (written, batches))
        expect(written < 200000, "nothing was folded")
        expect_equal(counts["updated"] + counts["folded"], 200000, "written and folded")
