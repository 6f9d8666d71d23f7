"""What one side has deleted, what the source has twice, and what a look beforehand leaves."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from moved import PRODUCT, STREAM, VALUES as PRODUCT_VALUES, imported, target
from syncs import sync

VALUES = "catalog_product_entity_varchar"
# entity, table of parts, key, what changes there, tables below, and a column of these
PARTS = (("customer", "customer_address_entity", "entity_id", "updated_at = updated_at + INTERVAL %d HOUR",
          ("customer_address_entity_varchar", "customer_address_entity_text"), "value"),
         ("attribute", "eav_attribute_option", "option_id", "sort_order = sort_order + %d", ("eav_attribute_option_value", ), "value"),
         ("product", "catalog_product_option", "option_id", "sort_order = sort_order + %d", ("catalog_product_option_title", ), "title"),
         ("product", "catalog_product_bundle_option", "option_id", "position = position + %d", ("catalog_product_bundle_option_value", ), "title"),
         ("product", "downloadable_link", "link_id", "sort_order = sort_order + %d", ("downloadable_link_title", ), "title"),
         ("quote", "sales_flat_quote_item", "item_id", "updated_at = updated_at + INTERVAL %d HOUR", ("sales_flat_quote_item_option", ), "code"),
         ("order", "sales_flat_order_status_history", "entity_id", "comment = 'changed %d'", (), None))


def count(server, what):
    return server.scalar("SELECT COUNT(*) FROM openmage." + what)


def created(destination, entity):
    """Number at the source and at the destination of one that came from there, and that nobody names."""
    return destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE origin = 'created' AND entity_type = '%s' "
                             "ORDER BY source_id + 0 DESC LIMIT 1" % entity)[0]


def define(suite):
    @suite.case("gone-here", "products that the destination has deleted: not half of one comes back, nothing stops, a copy brings them")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program = shops.lab.program
            program.incremental(timeout=240)
            gone = imported(shops, "created")[:3]
            other = imported(shops, "created")[3]
            shops.destination.run("DELETE FROM catalog_product_entity WHERE entity_id IN (%s)" % ", ".join(str(row[1]) for row in gone),
                                  database="openmage")
            for at, (sql, told) in enumerate((
                    ("UPDATE catalog_product_entity SET updated_at = NOW() + INTERVAL 1 HOUR WHERE entity_id = %d", "--entity-ids %d"),
                    ("UPDATE catalog_product_entity_varchar SET value = 'new name' WHERE entity_id = %d LIMIT 2", "source_id=%d"),
                    ("INSERT IGNORE INTO catalog_product_link (product_id, linked_product_id, link_type_id) VALUES (%d, %%d, 1)" % other[0],
                     "source_id=%d"))):
                shops.source.run(sql % gone[at][0], "UPDATE cms_block SET title = 'after %d' LIMIT 1" % at, database="openmage")
                err = program.incremental(timeout=240)
                expect_contains(err, told % gone[at][0], "what is left out")
                expect_equal(count(shops.destination, "cms_block WHERE title = 'after %d'" % at), 1, "what came behind")
                expect_equal(target(shops, "product", gone[at][0]), None, "registered")
            expect_equal(count(shops.destination, "catalog_product_entity WHERE sku IN (%s)" % ", ".join("'%s'" % row[2] for row in gone)), 0,
                         "products that came back")
            number, here, _sku = imported(shops, "created")[4]
            shops.destination.run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % here, database="openmage")
            shops.source.run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % number, "UPDATE cms_block SET title = 'both' LIMIT 1",
                             database="openmage")
            program.incremental(timeout=240)
            expect_equal((count(shops.destination, "cms_block WHERE title = 'both'"), target(shops, "product", number)), (1, None),
                         "what came behind, and the registered row of what both sides have deleted")
            sync(shops, "product", "-d", "update", "--entity-ids", ",".join(str(row[0]) for row in gone))
            for number, _here, _sku in gone:
                here = target(shops, "product", number)
                expect_equal(count(shops.destination, "%s WHERE entity_id = %d AND store_id = 0" % (VALUES, here)),
                             count(shops.source, "%s WHERE entity_id = %d AND store_id = 0" % (VALUES, number)), "values of one that is back")
            shops.source.run("UPDATE %s SET value = 'and again' WHERE entity_id = %d AND store_id = 0 LIMIT 1" % (VALUES, gone[0][0]),
                             database="openmage")
            program.incremental(timeout=240)
            expect_equal(count(shops.destination, "%s WHERE value = 'and again'" % VALUES), 1, "changes of one that is back")

    @suite.case("gone-here-own", "what the destination has made itself where it had deleted what came from the source is its own")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            program.incremental(timeout=240)
            own = {}  # entity: table, number at the source, the own row
            for at, (entity, table, change) in enumerate((
                    ("customer", "customer_entity", "group_id = 0"), ("product", "catalog_product_entity", "updated_at = NOW() + INTERVAL 1 DAY"),
                    ("order", "sales_flat_order", "total_qty_ordered = 77"), ("newsletter", "newsletter_subscriber", "subscriber_status = 3"))):
                number, here = created(destination, entity)
                key, mine = "subscriber_id" if entity == "newsletter" else "entity_id", 910001 + at
                destination.run("SET SESSION sql_mode = ''", "CREATE TEMPORARY TABLE mine AS SELECT * FROM %s WHERE %s = %s" % (table, key, here),
                                "DELETE FROM %s WHERE %s = %s" % (table, key, here), "UPDATE mine SET %s = %d" % (key, mine),
                                "INSERT INTO %s SELECT * FROM mine" % table, database="openmage")
                own[entity] = table, key, number, mine, destination.query("SELECT * FROM %s WHERE %s = %d" % (table, key, mine), "openmage")
                source.run("SET SESSION sql_mode = ''", "UPDATE %s SET %s WHERE %s = %s" % (table, change, key, number), database="openmage")

            def stays(what):
                for entity, (table, key, _number, mine, row) in own.items():
                    expect_equal(destination.query("SELECT * FROM %s WHERE %s = %d" % (table, key, mine), "openmage"), row, "%s: %s" % (entity, what))
            sync(shops, "newsletter", "-d", "skip", "--entity-ids", str(own["newsletter"][2]))
            program.configure({"on_duplicate": "skip"})
            program.incremental(timeout=240)
            stays("changed at the source")
            for entity in ("customer", "order"):
                sync(shops, entity, "-d", "skip", "--entity-ids", str(own[entity][2]))
            stays("copied with skip")
            for table, key, number, *_ in own.values():
                source.run("DELETE FROM %s WHERE %s = %s" % (table, key, number), database="openmage")
            program.incremental(timeout=240)
            stays("deleted at the source")

    @suite.case("gone-here-parts", "parts of entities that the destination has deleted: not half of one comes back, a copy brings them")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            program.incremental(timeout=240)
            numbers = {}
            for _entity, table, key, _change, below, _column in PARTS:
                numbers[table] = source.scalar("SELECT MIN(%s) FROM openmage.%s" % (key, table) + "".join(
                    " JOIN openmage.%s USING (%s)" % (each, key) for each in below))
                destination.run("DELETE FROM %s WHERE %s = %d" % (table, key, target(shops, table, numbers[table])), database="openmage")
            tables = [table for part in PARTS for table in (part[1], *part[4])]
            before = {table: count(destination, table) for table in tables}
            for at in (1, 2):
                for _entity, table, key, change, below, column in PARTS:
                    source.run("BEGIN", "UPDATE %s SET %s WHERE %s = %d" % (table, change % at, key, numbers[table]), *(
                        "UPDATE %s SET %s = CONCAT(%s, 'x') WHERE %s = %d" % (each, column, column, key, numbers[table]) for each in below),
                               "COMMIT", database="openmage")
                source.run("UPDATE cms_block SET title = 'after %d' LIMIT 1" % at, database="openmage")
                err = program.incremental(timeout=240)
                expect_equal({table: count(destination, table) for table in tables}, before, "rows of parts after change %d" % at)
                for entity, table, *_ in PARTS:
                    expect_contains(err, "left out table=%s row=%d; to bring it there, run datasync sync %s legacy" % (table, numbers[table], entity),
                                    "what is left out at change %d" % at)
                expect_equal(count(destination, "cms_block WHERE title = 'after %d'" % at), 1, "what came behind")
            for entity in dict.fromkeys(part[0] for part in PARTS):
                sync(shops, entity, "-d", "update")
            for _entity, table, key, change, below, _column in PARTS:
                here = target(shops, table, numbers[table])
                for each in (table, *below):
                    expect_equal(count(destination, "%s WHERE %s = %d" % (each, key, here)), count(source, "%s WHERE %s = %d" % (each, key, numbers[table])),
                                 "rows of %s of a part that is back" % each)
                source.run("UPDATE %s SET %s WHERE %s = %d" % (table, change % 3, key, numbers[table]), database="openmage")
            address, there = "customer_address_entity", "SELECT MAX(entity_id) FROM openmage.customer_address_entity"
            source.run("INSERT INTO customer_address_entity (entity_type_id, parent_id, is_active) SELECT entity_type_id, parent_id, 0 FROM %s WHERE "
                       "entity_id = %d" % (address, numbers[address]),
                       "INSERT INTO customer_address_entity_varchar (entity_type_id, attribute_id, entity_id, value) SELECT entity_type_id, "
                       "attribute_id, LAST_INSERT_ID(), 'elsewhere' FROM customer_address_entity_varchar WHERE entity_id = %d" % numbers[address],
                       "UPDATE customer_address_entity SET is_active = 1 ORDER BY entity_id DESC LIMIT 1", database="openmage")
            err = program.incremental(timeout=240)
            expect("left out" not in err, "left out though it is there: %s" % err)
            expect_equal(count(destination, "sales_flat_order_status_history WHERE comment = 'changed 3'"), 1, "changes of one that is back")
            new = target(shops, address, source.scalar(there))
            expect_equal((count(destination, "%s WHERE entity_id = %d AND is_active = 1" % (address, new)),
                          count(destination, "customer_address_entity_varchar WHERE entity_id = %d" % new)),
                         (1, count(source, "customer_address_entity_varchar WHERE entity_id = %d" % numbers[address])), "a new one that was changed")
            history = PARTS[-1][1]
            for table in (address, history):
                destination.run("DELETE FROM %s WHERE entity_id = %d" % (table, target(shops, table, numbers[table])), database="openmage")
            source.run("BEGIN", "UPDATE customer_address_entity_varchar SET value = 'nowhere' WHERE entity_id = %d" % numbers[address],
                       "UPDATE %s SET comment = 'nowhere' WHERE entity_id = %d" % (history, numbers[history]), "COMMIT", database="openmage")
            expect_contains(program.incremental(timeout=240), "was deleted at the destination", "warning")
            expect_equal([count(destination, "%s WHERE %s = 'nowhere'" % each) for each in (("customer_address_entity_varchar", "value"),
                                                                                            (history, "comment"))], [0, 0],
                         "values of a part that is gone, and another part that is gone, in one transaction")

    @suite.case("gone-there", "an entity that the source deletes by statements for each table: the destination's own keeps all its rows")
    def _():
        with TwoShops(settings=STREAM) as shops:
            shops.lab.program.incremental(timeout=240)
            tables = (VALUES, "catalog_product_entity_int"), ("catalog_product_website", )
            (own, here, _), (created, there, _) = imported(shops, "matched")[0], imported(shops, "created")[0]

            def rows(product):
                return [count(shops.destination, "%s WHERE entity_id = %d" % (table, product)) for table in tables[0]] + [
                    count(shops.destination, "%s WHERE product_id = %d" % (table, product)) for table in tables[1]]
            before = rows(here)
            expect(sum(rows(there)), "the other one has no rows")
            for number in (own, created):
                shops.source.run("BEGIN", *("DELETE FROM %s WHERE entity_id = %d" % (table, number) for table in tables[0]),
                                 *("DELETE FROM %s WHERE product_id = %d" % (table, number) for table in tables[1]),
                                 "DELETE FROM catalog_product_entity WHERE entity_id = %d" % number, "COMMIT", database="openmage")
            shops.lab.program.incremental(timeout=240)
            expect_equal(rows(here), before, "rows of the destination's own product")
            expect_equal(sum(rows(there)), 0, "rows of the product that came from the source")

    @suite.case("gone-there-merged", "rows that the source deletes of what both shops had: with merge the destination's own stay, the source's go")
    def _():
        with TwoShops(settings=dict(STREAM, on_duplicate="merge")) as shops:
            source, destination, history = shops.source, shops.destination, "sales_flat_order_status_history"
            own = ("%s WHERE parent_id = %%s AND entity_id NOT IN (SELECT target_id FROM datasync.datasync_entity_registry WHERE origin = 'created' "
                   "AND entity_type = '%s')" % (history, history))
            shops.lab.program.incremental(timeout=240)
            number, here, had = next((*each, count(destination, own % each[1])) for each in destination.query(
                "SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'order' AND origin = 'matched' ORDER BY "
                "source_id + 0") if count(destination, own % each[1]) and count(source, "%s WHERE parent_id = %s" % (history, each[0])))
            product, there, _sku = next(each for each in imported(shops, "matched") if count(
                source, "%s WHERE entity_id = %d" % (VALUES, each[0])))
            values = count(destination, "%s WHERE entity_id = %d" % (VALUES, there))
            source.run("INSERT INTO %s (parent_id, comment, created_at) VALUES (%s, 'new', NOW())" % (history, number), database="openmage")
            shops.lab.program.incremental(timeout=240)
            expect(count(destination, "%s WHERE parent_id = %s" % (history, here)) > had, "nothing came from the source")
            source.run("DELETE FROM %s WHERE parent_id = %s" % (history, number), "DELETE FROM %s WHERE entity_id = %d" % (VALUES, product),
                       database="openmage")
            shops.lab.program.incremental(timeout=240)
            expect_equal((count(destination, own % here), count(destination, "%s WHERE parent_id = %s" % (history, here))), (had, had),
                         "history of an order: what the destination had before, and all that is left")
            expect_equal(count(destination, "%s WHERE entity_id = %d" % (VALUES, there)), values, "values of a product of both")

    @suite.case("deletes-by-policy", "what the source deletes goes, is switched off or stays, as the configuration says for each entity")
    def _():
        policies = {"all": "hard", "products": "soft", "customer": "soft", "newsletter": "ignore"}
        with TwoShops(settings=dict(STREAM, delete=policies)) as shops:
            program, source = shops.lab.program, shops.source
            for wrong, told in (("maybe", "'maybe' is not one of: hard | soft | ignore"), ({"order": "soft"}, "order cannot be switched off"),
                                ({"thing": "hard"}, "'thing' is no entity")):
                program.configure({"delete": "hard"})  # settings are merged
                program.configure({"delete": wrong})
                code, _out, err = program.command("incremental")
                expect_equal(code, 2, err)
                expect_contains(err, told, "error")
            program.configure({"delete": "hard"})
            program.configure({"delete": policies})
            program.incremental(timeout=240)

            def created(entity, limit=1):
                return shops.destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE origin = 'created' AND "
                                               "entity_type = '%s' ORDER BY CAST(source_id AS UNSIGNED) LIMIT %d" % (entity, limit))

            def value(entity, code, number):
                backend = shops.destination.scalar("SELECT backend_type FROM openmage.eav_attribute WHERE attribute_code = '%s' AND entity_type_id = "
                                                   "(SELECT entity_type_id FROM openmage.%s LIMIT 1)" % (code, entity))
                rows = shops.destination.query("SELECT DISTINCT value FROM openmage.%s_%s v JOIN openmage.eav_attribute USING (attribute_id) WHERE "
                                               "attribute_code = '%s' AND entity_id = %d" % (entity, backend, code, number))
                return [row[0] for row in rows]
            products, customers, subscribers, orders = (created(entity, 2) for entity in ("product", "customer", "newsletter", "order"))
            own, kept, _sku = imported(shops, "matched")[0]
            source.run("BEGIN", "DELETE FROM %s WHERE entity_id = %s" % (VALUES, products[0][0]),
                       "DELETE FROM catalog_product_entity_int WHERE entity_id = %s AND attribute_id = (SELECT attribute_id FROM eav_attribute "
                       "WHERE attribute_code = 'status' AND entity_type_id = 4)" % products[0][0],
                       "DELETE FROM catalog_product_entity WHERE entity_id = %s" % products[0][0], "COMMIT",
                       "DELETE FROM catalog_product_entity WHERE entity_id IN (%s, %d)" % (products[1][0], own),
                       "DELETE FROM customer_entity WHERE entity_id = %s" % customers[0][0],
                       "DELETE FROM newsletter_subscriber WHERE subscriber_id = %s" % subscribers[0][0],
                       "DELETE FROM sales_flat_order WHERE entity_id = %s" % orders[0][0], database="openmage")
            program.incremental(timeout=240)
            for _number, here in products:
                expect_equal((value("catalog_product_entity", "status", here), value("catalog_product_entity", "visibility", here)), ([2], [1]),
                             "a product that is switched off")
                expect(count(shops.destination, "%s WHERE entity_id = %d" % (VALUES, here)) > 0, "its values are gone")
            expect_equal((count(shops.destination, "customer_entity WHERE entity_id = %d AND is_active = 0" % customers[0][1]),
                          value("customer_entity", "password_hash", customers[0][1])), (1, [None]), "a customer who is switched off")
            expect_equal(count(shops.destination, "newsletter_subscriber WHERE subscriber_id = %d AND subscriber_status <> 3" % subscribers[0][1]), 1,
                         "a subscriber who stays")
            expect_equal(count(shops.destination, "sales_flat_order WHERE entity_id = %d" % orders[0][1]), 0, "an order that goes")
            expect(value("catalog_product_entity", "status", kept) != [2], "the destination's own was switched off")
            left = [target(shops, *each) for each in (("product", products[0][0]), ("customer", customers[0][0]), ("newsletter", subscribers[0][0]))]
            expect_equal(left, [None] * 3, "registered though the source has them no more")
            own, kept, _sku = imported(shops, "matched")[0]
            program.configure({"delete": "ignore", "delete_matched": "hard"})
            source.run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % own,
                       "DELETE FROM sales_flat_order WHERE entity_id = %s" % orders[1][0], database="openmage")
            program.incremental(timeout=240)
            expect_equal((count(shops.destination, "catalog_product_entity WHERE entity_id = %d" % kept),
                          count(shops.destination, "sales_flat_order WHERE entity_id = %d" % orders[1][1])), (0, 1), "matched goes, created stays")

    @suite.case("made-again", "what came from the source, and is deleted there and made again, stays the source's: between two copies, and in a stream")
    def _():
        with TwoShops(settings=dict(STREAM, delete="soft")) as shops:
            source, destination, program = shops.source, shops.destination, shops.lab.program

            def registered():
                return destination.query("SELECT CAST(source_id AS UNSIGNED), origin FROM datasync.datasync_entity_registry WHERE entity_type = "
                                         "'product' AND target_id = %d" % here)

            def make_again(number):
                source.run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % number, database="openmage")
                yield
                source.run("BEGIN", PRODUCT % ("", "", sku), *(values % sku for values in PRODUCT_VALUES), "COMMIT", database="openmage")
                yield source.scalar("SELECT entity_id FROM openmage.catalog_product_entity WHERE sku = '%s'" % sku)
            sync(shops, "product", "-d", "update")
            number, here, sku = imported(shops, "created")[0]
            again = [new for new in make_again(number) if new][0]
            sync(shops, "product", "-d", "update")
            expect_equal(registered(), ((again, "created"),), "made again between two copies")
            program.incremental(timeout=240)
            for new in make_again(again):
                program.incremental(timeout=240)
                expect_equal(registered(), ((new, "created"),) if new else (), "in a stream")
            program.configure({"delete": "hard"})
            source.run("DELETE FROM catalog_product_entity WHERE sku = '%s'" % sku, database="openmage")
            program.incremental(timeout=240)
            expect_equal(count(destination, "catalog_product_entity WHERE entity_id = %d" % here), 0, "the product, in the end")

    @suite.case("twins", "what the source has twice is there twice, in the smallest batches; a dry run leaves nothing; a sign is kept")
    def _():
        with TwoShops(settings={"batch": {"max_rows": 1}}) as shops:
            source, destination = shops.source, shops.destination
            source.run("SET SESSION sql_mode = ''", *["INSERT INTO salesrule (name, sort_order) VALUES ('Twin rule', %d)" % i for i in range(3)],
                       *["INSERT INTO newsletter_subscriber (store_id, customer_id, subscriber_email, subscriber_status) VALUES "
                         "(%d, 0, 'twin@example.com', 1)" % store for store in (0, 1)],
                       "INSERT INTO cataloginventory_stock (stock_name) VALUES ('second')",
                       "INSERT INTO cataloginventory_stock_item (product_id, stock_id, qty) SELECT MIN(product_id), "
                       "(SELECT MAX(stock_id) FROM cataloginventory_stock), 7777 FROM cataloginventory_stock_item", database="openmage")
            for entity, table, where, want in (("salesrule", "salesrule", "name = 'Twin rule'", 3),
                                               ("newsletter", "newsletter_subscriber", "subscriber_email = 'twin@example.com'", 2),
                                               ("product", "cataloginventory_stock_item", "qty = 7777", 1)):
                before = destination.query("SHOW DATABASES"), count(destination, table)
                sync(shops, entity, "-d", "update", "--dry-run")
                if entity == "salesrule":
                    expect_equal((destination.query("SHOW DATABASES"), count(destination, table)), before, "after a dry run")
                for _ in range(2):
                    sync(shops, entity, "-d", "update")
                    expect_equal(count(destination, "%s WHERE %s" % (table, where)), want, entity)
            for server, how in ((source, "INT"), (destination, "INT UNSIGNED")):
                server.run("ALTER TABLE cms_page MODIFY sort_order %s NOT NULL DEFAULT 0" % how, database="openmage")
            source.run("UPDATE cms_page SET sort_order = -5 ORDER BY page_id LIMIT 1", database="openmage")
            _out, err = sync(shops, "cms_page", "-d", "update", expect_code=1)
            expect_contains(err, "sort_order is below 0", "error")
            source.run("SET SESSION sql_mode = ''", "INSERT INTO salesrule (name) VALUES ('Twin rule')", database="openmage")
            sync(shops, "salesrule", "-d", "update")
            expect_equal(count(destination, "salesrule WHERE name = 'Twin rule'"), 4, "one more, in a run that meets the others again")
