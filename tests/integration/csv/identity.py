"""One natural key under two ids in one file, and the other way round: told with both lines, never dropped, never doubled."""

from lib.suite import expect, expect_equal

from base import shop, suite

# entity, header, three records, what tells of the second, what is there after it was left out
TWICE = (
    ("product", "entity_id,sku,name,price\n", ("1,DUP,one,1\n", "2,DUP,two,1\n", "3,OTHER,three,1\n"),
     "sku: 'DUP' stands in line 2, too, under the other id '1'", "SELECT sku FROM catalog_product_entity", ("DUP", "OTHER")),
    ("product", "sku,name,price\n", ("Case,one,1\n", "CASE,two,1\n", "Casé2,three,1\n"),
     "sku: 'CASE' stands in line 2, too, written 'Case'", "SELECT sku FROM catalog_product_entity", ("Case", "Casé2")),
    ("product", "sku,name,price\n", ("Größe,one,1\n", "groSe,two,1\n", "GROSSE,three,1\n"),
     "sku: 'groSe' stands in line 2, too, written 'Größe'", "SELECT sku FROM catalog_product_entity", ("Größe", "GROSSE")),
    ("product", "entity_id,sku,name,price\n", ("1,A,one,1\n", "1,B,two,1\n", "3,C,three,1\n"),
     "entity_id: '1' stands in line 2, too, with another sku than 'B'", "SELECT sku FROM catalog_product_entity", ("A", "C")),
    ("customer", "entity_id,email,firstname,lastname\n", ("1,a@example.com,A,A\n", "2,A@Example.com,B,B\n", "3,c@example.com,C,C\n"),
     "email: 'A@Example.com' stands in line 2, too, written 'a@example.com'", "SELECT email FROM customer_entity",
     ("a@example.com", "c@example.com")),
    ("order", "entity_id,increment_id,grand_total\n", ("1,O-1,1\n", "2,O-1,1\n", "3,O-2,1\n"),
     "increment_id: 'O-1' stands in line 2, too, under the other id '1'", "SELECT increment_id FROM sales_flat_order", ("O-1", "O-2")),
    ("newsletter", "subscriber_id,subscriber_email\n", ("1,a@example.com\n", "2,a@example.com\n", "3,c@example.com\n"),
     "subscriber_email: 'a@example.com' stands in line 2, too, under the other id '1'", "SELECT subscriber_email FROM newsletter_subscriber",
     ("a@example.com", "c@example.com")),
    ("cms_block", "block_id,identifier,title,stores\n", ("1,made,A,\n", "2,made,B,0\n", "3,made,C,default\n"),
     "identifier: 'made' stands in line 2, too, under the other id '1'", "SELECT title FROM cms_block WHERE identifier = 'made'", ("A", "C")),
    ("category", "entity_id,parent_id,name\n", ("1,,Kitchen\n", "2,,KITCHEN\n", "3,1,Kitchen\n"),
     "name: 'KITCHEN' stands in line 2, too, written 'Kitchen'",
     "SELECT value FROM catalog_category_entity_varchar WHERE attribute_id = 43 AND entity_id > 2", ("Kitchen", "Kitchen")),
    ("attribute", "attribute_id,attribute_code,frontend_label\n", ("1,made,A\n", "2,made,B\n", "3,other,C\n"),
     "attribute_code: 'made' stands in line 2, too, under the other id '1'",
     "SELECT attribute_code FROM eav_attribute WHERE attribute_code IN ('made', 'other')", ("made", "other")),
)


@suite.case("csv-two-records-one-key", "both lines are told; left out with --skip-invalid; also in another case, as the shop compares")
def _():
    with shop() as s:
        for entity, head, records, reason, sql, left in TWICE:
            s.text(entity, head + "".join(records), "--dry-run", code=1)
            out = s.text(entity, head + "".join(records), code=1)
            expect(" line 3: " + reason in out, "%r is not in: %s" % (reason, out))
            out = s.text(entity, head + "".join(records), "--skip-invalid", code=3)
            expect(reason in out and "records=%d" % (len(records) - len(left)) in out, "%r is not in: %s" % (reason, out))
            s.expect(sql + " ORDER BY 1", *left)
            s.text(entity, head + "".join(records), "--skip-invalid", code=3)
            s.expect(sql + " ORDER BY 1", *left)
            if entity == "product":
                s.server.run("DELETE FROM catalog_product_entity", database="openmage")


@suite.case("csv-several-records-one-entity", "of one id and one key they are one entity, whether it is new or not")
def _():
    with shop() as s:
        for _ in range(2):
            s.text("product", "entity_id,sku,store_id,name,price\n1,A,,a,1\n1,A,default,b,\n1,a,0,c,2\n")
            s.expect("SELECT sku FROM catalog_product_entity", "A")
            s.text("customer", "email,firstname,lastname,address1_street,address2_street\nkim@example.com,Kim,Lee,One 1,\nkim@example.com,,,,Two 2\n")
            s.expect("SELECT COUNT(*) FROM customer_address_entity", "2")
            s.text("cms_block", "block_id,identifier,title,stores\n1,made,A,0\n2,made,B,default\n1,made,C,0\n")
            s.expect("SELECT title, store_id FROM cms_block JOIN cms_block_store USING (block_id) WHERE identifier = 'made' ORDER BY 2",
                     ("C", "0"), ("B", "1"))
        expect_equal(s.one("SELECT COUNT(*) FROM catalog_product_entity"), 1, "products")


@suite.case("csv-limit-counts-entities", "--limit passes over records of other entities, whatever is wrong with them, and takes all of those that it has; as --entity-ids does")
def _():
    with shop() as s:
        text = "entity_id,sku,store_id,name,price\n1,A,,a,1\n1,A,default,b,\n2,B,,c,1\n2,B,default,d,\n"
        skus = "SELECT sku, (SELECT COUNT(*) FROM catalog_product_entity_varchar v WHERE v.entity_id = e.entity_id AND store_id = 1) FROM catalog_product_entity e"
        for wrong in ("", "x,C\n", ",,,,1\n", "3,A,,c,1\n"):
            s.text("product", text + wrong + "4,D,,d,1\n", "--limit", "2")
            s.expect(skus, ("A", "1"), ("B", "1"))
        # records of an entity may stand far apart; what is wrong with them is told
        s.server.run("DELETE FROM catalog_product_entity", database="openmage")
        apart = "entity_id,sku,store_id,name,price\n1,A,,a,1\n2,B,,c,1\n2,B,default,d,\nx,C\n1,A,default,%s,\n3,C,,c,1\n"
        out = s.text("product", apart % "b", "--limit", "1")
        s.expect(skus, ("A", "1"))
        expect("invalid" not in out.replace(" invalid ", ""), "what was passed over is told: " + out)
        # of one that cannot be read nobody knows whose it is
        for options in ((), ("--dry-run",), ("--skip-invalid",)):
            path = s.file(apart % "b" + "y\n")
            out = s.sync("product", path, "--limit", "1", *options)
            expect("it lacks them file=%s records=2 first=\"%s line 5: 2 fields where the header has 5" % (path, path) in out, out)
        out = s.text("product", apart % ("b" * 256), "--limit", "1", code=1)
        expect(" line 6: name: 256 characters" in out, out)
        s.server.run("DELETE FROM catalog_product_entity", database="openmage")
        s.text("product", text, "--limit", "1")
        s.expect(skus, ("A", "1"))
        s.text("product", text + "3,C,,c,1\n", "--entity-ids", "2,3", "--limit", "1")
        s.expect(skus, ("A", "1"), ("B", "1"))
        s.text("category", "entity_id,parent_id,name\nc,b,C\na,,A\nb,a,B\nd,,D\n", "--limit", "3")
        s.expect("SELECT COUNT(*), MAX(level) FROM catalog_category_entity WHERE entity_id > 2", ("3", "4"))
        s.text("cms_block", "block_id,identifier,title,stores\n1,made,A,0\n1,made,A,default\n2,other,B,\n", "--limit", "1")
        s.expect("SELECT identifier, store_id FROM cms_block JOIN cms_block_store USING (block_id) WHERE identifier IN ('made', 'other') ORDER BY 2",
                 ("made", "0"), ("made", "1"))
