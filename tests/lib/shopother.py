"""Another shop out of a renumbered copy of one: some of it is gone, some has become its own, some both have with other values.

Works by codes, names and SQL on the destination alone; what goes where is drawn from `random`.
"""

from .recording import DATABASE
from .shopdata import Shop, broken_links

SKU, EMAIL, NUMBER = "OWN-", "own.", "5"  # beginnings of natural keys that the source does not have


class Other:
    def __init__(self, server, random):
        self.server, self.random = server, random
        self.connection = server.connect(DATABASE)
        self.cursor = self.connection.cursor()
        self.run("SET SESSION time_zone='+00:00', sql_mode=''")
        self.said = {}

    def close(self):
        self.connection.close()

    def run(self, sql, *values):
        self.cursor.execute(sql, values or None)
        return self.cursor.fetchall()

    def column(self, sql, *values):
        return [row[0] for row in self.run(sql, *values)]

    def one(self, sql, *values):
        return self.column(sql, *values)[0]

    def attribute(self, kind, code):
        return self.one("SELECT attribute_id FROM eav_attribute a JOIN eav_entity_type t USING (entity_type_id) WHERE"
                        " t.entity_type_code = %s AND a.attribute_code = %s", kind, code)

    def insert(self, table, **values):
        self.run("INSERT INTO `%s` (%s) VALUES (%s)" % (
            table, ", ".join("`%s`" % name for name in values), ", ".join(["%s"] * len(values))), *values.values())
        return self.cursor.lastrowid

    def again(self, table, key, number, **changes):
        """A copy of a row with another key."""
        columns = self.column("SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name ="
                              " %s AND column_name <> %s ORDER BY ordinal_position", table, key)
        self.run("INSERT INTO `%s` (%s) SELECT %s FROM `%s` WHERE `%s` = %%s" % (
            table, ", ".join("`%s`" % c for c in columns), ", ".join("%s" if c in changes else "`%s`" % c for c in columns), table,
            key), *[changes[c] for c in columns if c in changes], number)
        return self.cursor.lastrowid

    def value(self, entity, kind, code, number, value, store=0):
        """Set a value as the shop does."""
        attribute, entity_type = self.attribute(entity, code), self.one(
            "SELECT entity_type_id FROM eav_entity_type WHERE entity_type_code = %s", entity)
        table = {"catalog_product": "catalog_product_entity", "catalog_category": "catalog_category_entity",
                 "customer": "customer_entity", "customer_address": "customer_address_entity"}[entity]
        scope = {"store_id": store} if entity.startswith("catalog") else {}
        names = {"entity_type_id": entity_type, "attribute_id": attribute, "entity_id": number, "value": value, **scope}
        self.run("INSERT INTO %s_%s (%s) VALUES (%s) ON DUPLICATE KEY UPDATE value = VALUES(value)" % (
            table, kind, ", ".join(names), ", ".join(["%s"] * len(names))), *names.values())

    def without_value(self, entity, kind, code, number):
        self.run("DELETE FROM %s_entity_%s WHERE entity_id = %%s AND attribute_id = %%s" % (entity, kind), number,
                 self.attribute(entity, code))

    def parts(self, what, numbers, gone=0.4, own=0.3):
        """Three lists: gone, its own, both have."""
        numbers = sorted(numbers)
        self.random.shuffle(numbers)
        first, second = round(len(numbers) * gone), round(len(numbers) * (gone + own))
        result = numbers[:first], numbers[first:second], numbers[second:]
        self.said[what] = tuple(map(len, result))
        return result

    def delete(self, table, key, numbers):
        for number in numbers:
            self.run("DELETE FROM `%s` WHERE `%s` = %%s" % (table, key), number)

    def all(self):
        self.reference()
        self.attributes()
        self.categories()
        self.products()
        self.customers()
        self.orders()
        self.content()
        self.rules()
        self.tidy()
        self.sequences()

    # --- what everything refers to

    def reference(self):
        website = self.insert("core_website", code="outlet", name="Outlet", sort_order=9, default_group_id=0, is_default=0)
        root = self.one("SELECT MIN(root_category_id) FROM core_store_group WHERE root_category_id > 0")
        group = self.insert("core_store_group", website_id=website, name="Outlet store", root_category_id=root, default_store_id=0)
        store = self.insert("core_store", code="outlet", website_id=website, group_id=group, name="Outlet", sort_order=0, is_active=1)
        self.run("UPDATE core_website SET default_group_id = %s WHERE website_id = %s", group, website)
        self.run("UPDATE core_store_group SET default_store_id = %s WHERE group_id = %s", store, group)
        self.website, self.store = website, store
        taxed = self.one("SELECT tax_class_id FROM customer_group WHERE customer_group_code = 'General'")
        self.group = self.insert("customer_group", customer_group_code="VIP", tax_class_id=taxed)
        self.insert("tax_class", class_name="Outlet goods", class_type="PRODUCT")
        general = self.one("SELECT customer_group_id FROM customer_group WHERE customer_group_code = 'General'")
        last = self.one("SELECT customer_group_code FROM customer_group WHERE customer_group_id > 0 AND customer_group_code NOT IN"
                        " ('General', 'Wholesale', 'Retailer', 'VIP') ORDER BY customer_group_code DESC LIMIT 1")
        number = self.one("SELECT customer_group_id FROM customer_group WHERE customer_group_code = %s", last)
        for table, column in (("customer_entity", "group_id"), ("sales_flat_order", "customer_group_id"),
                              ("sales_flat_quote", "customer_group_id")):
            self.run("UPDATE %s SET %s = %%s WHERE %s = %%s" % (table, column, column), general, number)
        self.delete("customer_group", "customer_group_id", [number])
        self.said["customer group gone"] = last

    def attributes(self):
        kind = self.one("SELECT entity_type_id FROM eav_entity_type WHERE entity_type_code = 'catalog_product'")
        user = self.run("SELECT attribute_id, attribute_code FROM eav_attribute WHERE entity_type_id = %s AND is_user_defined = 1"
                        " AND frontend_input IN ('text', 'multiselect', 'textarea') ORDER BY attribute_code", kind)
        for number, _code in user:
            self.run("DELETE FROM eav_attribute WHERE attribute_id = %s", number)
        self.said["attributes gone"] = [code for _number, code in user]
        super_codes = self.column("SELECT DISTINCT attribute_code FROM eav_attribute a JOIN eav_attribute_option USING (attribute_id)"
                                  " WHERE entity_type_id = %s AND is_user_defined = 1 ORDER BY 1", kind)
        for code in super_codes:
            number = self.attribute("catalog_product", code)
            for option in self.column("SELECT option_id FROM eav_attribute_option WHERE attribute_id = %s ORDER BY 1 LIMIT 1", number):
                self.run("DELETE FROM catalog_product_entity_int WHERE attribute_id = %s AND value = %s", number, option)
                self.run("DELETE p FROM catalog_product_super_attribute_pricing p JOIN catalog_product_super_attribute s USING"
                         " (product_super_attribute_id) WHERE s.attribute_id = %s AND p.value_index = %s", number, option)
                self.run("UPDATE eav_attribute SET default_value = NULL WHERE attribute_id = %s", number)
                self.run("DELETE FROM eav_attribute_option WHERE option_id = %s", option)
            option = self.insert("eav_attribute_option", attribute_id=number, sort_order=77)
            self.insert("eav_attribute_option_value", option_id=option, store_id=0, value="Own choice")
            self.run("UPDATE eav_attribute SET frontend_label = CONCAT(frontend_label, ' here') WHERE attribute_id = %s", number)
        source = self.attribute("catalog_product", "meta_title")
        own = self.again("eav_attribute", "attribute_id", source, attribute_code="own_code", frontend_label="Own code",
                         is_user_defined=1)
        columns = self.column("SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name ="
                              " 'catalog_eav_attribute' AND column_name <> 'attribute_id'")
        names = ", ".join("`%s`" % name for name in columns)
        self.run("INSERT INTO catalog_eav_attribute (attribute_id, %s) SELECT %%s, %s FROM catalog_eav_attribute WHERE attribute_id ="
                 " %%s" % (names, names), own, source)
        default = self.one("SELECT default_attribute_set_id FROM eav_entity_type WHERE entity_type_id = %s", kind)
        sets = self.run("SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set WHERE entity_type_id = %s AND"
                        " attribute_set_id <> %s ORDER BY attribute_set_name DESC", kind, default)
        gone, name = sets[0]
        self.run("UPDATE catalog_product_entity SET attribute_set_id = %s WHERE attribute_set_id = %s", default, gone)
        self.run("DELETE FROM eav_attribute_set WHERE attribute_set_id = %s", gone)
        self.said["attribute set gone"] = name
        self.insert("eav_attribute_set", entity_type_id=kind, attribute_set_name="Own set", sort_order=50)
        for number in [default] + [row[0] for row in sets[1:]]:
            group = self.insert("eav_attribute_group", attribute_set_id=number, attribute_group_name="Own group", sort_order=90,
                                default_id=0)
            self.insert("eav_entity_attribute", entity_type_id=kind, attribute_set_id=number, attribute_group_id=group,
                        attribute_id=own, sort_order=1)

    # --- the catalogue

    def categories(self):
        key = self.attribute("catalog_category", "url_key")
        tops = self.column("SELECT entity_id FROM catalog_category_entity WHERE level = 2 ORDER BY path")
        gone, own, both = self.parts("categories below the roots", tops)

        def below(number):
            return self.column("SELECT entity_id FROM catalog_category_entity WHERE entity_id = %s OR path LIKE CONCAT((SELECT path"
                               " FROM catalog_category_entity WHERE entity_id = %s), '/%%')", number, number)
        for number in gone:
            self.delete("catalog_category_entity", "entity_id", below(number))
        for number in own:
            self.run("UPDATE catalog_category_entity_varchar SET value = CONCAT('own-', value) WHERE entity_id = %s AND attribute_id ="
                     " %s", number, key)
            for child in below(number):
                self.value("catalog_category", "varchar", "name", child, "Own %d" % child)
        self.own_categories = own
        self.both_categories = []
        for number in both:
            tree = below(number)
            leaves = self.column("SELECT entity_id FROM catalog_category_entity WHERE entity_id IN %s AND entity_id <> %s AND"
                                 " children_count = 0 ORDER BY path", tree, number) if len(tree) > 1 else []
            self.delete("catalog_category_entity", "entity_id", leaves[:1])
            for child in below(number):
                self.both_categories.append(child)
                self.value("catalog_category", "varchar", "name", child, "Here %d" % child)
                self.value("catalog_category", "text", "description", child, "Only here %d" % child)
                self.run("UPDATE catalog_category_entity SET position = position + 3 WHERE entity_id = %s", child)
        self.run("UPDATE catalog_category_entity c JOIN (SELECT a.entity_id, COUNT(b.entity_id) number FROM catalog_category_entity a"
                 " LEFT JOIN catalog_category_entity b ON b.path LIKE CONCAT(a.path, '/%%') GROUP BY 1) n USING (entity_id) SET"
                 " c.children_count = n.number")

    def products(self):
        kinds = {}
        for number, kind in self.run("SELECT entity_id, type_id FROM catalog_product_entity WHERE sku IS NOT NULL"):
            kinds.setdefault(kind, []).append(number)
        self.run("DELETE FROM catalog_product_entity WHERE sku IS NULL")
        gone, own, both = [], [], []
        for kind, numbers in sorted(kinds.items()):
            if len(numbers) < 2:  # one of its kind: here under the same SKU
                both += numbers
            else:
                for all_parts, part in zip((gone, own, both), self.parts("products, " + kind, numbers)):
                    all_parts += part
        self.delete("catalog_product_entity", "entity_id", gone)
        for number in own:
            self.run("UPDATE catalog_product_entity SET sku = CONCAT(%s, sku) WHERE entity_id = %s", SKU, number)
            self.value("catalog_product", "varchar", "name", number, "Own %d" % number)
            self.value("catalog_product", "varchar", "url_key", number, "own-%d" % number)
            self.value("catalog_product", "varchar", "own_code", number, "own %d" % number)
        for at, number in enumerate(both):
            self.product_of_both(at, number, own)

    def product_of_both(self, at, number, own):
        """As in the source but for some of everything."""
        self.run("UPDATE catalog_product_entity SET updated_at = '2026-01-01 00:00:00' WHERE entity_id = %s", number)
        self.value("catalog_product", "varchar", "name", number, "Here %d" % number)
        self.value("catalog_product", "decimal", "price", number, "%d.5000" % (1000 + at))
        self.value("catalog_product", "varchar", "name", number, "Hier %d" % number, self.one(
            "SELECT store_id FROM core_store WHERE code = 'de' OR store_id > 0 ORDER BY code = 'de' DESC, 1 LIMIT 1"))
        self.run("UPDATE cataloginventory_stock_item SET qty = qty + 1000, is_in_stock = 1 - is_in_stock WHERE product_id = %s", number)
        changes = (
            lambda: self.value("catalog_product", "text", "meta_keyword", number, "only here"),
            lambda: self.value("catalog_product", "varchar", "own_code", number, "code %d" % number),
            lambda: self.value("catalog_product", "varchar", "name", number, "Outlet %d" % number, self.store),
            lambda: self.without_value("catalog_product", "text", "short_description", number),
            lambda: self.run("UPDATE catalog_product_entity_tier_price SET value = value + 1 WHERE entity_id = %s", number),
            lambda: self.insert("catalog_product_entity_tier_price", entity_id=number, all_groups=0, customer_group_id=self.group,
                                qty=33, value=1.5, website_id=0),
            lambda: self.insert("catalog_product_entity_tier_price", entity_id=number, all_groups=1, customer_group_id=0, qty=77,
                                value=2.5, website_id=0),
            lambda: self.run("INSERT IGNORE INTO catalog_product_website VALUES (%s, %s)", number, self.website),
            lambda: self.run("DELETE FROM catalog_product_website WHERE product_id = %s LIMIT 1", number),
            lambda: [self.run("INSERT IGNORE INTO catalog_category_product VALUES (%s, %s, 5)", category, number)
                     for category in self.own_categories[:1] + self.both_categories[:1]],
            lambda: self.run("DELETE FROM catalog_category_product WHERE product_id = %s LIMIT 1", number),
            lambda: self.run("UPDATE catalog_category_product SET position = position + 9 WHERE product_id = %s", number),
            lambda: self.link(number, own[:1]),
            lambda: self.gallery(number),
            lambda: self.run("UPDATE catalog_product_option_price p JOIN catalog_product_option o USING (option_id) SET p.price ="
                             " p.price + 4 WHERE o.product_id = %s", number),
            lambda: self.run("DELETE FROM catalog_product_option WHERE product_id = %s ORDER BY sort_order LIMIT 1", number),
            lambda: self.custom_option(number),
            lambda: self.run("DELETE FROM catalog_product_super_link WHERE parent_id = %s ORDER BY link_id LIMIT 1", number),
            lambda: self.run("UPDATE catalog_product_bundle_selection SET selection_qty = selection_qty + 1 WHERE parent_product_id ="
                             " %s", number),
            lambda: self.run("UPDATE downloadable_link SET number_of_downloads = 77 WHERE product_id = %s", number),
        )
        for change, chance in zip(changes, [self.random.random() for _ in changes]):
            if chance < 0.35:
                change()

    def link(self, number, others):
        kind = self.one("SELECT MIN(link_type_id) FROM catalog_product_link_type")
        for other in others:
            self.run("INSERT IGNORE INTO catalog_product_link (product_id, linked_product_id, link_type_id) VALUES (%s, %s, %s)", number, other, kind)

    def gallery(self, number):
        image = self.insert("catalog_product_entity_media_gallery", attribute_id=self.attribute("catalog_product", "media_gallery"),
                            entity_id=number, value="/h/e/here.png")
        self.insert("catalog_product_entity_media_gallery_value", value_id=image, store_id=0, label="Here", position=9, disabled=0)

    def custom_option(self, number):
        option = self.insert("catalog_product_option", product_id=number, type="field", is_require=0, sort_order=9)
        self.insert("catalog_product_option_title", option_id=option, store_id=0, title="Only here")

    # --- people and what they bought

    def customers(self):
        gone, own, both = self.parts("customers", self.column("SELECT entity_id FROM customer_entity"))
        self.delete("customer_entity", "entity_id", gone)
        elsewhere = 0
        for number in own:
            if elsewhere < 3:
                elsewhere += 1
                self.run("UPDATE customer_entity SET website_id = %s, store_id = %s WHERE entity_id = %s", self.website, self.store,
                         number)
                continue
            self.run("UPDATE newsletter_subscriber SET subscriber_email = CONCAT(%s, subscriber_email) WHERE customer_id = %s", EMAIL,
                     number)
            self.run("UPDATE sales_flat_order SET customer_email = CONCAT(%s, customer_email) WHERE customer_id = %s", EMAIL, number)
            self.run("UPDATE customer_entity SET email = CONCAT(%s, email) WHERE entity_id = %s", EMAIL, number)
        self.said["customers of the same e-mail in another website"] = elsewhere
        for at, number in enumerate(both):
            self.value("customer", "varchar", "firstname", number, "Here %d" % number)
            self.value("customer", "varchar", "middlename", number, "Only here")
            self.value("customer", "varchar", "password_hash", number, "0123456789abcdef0123456789abcdef:xy")
            addresses = self.column("SELECT entity_id FROM customer_address_entity WHERE parent_id = %s ORDER BY 1", number)
            if at % 3 == 0 and addresses:
                self.run("DELETE FROM customer_address_entity WHERE entity_id = %s", addresses[0])
            elif at % 3 == 1 and addresses:
                self.value("customer_address", "varchar", "city", addresses[-1], "Elsewhere")
            else:
                self.run("UPDATE customer_entity SET group_id = %s WHERE entity_id = %s", self.group, number)

    def orders(self):
        gone, own, both = self.parts("orders", self.column("SELECT entity_id FROM sales_flat_order"), 0.4, 0.5)
        for number in gone:
            self.run("DELETE FROM downloadable_link_purchased WHERE order_id = %s", number)
        self.delete("sales_flat_order", "entity_id", gone)
        self.run("DELETE FROM downloadable_link_purchased WHERE order_id IS NULL")
        for table in ("sales_flat_order", "sales_flat_order_grid"):
            self.run("UPDATE %s SET increment_id = CONCAT(%%s, increment_id) WHERE entity_id IN %%s AND increment_id IS NOT"
                     " NULL ORDER BY entity_id" % table, NUMBER, own)
        self.run("UPDATE downloadable_link_purchased p JOIN sales_flat_order o ON o.entity_id = p.order_id SET p.order_increment_id ="
                 " o.increment_id")
        for kind in ("invoice", "shipment", "creditmemo"):
            for number in both[1:]:
                self.run("DELETE FROM sales_flat_%s WHERE order_id = %%s" % kind, number)
            self.run("UPDATE sales_flat_%s d JOIN sales_flat_order o ON o.entity_id = d.order_id LEFT JOIN sales_flat_%s_grid g ON"
                     " g.entity_id = d.entity_id SET d.increment_id = CONCAT(%%s, d.increment_id), g.increment_id ="
                     " CONCAT(%%s, g.increment_id), g.order_increment_id = o.increment_id WHERE o.entity_id IN %%s"
                     % (kind, kind), NUMBER, NUMBER, own)
        for number in both:
            self.run("UPDATE sales_flat_order SET customer_note = 'only here', status = 'holded', grand_total = grand_total + 1 WHERE"
                     " entity_id = %s", number)
            self.run("UPDATE sales_flat_order_item SET qty_ordered = qty_ordered + 1 WHERE order_id = %s", number)
            self.run("UPDATE sales_flat_order_address SET city = 'Elsewhere' WHERE parent_id = %s", number)
            self.run("DELETE FROM sales_flat_order_status_history WHERE parent_id = %s ORDER BY entity_id LIMIT 1", number)

    # --- texts, opinions, rules

    def content(self):
        for table, key in (("cms_block", "block_id"), ("cms_page", "page_id")):
            gone, own, both = self.parts(table, self.column("SELECT %s FROM %s" % (key, table)))
            self.run("DELETE v FROM catalog_category_entity_int v JOIN eav_attribute a USING (attribute_id) WHERE a.attribute_code ="
                     " 'landing_page' AND v.value IN %s", gone)
            self.delete(table, key, gone)
            self.run("UPDATE %s SET identifier = CONCAT('own-', identifier) WHERE %s IN %%s" % (table, key), own)
            self.run("UPDATE %s SET content = 'Here', title = CONCAT('Here ', title) WHERE %s IN %%s" % (table, key), both)
        gone, own, both = self.parts("newsletter", self.column("SELECT subscriber_id FROM newsletter_subscriber WHERE"
                                                               " subscriber_email NOT LIKE 'own.%%'"))
        self.delete("newsletter_subscriber", "subscriber_id", gone)
        self.run("UPDATE newsletter_subscriber SET subscriber_email = CONCAT(%s, subscriber_email) WHERE subscriber_id IN %s", EMAIL,
                 own)
        self.run("UPDATE newsletter_subscriber SET subscriber_status = 3 WHERE subscriber_id IN %s", both)
        gone, own, both = self.parts("reviews", self.column("SELECT review_id FROM review"), 0.5, 0.5)
        self.delete("review", "review_id", gone)
        self.run("UPDATE review SET created_at = created_at - INTERVAL 400 DAY WHERE review_id IN %s", own)
        self.run("UPDATE review_detail SET title = CONCAT('Own ', title) WHERE review_id IN %s", own)

    def rules(self):
        """One that both have under other terms, one gone, the rest its own, with coupons of its own."""
        rules = self.column("SELECT rule_id FROM salesrule ORDER BY name")
        self.run("UPDATE salesrule SET discount_amount = discount_amount + 3, description = 'only here' WHERE rule_id = %s", rules[0])
        self.run("DELETE FROM salesrule WHERE rule_id = %s", rules[1])
        self.run("UPDATE salesrule SET name = CONCAT('Own ', name) WHERE rule_id IN %s", rules[2:])
        self.run("UPDATE salesrule_coupon SET code = CONCAT('OWN', code) WHERE rule_id IN %s", rules[2:])
        rules = self.column("SELECT rule_id FROM catalogrule ORDER BY name")
        self.run("UPDATE catalogrule SET discount_amount = 1 WHERE rule_id = %s", rules[0])
        self.run("UPDATE catalogrule SET name = CONCAT('Own ', name) WHERE rule_id IN %s", rules[1:])

    # --- in order

    def tidy(self):
        """No link leads to what this shop deleted, nor to what the other one had deleted: that a source has such is enough."""
        self.run("DELETE r FROM review r LEFT JOIN catalog_product_entity p ON p.entity_id = r.entity_pk_value WHERE r.entity_pk_value <> 0"
                 " AND p.entity_id IS NULL")
        for number in self.column("SELECT q.entity_id FROM sales_flat_quote q LEFT JOIN customer_entity c ON c.entity_id = q.customer_id"
                                  " WHERE q.customer_id <> 0 AND c.entity_id IS NULL"):
            # first what is deep: MySQL 9.7 stops at a cart in which five items have items
            self.run("DELETE FROM sales_flat_quote_item WHERE quote_id = %s AND parent_item_id IS NOT NULL", number)
            self.delete("sales_flat_quote", "entity_id", [number])
        shop = Shop(self.server.connect())
        for table, column, parent in broken_links(shop):
            optional = self.one("SELECT is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = DATABASE() AND"
                                " table_name = %s AND column_name = %s", table, column)
            self.run("UPDATE `%s` c LEFT JOIN `%s` p ON p.`%s` = c.`%s` SET c.`%s` = %s WHERE c.`%s` <> 0 AND p.`%s` IS NULL" % (
                table, parent, shop.key(parent), column, column, "NULL" if optional else "0", column, shop.key(parent)))
        shop.connection.close()
        self.run("DELETE v FROM customer_entity_int v JOIN eav_attribute a USING (attribute_id) LEFT JOIN customer_address_entity d ON"
                 " d.entity_id = v.value WHERE a.attribute_code IN ('default_billing', 'default_shipping') AND d.entity_id IS NULL")
        self.run("DELETE g FROM gift_message g LEFT JOIN sales_flat_order o ON o.gift_message_id = g.gift_message_id LEFT JOIN"
                 " sales_flat_order_item i ON i.gift_message_id = g.gift_message_id LEFT JOIN sales_flat_quote q ON q.gift_message_id"
                 " = g.gift_message_id WHERE o.entity_id IS NULL AND i.item_id IS NULL AND q.entity_id IS NULL")

    def sequences(self):
        """Numbers of its own in one store; in the others behind those that the source has given out under the same prefix."""
        kinds = dict(self.run("SELECT entity_type_code, entity_type_id FROM eav_entity_type"))
        rows = self.run("SELECT s.store_id, s.code FROM core_store s WHERE store_id > 0 ORDER BY code")
        self.run("DELETE FROM eav_entity_store")
        for kind, table in (("order", "sales_flat_order"), ("invoice", "sales_flat_invoice"), ("shipment", "sales_flat_shipment"),
                            ("creditmemo", "sales_flat_creditmemo")):
            for store, code in rows:
                if code == "outlet":
                    continue
                prefix = NUMBER if code == "default" else str(self.one(
                    "SELECT COALESCE(MIN(LEFT(increment_id, 1)), '2') FROM %s WHERE store_id = %%s AND increment_id NOT LIKE '5%%%%'"
                    % table, store))
                top = prefix + "00000002"
                self.insert("eav_entity_store", entity_type_id=kinds[kind], store_id=store, increment_prefix=prefix,
                            increment_last_id=top)
        self.run("UPDATE eav_entity_store e JOIN eav_entity_type t USING (entity_type_id) SET increment_last_id = '5300009999' WHERE"
                 " increment_prefix = %s", NUMBER)
