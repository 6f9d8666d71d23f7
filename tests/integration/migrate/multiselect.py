"""The PostProcessing step: values of multiselect attributes."""

import random

from base import Migration
from leftovers import CONFIG, GROUPS
from lib.suite import expect, expect_contains, expect_equal

VALUES = """
CREATE TABLE PREFIXcatalog_product_entity_NAME (value_id INT AUTO_INCREMENT PRIMARY KEY, attribute_id SMALLINT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  entity_id INT UNSIGNED NOT NULL, value TYPE NULL, UNIQUE (entity_id, attribute_id, store_id), FOREIGN KEY (entity_id) REFERENCES PREFIXcatalog_product_entity (entity_id) ON DELETE CASCADE) ENGINE=InnoDB;
"""
TABLES = """
CREATE TABLE PREFIXcatalog_product_entity (entity_id INT UNSIGNED PRIMARY KEY, attribute_set_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
""" + VALUES.replace("NAME", "varchar").replace("TYPE", "VARCHAR(255)") + VALUES.replace("NAME", "text").replace("TYPE", "TEXT")
# 60 a text; 70 a list whose values move; 71 one that stays; 72 of a source of its own; 73 without options; 74 that is in set 4 alone
SCHEMA = """
CREATE TABLE m2_eav_entity_type (entity_type_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_code VARCHAR(50) NOT NULL) ENGINE=InnoDB;
CREATE TABLE m2_eav_attribute (attribute_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, attribute_code VARCHAR(255) NOT NULL, backend_type VARCHAR(8) NOT NULL,
  frontend_input VARCHAR(50), source_model VARCHAR(255)) ENGINE=InnoDB;
CREATE TABLE m2_eav_attribute_option (option_id INT UNSIGNED PRIMARY KEY, attribute_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
CREATE TABLE m2_eav_entity_attribute (entity_attribute_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, attribute_set_id SMALLINT UNSIGNED NOT NULL, attribute_id SMALLINT UNSIGNED NOT NULL) ENGINE=InnoDB;
INSERT INTO m2_eav_entity_type VALUES (3, 'catalog_category'), (4, 'catalog_product');
INSERT INTO m2_eav_attribute VALUES (60, 4, 'name', 'varchar', 'text', NULL), (61, 4, 'long', 'text', 'textarea', NULL), (70, 4, 'colors', 'varchar', 'multiselect', NULL),
  (71, 4, 'sizes', 'text', 'multiselect', 'eav/entity_attribute_source_table'), (72, 4, 'countries', 'varchar', 'multiselect', 'Vendor\\\\Countries'), (73, 4, 'without', 'varchar', 'multiselect', ''),
  (74, 4, 'some', 'varchar', 'multiselect', NULL), (80, 3, 'sorts', 'varchar', 'multiselect', NULL);
INSERT INTO m2_eav_attribute_option SELECT seq, 70 FROM seq_1_to_20 UNION ALL SELECT seq, 71 FROM seq_21_to_30 UNION ALL SELECT seq, 74 FROM seq_31_to_40;
INSERT INTO m2_eav_entity_attribute (attribute_set_id, attribute_id) SELECT s.seq, a.attribute_id FROM m2_eav_attribute a JOIN seq_4_to_5 s WHERE NOT (s.seq = 5 AND a.attribute_id = 74);
"""
PRODUCTS = 60
LISTED = {70: range(1, 21), 71: range(21, 31), 74: range(31, 41)}
MAP = """<?xml version="1.0"?>
<map>
  <source/>
  <destination><document_rules><ignore><document>eav_*</document></ignore></document_rules></destination>
</map>
"""


def draw_list(draw):
    items = [draw.choice((str(draw.randrange(1, 45)), "", " %d " % draw.randrange(1, 45), "red")) for _ in range(draw.randrange(5))]
    return draw.choice(("NULL", "''")) if draw.randrange(8) == 0 else "'%s'" % ",".join(items)


def clean(attribute, value):
    if value is None:
        return None
    items = [x.strip(" ") for x in value.split(",")]
    known = LISTED.get(attribute)
    kept = ",".join(x for x in items if x and not (known and x.isdigit() and int(x) not in known))
    return value if len(kept) == len(value) else kept or None


class Shop(Migration):
    def __init__(self, draw):
        fill = ["INSERT INTO m1_catalog_product_entity SELECT seq, IF(seq %% 2, 4, 5) FROM seq_1_to_%d" % PRODUCTS]
        for product in range(1, PRODUCTS + 1):
            fill.append("INSERT INTO m1_catalog_product_entity_varchar (attribute_id, entity_id, value) VALUES (60, %d, 'name,,99'), (72, %d, 'US,,DE')" % (product, product))
            fill.append("INSERT INTO m1_catalog_product_entity_text (attribute_id, store_id, entity_id, value) VALUES (61, 0, %d, 'long ,,99'), %s" % (
                product, ", ".join("(%d, %d, %d, %s)" % (a, s, product, draw_list(draw)) for a in (70, 71, 73, 74) for s in (0, 1))))
            if product % 5 == 0:  # of an older version of the shop
                fill.append("INSERT INTO m1_catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) VALUES (70, %d, %d, '1,99')" % (product % 3, product))
        super().__init__(TABLES.replace("PREFIX", "m1_"), SCHEMA + TABLES.replace("PREFIX", "m2_"), fill, CONFIG.replace("<options>", "<options><source_prefix>m1_</source_prefix><dest_prefix>m2_</dest_prefix>"))
        self.write("map.xml", MAP)
        self.write("groups.xml", GROUPS.replace("catalog_product_entity_int", "catalog_product_entity_text"))

    def equal(self, what):
        """What is to be there is worked out here, of the source's rows."""
        sets = dict(self.source.query("SELECT * FROM m1_catalog_product_entity", "old"))
        rows = {name: {row[:3]: row[3] for row in self.source.query("SELECT attribute_id, store_id, entity_id, value FROM m1_catalog_product_entity_%s" % name, "old")} for name in ("varchar", "text")}
        for key in list(rows["text"]):
            if key[0] in (70, 72, 73, 74):
                rows["varchar"][key] = rows["text"].pop(key)
        for name, wanted in rows.items():
            wanted = {k: clean(k[0], v) if k[0] >= 70 else v for k, v in wanted.items() if not (k[0] == 74 and sets[k[2]] == 5)}
            found = {row[:3]: row[3] for row in self.rows("SELECT attribute_id, store_id, entity_id, value FROM m2_catalog_product_entity_%s" % name)}
            for key in sorted(set(wanted) | set(found)):
                expect_equal((key, found.get(key, "missing")), (key, wanted.get(key, "missing")), "%s: %s" % (what, name))
        own = "SELECT value_id, attribute_id, store_id, entity_id FROM m%d_catalog_product_entity_varchar WHERE attribute_id = 60 ORDER BY 1"
        expect_equal(self.rows(own % 2), self.source.query(own % 1, "old"), what + ": numbers of others")


def change(shop, draw):
    one = lambda: draw.randrange(1, PRODUCTS + 1)
    put = "INSERT INTO m1_catalog_product_entity_text (attribute_id, store_id, entity_id, value) SELECT %d, %d, entity_id, %s FROM m1_catalog_product_entity WHERE entity_id = %d ON DUPLICATE KEY UPDATE value = VALUES(value)"
    shop.source.run(*[put % (draw.choice((70, 71, 73, 74)), draw.randrange(3), draw_list(draw), one()) for _ in range(20)],
                    *["DELETE FROM m1_catalog_product_entity_text WHERE attribute_id = %d AND entity_id = %d" % (draw.choice((70, 71, 74)), one()) for _ in range(5)],
                    "DELETE FROM m1_catalog_product_entity WHERE entity_id = %d" % one(), "UPDATE m1_catalog_product_entity SET attribute_set_id = 9 - attribute_set_id WHERE entity_id = %d" % one(),
                    "UPDATE m1_catalog_product_entity_text SET store_id = 7 WHERE attribute_id = 70 AND store_id = 1 AND entity_id = %d" % one(),
                    "INSERT INTO m1_catalog_product_entity_varchar (attribute_id, store_id, entity_id, value) SELECT 60, 5 + %d, entity_id, 'more' FROM m1_catalog_product_entity LIMIT 9" % draw.randrange(1000),
                    database="old")


def define(suite):
    @suite.case("multiselect", "values of multiselect attributes go where the new shop looks for them, without options that are gone, and follow")
    def _():
        draw = random.Random()
        seed = draw.randrange(1 << 31)
        print("# seed %d" % seed)
        draw.seed(seed)
        with Shop(draw) as shop:
            expect_contains(shop.migrate("data"), "values of multiselect attributes: new=", "what is done")
            shop.equal("copied")
            said = shop.migrate("data")
            expect("values of multiselect" not in said, "a second run changes nothing: " + said[-1500:])
            shop.equal("a second run")
            for point in (None, "commit.before_commit:1", "commit.after_commit:2", None):
                change(shop, draw)
                shop.destination.run("DELETE FROM m2_eav_attribute_option WHERE option_id = 20", database="new")
                if point:
                    code, out, err = shop.program.command("migrate", "delta", shop.config, "--once", env={"DATASYNC_CRASH": point})
                    expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))
                LISTED[70] = range(1, 20)
                shop.migrate("delta", "--once")
                shop.equal("delta")
            other = shop.destination.scalar("SELECT MIN(value_id) FROM m2_catalog_product_entity_text WHERE attribute_id = 61", "new")
            shop.destination.run("UPDATE m2_catalog_product_entity_text SET value = 'else' WHERE value_id = %d" % other, database="new")
            expect_contains(shop.migrate("delta", "--once", code=1), "Mismatch of values in the document: catalog_product_entity_text", "a loss of others")
