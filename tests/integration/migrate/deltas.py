"""Deltas that come from something else than the source's server."""

import glob
import os
import random
import shutil

from blog import CONFIG, MAP, Blog
from lib.server import ACCOUNT
from lib.suite import expect, expect_contains, expect_equal
from steps import change, writing

TIERS = "CREATE TABLE tier_price (value_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, %s INT UNSIGNED NOT NULL, website_id SMALLINT UNSIGNED NOT NULL, " \
    "qty DECIMAL(12,4) NOT NULL, price DECIMAL(12,4) NULL, UNIQUE (%s, website_id, qty)) ENGINE=InnoDB"
LOGGED = {"great_blog_publication": ("post_id",), "author": ("author_id",), "author_link": ("link_id",), "tier_price": ("entity_id", "website_id", "qty")}
GROUPS = "<groups><group name=\"delta_map\">%s</group></groups>" % "".join(
    '<document key="%s">%s</document>' % (",".join(key), name) for name, key in LOGGED.items())
LOG_MAP = MAP.replace("<document_rules>", "<document_rules><ignore><document>m2_cl_*</document></ignore>", 1).replace(
    "<field_rules>", "<field_rules><move><field>tier_price.entity_id</field><to>tier_price.row_id</to></move>", 1)
LOG_CONFIG = CONFIG.replace("<bulk_size>", "<delta_document_groups_file>deltalog.xml</delta_document_groups_file><bulk_size>")


class Logged(Blog):
    """A source at which that tool has installed its logs and triggers, as its setup stage does."""

    def __init__(self):
        super().__init__(rules=LOG_MAP, config=LOG_CONFIG)
        self.write("deltalog.xml", GROUPS)
        self.source.run(TIERS % (("entity_id",) * 2), "INSERT INTO tier_price (entity_id, website_id, qty, price) SELECT seq % 300, seq % 2, seq / 4, 1 FROM seq_1_to_900", database="old")
        self.destination.run(TIERS % (("row_id",) * 2), database="new")

    def install(self):
        for table, key in LOGGED.items():
            self.source.run("CREATE TABLE m2_cl_%s (%s, operation TEXT, processed BOOL NOT NULL DEFAULT 0, PRIMARY KEY (%s)) ENGINE=InnoDB" % (
                table, ", ".join("%s INT NOT NULL" % column for column in key), ", ".join(key)), database="old")
            for event, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
                self.source.run("CREATE TRIGGER trg_%s_after_%s AFTER %s ON %s FOR EACH ROW INSERT INTO m2_cl_%s (%s, operation) VALUES (%s, '%s') ON DUPLICATE KEY UPDATE operation = '%s'" % (
                    table, event.lower(), event, table, table, ", ".join(key), ", ".join(row + "." + column for column in key), event, event), database="old")

    def logged(self):
        return sum(self.source.scalar("SELECT COUNT(*) FROM m2_cl_%s" % table, "old") for table in LOGGED)

    def equal(self, what):
        super().equal(what)
        sql = "SELECT value_id, %s, website_id, qty, price FROM tier_price ORDER BY 1"
        expect_equal(self.destination.query(sql % "row_id", "new"), self.source.query(sql % "entity_id", "old"), what + ": prices")


def shop(draw, rows=2200):
    """Some of the shop's life, as triggers see it: no key changes, none is emptied."""
    one = lambda: draw.randrange(1, rows)
    return ("UPDATE great_blog_publication SET summary = CONCAT('Changed ', RAND()) WHERE post_id BETWEEN %d AND %d" % ((lambda n: (n, n + 9))(one())),
            "DELETE FROM great_blog_publication WHERE post_id = %d" % one(), "INSERT INTO great_blog_publication (summary, state) VALUES ('New', 'open')",
            "INSERT IGNORE INTO great_blog_publication (post_id, summary, state) VALUES (%d, 'Again', 'draft')" % one(),
            "DELETE FROM author WHERE author_id = %d" % draw.randrange(1, 21), "INSERT INTO author (name) VALUES ('another')", "UPDATE author SET name = RAND() WHERE author_id %% 5 = %d" % draw.randrange(5),
            "INSERT INTO author_link (author_id) SELECT MAX(author_id) FROM author",
            "UPDATE tier_price SET price = RAND() WHERE entity_id = %d" % (one() % 300), "DELETE FROM tier_price WHERE value_id = %d" % one(),
            "INSERT IGNORE INTO tier_price (entity_id, website_id, qty, price) VALUES (%d, 1, %d + 0.75, 3)" % (one() % 300, draw.randrange(3)))


def take_binlogs(blog):
    """Those that the source has ended, copied away."""
    blog.source.run("FLUSH BINARY LOGS", database="old")
    names = sorted(glob.glob(blog.source.datadir + "/bin.0*"))[:-1]
    return [shutil.copy(name, blog.work.path(os.path.basename(name))) for name in names]


def files(names):
    return [part for name in names for part in ("--file", name)]


def define(suite):
    @suite.case("followed-in-part", "a table where rows of a document are that delta does not follow is not compared, though another that it follows leads there; others are")
    def _():
        rules = MAP.replace("<rename>", "<rename><document>older_blog</document><to>great_blog_post</to></rename><rename>", 1).replace("<move>", "<move><field>older_blog.summary</field><to>great_blog_post.title</to></move><move>", 1)
        with Blog(rules=rules, config=LOG_CONFIG) as blog:
            blog.write("deltalog.xml", GROUPS)
            blog.source.run("CREATE TABLE older_blog (post_id INT UNSIGNED PRIMARY KEY, summary VARCHAR(80) NOT NULL, body TEXT NULL, state VARCHAR(20) NOT NULL) ENGINE=InnoDB",
                            "INSERT INTO older_blog SELECT 100000 + seq, 'old', NULL, 'open' FROM seq_1_to_50", database="old")
            blog.migrate("data")
            blog.source.run("DELETE FROM older_blog LIMIT 1", "UPDATE great_blog_publication SET summary = 'first' WHERE post_id = 3", database="old")
            expect_contains(blog.migrate("delta", "--once"), "not compared: great_blog_post, where rows of older_blog are, too, which is not followed", "what is said")
            expect_equal(blog.ask("SELECT title FROM great_blog_post WHERE post_id = 3"), "first", "what is followed")
            blog.destination.run("DELETE FROM author WHERE author_id = 7", database="new")
            expect_contains(blog.migrate("delta", "--once", code=1), "Mismatch of entities in the document: author", "others")

    @suite.case("binlog-files", "delta goes on with binlog files, through kills, and asks no source; a file that is missing between is refused; the server's delta goes on behind them")
    def _():
        with Blog() as blog:
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            first = take_binlogs(blog)
            expect_contains(blog.migrate("delta", *files(first), code=2), "run `datasync migrate data` first", "nothing to go on from")
            expect_contains(blog.migrate("data", "--file", first[0], code=2), "--file is for migrate delta", "another mode")
            expect_contains(blog.migrate("delta", "--file", "/no/such/file", code=2), "/no/such/file", "a file")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post"), 0, "rows")
            blog.migrate("data")
            for _ in range(2):
                change(blog, draw)
                change(blog, draw)
                names = take_binlogs(blog)
            with open(blog.config, encoding="utf-8") as text:
                config = text.read()
            blog.write("config.xml", config.replace('port="%d"' % blog.source.port, 'port="1"'))  # nobody is there
            draw.shuffle(names)
            code, out, err = blog.program.command("migrate", "delta", blog.config, *files(names), env={"DATASYNC_CRASH": "commit.after_commit:1"})
            expect_equal(code, -9, "it dies: " + out + err)
            expect_contains(blog.migrate("delta", *files(names)), "not compared: with --file the source is not asked", "volume")
            blog.equal("from files")
            expect_contains(blog.migrate("delta", *files(names)), "Migration completed successfully", "the same again")
            blog.equal("again")
            change(blog, draw)
            take_binlogs(blog)
            change(blog, draw)
            last = take_binlogs(blog)[-1]
            expect_contains(blog.migrate("delta", "--file", last, code=1), "give the files before it, too", "a gap")
            blog.write("config.xml", config)
            expect("documents that were compared" in blog.migrate("delta", "--once"), "volume")
            blog.equal("from the server")

    @suite.case("changelog", "what triggers have logged is drained: deletes, rows that were marked and changed again, keys that the log rounds, and what changes while it is read")
    def _():
        with Logged() as blog:
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            blog.migrate("data")
            blog.equal("copied")
            expect_contains(blog.migrate("delta", "--changelog", code=2), "Deltalog for ", "no logs")
            blog.install()
            said = blog.migrate("delta", "--changelog", code=2)
            expect_contains(said, "the source's account may not delete what is done: GRANT DELETE ON old.`m2_cl_", "a privilege")
            blog.source.run("GRANT DELETE ON old.* TO %s@'127.0.0.1'" % ACCOUNT, database=None)
            for round_ in range(3):
                for _ in range(20):
                    blog.source.run(*shop(draw), database="old")
                blog.source.run("UPDATE m2_cl_great_blog_publication SET processed = 1", "UPDATE great_blog_publication SET body = 'after the mark' WHERE post_id < 9", database="old")
                for point in ("commit.before_commit:1", "changelog.written:1")[:round_]:
                    code, out, err = blog.program.command("migrate", "delta", blog.config, "--changelog", env={"DATASYNC_CRASH": point})
                    expect_equal(code, -9, point + ": " + (out + err)[-1500:])
                said = blog.migrate("delta", "--changelog")
                blog.equal("drained")
                expect_equal(blog.logged(), 0, "what is left of the logs")
                expect_contains(said, "documents that were compared: 4", "volume")
            expect_contains(blog.migrate("delta", "--changelog"), "Migration completed successfully", "nothing to do")
            with writing(blog, lambda: shop(draw, 40)):
                for _ in range(4):
                    blog.migrate("delta", "--changelog")
            blog.migrate("delta", "--changelog")
            blog.equal("drained while the shop was open")
            expect_equal(blog.logged(), 0, "what is left of the logs")
            last = blog.ask("SELECT MAX(post_id) FROM great_blog_post")
            blog.destination.run("DELETE FROM great_blog_post WHERE post_id = %d" % last, database="new")
            expect_contains(blog.migrate("delta", "--changelog", code=1), "Missing keys: %d" % last, "a row that is lost")
            blog.source.run("INSERT INTO m2_cl_author (author_id, operation) VALUES (2147483647, 'UPDATE')", database="old")
            expect_contains(blog.migrate("delta", "--changelog", code=1), "m2_cl_author has the key author_id = 2147483647, to which its type cuts higher ones", "a key that was cut")

    @suite.case("changelog-refused", "what a change log cannot tell is refused before anything is written")
    def _():
        with Logged() as blog:
            blog.migrate("data")
            blog.install()
            blog.source.run("GRANT DELETE ON old.* TO %s@'127.0.0.1'" % ACCOUNT, "UPDATE author SET name = 'changed'", "DROP TABLE m2_cl_tier_price", database="old")
            for sql, part in (("SELECT 1", "Deltalog for tier_price is not installed"),
                              ("CREATE TABLE m2_cl_tier_price (qty DECIMAL(12,4) PRIMARY KEY, operation TEXT, processed BOOL NOT NULL) ENGINE=InnoDB", "none of the columns of table m2_cl_tier_price"),
                              ("ALTER TABLE m2_cl_tier_price DROP COLUMN processed", "table m2_cl_tier_price of the source is no change log")):
                blog.source.run(sql, database="old")
                said = blog.migrate("delta", "--changelog", code=1 if "none" in part else 2)
                expect_contains(said, part, "what is said")
            blog.source.run("DROP TABLE m2_cl_tier_price", "CREATE TABLE m2_cl_tier_price (entity_id INT PRIMARY KEY, operation TEXT, processed BOOL NOT NULL) ENGINE=InnoDB", database="old")
            blog.write("map.xml", LOG_MAP.replace("<move><field>tier_price.entity_id", "<ignore><field>tier_price.value_id</field></ignore><move><field>tier_price.entity_id", 1))
            expect_contains(blog.migrate("delta", "--changelog", code=1), "tier_price.value_id is part of the destination's primary key", "a key")
            blog.write("map.xml", LOG_MAP)
            for options, part in ((("--file", blog.config), "--changelog and --file do not go together"), (("--set", "mask.preset=openmage", "--set", "mask.key=0123456789abcdef0123"), "mask does not go with --changelog")):
                expect_contains(blog.migrate("delta", "--changelog", *options, code=2), part, "what is said")
            expect_equal(blog.ask("SELECT COUNT(*) FROM author WHERE name = 'changed'"), 0, "rows")
