"""What stands in the maps that the Magento Data Migration Tool ships, and does no harm there."""

from complaints import KEY, rules, shop
from lib.suite import expect_contains, expect_equal


def rename(document, to):
    return "<rename><document>%s</document><to>%s</to></rename>" % (document, to)


def ignore(document):
    return "<ignore><document>%s</document></ignore>" % document


def move(field, to):
    return "<move><field>%s</field><to>%s</to></move>\n" % (field, to)


OLD = ["t (%s, a INT)" % KEY, "tier (%s, all_groups INT)" % KEY, "session (%s)" % KEY]
NEW = ["m2_t (%s, b INT)" % KEY, "website (%s, row_id INT)" % KEY]
DOCUMENTS = rename("t", "m2_t") + ignore("tier") + ignore("session") + rename("session", "m2_session")


def define(suite):
    @suite.case("habits", "rules for documents that are ignored, or that the source has not, are left alone; a move may name the source's table, also twice, and with its field ignored at the destination; what comes to a document ignored there is compared")
    def _():
        fields = move("tier.all_groups", "tier.is_all") + move("website.rule_id", "website.row_id") + move("t.a", "t.b") * 2
        with shop(OLD, NEW, ["INSERT INTO t VALUES (1, 5), (2, 6)"], rules(fields, DOCUMENTS, ignore("website") + ignore("m2_t"))) as lab:
            expect_contains(lab.migrate("data", code=1), "Document has ambiguous configuration: t:", "a move into a document that is ignored")
            lab.write("map.xml", rules(fields, DOCUMENTS, ignore("website"), "<ignore><field>m2_t.b</field></ignore>"))
            said = lab.migrate("data")
            expect_contains(said, "map.xml:5: t.a is moved to t.b, but the document t becomes m2_t: taken as m2_t.b", "the move")
            expect_equal(lab.rows("SELECT * FROM m2_t ORDER BY 1"), ((1, 5), (2, 6)), "rows")
            lab.source.run("UPDATE t SET a = 7 WHERE id = 2", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT * FROM m2_t ORDER BY 1"), ((1, 5), (2, 7)), "followed")
            lab.source.run("CREATE TABLE website (id INT PRIMARY KEY, rule_id INT) ENGINE=InnoDB", database="old")
            expect_contains(lab.migrate("data", "--reset", "--yes", code=1), "Document has ambiguous configuration: website:", "a source that has it")

    @suite.case("left-over", "rules for fields that the source has not are told and passed over, in copy and delta; a field of a rule that goes stops delta, naming it")
    def _():
        prefix = '<transform><field>t.%s</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="x"/></handler></transform>\n'
        tables = ["t (%s, a VARCHAR(20), b VARCHAR(20), no_more VARCHAR(20))" % KEY]
        fields = prefix % "a" + prefix % "b" + prefix % "gone" + move("t.old", "t.new")
        with shop([tables[0].replace(", no_more VARCHAR(20)", "")], tables, ["INSERT INTO t VALUES (1, 'a', 'b')"], rules(fields + prefix % "no_more", "", "", "<ignore><field>t.no_more</field></ignore>")) as lab:
            said = lab.migrate("data")
            for field, line in (("gone", 5), ("old", 6), ("no_more", 7)):
                expect_contains(said, "[WARNING]: Rule for a field that the source does not have: t.%s (" % field, "beforehand")
                expect_contains(said, "map.xml:%d: the rule is for t.%s, which the source does not have: it is passed over" % (line, field), "when rows come")
            lab.source.run("UPDATE t SET a = 'c'", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT * FROM t"), ((1, "xc", "xb", None),), "rows")
            lab.source.run("INSERT INTO t VALUES (2, 'd', 'e')", "ALTER TABLE t DROP COLUMN b", "INSERT INTO t VALUES (3, 'f')", database="old")
            expect_contains(lab.migrate("delta", "--once", code=2), "map.xml:4: the rule is for t.b, which the source does not have any more", "a field that goes")
            expect_equal(lab.rows("SELECT * FROM t ORDER BY 1"), ((1, "xc", "xb", None), (2, "xd", "xe", None)), "rows before it")

    @suite.case("ignored-there", "rows come to a document that is ignored at the destination alone, as they do in that tool, and a lost one is told")
    def _():
        with shop(["t (%s, a INT)" % KEY], ["m2_t (%s, a INT)" % KEY], ["INSERT INTO t VALUES (1, 5), (2, 6)"], rules("", rename("t", "m2_t"), ignore("m2_t"))) as lab:
            lab.migrate("data")
            lab.destination.run("DELETE FROM m2_t WHERE id = 2", database="new")
            expect_contains(lab.migrate("delta", "--once", code=1), "Mismatch of entities in the document: m2_t Source: 2 Destination: 1 Missing keys: 2", "a lost row")

    @suite.case("two-to-one", "two fields of a document that go to one are told before anything is written")
    def _():
        old, new = ["t (%s, a INT, b INT, c INT)" % KEY], ["t (%s, a INT, b INT)" % KEY]
        with shop(old, new, ["INSERT INTO t VALUES (1, 5, 6, 7)"], rules(move("t.c", "t.b"))) as lab:
            expect_contains(lab.migrate("data", code=1), "[ERROR]: Source fields go to one field: t.b and t.c, there t.b", "two fields")
            expect_equal(lab.ask("SELECT COUNT(*) FROM t"), 0, "rows")
            lab.write("map.xml", rules("<ignore><field>t.b</field></ignore>" + move("t.c", "t.b")))
            lab.migrate("data")
            expect_equal(lab.rows("SELECT * FROM t"), ((1, 5, 7),), "the one that was meant")

    @suite.case("no-key", "rows of which nothing tells the destination's key are not found by a key that takes NULL: what is missing is said")
    def _():
        old, new = ["t (a INT, b INT, v INT, PRIMARY KEY (a, b))"], ["t (entity_id INT AUTO_INCREMENT PRIMARY KEY, a INT, b INT, v INT, UNIQUE (a, b))"]
        with shop(old, new, ["INSERT INTO t VALUES (1, 2, 3)"], rules(destination_fields="<ignore><field>t.entity_id</field></ignore>")) as lab:
            said = lab.migrate("data", code=1)
            expect_contains(said, "[ERROR]: Rows cannot be found again: nothing of document t goes to t.entity_id of the primary key, and no other unique key finds them", "beforehand")
            lab.migrate("data", "--auto")
            lab.source.run("UPDATE t SET v = 4", database="old")
            expect_contains(lab.migrate("delta", "--once", code=1), "nothing of the source goes to entity_id of the table's primary key, and no other unique key finds its rows", "why")
            lab.destination.run("ALTER TABLE t MODIFY a INT NOT NULL, MODIFY b INT NOT NULL", database="new")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT a, b, v FROM t"), ((1, 2, 4),), "found")

    @suite.case("cascades", "what the source's foreign keys delete and empty goes at the destination, where it has no such keys")
    def _():
        def tables(keys):
            return ["parent (%s)" % KEY, "child (%s, parent_id INT NULL, KEY (parent_id)%s)" % (KEY, ", FOREIGN KEY (parent_id) REFERENCES parent (id) ON DELETE CASCADE" if keys else ""),
                    "note (%s, up_id INT NULL, KEY (up_id)%s)" % (KEY, ", FOREIGN KEY (up_id) REFERENCES parent (id) ON DELETE SET NULL" if keys else "")]
        new = [table.replace("note (", "remark (").replace("up_id", "parent_id") for table in tables(False)]
        with shop(tables(True), new, ["INSERT INTO parent VALUES (1), (2), (3)", "INSERT INTO child VALUES (1, 1), (2, 1), (3, 2)", "INSERT INTO note VALUES (1, 1), (2, 2)"],
                  rules(move("note.up_id", "remark.parent_id"), rename("note", "remark"))) as lab:
            lab.migrate("data")
            for parent in (1, 3, 2):
                lab.source.run("DELETE FROM parent WHERE id = %d" % parent, "INSERT INTO parent VALUES (%d)" % (parent + 10), database="old")
                lab.migrate("delta", "--once")
            expect_equal((lab.rows("SELECT * FROM child"), lab.rows("SELECT * FROM remark ORDER BY 1")), ((), ((1, None), (2, None))), "rows")
