"""Products: all that a record may have, one by one, in the destination's own tables."""

from lib.suite import expect, expect_equal

from base import shop, suite

PRODUCT = "(SELECT entity_id FROM catalog_product_entity WHERE sku = '%s')"


def value(s, code, sku, store=0):
    return s.value("catalog_product", code, PRODUCT % sku, store)


@suite.case("csv-products", "the example of the old module: rows, values, stock, websites; again, and nothing changes")
def _():
    with shop() as s:
        out = s.sync("product", "products_simple.csv")
        expect("has not been imported from this source" in out, "the unknown categories are not told: " + out)
        s.expect("SELECT sku, type_id, attribute_set_id FROM catalog_product_entity ORDER BY sku",
                 ("BULB-E27", "simple", "4"), ("CABLE-2M", "simple", "4"), ("LAMP-01", "simple", "4"), ("LAMP-02", "simple", "4"),
                 ("SERVICE-1", "virtual", "4"))
        s.expect("SELECT %s, %s, %s, %s, %s" % (value(s, "name", "LAMP-02"), value(s, "description", "LAMP-02"),
                                                value(s, "price", "LAMP-02"), value(s, "special_price", "LAMP-02"),
                                                value(s, "url_key", "LAMP-02")),
                 ("Floor Lamp", 'A lamp\nfor "floors"', "129.0000", "99.0000", "floor-lamp"))
        s.expect("SELECT %s, %s, %s, %s" % (value(s, "status", "CABLE-2M"), value(s, "visibility", "CABLE-2M"),
                                            value(s, "tax_class_id", "CABLE-2M"), value(s, "tax_class_id", "SERVICE-1")),
                 ("2", "1", "2", "0"))
        s.expect("SELECT sku, qty, is_in_stock, manage_stock, use_config_manage_stock, stock_id FROM cataloginventory_stock_item JOIN "
                 "catalog_product_entity ON entity_id = product_id ORDER BY sku",
                 ("BULB-E27", "0.0000", "0", "1", "0", "1"), ("CABLE-2M", "250.5000", "1", "1", "0", "1"),
                 ("LAMP-01", "100.0000", "1", "1", "0", "1"), ("LAMP-02", "12.0000", "1", "1", "0", "1"),
                 ("SERVICE-1", "0.0000", "1", "1", "0", "1"))
        s.expect("SELECT COUNT(*), MIN(website_id), MAX(website_id) FROM catalog_product_website", ("5", "1", "1"))
        s.expect("SELECT source_id, origin FROM datasync.datasync_entity_registry WHERE entity_type = 'product' ORDER BY 1",
                 *((str(n), "created") for n in range(1001, 1006)))
        before = s.snapshot()
        s.sync("product", "products_simple.csv")
        expect_equal(s.snapshot(), before, "checksums after the second run")
        for dry in ("--dry-run",):
            s.text("product", "entity_id,sku,name,price\n1001,LAMP-01,Another,1\n9,NEW-9,New,1\n", dry)
        expect_equal(s.snapshot(), before, "checksums after a dry run")


@suite.case("csv-products-update", "what a file does not name stays; an empty cell empties; another shop's product is found by SKU")
def _():
    with shop() as s:
        s.sync("product", "products_simple.csv")
        s.text("product", "sku,price,special_price,qty\nLAMP-02,111,,\nLAMP-01,50,45,7\n", source="other")
        s.expect("SELECT %s, %s, %s, %s" % (value(s, "name", "LAMP-02"), value(s, "price", "LAMP-02"),
                                            value(s, "special_price", "LAMP-02"), value(s, "special_price", "LAMP-01")),
                 ("Floor Lamp", "111.0000", None, "45.0000"))
        s.expect("SELECT qty FROM cataloginventory_stock_item JOIN catalog_product_entity ON entity_id = product_id WHERE sku LIKE "
                 "'LAMP%' ORDER BY sku", "7.0000", "12.0000")
        s.expect("SELECT COUNT(*) FROM catalog_product_entity", "5")
        s.expect("SELECT source_id, origin FROM datasync.datasync_entity_registry WHERE entity_type = 'product' AND source_system = "
                 "'other' ORDER BY 1", ("sku:LAMP-01", "matched"), ("sku:LAMP-02", "matched"))
        s.text("product", "sku,price,special_price\nLAMP-01,,44\n", source="other", duplicate="merge")
        s.expect("SELECT %s, %s" % (value(s, "price", "LAMP-01"), value(s, "special_price", "LAMP-01")), ("50.0000", "44.0000"))
        out = s.text("product", "sku,name,price\nLAMP-01,X,1\n", source="third", duplicate="error", code=1)
        expect("already" in out, out)
        s.expect("SELECT %s" % value(s, "name", "LAMP-01"), "Desk Lamp")


@suite.case("csv-products-choices", "choices by label, new ones are made, several in one cell, and numbers are labels, never ids")
def _():
    with shop() as s:
        s.add_attribute("shade", labels=["Red", "Blue"])
        s.add_attribute("features", kind="multiselect", backend="varchar", labels=["Dimmable"])
        s.text("product", "sku,name,price,shade,features,manufacturer\nA,a,1,red,\"Dimmable,Foldable\",Acme\nB,b,1,Green,foldable|dimmable,1\n"
                          "C,c,1,,,\n")
        s.expect("SELECT v.value FROM eav_attribute_option_value v JOIN eav_attribute_option USING (option_id) JOIN eav_attribute a USING "
                 "(attribute_id) WHERE attribute_code IN ('shade', 'features', 'manufacturer') ORDER BY a.attribute_code, v.value",
                 "Dimmable", "Foldable", "1", "Acme", "Blue", "Green", "Red")
        label = "(SELECT value FROM eav_attribute_option_value WHERE option_id = %s AND store_id = 0)"
        s.expect("SELECT %s, %s, %s, %s" % (label % value(s, "shade", "A"), label % value(s, "shade", "B"),
                                            label % value(s, "manufacturer", "A"), label % value(s, "manufacturer", "B")),
                 ("Red", "Green", "Acme", "1"))
        s.expect("SELECT %s, %s" % (value(s, "shade", "C"), value(s, "features", "C")), (None, None))
        ids = {label: number for number, label in s.rows("SELECT option_id, value FROM eav_attribute_option_value")}
        s.expect("SELECT %s, %s" % (value(s, "features", "A"), value(s, "features", "B")),
                 ("%s,%s" % (ids["Dimmable"], ids["Foldable"]), "%s,%s" % (ids["Foldable"], ids["Dimmable"])))


@suite.case("csv-products-children", "prices by quantity and group, custom options, images: matched in the second run, not appended")
def _():
    with shop() as s:
        text = ("entity_id,sku,name,price,tier_prices,group_prices,custom_options,image,media_gallery,website_ids\n"
                "p-1,A,a,100,\"[{\"\"customer_group_id\"\": 32000, \"\"qty\"\": 5, \"\"value\"\": 90},{\"\"group\"\":\"\"Wholesale\"\",\"\"qty\"\":10,"
                "\"\"price\"\":80.5}]\",Retailer:75|Wholesale:10%,Engraving:field:optional:max=20|price=4;Size:drop_down:required:S=0|L=2.50,"
                "shirt.jpg,/s/h/shirt.jpg|back.jpg,base\n"
                "p-2,B,b,10,all:2:9|General:3:8.25,,\"[{\"\"title\"\":\"\"Wrap\"\",\"\"type\"\":\"\"checkbox\"\",\"\"is_require\"\":false,\"\"values\"\":"
                "[{\"\"title\"\":\"\"Paper\"\",\"\"price\"\":10,\"\"price_type\"\":\"\"percent\"\",\"\"sku\"\":\"\"wrap\"\"}]}]\",,,1\n")
        for _ in range(2):
            s.text("product", text)
            s.expect("SELECT sku, all_groups, customer_group_id, qty, value FROM catalog_product_entity_tier_price JOIN "
                     "catalog_product_entity USING (entity_id) ORDER BY sku, qty", ("A", "1", "0", "5.0000", "90.0000"),
                     ("A", "0", "2", "10.0000", "80.5000"), ("B", "1", "0", "2.0000", "9.0000"), ("B", "0", "1", "3.0000", "8.2500"))
            s.expect("SELECT customer_group_id, value FROM catalog_product_entity_group_price ORDER BY 1", ("2", "90.0000"),
                     ("3", "75.0000"))
            s.expect("SELECT e.sku, title, type, is_require, max_characters, price FROM catalog_product_option o JOIN "
                     "catalog_product_option_title USING (option_id) JOIN catalog_product_entity e ON entity_id = product_id LEFT JOIN "
                     "catalog_product_option_price USING (option_id) ORDER BY e.sku, o.sort_order",
                     ("A", "Engraving", "field", "0", "20", "4.0000"), ("A", "Size", "drop_down", "1", None, None),
                     ("B", "Wrap", "checkbox", "0", None, None))
            s.expect("SELECT title, price, price_type, v.sku FROM catalog_product_option_type_value v JOIN catalog_product_option_type_title "
                     "USING (option_type_id) JOIN catalog_product_option_type_price USING (option_type_id) ORDER BY title",
                     ("L", "2.5000", "fixed", None), ("Paper", "10.0000", "percent", "wrap"), ("S", "0.0000", "fixed", None))
            s.expect("SELECT sku, has_options, required_options FROM catalog_product_entity ORDER BY sku", ("A", "1", "1"), ("B", "1", "0"))
            s.expect("SELECT g.value, v.position FROM catalog_product_entity_media_gallery g JOIN "
                     "catalog_product_entity_media_gallery_value v USING (value_id) ORDER BY 2", ("/s/h/shirt.jpg", "1"),
                     ("/b/a/back.jpg", "2"))
            s.expect("SELECT %s" % value(s, "image", "A"), "/s/h/shirt.jpg")
        out = s.text("product", "sku,name,price,image\nC,c,1,../../etc/passwd\n", code=1)
        expect("leads out of the folder" in out and "line 2" in out, out)


OPTIONS = ("SELECT title, type, is_require, price FROM catalog_product_option o JOIN catalog_product_option_title USING (option_id) LEFT JOIN "
           "catalog_product_option_price p ON p.option_id = o.option_id ORDER BY title, type")
VALUES = ("SELECT title, price FROM catalog_product_option_type_value v JOIN catalog_product_option_type_title USING (option_type_id) LEFT JOIN "
          "catalog_product_option_type_price p ON p.option_type_id = v.option_type_id ORDER BY title")
OPTION_IDS = ("SELECT LOWER(title), option_id FROM catalog_product_option_title UNION SELECT CONCAT('=', LOWER(title)), option_type_id FROM "
              "catalog_product_option_type_title")


@suite.case("csv-products-options", "--options-mode: a record's options replace those that are there, are merged with them or appended; ids stay")
def _():
    with shop() as s:
        s.text("product", "sku,name,price\nA,a,1\n")
        s.server.run("DELETE FROM catalog_product_entity_varchar WHERE attribute_id = (SELECT attribute_id FROM eav_attribute WHERE "
                     "attribute_code = 'options_container')", database="openmage")
        flags = "SELECT has_options, required_options FROM catalog_product_entity"
        first = "sku,custom_options\nA,Size:drop_down:required:S=0|L=2;Engraving:field:optional:price=4\n"
        s.text("product", first)
        ids = dict(s.rows(OPTION_IDS))
        s.expect(flags, ("1", "1"))
        s.expect("SELECT %s" % value(s, "options_container", "A"), s.one("SELECT default_value FROM eav_attribute WHERE attribute_code = "
                                                                          "'options_container'"))
        s.text("product", "sku,price\nA,2\n")  # no such column: they stay
        # an empty cell, where both are merged, or of a store view
        s.text("product", "sku,custom_options\nA,\n", duplicate="merge")
        s.text("product", "sku,custom_options\nA,\n", "--options-mode", "append")
        s.text("product", "sku,store_id,custom_options\nA,default,\n")
        s.expect(VALUES, ("L", "2.0000"), ("S", "0.0000"))
        expect_equal(dict(s.rows(OPTION_IDS)), ids, "ids")
        other = "sku,custom_options\nA,size:drop_down:optional:XL=3|s=1;engraving:field:required;Note:area:optional:price=1\n"
        for _ in range(2):
            s.text("product", other, "--options-mode", "append")
            s.expect(OPTIONS, ("Engraving", "field", "0", "4.0000"), ("Note", "area", "0", "1.0000"), ("Size", "drop_down", "1", None))
            s.expect(VALUES, ("L", "2.0000"), ("S", "0.0000"))
        for _ in range(2):
            s.text("product", other, source="another", duplicate="merge")
            s.expect(OPTIONS, ("engraving", "field", "1", "4.0000"), ("Note", "area", "0", "1.0000"), ("size", "drop_down", "0", None))
            s.expect(VALUES, ("s", "1.0000"), ("XL", "3.0000"))
        merged = dict(s.rows(OPTION_IDS))
        kept = {title: ids[title] for title in ids if title != "=l"}
        expect_equal({title: merged[title] for title in kept}, kept, "ids of what was there, merged")
        for _ in range(2):
            s.text("product", other, source="another", duplicate="update")
            s.expect(OPTIONS, ("engraving", "field", "1", None), ("Note", "area", "0", "1.0000"), ("size", "drop_down", "0", None))
            s.expect(VALUES, ("s", "1.0000"), ("XL", "3.0000"))
        s.text("product", first, "--options-mode", "replace", duplicate="merge")
        s.expect(OPTIONS, ("Engraving", "field", "0", "4.0000"), ("Size", "drop_down", "1", None))
        again = dict(s.rows(OPTION_IDS))
        expect_equal({title: again[title] for title in ("size", "engraving", "=s")}, {title: ids[title] for title in
                                                                                     ("size", "engraving", "=s")}, "ids, replaced")
        s.text("product", "sku,store_id,custom_options\nA,default,\nA,0,\n")  # a store view's, then the general one
        s.expect(OPTIONS)
        s.expect(flags, ("0", "0"))
        s.expect("SELECT COUNT(*) FROM datasync.datasync_entity_registry WHERE entity_type LIKE 'catalog_product_option%' AND source_system = "
                 "'file'", "0")
        s.text("product", other, source="another")  # which does not know yet that they are gone
        s.expect(OPTIONS, ("engraving", "field", "1", None), ("Note", "area", "0", "1.0000"), ("size", "drop_down", "0", None))
        s.expect(flags, ("1", "1"))
        for _ in range(2):  # none of what both have is required any more
            s.text("product", "sku,custom_options\nA,Engraving:field:optional:price=4\n", "--options-mode", "merge")
            s.expect(flags, ("1", "0"))
        out = s.text("product", "sku,custom_options\nA,Text:field:perhaps\n", code=1)
        expect("custom_options: 'perhaps' is neither required nor optional" in out, out)


LINKS = ("SELECT p.sku, c.sku FROM catalog_product_super_link l JOIN catalog_product_entity p ON p.entity_id = parent_id JOIN "
         "catalog_product_entity c ON c.entity_id = product_id ORDER BY 1, 2")
CHOICES = ("SELECT sku, attribute_code FROM catalog_product_super_attribute JOIN catalog_product_entity ON entity_id = product_id JOIN "
           "eav_attribute USING (attribute_id) ORDER BY 1, position")


@suite.case("csv-products-lists", "a record tells all categories, websites and prices that a product has; the destination's own categories, and merged lists, stay")
def _():
    with shop() as s:
        s.server.run("INSERT INTO core_website (code, name) VALUES ('second', 'Second')", database="openmage")
        s.text("category", "entity_id,parent_id,name\nc-1,2,One\nc-2,2,Two\nc-3,2,Three\n")
        s.text("product", "sku,name,price,category_ids,website_ids,tier_prices,group_prices\n"
               "A,a,100,\"c-1,c-2\",\"base,second\",all:5:90|General:10:80,Retailer:75|Wholesale:70\nB,b,10,c-1,base,all:2:9,\n")
        s.server.run("INSERT INTO catalog_category_entity (entity_type_id, attribute_set_id, parent_id, path, position, level, children_count) "
                     "VALUES (3, 3, 2, '1/2/999', 9, 2, 0)", "SET @own = LAST_INSERT_ID()",
                     "INSERT INTO catalog_category_entity_varchar (entity_type_id, attribute_id, entity_id, value) VALUES (3, 43, @own, 'Own')",
                     "INSERT INTO catalog_category_product (category_id, product_id) SELECT @own, entity_id FROM catalog_product_entity",
                     "INSERT INTO catalog_product_website (product_id, website_id) SELECT entity_id, website_id FROM catalog_product_entity, "
                     "core_website WHERE sku = 'B' AND code = 'second'", database="openmage")
        lists = ("SELECT e.sku, (SELECT GROUP_CONCAT(DISTINCT n.value ORDER BY n.value) FROM catalog_category_product c JOIN "
                 "catalog_category_entity_varchar n ON n.entity_id = c.category_id AND n.attribute_id = 43 WHERE c.product_id = e.entity_id), "
                 "(SELECT GROUP_CONCAT(w.code ORDER BY w.code) FROM catalog_product_website x JOIN core_website w USING (website_id) WHERE "
                 "x.product_id = e.entity_id), (SELECT GROUP_CONCAT(CAST(qty AS SIGNED), ':', CAST(value AS SIGNED) ORDER BY qty) FROM "
                 "catalog_product_entity_tier_price t WHERE t.entity_id = e.entity_id), (SELECT GROUP_CONCAT(CAST(value AS SIGNED) ORDER BY value) FROM "
                 "catalog_product_entity_group_price g WHERE g.entity_id = e.entity_id) FROM catalog_product_entity e ORDER BY e.sku")
        home = "Own"
        expect_equal(s.rows(lists), [("A", "One," + home + ",Two", "base,second", "5:90,10:80", "70,75"), ("B", "One," + home, "base,second", "2:9", None)], "lists")
        # a column that is not there tells nothing, nor does an empty cell of a store view
        s.text("product", "sku,price\nA,101\n")
        s.text("product", "sku,store_id,name,category_ids,website_ids,tier_prices,group_prices\nA,default,Ah,,,,\n")
        expect_equal(s.rows(lists), [("A", "One," + home + ",Two", "base,second", "5:90,10:80", "70,75"), ("B", "One," + home, "base,second", "2:9", None)], "lists")
        # another shop's file adds to what the destination has, where both are merged
        s.text("product", "sku,tier_prices,group_prices,website_ids\nA,all:7:85,,base\n", source="other", duplicate="merge")
        expect_equal(s.rows(lists), [("A", "One," + home + ",Two", "base,second", "5:90,7:85,10:80", "70,75"), ("B", "One," + home, "base,second", "2:9", None)], "lists")
        for _ in range(2):
            s.text("product", "sku,category_ids,website_ids,tier_prices,group_prices\nA,\"c-2,c-3\",base,all:5:88,\nB,,\"second\",,General:3\n")
            expect_equal(s.rows(lists), [("A", home + ",Three,Two", "base", "5:88", None), ("B", home, "second", None, "3")], "lists")
        # of several records the first tells all and the others add, however far apart they are
        s.program.configure({"batch": {"max_rows": 100}})
        for between in (0, 300):
            s.text("product", "sku,name,price,category_ids,tier_prices,custom_options\nA,a,100,c-1,all:3:9,Engraving:field:optional\n" +
                   "".join("F%d,f,1,,,\n" % n for n in range(between)) + "A,a,100,c-2,all:4:8,Wrap:field:optional\n")
            expect_equal(s.rows(lists)[0], ("A", "One," + home + ",Two", "base", "3:9,4:8", None), "%d records between two" % between)
        # a record that was left out stays so, whatever a later one tells
        s.text("product", "sku,attribute_set,type_id,name,price,store_id,category_ids,custom_options\nN,Default,simple,n,-5,,c-1,Size:field:optional\n" +
               "".join("G%d,Default,simple,g,1,,,\n" % n for n in range(300)) + "N,Default,simple,nn,,default,c-2,Wrap:field:optional\n",
               "--skip-invalid", code=3)
        s.expect("SELECT COUNT(*) FROM catalog_product_entity WHERE sku = 'N'", "0")
        # what all records of a batch name is gone here
        s.server.run("DELETE FROM catalog_category_entity WHERE entity_id = (SELECT target_id FROM datasync.datasync_entity_registry WHERE "
                     "source_id = 'c-1' AND entity_type = 'category')", database="openmage")
        s.text("product", "sku,category_ids\nA,c-1\n")
        expect_equal(s.rows(lists)[0][1], home, "categories of A")


@suite.case("csv-products-percent", "a group's percentage is from 0 to 100 of the price; another is an error of its record, with its line")
def _():
    with shop() as s:
        prices = "SELECT sku, value FROM catalog_product_entity_group_price JOIN catalog_product_entity USING (entity_id) ORDER BY sku"
        text = "sku,name,price,group_prices\nA,a,80,General:100%%\nB,b,80,General:%s\nC,c,80,General:0%%\n"
        for wrong in ("150%", "-10%", "nan%", "ten%", "10%%", "%"):
            out = s.text("product", text % wrong, "--skip-invalid", code=3)
            expect("'%s' is no percentage from 0%% to 100%%" % wrong in out and "line 3" in out, out)
            s.expect(prices, ("A", "0.0000"), ("C", "80.0000"))
        s.text("product", text % "12.5%")
        s.expect(prices, ("A", "0.0000"), ("B", "70.0000"), ("C", "80.0000"))


@suite.case("csv-products-prices", "prices of a product keep their ids, however far apart its records are; what none of them names goes, in the end")
def _():
    with shop() as s:
        s.program.configure({"batch": {"max_rows": 100}})
        text = lambda a, b: "sku,name,price,tier_prices,group_prices\nA,a,100,%s,%s\n%sA,a,100,%s,%s\n" % (
            *a, "".join("F%d,f,1,,\n" % n for n in range(150)), *b)
        prices = lambda: dict(s.server.query(
            "SELECT CONCAT('tier ', all_groups, ' ', CAST(qty AS SIGNED), ' ', value), value_id FROM catalog_product_entity_tier_price UNION SELECT "
            "CONCAT('group ', customer_group_id, ' ', value), value_id FROM catalog_product_entity_group_price", "openmage"))
        one, two = ("all:5:90|General:10:80", "Retailer:75%"), ("all:7:70", "Wholesale:60|General:20")
        s.text("product", text(one, two))
        first = prices()
        expect_equal(sorted(first), ["group 1 20.0000", "group 2 60.0000", "group 3 25.0000", "tier 0 10 80.0000", "tier 1 5 90.0000", "tier 1 7 70.0000"], "prices")
        for source in ("file", "file", "other"):
            s.text("product", text(one, two), source=source)
            expect_equal(prices(), first, "the same again, from " + source)
        # another price of the same keeps its id, the record that comes last counts
        s.text("product", text(one, ("all:5:91|all:7:71", "Wholesale:60")))
        expect_equal(prices(), {**{key: first[key] for key in ("group 2 60.0000", "group 3 25.0000", "tier 0 10 80.0000")},
                                "tier 1 5 91.0000": first["tier 1 5 90.0000"], "tier 1 7 71.0000": first["tier 1 7 70.0000"]}, "some go")
        s.text("product", text(("", ""), ("all:7:71", "")))
        expect_equal(prices(), {"tier 1 7 71.0000": first["tier 1 7 70.0000"]}, "one is left")
        s.text("product", "sku,tier_prices\nA,\n")
        expect_equal(prices(), {}, "none")


@suite.case("csv-products-configurable", "named by the parent, by the child, or by their place; attributes told, or found by difference")
def _():
    with shop() as s:
        s.add_attribute("shade", labels=["Red", "Blue"])
        s.add_attribute("size", labels=["S", "M"])
        s.text("product", "sku,type_id,name,price,shade,size,super_attributes,configurable_children_skus,configurable_parent_sku\n"
                          "P1,configurable,p1,10,,,\"shade,size\",P1-R|P1-B,\n"
                          "P1-R,simple,r,10,Red,S,,,\nP1-B,simple,b,10,Blue,S,,,\n"
                          "P2-M,simple,m,5,Red,M,,,P2\nP2-S,simple,s,5,Red,S,,,P2\nP2,configurable,p2,5,,,,,\n")
        links = [("P1", "P1-B"), ("P1", "P1-R"), ("P2", "P2-M"), ("P2", "P2-S")]
        s.expect(LINKS, *links)
        s.expect(CHOICES, ("P1", "shade"), ("P1", "size"), ("P2", "size"))
        s.expect("SELECT COUNT(*) FROM catalog_product_relation", "4")
        placed = ("sku,type_id,attribute_set,name,price,shade\nP3,configurable,Default,p3,1,\nP3-R,simple,Default,a,1,Red\n"
                  "P3-B,simple,Default,b,1,Blue\nP4,virtual,Default,c,1,\nP5,grouped,Default,d,,\nP6,simple,Default,e,1,Red\n")
        s.text("product", placed)
        s.expect(LINKS, *links)
        s.text("product", placed, "--auto-link-configurables")
        links += [("P3", "P3-B"), ("P3", "P3-R")]
        s.expect(LINKS, *links)
        s.expect(CHOICES, ("P1", "shade"), ("P1", "size"), ("P2", "size"), ("P3", "shade"))
        s.text("product", "sku,configurable_children_skus\nP3,P6\n", source="another", duplicate="merge")
        s.expect(LINKS, *(links + [("P3", "P6")]))
        s.text("product", "sku,configurable_children_skus\nP3,P6\n", source="another")
        s.expect(LINKS, *(links[:4] + [("P3", "P6")]))
        out = s.text("product", "sku,configurable_children_skus\nP3,NO-SUCH\n", code=1)
        expect("product NO-SUCH is neither in the file nor at the destination" in out and "line 2" in out, out)
        out = s.text("product", "sku,super_attributes,configurable_children_skus\nP3,name,P6\n", code=1)
        expect("'name' is no attribute" in out, out)


@suite.case("csv-products-grouped", "with quantities, named by the group or by its members")
def _():
    with shop() as s:
        members = ("SELECT p.sku, c.sku, q.value, n.value FROM catalog_product_link l JOIN catalog_product_entity p ON p.entity_id = "
                   "l.product_id JOIN catalog_product_entity c ON c.entity_id = linked_product_id JOIN "
                   "catalog_product_link_attribute_decimal q USING (link_id) JOIN catalog_product_link_attribute_int n USING (link_id) "
                   "WHERE l.link_type_id = 3 AND q.product_link_attribute_id = 3 AND n.product_link_attribute_id = 2 ORDER BY 1, 4")
        text = ("sku,type_id,name,price,grouped_product_skus,grouped_parent_sku,grouped_qty\nSET,grouped,set,,CUP:2|PLATE:1.5,,\n"
                "CUP,simple,cup,1,,,\nPLATE,simple,plate,2,,,\nFORK,simple,fork,1,,TABLE,4\nTABLE,grouped,table,,,,\n")
        for _ in range(2):
            s.text("product", text)
            s.expect(members, ("SET", "CUP", "2.0000", "0"), ("SET", "PLATE", "1.5000", "1"), ("TABLE", "FORK", "4.0000", "0"))
        expect_equal(s.one("SELECT COUNT(*) FROM catalog_product_link"), 3, "links")


@suite.case("csv-products-stock", "--stock exclude leaves it alone, --stock only sets nothing else; values of its own switch off the general ones")
def _():
    with shop() as s:
        stock = ("SELECT sku, qty, is_in_stock, min_qty, use_config_min_qty, backorders, use_config_backorders FROM cataloginventory_stock_item "
                 "JOIN catalog_product_entity ON entity_id = product_id ORDER BY sku")
        text = "sku,name,price,qty,min_qty,backorders\nA,%s,1,%d,2,\nB,%s,1,%d,,1\n"
        s.text("product", text % ("a", 5, "b", 0), "--stock", "exclude")
        s.expect(stock)
        s.text("product", text % ("a", 5, "b", 0))
        wanted = [("A", "5.0000", "1", "2.0000", "0", "0", "1"), ("B", "0.0000", "0", "0.0000", "1", "1", "0")]
        s.expect(stock, *wanted)
        s.text("product", text % ("a2", 7, "b2", 8), "--stock", "exclude")
        s.expect(stock, *wanted)
        s.expect("SELECT %s" % value(s, "name", "A"), "a2")
        s.text("product", text % ("a3", 0, "b3", 9), "--stock", "only")
        s.expect(stock, ("A", "0.0000", "0", "2.0000", "0", "0", "1"), ("B", "9.0000", "1", "0.0000", "1", "1", "0"))
        s.expect("SELECT %s" % value(s, "name", "A"), "a2")
        out = s.text("product", "sku,qty\nNO-SUCH,1\n", "--stock", "only", code=1)
        expect("no product NO-SUCH" in out, out)


@suite.case("csv-products-stores", "a record for each store view")
def _():
    with shop() as s:
        for _ in range(2):
            s.text("product", "sku,store_id,name,price,visibility\nA,0,Chair,5,4\nA,default,Stuhl,,\nB,admin,Table,6,\n")
            s.expect("SELECT %s, %s, %s" % (value(s, "name", "A"), value(s, "name", "A", 1), value(s, "name", "B")), ("Chair", "Stuhl", "Table"))
            s.expect("SELECT %s, %s" % (value(s, "price", "A"), value(s, "visibility", "B")), ("5.0000", "4"))
            s.expect("SELECT COUNT(*) FROM catalog_product_entity", "2")
        # an empty cell means the general value, also where SOURCE has not named the store view before
        s.text("product", "sku,store_id,name,price,meta_title,image\nA,0,Chair,5,Chair,chair.jpg\nA,default,Stuhl,,Stuhl,stuhl.jpg\n")
        for stay in (True, False):
            s.expect("SELECT %s, %s, %s, %s" % (value(s, "meta_title", "A"), value(s, "meta_title", "A", 1), value(s, "image", "A"),
                                                value(s, "image", "A", 1)),
                     ("Chair", "Stuhl", "/c/h/chair.jpg", "/s/t/stuhl.jpg") if stay else ("Chair", None, "/c/h/chair.jpg", None))
            s.text("product", "sku,store_id,meta_title,image\nA,default,,\n", source="another")
        # also of what a product has to have: the general value is one
        for duplicate, stay in (("merge", True), ("update", False)):
            s.text("product", "sku,store_id,name,url_key,visibility\nA,default,Stuhl,stuhl,2\n")
            s.text("product", "sku,store_id,name,url_key,visibility\nA,default,,,\n", duplicate=duplicate)
            s.expect("SELECT " + ", ".join(value(s, code, "A", 1) for code in ("name", "url_key", "visibility")),
                     ("Stuhl", "stuhl", "2") if stay else (None, None, None))
            s.expect("SELECT " + value(s, "name", "A"), "Chair")
        out = s.text("product", "sku,store_id,name,price\nA,french,Chaise,1\n", code=1)
        expect("no store 'french'" in out, out)


@suite.case("csv-products-values-nobody-knows", "a status, visibility, type or scope that there is not: told with those that there are")
def _():
    with shop() as s:
        for entity, head, cells, reason in (
                ("product", "status", "0", "status: '0' is none of 1 (enabled); 2 (disabled)"), ("product", "status", "7", "status: '7' is none of 1 "),
                ("product", "visibility", "5", "visibility: '5' is none of 1 (not visible individually); 2 (catalog)"),
                ("product", "type_id", "notype", "type_id: 'notype' is none of simple, virtual, configurable, grouped, bundle, downloadable")):
            out = s.text(entity, "sku,name,price,%s\nA,a,1,%s\n" % (head, cells), code=1)
            expect(" line 2: " + reason in out, "%r is not in: %s" % (reason, out))
        out = s.text("attribute", "attribute_code,frontend_label,is_global\nmade,Made,9\n", code=1)
        expect(" line 2: is_global: '9' is none of store (0), global (1), website (2)" in out, out)
        s.expect("SELECT COUNT(*) FROM catalog_product_entity", "0")
        s.text("product", "sku,name,price,status,visibility,type_id\nA,a,1,Disabled,\"Catalog, Search\",virtual\nB,b,1,1.0,3,\n")
        s.expect("SELECT %s, %s, %s, %s" % (value(s, "status", "A"), value(s, "visibility", "A"), value(s, "status", "B"), value(s, "visibility", "B")),
                 ("2", "4", "1", "3"))
        # a type that a module has added
        s.server.run("UPDATE catalog_eav_attribute SET apply_to = 'simple,giftcard' WHERE apply_to = 'simple,bundle'", database="openmage")
        s.text("product", "sku,name,price,type_id\nC,c,1,giftcard\n")


@suite.case("csv-products-store-view-first", "a new product needs its general record before those of store views")
def _():
    with shop() as s:
        text = "sku,store_id,name,price\nA,default,Stuhl,\nA,0,Chair,5\nA,default,Stuhl,\nB,default,Tisch,6\n"
        out = s.text("product", text, code=1)
        expect(" line 2: store_id: product A is new: before the values of store views it needs a record with those for all" in out, out)
        s.expect("SELECT COUNT(*) FROM catalog_product_entity", "0")
        out = s.text("product", text, "--skip-invalid", code=3)
        expect(" line 5: store_id: product B is new" in out and "records=2" in out, out)
        s.expect("SELECT sku, %s, %s, %s FROM catalog_product_entity" % (value(s, "name", "A"), value(s, "name", "A", 1), value(s, "price", "A")),
                 ("A", "Chair", "Stuhl", "5.0000"))
        s.text("product", "sku,store_id,name\nA,default,Sessel\n")
        s.expect("SELECT %s" % value(s, "name", "A", 1), "Sessel")


@suite.case("csv-products-url-keys", "a name makes a URL key as the shop makes it: letters with accents become plain ones")
def _():
    with shop() as s:
        names = (("Größe & Ärger", "grosse-arger"), ("Crème brûlée, 2 œufs", "creme-brulee-2-oufs"), ("Łódź Žižka – Ø", "lodz-zizka-o"), ("日本 10", "10"),
                 ("Smørrebrød ÆØÅ Þ", "smorrebrod-aeoa-th"), (" -- plain -- ", "plain"))
        s.text("product", "sku,name,price\n" + "".join("%d,\"%s\",1\n" % (n, name) for n, (name, _key) in enumerate(names)))
        s.text("category", "entity_id,name\n1,Über uns\n")
        s.expect("SELECT value FROM catalog_product_entity e JOIN catalog_product_entity_varchar v USING (entity_id) JOIN eav_attribute a USING "
                 "(attribute_id) WHERE attribute_code = 'url_key' ORDER BY sku", *(key for _name, key in names))
        s.expect("SELECT MAX(value) FROM catalog_category_entity_varchar JOIN eav_attribute USING (attribute_id) WHERE attribute_code = 'url_key' AND "
                 "entity_id > 2", "uber-uns")
