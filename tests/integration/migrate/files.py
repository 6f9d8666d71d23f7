"""The files, and what is wrong with them."""

from blog import CONFIG, MAP, Blog
from lib.suite import expect, expect_contains, expect_equal


def define(suite):
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
                    (("data", blog.config, "--reset"), "--yes"), (("data",), "CONFIG.xml")):
                code, out, err = blog.program.command("migrate", *arguments)
                expect_equal(code, 2, "%s: %s" % (arguments, out + err))
                expect_contains(out + err, part, str(arguments))
            blog.write("map.xml", MAP.replace("<move>", "<move><field>x</field>", 1))
            expect_contains(blog.migrate("data", code=2), "map.xml:", "a map that is none")
            blog.write("map.xml", MAP.replace("<ignore><document>great_blog_index</document></ignore>",
                                              "<ignore><document>great_blog_publication</document></ignore><ignore><document>great_blog_index</document></ignore>"))
            expect_contains(blog.migrate("data", "--dry-run", code=2), "ambiguous", "rules that contradict each other")

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
