"""Categories: which ones ids of a file mean, and what follows a category that is moved."""

from lib.suite import expect

from base import shop, suite

NAMES = ("SELECT n.value, e.level, GROUP_CONCAT(x.value ORDER BY LENGTH(a.path) SEPARATOR '/'), e.children_count FROM "
         "catalog_category_entity e JOIN catalog_category_entity a ON CONCAT(e.path, '/') LIKE CONCAT(a.path, '/%%') JOIN "
         "catalog_category_entity_varchar x ON x.entity_id = a.entity_id AND x.attribute_id = 43 AND x.store_id = 0 JOIN "
         "catalog_category_entity_varchar n ON n.entity_id = e.entity_id AND n.attribute_id = 43 AND n.store_id = 0 WHERE "
         "e.parent_id = SUBSTRING_INDEX(SUBSTRING_INDEX(e.path, '/', -2), '/', 1) AND e.entity_id > 2 GROUP BY e.entity_id "
         "ORDER BY n.value, e.entity_id".replace("%%", "%"))
ROOT = "Root Catalog/Default Category"


def category(s, name):
    return s.one("SELECT entity_id FROM catalog_category_entity_varchar WHERE attribute_id = 43 AND store_id = 0 AND value = '%s'" % name)


def add(s, name, parent):
    """One of the destination's own, in the one with this name."""
    above = category(s, parent)
    s.server.run("INSERT INTO catalog_category_entity (entity_type_id, attribute_set_id, parent_id, path, level, position, children_count) "
                 "SELECT entity_type_id, attribute_set_id, entity_id, '', level + 1, 1, 0 FROM catalog_category_entity WHERE entity_id = %d"
                 % above, "SET @new = LAST_INSERT_ID()",
                 "UPDATE catalog_category_entity c JOIN catalog_category_entity p ON p.entity_id = c.parent_id SET c.path = "
                 "CONCAT(p.path, '/', @new) WHERE c.entity_id = @new",
                 "UPDATE catalog_category_entity SET children_count = children_count + 1 WHERE (SELECT path FROM (SELECT path FROM "
                 "catalog_category_entity WHERE entity_id = @new) x) LIKE CONCAT(path, '/%')",
                 "INSERT INTO catalog_category_entity_varchar (entity_type_id, attribute_id, store_id, entity_id, value) VALUES "
                 "(3, 43, 0, @new, '%s')" % name, database="openmage")


@suite.case("csv-categories-with-any-id", "1 and 2 are the file's own, or the registry's, and only else what every shop has")
def _():
    with shop() as s:
        for _ in range(2):
            s.text("category", "entity_id,parent_id,name\n1,,Food\n2,1,Fruit\n3,2,Apples\n")
            s.expect(NAMES, ("Apples", "4", ROOT + "/Food/Fruit/Apples", "0"), ("Food", "2", ROOT + "/Food", "2"),
                     ("Fruit", "3", ROOT + "/Food/Fruit", "1"))
        s.text("category", "entity_id,parent_id,name\n4,2,Pears\n5,1,Bread\n")  # of an earlier file
        s.expect(NAMES, ("Apples", "4", ROOT + "/Food/Fruit/Apples", "0"), ("Bread", "3", ROOT + "/Food/Bread", "0"),
                 ("Food", "2", ROOT + "/Food", "4"), ("Fruit", "3", ROOT + "/Food/Fruit", "2"),
                 ("Pears", "4", ROOT + "/Food/Fruit/Pears", "0"))
    with shop() as s:
        for _ in range(2):
            s.text("category", "entity_id,parent_id,name\n5,2,Fruit\n2,,Food\n6,1,Other root\n")
            s.expect(NAMES, ("Food", "2", ROOT + "/Food", "1"), ("Fruit", "3", ROOT + "/Food/Fruit", "0"),
                     ("Other root", "1", "Root Catalog/Other root", "0"))
        out = s.text("category", "entity_id,parent_id,name\n0,,None\n", code=1)
        expect("0 is no category's id" in out, out)


@suite.case("csv-categories-whole-tree", "a record with the parent 0 is the tree's root; root categories are found by name, or made")
def _():
    with shop() as s:
        for text in ("4,,C\n3,2,A\n2,1,Default Category\n7,1,Second root\n1,0,All\n8,7,B\n",
                     "1,0,All\n2,1,Default Category\n3,2,A\n7,1,Second root\n8,7,B\n4,,C\n"):
            s.text("category", "entity_id,parent_id,name\n" + text)
            s.expect(NAMES, ("A", "2", ROOT + "/A", "0"), ("B", "2", "Root Catalog/Second root/B", "0"), ("C", "2", ROOT + "/C", "0"),
                     ("Second root", "1", "Root Catalog/Second root", "1"))
            s.expect("SELECT path, level, parent_id, children_count FROM catalog_category_entity WHERE entity_id < 3 ORDER BY 1",
                     ("1", "0", "0", "5"), ("1/2", "1", "1", "2"))
        out = s.text("category", "entity_id,parent_id,name\nx,0,X\ny,0,Y\n", code=1)
        expect("line 3: parent_id: 0 is that of the tree's root, which an earlier record is" in out, out)
        out = s.text("category", "entity_id,parent_id,name\n3,0,A\nz,3,Z\n", "--skip-invalid", code=3)
        expect("category 3 came from this source as another one" in out and "category 3, in which this one stands, was left out" in out, out)


@suite.case("csv-categories-without-parent", "what came before stays where it is")
def _():
    with shop() as s:
        s.text("category", "entity_id,parent_id,name\na,,A\nb,a,B\nc,b,C\n")
        wanted = (("A", "2", ROOT + "/A", "3"), ("B2", "3", ROOT + "/A/B2", "2"), ("C", "4", ROOT + "/A/B2/C", "0"),
                  ("D", "4", ROOT + "/A/B2/D", "0"))
        for duplicate in ("update", "merge"):
            s.text("category", "entity_id,name\nb,B2\n", duplicate=duplicate)
            s.text("category", "entity_id,parent_id,name\nd,b,D\nb,,B2\n", duplicate=duplicate)
            s.expect(NAMES, *wanted)


@suite.case("csv-categories-moved", "what stands below a moved category follows it, the destination's own, too; counters of both places do")
def _():
    with shop() as s:
        s.text("category", "entity_id,parent_id,name\na,,A\nb,a,B\nc,b,C\nx,,X\n")
        for name, parent in (("Own", "B"), ("Own below", "Own"), ("Own of C", "C")):
            add(s, name, parent)
        s.expect(NAMES, ("A", "2", ROOT + "/A", "5"), ("B", "3", ROOT + "/A/B", "4"), ("C", "4", ROOT + "/A/B/C", "1"),
                 ("Own", "4", ROOT + "/A/B/Own", "1"), ("Own below", "5", ROOT + "/A/B/Own/Own below", "0"),
                 ("Own of C", "5", ROOT + "/A/B/C/Own of C", "0"), ("X", "2", ROOT + "/X", "0"))
        for text in ("b,x,B\n", "c,b,C\nb,x,B\n"):
            s.text("category", "entity_id,parent_id,name\n" + text)
            s.expect(NAMES, ("A", "2", ROOT + "/A", "0"), ("B", "3", ROOT + "/X/B", "4"), ("C", "4", ROOT + "/X/B/C", "1"),
                     ("Own", "4", ROOT + "/X/B/Own", "1"), ("Own below", "5", ROOT + "/X/B/Own/Own below", "0"),
                     ("Own of C", "5", ROOT + "/X/B/C/Own of C", "0"), ("X", "2", ROOT + "/X", "5"))
        # a new one in a category that the file does not have, below one that it moves
        s.text("category", "entity_id,parent_id,name\nn,c,N\nc,,C\nx,a,X\n")
        s.expect(NAMES, ("A", "2", ROOT + "/A", "7"), ("B", "4", ROOT + "/A/X/B", "5"), ("C", "5", ROOT + "/A/X/B/C", "2"),
                 ("N", "6", ROOT + "/A/X/B/C/N", "0"), ("Own", "5", ROOT + "/A/X/B/Own", "1"),
                 ("Own below", "6", ROOT + "/A/X/B/Own/Own below", "0"), ("Own of C", "6", ROOT + "/A/X/B/C/Own of C", "0"),
                 ("X", "3", ROOT + "/A/X", "6"))
        out = s.text("category", "entity_id,parent_id,name\nx,b,X\n", code=1)
        expect("line 2: parent_id: category b stands within this one" in out, out)
