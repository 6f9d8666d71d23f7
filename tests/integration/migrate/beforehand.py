"""What would stop the data stage is told by the integrity check, all of it at once."""

from blog import MAP, Blog
from greatblog import GreatBlog
from lib.suite import expect, expect_contains, expect_equal

TABLES = """
CREATE TABLE empty (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(20) NULL, b VARCHAR(20) NULL) ENGINE=InnoDB;
CREATE TABLE old_text (id INT PRIMARY KEY, t VARCHAR(20) CHARACTER SET dec8 NULL) ENGINE=InnoDB;
"""
HANDLER = '<transform><field>empty.%s</field><handler class="\\Migration\\Handler\\%s">%s</handler></transform>'
PARAM = '<param name="%s" value="%s"/>'
FOUND = ("handler \\Migration\\Handler\\AddPrefix", "handler \\Migration\\Handler\\SetValue")


def define(suite):
    @suite.case("beforehand", "parameters of handlers whose tables are empty, texts that nobody can convert, tables that cannot roll back, a binlog without names and triggers are told together, "
                              "and nothing is written, not by --auto either")
    def _():
        rules = MAP.replace("<rename>", "<rename><document>more</document><to>author_link</to></rename><rename>", 1).replace(
            "<transform>", HANDLER % ("a", "AddPrefix", PARAM % ("prefiks", "x")) + HANDLER % ("b", "SetValue", "") + "<transform>", 1)
        with Blog(rules=rules) as blog:
            blog.source.script(TABLES + "CREATE TABLE more (link_id INT PRIMARY KEY, author_id INT) ENGINE=MyISAM;", database="old")
            blog.destination.script(TABLES + "CREATE TRIGGER seen AFTER INSERT ON author FOR EACH ROW SET @seen = 1;", database="new")
            blog.source.run("SET GLOBAL binlog_row_metadata = MINIMAL", "SET GLOBAL binlog_row_image = MINIMAL", database=None)
            said = blog.migrate("data", code=1)
            for part in ("AddPrefix has no parameter prefiks; there are: prefix", "SetValue needs the parameter value", "map.xml:",
                         "Texts cannot be converted: old_text.t: iconv does not know the character set dec8",
                         "Source table cannot roll back, and its rows come together with those of others: more (MyISAM)",
                         "[ERROR]: source binlog_row_metadata: the source sends no column names, which map needs; SET GLOBAL binlog_row_metadata = FULL",
                         "[ERROR]: source binlog_row_image: binlog_row_image is MINIMAL", "[ERROR]: destination triggers: its tables have seen, ", "Integrity Check failed"):
                expect_contains(said, part, "what is said")
            said = blog.migrate("data", "--auto", code=1)
            for part in ("[ERROR]: source binlog_row_metadata", "[ERROR]: destination triggers", "[WARNING]: "):
                expect_contains(said, part, "what --auto says")
            expect("--auto or -a" not in said, "no hint: " + said)
            names = blog.destination.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME LIKE 'datasync%'", None)
            expect_equal((names, blog.ask("SELECT COUNT(*) FROM author")), ((), 0), "what is written")
            blog.write("map.xml", MAP.replace("<document_rules>", "<document_rules><ignore><document>old_text</document></ignore><ignore><document>more</document></ignore>", 1).replace(
                "<destination>\n    <document_rules>", "<destination><document_rules><ignore><document>old_text</document></ignore>", 1))
            blog.source.run("SET GLOBAL binlog_row_metadata = FULL", "SET GLOBAL binlog_row_image = FULL", database=None)
            blog.migrate("data", "--set", "triggers=allow")
            blog.equal("copied")
            blog.source.run("UPDATE author SET name = 'changed' WHERE author_id < 5", database="old")
            blog.migrate("delta", "--once", "--set", "triggers=allow")
            blog.equal("followed")
        with GreatBlog() as blog:
            blog.write("map-greatblog.xml", blog.example("map-greatblog.xml").replace("<field_rules>", """<field_rules><transform><field>greatblog_post.post_id</field>
              <handler class="\\Migration\\Handler\\Sequence"><param name="table" value="great_blog_rating"/></handler></transform>""", 1))
            expect_contains(blog.migrate("data", code=1), "[ERROR]: A handler of greatblog_post.post_id writes rows of great_blog_rating, and the document is step Vendor\\Migration\\Step\\GreatBlog's own: let the step give these rows (", "a step's document")
            expect_equal(blog.ask("SELECT COUNT(*) FROM great_blog_post"), 0, "rows")
