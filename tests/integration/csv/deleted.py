"""What was imported and has been deleted at the destination comes as new."""

from lib.suite import expect, expect_equal

from base import shop, suite

DATABASE = "openmage"


@suite.case("csv-deleted-comes-as-new", "with what a new entity has to have, its defaults, and also with skip")
def _():
    with shop() as s:
        product = "(SELECT entity_id FROM catalog_product_entity WHERE sku = 'A')"
        files = {"product": "entity_id,sku,name,price\nx,A,a,1\n", "order": "entity_id,increment_id,grand_total\no1,O-1,5\n",
                 "customer": "entity_id,email,firstname,lastname,billing_street\nc1,kim@example.com,Kim,Lee,Street 1\n",
                 "newsletter": "subscriber_id,subscriber_email\nn1,kim@example.com\n",
                 "cms_page": "page_id,identifier,title\np1,made,Made\n", "category": "entity_id,parent_id,name\nk1,2,Kitchen\n"}
        wanted = {"product": ("SELECT e.type_id, e.created_at IS NULL, %s, %s" % (s.value("catalog_product", "status", "e.entity_id"),
                                                                               s.value("catalog_product", "visibility", "e.entity_id")) +
                              " FROM catalog_product_entity e", ("simple", "0", "1", "4")),
                  "order": ("SELECT state, status, store_id, created_at IS NULL FROM sales_flat_order", ("new", "pending", "1", "0")),
                  "customer": ("SELECT e.group_id, e.store_id, e.created_at IS NULL, a.created_at IS NULL FROM customer_entity e JOIN "
                               "customer_address_entity a ON a.parent_id = e.entity_id", ("1", "1", "0", "0")),
                  "newsletter": ("SELECT subscriber_status, store_id, LENGTH(subscriber_confirm_code) FROM newsletter_subscriber",
                                 ("1", "1", "32")),
                  "cms_page": ("SELECT is_active, root_template, store_id FROM cms_page JOIN cms_page_store USING (page_id) WHERE "
                               "identifier = 'made'", ("1", "one_column", "0")),
                  "category": ("SELECT level, parent_id, created_at IS NULL, %s FROM catalog_category_entity e WHERE entity_id > 2"
                               % s.value("catalog_category", "display_mode", "e.entity_id"), ("2", "2", "0", "PRODUCTS"))}
        roots = {"product": "catalog_product_entity", "order": "sales_flat_order", "customer": "customer_entity",
                 "newsletter": "newsletter_subscriber", "cms_page": "cms_page WHERE identifier = 'made'",
                 "category": "catalog_category_entity WHERE entity_id > 2"}
        for entity, text in files.items():
            for duplicate in ("update", "skip", "update"):
                s.text(entity, text, duplicate=duplicate)
                s.expect(*wanted[entity])
                s.server.run("DELETE FROM " + roots[entity], database=DATABASE)
        out = s.text("product", "entity_id,sku,qty\nx,A,5\n", code=1)
        expect("line 2: name is empty, which a new product needs" in out, out)
        expect_equal(s.rows("SELECT * FROM catalog_product_entity"), [], "products")
        # made again there by hand: it is found by what people know it by
        s.server.run("INSERT INTO catalog_product_entity (entity_type_id, attribute_set_id, type_id, sku) VALUES (4, 4, 'simple', 'a')",
                     database=DATABASE)
        s.text("product", "entity_id,sku,qty\nx,A,5\n")
        s.expect("SELECT sku, qty FROM catalog_product_entity JOIN cataloginventory_stock_item ON product_id = entity_id WHERE entity_id = " +
                 product, ("A", "5.0000"))
        out = s.text("invoice", "order_id,increment_id,grand_total\no1,I-1,5\n", code=1)
        expect("line 2: order_id: order o1 has not been imported from this source, or is gone" in out, out)
