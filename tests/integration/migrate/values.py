"""Values that the destination's columns cannot hold, and rules for them."""

import re
import xml.etree.ElementTree as tree

import eav
import outputs
from base import Migration, map_config
from blog import MAP, Blog
from complaints import rules as complaint_rules
from complaints import shop as complaint_shop
from customers import Customers
from eavdelta import Attributes
from greatblog import GreatBlog
from settings import RULES, STORES, Settings
from steps import wait_for
from lib.suite import expect, expect_contains, expect_equal

OLD = """CREATE TABLE thing (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, label VARCHAR(80) NULL, amount INT NULL, price DECIMAL(12,4) NULL, kind ENUM('a','b','c') NOT NULL DEFAULT 'a',
  note VARCHAR(40) NULL, word VARCHAR(20) NULL, data TEXT NULL, fine VARCHAR(80) NULL) ENGINE=InnoDB;
CREATE TABLE pair (code VARCHAR(20) PRIMARY KEY, amount BIGINT NOT NULL) ENGINE=InnoDB;"""
NEW = """CREATE TABLE thing (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, label VARCHAR(8) NOT NULL, amount TINYINT NULL, price DECIMAL(6,2) NULL, kind ENUM('a','b') NULL,
  note VARCHAR(40) CHARACTER SET utf8mb3 NULL, word INT NULL, data TEXT NULL, fine VARCHAR(80) NULL, FULLTEXT (fine)) ENGINE=InnoDB;
CREATE TABLE pair (code VARCHAR(20) PRIMARY KEY, amount INT UNSIGNED NOT NULL) ENGINE=InnoDB;"""
FILL = ("INSERT INTO thing (id, label, amount, price, note, word, fine) SELECT seq, CONCAT('l', seq), seq % 100, 1, 'é', '5', 'fine' FROM seq_1_to_5000",
        "UPDATE thing SET label = 'longer than 8' WHERE id IN (4, 4550)", "UPDATE thing SET label = NULL WHERE id = 2", "UPDATE thing SET label = 'ééééääää€' WHERE id = 3",
        "UPDATE thing SET amount = 400 WHERE id = 1010", "UPDATE thing SET amount = -400 WHERE id = 1011", "UPDATE thing SET price = 1.239 WHERE id = 5",
        "UPDATE thing SET price = -123456.5 WHERE id = 6", "UPDATE thing SET kind = 'c' WHERE id = 7", "UPDATE thing SET note = 'x😀y' WHERE id = 8",
        "UPDATE thing SET word = 'abc' WHERE id = 9", "UPDATE thing SET word = '12 EUR' WHERE id = 10", "INSERT INTO pair VALUES ('ok', 7), ('less', -1), ('more', 4294967296)")
FITS = """SELECT id, COALESCE(LEFT(label, 8), ''), LEAST(GREATEST(amount, -128), 127), CAST(GREATEST(TRUNCATE(price, 2), -9999.99) AS DECIMAL(6,2)), IF(kind = 'c', NULL, CAST(kind AS CHAR)),
  REPLACE(note, '😀', '?'), CASE word WHEN 'abc' THEN 0 WHEN '12 EUR' THEN 12 ELSE 5 END, fine FROM thing ORDER BY 1"""
LOST = (("thing.label varchar(80), there thing.label varchar(8): longer than the column (3 of 1000", "keys: 3,4,4550"),
        ("thing.label varchar(80), there thing.label varchar(8): NULL, which the column refuses (1 of 1000", "keys: 2)"),
        ("thing.amount int(11), there thing.amount tinyint(4): out of the column's range (2 of 1000", "keys: 1010,1011)"),
        ("thing.price decimal(12,4), there thing.price decimal(6,2): out of the column's range (1 of 1000", "keys: 6)"),
        ("thing.price decimal(12,4), there thing.price decimal(6,2): digits behind the column's last one are cut (1 of 1000", "keys: 5)"),
        ("thing.kind enum('a','b','c'), there thing.kind enum('a','b'): the column needs one of its values (1 of 1000", "keys: 7)"),
        ("thing.note varchar(40), there thing.note varchar(40): characters that the column's character set has not (1 of 1000", "keys: 8)"),
        ("thing.word varchar(20), there thing.word int(11): the column needs a whole number (2 of 1000", "keys: 9,10)"),
        ("pair.amount bigint(20), there pair.amount int(10) unsigned: the column needs a number that the column can hold (2 of 3", "keys: less,more)"))


BROKEN = '<handler class="\\Migration\\Handler\\SerializeToJson"><param name="migrateBrokenData" value="false"/></handler>'


class Things(Blog):
    def __init__(self, rules=MAP):
        super().__init__(rules=rules)
        self.source.script(OLD, database="old")
        self.destination.script(NEW, database="new")
        self.source.run(*FILL, database="old")


def merged(rules, path):
    """A map with what was suggested behind its own rules."""
    whole, more = tree.fromstring(rules), tree.parse(path).getroot()
    for side in more:
        for part in side:
            place = whole.find(side.tag).find(part.tag)
            place.extend(list(part))
    return tree.tostring(whole, encoding="unicode")


EMPTY_RULES = "<map><source><document_rules/><field_rules/></source><destination><document_rules/><field_rules/></destination></map>"


def with_rules(rules):
    """A map that has all parts, also those that are empty."""
    whole = tree.fromstring(rules)
    for side in whole:
        for part in ("field_rules", "document_rules"):
            if side.find(part) is None:
                side.insert(0 if part == "document_rules" else 1, tree.Element(part))
    return tree.tostring(whole, encoding="unicode")


def define(suite):
    @suite.case("value-loss", "values of a sample that would not fit are told with field, key and rule, and nothing is written; the rules that are suggested give what fits")
    def _():
        with Things() as things:
            tables = things.rows("SHOW TABLES")
            rules = things.work.path("rules.xml")
            said = things.migrate("data", "--suggest", rules, code=1)
            for line, keys in LOST:
                at = said.find("[ERROR]: Values do not fit: " + line)
                expect(at >= 0 and keys in said[at:said.index("\n", at)], "%s %s: %s" % (line, keys, said))
            expect_contains(said, "by a transform of thing.label at the destination with \\Datasync\\Handler\\Fit", "the rule")
            expect_equal(said.count("Values do not fit"), len(LOST), "findings")
            expect("longer than 8" not in said and "abc" not in said, "values are not told")
            expect_equal((things.rows("SHOW TABLES"), things.ask("SELECT COUNT(*) FROM thing")), (tables, 0), "what is written")
            expect_contains(things.migrate("data", "--auto", "--dry-run"), "[WARNING]: Values do not fit: pair.amount", "auto")
            things.write("map.xml", merged(MAP, rules))
            expect("do not fit" not in things.migrate("data"), "with the rules")
            expect_equal(things.rows("SELECT id, label, amount, price, CAST(kind AS CHAR), note, word, fine FROM thing ORDER BY 1"), things.source.query(FITS, "old"), "what fits")
            expect_equal(things.rows("SELECT * FROM pair ORDER BY 2"), (("less", 0), ("ok", 7), ("more", 4294967295)), "pairs")
            things.source.run("INSERT INTO thing (label, amount) VALUES ('again too long', 900)", database="old")
            things.migrate("delta", "--once")
            expect_equal(things.rows("SELECT label, amount FROM thing WHERE id > 5000"), (("again to", 127),), "delta")

    @suite.case("value-loss-parts", "digits, times of day, years and bits that would get lost in part are told, of tables that are the same but for them, too, and settled by what is suggested; of columns of keys nothing is suggested")
    def _():
        kinds = (("time_ms", "TIME(3) NULL", "TIME NOT NULL", ("'01:02:03.789'", "NULL", "'-02:00:00.500'")), ("stamp", "TIMESTAMP(6) NULL", "TIMESTAMP(3) NULL", ("'2020-01-01 01:02:03.123456'", "'2020-01-01 01:02:03.5'", "NULL")),
                 ("old_stamp", "DATETIME", "TIMESTAMP NULL", ("'1960-01-01 00:00:00'", "'2090-01-01 00:00:00'", "'2020-02-02 03:04:05'")), ("day", "DATETIME", "DATE", ("'2020-01-01 01:02:03'", "'2020-01-02 00:00:00'", "NULL")),
                 ("a_text", "VARCHAR(30)", "DATETIME NULL", ("'2020-02-29 23:59:59'", "'2021-02-29'", "'never'")), ("a_year", "INT", "YEAR", ("1492", "2020", "2999")), ("few_bits", "INT", "BIT(4)", ("3", "16", "-1")),
                 ("single", "DOUBLE", "FLOAT", ("1.23456789012", "0.1", "16777217")), ("doubled", "BIGINT", "DOUBLE", ("9007199254740993", "9007199254740992", "-5")), ("raw", "BLOB", "TEXT", ("0xff41", "0xc3a4", "NULL")))
        wanted = {"time_ms": ("01:02:03", "00:00:00", "-02:00:00"), "stamp": ("2020-01-01 01:02:03.123", "2020-01-01 01:02:03.500", None), "old_stamp": ("1970-01-01 00:00:01", "2038-01-19 03:14:07", "2020-02-02 03:04:05"),
                  "day": ("2020-01-01", "2020-01-02", None), "a_text": ("2020-02-29 23:59:59", None, None), "a_year": ("1901", "2020", "2155"), "few_bits": ("3", "15", "0"),
                  "single": ("1.2345679", "0.1", "16777216"), "doubled": ("9007199254740992", "9007199254740992", "-5"), "raw": ("?A", "ä", None)}
        shown = {"few_bits": "v + 0", "single": "CAST(v AS DOUBLE)", "doubled": "CAST(v AS DECIMAL(20))"}
        with complaint_shop(["%s (id INT PRIMARY KEY, v %s)" % kind[:2] for kind in kinds] + ["a_key (id BIGINT PRIMARY KEY, up BIGINT NULL)"],
                            ["%s (id INT PRIMARY KEY, v %s)" % (name, there) for name, _, there, _ in kinds] + ["a_key (id SMALLINT PRIMARY KEY, up SMALLINT NULL, FOREIGN KEY (up) REFERENCES a_key (id))"],
                            ["INSERT INTO %s VALUES %s" % (name, ", ".join("(%d, %s)" % (i, value) for i, value in enumerate(values))) for name, _, _, values in kinds] + ["INSERT INTO a_key VALUES (70000, 70000), (1, 1)"]) as shop:
            said = shop.migrate("data", "--suggest", shop.work.path("rules.xml"), code=1)
            for name, *_ in kinds:
                expect_contains(said, "[ERROR]: Values do not fit: %s.v " % name, name)
            for field in ("id", "up"):
                expect_contains(said, "there a_key.%s smallint(6): out of the column's range (1 of 2 rows that were looked at, keys: 70000): rows are found, or referred to, by it" % field, "a key")
            expect_contains(said, "day.v datetime, there day.v date: the column needs a date without a time of day (1 of 3 rows that were looked at, keys: 0)", "a time of day")
            shop.write("map.xml", merged(EMPTY_RULES, shop.work.path("rules.xml")))
            said = shop.migrate("data", "--dry-run", code=1)
            expect_equal(said.count("Values do not fit"), 2, "what is left: " + said)
            shop.source.run("UPDATE a_key SET id = 2, up = NULL WHERE id = 70000", database="old")
            shop.migrate("data")
            for name, values in wanted.items():
                got = tuple(str(value) if value is not None and name not in ("single",) else value for (value,) in shop.rows("SELECT CAST(%s AS CHAR) FROM %s ORDER BY id" % (shown.get(name, "v"), name)))
                if name == "single":
                    got = tuple("%.8g" % float(value) for value in got)
                expect_equal(got, values, name)

    @suite.case("suggested-names", "what is suggested can be read back, whatever tables and columns are called: one that a rule cannot name gets none, and is told again")
    def _():
        with Migration("CREATE TABLE t (id INT PRIMARY KEY, `a<b` INT, `c&d` VARCHAR(9), `x y` INT, `dot.ted` INT) ENGINE=InnoDB;\nCREATE TABLE `o<ld` (id INT PRIMARY KEY) ENGINE=InnoDB;\nCREATE TABLE `sp ace` (id INT PRIMARY KEY) ENGINE=InnoDB;\nCREATE TABLE `dot.ted` (id INT PRIMARY KEY, z INT) ENGINE=InnoDB;",
                       "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB;\nCREATE TABLE `dot.ted` (id INT PRIMARY KEY) ENGINE=InnoDB;\nCREATE TABLE `n'ew` (id INT PRIMARY KEY) ENGINE=InnoDB;", ["INSERT INTO t VALUES (1, 2, 'x', 3, 4)"], map_config()) as shop:
            shop.write("map.xml", EMPTY_RULES)
            shop.migrate("data", "--suggest", shop.work.path("rules.xml"), code=1)
            shop.write("map.xml", merged(EMPTY_RULES, shop.work.path("rules.xml")))
            said = shop.migrate("data", "--dry-run", code=1)
            expect_equal(sorted(re.findall(r"\[ERROR\]: ((?:Source|Destination) .*)", said)), ["Source fields are not mapped. Document: dot.ted. Fields: z", "Source fields are not mapped. Document: t. Fields: dot.ted,x y"], "what is left")

    @suite.case("value-loss-suggested", "rules for documents of a step are suggested for its own map, and settle what was told")
    def _():
        with GreatBlog() as blog:
            blog.source.run("INSERT INTO greatblog_post VALUES (7, 'a title', NULL, 1, 'red')", "UPDATE great_blog_publication SET summary = 'a long title' WHERE post_id = 3", database="old")
            blog.destination.run("ALTER TABLE greatblog_post MODIFY title VARCHAR(3) NOT NULL, ADD extra INT NOT NULL", "ALTER TABLE great_blog_post MODIFY title VARCHAR(10) NOT NULL", database="new")
            said = blog.migrate("data", "--suggest", blog.work.path("rules.xml"), code=1)
            expect_contains(said, "rules.GreatBlog.xml: read them, and put them into the map that <greatblog_map_file> names", "where")
            for file, suggested in (("map.xml", "rules.xml"), ("map-greatblog.xml", "rules.GreatBlog.xml")):
                blog.write(file, merged(with_rules(blog.example(file)), blog.work.path(suggested)))
            expect("not mapped" not in blog.migrate("data"), "all is settled")
            expect_equal(blog.rows("SELECT title, extra FROM greatblog_post"), (("a t", 0),), "a post")
            expect_equal(blog.ask("SELECT title FROM great_blog_post WHERE post_id = 3"), "a long tit", "a title")
        for make, mode, step, file, rules, change, ask, wanted in (
                (Attributes, "data", "Eav", "map-eav.xml", eav.MAP, ("ALTER TABLE eav_attribute MODIFY frontend_input VARCHAR(5) NULL, ADD extra INT NOT NULL",),
                 "SELECT frontend_input, extra FROM eav_attribute WHERE attribute_id = 80", ("selec", 0)),
                (Settings, "settings", "Stores", "map-stores.xml", STORES, ("ALTER TABLE store_group MODIFY name VARCHAR(9) NOT NULL, ADD extra INT NOT NULL", "UPDATE store_group SET name = 'Old'"),
                 "SELECT name, extra FROM store_group WHERE group_id = 1", ("Main Webs", 0))):
            with make() as shop:
                shop.destination.run("SET SESSION sql_mode = ''", *change, database="new")
                said = shop.migrate(mode, "--suggest", shop.work.path("rules.xml"), code=1)
                expect_contains(said, "rules.%s.xml: read them, and put them into the map that <%s_map_file> names" % (step, step.lower()), step)
                shop.write(file, merged(with_rules(rules), shop.work.path("rules.%s.xml" % step)))
                expect("not mapped" not in shop.migrate(mode), "all is settled: " + step)
                expect_equal(shop.rows(ask), (wanted,), step)

    @suite.case("value-loss-steps", "values of other steps that would not fit are told as well: rows that steps and handlers give, attributes that become columns, EAV, settings and stores; nothing is written")
    def _():
        def lost(lab, mode, *lines):
            said = lab.migrate(mode, code=1)
            for line, keys in lines:
                at = said.find("[ERROR]: Values do not fit: " + line)
                expect(at >= 0 and keys in said[at:said.index("\n", at)], "%s %s: %s" % (line, keys, said))
            expect_equal(said.count("Values do not fit"), len(lines), "findings: " + said)

        with GreatBlog() as blog:
            blog.source.run("INSERT INTO greatblog_post VALUES (7, 't', NULL, 1, CONCAT('red,', REPEAT('x', 50))), (8, 't', NULL, 1, 'blue')", database="old")
            lost(blog, "data", ("greatblog_post: greatblog_post_tags.tag varchar(40): longer than the column (1 of 3 rows", "keys: 7): correct the source, or the rule"))
            expect_equal(blog.ask("SELECT COUNT(*) FROM greatblog_post"), 0, "posts")
        with Migration(outputs.OLD, outputs.NEW, outputs.FILL, map_config()) as shop:
            shop.write("map.xml", outputs.MAP)
            shop.destination.run("ALTER TABLE search_synonyms MODIFY synonyms VARCHAR(14)", database="new")
            shop.source.run("UPDATE salesrule SET website_ids = '1,70000' WHERE rule_id = 9", "UPDATE catalogsearch_query SET synonym_for = 'a longer one' WHERE query_id = 30", database="old")
            lost(shop, "data", ("catalogsearch_query: search_synonyms.synonyms varchar(14): longer than the column (1 of 30 rows", "keys: 30)"), ("salesrule: the value for salesrule_website.website_id is not a number that the column can hold", "keys: 9)"))
        with Customers() as shop:
            number = shop.source.scalar("SELECT value_id FROM m1_customer_entity_varchar JOIN m1_eav_attribute USING (attribute_id) WHERE attribute_code = 'taxvat' ORDER BY 1 LIMIT 1", "old")
            shop.source.run("UPDATE m1_customer_entity_varchar SET value = REPEAT('x', 60) WHERE value_id = %d" % number, database="old")
            lost(shop, "data", ("customer_entity_varchar: a value of customer_entity_varchar does not fit into m2_customer_entity.taxvat, which needs a text that is not longer (varchar(50))", "keys: %d)" % number))
            expect_equal(shop.ask("SELECT COUNT(*) FROM m2_customer_entity"), 0, "customers")
        with Attributes() as shop:
            rows = shop.rows("SELECT * FROM eav_attribute ORDER BY 1")
            shop.destination.run("UPDATE eav_attribute SET frontend_input = 'text'", "ALTER TABLE eav_attribute MODIFY frontend_input VARCHAR(5)", "ALTER TABLE eav_attribute_set MODIFY sort_order TINYINT", database="new")
            with open(shop.work.path("map-eav.xml"), encoding="utf-8") as text:
                shop.write("map-eav.xml", text.read().replace("<transform>", "<transform><field>eav_attribute_set.attribute_set_name</field>%s</transform><transform>" % BROKEN, 1))
            lost(shop, "data", *(("eav_attribute_set: eav_attribute_set.attribute_set_name: Could not unserialize data of eav_attribute_set.attribute_set_name: serialised PHP value: no known type at byte 0 of " + line, keys) for line, keys in (
                ("7", "(2 of 3 rows that were looked at, keys: 1,4)"), ("5", "(1 of 3 rows that were looked at, keys: 9)"))), ("eav_attribute.frontend_input varchar(50), there eav_attribute.frontend_input varchar(5): longer than the column (1 of", "keys: 80): make the column larger"))
            expect_equal(len(shop.rows("SELECT * FROM eav_attribute")), len(rows), "attributes")
        with Settings() as shop:
            shop.destination.run("ALTER TABLE core_config_data MODIFY value VARCHAR(16)", "UPDATE store SET name = 'Store'", "ALTER TABLE store MODIFY name VARCHAR(6)", database="new")
            shop.write("settings.xml", RULES.replace("</value>", '<transform><path>general/locale/code</path>%s</transform></value>' % BROKEN))
            lost(shop, "settings", ("core_config_data: setting general/locale/code (default 0): core_config_data.value: Could not unserialize", "(1 of 1 rows that were looked at, keys: general/locale/code): correct the source, or the rule"), ("core_config_data: core_config_data.value varchar(16): longer than the column (1 of", "keys: web/secure/base_url): correct the source, or the rule"),
                 ("core_store.name varchar(255), there store.name varchar(6): longer than the column (2 of 3", "keys: 1,6): make the column larger"))
            expect_equal(shop.ask("SELECT COUNT(*) FROM store"), 2, "stores")

    @suite.case("value-refused", "what a handler refuses is told with the rows of a sample, without --suggest's rules")
    def _():
        rules = MAP.replace("<transform>", """<transform><field>thing.data</field><handler class="\\Migration\\Handler\\SerializeToJson">
          <param name="migrateBrokenData" value="false"/></handler></transform><transform>""", 1)
        with Things(rules) as things:
            things.source.run("UPDATE thing SET data = 'a:1:{broken' WHERE id IN (30, 40)", database="old")
            said = things.migrate("data", "--dry-run", code=1)
            at = said.index("[ERROR]: Values do not fit: thing: ")
            line = said[at:said.index("\n", at)]
            for part in ("thing.data: ", "SerializeToJson", "(2 of 1000 rows that were looked at, keys: 30,40): correct the source, or the rule"):
                expect_contains(line, part, "the row")

    @suite.case("value-loss-together", "all that is wrong with one row is told at once, of several handlers, too, and what is suggested settles all of it")
    def _():
        columns = ("x VARCHAR(50)", "n BIGINT", "e ENUM('p','q')", "z INT", "p DECIMAL(12,4)", "f DOUBLE", "b VARBINARY(20)", "c VARCHAR(20) CHARACTER SET utf8mb4")
        there = ("x VARCHAR(5) NOT NULL", "n INT UNSIGNED NOT NULL", "e ENUM('p')", "z INT NOT NULL", "p DECIMAL(6,2)", "f FLOAT", "b VARBINARY(5)", "c VARCHAR(20) CHARACTER SET latin1", "own INT NOT NULL")
        table = "CREATE TABLE wide (id INT PRIMARY KEY, %s) ENGINE=InnoDB"
        with Blog() as blog:
            blog.source.run(table % ",".join(columns), "INSERT INTO wide VALUES (1, 'longer', 99999999999, 'q', NULL, 123456.789, 1e300, '0123456789', 'Жé')",
                            "INSERT INTO wide VALUES (2, 'x', 7, 'p', 1, 1.5, 2.5, 'b', 'c')", database="old")
            blog.source.run("CREATE TABLE `a <b> c` (id INT PRIMARY KEY) ENGINE=InnoDB", database="old")
            blog.destination.run(table % ",".join(there), database="new")
            path = blog.work.path("rules.xml")
            said = blog.migrate("data", "--suggest", path, code=1)
            for field in "xnezpfbc":
                expect_contains(said, "Values do not fit: wide.%s " % field, "what is told")
            expect_equal(said.count("Values do not fit: wide."), 8, "lines: " + said)
            blog.write("map.xml", merged(MAP, path))
            blog.migrate("data")
            wanted = ((1, "longe", 4294967295, None, 0, "9999.99", 1, b"01234", "?é", 0), (2, "x", 7, "p", 1, "1.50", 0, b"b", "c", 0))
            expect_equal(blog.rows("SELECT id, x, n, e, z, CAST(p AS CHAR), f > 3.4e38, b, c, own FROM wide ORDER BY 1"), wanted, "what fits")
            blog.source.run("UPDATE wide SET x = CONCAT(x, '!'), f = -1e300 WHERE id = 1", database="old")
            blog.migrate("delta", "--once")
            expect_equal(blog.rows("SELECT x, f < -3.4e38 FROM wide WHERE id = 1"), (("longe", 1),), "followed")
        rules = MAP.replace("<transform>", """<transform><field>thing.data</field>%s</transform><transform><field>thing.note</field><handler class="\\Migration\\Handler\\SetValue">
          <param name="value" value="+1"/></handler></transform><transform><field>thing.fine</field><handler class="\\Migration\\Handler\\Encrypt"/></transform><transform>""" % BROKEN, 1)
        with Things(rules) as things:
            things.source.run("UPDATE thing SET data = 'a:1:{broken' WHERE id = 30", "UPDATE thing SET fine = NULL, note = NULL WHERE id <> 30", database="old")
            for options in (("--dry-run",), ("--reset", "--yes")):
                said = things.migrate("data", *options, code=1)
                for part in ("thing.data: ", "thing.note: +1 cannot be added to what is no number", '"crypt_key" option is not defined'):
                    at = [line for line in said.splitlines() if "[ERROR]: Values do not fit: thing: " in line and part in line]
                    expect_equal(len(at), 1, part + said)
                    expect_contains(at[0], "keys: 30)", part)
                expect_contains(said, "[ERROR]: Values do not fit: thing.amount", "of other fields")

    @suite.case("kinds", "invisible and generated columns, bits, JSON, points and the like come as they are, beside a handler, too")
    def _():
        table = """CREATE TABLE kinds (id INT PRIMARY KEY, a INT, v INT AS (a * 2) VIRTUAL, s INT AS (a * 3) STORED, b BIT(9), j JSON, l BLOB, t SET('a','b'), hidden INT INVISIBLE DEFAULT 3, f FLOAT, d DOUBLE,
          p POINT NULL, u UUID NULL, y YEAR, c DATETIME(3)) ENGINE=InnoDB"""
        rule = '<transform><field>kinds.a</field><handler class="\\Migration\\Handler\\SetValue"><param name="value" value="+1"/></handler></transform>'
        for rules, more in ((MAP, 0), (MAP.replace("<transform>", rule + "<transform>", 1), 1)):
            with Blog(rules=rules) as blog:
                both = "SELECT id, a - %d, v - %d, s - %d, b, j, l, t, hidden, f, d, ST_AsText(p), u, y, c FROM kinds"
                def same(what):
                    expect_equal(blog.rows(both % (more, 2 * more, 3 * more)), blog.source.query(both % (0, 0, 0), "old"), what)
                blog.source.run(table, "INSERT INTO kinds (id, a, b, j, l, t, hidden, f, d, p, u, y, c) VALUES (1, 5, b'101010101', '{\"k\": 1}', UNHEX('00FF'), 'a,b', 9, 0.1, 1e-300, POINT(1, 2), UUID(), 1999, '2024-02-29 10:00:00.123'), "
                                "(2, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)", database="old")
                blog.destination.run(table, database="new")
                blog.migrate("data")
                same("copied")
                blog.source.run("UPDATE kinds SET a = 6, b = b'1', j = '[1]', l = 'x', t = 'b', hidden = 1, f = 1e10, d = 0.1, p = POINT(3, 4), u = UUID(), y = 2001", database="old")
                blog.migrate("delta", "--once")
                same("followed")

    @suite.case("volume-kinds", "values of columns that are of another kind at the destination are compared, too, in keys as well, and what was converted is no mismatch")
    def _():
        kinds = (("INT", "VARCHAR(20)", (7, -7, 0), "'8'"), ("VARCHAR(20)", "INT", (7, "' 7'", "'-0'"), "8"), ("DECIMAL(12,0)", "BIGINT", (7, -7, 0), "8"), ("INT", "DECIMAL(12,4)", (7, -7, "NULL"), "7.0001"),
                 ("DECIMAL(12,4)", "VARCHAR(20)", ("7.0000", "0", "NULL"), "'7.0001'"), ("YEAR", "SMALLINT", (2020, 2021, "NULL"), "2022"), ("DATE", "DATETIME", ("'2020-02-29'", "'1000-01-01'", "NULL"), "'2020-02-29 00:00:01'"),
                 ("BIGINT UNSIGNED", "DECIMAL(22,0)", ("18446744073709551615", 1, 2), "18446744073709551614"))
        names = ["t%d" % i for i in range(len(kinds))]
        old, new = (["%s (id %s PRIMARY KEY, v %s)" % (name, key, kind[side]) for name, kind in zip(names, kinds)] for side, key in ((0, "VARCHAR(9)"), (1, "INT")))
        fill = ["INSERT INTO %s VALUES (1, %s), (2, %s), ('07', %s)" % (name, *kind[2]) for name, kind in zip(names, kinds)]
        with complaint_shop(old, new, fill, complaint_rules("".join("<ignore><datatype>%s.id</datatype></ignore><ignore><datatype>%s.v</datatype></ignore>" % (name, name) for name in names))) as lab:
            lab.migrate("data")
            for name, kind in zip(names, kinds):
                lab.destination.run("UPDATE %s SET v = %s WHERE id = 1" % (name, kind[3]), "DELETE FROM %s WHERE id = 7" % name, database="new")
            said = lab.migrate("delta", "--once", code=1)
            for name in names:
                expect_contains(said, "Mismatch of entities in the document: %s Source: 3 Destination: 2 Missing keys: 07" % name, "a row")
                expect_contains(said, "Mismatch of values in the document: %s Keys: 1" % name, "a value")

    @suite.case("named-values", "values of ENUM and SET go by their names: to columns that have them in another order, to and from texts, through handlers, before and behind an ALTER TABLE")
    def _():
        old = """CREATE TABLE named (id INT PRIMARY KEY, e ENUM('a','b','it''s','1','0') NULL, w ENUM('','v') NULL, s SET('x','y','z') NULL, l ENUM('ä','ö') CHARACTER SET latin1 NULL, t ENUM('a','b') NULL,
          f VARCHAR(9) NULL, h ENUM('draft','open') NULL, g ENUM('p','q') NULL) ENGINE=InnoDB"""
        new = """CREATE TABLE named (id INT PRIMARY KEY, e ENUM('0','1','b','it''s','a') NULL, w ENUM('','v') NULL, m SET('z','new','y','x') NULL, l ENUM('ö','ä') NULL, t VARCHAR(9) NULL, f ENUM('y','x') NULL,
          h ENUM('shown','hidden') NULL, g ENUM('p','q','r') NULL) ENGINE=InnoDB"""
        rules = MAP.replace("<move>", "<move><field>named.s</field><to>named.m</to></move><move>", 1).replace("<transform>", """<transform><field>named.h</field>
          <handler class="\\Migration\\Handler\\Convert"><param name="map" value="[draft:hidden;open:shown]"/></handler></transform><transform>""", 1)
        ours = "SELECT id, CAST(e AS CHAR), w + 0, FIND_IN_SET('x', m) > 0, FIND_IN_SET('y', m) > 0, FIND_IN_SET('z', m) > 0, m IS NULL, CAST(l AS CHAR), t, CAST(f AS CHAR), CAST(h AS CHAR), CAST(g AS CHAR) FROM named ORDER BY 1"
        theirs = ours.replace("m)", "s)").replace("m IS", "s IS").replace("CAST(h AS CHAR)", "ELT(h + 0, 'hidden', 'shown')")
        with Blog(rules=rules) as blog:
            blog.source.run(old, "SET SESSION sql_mode = ''", "INSERT INTO named VALUES (1, 'a', 'none', 'x,z', 'ä', 'a', 'x', 'draft', 'p'), (2, 'b', '', '', 'ö', 'b', 'y', 'open', 'q'), (3, 'it''s', 'v', 'y', NULL, NULL, NULL, NULL, NULL),"
                            "(4, '1', NULL, 'x,y,z', 'ö', 'a', 'x', 'open', 'p'), (5, '0', 'none', NULL, 'ä', 'b', 'y', 'draft', 'q')", database="old")
            blog.destination.run(new, database="new")
            blog.migrate("data")
            expect_equal(blog.rows(ours), blog.source.query(theirs, "old"), "copied")
            blog.source.run("UPDATE named SET e = '0', s = 'y,z', l = 'ö', t = 'b', f = 'y', h = 'open' WHERE id = 1", "DELETE FROM named WHERE id = 2",
                            "ALTER TABLE named MODIFY g ENUM('r','q','p') NULL", "UPDATE named SET g = 'r' WHERE id = 4",
                            "INSERT INTO named VALUES (6, 'it''s', '', 'z', 'ä', 'a', 'x', 'draft', 'q')", database="old")
            blog.migrate("delta", "--once")
            expect_equal(blog.rows(ours), blog.source.query(theirs, "old"), "followed")
            blog.destination.run("UPDATE named SET e = 'b' WHERE id = 5", "UPDATE named SET t = 'x' WHERE id = 6", database="new")
            expect_contains(blog.migrate("delta", "--once", code=1), "[ERROR]: Mismatch of values in the document: named Fields: e,t Keys: 5,6", "the volume")
            blog.source.run("UPDATE named SET f = 'w' WHERE id = 6", database="old")
            expect_contains(blog.migrate("delta", "--once", code=1), "a value of named.f does not fit into named.f, which needs one of its values", "another value")

    @suite.case("named-reconnect", "names of ENUM's values are known to a delta that has lost the destination and found it again")
    def _():
        with Blog() as blog:
            blog.source.run("CREATE TABLE named (id INT PRIMARY KEY, e ENUM('a','b','c'), s SET('x','y','z')) ENGINE=InnoDB", "INSERT INTO named VALUES (1, 'a', 'x,z')", database="old")
            blog.destination.run("CREATE TABLE named (id INT PRIMARY KEY, e VARCHAR(9), s SET('z','x','y')) ENGINE=InnoDB", database="new")
            blog.migrate("data")
            blog.program.start("delta", blog.config, command="migrate")
            for number in range(2, 5):
                blog.source.run("INSERT INTO named VALUES (%d, ELT(%d, 'a', 'b', 'c'), 'y,z')" % (number, 1 + number % 3), database="old")
                wait_for("row %d" % number, lambda: blog.ask("SELECT COUNT(*) FROM named") == number)
                blog.destination.cut()
            blog.program.stop()
            expect_equal(blog.rows("SELECT id, e, FIND_IN_SET('x', s), FIND_IN_SET('y', s) > 0, FIND_IN_SET('z', s) > 0 FROM named ORDER BY 1"),
                         ((1, "a", 2, 0, 1), (2, "c", 0, 1, 1), (3, "a", 0, 1, 1), (4, "b", 0, 1, 1)), "rows")

    @suite.case("charsets", "texts come in the destination's character set, in copy and delta, also through a handler; a character that it has not is told with its key")
    def _():
        rules = MAP.replace("<transform>", """<transform><field>text.c</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="x-"/></handler></transform><transform>""", 1)
        table = "CREATE TABLE text (id INT PRIMARY KEY, a VARCHAR(40) CHARACTER SET %s, b TEXT CHARACTER SET %s, c VARCHAR(40) CHARACTER SET %s, d VARCHAR(40) CHARACTER SET utf8mb3) ENGINE=InnoDB"
        with Blog(rules=rules) as blog:
            blog.source.run(table % ("latin1", "utf8mb4", "latin1"), "INSERT INTO text VALUES (1, 'plain', 'plain', 'plain', 'é'), (2, 'é€ß', 'Ж é', 'é€', 'é'), (3, NULL, NULL, NULL, NULL), (4, '', '', '', '')", database="old")
            blog.destination.run(table % ("utf8mb4", "koi8r", "utf8mb4"), database="new")
            blog.source.run("UPDATE text SET b = 'Ж' WHERE id = 2", database="old")
            ours, theirs = "SELECT id, a, b, c, d FROM text ORDER BY 1", "SELECT id, a, b, IF(c IS NULL, 'x-', CONCAT('x-', c)), d FROM text ORDER BY 1"
            blog.migrate("data")
            expect_equal(blog.rows(ours), blog.source.query(theirs, "old"), "copied")
            blog.source.run("UPDATE text SET a = 'ü', b = 'Я', c = 'ö€' WHERE id = 2", "INSERT INTO text VALUES (5, 'ä', 'ж', 'ß', '☃')", "DELETE FROM text WHERE id = 1", database="old")
            blog.migrate("delta", "--once")
            expect_equal(blog.rows(ours), blog.source.query(theirs, "old"), "delta")
            expect_equal(blog.rows("SELECT HEX(a), HEX(b) FROM text WHERE id = 5"), (("C3A4", "D6"),), "bytes")
            blog.source.run("UPDATE text SET b = '☃' WHERE id = 4", database="old")
            said = blog.migrate("delta", "--once", code=1)
            expect_contains(said, "a value of text.b does not fit into text.b, which needs characters that its character set has", "a character")
            expect_contains(said, "key=4", "its key")
            rules_file = blog.work.path("rules.xml")
            said = blog.migrate("data", "--reset", "--yes", "--suggest", rules_file, code=1)
            expect_contains(said, "Values do not fit: text.b text, there text.b text: the column needs characters that its character set has", "the check")
            blog.write("map.xml", merged(rules, rules_file))
            blog.source.run("UPDATE text SET b = 'Ж☃я' WHERE id = 4", database="old")
            blog.migrate("data", "--reset", "--yes")
            expect_equal(blog.rows("SELECT b FROM text WHERE id = 4"), (("Ж?я",),), "what fits")
