"""Ids inside longer values that name what is not imported, or is gone: found at the destination, or left out of a value that keeps the rest."""

import re

from lib import phpserialize as php
from lib.importcheck import check
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from syncs import registered_target, rows, same_rows, sync


# the entity that is imported alone, and what the check calls it
ALONE = (("order", "order"), ("quote", "cart"), ("cms_page", "cms_page"), ("wishlist", "wishlist"), ("salesrule", "salesrule"),
         ("catalogrule", "catalogrule"))


def query(server, sql):
    return [tuple(row) for row in server.query(sql, "openmage")]


def value(server, sql):
    return server.scalar(sql, "openmage")


def translated(shops, table, key, column, number, entity=None):
    """The value of a row of the source's in what became of it at the destination."""
    here = registered_target(shops, entity or table, number, "legacy")
    return value(shops.destination, "SELECT %s FROM %s WHERE %s = %s" % (column, table, key, here))


def order_item(shops, number):
    return php.loads(translated(shops, "sales_flat_order_item", "item_id", "product_options", number))


def newest_item(shops, part, kind):
    """(item, its options) of the source's newest order item with such options."""
    item, text = query(shops.source, "SELECT item_id, product_options FROM sales_flat_order_item WHERE product_type = '%s' AND "
                       "product_options LIKE '%%%s%%' ORDER BY 1 DESC LIMIT 1" % (kind, part))[0]
    return item, php.loads(text)


def define(suite):
    @suite.case("bought-and-gone", "what was bought of a product that the source has deleted is still told, under keys that name nothing")
    def _():
        with TwoShops(settings={}) as shops:
            item, there = newest_item(shops, "bundle_options", "bundle")
            shops.source.run("DELETE FROM catalog_product_entity WHERE type_id = 'bundle'", database="openmage")
            _out, err = sync(shops, "all", "-d", "update")
            expect_contains(err, "ids inside values became empty: of what the source has no more", "what is told")
            here, before = order_item(shops, item), rows(shops)
            parts = [[-key, part] for key, part in there.get("bundle_options")]
            for _key, part in parts:
                part[[key for key, _value in part].index("option_id")] = ["option_id", None]
            expect_equal(list(here.get("bundle_options")), parts, "parts of the bundle")
            request = there.get("info_buyRequest").get("bundle_option_qty")
            expect_equal(list(here.get("info_buyRequest").get("bundle_option_qty")), [[-key, qty] for key, qty in request], "quantities")
            sync(shops, "all", "-d", "update")
            same_rows(shops, before, "the same again")

    @suite.case("named-alone", "an entity that is imported alone: what its values name is found at the destination, and nothing of it changes")
    def _():
        with TwoShops(other=False, settings={}) as shops:
            page, block, product = (value(shops.source, "SELECT MIN(%s) FROM %s" % at) for at in (
                ("page_id", "cms_page"), ("block_id", "cms_block"), ("entity_id", "catalog_product_entity")))
            text = '{{widget type="cms/widget_block" block_id="%s"}} {{block type="catalog/product_view" product_id="%s"}}'
            shops.source.run("UPDATE cms_page SET content = '%s' WHERE page_id = %d" % (text % (block, product), page), database="openmage")
            shops.destination.run("DELETE FROM sales_flat_quote", database="openmage")  # which nobody can tell apart
            for entity, name in ALONE:
                sync(shops, entity, "-d", "update")
                report = check(shops.source.connect(), shops.destination.connect(), entities=(name, ))
                wrong = [line for line in report.problems if re.search(r"\.(product_options|value|content|layout_update_xml|\w+_serialized|"
                                                                       r"applied_rule_ids|product_ids)\b", line)]
                expect(not wrong, "%s:\n%s" % (entity, "\n".join(wrong)))
                after = rows(shops)
                sync(shops, entity, "-d", "update")
                if entity != "quote":
                    same_rows(shops, after, entity)
            theirs, ours = (sorted(re.findall(r'rule_id";(?:s:\d+:"|i:)(\d+)', str(query(
                server, "SELECT applied_taxes FROM sales_flat_quote_address")))) for server in (shops.source, shops.destination))
            theirs, ours = ([value(server, "SELECT code FROM tax_calculation_rule WHERE tax_calculation_rule_id = %s" % number) for number in
                             numbers] for server, numbers in ((shops.source, theirs), (shops.destination, ours)))
            expect_equal((len(ours) > 0, sorted(ours)), (True, sorted(name for name in theirs if name)), "rules of the taxes of carts")
            identifiers = [value(server, "SELECT %s FROM %s WHERE %s = %s" % at) for at, server in (
                (("identifier", "cms_block", "block_id", block), shops.source),
                (("sku", "catalog_product_entity", "entity_id", product), shops.source))]
            here = translated(shops, "cms_page", "page_id", "content", page)
            expect_equal(here, text % tuple(value(shops.destination, "SELECT %s FROM %s WHERE %s = '%s'" % (*at, name)) for at, name in zip((
                ("block_id", "cms_block", "identifier"), ("entity_id", "catalog_product_entity", "sku")), identifiers)), "a page")

    @suite.case("parts-named-alone", "an order, a cart, an invoice that is imported alone: addresses and items that it names below another entity are found there")
    def _():
        with TwoShops(other=False, settings={}) as shops:
            source, destination = shops.source, shops.destination
            cart, customer, address = query(source, "SELECT MAX(q.entity_id), a.parent_id, MIN(a.entity_id) FROM sales_flat_quote q JOIN "
                                            "customer_address_entity a ON a.parent_id = q.customer_id")[0]
            source.run("UPDATE sales_flat_quote_address SET customer_id = %d, customer_address_id = %d WHERE quote_id = %d" % (
                customer, address, cart), database="openmage")
            destination.run("DELETE FROM sales_flat_quote", "DELETE FROM sales_flat_invoice", "UPDATE sales_flat_order_address SET customer_address_id = NULL",
                            database="openmage")
            street = ("LEFT JOIN customer_address_entity_text v ON v.entity_id = a.customer_address_id AND v.attribute_id = (SELECT attribute_id FROM "
                      "eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE attribute_code = 'street' AND entity_type_code = "
                      "'customer_address')")
            for entity, sql in (
                    ("order", "SELECT o.increment_id, a.address_type, v.value FROM sales_flat_order_address a JOIN "
                              "sales_flat_order o ON o.entity_id = a.parent_id " + street + " ORDER BY 1, 2"),
                    ("quote", "SELECT a.address_type, v.value FROM sales_flat_quote_address a " + street + " WHERE v.value IS NOT NULL ORDER BY 1, 2"),
                    ("invoice", "SELECT i.increment_id, o.sku, o.product_type FROM sales_flat_invoice i JOIN sales_flat_invoice_item x ON "
                                "x.parent_id = i.entity_id LEFT JOIN sales_flat_order_item o ON o.item_id = x.order_item_id ORDER BY 1, 2, 3")):
                sync(shops, entity, "-d", "update", system=entity)
                theirs = query(source, sql)
                expect(any(row[2 if entity == "order" else 1] for row in theirs), "%s name nothing" % entity)
                expect_equal([pair for pair in zip(query(destination, sql), theirs) if pair[0] != pair[1]], [], entity)

    @suite.case("layouts-named-alone", "a product or category that is imported alone: blocks in its layout changes, and its landing page, are found there")
    def _():
        with TwoShops(other=False, settings={}) as shops:
            source, destination = shops.source, shops.destination
            source.run("DELETE FROM catalog_product_entity WHERE sku IS NULL", database="openmage")  # which nothing but the registry knows
            block, product, category = (value(source, "SELECT %s FROM %s" % at) for at in (
                ("MAX(block_id)", "cms_block"), ("MAX(entity_id)", "catalog_product_entity"), ("MAX(entity_id)", "catalog_category_entity")))
            layout = ('<reference name="content"><block type="cms/block" name="x"><action method="setBlockId"><block_id>%s</block_id></action>'
                      '<action method="setProductId"><id>%s</id></action></block></reference>')
            for kind, number in (("product", product), ("category", category)):
                for code, of, text in (("custom_layout_update", "text", layout % (block, product)), ("landing_page", "int", block)):
                    source.run("REPLACE INTO catalog_%s_entity_%s (entity_type_id, attribute_id, store_id, entity_id, value) SELECT "
                               "entity_type_id, attribute_id, 0, %d, '%s' FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE "
                               "entity_type_code = 'catalog_%s' AND attribute_code = '%s'" % (kind, of, number, text, kind, code), database="openmage")
            block, number = (value(destination, "SELECT %s FROM %s WHERE %s = '%s'" % (*at, value(source, sql))) for at, sql in (
                (("block_id", "cms_block", "identifier"), "SELECT identifier FROM cms_block WHERE block_id = %d" % block),
                (("entity_id", "catalog_product_entity", "sku"), "SELECT sku FROM catalog_product_entity WHERE entity_id = %d" % product)))

            def values(kind, number):
                here = registered_target(shops, kind, number, "legacy")
                return [value(destination, "SELECT v.value FROM catalog_%s_entity_%s v JOIN eav_attribute USING (attribute_id) WHERE "
                              "attribute_code = '%s' AND store_id = 0 AND entity_id = %s" % (kind, of, code, here))
                        for code, of in (("custom_layout_update", "text"), ("landing_page", "int"))]
            for entity in ("product", "category"):
                sync(shops, entity, "-d", "update")
            expect_equal(values("product", product)[0], layout % (block, number), "layout of the product")
            expect_equal(values("category", category), [layout % (block, number), block], "of the category, and its landing page")
            destination.run("DROP DATABASE datasync", "DELETE FROM catalog_product_entity WHERE entity_id = %d" % number, database="openmage")
            sync(shops, "all", "-d", "update")
            number = registered_target(shops, "product", product, "legacy")
            expect_equal(values("category", category), [layout % (block, number), block], "a product that comes behind the category")

    @suite.case("attributes-by-model", "attributes of a shop's own, whatever their code: blocks, tax classes and customer groups that they name by number")
    def _():
        with TwoShops(settings={}) as shops:
            source, destination = shops.source, shops.destination
            source.run("DELETE FROM catalog_product_entity WHERE sku IS NULL", database="openmage")  # which a second source could not find
            block, group, tax, product, category, customer = (value(source, "SELECT %s" % at) for at in (
                "MAX(block_id) FROM cms_block", "MAX(customer_group_id) FROM customer_group", "MAX(class_id) FROM tax_class WHERE class_type = 'PRODUCT'",
                "MAX(entity_id) FROM catalog_product_entity", "MAX(entity_id) FROM catalog_category_entity", "MAX(entity_id) FROM customer_entity"))
            models = {"block": "catalog/category_attribute_source_page", "group": "customer/customer_attribute_source_group", "tax": "tax/class_source_product"}
            owners = {"product": ("catalog_product", product), "category": ("catalog_category", category), "customer": ("customer", customer)}
            own = [("product", "block", "int", block), ("product", "group", "int", group), ("product", "tax", "int", tax), ("category", "block", "int", block),
                   ("category", "group", "int", group), ("customer", "group", "int", group), ("product", "group", "varchar", "0,%d" % group),
                   ("category", "group", "text", "%d" % group), ("customer", "group", "varchar", "%d,0" % group)]
            for kind, model, backend, number in own:
                code, (of, entity) = "own_%s_%s" % (model, backend), owners[kind]
                default = tax if model == "tax" else None
                source.run("SET SESSION sql_mode = ''", "INSERT INTO eav_attribute (entity_type_id, attribute_code, backend_type, frontend_input, frontend_label, "
                           "source_model, is_user_defined, default_value) SELECT entity_type_id, '%s', '%s', '%s', '%s', '%s', 1, %s FROM eav_entity_type WHERE "
                           "entity_type_code = '%s'" % (code, backend, "select" if backend == "int" else "multiselect", code, models[model],
                                                        default or "NULL", of),
                           "INSERT INTO %s_eav_attribute (attribute_id) VALUES (LAST_INSERT_ID())" % of.split("_", maxsplit=1)[0],
                           "INSERT INTO %s_entity_%s (entity_type_id, attribute_id, entity_id, value) SELECT entity_type_id, MAX(attribute_id), %d, '%s' FROM "
                           "eav_attribute GROUP BY entity_type_id, attribute_code HAVING attribute_code = '%s' AND entity_type_id = (SELECT entity_type_id FROM "
                           "eav_entity_type WHERE entity_type_code = '%s')" % (of, backend, entity, number, code, of), database="openmage")

            def told(server, entities):
                """What the attributes name, by its own name."""
                names = {"block": "SELECT CONCAT(title, identifier) FROM cms_block WHERE block_id = %s", "tax": "SELECT class_name FROM tax_class WHERE class_id = %s",
                         "group": "SELECT customer_group_code FROM customer_group WHERE customer_group_id = %s"}
                found = []
                for kind, model, backend, _number in own:
                    of, _entity = owners[kind]
                    here = query(server, "SELECT v.value FROM %s_entity_%s v JOIN eav_attribute USING (attribute_id) WHERE attribute_code = 'own_%s_%s' AND "
                                 "entity_id = %s" % (of, backend, model, backend, entities[kind]))
                    found.append((kind, model, backend, [number and value(server, names[model] % number) for row in here for number in (str(row[0]).split(",") if row[0] else [None])]))
                default = query(server, "SELECT default_value FROM eav_attribute WHERE attribute_code = 'own_tax_int'")[0][0]
                return found, value(server, names["tax"] % default)
            theirs = told(source, {kind: entity for kind, (_of, entity) in owners.items()})
            expect(all(all(part[3]) and part[3] for part in theirs[0]), "they name nothing: %r" % (theirs, ))
            for system, entities in (("legacy", ("all", )), ("alone", ("product", "category", "customer"))):
                for entity in entities:
                    sync(shops, entity, "-d", "update", system=system)
                here = {kind: registered_target(shops, kind, entity, system) for kind, (_of, entity) in owners.items()}
                expect_equal(told(destination, here), theirs, system)
            source.run("DELETE FROM cms_block WHERE block_id = %d" % block, database="openmage")
            destination.run("DELETE FROM cms_block WHERE block_id = %s" % registered_target(shops, "cms_block", block, "legacy"),
                            "DROP DATABASE datasync", database="openmage")
            sync(shops, "all", "-d", "update")
            here = {kind: registered_target(shops, kind, entity, "legacy") for kind, (_of, entity) in owners.items()}
            expect_equal([part[3] for part in told(destination, here)[0] if part[1] == "block"], [[None], [None]], "a block that is gone")

    @suite.case("descriptions", "directives in descriptions of products and categories, whichever comes first")
    def _():
        with TwoShops(settings={}) as shops:
            product = value(shops.source, "SELECT MIN(entity_id) FROM catalog_product_entity WHERE sku IS NOT NULL")
            category = value(shops.source, "SELECT MAX(entity_id) FROM catalog_category_entity WHERE level = 2")
            text = ('<p>4</p> {{store direct_url="catalog/category/view/id/%(category)s"}} {{store url="catalog/product/view" id="%(product)s"}} {{widget '
                    'type="catalog/product_widget_link" id_path="product/%(product)s"}} {{block type="catalog/product_list" category_id="%(category)s"}}')
            kinds = {"product": ("catalog_product", product), "category": ("catalog_category", category)}
            for kind, number in kinds.values():
                shops.source.run("REPLACE INTO %s_entity_text (entity_type_id, attribute_id, store_id, entity_id, value) SELECT entity_type_id, attribute_id, 0, "
                                 "%d, '%s' FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE attribute_code = 'description' AND "
                                 "entity_type_code = '%s'" % (kind, number, text % {"product": product, "category": category}, kind), database="openmage")
            sync(shops, "all", "-d", "update")
            here = {kind: registered_target(shops, kind, number, "legacy") for kind, (_type, number) in kinds.items()}
            expect(here != {"product": product, "category": category}, "they have the same numbers here")
            for kind, (table, _number) in kinds.items():
                expect_equal(value(shops.destination, "SELECT value FROM %s_entity_text JOIN eav_attribute USING (attribute_id) WHERE attribute_code = "
                                   "'description' AND store_id = 0 AND entity_id = %s" % (table, here[kind])), text % here, kind)

    @suite.case("settings-by-number", "settings that name a group, a class, a region, a template, attributes by number; what is not there is left out")
    def _():
        with TwoShops(settings={}) as shops:
            source, destination = shops.source, shops.destination
            for server in (source, destination):
                server.run("INSERT INTO core_email_template (template_id, template_code, template_text, template_subject) VALUES (%d, 'ours', 'x', 'x')" % (
                    700 if server is source else 800), database="openmage")
            source.run("INSERT INTO core_email_template (template_id, template_code, template_text, template_subject) VALUES (701, 'theirs', 'x', 'x')",
                       "INSERT INTO tax_class (class_id, class_name, class_type) VALUES (77, 'theirs', 'PRODUCT')", database="openmage")
            region = value(source, "SELECT region_id FROM directory_country_region WHERE country_id = 'US' AND code = 'CA'")
            number = lambda server, code: str(value(server, "SELECT attribute_id FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE "
                                                    "entity_type_code = 'catalog_product' AND attribute_code = '%s'" % code))
            swatches = "configswatches/general/swatch_attributes", "configswatches/general/product_list_attribute"
            expect(number(source, "color") != number(destination, "color"), "the attribute has the same number here")
            settings = {"customer/create_account/default_group": "2", swatches[0]: "%s,%s,70000" % (number(source, "color"), number(
                            source, "manufacturer")), swatches[1]: number(source, "color"), "tax/classes/shipping_tax_class": "77",
                        "shipping/origin/region_id": str(region), "tax/defaults/region": "*", "sales_email/order/template": "700",
                        "sales_email/order/guest_template": "701", "contacts/email/email_template": "contacts_email_email_template",
                        "sales_email/invoice/template": "70000", "general/locale/code": "2",
                        "cataloginventory/item_options/min_sale_qty": php.dumps(php.map_of({0: 5, 2: "3", 31000: 4, 32000: 1}))}
            for path, text in settings.items():
                source.run("REPLACE INTO core_config_data (scope, scope_id, path, value) VALUES ('default', 0, '%s', '%s')" % (path, text),
                           database="openmage")
                destination.run("DELETE FROM core_config_data WHERE path = '%s'" % path, database="openmage")
            _out, err = sync(shops, "config", "-d", "update", expect_code=3)
            for told in ("701 at the source", "70000 at the source"):
                expect_contains(err, told, "what is left out")
            here = dict(query(destination, "SELECT path, value FROM core_config_data WHERE scope = 'default'"))
            group = value(destination, "SELECT customer_group_id FROM customer_group WHERE customer_group_code = '%s'" % value(
                source, "SELECT customer_group_code FROM customer_group WHERE customer_group_id = 2"))
            expect(group != 2, "the group has the same number here")
            expect_equal({path: here.get(path) for path in settings}, {
                "customer/create_account/default_group": str(group), swatches[1]: number(destination, "color"),
                swatches[0]: "%s,%s" % (number(destination, "color"), number(destination, "manufacturer")),
                "cataloginventory/item_options/min_sale_qty": php.dumps(php.map_of({0: 5, group: "3", 32000: 1})),
                "tax/classes/shipping_tax_class": str(value(destination, "SELECT class_id FROM tax_class WHERE class_name = 'theirs'")),
                "shipping/origin/region_id": str(value(
                    destination, "SELECT region_id FROM directory_country_region WHERE country_id = 'US' AND code = 'CA'")),
                "tax/defaults/region": "*", "sales_email/order/template": "800", "sales_email/order/guest_template": None,
                "contacts/email/email_template": "contacts_email_email_template", "sales_email/invoice/template": None,
                "general/locale/code": "2"}, "settings")

    @suite.case("numbers-of-their-own", "regions of taxes on products; what a review is about, whatever numbers the kinds of that have")
    def _():
        with TwoShops(settings={}) as shops:
            source, destination = shops.source, shops.destination
            region = "SELECT region_id FROM directory_country_region WHERE country_id = 'US' AND code = 'CA'"
            for state in (value(source, region), "*"):
                source.run("SET sql_mode = ''", "INSERT INTO weee_tax (website_id, entity_id, country, value, state, attribute_id, entity_type_id) "
                           "SELECT 0, entity_id, 'US', 2.5, '%s', (SELECT attribute_id FROM eav_attribute a WHERE a.attribute_code = 'cost' AND "
                           "a.entity_type_id = e.entity_type_id), entity_type_id FROM catalog_product_entity e ORDER BY entity_id LIMIT 1" % state,
                           database="openmage")
            source.run("UPDATE review_entity SET entity_id = 7 WHERE entity_code = 'product'", database="openmage")
            sync(shops, "all", "-d", "update")
            expect_equal(sorted(row[0] for row in query(destination, "SELECT state FROM weee_tax WHERE value = 2.5")),
                         ["*", str(value(destination, region))], "regions of taxes")
            about = [(number, translated(shops, "review", "review_id", "entity_pk_value", number),
                      registered_target(shops, "product", product, "legacy"))
                     for number, product in query(source, "SELECT review_id, entity_pk_value FROM review")]
            expect(about, "no reviews")
            expect_equal([row for row in about if row[1] != row[2]], [], "reviews of other products")

    @suite.case("links-and-files", "links to the shop's pages, files that were handed in for options, agreements of payments")
    def _():
        with TwoShops(settings={}) as shops:
            source = shops.source
            product, category, page, customer, file, order = (value(source, "SELECT %s FROM %s" % at) for at in (
                ("MIN(entity_id)", "catalog_product_entity"), ("MAX(entity_id)", "catalog_category_entity"), ("MIN(page_id)", "cms_page"),
                ("MIN(entity_id)", "customer_entity"), ("MAX(option_id)", "sales_flat_quote_item_option"),
                ("MAX(entity_id)", "sales_flat_order")))
            item = value(source, "SELECT MAX(item_id) FROM sales_flat_order_item WHERE product_type = 'simple'")
            links = "{{store url='catalog/product/view' id='%s'}} {{store direct_url='catalog/category/view/id/%s'}}"
            link = '<a href="http://x/sales/download/downloadCustomOption/id/%s/key/a/">a</a>'

            def options(number):
                url = php.map_of({"url": {"route": "sales/download/downloadCustomOption", "params": {"id": str(number), "key": "a"}}})
                return php.dumps(php.map_of({"options": [{"value": link % number, "option_type": "file", "option_value": php.dumps(url)}]}))
            source.run("UPDATE cms_page SET content = '%s' WHERE page_id = %d" % ((links % (product, category)).replace("'", "''"), page),
                       "UPDATE sales_flat_order_item SET product_options = '%s' WHERE item_id = %d" % (options(file), item),
                       "INSERT INTO sales_billing_agreement (agreement_id, customer_id, method_code, reference_id, status) VALUES "
                       "(901, %d, 'paypal', 'B-1', 'active')" % customer, "UPDATE sales_flat_order SET quote_id = NULL WHERE entity_id = %d" % order,
                       "UPDATE sales_flat_order_payment SET additional_information = '%s' WHERE parent_id = %d" % (
                           php.dumps(php.map_of({"ba_agreement_id": "901"})), order), database="openmage")
            sync(shops, "all", "-d", "update")

            def here(entity, number):
                return registered_target(shops, entity, number, "legacy")
            expect_equal(translated(shops, "cms_page", "page_id", "content", page),
                         links % (here("product", product), here("category", category)), "links")
            expect_equal(translated(shops, "sales_flat_order_item", "item_id", "product_options", item),
                         options(here("sales_flat_quote_item_option", file)), "a file")
            expect_equal(value(shops.destination, "SELECT additional_information FROM sales_flat_order_payment WHERE parent_id = %s" %
                               here("order", order)), php.dumps(php.map_of({"ba_agreement_id": str(here("billing_agreement", 901))})),
                         "an agreement")
            after = rows(shops)
            sync(shops, "all", "-d", "update")
            same_rows(shops, after, "the same again")

    @suite.case("left-as-they-are", "options of order items with ids as floats; by a reference, or broken: they stay, which is told once for each row and run")
    def _():
        with TwoShops(settings={}) as shops:
            product = value(shops.source, "SELECT MIN(entity_id) FROM catalog_product_entity")
            items = [row[0] for row in query(shops.source, "SELECT item_id FROM sales_flat_order_item ORDER BY 1 DESC LIMIT 4")]
            request = 'a:2:{s:4:"mine";i:%d;s:15:"info_buyRequest";a:1:{s:7:"product";%%s;}}' % product
            wrong = {items[1]: request % "R:2", items[2]: request % "R:2", items[3]: "a:1:{"}
            for item, text in {items[0]: request % ("d:%d" % product), **wrong}.items():
                shops.source.run("UPDATE sales_flat_order_item SET product_options = '%s' WHERE item_id = %d" % (text, item), database="openmage")
            for _again in range(2):
                _out, err = sync(shops, "all", "-d", "update")
                told = [line for line in err.splitlines() if "ids inside a value are left as they are" in line]
                expect_equal(sorted(int(re.search(r"table=sales_flat_order_item column=product_options id=(\d+) reason", line).group(1)) for line in told),
                             sorted(wrong), "what is told: " + "\n".join(told))
                here = {item: translated(shops, "sales_flat_order_item", "item_id", "product_options", item) for item in items}
                expect_equal(here, {items[0]: request % ("d:%d" % registered_target(shops, "product", product, "legacy")), **wrong}, "options")
