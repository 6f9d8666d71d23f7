"""Validation rules, asked by `sync` and by a stream in mode import."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from syncs import registered_target, right, rows, same_rows, summary, sync

STREAM = {"mode": "import", "source_system": "shop", "on_duplicate": "update"}


def attribute(server, code, type_="catalog_product"):
    return server.scalar("SELECT attribute_id FROM openmage.eav_attribute JOIN openmage.eav_entity_type USING (entity_type_id) "
                         "WHERE attribute_code = '%s' AND entity_type_code = '%s'" % (code, type_))


def destination_value(shops, number, system="shop"):
    """The name of the source's product, at the destination."""
    return shops.destination.scalar("SELECT value FROM openmage.catalog_product_entity_varchar WHERE store_id = 0 AND attribute_id = %d AND "
                                    "entity_id = %s" % (attribute(shops.destination, "name"), registered_target(shops, "product", number, system)))


class Wrong:
    """Entities of the source that break a rule each, until they are repaired."""

    def __init__(self, shops):
        self.source = shops.source
        ask = lambda sql: self.source.scalar(sql, "openmage")
        skus = [row[0] for row in shops.destination.query("SELECT sku FROM openmage.catalog_product_entity")]
        listed = ", ".join("'%s'" % sku for sku in skus)
        name = attribute(self.source, "name")
        # one that the destination has, too, with links to others of its kind, and one that it has not
        self.both = ask("SELECT MIN(entity_id) FROM catalog_product_entity JOIN catalog_product_super_link ON parent_id = entity_id WHERE sku IN (%s)"
                        % listed)
        self.alone = ask("SELECT MAX(entity_id) FROM catalog_product_entity WHERE sku NOT IN (%s) AND type_id = 'simple'" % listed)
        self.order = ask("SELECT MAX(entity_id) FROM sales_flat_order")
        self.block = ask("SELECT MIN(block_id) FROM cms_block")
        self.name = [(number, ask("SELECT value FROM catalog_product_entity_varchar WHERE attribute_id = %d AND store_id = 0 AND entity_id = %d"
                                  % (name, number))) for number in (self.both, self.alone)]
        self.identifier = ask("SELECT identifier FROM cms_block WHERE block_id = %d" % self.block)
        self.total = ask("SELECT grand_total FROM sales_flat_order WHERE entity_id = %d" % self.order)
        self.where = "attribute_id = %d AND store_id = 0 AND entity_id = " % name
        gender, customer = attribute(self.source, "gender", "customer"), ask("SELECT MIN(entity_id) FROM customer_entity")
        # not wrong: the number of an option, which a rule about numbers must not judge
        self.run("INSERT INTO eav_attribute_option (option_id, attribute_id, sort_order) VALUES (99001, %d, 9)" % gender,
                 "INSERT INTO eav_attribute_option_value (option_id, store_id, value) VALUES (99001, 0, 'Another')",
                 "REPLACE INTO customer_entity_int (entity_type_id, attribute_id, entity_id, value) VALUES (1, %d, %d, 99001)" % (gender, customer),
                 "DELETE FROM catalog_product_entity_varchar WHERE %s%d" % (self.where, self.both),
                 "UPDATE catalog_product_entity_varchar SET value = '' WHERE %s%d" % (self.where, self.alone),
                 "UPDATE sales_flat_order SET grand_total = -1 WHERE entity_id = %d" % self.order,
                 "UPDATE cms_block SET identifier = 'a b' WHERE block_id = %d" % self.block)

    def run(self, *statements):
        self.source.run(*statements, database="openmage")

    def listed(self):
        return (("product", self.both, "attribute name of catalog_product_entity is missing"),
                ("product", self.alone, "attribute name of catalog_product_entity is missing"),
                ("order", self.order, "column grand_total of sales_flat_order is less than 0"),
                ("cms_block", self.block, "column identifier of cms_block does not match"))

    def repair(self):
        (both, name), (alone, other) = self.name
        self.run("INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, 0, "
                 "entity_id, '%s' FROM catalog_product_entity WHERE entity_id = %d" % (attribute(self.source, "name"), name, both),
                 "UPDATE catalog_product_entity_varchar SET value = '%s' WHERE %s%d" % (other, self.where, alone),
                 "UPDATE sales_flat_order SET grand_total = %s WHERE entity_id = %d" % (self.total, self.order),
                 "UPDATE cms_block SET identifier = '%s' WHERE block_id = %d" % (self.identifier, self.block))


def make_large(source, like):
    """A new product, 99002, whose last rows are not valid."""
    row = "SELECT entity_type_id, %s FROM catalog_product_entity WHERE entity_id = " + str(like)
    source.run("INSERT INTO catalog_product_entity (entity_type_id, entity_id, attribute_set_id, type_id, sku) "
               + row % "99002, attribute_set_id, 'simple', 'large'",
               "INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) "
               + row % ("%d, 0, 99002, 'large'" % attribute(source, "name")),
               "INSERT INTO catalog_product_entity_decimal (entity_type_id, attribute_id, store_id, entity_id, value) "
               + row % ("%d, 0, 99002, 5" % attribute(source, "price")),
               *("INSERT INTO catalog_product_entity_text (entity_type_id, attribute_id, store_id, entity_id, value) "
                 + row % ("%d, 0, 99002, REPEAT('%s', 50000)" % (attribute(source, code), code[0]))
                 for code in ("description", "short_description", "meta_keyword", "custom_layout_update")),
               "INSERT INTO catalog_product_entity_tier_price (entity_id, all_groups, customer_group_id, qty, value, website_id) "
               "VALUES (99002, 1, 0, 0, 3, 0)", database="openmage")


def define(suite):
    @suite.case("sync-validates", "an entity that breaks a rule stops the run, or is left out when asked to, as a whole, and listed with key and reason")
    def _():
        with TwoShops(settings={}) as shops:
            wrong = Wrong(shops)
            _out, err = sync(shops, "product", "-d", "update", expect_code=1)
            expect_contains(err, "product %d is not valid: attribute name of catalog_product_entity is missing" % wrong.both, "the error")
            expect_contains(err, "--skip-invalid", "the error")
            expect_equal(registered_target(shops, "product", wrong.both, "legacy"), None, "the one that is not valid")
            before = rows(shops)
            invalid = {"product": 2, "order": 1, "cms_block": 1}
            for dry in (True, False):
                out, err = sync(shops, "all", "-d", "update", "--skip-invalid", "--json", *(["--dry-run"] if dry else []), expect_code=3)
                for entity, key, reason in wrong.listed():
                    expect_contains(err, 'left out entity=%s key=%d reason="%s %d is not valid: %s' % (entity, key, entity, key, reason), "dry: %s" % dry)
                expect_equal(err.count("left out entity="), 4, "what is left out: " + err)
                told = summary(out)
                expect_equal({name: told[name]["invalid"] for name in told if "invalid" in told[name]}, invalid, "the summary")
                if dry:
                    same_rows(shops, before, "a dry run writes nothing")
            for entity, key, _reason in wrong.listed():
                expect_equal(registered_target(shops, entity, key, "legacy"), None, "%s %d" % (entity, key))
            wrong.repair()
            sync(shops, "all", "-d", "update")
            right(shops, "update", "legacy")
            # of one that is larger than a batch what tells comes last
            make_large(shops.source, wrong.alone)
            shops.lab.program.configure({"batch": {"max_bytes": "64KiB"}})
            for dry in (True, False):
                out, err = sync(shops, "product", "-d", "update", "--skip-invalid", "--json", "--entity-ids", "99002",
                                *(["--dry-run"] if dry else []), expect_code=3)
                expect_contains(err, 'left out entity=product key=99002 reason="product 99002 is not valid: column qty of', "dry: %s" % dry)
                expect_equal(err.count("left out entity="), 1, "what is left out: " + err)
                expect_equal({key: value for key, value in summary(out)["product"].items() if key in ("created", "invalid") and value},
                             {"invalid": 1}, "the summary")
            expect_equal((shops.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity WHERE sku = 'large'"),
                          registered_target(shops, "product", 99002, "legacy")), (0, None), "a part of it")
            wrong.run("UPDATE catalog_product_entity_tier_price SET qty = 2 WHERE entity_id = 99002")
            sync(shops, "product", "-d", "update", "--entity-ids", "99002")
            right(shops, "update", "legacy")

    @suite.case("dry-run-fits", "a dry run says which values the destination's columns cannot hold, as the run would")
    def _():
        with TwoShops(settings={}) as shops:
            run = lambda *sql: shops.source.run(*sql, database="openmage")
            alter = lambda *sql: shops.destination.run(*sql, database="openmage")
            page, order = (shops.source.scalar(sql, "openmage") for sql in ("SELECT MAX(page_id) FROM cms_page", "SELECT MAX(entity_id) FROM sales_flat_order"))
            run("UPDATE cms_page SET content_heading = '', root_template = '' WHERE page_id <> %d" % page,
                "UPDATE sales_flat_order SET weight = 5, coupon_code = '', total_item_count = 2, coupon_rule_name = NULL WHERE entity_id <> %d" % order)
            for entity, table, number, definition, fits, not_fitting, told in (
                    ("cms_page", "cms_page", page, "content_heading VARCHAR(3)", "'\u20acab'", "'abcd'", "Data too long for column 'content_heading'"),
                    ("cms_page", "cms_page", page, "root_template VARCHAR(20) CHARACTER SET utf8mb3", "'\u20ac'", "'\U0001f600'", "Incorrect string value for column 'root_template'"),
                    ("order", "sales_flat_order", order, "weight DECIMAL(5,4)", "9.9999", "10", "Out of range value for column 'weight'"),
                    ("order", "sales_flat_order", order, "weight DECIMAL(12,2)", "1.25", "1.255", "Too many decimals for column 'weight'"),
                    ("order", "sales_flat_order", order, "total_item_count TINYINT UNSIGNED", "255", "256", "Out of range value for column 'total_item_count'"),
                    ("order", "sales_flat_order", order, "coupon_rule_name TINYTEXT", "REPEAT('x', 255)", "REPEAT('x', 256)", "Data too long for column 'coupon_rule_name'")):
                column = definition.split()[0]
                run("ALTER TABLE %s MODIFY %s TEXT CHARACTER SET utf8mb4" % (table, column) if "CHAR" in definition or "TEXT" in definition else "DO 0")
                alter("UPDATE %s SET %s = 1" % (table, column), "ALTER TABLE %s MODIFY %s NULL" % (table, definition))
                option = ("--entity-ids", str(number))
                for value, code in ((fits, 0), (not_fitting, 1)):
                    run("UPDATE %s SET %s = %s WHERE %s = %d" % (table, column, value, "page_id" if table == "cms_page" else "entity_id", number))
                    for dry in (("--dry-run",), ()):
                        _out, err = sync(shops, entity, "-d", "update", *option, *dry, expect_code=code)
                        if code:
                            expect_contains(err, "a value does not fit the destination's column: ", "%s %s" % (definition, dry))
                            expect_contains(err.rsplit("does not fit", 1)[1], column, "%s %s" % (definition, dry))
                        if code and dry:
                            expect_contains(err, told, definition)
                run("UPDATE %s SET %s = %s" % (table, column, fits))

    @suite.case("stream-validates", "a stream asks rules of what changes: skip drops what is not valid, error stops, valid at the end of a transaction is valid")
    def _():
        with TwoShops(settings={**STREAM, "on_invalid": "skip"}) as shops:
            program, source = shops.lab.program, shops.source
            run = lambda *statements: source.run(*statements, database="openmage")
            program.incremental(timeout=240)
            right(shops, "update", "shop")
            name = attribute(source, "name")
            product = source.scalar("SELECT MIN(product_id) FROM openmage.catalog_product_option")
            other = source.scalar("SELECT MAX(entity_id) FROM openmage.catalog_product_entity WHERE type_id = 'simple' AND entity_id <> %d" % product)
            value = "UPDATE catalog_product_entity_varchar SET value = '%s' WHERE attribute_id = %d AND store_id = 0 AND entity_id = %d"
            was = destination_value(shops, product)
            # what is not valid is dropped, with all of the entity's changes; others go on
            run("START TRANSACTION", value % ("", name, product), "UPDATE catalog_product_entity SET sku = CONCAT(sku, '-x') WHERE entity_id = %d" % product,
                value % ("another", name, other), "COMMIT")
            text = program.incremental(expect=3)
            expect_contains(text, 'left out entity=product key=%d reason="product %d is not valid: attribute name' % (product, product), "log")
            expect_equal((destination_value(shops, product), destination_value(shops, other)), (was, "another"), "names")
            run(value % (was, name, product), "UPDATE catalog_product_entity SET sku = LEFT(sku, LENGTH(sku) - 2) WHERE entity_id = %d" % product)
            program.incremental()
            right(shops, "update", "shop")
            # gone and there again, with a deletion that others lead to between: valid
            option = source.scalar("SELECT MIN(option_id) FROM openmage.catalog_product_option WHERE product_id = %d" % product)
            run("START TRANSACTION", "DELETE FROM catalog_product_entity_varchar WHERE attribute_id = %d AND store_id = 0 AND entity_id = %d" % (name, product),
                "DELETE FROM catalog_product_option WHERE option_id = %d" % option,
                "INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, 0, "
                "entity_id, 'again' FROM catalog_product_entity WHERE entity_id = %d" % (name, product), "COMMIT")
            program.incremental()
            expect_equal(destination_value(shops, product), "again", "the name")
            right(shops, "update", "shop")
            # a new one that is not valid does not come piece by piece
            run("INSERT INTO catalog_product_entity (entity_id, entity_type_id, attribute_set_id, type_id, sku) SELECT 99001, entity_type_id, "
                "attribute_set_id, 'simple', 'bare' FROM catalog_product_entity WHERE entity_id = %d" % product)
            expect_contains(program.incremental(expect=3), "product 99001 is not valid: attribute name of catalog_product_entity is missing", "log")
            price = attribute(source, "price")
            run("INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, 0, "
                "entity_id, 'late' FROM catalog_product_entity WHERE entity_id = 99001" % name,
                "INSERT INTO catalog_product_entity_decimal (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, 0, "
                "entity_id, 5 FROM catalog_product_entity WHERE entity_id = 99001" % price,
                "UPDATE catalog_product_entity SET has_options = 1 WHERE entity_id = 99001")
            expect_contains(program.incremental(), "datasync sync product shop --entity-ids 99001", "log")
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity WHERE sku = 'bare'"), 0, "pieces of it")
            sync(shops, "product", "-d", "update", "--entity-ids", "99001", system="shop")
            right(shops, "update", "shop")
            # a transaction that is larger than a batch: what tells comes last
            program.configure({"batch": {"max_bytes": "64KiB"}})
            text = "INSERT INTO catalog_product_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, %d, %%d, " \
                "entity_id, REPEAT('v', 255) FROM catalog_product_entity" % attribute(source, "meta_title")
            stores = [row[0] for row in source.query("SELECT store_id FROM openmage.core_store WHERE store_id > 0 ORDER BY 1")]
            was = source.scalar("SELECT value FROM openmage.catalog_product_entity_decimal WHERE attribute_id = %d AND store_id = 0 AND entity_id = %d" % (
                price, other))
            price_of = "UPDATE catalog_product_entity_decimal SET value = %s WHERE attribute_id = %d AND store_id = 0 AND entity_id = %d"
            no_text = "DELETE FROM catalog_product_entity_varchar WHERE attribute_id = %d AND store_id > 0" % attribute(source, "meta_title")
            run(no_text)
            program.incremental()
            here = lambda number: shops.destination.scalar(
                "SELECT COUNT(*) FROM openmage.catalog_product_entity_varchar WHERE attribute_id = %d AND store_id > 0 AND entity_id = %d" % (
                    attribute(shops.destination, "meta_title"), registered_target(shops, "product", number, "shop")))
            for begin, end in ((["START TRANSACTION"], ["COMMIT"]), (["XA START 'x'"], ["XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"])):
                run(*begin, *(text % store for store in stores), price_of % (-1, price, other), *end)
                log = program.incremental(expect=3)
                expect_equal((here(product), here(other)), (len(stores), 0), "values of one that is valid, and of one that is not, in " + begin[0])
                expect_equal(log.count("left out entity=product key=%d reason=" % other), 1, "told once: " + log)
                run(no_text, price_of % (was, price, other))
                program.incremental()
                expect_equal(here(product), 0, "values that are gone")
                right(shops, "update", "shop")
            program.configure({"batch": {"max_bytes": "16MiB"}})
            # error; only what changes is asked: that this one has no name is no news
            program.configure({"on_invalid": "ignore"})
            run(value % ("", name, other))
            program.incremental()
            program.configure({"on_invalid": "error"})
            run("UPDATE catalog_product_entity_decimal SET value = value + 1 WHERE attribute_id = %d AND entity_id = %d" % (price, other))
            program.incremental()
            right(shops, "update", "shop")
            run("UPDATE catalog_product_entity_decimal SET value = value + 1 WHERE attribute_id = %d AND entity_id = %d" % (price, product),
                "UPDATE catalog_product_entity_decimal SET value = -1 WHERE attribute_id = %d AND entity_id = %d" % (price, other))
            text = program.incremental(expect=1)
            for part in ("product %d is not valid: attribute price of catalog_product_entity is less than 0" % other, "on_invalid: skip", "gtid=0-"):
                expect_contains(text, part, "the error")
            program.configure({"on_invalid": "ignore"})
            program.incremental()
            right(shops, "update", "shop")

    @suite.case("import-without-its-mode", "a mirror where the stream has imported: the mode is named first, `check` tells it, nothing is written")
    def _():
        with TwoShops(settings={}) as shops:
            program = shops.lab.program
            refused = "set `mode: import`"
            sync(shops, "cms_block", "-d", "update")
            for also in (False, True):
                before = rows(shops)
                for command in (("incremental",), ("run", "--stop-at", "2030-01-01 00:00:00")):
                    code, _out, err = program.command(*command, timeout=120)
                    expect_equal(code, 2, "%s: %s" % (command[0], err))
                    expect(refused in err and err.index(refused) < err.index("--resnapshot"), err)
                code, out, _err = program.command("check")
                told = [line for line in out.splitlines() if line.startswith("STOP  destination")]
                expect(code == 1 and len(told) == 1 and refused in told[0], out)
                same_rows(shops, before, "refused")
                _code, out, _err = program.command("check", "--set", "mode=import", "--set", "source_system=legacy")
                expect(refused not in out, out)
                if not also:
                    program.incremental("--entity", "cms_block", "--set", "mode=import", "--set", "source_system=legacy", "--set", "on_duplicate=update")
            program.incremental("--resnapshot", "--yes", timeout=240)
            program.incremental()
            expect_equal(shops.destination.query("SELECT name FROM datasync.datasync_checkpoint"), (("default",),), "streams")
            _code, out, _err = program.command("check")
            expect(refused not in out, out)
