"""Products that name others: what is wrong with it is told when the record is read, or says what became of the rest."""

from lib.suite import expect

from base import shop, suite

PRODUCTS = "SELECT sku FROM catalog_product_entity ORDER BY sku"
LINKS = ("SELECT p.sku, c.sku FROM catalog_product_relation JOIN catalog_product_entity p ON p.entity_id = parent_id JOIN "
         "catalog_product_entity c ON c.entity_id = child_id ORDER BY 1, 2")


@suite.case("csv-products-bad-links", "bad codes and quantities leave out the record, an unknown SKU the links, and that is said")
def _():
    with shop() as s:
        out = s.text("product", "sku,type_id,name,price,super_attributes\nP,configurable,p,1,nosuch\nQ,simple,q,1,\n", "--skip-invalid", code=3)
        expect(" line 2: super_attributes: 'nosuch' is no attribute" in out and "records=1" in out, out)
        head = "sku,type_id,name,price,grouped_product_skus,grouped_parent_sku,grouped_qty\n"
        out = s.text("product", head + "SET,grouped,set,,Q:many,,\nR,simple,r,1,,SET,few\n", "--skip-invalid", code=3)
        expect(" line 2: grouped_product_skus: 'many' is no number" in out and " line 3: grouped_qty: 'few'" in out and "records=2" in out, out)
        s.expect(PRODUCTS, "Q")
        out = s.text("product", head + "SET,grouped,set,,Q:1|NO-SUCH:1,,\nBOX,grouped,box,,Q:2,,\nR,simple,r,1,,NONE,1\n", "--skip-invalid", code=3)
        for reason in (" line 2: grouped_product_skus: product NO-SUCH is neither in the file nor at the destination: such links of SET are "
                       "left out as a whole, and nothing else of the record",
                       " line 4: grouped_parent_sku: product NONE is neither in the file nor at the destination: links to NONE are left out as "
                       "a whole, and nothing else of the record"):
            expect(reason in out, "%r is not in: %s" % (reason, out))
        expect(out.count("links left out") == 2 and "record left out" not in out, out)
        expect("records=2" in out, out)
        s.expect(PRODUCTS, "BOX", "Q", "R", "SET")
        s.expect(LINKS, ("BOX", "Q"))
        for text, column in ((head + "SELF,grouped,s,1,Q:1|SELF:1,,\n", "grouped_product_skus"), (head + "SELF,simple,s,1,,SELF,1\n", "grouped_parent_sku"),
                             ("sku,type_id,name,price,configurable_children_skus\nSELF,configurable,s,1,SELF\n", "configurable_children_skus")):
            out = s.text("product", text, code=1)
            expect(" line 2: %s: 'SELF' is the product itself" % column in out, out)
        s.expect(PRODUCTS, "BOX", "Q", "R", "SET")
