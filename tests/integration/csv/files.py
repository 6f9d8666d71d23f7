"""Files themselves: encodings, delimiters, widths, and what becomes of records with an error."""

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
