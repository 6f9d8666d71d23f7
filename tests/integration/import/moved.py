"""Names and numbers that pass from one row of the source to another, and copies that come in pieces."""

import re

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from syncs import registered_target, sync

STREAM = {"mode": "import", "source_system": "legacy", "on_duplicate": "update"}
PRODUCT = ("INSERT INTO catalog_product_entity (%sentity_type_id, attribute_set_id, type_id, sku) SELECT %sentity_type_id, attribute_set_id, "
           "type_id, '%s' FROM catalog_product_entity ORDER BY entity_id LIMIT 1")
# what its rules require
VALUES = ["INSERT INTO catalog_product_entity_%s (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, attribute_id, 0, "
          "entity_id, 1 FROM catalog_product_entity JOIN eav_attribute USING (entity_type_id) WHERE attribute_code = '%s' AND sku = '%%s'" % each
          for each in (("varchar", "name"), ("decimal", "price"))]


def target(shops, kind, number):
    return registered_target(shops, kind, number, "legacy")


def imported(shops, origin):
    """[(source id, target id, SKU at the source)] of products, in the order of their ids."""
    skus = dict(shops.source.query("SELECT entity_id, sku FROM openmage.catalog_product_entity"))
    rows = shops.destination.query("SELECT CAST(source_id AS UNSIGNED), target_id FROM datasync.datasync_entity_registry WHERE "
                                   "entity_type = 'product' AND origin = '%s' ORDER BY 1" % origin)
    return [(row[0], row[1], skus[row[0]]) for row in rows]


def imported_newest(shops, kind):
    return shops.destination.scalar("SELECT MAX(CAST(source_id AS UNSIGNED)) FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND "
                                    "origin = 'created'" % kind)


def sku_of(shops, number):
    return shops.destination.scalar("SELECT sku FROM openmage.catalog_product_entity WHERE entity_id = %d" % number)


def define(suite):
    @suite.case("moved-names", "what one row was called, another is now: both are there, after a second sync as in a stream")
    def _():
        with TwoShops(settings=STREAM) as shops:
            shops.lab.program.incremental(timeout=240)
            products = imported(shops, "created")
            option, attribute, label = shops.source.query(
                "SELECT o.option_id, attribute_id, value FROM openmage.eav_attribute_option o JOIN openmage.eav_attribute_option_value v "
                "ON v.option_id = o.option_id AND store_id = 0 ORDER BY 1 DESC LIMIT 1")[0]
            for how, (number, here, sku) in zip(("stream", "sync"), products):
                shops.source.run("UPDATE catalog_product_entity SET sku = CONCAT(sku, '-old') WHERE entity_id = %d" % number,
                                 PRODUCT % ("", "", sku), *(values % sku for values in VALUES),
                                 "UPDATE eav_attribute_option_value SET value = 'once %s' WHERE option_id = %d AND store_id = 0" % (how, option),
                                 "INSERT INTO eav_attribute_option (attribute_id) VALUES (%d)" % attribute,
                                 "INSERT INTO eav_attribute_option_value (option_id, store_id, value) SELECT MAX(option_id), 0, '%s' FROM "
                                 "eav_attribute_option" % label, database="openmage")
                if how == "stream":
                    shops.lab.program.incremental(timeout=240)
                else:
                    sync(shops, "attribute", "-d", "update")
                    sync(shops, "product", "-d", "update")
                new = shops.source.scalar("SELECT entity_id FROM openmage.catalog_product_entity WHERE sku = '%s'" % sku)
                expect_equal((target(shops, "product", number), sku_of(shops, here)), (here, sku + "-old"), how + ": the renamed one")
                expect_equal(sku_of(shops, target(shops, "product", new)), sku, how + ": the new one")
                last = shops.source.scalar("SELECT MAX(option_id) FROM openmage.eav_attribute_option")
                options = [target(shops, "eav_attribute_option", each) for each in (option, last)]
                expect_equal(len(set(options) - {None}), 2, how + ": two options")
                option = last

    @suite.case("moved-names-alone", "a row that another id of the source has, which is still there, stays that one's, whichever comes first or alone")
    def _():
        with TwoShops(settings={}) as shops:
            sync(shops, "product", "-d", "update")
            ids = {row[0] for row in shops.source.query("SELECT entity_id FROM openmage.catalog_product_entity")}
            lower = next(number for number in range(2, max(ids)) if number not in ids)
            for number, options, (old, here, sku) in ((90001, ("--entity-ids", "90001"), imported(shops, "created")[-1]),
                                                      (lower, (), imported(shops, "created")[-2])):
                shops.source.run("UPDATE catalog_product_entity SET sku = CONCAT(sku, '-old') WHERE entity_id = %d" % old,
                                 PRODUCT % ("entity_id, ", "%d, " % number, sku), *(values % sku for values in VALUES), database="openmage")
                for run in (options, ()):
                    sync(shops, "product", "-d", "update", *run)
                    expect_equal(target(shops, "product", old), here, "the renamed one")
                    expect_equal(sku_of(shops, target(shops, "product", number)), sku, "the new one")
                expect_equal(sku_of(shops, here), sku + "-old", "the renamed one, when it has come")
            old, here, sku = imported(shops, "created")[0]
            shops.source.run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % old, PRODUCT % ("entity_id, ", "90002, ", sku),
                             *(values % sku for values in VALUES), database="openmage")
            sync(shops, "product", "-d", "update")
            expect_equal(target(shops, "product", 90002), here, "one that was made again under another id")

    @suite.case("names-taken-alone", "where the destination has a unique value still, the error names both entities")
    def _():
        with TwoShops(settings={}) as shops:
            sync(shops, "customer", "-d", "update")
            old, email = shops.source.query("SELECT entity_id, email FROM openmage.customer_entity ORDER BY 1 LIMIT 1")[0]
            columns = "entity_type_id, attribute_set_id, website_id, group_id, store_id"
            names = ("INSERT INTO customer_entity_varchar (entity_type_id, attribute_id, entity_id, value) SELECT entity_type_id, attribute_id, 90001, "
                     "'x' FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE entity_type_code = 'customer' AND attribute_code IN "
                     "('firstname', 'lastname')")
            shops.source.run("UPDATE customer_entity SET email = 'another@example.com' WHERE entity_id = %d" % old,
                             "INSERT INTO customer_entity (entity_id, email, %s) SELECT 90001, '%s', %s FROM customer_entity WHERE entity_id = %d"
                             % (columns, email, columns, old), names, database="openmage")
            _out, err = sync(shops, "customer", "-d", "update", "--entity-ids", "90001", expect_code=1)
            expect_contains(err, "source id 90001", "the new one")
            expect_contains(err, "the row of source id %d, which the source has, too" % old, "the other one")
            for _ in range(2):
                sync(shops, "customer", "-d", "update")
            there = [shops.destination.scalar("SELECT email FROM openmage.customer_entity WHERE entity_id = %s" % target(shops, "customer", each))
                     for each in (old, 90001)]
            expect_equal(there, ["another@example.com", email], "both, after all of them have come")

    @suite.case("exchanged-values", "rows that give each other unique values: in one transaction of a stream, and between two syncs")
    def _():
        kinds = (("sales_flat_order", "entity_id", "increment_id", "order"), ("salesrule_coupon", "coupon_id", "code", "salesrule"),
                 ("customer_entity", "entity_id", "email", "customer"))
        with TwoShops(settings=STREAM) as shops:
            shops.lab.program.incremental(timeout=240)
            for how in ("stream", "sync", "sync of a chain"):
                for table, key, column, kind in kinds:
                    (first, one), (second, other) = shops.source.query("SELECT %s, %s FROM openmage.%s%s ORDER BY 1 LIMIT 2" % (
                        key, column, table, " WHERE website_id = 1" if kind == "customer" else ""))
                    change = "UPDATE %s SET %s = '%%s' WHERE %s = %%d" % (table, column, key)
                    last = one if how != "sync of a chain" else "chain@example.com" if kind == "customer" else kind + "-chain"
                    shops.source.run("BEGIN", change % ("for a moment", second), change % (other, first), change % (last, second), "COMMIT",
                                     database="openmage")
                    if how == "stream":
                        shops.lab.program.incremental()
                    else:
                        sync(shops, kind, "-d", "update")
                    type_ = "salesrule_coupon" if kind == "salesrule" else kind
                    here = [shops.destination.scalar("SELECT %s FROM openmage.%s WHERE %s = %s" % (column, table, key, target(shops, type_, each)))
                            for each in (first, second)]
                    expect_equal(here, [other, last], "%s: %s" % (how, table))

    @suite.case("moved-classes", "kinds that are only mapped follow the registry: names that two exchange, one that another takes later, one that is made again")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["customer"])) as shops:
            kinds = {"tax_class": ("class_id", "class_name", "class_type", "'CUSTOMER'"),
                     "customer_group": ("customer_group_id", "customer_group_code", "tax_class_id", "3")}
            run = lambda server, sql: server.run(*(sql % {"table": kind, "id": columns[0], "name": columns[1], "more": columns[2], "value": columns[3]}
                                                   for kind, columns in kinds.items()), database="openmage")
            make = lambda number, name: "INSERT INTO %%(table)s (%%(id)s, %%(name)s, %%(more)s) VALUES (%d, '%s', %%(value)s)" % (number, name)
            change = lambda number, name: "UPDATE %%(table)s SET %%(name)s = '%s' WHERE %%(id)s = %d" % (name, number)
            here = lambda *numbers: [tuple(target(shops, kind, number) for number in numbers) for kind in kinds]
            run(shops.destination, "INSERT INTO %(table)s (%(name)s, %(more)s) VALUES ('Of both', %(value)s)")
            for number, name in ((9001, "One"), (9002, "Two"), (9003, "Of both")):
                run(shops.source, make(number, name))
            shops.lab.program.incremental(timeout=240)
            before = here(9001, 9002, 9003)
            for number, name in ((9001, "moment"), (9002, "One"), (9001, "Two")):
                run(shops.source, change(number, name))
            shops.lab.program.incremental(timeout=240)
            sync(shops, "customer", "-d", "update")
            expect_equal(here(9001, 9002, 9003), before, "after an exchange")
            run(shops.source, change(9003, "Another name"))
            shops.lab.program.incremental(timeout=240)
            run(shops.source, make(9004, "Of both"))
            shops.lab.program.incremental(timeout=240)
            expect_equal(here(9001, 9002, 9003), before, "after one took the name of another")
            for (_one, _two, both), (new,) in zip(before, here(9004)):
                expect(new and new != both, "one that took the name is the one that had it: %s, %s" % (new, both))
            run(shops.source, "DELETE FROM %(table)s WHERE %(id)s = 9003")
            run(shops.source, "DELETE FROM %(table)s WHERE %(id)s = 9004")
            shops.lab.program.incremental(timeout=240)
            run(shops.source, make(9005, "Of both"))
            shops.lab.program.incremental(timeout=240)
            expect_equal(here(9005), [(both,) for _one, _two, both in before], "one that was made again")

    @suite.case("moved-names-skipped", "with skip what came from the source is followed under any name; what the destination had stays, and that is told")
    def _():
        with TwoShops(settings=dict(STREAM, on_duplicate="skip")) as shops:
            program = shops.lab.program
            program.incremental(timeout=240)
            there, here = ("SELECT sku, qty, value FROM openmage.catalog_product_entity e JOIN openmage.cataloginventory_stock_item ON product_id = e.entity_id "
                           "JOIN openmage.catalog_product_entity_varchar v ON v.entity_id = e.entity_id AND v.store_id = 0 JOIN openmage.eav_attribute USING "
                           "(attribute_id) WHERE attribute_code = 'name' AND e.entity_id = " + each for each in ("%d", "%s"))
            made, own = imported(shops, "created")[0][0], imported(shops, "matched")[0][0]
            kept = shops.destination.query(here % target(shops, "product", own))
            for at, (options, also) in enumerate((((), ()), (("--resnapshot", "--yes"), ()), ((), ("stock",)))):
                for number in (made, own):
                    shops.source.run("UPDATE catalog_product_entity SET sku = 'moved %d %d' WHERE entity_id = %d" % (number, at, number), database="openmage")
                log = program.incremental(*options, timeout=240)
                told = "on_duplicate (skip) says: to make it what the source has, run datasync sync product legacy --on-duplicate update --entity-ids "
                expect_equal([log.count(told + str(number) + " ") for number in (made, own)], [0, 0 if options else 1], "told: " + log[-1500:])
                for number in (made, own):
                    shops.source.run("UPDATE cataloginventory_stock_item SET qty = qty + 11 WHERE product_id = %d" % number,
                                     "UPDATE catalog_product_entity_varchar SET value = 'name %d' WHERE entity_id = %d AND store_id = 0" % (at, number),
                                     database="openmage")
                for entity in also:
                    program.incremental("--entity", entity, timeout=240)
                program.incremental(timeout=240)
                expect_equal(shops.destination.query(here % target(shops, "product", made)), shops.source.query(there % made), "what came from the source")
                expect_equal(shops.destination.query(here % target(shops, "product", own)), kept, "what the destination had")

    @suite.case("moved-ids", "an id that the source gives to another row leads to another one here")
    def _():
        with TwoShops(settings=STREAM) as shops:
            shops.lab.program.incremental(timeout=240)
            (number, here, sku), (own, kept, name) = imported(shops, "created")[0], imported(shops, "matched")[0]
            shops.source.run("UPDATE catalog_product_entity SET entity_id = 90001 WHERE entity_id = %d" % number,
                             PRODUCT % ("entity_id, ", "%d, " % number, "under the old id"),
                             "DELETE FROM catalog_product_entity WHERE entity_id = %d" % own,
                             PRODUCT % ("entity_id, ", "%d, " % own, "under the id of one that is gone"), database="openmage")
            shops.lab.program.incremental(timeout=240)
            expect_equal((target(shops, "product", 90001), sku_of(shops, here)), (here, sku), "the row that took another id")
            expect_equal(sku_of(shops, target(shops, "product", number)), "under the old id", "its old id")
            expect_equal(sku_of(shops, kept), name, "the destination's own, that the source has no more")
            expect_equal(sku_of(shops, target(shops, "product", own)), "under the id of one that is gone", "the id of one that is gone")
            # deleted and made again in one statement: what names it without a foreign key
            number, here = shops.destination.query(
                "SELECT CAST(source_id AS UNSIGNED), target_id FROM datasync.datasync_entity_registry JOIN openmage.customer_entity_int ON value = "
                "target_id JOIN openmage.eav_attribute USING (attribute_id) WHERE entity_type = 'customer_address_entity' AND origin = 'created' AND "
                "attribute_code = 'default_billing' LIMIT 1")[0]
            shops.source.run("CREATE TEMPORARY TABLE one SELECT * FROM customer_address_entity WHERE entity_id = %d" % number,
                             "REPLACE INTO customer_address_entity SELECT * FROM one", database="openmage")
            shops.lab.program.incremental(timeout=240)
            expect_equal((target(shops, "customer_address_entity", number), shops.destination.scalar(
                "SELECT COUNT(*) FROM openmage.customer_address_entity_varchar WHERE entity_id = %d" % here)), (here, 0), "REPLACE INTO")

    @suite.case("made-again-unchecked", "REPLACE INTO with foreign key checks off takes nothing along at the source, nor here")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program = shops.lab.program
            program.incremental(timeout=240)
            option, product = shops.source.query("SELECT option_id, product_id FROM openmage.catalog_product_option_type_value JOIN "
                                                 "openmage.catalog_product_option USING (option_id) ORDER BY 1 LIMIT 1")[0]
            product, order, customer = (imported_newest(shops, kind) for kind in ("product", "order", "customer"))
            replaced = (("catalog_product_entity", "entity_id", product, "product", ("catalog_product_entity_varchar", "catalog_product_entity_decimal")),
                        ("sales_flat_order", "entity_id", order, "order", ("sales_flat_order_item", "sales_flat_order_address", "sales_flat_order_payment")),
                        ("customer_entity", "entity_id", customer, "customer", ("customer_entity_varchar", "customer_address_entity")),
                        ("catalog_product_option", "option_id", option, "catalog_product_option", ("catalog_product_option_title",
                                                                                                   "catalog_product_option_type_value")))
            link = {"sales_flat_order_item": "order_id", "sales_flat_order_address": "parent_id", "sales_flat_order_payment": "parent_id",
                    "customer_address_entity": "parent_id"}
            below = lambda server, ids: [server.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %s" % (each, link.get(each, key), ids[kind]))
                                         for _table, key, _number, kind, tables in replaced for each in tables]
            there = {kind: number for _table, _key, number, kind, _tables in replaced}
            here = lambda: {kind: target(shops, kind, number) for kind, number in there.items()}
            first = here()
            expect(all(below(shops.source, there)), "rows below them: %s" % below(shops.source, there))
            make = ["CREATE TEMPORARY TABLE one_%d SELECT * FROM %s WHERE %s = %d" % (at, table, key, number)
                    for at, (table, key, number, _kind, _tables) in enumerate(replaced)]
            statements = {"REPLACE": ["REPLACE INTO %s SELECT * FROM one_%d" % (each[0], at) for at, each in enumerate(replaced)],
                          "DELETE and INSERT": ["BEGIN", *("DELETE FROM %s WHERE %s = %d" % each[:3] for each in replaced),
                                                *("INSERT INTO %s SELECT * FROM one_%d" % (each[0], at) for at, each in enumerate(replaced)), "COMMIT"]}
            for what, sql in statements.items():
                shops.source.run("SET SESSION foreign_key_checks = 0", *make, "UPDATE one_0 SET sku = '%s'" % what, *sql, database="openmage")
                program.incremental(timeout=240)
                expect_equal((here(), below(shops.destination, first)), (first, below(shops.source, there)), what)
                expect_equal(sku_of(shops, first["product"]), what, "what is new of it")
            # nothing of it is made again
            shops.source.run("SET SESSION foreign_key_checks = 0", *make, "BEGIN", "DELETE FROM catalog_product_entity WHERE entity_id = %d" % product,
                             "INSERT INTO catalog_product_entity SELECT * FROM one_0", "DELETE FROM catalog_product_entity WHERE entity_id = %d" % product,
                             "COMMIT", database="openmage")
            program.incremental(timeout=240)
            expect_equal((target(shops, "product", product), shops.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity WHERE "
                                                                                      "entity_id = %d" % first["product"])), (first["product"], 0), "deleted in the end")
            expect_equal(below(shops.destination, first), below(shops.source, there), "deleted in the end: what hangs on it")

    @suite.case("pieces", "a copy of many batches, and an entity that is larger than one")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["newsletter"], batch={"max_rows": 3})) as shops:
            shops.lab.program.incremental(timeout=240)
            missing = "SELECT subscriber_email FROM openmage.newsletter_subscriber"
            there, here = ({row[0] for row in server.query(missing)} for server in (shops.source, shops.destination))
            expect_equal(there - here, set(), "incremental ends behind the copy")
            shops.lab.program.configure({"entities": ["all"], "batch": {"max_rows": 50000, "max_bytes": "64MiB"}})
            shops.source.run("SET SESSION sql_mode = ''", "INSERT INTO salesrule (name) VALUES ('large')",
                             "INSERT INTO salesrule_coupon (rule_id, code) SELECT LAST_INSERT_ID(), CONCAT('LARGE', seq) FROM seq_1_to_60000",
                             database="openmage")
            coupons = []
            for size in ("64MiB", "64MiB", "1MiB"):
                shops.lab.program.configure({"batch": {"max_bytes": size}})
                sync(shops, "salesrule", "-d", "update")
                coupons.append(shops.destination.query("SELECT COUNT(*), SUM(coupon_id) FROM openmage.salesrule_coupon WHERE code LIKE 'LARGE%'"))
            expect_equal(coupons[0][0][0], 60000, "coupons")
            expect_equal(coupons, coupons[:1] * 3, "the same coupons each time")

    @suite.case("not-as-it-was", "a value that the destination would cut, a change that does not say all, an id that is none")
    def _():
        with TwoShops(settings=STREAM) as shops:
            shops.destination.run("UPDATE cms_page SET content_heading = NULL", "ALTER TABLE cms_page MODIFY content_heading VARCHAR(3)", database="openmage")
            shops.source.run("UPDATE cms_page SET content_heading = NULL",
                             "INSERT INTO cms_page (title, identifier, content_heading) VALUES ('x', 'long-heading', 'longer than three')",
                             "INSERT INTO cms_page_store (page_id, store_id) SELECT MAX(page_id), 0 FROM cms_page", database="openmage")
            page = shops.source.scalar("SELECT MAX(page_id) FROM openmage.cms_page")
            _out, err = sync(shops, "cms_page", "-d", "update", "--entity-ids", str(page), expect_code=1)
            expect_contains(err, "does not fit the destination's column", "error")
            named = "(entity=cms_page key=%d): " % page
            expect_contains(err, named + "leave it out with --skip-invalid", "error")
            # a stream, with what it copies and with what changes
            program = shops.lab.program
            program.configure({"entities": ["cms_page"]})
            expect_contains(program.incremental(expect=1, timeout=240), named + "make room for it at the destination and start again table=", "error")
            shops.source.run("UPDATE cms_page SET content_heading = NULL", database="openmage")
            shops.destination.run("ALTER TABLE cms_page MODIFY content_heading VARCHAR(20)", database="openmage")
            program.incremental(timeout=240)
            shops.source.run("BEGIN", "UPDATE cms_page SET content_heading = 'longer than twenty characters' WHERE page_id = %d" % page,
                             "UPDATE cms_block SET title = 'with it'", "COMMIT", database="openmage")
            log = program.incremental(expect=1, timeout=240)
            expect_contains(log, named + "make room for it at the destination and start again, or pass over the transaction with datasync skip table=", "error")
            code, _out, err = program.command("skip", re.search(r"position=gtid=(\S+)", log).group(1), "--reason", "too long", "--yes")
            expect_equal(code, 0, err)
            program.incremental(expect=3, timeout=240)
            for ids in ("1x", "one", "1, 2,  x"):
                _out, err = sync(shops, "customer_group", "-d", "update", "--entity-ids", ids, expect_code=2)
                expect_contains(err, "is no number, as ids of entity customer_group are", "error")
            sync(shops, "customer_group", "-d", "update", "--entity-ids", "0 1 2 3")
            shops.lab.program.configure({"entities": ["product"]})
            shops.lab.program.incremental(timeout=240)
            shops.source.run("SET SESSION binlog_row_image = MINIMAL", "DELETE FROM catalog_product_entity_varchar LIMIT 1", database="openmage")
            code, _out, err = shops.lab.program.command("incremental", timeout=240)
            expect_equal(code, 1, err)
            expect_contains(err, "does not say which row it is of: set binlog_row_image = FULL", "error")

    @suite.case("one-kind", "a stream of one kind brings what this refers to, also when that is new")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["customer"])) as shops:
            shops.lab.program.incremental(timeout=240)
            shops.source.run("INSERT INTO customer_group (customer_group_code, tax_class_id) VALUES ('Fresh', 3)",
                             "INSERT INTO customer_entity (entity_type_id, website_id, email, group_id, store_id) SELECT 1, 1, "
                             "'fresh@example.com', MAX(customer_group_id), 1 FROM customer_group", database="openmage")
            shops.lab.program.incremental(timeout=240)
            expect_equal(shops.destination.query(
                "SELECT customer_group_code FROM openmage.customer_entity JOIN openmage.customer_group ON customer_group_id = group_id WHERE "
                "email = 'fresh@example.com'"), (("Fresh",),), "group of the new customer")

    @suite.case("moved-categories", "what the destination has below a category follows it, in a stream and with sync; so do counters")
    def _():
        with TwoShops(settings=STREAM) as shops:
            shops.lab.program.incremental(timeout=240)
            first, second = (row[0] for row in shops.source.query(
                "SELECT entity_id FROM openmage.catalog_category_entity WHERE level = 2 ORDER BY children_count DESC, entity_id LIMIT 2"))
            here = target(shops, "category", first)
            shops.destination.run(
                "INSERT INTO catalog_category_entity (entity_type_id, attribute_set_id, parent_id, path, level, position, children_count) "
                "SELECT entity_type_id, attribute_set_id, entity_id, CONCAT(path, '/', 900000), level + 1, 1, 1 FROM catalog_category_entity "
                "WHERE entity_id = %d" % here,
                "UPDATE catalog_category_entity SET entity_id = 900000 WHERE path LIKE '%/900000'",
                "INSERT INTO catalog_category_entity (entity_id, entity_type_id, attribute_set_id, parent_id, path, level, position, "
                "children_count) SELECT 900001, entity_type_id, attribute_set_id, entity_id, CONCAT(path, '/900001'), level + 1, 1, 0 FROM catalog_category_entity "
                "WHERE entity_id = 900000", "UPDATE catalog_category_entity SET children_count = children_count + 2 WHERE entity_id <> 900000 AND "
                "(SELECT path FROM (SELECT path FROM catalog_category_entity WHERE entity_id = 900000) x) LIKE CONCAT(path, '/%')",
                database="openmage")
            wrong = ("SELECT c.entity_id, c.path, c.level, c.children_count FROM openmage.catalog_category_entity c LEFT JOIN "
                     "openmage.catalog_category_entity p ON p.entity_id = c.parent_id WHERE c.path <> CONCAT_WS('/', p.path, c.entity_id) OR "
                     "c.level <> LENGTH(c.path) - LENGTH(REPLACE(c.path, '/', '')) OR c.children_count <> (SELECT COUNT(*) FROM "
                     "openmage.catalog_category_entity x WHERE x.path LIKE CONCAT(c.path, '/%'))")
            expect_equal(shops.destination.query(wrong), (), "the tree before anything is moved")
            for how, parent in (("stream", second), ("sync", 2)):
                old, new = (shops.source.scalar("SELECT path FROM openmage.catalog_category_entity WHERE entity_id = %d" % number)
                            for number in (first, parent))
                shops.source.run("UPDATE catalog_category_entity SET parent_id = %d WHERE entity_id = %d" % (parent, first),
                                 "UPDATE catalog_category_entity SET level = level + %d, path = CONCAT('%s/%d', SUBSTRING(path, %d)) WHERE "
                                 "CONCAT(path, '/') LIKE '%s/%%'" % (new.count("/") + 1 - old.count("/"), new, first, len(old) + 1, old),
                                 database="openmage")
                if how == "stream":
                    shops.lab.program.incremental(timeout=240)
                else:
                    sync(shops, "category", "-d", "update", "--entity-ids", str(first))
                above = target(shops, "category", parent)
                expect_equal(shops.destination.query("SELECT parent_id FROM openmage.catalog_category_entity WHERE entity_id = %d" % here),
                             ((above,),), how + ": its parent")
                expect_equal(shops.destination.query(wrong), (), how + ": the tree")
