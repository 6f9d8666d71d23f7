"""delta --changelog where rows are not those of one table of the source each."""

import hashlib

import outputs
from base import Migration, map_config
from blog import MAP, Blog
from deltas import GROUPS, LOG_CONFIG, LOG_MAP, Logged
from greatblog import GreatBlog, seeded
from greatblog import change as change_tags
from greatblog import tags
from complaints import rules as complaint_rules
from complaints import shop as complaint_shop
from custom import NAMES, Custom
from customers import COUNT, DOCUMENTS, ENTITIES, Customers
from lib.server import ACCOUNT
from lib.suite import expect, expect_contains, expect_equal

IGNORED = "<ignore><document>m2_cl_*</document></ignore>"
OLD_NAMED = """CREATE TABLE named (id INT PRIMARY KEY, e ENUM('a','b','it''s','1','0') NULL, w ENUM('','v') NULL, s SET('x','y','z') NULL, l ENUM('ä','ö') CHARACTER SET latin1 NULL, t ENUM('a','b') NULL,
  f VARCHAR(9) NULL, h ENUM('draft','open') NULL, g ENUM('p','q') NULL) ENGINE=InnoDB"""
NEW_NAMED = """CREATE TABLE named (id INT PRIMARY KEY, e ENUM('0','1','b','it''s','a') NULL, w ENUM('','v') NULL, m SET('z','new','y','x') NULL, l ENUM('ö','ä') NULL, t VARCHAR(9) NULL, f ENUM('y','x') NULL,
  h ENUM('shown','hidden') NULL, g ENUM('p','q','r') NULL) ENGINE=InnoDB"""
NAMED = """SELECT id, CAST(e AS CHAR), w + 0, FIND_IN_SET('x', m) > 0, FIND_IN_SET('y', m) > 0, FIND_IN_SET('z', m) > 0, m IS NULL, CAST(l AS CHAR), t, CAST(f AS CHAR), CAST(h AS CHAR), CAST(g AS CHAR)
  FROM named ORDER BY 1"""
NAMED_THERE = NAMED.replace("m)", "s)").replace("m IS", "s IS").replace("CAST(h AS CHAR)", "ELT(h + 0, 'hidden', 'shown')")


def install(lab, logged, prefix=""):
    """As that tool's setup stage does; logged: key by table, without prefix."""
    lab.source.run("GRANT DELETE ON old.* TO %s@'127.0.0.1'" % ACCOUNT, database=None)
    for table, key in logged.items():
        lab.source.run("CREATE TABLE %sm2_cl_%s (%s INT NOT NULL PRIMARY KEY, operation TEXT, processed BOOL NOT NULL DEFAULT 0) ENGINE=InnoDB" % (prefix, table, key), database="old")
        for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):  # with the old key, which that tool forgets
            lab.source.run("CREATE TRIGGER trg_%s_after_%s AFTER %s ON %s%s FOR EACH ROW INSERT INTO %sm2_cl_%s (%s, operation) VALUES %s ON DUPLICATE KEY UPDATE operation = '%s'" % (
                table, event.lower(), event, prefix, table, prefix, table, key, ", ".join("(%s.%s, '%s')" % (row, key, event) for row in rows), event), database="old")


def drained(lab, logged, prefix=""):
    expect_equal(sum(lab.source.scalar("SELECT COUNT(*) FROM %sm2_cl_%s" % (prefix, table), "old") for table in logged), 0, "what is left of the logs")


def crash(lab, point):
    code, out, err = lab.program.command("migrate", "delta", lab.config, "--changelog", env={"DATASYNC_CRASH": point})
    expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))


def define(suite):
    @suite.case("changelog-named", "values of ENUM and SET that a change log leads to go by their names, also into columns that have them in another order")
    def _():
        rules = LOG_MAP.replace("<move>", "<move><field>named.s</field><to>named.m</to></move><move>", 1).replace("<transform>", """<transform><field>named.h</field>
          <handler class="\\Migration\\Handler\\Convert"><param name="map" value="[draft:hidden;open:shown]"/></handler></transform><transform>""", 1)
        with Logged() as blog:
            blog.write("map.xml", rules)
            blog.write("deltalog.xml", '<groups><group name="delta_map"><document key="id">named</document></group></groups>')
            blog.source.run(OLD_NAMED, "SET SESSION sql_mode = ''", "INSERT INTO named VALUES (1, 'a', 'none', 'x,z', 'ä', 'a', 'x', 'draft', 'p'), (2, 'b', '', '', 'ö', 'b', 'y', 'open', 'q'), "
                            "(3, 'it''s', 'v', 'y', NULL, NULL, NULL, NULL, NULL), (4, '1', NULL, 'x,y,z', 'ö', 'a', 'x', 'open', 'p'), (5, '0', 'none', NULL, 'ä', 'b', 'y', 'draft', 'q')", database="old")
            blog.destination.run(NEW_NAMED, database="new")
            blog.migrate("data")
            install(blog, {"named": "id"})
            blog.source.run("UPDATE named SET e = '0', s = 'y,z', l = 'ö', t = 'b', f = 'y', h = 'open' WHERE id = 1", "DELETE FROM named WHERE id = 2", "UPDATE named SET w = NULL, t = 'b' WHERE id = 3",
                            "ALTER TABLE named MODIFY g ENUM('r','q','p') NULL", "UPDATE named SET g = 'r' WHERE id = 4", "INSERT INTO named VALUES (6, 'it''s', '', 'z', 'ä', 'a', 'x', 'draft', 'q')", database="old")
            blog.migrate("delta", "--changelog")
            expect_equal(blog.rows(NAMED), blog.source.query(NAMED_THERE, "old"), "drained")
            drained(blog, {"named": "id"})

    @suite.case("changelog-step", "rows that a step of the user's gives are drained, through kills: what a row gave and gives no more goes")
    def _():
        logged = {"great_blog_publication": "post_id", "greatblog_post": "post_id"}
        with GreatBlog() as blog:
            draw = seeded()
            blog.write("map.xml", blog.example("map.xml").replace("<ignore>", IGNORED + "<ignore>", 1))
            blog.source.run(*["INSERT INTO greatblog_post (title, content, author_id, tags) VALUES ('post', 'c', 2, %s)" % tags(draw) for _ in range(300)], database="old")
            blog.migrate("data")
            install(blog, logged)
            for point in ("commit.before_commit:1", "changelog.written:1", None):
                change_tags(blog, draw)
                if point:
                    crash(blog, point)
                blog.migrate("delta", "--changelog")
                blog.equal("drained")
                drained(blog, logged)
            blog.source.run("DELETE FROM greatblog_post WHERE post_id % 2", database="old")
            blog.migrate("delta", "--changelog")
            blog.equal("deleted")
            blog.destination.run("DELETE FROM greatblog_post_tags LIMIT 1", database="new")
            expect_contains(blog.migrate("delta", "--changelog", code=1), "Mismatch of entities in the document: greatblog_post_tags", "a tag that is lost")

    @suite.case("changelog-outputs", "rows that handlers write to other documents are drained, through kills; a table by whose key nobody can tell them is refused before anything is written")
    def _():
        logged = {"gallery": "value_id", "salesrule": "rule_id", "catalogsearch_query": "query_id", "shipment": "entity_id"}
        with Migration(outputs.OLD, outputs.NEW, outputs.FILL, map_config()) as shop:
            draw = seeded()
            shop.write("map.xml", outputs.MAP.replace("<document_rules>", "<document_rules>" + IGNORED, 1))
            shop.migrate("data")
            install(shop, logged)
            shop.source.run("UPDATE salesrule SET website_ids = '1' WHERE rule_id = 4", database="old")
            expect_contains(shop.migrate("delta", "--changelog", code=1), "table catalog_product_entity_media_gallery_value_to_entity of the destination has no primary key", "no key")
            expect(shop.rows("SELECT website_id FROM salesrule_website WHERE rule_id = 4") != ((1,),), "nothing is written")
            shop.destination.run("ALTER TABLE catalog_product_entity_media_gallery_value_to_entity ADD PRIMARY KEY (value_id, entity_id)", database="new")
            for point in ("commit.before_commit:1", "changelog.written:1", None):
                for _ in range(5):
                    outputs.change(shop, draw)
                if point:
                    crash(shop, point)
                shop.migrate("delta", "--changelog")
                outputs.equal(shop, "drained")
                drained(shop, logged)

    @suite.case("changelog-shared", "documents that go to one table are drained together; where delta follows one of them alone, or one has no log, that is said before anything is written")
    def _():
        rules = MAP.replace("<ignore>", IGNORED + "<ignore>", 1).replace("<rename>", "<rename><document>older_blog</document><to>great_blog_post</to></rename><rename>", 1).replace(
            "<move>", "<move><field>older_blog.summary</field><to>great_blog_post.title</to></move><move>", 1)
        both = "SELECT post_id, title, body, state FROM great_blog_post ORDER BY 1"
        there = "SELECT * FROM (SELECT post_id, summary, body, ELT(1 + (state = 'open'), 'hidden', 'shown') FROM great_blog_publication UNION ALL SELECT post_id, summary, body, state FROM older_blog) b ORDER BY 1"
        logged = {"great_blog_publication": "post_id", "older_blog": "post_id"}
        with Blog(rules=rules, config=LOG_CONFIG) as blog:
            blog.write("deltalog.xml", GROUPS)
            blog.source.run("CREATE TABLE older_blog (post_id INT UNSIGNED PRIMARY KEY, summary VARCHAR(80) NOT NULL, body TEXT NULL, state VARCHAR(20) NOT NULL) ENGINE=InnoDB",
                            "INSERT INTO older_blog SELECT 100000 + seq, 'old', NULL, 'open' FROM seq_1_to_50", database="old")
            blog.migrate("data")
            install(blog, {"great_blog_publication": "post_id"})
            blog.source.run("UPDATE great_blog_publication SET summary = 'first' WHERE post_id < 10", database="old")
            expect_contains(blog.migrate("delta", "--changelog", code=1), "documents great_blog_publication and older_blog go to one table, great_blog_post, and delta follows only the first", "one of them")
            with open(blog.config, encoding="utf-8") as text:
                config = text.read()
            blog.write("config.xml", config.replace("<delta_document_groups_file>deltalog.xml</delta_document_groups_file>", ""))
            expect_contains(blog.migrate("delta", "--changelog", code=2), "Deltalog for older_blog is not installed: --changelog needs the table m2_cl_older_blog at the source", "a log")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE title = 'first'"), 0, "nothing is written")
            install(blog, {"older_blog": "post_id"})
            for _ in range(2):
                blog.source.run("UPDATE older_blog SET summary = CONCAT('more ', post_id) WHERE post_id % 3 = 0", "DELETE FROM older_blog WHERE post_id > 100040", "DELETE FROM great_blog_publication WHERE post_id BETWEEN 20 AND 30",
                                "INSERT INTO older_blog VALUES (100099, 'new', 'b', 'x') ON DUPLICATE KEY UPDATE body = 'c'", "UPDATE great_blog_publication SET state = 'open' WHERE post_id = 7", database="old")
                blog.migrate("delta", "--changelog")
                expect_equal(blog.rows(both), blog.source.query(there, "old"), "drained")
                drained(blog, logged)

    @suite.case("changelog-order", "rows that are deleted with those that they refer to are drained whatever their tables are called")
    def _():
        child = "%s (id INT PRIMARY KEY, up INT NOT NULL, FOREIGN KEY (up) REFERENCES %s (id) ON DELETE CASCADE)"
        tables = ("the_first (id INT PRIMARY KEY)", child % ("second", "the_first"), child % ("a_third", "second"))
        with complaint_shop(tables, None, ["INSERT INTO the_first SELECT seq FROM seq_1_to_9", "INSERT INTO second SELECT seq, seq FROM seq_1_to_9", "INSERT INTO a_third SELECT seq, seq FROM seq_1_to_9"],
                            complaint_rules(source_documents=IGNORED)) as shop:
            logged = {"the_first": "id", "second": "id", "a_third": "id"}
            shop.migrate("data")
            install(shop, logged)
            shop.source.run(*["DELETE FROM %s WHERE id = %d" % (table, number) for number in (3, 5) for table in ("a_third", "second", "the_first")], "DELETE FROM the_first WHERE id = 7", database="old")
            shop.migrate("delta", "--changelog")
            for table in logged:
                expect_equal(shop.rows("SELECT * FROM %s ORDER BY 1" % table), shop.source.query("SELECT * FROM %s ORDER BY 1" % table, "old"), table)

    @suite.case("changelog-steps", "documents of Custom Customer Attributes are drained, with columns that they have got meanwhile")
    def _():
        logged = {name: "entity_id" for name in NAMES}
        with Custom() as shop:
            shop.migrate("data")
            install(shop, logged, "m1_")
            for name in NAMES:
                shop.source.run("UPDATE m1_%s SET customer_hobby = 'Ski' WHERE entity_id = 5" % name, "DELETE FROM m1_%s WHERE entity_id = 7" % name,
                                "ALTER TABLE m1_%s ADD customer_late VARCHAR(30) NOT NULL DEFAULT 'x'" % name, "UPDATE m1_%s SET customer_late = 'late' WHERE entity_id = 5" % name, database="old")
            shop.migrate("delta", "--changelog")
            shop.equal("drained")
            drained(shop, logged, "m1_")
            expect_equal(shop.rows("SELECT customer_late FROM m2_magento_customercustomattributes_sales_flat_quote WHERE entity_id = 5"), (("late",),), "a new column")

    @suite.case("changelog-columns", "values of attributes that are columns are drained, through kills, also where they are gone")
    def _():
        logged = {"note": "note_id", **{name: "entity_id" if name in ENTITIES else "value_id" for name in DOCUMENTS}}
        put = "INSERT INTO m1_customer_entity_%s (attribute_id, entity_id, value) SELECT %d, entity_id, %s FROM m1_customer_entity WHERE entity_id = %d ON DUPLICATE KEY UPDATE value = VALUES(value)"
        with Customers() as shop:
            draw = seeded()
            one = lambda: draw.randrange(1, COUNT)
            shop.migrate("data")
            install(shop, logged, "m1_")
            for number, point in enumerate(("commit.before_commit:1", "changelog.written:1", None)):
                shop.source.run(*[put % ("varchar", draw.choice((1, 2, 6, 8)), draw.choice(("NULL", "'word %d'" % one())), one()) for _ in range(15)], *[put % ("int", draw.choice((5, 7, 9)), one(), one()) for _ in range(5)],
                                put % ("varchar", 4, "'%s'" % hashlib.sha512(b"x").hexdigest(), one()), put % ("varchar", 4, "'%s:ab'" % hashlib.md5(b"x").hexdigest(), one()),
                                "DELETE FROM m1_customer_entity_varchar WHERE attribute_id IN (2, 4, 8) AND entity_id = %d" % one(), "DELETE FROM m1_customer_address_entity_text WHERE entity_id = %d" % one(),
                                "UPDATE m1_customer_entity SET group_id = group_id + 1 WHERE entity_id < %d" % one(), "DELETE FROM m1_customer_entity WHERE entity_id = %d" % one(),
                                "INSERT INTO m1_customer_entity (entity_id, email) VALUES (%d, 'new %d')" % (900 + number, number), put % ("varchar", 2, "'Neu'", 900 + number), "INSERT INTO m1_note (text) VALUES ('n')", database="old")
                if point:
                    crash(shop, point)
                shop.migrate("delta", "--changelog")
                shop.equal("drained")
                drained(shop, logged, "m1_")
            expect_equal(shop.ask("SELECT COUNT(*) FROM m2_customer_entity WHERE failures_num = 7 OR entity_id >= 900"), shop.ask("SELECT COUNT(*) FROM m2_customer_entity"), "a column of the destination's own")
