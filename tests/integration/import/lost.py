"""The registry is lost at the destination: what a stream does then, and what becomes of rows that only it knows."""

from lib.suite import expect_contains, expect_equal
from lib.twoshops import TwoShops
from moved import STREAM, target
from syncs import rows, same_rows, sync

REGISTRY = "datasync.datasync_entity_registry"
# products without SKU, and an order without number
NAMELESS = {90001: ("NULL", "'2020-01-01 00:00:01'"), 90002: ("NULL", "'2020-01-01 00:00:02'"), 90003: ("''", "'2020-01-01 00:00:03'"),
            90004: ("''", "'2020-01-01 00:00:04'")}
PRODUCT = ("INSERT INTO catalog_product_entity (entity_id, entity_type_id, attribute_set_id, type_id, sku, created_at) SELECT %d, entity_type_id, "
           "attribute_set_id, type_id, %s, %s FROM catalog_product_entity ORDER BY entity_id LIMIT 1")
VALUES = ["INSERT INTO catalog_product_entity_%s (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, attribute_id, 0, "
          "entity_id, 1 FROM catalog_product_entity JOIN eav_attribute USING (entity_type_id) WHERE attribute_code = '%s' AND entity_id = %%d" % each
          for each in (("varchar", "name"), ("decimal", "price"))]


def make(shops, products):
    sql = ["SET SESSION sql_mode = ''"]
    for number, (sku, created) in products.items():
        sql += [PRODUCT % (number, sku, created), *(values % number for values in VALUES)]
    shops.source.run(*sql, database="openmage")


def nameless(shops):
    """Products at the destination without SKU, and how many all are."""
    return [row[0] for row in shops.destination.query("SELECT entity_id FROM openmage.catalog_product_entity WHERE COALESCE(sku, '') = '' ORDER BY 1")]


def name_all(shops):
    shops.source.run("UPDATE catalog_product_entity SET sku = CONCAT('given ', entity_id) WHERE sku IS NULL", database="openmage")


def lose(shops):
    shops.destination.run("TRUNCATE " + REGISTRY, database=None)


def define(suite):
    @suite.case("registry-lost", "a stream whose registry is lost says so and writes nothing; put back, it goes on; a new copy makes nothing twice")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program = shops.lab.program
            name_all(shops)
            make(shops, NAMELESS)
            program.incremental(timeout=240)
            found = nameless(shops)
            expect_equal(len(found), len(NAMELESS), "products without SKU")
            shops.destination.run("CREATE TABLE datasync.kept LIKE " + REGISTRY, "INSERT INTO datasync.kept SELECT * FROM " + REGISTRY, database=None)
            shops.source.run("UPDATE catalog_product_entity_varchar SET value = 'changed' WHERE entity_id IN (90001, 90002)", database="openmage")
            before = rows(shops)
            for loss in ("TRUNCATE " + REGISTRY, "DROP TABLE " + REGISTRY):
                shops.destination.run(loss, database=None)
                for options in ((), ("--dry-run",), ("--entity", "product")):
                    code, _out, err = program.command("incremental", *options, timeout=240)
                    expect_equal(code, 2, err)
                    for part in ('has nothing of source_system "legacy"', "put it back from a backup", "--resnapshot"):
                        expect_contains(err, part, loss)
                code, out, _err = program.command("check")
                expect_equal(code, 1, "check")
                expect_contains(out, "STOP  destination source_system: `datasync`.`datasync_entity_registry` has nothing", "check")
            same_rows(shops, before, "while it was lost")
            shops.destination.run("INSERT INTO %s SELECT * FROM datasync.kept" % REGISTRY, database=None)
            program.incremental(timeout=240)
            changed = "SELECT COUNT(*) FROM openmage.catalog_product_entity_varchar WHERE value = 'changed'"
            expect_equal(shops.destination.scalar(changed), shops.source.scalar(changed), "what has changed, when it was put back")
            counts = lambda: {table: shops.destination.scalar("SELECT COUNT(*) FROM openmage." + table) for table in (
                "catalog_product_entity", "catalog_product_entity_varchar", "customer_entity", "customer_address_entity", "sales_flat_order",
                "sales_flat_order_item", "catalog_category_entity", "cms_page", "newsletter_subscriber")}
            there = counts()
            lose(shops)
            program.incremental("--resnapshot", "--yes", timeout=240)
            expect_equal((counts(), nameless(shops)), (there, found), "a new copy")
            expect_equal(sorted(target(shops, "product", number) for number in NAMELESS), found, "registered again")

    @suite.case("nameless", "of products without SKU each is made once, also when the registry is lost; where it cannot be told which one it is, none is")
    def _():
        with TwoShops(settings={}) as shops:
            name_all(shops)
            null = {number: each for number, each in NAMELESS.items() if each[0] == "NULL"}
            make(shops, {**null, 90005: null[90002]})
            sync(shops, "product", "-d", "update")
            found = nameless(shops)
            expect_equal(len(found), 3, "each is another one, though two were made at once")
            sync(shops, "product", "-d", "update")
            expect_equal(nameless(shops), found, "a second time")
            here = {number: target(shops, "product", number) for number in (90001, 90002, 90005)}
            sync(shops, "product", "-d", "update", system="another")
            expect_equal(len(nameless(shops)), 6, "those of another source are others")
            shops.destination.run("DELETE FROM catalog_product_entity WHERE COALESCE(sku, '') = '' AND entity_id NOT IN (%d, %d, %d)" % tuple(found),
                                  database="openmage")
            lose(shops)
            _out, err = sync(shops, "product", "-d", "update", expect_code=1)
            twins = sorted((here[90002], here[90005]))
            expect_contains(err, "product 90002 has no sku, by which it could be found, and the registry does not know it", "twins")
            expect_contains(err, "(entity_id %d, %d), if any, cannot be told; give it one at both sides" % tuple(twins), "twins")
            expect_equal(nameless(shops), found, "twins")
            lose(shops)
            _out, err = sync(shops, "product", "-d", "update", "--skip-invalid", expect_code=3)
            expect_equal([err.count("left out entity=product key=%d " % number) for number in here], [0, 1, 1], "left out: " + err[-1500:])
            expect_equal((nameless(shops), target(shops, "product", 90001)), (found, here[90001]), "left out")
            # the destination's own is another one, unless it was made at the same time
            lose(shops)
            shops.source.run("DELETE FROM catalog_product_entity WHERE entity_id IN (90002, 90005)", database="openmage")
            shops.destination.run("UPDATE catalog_product_entity SET created_at = '2019-01-01' WHERE entity_id = %d" % here[90001], database="openmage")
            sync(shops, "product", "-d", "update")
            expect_equal(len(nameless(shops)), 4, "beside others")
            # when it was made is not known
            shops.source.run("UPDATE catalog_product_entity SET created_at = NULL WHERE entity_id = 90001", database="openmage")
            sync(shops, "product", "-d", "update")
            lose(shops)
            _out, err = sync(shops, "product", "-d", "update", expect_code=1)
            expect_contains(err, "product 90001 has no sku", "without a time")
