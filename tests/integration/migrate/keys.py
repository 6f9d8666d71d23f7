"""Rows that keys of the destination would refuse are told by the integrity check, with what they are."""

from base import Migration
from complaints import KEY, rules
from complaints import shop as maps
from eav import ASSIGNED, CLASSES, CONFIG, FILL, GROUPS, MAP, NEW, OLD
from increments import Shop
from lib.suite import expect, expect_contains, expect_equal
from settings import Settings

ONE = "[ERROR]: Rows would have the same key: "
NONE = "[ERROR]: Rows would refer to what is not there: "


def refused(shop, mode, before, *parts):
    """Also by --auto and a dry run, and nothing is written."""
    for options in ((), ("--auto",), ("--dry-run",)):
        said = shop.migrate(mode, *options, code=1)
        for part in (*parts, "Integrity Check failed"):
            expect_contains(said, part, "%s %s" % (mode, options))
        expect_equal(before(), shop.before, "rows")


class Attributes(Migration):
    def __init__(self):
        super().__init__(OLD, NEW, FILL, CONFIG)
        for name, text in (("map.xml", "<map><source/><destination/></map>"), ("map-eav.xml", MAP), ("class-map.xml", CLASSES), ("groups.xml", GROUPS)):
            self.write(name, text)

    def all(self):
        return {table: self.rows("SELECT * FROM %s ORDER BY 1" % table) for table in ("eav_attribute_set", "eav_attribute_group", "eav_attribute", "catalog_eav_attribute", "eav_entity_attribute")}


def define(suite):
    @suite.case("keys", "groups, settings, websites and stores that would have one key, or refer to none, are told beforehand, all of them, and nothing is written")
    def _():
        with Attributes() as shop:
            shop.before = shop.all()
            shop.source.run("INSERT INTO eav_attribute_group VALUES (30, 9, 'A/B', 3), (31, 9, 'A B', 4), (32, 4, 'A-B', 4)", database="old")
            refused(shop, "data", shop.all, ONE + "eav_attribute_group (attribute_set_id, attribute_group_code), key attribute_set_id_2, rows: 30 (9/a-b), 31 (9/a-b): rename one")
            shop.source.run("DELETE FROM eav_attribute_group WHERE attribute_group_id = 31", database="old")
            shop.migrate("data")
        with Settings() as shop:
            shop.before = shop.all()
            shop.source.run("ALTER TABLE m1_core_config_data MODIFY path VARCHAR(255) COLLATE utf8_bin NOT NULL",
                            "INSERT INTO m1_core_config_data (path, value) VALUES ('new/path', 1), ('néw/path', 2), ('WEB/seo/use_rewrites', 0)",
                            "INSERT INTO m1_core_website VALUES (7, 'mine', 'Mine', 0, 0, 0)", "INSERT INTO m1_core_store VALUES (9, 'lost', 1, 99, 'Lost', 0, 1)", database="old")
            shop.destination.run("INSERT INTO store_website VALUES (8, 'MINE', 'Mine', 0, 0, 0)", database="new")
            shop.before = shop.all()
            said = shop.migrate("settings", code=1)
            expect_contains(said, "store_website Keys: 8: --reset deletes them, --auto leaves them", "a website of the destination alone")
            for part in (ONE + "core_config_data (scope, scope_id, path), key scope, rows: ", " (default/0/new/path), ", " (default/0/néw/path)", NONE + "store (group_id), which is of store_group, rows: 9: "):
                expect_contains(said, part, "keys")
            expect("WEB/seo" not in said, "what becomes one by its name is none: " + said)
            shop.source.run("DELETE FROM m1_core_config_data WHERE path LIKE 'n_w/path'", "UPDATE m1_core_store SET group_id = 4 WHERE store_id = 9", database="old")
            said = shop.migrate("settings", "--auto", code=1)
            expect_contains(said, ONE + "store_website (code), key code, rows: 7 (mine), 8 (MINE): ", "a website of the destination that stays")
            expect_equal(shop.all(), shop.before, "rows")
            shop.migrate("settings", "--reset", "--yes")
            expect_equal(shop.rows("SELECT website_id, code FROM store_website ORDER BY 1"), ((0, "admin"), (1, "base"), (3, "b2b"), (7, "mine")), "websites")

    @suite.case("eav-orphans", "attributes and what is in sets that refer to nothing are told, left out with --auto, and written past no foreign key")
    def _():
        with Attributes() as shop:
            before = shop.all()
            shop.source.run("INSERT INTO catalog_eav_attribute VALUES (500, 1, 0), (0, 1, 0)", "INSERT INTO eav_entity_attribute VALUES (90, 4, 4, 7, 501, 1), (91, 4, 4, 7, 83, 1), (92, 4, 4, 7, 84, 1)",
                            "INSERT INTO eav_attribute VALUES (83, 4, 'good', NULL, 'text'), (84, 77, 'typeless', NULL, 'text')", "INSERT INTO catalog_eav_attribute VALUES (84, 1, 0)",
                            "INSERT INTO eav_attribute_group VALUES (40, 44, 'Of no set', 1)", database="old")
            said = shop.migrate("data", code=1)
            for part in ("eav_attribute: rows refer to what is not there, --auto leaves them out (1 of 7 rows that were looked at, keys: 84): correct the source", "catalog_eav_attribute: rows refer",
                         "keys: 0,500)", "eav_entity_attribute: rows refer", "keys: 90)", "eav_attribute_group: rows refer", "keys: 40)"):
                expect_contains(said, part, "orphans")
            expect_equal(shop.all(), before, "rows")
            expect_contains(shop.migrate("data", "--auto"), "[WARNING]: document=catalog_eav_attribute rows=2 of the source refer to what is not there, and are left out", "what is left out")
            for child, column, parent in (("catalog_eav_attribute", "attribute_id", "eav_attribute"), ("eav_entity_attribute", "attribute_id", "eav_attribute"),
                                          ("eav_attribute", "entity_type_id", "eav_entity_type"), ("eav_attribute_group", "attribute_set_id", "eav_attribute_set")):
                expect_equal(shop.ask("SELECT COUNT(*) FROM %s c LEFT JOIN %s p USING (%s) WHERE p.%s IS NULL" % (child, parent, column, column)), 0, child)
            expect_equal([row[0:2] for row in shop.rows(ASSIGNED) if row[1] in (83, 84)], [(4, 83)], "what refers to something")
            before = shop.all()
            shop.migrate("data", "--auto")
            expect_equal(shop.all(), before, "a second run")

    @suite.case("increments-fit", "a prefix that does not fit is told with its store; a counter that has given no number yet keeps its prefix")
    def _():
        with Shop() as shop:
            shop.source.run("UPDATE eav_entity_store SET increment_last_id = '' WHERE entity_type_id = 5 AND store_id = 6", "UPDATE eav_entity_store SET increment_prefix = 'INV', increment_last_id = 'INV' "
                            "WHERE entity_type_id = 6", database="old")
            shop.destination.run("ALTER TABLE sales_sequence_profile MODIFY prefix VARCHAR(2) NULL", database="new")
            before = shop.all()
            for options in ((), ("--dry-run",)):
                expect_contains(shop.migrate("data", *options, code=1), "[ERROR]: Values do not fit: sales_sequence_profile: sales_sequence_profile.prefix varchar(2): longer than the column (1 of 12 rows "
                                "that were looked at, keys: invoice of store 1)", "a prefix")
            expect_equal(shop.all(), before, "rows")
            shop.destination.run("ALTER TABLE sales_sequence_profile MODIFY prefix VARCHAR(32) NULL", database="new")
            said = shop.migrate("data")
            expect_equal(set(part[:4] for part in said.split("is no number behind its prefix: ")[1:]), {"X-17"}, "what is no number")
            expect_equal(shop.rows("SELECT m.entity_type, m.store_id, p.prefix FROM sales_sequence_meta m JOIN sales_sequence_profile p USING (meta_id) "
                                   "WHERE (m.entity_type, m.store_id) IN (('order', 6), ('invoice', 1), ('order', 0)) ORDER BY 1, 2"), (("invoice", 1, "INV"), ("order", 0, "0"), ("order", 6, "DE")), "prefixes")
            expect_equal((shop.next("order", 6), shop.next("invoice", 1)), (1, 1), "new numbers")

    @suite.case("parents-elsewhere", "rows that refer to tables which the migration does not fill are told where these have not what they name")
    def _():
        parent = "owner (id INT PRIMARY KEY)"
        child = "t (%s, owner_id INT NULL%s)"
        ignored = "<ignore><document>owner</document></ignore>"
        with maps([parent, child % (KEY, "")], [parent, child % (KEY, ", FOREIGN KEY (owner_id) REFERENCES owner (id)"), "note (%s, t_id INT, FOREIGN KEY (t_id) REFERENCES t (id))" % KEY],
                  ["INSERT INTO owner VALUES (1), (5)", "INSERT INTO t (owner_id) VALUES (1), (NULL), (5), (9), (9)"],
                  rules(source_documents=ignored, destination_documents=ignored + "<ignore><document>note</document></ignore>")) as lab:
            lab.destination.run("INSERT INTO owner VALUES (1)", database="new")
            said = lab.migrate("data", code=1)
            expect_contains(said, NONE + "t (owner_id), which is of owner, rows: 3,4,5: correct them, or leave them out", "what nobody brings")
            expect_equal(lab.ask("SELECT COUNT(*) FROM t"), 0, "rows")
            lab.destination.run("INSERT INTO owner VALUES (5), (9)", database="new")
            expect("not there" not in lab.migrate("data"), "what is there is not told")
            expect_equal(lab.rows("SELECT * FROM t ORDER BY 1"), lab.source.query("SELECT * FROM t ORDER BY 1", "old"), "rows")

    @suite.case("checks", "rows that a CHECK of the destination refuses, also that of a JSON column, are told, and are not written by copy or delta")
    def _():
        with maps(["t (%s, v TEXT NULL, n INT NULL)" % KEY], ["t (%s, v JSON NULL, n INT NULL, CONSTRAINT low CHECK (n < 100))" % KEY],
                  ["INSERT INTO t (v, n) VALUES ('{}', 5), ('{bad', 5), (NULL, NULL), ('[1]', 100)"]) as lab:
            said = lab.migrate("data", code=1)
            for part in ("t: the destination's check v refuses it: json_valid(`v`) (1 of 4 rows that were looked at, keys: 2): correct the source", "check low refuses it: `n` < 100 (1 of 4 rows that were looked at, keys: 4)"):
                expect_contains(said, part, "beforehand")
            expect_contains(lab.migrate("data", "--auto", code=1), "CONSTRAINT `t.v` failed", "the copy")
            lab.source.run("UPDATE t SET v = '[2]', n = 6 WHERE id IN (2, 4)", database="old")
            lab.migrate("data", "--reset", "--yes")
            rows = lab.rows("SELECT * FROM t ORDER BY 1")
            expect_equal(rows, lab.source.query("SELECT * FROM t ORDER BY 1", "old"), "copied")
            lab.source.run("UPDATE t SET n = 200 WHERE id = 1", database="old")
            said = lab.migrate("delta", "--once", code=1)
            for part in ("CONSTRAINT `low` failed", "(table new.t key id=1)"):
                expect_contains(said, part, "the delta")
            expect_equal(lab.rows("SELECT * FROM t ORDER BY 1"), rows, "nothing was written")
