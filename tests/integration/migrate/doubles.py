"""map-document-groups.xml: what the source has twice, by a key that is unique at the destination alone."""

import random

from base import Migration
from customers import steps
from lib.suite import expect_contains, expect_equal

OLD = "CREATE TABLE m1_search_query (query_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, query_text VARCHAR(40) NOT NULL, store_id SMALLINT UNSIGNED NOT NULL, popularity INT NOT NULL DEFAULT 0) ENGINE=InnoDB;"
NEW = OLD.replace("m1_", "m2_").replace("DEFAULT 0)", "DEFAULT 0, UNIQUE query (query_text, store_id))")
FILL = ("INSERT INTO m1_search_query (query_text, store_id, popularity) SELECT CONCAT('word ', seq % 300), seq DIV 300 % 2, seq FROM seq_1_to_700",)
GROUPS = '<groups><group name="destination_documents_update_on_duplicate"><document key="%s">search_query</document></group></groups>'
STEP = (("Map Step", "Map"),)
CONFIG = '<config><steps mode="data">' + steps(("integrity", "data", "volume"), STEP) + '</steps><steps mode="delta">' + steps(("delta", "volume"), STEP) + """</steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options><map_file>%(map)s</map_file><log_file>%(log)s</log_file><source_prefix>m1_</source_prefix><dest_prefix>m2_</dest_prefix><map_document_groups>groups.xml</map_document_groups></options>
</config>"""


class Queries(Migration):
    def __init__(self):
        super().__init__(OLD, NEW, FILL, CONFIG)
        self.write("map.xml", "<map><source/><destination/></map>")
        self.write("groups.xml", GROUPS % "query_text,store_id")

    def equal(self, what):
        """Each text and store once, as one of the source's rows has it."""
        rows = self.source.query("SELECT * FROM m1_search_query ORDER BY 1", "old")
        here = self.rows("SELECT * FROM m2_search_query ORDER BY 1")
        expect_equal(sorted(row[1:3] for row in here), sorted({row[1:3] for row in rows}), what + ": texts")
        expect_equal([row for row in here if row not in rows], [], what + ": rows")


def define(suite):
    @suite.case("doubles", "what the source has twice by a key that is unique at the destination alone is there once, copied and followed")
    def _():
        with Queries() as shop:
            shop.write("groups.xml", GROUPS % "query_text,popularity")
            expect_contains(shop.migrate("data", code=2), "groups.xml:1: document search_query: key=\"query_text,popularity\" are not the columns of a unique key", "other columns")
            shop.write("groups.xml", "<groups/>")
            expect_contains(shop.migrate("data", code=1), "Duplicate entry", "without the group")
            shop.write("groups.xml", GROUPS % "query_text,store_id")
            code, out, err = shop.program.command("migrate", "data", shop.config, env={"DATASYNC_CRASH": "load.rows:1"})
            expect_equal(code, -9, (out + err)[-1500:])
            expect_contains(shop.migrate("data"), "document=search_query lacks rows that the source has twice, by a unique key of the destination's: 100", "how many")
            shop.equal("copied")
            expect_equal(shop.ask("SELECT MAX(query_id) FROM m2_search_query"), 600, "the first of them")
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            for point in ("commit.before_commit:1", "commit.after_commit:1", None):
                shop.source.run(*["INSERT INTO m1_search_query (query_text, store_id) VALUES ('word %d', %d)" % (draw.randrange(400), draw.randrange(2)) for _ in range(20)],
                                *["UPDATE m1_search_query SET query_text = 'other %d' WHERE query_id = %d" % (draw.randrange(5), 601 + draw.randrange(50)) for _ in range(10)],
                                "UPDATE m1_search_query SET query_text = 'word 7', store_id = 1 WHERE query_id = %d" % (301 + 2 * draw.randrange(100)),
                                "UPDATE m1_search_query SET popularity = popularity + 1 WHERE query_id > 590", "DELETE FROM m1_search_query WHERE query_id = %d" % (651 + draw.randrange(50)), database="old")
                if point:
                    code, out, err = shop.program.command("migrate", "delta", shop.config, "--once", env={"DATASYNC_CRASH": point})
                    expect_equal(code, -9, (out + err)[-1500:])
                shop.migrate("delta", "--once")
                shop.equal("delta")
