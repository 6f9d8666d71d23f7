"""Orders, and the documents that belong to them."""

from lib.suite import expect, expect_equal

from base import shop, suite

CUSTOMER = "(SELECT c.email FROM customer_entity c WHERE c.entity_id = o.customer_id)"


@suite.case("csv-orders", "the small example of the old module: numbers kept, the customer by e-mail or a guest, one address for both")
def _():
    with shop() as s:
        s.sync("customer", "customers_basic.csv")
        for _ in range(2):
            s.sync("order", "orders_basic.csv")
            s.expect("SELECT increment_id, status, state, grand_total, base_grand_total, base_subtotal, base_shipping_amount, %s, "
                     "customer_is_guest, customer_group_id, store_id, created_at FROM sales_flat_order o ORDER BY 1" % CUSTOMER,
                     ("ORD-001", "complete", "complete", "110.0000", "110.0000", "100.0000", "10.0000", "anna@example.com", "0", None, "1",
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
