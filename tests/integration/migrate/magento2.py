"""A recorded Magento 1 shop into a schema as Magento 2 has it: stores, attributes, catalogue, customers, sales.

The destination's tables are made from the source's, with what Magento 2 has otherwise: other names, columns that went, came or are
called something else, wider decimals, keys of its own. Maps of our own lead from the one to the other. What came is compared by
SQL that knows neither.
"""

import json
import random
import re
import threading
import time

from base import Migration
from customers import group
from lib import phpserialize, recording
from lib.suite import Skip, expect, expect_equal
from steps import wait_for

STORES = {"core_website": "store_website", "core_store_group": "store_group", "core_store": "store"}
EAV = ("eav_entity_type", "eav_attribute_set", "eav_attribute_group", "eav_attribute", "catalog_eav_attribute", "customer_eav_attribute", "eav_entity_attribute")
HIDDEN = {"hidden_tax_amount": "discount_tax_compensation_amount", "base_hidden_tax_amount": "base_discount_tax_compensation_amount",
          "hidden_tax_invoiced": "discount_tax_compensation_invoiced", "base_hidden_tax_invoiced": "base_discount_tax_compensation_invoiced",
          "hidden_tax_refunded": "discount_tax_compensation_refunded", "base_hidden_tax_refunded": "base_discount_tax_compensation_refunded",
          "hidden_tax_canceled": "discount_tax_compensation_canceled", "shipping_hidden_tax_amount": "shipping_discount_tax_compensation_amount",
          "base_shipping_hidden_tax_amnt": "base_shipping_discount_tax_compensation_amnt"}
VALUES = ("datetime", "decimal", "int", "text", "varchar")
# attributes of customers and addresses that are columns there
COLUMNS = {
    "customer_entity": {"created_in": "varchar(255) DEFAULT NULL", "prefix": "varchar(40) DEFAULT NULL", "firstname": "varchar(255) DEFAULT NULL", "lastname": "varchar(255) DEFAULT NULL",
                        "dob": "date DEFAULT NULL", "gender": "smallint(5) unsigned DEFAULT NULL", "taxvat": "varchar(50) DEFAULT NULL", "password_hash": "varchar(128) DEFAULT NULL",
                        "default_billing": "int(10) unsigned DEFAULT NULL", "default_shipping": "int(10) unsigned DEFAULT NULL"},
    "customer_address_entity": {"city": "varchar(255) NOT NULL", "company": "varchar(255) DEFAULT NULL", "country_id": "varchar(255) NOT NULL", "firstname": "varchar(255) NOT NULL",
                                "lastname": "varchar(255) NOT NULL", "postcode": "varchar(255) DEFAULT NULL", "region": "varchar(255) DEFAULT NULL", "region_id": "int(10) unsigned DEFAULT NULL",
                                "street": "text NOT NULL", "telephone": "varchar(255) NOT NULL"},
}
CUSTOMERS = [entity + end for entity in COLUMNS for end in ("", *("_" + kind for kind in VALUES))]


class Document:
    """A table of the source and what became of it."""

    def __init__(self, source, name=None, drop=(), moved=None, add=(), keys=(), no_primary=False):
        self.source, self.name, self.drop, self.moved = source, name or source, set(drop), dict(moved or {})
        self.add = add            # columns that the source has not: definitions
        self.keys = keys          # keys of the destination alone
        self.no_primary = no_primary


def documents():
    typed = ("entity_type_id",)
    found = [
        Document("customer_group"), Document("tax_class"),
        Document("eav_attribute_label"), Document("eav_attribute_option"), Document("eav_attribute_option_value"),
        Document("catalog_product_entity", drop=typed), Document("catalog_category_entity", drop=typed),
        # keys of its own, which the source does not know: rows are found by what both have
        Document("catalog_category_product", add=("`entity_id` int(11) NOT NULL AUTO_INCREMENT",), no_primary=True,
                 keys=("PRIMARY KEY (`entity_id`,`category_id`,`product_id`)", "UNIQUE KEY `both` (`category_id`,`product_id`)")),
        Document("catalog_product_website"), Document("catalog_product_relation"), Document("catalog_product_super_attribute"),
        Document("catalog_product_super_attribute_label"), Document("catalog_product_super_link"),
        Document("catalog_product_link_type"), Document("catalog_product_link"), Document("catalog_product_link_attribute"),
        Document("catalog_product_link_attribute_decimal"), Document("catalog_product_link_attribute_int"), Document("catalog_product_link_attribute_varchar"),
        Document("catalog_product_option"), Document("catalog_product_option_title"), Document("catalog_product_option_price"),
        Document("catalog_product_option_type_value"), Document("catalog_product_option_type_title"), Document("catalog_product_option_type_price"),
        Document("catalog_product_entity_tier_price", add=("`percentage_value` decimal(5,2) DEFAULT NULL",)),
        Document("catalog_product_entity_media_gallery", drop=("entity_id",), add=("`media_type` varchar(32) NOT NULL DEFAULT 'image'", "`disabled` smallint(5) unsigned NOT NULL DEFAULT 0")),
        Document("catalog_product_entity_media_gallery_value", add=("`entity_id` int(10) unsigned NOT NULL DEFAULT 0", "`record_id` int(10) unsigned NOT NULL AUTO_INCREMENT"), no_primary=True,
                 keys=("PRIMARY KEY (`record_id`)", "UNIQUE KEY `both` (`value_id`,`store_id`)")),
        Document("cataloginventory_stock", add=("`website_id` smallint(5) unsigned NOT NULL DEFAULT 0",)),
        Document("cataloginventory_stock_item", add=("`website_id` smallint(5) unsigned NOT NULL DEFAULT 0",)),
        *(Document(entity, drop=("entity_type_id", "attribute_set_id"), add=tuple("`%s` %s" % column for column in columns.items())) for entity, columns in COLUMNS.items()),
        Document("newsletter_subscriber"),
        Document("sales_order_status"), Document("sales_order_status_label"), Document("sales_order_status_state", add=("`visible_on_front` smallint(5) unsigned NOT NULL DEFAULT 0",)),
        Document("sales_flat_order", "sales_order", moved=HIDDEN, add=("`send_email` smallint(5) unsigned DEFAULT NULL",)),
        Document("sales_flat_order_address", "sales_order_address", add=("`vat_note` varchar(10) DEFAULT NULL",)),
        Document("sales_flat_order_item", "sales_order_item", drop=("is_nominal",), moved=HIDDEN),
        Document("sales_flat_order_payment", "sales_order_payment"), Document("sales_flat_order_status_history", "sales_order_status_history"),
        Document("sales_flat_order_grid", "sales_order_grid", add=("`customer_email` varchar(255) DEFAULT NULL", "`payment_method` varchar(255) DEFAULT NULL")),
    ]
    for part in ("invoice", "shipment", "creditmemo"):
        found += [Document("sales_flat_" + part + tail, "sales_" + part + tail, moved=HIDDEN) for tail in ("", "_item", "_comment")]
    found.append(Document("sales_flat_shipment_track", "sales_shipment_track"))
    for kind in VALUES:
        found += [Document("catalog_%s_entity_%s" % (entity, kind), drop=typed) for entity in ("product", "category")]
        found += [Document("customer_%s_%s" % (entity, kind), drop=typed) for entity in ("entity", "address_entity")]
    return found


def reshape(ddl, d, names):
    """CREATE TABLE as the destination has it."""
    lines = ddl.split("\n")
    out = []
    for line in lines[1:-1]:
        line = line.strip().rstrip(",")
        column = re.match(r"`(\w+)`", line)
        if column and column.group(1) in d.drop:
            continue
        if not column and (d.no_primary and line.startswith("PRIMARY") or any("`%s`" % name in line.split("REFERENCES")[0] for name in d.drop)):
            continue
        key = re.match(r"CONSTRAINT `\w+` (FOREIGN KEY .*) REFERENCES `(\w+)` (.*)", line)
        if key:
            if key.group(2) not in names:
                continue
            line = "%s REFERENCES `%s` %s" % (key.group(1), names[key.group(2)], key.group(3).replace(" ON UPDATE CASCADE", ""))
        for old, new in d.moved.items():
            line = line.replace("`%s`" % old, "`%s`" % new)
        out.append(line.replace("decimal(12,4)", "decimal(20,4)"))
    ends = next((i for i, line in enumerate(out) if not line.startswith("`")), len(out))
    out[ends:ends] = d.add
    return "CREATE TABLE `%s` (\n%s\n) ENGINE=InnoDB" % (d.name, ",\n".join([*out, *d.keys]))


def rule(kind, field, more=""):
    return "<%s><%s>%s</%s>%s</%s>" % (kind, "field" if "." in field else "document", field, "field" if "." in field else "document", more, kind)


def handler(field, name, *params):
    return rule("transform", field, '<handler class="\\Migration\\Handler\\%s">%s</handler>' % (
        name, "".join('<param name="%s" value="%s"/>' % param for param in params)))


def xml_map(source, source_fields, destination, destination_fields):
    return ("<?xml version=\"1.0\"?>\n<map>\n<source><document_rules>\n%s\n</document_rules><field_rules>\n%s\n</field_rules></source>\n"
            "<destination><document_rules>\n%s\n</document_rules><field_rules>\n%s\n</field_rules></destination>\n</map>\n") % tuple(
                "\n".join(rules) for rules in (source, source_fields, destination, destination_fields))


CONFIG = """<?xml version="1.0"?>
<config>
  <steps mode="settings">
    <step title="Stores Step"><integrity>Migration\\Step\\Stores\\Integrity</integrity><data>Migration\\Step\\Stores\\Data</data><volume>Migration\\Step\\Stores\\Volume</volume></step>
  </steps>
  <steps mode="data">
    <step title="Data Integrity Step"><integrity>Migration\\Step\\DataIntegrity\\Integrity</integrity></step>
    <step title="EAV Step"><integrity>Migration\\Step\\Eav\\Integrity</integrity><data>Migration\\Step\\Eav\\Data</data><volume>Migration\\Step\\Eav\\Volume</volume></step>
    <step title="Customer Attributes Step"><integrity>Migration\\Step\\Customer\\Integrity</integrity><data>Migration\\Step\\Customer\\Data</data>
      <volume>Migration\\Step\\Customer\\Volume</volume></step>
    <step title="Map Step"><integrity>Migration\\Step\\Map\\Integrity</integrity><data>Migration\\Step\\Map\\Data</data><volume>Migration\\Step\\Map\\Volume</volume></step>
  </steps>
  <steps mode="delta">
    <step title="Customer Attributes Step"><delta>Migration\\Step\\Customer\\Delta</delta><volume>Migration\\Step\\Customer\\Volume</volume></step>
    <step title="Map Step"><delta>Migration\\Step\\Map\\Delta</delta><volume>Migration\\Step\\Map\\Volume</volume></step>
  </steps>
  <source><database host="127.0.0.1" port="%(source)d" name="openmage" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options><map_file>%(map)s</map_file><eav_map_file>map-eav.xml</eav_map_file><stores_map_file>map-stores.xml</stores_map_file><class_map>class-map.xml</class_map>
    <eav_attribute_groups_file>eav-attribute-groups.xml</eav_attribute_groups_file><customer_map_file>map-customer.xml</customer_map_file>
    <customer_document_groups_file>customer-document-groups.xml</customer_document_groups_file><customer_attribute_groups_file>customer-attribute-groups.xml</customer_attribute_groups_file><log_file>%(log)s</log_file></options>
</config>
"""
GALLERY = """CREATE TABLE catalog_product_entity_media_gallery_value_to_entity (value_id INT UNSIGNED NOT NULL, entity_id INT UNSIGNED NOT NULL, UNIQUE (value_id, entity_id),
  FOREIGN KEY (value_id) REFERENCES catalog_product_entity_media_gallery (value_id) ON DELETE CASCADE, FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE)
  ENGINE=InnoDB"""
INSTALLED = (
    "INSERT INTO store_website VALUES (0, 'admin', 'Admin', 0, 0, 0), (1, 'base', 'Main Website', 0, 1, 1)",
    "INSERT INTO store_group (group_id, website_id, name, root_category_id, default_store_id, code) VALUES (0, 0, 'Default', 0, 0, 'default'), (1, 1, 'Main Website Store', 2, 1, 'main')",
    "INSERT INTO store VALUES (0, 'admin', 0, 0, 'Admin', 0, 1), (1, 'default', 1, 1, 'Default Store View', 0, 1)",
    "INSERT INTO eav_entity_type (entity_type_id, entity_type_code, entity_model, entity_table, default_attribute_set_id, increment_model) VALUES "
    "(1, 'customer', 'Magento\\\\Customer\\\\Model\\\\ResourceModel\\\\Customer', 'customer_entity', 1, NULL), (3, 'catalog_category', 'Magento\\\\Catalog', 'catalog_category_entity', 3, NULL), "
    "(4, 'catalog_product', 'Magento\\\\Catalog', 'catalog_product_entity', 4, NULL)",
    "INSERT INTO eav_attribute_set (attribute_set_id, entity_type_id, attribute_set_name, sort_order) VALUES (1, 1, 'Default', 2), (3, 3, 'Default', 2), (4, 4, 'Default', 2)",
    "INSERT INTO eav_attribute_group (attribute_group_id, attribute_set_id, attribute_group_name, sort_order, attribute_group_code) VALUES "
    "(1, 1, 'General', 1, 'general'), (3, 3, 'General', 1, 'general'), (4, 4, 'Product Details', 10, 'product-details'), (5, 4, 'Design', 50, 'design')",
    "INSERT INTO eav_attribute (attribute_id, entity_type_id, attribute_code, backend_type, frontend_input) VALUES (5, 1, 'firstname', 'static', 'text'), (45, 3, 'name', 'varchar', 'text'), "
    "(73, 4, 'name', 'varchar', 'text'), (74, 4, 'sku', 'static', 'text'), (140, 4, 'swatch_image', 'varchar', 'media_image')",
    "INSERT INTO catalog_eav_attribute (attribute_id) VALUES (45), (73), (74), (140)", "INSERT INTO customer_eav_attribute (attribute_id) VALUES (5)",
    "INSERT INTO eav_entity_attribute (entity_type_id, attribute_set_id, attribute_group_id, attribute_id, sort_order) VALUES (1, 1, 1, 5, 40), (3, 3, 3, 45, 1), (4, 4, 4, 73, 10), (4, 4, 4, 74, 20), "
    "(4, 4, 5, 140, 30)")


class Magento2(Migration):
    def __init__(self):
        folder = recording.find()
        if not folder:
            raise Skip("there is no recording")
        super().__init__("", "", (), CONFIG)
        self.source.run(recording.CREATE, database=None)
        recording.load_base(self.source, folder)
        recording.live(self.source, recording.logs(self.work, folder)[0])
        self.documents = documents()
        self.names = {**STORES, **{name: name for name in EAV}, **{d.source: d.name for d in self.documents}}
        self.install()
        self.write_maps()

    def old(self, sql):
        return self.source.query(sql, "openmage")

    def install(self):
        """What a new shop has."""
        made = [Document("core_website", "store_website"), Document("core_store_group", "store_group", add=("`code` varchar(32) DEFAULT NULL",), keys=("UNIQUE KEY (`code`)",)),
                Document("core_store", "store"), *(Document(name) for name in EAV if name not in ("eav_attribute_group", "catalog_eav_attribute", "customer_eav_attribute")),
                Document("eav_attribute_group", add=("`attribute_group_code` varchar(255) NOT NULL DEFAULT ''", "`tab_group_code` varchar(255) DEFAULT NULL")),
                Document("catalog_eav_attribute", drop=("is_configurable",), add=("`is_used_in_grid` smallint(5) unsigned NOT NULL DEFAULT 0", "`search_weight` float NOT NULL DEFAULT 1")),
                Document("customer_eav_attribute", add=("`is_searchable_in_grid` smallint(5) unsigned NOT NULL DEFAULT 0",)), *self.documents]
        statements = ["SET foreign_key_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", *(reshape(self.old("SHOW CREATE TABLE `%s`" % d.source)[0][1], d, self.names) for d in made), GALLERY, *INSTALLED]
        self.destination.run(*statements, database="new")

    def write_maps(self):
        mapped = [d for d in self.documents if d.source not in CUSTOMERS]
        handled = {d.source for d in mapped}
        left = sorted(row[0] for row in self.old("SHOW TABLES") if row[0] not in handled)
        moved = [rule("move", "%s.%s" % (d.source, old), "<to>%s.%s</to>" % (d.name, new)) for d in mapped for old, new in d.moved.items()
                 if self.old("SHOW COLUMNS FROM `%s` LIKE '%s'" % (d.source, old))]
        self.write("map.xml", xml_map(
            [rule("ignore", name) for name in left] + [rule("rename", d.source, "<to>%s</to>" % d.name) for d in mapped if d.name != d.source],
            moved + [rule("ignore", "%s.%s" % (d.source, name)) for d in mapped for name in sorted(d.drop)] + [
                handler("catalog_product_entity_media_gallery.value_id", "Gallery\\InsertValueToEntity"),
                handler("sales_flat_order_item.product_options", "SerializeToJson\\SalesOrderItem"),
                handler("sales_flat_order_payment.additional_information", "SerializeToJson")],
            [rule("ignore", name) for name in (*STORES.values(), *EAV, *CUSTOMERS, "catalog_product_entity_media_gallery_value_to_entity")],
            [rule("ignore", "%s.%s" % (d.name, re.match(r"`(\w+)`", column).group(1))) for d in mapped for column in d.add] + [
                handler("catalog_product_entity_media_gallery_value.entity_id", "Gallery\\SetEntityId"),
                handler("sales_order_status_state.visible_on_front", "SalesOrderStatusState\\SetVisibleOnFront")]))
        self.write("map-customer.xml", xml_map([], [rule("ignore", "%s.%s" % (d.source, name)) for d in self.documents if d.source in CUSTOMERS for name in sorted(d.drop)], [], []))
        self.write("customer-document-groups.xml", "<groups>%s</groups>" % "".join((
            group("source_documents", CUSTOMERS), group("eav_entities", ("customer", "customer_address")), group("customer", CUSTOMERS[:6]), group("customer_address", CUSTOMERS[6:]),
            group("source_entity_documents", COLUMNS))))
        self.write("customer-attribute-groups.xml", "<groups>%s</groups>" % "".join(group(entity, columns, "attribute") for entity, columns in COLUMNS.items()))
        self.write("map-eav.xml", xml_map([], [rule("ignore", "catalog_eav_attribute.is_configurable")] + [
            handler("eav_attribute." + name, "EavAttribute\\ConvertModel") for name in ("attribute_model", "backend_model", "frontend_model", "source_model")], [],
            [rule("ignore", name) for name in ("catalog_eav_attribute.is_used_in_grid", "catalog_eav_attribute.search_weight", "customer_eav_attribute.is_searchable_in_grid",
                                               "eav_attribute_group.tab_group_code", "eav_attribute_group.attribute_group_code")] + [
                handler("eav_attribute_group.attribute_group_code", "EavAttributeGroup\\SetGroupCode")]))
        self.write("map-stores.xml", xml_map([rule("rename", old, "<to>%s</to>" % new) for old, new in STORES.items()], [], [],
                                             [rule("ignore", "store_group.code"), handler("store_group.code", "StoreGroupCode")]))
        models = " UNION ".join("SELECT %s FROM eav_attribute" % name for name in ("attribute_model", "backend_model", "frontend_model", "source_model"))
        self.write("class-map.xml", "<?xml version=\"1.0\"?>\n<classmap>%s</classmap>\n" % "".join(
            "<rename><from>%s</from><to>%s</to></rename>" % (row[0], new_class(row[0])) for row in self.old(models) if row[0]))
        empty = self.old("SELECT attribute_code, entity_type_code FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE COALESCE(frontend_input, '') = ''")
        self.write("eav-attribute-groups.xml", "<?xml version=\"1.0\"?>\n<groups><group name=\"frontend_input_empty_allowed\">%s</group></groups>\n" % "".join(
            '<attribute type="%s">%s</attribute>' % (kind, code) for code, kind in empty))


def new_class(old):
    """catalog/product_status: Magento\\Catalog\\Model\\Product\\Status"""
    module, name = old.split("/")
    return "Magento\\%s\\Model\\%s" % (module.title(), "\\".join(part.title() for part in name.split("_")))


# what a handler changes is looked at by itself
CHANGED = {("sales_flat_order_item", "product_options"), ("sales_flat_order_payment", "additional_information")}
PLACES = """SELECT g.value_id, g.entity_id FROM catalog_product_entity_media_gallery g ORDER BY 1"""


TYPES = {"customer_entity": "customer", "customer_address_entity": "customer_address"}
AS_COLUMNS = "SELECT attribute_id FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE entity_type_code = '%s' AND attribute_code IN ('%s')"


def compare_column(shop, what, entity, column, always):
    """Values of one attribute."""
    attribute, kind = shop.old("SELECT attribute_id, backend_type FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE entity_type_code = '%s' AND attribute_code = '%s'" % (
        TYPES[entity], column))[0]
    value = "DATE(v.value)" if column == "dob" else "COALESCE(v.value, '')" if always else "v.value"
    expect_equal(shop.rows("SELECT entity_id, %s FROM %s ORDER BY 1" % (column, entity)), shop.old(
        "SELECT e.entity_id, %s FROM %s e LEFT JOIN %s_%s v ON v.entity_id = e.entity_id AND v.attribute_id = %d ORDER BY 1" % (value, entity, entity, kind, attribute)),
                 "%s: %s.%s" % (what, entity, column))


def compare(shop, what):
    """Table by table, by the source's key."""
    for d in shop.documents:
        columns = [row for row in shop.old("SHOW COLUMNS FROM `%s`" % d.source) if row[0] not in d.drop and (d.source, row[0]) not in CHANGED]
        order = ", ".join("%d" % (i + 1) for i, row in enumerate(columns) if row[3] == "PRI")
        old, new = ["`%s`" % row[0] for row in columns], ["`%s`" % d.moved.get(row[0], row[0]) for row in columns]
        select, rest = "SELECT %s FROM `%s` %sORDER BY %s", ""
        entity = d.source.rsplit("_", 1)[0]
        if entity in COLUMNS and d.source not in COLUMNS:
            rest = "WHERE attribute_id NOT IN (%s) " % AS_COLUMNS % (TYPES[entity], "', '".join(COLUMNS[entity]))
        expect_equal(shop.rows(select % (", ".join(new), d.name, "", order)), shop.old(select % (", ".join(old), d.source, rest, order)), "%s: %s" % (what, d.name))
    for entity, columns in COLUMNS.items():
        for column, definition in columns.items():
            compare_column(shop, what, entity, column, "NOT NULL" in definition)
    expect_equal(shop.rows("SELECT value_id, entity_id FROM catalog_product_entity_media_gallery_value_to_entity ORDER BY 1"), shop.old(PLACES), what + ": whose pictures are")
    expect_equal(shop.rows("SELECT v.value_id, v.store_id, v.entity_id FROM catalog_product_entity_media_gallery_value v ORDER BY 1, 2"),
                 shop.old("SELECT v.value_id, v.store_id, g.entity_id FROM catalog_product_entity_media_gallery_value v JOIN catalog_product_entity_media_gallery g USING (value_id) ORDER BY 1, 2"),
                 what + ": whose labels are")
    for old, new, key, column in (("sales_flat_order_item", "sales_order_item", "item_id", "product_options"),
                                  ("sales_flat_order_payment", "sales_order_payment", "entity_id", "additional_information")):
        texts = dict(shop.rows("SELECT %s, %s FROM %s" % (key, column, new)))
        for number, php in shop.old("SELECT %s, %s FROM %s" % (key, column, old)):
            wanted = None if php is None else plain(phpserialize.loads(php))
            expect_equal(None if texts[number] is None else json.loads(texts[number], object_hook=opened), wanted, "%s: %s of %s" % (what, column, number))


def plain(value):
    """As json_encode has it: keys are texts, and an array that is numbered from 0 is a list. What is serialised inside is decoded, too."""
    if not isinstance(value, phpserialize.Map):
        return value
    found = {str(key): plain(item) for key, item in value}
    inner = found.get("bundle_selection_attributes")
    if isinstance(inner, str):
        found["bundle_selection_attributes"] = plain(phpserialize.loads(inner))
    return list(found.values()) if [key for key, _item in value] == list(range(len(value))) else found


def opened(found):
    """The text of an object inside one is an object."""
    if isinstance(found.get("bundle_selection_attributes"), str):
        found["bundle_selection_attributes"] = json.loads(found["bundle_selection_attributes"])
    return found


class Life:
    """What goes on in the shop: writes in transactions, as its own code makes them."""

    def __init__(self, shop, draw):
        self.shop, self.draw, self.next = shop, draw, 700000
        self.columns = {}
        self.ended, self.done = threading.Event(), 0

    def copy(self, cursor, table, where, **changed):
        if table not in self.columns:
            cursor.execute("SHOW COLUMNS FROM `%s`" % table)
            self.columns[table] = [(row[0], "auto_increment" in row[5]) for row in cursor.fetchall()]
        taken = [name for name, counted in self.columns[table] if name in changed or not counted]
        cursor.execute("INSERT INTO `%s` (%s) SELECT %s FROM `%s` WHERE %s" % (
            table, ", ".join("`%s`" % name for name in taken), ", ".join(str(changed.get(name, "`%s`" % name)) for name in taken), table, where))

    def one(self, cursor, sql):
        cursor.execute(sql)
        row = cursor.fetchone()
        return row[0] if row else None

    def product(self, cursor):
        was, self.next = self.one(cursor, "SELECT entity_id FROM catalog_product_entity ORDER BY RAND() LIMIT 1"), self.next + 1
        of = "entity_id = %d" % was
        self.copy(cursor, "catalog_product_entity", of, entity_id=self.next, sku="'live-%d'" % self.next)
        for kind in VALUES:
            self.copy(cursor, "catalog_product_entity_" + kind, of, entity_id=self.next)
        for table in ("catalog_product_website", "catalog_category_product", "cataloginventory_stock_item"):
            self.copy(cursor, table, "product_id = %d" % was, product_id=self.next)
        cursor.execute("INSERT INTO catalog_product_entity_media_gallery (attribute_id, entity_id, value) SELECT MIN(attribute_id), %d, '/l/i/live.jpg' FROM eav_attribute "
                       "WHERE attribute_code = 'media_gallery'" % self.next)
        cursor.execute("INSERT INTO catalog_product_entity_media_gallery_value (value_id, store_id, label, position, disabled) VALUES (LAST_INSERT_ID(), 0, 'Grün', 1, 0)")

    def order(self, cursor):
        was, self.next = self.one(cursor, "SELECT entity_id FROM sales_flat_order ORDER BY RAND() LIMIT 1"), self.next + 1
        self.copy(cursor, "sales_flat_order", "entity_id = %d" % was, entity_id=self.next, increment_id="'L%d'" % self.next)
        self.copy(cursor, "sales_flat_order_grid", "entity_id = %d" % was, entity_id=self.next, increment_id="'L%d'" % self.next)
        for table in ("address", "payment", "status_history"):
            self.copy(cursor, "sales_flat_order_" + table, "parent_id = %d" % was, parent_id=self.next)
        self.copy(cursor, "sales_flat_order_item", "order_id = %d AND parent_item_id IS NULL" % was, order_id=self.next)
        cursor.execute("UPDATE cataloginventory_stock_item SET qty = qty - 1 ORDER BY RAND() LIMIT 2")

    def customer(self, cursor):
        was, self.next = self.one(cursor, "SELECT entity_id FROM customer_entity ORDER BY RAND() LIMIT 1"), self.next + 1
        self.copy(cursor, "customer_entity", "entity_id = %d" % was, entity_id=self.next, email="'live%d@example.com'" % self.next)
        for kind in VALUES:
            self.copy(cursor, "customer_entity_" + kind, "entity_id = %d" % was, entity_id=self.next)
        cursor.execute("INSERT INTO newsletter_subscriber (store_id, subscriber_email, subscriber_status) VALUES (1, 'live%d@example.com', 1)" % self.next)

    def edit(self, cursor):
        for sql in self.draw.sample((
                "UPDATE catalog_product_entity_decimal SET value = value + 1 ORDER BY RAND() LIMIT 5",
                "UPDATE catalog_product_entity_varchar SET value = CONCAT('Ü', value_id) WHERE store_id = 0 ORDER BY RAND() LIMIT 3",
                "UPDATE catalog_category_product SET position = position + 1 ORDER BY RAND() LIMIT 4",
                "UPDATE catalog_product_entity_media_gallery_value SET label = CONCAT('L', value_id), position = position + 1 ORDER BY RAND() LIMIT 3",
                "DELETE FROM catalog_product_entity_media_gallery ORDER BY RAND() LIMIT 1",
                "DELETE FROM catalog_category_product ORDER BY RAND() LIMIT 1",
                "UPDATE sales_flat_order SET status = 'complete', hidden_tax_amount = 1.5 ORDER BY RAND() LIMIT 2",
                "UPDATE sales_flat_order_payment SET additional_information = 'a:1:{s:4:\"note\";s:5:\"grün\";}' ORDER BY RAND() LIMIT 1",
                "UPDATE customer_entity SET group_id = 1 + group_id % 3 ORDER BY RAND() LIMIT 2",
                "UPDATE catalog_category_entity SET position = position + 1 ORDER BY RAND() LIMIT 2",
                "DELETE FROM sales_flat_order_status_history ORDER BY RAND() LIMIT 1"), 3):
            cursor.execute(sql)

    def delete(self, cursor):
        """What the source's foreign keys delete with it is in no binlog. Pictures are no product's by a key of Magento 2's, so somebody has to take them out."""
        table = self.draw.choice(("catalog_product_entity", "customer_entity", "sales_flat_order"))
        number = self.one(cursor, "SELECT entity_id FROM %s WHERE entity_id > 700000 ORDER BY RAND() LIMIT 1" % table)
        if number and table == "catalog_product_entity":
            cursor.execute("DELETE FROM catalog_product_entity_media_gallery WHERE entity_id = %d" % number)
        if number:
            cursor.execute("DELETE FROM %s WHERE entity_id = %d" % (table, number))

    def step(self, connection):
        with connection.cursor() as cursor:
            for what in self.draw.sample((self.product, self.order, self.customer, self.edit, self.edit, self.delete), 2):
                what(cursor)
        if self.draw.randrange(8):
            connection.commit()
        else:
            connection.rollback()
        self.done += 1

    def run(self):
        connection = self.shop.source.connect("openmage", autocommit=False)
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = ''")
        while not self.ended.is_set():
            self.step(connection)
            time.sleep(0.01)
        connection.close()


def define(suite):
    @suite.case("magento-2", "a recorded shop into tables as Magento 2 has them: stores, attributes, catalogue, customers, sales; then live, through kills")
    def _():
        with Magento2() as shop:
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            shop.migrate("settings")
            life = Life(shop, draw)
            thread = threading.Thread(target=life.run)
            thread.start()
            try:
                shop.migrate("data")
                shop.program.start("delta", shop.config, command="migrate")
                for _ in range(4):
                    time.sleep(draw.uniform(0.2, 1.5))
                    shop.program.kill()
                    shop.program.start("delta", shop.config, command="migrate")
            finally:
                life.ended.set()
                thread.join()
            shop.source.run("UPDATE customer_group SET customer_group_code = 'the last' WHERE customer_group_id = 1", database="openmage")
            wait_for("the last", lambda: shop.ask("SELECT COUNT(*) FROM customer_group WHERE customer_group_code = 'the last'"))
            shop.program.stop()
            expect(life.done > 20, "%d transactions of the shop" % life.done)
            compare(shop, "live")
            for column in ("firstname", "password_hash", "default_billing"):
                expect(shop.ask("SELECT COUNT(%s) FROM customer_entity" % column) > 10, column)
            shop.migrate("delta", "--once")  # with its volume check
            expect_equal(shop.rows("SELECT website_id, code FROM store_website ORDER BY 1"), shop.old("SELECT website_id, code FROM core_website ORDER BY 1"), "websites")
            expect_equal(shop.rows("SELECT attribute_id, attribute_code FROM eav_attribute WHERE attribute_code <> 'swatch_image' ORDER BY 1"),
                         shop.old("SELECT attribute_id, attribute_code FROM eav_attribute ORDER BY 1"), "attributes")
