"""--reset of single documents and steps."""

import random
import re

from blog import HERE, MAP, SAME, THERE, Blog
from customers import Customers
from customers import change as change_customers
from greatblog import GreatBlog
from lib.suite import expect, expect_contains, expect_equal
from steps import busy, change, wait_for

RULES = MAP.replace("<field_rules><ignore><field>great_blog_post.rating</field></ignore>",
                    "<field_rules><ignore><field>great_blog_post.rating</field></ignore><ignore><field>author.mark</field></ignore>")
COLUMNS = ("SELECT author_id, name, boss_id FROM author ORDER BY 1", SAME[1])


class Marked(Blog):
    """Columns of the destination's own tell which rows have been written anew."""

    def __init__(self):
        super().__init__(rules=RULES)
        self.destination.run("ALTER TABLE author ADD mark INT NULL", database="new")

    def mark(self):
        self.destination.run("UPDATE author SET mark = 1", "UPDATE great_blog_post SET rating = 9", database="new")

    def equal(self, what):
        expect_equal(self.destination.query(HERE, "new"), self.source.query(THERE, "old"), what + ": posts")
        for sql in COLUMNS:
            expect_equal(self.destination.query(sql, "new"), self.source.query(sql, "old"), what + ": " + sql)

    def marked(self, posts, authors, what):
        """Of the rows that have been there when they were marked."""
        old = self.ask("SELECT COUNT(*) FROM great_blog_post WHERE post_id <= 1000 AND rating = 9")
        expect_equal(old > 0, posts, what + ": posts with a mark, %d" % old)
        old = self.ask("SELECT COUNT(*) FROM author WHERE author_id <= 10 AND mark = 1")
        expect_equal(old > 0, authors, what + ": authors with a mark, %d" % old)


def define(suite):
    @suite.case("reset-document", "one document is emptied and copied again, through kills and while the source is written to; all others stay and go on")
    def _():
        with Marked() as blog:
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            again = ("--reset", "--yes", "--document", "great_blog_publication")
            expect_contains(blog.migrate("data", *again), "nothing has been copied yet", "a first copy")
            blog.equal("copied")
            blog.mark()
            change(blog, draw)
            blog.destination.run("DELETE FROM great_blog_post WHERE post_id % 3 = 0", "UPDATE great_blog_post SET title = 'lost'", "INSERT INTO great_blog_post (post_id, title, state) VALUES (9000, 'mine', 'x')",
                                 database="new")
            blog.migrate("data", *again)
            blog.equal("copied again")
            blog.marked(False, True, "copied again")
            for point in ("reset.noted:1", "load.rows:1", "load.table_end:1", "load.end:1", "reset.copied:1"):
                blog.mark()
                change(blog, draw)
                code, out, err = blog.program.command("migrate", "data", blog.config, *again, env={"DATASYNC_CRASH": point})
                expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))
                change(blog, draw)
                expect_contains(blog.migrate("delta", "--once", code=2), "document great_blog_publication is being copied again", point)
                blog.migrate("data")
                blog.equal(point)
                blog.marked(False, True, point)
                expect_equal(blog.destination.scalar("SELECT COUNT(*) FROM datasync_snapshot WHERE name LIKE '%.reset' OR name LIKE '%.sync'", "datasync"), 0, "notes")
                blog.migrate("delta", "--once")
            blog.mark()
            with busy(blog):
                blog.migrate("data", *again)
            blog.marked(False, True, "while the source is written to")
            blog.source.run("UPDATE great_blog_publication SET state = 'open' WHERE state = 'new'", database="old")
            blog.migrate("delta", "--once")
            blog.equal("while the source is written to")
            blog.mark()
            blog.migrate("data", "--reset", "--yes", "--document", "author", "--document", "author_link")
            blog.marked(True, False, "authors")
            blog.equal("authors")

    @suite.case("reset-step", "the documents of a step are copied again, with all rows that it gives; others stay")
    def _():
        with GreatBlog() as blog:
            blog.migrate("data")
            blog.destination.run("DELETE FROM greatblog_post_tags", "UPDATE great_blog_post SET rating = 9", "SET SESSION foreign_key_checks = 0", "UPDATE greatblog_post SET title = 'lost'", database="new")
            blog.source.run("INSERT INTO greatblog_post (title, tags) VALUES ('more', 'red, blue')", "UPDATE great_blog_publication SET summary = 'more' WHERE post_id = 7", database="old")
            blog.migrate("data", "--reset", "--yes", "--step", "GreatBlog Step")
            blog.equal("the step")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE rating = 9"), 2000, "rows of another step")
            blog.destination.run("UPDATE greatblog_post_tags SET sort_order = sort_order + 50", database="new")
            said = blog.migrate("data", "--reset", "--yes", "--document", "great_blog_publication", code=1)
            expect_contains(said, "Mismatch of values in the document: greatblog_post_tags Keys: 1/blue,1/red", "what another step has lost")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE rating = 9"), 0, "its rows")
            expect(blog.ask("SELECT MIN(sort_order) FROM greatblog_post_tags") > 50, "rows of another step")
            blog.migrate("data", "--reset", "--yes", "--document", "greatblog_post")
            blog.equal("the document")

    @suite.case("reset-columns", "a step whose values are columns is copied again as a whole, and not in part")
    def _():
        with Customers() as shop:
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            shop.source.run("INSERT INTO m1_note VALUES (1, 'one')", database="old")
            shop.migrate("data")
            change_customers(shop, draw)
            shop.destination.run("UPDATE m2_customer_entity SET firstname = 'lost', taxvat = NULL", "DELETE FROM m2_customer_entity_varchar", "UPDATE m2_note SET text = 'kept' WHERE note_id = 1", database="new")
            expect_contains(shop.migrate("data", "--reset", "--yes", "--document", "customer_entity", code=2), "rows of customer_entity go to customer_entity, where those of customer_entity_", "a part")
            said = shop.migrate("data", "--reset", "--yes", "--document", "customer_entity", code=2)
            shop.migrate("data", "--reset", "--yes", *re.findall(r"(--document|(?<=--document )\w+)", said[said.index("name all,"):]), code=1)
            shop.migrate("data", "--reset", "--yes", "--step", "Customer Attributes Step", code=1)
            expect_equal(shop.ask("SELECT text FROM m2_note WHERE note_id = 1"), "kept", "another step's")
            shop.migrate("data", "--reset", "--yes", "--document", "note")
            shop.equal("both")
            change_customers(shop, draw)
            shop.migrate("delta", "--once")
            shop.equal("delta")

    @suite.case("reset-busy", "beside a delta that runs nothing is reset, and the next delta goes on as if nobody had tried")
    def _():
        with Marked() as blog:
            blog.migrate("data")
            blog.mark()
            blog.program.start("delta", blog.config, command="migrate")
            for number, options in enumerate(((), ("--document", "author"), ("--step", "Map Step"))):
                blog.source.run("UPDATE author SET name = 'name %d'" % number, database="old")
                wait_for("that it follows", lambda number=number: blog.ask("SELECT MIN(name) FROM author") == "name %d" % number)
                expect_contains(blog.migrate("data", "--reset", "--yes", *options, code=4), "another instance is at work on this stream", str(options))
            blog.program.stop()
            blog.source.run("UPDATE author SET name = 'the last'", database="old")
            blog.migrate("delta", "--once")
            blog.equal("in the end")
            blog.marked(True, True, "what is there")

    @suite.case("reset-refused", "what cannot be reset by itself is told, and nothing is done")
    def _():
        shared = RULES.replace("<rename>", "<rename><document>older_blog</document><to>great_blog_post</to></rename><rename>", 1).replace(
            "<move>", "<move><field>older_blog.summary</field><to>great_blog_post.title</to></move><move>", 1)
        with Marked() as blog:
            blog.source.run("CREATE TABLE older_blog (post_id INT UNSIGNED PRIMARY KEY, summary VARCHAR(80) NOT NULL, body TEXT NULL, state VARCHAR(20) NOT NULL) ENGINE=InnoDB",
                            "INSERT INTO older_blog VALUES (100000, 'old', NULL, 'open')", database="old")
            blog.write("map.xml", shared)
            blog.migrate("data")
            blog.mark()
            for options, part in (
                    (("--reset", "--yes", "--document", "nowhere"), "--document nowhere: the source has no such document"),
                    (("--reset", "--yes", "--document", "great_blog_index"), "--document great_blog_index: the map ignores it ("),
                    (("--reset", "--yes", "--document", "great_blog_publication"), "rows of great_blog_publication go to great_blog_post, where those of older_blog are, too"),
                    (("--reset", "--yes", "--step", "Blog Step"), 'no step "Blog Step" of mode data, but "Data Integrity Step", "Map Step"'),
                    (("--reset", "--document", "author"), "--yes"), (("--document", "author"), "give it, too"), (("--step", "Map Step"), "give it, too")):
                expect_contains(blog.migrate("data", *options, code=2), part, str(options))
            blog.source.run("CREATE TABLE plain (id INT PRIMARY KEY) ENGINE=MyISAM", database="old")
            blog.destination.run("CREATE TABLE plain (id INT PRIMARY KEY) ENGINE=InnoDB", database="new")
            expect_contains(blog.migrate("data", "--reset", "--yes", "--document", "plain", code=1), "table plain of the source is not transactional", "MyISAM")
            blog.source.run("DROP TABLE plain", database="old")
            blog.destination.run("DROP TABLE plain", database="new")
            expect_contains(blog.migrate("delta", "--document", "author", code=2), "--document is for migrate data", "delta")
            blog.marked(True, True, "refused")
            blog.migrate("data", "--reset", "--yes", "--document", "great_blog_publication", "--document", "older_blog")
            blog.marked(False, True, "both")
            expect_equal(blog.ask("SELECT GROUP_CONCAT(title) FROM great_blog_post WHERE post_id >= 100000"), "old", "both")
            expect_contains(blog.migrate("data", "--reset", "--yes", "--step", "Data Integrity Step"), 'step "Data Integrity Step" has no documents of its own', "a step without documents")
            blog.mark()
            blog.migrate("data", "--reset", "--yes", "--step", "Map Step")
            blog.marked(False, False, "the step")
