"""Entities that are larger than a batch, and come in parts."""

from lib.suite import expect_equal
from lib.twoshops import TwoShops

from options import add
from syncs import sync

LARGE = "RPAD(%s, 200000, '. ')"


def attribute(server, code, kind):
    return server.scalar("SELECT attribute_id FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE entity_type_code = '%s' "
                         "AND attribute_code = '%s'" % (kind, code), "openmage")


def make_large(source):
    """Of each kind of which rows are told by rows of other tables, one that is larger than 64 KiB, what tells last."""
    run = lambda *sql: source.run("SET SESSION sql_mode = ''", *sql, database="openmage")
    run("UPDATE cms_page SET content = " + LARGE % "content", "UPDATE cms_block SET content = " + LARGE % "content",
        "UPDATE catalog_product_entity SET sku = CONCAT('none ', entity_id) WHERE sku IS NULL")
    category = source.scalar("SELECT MAX(entity_id) FROM catalog_category_entity", "openmage")
    run("REPLACE INTO catalog_category_entity_text (entity_type_id, attribute_id, store_id, entity_id, value) VALUES (3, %d, 0, %d, %s)" % (
        attribute(source, "description", "catalog_category"), category, LARGE % "''"))
    product = source.scalar("SELECT MAX(entity_id) FROM catalog_product_entity WHERE type_id = 'simple'", "openmage")
    option = add(source, product, "Many", "drop_down", values=[("one", 1)])
    run("INSERT INTO catalog_product_option (product_id, type) SELECT %d, 'field' FROM seq_1_to_400" % product,
        "INSERT INTO catalog_product_option_title (option_id, title) SELECT option_id, RPAD(CONCAT('Field ', option_id), 250, '.') FROM catalog_product_option "
        "WHERE type = 'field' AND product_id = %d AND option_id > %d" % (product, option),
        "INSERT INTO catalog_product_option_type_value (option_id) SELECT %d FROM seq_1_to_400" % option,
        "INSERT IGNORE INTO catalog_product_option_type_title (option_type_id, title) SELECT option_type_id, RPAD(CONCAT('Value ', option_type_id), 250, '.') "
        "FROM catalog_product_option_type_value WHERE option_id = %d" % option)
    customer = source.scalar("SELECT MAX(entity_id) FROM customer_entity", "openmage")
    run("INSERT INTO customer_address_entity (entity_type_id, parent_id, is_active) SELECT 2, %d, 1 FROM seq_1_to_300" % customer)
    for code, backend in (("street", "text"), ("city", "varchar"), ("postcode", "varchar"), ("lastname", "varchar"), ("firstname", "varchar")):
        run("INSERT IGNORE INTO customer_address_entity_%s (entity_type_id, attribute_id, entity_id, value) SELECT 2, %d, entity_id, CONCAT('%s ', entity_id) FROM "
            "customer_address_entity WHERE parent_id = %d" % (backend, attribute(source, code, "customer_address"), code, customer))
    color = attribute(source, "color", "catalog_product")
    run("INSERT INTO eav_attribute_option (attribute_id) SELECT %d FROM seq_1_to_400" % color,
        "INSERT INTO eav_attribute_option_value (option_id, value) SELECT option_id, RPAD(CONCAT('colour ', option_id), 250, '.') FROM eav_attribute_option o WHERE attribute_id = %d "
        "AND NOT EXISTS (SELECT 1 FROM eav_attribute_option_value v WHERE v.option_id = o.option_id)" % color)


# What tells a row of these is in other tables, and comes behind it.
TOLD = {"cms_page": "page_id", "cms_block": "block_id", "catalog_category_entity": "entity_id", "customer_address_entity": "entity_id",
        "catalog_product_option": "option_id", "catalog_product_option_type_value": "option_type_id", "eav_attribute_option": "option_id"}


def ids(server):
    return {table: [row[0] for row in server.query("SELECT %s FROM %s ORDER BY 1" % (key, table), "openmage")] for table, key in TOLD.items()}


def define(suite):
    @suite.case("large-recognised", "what is told by rows of other tables is recognised in an entity that is larger than a batch, too")
    def _():
        with TwoShops(settings={}) as shops:
            make_large(shops.source)
            sync(shops, "all", "-d", "update")
            before = ids(shops.destination)
            shops.destination.run("DELETE FROM datasync.datasync_entity_registry", database="openmage")
            shops.lab.program.configure({"batch": {"max_bytes": "64KiB"}})
            sync(shops, "all", "-d", "update")
            after = ids(shops.destination)
            differ = {table: (len(before[table]), len(after[table]), len(set(before[table]) & set(after[table]))) for table in TOLD
                      if before[table] != after[table]}
            expect_equal(differ, {}, "rows before, after, in both")

    @suite.case("large-skipped", "with skip, an entity that is larger than a batch stays as it is in all of its parts, whoever has made it")
    def _():
        with TwoShops(settings={"batch": {"max_bytes": "64KiB"}}) as shops:
            run = lambda *sql: shops.source.run("SET SESSION sql_mode = ''", *sql, database="openmage")
            coupons = ("INSERT INTO salesrule_coupon (rule_id, code, usage_limit) SELECT rule_id, RPAD(CONCAT(name, seq), 250, '.'), 1 FROM salesrule JOIN seq_1_to_600 "
                       "WHERE name IN ('new', 'of both')")
            run("INSERT INTO salesrule (name) VALUES ('new'), ('of both')", coupons)
            shops.destination.run("SET SESSION sql_mode = ''", "INSERT INTO salesrule (name) VALUES ('of both')", database="openmage")
            seen = lambda: shops.destination.query("SELECT name, usage_limit, COUNT(coupon_id) FROM salesrule LEFT JOIN salesrule_coupon USING (rule_id) WHERE "
                                                   "name IN ('new', 'of both') GROUP BY 1, 2 ORDER BY 1, 2", "openmage")
            for what in ("new", "again", "changed"):
                sync(shops, "salesrule", "-d", "skip")
                expect_equal(seen(), (("new", 1, 600), ("of both", None, 0)), what)
                if what == "again":
                    run("UPDATE salesrule_coupon SET usage_limit = 2 WHERE code LIKE 'new%'", "DELETE FROM salesrule_coupon WHERE code LIKE 'new%5..%'")
