"""Steps: integrity, data, volume, delta."""

import contextlib
import itertools
import random
import threading
import time

from blog import CONFIG, HERE, MAP, THERE, Blog
from lib.suite import Failure, expect, expect_contains, expect_equal

GROUPS = """<?xml version="1.0"?>
<groups><group name="delta_map">
  <document key="%s">great_blog_publication</document></group>
  <group name="delta_log"><document key="author_id">author</document></group>
</groups>
"""


def wait_for(what, condition, timeout=60):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise Failure("%s: not within %d s" % (what, timeout))
        time.sleep(0.05)


def change(blog, draw):
    """Some of the shop's life."""
    one = lambda: draw.randrange(1, 2200)
    blog.source.run(
        "UPDATE great_blog_publication SET summary = CONCAT('Changed ', post_id), priority = priority + 1 WHERE post_id BETWEEN %d AND %d" % (one(), one()),
        "UPDATE great_blog_publication SET priority = priority + 1",  # nothing of which the destination has
        "UPDATE great_blog_publication SET state = IF(state = 'open', 'draft', 'open') WHERE post_id %% 5 = %d" % draw.randrange(5),
        "DELETE FROM great_blog_publication WHERE post_id = %d" % one(),
        "INSERT INTO great_blog_publication (summary, state) VALUES ('New', 'open'), ('Newer', 'draft')",
        "UPDATE IGNORE great_blog_publication SET post_id = post_id + 100000 WHERE post_id = %d" % one(),
        "INSERT INTO author (name) VALUES ('another')", "DELETE FROM author WHERE author_id = %d" % draw.randrange(1, 21),
        "INSERT INTO author_link (author_id) SELECT MAX(author_id) FROM author", "INSERT IGNORE INTO great_blog_index VALUES ('w%d')" % one(), database="old")


@contextlib.contextmanager
def writing(blog, statements):
    """The source is written to, without end."""
    ended = threading.Event()
    wrote = []

    def write():
        connection = blog.source.connect("old")
        with connection.cursor() as cursor:
            while not ended.is_set():
                for sql in statements():
                    cursor.execute(sql)
                wrote.append(True)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    expect(len(wrote) > 10, "%d writes at the source" % len(wrote))


def busy(blog):
    count = itertools.count()
    return writing(blog, lambda: ("INSERT INTO great_blog_publication (summary) VALUES ('live')",
                                  "UPDATE great_blog_publication SET summary = CONCAT('t', RAND()) WHERE post_id %% 100 = %d" % (next(count) % 100)))


def define(suite):
    @suite.case("data-delta", "what is there is copied by the rules, then what changes, deletes too, and counted")
    def _():
        with Blog() as blog:
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            blog.migrate("data")
            blog.equal("copied")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE rating = 3"), 2000, "a default of the destination's own")
            for _ in range(3):
                change(blog, draw)
                expect_contains(blog.migrate("delta", "--once"), "Migration completed successfully", "the end")
                blog.equal("delta")
            blog.program.start("delta", blog.config, command="migrate")
            for _ in range(6):
                change(blog, draw)
                blog.program.kill()
                blog.program.start("delta", blog.config, command="migrate")
            change(blog, draw)
            blog.source.run("INSERT INTO author (name) VALUES ('the last')", database="old")
            wait_for("the last author", lambda: blog.ask("SELECT COUNT(*) FROM author WHERE name = 'the last'"))
            blog.program.stop()
            blog.equal("killed")

    @suite.case("no-data", "delta without data, or after one that was killed while it copied, ends with what to do, and writes nothing")
    def _():
        with Blog() as blog:
            for options in (("--once",), ()):
                expect_contains(blog.migrate("delta", *options, code=2), "the destination holds no migration that delta could go on from: run `datasync migrate data` first", "the way")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post"), 0, "rows")
            code, out, err = blog.program.command("migrate", "data", blog.config, env={"DATASYNC_CRASH": "load.table_end:2"})
            expect_equal(code, -9, "it dies: " + out + err)
            expect_contains(blog.migrate("delta", "--once", code=2), "run `datasync migrate data` first", "half a copy")
            blog.migrate("data")
            blog.source.run("INSERT INTO author (name) VALUES ('another')", database="old")
            blog.migrate("delta", "--once")
            blog.equal("in order")

    @suite.case("integrity", "all that is not mapped is told at once, with rules that settle it; nothing is written")
    def _():
        with Blog(rules=MAP.replace("<ignore><document>great_blog_index</document></ignore>", "").replace(
                "<ignore><field>great_blog_publication.priority</field></ignore>", "")) as blog:
            rules = blog.work.path("rules.xml")
            said = blog.migrate("data", "--suggest", rules, code=1)
            for part in ("[ERROR]: Source documents are not mapped: great_blog_index", "[ERROR]: Source fields are not mapped. Document: great_blog_publication. Fields: priority",
                         "You can use --auto", "Integrity Check failed"):
                expect_contains(said, part, "what is not mapped")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post"), 0, "rows")
            expect_equal(blog.ask("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'datasync'"), 0, "a database of our own")
            with open(rules, encoding="utf-8") as text:
                suggested = text.read()
            expect("great_blog_index" in suggested and "great_blog_publication.priority" in suggested, suggested)
            expect_contains(blog.migrate("data", "--suggest", rules, "--dry-run", code=2), "--suggest " + rules, "a file that is there")
            said = blog.migrate("data", "--auto", "--dry-run")
            expect_contains(said, "[WARNING]: Source documents are not mapped: great_blog_index", "auto")
            blog.write("map.xml", MAP)
            expect("not mapped" not in blog.migrate("data", "--dry-run"), "with the rules")

    @suite.case("auto", "with --auto what leads nowhere is left out, of the copy and of what follows, and all else comes")
    def _():
        with Blog(rules=MAP.replace("<ignore><document>great_blog_index</document></ignore>", "").replace(
                "<ignore><field>great_blog_publication.priority</field></ignore>", "")) as blog:
            expect_contains(blog.migrate("data", "--auto"), "[WARNING]: Source documents are not mapped: great_blog_index", "what is left out")
            blog.equal("copied")
            blog.source.run("INSERT INTO great_blog_index VALUES ('more')", "UPDATE great_blog_publication SET priority = 9, body = 'b' WHERE post_id < 50",
                            "DELETE FROM great_blog_publication WHERE post_id = 60", database="old")
            blog.migrate("delta", "--once")
            blog.equal("followed")

    @suite.case("groups", "delta follows what its group names, and tells what it leaves; keys that there are not, and another file than that of the copy, are refused")
    def _():
        with Blog(config=CONFIG.replace("<bulk_size>", "<delta_document_groups_file>deltalog.xml</delta_document_groups_file><bulk_size>")) as blog:
            blog.write("deltalog.xml", GROUPS % "post_id,slug")
            expect_contains(blog.migrate("data", code=2), "deltalog.xml:3: group delta_map: document great_blog_publication: the source's table has no column slug", "a key")
            blog.write("deltalog.xml", GROUPS % "post_id")
            blog.migrate("data")
            blog.equal("copied")
            blog.source.run("UPDATE great_blog_publication SET summary = 'Followed' WHERE post_id < 9", "DELETE FROM great_blog_publication WHERE post_id = 10",
                            "DELETE FROM author WHERE author_id = 3", "INSERT INTO author (name) VALUES ('left')", database="old")
            said = blog.migrate("delta", "--once")
            expect_contains(said, "Documents that delta does not follow, since no group of its steps in", "what is left")
            expect_contains(said, "deltalog.xml names them: author,author_link", "what is left")
            expect_equal(blog.destination.query(HERE, "new"), blog.source.query(THERE, "old"), "posts")
            expect_equal(blog.ask("SELECT CONCAT(COUNT(*), SUM(name = 'left')) FROM author"), "200", "authors")
            blog.write("deltalog.xml", (GROUPS % "post_id").replace("</group>", '<document key="author_id">author</document></group>', 1))
            said = blog.migrate("delta", "--once", code=2)
            expect_contains(said, "map=", "another choice")
            expect_contains(said, "copy again with migrate data --reset", "what to do")
            blog.write("deltalog.xml", (GROUPS % "post_id").replace("</group>", '<document key="link_id">author_link</document></group>', 1))
            part = "by foreign keys of the destination: add the other ones, or a new row ends it: author_link (to author)\n"
            expect_contains(blog.migrate("data", "--reset", "--yes"), part, "a parent that is left")
            expect_contains(blog.migrate("delta", "--once"), part, "a parent that is left")
            blog.write("deltalog.xml", (GROUPS % "post_id").replace("</group>", '<document key="link_id">author_link</document><document key="author_id">author</document></group>', 1))
            expect("by foreign keys" not in blog.migrate("data", "--reset", "--yes"), "both")

    @suite.case("many-orphans", "of many orphans some are named, and all counted; keys of several columns are seen, too")
    def _():
        with Blog() as blog:
            blog.source.run("CREATE TABLE place (a INT, b INT, PRIMARY KEY (a, b)) ENGINE=InnoDB",
                            "CREATE TABLE visit (id INT PRIMARY KEY, a INT NULL, b INT NULL, FOREIGN KEY (a, b) REFERENCES place (a, b)) ENGINE=InnoDB",
                            "SET SESSION foreign_key_checks = 0", "INSERT INTO visit SELECT seq, seq, seq % 2 FROM seq_1_to_300",
                            "INSERT INTO visit VALUES (900, NULL, 5), (901, 7, 1)", database="old")
            said = blog.migrate("data", "--dry-run", code=1)
            expect_contains(said, "from `visit`.`a`,`b` has no referenced records in `place` (301 rows, 300 ids)", "all of them")
            expect("100/0,…" in said and "101/1" not in said, "some of them: " + said[:2000])

    @suite.case("auto-rules", "--auto, also by the option auto_resolve, does not go past a rule that cannot be followed, and empties nothing")
    def _():
        for rule, part in (('<transform><field>author.name</field><handler class="\\Vendor\\Nowhere"/></transform>', "there is no handler \\Vendor\\Nowhere"),
                           ('<transform><field>author.name</field><handler class="\\Migration\\Handler\\SetValue"/></transform>', "SetValue needs the parameter value")):
            with Blog(rules=MAP.replace("<transform>", rule + "<transform>", 1), config=CONFIG.replace("<bulk_size>", "<auto_resolve>1</auto_resolve><bulk_size>")) as blog:
                blog.source.run("ALTER TABLE author ADD extra INT", database="old")
                blog.destination.run("INSERT INTO author VALUES (99, 'mine', NULL)", database="new")
                said = blog.migrate("data", "--reset", "--yes", code=1)
                for text in ("[ERROR]: Integrity Check failed", part, "[WARNING]: Source fields are not mapped. Document: author. Fields: extra"):
                    expect_contains(said, text, rule)
                expect([line for line in said.splitlines() if "[ERROR]: " in line and part in line] != [], "an error: " + said)
                expect("--auto or -a" not in said, "no hint: " + said)
                expect_equal(blog.rows("SELECT author_id FROM author"), ((99,),), "rows")
                blog.write("map.xml", MAP)
                blog.migrate("data", "--reset", "--yes")
                with open(blog.config, encoding="utf-8") as text:
                    config = text.read()
                blog.write("config.xml", config.replace("<auto_resolve>1<", "<auto_resolve>0<"))
                expect_contains(blog.migrate("data", code=1), "[ERROR]: Source fields are not mapped. Document: author. Fields: extra", "not automatic")

    @suite.case("servers-away", "a delta that goes on for ever waits for servers that are not there at its start; one that ends does not; SIGTERM ends the waiting")
    def _():
        with Blog() as blog:
            blog.migrate("data")
            for server in (blog.destination, blog.source):
                server.stop()
                expect_equal(blog.program.command("migrate", "delta", blog.config, "--once", "--set", "connect_timeout=1s")[0], 5, "--once")
                blog.program.start("delta", blog.config, command="migrate")
                wait_for("that it waits", lambda: "trying again" in blog.program.log_text()[blog.program.log_start:].decode())
                if server is blog.destination:
                    blog.program.stop()
                    blog.program.start("delta", blog.config, command="migrate")
                server.start()
                blog.source.run("UPDATE author SET name = CONCAT(name, '!')", database="old")
                wait_for("what has changed", lambda: blog.rows("SELECT * FROM author ORDER BY 1") == blog.source.query("SELECT * FROM author ORDER BY 1", "old"))
                blog.program.stop()
            blog.equal("in the end")

    @suite.case("orphans", "rows that name what is not there are told before anything is written")
    def _():
        with Blog() as blog:
            blog.source.run("CREATE TABLE pair (a INT, b VARCHAR(9), h BINARY(4) UNIQUE, PRIMARY KEY (a, b)) ENGINE=InnoDB",
                            "CREATE TABLE of_pair (id INT PRIMARY KEY, a INT, b VARCHAR(9), h BINARY(4), FOREIGN KEY (a, b) REFERENCES pair (a, b), FOREIGN KEY (h) REFERENCES pair (h)) ENGINE=InnoDB",
                            "SET SESSION foreign_key_checks = 0", "INSERT INTO pair VALUES (1, 'x', 'xxxx')", "INSERT INTO of_pair VALUES (1, 1, 'X', 'xxxx'), (2, 1, 'y', 0xff00fe41), (3, NULL, 'y', NULL), (4, 8, NULL, 'abcd')",
                            "INSERT INTO author_link (author_id) VALUES (77), (77), (90)", database="old")
            said = blog.migrate("data", code=1)
            expect_contains(said, "Orphan records id: 1/y from `of_pair`.`a`,`b` has no referenced records in `pair` (1 rows, 1 ids)", "a key of two columns")
            expect_contains(said, "Orphan records id: abcd,X'FF00FE41' from `of_pair`.`h`", "bytes")
            expect_contains(said, "Orphan records id: 77,90 from `author_link`.`author_id` has no referenced records in `author` (3 rows, 2 ids)", "orphans")
            expect_equal(blog.ask("SELECT COUNT(*) FROM author"), 0, "rows")

    @suite.case("refused", "a destination that holds rows stays as it is, unless --reset is given; a second run copies nothing again")
    def _():
        with Blog() as blog:
            blog.destination.run("INSERT INTO great_blog_post VALUES (7, 'mine', NULL, 'x', 1)", database="new")
            expect_contains(blog.migrate("data", code=2), "great_blog_post", "the table that has rows")
            expect_equal(blog.destination.query("SELECT title FROM great_blog_post", "new"), (("mine",),), "its rows")
            blog.migrate("data", "--reset", "--yes")
            blog.equal("after --reset")
            blog.destination.run("UPDATE great_blog_post SET rating = 9", database="new")
            blog.migrate("data")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE rating = 9"), 2000, "what was done already")
            blog.migrate("data", "--reset", "--yes")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE rating = 9"), 0, "begun anew")

    @suite.case("volume", "a row or a value that is lost is an error, with its key; what the source does meanwhile is none")
    def _():
        with Blog() as blog:
            with busy(blog):
                blog.migrate("data")
                blog.migrate("delta", "--once")
            blog.migrate("delta", "--once")
            blog.destination.run("UPDATE great_blog_post SET title = CONCAT(title, ' ') WHERE post_id = 5", "UPDATE great_blog_post SET body = NULL WHERE post_id = 8",
                                 "UPDATE author SET boss_id = 0 WHERE author_id = 2", database="new")
            said = blog.migrate("delta", "--once", code=1)
            expect_contains(said, "[ERROR]: Mismatch of values in the document: great_blog_post Fields: title,body Keys: 5,8\n", "posts")
            expect_contains(said, "[ERROR]: Mismatch of values in the document: author Fields: boss_id Keys: 2\n", "authors")
            blog.destination.run("DELETE FROM great_blog_post WHERE post_id IN (5, 1999)", "INSERT INTO author (author_id, name) VALUES (900, 'mine')", database="new")
            said = blog.migrate("delta", "--once", code=1)
            posts = blog.source.scalar("SELECT COUNT(*) FROM great_blog_publication", "old")
            expect_contains(said, "[ERROR]: Mismatch of entities in the document: great_blog_post Source: %d Destination: %d Missing keys: 5,1999\n" % (posts, posts - 2), "posts")
            expect_contains(said, "[ERROR]: Mismatch of values in the document: great_blog_post Keys: 8\n", "a post that is there")
            expect_contains(said, "author Source: 20 Destination: 21 Keys that the source has not: 900", "authors")
            expect_contains(said, "Volume Check failed", "the end")

    @suite.case("volume-keys", "keys of several columns, of texts and dates, beside the destination's own counter, and of several documents in one table are named, with fields")
    def _():
        tables = (
            # name, at the source, at the destination, rows
            ("pair", "a INT, b INT, v VARCHAR(9), PRIMARY KEY (a, b)", None, "SELECT seq DIV 10, seq % 10, CONCAT('v', seq) FROM seq_1_to_400"),
            ("word", "w VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY, v INT", None, "SELECT CONCAT(ELT(1 + seq % 3, 'ä', 'B', 'c|'), seq), seq FROM seq_1_to_50"),
            ("day", "d DATE, n DECIMAL(10,2), h VARBINARY(4), v DOUBLE, f FLOAT, PRIMARY KEY (d, n, h)", None, "SELECT '2026-01-01' + INTERVAL seq DAY, seq / 4, CHAR(seq), seq / 3, seq / 7 FROM seq_1_to_90"),
            ("counted", "a INT, b INT, v INT, PRIMARY KEY (a, b)", "id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, v INT, UNIQUE (a, b)", "SELECT seq, 5, seq FROM seq_1_to_30"),
            ("one", "id INT PRIMARY KEY, t VARCHAR(9), x INT", "id INT PRIMARY KEY, t VARCHAR(9), x BIGINT", "SELECT seq, seq, seq FROM seq_1_to_30"),
            ("other", "id BIGINT PRIMARY KEY, x INT, title VARCHAR(9)", "", "SELECT seq + 1000, seq, seq FROM seq_1_to_30"),
        )
        rules = MAP.replace("<rename>", "<rename><document>other</document><to>one</to></rename><rename>", 1).replace(
            "<move>", "<move><field>other.title</field><to>one.t</to></move><move>", 1).replace("<field_rules><ignore>", "<field_rules><ignore><field>counted.id</field></ignore><ignore>", 1)
        with Blog(rules=rules) as blog:
            for name, there, here, rows in tables:
                blog.source.run("CREATE TABLE %s (%s) ENGINE=InnoDB" % (name, there), "INSERT INTO %s %s" % (name, rows), database="old")
                if here != "":
                    blog.destination.run("CREATE TABLE %s (%s) ENGINE=InnoDB" % (name, here or there), database="new")
            blog.migrate("data")
            blog.destination.run(
                "UPDATE pair SET v = 'x' WHERE a = 3 AND b IN (1, 2)", "DELETE FROM pair WHERE a = 7 AND b = 5", "INSERT INTO pair VALUES (7, -5, 'mine')",
                "UPDATE word SET v = 0 WHERE w = 'B1'", "DELETE FROM word WHERE w = 'ä3'", "UPDATE day SET v = v + 0.001 WHERE d = '2026-01-05'", "UPDATE day SET f = f + 0.5 WHERE d = '2026-01-09'",
                "UPDATE counted SET v = 0 WHERE a IN (4, 11)", "UPDATE one SET t = 'x' WHERE id = 1007", "UPDATE one SET x = 8 WHERE id = 9", database="new")
            said = blog.migrate("delta", "--once", code=1)
            for part in ("entities in the document: pair Source: 400 Destination: 400 Missing keys: 7/5 Keys that the source has not: 7/-5\n", "Mismatch of values in the document: pair Keys: 3/1,3/2\n",
                         "entities in the document: word Source: 50 Destination: 49 Missing keys: ä3\n", "Mismatch of values in the document: word Keys: B1\n",
                         "Mismatch of values in the document: day Fields: v,f Keys: 2026-01-05/1.00/04,2026-01-09/2.00/08\n", "Mismatch of values in the document: counted Fields: v Keys: 11/5,4/5\n",
                         "Mismatch of values in the document: one Fields: t,x Keys: 9,1007\n"):
                expect_contains(said, part, "what differs")
            blog.destination.run("UPDATE one SET id = 2000 WHERE id = 1001", "DELETE FROM one WHERE id IN (5, 9, 1007)", database="new")
            expect_contains(blog.migrate("delta", "--once", code=1), "entities in the document: one Source: 60 Destination: 57 Missing keys: 5,9,1001,1007 Keys that the source has not: 2000\n", "several documents")

    @suite.case("destination-gone", "a table or column of the destination that is gone is told, and nothing of it is passed over")
    def _():
        with Blog() as blog:
            blog.migrate("data")
            blog.destination.run("RENAME TABLE author TO author_away", database="new")
            for options in ((), ("--auto",)):
                said = blog.migrate("data", *options, code=1)
            expect_contains(said, "[ERROR]: Mismatch of entities in the document: author Source: 20 Destination: 0\n", "the table, unchanged")
            blog.source.run("UPDATE author SET name = 'new' WHERE author_id = 3", database="old")
            for _ in range(2):
                said = blog.migrate("delta", "--once", code=1)
                expect_contains(said, "the destination has no table author any more, into which rows of author were copied: make it again, and copy the document again", "the table")
            blog.destination.run("RENAME TABLE author_away TO author", "ALTER TABLE author DROP COLUMN name", database="new")
            for _ in range(2):
                said = blog.migrate("delta", "--once", code=1)
                expect_contains(said, "the destination's table author has no column name any more, into which values of author.name were copied: add it again", "the column")
            blog.destination.run("ALTER TABLE author ADD COLUMN name %s" % blog.source.scalar("SELECT CONCAT(COLUMN_TYPE, IF(IS_NULLABLE = 'NO', ' NOT NULL', '')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'old' AND TABLE_NAME = 'author' AND COLUMN_NAME = 'name'", "old"), database="new")
            blog.migrate("data", "--reset", "--document", "author", "--yes")
            blog.source.run("ALTER TABLE author ADD COLUMN new_one INT NULL", "UPDATE author SET new_one = 5, name = 'newer' WHERE author_id = 4", database="old")
            expect_contains(blog.migrate("delta", "--once"), "column author.new_one leads nowhere", "a new column")
            names = "SELECT author_id, name, boss_id FROM author ORDER BY 1"
            expect_equal(blog.rows(names), blog.source.query(names, "old"), "put right")

    @suite.case("masked", "a migration with masks: what they change is not compared, and all else is")
    def _():
        with Blog() as blog:
            blog.program.configure({"mask": {"key": "0123456789abcdef0123456789abcdef", "rules": [
                "author.name name", "author.*_id keep", "author_link.* keep", "great_blog_index.* keep", "great_blog_publication.* keep", "great_blog_publication.body hash"]}})
            blog.migrate("data")
            blog.source.run("UPDATE author SET name = 'Somebody' WHERE author_id < 5", "UPDATE great_blog_publication SET body = 'secret', summary = 'told' WHERE post_id = 3", database="old")
            blog.migrate("delta", "--once")
            expect_equal(blog.ask("SELECT COUNT(*) FROM author WHERE name LIKE 'author %' OR name = 'Somebody'"), 0, "names")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post WHERE body LIKE 'Body%' OR body = 'secret'"), 0, "bodies")
            expect_equal(blog.ask("SELECT title FROM great_blog_post WHERE post_id = 3"), "told", "a title")
            blog.destination.run("UPDATE great_blog_post SET title = 'x' WHERE post_id = 9", "DELETE FROM author_link WHERE link_id = 4", database="new")
            said = blog.migrate("delta", "--once", code=1)
            for part in ("Mismatch of values in the document: great_blog_post Fields: title Keys: 9\n", "document: author_link Source: 100 Destination: 99 Missing keys: 4\n"):
                expect_contains(said, part, "what differs")

    @suite.case("stuck", "a transaction that cannot be applied is passed over, status and quarantine are asked, by the file that the migration has")
    def _():
        for options, settings in (((), {}), (("--auto",), {"on_conflict": "overwrite"})):
            with Blog() as blog:
                if options:
                    blog.source.run("CREATE TABLE nowhere (id INT PRIMARY KEY) ENGINE=InnoDB", database="old")
                blog.program.configure(settings)
                blog.migrate("data", *options)
                blog.destination.run("ALTER TABLE author MODIFY name VARCHAR(12) NOT NULL", database="new")
                blog.source.run("UPDATE author SET name = 'longer than twelve' WHERE author_id = 3", database="old")
                bad = blog.source.gtid()
                blog.source.run("UPDATE author SET name = 'short' WHERE author_id = 4", database="old")
                expect_contains(blog.migrate("delta", "--once", code=1), "position=gtid=" + bad, "what is stuck")
                code, out, err = blog.program.command("status", "--json", "--migration", blog.config)
                expect_contains(out, '"name": "migrate"', "status: " + err)
                code, out, err = blog.program.command("skip", bad, "--yes", "--reason", "too long")
                expect_equal(code, 2, "without --migration: " + err)
                code, out, err = blog.program.command("skip", bad, "--yes", "--reason", "too long", "--migration", blog.config)
                expect_equal(code, 0, "skip: " + err)
                expect_contains(blog.migrate("delta", "--once", code=1), "Mismatch of values in the document: author Fields: name Keys: 3\n", "what was passed over")
                expect_equal(blog.rows("SELECT author_id, name FROM author WHERE author_id IN (3, 4)"), ((3, "author 3"), (4, "short")), "names")
                code, out, err = blog.program.command("quarantine", "retry", "all", "--migration", blog.config)
                expect_equal(code, 0, "quarantine: " + err)
        code, out, err = blog.program.command("skip", "0-1-5", "--migration", "nowhere.xml")
        expect_equal(code, 2, err)
        expect_contains(err, "nowhere.xml", "no such file")
