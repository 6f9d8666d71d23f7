"""Custom options of products that both shops have: what --options-mode says of them."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from syncs import count_rows, counted_rows, registered_target, right, sync

OPTIONS = ("SELECT o.option_id, t.title, o.type, p.price FROM catalog_product_option o JOIN catalog_product_option_title t ON t.option_id = "
           "o.option_id AND t.store_id = 0 LEFT JOIN catalog_product_option_price p ON p.option_id = o.option_id AND p.store_id = 0 "
           "WHERE product_id = %d ORDER BY t.title, o.type")
VALUES = ("SELECT v.option_type_id, t.title, p.price FROM catalog_product_option o JOIN catalog_product_option_type_value v USING (option_id) "
          "JOIN catalog_product_option_type_title t ON t.option_type_id = v.option_type_id AND t.store_id = 0 LEFT JOIN "
          "catalog_product_option_type_price p ON p.option_type_id = v.option_type_id AND p.store_id = 0 WHERE product_id = %d ORDER BY t.title")
CONTAINER = ("catalog_product_entity_varchar WHERE store_id = 0 AND entity_id = %d AND attribute_id = (SELECT attribute_id FROM eav_attribute "
             "JOIN eav_entity_type USING (entity_type_id) WHERE attribute_code = 'options_container' AND entity_type_code = 'catalog_product')")


def add(server, product, title, kind, required=0, price=None, values=()):
    """An option; values: (title, price)."""
    run = lambda *sql: server.run(*sql, database="openmage")
    last = lambda: server.scalar("SELECT MAX(option_id) FROM openmage.catalog_product_option")
    run("INSERT INTO catalog_product_option (product_id, type, is_require) VALUES (%d, '%s', %d)" % (product, kind, required))
    option = last()
    run("INSERT INTO catalog_product_option_title (option_id, store_id, title) VALUES (%d, 0, '%s')" % (option, title))
    if price is not None:
        run("INSERT INTO catalog_product_option_price (option_id, store_id, price) VALUES (%d, 0, %s)" % (option, price))
    for label, more in values:
        run("INSERT INTO catalog_product_option_type_value (option_id) VALUES (%d)" % option,
            "INSERT INTO catalog_product_option_type_title (option_type_id, store_id, title) VALUES (LAST_INSERT_ID(), 0, '%s')" % label,
            "INSERT INTO catalog_product_option_type_price (option_type_id, store_id, price) SELECT MAX(option_type_id), 0, %s FROM "
            "catalog_product_option_type_value" % more)
    return option


def both_have(shops, count):
    """[(id at the source, id here)] of simple products, then without options at both sides."""
    here = dict(shops.destination.query("SELECT sku, entity_id FROM openmage.catalog_product_entity WHERE type_id = 'simple'"))
    found = [(number, here[sku]) for number, sku in shops.source.query(
        "SELECT entity_id, sku FROM openmage.catalog_product_entity WHERE type_id = 'simple' ORDER BY entity_id DESC") if sku in here][:count]
    for server, column in ((shops.source, 0), (shops.destination, 1)):
        for pair in found:
            server.run("DELETE FROM catalog_product_option WHERE product_id = %d" % pair[column],
                       "UPDATE catalog_product_entity SET has_options = 0, required_options = 0 WHERE entity_id = %d" % pair[column],
                       "DELETE FROM " + CONTAINER % pair[column], database="openmage")
    return found


class Here:
    """Options of a product at the destination, with their ids and without."""

    def __init__(self, shops, product):
        rows = shops.destination.query(OPTIONS % product, "openmage")
        self.options = [(title, kind, None if price is None else float(price)) for _number, title, kind, price in rows]
        self.ids = {(title.lower(), kind): number for number, title, kind, _price in rows}
        values = shops.destination.query(VALUES % product, "openmage")
        self.values = [(title, float(price)) for _number, title, price in values]
        self.value_ids = {title.lower(): number for number, title, _price in values}
        self.all = rows, values


THERE = (("SIZE", "drop_down", 0, None, (("s", 0), ("L", 2.5))), ("Engraving", "field", 1, 4, ()),
         ("Wrap", "checkbox", 0, None, (("Paper", 1),)), ("Gift", "field", 0, None, ()), ("Late", "drop_down", 0, None, (("x", 1),)))
OWN = (("Size", "drop_down", 0, None, (("S", 1), ("M", 9))), ("Wrap", "radio", 0, None, (("Foil", 5),)), ("Own", "field", 0, 7, ()),
       ("gift", "field", 0, 3, ()), ("late", "field", 0, 4, ()))
ENGRAVING, SIZE, WRAP = ("Engraving", "field", 4.0), ("SIZE", "drop_down", None), ("Wrap", "checkbox", None)
GIFT, LATE, OWN_ONE = ("Gift", "field", None), ("Late", "drop_down", None), ("Own", "field", 7.0)
VALUES_THERE = [("L", 2.5), ("Paper", 1.0), ("s", 0.0), ("x", 1.0)]
WANTED = {
    "replace": ([ENGRAVING, GIFT, LATE, SIZE, WRAP], VALUES_THERE),
    "merge": ([ENGRAVING, GIFT, LATE, OWN_ONE, SIZE, WRAP], VALUES_THERE),
    "append": ([ENGRAVING, ("gift", "field", 3.0), ("late", "field", 4.0), OWN_ONE, ("Size", "drop_down", None), ("Wrap", "radio", None)],
               [("Foil", 5.0), ("M", 9.0), ("S", 1.0)]),
}
RUNS = (("replace", "merge", ("--options-mode", "replace")), ("merge", "update", ("--options-mode", "merge")),
        ("append", "update", ("--options-mode", "append")), ("merge", "merge", ()), ("replace", "update", ()))


def modes(shops, pairs):
    """One product for each run; twice."""
    container = shops.destination.scalar("SELECT default_value FROM eav_attribute WHERE attribute_code = 'options_container'", "openmage")
    container = container if container in ("container1", "container2") else "container2"
    for (number, here), (mode, policy, options) in zip(pairs, RUNS):
        told = "%s, %s, %s" % (mode, policy, options)
        for option in THERE:
            add(shops.source, number, *option)
        for option in OWN:
            add(shops.destination, here, *option)
        shops.source.run("UPDATE catalog_product_entity SET has_options = %d, required_options = %d WHERE entity_id = %d" % (
            (mode == "replace",) * 2 + (number,)), database="openmage")
        before = Here(shops, here)
        sync(shops, "product", "-d", policy, "--entity-ids", str(number), *options)
        after = Here(shops, here)
        options_here, values_here = WANTED[mode]
        if mode == policy:  # what the source has empty
            options_here = [("Gift", "field", 3.0) if option == GIFT else option for option in options_here]
        expect_equal((after.options, after.values), (options_here, values_here), told)
        if mode == "merge":
            expect_equal([after.ids["wrap", "checkbox"], after.ids["late", "drop_down"]],
                         [before.ids["wrap", "radio"], before.ids["late", "field"]], told + ": of another type")
        expect_equal({title: after.value_ids[title] for title in after.value_ids if title in before.value_ids},
                     {title: before.value_ids[title] for title in after.value_ids if title in before.value_ids}, told + ": values keep their ids")
        expect_equal(after.ids["size", "drop_down"], before.ids["size", "drop_down"], told + ": an option keeps its id")
        expect_equal(shops.destination.query("SELECT has_options, required_options FROM openmage.catalog_product_entity WHERE entity_id = %d"
                                             % here), ((1, 1),), told + ": the product's row")
        if mode != "replace":
            expect_equal(shops.destination.scalar("SELECT value FROM " + CONTAINER % here, "openmage"), container, told + ": container")
        count_rows(shops.destination)
        sync(shops, "product", "-d", policy, "--entity-ids", str(number), *options)
        expect_equal(counted_rows(shops.destination, "ROWS_CHANGED").get("catalog_product_entity", 0), 0, told + ": again: the product is written")
        expect_equal(Here(shops, here).all, after.all, told + ": again")


def duplicates(shops, number, here):
    """An older import has left the destination many options of one title: one is the source's, the others stay."""
    add(shops.source, number, "Many", "field", price=2)
    for _ in range(20):
        add(shops.destination, here, "MANY", "field", price=1)
    for _ in range(2):
        sync(shops, "product", "-d", "update", "--entity-ids", str(number), "--options-mode", "merge")
        titles = [title for title, _kind, _price in Here(shops, here).options]
        expect_equal((len(titles), titles.count("Many")), (20, 1), "duplicates")


def follows(shops, number, here):
    """A stream under `merge`: what the source deletes stays, what it changes and adds comes."""
    program = shops.lab.program
    program.configure({"mode": "import", "source_system": "legacy", "on_duplicate": "update", "options_mode": "merge", "start": "current",
                       "entities": ["product"]})
    program.incremental()
    before = Here(shops, here)
    shops.source.run("DELETE FROM catalog_product_option WHERE product_id = %d AND type = 'checkbox'" % number,
                     "UPDATE catalog_product_option_price p JOIN catalog_product_option o USING (option_id) SET price = 6 WHERE product_id = %d"
                     % number, database="openmage")
    add(shops.source, number, "Note", "area")
    program.incremental()
    after = Here(shops, here)
    expect_equal(sorted(after.options), sorted([(title, kind, 6.0 if title == "Engraving" else price) for title, kind, price in before.options]
                                               + [("Note", "area", None)]), "a stream")
    expect_equal({key: after.ids[key] for key in before.ids}, before.ids, "a stream: ids")


def follows_appended(shops, number, here):
    """A stream under `append`, row by row: an option that comes in parts comes whole, and changes; the destination's own does not."""
    program = shops.lab.program
    program.configure({"options_mode": "append"})
    program.incremental()
    before = Here(shops, here)
    run = lambda *sql: shops.source.run(*sql, database="openmage")
    run("INSERT INTO catalog_product_option (product_id, type) VALUES (%d, 'drop_down')" % number)
    option = shops.source.scalar("SELECT MAX(option_id) FROM openmage.catalog_product_option")
    parts = ("INSERT INTO catalog_product_option_title (option_id, store_id, title) VALUES (%d, 0, 'Part')" % option,
             "INSERT INTO catalog_product_option_type_value (option_id) VALUES (%d)" % option,
             "INSERT INTO catalog_product_option_type_title (option_type_id, store_id, title) SELECT MAX(option_type_id), 0, 'Piece' FROM "
             "catalog_product_option_type_value",
             "INSERT INTO catalog_product_option_type_price (option_type_id, store_id, price) SELECT MAX(option_type_id), 0, 3 FROM "
             "catalog_product_option_type_value",
             "UPDATE catalog_product_option_title SET title = 'Parts' WHERE option_id = %d" % option,
             "UPDATE catalog_product_option_title SET title = 'changed' WHERE title = 'SIZE'")
    for part in parts:
        program.incremental()
        run(part)
    program.incremental()
    after = Here(shops, here)
    expect_equal(sorted(after.options), sorted(before.options + [("Parts", "drop_down", None)]), "appended in parts")
    expect_equal(sorted(after.values), sorted(before.values + [("Piece", 3.0)]), "appended in parts: values")


TOLD = {  # what a product's options are called, and cost, by store; {number of an option: (title, {table: {store: value}})}
    "option": ("catalog_product_option", "option_id", "title", "price"), "option_type": ("catalog_product_option_type_value", "option_type_id", "title", "price")}


def told_by_store(server, product):
    """{(title for the admin, title or price, store's code): value} of options and their choices."""
    found = {}
    for name, (table, key, *columns) in TOLD.items():
        for column in columns:
            of = "catalog_product_%s_%s" % (name, column)
            found.update({row[:3]: str(row[3]) for row in server.query(
                "SELECT a.title, '%s', s.code, x.%s FROM catalog_product_option o JOIN %s v ON v.option_id = o.option_id JOIN catalog_product_%s_title a ON a.%s = v.%s AND "
                "a.store_id = 0 JOIN %s x ON x.%s = v.%s JOIN core_store s ON s.store_id = x.store_id WHERE o.product_id = %d" % (
                    column, column, table, name, key, key, of, key, key, product), "openmage")})
    return found


def of_two_sources(shops):
    """One product with one option, of which two sources tell different titles and prices; streams."""
    (number, here), = both_have(shops, 1)
    shops.source.run("DELETE FROM catalog_product_entity WHERE sku IS NULL", database="openmage")  # which a second source could not find
    program, quiet = shops.lab.program, lambda *sql: shops.source.run("SET SESSION sql_log_bin = 0", *sql, database="openmage")
    loud = lambda *sql: shops.source.run(*sql, database="openmage")
    stores = {row[0]: row[1] for row in shops.source.query("SELECT code, store_id FROM openmage.core_store WHERE store_id > 0 ORDER BY store_id LIMIT 2")}
    first, second = sorted(stores)
    option = add(shops.source, number, "Size", "drop_down", price=1, values=[("S", 1), ("L", 2)])
    types = "(SELECT option_type_id FROM catalog_product_option_type_value WHERE option_id = %d)" % option

    def tell(store, price):
        """Titles and prices at that store view alone, and the general price."""
        tables = (("catalog_product_option", "option_id", "= %d" % option), ("catalog_product_option_type", "option_type_id", "IN " + types))
        quiet(*("DELETE FROM %s_%s WHERE %s %s AND store_id > 0" % (table, part, key, which) for table, key, which in tables for part in ("title", "price")),
              *("INSERT INTO %s_title (%s, store_id, title) SELECT %s, %d, CONCAT(title, ' %s') FROM %s_title WHERE store_id = 0 AND %s %s" % (
                  table, key, key, stores[store], store, table, key, which) for table, key, which in tables),
              *("INSERT INTO %s_price (%s, store_id, price) SELECT %s, %d, %d FROM %s_price WHERE store_id = 0 AND %s %s" % (
                  table, key, key, stores[store], price, table, key, which) for table, key, which in tables),
              *("UPDATE %s_price SET price = %d WHERE store_id = 0 AND %s %s" % (table, price, key, which) for table, key, which in tables))
        return told_by_store(shops.source, number)

    def run(system, *options):
        program.configure({"name": system, "mode": "import", "source_system": system, "on_duplicate": "update", "entities": ["product"]})
        return program.incremental(*options, timeout=240)
    loud("UPDATE catalog_product_entity SET has_options = 1 WHERE entity_id = %d" % number)
    theirs = {"one": tell(first, 3)}
    run("one")
    expect_equal(told_by_store(shops.destination, here), theirs["one"], "the first source's")
    ids = lambda: [registered_target(shops, "catalog_product_option", option, system) for system in ("one", "two")]
    theirs["two"] = tell(second, 5)
    run("two")
    expect(ids()[0] == ids()[1], "one option: %s" % ids())
    both = {**theirs["one"], **theirs["two"]}
    expect_equal(told_by_store(shops.destination, here), both, "what both tell; of a price that both tell the last one's")
    # what the second one deletes stays, and what it changes changes
    at = "store_id = %d AND " % stores[second]
    loud("DELETE FROM catalog_product_option_title WHERE %soption_id = %d" % (at, option), "DELETE FROM catalog_product_option_price WHERE %soption_id = %d" % (
             at, option), "DELETE FROM catalog_product_option_type_title WHERE %soption_type_id IN %s" % (at, types),
         "DELETE FROM catalog_product_option_type_price WHERE %soption_type_id IN %s" % (at, types),
         "UPDATE catalog_product_option_price SET price = 7 WHERE store_id = 0 AND option_id = %d" % option)
    run("two")
    both["Size", "price", "admin"] = "7.0000"
    expect_equal(told_by_store(shops.destination, here), both, "deleted and changed by the second one")
    for _ in range(2):  # each copies all again
        for system, price in (("one", 3), ("two", 5)):
            theirs[system] = tell(first if system == "one" else second, price)
            run(system, "--resnapshot", "--yes")
            expect_equal(told_by_store(shops.destination, here), {**both, **theirs[system]}, "copied again from " + system)
    # the option of one alone
    loud("DELETE FROM catalog_product_option WHERE option_id = %d" % option)
    out = run("two")
    expect_contains(out, "source one has it, too", "warning")
    expect_equal(told_by_store(shops.destination, here), both | theirs["two"], "the second one has deleted the option")
    run("one")
    expect_equal(told_by_store(shops.destination, here), {}, "both have")


def define(suite):
    @suite.case("options-of-two-sources", "titles and prices of an option that two sources have: each writes its own, neither takes the other's away")
    def _():
        with TwoShops(settings={}) as shops:
            of_two_sources(shops)

    @suite.case("options-mode", "custom options of both shops are replaced, merged or appended; ids stay; again, and nothing changes")
    def _():
        with TwoShops(settings={}) as shops:
            pairs = both_have(shops, len(RUNS) + 1)
            modes(shops, pairs)
            _out, err = sync(shops, "product", "--options-mode", "both", expect_code=2)
            expect_contains(err, "--options-mode: options_mode: 'both' is not one of", "error")
            code, _out, err = shops.lab.program.command("sync", "customer", "legacy", "--options-mode", "merge")
            expect_equal(code, 2, "for customers")
            expect_contains(err, "--options-mode is for products", "error")
            duplicates(shops, *pairs[-1])
            follows(shops, *pairs[1])
            follows_appended(shops, *pairs[2])

    @suite.case("larger-than-a-batch", "an entity that is larger than a batch loses what the source has no more, and what it keeps keeps its ids")
    def _():
        with TwoShops(settings={"batch": {"max_bytes": "64KiB"}}) as shops:
            (product, here), = both_have(shops, 1)
            run = lambda *sql: shops.source.run(*sql, database="openmage")
            rule = shops.source.scalar("SELECT MIN(rule_id) FROM salesrule", "openmage")
            for n in range(60):
                add(shops.source, product, "Option %d" % n, "drop_down", values=[("v%d" % k, k) for k in range(20)])
            run("UPDATE catalog_product_option_type_title SET title = RPAD(title, 120, '.') WHERE option_type_id > 0",
                "UPDATE catalog_product_entity SET has_options = 1 WHERE entity_id = %d" % product,
                "UPDATE salesrule SET coupon_type = 2, use_auto_generation = 1 WHERE rule_id = %d" % rule,
                "INSERT INTO salesrule_coupon (rule_id, code, usage_per_customer, is_primary, type) SELECT %d, RPAD(CONCAT('C', seq), 90, 'x'), 0, NULL, 1 "
                "FROM seq_1_to_2000" % rule)
            add(shops.destination, here, "Own", "drop_down", values=[("own", 1)])
            code, _out, err = shops.lab.program.command("sync", "all", "legacy", "-d", "update", timeout=240)
            expect_equal((code, "raise batch.max_bytes" in err), (0, False), err[-1500:])
            target = registered_target(shops, "salesrule", rule, "legacy")
            ids = lambda: (dict(shops.destination.query("SELECT code, coupon_id FROM salesrule_coupon WHERE rule_id = %s" % target, "openmage")), Here(shops, here))
            coupons, options = ids()
            expect_equal((len([code for code in coupons if code.endswith("x")]), len(options.options), len(options.values)), (2000, 60, 1200), "all of it")
            right(shops, "update", "legacy")
            run("DELETE FROM salesrule_coupon WHERE rule_id = %d AND coupon_id %% 3 = 0 AND code LIKE 'C%%x'" % rule,
                "DELETE FROM catalog_product_option WHERE product_id = %d AND option_id %% 4 = 0" % product,
                "DELETE v FROM catalog_product_option_type_value v JOIN catalog_product_option o USING (option_id) WHERE product_id = %d AND option_type_id %% 5 = 0"
                % product)
            for what in ("less", "again"):
                for entity in ("product", "salesrule"):
                    code, _out, err = shops.lab.program.command("sync", entity, "legacy", "-d", "update", timeout=240)
                    expect_equal(code, 0, err[-1500:])
                left, now = ids()
                expect_equal(({code: number for code, number in coupons.items() if code in left}, {key: options.ids[key] for key in now.ids}),
                             (left, now.ids), "ids, " + what)
                expect_equal((len(left), len(now.options), len(now.values)),
                             tuple(int(shops.source.scalar(sql, "openmage")) for sql in (
                                 "SELECT COUNT(*) FROM salesrule_coupon WHERE rule_id = %d" % rule,
                                 "SELECT COUNT(*) FROM catalog_product_option WHERE product_id = %d" % product,
                                 "SELECT COUNT(*) FROM catalog_product_option_type_value JOIN catalog_product_option USING (option_id) WHERE product_id = %d"
                                 % product)), "rows, " + what)
                expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_entity_registry WHERE entity_type = 'salesrule_coupon' AND target_id NOT IN "
                                 "(SELECT coupon_id FROM salesrule_coupon)", "openmage"), 0, "coupons of the registry that are gone, " + what)
            right(shops, "update", "legacy")
