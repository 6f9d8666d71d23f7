"""The Custom Customer Attributes step: tables with a column for each attribute of the shop's own."""

from base import Migration
from customers import group, steps
from deltas import files, take_binlogs
from lib.suite import expect_contains, expect_equal
from steps import wait_for

KINDS = ("order", "quote")
OLD = "\n".join(
    "CREATE TABLE m1_enterprise_customer_sales_flat_%s (entity_id INT UNSIGNED PRIMARY KEY, customer_hobby VARCHAR(255) DEFAULT 'none, `yet` — ö' COMMENT 'what, they like: 蛇', customer_shoe SMALLINT UNSIGNED NOT NULL COMMENT 'Größe', "
    "customer_note TEXT CHARACTER SET latin1, customer_known VARCHAR(40) NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;" % kind for kind in KINDS)
NEW = "\n".join(
    "CREATE TABLE m2_magento_customercustomattributes_sales_flat_%s (entity_id INT UNSIGNED PRIMARY KEY, customer_known VARCHAR(40) NULL, customer_new INT NULL DEFAULT 4) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;" % kind
    for kind in KINDS)
FILL = ["INSERT INTO m1_enterprise_customer_sales_flat_%s SELECT seq, IF(seq %% 3, CONCAT('Höhlen ', seq), NULL), seq, CONCAT('Größe ', seq), seq FROM seq_1_to_200" % kind for kind in KINDS]
RENAMES = "<map><source><document_rules>%s</document_rules></source><destination/></map>" % "".join(
    "<rename><document>enterprise_customer_sales_flat_%s</document><to>magento_customercustomattributes_sales_flat_%s</to></rename>" % (kind, kind) for kind in KINDS)
NAMES = ["enterprise_customer_sales_flat_" + kind for kind in KINDS]
STEP = (("Custom Customer Attributes Step", "CustomCustomerAttributes"),)
CONFIG = '<config><steps mode="data">' + steps(("integrity", "data", "volume"), STEP) + '</steps><steps mode="delta">' + steps(("delta", "volume"), STEP) + """</steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options><map_file>%(map)s</map_file><log_file>%(log)s</log_file><source_prefix>m1_</source_prefix><dest_prefix>m2_</dest_prefix><customer_attr_map_file>customer-attr-map.xml</customer_attr_map_file>
    <customer_attr_document_groups_file>customer-attr.xml</customer_attr_document_groups_file><delta_document_groups_file>deltalog.xml</delta_document_groups_file></options>
</config>"""


class Custom(Migration):
    def __init__(self):
        super().__init__(OLD, NEW, FILL, CONFIG)
        self.write("map.xml", "<map><source/><destination/></map>")
        self.write("customer-attr-map.xml", RENAMES)
        self.write("customer-attr.xml", "<groups>%s</groups>" % group("source_documents", NAMES))
        self.write("deltalog.xml", '<groups><group name="delta_customer_custom_attributes">%s</group></groups>' % "".join('<document key="entity_id">%s</document>' % name for name in NAMES))

    def equal(self, what, columns="entity_id, customer_hobby, customer_shoe, customer_note, customer_known"):
        for kind in KINDS:
            expect_equal(self.rows("SELECT %s FROM m2_magento_customercustomattributes_sales_flat_%s ORDER BY 1" % (columns, kind)),
                         self.source.query("SELECT %s FROM m1_enterprise_customer_sales_flat_%s ORDER BY 1" % (columns, kind), "old"), what + ": " + kind)


def define(suite):
    @suite.case("custom-attributes", "tables get the columns that they lack, with the source's definitions, before rows come, also those that the source gets later; none is lost")
    def _():
        with Custom() as shop:
            shop.source.run("ALTER TABLE m1_%s ADD customer_twice INT AS (customer_shoe * 2) VIRTUAL, ADD customer_thrice INT AS (customer_shoe * 3) PERSISTENT" % NAMES[0], database="old")
            shop.destination.run("RENAME TABLE m2_magento_customercustomattributes_sales_flat_quote TO m2_away", database="new")
            expect_contains(shop.migrate("data", code=1), "[ERROR]: Destination documents are missing: magento_customercustomattributes_sales_flat_quote", "a table")
            shop.destination.run("RENAME TABLE m2_away TO m2_magento_customercustomattributes_sales_flat_quote", database="new")
            shop.migrate("data", "--dry-run")
            expect_equal(shop.ask("SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'new' AND COLUMN_NAME LIKE 'customer%'"), 4, "a dry run")
            for point in ("load.rows:1", "load.table_end:2"):
                code, out, err = shop.program.command("migrate", "data", shop.config, env={"DATASYNC_CRASH": point})
                expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))
            shop.migrate("data")
            shop.equal("copied")
            expect_contains(shop.migrate("data", "--reset", "--yes", "--document", "nowhere", code=2), "--document nowhere: the source has no such document that is migrated", "a document that there is not")
            definitions = "SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, IS_NULLABLE, COLUMN_DEFAULT, COLUMN_COMMENT, GENERATION_EXPRESSION, EXTRA FROM information_schema.COLUMNS WHERE TABLE_NAME LIKE '%flat_order' AND COLUMN_NAME NOT IN ('entity_id', 'customer_known', 'customer_new') ORDER BY 1"
            expect_equal(shop.rows(definitions), shop.source.query(definitions, "old"), "definitions")
            expect_equal(shop.ask("SELECT SUM(customer_new) FROM m2_magento_customercustomattributes_sales_flat_order"), 800, "a column of the destination's own")
            shop.source.run(*["UPDATE m1_%s SET customer_hobby = 'Ski' WHERE entity_id %% 5 = 0" % name for name in NAMES], "DELETE FROM m1_%s WHERE entity_id IN (7, 9)" % NAMES[0],
                            "ALTER TABLE m1_%s ADD customer_late VARCHAR(30) NOT NULL DEFAULT 'ö' COMMENT '蛇', ADD customer_kind ENUM('ä', 'b') CHARACTER SET latin1 NULL DEFAULT 'ä'" % NAMES[0], "UPDATE m1_%s SET customer_late = entity_id" % NAMES[0],
                            "INSERT INTO m1_%s (entity_id, customer_shoe) VALUES (500, 4)" % NAMES[1], database="old")
            code, out, err = shop.program.command("migrate", "delta", shop.config, "--once", env={"DATASYNC_CRASH": "commit.before_commit:2"})
            expect_equal(code, -9, (out + err)[-1500:])
            shop.migrate("delta", "--once")
            shop.equal("delta")
            late = "SELECT entity_id, customer_late FROM %s ORDER BY 1"
            expect_equal(shop.rows(late % "m2_magento_customercustomattributes_sales_flat_order"), shop.source.query(late % ("m1_" + NAMES[0]), "old"), "a column that came later")
            definitions = definitions.replace("'customer_note'", "'customer_late', 'customer_kind'")
            expect_equal(shop.rows(definitions), shop.source.query(definitions, "old"), "its definition")
            shop.program.start("delta", shop.config, command="migrate")
            shop.source.run("UPDATE m1_%s SET customer_shoe = 77" % NAMES[1], database="old")
            wait_for("it follows", lambda: shop.ask("SELECT MIN(customer_shoe) FROM m2_magento_customercustomattributes_sales_flat_quote") == 77)
            shop.source.run("ALTER TABLE m1_%s ADD customer_live INT NULL" % NAMES[1], "UPDATE m1_%s SET customer_live = entity_id" % NAMES[1], database="old")
            expect_equal(shop.program.wait_exit(), 1, "a column that comes while it runs ends it")
            shop.migrate("delta", "--once")
            live = "SELECT entity_id, customer_live FROM %s ORDER BY 1"
            expect_equal(shop.rows(live % "m2_magento_customercustomattributes_sales_flat_quote"), shop.source.query(live % ("m1_" + NAMES[1]), "old"), "… and is there the next time")
            shop.destination.run("ALTER TABLE m2_magento_customercustomattributes_sales_flat_quote DROP customer_live", "DELETE FROM m2_magento_customercustomattributes_sales_flat_order WHERE entity_id = 11",
                                 "UPDATE m2_magento_customercustomattributes_sales_flat_order SET customer_hobby = 'no' WHERE entity_id = 12", database="new")
            said = shop.migrate("delta", "--once", code=1)
            expect_contains(said, "Mismatch of values in the document: magento_customercustomattributes_sales_flat_quote Fields: customer_live", "a column that was dropped comes again, empty")
            expect_contains(said, "Mismatch of entities in the document: magento_customercustomattributes_sales_flat_order Source: 198 Destination: 197 Missing keys: 11", "a row")

    @suite.case("custom-files", "delta takes them from binlog files, too, and asks no source")
    def _():
        with Custom() as shop:
            shop.migrate("data")
            shop.source.run("UPDATE m1_%s SET customer_hobby = 'Ski' WHERE entity_id = 5" % NAMES[1], database="old")
            names = files(take_binlogs(shop))
            shop.source.stop()
            shop.migrate("delta", *names)
            expect_equal(shop.ask("SELECT customer_hobby FROM m2_magento_customercustomattributes_sales_flat_quote WHERE entity_id = 5"), "Ski", "a value")
            shop.source.start()
            shop.migrate("delta", "--once")
            shop.equal("without files")
