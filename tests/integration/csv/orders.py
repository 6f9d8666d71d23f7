"""Orders, and the documents that belong to them."""

from lib.suite import expect, expect_contains, expect_equal

from base import DATABASE, shop, suite

CUSTOMER = "(SELECT c.email FROM customer_entity c WHERE c.entity_id = o.customer_id)"


@suite.case("csv-orders", "the small example of the old module: numbers kept, the customer by e-mail or a guest, one address for both")
def _():
    with shop() as s:
        s.sync("customer", "customers_basic.csv")
        for _ in range(2):
            s.sync("order", "orders_basic.csv")
            s.expect("SELECT increment_id, status, state, grand_total, base_grand_total, base_subtotal, base_shipping_amount, %s, "
                     "customer_is_guest, customer_group_id, store_id, created_at FROM sales_flat_order o ORDER BY 1" % CUSTOMER,
                     ("ORD-001", "complete", "complete", "110.0000", "110.0000", "100.0000", "10.0000", "anna@example.com", "0", "1", "1",
                      "2024-01-15 10:30:00"),
                     ("ORD-002", "pending", "new", "55.5000", "55.5000", "50.5000", "5.0000", None, "1", "0", "1", "2024-01-16 11:00:00"))
            s.expect("SELECT increment_id, address_type, street, region, country_id, a.entity_id IN (billing_address_id, "
                     "shipping_address_id) FROM sales_flat_order_address a JOIN sales_flat_order o ON o.entity_id = parent_id ORDER BY 1, 2",
                     ("ORD-001", "billing", "1 Main St", "Texas", "US", "1"), ("ORD-001", "shipping", "1 Main St", "Texas", "US", "1"),
                     ("ORD-002", "billing", "2 High St\nFlat 3", None, "GB", "1"),
                     ("ORD-002", "shipping", "2 High St\nFlat 3", None, "GB", "1"))
            s.expect("SELECT method, amount_ordered, base_amount_ordered FROM sales_flat_order_payment ORDER BY entity_id",
                     ("checkmo", "110.0000", "110.0000"), ("banktransfer", "55.5000", "55.5000"))
            s.expect("SELECT increment_id, status, billing_name, shipping_name, grand_total, base_grand_total FROM sales_flat_order_grid ORDER "
                     "BY 1", ("ORD-001", "complete", "Anna Berg", "Anna Berg", "110.0000", "110.0000"),
                     ("ORD-002", "pending", "Gus Guest", "Gus Guest", "55.5000", "55.5000"))
            s.expect("SELECT COUNT(*), SUM(order_currency_code = 'USD'), SUM(LENGTH(protect_code) = 6) FROM sales_flat_order", ("2", "2", "2"))
        s.server.run("UPDATE sales_flat_order_payment SET cc_number_enc = 'under the key'", database="openmage")
        said = s.text("order", "increment_id,payment_cc_number_enc,payment_cc_last4\nORD-001,4111111111111111,1111\n")
        expect("column=payment_cc_number_enc" in said, "an encrypted column: " + said)
        s.expect("SELECT DISTINCT cc_number_enc FROM sales_flat_order_payment", "under the key")


@suite.case("csv-orders-items", "items as JSON and as text, text ids, negative discounts, guests, products that are gone")
def _():
    with shop() as s:
        s.sync("customer", "customers_basic.csv")
        s.sync("product", "products_simple.csv")
        for _ in range(2):
            s.sync("order", "orders_with_items.csv")
            s.expect("SELECT increment_id, i.sku, i.name, product_type, qty_ordered, price, row_total, base_row_total, original_price, e.sku FROM "
                     "sales_flat_order_item i JOIN sales_flat_order o ON o.entity_id = order_id LEFT JOIN catalog_product_entity e ON "
                     "e.entity_id = product_id ORDER BY item_id",
                     ("200000101", "LAMP-01", "Desk Lamp", "simple", "2.0000", "49.9500", "99.9000", "99.9000", "49.9500", "LAMP-01"),
                     ("200000101", "GONE-9", "Sold out thing", "virtual", "1.0000", "49.9500", "49.9500", "49.9500", "49.9500", None),
                     ("200000102", "LAMP-01", "LAMP-01", "simple", "1.0000", "49.9500", "49.9500", "49.9500", "49.9500", "LAMP-01"),
                     ("200000103", "LAMP-02", "Floor Lamp", "simple", "1.0000", "129.0000", "129.0000", "129.0000", "129.0000", "LAMP-02"))
            s.expect("SELECT increment_id, discount_amount, base_discount_amount, coupon_code, total_qty_ordered, total_item_count, %s FROM "
                     "sales_flat_order o ORDER BY 1" % CUSTOMER,
                     ("200000101", "0.0000", "0.0000", None, "3.0000", "2", "ben@example.com"),
                     ("200000102", "-5.0000", "-5.0000", "SPRING", "1.0000", "1", None),
                     ("200000103", "0.0000", "0.0000", None, "1.0000", "1", "dora@example.com"))
            s.expect("SELECT increment_id, address_type, city, region FROM sales_flat_order_address JOIN sales_flat_order o ON o.entity_id = "
                     "parent_id ORDER BY 1, 2", ("200000101", "billing", "Dallas", "Texas"), ("200000101", "shipping", "Reno", "Nevada"),
                     ("200000102", "billing", "Paris", None), ("200000102", "shipping", "Paris", None),
                     ("200000103", "billing", "Austin", "Texas"), ("200000103", "shipping", "Austin", "Texas"))
        s.text("order", "entity_id,increment_id,status,status_history\nORD-102,200000102,canceled,"
                        "\"[{\"\"status\"\":\"\"canceled\"\",\"\"comment\"\":\"\"Asked, twice\"\",\"\"created_at\"\":\"\"2024-03-01T10:00:00Z\"\"}]\"\n")
        s.expect("SELECT status, state, grand_total, (SELECT comment FROM sales_flat_order_status_history h WHERE h.parent_id = o.entity_id) FROM "
                 "sales_flat_order o WHERE increment_id = '200000102'", ("canceled", "canceled", "44.9500", "Asked, twice"))
        s.expect("SELECT status FROM sales_flat_order_grid WHERE increment_id = '200000102'", "canceled")
        s.text("order", "increment_id,status,grand_total,items\n200000102,closed,1,LAMP-01:1:5\n", source="other")
        s.expect("SELECT status, (SELECT COUNT(*) FROM sales_flat_order_item i WHERE i.order_id = o.entity_id) FROM sales_flat_order o WHERE "
                 "increment_id = '200000102'", ("closed", "1"))
        for text, reason in (("increment_id,grand_total,items\nA 1,1,\n", "'A 1' is no number of an order"),
                             ("increment_id,grand_total,items\nA1,-1,\n", "-1 is less than 0"),
                             ("increment_id,grand_total,items\nA1,1,LAMP-01:0:5\n", "item 1 has no qty"),
                             ("increment_id,grand_total,items\nA1,1,\"[{\"\"qty\"\":1}]\"\n", "neither sku nor name"),
                             ("increment_id,grand_total,items\nA1,1,\"[{\"\"qty\"\":\"\n", "no JSON: it ends too early")):
            out = s.text("order", text, code=1)
            expect(reason in out and "line 2" in out, "%r is not in: %s" % (reason, out))


@suite.case("csv-documents", "invoices, shipments with tracks, credit memos: of the order by id or number, of its items by SKU")
def _():
    with shop() as s:
        s.sync("product", "products_simple.csv")
        s.sync("order", "orders_with_items.csv")
        order = "(SELECT increment_id FROM sales_flat_order o WHERE o.entity_id = d.order_id)"
        item = "(SELECT sku FROM sales_flat_order_item i WHERE i.item_id = order_item_id)"
        address = "(SELECT CONCAT(address_type, ' ', city) FROM sales_flat_order_address a WHERE a.entity_id = d.%s_address_id)"
        for _ in range(2):
            s.text("invoice", "entity_id,order_id,increment_id,grand_total,created_at,items\n"
                              "INV-1,ORD-101,INV-1,64.95,2024-02-05 10:00:00,LAMP-01:1|GONE-9:1\n"
                              "INV-2,200000103,INV-2,139,2024-02-06 10:00:00,\n")
            s.expect("SELECT increment_id, %s, grand_total, base_grand_total, state, store_id, total_qty, order_currency_code, %s, %s, created_at "
                     "FROM sales_flat_invoice d ORDER BY 1" % (order, address % "billing", address % "shipping"),
                     ("INV-1", "200000101", "64.9500", "64.9500", "2", "1", "2.0000", "USD", "billing Dallas", "shipping Reno",
                      "2024-02-05 10:00:00"),
                     ("INV-2", "200000103", "139.0000", "139.0000", "2", "1", "1.0000", "USD", "billing Austin", "shipping Austin",
                      "2024-02-06 10:00:00"))
            s.expect("SELECT increment_id, d.sku, d.qty, d.price, d.row_total, %s, d.product_id IS NULL FROM sales_flat_invoice_item d JOIN "
                     "sales_flat_invoice v ON v.entity_id = parent_id ORDER BY 1, 2" % item,
                     ("INV-1", "GONE-9", "1.0000", "49.9500", "49.9500", "GONE-9", "1"),
                     ("INV-1", "LAMP-01", "1.0000", "49.9500", "49.9500", "LAMP-01", "0"),
                     ("INV-2", "LAMP-02", "1.0000", "129.0000", "129.0000", "LAMP-02", "0"))
            s.expect("SELECT increment_id, order_increment_id, grand_total, billing_name, order_created_at FROM sales_flat_invoice_grid d ORDER "
                     "BY 1", ("INV-1", "200000101", "64.9500", "Ben Clark", "2024-02-01 09:00:00"),
                     ("INV-2", "200000103", "139.0000", "Dora Evans", "2024-02-03 11:00:00"))
            s.text("shipment", "entity_id,order_id,increment_id,created_at,items,tracks\n"
                               "7,ORD-101,SHIP-7,2024-02-07 10:00:00,LAMP-01:2,dhl:JD0001|custom:X-2:Bike\n"
                               "8,ORD-103,SHIP-8,2024-02-08 10:00:00,,\"[{\"\"track_number\"\":\"\"1Z\"\",\"\"carrier_code\"\":\"\"ups\"\"}]\"\n")
            s.expect("SELECT increment_id, %s, total_qty, (SELECT GROUP_CONCAT(CONCAT_WS(' ', carrier_code, title, track_number) ORDER BY "
                     "track_number) FROM sales_flat_shipment_track t WHERE t.parent_id = d.entity_id AND t.order_id = d.order_id), (SELECT "
                     "GROUP_CONCAT(CONCAT(sku, ' ', qty)) FROM sales_flat_shipment_item i WHERE i.parent_id = d.entity_id) FROM "
                     "sales_flat_shipment d ORDER BY 1" % order,
                     ("SHIP-7", "200000101", "2.0000", "dhl DHL JD0001,custom Bike X-2", "LAMP-01 2.0000"),
                     ("SHIP-8", "200000103", "1.0000", "ups United Parcel Service 1Z", "LAMP-02 1.0000"))
            s.expect("SELECT order_increment_id, total_qty, shipping_name FROM sales_flat_shipment_grid ORDER BY 1",
                     ("200000101", "2.0000", "Ben Clark"), ("200000103", "1.0000", "Dora Evans"))
            s.text("creditmemo", "entity_id,order_id,invoice_id,increment_id,grand_total,created_at,adjustment_positive,adjustment_negative,items\n"
                                 "c1,ORD-101,INV-1,CM-1,47.45,2024-03-01,0,2.5,\"[{\"\"sku\"\":\"\"LAMP-01\"\",\"\"qty\"\":1,\"\"price\"\":49.95}]\"\n")
            s.expect("SELECT d.increment_id, %s, v.increment_id, d.grand_total, d.adjustment_negative, d.base_adjustment_negative, d.state, "
                     "g.creditmemo_status, d.created_at FROM sales_flat_creditmemo d JOIN sales_flat_invoice v ON v.entity_id = d.invoice_id JOIN "
                     "sales_flat_creditmemo_grid g ON g.entity_id = d.entity_id" % order,
                     ("CM-1", "200000101", "INV-1", "47.4500", "2.5000", "2.5000", "2", "2", "2024-03-01 00:00:00"))
            s.expect("SELECT sku, qty, row_total, %s FROM sales_flat_creditmemo_item d" % item, ("LAMP-01", "1.0000", "49.9500", "LAMP-01"))
        s.text("invoice", "order_id,increment_id,grand_total,items\nORD-101,INV-3,5,\"[{\"\"order_item_id\"\":\"\"ORD-101:item:1:GONE-9\"\",\"\"qty\"\":0.5}]\"\n")
        s.expect("SELECT %s, d.qty, d.name FROM sales_flat_invoice_item d JOIN sales_flat_invoice v ON v.entity_id = parent_id WHERE "
                 "increment_id = 'INV-3'" % item, ("GONE-9", "0.5000", "Sold out thing"))
        for text, reason in (("order_id,increment_id,grand_total\nORD-9,I9,1\n", "order ORD-9 has not been imported from this source"),
                             ("order_id,increment_id,grand_total\nORD-101,,1\n", "increment_id is empty"),
                             ("order_id,increment_id,grand_total,items\nORD-101,I9,1,NONE:1\n", "has no item 'NONE'")):
            out = s.text("invoice", text, code=1)
            expect(reason in out and "line 2" in out, "%r is not in: %s" % (reason, out))
        expect_equal(s.one("SELECT COUNT(*) FROM sales_flat_invoice"), 3, "invoices")


@suite.case("csv-orders-second-file", "without its date a second run of an order changes nothing; empty cells empty an address, but not what it has to have")
def _():
    with shop() as s:
        s.text("customer", "entity_id,email,firstname,lastname,group_id\nc1,kim@example.com,Kim,Lee,Wholesale\n")
        text = ("entity_id,increment_id,customer_id,grand_total,items,status_history,billing_lastname,billing_street,billing_city,billing_company,"
                "billing_region,billing_country_id,billing_telephone\n"
                "1,O-1,c1,10,A:1:10,pending:Hello,Lee,One 1,%s,%s,%s,US,%s\n2,O-2,,5,B:1:5,,,,,,,,\n")
        s.text("order", text % ("Austin", "Acme", "Texas", "555"))
        for table in ("sales_flat_order", "sales_flat_order_item", "sales_flat_order_status_history"):  # as if it had been long ago
            s.server.run("UPDATE %s SET created_at = '2020-01-02 03:04:05'" % table, database=DATABASE)
        s.server.run("UPDATE sales_flat_order_item SET updated_at = '2020-01-02 03:04:05'", database=DATABASE)
        s.text("invoice", "increment_id,order_id,grand_total\nI-1,O-1,10\n")
        s.text("shipment", "increment_id,order_id,tracks\nS-1,O-1,ups:1Z\n")
        s.server.run("UPDATE sales_flat_shipment JOIN sales_flat_shipment_track USING (order_id) SET sales_flat_shipment.created_at = '2020-01-02 03:04:05', "
                     "sales_flat_shipment_track.created_at = '2020-01-02 03:04:05'", database=DATABASE)
        s.text("order", text % ("Austin", "Acme", "Texas", "555"))
        s.text("shipment", "increment_id,order_id,tracks\nS-1,O-1,ups:1Z\n")
        for table in ("sales_flat_order", "sales_flat_order_item", "sales_flat_order_status_history", "sales_flat_shipment_track"):
            s.expect("SELECT DISTINCT created_at FROM " + table, "2020-01-02 03:04:05")
        s.expect("SELECT increment_id, customer_group_code, store_name FROM sales_flat_order o JOIN customer_group g ON g.customer_group_id = "
                 "o.customer_group_id ORDER BY 1", ("O-1", "Wholesale", "Main Website\nMain Website Store\nDefault Store View"),
                 ("O-2", "NOT LOGGED IN", "Main Website\nMain Website Store\nDefault Store View"))
        address = "SELECT city, company, region, region_id, telephone FROM sales_flat_order_address WHERE address_type = 'billing'"
        s.text("order", "entity_id,increment_id,customer_email\n1,O-1,kim@example.com\n")
        s.server.run("UPDATE sales_flat_order_address SET email = 'kim@example.com'", database=DATABASE)
        texas = s.one("SELECT region_id FROM directory_country_region WHERE code = 'TX'")
        s.expect(address, ("Austin", "Acme", "Texas", str(texas), "555"))
        s.text("order", text % ("", "", "", ""), duplicate="merge")
        s.expect(address, ("Austin", "Acme", "Texas", str(texas), "555"))
        s.text("order", text % ("", "", "", ""))
        s.expect(address, ("Austin", None, None, None, None))
        s.text("order", text % ("Paris", "", "Elsewhere", ""))
        s.expect(address, ("Paris", None, "Elsewhere", None, None))
        s.expect("SELECT DISTINCT email FROM sales_flat_order_address", "kim@example.com")
        out = s.text("order", (text % ("", "", "", "")).replace(",US,", ",UK,"), code=1)
        expect_contains(out, " line 2: billing_country_id: 'UK' is no country that the destination has", "error")
