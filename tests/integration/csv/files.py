"""Files themselves: encodings, delimiters, widths, and what becomes of records with an error."""

import os

from lib.program import to_yaml
from lib.suite import expect, expect_equal

from base import shop, suite

NAMES = ("SELECT sku, value FROM catalog_product_entity JOIN catalog_product_entity_varchar USING (entity_id) JOIN eav_attribute USING "
         "(attribute_id) WHERE attribute_code = 'name' ORDER BY sku")


@suite.case("csv-encodings-and-delimiters", "byte order marks, latin1, UTF-16, semicolons, tabs, quoted line ends")
def _():
    with shop() as s:
        text = "sku,name,price\n%s,\"Grüße,\nzwei Zeilen\",1\n"
        s.text("product", ("\ufeff" + text) % "A-BOM")
        s.sync("product", s.file(text % "B-LATIN1", "latin1"), "--encoding", "latin1")
        s.sync("product", s.file(text % "C-UTF16", "utf-16"))
        s.text("product", 'sku;name;price\nD-SEMICOLON;"Grüße,\nzwei Zeilen";1\n', "--delimiter", ";")
        s.text("product", 'sku\tname\tprice\r\nE-TAB\t"Grüße,\nzwei Zeilen"\t1\r\n', "--delimiter", "tab")
        s.text("product", " sku , name ,\tprice\n\n" + 'F-HEADER,"Grüße,\nzwei Zeilen",1')
        s.expect(NAMES, *((sku, "Grüße,\nzwei Zeilen") for sku in ("A-BOM", "B-LATIN1", "C-UTF16", "D-SEMICOLON", "E-TAB",
                                                                  "F-HEADER")))
        out = s.sync("product", s.file(text % "G", "latin1"), code=1)
        expect("line 2" in out and "--encoding" in out, out)
        out = s.sync("product", s.file(text % "H"), "--encoding", "klingon", code=2)
        expect("klingon" in out, out)
        out = s.sync("product", s.file(text % "H"), "--delimiter", "ab", code=2)
        expect("not one character" in out, out)


@suite.case("csv-records-with-errors", "another width, a bad number: told with file and line, stopped at, or left out and counted")
def _():
    with shop() as s:
        path = s.file("sku,name,price\nA,a,1\n\"B\nB\",b\nC,c,cheap\nD,d,0\nE,e,5,6\n,f,1\nG,g,7\n")
        out = s.sync("product", path, code=1)
        expect(path + " line 3: 2 fields where the header has 3" in out, out)
        expect_equal([row for row in s.rows(NAMES) if row != ("A", "a")], [], "beyond the record with the error")
        out = s.sync("product", path, "--skip-invalid", code=3)
        for reason in (" line 3: 2 fields where the header has 3", " line 5: price: 'cheap' is no number",
                       " line 7: 4 fields where the header has 3", " line 8: sku is empty"):
            expect(path + reason in out, "%r is not told: %s" % (reason, out))
        expect("records=4" in out, "not counted: " + out)
        s.expect(NAMES, ("A", "a"), ("D", "d"), ("G", "g"))
        s.expect("SELECT COUNT(*) FROM eav_attribute_option", "2")


@suite.case("csv-an-invalid-record-leaves-no-trace", "neither the options nor the rows that it would have led to")
def _():
    with shop() as s:
        s.add_attribute("shade", labels=["Red"])
        s.text("product", "sku,name,shade,price\nA,a,Purple,1\nB,b,Mauve,much\nC,c,Mauve,2\n", "--skip-invalid", code=3)
        s.expect("SELECT v.value FROM eav_attribute_option_value v JOIN eav_attribute_option USING (option_id) JOIN eav_attribute USING "
                 "(attribute_id) WHERE attribute_code = 'shade' ORDER BY 1", "Mauve", "Purple", "Red")
        s.text("product", "sku,name,shade,price\nD,d,Ochre,nothing\n", "--skip-invalid", code=3)
        s.expect("SELECT COUNT(*) FROM eav_attribute_option_value WHERE value = 'Ochre'", "0")
        expect_equal(s.one("SELECT COUNT(*) FROM catalog_product_entity"), 2, "products")


@suite.case("csv-needs-no-source", "a configuration with a destination alone will do for a file, and for nothing else")
def _():
    with shop() as s:
        path = os.path.join(s.program.folder, "alone.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(to_yaml({key: value for key, value in s.program.settings.items() if key != "source"}) + "\n")
        os.chmod(path, 0o600)
        records = s.file("sku,name,price\nA,a,1\n")
        expect_equal(s.program.command("sync", "product", "x", "--file", records, "-c", path)[0], 0, "a file")
        s.expect(NAMES, ("A", "a"))
        code, _out, err = s.program.command("sync", "product", "x", "-c", path)
        expect("source.database is not set" in err and code == 2, "a database: exit %d, %s" % (code, err))
        code, _out, err = s.program.command("sync", "product", "x", "--file", records, "-c", path, "--set", "destination.database=")
        expect("destination.database is not set" in err and code == 2, "no destination: exit %d, %s" % (code, err))


@suite.case("csv-usage", "entities that a file cannot carry, options without a file, selection by columns that are not there")
def _():
    with shop() as s:
        path = s.file("sku,name,price\nA,a,1\nB,b,2\n")
        expect("cannot carry 'salesrule'" in s.sync("salesrule", path, code=2), "salesrule")
        expect("cannot carry 'all'" in s.sync("all", path, code=2), "all")
        out = s.sync("product", path, "--date-from", "2026-01-01", code=2)
        expect("has no column updated_at" in out, out)
        out = s.sync("product", path, "--entity-ids", "1", code=2)
        expect("has no column entity_id" in out, out)
        expect("needs a file" in s.program.command("sync", "product", "x", "--adapter", "csv")[2], "csv without a file")
        expect("are for the adapter csv" in s.sync("product", path, "--adapter", "openmage", code=2), "a file for openmage")
        s.sync("product", path, "--limit", "1")
        s.expect(NAMES, ("A", "a"))
        s.text("product", "entity_id,sku,name,price,updated_at\nx1,C,c,1,2026-01-01 10:00:00\nx2,D,d,1,2026-03-01\n",
               "--date-to", "2026-01-31")
        s.text("product", "entity_id,sku,name,price\nx1,E,e,1\nx2,F,f,1\n", "--entity-ids", "x2", source="second")
        s.expect("SELECT sku FROM catalog_product_entity ORDER BY sku", "A", "C", "F")


@suite.case("csv-what-is-only-named", "the destination's own products, customers and categories are found, not written, also where stopping at "
            "duplicates is asked for")
def _():
    with shop() as s:
        s.text("product", "sku,name,price\nOWN,Own,1\n", source="own")
        s.text("customer", "email,firstname,lastname\nown@example.com,Own,One\n", source="own")
        before = s.rows("SELECT * FROM catalog_product_entity_varchar"), s.rows("SELECT * FROM customer_entity_varchar")
        s.text("order", "increment_id,grand_total,customer_email,items\nO-1,1,own@example.com,OWN:1:1\n", duplicate="error")
        s.expect("SELECT c.email, p.sku FROM sales_flat_order o JOIN customer_entity c ON c.entity_id = o.customer_id JOIN "
                 "sales_flat_order_item i ON i.order_id = o.entity_id JOIN catalog_product_entity p ON p.entity_id = i.product_id",
                 ("own@example.com", "OWN"))
        s.text("newsletter", "subscriber_email\nown@example.com\n", duplicate="error")
        s.expect("SELECT email FROM newsletter_subscriber JOIN customer_entity ON entity_id = customer_id", "own@example.com")
        s.text("product", "sku,type_id,name,price,grouped_product_skus\nSET,grouped,Set,,OWN:3\n", duplicate="error")
        s.expect("SELECT p.sku FROM catalog_product_link JOIN catalog_product_entity p ON p.entity_id = linked_product_id", "OWN")
        s.text("category", "entity_id,parent_id,name\n9,2,New\n", duplicate="error")
        s.text("category", "entity_id,parent_id,name\n10,9,Newer\n", duplicate="error")
        s.expect("SELECT level FROM catalog_category_entity WHERE entity_id > 2 ORDER BY 1", "2", "3")
        expect_equal((s.rows("SELECT * FROM catalog_product_entity_varchar WHERE entity_id = 1"),
                      s.rows("SELECT * FROM customer_entity_varchar")), before, "what the destination had")


@suite.case("csv-duplicates", "what came from the same source is a duplicate, too: stopped at, left as it is, or changed")
def _():
    with shop() as s:
        name = s.value("catalog_product", "name", "(SELECT entity_id FROM catalog_product_entity WHERE sku = 'A')")
        s.text("product", "sku,name,price\nA,first,1\n", duplicate="error")
        out = s.text("product", "sku,name,price\nA,second,1\n", duplicate="error", code=1)
        expect("already" in out, out)
        s.text("product", "sku,name,price\nA,second,1\n", duplicate="skip")
        s.expect("SELECT " + name, "first")
        s.text("product", "sku,name,price\nA,second,1\n", duplicate="update")
        s.expect("SELECT " + name, "second")
