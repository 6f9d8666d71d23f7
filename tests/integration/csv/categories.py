"""Categories: a tree under the destination's own root."""

import os

from lib.suite import expect, expect_equal

from base import FIXTURES, shop, suite

TREE = ("SELECT n.value, p.value, e.level, (LENGTH(e.path) - LENGTH(REPLACE(e.path, '/', ''))), e.path = CONCAT(x.path, '/', e.entity_id), "
        "e.position FROM catalog_category_entity e JOIN catalog_category_entity x ON x.entity_id = e.parent_id JOIN "
        "catalog_category_entity_varchar n ON n.entity_id = e.entity_id AND n.attribute_id = 43 AND n.store_id = 0 JOIN "
        "catalog_category_entity_varchar p ON p.entity_id = e.parent_id AND p.attribute_id = 43 AND p.store_id = 0 WHERE e.entity_id > 2 "
        "ORDER BY 1")
WANTED = [("Accessories", "Default Category", "2", "2", "1", "2"), ("Bulbs", "Lighting", "3", "3", "1", "2"),
          ("Desk lamps", "Lamps", "4", "4", "1", "1"), ("Floor lamps", "Lamps", "4", "4", "1", "2"), ("Lamps", "Lighting", "3", "3", "1", "1"),
          ("LED", "Bulbs", "4", "4", "1", "1"), ("Lighting", "Default Category", "2", "2", "1", "1")]


def reversed_rows(path):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    return "\n".join([lines[0]] + lines[:0:-1]) + "\n"


@suite.case("csv-categories", "the example of the old module, in any order; products find their categories")
def _():
    with shop() as s:
        for _ in range(2):
            s.sync("category", "categories.csv")
            s.expect(TREE, *WANTED)
            s.expect("SELECT COUNT(*) FROM catalog_category_entity", "9")
        s.expect("SELECT children_count FROM catalog_category_entity WHERE entity_id IN (SELECT entity_id FROM "
                 "catalog_category_entity_varchar WHERE value IN ('Lighting', 'Lamps', 'LED')) ORDER BY level", "5", "2", "0")
        led = "(SELECT MIN(entity_id) FROM catalog_category_entity_varchar WHERE value = 'LED')"
        s.expect("SELECT %s, %s, %s" % tuple(s.value("catalog_category", code, led) for code in ("is_active", "include_in_menu",
                                                                                               "display_mode")), ("0", "1", "PRODUCTS"))
        s.expect("SELECT name.value, path FROM catalog_category_entity JOIN catalog_category_entity_varchar name USING (entity_id) WHERE "
                 "entity_id <= 2 AND attribute_id = 43 AND store_id = 0 ORDER BY entity_id", ("Root Catalog", "1"), ("Default Category", "1/2"))
        s.sync("product", "products_simple.csv")
        s.expect("SELECT sku, GROUP_CONCAT(n.value ORDER BY n.value) FROM catalog_category_product c JOIN catalog_product_entity e ON "
                 "e.entity_id = product_id JOIN catalog_category_entity_varchar n ON n.entity_id = category_id AND n.attribute_id = 43 GROUP "
                 "BY sku ORDER BY sku", ("BULB-E27", "Lighting"), ("CABLE-2M", "Accessories"), ("LAMP-01", "Accessories,Lamps,Lighting"),
                 ("LAMP-02", "Lamps,Lighting"))
    with shop() as s:
        s.text("category", reversed_rows(os.path.join(FIXTURES, "categories.csv")))
        s.expect(TREE, *WANTED)


@suite.case("csv-categories-under-known-ones", "parents from an earlier file, of the destination's own, matched by name; moved with the next file")
def _():
    with shop() as s:
        s.text("category", "entity_id,parent_id,name\nshoes,2,Shoes\nboots,shoes,Boots\n")
        s.text("category", "entity_id,parent_id,name,description\nhiking,boots,Hiking,For hills\n")
        s.text("category", "name,parent_id\nShoes,\nSandals,\n", source="other")
        names = "SELECT n.value, level, path FROM catalog_category_entity e JOIN catalog_category_entity_varchar n USING (entity_id) WHERE " \
                "attribute_id = 43 AND entity_id > 2 ORDER BY n.value"
        ids = {name: number for number, name in s.rows("SELECT entity_id, value FROM catalog_category_entity_varchar WHERE attribute_id = 43")}
        shoes, boots, hiking, sandals = ids["Shoes"], ids["Boots"], ids["Hiking"], ids["Sandals"]
        s.expect(names, ("Boots", "3", "1/2/%s/%s" % (shoes, boots)), ("Hiking", "4", "1/2/%s/%s/%s" % (shoes, boots, hiking)),
                 ("Sandals", "2", "1/2/%s" % sandals), ("Shoes", "2", "1/2/%s" % shoes))
        s.text("category", "entity_id,parent_id,name\nhiking,shoes,Hiking boots\n")
        s.expect(names, ("Boots", "3", "1/2/%s/%s" % (shoes, boots)), ("Hiking boots", "3", "1/2/%s/%s" % (shoes, hiking)),
                 ("Sandals", "2", "1/2/%s" % sandals), ("Shoes", "2", "1/2/%s" % shoes))
        for text, reason in (("entity_id,parent_id,name\na,nowhere,A\n", "category nowhere is neither in the file nor imported"),
                             ("entity_id,parent_id,name\na,b,A\nb,a,B\n", "lead back to itself"),
                             ("entity_id,parent_id,name\na,2,A\na,2,B\n", "stands in the file twice"),
                             ("entity_id,parent_id,name\na,2,\n", "name is empty")):
            out = s.text("category", text, code=1)
            expect(reason in out and " line " in out, "%r is not in: %s" % (reason, out))
        out = s.text("category", "entity_id,parent_id,name\na,nowhere,A\nb,a,B\nc,2,C\n", "--skip-invalid", code=3)
        expect("was left out" in out and "records=2" in out, out)
        expect_equal(s.one("SELECT COUNT(*) FROM catalog_category_entity_varchar WHERE value IN ('A', 'B', 'C') AND attribute_id = 43"), 1,
                     "categories of the last file")


@suite.case("csv-categories-without-names", "what came from there needs no name to be moved or changed")
def _():
    with shop() as s:
        tree = ("SELECT v.value, c.level, p.entity_id = 2, c.position FROM catalog_category_entity c JOIN catalog_category_entity_varchar v USING (entity_id) "
                "JOIN eav_attribute a USING (attribute_id) JOIN catalog_category_entity p ON p.entity_id = c.parent_id WHERE attribute_code = 'name' AND "
                "c.entity_id > 2 ORDER BY 1")
        s.text("category", "entity_id,parent_id,name\na,,A\nb,a,B\nc,b,C\n")
        s.expect(tree, ("A", "2", "1", "0"), ("B", "3", "0", "0"), ("C", "4", "0", "0"))
        for _ in range(2):
            s.text("category", "entity_id,parent_id\nb,2\nc,2\n")
            s.expect(tree, ("A", "2", "1", "0"), ("B", "2", "1", "0"), ("C", "2", "1", "0"))
        s.text("category", "entity_id,position,name\nb,7,\n")
        s.expect(tree, ("A", "2", "1", "0"), ("B", "2", "1", "7"), ("C", "2", "1", "0"))
        out = s.text("category", "entity_id,parent_id\nb,2\nb,2\n", code=1)
        expect("stands in the file twice" in out, out)
        out = s.text("category", "entity_id,parent_id\nb,2\nz,2\n", code=1)
        expect(" line 3: name is empty" in out, out)
