"""What the source deletes with foreign key checks off, where nothing goes with it, and makes again in another transaction."""

from lib.suite import expect, expect_equal
from lib.twoshops import TwoShops
from modes import attribute
from moved import STREAM, imported, sku_of, target
from syncs import right, sync

# what is deleted and made again: its table and key, its kind in the registry, and tables of rows that hang on it, with their column
PARENTS = (("catalog_product_entity", "entity_id", "product", (("catalog_product_entity_varchar", "entity_id"), ("catalog_product_entity_decimal", "entity_id"),
                                                               ("cataloginventory_stock_item", "product_id"), ("catalog_category_product", "product_id"),
                                                               ("catalog_product_website", "product_id"))),
           ("sales_flat_order", "entity_id", "order", (("sales_flat_order_item", "order_id"), ("sales_flat_order_address", "parent_id"),
                                                       ("sales_flat_order_payment", "parent_id"), ("sales_flat_invoice", "order_id"))),
           ("customer_entity", "entity_id", "customer", (("customer_entity_varchar", "entity_id"), ("customer_address_entity", "parent_id"))),
           ("catalog_product_option", "option_id", "catalog_product_option", (("catalog_product_option_title", "option_id"),
                                                                              ("catalog_product_option_type_value", "option_id"))))


class Unchecked:
    """Statements at the source with foreign key checks off, each a transaction of its own, and what hangs on the parents at both sides."""

    def __init__(self, shops):
        self.shops = shops
        shops.lab.program.incremental(timeout=240)
        self.there = {kind: self.choose(kind, below) for _table, _key, kind, below in PARENTS}
        self.here = {kind: target(shops, kind, number) for kind, number in self.there.items()}
        for table, key, kind, _below in PARENTS:
            self.run("CREATE TABLE kept_%s SELECT * FROM %s WHERE %s = %d" % (kind, table, key, self.there[kind]))

    def choose(self, kind, below):
        """One that came from the source, with rows in all of these tables."""
        created = {str(row[0]) for row in self.shops.destination.query("SELECT source_id FROM datasync.datasync_entity_registry WHERE entity_type = "
                                                                       "'%s' AND origin = 'created'" % kind)}
        for table, column in below:
            created &= {str(row[0]) for row in self.shops.source.query("SELECT DISTINCT %s FROM openmage.%s" % (column, table))}
        return max(int(number) for number in created)

    def run(self, *statements):
        self.shops.source.run("SET SESSION foreign_key_checks = 0, sql_mode = ''", *statements, database="openmage")

    def delete(self):
        self.run(*("DELETE FROM %s WHERE %s = %d" % (table, key, self.there[kind]) for table, key, kind, _below in PARENTS))

    def make(self):
        self.run(*("INSERT INTO %s SELECT * FROM kept_%s" % (table, kind) for table, _key, kind, _below in PARENTS))

    def count(self, server, ids):
        return {table: server.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %s" % (table, column, ids[kind]))
                for _table, _key, kind, below in PARENTS for table, column in below}

    def roots(self):
        return [self.shops.destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %s" % (table, key, self.here[kind]))
                for table, key, kind, _below in PARENTS]

    def same(self, what):
        there = self.count(self.shops.source, self.there)
        expect(all(there.values()), "rows below them: %s" % there)
        expect_equal(self.count(self.shops.destination, self.here), there, what)
        expect_equal({kind: target(self.shops, kind, number) for kind, number in self.there.items()}, self.here, what + ": ids")
        expect_equal(self.roots(), [1] * len(PARENTS), what + ": rows")


def define(suite):
    @suite.case("made-again-later", "what is deleted with foreign key checks off goes alone, and what was below it hangs on it again when it is made again")
    def _():
        with TwoShops(settings=STREAM) as shops:
            tried, program = Unchecked(shops), shops.lab.program
            tried.same("before")
            tried.delete()
            tried.make()
            program.incremental(timeout=240)
            tried.same("two transactions, one batch")
            program.configure({"batch": {"max_rows": 1}})
            tried.delete()
            tried.make()
            program.incremental(timeout=240)
            tried.same("two batches")
            tried.delete()
            program.incremental(timeout=240)
            expect_equal(tried.roots(), [0] * len(PARENTS), "between two runs")
            tried.make()
            program.incremental(timeout=240)
            tried.same("two runs")
            program.start()
            tried.delete()
            program.wait_for("the deletion", lambda _status: not any(tried.roots()))
            program.kill()
            tried.make()
            program.incremental(timeout=240)
            tried.same("killed in between")
            right(shops, "update", "legacy")

    @suite.case("made-again-between", "what changes below it while it is not there is followed, and a copy finds what is there")
    def _():
        with TwoShops(settings=dict(STREAM, batch={"max_rows": 1})) as shops:
            tried, program = Unchecked(shops), shops.lab.program
            product, order, customer, option = (tried.there[each[2]] for each in PARENTS)
            changes = ["REPLACE INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, "
                       "attribute_id, 1, entity_id, 'of a store' FROM catalog_product_entity_varchar WHERE entity_id = %d AND store_id = 0" % product,
                       "UPDATE catalog_product_entity_decimal SET value = value + 1 WHERE entity_id = %d" % product,
                       "DELETE FROM catalog_category_product WHERE product_id = %d ORDER BY category_id LIMIT 1" % product,
                       "INSERT INTO catalog_category_product (category_id, product_id, position) SELECT MAX(entity_id), %d, 7 FROM "
                       "catalog_category_entity" % product,
                       "UPDATE cataloginventory_stock_item SET qty = 77 WHERE product_id = %d" % product,
                       "UPDATE sales_flat_order_item SET name = 'between' WHERE order_id = %d" % order,
                       "INSERT INTO sales_flat_order_status_history (parent_id, comment, status) VALUES (%d, 'between', 'pending')" % order,
                       "INSERT INTO customer_address_entity (entity_id, entity_type_id, parent_id) VALUES (90001, 2, %d)" % customer,
                       "INSERT INTO customer_address_entity_varchar (entity_type_id, attribute_id, entity_id, value) SELECT 2, attribute_id, 90001, "
                       "'between' FROM eav_attribute WHERE entity_type_id = 2 AND attribute_code IN ('firstname', 'lastname', 'city')",
                       "INSERT INTO catalog_product_option_type_value (option_id, sku, sort_order) VALUES (%d, 'between', 9)" % option,
                       "INSERT INTO catalog_product_option_type_title (option_type_id, store_id, title) SELECT MAX(option_type_id), 0, 'between' "
                       "FROM catalog_product_option_type_value"]
            tried.delete()
            tried.run(*changes)
            tried.make()
            program.incremental(timeout=240)
            tried.same("changed in between")
            right(shops, "update", "legacy")
            tried.delete()
            program.incremental(timeout=240)
            tried.run(*changes[:5])
            program.incremental(timeout=240)
            tried.make()
            for entity in ("product", "stock", "order", "customer"):
                sync(shops, entity, "-d", "update")
            tried.same("copied before the stream has come to it")
            program.incremental(timeout=240)
            tried.same("after that")
            right(shops, "update", "legacy")
            # of one that is not made again its rows stay, and go with it when they go there
            tried.delete()
            tried.run("DELETE FROM catalog_product_entity_varchar WHERE entity_id = %d" % product)
            program.incremental(timeout=240)
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity_varchar WHERE entity_id = %s" %
                                                  tried.here["product"]), 0, "values deleted at the source, too")

    @suite.case("deleted-unchecked-own", "what the destination keeps though the source has deleted it so keeps its rows, and is the source's again when it is made again")
    def _():
        for policy in ({}, {"delete": "soft"}, {"delete": "ignore"}):
            with TwoShops(settings=dict(STREAM, **policy)) as shops:
                program = shops.lab.program
                program.incremental(timeout=240)
                number, here, sku = imported(shops, "created" if policy else "matched")[0]
                tables = ["catalog_product_entity_" + each for each in ("varchar", "decimal", "int", "text")] + ["catalog_product_website"]
                column = lambda table: "product_id" if table == "catalog_product_website" else "entity_id"
                rows = lambda: {table: shops.destination.query("SELECT * FROM openmage.%s WHERE %s = %d ORDER BY 1, 2" % (
                    table, column(table), here)) for table in ["catalog_product_entity"] + tables}
                off = attribute(shops.destination, "status"), attribute(shops.destination, "visibility")
                values = lambda found: {table: [row for row in each if not (table.endswith("_int") and row[2] in off)]
                                        for table, each in found.items() if table != "catalog_product_entity"}
                before = rows()
                run = lambda *sql: shops.source.run("SET SESSION foreign_key_checks = 0, sql_mode = ''", *sql, database="openmage")
                run("CREATE TABLE kept SELECT * FROM catalog_product_entity WHERE entity_id = %d" % number,
                    "DELETE FROM catalog_product_entity WHERE entity_id = %d" % number)
                program.incremental(timeout=240)
                expect_equal(rows()["catalog_product_entity_int"] == before["catalog_product_entity_int"], policy != {"delete": "soft"},
                             "%s: switched off" % policy)
                run("INSERT INTO catalog_product_entity SELECT * FROM kept")
                program.incremental(timeout=240)
                expect_equal(values(rows()), values(before), "%s: made again" % policy)
                expect_equal((target(shops, "product", number), sku_of(shops, here)), (here, sku), "%s: id" % policy)
                expect_equal(rows()["catalog_product_entity_int"], before["catalog_product_entity_int"], "%s: switched on again" % policy)
                run("UPDATE catalog_product_entity SET sku = 'renamed' WHERE entity_id = %d" % number)
                program.incremental(timeout=240)
                expect_equal(sku_of(shops, here), "renamed", "%s: a change of it" % policy)
                run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % number,
                    *("DELETE FROM %s WHERE %s = %d" % (table, column(table), number) for table in tables))
                program.incremental(timeout=240)
                expect_equal(values(rows()), values(before), "%s: deleted table by table" % policy)

    @suite.case("ids-changed-unchecked", "a row that gets another id with foreign key checks off leaves what hangs on it there, and gets what names its new one")
    def _():
        for size in (1, 50000):
            with TwoShops(settings=STREAM) as shops:
                program, source = shops.lab.program, shops.source
                program.incremental(timeout=240)
                program.configure({"batch": {"max_rows": size}})
                run = lambda *sql: source.run("SET SESSION foreign_key_checks = 0, sql_mode = ''", *sql, database="openmage")
                tables = ["catalog_product_entity"] + ["catalog_product_entity_" + each for each in ("varchar", "decimal", "int", "text", "datetime")]
                (one, _here, sku), (two, _there, other), (three, *_rest) = imported(shops, "created")[:3]
                name = lambda number: shops.destination.query(
                    "SELECT store_id, value FROM openmage.catalog_product_entity_varchar WHERE attribute_id = %d AND entity_id = %s ORDER BY 1" % (
                        attribute(shops.destination, "name"), target(shops, "product", number)))
                names = {number: name(number) for number in (one, two, three)}
                change = "UPDATE catalog_product_entity SET entity_id = %d WHERE entity_id = %d"
                for begin, end in (("DO 1", "DO 1"), ("BEGIN", "COMMIT")):
                    run(begin, change % (90001, one), change % (one, two), change % (two, 90001), end)
                    program.incremental(timeout=240)
                    sku, other = other, sku
                    expect_equal([sku_of(shops, target(shops, "product", number)) for number in (one, two)], [sku, other], "SKU of the two, " + begin)
                    expect_equal({number: name(number) for number in names}, names, "names, which hang on the ids, " + begin)
                right(shops, "update", "legacy")
                # all that hangs on it follows
                run(*("UPDATE %s SET entity_id = 90002 WHERE entity_id = %d" % (table, three) for table in tables))
                program.incremental(timeout=240)
                expect_equal(name(90002), names[three], "one that was given another number in all tables")

    @suite.case("made-in-any-order", "a script that fills the tables one by one with foreign key checks off, those that hang on others first: nothing is missing")
    def _():
        for runs in (False, True):
            with TwoShops(settings=STREAM) as shops:
                program, source = shops.lab.program, shops.source
                program.incremental(timeout=240)
                like = {table: source.scalar("SELECT MAX(%s) FROM openmage.%s" % (column, table)) for table, column in (
                    ("customer_address_entity", "parent_id"), ("sales_flat_order_item", "order_id"), ("catalog_product_entity_varchar", "entity_id"))}
                customer, order, product = like.values()
                run = lambda *sql: source.run("SET SESSION foreign_key_checks = 0, sql_mode = ''", *sql, database="openmage")
                # rows of these three once more, under numbers of their own
                copies = (("catalog_product_entity_varchar", "value_id", "entity_id", product), ("catalog_product_entity_decimal", "value_id", "entity_id", product),
                          ("cataloginventory_stock_item", "item_id", "product_id", product), ("customer_address_entity", "entity_id", "parent_id", customer),
                          ("customer_entity_varchar", "value_id", "entity_id", customer), ("sales_flat_order_address", "entity_id", "parent_id", order),
                          ("sales_flat_order_item", "item_id", "order_id", order), ("sales_flat_order_payment", "entity_id", "parent_id", order),
                          ("catalog_product_entity", "entity_id", None, product), ("customer_entity", "entity_id", None, customer),
                          ("sales_flat_order", "entity_id", None, order))
                for table, key, link, number in copies:
                    values = "SET %s = %s + 90000" % (key, key) + (", %s = %s + 90000" % (link, link) if link else "")
                    unique = {"customer_entity": ", email = 'twice@example.com'", "sales_flat_order": ", increment_id = 'twice', quote_id = NULL",
                              "catalog_product_entity": ", sku = 'twice'", "sales_flat_order_item": ", parent_item_id = NULL, quote_item_id = NULL"}
                    run("CREATE TEMPORARY TABLE one SELECT * FROM %s WHERE %s = %d" % (table, link or key, number),
                        "UPDATE one " + values + unique.get(table, ""), "INSERT INTO %s SELECT * FROM one" % table)
                    if runs and not link:
                        program.incremental(timeout=240)
                program.incremental(timeout=240)
                right(shops, "update", "legacy")
                for table, _key, link, number in copies[:8]:
                    kind = {product: "product", customer: "customer", order: "order"}[number]
                    expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %s" % (table, link, target(shops, kind, number + 90000))),
                                 source.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %d" % (table, link, number + 90000)), table)
