"""Several websites: the same e-mail address is another customer in each."""

from base import shop, suite

SECOND = ("INSERT INTO core_website (website_id, code, name) VALUES (7, 'second', 'Second')",
          "INSERT INTO core_store_group (group_id, website_id, name, root_category_id) VALUES (7, 7, 'Second', 2)",
          "INSERT INTO core_store (store_id, code, website_id, group_id, name, sort_order, is_active) VALUES "
          "(7, 'second_old', 7, 7, 'Old', 0, 1), (8, 'second_new', 7, 7, 'New', 1, 1)",
          "UPDATE core_store_group SET default_store_id = 8 WHERE group_id = 7", "UPDATE core_website SET default_group_id = 7 WHERE website_id = 7")


@suite.case("csv-websites", "orders and subscribers belong to the customer of their store's website; a customer's store is its website's")
def _():
    with shop() as s:
        s.server.run(*SECOND, database="openmage")
        s.text("customer", "email,website_id,firstname,lastname\na@example.com,base,A,One\na@example.com,second,A,Two\nb@example.com,second,B,Two\n")
        s.expect("SELECT email, website_id, store_id FROM customer_entity ORDER BY entity_id", ("a@example.com", "1", "1"),
                 ("a@example.com", "7", "8"), ("b@example.com", "7", "8"))
        whose = "SELECT %s, (SELECT CONCAT_WS(' ', email, website_id) FROM customer_entity c WHERE c.entity_id = customer_id), store_id FROM %s ORDER BY 1"
        orders, subscribers = whose % ("increment_id", "sales_flat_order"), whose % ("subscriber_email", "newsletter_subscriber")
        wanted = (("O1", "a@example.com 1", "1"), ("O2", "a@example.com 7", "8"), ("O3", "a@example.com 7", "7"), ("O4", None, "1"))
        for _ in range(2):
            s.text("order", "increment_id,grand_total,customer_email,store_id,items\nO1,1,a@example.com,,X:1:1\n"
                            "O2,1,a@example.com,second_new,X:1:1\nO3,1,a@example.com,7,X:1:1\nO4,1,b@example.com,1,X:1:1\n")
            s.expect(orders, *wanted)
            s.text("newsletter", "subscriber_email,store_id\na@example.com,second_old\nb@example.com,\n")
            s.expect(subscribers, ("a@example.com", "a@example.com 7", "7"), ("b@example.com", None, "1"))
        # what is there keeps its store, and with it its customer
        s.text("order", "increment_id,customer_email,items\nO2,a@example.com,X:1:2\n")
        s.expect(orders, *wanted)
        s.expect("SELECT store_id, price FROM sales_flat_order_item WHERE order_id = (SELECT entity_id FROM sales_flat_order WHERE increment_id = 'O2')",
                 ("8", "2.0000"))
        for source in ("file", "other"):
            s.text("newsletter", "subscriber_email,subscriber_status\na@example.com,3\n", source=source)
            s.expect(subscribers, ("a@example.com", "a@example.com 7", "7"), ("b@example.com", None, "1"))
        # accounts for all websites
        s.server.run("INSERT INTO core_config_data (path, value) VALUES ('customer/account_share/scope', '0')", database="openmage")
        s.text("order", "increment_id,grand_total,customer_email,store_id\nO4,1,b@example.com,1\n")
        s.expect(orders, *wanted[:3], ("O4", "b@example.com 7", "1"))
