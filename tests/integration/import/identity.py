"""How rows are told that the registry does not know: by what the catalogue calls their identity."""

from lib.suite import expect_contains, expect_equal
from lib.twoshops import TwoShops
from modes import attribute
from syncs import count_rows, counted_rows, right, sync

STREAM = {"mode": "import", "source_system": "legacy", "on_duplicate": "update"}
SET = ("(SELECT attribute_set_id FROM eav_attribute_set JOIN eav_entity_type USING (entity_type_id) WHERE attribute_set_name = 'Default' AND "
       "entity_type_code = 'catalog_product')")


def again(shops, entity, policy):
    """The second run writes nothing."""
    count_rows(shops.destination)
    sync(shops, entity, "-d", policy)
    written = counted_rows(shops.destination, "ROWS_CHANGED")
    expect_equal({name: count for name, count in written.items() if name.startswith(("eav_", "directory_", "sales_", "salesrule"))}, {},
                 "%s %s again: rows written" % (entity, policy))


def group_of(server, code):
    """[the group of the default set that the attribute is in]: it is once in a set."""
    return [row[0] for row in server.query(
        "SELECT attribute_group_name FROM eav_entity_attribute e JOIN eav_attribute_group USING (attribute_group_id) WHERE e.attribute_set_id = %s "
        "AND attribute_id = %d" % (SET, attribute(server, code)), "openmage")]


def move(server, code, group):
    server.run("UPDATE eav_entity_attribute SET attribute_group_id = (SELECT attribute_group_id FROM eav_attribute_group g WHERE "
               "attribute_group_name = '%s' AND g.attribute_set_id = %s) WHERE attribute_set_id = %s AND attribute_id = %d"
               % (group, SET, SET, attribute(server, code)), database="openmage")


def define(suite):
    @suite.case("identity-set", "an attribute that the destination has in another group of its set stays there, or moves to the source's")
    def _():
        for policy in ("update", "merge"):
            with TwoShops(settings={}) as shops:
                there = group_of(shops.source, "meta_title")
                move(shops.destination, "meta_title", "Own group")
                sync(shops, "product", "-d", policy)
                expect_equal(group_of(shops.destination, "meta_title"), ["Own group"], policy + ": products, which only need it")
                sync(shops, "attribute_set", "-d", policy)
                expect_equal(group_of(shops.destination, "meta_title"), there, policy + ": sets")
                again(shops, "attribute_set", policy)
                sync(shops, "all", "-d", policy)
                right(shops, policy, "legacy")

    @suite.case("identity-set-stream", "a stream finds an attribute in whatever group of its set")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            program.incremental(timeout=240)
            where = "attribute_set_id = %s AND attribute_id = %d" % (SET, attribute(source, "meta_title"))
            there = group_of(source, "meta_title")
            move(destination, "meta_title", "Own group")
            source.run("UPDATE eav_entity_attribute SET sort_order = 77 WHERE " + where, database="openmage")
            program.incremental()
            expect_equal(destination.scalar("SELECT sort_order FROM eav_entity_attribute WHERE attribute_set_id = %s AND attribute_id = %d"
                                            % (SET, attribute(destination, "meta_title")), "openmage"), 77, "its place")
            move(source, "meta_title", "Prices")
            program.incremental()
            expect_equal((there == ["Prices"], group_of(destination, "meta_title")), (False, ["Prices"]), "moved at the source")
            move(destination, "meta_title", "Own group")
            source.run("DELETE FROM eav_entity_attribute WHERE " + where, database="openmage")
            program.incremental()
            expect_equal(group_of(destination, "meta_title"), [], "taken out of the set at the source")

    @suite.case("identity-case", "texts that the destination's collation calls equal tell a row: names of groups, labels, codes; its own spelling first")
    def _():
        with TwoShops(settings={}) as shops:
            source, destination = shops.source, shops.destination
            ask = lambda sql: destination.query(sql, "openmage")
            destination.run("SET sql_mode = ''", "UPDATE eav_attribute_group SET attribute_group_name = LOWER(attribute_group_name)",
                            "UPDATE eav_attribute_option_value SET value = CONCAT(UPPER(value), ' ') WHERE store_id = 0",
                            "UPDATE directory_country_region SET code = LOWER(code)", "UPDATE sales_order_status_state SET state = UPPER(state)",
                            "UPDATE eav_form_fieldset SET code = UPPER(code)",
                            "INSERT INTO salesrule (name, is_active, coupon_type) VALUES ('SAVE10', 1, 2)",
                            "INSERT INTO salesrule_coupon (rule_id, code) SELECT MAX(rule_id), 'sávë10' FROM salesrule", database="openmage")
            # a label in the source's spelling, behind another one
            labels = ("SELECT attribute_code, value, option_id FROM eav_attribute_option_value JOIN eav_attribute_option USING (option_id) JOIN eav_attribute "
                      "USING (attribute_id) WHERE store_id = 0 AND attribute_code <> 'gender' ORDER BY option_id DESC")
            here = {(code, label.strip().lower()) for code, label, _option in ask(labels)}
            code, label, option = next(row for row in source.query(labels, "openmage") if (row[0], row[1].lower()) in here)
            destination.run("INSERT INTO eav_attribute_option (attribute_id, sort_order) SELECT attribute_id, 33 FROM eav_attribute WHERE attribute_code = '%s'"
                            % code, "INSERT INTO eav_attribute_option_value (option_id, store_id, value) SELECT MAX(option_id), 0, '%s' FROM "
                            "eav_attribute_option" % label, database="openmage")
            spelt = "SELECT COUNT(*) FROM eav_attribute_group WHERE BINARY attribute_group_name = BINARY LOWER(attribute_group_name)"
            groups = ask(spelt)
            sync(shops, "product", "-d", "update")
            expect_equal(ask(spelt), groups, "groups that are only referred to")
            twins = ask("SELECT attribute_id, UPPER(value), COUNT(*) FROM eav_attribute_option JOIN eav_attribute_option_value USING (option_id) WHERE "
                        "store_id = 0 GROUP BY 1, 2 HAVING COUNT(*) > 1")
            expect_equal([twin[2] for twin in twins], [2], "labels that one attribute has twice")
            expect_equal(destination.scalar("SELECT sort_order FROM datasync.datasync_entity_registry JOIN openmage.eav_attribute_option ON option_id = "
                                            "target_id WHERE entity_type = 'eav_attribute_option' AND source_id = %d" % option), 33,
                         "the one that is spelt as at the source")
            for entity in ("all", "order_status", "eav_form"):
                sync(shops, entity, "-d", "update")
            again(shops, "all", "update")
            expect_equal(ask("SELECT code FROM salesrule_coupon WHERE code = 'SAVE10'"), (("SAVE10",),), "the coupon")
            for table in ("directory_country_region", "sales_order_status_state", "eav_form_fieldset"):
                expect_equal(ask("SELECT COUNT(*) FROM " + table), source.query("SELECT COUNT(*) FROM " + table, "openmage"), table)

    @suite.case("identity-characters", "a label with characters that the destination's column cannot hold is left out with its attribute, and nothing else")
    def _():
        with TwoShops(settings={}) as shops:
            source = shops.source
            source.run("ALTER TABLE eav_attribute_option_value MODIFY value VARCHAR(255) CHARACTER SET utf8mb4", "SET NAMES utf8mb4",
                       "UPDATE eav_attribute_option_value SET value = CONCAT(value, ' ', CONVERT(X'F09F9880' USING utf8mb4)) WHERE store_id = 0 AND option_id = "
                       "(SELECT MIN(option_id) FROM eav_attribute_option JOIN eav_attribute USING (attribute_id) WHERE attribute_code = 'gender')",
                       database="openmage")
            _out, err = sync(shops, "all", "-d", "update", "--skip-invalid", expect_code=3)
            expect_contains(err, "left out entity=attribute key=%d" % attribute(source, "gender", "customer"), "the log")
            expect_equal(err.count("left out entity="), 1, "what is left out: " + err)

    @suite.case("identity-fixed", "what every shop has under the same id is found by it, whatever it is called")
    def _():
        with TwoShops(settings={}) as shops:
            destination = shops.destination
            ask = lambda sql: destination.query(sql, "openmage")
            # another group has the name of those who are not logged in
            destination.run("UPDATE customer_group SET customer_group_code = 'Not logged in' WHERE customer_group_id > 0 LIMIT 1",
                            "UPDATE customer_group SET customer_group_code = 'Gast' WHERE customer_group_id = 0",
                            "DELETE FROM catalog_category_entity_varchar WHERE entity_id = 1",
                            "UPDATE core_website SET code = 'backend' WHERE website_id = 0", "UPDATE core_store SET code = 'backend' WHERE store_id = 0",
                            "UPDATE core_store_group SET name = 'backend' WHERE group_id = 0",
                            "UPDATE cataloginventory_stock SET stock_name = 'Lager'", "UPDATE review_status SET status_code = CONCAT('x', status_code)",
                            database="openmage")
            tables = ("core_website", "core_store", "core_store_group", "cataloginventory_stock", "review_status")
            count = lambda: [ask("SELECT COUNT(*) FROM " + table) for table in tables]
            before = count()
            for entity in ("product", "order", "review"):
                sync(shops, entity, "-d", "update")
            expect_equal(ask("SELECT entity_id, path FROM catalog_category_entity WHERE level = 0"), ((1, "1"),), "the tree's root")
            expect_equal(ask("SELECT customer_group_code FROM customer_group WHERE customer_group_id = 0"), (("Gast",),), "those who are not logged in")
            expect_equal(ask("SELECT COUNT(*) FROM sales_flat_order WHERE customer_is_guest = 1 AND customer_group_id <> 0"), ((0,),), "orders of guests")
            expect_equal(count(), before, "rows of " + ", ".join(tables))

    @suite.case("identity-or", "regions by code, those without one by name; a region that may be several is an error, unless they are all the same")
    def _():
        region = "INSERT INTO directory_country_region (country_id, code, default_name) VALUES ('NL', '%s', '%s')"
        with TwoShops(settings={}) as shops:
            source, destination = shops.source, shops.destination
            for server, rows in ((source, (("", "Utrecht"), ("", "Zeeland"), ("", "Drenthe"), ("FL", "Flevoland"), ("GE", "Gelderland"))),
                                 (destination, (("", "Zeeland"), ("", "Utrecht"), ("DR", "drenthe"), ("fl", "Flevopolder"), ("GE", "Guelders"), ("GE", "Guelders")))):
                server.run(*(region % row for row in rows), database="openmage")
            sync(shops, "customer", "-d", "update")
            found = {source.scalar("SELECT default_name FROM directory_country_region WHERE region_id = %s" % there, "openmage"):
                     destination.scalar("SELECT default_name FROM directory_country_region WHERE region_id = %d" % here, "openmage")
                     for there, here in destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = "
                                                          "'directory_country_region'")}
            expect_equal({name: found.get(name) for name in ("Utrecht", "Zeeland", "Drenthe", "Flevoland", "Gelderland")},
                         {"Utrecht": "Utrecht", "Zeeland": "Zeeland", "Drenthe": "drenthe", "Flevoland": "Flevopolder", "Gelderland": "Guelders"}, "regions")
            expect_equal(destination.scalar("SELECT COUNT(*) FROM directory_country_region WHERE country_id = 'NL'", "openmage"), 6, "regions at the destination")
            again(shops, "customer", "update")
            # one that cannot be told: another name, and twice the code
            source.run(region % ("XX", "Somewhere"), database="openmage")
            destination.run(region % ("XX", "Here"), region % ("XX", "There"), database="openmage")
            _out, err = sync(shops, "customer", "-d", "update", expect_code=1)
            expect_contains(err, "several rows of the destination may be row", "the error")
            expect_contains(err, "of country NL", "the error")
            destination.run("UPDATE directory_country_region SET default_name = 'SOMEWHERE' WHERE default_name = 'There'", database="openmage")
            sync(shops, "customer", "-d", "update")

    @suite.case("identity-merge", "a matched price rule's coupon becomes the source's, and what else both have of it, and of widgets and newsletters, is not added")
    def _():
        rule = "(SELECT rule_id FROM salesrule WHERE name = '%s' LIMIT 1)"
        for policy in ("merge", "update"):
            with TwoShops(settings={}) as shops:
                source, destination = shops.source, shops.destination
                ask = lambda sql: destination.query(sql, "openmage")
                destination.run("SET sql_mode = ''", "INSERT INTO salesrule (name, is_active, coupon_type) VALUES ('SAVE10', 1, 2)",
                                "INSERT INTO salesrule_coupon (rule_id, code, is_primary) VALUES (%s, 'OTHER10', 1), (%s, 'own', NULL)"
                                % (rule % "SAVE10", rule % "SAVE10"), database="openmage")
                people = "SELECT email, code FROM customer_entity JOIN core_website USING (website_id) ORDER BY 1"
                email = next(row[0] for row in source.query(people, "openmage") if row in ask(people))
                for server in (source, destination):
                    server.run("INSERT INTO salesrule_customer (rule_id, customer_id, times_used) SELECT %s, entity_id, 1 FROM customer_entity WHERE "
                               "email = '%s' LIMIT 1" % (rule % "auto", email), database="openmage")
                own = destination.scalar("SELECT coupon_id FROM salesrule_coupon WHERE code = 'OTHER10'", "openmage")
                sync(shops, "all", "-d", policy)
                expect_equal(ask("SELECT code, coupon_id = %d FROM salesrule_coupon WHERE rule_id = %s AND is_primary = 1" % (own, rule % "SAVE10")),
                             (("SAVE10", 1),), policy + ": the coupon")
                expect_equal(ask("SELECT COUNT(*) FROM salesrule_coupon WHERE code = 'own'"), ((1 if policy == "merge" else 0,),), policy + ": another one")
                expect_equal(ask("SELECT COUNT(*) FROM salesrule_customer JOIN customer_entity ON entity_id = customer_id WHERE email = '%s' AND rule_id = %s"
                                 % (email, rule % "auto")), ((1,),), policy + ": the customer's use of a rule")
                again(shops, "all", policy)

    @suite.case("identity-input", "an attribute that is a choice of options at one side alone is an error that names it, or left out with its values")
    def _():
        with TwoShops(settings=STREAM) as shops:
            source, destination = shops.source, shops.destination
            codes = "SELECT attribute_code, frontend_input, backend_type FROM eav_attribute JOIN eav_attribute_option USING (attribute_id) WHERE is_user_defined = 1"
            both = set(source.query(codes, "openmage")) & set(destination.query(codes, "openmage"))
            select = min(code for code, kind, _type in both if kind == "select")
            text = "UPDATE eav_attribute SET frontend_input = '%s' WHERE attribute_code = '%s'"
            wrong = [(destination, select, "select", "text"), (source, "meta_title", "text", "multiselect"), (destination, "meta_title", "text", "select")]
            for server, code, was, now in wrong:
                server.run(text % (now, code), database="openmage")
                for policy in ("update", "skip"):
                    _out, err = sync(shops, "product", "-d", policy, expect_code=1)
                    expect_contains(err, "attribute %s of catalog_" % code, "the error")
                    expect_contains(err, "has values of another kind: its frontend_input is ", "the error")
                if server == destination and was == "select":
                    for entity in ("product", "all"):
                        _out, err = sync(shops, entity, "-d", "update", "--skip-invalid", expect_code=3)
                        expect_contains(err, "left out entity=attribute key=%d reason=" % attribute(source, code), "sync %s" % entity)
                    values = ("SELECT COUNT(*) FROM catalog_product_entity_int v JOIN datasync.datasync_entity_registry ON target_id = entity_id AND entity_type = "
                              "'product' AND origin = 'created' WHERE attribute_id = %d" % attribute(destination, code))
                    expect_equal(destination.scalar(values, "openmage"), 0, "its values")
                server.run(text % (was, code), database="openmage")
            shops.lab.program.incremental(timeout=240)
            right(shops, "update", "legacy")
            # what came from the source follows it
            code = destination.scalar("SELECT attribute_code FROM datasync.datasync_entity_registry JOIN eav_attribute ON attribute_id = target_id WHERE "
                                      "entity_type = 'attribute' AND origin = 'created' LIMIT 1", "openmage")
            source.run(text % ("textarea", code), database="openmage")
            shops.lab.program.incremental()
            expect_equal(destination.scalar("SELECT frontend_input FROM eav_attribute WHERE attribute_code = '%s'" % code, "openmage"), "textarea", code)

    @suite.case("identity-widgets", "widgets with their layout changes, and newsletters that wait, are those that the destination has already; another one comes")
    def _():
        with TwoShops(settings={}) as shops:
            for server, number in ((shops.source, 900), (shops.destination, 950)):
                xml = "<reference name=\"left\"><action method=\"setData\"><name>title</name><value>4</value></action></reference>"
                server.run("SET SESSION sql_mode = ''",
                           "INSERT INTO newsletter_template (template_id, template_code, template_text) VALUES (%d, 'both', 'x')" % number, *[
                               "INSERT INTO newsletter_queue (queue_id, template_id, newsletter_subject, queue_start_at, queue_status) VALUES "
                               "(%d, %d, '%s', '2026-12-24 10:00:00', 0)" % (number + n, number, name) for n, name in enumerate(
                                   ("both", "source") if server is shops.source else ("both", ))], *[
                               sql % {"id": number + n, "name": name, "xml": xml} for n, name in enumerate(
                                   ("both", "source") if server is shops.source else ("both", )) for sql in (
                               "INSERT INTO widget_instance (instance_id, instance_type, package_theme, title, store_ids) VALUES "
                               "(%(id)d, 'cms/widget_block', 'base/default', '%(name)s', '0')",
                               "INSERT INTO widget_instance_page (page_id, instance_id, page_group, layout_handle, block_reference, page_for) VALUES "
                               "(%(id)d, %(id)d, 'all_pages', 'default', 'left', 'all')",
                               "INSERT INTO core_layout_update (layout_update_id, handle, xml) VALUES (%(id)d, '%(name)s', '%(xml)s')",
                               "INSERT INTO core_layout_link (store_id, area, package, theme, layout_update_id) VALUES "
                               "(0, 'frontend', 'base', 'default', %(id)d)",
                               "INSERT INTO widget_instance_page_layout (page_id, layout_update_id) VALUES (%(id)d, %(id)d)")], database="openmage")
            count = lambda: [[tuple(row) for row in shops.destination.query(sql, "openmage")] for sql in (
                "SELECT title, COUNT(*), COUNT(page_id), COUNT(layout_update_id), COUNT(layout_link_id) FROM widget_instance LEFT JOIN "
                "widget_instance_page USING (instance_id) LEFT JOIN widget_instance_page_layout USING (page_id) LEFT JOIN core_layout_link USING "
                "(layout_update_id) WHERE title IN ('both', 'source') GROUP BY title ORDER BY 1",
                "SELECT newsletter_subject, COUNT(*) FROM newsletter_queue WHERE newsletter_subject IN ('both', 'source') GROUP BY 1 ORDER BY 1",
                "SELECT handle, COUNT(*) FROM core_layout_update WHERE handle IN ('both', 'source') GROUP BY 1 ORDER BY 1")]
            for _round in range(2):
                sync(shops, "all", "-d", "update")
                expect_equal(count(), [[("both", 1, 1, 1, 1), ("source", 1, 1, 1, 1)], [("both", 1), ("source", 1)], [("both", 1), ("source", 1)]],
                             "widgets, newsletters, layout changes")
