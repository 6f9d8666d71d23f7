"""Items of orders and of their documents: which one is which, above all where several have one SKU."""

from lib.suite import expect, expect_equal

from base import shop, suite

ITEMS = "SELECT item_id, sku, qty_ordered, price FROM sales_flat_order_item ORDER BY item_id"


def of_items(kind):
    """(document, item of the order, qty) by price of the order's item, which tells it."""
    return ("SELECT d.increment_id, o.price, x.qty FROM sales_flat_%s d JOIN sales_flat_%s_item x ON x.parent_id = d.entity_id JOIN "
            "sales_flat_order_item o ON o.item_id = x.order_item_id ORDER BY 1, 2, 3" % (kind, kind))


@suite.case("csv-documents-of-one-sku", "lines go to the items of the order in turn, each as far as it has room; totals count what is put")
def _():
    with shop() as s:
        s.text("order", "increment_id,grand_total,items\nO1,10,A:1:1|A:2:2|B:4:4\n")
        for kind, amount in (("invoice", ",5"), ("shipment", ""), ("creditmemo", ",5")):
            head = "increment_id,order_id,items%s\n" % (",grand_total" if amount else "")
            for _ in range(2):
                s.text(kind, head + "D1,O1,A:1|A:2|B%s\n" % amount)
                s.expect(of_items(kind), ("D1", "1.0000", "1.0000"), ("D1", "2.0000", "2.0000"), ("D1", "4.0000", "4.0000"))
                for table in {"invoice": ("invoice",), "shipment": ("shipment", "shipment_grid"), "creditmemo": ()}[kind]:
                    s.expect("SELECT total_qty FROM sales_flat_%s" % table, "7.0000")
            # the other way round; without a qty; more than one has; more than all have; then two documents of one file, which is read on
            # while the destination has not got the first yet, and what is open behind them
            lines = {"O2": "A:2|A:1", "O3": "A|A", "O4": "A:3", "O5": "A:5", "O6": "A:1", "O7": ""}
            s.text("order", "increment_id,grand_total,items\n" + "".join("%s-%s,10,A:1:1|A:2:2\n" % (n, kind) for n in lines))
            for _ in range(2):
                s.text(kind, head + "".join("%s,%s-%s,%s%s\n" % (n, n, kind, line, amount) for n, line in lines.items())
                       + "P6,O6-%s,A:1%s\nP7,O6-%s,%s\n" % (kind, amount, kind, amount))
                s.expect(of_items(kind).replace(" ORDER", " WHERE d.increment_id > 'E' ORDER"),
                         *((n, "%d.0000" % price, "%d.0000" % qty) for n, price, qty in (
                             ("O2", 1, 1), ("O2", 2, 2), ("O3", 1, 1), ("O3", 2, 2), ("O4", 1, 1), ("O4", 2, 2), ("O5", 1, 1), ("O5", 2, 4),
                             ("O6", 1, 1), ("O7", 1, 1), ("O7", 2, 2), ("P6", 2, 1), ("P7", 2, 1))))


@suite.case("csv-tracks-of-one-number", "of two carriers are two")
def _():
    with shop() as s:
        s.text("order", "increment_id,grand_total,items\nO1,10,A:1:1\n")
        for _ in range(2):
            s.text("shipment", "increment_id,order_id,tracks\nS1,O1,dhl:123|ups:123|dhl:124\n")
            s.expect("SELECT carrier_code, track_number FROM sales_flat_shipment_track ORDER BY 1, 2", ("dhl", "123"), ("dhl", "124"), ("ups", "123"))


@suite.case("csv-order-items-again", "items keep what they are when others of the file are gone, by their SKU and the order among its own")
def _():
    with shop() as s:
        for _ in range(2):
            s.text("order", "increment_id,grand_total,items\nO1,10,A:1:1|B:2:2|A:3:3\n")
            first = s.rows(ITEMS)
            expect_equal([row[1:] for row in first], [("A", "1.0000", "1.0000"), ("B", "2.0000", "2.0000"), ("A", "3.0000", "3.0000")], "items")
        s.text("order", "increment_id,grand_total,items\nO1,10,B:5:5|A:1:9\n")
        expect_equal(s.rows(ITEMS), [first[0][:3] + ("9.0000",), (first[1][0], "B", "5.0000", "5.0000"), first[2]], "items, the first one gone")
        s.text("order", "increment_id,grand_total,items\nO1,10,C:1:1\n")
        expect_equal([row[1] for row in s.rows(ITEMS)], ["A", "B", "A", "C"], "another item")


@suite.case("csv-order-states", "a status has its state from the destination; one that has none there needs it in the file")
def _():
    with shop() as s:
        s.server.run("INSERT INTO sales_order_status VALUES ('packed', 'Packed'), ('odd', 'Odd')",
                     "INSERT INTO sales_order_status_state (status, state, is_default) VALUES ('packed', 'processing', 0)", database="openmage")
        s.text("order", "increment_id,grand_total,status,state\nO1,1,packed,\nO2,1,odd,holded\nO3,1,,\n")
        s.text("order", "increment_id,status\nO3,packed\n")
        wanted = (("O1", "packed", "processing"), ("O2", "odd", "holded"), ("O3", "packed", "processing"))
        s.expect("SELECT increment_id, status, state FROM sales_flat_order ORDER BY 1", *wanted)
        for text in ("increment_id,grand_total,status\nO4,1,unknown\n", "increment_id,grand_total,status,state\nO1,1,odd,\n"):
            out = s.text("order", text, code=1)
            expect(" line 2: status: the destination has no order status '" in out and "give the state" in out, out)
        s.expect("SELECT increment_id, status, state FROM sales_flat_order ORDER BY 1", *wanted)


@suite.case("csv-order-words", "no in all its forms; keys of JSON that mean nothing are told once")
def _():
    with shop() as s:
        head = "increment_id,grand_total,same_as_billing,billing_street,billing_city,billing_country_id,shipping_street,shipping_city,shipping_country_id\n"
        words = ("n", "N", "no", "0", "false", "False", "y", "1", "")
        s.text("order", head + "".join("O%d,1,%s,A,Here,US,B,There,US\n" % (n, word) for n, word in enumerate(words)))
        s.expect("SELECT city FROM sales_flat_order_address JOIN sales_flat_order o ON o.entity_id = parent_id WHERE address_type = 'shipping' "
                 "ORDER BY increment_id", *(["There"] * 6 + ["Here", "Here", "There"]))
        head = "email,firstname,lastname,same_as_billing,billing_firstname,billing_lastname,billing_street,billing_city,billing_country_id\n"
        s.text("customer", head + "a@example.com,A,A,n,A,A,A,Here,US\nb@example.com,B,B,y,B,B,B,There,US\n")
        for code, count in (("default_billing", 2), ("default_shipping", 1)):
            s.expect("SELECT COUNT(*) FROM customer_entity_int JOIN eav_attribute USING (attribute_id) WHERE attribute_code = '%s'" % code, str(count))
        item = "\"[{\"\"SKU\"\":\"\"A\"\",\"\"qty\"\":1,\"\"price\"\":1,\"\"colour\"\":\"\"red\"\",\"\"order_item_id\"\":\"\"\"\"}]\""
        out = s.text("order", "increment_id,grand_total,items\nP1,1,%s\nP2,1,%s\n" % (item, item))
        expect_equal((out.count("key is left out"), out.count("column=items key=colour entity=order")), (1, 1), "told: " + out)
        s.expect("SELECT sku FROM sales_flat_order_item", "A", "A")
        out = s.text("invoice", "increment_id,order_id,grand_total,items\nI1,P1,1,%s\nI2,P2,1,%s\n" % (item, item))
        expect_equal((out.count("key is left out"), out.count("column=items key=colour entity=invoice")), (1, 1), "told: " + out)
        out = s.text("shipment", "increment_id,order_id,tracks\nS1,P1,\"[{\"\"number\"\":\"\"1\"\",\"\"carrier\"\":\"\"ups\"\",\"\"via\"\":1}]\"\n")
        expect_equal((out.count("key is left out"), out.count("column=tracks key=via")), (1, 1), "told: " + out)
