"""The files, and what is wrong with them; and what is said."""

import os
import pty
import re
import subprocess

from blog import CONFIG, MAP, Blog
from lib.program import environment
from lib.server import ACCOUNT
from lib.suite import expect, expect_contains, expect_equal


LINE = re.compile(r"(\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00\](\[INFO\]\[mode: \w+\]\[stage: [\w ]+\]\[step: [\w ]+\]|\[(WARNING|ERROR)\])|\[NOTICE\]): .+")
BAR = re.compile(r"(\d+)% \[=*>?-*\] Remaining Time: (< 1 sec|1 sec|\d+ secs)")


def on_terminal(blog, *arguments):
    """What a terminal gets."""
    here, there = pty.openpty()
    line = [blog.program.path, "migrate", "--config", blog.program.config, *arguments]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=there, stderr=there) as process:
        os.close(there)
        said = b""
        while True:
            try:
                said += os.read(here, 4096)
            except OSError:  # its other end is closed
                break
        process.wait(timeout=60)
    os.close(here)
    return process.returncode, said.decode()


def define(suite):
    @suite.case("progress-bar", "on a terminal bars are those of that tool, by progress_bar_format, too; elsewhere there are none, and each line is one of its forms")
    def _():
        with Blog() as blog:
            code, said = on_terminal(blog, "data", blog.config, "--dry-run")
            expect_equal((code, [n for n, _ in BAR.findall(said)][::len(BAR.findall(said)) - 1]), (0, ["0", "100"]), "the check: " + said)
            code, said = on_terminal(blog, "data", blog.config)
            bars = [n for n, _ in BAR.findall(said)]
            expect_equal((code, bars.count("100")), (0, 3), "check, copy and volume: " + said)
            expect_contains(said, "100% [============================] Remaining Time: < 1 sec\r\n", "a bar that is full stays")
            with open(blog.config, encoding="utf-8") as text:
                config = text.read()
            blog.write("config.xml", config.replace("<bulk_size>", "<progress_bar_format>%current%/%max% done %percent:3s%%</progress_bar_format><bulk_size>"))
            expect_contains(on_terminal(blog, "data", blog.config, "--reset", "--yes")[1], "/2120 done 100%\r\n", "a format")
            said = blog.migrate("data") + blog.migrate("delta", "--once")
            expect("%" not in said and "done 100" not in said, "no terminal: " + said)
            blog.source.run("CREATE TABLE more (id INT PRIMARY KEY)", database="old")
            said += blog.migrate("data", code=1)
            expect_equal([line for line in said.splitlines() if not LINE.fullmatch(line)], [], "lines")
            expect_contains(said, "\n[NOTICE]: You can use --auto or -a option to ignore not mapped differences between source and destination to continue migration", "a notice")
            said = blog.migrate("data", "--auto", "--reset", "--yes", "-v")
            expect("[DEBUG][mode: data][stage: data migration][step: Map Step][table: great_blog_post]: migrating\n" in said, "what -v adds: " + said[-3000:])

    @suite.case("errors", "each error names step, document and key")
    def _():
        with Blog() as blog:
            blog.destination.run("ALTER TABLE great_blog_post MODIFY body TEXT NOT NULL", database="new")
            said = blog.migrate("data", "--auto", code=1)
            expect_contains(said, "Column 'body' cannot be null (1048) table=new.great_blog_post key=post_id=7 step=\"Map Step\" stage=\"data migration\"", "NULL")
            expect_contains(said, "[ERROR]: Data Migration failed step=\"Map Step\"", "the end")
            blog.destination.run("ALTER TABLE great_blog_post MODIFY body TEXT NULL", "DELETE FROM author_link", "DELETE FROM author", "ALTER TABLE author MODIFY name CHAR(8) NOT NULL", database="new")
            said = blog.migrate("data", "--auto", code=1)
            expect_contains(said, "(1265); correct it at the source", "a long text")
            expect_contains(said, "table=new.author key=author_id=10 step=\"Map Step\" stage=\"data migration\"", "a long text")
            blog.destination.run("ALTER TABLE author MODIFY name VARCHAR(40) NOT NULL", database="new")
            blog.migrate("data")
            blog.destination.run("ALTER TABLE author MODIFY name CHAR(9) NOT NULL", database="new")
            blog.source.run("UPDATE author SET name = 'longer than nine' WHERE author_id = 4", database="old")
            said = blog.migrate("delta", "--once", code=1)
            for part in ("author", "author_id=4", "step=\"Map Step\" stage=\"delta delivering\""):
                expect_contains(said, part, "delta: " + said)

    @suite.case("unknown-steps", "each class that there is not is named, with its line, and nothing is done")
    def _():
        config = CONFIG.replace('  <steps mode="data">', """  <steps mode="data">
    <step title="GreatBlog Step">
      <integrity>Vendor\\Migration\\Step\\GreatBlog\\Integrity</integrity>
      <data>Vendor\\Migration\\Step\\GreatBlog\\Data</data>
    </step>""")
        with Blog(config=config) as blog:
            said = blog.migrate("data", code=2)
            for line, part in ((5, "integrity of class Vendor\\Migration\\Step\\GreatBlog\\Integrity"), (6, "data of class Vendor\\Migration\\Step\\GreatBlog\\Data")):
                expect_contains(said, "config.xml:%d: step \"GreatBlog Step\": there is no %s" % (line, part), "the class")
            expect_contains(said, 'as steps["Vendor\\Migration\\Step\\GreatBlog"] in Lua', "how to supply it")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post"), 0, "rows")

    @suite.case("usage", "modes, options and files that there are not")
    def _():
        with Blog() as blog:
            for arguments, part in (
                    (("dates", blog.config), "'dates' is none of settings, data and delta"), (("settings", blog.config), "there are no steps of mode settings"),
                    (("data", "nowhere.xml"), "nowhere.xml"), (("data", blog.config, "--once"), "--once is for migrate delta"),
                    (("delta", blog.config, "--auto"), "--auto is for migrate settings and data"), (("settings", blog.config, "--once"), "--once is for migrate delta"), (("data", blog.config, "--reset", "--dry-run"), "do not go together"),
                    (("data", blog.config, "--reset"), "--yes"), (("data",), "CONFIG.xml"),
                    (("data", blog.work.path("")), "it is a folder"), (("data", "/dev/null"), "/dev/null:1: not well-formed XML: it ends too early")):
                code, out, err = blog.program.command("migrate", *arguments)
                expect_equal(code, 2, "%s: %s" % (arguments, out + err))
                expect_contains(out + err, part, str(arguments))
            with open(blog.config, encoding="utf-8") as text:
                config = text.read()
            source = config[:config.index("<source>")].count("\n") + 1
            for was, is_, part in (("<map_file>map.xml", "<map_file>/tmp", ": <map_file> names the file /tmp, which cannot be read"), ("</config>", "", "not well-formed XML: it ends too early"), ('port="%d"' % blog.source.port, 'port="33x"', "config.xml:%d: source.port" % source), ('name="old" user="%s"' % ACCOUNT, 'name="old" user="nobody"', "config.xml:%d" % source),
                                   ('name="old"', 'name="older"', "config.xml:%d" % source), ('name="new"', 'name="newer"', "database newer")):
                blog.write("config.xml", config.replace(was, is_))
                expect(is_ in config.replace(was, is_), was)
                expect_contains(blog.migrate("data", code=2), part, is_)
            blog.write("config.xml", config)
            blog.write("map.xml", MAP.replace("<move>", "<move><field>x</field>", 1))
            expect_contains(blog.migrate("data", code=2), "map.xml:", "a map that is none")
            blog.write("map.xml", MAP.replace("<ignore><document>great_blog_index</document></ignore>",
                                              "<rename><document>great_blog_publication</document><to>great_blog_index</to></rename>"))
            expect_contains(blog.migrate("data", "--dry-run", code=2), "ambiguous", "rules that contradict each other")

    @suite.case("statements", "statements for sessions, which have no effect here, are told where they do more than name a character set")
    def _():
        for value, told in (("SET NAMES utf8;", False), ("\n  set names utf8mb4 ;\n SET NAMES utf8; ", False), ("", False), ("SET NAMES utf8; SET SESSION sql_mode = ''", True), ("SET time_zone = '+00:00'", True)):
            with Blog(config=CONFIG.replace("<bulk_size>", "<init_statements_source>%s</init_statements_source><bulk_size>" % value)) as blog:
                said = blog.migrate("data", "--dry-run")
                expect_equal("<init_statements_source> has no effect" in said, told, value)

    @suite.case("paths", "a relative path is looked for from the working directory, wherever datasync.yaml is, from the folder of config.xml and from those above it")
    def _():
        with Blog() as blog:
            for folder in ("etc/shop", "else"):
                os.makedirs(blog.work.path(folder))
            with open(blog.config, encoding="utf-8") as text:
                config = text.read()
            for named, map_at, config_at, folder in (("rules.xml", "else/rules.xml", "config.xml", "else"), ("rules.xml", "etc/shop/rules.xml", "etc/shop/config.xml", "else"),
                                                     ("etc/shop/of_shop.xml", "etc/shop/of_shop.xml", "etc/shop/config.xml", "else"), ("etc/shop/a.xml", "etc/shop/a.xml", "etc/shop/config.xml", "")):
                path = blog.write(config_at, config.replace("<map_file>map.xml", "<map_file>" + named))
                blog.write(map_at, MAP)
                done = subprocess.run([blog.program.path, "migrate", "data", "--dry-run", "--config", blog.program.config, os.path.relpath(path, blog.work.path(folder))], cwd=blog.work.path(folder), env=environment(),
                                      capture_output=True, text=True, timeout=120, check=False)
                expect_equal(done.returncode, 0, "%s from %s: %s" % (named, folder, done.stdout + done.stderr))
                os.unlink(blog.work.path(map_at))

    @suite.case("log-lines", "lines look as users of that tool know them, also in the log file, and nothing secret is among them")
    def _():
        with Blog() as blog:
            said = blog.migrate("data")
            for line in ("[INFO][mode: data][stage: integrity check][step: Data Integrity Step]: started", "[INFO][mode: data][stage: integrity check][step: Map Step]: started",
                         "[INFO][mode: data][stage: data migration][step: Map Step]: started", "[INFO][mode: data][stage: volume check][step: Map Step]: started",
                         "]: Migration completed"):
                expect_contains(said, line, "what is said")
            with open(blog.log_file, encoding="utf-8") as log:
                logged = log.read()
            expect("[step: Map Step]: started" in logged and logged.count("\n") > 8, "the file: " + logged)
            expect("s3cret" not in said + logged, "a password")
