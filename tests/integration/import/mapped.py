"""An import through the rules of a map: what comes is what the source's rows become by them."""

import os
import random

from lib.importcheck import Before, check
from lib.proxy import Proxy
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from syncs import COMPARED, registered, registered_target, rows, same_rows, sync

MAP = """<?xml version="1.0"?>
<map>
  <source>
    <document_rules>
      <ignore><document>catalog_product_entity_tier_price</document></ignore>
      <ignore><document>rating*</document></ignore>
      <ignore><document>legacy_*</document></ignore>
    </document_rules>
    <field_rules>
      <ignore><field>sales_flat_order.ext_order_id</field></ignore>
      <ignore><field>cms_page.secret</field></ignore>
      <move><field>sales_flat_order.old_code</field><to>sales_flat_order.new_code</to></move>
      <transform><field>catalogrule.name</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="old "/></handler></transform>
      <transform><field>customer_entity.email</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="old."/></handler></transform>
      <transform><field>sales_flat_order.customer_note</field><handler class="\\Migration\\Handler\\SetValue"><param name="value" value="from the old shop"/></handler></transform>
      <transform><field>sales_flat_order_item.description</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="(old) "/></handler></transform>
      <transform><field>cms_page.sort_order</field><handler class="\\Migration\\Handler\\SetValue"><param name="value" value="+7"/></handler></transform>
      <transform><field>catalog_product_entity_varchar.value</field><handler class="\\Migration\\Handler\\SetValueAttributeCondition"><param name="attributeCode" value="meta_title"/><param name="value" value="of the old shop"/></handler></transform>
    </field_rules>
  </source>
  <destination>
    <field_rules>
      <transform><field>sales_flat_order.coupon_rule_name</field><handler class="\\Migration\\Handler\\SetValue"><param name="value" value="a rule"/></handler></transform>
    </field_rules>
  </destination>
</map>
"""
# The same rules, in SQL, of the source's rows; `new_code` is made of what is called so at the source.
RULES = (
    "DELETE FROM catalog_product_entity_tier_price", "DELETE FROM rating_store", "DELETE FROM rating_title", "DELETE FROM rating_option_vote", "DELETE FROM rating_option", "DELETE FROM rating",
    "UPDATE sales_flat_order SET ext_order_id = NULL, customer_note = 'from the old shop', coupon_rule_name = 'a rule'",
    "UPDATE catalogrule SET name = CONCAT('old ', name)", "UPDATE customer_entity SET email = CONCAT('old.', COALESCE(email, ''))",
    "UPDATE sales_flat_order_item SET description = CONCAT('(old) ', COALESCE(description, ''))", "UPDATE cms_page SET sort_order = sort_order + 7, secret = NULL",
    "UPDATE catalog_product_entity_varchar v JOIN eav_attribute a USING (attribute_id) SET v.value = 'of the old shop' WHERE a.attribute_code = 'meta_title'")
CARDS = """
CREATE TABLE CARD (card_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, TITLE VARCHAR(60) NOT NULL, customer_id INT UNSIGNED NULL, balance INT NOT NULL) ENGINE=InnoDB;
CREATE TABLE HISTORY (history_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, card_id INT UNSIGNED NOT NULL, amount INT NOT NULL,
  FOREIGN KEY (card_id) REFERENCES CARD (card_id) ON DELETE CASCADE) ENGINE=InnoDB;
"""
CARD = """name: gift_card
natural_key: [code]
tables:
  - {table: gift_card, role: root, link: card_id, identity: natural}
  - {table: gift_card_history, role: member, link: card_id, key: history_id, identity: registry}
references:
  - {column: customer_id, entity: customer}
"""
CARD_MAP = """<map><source>
  <document_rules>
    <rename><document>old_card</document><to>gift_card</to></rename>
    <rename><document>old_card_log</document><to>gift_card_history</to></rename>
  </document_rules>
  <field_rules>
    <move><field>old_card.label</field><to>gift_card.title</to></move>
    <transform><field>old_card.label</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="old "/></handler></transform>
  </field_rules>
</source><destination/></map>
"""
STREAM = {"mode": "import", "source_system": "shop", "on_duplicate": "update"}
KINDS = tuple(name for name in COMPARED if name not in ("rating", "review"))


class Mapped(TwoShops):
    def __init__(self, settings):
        super().__init__(settings=settings)
        self.source.run("ALTER TABLE sales_flat_order ADD old_code VARCHAR(20) NOT NULL DEFAULT 'none'", "ALTER TABLE cms_page ADD secret VARCHAR(20) NULL DEFAULT 'not told'",
                        "UPDATE sales_flat_order SET old_code = CONCAT('code ', entity_id), ext_order_id = 'secret', updated_at = updated_at", database="openmage")
        self.destination.run("ALTER TABLE sales_flat_order ADD old_code VARCHAR(20) NOT NULL DEFAULT ''", "ALTER TABLE sales_flat_order ALTER old_code DROP DEFAULT", "ALTER TABLE cms_page ADD secret VARCHAR(20) NULL",
                             "DELETE FROM catalog_product_entity_tier_price", database="openmage")
        path = self.work.path("map.xml")
        self.write(path, MAP)
        self.lab.program.configure({"map": [path], "ddl": "ignore"})
        connection = self.mapped()
        self.before = Before(self.destination.connect(), connection)
        connection.close()
        self.destination.run("ALTER TABLE sales_flat_order RENAME COLUMN old_code TO new_code", database="openmage")

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def mapped(self):
        """The source as the rules would have it, in a transaction that nobody commits."""
        connection = self.source.connect("openmage")
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = '', foreign_key_checks = 0, sql_log_bin = 0")
            cursor.execute("START TRANSACTION")
            for sql in RULES:
                cursor.execute(sql)
        return connection

    def right(self, system, what):
        connection = self.mapped()
        self.destination.run("ALTER TABLE sales_flat_order RENAME COLUMN new_code TO old_code", database="openmage")
        report = check(connection, self.destination.connect(), policy="update", system=system, entities=KINDS, types=registered(self), before=self.before)
        expect(not report.problems, "%s:\n%s" % (what, report))
        self.destination.run("ALTER TABLE sales_flat_order RENAME COLUMN old_code TO new_code", database="openmage")
        connection.rollback()
        connection.close()
        expect_equal(self.destination.scalar("SELECT COUNT(*) FROM openmage.sales_flat_order WHERE ext_order_id = 'secret'"), 0, what + ": a column that is ignored")
        expect_equal(self.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity_tier_price"), 0, what + ": a document that is ignored")


def define(suite):
    @suite.case("mapped-sync", "sync through a map of some ten rules; again: nothing changes")
    def _():
        with Mapped({}) as shops:
            sync(shops, "all", "-d", "update", system="shop")
            shops.right("shop", "copied")
            out, _err = sync(shops, "all", "-d", "update", "--json", system="shop")
            shops.right("shop", "again")
            expect("created" not in out or '"created":0' in out, "again: created: " + out[-800:])

    @suite.case("mapped-cut-off", "a destination that is lost while it is copied into through a map: it goes on, and is right")
    def _():
        with Mapped({"batch": {"max_rows": 60}}) as shops:
            proxy = Proxy(shops.destination.port)
            proxy.cut_behind("INSERT INTO `openmage`.`sales_flat_order` ")
            _out, err = sync(shops, "all", "-d", "update", "--set", "destination.port=%d" % proxy.port, system="shop")
            proxy.close()
            expect(proxy.cut.is_set() and "destination lost" in err, "nothing was cut: " + err[-1500:])
            shops.right("shop", "cut off")

    for kills in (False, True):
        def case(kills=kills):
            with Mapped(STREAM) as shops:
                program, draw = shops.lab.program, random.Random(shops.seed)
                if not kills:
                    program.incremental(timeout=240)
                    shops.right("shop", "copied")
                    while shops.live():
                        program.incremental(timeout=240)
                        shops.right("shop", "followed")
                    shops.source.run("UPDATE sales_flat_order_item SET description = 'changed', updated_at = updated_at", "UPDATE sales_flat_order SET customer_note = 'not told', old_code = 'another', updated_at = updated_at",
                                     "UPDATE catalog_product_entity_varchar SET value = CONCAT(value, '!') WHERE attribute_id IN (SELECT attribute_id FROM eav_attribute WHERE attribute_code IN ('name', 'meta_title'))",
                                     "DELETE FROM catalog_product_entity_varchar WHERE attribute_id IN (SELECT attribute_id FROM eav_attribute WHERE attribute_code = 'meta_title') AND entity_id % 2 = 0",
                                     "UPDATE customer_entity SET email = CONCAT('new.', email), updated_at = updated_at", database="openmage")
                    program.incremental(timeout=240)
                    shops.right("shop", "changed")
                    return
                program.start()
                more = True
                while more:
                    for _ in range(4):
                        program.wait_for("some progress", lambda status, least=program.status()["batches"] + draw.randrange(1, 4):
                                         status["batches"] >= least or status["caught_up"])
                        program.kill()
                        program.start()
                    more = shops.live()
                program.wait_caught_up(timeout=240)
                program.stop()
                shops.right("shop", "killed")
        suite.case("mapped-stream-killed" if kills else "mapped-stream", "the first copy, then the shop's life, through a map%s" % (
            ", killed at random" if kills else ", step by step"))(case)

    @suite.case("mapped-named", "what others only name is found by its natural key as the map makes it, by sync and in a stream")
    def _():
        with TwoShops(settings={"ddl": "ignore"}) as shops:
            path = shops.work.path("map.xml")
            shops.source.run("DELETE FROM catalog_product_entity WHERE sku IS NULL", database="openmage")  # the handler gives all of them one name
            Mapped.write(path, '<map><source><field_rules><transform><field>catalog_product_entity.sku</field><handler class="\\Migration\\Handler\\AddPrefix">'
                         '<param name="prefix" value="L-"/></handler></transform></field_rules></source><destination/></map>')
            shops.lab.program.configure({"map": [path]})
            sync(shops, "product", "-d", "update")
            shops.destination.run("DELETE FROM datasync_entity_registry WHERE entity_type LIKE '%product%'", database="datasync")
            sync(shops, "order", "-d", "update")
            there = dict(shops.source.query("SELECT CAST(item_id AS CHAR), CONCAT('L-', COALESCE(sku, '')) FROM (SELECT i.item_id, p.sku, p.entity_id FROM openmage.sales_flat_order_item i JOIN "
                                            "openmage.catalog_product_entity p ON p.entity_id = i.product_id) AS named WHERE sku IS NOT NULL"))
            here = dict(shops.destination.query("SELECT r.source_id, p.sku FROM openmage.sales_flat_order_item i JOIN datasync.datasync_entity_registry r ON r.entity_type = "
                                                "'sales_flat_order_item' AND r.target_id = i.item_id JOIN openmage.catalog_product_entity p ON p.entity_id = i.product_id"))
            expect(len(there) > 20, "items with products: %d" % len(there))
            for number, sku in there.items():
                expect_equal(here.get(number), sku, "product of item " + number)
            product, sku = shops.source.query("SELECT entity_id, sku FROM openmage.catalog_product_entity WHERE sku IS NOT NULL ORDER BY 1 LIMIT 1")[0]
            shops.lab.program.configure(STREAM)
            shops.lab.program.incremental(timeout=240)
            here = registered_target(shops, "product", product, "shop")
            shops.destination.run("UPDATE catalog_product_entity SET created_at = '2001-01-01 00:00:00' WHERE entity_id = %d" % here, database="openmage")
            shops.source.run("UPDATE catalog_product_entity SET sku = 'another' WHERE entity_id = %d" % product, database="openmage")
            shops.lab.program.incremental(timeout=240)
            skus = {row[0] for row in shops.destination.query("SELECT sku FROM openmage.catalog_product_entity")}
            expect("L-another" in skus and "L-" + sku not in skus and "another" not in skus, "a product that is called otherwise")
            expect_equal(str(shops.destination.scalar("SELECT created_at FROM openmage.catalog_product_entity WHERE entity_id = %d" % here)), "2001-01-01 00:00:00", "a column that did not change")

    @suite.case("mapped-renamed", "tables of an entity of one's own that the source calls otherwise: by sync and in a stream, with references and members, deletes and kills")
    def _():
        with TwoShops(settings={**STREAM, "ddl": "ignore"}) as shops:
            program, source = shops.lab.program, shops.source
            folder = shops.work.path("entities")
            os.mkdir(folder)
            Mapped.write(os.path.join(folder, "card.yaml"), CARD)
            Mapped.write(shops.work.path("map.xml"), CARD_MAP)
            source.script(CARDS.replace("CARD", "old_card").replace("TITLE", "label").replace("HISTORY", "old_card_log"), database="openmage")
            shops.destination.script(CARDS.replace("CARD", "gift_card").replace("TITLE", "title").replace("HISTORY", "gift_card_history"), database="openmage")
            shops.destination.run("INSERT INTO gift_card VALUES (1, 'OWN', 'of the destination', NULL, 5), (7, 'C3', 'has the code already', NULL, 0)", database="openmage")
            source.run("INSERT INTO old_card SELECT seq, CONCAT('C', seq), CONCAT('card ', seq), IF(seq % 2, (SELECT MIN(entity_id) FROM customer_entity), NULL), seq FROM seq_1_to_40",
                       "INSERT INTO old_card_log (card_id, amount) SELECT 1 + seq % 40, seq FROM seq_1_to_200",
                       "CREATE TABLE gift_card (nothing INT PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO gift_card VALUES (1)", database="openmage")
            program.configure({"map": [shops.work.path("map.xml")], "entities_dir": folder, "entities": ["gift_card", "customer"]})

            def same(what):
                there = source.query("SELECT c.code, CONCAT('old ', c.label), c.balance, u.email, l.amount FROM openmage.old_card c LEFT JOIN openmage.customer_entity u ON "
                                     "u.entity_id = c.customer_id LEFT JOIN openmage.old_card_log l USING (card_id) ORDER BY 1, 5")
                here = shops.destination.query("SELECT c.code, c.title, c.balance, u.email, l.amount FROM openmage.gift_card c LEFT JOIN openmage.customer_entity u ON "
                                               "u.entity_id = c.customer_id LEFT JOIN openmage.gift_card_history l USING (card_id) WHERE c.code <> 'OWN' ORDER BY 1, 5")
                expect_equal(here, there, what)
                expect_equal(shops.destination.scalar("SELECT title FROM openmage.gift_card WHERE code = 'OWN'"), "of the destination", what)

            sync(shops, "customer", "-d", "update", system="shop")
            sync(shops, "gift_card", "-d", "update", system="shop")
            same("sync")
            program.incremental(timeout=240)
            same("copied")
            for point in ("commit.before_commit:1", "commit.after_commit:1", None):
                source.run("UPDATE old_card SET label = CONCAT(label, '!'), balance = balance + 1 WHERE card_id % 3 = 0", "UPDATE old_card_log SET amount = amount + 1 WHERE card_id = 4",
                           "INSERT INTO old_card (code, label, customer_id, balance) SELECT CONCAT('N', MAX(card_id)), 'new', MAX(customer_id), 1 FROM old_card",
                           "INSERT INTO old_card_log (card_id, amount) SELECT MAX(card_id), 77 FROM old_card", "DELETE FROM old_card WHERE card_id = (SELECT MIN(card_id) FROM old_card WHERE code <> 'C3')",
                           "UPDATE gift_card SET nothing = nothing + 1", database="openmage")
                if point:
                    code, _out, err = program.command("incremental", env={"DATASYNC_CRASH": point}, timeout=120)
                    expect_equal(code, -9, "%s: %s" % (point, err[-1000:]))
                program.incremental(timeout=240)
                same("followed")
            source.run("ALTER TABLE gift_card ADD more INT", database="openmage")
            program.incremental(timeout=240)
            same("another table of that name")

    @suite.case("mapped-skip", "a row that a map makes is still one of its entity: what was to be left alone is, also when a member changes")
    def _():
        with Mapped({**STREAM, "on_duplicate": "skip"}) as shops:
            program = shops.lab.program
            program.incremental(timeout=240)
            number, here = shops.destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'product' AND origin = 'matched' LIMIT 1")[0]
            own, new = shops.destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'product' AND origin = 'created' LIMIT 1")[0]
            names = lambda product: {row[0] for row in shops.destination.query(
                "SELECT value FROM openmage.catalog_product_entity_varchar JOIN openmage.eav_attribute USING (attribute_id) WHERE attribute_code = 'name' AND entity_id = %s" % product)}
            before = names(here)
            shops.source.run("UPDATE catalog_product_entity_varchar SET value = 'Renamed' WHERE entity_id IN (%s, %s) AND attribute_id IN (SELECT attribute_id FROM eav_attribute WHERE "
                             "attribute_code = 'name')" % (number, own), database="openmage")
            program.incremental(timeout=240)
            expect_equal(names(new), {"Renamed"}, "one that came from there")
            expect_equal(names(here), before, "one that the destination had")

    @suite.case("mapped-refused", "rules that an import cannot follow are refused, with file and line; another map is not taken silently; check finds what does not fit")
    def _():
        with Mapped(STREAM) as shops:
            program, path = shops.lab.program, shops.work.path("map.xml")
            rule = "<map><source><field_rules><%s><field>%s</field>%s</%s></field_rules></source><destination/></map>"
            handler = '<handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="1"/></handler>'
            for text, part in (
                    (rule % ("transform", "sales_flat_order.customer_id", handler, "transform"), "map.xml:1: the rule is for sales_flat_order.customer_id, which an import knows as an id of another entity"),
                    (rule % ("transform", "catalog_product_entity.entity_id", handler, "transform"), "which an import knows as the key of its rows"),
                    (rule % ("ignore", "catalog_product_entity.sku", "", "ignore"), "which an import knows as its natural key"),
                    (rule % ("move", "catalog_product_entity.sku", "<to>catalog_product_entity.number</to>", "move"), "which an import knows as its natural key"),
                    ("<map><source><document_rules><rename><document>cms_page</document><to>page</to></rename></document_rules></source><destination/></map>", "cms_page is not to become page in mode import: the catalogue has the destination's names")):
                shops.write(path, text)
                code, out, err = program.command("check")
                expect_equal(code, 2, out + err)
                expect_contains(out + err, part, text)
            before = rows(shops)
            more = "<%s><field>%s</field>%s</%s>"
            for text, part in (
                    (more % ("transform", "sales_flat_order.remote_ip", handler.replace("AddPrefix", "AddPrefx"), "transform"), "there is no handler \\Migration\\Handler\\AddPrefx"),
                    (more % ("transform", "sales_flat_order.remote_ip", handler.replace('"prefix"', '"prefx"'), "transform"), "map.xml:10: handler \\Migration\\Handler\\AddPrefix has no parameter prefx"),
                    (more % ("transform", "sales_flat_order.nothing", handler, "transform"), "Rule for a field that the source does not have: sales_flat_order.nothing ("),
                    (more % ("move", "sales_flat_order.remote_ip", "<to>sales_flat_order.x_forwarded_for</to>", "move"), "Source fields go to one field: sales_flat_order."),
                    (more % ("move", "sales_flat_order.remote_ip", "<to>sales_flat_order.nowhere</to>", "move"), "Source fields are not mapped. Document: sales_flat_order. Fields: remote_ip"),
                    (more % ("transform", "cms_page.content", '<handler class="\\Migration\\Handler\\Sequence"><param name="table" value="numbers"/></handler>', "transform"),
                     "A handler of cms_page.content writes rows of numbers, which does not go with mode: import")):
                text = MAP.replace("<field_rules>", "<field_rules>\n" + text, 1)
                shops.write(path, text)
                for code, command in ((1, ("check",)), (2, ("incremental",)), (2, ("sync", "all", "shop"))):
                    got, out, err = program.command(*command, timeout=120)
                    expect_equal(got, code, "%s: %s: %s" % (command, text, (out + err)[-1500:]))
                    expect_contains(out + err, part, "%s: %s" % (command, text))
                same_rows(shops, before, "nothing is written: " + text)
            shops.write(path, MAP)
            code, out, err = program.command("check", timeout=120)
            expect("old_code" not in out + err and "secret" not in out + err, "what the map settles is not told: " + out + err)
            program.incremental(timeout=240)
            shops.write(path, MAP.replace("(old) ", "(older) "))
            code, out, err = program.command("incremental", timeout=120)
            expect_equal(code, 2, "another map: " + (out + err)[-1500:])
            expect_contains(out + err, "map=", "another map")
