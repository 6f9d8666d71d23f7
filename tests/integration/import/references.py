"""What is set up at each side: what an import makes of it at the destination, and what it leaves as it is there."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from moved import STREAM
from syncs import sync

SEQUENCES = ("SELECT c.code, s.increment_prefix, s.increment_last_id FROM openmage.eav_entity_store s JOIN openmage.core_store c USING (store_id) JOIN "
             "openmage.eav_entity_type USING (entity_type_id) WHERE entity_type_code = 'order' AND code IN (%s)")


def sequences(shops, *codes):
    return {row[0]: row[1:] for row in shops.destination.query(SEQUENCES % ", ".join("'%s'" % code for code in codes))}


def new_store(shops, number, code, *last):
    """At the source, with its sequence of orders."""
    website, group = shops.source.query("SELECT website_id, group_id FROM openmage.core_store WHERE code = 'default'")[0]
    shops.source.run("INSERT INTO core_store (store_id, code, website_id, group_id, name, is_active) VALUES (%d, '%s', %d, %d, 'New', 1)" % (
        number, code, website, group), *["INSERT INTO eav_entity_store (entity_type_id, store_id, increment_prefix, increment_last_id) SELECT "
                                         "entity_type_id, %d, '%s', '%s' FROM eav_entity_type WHERE entity_type_code = 'order'" % (
                                             number, prefix, each) for prefix, each in [last] if prefix], database="openmage")


def define(suite):
    @suite.case("sequences", "no two stores count with one prefix; none is at or before a number that is taken; those that are there never go back")
    def _():
        with TwoShops(settings=STREAM) as shops:
            source, destination = shops.source, shops.destination
            run = lambda server, *sql: server.run(*sql, database="openmage")
            default = sequences(shops, "default")["default"]
            new_store(shops, 5, "fr", default[0], default[0] + "00000007")  # a prefix that the destination has
            new_store(shops, 71, "it", "71", "7100000007")  # one that is free, and what comes of it
            new_store(shops, 72, "pl", "72", "7200000900")
            run(destination, *["UPDATE sales_flat_order SET increment_id = '%s' WHERE LEFT(increment_id, 1) = '5' ORDER BY entity_id DESC LIMIT 1" % number
                               for number in ("7100000055", "7200000055")])
            website, group = destination.query("SELECT website_id, group_id FROM openmage.core_store WHERE code = 'default'")[0]
            run(destination, "INSERT INTO core_store (store_id, code, website_id, group_id, name, is_active) VALUES (1, 'one', %d, %d, 'One', 1)" % (
                website, group))
            shops.lab.program.incremental(timeout=240)
            fr = str(destination.scalar("SELECT store_id FROM openmage.core_store WHERE code = 'fr'"))
            taken = destination.scalar("SELECT MAX(increment_id) FROM openmage.sales_flat_order WHERE increment_id LIKE '1%' AND LENGTH(increment_id) = 9")
            expect(taken, "no order of the source's first store has come")
            expect_equal(sequences(shops, "default", "fr", "it", "pl", "one"),
                         {"default": default, "fr": (fr, None), "it": ("71", "7100000055"), "pl": ("72", "7200000900"), "one": ("1", taken)}, "sequences")
            # what is there goes on by itself
            run(destination, "UPDATE eav_entity_store SET increment_last_id = '7200000999' WHERE increment_prefix = '72'")
            run(source, "UPDATE eav_entity_store SET increment_prefix = '99', increment_last_id = '9900000001' WHERE store_id IN (1, 72)",
                "DELETE FROM eav_entity_store WHERE store_id = 71")
            shops.lab.program.incremental(timeout=240)
            sync(shops, "store", "-d", "update")
            now = sequences(shops, "default", "fr", "it", "pl")
            expect_equal(now, {"default": default, "fr": (fr, None), "it": ("71", "7100000055"), "pl": ("72", "7200000999")}, "sequences later")
            run(source, "UPDATE eav_entity_store SET increment_prefix = '72', increment_last_id = '7200002000' WHERE store_id = 72")
            sync(shops, "store", "-d", "update")
            expect_equal(sequences(shops, "pl")["pl"], ("72", "7200002000"), "one that the source has moved on")

    @suite.case("defaults", "a shop has one default website, and a state one default status: the destination's own; a new state's comes")
    def _():
        with TwoShops(settings=STREAM) as shops:
            source, destination = shops.source, shops.destination
            source.run("UPDATE core_website SET code = 'main', name = 'Main' WHERE is_default = 1",
                       "INSERT INTO sales_order_status VALUES ('mine', 'Mine'), ('odd', 'Odd'), ('odder', 'Odder')",
                       "UPDATE sales_order_status_state SET is_default = 0 WHERE state = 'processing'",
                       "INSERT INTO sales_order_status_state VALUES ('mine', 'processing', 1), ('odd', 'odd', 1), ('odder', 'odd', 0)",
                       "CREATE TEMPORARY TABLE defaults SELECT attribute_set_id FROM eav_attribute_group WHERE default_id = 1",
                       "UPDATE eav_attribute_group SET default_id = 0", "INSERT INTO eav_attribute_group (attribute_set_id, attribute_group_name, "
                       "default_id) SELECT attribute_set_id, 'Other', 1 FROM defaults", database="openmage")
            before = destination.query("SELECT code FROM openmage.core_website WHERE is_default = 1")
            status = destination.query("SELECT status FROM openmage.sales_order_status_state WHERE state = 'processing' AND is_default = 1")
            expect_equal((len(before), len(status)), (1, 1), "defaults before")
            groups = "SELECT attribute_set_id FROM openmage.eav_attribute_group GROUP BY 1 HAVING SUM(default_id) > 1"
            expect_equal(destination.query(groups), (), "sets with two default groups before")
            for entity in ("order", "product", "website", "order_status"):
                _out, err = sync(shops, entity, "-d", "merge")
                expect_equal((destination.query("SELECT code FROM openmage.core_website WHERE is_default = 1"),
                              destination.query("SELECT status FROM openmage.sales_order_status_state WHERE state = 'processing' AND is_default = 1"),
                              destination.query("SELECT status FROM openmage.sales_order_status_state WHERE state = 'odd' AND is_default = 1"),
                              destination.query(groups)),
                             (before, status, (("odd", ), ), ()), "defaults after sync of %s: %s" % (entity, err[-1500:]))
            expect_equal(destination.scalar("SELECT COUNT(*) FROM openmage.core_website WHERE code = 'main'"), 1, "the website that came")
            # a group's default store that was deleted here, and comes back
            nowhere = "SELECT COUNT(*) FROM openmage.core_store_group WHERE default_store_id NOT IN (SELECT store_id FROM openmage.core_store)"
            destination.run("DELETE FROM core_store WHERE store_id > 0 AND store_id IN (SELECT default_store_id FROM core_store_group) AND store_id IN "
                            "(SELECT target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'store')", database="openmage")
            expect(destination.scalar(nowhere) > 0, "no group has lost its default store")
            sync(shops, "store", "-d", "merge")
            expect_equal(destination.scalar(nowhere), 0, "groups without their default store")

    @suite.case("missing-members", "options and groups that are missing are created, or an error, decided and told before anything is written")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["product"])) as shops:
            ask = lambda sql: shops.destination.scalar(sql, "openmage")
            sync(shops, "product", "-d", "update")
            shops.source.run("INSERT INTO eav_attribute_option (option_id, attribute_id) SELECT 99001, MIN(attribute_id) FROM eav_attribute JOIN "
                             "eav_attribute_option USING (attribute_id) WHERE is_user_defined = 1 AND frontend_input = 'select'",
                             "INSERT INTO eav_attribute_option_value (option_id, store_id, value) VALUES (99001, 1, 'In a store'), (99001, 0, 'Brand new')",
                             "INSERT INTO eav_attribute_group (attribute_group_id, attribute_set_id, attribute_group_name) SELECT 9901, "
                             "MIN(attribute_set_id), 'A new group' FROM catalog_product_entity", database="openmage")
            counted = lambda: (ask("SELECT COUNT(*) FROM eav_attribute_option"), ask("SELECT COUNT(*) FROM eav_attribute_group"))
            before = counted()
            error = ("--set", "reference_missing=error")
            for options in (("--dry-run", ), ()):
                _out, err = sync(shops, "product", "-d", "update", *error, *options, expect_code=1)
                for what in ("table=eav_attribute_option row=99001 name=", "/Brand new\" action=stop", "table=eav_attribute_group row=9901 name=",
                             "/A new group\" action=stop"):
                    expect_contains(err, what, "what is missing %s" % (options, ))
                expect_contains(err, "2 that others may refer to are not at the destination, see above; nothing was written", "error")
            expect_equal(counted(), before, "options and groups")
            _out, err = sync(shops, "product", "-d", "update", "--dry-run")
            expect_contains(err, "/Brand new\" action=create", "what would be created")
            expect_equal(counted(), before, "options and groups after a look")
            _out, err = sync(shops, "product", "-d", "update")
            expect_contains(err, "will be added to what is there, since others may refer to it entity=attribute count=1", "what is created")
            expect_equal(counted(), tuple(number + 1 for number in before), "options and groups that were created")
            _out, err = sync(shops, "product", "-d", "update", *error)
            expect("not at the destination" not in err, "again: " + err[-1500:])
            shops.lab.program.incremental(timeout=240)
            shops.source.run("INSERT INTO eav_attribute_option (option_id, attribute_id) SELECT 99002, attribute_id FROM eav_attribute_option WHERE "
                             "option_id = 99001", "INSERT INTO eav_attribute_option_value (option_id, store_id, value) VALUES (99002, 0, 'Newer')",
                             database="openmage")
            code, _out, err = shops.lab.program.command("incremental", *error, timeout=240)
            expect_equal(code, 1, "a stream: " + err[-1500:])
            expect_contains(err, "table=eav_attribute_option row=99002", "a stream")
            shops.lab.program.incremental(timeout=240)
            expect_equal(counted()[0], before[0] + 2, "options that a stream has brought")

    @suite.case("same-number", "an order that is found by its number and was created at another time there is told, with both times, once")
    def _():
        with TwoShops(settings=STREAM) as shops:
            source, destination = shops.source, shops.destination
            orders = "SELECT increment_id, entity_id, created_at FROM openmage.sales_flat_order WHERE increment_id IS NOT NULL"
            theirs, here = ({number: (key, time) for number, key, time in server.query(orders)} for server in (source, destination))
            both = sorted(set(theirs) & set(here))
            expect({theirs[number][1] == here[number][1] for number in both} == {True}, "orders of both shops are of one time")
            # one that has an invoice at the source
            one = source.scalar("SELECT MIN(o.increment_id) FROM openmage.sales_flat_order o JOIN openmage.sales_flat_invoice i ON i.order_id = o.entity_id")
            if one not in here:
                destination.run("UPDATE sales_flat_order SET increment_id = '%s' WHERE increment_id = '%s'" % (one, min(set(here) - set(theirs))),
                                database="openmage")
            line = 'entity=order key=%d number=%s created_at="%s" there="%s"'
            said = lambda err: err.count("found by its number, but created at another time")
            move = lambda numbers: destination.run("UPDATE sales_flat_order SET created_at = created_at + INTERVAL 1 DAY WHERE increment_id IN ('%s')"
                                                   % "', '".join(numbers), database="openmage")
            move([one])
            now = destination.scalar("SELECT created_at FROM openmage.sales_flat_order WHERE increment_id = '%s'" % one)
            told = line % (theirs[one][0], one, theirs[one][1], now)
            for entity, policy, *options in (("order", "error", "--increment-ids", one), ("order", "update", "--dry-run"), ("invoice", "skip", "--dry-run"),
                                             ("all", "merge", "--dry-run"), ("order", "skip")):
                _out, err = sync(shops, entity, "-d", policy, *options, expect_code={"error": 1}.get(policy, 3 if entity == "invoice" else 0))
                expect_contains(err, told, "sync %s" % entity)
                expect_contains(err, "another increment_prefix in eav_entity_store entity=order count=1", "sync %s" % entity)
                expect_equal(said(err), 1, "sync %s -d %s %s: %s" % (entity, policy, options, err))
            move(both)
            for policy in ("update", "merge"):
                _out, err = sync(shops, "order", "-d", policy)
                expect_equal(said(err), 0, "what the registry knows: " + err)
            # many, and of both kinds that a stream brings: copies and changes
            order = ("INSERT INTO sales_flat_order (increment_id, created_at, store_id, grand_total, base_grand_total) SELECT '%s', '20%d-01-01', "
                     "MIN(store_id), 1, 1 FROM core_store WHERE store_id > 0")
            numbers = ["9%08d" % number for number in range(25)]
            for server, year in ((source, 20), (destination, 21)):
                server.run(*(order % (number, year) for number in numbers[:24]), database="openmage")
            err = shops.lab.program.incremental(timeout=240)
            expect_equal(said(err), 20, "the first ones: " + err)
            expect_contains(err, "entity=order count=24", "how many")
            for server, year in ((source, 20), (destination, 21)):
                server.run(order % (numbers[24], year), database="openmage")
            item = "INSERT INTO sales_flat_order_item (order_id, parent_item_id) SELECT MAX(entity_id), %s FROM sales_flat_order"
            destination.run(item % "NULL", item % "LAST_INSERT_ID()", database="openmage")
            err = shops.lab.program.incremental(timeout=240)
            expect_contains(err, "number=%s created_at=\"2020-01-01 00:00:00\" there=\"2021-01-01 00:00:00\"" % numbers[24], "a change")
            expect_equal(said(err), 1, "a change: " + err)
            expect_equal(destination.scalar("SELECT COUNT(*) FROM openmage.sales_flat_order_item JOIN openmage.sales_flat_order ON entity_id = order_id "
                                            "WHERE increment_id = '%s'" % numbers[24]), 0, "items of the order that was there, and items below these")

    @suite.case("primary-coupons", "a rule has one primary coupon: the destination's where both are merged, else the source's, as it goes on")
    def _():
        with TwoShops(settings=STREAM) as shops:
            columns, run = "coupon_id, rule_id, code, is_primary, usage_limit", lambda server, *sql: server.run(
                "SET SESSION sql_mode = ''", *sql, database="openmage")
            coupons = lambda: [tuple(row) for row in shops.destination.query(
                "SELECT code, is_primary, usage_limit FROM openmage.salesrule_coupon JOIN openmage.salesrule USING (rule_id) WHERE name = 'both' ORDER BY 1")]
            for server, rule in ((shops.source, 90001), (shops.destination, 90002)):
                run(server, "INSERT INTO salesrule (rule_id, name, is_active, coupon_type, discount_amount) VALUES (%d, 'both', 1, 2, 5)" % rule)
            run(shops.source, "INSERT INTO salesrule_coupon (%s) VALUES (90003, 90001, 'A', 1, 7), (90004, 90001, 'C', NULL, 7)" % columns)
            run(shops.destination, "INSERT INTO salesrule_coupon (%s) VALUES (90005, 90002, 'A', NULL, 1), (90006, 90002, 'B', 1, 1)" % columns)
            sync(shops, "salesrule", "-d", "merge")
            expect_equal(coupons(), [("A", None, 7), ("B", 1, 1), ("C", None, 7)], "merged")
            sync(shops, "salesrule", "-d", "update")
            expect_equal(coupons(), [("A", 1, 7), ("C", None, 7)], "updated")
            shops.lab.program.incremental(timeout=240)
            for old, new, both in ((90003, 90004, [("A", None, 7), ("C", 1, 7)]), (90004, 90003, [("A", 1, 7), ("C", None, 7)])):
                run(shops.source, "BEGIN", "UPDATE salesrule_coupon SET is_primary = NULL WHERE coupon_id = %d" % old,
                    "UPDATE salesrule_coupon SET is_primary = 1 WHERE coupon_id = %d" % new, "COMMIT")
                shops.lab.program.incremental(timeout=240)
                expect_equal(coupons(), both, "another one at the source")
            # made at the source when the destination has it, with a coupon of its own
            for policy, left in (("update", 0), ("merge", 1), ("skip", 1)):
                run(shops.destination, "INSERT INTO salesrule (name) VALUES ('%s')" % policy,
                    "INSERT INTO salesrule_coupon (rule_id, code) VALUES (LAST_INSERT_ID(), '%s')" % policy)
                run(shops.source, "INSERT INTO salesrule (name, sort_order) VALUES ('%s', 7)" % policy)
                shops.lab.program.configure({"on_duplicate": policy})
                shops.lab.program.incremental(timeout=240)
                expect_equal([tuple(row) for row in shops.destination.query(
                    "SELECT sort_order, COUNT(coupon_id) FROM openmage.salesrule LEFT JOIN openmage.salesrule_coupon USING (rule_id) WHERE name = '%s' "
                    "GROUP BY rule_id" % policy)], [(0 if policy == "skip" else 7, left)], "what a stream finds, " + policy)

    @suite.case("groups-renamed", "an attribute is once in a set: what the source has in another group, or in one of another name, is moved")
    def _():
        for entity, policy, there in (("order", "merge", "destination"), ("attribute_set", "merge", "source")):
            with TwoShops(settings=STREAM) as shops:
                name = ("SELECT attribute_group_name FROM openmage.eav_attribute_group JOIN openmage.eav_entity_attribute e USING (attribute_group_id) JOIN "
                        "openmage.eav_attribute a USING (attribute_id) JOIN openmage.eav_attribute_set s ON s.attribute_set_id = e.attribute_set_id JOIN "
                        "openmage.eav_entity_type t ON t.entity_type_id = s.entity_type_id WHERE attribute_code = 'sku' AND attribute_set_name = 'Default' "
                        "AND entity_type_code = 'catalog_product'")
                before = shops.destination.scalar(name)
                expect(before, "the set is not there")
                getattr(shops, there).run("UPDATE eav_attribute_group SET attribute_group_name = 'Renamed' WHERE attribute_group_name = '%s'" % before,
                                          database="openmage")
                for _round in range(2):
                    sync(shops, entity, "-d", policy)
                    expect_equal(shops.destination.scalar(name), before if (entity == "order") == (there == "source") else "Renamed",
                                 "%s, %s, renamed at the %s" % (entity, policy, there))
