"""A shop whose tables have a prefix."""

from lib.suite import expect_contains

from base import DATABASE, shop, suite


@suite.case("csv-prefix", "the destination's prefix need not be the configured source's")
def _():
    with shop() as s:
        tables = [row[0] for row in s.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'openmage' AND table_type = 'BASE TABLE'")]
        s.server.run("RENAME TABLE " + ", ".join("`%s` TO `xx_%s`" % (name, name) for name in tables), database=DATABASE)
        s.program.configure({"destination": {**s.program.settings["destination"], "prefix": "xx_"}})
        for number, options in enumerate(((), ("--set", "source.prefix=m_"), ("--set", "source.prefix=xx_"))):
            s.text("product", "entity_id,sku,name,price,weight,qty,image\n1,p1,name %d,5,1,%d,\n" % (number, number), *options)
            s.expect("SELECT value, qty FROM xx_catalog_product_entity_varchar JOIN xx_catalog_product_entity USING (entity_id) JOIN "
                     "xx_cataloginventory_stock_item ON product_id = entity_id JOIN xx_eav_attribute USING (attribute_id) WHERE sku = 'p1' AND "
                     "attribute_code = 'name'", ("name %d" % number, "%d.0000" % number))
            s.text("customer", "entity_id,email,firstname,lastname,group_id,billing_city\n1,a@example.com,A%d,B,General,C\n" % number, *options)
            s.text("category", "entity_id,name\n50,Category %d\n" % number, *options)
            s.text("order", "entity_id,increment_id,customer_email,items,grand_total,status\n9,7000001,a@example.com,p1:2:3,6,pending\n", *options)
            s.expect("SELECT COUNT(*), COUNT(customer_id), (SELECT COUNT(*) FROM xx_sales_flat_order_item) FROM xx_sales_flat_order", ("1", "1", "1"))
            expect_contains(s.text("newsletter", "subscriber_email,subscriber_status\nb@example.com,1\n", *options), "newsletter", "the summary")
            s.expect("SELECT COUNT(*) FROM xx_newsletter_subscriber", "1")
