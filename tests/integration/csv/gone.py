"""What a record has no more: links, images and addresses, which go at the destination, and what stays there."""

from lib.suite import expect_contains, expect_equal

from base import DATABASE, shop, suite
from customers import CUSTOMER
from products import CHOICES, LINKS, PRODUCT, value

MEMBERS = ("SELECT p.sku, c.sku, CAST(q.value AS SIGNED) FROM catalog_product_link l JOIN catalog_product_entity p ON p.entity_id = "
           "l.product_id JOIN catalog_product_entity c ON c.entity_id = linked_product_id LEFT JOIN "
           "catalog_product_link_attribute_decimal q ON q.link_id = l.link_id WHERE link_type_id = %d ORDER BY 1, 2")
RELATIONS = ("SELECT p.sku, c.sku FROM catalog_product_relation JOIN catalog_product_entity p ON p.entity_id = parent_id JOIN "
             "catalog_product_entity c ON c.entity_id = child_id ORDER BY 1, 2")
GALLERY = ("SELECT sku, value FROM catalog_product_entity_media_gallery JOIN catalog_product_entity USING (entity_id) ORDER BY 1, 2")


def link_ids(s):
    return dict(s.rows("SELECT CONCAT(product_id, '-', linked_product_id), link_id FROM catalog_product_link"))


def add_own_links(s):
    """A related product of the group, a bundle with something in it, and a member that no file knows."""
    s.server.run("INSERT INTO catalog_product_entity (entity_type_id, attribute_set_id, type_id, sku) VALUES (4, 4, 'simple', 'OWN')",
                 "INSERT INTO catalog_product_link (product_id, linked_product_id, link_type_id) VALUES (%s, %s, 1), (%s, %s, 3)"
                 % (PRODUCT % "SET", PRODUCT % "CUP", PRODUCT % "SET", PRODUCT % "OWN"),
                 "INSERT INTO catalog_product_relation (parent_id, child_id) VALUES (%s, %s), (%s, %s)"
                 % (PRODUCT % "BOX", PRODUCT % "CUP", PRODUCT % "SET", PRODUCT % "OWN"), database=DATABASE)


def members(*rows):
    return [("SET",) + row for row in rows]


@suite.case("csv-gone-members", "a group's record tells all of its members: others go with their relations, links of other kinds and ids stay")
def _():
    with shop() as s:
        s.text("product", "sku,type_id,name,price,grouped_product_skus\nSET,grouped,set,,CUP:2|PLATE:1|FORK:4\nCUP,simple,cup,1,\n"
                          "PLATE,simple,plate,2,\nFORK,simple,fork,1,\nBOX,bundle,box,,\n")
        add_own_links(s)
        four = members(("CUP", "2"), ("FORK", "4"), ("OWN", None), ("PLATE", "1"))
        related, relations = members(("CUP", None)), [("BOX", "CUP")] + [("SET", row[1]) for row in four]
        before = link_ids(s)
        # no such column; an empty cell where lists are added to, of a store view, or of what is left alone; a look only
        s.text("product", "sku,name\nSET,set\n")
        s.text("product", "sku,grouped_product_skus\nSET,FORK:4\n", source="another", duplicate="merge")
        s.text("product", "sku,store_id,grouped_product_skus\nSET,default,\n")
        for duplicate, options in (("skip", ()), ("update", ("--dry-run",))):
            s.text("product", "sku,grouped_product_skus\nSET,\n", *options, duplicate=duplicate)
        s.text("product", "sku,name,price,grouped_parent_sku,grouped_qty\nCUP,cup,1,SET,2\n")  # of the child: one more
        s.expect(MEMBERS % 3, *four)
        s.expect(RELATIONS, *relations)
        out = s.text("product", "sku,type_id,grouped_product_skus\nSET,,CUP:3|PLATE:1\nBOX,,\nCUP,,\n", "--json")
        expect_contains(out, '"updated":3', "summary")
        kept = link_ids(s)
        s.expect(MEMBERS % 3, *members(("CUP", "3"), ("PLATE", "1")))
        s.expect(MEMBERS % 1, *related)
        s.expect(RELATIONS, ("BOX", "CUP"), ("SET", "CUP"), ("SET", "PLATE"))
        expect_equal(kept, {pair: before[pair] for pair in kept}, "ids of links that stay")
        snapshot = s.snapshot()
        s.text("product", "sku,type_id,grouped_product_skus\nSET,,CUP:3|PLATE:1\nBOX,,\nCUP,,\n")
        expect_equal(s.snapshot(), snapshot, "checksums after the second run")
        s.text("product", "sku,grouped_product_skus\nSET,\nCUP,\n")
        s.expect(MEMBERS % 3)
        s.expect(MEMBERS % 1, *related)
        s.expect(RELATIONS, ("BOX", "CUP"))


@suite.case("csv-gone-members-records", "lists of several records, and what children tell; what is wrong in one record takes nothing away")
def _():
    with shop() as s:
        head = "sku,type_id,name,price,grouped_product_skus,grouped_parent_sku,grouped_qty\n"
        children = "".join("%s,simple,%s,1,,,\n" % (sku, sku) for sku in ("CUP", "PLATE", "FORK", "SPOON"))
        s.text("product", head + "SET,grouped,set,,CUP:1|PLATE:1|FORK:1,,\n" + children)
        s.program.configure({"batch": {"max_rows": 100}})
        for between in (0, 300):
            fillers = "".join("F%d,simple,f,1,,,\n" % n for n in range(between))
            # the first tells, the other one and a child add
            for _ in range(2):
                s.text("product", head + "SET,grouped,set,,CUP:2,,\n" + fillers + "SPOON,simple,s,1,,SET,5\nSET,grouped,set,,FORK:3,,\n")
                s.expect(MEMBERS % 3, *members(("CUP", "2"), ("FORK", "3"), ("SPOON", "5")))
            s.text("product", head + "SET,grouped,set,,,,\n" + fillers + "SPOON,simple,s,1,,SET,5\nPLATE,simple,p,1,,SET,1\n")
            s.expect(MEMBERS % 3, *members(("PLATE", "1"), ("SPOON", "5")))
            s.text("product", head + "SET,grouped,set,,FORK:%d,,\n" % between + fillers, source="another", duplicate="merge")
            s.expect(MEMBERS % 3, *members(("FORK", str(between)), ("PLATE", "1"), ("SPOON", "5")))
            # what the rules refuse, what the file refuses, and a member that is nowhere
            kept = s.rows(MEMBERS % 3)
            for record in ("SET,simple,set,-5,CUP:1,,\n", "SET,grouped,set,,\"[{\"\"sku\"\":\"\"CUP\"\",}]\",,\n", "SET,grouped,set,,NOWHERE:1,,\n"):
                s.text("product", head + record + fillers, "--skip-invalid", code=3)
                expect_equal(s.rows(MEMBERS % 3), kept, "members after %r" % record)
        s.text("product", "sku,configurable_children_skus,grouped_product_skus\nSET,CUP,\"[{\"\"sku\"\"\"\n", "--skip-invalid", code=3)
        expect_equal(s.rows(MEMBERS % 3) + s.rows(LINKS), kept, "members, and links of another cell, after an error")
        s.text("product", head + "SET,grouped,set,,CUP:2,,\nNEW,grouped,new,,CUP:1,,\n" + fillers.replace("F", "G") +
               "SET,grouped,set,,FORK:3,,\nNEW,grouped,new,,FORK:1,,\n", duplicate="skip")
        s.expect(MEMBERS % 3, ("NEW", "CUP", "1"), ("NEW", "FORK", "1"), *kept)


@suite.case("csv-gone-choices", "a configurable product's record tells all of its products and of what they are chosen by")
def _():
    with shop() as s:
        for code in ("shade", "size"):
            s.add_attribute(code, labels=["a", "b"])
        head = "sku,type_id,name,price,shade,size,super_attributes,configurable_children_skus\n"
        children = "".join("%s,simple,c,1,%s,%s,,\n" % row for row in (("X", "a", "a"), ("Y", "b", "a"), ("Z", "b", "b")))
        s.text("product", head + "P,configurable,p,1,,,\"shade,size\",X|Y|Z\n" + children)
        ids = dict(s.rows("SELECT attribute_id, product_super_attribute_id FROM catalog_product_super_attribute"))
        links = dict(s.rows("SELECT product_id, link_id FROM catalog_product_super_link"))
        s.text("product", "sku,configurable_children_skus\nP,X|Y\n", source="another", duplicate="merge")
        s.text("product", "sku,super_attributes\nP,shade\n", source="another", duplicate="merge")
        s.text("product", "sku,name\nP,p\n")
        s.text("product", "sku,super_attributes\nP,\n")  # left to its products, which stay
        s.expect(LINKS, ("P", "X"), ("P", "Y"), ("P", "Z"))
        s.expect(CHOICES, ("P", "shade"), ("P", "size"))
        s.text("product", "sku,super_attributes,configurable_children_skus\nP,size,Z|Y\n", source="another")
        s.expect(LINKS, ("P", "Y"), ("P", "Z"))
        s.expect(RELATIONS, ("P", "Y"), ("P", "Z"))
        s.expect(CHOICES, ("P", "size"))
        s.expect("SELECT COUNT(*) FROM catalog_product_super_attribute_label", "1")
        for name, old, sql in (("attributes", ids, "SELECT attribute_id, product_super_attribute_id FROM catalog_product_super_attribute"),
                               ("links", links, "SELECT product_id, link_id FROM catalog_product_super_link")):
            now = dict(s.rows(sql))
            expect_equal(now, {key: old[key] for key in now}, "ids of %s that stay" % name)
        s.text("product", "sku,super_attributes,configurable_children_skus\nP,,\n", source="another")
        for table in ("super_link", "super_attribute", "relation"):
            s.expect("SELECT COUNT(*) FROM catalog_product_" + table, "0")
        # found by difference, told by children, in one file and once more: as it was
        text = (head.replace("\n", ",configurable_parent_sku\n") + "P,configurable,p,1,,,,,\n" +
                "".join(row + ",P\n" for row in children.splitlines()))
        s.text("product", text)
        s.expect(LINKS, ("P", "X"), ("P", "Y"), ("P", "Z"))
        s.expect(CHOICES, ("P", "shade"), ("P", "size"))
        snapshot = s.snapshot()
        s.text("product", text)
        expect_equal(s.snapshot(), snapshot, "checksums after the second run")


def images(s):
    return dict(s.rows("SELECT value, value_id FROM catalog_product_entity_media_gallery"))


@suite.case("csv-gone-images", "a record tells all of a gallery; what the product shows stays in it; ids stay")
def _():
    with shop() as s:
        s.text("product", "sku,name,price,image,media_gallery\nA,a,1,front.jpg,front.jpg|back.jpg|side.jpg\nB,b,1,b.jpg,b.jpg\n")
        s.server.run("INSERT INTO catalog_product_entity_media_gallery (attribute_id, entity_id, value) SELECT attribute_id, %s, '/o/w/own.jpg' "
                     "FROM eav_attribute WHERE attribute_code = 'media_gallery'" % (PRODUCT % "A"), database=DATABASE)
        before = images(s)
        all_of_a = [("A", "/b/a/back.jpg"), ("A", "/f/r/front.jpg"), ("A", "/o/w/own.jpg"), ("A", "/s/i/side.jpg")]
        rest = [("B", "/b/_/b.jpg")]
        for text, options in (("sku,name\nA,a\n", {}), ("sku,image\nA,side.jpg\n", {}), ("sku,media_gallery\nA,\n", {"duplicate": "skip"}),
                              ("sku,image,media_gallery\nA,,\n", {"source": "another", "duplicate": "merge"}),
                              ("sku,store_id,image,media_gallery\nA,default,,\n", {})):
            s.text("product", text, **options)
            s.expect(GALLERY, *(all_of_a + rest))
        s.text("product", "sku,media_gallery\nA,\n", "--dry-run")
        s.expect(GALLERY, *(all_of_a + rest))
        s.expect("SELECT %s, %s" % (value(s, "image", "A"), value(s, "image", "A", 1)), ("/s/i/side.jpg", None))
        # shown, by a column that the file has not, and at a store view
        s.text("product", "sku,store_id,image\nA,default,back.jpg\n")
        s.text("product", "sku,media_gallery\nA,new.jpg\n")
        s.expect(GALLERY, ("A", "/b/a/back.jpg"), ("A", "/n/e/new.jpg"), ("A", "/s/i/side.jpg"), *rest)
        s.expect("SELECT %s, %s" % (value(s, "image", "A"), value(s, "image", "A", 1)), ("/s/i/side.jpg", "/b/a/back.jpg"))
        # a store view's record first, then the general one, and one that adds, near and far
        s.program.configure({"batch": {"max_rows": 100}})
        for between in (0, 300):
            text = ("sku,store_id,name,price,image,media_gallery\nA,default,a,,back.jpg,\nA,0,a,1,front.jpg,side.jpg|back.jpg\n" +
                    "".join("F%d,0,f,1,,\n" % n for n in range(between)) + "A,0,a,1,front.jpg,more.jpg\n")
            s.text("product", text)
            s.expect(GALLERY, ("A", "/b/a/back.jpg"), ("A", "/f/r/front.jpg"), ("A", "/m/o/more.jpg"), ("A", "/s/i/side.jpg"), *rest)
            s.expect("SELECT position FROM catalog_product_entity_media_gallery_value WHERE store_id = 0 AND value_id = %s" % images(s)["/b/a/back.jpg"], "2")
            # what the shop says of them at a store view stays with them
            s.server.run("INSERT IGNORE INTO catalog_product_entity_media_gallery_value (value_id, store_id, label, position) SELECT value_id, 1, "
                         "'of its own', 7 FROM catalog_product_entity_media_gallery", database=DATABASE)
            snapshot = s.snapshot()
            s.text("product", text)
            expect_equal(s.snapshot(), snapshot, "checksums after the second run, %d between" % between)
        expect_equal({name: number for name, number in images(s).items() if name in ("/b/a/back.jpg", "/b/_/b.jpg")},
                     {name: before[name] for name in ("/b/a/back.jpg", "/b/_/b.jpg")}, "ids of images that stay")
        s.text("product", "sku,store_id,image,media_gallery\nA,0,,\nA,default,,\n")
        s.text("product", "sku,image,media_gallery\nA,,\nB,b.jpg,\n")
        s.expect(GALLERY, *rest)
        s.expect("SELECT %s, %s" % (value(s, "image", "A"), value(s, "image", "A", 1)), ("no_selection", None))
        s.expect("SELECT COUNT(*) FROM catalog_product_entity_media_gallery_value WHERE store_id = 0", "1")


TITLES = ("SELECT title, option_id FROM catalog_product_option JOIN catalog_product_option_title USING (option_id) WHERE store_id = 0 UNION ALL "
          "SELECT CONCAT('=', title), option_type_id FROM catalog_product_option_type_value JOIN catalog_product_option_type_title USING (option_type_id) "
          "WHERE store_id = 0 ORDER BY 1")


@suite.case("csv-gone-options-apart", "custom options that records far apart have keep their ids, and what is said of them at a store view; others go")
def _():
    with shop() as s:
        s.program.configure({"batch": {"max_rows": 100}})
        text = ("sku,name,price,custom_options\nA,a,1,Size:drop_down:1:S=0|L=2;Colour:field:0:\n" + "".join("F%d,f,1,\n" % n for n in range(300)) +
                "A,a,1,%s\nB,b,1,Note:area:0:\n")
        s.text("product", text % "Engraving:field:1:price=4;Paper:radio:0:White=1")
        first = dict(s.rows(TITLES))
        expect_equal(sorted(first), ["=L", "=S", "=White", "Colour", "Engraving", "Note", "Paper", "Size"], "options")
        s.server.run("INSERT INTO catalog_product_option_title (option_id, store_id, title) SELECT option_id, 1, CONCAT(title, ' here') FROM "
                     "catalog_product_option_title WHERE store_id = 0", database=DATABASE)
        snapshot = s.snapshot()
        s.text("product", text % "Engraving:field:1:price=4;Paper:radio:0:White=1")
        expect_equal(s.snapshot(), snapshot, "checksums after the second run")
        for mode, left in (("merge", first), ("auto", {title: first[title] for title in first if title not in ("=White", "Paper", "Colour")})):
            s.text("product", (text % "engraving:field:1:price=4").replace(";Colour:field:0:", ""), *(("--options-mode", mode) if mode != "auto" else ()))
            expect_equal({title.replace("engraving", "Engraving"): number for title, number in s.rows(TITLES)}, left, mode)
        s.expect("SELECT has_options, required_options FROM catalog_product_entity WHERE sku = 'A'", ("1", "1"))
        s.text("product", "sku,custom_options\nA,\n")
        s.expect(TITLES, ("Note", first["Note"]))
        s.expect("SELECT has_options, required_options FROM catalog_product_entity WHERE sku = 'A'", ("0", "0"))


STREETS = ("SELECT v.value FROM customer_address_entity a JOIN customer_address_entity_text v USING (entity_id) JOIN eav_attribute e "
           "USING (attribute_id) WHERE attribute_code = 'street' AND parent_id = %s ORDER BY 1" % (CUSTOMER % "kim"))


def default(s, which):
    return s.value("customer", "default_" + which, CUSTOMER % "kim")


def add_own_address(s, street):
    s.server.run("INSERT INTO customer_address_entity (entity_type_id, parent_id) VALUES (2, %s)" % (CUSTOMER % "kim"),
                 "SET @own = LAST_INSERT_ID()",
                 *("INSERT INTO customer_address_entity_%s (entity_type_id, attribute_id, entity_id, value) SELECT 2, attribute_id, @own, '%s' "
                   "FROM eav_attribute WHERE entity_type_id = 2 AND attribute_code = '%s'" % row
                   for row in (("text", street, "street"), ("varchar", "Aa", "city"), ("varchar", "Lee", "lastname"),
                               ("varchar", "1", "postcode"))), database=DATABASE)


@suite.case("csv-gone-addresses", "an address whose cells are empty goes if it came from there; what the customer has entered stays")
def _():
    with shop() as s:
        fields = ("lastname", "street", "city", "postcode", "country_id")
        head = "email,firstname,lastname," + ",".join("%s_%s" % (name, field) for name in ("billing", "shipping", "address1", "address2",
                                                                                        "address3") for field in fields) + "\n"
        empty = ",,,,"

        def record(*streets):
            cells = [",,,,NL" if street == "NL" else "Lee,%s,Aa,1,NL" % street if street else empty for street in streets]
            return head + ",".join(["kim@example.com,Kim,Lee"] + cells) + "\n"

        s.text("customer", record("Bill 1", "Ship 1", "One 1", "Two 2", ""))
        add_own_address(s, "Own 1")
        s.text("customer", record("Bill 1", "Ship 1", "One 1", "Two 2", "Own 1"), source="another")
        every = ["Bill 1", "One 1", "Own 1", "Ship 1", "Two 2"]
        ids = dict(s.rows(STREETS.replace("SELECT v.value", "SELECT v.value, a.entity_id")))
        # no columns; a part of them; cells that are not all empty; not to be updated; another source, which has made none of them
        for text, options in (("email,firstname\nkim@example.com,Kim\n", {}), ("email,address2_telephone\nkim@example.com,\n", {}),
                              (record("NL", "NL", "NL", "NL", "NL"), {}),
                              (record("", "", "", "", ""), {"duplicate": "skip"}), (record("", "", "", "", ""), {"duplicate": "merge"}),
                              (record("", "", "", "", ""), {"source": "another"})):
            s.text("customer", text, **options)
            s.expect(STREETS, *every)
        out = s.text("customer", record("", "", "", "", ""), "--dry-run", "--json")
        expect_contains(out, '"updated":1', "summary")
        s.expect(STREETS, *every)
        # one between others, and the default one for deliveries
        s.text("customer", record("Bill 1", "", "", "Two 2b", ""))
        s.expect(STREETS, "Bill 1", "Own 1", "Two 2b")
        s.expect("SELECT %s, %s" % (default(s, "billing"), default(s, "shipping")), (ids["Bill 1"], None))
        snapshot = s.snapshot()
        s.text("customer", record("Bill 1", "", "", "Two 2b", ""))
        expect_equal(s.snapshot(), snapshot, "checksums after the second run")
        s.text("customer", record("", "", "", "", ""))
        s.expect(STREETS, "Own 1")
        s.expect("SELECT %s, %s" % (default(s, "billing"), default(s, "shipping")), (None, None))
        s.expect("SELECT COUNT(*) FROM customer_address_entity", "1")
        s.expect("SELECT COUNT(*) FROM datasync.datasync_entity_registry WHERE entity_type = 'customer_address_entity' AND source_system = "
                 "'file'", "0")
        # once more, and nothing of an earlier record is in the way; the last record adds to the first
        for _ in range(2):
            s.text("customer", record("Bill 1", "", "One 1", "", "") + record("", "", "", "", "")[len(head):])
            s.expect(STREETS, "Bill 1", "One 1", "Own 1")
        # what is refused takes nothing away
        s.text("customer", record("", "", "", "", "").replace("email", "group_id,email").replace("kim@", "nowhere,kim@"), "--skip-invalid", code=3)
        s.expect(STREETS, "Bill 1", "One 1", "Own 1")
