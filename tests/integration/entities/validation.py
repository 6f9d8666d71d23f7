"""Validation: the rules of the catalogue, asked of entities at the ends of batches (on_invalid)."""

import json
import os

from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import only
from quarantine import held, retry, waiting

FULL = ("--binlog-row-metadata=FULL",)
SHOP = """
CREATE TABLE eav_entity_type (entity_type_id INT UNSIGNED PRIMARY KEY, entity_type_code VARCHAR(50));
CREATE TABLE eav_attribute (attribute_id INT UNSIGNED PRIMARY KEY, entity_type_id INT UNSIGNED,
  attribute_code VARCHAR(255), backend_type VARCHAR(8), backend_table VARCHAR(255));
CREATE TABLE catalog_product_entity (entity_id INT UNSIGNED PRIMARY KEY, type_id VARCHAR(32), sku VARCHAR(64));
CREATE TABLE catalog_product_entity_varchar (value_id INT PRIMARY KEY AUTO_INCREMENT, attribute_id INT UNSIGNED,
  store_id SMALLINT UNSIGNED, entity_id INT UNSIGNED, value VARCHAR(255), UNIQUE KEY (entity_id, attribute_id, store_id),
  FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE);
CREATE TABLE catalog_product_entity_decimal (value_id INT PRIMARY KEY AUTO_INCREMENT, attribute_id INT UNSIGNED,
  store_id SMALLINT UNSIGNED, entity_id INT UNSIGNED, value DECIMAL(12,4), UNIQUE KEY (entity_id, attribute_id, store_id),
  FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE);
CREATE TABLE catalog_product_entity_tier_price (value_id INT PRIMARY KEY AUTO_INCREMENT, entity_id INT UNSIGNED,
  qty DECIMAL(12,4), value DECIMAL(12,4));
CREATE TABLE cataloginventory_stock_item (item_id INT UNSIGNED PRIMARY KEY, product_id INT UNSIGNED, qty DECIMAL(12,4),
  is_in_stock SMALLINT UNSIGNED, backorders SMALLINT UNSIGNED,
  FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE);
CREATE TABLE plain (id INT PRIMARY KEY, v INT);
INSERT INTO eav_entity_type VALUES (4, 'catalog_product');
INSERT INTO eav_attribute VALUES (71, 4, 'name', 'varchar', NULL), (75, 4, 'price', 'decimal', NULL);
INSERT INTO catalog_product_entity VALUES (1, 'simple', 'one'), (2, 'grouped', 'two');
INSERT INTO catalog_product_entity_varchar VALUES (1, 71, 0, 1, 'One'), (2, 71, 0, 2, 'Two');
INSERT INTO catalog_product_entity_decimal VALUES (1, 75, 0, 1, 5);
"""
PRODUCT = """BEGIN;
INSERT INTO catalog_product_entity VALUES ({0}, '{1}', {2});
INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (71, 0, {0}, {3});
INSERT INTO catalog_product_entity_decimal (attribute_id, store_id, entity_id, value) SELECT 75, 0, {0}, {4} FROM DUAL
  WHERE {4} IS NOT NULL;
COMMIT;
"""
BUSY = "UPDATE plain SET v = v + 1"


def shop(settings, **options):
    return Lab(settings=settings, source_options=FULL, **options)


def do(lab, *scripts):
    """At the source; statements end with a semicolon."""
    lab.source.run(*[sql.strip() for sql in ";".join(scripts).split(";") if sql.strip()])


def begin(lab, more=""):
    lab.source.script(SHOP + more + "INSERT INTO plain VALUES (1, 0);")
    lab.program.incremental()


def product(number, kind="simple", sku="'s'", name="'n'", price="1"):
    return PRODUCT.format(number, kind, sku, name, price)


WRONG = (  # what is done, and what is said of it
    ("UPDATE catalog_product_entity SET sku = '' WHERE entity_id = 1", "column sku of catalog_product_entity is empty"),
    ("UPDATE catalog_product_entity_varchar SET value = NULL WHERE entity_id = 1", "attribute name"),
    ("DELETE FROM catalog_product_entity_varchar WHERE entity_id = 1", "is taken away"),
    ("UPDATE catalog_product_entity_decimal SET value = -0.0001 WHERE entity_id = 1", "is less than 0"),
    ("INSERT INTO catalog_product_entity_tier_price VALUES (1, 1, 0, 5)", "is not more than 0"),
    ("INSERT INTO catalog_product_entity VALUES (9, 'simple', 'nine')", "attribute name of catalog_product_entity is missing"),
    (product(9, price="NULL"), "attribute price of catalog_product_entity is missing"),
    ("UPDATE catalog_product_entity SET type_id = 'virtual' WHERE entity_id = 2", "attribute price of catalog_product_entity is missing"),
    ("INSERT INTO cataloginventory_stock_item VALUES (1, 1, -5, 2, 0)", "none of the values"),
    ("UPDATE catalog_product_entity_varchar SET store_id = 4 WHERE value_id = 1", "attribute name of catalog_product_entity is taken away"),
    ("UPDATE catalog_product_entity_varchar SET attribute_id = 99 WHERE value_id = 1", "attribute name of catalog_product_entity is taken away"),
)
RIGHT = (
    product(11), product(12, "grouped", price="NULL"),  # the rule about the price is not for grouped ones
    "UPDATE catalog_product_entity_decimal SET value = 0 WHERE entity_id = 1",
    "UPDATE catalog_product_entity SET type_id = 'grouped' WHERE entity_id = 1", "UPDATE catalog_product_entity SET type_id = 'virtual' WHERE entity_id = 1",
    # blanks are a value, too; only nothing is empty
    "UPDATE catalog_product_entity_varchar SET value = '  ' WHERE entity_id = 12", "UPDATE catalog_product_entity SET sku = ' ' WHERE entity_id = 12",
    # the value of a shop of its own may be empty; what goes and comes again is there
    "INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (71, 3, 1, '')",
    "BEGIN; DELETE FROM catalog_product_entity_varchar WHERE entity_id = 2; "
    "INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (71, 0, 2, 'T'); COMMIT",
    "UPDATE catalog_product_entity SET sku = '' WHERE entity_id = 11; UPDATE catalog_product_entity SET sku = 'x' WHERE entity_id = 11",
    "INSERT INTO cataloginventory_stock_item VALUES (1, 1, -5.5, 1, 2)",
    "DELETE FROM catalog_product_entity WHERE entity_id = 12",
)


@only("validation-ignored", "without on_invalid no rule is asked")
def _():
    with shop({}) as lab:
        begin(lab)
        for sql, _part in WRONG:
            do(lab, sql.replace("VALUES (9,", "VALUES (8,") if sql[:5] != "BEGIN" else sql)
        lab.program.incremental()
        lab.equal()


@only("validation-error", "on_invalid: error stops, and names entity, key, rule and position; valid ones pass")
def _():
    for sql, part in WRONG:
        with shop({"on_invalid": "error"}) as lab:
            begin(lab)
            for good in RIGHT[:-1]:
                do(lab, good)
            lab.program.incremental()
            lab.equal()
            do(lab, RIGHT[-1], BUSY, sql.replace("INSERT INTO cataloginventory_stock_item VALUES (1", "INSERT INTO cataloginventory_stock_item VALUES (2"),
               BUSY)
            text = lab.program.incremental(expect=1)
            for wanted in (part, "handler validation", "gtid=0-1-", "on_invalid"):
                expect_contains(text, wanted, sql)
            expect("product 1" in text or "product 2" in text or "product 9" in text or "stock 1" in text, "no entity: " + text)
            expect_equal(lab.destination.scalar("SELECT v FROM plain", "shop"), 1, "what came before is applied")
            expect_equal(lab.program.status()["conflicts"], 1, "conflicts")


@only("validation-stored", "what the destination holds already: a price of 0 is there, one of another store only is none")
def _():
    become = "UPDATE catalog_product_entity SET type_id = '%s' WHERE entity_id = 1"
    for change, code in (("SET value = 0", 0), ("SET store_id = 3", 1), ("SET value = NULL", 1)):
        with shop({"on_invalid": "error"}) as lab:
            begin(lab)
            for sql in (become % "grouped", "UPDATE catalog_product_entity_decimal %s WHERE entity_id = 1" % change):
                do(lab, sql)
                lab.program.incremental()
            do(lab, become % "virtual")
            text = lab.program.incremental(expect=code)
            if code:
                expect_contains(text, "attribute price of catalog_product_entity is missing", change)


@only("validation-quarantine", "what is invalid waits, with what comes later; the rest goes on; a repair releases it")
def _():
    with shop({"on_invalid": "quarantine"}) as lab:
        begin(lab)
        do(lab, product(9, sku="''"), BUSY, "INSERT INTO cataloginventory_stock_item VALUES (9, 9, 1, 1, 0)",
           "UPDATE catalog_product_entity_varchar SET value = 'later' WHERE entity_id = 9",
           "INSERT INTO cataloginventory_stock_item VALUES (1, 1, 1, 1, 0)", BUSY)
        text = lab.program.incremental(expect=3)
        expect_contains(text, "column sku of catalog_product_entity is empty", "log")
        rows = waiting(lab)
        expect_equal([(row["operation"], row["entity"], row.get("entity_key")) for row in rows],
                     [("insert", "product", "9")] * 3 + [("insert", "stock", "9"), ("update", "product", "9")],
                     "what waits: %s" % held(lab))
        expect_contains(rows[0]["reason"], "column sku", "reason")
        expect_equal({row.get("held_by") for row in rows[1:]}, {rows[0]["id"]}, "one chain")
        status = lab.program.status()
        expect_equal((status["quarantined"], status["conflicts"]), (5, 1), "status")
        expect_equal(lab.destination.scalar("SELECT v FROM plain", "shop"), 2, "the rest")
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM cataloginventory_stock_item", "shop"), 1, "the rest")
        retry(lab, "all", 3, "column sku")
        lab.source.run("UPDATE catalog_product_entity_varchar SET value = 'still' WHERE entity_id = 9")
        lab.program.incremental(expect=3)  # a change that does not repair it releases nothing
        expect_equal(len(waiting(lab)), 6, "what waits")
        lab.source.run("UPDATE catalog_product_entity SET sku = 'nine' WHERE entity_id = 9")
        lab.program.incremental()
        expect_equal(waiting(lab), [], "after the repair")
        lab.equal()


OWN = {"name": "own", "tables": [{"table": "o", "role": "root", "link": "id", "key": "id"}, {"table": "m", "role": "member", "link": "o", "key": "id"},
                                 {"table": "loose", "role": "loose", "link": "o", "key": "id"}],
       "validate": [{"column": "v", "max": 4}]}
OWN_TABLES = """
CREATE TABLE o (id INT PRIMARY KEY, v INT, u INT, UNIQUE KEY (u));
CREATE TABLE m (id INT PRIMARY KEY, o INT, v INT, FOREIGN KEY (o) REFERENCES o (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE loose (id INT PRIMARY KEY, o INT, KEY (o));
"""


def own_entity(lab, more=""):
    os.makedirs(lab.work.path("e"))
    with open(lab.work.path("e", "own.yaml"), "w", encoding="utf-8") as out:
        json.dump(OWN, out)
    lab.program.configure({"entities_dir": lab.work.path("e")})
    lab.source.script(OWN_TABLES + more)
    lab.program.incremental()


def moved(statements, keys, repair=None, apart=True):
    """Row 3 of `o` waits, for its v, or without `repair` for its u. `keys`: of what waits, as it is listed, in one chain."""
    with shop({"on_invalid": "quarantine", "on_conflict": "quarantine"}) as lab:
        own_entity(lab)
        lab.destination.run("INSERT INTO o VALUES (99, 0, 40)")
        lab.source.run("INSERT INTO o VALUES (2, 0, 2)", "INSERT INTO o VALUES (3, %s)" % ("5, 3" if repair else "0, 40"), "INSERT INTO m VALUES (30, 3, 0)")
        lab.program.incremental(expect=3)
        for group in [[sql] for sql in statements] if apart else [statements]:
            lab.source.run(*group)
            lab.program.incremental(expect=3)
        rows = waiting(lab)
        expect_equal([row.get("entity_key") for row in rows], list(keys), "under which keys it is listed: %s" % held(lab))
        expect_equal({row.get("held_by") for row in rows[1:]}, {rows[0]["id"]}, "one chain")
        if repair:
            lab.source.run(repair)
            lab.program.incremental()
        lab.destination.run("DELETE FROM o WHERE id = 99")
        if not repair:
            retry(lab, "all", 0, "still_waiting=0")
        expect_equal(waiting(lab), [], "after the repair")
        lab.equal()


@only("validation-key-moves", "an entity whose root takes another key while it waits is the same one: a repair releases it, all of it is listed under the new key")
def _():
    moves = "UPDATE o SET id = 4 WHERE id = 3"
    for apart in (True, False):
        moved([moves, "INSERT INTO m VALUES (31, 4, 1)", "INSERT INTO loose VALUES (31, 4)"], "44444", "UPDATE o SET v = 0 WHERE id = 4", apart)
        moved([moves, "UPDATE o SET id = 3 WHERE id = 2", "UPDATE o SET u = 7 WHERE id = 3"], "44433", "UPDATE o SET v = 0 WHERE id = 4", apart)
        moved([moves, "UPDATE o SET id = 5 WHERE id = 4", "INSERT INTO o VALUES (4, 0, 4)"], "55554", "UPDATE o SET v = 0 WHERE id = 5", apart)
        moved([moves, "INSERT INTO loose VALUES (31, 4)"], "4444", None, apart)
    with shop({"on_invalid": "quarantine"}) as lab:  # it was valid, and is when the run ends
        own_entity(lab, "INSERT INTO o VALUES (1, 0, 1), (2, 0, 2);")
        lab.source.run("UPDATE o SET v = 9 WHERE id = 1", "UPDATE o SET id = 4 WHERE id = 1", "UPDATE o SET id = 1 WHERE id = 2", "UPDATE o SET v = 3 WHERE id = 4")
        lab.program.incremental()
        lab.equal()


@only("validation-without-names", "an agent that does not know the columns' names: all of an entity waits together, and a repair releases it")
def _():
    with Lab(settings={"on_invalid": "quarantine"}) as lab:
        own_entity(lab)
        lab.source.run("INSERT INTO o VALUES (3, 5, 3)")
        lab.program.incremental(expect=3)
        for statements, code in ((("INSERT INTO loose VALUES (30, 3)", "UPDATE o SET u = 4", "INSERT INTO m VALUES (30, 3, 0)"), 3), (("UPDATE o SET v = 0",), 0)):
            os.unlink(os.path.join(lab.program.settings["state_dir"], lab.program.settings["name"] + ".history"))
            lab.source.run(*statements)
            lab.program.incremental(expect=code)
            expect_equal([row.get("entity_key") for row in waiting(lab)], ["3"] * 4 if code else [], "what waits: %s" % held(lab))
        lab.equal()


@only("validation-same-whenever", "invalid, then repaired: in one batch, in two, killed between: the same")
def _():
    for between in (None, "stop", "kill"):
        with shop({"on_invalid": "quarantine"}) as lab:
            begin(lab)
            lab.program.start()
            lab.program.wait_caught_up()
            if between is None:
                lab.program.stop()
            do(lab, product(9, sku="''"))
            if between:
                lab.program.wait_for("set aside", lambda status: status["quarantined"] == 3)
                (lab.program.kill if between == "kill" else lab.program.stop)()
            lab.source.run("UPDATE catalog_product_entity SET sku = 'nine' WHERE entity_id = 9", BUSY)
            lab.settle()
            expect_equal(waiting(lab), [], "what waits")
            # gone again before it was ever valid
            lab.source.run("INSERT INTO catalog_product_entity VALUES (10, 'simple', '')")
            lab.program.wait_caught_up()
            lab.source.run("DELETE FROM catalog_product_entity WHERE entity_id = 10")
            lab.settle()
            expect_equal(waiting(lab), [], "what waits")


@only("validation-skip", "on_invalid: skip drops what the batch changes of the entity, says so, and exits 3")
def _():
    with shop({"on_invalid": "skip"}) as lab:
        begin(lab)
        do(lab, "UPDATE catalog_product_entity SET sku = '' WHERE entity_id = 1", product(9, sku="''"), BUSY)
        text = lab.program.incremental(expect=3)
        for part in ("action=skip", "product 1", "product 9", "gtid=0-1-"):
            expect_contains(text, part, "log")
        expect_equal(waiting(lab), [], "what waits")
        expect_equal(lab.program.status()["conflicts"], 2, "conflicts")
        expect_equal(lab.destination.query("SELECT entity_id, sku FROM catalog_product_entity ORDER BY entity_id", "shop"),
                     ((1, "one"), (2, "two")), "rows")
        expect_equal(lab.destination.scalar("SELECT v FROM plain", "shop"), 1, "the rest")
        lab.source.run("UPDATE catalog_product_entity SET sku = 'uno' WHERE entity_id = 1")
        lab.program.incremental()
        expect_equal(lab.destination.scalar("SELECT sku FROM catalog_product_entity WHERE entity_id = 1", "shop"), "uno", "row 1")
        lab.source.run("UPDATE catalog_product_entity SET sku = 'nine' WHERE entity_id = 9")
        expect_contains(lab.program.incremental(expect=1), "catalog_product_entity", "a row that was dropped")


@only("validation-skip-children", "rows that refer to a new entity that is dropped are a conflict: on_conflict decides")
def _():
    for policy, code, waits in (("stop", 1, []), ("quarantine", 3, ["cataloginventory_stock_item"])):
        with shop({"on_invalid": "skip", "on_conflict": policy}) as lab:
            begin(lab)
            do(lab, "BEGIN; INSERT INTO catalog_product_entity VALUES (9, 'simple', '');"
               "INSERT INTO cataloginventory_stock_item VALUES (9, 9, 1, 1, 0); COMMIT")
            expect_contains(lab.program.incremental(expect=code), "foreign key", policy)
            expect_equal([row["table"] for row in waiting(lab)], waits, "what waits")


@only("validation-with-conflicts", "an invalid entity in a transaction of which other rows do not fit")
def _():
    with shop({"on_invalid": "quarantine", "on_conflict": "quarantine"}) as lab:
        begin(lab)
        lab.source.run("INSERT INTO plain VALUES (5, 5)")
        lab.program.incremental()
        lab.destination.run("DELETE FROM plain WHERE id = 5")
        do(lab, "BEGIN; UPDATE catalog_product_entity SET sku = '' WHERE entity_id = 1; UPDATE plain SET v = 6 WHERE id = 5;"
           "UPDATE catalog_product_entity SET sku = 'zwei' WHERE entity_id = 2; COMMIT", BUSY + " WHERE id = 1")
        lab.program.incremental(expect=3)
        expect_equal([(row["table"], row["key"]) for row in waiting(lab)],
                     [("catalog_product_entity", "entity_id=1"), ("plain", "id=5")], "what waits: %s" % held(lab))
        expect_equal(lab.program.status()["conflicts"], 2, "conflicts")
        expect_equal(lab.destination.scalar("SELECT sku FROM catalog_product_entity WHERE entity_id = 2", "shop"), "zwei", "row 2")
        lab.destination.run("INSERT INTO plain VALUES (5, 5)")
        lab.source.run("UPDATE catalog_product_entity SET sku = 'eins' WHERE entity_id = 1")
        lab.program.incremental()  # what is released lets the conflict be tried again, too
        expect_equal(waiting(lab), [], "what waits")
        lab.equal()


@only("validation-in-parts", "a transaction larger than a batch: values may come in another part than their row")
def _():
    with shop({"on_invalid": "error", "batch": {"max_bytes": "64KiB"}}) as lab:
        begin(lab)
        load = ("BEGIN; INSERT INTO catalog_product_entity SELECT seq, 'simple', REPEAT('s', 60) FROM seq_1001_to_3000;"
                "INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) SELECT 71, 0, seq, 'n' FROM seq_1001_to_3000;"
                "INSERT INTO catalog_product_entity_decimal (attribute_id, store_id, entity_id, value) SELECT 75, 0, seq, %s FROM seq_1001_to_3000; COMMIT")
        do(lab, load % "1")
        lab.program.incremental()
        lab.equal()
        do(lab, "DELETE FROM catalog_product_entity WHERE entity_id > 1000", load % "IF(seq = 2500, -1, 1)")
        expect_contains(lab.program.incremental(expect=1), "product 2500", "a value that is wrong by itself")


@only("validation-and-hooks", "hooks are not told of what is set aside, before it is released")
def _():
    with shop({"on_invalid": "quarantine"}) as lab:
        begin(lab)
        told = lab.work.path("told")
        script = lab.work.path("hook")
        with open(script, "w", encoding="utf-8") as out:
            out.write("#!/bin/sh\ncat >>%s\necho >>%s\n" % (told, told))
        os.chmod(script, 0o755)
        lab.program.configure({"hooks": {"command": [script]}})
        do(lab, "UPDATE catalog_product_entity SET sku = '' WHERE entity_id = 1", "UPDATE catalog_product_entity SET sku = 'due' WHERE entity_id = 2")
        lab.program.incremental(expect=3)
        do(lab, "UPDATE catalog_product_entity SET sku = 'uno' WHERE entity_id = 1")
        lab.program.incremental()
        lab.equal()
        with open(told, encoding="utf-8") as text:
            keys = [json.loads(line)["entities"]["product"]["updated"] for line in text if line.strip() and "entities" in line]
        expect_equal(keys, [[2], [1]], "what hooks were told")


@only("validation-xa-in-groups", "an XA transaction that is stored in several groups is not asked for what comes in another one")
def _():
    with shop({"on_invalid": "error", "batch": {"max_bytes": "64KiB"}}) as lab:
        begin(lab)
        do(lab, "XA START 'a'", "INSERT INTO catalog_product_entity SELECT seq, 'simple', REPEAT('s', 60) FROM seq_1001_to_4000",
           "INSERT INTO catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) SELECT 71, 0, seq, REPEAT('n', 100) FROM "
           "seq_1001_to_4000", "INSERT INTO catalog_product_entity_decimal (attribute_id, store_id, entity_id, value) SELECT 75, 0, seq, 1 FROM "
           "seq_1001_to_4000", "XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a'")
        lab.program.incremental()
        lab.equal()


LINKS = ("CREATE TABLE downloadable_link (link_id INT UNSIGNED PRIMARY KEY, product_id INT UNSIGNED NOT NULL, link_file VARCHAR(20), "
         "link_url VARCHAR(20), FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE);\n")


@only("validation-of-what-is-gone", "rows that a later deletion of their parent takes along are not asked: no policy keeps the deletion away")
def _():
    for policy in ("error", "skip", "quarantine"):
        with shop({"on_invalid": policy}) as lab:
            begin(lab, LINKS)
            do(lab, "INSERT INTO downloadable_link VALUES (1, 2, NULL, NULL)", "INSERT INTO cataloginventory_stock_item VALUES (1, 2, 1, 7, 0)",
               "DELETE FROM catalog_product_entity WHERE entity_id = 2", BUSY)
            lab.program.incremental()
            lab.equal()
    for wrong in ("INSERT INTO downloadable_link VALUES (1, 1, NULL, NULL)", "INSERT INTO cataloginventory_stock_item VALUES (1, 1, 1, 7, 0)",
                  "UPDATE catalog_product_entity_varchar SET value = '' WHERE entity_id = 1"):
        with shop({"on_invalid": "quarantine"}) as lab:
            begin(lab, LINKS)
            do(lab, wrong)
            lab.program.incremental(expect=3)
            do(lab, "DELETE FROM catalog_product_entity WHERE entity_id = 1")
            lab.program.incremental()
            expect_equal(waiting(lab), [], "what waits after " + wrong)
            lab.equal()


@only("validation-releases-many", "any number of chains, and chains of any length, are released by the change that makes them fit")
def _():
    with shop({"on_invalid": "quarantine"}) as lab:
        begin(lab)
        do(lab, "BEGIN; INSERT INTO catalog_product_entity SELECT seq, 'grouped', '' FROM seq_1001_to_1300; INSERT INTO catalog_product_entity_varchar "
           "(attribute_id, store_id, entity_id, value) SELECT 71, 0, seq, 'n' FROM seq_1001_to_1300; COMMIT")
        lab.program.incremental(expect=3)
        do(lab, "UPDATE catalog_product_entity SET sku = CONCAT('s', entity_id) WHERE entity_id > 1000")
        lab.program.incremental()
        expect_equal(waiting(lab), [], "what waits")
        lab.equal()
        do(lab, "INSERT INTO cataloginventory_stock_item VALUES (1, 1, 1, 1, 0)", "UPDATE catalog_product_entity SET sku = '' WHERE entity_id = 1")
        lab.source.run(*["UPDATE cataloginventory_stock_item SET qty = %d WHERE item_id = 1" % n for n in range(2, 1200)])
        lab.program.incremental(expect=3)
        before = lab.program.status()
        do(lab, "UPDATE catalog_product_entity SET sku = 'uno' WHERE entity_id = 1")
        lab.program.incremental()
        expect_equal(waiting(lab), [], "what waits")
        after = lab.program.status()
        expect(after["rows_written"] >= before["rows_written"] + 2, "rows_written follows: %s, %s" % (before["rows_written"], after["rows_written"]))
        expect(after["entities"]["stock"]["updated"] > before["entities"].get("stock", {"updated": 0})["updated"], "stock counts")
        lab.equal()


@only("validation-holds-what-refers", "behind any row of an entity that waits, what refers to its root waits, and rows that move into it; retry counts")
def _():
    with shop({"on_invalid": "quarantine"}) as lab:
        lab.source.script("CREATE TABLE catalog_product_option (option_id INT UNSIGNED PRIMARY KEY, product_id INT UNSIGNED, v INT);\n"
                          "INSERT INTO catalog_product_option VALUES (20, 2, 1);\n")
        begin(lab)
        do(lab, "INSERT INTO cataloginventory_stock_item VALUES (1, 1, 1, 1, 0)")
        lab.program.incremental()
        do(lab, "INSERT INTO catalog_product_entity_tier_price VALUES (1, 1, 0, 5)", "UPDATE cataloginventory_stock_item SET qty = 5 WHERE item_id = 1",
           "UPDATE catalog_product_option SET product_id = 1 WHERE option_id = 20")
        lab.program.incremental(expect=3)
        expect_equal([table for _operation, table, _key in held(lab)], ["catalog_product_entity_tier_price", "cataloginventory_stock_item",
                                                                        "catalog_product_option"], "what waits")
        lab.program.configure({"on_invalid": "ignore"})
        before = lab.program.status()
        retry(lab, "all", 0)
        after = lab.program.status()
        expect_equal(after["rows_written"], before["rows_written"] + 3, "rows_written")
        expect_equal(after["entities"]["stock"]["updated"], before["entities"]["stock"]["updated"] + 1, "stock")
        lab.equal()


SALES = """
CREATE TABLE sales_flat_invoice (entity_id INT PRIMARY KEY, order_id INT, increment_id VARCHAR(50), grand_total DECIMAL(12,4));
CREATE TABLE sales_flat_shipment (entity_id INT PRIMARY KEY, order_id INT, increment_id VARCHAR(50));
CREATE TABLE sales_flat_shipment_track (entity_id INT PRIMARY KEY, parent_id INT, track_number TEXT);
CREATE TABLE sales_flat_creditmemo (entity_id INT PRIMARY KEY, order_id INT, increment_id VARCHAR(50), grand_total DECIMAL(12,4));
CREATE TABLE sales_flat_creditmemo_item (entity_id INT PRIMARY KEY, parent_id INT, order_item_id INT, sku VARCHAR(255), qty DECIMAL(12,4));
CREATE TABLE cms_block (block_id INT PRIMARY KEY, title VARCHAR(255), identifier VARCHAR(255));
CREATE TABLE cms_page (page_id INT PRIMARY KEY, title VARCHAR(255), identifier VARCHAR(255));
"""
DOCUMENTS = """
INSERT INTO sales_flat_invoice VALUES ({0}, {order}, '1', 0);
INSERT INTO sales_flat_shipment VALUES ({0}, {order}, '1');
INSERT INTO sales_flat_shipment_track VALUES ({0}, {0}, {track});
INSERT INTO sales_flat_creditmemo VALUES ({0}, {order}, '1', 0);
INSERT INTO sales_flat_creditmemo_item VALUES ({0}, {0}, {item}, {sku}, 1);
INSERT INTO cms_block VALUES ({0}, 'T', '{block}');
INSERT INTO cms_page VALUES ({0}, 'T', '{page}');
"""


@only("validation-documents", "documents without order, track or item, and identifiers that are none, are invalid")
def _():
    with shop({"on_invalid": "quarantine"}) as lab:
        lab.source.script(SALES)
        lab.program.incremental()
        do(lab, DOCUMENTS.format(1, order=7, track="'1Z'", item="NULL", sku="'s'", block="Footer_links-2", page="about/us.html"),
           DOCUMENTS.format(2, order=7, track="'1Z'", item=5, sku="''", block="b", page="p"))
        lab.program.incremental()
        expect_equal(waiting(lab), [], "what is valid")
        lab.equal()
        do(lab, DOCUMENTS.format(3, order="NULL", track="''", item="NULL", sku="''", block="a.b", page="a b"))
        lab.program.incremental(expect=3)
        do(lab, DOCUMENTS.format(4, order=7, track="''", item="NULL", sku="''", block="B", page="P"),
           "UPDATE sales_flat_invoice SET order_id = 0 WHERE entity_id = 1")
        lab.program.incremental(expect=3)
        reasons = ["%s: %s" % (row["table"], row["reason"]) for row in waiting(lab) if not row.get("held_by")]
        for part in ("order_id of sales_flat_invoice is empty", "order_id of sales_flat_creditmemo is empty",
                     "order_id of sales_flat_shipment is empty", "track_number of sales_flat_shipment_track is empty",
                     "sku of sales_flat_creditmemo_item is empty, and so is order_item_id",
                     "order_id of sales_flat_invoice is not more than 0", "identifier of cms_block does not match",
                     "identifier of cms_page does not match"):
            expect(any(part in reason for reason in reasons), "'%s' is none of %s" % (part, reasons))
        expect_equal(len(reasons), 8, "what is invalid: %s" % reasons)


PEOPLE = """
CREATE TABLE sales_flat_order (entity_id INT UNSIGNED PRIMARY KEY, increment_id VARCHAR(50), is_virtual SMALLINT UNSIGNED, status VARCHAR(32),
  grand_total DECIMAL(12,4), base_grand_total DECIMAL(12,4));
CREATE TABLE sales_flat_order_address (entity_id INT UNSIGNED PRIMARY KEY, parent_id INT UNSIGNED, address_type VARCHAR(20),
  street VARCHAR(255), city VARCHAR(255), country_id VARCHAR(2));
CREATE TABLE sales_flat_order_item (item_id INT UNSIGNED PRIMARY KEY, order_id INT UNSIGNED, sku VARCHAR(255), name VARCHAR(255), qty_ordered DECIMAL(12,4));
INSERT INTO sales_flat_order SELECT seq, seq, IF(seq = 3, NULL, seq % 2), 's', 1, 1 FROM seq_1_to_4;
INSERT INTO sales_flat_order_address SELECT seq, seq, 'billing', 's', 'c', 'DE' FROM seq_1_to_4;
INSERT INTO sales_flat_order_item VALUES (1, 1, 's', 'n', 1);
CREATE TABLE customer_entity (entity_id INT UNSIGNED PRIMARY KEY, email VARCHAR(255));
CREATE TABLE customer_address_entity (entity_id INT UNSIGNED PRIMARY KEY, parent_id INT UNSIGNED, is_active INT);
CREATE TABLE customer_address_entity_varchar (value_id INT PRIMARY KEY AUTO_INCREMENT, attribute_id INT UNSIGNED, entity_id INT UNSIGNED,
  value VARCHAR(255), UNIQUE KEY (entity_id, attribute_id));
CREATE TABLE customer_address_entity_text LIKE customer_address_entity_varchar;
INSERT INTO eav_entity_type VALUES (2, 'customer_address');
INSERT INTO eav_attribute VALUES (24, 2, 'street', 'text', NULL), (25, 2, 'city', 'varchar', NULL);
INSERT INTO customer_entity SELECT seq, 'a@b' FROM seq_1_to_3;
INSERT INTO customer_address_entity SELECT seq, seq, 1 FROM seq_1_to_3;
INSERT INTO customer_address_entity_text VALUES (1, 24, 1, 'Street 1'), (2, 24, 2, 'Street 2');
INSERT INTO customer_address_entity_varchar VALUES (1, 25, 1, 'City 1'), (3, 25, 3, 'City 3');
"""
ADDRESS = "INSERT INTO sales_flat_order_address VALUES ({0}, {1}, '{2}', {3}, {4}, 'DE')"
WRONG_PEOPLE = (
    # of what is to be shipped an address says where the buyer lives
    (ADDRESS.format(9, 2, "billing", "''", "'c'"), "column street of sales_flat_order_address is empty"),
    (ADDRESS.format(9, 3, "billing", "'s'", "NULL"), "column city of sales_flat_order_address is empty"),
    ("UPDATE sales_flat_order_address SET city = '' WHERE entity_id = 2", "column city"),
    ("BEGIN; INSERT INTO sales_flat_order VALUES (9, 'nine', 0, 's', 1, 1); %s; COMMIT" % ADDRESS.format(9, 9, "billing", "''", "'c'"), "column street"),
    ("BEGIN; UPDATE sales_flat_order SET is_virtual = 0 WHERE entity_id = 1; UPDATE sales_flat_order_address SET city = '' WHERE entity_id = 1; COMMIT", "column city"),
    # one of two attributes
    ("INSERT INTO customer_address_entity VALUES (9, 1, 1)", "attribute street of customer_address_entity is missing, and so is city"),
    ("DELETE FROM customer_address_entity_text WHERE entity_id = 2", "attribute street of customer_address_entity is taken away, and so is city"),
    ("DELETE FROM customer_address_entity_varchar WHERE entity_id = 3", "taken away"),
    ("UPDATE customer_address_entity_varchar SET value = '' WHERE entity_id = 3", "attribute street of customer_address_entity is empty, and so is city"),
    ("BEGIN; DELETE FROM customer_address_entity_varchar WHERE entity_id = 1; DELETE FROM customer_address_entity_text WHERE entity_id = 1; COMMIT", "taken away"),
    ("INSERT INTO customer_address_entity_text VALUES (9, 24, 9, '')", "is empty, and so is city"),
)
RIGHT_PEOPLE = (
    ADDRESS.format(11, 1, "billing", "''", "NULL"), ADDRESS.format(12, 2, "shipping", "''", "NULL"),
    "UPDATE sales_flat_order_address SET city = '' WHERE entity_id = 1",
    "UPDATE sales_flat_order SET status = 't' WHERE entity_id = 1",
    ADDRESS.format(13, 77, "billing", "''", "NULL"),  # of an order that is not there
    "UPDATE sales_flat_order_item SET sku = '' WHERE item_id = 1",  # its name does as well
    "BEGIN; UPDATE sales_flat_order SET is_virtual = 1 WHERE entity_id = 4; UPDATE sales_flat_order_address SET city = '' WHERE entity_id = 4; COMMIT",
    "DELETE FROM customer_address_entity_text WHERE entity_id = 1", "UPDATE customer_address_entity_varchar SET value = 'C' WHERE entity_id = 1",
    "BEGIN; DELETE FROM customer_address_entity_varchar WHERE entity_id = 1; INSERT INTO customer_address_entity_text VALUES (5, 24, 1, 'S'); COMMIT",
    "BEGIN; INSERT INTO customer_address_entity VALUES (8, 1, 1); INSERT INTO customer_address_entity_varchar VALUES (8, 25, 8, 'City 8'); COMMIT",
    "INSERT INTO customer_address_entity_text VALUES (8, 24, 8, '')",
)


@only("validation-people", "addresses: street and city of an order that is shipped, street or city of a customer's")
def _():
    for image in ("FULL", "MINIMAL"):
        with shop({"on_invalid": "quarantine"}) as lab:
            lab.source.run("SET GLOBAL binlog_row_image = '%s'" % image, database=None)
            begin(lab, PEOPLE)
            for good in RIGHT_PEOPLE:
                do(lab, good)
                lab.program.incremental()
                expect_equal(waiting(lab), [], "%s: %s" % (image, good))
            lab.equal()
    for sql, part in WRONG_PEOPLE:
        with shop({"on_invalid": "error"}) as lab:
            begin(lab, PEOPLE)
            do(lab, sql)
            expect_contains(lab.program.incremental(expect=1), part, sql)
