"""Files themselves: encodings, delimiters, widths, and what becomes of records with an error."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from lib.program import environment, to_yaml
from lib.suite import expect, expect_equal

from base import DATABASE, shop, suite

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
        for tail in (b"\x41", b"\x00\xd8"):
            out = s.sync("product", s.file((text % "G").encode("utf-16") + tail), code=1)
            expect("line 4" in out and "no UTF-16" in out and "latin1" not in out, out)
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


@suite.case("csv-nul-bytes", "a field with a NUL byte is an error: what is equal up to it is not the same")
def _():
    with shop() as s:
        path = s.file(b"sku,name,price\nZZ,plain,1\nZZ\0a,nul-a,2\nYY,nul\0,3\nXX,x,4\n")
        out = s.sync("product", path, code=1)
        expect(path + " line 3: sku: there is a NUL byte in it" in out, out)
        out = s.sync("product", path, "--skip-invalid", code=3)
        expect(path + " line 3: sku: there is" in out and path + " line 4: name: there is" in out, out)
        s.expect(NAMES, ("XX", "x"), ("ZZ", "plain"))
        out = s.sync("product", s.file(b"sku,name,price\0d\nA,a,1\n"), "--skip-invalid", code=1)
        expect("line 1: the name of column 3 has a NUL byte in it" in out, out)


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
        out = s.text("product", "sku;name\nA;a\n", code=1)
        expect("has no column sku, which every product needs: its first line names one column alone, is --delimiter another one?" in out, out)
        out = s.text("invoice", "increment_id,items\n1,A:1\n", code=1)
        expect("has no column order_id, which every invoice needs" in out and "--delimiter" not in out, out)
        expect("needs a file" in s.program.command("sync", "product", "x", "--adapter", "csv")[2], "csv without a file")
        expect("are for the adapter csv" in s.sync("product", path, "--adapter", "openmage", code=2), "a file for openmage")
        s.sync("product", path, "--limit", "1")
        s.expect(NAMES, ("A", "a"))
        s.text("product", "entity_id,sku,name,price,updated_at\nx1,C,c,1,2026-01-01 10:00:00\nx2,D,d,1,2026-03-01\n",
               "--date-to", "2026-01-31")
        out = s.text("product", "entity_id,sku,name,price\nx1,E,e,1\nx2,F,f,1\n", "--entity-ids", "x2,x9", source="second")
        expect("not at the source, and not copied entity=product option=--entity-ids count=1 first=\"x9\"" in out, out)
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


@suite.case("csv-chosen", "ids by entity_id for every kind, days by what the record says; a date that is none is told")
def _():
    with shop() as s:
        s.text("newsletter", "entity_id,subscriber_email\nn1,a@example.com\nn2,b@example.com\n", "--entity-ids", "n2")
        s.text("newsletter", "subscriber_id,subscriber_email\nn3,c@example.com\nn4,d@example.com\n", "--entity-ids", "n4,n9")
        s.expect("SELECT subscriber_email FROM newsletter_subscriber ORDER BY 1", "b@example.com", "d@example.com")
        s.text("cms_block", "entity_id,identifier,title,content\n7,seven,7,x\n8,eight,8,x\n", "--entity-ids", "8")
        s.expect("SELECT identifier FROM cms_block WHERE identifier IN ('seven', 'eight')", "eight")
        s.text("attribute", "entity_id,attribute_code,frontend_input,frontend_label\n70,tone,text,Tone\n71,hue,text,Hue\n", "--entity-ids", "71")
        s.expect("SELECT attribute_code FROM eav_attribute WHERE attribute_code IN ('tone', 'hue')", "hue")
        out = s.text("newsletter", "subscriber_email\na@example.com\n", "--entity-ids", "1", code=2)
        expect("has no column entity_id" in out, out)
        dated = s.file("sku,name,price,updated_at\nA,a,1,2026-01-05\nB,b,1,01/02/2026\nC,c,1,2026-01-31T23:59:59\nD,d,1,2026-02-01 00:00:00\n"
                       "E,e,1,\nF,f,1,2026-02-31\nG,g,1,2025-12-31 23:59:59\n")
        days = "--date-from", "2026-01-01", "--date-to", "2026-01-31"
        out = s.sync("product", dated, *days, code=1)
        expect(dated + " line 3: updated_at: '01/02/2026' is no date" in out, out)
        out = s.sync("product", dated, *days, "--skip-invalid", code=3)
        for line, text in ((3, "01/02/2026"), (6, ""), (7, "2026-02-31")):
            expect("%s line %d: updated_at: '%s' is no date" % (dated, line, text) in out, out)
        expect("records=3" in out, "not counted: " + out)
        s.expect(NAMES, ("A", "a"), ("C", "c"))


def counts(s, path, *options, code=0, duplicate="update"):
    """Lines of the summary, but those of stock."""
    got, out, err = s.program.command("sync", "product", "file", "--file", path, "--json", "-d", duplicate, *options)
    expect_equal(got, code, err[-2000:])
    return [{key: value for key, value in json.loads(line).items() if key == "entity" or key != "per_second" and value} for line in out.splitlines()
            if '"stock"' not in line]


@suite.case("csv-summary", "what the reader refuses is invalid, what ends the run an error; there is a line in any case")
def _():
    with shop() as s:
        path = s.file("sku,name,price\nA,a,1\nB,b\nC,c,cheap\nD,d,2\n")
        expect_equal(counts(s, path, "--skip-invalid", code=3), [{"entity": "product", "created": 2, "invalid": 2}], "left out")
        line, = counts(s, path, code=1)  # what stands before it may have been written
        expect_equal({key: line[key] for key in line if key != "updated"}, {"entity": "product", "errors": 1}, "stopped by the reader")
        bad = s.file("sku,name,price\nB,b\nC,c,cheap\n")
        expect_equal(counts(s, bad, "--skip-invalid", code=3), [{"entity": "product", "invalid": 2}], "all are bad")
        expect_equal(counts(s, bad, "--dry-run", code=1), [{"entity": "product", "errors": 1}], "the first is bad")
        expect_equal(counts(s, path, "--skip-invalid", code=1, duplicate="error"),
                     [{"entity": "product", "invalid": 2, "errors": 1}], "stopped where it is written")
        expect_equal(counts(s, s.file("sku,name,price\n")), [{"entity": "product"}], "no record")
        _code, out, _err = s.program.command("sync", "product", "file", "--file", path, "--skip-invalid", "-d", "update")
        head, line = out.splitlines()[:2]
        expect_equal(head.split()[:9], ["entity", "created", "updated", "merged", "skipped", "deleted", "invalid", "errors", "/s"], "the table")
        expect_equal(line.split()[:8], ["product", "0", "2", "0", "0", "0", "2", "0"], "its line")


@suite.case("csv-told-one-by-one", "-vv tells what became of each entity, when that is committed; less does not")
def _():
    with shop() as s:
        s.text("product", "entity_id,sku,name,price\na1,A,a,1\n")
        path = s.file("entity_id,sku,name,price\na1,A,a2,1\nb1,B,b,1\n")
        id_of = lambda sku: s.one("SELECT entity_id FROM catalog_product_entity WHERE sku = '%s'" % sku)
        expect("entity=product key=" not in s.sync("product", path, "-v", "--dry-run"), "told with -v")
        told = lambda out: re.findall(r"trace (\w+ entity=product key=\w+ id=\d+)", out)
        out = s.sync("product", path, "-vv")
        expect_equal(told(out), ["updated entity=product key=a1 id=%d" % id_of("A"), "created entity=product key=b1 id=%d" % id_of("B")], "update")
        expect_equal(told(s.sync("product", path, "-vv", duplicate="merge")),
                     ["merged entity=product key=%s1 id=%d" % (sku.lower(), id_of(sku)) for sku in "AB"], "merge")
        expect_equal(told(s.sync("product", path, "-vv", duplicate="skip")),
                     ["skipped entity=product key=%s1 id=%d" % (sku.lower(), id_of(sku)) for sku in "AB"], "skip")
        out = s.text("product", "entity_id,sku,name,price\nc1,C,c,1\na1,A,a,1\n", "-vv", duplicate="error", code=1)
        expect_equal(told(out), ["created entity=product key=c1 id=%d" % id_of("C")] if id_of("C") else [], "what is rolled back is not told: " + out)


def read_until(file, pattern):
    """What matches in what comes from the file, whose end is waited for without a pattern."""
    seen, deadline = b"", time.monotonic() + 100
    while pattern is None or not pattern.search(seen):
        expect(time.monotonic() < deadline, "it does not come: " + seen[-2000:].decode(errors="replace"))
        if not select.select([file], [], [], 1)[0]:
            continue
        try:
            more = os.read(file, 65536)
        except OSError:  # a terminal that nobody writes to any more
            more = b""
        if not more:
            expect(pattern is None, "the end comes first: " + seen[-2000:].decode(errors="replace"))
            return None
        seen += more
    return pattern.search(seen)


@suite.case("csv-progress", "on a terminal a bar with entities, rate, percent and the time that is left; elsewhere a line every few seconds")
def _():
    with shop() as s:
        s.text("product", "sku,name,price\nP1500,held,1\n")
        for terminal in (True, False):
            path = s.file("sku,name,price\n" + "".join("P%d,name %s,1\n" % (n, terminal) for n in range(3000)))
            holder = s.server.connect(DATABASE)
            cursor = holder.cursor()
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")  # no gaps
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM catalog_product_entity JOIN catalog_product_entity_varchar USING (entity_id) WHERE sku = 'P1500' FOR UPDATE")
            ours, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
            reader, writer = os.pipe()
            process = subprocess.Popen([s.program.path, "sync", "product", "file", "--file", path, "-d", "update", "-c", s.program.config,
                                        "--set", "batch.max_rows=500"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs if terminal else writer, env=environment())
            os.close(theirs)
            os.close(writer)
            shown = read_until(ours if terminal else reader, re.compile(
                rb"copying \[=*>? *\] +(\d+) %, product: ([1-9]\d*) of about (\d+) entities, (\d+)/s" if terminal else
                rb"copying entity=product entities=([1-9]\d*) entities_estimate=(\d+) percent=(\d+) entities_per_second=\d+ seconds_left=\d+"))
            holder.rollback()
            holder.close()
            numbers = [int(n) for n in shown.groups()]
            percent, done, whole = numbers[:3] if terminal else (numbers[2], numbers[0], numbers[1])
            expect(0 < done <= 3100 and 3000 <= whole <= 7000 and percent == done * 100 // whole, "what is shown: %s" % (shown.group(0),))
            read_until(ours if terminal else reader, None)
            expect_equal(process.wait(120), 0, "exit")
            os.close(ours)
            os.close(reader)


@suite.case("csv-values-that-do-not-fit", "too long, too large, characters that a column cannot hold: told with the line, and nothing of the record is written")
def _():
    with shop() as s:
        for entity, head, cell, reason in (
                ("product", "sku,price,name", "A,1," + "ä" * 256, "name: 256 characters are more than column value of catalog_product_entity_varchar takes (255)"),
                ("product", "name,price,sku", "a,1," + "s" * 65, "sku: 65 characters are more than column sku of catalog_product_entity takes (64)"),
                ("product", "name,price,sku", "Fire \U0001f525,1,A", "name: '\U0001f525' is a character that column value of "),
                ("product", "sku,name,price", "A,a,123456789.00", "price: 123456789.00 does not fit into column value"),
                ("product", "sku,name,price", "A,a,5.55555", "price: 5.55555 does not fit into column value: it takes 4 digits behind the point"),
                ("order", "increment_id,grand_total,items", 'O-1,1,"[{""sku"":""A"",""qty"":1,""name"":""%s""}]"' % ("n" * 300),
                 "items: 300 characters are more than column name of sales_flat_order_item takes (255)")):
            out = s.text(entity, "%s\n%s\n" % (head, cell), code=1)
            expect(" line 2: " + reason in out, "%r is not in: %s" % (reason, out))
            out = s.text(entity, "%s\n%s\n" % (head, cell), "--skip-invalid", code=3)
            expect(" line 2: " + reason in out, "%r is not in: %s" % (reason, out))
        s.expect("SELECT COUNT(*) FROM catalog_product_entity", "0")
        s.text("product", "sku,name,price,description\nA,%s,99999999.999900,%s\n" % ("ä" * 255, "d" * 60000))
        s.expect("SELECT CHAR_LENGTH(value) FROM catalog_product_entity_varchar WHERE value LIKE BINARY 'ä%'", "255")
