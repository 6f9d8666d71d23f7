"""The PostProcessing step: what is left over at the destination."""

from base import Migration
from deltas import files, take_binlogs
from lib.suite import expect, expect_contains, expect_equal

SCHEMA = """
CREATE TABLE eav_entity_type (entity_type_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_code VARCHAR(50) NOT NULL) ENGINE=InnoDB;
CREATE TABLE eav_attribute (attribute_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, attribute_code VARCHAR(255) NOT NULL) ENGINE=InnoDB;
CREATE TABLE eav_entity_attribute (entity_attribute_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, attribute_set_id SMALLINT UNSIGNED NOT NULL, attribute_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
INSERT INTO eav_entity_type VALUES (3, 'catalog_category'), (4, 'catalog_product');
INSERT INTO eav_attribute VALUES (60, 4, 'name'), (61, 4, 'color'), (62, 4, 'url_path'), (63, 3, 'url_path');
INSERT INTO eav_entity_attribute (attribute_set_id, attribute_id) VALUES (4, 60), (4, 62), (5, 60), (5, 61), (5, 62);
"""
TABLES = """
CREATE TABLE catalog_product_entity (entity_id INT UNSIGNED PRIMARY KEY, attribute_set_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
CREATE TABLE catalog_product_entity_int (value_id INT AUTO_INCREMENT PRIMARY KEY, attribute_id SMALLINT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  entity_id INT UNSIGNED NOT NULL, value INT, UNIQUE (entity_id, attribute_id, store_id), FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE catalog_product_entity_varchar (value_id INT AUTO_INCREMENT PRIMARY KEY, attribute_id SMALLINT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  entity_id INT UNSIGNED NOT NULL, value VARCHAR(255), UNIQUE (entity_id, attribute_id, store_id), FOREIGN KEY (entity_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE catalog_category_entity_varchar (value_id INT AUTO_INCREMENT PRIMARY KEY, attribute_id SMALLINT UNSIGNED NOT NULL, entity_id INT UNSIGNED NOT NULL, value VARCHAR(255)) ENGINE=InnoDB;
CREATE TABLE catalog_category_product (category_id INT UNSIGNED, product_id INT UNSIGNED, PRIMARY KEY (category_id, product_id)) ENGINE=InnoDB;
"""
KEYS = "".join("ALTER TABLE catalog_%s ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE;\n" % name
               for name in ("product_entity_int", "product_entity_varchar", "category_entity_varchar"))
FILL = (
    "INSERT INTO catalog_product_entity SELECT seq, IF(seq % 2, 4, 5) FROM seq_1_to_100",
    "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT 60, seq, CONCAT('name ', seq) FROM seq_1_to_100",
    "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT 62, seq, CONCAT('path-', seq) FROM seq_1_to_100",
    "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT 99, seq, 'of one that is gone' FROM seq_1_to_10",
    "INSERT INTO catalog_product_entity_int (attribute_id, entity_id, value) SELECT 61, seq, seq FROM seq_1_to_20",
    "INSERT INTO catalog_category_entity_varchar (attribute_id, entity_id, value) VALUES (63, 3, 'path'), (99, 3, 'gone')",
    "INSERT INTO catalog_category_product VALUES (1, 5), (2, 5), (1, 6)")
MAP = """<?xml version="1.0"?>
<map>
  <source/>
  <destination><document_rules><ignore><document>eav_*</document></ignore></document_rules></destination>
</map>
"""
GROUPS = """<?xml version="1.0"?>
<groups>
  <group name="documents_leftover_values">
    <document>catalog_category_entity_varchar</document><document>catalog_product_entity_int</document><document>catalog_product_entity_varchar</document>
    <document>catalog_product_entity_gallery</document><document>eav_attribute</document>
  </group>
  <group name="documents_attribute_set_leftover_values">
    <document>catalog_product_entity_int</document><document>catalog_product_entity_varchar</document><document>catalog_product_entity_gallery</document>
  </group>
</groups>
"""
CONFIG = """<?xml version="1.0"?>
<config>
  <steps mode="data">
    <step title="Map Step"><integrity>Migration\\Step\\Map\\Integrity</integrity><data>Migration\\Step\\Map\\Data</data><volume>Migration\\Step\\Map\\Volume</volume></step>
    <step title="Url Rewrite Step"><integrity>Migration\\Step\\UrlRewrite\\Version191to2000</integrity><data>Migration\\Step\\UrlRewrite\\Version191to2000</data></step>
    <step title="PostProcessing Step"><data>Migration\\Step\\PostProcessing\\Data</data></step>
  </steps>
  <steps mode="delta">
    <step title="Map Step"><delta>Migration\\Step\\Map\\Delta</delta><volume>Migration\\Step\\Map\\Volume</volume></step>
  </steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options><map_file>%(map)s</map_file><eav_document_groups_file>groups.xml</eav_document_groups_file><log_file>%(log)s</log_file></options>
</config>
"""


class Shop(Migration):
    def __init__(self):
        super().__init__(TABLES, SCHEMA + TABLES + KEYS, FILL, CONFIG)
        self.write("map.xml", MAP)
        self.write("groups.xml", GROUPS)

    def clean(self, what, products=100):
        """By SQL of their own: what has to be there, and nothing else."""
        for table, wanted in (("catalog_product_entity_varchar", "SELECT * FROM catalog_product_entity_varchar WHERE attribute_id = 60 ORDER BY 1"),
                              ("catalog_product_entity_int", "SELECT * FROM catalog_product_entity_int WHERE entity_id % 2 = 0 ORDER BY 1"),
                              ("catalog_category_entity_varchar", "SELECT * FROM catalog_category_entity_varchar WHERE attribute_id = 63 ORDER BY 1"),
                              ("catalog_category_product", "SELECT * FROM catalog_category_product WHERE category_id <> 1 ORDER BY 1, 2"),
                              ("catalog_product_entity", "SELECT * FROM catalog_product_entity ORDER BY 1")):
            expect_equal(self.rows("SELECT * FROM %s ORDER BY 1, 2" % table), self.source.query(wanted, "old"), "%s: %s" % (what, table))
        expect_equal(self.ask("SELECT COUNT(*) FROM catalog_product_entity"), products, what + ": products")


def define(suite):
    @suite.case("leftovers", "values that no attribute or set claims go, and stay away when the source changes them; a loss is still told")
    def _():
        with Shop() as shop:
            said = shop.migrate("data")
            for part in ("config.xml:5: step \"Url Rewrite Step\" is left out: the destination's shop makes addresses", "rows of attributes that are gone: deleted document=catalog_product_entity_varchar rows=10", "values of attributes that are not in the product's set: deleted document=catalog_product_entity_int rows=10",
                         "products in the root of all categories: taken out document=catalog_category_product rows=2", "document=catalog_product_entity_varchar rows=100"):
                expect_contains(said, part, "what is deleted")
            shop.clean("copied")
            expect_contains(shop.migrate("data"), "document=catalog_category_product lacks rows that the PostProcessing step deletes: 2", "a second run")
            shop.clean("a second run")
            shop.source.run("UPDATE catalog_product_entity_varchar SET value = CONCAT(value, '-new') WHERE attribute_id IN (62, 99) OR entity_id < 50", "DELETE FROM catalog_product_entity WHERE entity_id IN (3, 4)",
                            "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT 99, seq, 'of one that is gone' FROM seq_50_to_60", "DELETE FROM catalog_product_entity_varchar WHERE attribute_id = 99 AND entity_id = 55",
                            "DELETE FROM catalog_product_entity_varchar WHERE attribute_id = 62 AND entity_id > 90", "INSERT INTO catalog_product_entity_int (attribute_id, entity_id, value) VALUES (61, 31, 1), (61, 32, 2)",
                            "UPDATE catalog_product_entity SET attribute_set_id = 4 WHERE entity_id = 6", "UPDATE catalog_product_entity SET attribute_set_id = 5 WHERE entity_id = 6", database="old")
            said = shop.migrate("delta", "--once")
            expect("1452" not in said and "quarantine" not in said.replace("quarantined=0", ""), "what is of no attribute is left out: " + said[-1500:])
            shop.clean("after a delta", 98)
            shop.destination.run("DELETE FROM catalog_product_entity WHERE entity_id = 50", "UPDATE catalog_product_entity_varchar SET value = 'else' WHERE entity_id = 70", database="new")
            said = shop.migrate("delta", "--once", code=1)
            for part in ("document: catalog_product_entity Source: 98 Destination: 97 Missing keys: 50", "Mismatch of values in the document: catalog_product_entity_varchar"):
                expect_contains(said, part, "a loss")
            expect("document: catalog_category_product" not in said, "what was taken out is no loss: " + said[-1500:])

    @suite.case("leftovers-files", "binlog files bring left-overs, too, which go at their end without the source being asked")
    def _():
        with Shop() as shop:
            shop.migrate("data")
            shop.source.run("UPDATE catalog_product_entity_varchar SET value = CONCAT(value, '-new') WHERE attribute_id IN (62, 99) OR entity_id < 50", "DELETE FROM catalog_product_entity WHERE entity_id IN (3, 4)",
                            "INSERT INTO catalog_product_entity_int (attribute_id, entity_id, value) VALUES (61, 31, 1), (61, 32, 2)", "INSERT INTO catalog_category_product VALUES (1, 7), (3, 7)", database="old")
            names = take_binlogs(shop)
            with open(shop.config, encoding="utf-8") as text:
                config = text.read()
            shop.write("config.xml", config.replace('port="%d"' % shop.source.port, 'port="1"'))  # nobody is there
            said = shop.migrate("delta", *files(names))
            for part in ("values of attributes that are not in the product's set: deleted document=catalog_product_entity_int", "taken out document=catalog_category_product rows=1", "not compared: with --file the source is not asked"):
                expect_contains(said, part, "what is said")
            shop.clean("from files", 98)

    @suite.case("killed-between", "data that was killed behind its copy, at any end of a stage, is to come to its end before a delta; then both are right, also where the copy was not the first")
    def _():
        for again in (False, True):
            died, code = 0, -9
            while code == -9:
                number = died + 1
                with Shop() as shop:
                    if again:
                        shop.migrate("data")
                        shop.destination.run("UPDATE catalog_product_entity_varchar SET value = 'lost'", "DELETE FROM catalog_product_entity_int", database="new")
                    code, out, err = shop.program.command("migrate", "data", shop.config, *(("--reset", "--yes") if again else ()), env={"DATASYNC_CRASH": "migrate.stage:%d" % number})
                    expect(code in (-9, 0), "stage %d: %s" % (number, out + err))
                    died += code == -9
                    if code == -9 and number < 6:  # behind the last data stage all is done
                        for options in ((), ("--once",), ("--changelog",)):
                            expect_contains(shop.migrate("delta", *options, code=2), "data mode has not come to its end, and what its last steps do is not done: run `datasync migrate data` first", "stage %d" % number)
                        shop.migrate("data")
                    shop.source.run("UPDATE catalog_product_entity_varchar SET value = CONCAT(value, '-new') WHERE entity_id < 50", database="old")
                    shop.migrate("delta", "--once")
                    shop.clean("stage %d" % number)
                    expect_equal(shop.destination.scalar("SELECT COUNT(*) FROM datasync_snapshot WHERE name = 'migrate.data'", "datasync"), 0, "notes")
            expect_equal(died, 6, "deaths")

    @suite.case("volume-and-the-rest", "what the volume check finds ends the run at its end: the steps behind it are done, and a delta may follow")
    def _():
        with Shop() as shop:
            code, out, err = shop.program.command("migrate", "data", shop.config, env={"DATASYNC_CRASH": "migrate.stage:1"})
            expect_equal(code, -9, (out + err)[-1500:])
            shop.destination.run("SET foreign_key_checks = 0", "DELETE FROM catalog_product_entity WHERE entity_id = 50", database="new")
            for mode, options in (("data", ()), ("delta", ("--once",))):
                said = shop.migrate(mode, *options, code=1)
                for part in ("document: catalog_product_entity Source: 100 Destination: 99 Missing keys: 50", "Volume Check failed"):
                    expect_contains(said, part, "a loss")
                expect("Migration completed" not in said, "the end: " + said[-800:])
                expect_equal(shop.ask("SELECT COUNT(*) FROM catalog_category_product WHERE category_id = 1"), 0, "what PostProcessing deletes")
                shop.source.run("INSERT IGNORE INTO catalog_category_product VALUES (1, 7)", database="old")
            shop.migrate("data", "--reset", "--document", "catalog_product_entity", "--yes")
            shop.migrate("delta", "--once")
            shop.clean("put right")
