"""Handlers that write rows of other documents: galleries, lists of ids, synonyms, sequences."""

import random

from base import Migration, map_config
from lib.suite import expect_contains, expect_equal

OLD = """
CREATE TABLE core_store (store_id SMALLINT UNSIGNED PRIMARY KEY, website_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
CREATE TABLE gallery (value_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_id INT UNSIGNED NOT NULL, value VARCHAR(255)) ENGINE=InnoDB;
CREATE TABLE salesrule (rule_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40), website_ids TEXT, customer_group_ids TEXT) ENGINE=InnoDB;
CREATE TABLE catalogsearch_query (query_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, query_text VARCHAR(80), synonym_for VARCHAR(80), store_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
CREATE TABLE shipment (entity_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20)) ENGINE=InnoDB;
"""
NEW = """
CREATE TABLE core_store (store_id SMALLINT UNSIGNED PRIMARY KEY, website_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
CREATE TABLE gallery (value_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, value VARCHAR(255)) ENGINE=InnoDB;
CREATE TABLE catalog_product_entity_media_gallery_value_to_entity (value_id INT UNSIGNED NOT NULL, entity_id INT UNSIGNED NOT NULL, UNIQUE (value_id, entity_id),
  FOREIGN KEY (value_id) REFERENCES gallery (value_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE salesrule (rule_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB;
CREATE TABLE salesrule_website (rule_id INT UNSIGNED NOT NULL, website_id SMALLINT UNSIGNED NOT NULL, PRIMARY KEY (rule_id, website_id), FOREIGN KEY (rule_id) REFERENCES salesrule (rule_id)) ENGINE=InnoDB;
CREATE TABLE salesrule_customer_group (rule_id INT UNSIGNED NOT NULL, customer_group_id SMALLINT UNSIGNED NOT NULL, PRIMARY KEY (rule_id, customer_group_id),
  FOREIGN KEY (rule_id) REFERENCES salesrule (rule_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE search_query (query_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, query_text VARCHAR(80), store_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
CREATE TABLE search_synonyms (group_id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, synonyms TEXT NOT NULL, store_id SMALLINT UNSIGNED NOT NULL, website_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
CREATE TABLE sequence_shipment (sequence_value INT UNSIGNED AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE shipment (entity_id INT UNSIGNED PRIMARY KEY, note VARCHAR(20), FOREIGN KEY (entity_id) REFERENCES sequence_shipment (sequence_value) ON DELETE CASCADE) ENGINE=InnoDB;
"""
FILL = ("INSERT INTO core_store VALUES (0, 0), (1, 1), (2, 3)",
        "INSERT INTO gallery (entity_id, value) SELECT 1 + seq %% 40, CONCAT('/a/b/', seq, '.jpg') FROM seq_1_to_300".replace("%%", "%"),
        "INSERT INTO salesrule (name, website_ids, customer_group_ids) SELECT CONCAT('rule ', seq), ELT(1 + seq % 5, '1', '1,2', ' 3 , 1,3', '', NULL), '0,1,2' FROM seq_1_to_200",
        "INSERT INTO catalogsearch_query (query_text, synonym_for, store_id) SELECT CONCAT('word', seq), IF(seq % 3, NULL, CONCAT('other', seq)), seq % 3 FROM seq_1_to_90",
        "INSERT INTO shipment (note) SELECT seq FROM seq_1_to_100")
HANDLER = '<transform><field>%s</field><handler class="\\Migration\\Handler\\%s">%s</handler></transform>'
IDS = '<param name="normalizationDocument" value="%s"/><param name="normalizationField" value="%s"/>'
MAP = """<?xml version="1.0"?>
<map>
  <source>
    <document_rules><rename><document>catalogsearch_query</document><to>search_query</to></rename></document_rules>
    <field_rules>
      <ignore><field>gallery.entity_id</field></ignore><ignore><field>salesrule.website_ids</field></ignore><ignore><field>salesrule.customer_group_ids</field></ignore>
      <ignore><field>catalogsearch_query.synonym_for</field></ignore>
      """ + "".join((HANDLER % ("gallery.value_id", "Gallery\\InsertValueToEntity", ""),
                     HANDLER % ("salesrule.website_ids", "Rule\\NormalizationIds", IDS % ("salesrule_website", "website_id")),
                     HANDLER % ("salesrule.customer_group_ids", "Rule\\NormalizationIds", IDS % ("salesrule_customer_group", "customer_group_id")),
                     HANDLER % ("catalogsearch_query.synonym_for", "Synonym", ""),
                     HANDLER % ("shipment.entity_id", "Sequence", '<param name="table" value="sequence_shipment"/>'))) + """
    </field_rules>
  </source>
  <destination>
    <document_rules><ignore><document>catalog_product_entity_media_gallery_value_to_entity</document></ignore><ignore><document>salesrule_*</document></ignore>
      <ignore><document>search_synonyms</document></ignore><ignore><document>sequence_shipment</document></ignore></document_rules>
    <field_rules/>
  </destination>
</map>
"""
LISTED = """SELECT DISTINCT rule_id, CAST(TRIM(SUBSTRING_INDEX(SUBSTRING_INDEX(%s, ',', seq), ',', -1)) AS UNSIGNED) AS id FROM salesrule JOIN seq_1_to_9
  ON seq <= LENGTH(%s) - LENGTH(REPLACE(%s, ',', '')) + 1 WHERE %s <> '' ORDER BY 1, 2"""
PAIRS = (
    ("SELECT value_id, value FROM gallery ORDER BY 1", None),
    ("SELECT value_id, entity_id FROM gallery ORDER BY 1, 2", "SELECT * FROM catalog_product_entity_media_gallery_value_to_entity ORDER BY 1, 2"),
    ("SELECT rule_id, name FROM salesrule ORDER BY 1", None),
    (LISTED.replace("%s", "website_ids"), "SELECT * FROM salesrule_website ORDER BY 1, 2"),
    (LISTED.replace("%s", "customer_group_ids"), "SELECT * FROM salesrule_customer_group ORDER BY 1, 2"),
    ("SELECT query_id, query_text, store_id FROM catalogsearch_query ORDER BY 1", "SELECT query_id, query_text, store_id FROM search_query ORDER BY 1"),
    ("SELECT query_id, CONCAT(synonym_for, ',', query_text), store_id, website_id FROM catalogsearch_query JOIN core_store USING (store_id) WHERE synonym_for <> '' ORDER BY 1",
     "SELECT * FROM search_synonyms ORDER BY 1"),
    ("SELECT entity_id, note FROM shipment ORDER BY 1", None),
    ("SELECT entity_id FROM shipment ORDER BY 1", "SELECT * FROM sequence_shipment ORDER BY 1"),
)


def equal(shop, what):
    for there, here in PAIRS:
        expect_equal(shop.rows(here or there), shop.source.query(there, "old"), "%s: %s" % (what, here or there))


def change(shop, draw):
    one = lambda: draw.randrange(1, 260)
    shop.source.run(
        "UPDATE gallery SET entity_id = entity_id + 1 WHERE value_id %% 11 = %d" % draw.randrange(11), "UPDATE gallery SET value = 'x' WHERE value_id = %d" % one(),
        "UPDATE IGNORE gallery SET value_id = value_id + 1000 WHERE value_id = %d" % one(), "DELETE FROM gallery WHERE value_id = %d" % one(),
        "INSERT INTO gallery (entity_id) VALUES (3), (3)",
        "UPDATE salesrule SET website_ids = '%s' WHERE rule_id %% 9 = %d" % (draw.choice(("2,1", "3", "", "1,1")), draw.randrange(9)),
        "UPDATE salesrule SET customer_group_ids = CONCAT(customer_group_ids, ',%d') WHERE rule_id = %d" % (draw.randrange(3, 7), one()),
        "DELETE FROM salesrule WHERE rule_id = %d" % one(), "INSERT INTO salesrule (name, website_ids) VALUES ('new', '1')",
        "UPDATE catalogsearch_query SET synonym_for = IF(synonym_for IS NULL, 'now', NULL), store_id = %d WHERE query_id = %d" % (draw.randrange(3), one()),
        "DELETE FROM catalogsearch_query WHERE query_id = %d" % one(), "INSERT INTO shipment (note) VALUES ('new')", "DELETE FROM shipment WHERE entity_id = %d" % one(),
        "UPDATE IGNORE shipment SET entity_id = entity_id + 500 WHERE entity_id = %d" % one(), database="old")


def define(suite):
    @suite.case("outputs", "handlers that write rows of other documents do so in the copy and in the delta, through kills; what a row gave and gives no more goes")
    def _():
        with Migration(OLD, NEW, FILL, map_config()) as shop:
            shop.write("map.xml", MAP)
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            shop.destination.run("INSERT INTO salesrule_website SELECT 1, seq FROM seq_1_to_3 WHERE 0", "SET foreign_key_checks = 0",
                                 "INSERT INTO salesrule_website VALUES (1, 9)", database="new")
            expect_contains(shop.migrate("data", code=2), "or ignore them in the map: salesrule_website", "rows of others")
            shop.destination.run("DELETE FROM salesrule_website", database="new")
            code, out, err = shop.program.command("migrate", "data", shop.config, env={"DATASYNC_CRASH": "load.rows:3"})
            expect_equal(code, -9, (out + err)[-1500:])
            shop.migrate("data")
            equal(shop, "copied")
            for point in ("commit.before_commit:1", "commit.after_commit:1", None):
                for _ in range(10):
                    change(shop, draw)
                if point:
                    code, out, err = shop.program.command("migrate", "delta", shop.config, "--once", env={"DATASYNC_CRASH": point})
                    expect_equal(code, -9, (out + err)[-1500:])
                shop.migrate("delta", "--once")
                equal(shop, "delta")
            shop.source.run("TRUNCATE TABLE salesrule", "INSERT INTO salesrule (name, website_ids) VALUES ('the first', '2,3')", database="old")
            shop.migrate("delta", "--once")
            equal(shop, "emptied")
            shop.source.run("UPDATE salesrule SET website_ids = '1,many'", database="old")
            said = shop.migrate("delta", "--once", code=1)
            for part in ("the value for salesrule_website.website_id is not a whole number", "key=1"):
                expect_contains(said, part, "what does not fit")
            shop.source.run("UPDATE salesrule SET website_ids = '1'", database="old")
            expect_contains(shop.migrate("data", "--reset", "--yes"), "Migration completed", "again")
            equal(shop, "again")
            shop.destination.run("DROP TABLE search_synonyms", database="new")
            expect_contains(shop.migrate("data", "--reset", "--yes", code=1),
                            "[ERROR]: Destination documents are missing: search_synonyms (a handler writes its rows, ", "a table that there is not")
