"""What `sync` copies of all there is: where it looks, and what it says where that is not."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops

from syncs import registered_target, summary, sync

LOOK = "look at source.database (--db-name), which is '%s', and source.prefix (--db-prefix), which is '%s'"


def define(suite):
    @suite.case("sync-not-there", "a source that has not the table of what is asked for is wrong configuration, and names it")
    def _():
        with TwoShops(settings={}) as shops:
            shops.source.run("CREATE DATABASE elsewhere", "CREATE TABLE elsewhere.cms_block (block_id INT PRIMARY KEY)", database=None)
            shops.source.run("GRANT SELECT ON elsewhere.* TO datasync@'127.0.0.1'", database=None)
            for entity, options, table, where in (
                    ("order", ("--db-prefix", "nosuch_"), "nosuch_sales_flat_order, in which", ("openmage", "nosuch_")),
                    ("order", ("--db-name", "elsewhere"), "sales_flat_order, in which entity order is", ("elsewhere", "")),
                    ("product", ("--db-prefix", "nosuch_", "--dry-run"), "nosuch_catalog_product_entity", ("openmage", "nosuch_")),
                    ("order", ("--db-prefix", "nosuch_", "--limit", "1"), "nosuch_sales_flat_order", ("openmage", "nosuch_")),
                    ("all", ("--db-prefix", "nosuch_"), ", nor any other of those", ("openmage", "nosuch_"))):
                _out, err = sync(shops, entity, "-d", "update", *options, expect_code=2)
                expect_contains(err, table, "error")
                expect_contains(err, LOOK % where, "error")
            expect_contains(sync(shops, "table", expect_code=2)[1], "tables of no entity are not imported", "what no entity has")

    @suite.case("sync-all-some", "of all kinds, numbers choose those that have them, and dates all but those that have none")
    def _():
        with TwoShops(settings={}) as shops:
            ask = lambda sql: shops.source.scalar(sql, "openmage")
            one, number = shops.source.query("SELECT entity_id, increment_id FROM sales_flat_order WHERE customer_id > 0 AND increment_id NOT IN "
                                             "(SELECT increment_id FROM sales_flat_invoice UNION SELECT increment_id FROM sales_flat_shipment UNION "
                                             "SELECT increment_id FROM sales_flat_creditmemo) ORDER BY 1 LIMIT 1", "openmage")[0]
            out, _err = sync(shops, "all", "-d", "update", "--json", "--increment-ids", number)
            told = {name: counts for name, counts in summary(out).items() if counts}
            expect_equal({name: sum(counts.values()) for name, counts in told.items() if name in ("order", "product", "customer", "cms_block")},
                         {"order": 1}, "what has the number: %s" % told)
            here = registered_target(shops, "order", one, "legacy")
            there = shops.source.query("SELECT w.code, o.grand_total FROM sales_flat_order o JOIN core_store w USING (store_id) WHERE entity_id = %d"
                                       % one, "openmage")
            expect_equal(shops.destination.query("SELECT w.code, o.grand_total FROM sales_flat_order o JOIN core_store w USING (store_id) WHERE "
                                                 "entity_id = %d" % here, "openmage"), there, "the order, and its store")
            shops.source.run("UPDATE sales_flat_order SET updated_at = '2001-01-01' WHERE entity_id <> %d" % one,
                             "UPDATE sales_flat_order SET updated_at = '2030-01-01' WHERE entity_id = %d" % one,
                             "UPDATE customer_entity SET updated_at = '2001-01-01'", "UPDATE catalog_product_entity SET updated_at = '2001-01-01'",
                             database="openmage")
            out, _err = sync(shops, "all", "-d", "update", "--json", "--date-from", "2030-01-01", "--dry-run")
            told = {name: sum(counts.values()) for name, counts in summary(out).items()}
            expect_equal([told.get(name, 0) for name in ("order", "product", "stock", "customer")], [1, 0, 0, 0], "modified: %s" % told)
            expect_equal(told.get("attribute"), ask("SELECT COUNT(*) FROM eav_attribute"), "attributes, of which no date tells")
            expect(told.get("customer_group"), "customer groups: %s" % told)
            # a shop seldom says when a subscriber has changed; stock has its product's date
            shops.source.run("UPDATE newsletter_subscriber SET change_status_at = IF(subscriber_id = %d, '2001-01-01', NULL)" % ask(
                "SELECT MIN(subscriber_id) FROM newsletter_subscriber"), "UPDATE catalog_product_entity SET updated_at = NULL WHERE entity_id = %d" % ask(
                    "SELECT MIN(product_id) FROM cataloginventory_stock_item"), database="openmage")
            others = ask("SELECT COUNT(*) FROM newsletter_subscriber") - 1
            for entity, option, wanted in (("newsletter", ("--date-from", "2030-01-01"), others), ("newsletter", ("--date-to", "2000-12-31"), others),
                                           ("newsletter", ("--date-to", "2001-01-01"), others + 1), ("product", ("--date-from", "2030-01-01"), 1),
                                           ("all", ("--date-from", "2030-01-01"), others)):
                out, _err = sync(shops, entity, "-d", "update", "--json", "--dry-run", *option)
                told = {name: sum(counts.values()) for name, counts in summary(out).items()}
                expect_equal(told.get("newsletter" if entity == "all" else entity), wanted, "%s %s: %s" % (entity, option, told))
                expect_equal(told.get("stock"), None if entity == "newsletter" else 1, "stock: %s" % told)
            sync(shops, "attribute", "--date-from", "2030-01-01", expect_code=2)

    @suite.case("sync-known", "what others refer to is not read again where the destination has it already, and what it has no more is")
    def _():
        with TwoShops(settings={}) as shops:
            source, destination = shops.source, shops.destination
            sync(shops, "product", "-d", "update", "--stock", "exclude")
            source.run("SET GLOBAL log_output = 'TABLE', general_log = 1", database=None)
            looked = "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '%SELECT%`sku`%FROM%catalog_product_entity`%' " \
                     "AND argument NOT LIKE '%general_log%'"
            items = "SELECT p.sku, i.qty FROM cataloginventory_stock_item i JOIN catalog_product_entity p ON p.entity_id = i.product_id " \
                    "WHERE sku IN (%s) ORDER BY 1"
            skus = ", ".join("'%s'" % sku for sku, in source.query("SELECT sku FROM openmage.catalog_product_entity WHERE sku > ''"))
            sync(shops, "stock", "-d", "update")
            expect_equal(source.scalar(looked, None), 0, "looks at products")
            expect_equal(destination.query(items % skus, "openmage"), source.query(items % skus, "openmage"), "stock")
            made = ", ".join(number for number, in destination.query("SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = 'product' "
                                                                     "AND origin = 'created'"))
            gone, sku = source.query("SELECT entity_id, sku FROM catalog_product_entity WHERE entity_id IN (%s) ORDER BY 1 LIMIT 1" % made, "openmage")[0]
            target = registered_target(shops, "product", gone, "legacy")
            destination.run("DELETE FROM catalog_product_entity WHERE entity_id = %s" % target, database="openmage")
            source.run("UPDATE cataloginventory_stock_item SET qty = qty + 1", database="openmage")
            sync(shops, "stock", "-d", "update", expect_code=3)
            expect(source.scalar(looked, None) > 0, "a product that the destination has deleted is read")
            left = " AND ".join((items.split(" ORDER")[0] % skus, "sku <> '%s' ORDER BY 1" % sku))
            expect_equal(destination.query(left, "openmage"), source.query(left, "openmage"), "stock of the others")
            expect_equal(destination.query(items % ("'%s'" % sku), "openmage"), (), "stock of a product that is gone")

    @suite.case("sync-all-limited", "of all kinds a few: what others are mapped by is found, or made, beyond the limit and whatever its date")
    def _():
        with TwoShops(settings={}) as shops:
            source, destination = shops.source, shops.destination
            out, _err = sync(shops, "all", "-d", "update", "--json", "--limit", "3", expect_code=3)  # invoices without their orders
            told = {name: sum(counts.values()) for name, counts in summary(out).items()}
            expect_equal(told.get("product"), 3, "products: %s" % told)
            values = "SELECT COUNT(*) FROM catalog_product_entity_int v JOIN eav_attribute a USING (attribute_id) WHERE attribute_code IN ('visibility', " \
                     "'status', 'tax_class_id') AND entity_id = %s"
            for number, in source.query("SELECT entity_id FROM openmage.catalog_product_entity ORDER BY 1 LIMIT 3"):
                here = registered_target(shops, "product", number, "legacy")
                expect_equal(destination.scalar(values % here, "openmage"), source.scalar(values % number, "openmage"), "values of product %d" % number)
            number, category = source.query("SELECT product_id, MIN(category_id) FROM openmage.catalog_category_product WHERE product_id > 3 GROUP BY 1 "
                                            "ORDER BY 1 LIMIT 1")[0]
            source.run("UPDATE catalog_category_entity SET updated_at = '2001-01-01'", "UPDATE catalog_product_entity SET updated_at = "
                       "IF(entity_id = %d, '2030-01-01', '2001-01-01')" % number, database="openmage")
            out, _err = sync(shops, "all", "-d", "update", "--json", "--date-from", "2030-01-01", system="dated")
            told = {name: sum(counts.values()) for name, counts in summary(out).items()}
            expect_equal(told.get("product"), 1, "products of that date: %s" % told)
            links = "SELECT COUNT(*) FROM catalog_category_product WHERE product_id = %s"
            here = registered_target(shops, "product", number, "dated")
            # it may be a product that the destination had before, in categories that only the destination has
            known = " AND category_id IN (SELECT target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'category')"
            expect_equal(destination.scalar(links % here + known, "openmage"), source.scalar(links % number, "openmage"), "categories of product %d" % number)
            expect(registered_target(shops, "category", category, "dated"), "the category")

    @suite.case("incremental-summary", "a stream's catching up ends with the summary, and errors are counted, with the exit code that they have")
    def _():
        with TwoShops(settings={"mode": "import", "source_system": "legacy", "on_duplicate": "update", "entities": ["cms_block", "customer"]}) as shops:
            program, run = shops.lab.program, lambda *statements: shops.source.run(*statements, database="openmage")

            def incremental(*options, code=0):
                got, out, err = program.command("incremental", "--json", *options, timeout=240)
                expect_equal(got, code, err[-1500:])
                return {name: counts for name, counts in summary(out).items() if name in ("cms_block", "customer")}
            blocks, customers = (shops.source.scalar("SELECT COUNT(*) FROM " + table, "openmage") for table in ("cms_block", "customer_entity"))
            told = incremental("--entity", "cms_block")
            expect_equal({name: sum(told[name].values()) for name in told}, {"cms_block": blocks}, "the first copy")
            told = incremental()
            expect_equal({name: sum(told[name].values()) for name in told}, {"customer": customers}, "what had not been copied: %s" % told)
            expect_equal(incremental(), {}, "nothing")
            one = shops.source.scalar("SELECT MIN(block_id) FROM cms_block", "openmage")
            run("UPDATE cms_block SET title = 'changed' WHERE block_id = %d" % one, "INSERT INTO cms_block (title, identifier) VALUES ('new', 'new-one')")
            expect_equal(incremental(), {"cms_block": {"created": 1, "updated": 1}}, "changes")
            code, out, _err = program.command("incremental", timeout=240)
            expect_equal((code, out.split()[:9]), (0, ["entity", "created", "updated", "merged", "skipped", "deleted", "invalid", "errors", "/s"]),
                         "the table")
            shops.destination.run("ALTER TABLE cms_block ADD CONSTRAINT no_x CHECK (title <> 'x')", database="openmage")
            run("UPDATE cms_block SET title = 'x' WHERE block_id = %d" % one)
            expect_equal(incremental(code=1), {"cms_block": {"errors": 1}}, "what ended the run")
            got, _out, err = program.command("incremental", "--json", "--set", "mode=mirror", "--set", "name=other")
            expect_equal((got, "--json is for mode: import" in err), (2, True), "a mirror: " + err)
            shops.source.run("UPDATE cms_block SET title = 'x'", database="openmage")
            out, _err = sync(shops, "all", "-d", "update", "--json", expect_code=1)
            expect_equal(summary(out)["cms_block"].get("errors"), 1, "sync all: what ended it: %s" % out)

    @suite.case("summary-of-members", "an entity of which only members change is one that is updated, in however many rows and transactions")
    def _():
        settings = {"mode": "import", "source_system": "legacy", "on_duplicate": "update", "entities": ["product", "order"]}
        with TwoShops(settings=settings) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination

            def incremental(*statements, options=()):
                source.run(*statements, database="openmage")
                code, out, err = program.command("incremental", "--json", *options, timeout=240)
                expect_equal(code, 0, err[-1500:])
                return {name: counts for name, counts in summary(out).items() if name in ("product", "order")}
            incremental()
            # whose rows differ from each other when they are all set to one value
            products = [number for number, in source.query("SELECT DISTINCT entity_id FROM openmage.catalog_product_entity_decimal ORDER BY 1 LIMIT 5")]
            order = source.scalar("SELECT MIN(entity_id) FROM openmage.sales_flat_order")
            price = "UPDATE catalog_product_entity_decimal SET value = %d WHERE entity_id = %d"
            root = "UPDATE catalog_product_entity SET updated_at = updated_at + INTERVAL 1 HOUR WHERE entity_id = %d"
            expect_equal(incremental(price % (71, products[0])), {"product": {"updated": 1}}, "all prices of one")
            expect_equal(incremental("BEGIN", root % products[0], price % (72, products[0]), "COMMIT"), {"product": {"updated": 1}}, "with its root")
            for options in ((), ("--set", "batch.max_rows=2")):
                counts = incremental(*(price % (73 + at % 7 + 10 * len(options), number) for at in range(7) for number in products[:3]),
                                     root % products[2], price % (99 - len(options), products[3]), options=options)
                expect_equal(counts, {"product": {"updated": 4}}, "several, again and again, with %s" % (options, ))
            history = "sales_flat_order_status_history"
            expect_equal(incremental("INSERT INTO %s (parent_id, comment, created_at) VALUES (%d, 'said', NOW())" % (history, order)),
                         {"order": {"updated": 1}}, "a member that is new")
            expect_equal(incremental("DELETE FROM %s WHERE parent_id = %d AND comment = 'said'" % (history, order)), {"order": {"updated": 1}},
                         "a member that goes")
            expect_equal(incremental("BEGIN", "INSERT INTO %s (parent_id, comment, created_at) VALUES (%d, 'never', NOW())" % (history, order),
                                     "DELETE FROM %s WHERE comment = 'never'" % history, "COMMIT"), {"order": {"updated": 1}},
                         "a member that comes and goes")
            # status counts rows, of the copy as of the stream
            before = program.status()
            expect_equal(sum(counts[kind] for counts in before["entities"].values() for kind in ("inserted", "updated", "deleted")),
                         before["rows_written"], "rows of all entities")
            incremental("INSERT INTO %s (parent_id, comment, created_at) VALUES (%d, 'a', NOW()), (%d, 'b', NOW())" % (history, order, order),
                        "UPDATE sales_flat_order SET status = CONCAT(status, 'x') WHERE entity_id = %d" % order,
                        "DELETE FROM %s WHERE parent_id = %d AND comment = 'a'" % (history, order), options=("--set", "batch.max_rows=1"))
            after = program.status()["entities"]
            expect_equal({kind: after["order"][kind] - before["entities"]["order"][kind] for kind in ("inserted", "updated", "deleted")},
                         {"inserted": 2, "updated": 1, "deleted": 1}, "rows of orders")
            expect_equal(after["product"], before["entities"]["product"], "rows of products")
            here = registered_target(shops, "product", products[4], "legacy")
            destination.run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % here, database="openmage")
            expect_equal(incremental(price % (74, products[4])), {}, "a price of what the destination has deleted")
            # what the destination had before stays
            gone = min(int(number) for number, in destination.query(
                "SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = 'product' AND origin = 'created'") if int(number) not in products)
            expect_equal(incremental("BEGIN", price % (75, gone), "DELETE FROM catalog_product_entity_decimal WHERE entity_id = %d" % gone,
                                     "DELETE FROM catalog_product_entity WHERE entity_id = %d" % gone, "COMMIT"),
                         {"product": {"deleted": 1}}, "what goes as a whole")
            source.run("UPDATE catalog_product_entity_decimal SET value = 76 WHERE entity_id = %d" % products[1], database="openmage")
            code, out, err = program.command("incremental", "--json", "--dry-run", timeout=240)
            expect_equal((code, summary(out)), (0, {"product": {"updated": 1}}), "a dry run: " + err[-500:])

    @suite.case("dry-run-unseen", "a dry run before there is anything to go on from says that it looks at nothing, and what does")
    def _():
        with TwoShops(settings={"mode": "import", "source_system": "legacy", "on_duplicate": "update"}) as shops:
            program, before = shops.lab.program, shops.destination.query("SHOW DATABASES")

            def dry(*options):
                code, out, err = program.command("incremental", "--dry-run", *options, timeout=240)
                expect_equal((code, out), (0, ""), err[-1500:])
                expect_contains(err, "nothing was looked at: ", "log")
                return err
            expect_contains(dry(), "datasync sync all legacy --dry-run looks at it", "all")
            expect_contains(dry("--entity", "cms_page"), "datasync sync cms_page legacy --dry-run looks at it", "one")
            expect_equal(shops.destination.query("SHOW DATABASES"), before, "databases")
            program.command("incremental", "--entity", "cms_page", timeout=240)
            err = dry()
            expect_contains(err, "the copy of these has to be made before the others go on", "some have been copied")
            expect_contains(err, "datasync sync all legacy --dry-run looks at it", "some have been copied")
            code, out, _err = program.command("sync", "all", "legacy", "-d", "update", "--dry-run", "--json", timeout=240)
            expect_equal((code, summary(out)["product"]["created"] > 0), (0, True), "what the log names")
