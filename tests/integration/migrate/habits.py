"""What stands in the maps that the Magento Data Migration Tool ships, and does no harm there."""

from complaints import KEY, rules, shop
from lib.suite import expect_equal


def rename(document, to):
    return "<rename><document>%s</document><to>%s</to></rename>" % (document, to)


def move(field, to):
    return "<move><field>%s</field><to>%s</to></move>\n" % (field, to)


def define(suite):
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
