"""The EAV step: attributes, sets and groups of both shops become one."""

from base import Migration
from lib.suite import expect_contains, expect_equal

TABLES = """
CREATE TABLE eav_entity_type (entity_type_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_code VARCHAR(50) NOT NULL, entity_table VARCHAR(255), default_attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  increment_model VARCHAR(255)) ENGINE=InnoDB;
CREATE TABLE eav_attribute_set (attribute_set_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, attribute_set_name VARCHAR(255) NOT NULL, sort_order SMALLINT NOT NULL DEFAULT 0,
  UNIQUE (entity_type_id, attribute_set_name)) ENGINE=InnoDB;
CREATE TABLE eav_attribute (attribute_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, attribute_code VARCHAR(255) NOT NULL, backend_model VARCHAR(255), frontend_input VARCHAR(50),
  UNIQUE (entity_type_id, attribute_code)) ENGINE=InnoDB;
CREATE TABLE eav_entity_attribute (entity_attribute_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, attribute_set_id SMALLINT UNSIGNED NOT NULL, attribute_group_id SMALLINT UNSIGNED NOT NULL,
  attribute_id SMALLINT UNSIGNED NOT NULL, sort_order SMALLINT NOT NULL DEFAULT 0, UNIQUE (attribute_set_id, attribute_id), UNIQUE (attribute_group_id, attribute_id)) ENGINE=InnoDB;
CREATE TABLE customer_eav_attribute (attribute_id SMALLINT UNSIGNED PRIMARY KEY, is_visible SMALLINT NOT NULL DEFAULT 1) ENGINE=InnoDB;
"""
OLD = TABLES + """
CREATE TABLE eav_attribute_group (attribute_group_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, attribute_set_id SMALLINT UNSIGNED NOT NULL, attribute_group_name VARCHAR(255) NOT NULL, sort_order SMALLINT NOT NULL DEFAULT 0,
  UNIQUE (attribute_set_id, attribute_group_name)) ENGINE=InnoDB;
CREATE TABLE catalog_eav_attribute (attribute_id SMALLINT UNSIGNED PRIMARY KEY, is_global SMALLINT NOT NULL DEFAULT 1, is_configurable SMALLINT NOT NULL DEFAULT 1) ENGINE=InnoDB;
"""
NEW = TABLES + """
CREATE TABLE eav_attribute_group (attribute_group_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, attribute_set_id SMALLINT UNSIGNED NOT NULL, attribute_group_name VARCHAR(255) NOT NULL, sort_order SMALLINT NOT NULL DEFAULT 0,
  attribute_group_code VARCHAR(255) NOT NULL, UNIQUE (attribute_set_id, attribute_group_name), UNIQUE (attribute_set_id, attribute_group_code)) ENGINE=InnoDB;
CREATE TABLE catalog_eav_attribute (attribute_id SMALLINT UNSIGNED PRIMARY KEY, is_global SMALLINT NOT NULL DEFAULT 1, is_used_in_grid SMALLINT NOT NULL DEFAULT 0) ENGINE=InnoDB;
ALTER TABLE eav_attribute ADD FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE;
ALTER TABLE catalog_eav_attribute ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE;
ALTER TABLE eav_entity_attribute ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE;
ALTER TABLE eav_attribute_group ADD FOREIGN KEY (attribute_set_id) REFERENCES eav_attribute_set (attribute_set_id) ON DELETE CASCADE;
INSERT INTO eav_entity_type VALUES (1, 'customer', 'customer_entity', 1, 'New\\\\\\\\Increment'), (3, 'catalog_category', 'catalog_category_entity', 9, NULL), (4, 'catalog_product', 'catalog_product_entity', 4, NULL), (5, 'order', 'sales_order', 0, 'New\\\\\\\\Increment');
INSERT INTO eav_attribute_set VALUES (1, 1, 'Default', 2), (4, 4, 'Default', 1), (9, 3, 'Default', 1);
INSERT INTO eav_attribute_group VALUES (7, 4, 'Product Details', 10, 'product-details'), (8, 4, 'Images', 20, 'image-management'), (13, 4, 'Content', 15, 'content'), (20, 9, 'General Information', 2, 'general-information');
INSERT INTO eav_attribute VALUES (5, 1, 'firstname', NULL, 'text'), (45, 3, 'name', NULL, 'text'), (71, 4, 'tax_class_id', 'New\\\\\\\\Tax', 'select'), (73, 4, 'name', NULL, 'text'), (74, 4, 'sku', 'New\\\\\\\\Sku', 'text');
INSERT INTO catalog_eav_attribute VALUES (45, 0, 1), (71, 2, 1), (73, 0, 1), (74, 1, 1);
INSERT INTO customer_eav_attribute VALUES (5, 1);
INSERT INTO eav_entity_attribute VALUES (1, 4, 4, 7, 73, 10), (2, 4, 4, 7, 74, 20), (3, 4, 4, 13, 71, 30), (9, 3, 9, 20, 45, 1);
""".replace("\\\\\\\\", "\\\\")
FILL = (
    "INSERT INTO eav_entity_type VALUES (1, 'customer', 'customer/entity', 1, 'eav/increment'), (3, 'catalog_category', 'catalog/category', 0, NULL), (4, 'catalog_product', 'catalog/product', 4, NULL), (12, 'own', 'own', 0, NULL)",
    "INSERT INTO eav_attribute_set VALUES (1, 1, 'Default', 0), (4, 4, 'Default', 0), (9, 4, 'Shoes', 0)",
    "INSERT INTO eav_attribute_group VALUES (7, 4, 'General', 1), (8, 4, 'Images', 2), (20, 9, 'General', 1), (21, 9, 'Sole & Heel', 2)",
    "INSERT INTO eav_attribute VALUES (5, 1, 'firstname', NULL, 'text'), (71, 4, 'name', 'old/name', 'text'), (72, 4, 'sku', NULL, 'text'), (80, 4, 'heel', NULL, 'select'), (81, 4, 'msrp_enabled', 'old/msrp', NULL)",
    "INSERT INTO catalog_eav_attribute VALUES (71, 1, 0), (72, 1, 0), (80, 1, 1), (81, 1, 0)", "INSERT INTO customer_eav_attribute VALUES (5, 0)",
    "INSERT INTO eav_entity_attribute VALUES (1, 4, 4, 7, 71, 1), (2, 4, 4, 7, 72, 2), (3, 4, 9, 20, 71, 1), (4, 4, 9, 21, 80, 2), (5, 4, 4, 8, 81, 1)")
MAP = """<?xml version="1.0"?>
<map>
  <source>
    <field_rules>
      <ignore><field>catalog_eav_attribute.is_configurable</field></ignore>
      <transform><field>eav_attribute.backend_model</field><handler class="\\Migration\\Handler\\EavAttribute\\ConvertModel"/></transform>
      <transform><field>eav_entity_type.entity_table</field><handler class="\\Migration\\Handler\\Convert"><param name="map" value="[customer/entity:customer_entity;catalog/category:catalog_category_entity;catalog/product:catalog_product_entity]"/></handler></transform>
      <transform><field>eav_entity_type.increment_model</field><handler class="\\Migration\\Handler\\GetDestinationValue"><param name="setNullIfEmpty" value="true"/></handler></transform>
      <transform><field>eav_attribute_set.sort_order</field><handler class="\\Migration\\Handler\\SetValue"><param name="value" value="100"/></handler></transform>
      <transform><field>eav_attribute_group.sort_order</field><handler class="\\Migration\\Handler\\SetValue"><param name="value" value="+100"/></handler></transform>
    </field_rules>
  </source>
  <destination>
    <field_rules>
      <ignore><field>catalog_eav_attribute.is_used_in_grid</field></ignore>
      <ignore><field>eav_attribute_group.attribute_group_code</field></ignore>
      <transform><field>eav_attribute_group.attribute_group_code</field><handler class="\\Migration\\Handler\\EavAttributeGroup\\SetGroupCode"/></transform>
    </field_rules>
  </destination>
</map>
"""
CLASSES = """<?xml version="1.0"?>
<classmap><rename><from>old/name</from><to>New\\Name</to></rename><rename><from>old/msrp</from><to/></rename></classmap>
"""
GROUPS = """<?xml version="1.0"?>
<groups><group name="ignore"><attribute type="catalog_product">msrp_enabled</attribute></group></groups>
"""
CONFIG = """<?xml version="1.0"?>
<config>
  <steps mode="data">
    <step title="EAV Step"><integrity>Migration\\Step\\Eav\\Integrity</integrity><data>Migration\\Step\\Eav\\Data</data><volume>Migration\\Step\\Eav\\Volume</volume></step>
  </steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options><map_file>%(map)s</map_file><eav_map_file>map-eav.xml</eav_map_file><class_map>class-map.xml</class_map><eav_attribute_groups_file>groups.xml</eav_attribute_groups_file>
    <log_file>%(log)s</log_file></options>
</config>
"""
WANTED = {
    "eav_entity_type": ((1, "customer", "customer_entity", 1, "New\\Increment"), (3, "catalog_category", "catalog_category_entity", 0, None), (4, "catalog_product", "catalog_product_entity", 4, None),
                        (5, "order", "sales_order", 0, "New\\Increment"), (12, "own", "own", 0, None)),
    "eav_attribute_set": ((1, 1, "Default", 100), (4, 4, "Default", 100), (9, 4, "Shoes", 100), (10, 3, "Default", 1)),
    "eav_attribute_group": ((7, 4, "General", 101, "general"), (8, 4, "Images", 102, "images"), (13, 4, "Content", 15, "content"), (20, 9, "General", 101, "general"), (21, 9, "Sole & Heel", 102, "sole-heel"),
                            (22, 4, "Product Details", 10, "product-details"), (23, 10, "General Information", 2, "general-information"), (24, 9, "Product Details", 10, "product-details"),
                            (25, 9, "Images", 20, "image-management"), (26, 9, "Content", 15, "content")),
    "eav_attribute": ((5, 1, "firstname", None, "text"), (45, 3, "name", None, "text"), (71, 4, "name", "New\\Name", "text"), (72, 4, "sku", "New\\Sku", "text"), (80, 4, "heel", None, "select"),
                      (82, 4, "tax_class_id", "New\\Tax", "select")),
    "catalog_eav_attribute": ((45, 0, 1), (71, 1, 1), (72, 1, 1), (80, 1, 0), (82, 2, 1)),
    "customer_eav_attribute": ((5, 0),),
}
ASSIGNED = ("SELECT a.attribute_set_id, a.attribute_id, g.attribute_group_name, g.attribute_set_id, a.entity_type_id, a.sort_order FROM eav_entity_attribute a JOIN eav_attribute_group g USING (attribute_group_id) ORDER BY 1, 2")
IN_SETS = ((4, 71, "Product Details", 4, 4, 10), (4, 72, "Product Details", 4, 4, 20), (4, 82, "Content", 4, 4, 30), (9, 71, "Product Details", 9, 4, 10), (9, 72, "Product Details", 9, 4, 20),
           (9, 80, "Sole & Heel", 9, 4, 2), (9, 82, "Content", 9, 4, 30), (10, 45, "General Information", 10, 3, 1))


def define(suite):
    @suite.case("eav", "attributes, sets and groups keep the source's ids, and those of the destination alone make room; a second run changes nothing")
    def _():
        with Migration(OLD, NEW, FILL, CONFIG) as shop:
            shop.write("map.xml", "<map><source/><destination/></map>")
            shop.write("map-eav.xml", MAP)
            shop.write("class-map.xml", CLASSES.replace("<rename><from>old/name</from><to>New\\Name</to></rename>", ""))
            shop.write("groups.xml", GROUPS)
            tables = (*WANTED, "eav_entity_attribute")
            before = {table: shop.rows("SELECT * FROM %s ORDER BY 1" % table) for table in tables}
            expect_contains(shop.migrate("data", code=1), "[ERROR]: Incompatibility in data. Source document: eav_attribute. Field: backend_model. Error: Class old/name is not mapped in record attribute_id=71", "a class")
            shop.write("class-map.xml", CLASSES)
            shop.source.run("UPDATE eav_attribute SET frontend_input = NULL WHERE attribute_id IN (5, 80)", database="old")
            said = shop.migrate("data", code=1)
            for number in (5, 80):
                expect_contains(said, "Field: frontend_input. Error: Attribute with attribute_id=%d cannot contain empty field value" % number, "no input")
            shop.write("groups.xml", GROUPS.replace("</groups>", '<group name="frontend_input_empty_allowed"><attribute type="customer">firstname</attribute>'
                                                    '<attribute type="catalog_product">heel</attribute></group></groups>'))
            shop.migrate("data", "--dry-run")
            shop.source.run("UPDATE eav_attribute SET frontend_input = IF(attribute_id = 5, 'text', 'select') WHERE attribute_id IN (5, 80)", database="old")
            shop.source.run("ALTER TABLE eav_attribute ADD note VARCHAR(20)", database="old")
            expect_contains(shop.migrate("data", code=1), "[ERROR]: Source fields are not mapped. Document: eav_attribute. Fields: note", "a field")
            shop.source.run("ALTER TABLE eav_attribute DROP note", database="old")
            code, _out, _err = shop.program.command("migrate", "data", shop.config, env={"DATASYNC_CRASH": "commit.before_commit:1"})
            expect_equal(code != 0, True, "it dies")
            expect_equal({table: shop.rows("SELECT * FROM %s ORDER BY 1" % table) for table in tables}, before, "killed")
            shop.migrate("data")
            for table, rows in WANTED.items():
                expect_equal(shop.rows("SELECT * FROM %s ORDER BY 1" % table), rows, table)
            expect_equal(shop.rows(ASSIGNED), IN_SETS, "what is in sets")
            before = {table: shop.rows("SELECT * FROM %s ORDER BY 1" % table) for table in tables}
            shop.migrate("data")
            expect_equal({table: shop.rows("SELECT * FROM %s ORDER BY 1" % table) for table in tables}, before, "a second run")
            shop.source.run("INSERT INTO eav_attribute VALUES (82, 4, 'laces', NULL, 'text')", "INSERT INTO eav_entity_attribute VALUES (10, 4, 9, 21, 82, 5)", database="old")
            shop.migrate("data")
            expect_equal(shop.rows("SELECT attribute_code FROM eav_attribute WHERE attribute_id IN (82, 83) ORDER BY attribute_id"), (("laces",), ("tax_class_id",)), "an id that is taken later")
            expect_equal(shop.rows("SELECT attribute_id FROM catalog_eav_attribute WHERE is_global = 2"), ((83,),), "what belongs to it")
            expect_equal(shop.rows("SELECT attribute_set_id FROM eav_entity_attribute WHERE attribute_id = 83 ORDER BY 1"), ((4,), (9,)), "where it is")
