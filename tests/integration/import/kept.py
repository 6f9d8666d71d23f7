"""What stays at the destination though the source has deleted it, and what does not stay below it."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from modes import attribute
from moved import STREAM, target
from syncs import registered_target, sync

OWN_PRODUCT = "(SELECT MIN(entity_id) FROM catalog_product_entity WHERE LEFT(sku, 4) = 'OWN-')"
INT = ("REPLACE INTO catalog_product_entity_int (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, 0, entity_id, "
       "%d FROM catalog_product_entity WHERE entity_id = %d")
ENTITY = {"store": ("core_store", "store_id"), "customer_group": ("customer_group", "customer_group_id"), "tax_class": ("tax_class", "class_id"),
          "attribute": ("eav_attribute", "attribute_id"), "eav_attribute_option": ("eav_attribute_option", "option_id"),
          "category": ("catalog_category_entity", "entity_id"), "order": ("sales_flat_order", "entity_id"),
          "invoice": ("sales_flat_invoice", "entity_id"), "product": ("catalog_product_entity", "entity_id"),
          "customer": ("customer_entity", "entity_id")}


class Shops:
    """Two shops with twins of everything: of each pair the destination uses one."""

    def __init__(self, shops):
        self.shops, self.source, self.destination = shops, shops.source, shops.destination
        self.kinds = {}  # {kind: (id at the source of the one that is used, of the other one)}

    def ask(self, sql, *values):
        return self.destination.scalar(sql % values, "openmage")

    def run(self, *statements):
        self.destination.run("SET SESSION sql_mode = ''", *statements, database="openmage")

    def make(self):
        """What the source is to bring."""
        run = lambda *sql: self.source.run("SET SESSION sql_mode = ''", *sql, database="openmage")
        website, group = self.source.query("SELECT website_id, group_id FROM openmage.core_store WHERE code = 'default'")[0]
        here = ", ".join("'%s'" % row[0] for row in self.destination.query("SELECT sku FROM openmage.catalog_product_entity WHERE sku IS NOT NULL"))
        product = self.source.scalar("SELECT MIN(entity_id) FROM openmage.catalog_product_entity WHERE sku NOT IN (%s)" % here)
        color = self.source.scalar("SELECT MIN(attribute_id) FROM openmage.eav_attribute JOIN openmage.eav_attribute_option USING (attribute_id) "
                                   "WHERE is_user_defined = 1 AND backend_type = 'int' AND frontend_input = 'select'")
        parent, path, kind, attribute_set = self.source.query(
            "SELECT entity_id, path, entity_type_id, attribute_set_id FROM openmage.catalog_category_entity WHERE level = 1 LIMIT 1")[0]
        name = attribute(self.source, "name", "catalog_category")
        for number in (9001, 9002):
            run("INSERT INTO core_store (store_id, code, website_id, group_id, name, is_active) VALUES (%d, 'kept%d', %d, %d, 'Kept', 1)" % (
                    number, number, website, group),
                "INSERT INTO customer_group (customer_group_id, customer_group_code, tax_class_id) SELECT %d, 'Kept %d', MAX(tax_class_id) FROM "
                "customer_group" % (number, number),
                "INSERT INTO tax_class (class_id, class_name, class_type) VALUES (%d, 'Kept %d', 'PRODUCT')" % (number, number),
                "INSERT INTO eav_attribute (attribute_id, entity_type_id, attribute_code, backend_type, frontend_input, frontend_label, "
                "is_user_defined) SELECT %d, entity_type_id, 'kept_%d', 'varchar', 'text', 'Kept', 1 FROM eav_entity_type WHERE "
                "entity_type_code = 'catalog_product'" % (number, number),
                "INSERT INTO catalog_eav_attribute (attribute_id) VALUES (%d)" % number,
                "INSERT INTO eav_attribute_option (option_id, attribute_id) VALUES (%d, %d)" % (number, color),
                "INSERT INTO eav_attribute_option_value (option_id, store_id, value) VALUES (%d, 0, 'Kept %d')" % (number, number),
                "INSERT INTO catalog_category_entity (entity_id, entity_type_id, attribute_set_id, parent_id, path, level) VALUES "
                "(%d, %d, %d, %d, '%s/%d', 2)" % (number, kind, attribute_set, parent, path, number),
                "INSERT INTO catalog_category_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) VALUES "
                "(%d, %d, 0, %d, 'Kept %d')" % (kind, name, number, number),
                "INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, "
                "0, entity_id, 'theirs' FROM catalog_product_entity WHERE entity_id = %d" % (number, product))
        self.kinds = dict.fromkeys(("store", "customer_group", "tax_class", "attribute", "eav_attribute_option", "category"), (9001, 9002))

    def use(self):
        """The destination uses the first of each."""
        here = {kind: target(self.shops, kind, numbers[0]) for kind, numbers in self.kinds.items()}
        own = self.ask(OWN_PRODUCT)
        color = self.ask("SELECT attribute_id FROM eav_attribute_option WHERE option_id = %d", here["eav_attribute_option"])
        self.run(INT % (color, here["eav_attribute_option"], own), INT % (attribute(self.destination, "tax_class_id"), here["tax_class"], own),
                 "UPDATE customer_entity SET group_id = %d WHERE LEFT(email, 4) = 'own.' LIMIT 1" % here["customer_group"],
                 "INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, "
                 "0, entity_id, 'ours' FROM catalog_product_entity WHERE entity_id = %d" % (here["attribute"], own),
                 "INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, "
                 "%d, entity_id, 'our name' FROM catalog_product_entity WHERE entity_id = %d" % (
                     attribute(self.destination, "name"), here["store"], own),
                 "UPDATE sales_flat_order SET store_id = %d WHERE LEFT(increment_id, 1) = '5' ORDER BY entity_id LIMIT 1" % here["store"],
                 "INSERT INTO catalog_category_entity (entity_id, entity_type_id, attribute_set_id, parent_id, path, level) SELECT 99901, "
                 "entity_type_id, attribute_set_id, entity_id, CONCAT(path, '/99901'), 3 FROM catalog_category_entity WHERE entity_id = %d" % (
                     here["category"]))
        return here

    def count(self, kind, number):
        return self.ask("SELECT COUNT(*) FROM %s WHERE %s = %s", *ENTITY[kind], number)

    def lost(self):
        """Rows of the destination's own that lead nowhere."""
        return {what: number for what, number in (
            ("options", self.ask("SELECT COUNT(*) FROM catalog_product_entity_int v JOIN eav_attribute a USING (attribute_id) LEFT JOIN "
                                 "eav_attribute_option o ON o.option_id = v.value WHERE a.is_user_defined = 1 AND a.frontend_input = 'select' AND "
                                 "a.source_model IS NULL AND v.entity_id = " + OWN_PRODUCT + " AND o.option_id IS NULL")),
            ("tax classes", self.ask("SELECT COUNT(*) FROM catalog_product_entity_int v LEFT JOIN tax_class ON class_id = value WHERE attribute_id = "
                                     "%d AND value > 0 AND class_id IS NULL", attribute(self.destination, "tax_class_id"))),
            ("groups", self.ask("SELECT COUNT(*) FROM customer_entity LEFT JOIN customer_group ON customer_group_id = group_id WHERE "
                                "customer_group_id IS NULL")),
            ("values", 2 - self.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE value IN ('ours', 'our name')")),
            ("stores", self.ask("SELECT COUNT(*) FROM sales_flat_order WHERE store_id IS NULL AND LEFT(increment_id, 1) = '5'")),
            ("parents", self.ask("SELECT COUNT(*) FROM catalog_category_entity c LEFT JOIN catalog_category_entity p ON p.entity_id = c.parent_id "
                                 "WHERE c.level > 0 AND p.entity_id IS NULL"))) if number}


def deleted(kinds):
    return ["DELETE FROM %s WHERE %s IN (%d, %d)" % (*ENTITY[kind], *numbers) for kind, numbers in kinds.items()]


def define(suite):
    @suite.case("kept-in-use", "what the destination's own rows use stays though the source deletes it, with a warning; what they do not use goes")
    def _():
        with TwoShops(settings=STREAM) as shops:
            two = Shops(shops)
            two.make()
            shops.lab.program.incremental(timeout=240)
            before = two.lost()
            here = two.use()
            other = {kind: target(shops, kind, numbers[1]) for kind, numbers in two.kinds.items()}
            expect(all(here.values()) and all(other.values()), "not there: %s %s" % (here, other))
            expect_equal(before, {"values": 2}, "lost before")
            expect_equal(two.lost(), {}, "lost from the beginning")
            shops.source.run("BEGIN", *deleted(two.kinds), "COMMIT", database="openmage")
            err = shops.lab.program.incremental(timeout=240)
            expect_equal({kind: two.count(kind, number) for kind, number in here.items()}, dict.fromkeys(here, 1), "what is used: " + err[-1500:])
            expect_equal({kind: two.count(kind, number) for kind, number in other.items()}, dict.fromkeys(here, 0), "what is not used")
            expect_equal(two.lost(), {}, "lost")
            told = [line for line in err.splitlines() if "kept though the source has deleted it" in line]
            expect_equal(len(told), len(here), "warnings: " + err[-1500:])
            expect_equal([target(shops, kind, 9001) for kind in here], [None] * len(here), "registered, though they are the destination's now")
            expect_equal(two.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE value = 'theirs'"), 0,
                         "values of the source's products for attributes that the source has deleted")

    @suite.case("kept-options", "a sync of attributes keeps options of the destination's own products; an invoice that was made here keeps its order")
    def _():
        with TwoShops(settings=STREAM) as shops:
            two = Shops(shops)
            two.make()
            shops.lab.program.incremental(timeout=240)
            here = two.use()
            shops.source.run("DELETE FROM eav_attribute_option WHERE option_id IN (9001, 9002)", database="openmage")
            other = target(shops, "eav_attribute_option", 9002)
            _out, err = sync(shops, "attribute", "-d", "update")
            expect_equal((two.count("eav_attribute_option", here["eav_attribute_option"]), two.count("eav_attribute_option", other)), (1, 0),
                         "options that are used, and not used: " + err[-1500:])
            expect_equal(two.lost(), {}, "lost")
            orders = [row[0] for row in shops.destination.query(
                "SELECT target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'order' AND origin = 'created' ORDER BY 1 LIMIT 2")]
            theirs = [row[0] for row in shops.destination.query(
                "SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = 'order' AND target_id IN (%d, %d)" % tuple(orders))]
            two.run("INSERT INTO sales_flat_invoice (order_id, increment_id) VALUES (%d, '599999999')" % orders[0])
            shops.source.run(*["DELETE FROM sales_flat_order WHERE entity_id = %s" % number for number in theirs], database="openmage")
            shops.lab.program.incremental(timeout=240)
            expect_equal([two.count("order", number) for number in orders], [1, 0], "the order that was invoiced here, and the other one")
            expect_equal(two.ask("SELECT COUNT(*) FROM sales_flat_invoice WHERE increment_id = '599999999'"), 1, "the invoice")

    @suite.case("kept-by-keys", "what tables of the destination's own hold on to by foreign keys stays, with a warning: an order by its item, a product, addresses")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["product", "customer", "order"])) as shops:
            two, program = Shops(shops), shops.lab.program
            program.incremental(timeout=240)
            made = {kind: sorted(int(row[0]) for row in shops.destination.query(
                "SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND origin = 'created'" % kind))
                    for kind in ("product", "order", "customer_address_entity")}
            theirs = {kind: numbers[:2] for kind, numbers in made.items()}
            late = made["customer_address_entity"][2]
            here = {kind: [target(shops, kind, number) for number in numbers] for kind, numbers in theirs.items()}
            address = target(shops, "customer_address_entity", late)
            two.run(*("CREATE TABLE erp_%s (id INT AUTO_INCREMENT PRIMARY KEY, held INT UNSIGNED, FOREIGN KEY (held) REFERENCES %s (%s))" % each
                      for each in (("item", "sales_flat_order_item", "item_id"), ("product", "catalog_product_entity", "entity_id"),
                                   ("address", "customer_address_entity", "entity_id"))),
                    "INSERT INTO erp_item (held) SELECT MIN(item_id) FROM sales_flat_order_item WHERE order_id = %d" % here["order"][0],
                    "INSERT INTO erp_product (held) VALUES (%d)" % here["product"][0],
                    "INSERT INTO erp_address (held) VALUES (%d), (%d)" % (here["customer_address_entity"][0], address))
            tables = dict(ENTITY, customer_address_entity=("customer_address_entity", "entity_id"))
            counts = lambda: {kind: [two.ask("SELECT COUNT(*) FROM %s WHERE %s = %d", *tables[kind], number) for number in numbers]
                              for kind, numbers in here.items()}
            items = lambda: two.ask("SELECT COUNT(*) FROM sales_flat_order_item WHERE order_id = %d", here["order"][0])
            before = items()
            shops.source.run(*("DELETE FROM %s WHERE %s IN (%d, %d)" % (*tables[kind], *numbers) for kind, numbers in theirs.items()),
                             database="openmage")
            err = program.incremental(timeout=240)
            for kind, table in (("order", "item"), ("product", "product"), ("customer_address_entity", "address")):
                entity = "customer table=" + kind if kind == "customer_address_entity" else kind
                expect_contains(err, "kept though the source has deleted it: rows of the destination's own in table erp_%s hold on to it by a "
                                     "foreign key entity=%s id=%d" % (table, entity, here[kind][0]), "warning")
            expect_equal((counts(), items()), (dict.fromkeys(here, [1, 0]), before), "what is held, and what is not")
            expect_equal([target(shops, kind, numbers[0]) for kind, numbers in theirs.items()], [None] * len(theirs),
                         "registered, though they are the destination's now")
            shops.source.run("DELETE FROM customer_address_entity WHERE entity_id = %d" % late, database="openmage")
            _out, err = sync(shops, "customer", "-d", "update")  # which compares with what the source has now
            expect_contains(err, "entity=customer table=customer_address_entity id=%d" % address, "warning of a sync")
            expect_equal(two.ask("SELECT COUNT(*) FROM customer_address_entity WHERE entity_id = %d", address), 1, "an address that is held")

    @suite.case("kept-for-another", "what one source deletes and another one has stays, with a warning; what that has not goes")
    def _():
        with TwoShops(settings=STREAM) as shops:
            two, program = Shops(shops), shops.lab.program
            program.incremental(timeout=240)
            kinds = ("product", "customer", "order")
            address = {row[0]: row[1] for row in shops.source.query("SELECT parent_id, MIN(entity_id) FROM openmage.customer_address_entity GROUP BY 1")}
            created = lambda kind: [int(row[0]) for row in shops.destination.query(
                "SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND source_system = 'legacy' AND origin = "
                "'created' ORDER BY CAST(source_id AS UNSIGNED)" % kind) if kind != "customer" or int(row[0]) in address]
            for kind in kinds:
                sync(shops, kind, "-d", "skip", "--entity-ids", str(created(kind)[0]), system="other")
            # of what an order names the other source has learnt, too
            theirs = {kind: (created(kind)[0], next(number for number in created(kind)[1:] if not registered_target(shops, kind, number, "other")))
                      for kind in kinds}
            theirs["eav_attribute_option"] = created("eav_attribute_option")[:2]
            theirs["customer_address_entity"] = [address[number] for number in theirs["customer"]]
            here = {kind: [target(shops, kind, number) for number in numbers] for kind, numbers in theirs.items()}
            registered = lambda: {kind: registered_target(shops, kind, numbers[0], "other") for kind, numbers in theirs.items()}
            both = {kind: numbers[0] for kind, numbers in here.items()}
            expect_equal(registered(), both, "what the other source has")
            values = lambda: two.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE entity_id = %d", both["product"])
            before, (product, _) = values(), theirs["product"]
            shops.source.run("BEGIN", "DELETE FROM catalog_product_entity_varchar WHERE entity_id = %d" % product,
                             "DELETE FROM catalog_product_entity WHERE entity_id = %d" % product, "COMMIT",
                             "DELETE FROM customer_address_entity WHERE entity_id IN (%d, %d)" % tuple(theirs["customer_address_entity"]),
                             *deleted({kind: theirs[kind] for kind in kinds}),
                             "DELETE FROM eav_attribute_option WHERE option_id = %d" % theirs["eav_attribute_option"][0], database="openmage")
            err = program.incremental(timeout=240)
            for kind, number in both.items():
                entity = {"eav_attribute_option": "attribute table=eav_attribute_option",
                          "customer_address_entity": "customer table=customer_address_entity"}.get(kind, kind)
                expect_contains(err, "kept though the source has deleted it: source other has it, too entity=%s id=%d" % (entity, number), "warning")
            expect_equal({kind: [two.count(kind, number) for number in here[kind]] for kind in kinds}, dict.fromkeys(kinds, [1, 0]),
                         "what both sources had, and what one had")
            expect_equal((two.count("eav_attribute_option", both["eav_attribute_option"]), values()), (1, before), "an option; values of the product")
            expect_equal([two.ask("SELECT COUNT(*) FROM customer_address_entity WHERE entity_id = %d", number) for number in
                          here["customer_address_entity"]], [1, 0], "addresses")
            expect_equal(registered(), both, "what the other source has, afterwards")
            expect_equal([target(shops, kind, numbers[0]) for kind, numbers in theirs.items()], [None] * len(theirs),
                         "registered, though they are not the source's any more")

    @suite.case("cascades-below", "of what both had and the source has deleted, what came from the source below it goes as it went there")
    def _():
        with TwoShops(settings=STREAM) as shops:
            two = Shops(shops)
            names = lambda sql: [{row[0] for row in server.query(sql)} for server in (shops.source, shops.destination)]
            numbers = names("SELECT increment_id FROM openmage.sales_flat_order")
            skus = names("SELECT sku FROM openmage.catalog_product_entity WHERE type_id = 'simple' AND sku IS NOT NULL")
            both, alone = min(skus[0] & skus[1]), min(skus[0] - skus[1])
            order = shops.source.scalar("SELECT entity_id FROM openmage.sales_flat_order WHERE increment_id = '%s'" % min(numbers[0] & numbers[1]))
            product, holder = (shops.source.scalar("SELECT entity_id FROM openmage.catalog_product_entity WHERE sku = '%s'" % sku)
                               for sku in (both, alone))
            shops.source.run("INSERT INTO sales_flat_invoice (entity_id, order_id, increment_id) VALUES (9001, %d, '799999999')" % order,
                             "INSERT INTO catalog_product_link (link_id, product_id, linked_product_id, link_type_id) VALUES (9001, %d, %d, 1)" % (
                                 holder, product), database="openmage")
            shops.lab.program.incremental(timeout=240)
            here, shown, invoice, link, holder = (target(shops, *each) for each in (
                ("order", order), ("product", product), ("invoice", 9001), ("catalog_product_link", 9001), ("product", holder)))
            expect_equal((two.count("invoice", invoice), two.ask("SELECT COUNT(*) FROM catalog_product_link WHERE link_id = %d", link)), (1, 1),
                         "invoice and link before")
            two.run("INSERT INTO sales_flat_invoice (order_id, increment_id) VALUES (%d, '599999998')" % here,
                    "INSERT INTO catalog_product_link (product_id, linked_product_id, link_type_id) SELECT %s, %d, MIN(link_type_id) FROM "
                    "catalog_product_link_type" % (OWN_PRODUCT, shown))
            items = two.ask("SELECT COUNT(*) FROM sales_flat_order_item WHERE order_id = %d", here)
            values = two.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE entity_id = %d", shown)
            shops.source.run("DELETE FROM sales_flat_order WHERE entity_id = %d" % order,
                             "DELETE FROM catalog_product_entity WHERE entity_id = %d" % product, database="openmage")
            err = shops.lab.program.incremental(timeout=240)
            expect_equal((two.count("order", here), two.ask("SELECT COUNT(*) FROM sales_flat_order_item WHERE order_id = %d", here),
                          two.count("product", shown), two.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE entity_id = %d", shown)),
                         (1, items, 1, values), "what both had: " + err[-1500:])
            expect_equal((two.count("invoice", invoice), two.ask("SELECT COUNT(*) FROM sales_flat_invoice WHERE increment_id = '599999998'")), (0, 1),
                         "its invoice that came from the source, and one of the destination's own")
            expect_equal((two.ask("SELECT COUNT(*) FROM catalog_product_link WHERE link_id = %d", link),
                          two.ask("SELECT COUNT(*) FROM catalog_product_link WHERE linked_product_id = %d AND product_id = %s", shown, OWN_PRODUCT)),
                         (0, 1), "a link of a product that came from the source, and of one of the destination's own")
            expect_equal(two.count("product", holder), 1, "the product that had the link")
            expect_equal((target(shops, "order", order), target(shops, "invoice", 9001), target(shops, "product", product)), (None, None, None),
                         "registered")

    @suite.case("cascades-below-mapped", "of a website or a group of stores that both had: what came from the source goes from their stores, too")
    def _():
        for what in ("core_website WHERE website_id = (SELECT website_id FROM core_store WHERE code = 'de')",
                     "core_store_group WHERE group_id = (SELECT group_id FROM core_store WHERE code = 'de')", "core_store WHERE code = 'de'"):
            with TwoShops(settings=STREAM) as shops:
                two = Shops(shops)
                shops.source.run("SET SESSION sql_mode = ''", "INSERT INTO core_store (store_id, code, website_id, group_id, name) SELECT 9001, 'alone', "
                                 "website_id, group_id, 'Alone' FROM core_store WHERE code = 'de'", database="openmage")
                shops.lab.program.incremental(timeout=240)
                store, website, alone = target(shops, "store", 2), target(shops, "website", 2), target(shops, "store", 9001)
                brought = "(SELECT target_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND origin = 'created')"
                below = lambda: [two.ask("SELECT COUNT(*) FROM " + sql) for sql in (
                    "eav_attribute_label WHERE store_id = %s AND attribute_id IN %s" % (store, brought % "attribute"),
                    "catalog_product_entity_varchar WHERE store_id = %s AND entity_id IN %s" % (store, brought % "product"),
                    "eav_attribute_option_value WHERE store_id = %s AND option_id IN %s" % (store, brought % "eav_attribute_option"))]
                own = lambda: two.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE store_id = %s AND entity_id = %s" % (store, OWN_PRODUCT))
                two.run("REPLACE INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, "
                        "%d, %s, entity_id, 'own' FROM catalog_product_entity WHERE entity_id = %s" % (attribute(shops.destination, "name"), store, OWN_PRODUCT))
                before = own()
                expect(all(below()) and before > 0, "rows of the store: %s, own %d" % (below(), before))
                shops.source.run("DELETE FROM " + what, database="openmage")
                err = shops.lab.program.incremental(timeout=240)
                expect_equal((below(), own(), two.count("store", store), two.ask("SELECT COUNT(*) FROM core_website WHERE website_id = %s" % website)),
                             ([0, 0, 0], before, 1, 1), what + ": " + err[-500:])
                expect_equal(two.count("store", alone), int(what.startswith("core_store WHERE")), "the store that the source alone had")

    @suite.case("kept-store-update", "of a store that stays and is gone at the source: with update entities that both have lose what they have there, with merge they keep it")
    def _():
        below = [  # table, column that leads to what is registered, type
            ("catalog_product_entity_varchar", "entity_id", "product"), ("catalog_category_entity_varchar", "entity_id", "category"),
            ("eav_attribute_label", "attribute_id", "attribute"), ("eav_attribute_option_value", "option_id", "eav_attribute_option"),
            ("catalog_product_option_title", "option_id", "catalog_product_option"), ("cms_block_store", "block_id", "cms_block"),
            ("cms_page_store", "page_id", "cms_page"), ("rating_store", "rating_id", "rating"), ("rating_title", "rating_id", "rating"),
            ("sales_flat_order", "entity_id", "order")]
        for policy in ("update", "merge"):
            with TwoShops(settings=dict(STREAM, on_duplicate=policy)) as shops:
                two, program = Shops(shops), shops.lab.program
                program.incremental(timeout=240)
                origin = "(SELECT target_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND origin = '%s')"
                # each of both gets something at a store view that the source alone has made
                shops.source.run("SET SESSION sql_mode = ''", "INSERT INTO core_store (store_id, code, website_id, group_id, name) SELECT 9001, 'gone', website_id, "
                                 "group_id, 'Gone' FROM core_store WHERE code = 'de'", database="openmage")
                shared = set()
                for table, column, kind in below:
                    both = [row[0] for row in shops.destination.query(
                        "SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND origin = 'matched'" % kind)]
                    if both or kind != "catalog_product_option":  # not every two shops have options in common
                        shared.add(table)
                    if kind == "order":
                        shops.source.run("UPDATE sales_flat_order SET store_id = 9001 WHERE entity_id = %s" % both[0], database="openmage")
                        continue
                    own = {"catalog_product_entity_varchar": "value_id", "catalog_category_entity_varchar": "value_id", "eav_attribute_label": "attribute_label_id",
                           "eav_attribute_option_value": "value_id", "catalog_product_option_title": "option_title_id"}.get(table)
                    columns = [row[0] for row in shops.source.query("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'openmage' AND "
                                                                    "TABLE_NAME = '%s'" % table) if row[0] != own]
                    some = ("INSERT IGNORE INTO %s (%s) SELECT %s FROM %s WHERE %s IN ('%s')" % (
                        table, ", ".join(columns), ", ".join("9001" if name == "store_id" else name for name in columns), table, column, "', '".join(both)))
                    shops.source.run("SET SESSION sql_mode = ''", some, database="openmage")
                program.incremental(timeout=240)
                store = target(shops, "store", 9001)
                two.run("REPLACE INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, "
                        "%d, %s, entity_id, 'own' FROM catalog_product_entity WHERE entity_id = %s" % (attribute(shops.destination, "name"), store, OWN_PRODUCT))
                count = lambda kinds: {table: two.ask("SELECT COUNT(*) FROM %s WHERE store_id = %s AND %s IN %s" % (table, store, column, origin % (kind, kinds)))
                                       for table, column, kind in below}
                before = count("matched")
                expect_equal({table for table in before if before[table]}, shared, "tables with something there")
                shops.source.run("DELETE FROM core_store WHERE store_id = 9001", database="openmage")
                program.incremental(timeout=240)
                expect_equal((two.count("store", store), two.ask("SELECT value FROM catalog_product_entity_varchar WHERE store_id = %s AND entity_id = %s" % (
                    store, OWN_PRODUCT))), (1, "own"), policy + ": the store and the destination's own")
                expect_equal(count("matched"), dict.fromkeys(before, 0) if policy == "update" else before, policy)
                expect_equal(count("created"), dict.fromkeys(before, 0), policy + ": what came from the source")

    @suite.case("nulls-below", "of a customer whom both had and the source has deleted, orders that came from the source name nobody, as they do there")
    def _():
        with TwoShops(settings=STREAM) as shops:
            emails = [{row[0] for row in server.query("SELECT email FROM openmage.customer_entity WHERE website_id = (SELECT website_id FROM "
                                                      "openmage.core_website WHERE is_default = 1)")} for server in (shops.source, shops.destination)]
            find = "SELECT MIN(entity_id) FROM openmage.customer_entity WHERE email = '%s'" % min(emails[0] & emails[1])
            there, here = shops.source.scalar(find), shops.destination.scalar(find)
            place = "INSERT INTO sales_flat_order (increment_id, customer_id, grand_total, base_grand_total) VALUES ('%s', %d, 1, 1)"
            shops.source.run("SET SESSION sql_mode = ''", place % ("799999991", there), database="openmage")
            shops.destination.run("SET SESSION sql_mode = ''", place % ("799999992", here), database="openmage")
            shops.lab.program.incremental(timeout=240)
            orders = lambda: dict(shops.destination.query(
                "SELECT increment_id, customer_id FROM openmage.sales_flat_order WHERE increment_id IN ('799999991', '799999992')"))
            expect_equal((orders(), target(shops, "customer", there)), ({"799999991": here, "799999992": here}, here), "before")
            shops.source.run("DELETE FROM customer_entity WHERE entity_id = %d" % there, database="openmage")
            expect_equal(shops.source.scalar("SELECT customer_id FROM openmage.sales_flat_order WHERE increment_id = '799999991'"), None, "there")
            shops.lab.program.incremental(timeout=240)
            expect_equal((orders(), shops.destination.scalar(find)), ({"799999991": None, "799999992": here}, here), "of the source, and its own")
