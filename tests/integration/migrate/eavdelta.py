"""What the source makes, changes and deletes of attributes, sets and groups while delta follows it."""

import random

from eav import CLASSES, CONFIG, FILL, GROUPS, MAP, NEW, OLD
from base import Migration
from lib.proxy import Proxy
from lib.suite import expect, expect_contains, expect_equal
from steps import wait_for

VALUES = """
CREATE TABLE catalog_product_entity_varchar (value_id INT AUTO_INCREMENT PRIMARY KEY, attribute_id SMALLINT UNSIGNED NOT NULL, entity_id INT UNSIGNED NOT NULL, value VARCHAR(255) NULL, UNIQUE (entity_id, attribute_id),
  FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE) ENGINE=InnoDB;
"""
SETS = "ALTER TABLE eav_entity_attribute ADD FOREIGN KEY (attribute_group_id) REFERENCES eav_attribute_group (attribute_group_id) ON DELETE CASCADE;"
KEYS = """
ALTER TABLE eav_attribute ADD FOREIGN KEY (entity_type_id) REFERENCES eav_entity_type (entity_type_id) ON DELETE CASCADE;
ALTER TABLE catalog_eav_attribute ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE;
ALTER TABLE eav_entity_attribute ADD FOREIGN KEY (attribute_id) REFERENCES eav_attribute (attribute_id) ON DELETE CASCADE;
ALTER TABLE eav_attribute_group ADD FOREIGN KEY (attribute_set_id) REFERENCES eav_attribute_set (attribute_set_id) ON DELETE CASCADE;
""" + SETS
STEP = '<step title="Map Step">%s</step>'
OTHERS = "<map>%s</map>" % "".join("<%s><document_rules>%s</document_rules></%s>" % (side, "".join(
    "<ignore><document>%s</document></ignore>" % name for name in ("eav_*", "catalog_eav_attribute", "customer_eav_attribute")), side) for side in ("source", "destination"))
# a set that is new later gets the default set's groups as they are then
MERGED = "g.attribute_group_name = 'Images' AND s.attribute_set_name LIKE 'Set %'"
# rows by what they are called: ids of what the destination alone has are its own affair
BY_NAME = {
    "attributes": "SELECT t.entity_type_code, a.attribute_code, a.backend_model, a.frontend_input, c.is_global FROM eav_attribute a JOIN eav_entity_type t USING (entity_type_id) "
                  "LEFT JOIN catalog_eav_attribute c USING (attribute_id) ORDER BY 1, 2",
    "sets": "SELECT t.entity_type_code, s.attribute_set_name, s.sort_order FROM eav_attribute_set s JOIN eav_entity_type t USING (entity_type_id) ORDER BY 1, 2",
    "groups": "SELECT s.attribute_set_name, s.entity_type_id, g.attribute_group_name, IF(%s, '', g.attribute_group_code), IF(%s, 0, g.sort_order) FROM eav_attribute_group g JOIN eav_attribute_set s USING (attribute_set_id) ORDER BY 1, 2, 3" % ((MERGED,) * 2),
    "what is in sets": "SELECT s.attribute_set_name, s.entity_type_id, a.attribute_code, g.attribute_group_name, x.sort_order FROM eav_entity_attribute x JOIN eav_attribute_set s USING (attribute_set_id) "
                       "JOIN eav_attribute_group g USING (attribute_group_id) JOIN eav_attribute a USING (attribute_id) ORDER BY 1, 2, 3",
}
OF_SOURCE = ("SELECT attribute_id, attribute_code FROM eav_attribute WHERE attribute_code <> 'msrp_enabled' ORDER BY 1", "SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set ORDER BY 1",
             "SELECT attribute_group_id, attribute_set_id, attribute_group_name FROM eav_attribute_group ORDER BY 1", "SELECT attribute_id, entity_id, value FROM catalog_product_entity_varchar ORDER BY 1, 2")


class Attributes(Migration):
    def __init__(self):
        fill = [*FILL, "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT 71, seq, CONCAT('Name ', seq) FROM seq_1_to_50",
                "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT 80, seq, 'high' FROM seq_1_to_50"]
        config = CONFIG.replace("</step>\n  </steps>", "</step>\n%s\n  </steps>\n<steps mode=\"delta\">%s</steps>" % (
            STEP % "<data>Migration\\Step\\Map\\Data</data><volume>Migration\\Step\\Map\\Volume</volume>", STEP % "<delta>Migration\\Step\\Map\\Delta</delta><volume>Migration\\Step\\Map\\Volume</volume>"))
        super().__init__(OLD + VALUES + KEYS, NEW + VALUES + SETS, fill, config)
        for name, text in (("map.xml", OTHERS), ("map-eav.xml", MAP), ("class-map.xml", CLASSES), ("groups.xml", GROUPS)):
            self.write(name, text)

    def equal(self, what):
        for sql in OF_SOURCE:
            there, here = self.source.query(sql, "old"), self.rows(sql)
            expect_equal([row for row in there if row not in here], [], what + ": the source's, under its ids: " + sql)
        expect_equal(self.rows(OF_SOURCE[3]), self.source.query(OF_SOURCE[3], "old"), what + ": values")
        orphans = "SELECT COUNT(*) FROM eav_entity_attribute x LEFT JOIN eav_attribute_group g USING (attribute_group_id) LEFT JOIN eav_attribute a USING (attribute_id) WHERE g.attribute_group_id IS NULL OR a.attribute_id IS NULL"
        expect_equal(self.ask(orphans), 0, what + ": orphans")

    def as_anew(self, what):
        """As if the source had been migrated only now, into an empty shop."""
        self.destination.run("DROP DATABASE IF EXISTS fresh", "CREATE DATABASE fresh CHARACTER SET utf8mb4", "DROP DATABASE IF EXISTS fresh_state", database=None)
        self.destination.script(NEW + VALUES + SETS, database="fresh")
        with open(self.config, encoding="utf-8") as text:
            config = self.write("fresh.xml", text.read().replace('name="new"', 'name="fresh"'))
        code, out, err = self.program.command("migrate", "data", config, "--set", "name=fresh", "--set", "state_database=fresh_state", timeout=120)
        expect_equal(code, 0, (out + err)[-1500:])
        for name, sql in BY_NAME.items():
            expect_equal(self.rows(sql), self.destination.query(sql, "fresh"), what + ": " + name)


def define(suite):
    @suite.case("eav-delta", "attributes, sets and groups that are made, renamed and deleted later are followed, before and after the values of theirs, through kills")
    def _():
        with Attributes() as shop:
            shop.migrate("data")
            shop.equal("copied")
            shop.as_anew("copied")
            shop.source.run(
                "INSERT INTO eav_attribute VALUES (82, 4, 'laces', NULL, 'text'), (90, 4, 'insole', NULL, 'text')", "INSERT INTO catalog_eav_attribute VALUES (82, 1, 1), (90, 0, 0)",
                "INSERT INTO eav_entity_attribute VALUES (10, 4, 9, 21, 82, 5)", "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) VALUES (82, 3, 'red')",
                "UPDATE catalog_product_entity_varchar SET value = 'higher' WHERE attribute_id = 80 AND entity_id < 9", "UPDATE eav_attribute_group SET attribute_group_name = 'Sole' WHERE attribute_group_id = 21",
                "UPDATE eav_attribute SET attribute_code = 'lace_colour' WHERE attribute_id = 82", "DELETE FROM eav_attribute WHERE attribute_id = 80", database="old")
            for point in ("commit.before_commit:1", "commit.after_commit:1", "commit.after_commit:2"):
                code, out, err = shop.program.command("migrate", "delta", shop.config, "--once", env={"DATASYNC_CRASH": point})
                expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))
            shop.migrate("delta", "--once")
            shop.equal("delta")
            shop.as_anew("delta")
            expect_equal(shop.ask("SELECT COUNT(*) FROM eav_attribute WHERE attribute_code = 'heel'"), 0, "what was deleted")
            expect_equal(shop.ask("SELECT COUNT(*) FROM eav_attribute WHERE attribute_code = 'tax_class_id'"), 1, "what the destination alone has")
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            shop.program.start("delta", shop.config, command="migrate")
            for number in range(100, 106):
                shop.source.run(
                    "INSERT INTO eav_attribute_set VALUES (%d, 4, 'Set %d', 0)" % (number, number), "INSERT INTO eav_attribute_group VALUES (%d, %d, 'Group', 1)" % (number, number),
                    "INSERT INTO eav_attribute VALUES (%d, 4, 'code_%d', NULL, 'text')" % (number, number), "INSERT INTO eav_entity_attribute VALUES (%d, 4, %d, %d, %d, 1)" % ((number,) * 4),
                    "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT %d, seq, 'v' FROM seq_1_to_5" % number,
                    "UPDATE catalog_product_entity_varchar SET value = CONCAT(value, '+') WHERE attribute_id = %d" % draw.randrange(99, number + 1),
                    "UPDATE eav_attribute_group SET attribute_group_name = CONCAT(attribute_group_name, ' x') WHERE attribute_group_id = %d" % draw.randrange(99, number + 1),
                    "DELETE FROM eav_attribute WHERE attribute_id = %d" % draw.randrange(99, number), "DELETE FROM eav_attribute_set WHERE attribute_set_id = %d" % draw.randrange(99, number), database="old")
                if draw.randrange(2):
                    shop.program.kill()
                    shop.program.start("delta", shop.config, command="migrate")
            shop.source.run("INSERT INTO eav_attribute VALUES (120, 4, 'the_last', NULL, 'text')", "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) VALUES (120, 1, 'the last')", database="old")
            wait_for("the last value", lambda: shop.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE value = 'the last'") or expect(shop.program.running(), shop.program.log_tail()))
            shop.program.stop()
            shop.migrate("delta", "--once")
            shop.equal("killed")
            shop.as_anew("killed")
            expect(shop.ask("SELECT COUNT(*) FROM eav_attribute WHERE attribute_code LIKE 'code%'") > 0, "some stayed")

    @suite.case("eav-refused", "destination tables that hold rows are told, all of them, before EAV writes; what no rows come to may hold some")
    def _():
        with Attributes() as shop:
            shop.destination.run("INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT attribute_id, 1, 'mine' FROM eav_attribute LIMIT 1", "CREATE TABLE plain (id INT PRIMARY KEY) ENGINE=InnoDB",
                                 "INSERT INTO plain VALUES (1)", "CREATE TABLE own (id INT PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO own VALUES (1)", database="new")
            shop.source.run("CREATE TABLE plain (id INT PRIMARY KEY) ENGINE=InnoDB", database="old")
            before = {name: shop.rows(sql) for name, sql in BY_NAME.items()}
            for options in ((), ("--dry-run",), ("--auto",)):
                said = shop.migrate("data", *options, code=2)
                expect_contains(said, "which no earlier run has brought: empty them, use --reset, which does, or ignore them in the map: catalog_product_entity_varchar, plain\n", "the tables")
                expect_equal({name: shop.rows(sql) for name, sql in BY_NAME.items()}, before, "what was there")
            shop.destination.run("DELETE FROM plain", "DELETE FROM catalog_product_entity_varchar", database="new")
            shop.migrate("data", "--auto")
            expect_equal(shop.ask("SELECT COUNT(*) FROM own"), 1, "what no rows come to")
            shop.equal("copied")

    @suite.case("eav-passing", "an attribute that came and went before delta began, with values")
    def _():
        with Attributes() as shop:
            shop.migrate("data")
            shop.source.run("INSERT INTO eav_attribute VALUES (150, 4, 'passing', NULL, 'text')", "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) VALUES (150, 3, 'v')",
                            "UPDATE catalog_product_entity_varchar SET value = 'w' WHERE attribute_id = 150", "DELETE FROM eav_attribute WHERE attribute_id = 150", database="old")
            for point in ("commit.after_commit:2", "commit.before_commit:2"):
                shop.program.command("migrate", "delta", shop.config, "--once", "--set", "batch.max_rows=1", env={"DATASYNC_CRASH": point})
            shop.migrate("delta", "--once")
            shop.equal("delta")
            expect_equal(shop.ask("SELECT COUNT(*) FROM eav_attribute WHERE attribute_id = 150 OR attribute_code LIKE '~%'"), 0, "it is gone")

    @suite.case("eav-again", "a set that is called otherwise; attributes and sets that are deleted and made again under another id, with values, through kills")
    def _():
        renamed = ("UPDATE eav_attribute_set SET attribute_set_name = 'Boots' WHERE attribute_set_id = 9",)
        made = ("UPDATE catalog_product_entity_varchar SET value = 'higher' WHERE attribute_id = 80 AND entity_id < 9", "DELETE FROM eav_attribute WHERE attribute_id = 80", "INSERT INTO eav_attribute VALUES (85, 4, 'heel', NULL, 'select')",
                "INSERT INTO catalog_eav_attribute VALUES (85, 1, 1)", "INSERT INTO eav_entity_attribute VALUES (30, 4, 9, 21, 85, 2)",
                "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) SELECT 85, seq, 'low' FROM seq_1_to_9")
        sets = ("DELETE FROM eav_attribute_set WHERE attribute_set_id = 9", "INSERT INTO eav_attribute_set VALUES (12, 4, 'Shoes', 0)", "INSERT INTO eav_attribute_group VALUES (40, 12, 'General', 1)",
                "INSERT INTO eav_entity_attribute VALUES (31, 4, 12, 40, 80, 1)")
        for what, changes in (("a set that is called otherwise", renamed), ("an attribute that is made again", made), ("a set that is made again", sets)):
            for points in ((), ("commit.before_commit:1", "commit.after_commit:1", "commit.after_commit:2", "commit.after_commit:3")):
                with Attributes() as shop:
                    shop.migrate("data")
                    shop.source.run(*changes, database="old")
                    for point in points:
                        shop.program.command("migrate", "delta", shop.config, "--once", "--set", "batch.max_rows=1", env={"DATASYNC_CRASH": point})
                    shop.migrate("delta", "--once")
                    shop.equal(what)
                    if changes is not sets:  # it gets the default set's groups as they are now
                        shop.as_anew(what)
                    expect_equal(shop.ask("SELECT COUNT(*) FROM eav_attribute WHERE attribute_code LIKE '~%'"), 0, what + ": what stood for others")
                    expect_equal(shop.rows("SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set WHERE entity_type_id = 4 AND attribute_set_id <> 4"),
                                 shop.source.query("SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set WHERE attribute_set_id > 4", "old"), what + ": sets")
                    expect_equal(shop.ask("SELECT COUNT(*) FROM eav_attribute_group LEFT JOIN eav_attribute_set USING (attribute_set_id) WHERE attribute_set_name IS NULL"), 0, what + ": groups of none")

    @suite.case("eav-named", "an attribute of the source's gets the name of one that the destination alone had: they are one")
    def _():
        with Attributes() as shop:
            shop.migrate("data")
            shop.source.run("UPDATE eav_attribute SET attribute_code = 'tax_class_id' WHERE attribute_id = 80", database="old")
            for _ in range(2):
                shop.migrate("delta", "--once")
                shop.equal("named")
                expect_equal(shop.rows("SELECT attribute_id, is_global FROM eav_attribute JOIN catalog_eav_attribute USING (attribute_id) WHERE attribute_code IN ('heel', 'tax_class_id')"), ((80, 1),), "one attribute")
                expect_equal(shop.ask("SELECT COUNT(*) FROM eav_entity_attribute WHERE attribute_set_id = 9 AND attribute_id = 80"), 1, "once in the set")

    @suite.case("eav-case", "names that differ in letters' case, or accents, and are the same to the destination's keys, are one, in data and in delta")
    def _():
        with Attributes() as shop:
            shop.source.run("UPDATE eav_attribute SET attribute_code = 'SKU' WHERE attribute_id = 72", "UPDATE eav_attribute_set SET attribute_set_name = 'Défault' WHERE attribute_set_id = 4", database="old")
            shop.migrate("data")
            there = lambda: shop.rows("SELECT attribute_id, attribute_code, backend_model FROM eav_attribute WHERE entity_type_id = 4 AND attribute_code IN ('name', 'sku', 'tax_class_id') ORDER BY 1")
            expect_equal(there()[:2], ((71, "name", "New\\Name"), (72, "SKU", "New\\Sku")), "data")
            expect_equal(shop.rows("SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set WHERE entity_type_id = 4 ORDER BY 1"), ((4, "Défault"), (9, "Shoes")), "data: sets")
            shop.source.run("UPDATE eav_attribute SET attribute_code = 'NAME' WHERE attribute_id = 71", "UPDATE eav_attribute_set SET attribute_set_name = 'DEFAULT' WHERE attribute_set_id = 4",
                            "INSERT INTO eav_attribute VALUES (98, 4, 'Tax_Class_ID', NULL, 'select')", database="old")
            for _ in range(2):
                shop.migrate("delta", "--once")
                shop.equal("delta")
                expect_equal(there(), ((71, "NAME", "New\\Name"), (72, "SKU", "New\\Sku"), (98, "Tax_Class_ID", "New\\Tax")), "delta")
                expect_equal(shop.rows("SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set WHERE entity_type_id = 4 ORDER BY 1"), ((4, "DEFAULT"), (9, "Shoes")), "delta: sets")

    @suite.case("eav-prefixed", "names that a handler gives are those of the next run, too: what both have stays one, and what the source renames is renamed")
    def _():
        with Attributes() as shop:
            prefix = '<transform><field>%s</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="Old "/></handler></transform>'
            with open(shop.work.path("map-eav.xml"), encoding="utf-8") as text:
                rules = text.read()
            shop.write("map-eav.xml", rules.replace("<transform>", prefix % "eav_attribute_set.attribute_set_name" + prefix % "eav_attribute_group.attribute_group_name" + "<transform>", 1))
            names = lambda: shop.rows("SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set ORDER BY 1") + shop.rows("SELECT attribute_group_id, attribute_group_name FROM eav_attribute_group ORDER BY 1")
            shop.migrate("data")
            before = names()
            expect_equal(before[:3], ((1, "Old Default"), (4, "Old Default"), (9, "Old Shoes")), "prefixed")
            shop.migrate("data")
            expect_equal(names(), before, "a second run")
            shop.migrate("delta", "--once")
            expect_equal(names(), before, "a delta")
            shop.source.run("UPDATE eav_attribute_set SET attribute_set_name = 'Boots' WHERE attribute_set_id = 9", "UPDATE eav_attribute_group SET attribute_group_name = 'Sole' WHERE attribute_group_id = 21",
                            "INSERT INTO eav_attribute_set VALUES (15, 4, 'Hats', 0)", database="old")
            shop.migrate("delta", "--once")
            after = dict(before[:len(shop.rows("SELECT * FROM eav_attribute_set")) - 1])
            expect_equal(dict(shop.rows("SELECT attribute_set_id, attribute_set_name FROM eav_attribute_set")), {**after, 9: "Old Boots", 15: "Old Hats"}, "sets")
            expect_equal(shop.ask("SELECT attribute_group_name FROM eav_attribute_group WHERE attribute_group_id = 21"), "Old Sole", "a group")
            expect_equal(shop.ask("SELECT COUNT(*) FROM eav_attribute_group WHERE attribute_group_name = 'Old Sole & Heel'"), 0, "as it was called")
            before = names()
            shop.migrate("delta", "--once")
            expect_equal(names(), before, "once more")

    @suite.case("eav-away", "a delta that goes on for ever waits for a server that is lost while it compares attributes; one that ends by itself says so")
    def _():
        with Attributes() as shop:
            shop.migrate("data")
            with open(shop.config, encoding="utf-8") as text:
                config = text.read()
            proxy = Proxy(shop.source.port)
            shop.write("config.xml", config.replace('port="%d"' % shop.source.port, 'port="%d"' % proxy.port))
            for number, options in enumerate((("--once",), ())):
                proxy.cut_behind("SELECT", "`eav_attribute_set`")
                shop.source.run("INSERT INTO eav_attribute VALUES (%d, 4, 'later_%d', NULL, 'text')" % (150 + number, number), "INSERT INTO catalog_product_entity_varchar (attribute_id, entity_id, value) VALUES (%d, 3, 'v')" % (150 + number), database="old")
                if options:
                    shop.migrate("delta", *options, code=5)
                    expect(proxy.cut.is_set(), "nothing was cut")
                    continue
                shop.program.start("delta", shop.config, command="migrate")
                wait_for("the values", lambda: shop.ask("SELECT COUNT(*) FROM catalog_product_entity_varchar WHERE attribute_id IN (150, 151)") == 2 or expect(shop.program.running(), shop.program.log_tail()))
                expect(proxy.cut.is_set(), "nothing was cut")
                expect_equal(shop.program.stop(), 0, "exit code")
            proxy.close()
            shop.write("config.xml", config)
            shop.migrate("delta", "--once")
            shop.equal("away")
