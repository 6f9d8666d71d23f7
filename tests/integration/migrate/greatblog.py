"""Steps and handlers of the user's own: the shipped example, GreatBlog."""

import os
import random

from blog import Blog
from lib.server import ACCOUNT, PASSWORD
from lib.suite import expect, expect_contains, expect_equal
from steps import wait_for

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3, "deploy", "examples", "greatblog")
OLD = """
CREATE TABLE greatblog_post (post_id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(80) NOT NULL, content TEXT, author_id SMALLINT, tags TEXT) ENGINE=InnoDB;
"""
NEW = """
CREATE TABLE greatblog_post (post_id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(80) NOT NULL, content TEXT, author_id SMALLINT) ENGINE=InnoDB;
CREATE TABLE greatblog_post_tags (post_id INT NOT NULL, tag VARCHAR(40) COLLATE utf8mb4_bin NOT NULL, sort_order SMALLINT NOT NULL, PRIMARY KEY (post_id, tag),
  FOREIGN KEY (post_id) REFERENCES greatblog_post (post_id)) ENGINE=InnoDB;
"""
WORDS = ("red", "green", "blue", "säure", "x y", "a'b", "seven")
TAGS = """SELECT post_id, tag, ROW_NUMBER() OVER (PARTITION BY post_id ORDER BY seq) FROM (
  SELECT post_id, seq, TRIM(SUBSTRING_INDEX(SUBSTRING_INDEX(tags, ',', seq), ',', -1)) AS tag FROM greatblog_post JOIN seq_1_to_20
  ON seq <= LENGTH(tags) - LENGTH(REPLACE(tags, ',', '')) + 1) AS all_tags WHERE tag <> '' ORDER BY 1, 3"""
PAIRS = (("SELECT post_id, title, content, author_id FROM greatblog_post ORDER BY 1", "SELECT post_id, title, content, author_id FROM greatblog_post ORDER BY 1"),
         (TAGS, "SELECT post_id, tag, sort_order FROM greatblog_post_tags ORDER BY 1, 3"),
         ("SELECT post_id, summary, REPLACE(REPLACE(body, '[b]', '<b>'), '[/b]', '</b>'), state FROM great_blog_publication ORDER BY 1",
          "SELECT post_id, title, body, state FROM great_blog_post ORDER BY 1"))


SCRIPT = os.path.join("longer-than-what-lua-shows-of-the-path-of-a-file-in-an-error", "greatblog.lua")


class GreatBlog(Blog):
    def __init__(self):
        super().__init__()
        os.mkdir(self.work.path(os.path.dirname(SCRIPT)))
        self.write(SCRIPT, self.example("greatblog.lua"))
        self.source.script(OLD, database="old")
        self.destination.script(NEW, database="new")
        self.source.run("UPDATE great_blog_publication SET body = CONCAT('[b]', body, '[/b]') WHERE post_id % 2", database="old")
        for name in ("map.xml", "map-greatblog.xml", "deltalog.xml"):
            self.write(name, self.example(name))
        config = self.example("config.xml")
        for side, name in ((self.source, "1"), (self.destination, "2")):
            before = 'name="magento%s" host="localhost" user="datasync"' % name
            expect_contains(config, before, "the example")
            config = config.replace(before, 'name="%s" host="127.0.0.1" port="%d" user="%s" password="%s"' % (
                "old" if name == "1" else "new", side.port, ACCOUNT, PASSWORD))
        self.write("config.xml", config.replace("migration.log", self.log_file))
        self.program.configure({"handlers": [self.work.path(SCRIPT)]})

    @staticmethod
    def example(name):
        with open(os.path.join(EXAMPLE, name), encoding="utf-8") as text:
            return text.read()

    def equal(self, what):
        for there, here in PAIRS:
            expect_equal(self.destination.query(here, "new"), self.source.query(there, "old"), what + ": " + here)


def readme():
    with open(os.path.join(EXAMPLE, *[os.pardir] * 3, "README.md"), encoding="utf-8") as text:
        return text.read().split("```lua\n-- greatblog.lua\n")[1].split("\n```")[0]


def tags(draw):
    words = draw.sample(WORDS, draw.randrange(len(WORDS)))
    return "NULL" if draw.randrange(8) == 0 else "'%s'" % draw.choice((",", ", ", " ,,")).join(words).replace("a'b", "a''b")


def change(blog, draw):
    one = lambda: draw.randrange(1, 330)
    blog.source.run(
        *["UPDATE greatblog_post SET tags = %s WHERE post_id = %d" % (tags(draw), one()) for _ in range(20)],
        "UPDATE greatblog_post SET title = CONCAT('Changed ', post_id) WHERE post_id %% 7 = %d" % draw.randrange(7),
        "UPDATE greatblog_post SET tags = CONCAT('first, ', COALESCE(tags, '')) WHERE post_id = %d AND COALESCE(tags, '') NOT LIKE '%%first%%'" % one(),
        *["INSERT INTO greatblog_post (title, author_id, tags) VALUES ('new', 1, %s)" % tags(draw) for _ in range(5)],
        *["DELETE FROM greatblog_post WHERE post_id = %d" % one() for _ in range(3)],
        "UPDATE greatblog_post SET post_id = -post_id WHERE post_id = %d" % one(),
        "UPDATE great_blog_publication SET body = '[b]other[/b]' WHERE post_id = %d" % one(), database="old")


def seeded():
    draw = random.Random()
    seed = draw.randrange(1 << 31)
    print("# seed %d" % seed)
    draw.seed(seed)
    return draw


def crash(blog, mode, point, *options):
    code, out, err = blog.program.command("migrate", mode, blog.config, *options, env={"DATASYNC_CRASH": point})
    expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))


def define(suite):
    @suite.case("greatblog", "the example's files: one table becomes two, copied and followed, deletes too, through kills, and counted")
    def _():
        with GreatBlog() as blog:
            draw = seeded()
            blog.source.run(*["INSERT INTO greatblog_post (title, content, author_id, tags) VALUES ('post', 'c', 2, %s)" % tags(draw) for _ in range(300)],
                            database="old")
            for point in ("load.table_end:%d" % draw.randrange(1, 8), "load.rows:2"):
                crash(blog, "data", point)
            blog.migrate("data")
            blog.equal("copied")
            for point in ("commit.before_commit:1", "commit.after_commit:1"):
                change(blog, draw)
                crash(blog, "delta", point, "--once")
                blog.migrate("delta", "--once")
                blog.equal("delta")
            blog.program.start("delta", blog.config, command="migrate")
            for _ in range(3):
                change(blog, draw)
                blog.program.kill()
                blog.program.start("delta", blog.config, command="migrate")
            blog.source.run("INSERT INTO greatblog_post (title, tags) VALUES ('the last', 'end')", database="old")
            wait_for("the last tag", lambda: blog.ask("SELECT COUNT(*) FROM greatblog_post_tags WHERE tag = 'end'"))
            blog.program.stop()
            blog.equal("killed")
            last = blog.ask("SELECT post_id FROM greatblog_post WHERE title = 'the last'")
            rows = blog.ask("SELECT COUNT(*) FROM greatblog_post_tags")
            tag = "[ERROR]: Mismatch of %s in the document: greatblog_post_tags"
            for damage, line in (("UPDATE greatblog_post_tags SET sort_order = 7 WHERE tag = 'end'", tag % "values" + " Keys: %d/end\n" % last),
                                 ("UPDATE greatblog_post_tags SET tag = 'END' WHERE tag = 'end'", tag % "entities" + " Source: %d Destination: %d Missing keys: %d/end Keys that the source has not: %d/END\n" % (rows, rows, last, last)),
                                 ("DELETE FROM greatblog_post_tags WHERE tag = 'END'", tag % "entities" + " Source: %d Destination: %d Missing keys: %d/end\n" % (rows, rows - 1, last))):
                blog.destination.run(damage, database="new")
                said = blog.migrate("delta", "--once", code=1)
                expect_contains(said, line, damage)
                expect_equal(said.count("[ERROR]: Mismatch"), 1, said)
            blog.destination.run("INSERT INTO greatblog_post_tags SELECT post_id, 'end', 1 FROM greatblog_post WHERE title = 'the last'", database="new")
            blog.source.run("TRUNCATE TABLE greatblog_post", database="old")
            blog.migrate("delta", "--once")
            blog.equal("emptied")

    @suite.case("own-errors", "what a step or a handler of the user's cannot do is told with document, key, file and line; what is not supplied, how to")
    def _():
        with GreatBlog() as blog:
            def script(before, after):
                text = blog.example("greatblog.lua")
                expect_contains(text, before, "the example")
                blog.write(SCRIPT, text.replace(before, after))

            script("Handler\\\\GreatBlog", "Handler\\\\OtherBlog")
            said = blog.migrate("data", code=1)
            expect_contains(said, "there is no handler \\Migration\\Handler\\GreatBlog\\NewFormat (for great_blog_publication.body) here: supply it", "a handler")
            expect_contains(said, 'map_handlers["Migration\\Handler\\GreatBlog\\NewFormat"]', "how")
            script('"greatblog_post_tags"}', '"greatblog_post_tags", "nowhere"}')
            expect_contains(blog.migrate("data", code=1), "[ERROR]: Destination documents are missing: nowhere", "a document")
            blog.source.run("INSERT INTO greatblog_post VALUES (41, 't', NULL, 1, 'red'), (42, 't', NULL, 1, 'broken')", database="old")
            script("local tags = {}", "local tags = {} if post.tags == 'broken' then error('no such tag') end")
            expect_contains(blog.migrate("data", code=1), "greatblog_post: %s:" % blog.work.path(SCRIPT), "document and file")
            for options, key in (((), "keys: 42): correct the source, or the rule"), (("--auto",), "key=42")):
                said = blog.migrate("data", *options, code=1)
                for part in ("no such tag (step Vendor\\Migration\\Step\\GreatBlog)", key):
                    expect_contains(said, part, "an error of a step")
            script("sort_order = i", "sort_order = tag")
            expect_contains(blog.migrate("data", code=1), "the value for greatblog_post_tags.sort_order is not a whole number", "a value")
            for before, after, line in (
                    ("greatblog_post_tags = tags", "greatblog_post_tags = tags[1]", "rows: of greatblog_post_tags it gives something else than a list of rows without gaps"),
                    ("return {greatblog_post_tags", "tags[3] = tags[1] return {greatblog_post_tags", "rows: of greatblog_post_tags it gives something else than a list of rows without gaps"),
                    ("tag = tag,", "tag = {tag},", "rows: for greatblog_post_tags.tag it gives a table, not a value"),
                    ("{greatblog_post_tags = tags", "{greatblog_post = {{post_id = 1, title = 't'}}", "the rules lead the row itself to greatblog_post")):
                script(before, after)
                expect_contains(blog.migrate("data", code=1), line, after)
            script("if value == nil", "local x = at.row.post_id == 9 and nil .. 'x' if value == nil")
            expect_contains(blog.migrate("data", code=1), "1 of 1000 rows that were looked at, keys: 9)", "before anything is written")
            said = blog.migrate("data", "--auto", code=1)
            for part in ("great_blog_publication.body: ", "greatblog.lua:", "(handler \\Migration\\Handler\\GreatBlog\\NewFormat, ", "key=9"):
                expect_contains(said, part, "an error of a handler")
            script("local function split", "assert(not io and not os and not require) local function split")
            blog.source.run("DELETE FROM greatblog_post", database="old")
            blog.migrate("data", "--reset", "--yes")
            blog.equal("in the end")
            expect(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE body LIKE '<b>%'") > 100, "bodies")
            with open(blog.config, encoding="utf-8") as text:
                config = text.read()
            for mode in ("data", "delta"):  # without the Map step
                start = config.index('<step title="Map Step">', config.index('mode="%s"' % mode))
                config = config[:start] + config[config.index("</step>", start) + 7:]
            blog.write("config.xml", config)
            blog.write(SCRIPT, readme())
            expect_contains(blog.migrate("delta", "--once", code=2), "map=", "other steps than those of the copy")
            blog.destination.run("UPDATE great_blog_post SET rating = 8", "INSERT INTO greatblog_post (post_id, title) VALUES (99, 'of the copy before')", database="new")
            blog.source.run("INSERT INTO greatblog_post VALUES (43, 't', NULL, 1, 'red')", database="old")
            blog.migrate("data", "--reset", "--yes")
            blog.source.run("INSERT INTO greatblog_post VALUES (44, 't', NULL, 1, 'blue')", "UPDATE great_blog_publication SET summary = 'left'", database="old")
            blog.migrate("delta", "--once")
            for there, here in PAIRS[:2]:
                expect_equal(blog.destination.query(here, "new"), blog.source.query(there, "old"), "alone: " + here)
            expect_equal(blog.ask("SELECT SUM(rating = 8 AND title <> 'left') FROM great_blog_post"), 2000, "what no step migrates")

    @suite.case("own-rows-alone", "a document that its step's map ignores gives the step's rows alone: copied, followed through kills, counted, copied again, and emptied")
    def _():
        with GreatBlog() as blog:
            draw = seeded()
            tagged = lambda what: expect_equal(blog.rows(PAIRS[1][1]), blog.source.query(TAGS, "old"), what)
            blog.write(SCRIPT, blog.example("greatblog.lua").replace('destination = {"greatblog_post", ', "destination = {"))
            expect_contains(blog.migrate("data", code=1), "[ERROR]: Source documents are not mapped: greatblog_post", "a document that is nobody's")
            blog.write("map-greatblog.xml", blog.example("map-greatblog.xml").replace("<source>", "<source><document_rules><ignore><document>greatblog_post</document></ignore></document_rules>", 1))
            blog.write("map.xml", blog.example("map.xml").replace("<destination>", "<destination><document_rules><ignore><document>greatblog_post</document></ignore></document_rules>", 1))
            blog.destination.run("ALTER TABLE greatblog_post_tags DROP FOREIGN KEY greatblog_post_tags_ibfk_1", database="new")
            blog.source.run(*["INSERT INTO greatblog_post (title, tags) VALUES ('post', %s)" % tags(draw) for _ in range(300)], database="old")
            crash(blog, "data", "load.rows:2")
            blog.migrate("data")
            tagged("copied")
            change(blog, draw)
            crash(blog, "delta", "commit.before_commit:1", "--once")
            blog.migrate("delta", "--once")
            tagged("followed")
            blog.destination.run("DELETE FROM greatblog_post_tags LIMIT 1", database="new")
            expect_contains(blog.migrate("delta", "--once", code=1), "Mismatch of entities in the document: greatblog_post_tags", "a tag that is lost")
            blog.migrate("data", "--reset", "--yes", "--step", "GreatBlog Step")
            tagged("copied again")
            blog.source.run("TRUNCATE TABLE greatblog_post", database="old")
            blog.migrate("delta", "--once")
            expect_equal((blog.ask("SELECT COUNT(*) FROM greatblog_post_tags"), blog.ask("SELECT COUNT(*) FROM greatblog_post")), (0, 0), "emptied")

    @suite.case("own-values", "the volume check gives a step the values that copy and delta have given it, whatever their types; what the step refuses then is told with its key")
    def _():
        fields = {"latin": ("VARCHAR(9) CHARACTER SET latin1", "'ä€'"), "wide": ("VARCHAR(9) CHARACTER SET utf16", "'ä€'"), "single": ("FLOAT", "1.23456789"), "whole": ("FLOAT", "16777216"), "doubled": ("DOUBLE", "1e300"),
                  "address": ("INET6", "'::ffff:1.2.3.4'"), "number": ("UUID", "'00000000-0000-0000-0000-00000000ab01'"), "few": ("BIT(12)", "b'101010101010'"), "bytes": ("BINARY(4)", "'a'"), "zeros": ("INT(6) ZEROFILL", "7")}
        with GreatBlog() as blog:
            blog.source.run("ALTER TABLE greatblog_post %s" % ", ".join("ADD `%s` %s" % (name, kind) for name, (kind, _) in fields.items()), database="old")
            insert = "INSERT INTO greatblog_post (post_id, title, %s) VALUES (%%d, 't', %s)" % (", ".join("`%s`" % name for name in fields), ", ".join(value for _, value in fields.values()))
            blog.write("map-greatblog.xml", blog.example("map-greatblog.xml").replace("<ignore>", "".join("<ignore><field>greatblog_post.%s</field></ignore>" % name for name in fields) + "<ignore>", 1))
            code = blog.example("greatblog.lua").replace("return {greatblog_post_tags", """for _, name in ipairs {%s} do
              local value = tostring(post[name])
              tags[#tags + 1] = {post_id = post.post_id, tag = name .. (value:find("[^%%w. ]") and value:gsub(".", function(c) return ("%%02x"):format(c:byte()) end) or value), sort_order = #tags + 1}
            end
            return {greatblog_post_tags""" % ", ".join('"%s"' % name for name in fields))
            blog.write(SCRIPT, code.replace("local tags = {}", "local tags = {} if post.title == 'bad' then error('no such post') end"))
            blog.source.run(insert % 1, database="old")
            blog.migrate("data")
            blog.source.run(insert % 2, database="old")
            blog.migrate("delta", "--once")
            here = "SELECT tag FROM greatblog_post_tags WHERE post_id = %d ORDER BY 1"
            expect_equal(blog.rows(here % 2), blog.rows(here % 1), "as the copy")
            expect_equal(blog.rows(here % 2), (("address00000000000000000000ffff01020304",), ("bytes61000000",), ("doubled31652b333030",), ("few2730",), ("latinc3a4e282ac",), ("number0000000000000000000000000000ab01",),
                                               ("single1.2345679",), ("whole16777216",), ("widec3a4e282ac",), ("zeros7",)), "values")
            blog.source.run("INSERT INTO greatblog_post (post_id, title) VALUES (3, 'bad')", database="old")
            expect_contains(blog.migrate("delta", "--once", code=1), "no such post (step Vendor\\Migration\\Step\\GreatBlog) key=3 position=", "in the stream")
            expect_equal(blog.program.command("skip", blog.source.gtid(), "--migration", blog.config, "--yes")[0], 0, "skip")
            expect_contains(blog.migrate("delta", "--once", code=1), 'no such post (step Vendor\\Migration\\Step\\GreatBlog) key=3 step="GreatBlog Step" stage="volume check"', "in the check")

    @suite.case("own-moving", "a key that a row of a step takes before another one gives it up, in one statement and in two transactions, is there with its new values")
    def _():
        with GreatBlog() as blog:
            blog.destination.run("DROP TABLE greatblog_post_tags", "CREATE TABLE greatblog_post_tags (post_id INT NOT NULL, tag VARCHAR(40) PRIMARY KEY, sort_order SMALLINT NOT NULL) ENGINE=InnoDB", database="new")
            blog.source.run("INSERT INTO greatblog_post (post_id, title, tags) VALUES (1, 't', 'a'), (2, 't', 'b'), (3, 't', 'c'), (4, 't', 'd'), (5, 't', NULL)", database="old")
            blog.migrate("data")
            blog.source.run("UPDATE greatblog_post SET tags = IF(post_id = 1, 'b', 'a') WHERE post_id IN (1, 2)", "UPDATE greatblog_post SET tags = 'd' WHERE post_id = 3", "UPDATE greatblog_post SET tags = 'e, c' WHERE post_id = 4",
                            "UPDATE greatblog_post SET tags = 'f' WHERE post_id = 5", "UPDATE greatblog_post SET tags = NULL WHERE post_id = 5", database="old")
            blog.migrate("delta", "--once")
            expect_equal(blog.rows("SELECT tag, post_id, sort_order FROM greatblog_post_tags ORDER BY 1"), (("a", 2, 1), ("b", 1, 1), ("c", 4, 2), ("d", 3, 1), ("e", 4, 1)), "tags")

    @suite.case("own-left", "a step whose document delta does not follow has no mismatch of what changes there, and its rows stay")
    def _():
        with GreatBlog() as blog:
            blog.write("deltalog.xml", blog.example("deltalog.xml").replace('<document key="post_id">greatblog_post</document>', ""))
            blog.source.run("INSERT INTO greatblog_post VALUES (1, 't', NULL, 1, 'red')", database="old")
            expect_contains(blog.migrate("data"), "greatblog_post", "a warning")
            blog.source.run("UPDATE greatblog_post SET tags = 'blue'", "UPDATE great_blog_publication SET state = 'other' WHERE post_id = 5", database="old")
            blog.migrate("delta", "--once")
            expect_equal(blog.rows("SELECT tag FROM greatblog_post_tags"), (("red",),), "its rows")
            expect_equal(blog.ask("SELECT state FROM great_blog_post WHERE post_id = 5"), "other", "what is followed")

    @suite.case("own-counted", "rows of a step are counted where the destination's account makes no temporary tables")
    def _():
        with GreatBlog() as blog:
            blog.destination.run("CREATE USER few@'127.0.0.1' IDENTIFIED BY '%s'" % PASSWORD, "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, LOCK TABLES, TRIGGER ON new.* TO few@'127.0.0.1'",
                                 "GRANT ALL PRIVILEGES ON datasync.* TO few@'127.0.0.1'", database=None)
            with open(blog.config, encoding="utf-8") as text:
                before, after = text.read().split("<destination>")
            blog.write("config.xml", before + "<destination>" + after.replace('user="%s"' % ACCOUNT, 'user="few"'))
            blog.source.run("INSERT INTO greatblog_post (post_id, title, tags) VALUES (1, 't', 'red, green')", database="old")
            expect_contains(blog.migrate("data"), "rows of table greatblog_post_tags are only counted", "a warning")
            blog.destination.run("DELETE FROM greatblog_post_tags WHERE tag = 'red'", database="new")
            expect_contains(blog.migrate("delta", "--once", code=1), "Mismatch of entities in the document: greatblog_post_tags Source: 2 Destination: 1", "a tag that is lost")

    @suite.case("own-numbers", "a number with decimals that a handler gives is written with the digits that it has")
    def _():
        with GreatBlog() as blog:
            blog.write(SCRIPT, blog.example("greatblog.lua").replace("if value == nil", "do return 12.1 end if value == nil"))
            blog.migrate("data")
            expect_equal(blog.rows("SELECT DISTINCT body FROM great_blog_post"), (("12.1",),), "a text")

    @suite.case("own-code", "with other code of a step or a handler a migration does not go on: what is there was made by the old one")
    def _():
        with GreatBlog() as blog:
            blog.source.run("INSERT INTO greatblog_post VALUES (43, 't', NULL, 1, 'red')", database="old")
            blog.migrate("data")
            blog.equal("copied")
            script = blog.example("greatblog.lua")
            blog.write(SCRIPT, script.replace("sort_order = i", "sort_order = i + 10"))
            blog.source.run("INSERT INTO greatblog_post VALUES (44, 't', NULL, 1, 'blue')", database="old")
            for mode in (("delta", "--once"), ("data",)):
                expect_contains(blog.migrate(*mode, code=2), "map=", "other code: %s" % (mode,))
            expect_equal(blog.ask("SELECT COUNT(*) FROM greatblog_post WHERE post_id = 44"), 0, "rows")
            blog.migrate("data", "--reset", "--yes")
            expect_equal(blog.rows("SELECT * FROM greatblog_post_tags ORDER BY 1"), ((43, "red", 11), (44, "blue", 11)), "by the new code")
            blog.write(SCRIPT, script)
            blog.migrate("data", "--reset", "--yes")
            blog.equal("by the old code")
            blog.migrate("delta", "--once")
            for options in (" other", ""):
                blog.program.configure({"handlers": [blog.work.path(SCRIPT) + options]})
                blog.migrate("delta", "--once", code=2 if options else 0)
