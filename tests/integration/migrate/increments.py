"""The SalesIncrement step: numbers go on where the source's shop has come to."""

from base import Migration
from lib.suite import expect_contains, expect_equal
from steps import wait_for

OLD = """
CREATE TABLE eav_entity_type (entity_type_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_code VARCHAR(50) NOT NULL, increment_per_store SMALLINT UNSIGNED NOT NULL DEFAULT 0) ENGINE=InnoDB;
CREATE TABLE eav_entity_store (entity_store_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED NOT NULL,
  increment_prefix VARCHAR(20) NULL, increment_last_id VARCHAR(50) NULL) ENGINE=InnoDB;
"""
NEW = """
CREATE TABLE eav_entity_store (entity_store_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED NOT NULL,
  increment_prefix VARCHAR(20) NULL, increment_last_id VARCHAR(50) NULL) ENGINE=InnoDB;
CREATE TABLE new_store (store_id SMALLINT UNSIGNED PRIMARY KEY) ENGINE=InnoDB;
RENAME TABLE new_store TO store;
INSERT INTO store VALUES (0), (1), (6);
CREATE TABLE sales_sequence_meta (meta_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type VARCHAR(32) NOT NULL, store_id SMALLINT UNSIGNED NOT NULL, sequence_table VARCHAR(64) NOT NULL,
  UNIQUE (entity_type, store_id)) ENGINE=InnoDB;
CREATE TABLE sales_sequence_profile (profile_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, meta_id INT UNSIGNED NOT NULL, prefix VARCHAR(32) NULL, suffix VARCHAR(32) NULL,
  start_value INT UNSIGNED NOT NULL DEFAULT 1, step INT UNSIGNED NOT NULL DEFAULT 1, max_value INT UNSIGNED NOT NULL, warning_value INT UNSIGNED NOT NULL, is_active TINYINT(1) NOT NULL DEFAULT 0,
  UNIQUE (meta_id, prefix, suffix), FOREIGN KEY (meta_id) REFERENCES sales_sequence_meta (meta_id) ON DELETE CASCADE) ENGINE=InnoDB;
"""
FRESH = [(kind, store) for store in (0, 1) for kind in ("order", "invoice", "creditmemo", "shipment")]
FILL = (
    "INSERT INTO eav_entity_type VALUES (1, 'customer', 1), (5, 'order', 1), (6, 'invoice', 1), (7, 'creditmemo', 1), (8, 'shipment', 0)",
    "INSERT INTO eav_entity_store (entity_type_id, store_id, increment_prefix, increment_last_id) VALUES (5, 1, '1', '100000200'), (5, 1, '1', '100000233'), (5, 6, 'DE', 'DE00000042'), (6, 1, '1', '100000120'), "
    "(7, 1, '1', 'X-17'), (8, 0, '', '7'), (1, 1, '1', '100000900')")
MAP = """<?xml version="1.0"?>
<map>
  <source><document_rules><ignore><document>eav_entity_type</document></ignore></document_rules></source>
  <destination><document_rules><ignore><document>store</document></ignore><ignore><document>sales_sequence_*</document></ignore><ignore><document>sequence_*</document></ignore></document_rules></destination>
</map>
"""
STEPS = """
    <step title="Map Step"><integrity>Migration\\Step\\Map\\Integrity</integrity>%(map)s<volume>Migration\\Step\\Map\\Volume</volume></step>
    <step title="SalesIncrement Step">
      <integrity>Migration\\Step\\SalesIncrement\\Integrity</integrity>
      %(increments)s
      <volume>Migration\\Step\\SalesIncrement\\Volume</volume>
    </step>"""
CONFIG = """<?xml version="1.0"?>
<config>
  <steps mode="data">""" + STEPS % {"map": "<data>Migration\\Step\\Map\\Data</data>", "increments": "<data>Migration\\Step\\SalesIncrement\\Data</data>"} + """</steps>
  <steps mode="delta">""" + STEPS % {"map": "<delta>Migration\\Step\\Map\\Delta</delta>", "increments": "<delta>Migration\\Step\\SalesIncrement\\Delta</delta>"} + """</steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options><map_file>%(map)s</map_file><log_file>%(log)s</log_file></options>
</config>
"""
PROFILES = ("SELECT m.entity_type, m.store_id, m.sequence_table, p.prefix, p.start_value, p.step, p.max_value, p.warning_value, p.is_active FROM sales_sequence_meta m "
            "JOIN sales_sequence_profile p USING (meta_id) WHERE m.entity_type = 'order' ORDER BY 2")


class Shop(Migration):
    def __init__(self):
        super().__init__(OLD, NEW, FILL, CONFIG)
        self.write("map.xml", MAP)
        for kind, store in FRESH:
            self.destination.run(
                "CREATE TABLE sequence_%s_%d (sequence_value INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB" % (kind, store),
                "INSERT INTO sales_sequence_meta (entity_type, store_id, sequence_table) VALUES ('%s', %d, 'sequence_%s_%d')" % (kind, store, kind, store),
                "INSERT INTO sales_sequence_profile (meta_id, max_value, warning_value, is_active) VALUES (LAST_INSERT_ID(), 4294967295, 4294966295, 1)", database="new")

    def all(self):
        tables = [row[0] for row in self.rows("SHOW TABLES LIKE '%sequence%'")]
        return {table: self.rows("SELECT * FROM %s ORDER BY 1" % table) for table in tables}

    def next(self, kind, store):
        """The number that the destination's shop gives next, which it takes."""
        self.destination.run("INSERT INTO sequence_%s_%d VALUES ()" % (kind, store), database="new")
        return self.ask("SELECT MAX(sequence_value) FROM sequence_%s_%d" % (kind, store))


def define(suite):
    @suite.case("increments", "numbers go on where the source's are, also those of a delta; tables are made for new stores; a second run changes nothing")
    def _():
        with Shop() as shop:
            shop.source.run("RENAME TABLE eav_entity_type TO away", database="old")
            shop.destination.run("RENAME TABLE sales_sequence_meta TO sequence_away", database="new")
            said = shop.migrate("data", "--auto", "--dry-run")
            for part in ("[WARNING]: Source documents are not mapped: away", "[ERROR]: Source documents are missing: eav_entity_type", "[ERROR]: Destination documents are missing: sales_sequence_meta"):
                expect_contains(said, part, "tables")
            shop.source.run("RENAME TABLE away TO eav_entity_type", database="old")
            shop.destination.run("RENAME TABLE sequence_away TO sales_sequence_meta", database="new")

            for point in ("ddl.after_statement:2", "commit.before_commit:1", "commit.after_commit:1"):
                code, _out, _err = shop.program.command("migrate", "data", shop.config, env={"DATASYNC_CRASH": point})
                expect_equal(code != 0, True, "it dies at " + point)
            said = shop.migrate("data")
            expect_contains(said, "[WARNING]: The last increment id of creditmemo in store 1 is no number behind its prefix: X-17", "no number")
            expect_equal(shop.rows(PROFILES), (("order", 0, "sequence_order_0", "0", 1, 1, 4294967295, 4294966295, 1), ("order", 1, "sequence_order_1", "1", 1, 1, 4294967295, 4294966295, 1),
                                               ("order", 6, "sequence_order_6", "DE", 1, 1, 4294967295, 4294966295, 1)), "profiles")
            before = shop.all()
            expect_equal(len(before), 14, "tables")
            expect_equal({name: max((row[0] for row in rows), default=0) for name, rows in before.items() if name.startswith("sequence")},
                         {"sequence_%s_%d" % (kind, store): {("order", 1): 233, ("order", 6): 42, ("invoice", 1): 120}.get((kind, store), 7 if kind == "shipment" else 0)
                          for kind in ("order", "invoice", "creditmemo", "shipment") for store in (0, 1, 6)}, "numbers")
            shop.migrate("data")
            expect_equal(shop.all(), before, "after a second run")
            expect_equal((shop.next("order", 1), shop.next("order", 6), shop.next("creditmemo", 6)), (234, 43, 1), "new numbers")
            shop.source.run("UPDATE eav_entity_store SET increment_last_id = '100000300' WHERE entity_type_id = 6", "UPDATE eav_entity_store SET increment_last_id = 'DE00000043' WHERE store_id = 6",
                            database="old")
            shop.destination.run("UPDATE sales_sequence_profile SET prefix = 'mine'", database="new")
            shop.migrate("delta", "--once")
            expect_equal((shop.next("invoice", 1), shop.next("order", 6)), (301, 44), "after a delta")
            expect_equal(shop.ask("SELECT COUNT(*) FROM sales_sequence_profile WHERE prefix = 'mine'"), 12, "prefixes that were set since")
            expect_equal(shop.ask("SELECT increment_last_id FROM eav_entity_store WHERE entity_type_id = 6"), "100000300", "the table itself")
            shop.destination.run("DELETE FROM sequence_invoice_1", database="new")
            shop.source.run("INSERT INTO eav_entity_store (entity_type_id, store_id, increment_last_id) VALUES (5, 0, '99999999999')", database="old")
            expect_contains(shop.migrate("delta", "--once"), "is no number behind its prefix: 99999999999", "a number that is too large")

    @suite.case("increments-alongside", "a delta that does not end brings numbers, too, again and again, and ends on SIGTERM")
    def _():
        with Shop() as shop:
            shop.migrate("data")
            last = lambda kind, store: shop.ask("SELECT MAX(sequence_value) FROM sequence_%s_%d" % (kind, store))
            shop.program.start("delta", shop.config, command="migrate")
            for number in (400, 500):
                shop.source.run("UPDATE eav_entity_store SET increment_last_id = '100000%d' WHERE entity_type_id = 5 AND store_id = 1" % number, database="old")
                wait_for("the number %d" % number, lambda: last("order", 1) == number)
                wait_for("the row itself", lambda: shop.ask("SELECT increment_last_id FROM eav_entity_store WHERE entity_type_id = 5 AND store_id = 1") == "100000%d" % number)
            shop.source.run("DELETE FROM eav_entity_store WHERE entity_type_id = 7", database="old")
            wait_for("the stream", lambda: shop.ask("SELECT COUNT(*) FROM eav_entity_store WHERE entity_type_id = 7") == 0)
            shop.program.stop()
            expect_contains(shop.migrate("delta", "--once"), "Migration completed successfully", "the end")
            expect_equal((last("order", 1), last("invoice", 1)), (500, 120), "numbers")
