"""JSON in cells: numbers of any length, and keys that mean nothing."""

from lib.suite import expect, expect_equal

from base import shop, suite

LONG = "12345678901234567890123"


def quoted(json):
    return '"%s"' % json.replace('"', '""')


@suite.case("csv-json-long-numbers", "digits stay as they are, whole numbers beyond 64 bits, too")
def _():
    with shop() as s:
        s.text("product", "sku,name,price\n%s,a,1\n-%s,b,1\n99999999999999999999,c,1\n" % (LONG, LONG))
        s.text("product", "sku,type_id,name,grouped_product_skus\nSET,grouped,set," +
               quoted('[{"sku":%s,"qty":1.50},{"sku": -%s ,"qty":2},99999999999999999999]' % (LONG, LONG)) + "\n")
        s.expect("SELECT sku FROM catalog_product_link JOIN catalog_product_entity ON entity_id = linked_product_id ORDER BY sku",
                 "-" + LONG, LONG, "99999999999999999999")
        item = '{"sku":%s,"name":"a \\"%s\\" b","qty":1,"price":2.0,"product_options":{"n":[%s,1e3]}}' % (LONG, LONG, LONG)
        s.text("order", "increment_id,grand_total,items\nO-1,1," + quoted("[%s]" % item) + "\n")
        s.expect("SELECT sku, name FROM sales_flat_order_item", (LONG, 'a "%s" b' % LONG))
        for wrong in ('[{"sku":%sx}]' % LONG, '[{"sku":0%s}]' % LONG, '[%s' % LONG):
            out = s.text("product", "sku,grouped_product_skus\nSET,%s\n" % quoted(wrong), code=1)
            expect(" line 2: grouped_product_skus: the cell is no JSON" in out, out)
        for wrong, reason in (('[{"sku":"a","qty":true,"price":1}]', "item 1 has no qty"),
                              ('[{"sku":"a","qty":1,"price":1,"s\\"ku:":2,"qty":3}]', "the same member twice")):
            out = s.text("order", "increment_id,grand_total,items\nO-2,1,%s\n" % quoted(wrong), code=1)
            expect(" line 2: items: " in out and reason in out, out)


@suite.case("csv-json-unknown-keys", "each is told once, with its column")
def _():
    with shop() as s:
        columns = {"tier_prices": '[{"qty":2,"price":1,"BOGUS":1,"Cust_Group":"all"}]', "group_prices": '[{"group":"General","price":1,"bogus":1}]',
                   "custom_options": '[{"title":"Size","type":"drop_down","bogus":1,"values":[{"title":"S","weight":1}]}]',
                   "media_gallery": '[{"file":"a.jpg","bogus":1,"label":"A"}]'}
        cells = ",".join(quoted(cell) for cell in columns.values())
        out = s.text("product", "sku,name,price,%s\nA,a,1,%s\nB,b,1,%s\n" % (",".join(columns), cells, cells))
        told = [line for line in out.splitlines() if "key is left out" in line]
        for column in columns:
            expect_equal(sum("column=%s key=bogus " % column in line.replace("BOGUS", "bogus") for line in told), 1, "%s: %s" % (column, out))
        expect("column=custom_options key=weight " in out, out)
        expect_equal(len(told), 5, out)
        out = s.text("product", "sku,custom_options\nA,Text:field:optional:max=20|colour=red\n")
        expect("column=custom_options key=colour " in out and "key=max" not in out, out)
        out = s.text("attribute", "attribute_code,frontend_label,frontend_input,options\nmade,Made,select," +
                     quoted('[{"label":"Red","position":1,"swatch":"#f00"}]') + "\n")
        expect("column=options key=swatch " in out and "key=label" not in out, out)
