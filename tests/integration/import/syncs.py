"""What `sync` and a stream in mode import do to a shop with ids of its own, judged by the check."""

import json
import random
import re
import time

from lib.importcheck import ENTITIES, MORE_ENTITIES
from lib.proxy import Proxy
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops

# Both shops have the same carts, which nobody can tell apart; taxes are set up at each side, and come only by name.
COMPARED = tuple(name for name in ENTITIES + MORE_ENTITIES if name not in ("cart", "tax_rate", "tax_rule"))
MOVING = ("eav_entity_store", "index_process", "core_flag")  # tables that a shop, or what is due, may change at any time
ORDER = ("customer_group", "attribute", "attribute_set", "category", "product", "stock", "customer", "salesrule", "catalogrule",
         "gift_message", "order", "invoice", "shipment", "creditmemo", "newsletter", "rating", "review", "tag", "wishlist", "tax_rate",
         "tax_rule", "quote", "cms_block", "cms_page", "category", "cms_block", "cms_page")


def registered(shops):
    """{type of the registry: table} beside those that the check knows."""
    code, out, err = shops.lab.program.command("entities", "--json")
    expect_equal(code, 0, err)
    types = {}
    for line in out.splitlines():
        entity = json.loads(line)
        if entity["name"].startswith("@"):
            continue
        types.update((table["table"], table["table"]) for table in entity["tables"])
        types[entity["name"]] = entity["tables"][0]["table"]
    del types["stock"]  # known by its product, as the check knows
    return types


def registered_target(shops, entity, number, system):
    return shops.destination.scalar("SELECT target_id FROM datasync.datasync_entity_registry WHERE source_system = '%s' AND entity_type = '%s' "
                                    "AND source_id = '%s'" % (system, entity, number))


def right(shops, policy, system, more=()):
    # an alert is of its customer: left alone with it
    entities = tuple(name for name in COMPARED + more if not (policy == "skip" and name.endswith("_alert")))
    report = shops.check(policy=policy, system=system, entities=entities, types=registered(shops))
    expect(not report.problems, "%s:\n%s" % (policy, report))


def sync(shops, entity, *options, expect_code=0, system="legacy"):
    code, out, err = shops.lab.program.command("sync", entity, system, *options, timeout=240)
    expect_equal(code, expect_code, "sync %s %s: %s" % (entity, " ".join(options), err[-1500:]))
    return out, err


def rows(shops):
    """A checksum of each of the shop's tables at the destination."""
    names = [row[0] for row in shops.destination.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'openmage' AND TABLE_TYPE = 'BASE TABLE'")
        if row[0] not in MOVING]
    return dict(shops.destination.query("CHECKSUM TABLE " + ", ".join("openmage.`%s`" % name for name in names)))


def same_rows(shops, before, what):
    after = rows(shops)
    expect_equal([name for name in {**before, **after} if before.get(name) != after.get(name)], [], what + ": other tables")


def count_rows(server):
    server.run("SET GLOBAL userstat = 1", "FLUSH TABLE_STATISTICS", database=None)


def counted_rows(server, what):
    """{table: rows} since count_rows."""
    return {name: int(count) for name, count in server.query(
        "SELECT TABLE_NAME, %s FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = 'openmage' AND %s > 0" % (what, what))}


def summary(out):
    return {line["entity"]: {key: value for key, value in line.items() if key not in ("entity", "per_second") and value}
            for line in map(json.loads, out.splitlines())}


def define(suite):
    for policy in ("update", "merge", "skip"):
        def case(policy=policy):
            with TwoShops(settings={}) as shops:
                before = rows(shops)
                dry, _err = sync(shops, "all", "-d", policy, "--dry-run", "--json")
                same_rows(shops, before, "a dry run writes nothing")
                expect_equal(list(shops.destination.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'datasync'")), [], "tables of a dry run")
                out, _err = sync(shops, "all", "-d", policy, "--json")
                expect_equal(summary(dry), summary(out), "what a dry run foretells")
                right(shops, policy, "legacy")
                after = rows(shops)
                count_rows(shops.destination)
                out, _err = sync(shops, "all", "-d", policy, "--json")
                same_rows(shops, after, "again: nothing changes")
                written = counted_rows(shops.destination, "ROWS_CHANGED")
                expect_equal({name: written[name] for name in written if name not in MOVING}, {}, "again: rows written all the same")
                expect_equal([name for name, counts in summary(out).items() if "created" in counts], [], "again: created")
        suite.case("sync-all-" + policy, "all entities, as on-duplicate says; again: nothing changes")(case)

    @suite.case("sync-merged-again", "with merge, what the destination has stays where the source has nothing, also of what came from there; with update it goes")
    def _():
        with TwoShops(settings={}) as shops:
            sync(shops, "all", "-d", "merge")
            right(shops, "merge", "legacy")
            here = lambda entity: shops.destination.scalar(
                "SELECT MAX(target_id) FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND origin = 'created'" % entity)
            order, page, product, customer = (here(entity) for entity in ("order", "cms_page", "product", "customer"))
            value = lambda kind, table, code, entity, more, text: (
                "REPLACE INTO %s (entity_type_id, attribute_id, entity_id, %s value) SELECT entity_type_id, attribute_id, %s, %s '%s' FROM eav_attribute JOIN "
                "eav_entity_type USING (entity_type_id) WHERE entity_type_code = '%s' AND attribute_code = '%s'" % (
                    table, "store_id," if more else "", entity, more, text, kind, code))
            staff = ("UPDATE sales_flat_order SET ext_order_id = 'staff', customer_dob = '1999-09-09 09:09:09' WHERE entity_id = %s" % order,
                     "UPDATE cms_page SET root_template = 'staff', custom_theme_from = '1999-09-09' WHERE page_id = %s" % page,
                     value("catalog_product", "catalog_product_entity_varchar", "meta_title", product, "0,", "staff"),
                     value("customer", "customer_entity_varchar", "taxvat", customer, "", "staff"),
                     "INSERT INTO catalog_product_entity_tier_price (entity_id, all_groups, customer_group_id, qty, value, website_id) VALUES (%s, 1, 0, 77, 3, 0)" % product)
            asked = ("SELECT ext_order_id FROM sales_flat_order WHERE entity_id = %s" % order, "SELECT root_template FROM cms_page WHERE page_id = %s" % page,
                     "SELECT value FROM catalog_product_entity_varchar WHERE value = 'staff' AND entity_id = %s" % product,
                     "SELECT value FROM customer_entity_varchar WHERE value = 'staff' AND entity_id = %s" % customer,
                     "SELECT 'staff' FROM catalog_product_entity_tier_price WHERE entity_id = %s AND qty = 77" % product,
                     "SELECT 'staff' FROM sales_flat_order WHERE customer_dob > '1999' AND entity_id = %s" % order,
                     "SELECT 'staff' FROM cms_page WHERE custom_theme_from > '1999' AND page_id = %s" % page)
            shops.source.run("SET SESSION sql_mode = ''", "UPDATE sales_flat_order SET ext_order_id = NULL, customer_dob = '0000-00-00'",
                             "UPDATE cms_page SET root_template = NULL, custom_theme_from = '0000-00-00'", "DELETE v FROM "
                             "catalog_product_entity_varchar v JOIN eav_attribute USING (attribute_id) WHERE attribute_code = 'meta_title'", database="openmage")
            shops.destination.run(*staff, database="openmage")
            for policy in ("merge", "update"):
                sync(shops, "all", "-d", policy)
                expect_equal([shops.destination.scalar(sql, "openmage") for sql in asked], [policy == "merge" and "staff" or None] * len(asked), policy)
            right(shops, "update", "legacy")

    @suite.case("sync-skip-leaves", "with skip, what the destination has stays as it is, also what came from there and is told once more at the end")
    def _():
        with TwoShops(settings={}) as shops:
            sync(shops, "all", "-d", "update")
            shops.destination.run(
                "SET SESSION sql_mode = ''", "UPDATE sales_flat_order SET status = 'here'", "UPDATE sales_flat_order_item SET qty_shipped = 9",
                "UPDATE sales_flat_order_address SET city = 'Here'", "UPDATE cms_page SET content = CONCAT(content, ' here')",
                "UPDATE cms_block SET content = CONCAT(content, ' here')", "UPDATE catalog_category_entity_varchar SET value = CONCAT(value, '-here')",
                "UPDATE catalog_product_entity_varchar SET value = CONCAT(value, '-here') WHERE attribute_id IN (SELECT attribute_id FROM eav_attribute "
                "WHERE attribute_code = 'name')",
                database="openmage")
            before = rows(shops)
            out, _err = sync(shops, "all", "-d", "skip", "--json")
            same_rows(shops, before, "skipped")
            expect_equal({name: counts for name, counts in summary(out).items() if set(counts) - {"skipped"}}, {}, "not skipped")

    @suite.case("orphans-told", "what cannot be without another entity that is not here is listed and counted; what that brings later in the run is not")
    def _():
        with TwoShops(settings={}) as shops:
            sync(shops, "product", "-d", "update", "--limit", "5")
            count = shops.source.scalar("SELECT COUNT(*) FROM sales_flat_invoice", "openmage")
            shops.destination.run("DELETE FROM sales_flat_order", database="openmage")
            for options in (("--dry-run",), ()):
                out, err = sync(shops, "invoice", "-d", "update", "--json", *options, expect_code=3)
                expect_equal((summary(out)["invoice"], err.count("left out entity=invoice key=")), ({"invalid": count}, count), "invoices without orders")
            out, _err = sync(shops, "all", "-d", "update", "--json")
            expect_equal([name for name, counts in summary(out).items() if "invalid" in counts], [], "with their orders")

    @suite.case("not-all-of-them", "what names one thing that is not here is left out, where 0 would name all of them, or none; a 0 of the source stays")
    def _():
        with TwoShops(settings={}) as shops:
            source, ask = shops.source, lambda sql: shops.destination.query(sql, "openmage")
            gone, there = (source.scalar("SELECT %s(entity_id) FROM catalog_product_entity WHERE entity_id IN (SELECT entity_pk_value FROM review)" % f, "openmage")
                           for f in ("MIN", "MAX"))
            source.run("UPDATE catalog_product_entity SET sku = 'only-there' WHERE entity_id = %d" % gone, "SET sql_mode = ''",
                       "INSERT INTO tax_calculation_rate (tax_country_id, tax_region_id, tax_postcode, code, rate) VALUES ('US', 8888, '*', 'GONE', 9), "
                       "('US', 0, '*', 'ALL', 8)",
                       "INSERT INTO shipping_tablerate (website_id, dest_country_id, dest_region_id, dest_zip, condition_name, condition_value, price, cost) VALUES "
                       "(1, 'US', 8888, '*', 'package_weight', 3, 81, 0), (1, '0', 0, '*', 'package_weight', 4, 82, 0), (88, 'US', 0, '*', 'package_weight', 5, 83, 0)",
                       "INSERT INTO core_config_data (scope, scope_id, path, value) VALUES ('stores', 888, 'a/b/c', 1), ('websites', 888, 'a/b/c', 1), "
                       "('default', 0, 'a/b/c', 1), ('stores', 0, 'a/b/c', 1)",
                       "UPDATE rating_option_vote SET entity_pk_value = 8888 WHERE review_id IN (SELECT review_id FROM review WHERE entity_pk_value = %d)" % there,
                       database="openmage")
            for options in (("--dry-run",), ()):
                out, err = sync(shops, "review", "-d", "update", "--json", *options, expect_code=3)
                expect(summary(out)["review"]["invalid"] == err.count("left out entity=review key="), "reviews: " + err[-2000:])
                expect_contains(err, "its entity_pk_value (%d at the source) is not at the destination" % gone, "the reason")
            nothing = "SELECT (SELECT COUNT(*) FROM review WHERE entity_pk_value = 0), (SELECT COUNT(*) FROM rating_option_vote WHERE entity_pk_value = 0)"
            expect_equal(ask(nothing), ((0, 0),), "reviews and votes of nothing")
            for entity in ("tax_rate", "table_rate", "config"):
                sync(shops, entity, "-d", "update", expect_code=3)
            expect_equal(ask("SELECT code, tax_region_id FROM tax_calculation_rate WHERE code IN ('GONE', 'ALL')"), (("ALL", 0),), "taxes")
            expect_equal(ask("SELECT dest_country_id, dest_region_id FROM shipping_tablerate WHERE price BETWEEN 81 AND 83"), (("0", 0),), "prices of shipping")
            expect_equal(ask("SELECT scope, scope_id FROM core_config_data WHERE path = 'a/b/c' ORDER BY 1"), (("default", 0), ("stores", 0)), "settings")
            sync(shops, "product", "-d", "update")
            sync(shops, "review", "-d", "update")
            expect_equal(ask(nothing), ((0, 0),), "reviews and votes, with their products")
            expect_equal(ask("SELECT COUNT(*) FROM review WHERE entity_pk_value = %d" % registered_target(shops, "product", gone, "legacy"))[0][0],
                         source.scalar("SELECT COUNT(*) FROM review WHERE entity_pk_value = %d" % gone, "openmage"), "reviews of what has come")

    @suite.case("links-not-there", "a link that only the destination has goes if the source has both ends, whichever comes first, and stays with the destination's own")
    def _():
        for size in (60, 50000):
            with TwoShops(settings={"batch": {"max_rows": size}}) as shops:
                ask = lambda sql: shops.destination.scalar(sql, "openmage")
                here = dict(shops.destination.query("SELECT sku, entity_id FROM openmage.catalog_product_entity"))
                there = shops.source.query("SELECT sku, entity_id FROM openmage.catalog_product_entity WHERE type_id = 'simple' ORDER BY entity_id")
                both = [(number, here[sku]) for sku, number in there if sku in here]
                (first, here_first), (last, here_last) = both[0], both[-1]
                own = ask("SELECT MAX(entity_id) FROM catalog_product_entity WHERE sku NOT IN (%s)" % ", ".join("'%s'" % sku for sku, _number in there))
                shops.source.run("DELETE FROM catalog_product_link WHERE product_id IN (%d, %d)" % (first, last), "INSERT INTO catalog_product_link "
                                 "(product_id, linked_product_id, link_type_id) VALUES (%d, %d, 4)" % (first, last), database="openmage")
                shops.destination.run("DELETE FROM catalog_product_link WHERE product_id IN (%d, %d)" % (here_first, here_last), *(
                    "INSERT INTO catalog_product_link (product_id, linked_product_id, link_type_id) VALUES (%d, %d, %d)" % link for link in (
                        (here_first, here_last, 1), (here_last, here_first, 1), (here_first, own, 1), (here_first, here_last, 4))), database="openmage")
                kept = "SELECT GROUP_CONCAT(link_id ORDER BY link_id) FROM catalog_product_link WHERE product_id IN (%d, %d) AND (linked_product_id = %d OR link_type_id = 4)" % (
                    here_first, here_last, own)
                ids = ask(kept)
                for what in ("first", "again"):
                    sync(shops, "product", "-d", "update")
                    expect_equal((ask(kept), ask("SELECT COUNT(*) FROM catalog_product_link WHERE product_id IN (%d, %d)" % (here_first, here_last))),
                                 (ids, 2), "links, %s, with batches of %d" % (what, size))

    @suite.case("counters-last", "rows that the live shop needs for each order are written last, also of a transaction that is larger than a batch")
    def _():
        with TwoShops(settings={"mode": "import", "source_system": "shop", "on_duplicate": "update"}) as shops:
            source, ask = shops.source, lambda sql: shops.destination.query(sql, None)
            shops.lab.program.incremental(timeout=240)
            shops.lab.program.configure({"batch": {"max_bytes": "64KiB"}})
            columns = ", ".join("`%s`" % row[0] for row in source.query("SELECT column_name FROM information_schema.columns WHERE table_schema = 'openmage' "
                                                                         "AND table_name = 'sales_flat_order' AND column_name NOT IN ('entity_id', 'increment_id')"))
            last = source.scalar("SELECT MAX(increment_id) FROM sales_flat_order WHERE increment_id REGEXP '^[12][0-9]{8}$'", "openmage")
            source.run("BEGIN", "INSERT INTO sales_flat_order (increment_id, %s) SELECT %d, %s FROM sales_flat_order WHERE increment_id = '%s'" % (
                columns, int(last) + 5000000, columns, last), "UPDATE catalog_category_entity SET position = position + 1 WHERE level > 1",
                "INSERT INTO newsletter_subscriber (subscriber_email, subscriber_status, store_id) SELECT CONCAT('s', seq, '@example.com'), 1, 1 FROM "
                "seq_1_to_3000", "COMMIT", database="openmage")
            shops.destination.run("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1", database=None)
            shops.lab.program.incremental()
            shops.destination.run("SET GLOBAL general_log = 0", database=None)
            order = [re.search("newsletter_subscriber|eav_entity_store", row[0]).group() for row in ask(
                "SELECT CONVERT(argument USING latin1) FROM mysql.general_log WHERE command_type <> 'Prepare' AND argument RLIKE "
                "'^(INSERT INTO|UPDATE) [^ ]*(newsletter_subscriber|eav_entity_store)' ORDER BY event_time")]
            expect("eav_entity_store" in order and order.count("newsletter_subscriber") > 2, "what was written: %s" % order)
            expect(order.index("eav_entity_store") > len(order) - 1 - order[::-1].index("newsletter_subscriber"), "what was written: %s" % order)
            right(shops, "update", "shop")

    @suite.case("sync-small-batches", "where batches end cannot be told from what is written")
    def _():
        with TwoShops(settings={"batch": {"max_rows": 100}}) as shops:
            sync(shops, "all", "-d", "update")
            right(shops, "update", "legacy")
            after = rows(shops)
            sync(shops, "all", "-d", "update")
            same_rows(shops, after, "again")
        with TwoShops(settings={"batch": {"max_rows": 20}}) as shops:  # of an older version, too, whose orders name none
            shops.source.run("ALTER TABLE sales_flat_order DROP original_increment_id, MODIFY relation_parent_real_id VARCHAR(32) COLLATE utf8mb3_unicode_ci",
                             database="openmage")
            # an order that was edited names the one in its place, which comes later
            first, last = shops.source.query("SELECT MIN(entity_id), MAX(entity_id) FROM sales_flat_order", "openmage")[0]
            number = shops.source.scalar("SELECT increment_id FROM sales_flat_order WHERE entity_id = %d" % last, "openmage")
            shops.source.run("UPDATE sales_flat_order SET relation_child_id = %d, relation_child_real_id = '%s' WHERE entity_id = %d" % (last, number, first),
                             database="openmage")
            for options in (("--limit", "1"), ()):
                sync(shops, "order", "-d", "update", *options)
                here = shops.destination.query("SELECT relation_child_id, relation_child_real_id FROM sales_flat_order WHERE entity_id = %d"
                                               % registered_target(shops, "order", first, "legacy"), "openmage")
                child = registered_target(shops, "order", last, "legacy")
                expect_equal(tuple(here[0]), (child and str(child), number), "the order in its place, with %s" % (options,))

    @suite.case("sync-one-by-one", "kind by kind, each in a run of its own")
    def _():
        with TwoShops(settings={}) as shops:
            for entity in ORDER:
                sync(shops, entity, "-d", "update")
            right(shops, "update", "legacy", more=("tax_rate", "tax_rule"))

    @suite.case("sync-stops", "an entity that is there stops the run; one that does not fit is left out when asked to, and named")
    def _():
        with TwoShops(settings={}) as shops:
            _out, err = sync(shops, "customer", expect_code=1)
            expect_contains(err, "is at the destination already, and on_duplicate is error", "error")
            sku = shops.source.scalar("SELECT sku FROM openmage.catalog_product_entity ORDER BY entity_id LIMIT 1")
            number = shops.source.scalar("SELECT MIN(entity_id) FROM openmage.catalog_product_entity")
            for index in ("UNQ_CATALOG_PRODUCT_ENTITY_SKU", "IDX_CATALOG_PRODUCT_ENTITY_SKU"):
                if shops.destination.query("SHOW INDEX FROM openmage.catalog_product_entity WHERE Key_name = '%s' AND Non_unique = 0" % index):
                    shops.destination.run("ALTER TABLE catalog_product_entity DROP INDEX " + index, database="openmage")
            shops.destination.run("INSERT INTO catalog_product_entity (entity_type_id, attribute_set_id, type_id, sku) SELECT entity_type_id, "
                                  "attribute_set_id, type_id, '%s' FROM catalog_product_entity, (SELECT 1 UNION SELECT 2) x ORDER BY entity_id "
                                  "LIMIT 2" % sku, database="openmage")
            _out, err = sync(shops, "product", "-d", "update", expect_code=1)
            expect_contains(err, "natural key of product %d" % number, "error")
            out, err = sync(shops, "product", "-d", "update", "--skip-invalid", "--json", expect_code=3)
            expect_contains(err, "left out entity=product key=%d" % number, "log")
            expect_equal(summary(out)["product"]["invalid"], 1, "summary")

    @suite.case("sync-references", "what is referred to and missing is told, all of it, before anything is written")
    def _():
        with TwoShops(settings={}) as shops:
            ask = lambda sql: shops.destination.scalar(sql, "openmage")
            groups = "SELECT COUNT(*) FROM customer_group WHERE customer_group_code IN ('first missing', 'second missing')"
            shops.source.run("INSERT INTO customer_group (customer_group_code, tax_class_id) SELECT code, MIN(tax_class_id) FROM customer_group, "
                             "(SELECT 'first missing' AS code UNION SELECT 'second missing') codes GROUP BY code", database="openmage")
            before = rows(shops)
            stream = ("--set", "mode=import", "--set", "source_system=legacy", "--set", "on_duplicate=update", "--entity", "customer")
            for options in ((), ("--dry-run",)):
                _out, err = sync(shops, "customer", "-d", "update", "--set", "reference_missing=error", *options, expect_code=1)
                for name in ("first missing", "second missing"):
                    expect_contains(err, 'name="%s" action=stop' % name, "what is missing %s" % (options,))
                expect_contains(err, "nothing was written: make them there, or set reference_missing: create", "error")
            code, _out, err = shops.lab.program.command("incremental", "--set", "reference_missing=error", *stream, timeout=240)
            expect_equal((code, 'name="second missing" action=stop' in err), (1, True), "a stream: " + err[-1500:])
            expect_equal((rows(shops), ask(groups)), (before, 0), "what was written")
            expect_equal(shops.destination.query("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'datasync'"), (), "state")
            _out, err = sync(shops, "customer", "-d", "update")
            expect_contains(err, 'name="first missing" action=create', "what is created")
            told = re.search(r"will be created, since others may refer to it entity=customer_group count=(\d+)", err)
            expect(told and int(told[1]) >= 2, "how many are created: " + err[-1500:])
            expect_equal(ask(groups), 2, "groups")
            _out, err = sync(shops, "customer", "-d", "update", "--set", "reference_missing=error")
            expect("not at the destination" not in err, "again: " + err[-1500:])
            attribute = ("UPDATE eav_attribute SET backend_type = '%s' WHERE attribute_code = 'prefix' AND entity_type_id = (SELECT "
                         "entity_type_id FROM eav_entity_type WHERE entity_type_code = 'customer')")
            shops.destination.run(attribute % "text", database="openmage")
            before = rows(shops)
            _out, err = sync(shops, "customer", "-d", "update", expect_code=1)
            expect_contains(err, "attribute prefix of customer has its values in another table: its backend_type is varchar at the source, and "
                            "text at the destination", "error")
            same_rows(shops, before, "rows, when values would get into another table")

    @suite.case("sync-by-index", "what is asked of both shops is looked up, whatever their statistics say")
    def _():
        with TwoShops(settings={}) as shops:
            sync(shops, "all", "-d", "update")
            for server in (shops.source, shops.destination):
                server.run("UPDATE mysql.innodb_table_stats SET n_rows = 1, clustered_index_size = 1", "FLUSH TABLES", database=None)
                count_rows(server)
            order = shops.source.scalar("SELECT MIN(order_id) FROM sales_flat_order_item", "openmage")
            customer = shops.source.scalar("SELECT MIN(parent_id) FROM customer_address_entity", "openmage")
            for entity, key in (("order", order), ("customer", customer)):
                sync(shops, entity, "-d", "update", "--entity-ids", str(key))
            for server, table in ((shops.source, "sales_flat_order_item"), (shops.source, "sales_flat_order_status_history"),
                                  (shops.source, "customer_address_entity_varchar"), (shops.destination, "customer_entity_varchar")):
                read, everything = counted_rows(server, "ROWS_READ").get(table, 0), server.scalar("SELECT COUNT(*) FROM " + table, "openmage")
                expect(0 < read < everything / 2, "%s: %d of %d rows read" % (table, read, everything))

    @suite.case("sync-some", "ids, numbers, dates and limits choose what is copied")
    def _():
        with TwoShops(settings={}, source_options=("--skip-log-bin",)) as shops:
            found = shops.source.query("SELECT entity_id, increment_id FROM openmage.sales_flat_order ORDER BY entity_id LIMIT 3")
            for options, count in ((("--limit", "2"), 2), (("--entity-ids", "%d,%d" % (found[0][0], found[2][0])), 2),
                                   (("--increment-ids", found[1][1]), 1), (("--date-from", "2100-01-01"), 0),
                                   (("--date-to", "2100-01-01", "--date-from", "2000-01-01", "--limit", "5"), 5)):
                out, _err = sync(shops, "order", "-d", "update", "--dry-run", "--json", *options)
                told = summary(out).get("order", {})
                expect_equal(sum(told.values()), count, "orders with %s: %s" % (options, told))
            for entity, option, there in (("product", "--entity-ids", shops.source.scalar("SELECT MIN(entity_id) FROM openmage.catalog_product_entity")),
                                          ("order", "--increment-ids", found[1][1])):
                _out, err = sync(shops, entity, "-d", "update", "--dry-run", option, "%s,999999,%s" % (there, ",".join("77%04d" % n for n in range(25))))
                told = ", ".join(["999999"] + ["77%04d" % n for n in range(19)])
                expect_contains(err, "not at the source, and not copied entity=%s option=%s count=26 first=\"%s\"" % (entity, option, told), "what is not there")
                _out, err = sync(shops, entity, "-d", "update", "--dry-run", option, str(there))
                expect("not at the source, and" not in err, err)
            alone = shops.source.scalar(
                "SELECT MAX(increment_id) FROM openmage.sales_flat_order WHERE increment_id NOT IN (SELECT increment_id FROM openmage.sales_flat_invoice UNION "
                "SELECT increment_id FROM openmage.sales_flat_shipment UNION SELECT increment_id FROM openmage.sales_flat_creditmemo)")
            _out, err = sync(shops, "all", "-d", "update", "--dry-run", "--increment-ids", "nosuch,%s" % alone)
            expect_contains(err, "not at the source, and not copied entity=all option=--increment-ids count=1 first=\"nosuch\"", "what no kind has")
            _out, err = sync(shops, "all", "-d", "update", "--dry-run", "--increment-ids", alone)
            expect("not at the source, and" not in err, err)
            shops.source.run("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'x'", "GRANT SELECT ON openmage.* TO reader@'127.0.0.1'", database=None)
            out, _err = sync(shops, "order", "-d", "update", "--dry-run", "--json", "--limit", "1", "--set", "source.user=reader", "--set",
                             "source.password=x")
            expect_equal(sum(summary(out)["order"].values()), 1, "orders that an account with SELECT alone has read")
            _out, err = sync(shops, "product", "--increment-ids", "1", expect_code=2)
            expect_contains(err, "--increment-ids: entity product has no column for it", "error")
            _out, err = sync(shops, "order", "--date-from", "yesterday", expect_code=2)
            expect_contains(err, "--date-from: 'yesterday' is no date", "error")
            for options, kinds in (((), ["product", "stock"]), (("--stock", "exclude"), ["product"]), (("--stock", "only"), ["stock"]),
                                   (("--date-from", "2000-01-01"), ["product", "stock"])):
                missing = options == ("--stock", "only")  # products that are not here
                out, _err = sync(shops, "product", "-d", "update", "--dry-run", "--json", *options, expect_code=3 if missing else 0)
                expect_equal([kind for kind in summary(out) if kind in ("product", "stock")], kinds, "product with %s" % (options,))
            for command in (("sync", "url_rewrite", "legacy"), ("incremental", "--set", "mode=import", "--entity", "url_rewrite"),
                            ("incremental", "--set", "mode=import", "--set", "entities=product,url_rewrites")):
                code, _out, err = shops.lab.program.command(*command)
                expect_equal(code, 2, " ".join(command))
                expect_contains(err, "url_rewrite is never imported", "error")
            code, _out, err = shops.lab.program.command("sync", "order", "x", "--adapter", "shopify")
            expect_equal(code, 2, "an adapter that there is not yet")
            expect_contains(err, "shopify does not work in this version", "error")

    @suite.case("sync-orders-alone", "what orders refer to and nobody has imported is found by SKU, address and the like, and never made")
    def _():
        with TwoShops(settings={}) as shops:
            ask = lambda sql: shops.destination.scalar(sql, "openmage")
            counts = [ask("SELECT COUNT(*) FROM " + table) for table in ("catalog_product_entity", "customer_entity", "salesrule")]
            sync(shops, "order", "-d", "update")
            expect_equal([ask("SELECT COUNT(*) FROM " + table) for table in ("catalog_product_entity", "customer_entity", "salesrule")],
                         counts, "products, customers and rules")
            ours = ("sales_flat_order o JOIN datasync.datasync_entity_registry r ON r.entity_type = 'order' AND r.target_id = o.entity_id ")
            there = shops.source.query("SELECT i.item_id, p.sku FROM openmage.sales_flat_order_item i JOIN openmage.catalog_product_entity p "
                                       "ON p.entity_id = i.product_id")
            found, named = 0, {str(number): sku for number, sku in there}
            for number, sku in shops.destination.query(
                    "SELECT r.source_id, p.sku FROM openmage.sales_flat_order_item i JOIN datasync.datasync_entity_registry r ON r.entity_type = "
                    "'sales_flat_order_item' AND r.target_id = i.item_id LEFT JOIN openmage.catalog_product_entity p ON p.entity_id = i.product_id"):
                known = named.get(number) is not None and ask("SELECT COUNT(*) FROM catalog_product_entity WHERE sku = '%s'" % named[number])
                expect_equal(sku, named[number] if known else None, "product of item %s" % number)
                found += sku is not None
            expect(found > 0, "no item has a product")
            lost = ask("SELECT COUNT(*) FROM %s WHERE o.customer_id IS NULL AND EXISTS (SELECT 1 FROM customer_entity c JOIN core_store s ON "
                       "s.website_id = c.website_id WHERE s.store_id = o.store_id AND c.email = o.customer_email AND o.customer_is_guest = 0)" % ours)
            expect_equal(lost, 0, "orders without their customers")

    for policy in ("update", "skip"):
        def case(policy=policy):
            with TwoShops(settings={"batch": {"max_rows": 150}}) as shops:
                program, draw = shops.lab.program, random.Random(shops.seed)
                ask = lambda: shops.destination.scalar("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'datasync_entity_registry'") and \
                    shops.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_entity_registry")
                kills, begun = 0, []
                for _ in range(8):
                    least = ask() + draw.randrange(1, 250)  # of some 2200 in all
                    program.start("all", "legacy", "-d", policy, command="sync")
                    while program.running() and ask() < least:
                        time.sleep(0.01)
                    killed = program.running()
                    kills += killed
                    program.kill()
                    begun.append(shops.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_objects WHERE kind = 'unfinished'"))
                    expect(killed or not begun[-1], "it came to its end")
                expect(kills > 2 and sum(begun) > 2, "killed %d times, begun: %s" % (kills, begun))
                _out, err = sync(shops, "all", "-d", policy)
                right(shops, policy, "legacy")
                expect_equal("an earlier copy did not come to its end" in err, bool(begun[-1]) and policy == "skip", "told: " + err[-800:])
        suite.case("sync-killed-" + policy, "killed at random, and begun again")(case)

    for kills in (False, True):
        def case(kills=kills):
            with TwoShops(settings={"mode": "import", "source_system": "shop", "on_duplicate": "update"}) as shops:
                program, draw = shops.lab.program, random.Random(shops.seed)
                if not kills:
                    program.incremental(timeout=240)
                    right(shops, "update", "shop")
                    while shops.live():
                        program.incremental(timeout=240)
                        right(shops, "update", "shop")
                    return
                program.start()
                more = True
                while more:
                    for _ in range(4):
                        program.wait_for("some progress", lambda status, least=status_batches(program) + draw.randrange(1, 4):
                                         status["batches"] >= least or status["caught_up"])
                        program.kill()
                        program.start()
                    more = shops.live()
                program.wait_caught_up(timeout=240)
                program.stop()
                right(shops, "update", "shop")
        suite.case("stream-killed" if kills else "stream", "the first copy, then the shop's life%s" % (
            ", killed at random" if kills else ", step by step"))(case)


    for side in ("source", "destination"):
        def case(side=side):
            with TwoShops(settings={"mode": "import", "source_system": "shop", "on_duplicate": "update", "batch": {"max_rows": 60}}) as shops:
                program, server, cuts = shops.lab.program, getattr(shops, side), 0
                program.start()
                while cuts < 6:
                    status = program.wait_for("the next batches", lambda status, least=15 * (cuts + 1): status["batches"] >= least or status["caught_up"])
                    if status["caught_up"]:
                        break
                    server.cut()
                    cuts += 1
                expect(cuts > 2, "connections were cut %d times" % cuts)
                program.wait_caught_up(timeout=240)
                program.stop()
                program.check_log()
                right(shops, "update", "shop")
        suite.case("stream-cut-off-" + side, "connections to the %s break while the first copy is made" % side)(case)

    for policy in ("update", "merge", "skip"):
        def case(policy=policy):
            with TwoShops(settings={"batch": {"max_rows": 60}}) as shops:
                dry, _err = sync(shops, "all", "-d", policy, "--dry-run", "--json")
                proxy = Proxy(shops.destination.port)
                proxy.cut_behind("INSERT INTO `openmage`.`sales_flat_order` ")
                out, err = sync(shops, "all", "-d", policy, "--json", "--set", "destination.port=%d" % proxy.port)
                proxy.close()
                expect(proxy.cut.is_set() and "destination lost" in err, "nothing was cut: " + err[-1500:])
                told, wanted = summary(out), summary(dry)
                other = {entity: (told[entity], wanted.get(entity)) for entity in told if told[entity] != wanted.get(entity)}
                expect_equal(other, {}, "what the summary tells, and a dry run has foretold")
                right(shops, policy, "legacy")
        suite.case("sync-cut-off-" + policy, "a lost destination: what is copied once more is counted once (%s)" % policy)(case)

    @suite.case("stream-deletes", "what the source deletes goes, with what hangs on it, here and in the registry; the destination's own stays")
    def _():
        with TwoShops(settings={"mode": "import", "source_system": "shop", "on_duplicate": "merge"}) as shops:
            program, source = shops.lab.program, shops.source
            program.incremental(timeout=240)
            origins = dict(shops.destination.query("SELECT source_id, origin FROM datasync.datasync_entity_registry WHERE entity_type = 'product'"))
            has = [str(row[0]) for row in source.query("SELECT DISTINCT product_id FROM openmage.catalog_product_option")]
            other = {origin: [number for number in origins if origins[number] == origin] for origin in ("created", "matched")}
            ours = next(number for number in has + other["created"] if origins[number] == "created")
            theirs = other["matched"][0]
            targets = {number: shops.destination.scalar("SELECT target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'product' "
                                                        "AND source_id = '%s'" % number) for number in (ours, theirs)}
            customer = source.scalar("SELECT MAX(entity_id) FROM openmage.customer_entity")
            source.run("DELETE FROM catalog_product_entity WHERE entity_id IN (%s, %s)" % (ours, theirs),
                       "DELETE FROM customer_entity WHERE entity_id = %d" % customer, database="openmage")
            program.incremental(timeout=240)
            there = {row[0] for row in shops.destination.query("SELECT entity_id FROM openmage.catalog_product_entity")}
            expect_equal((targets[ours] in there, targets[theirs] in there), (False, True), "created, and matched")
            for type_, table, key in (("product", "catalog_product_entity", "entity_id"), ("catalog_product_option", "catalog_product_option", "option_id"),
                                      ("catalog_product_option_type_value", "catalog_product_option_type_value", "option_type_id"),
                                      ("customer", "customer_entity", "entity_id"), ("customer_address_entity", "customer_address_entity", "entity_id")):
                expect_equal(shops.destination.query(
                    "SELECT source_id FROM datasync.datasync_entity_registry r WHERE entity_type = '%s' AND NOT EXISTS (SELECT 1 FROM openmage.%s t "
                    "WHERE t.%s = r.target_id)" % (type_, table, key)), (), "registered %s that is gone" % type_)


def status_batches(program):
    return program.status()["batches"]
