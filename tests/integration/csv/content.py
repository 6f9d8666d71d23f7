"""Subscribers, blocks, pages and attributes."""

from lib.suite import expect, expect_equal

from base import shop, suite


@suite.case("csv-newsletter", "the example of the old module, which could not take it; customers by id, else by e-mail")
def _():
    with shop() as s:
        s.sync("customer", "customers_basic.csv")
        codes = None
        for _ in range(2):
            s.sync("newsletter", "newsletter_subscribers.csv")
            s.expect("SELECT subscriber_email, subscriber_status, store_id, (SELECT email FROM customer_entity c WHERE c.entity_id = "
                     "customer_id), change_status_at FROM newsletter_subscriber ORDER BY subscriber_id",
                     ("anna@example.com", "1", "1", "anna@example.com", "2024-01-15 10:00:00"),
                     ("news-2@example.com", "1", "1", None, "2024-02-01 08:30:00"),
                     ("news-3@example.com", "3", "1", None, "2024-02-02 00:00:00"),
                     ("ben@example.com", "1", "1", "ben@example.com", "2024-03-01 12:00:00"),
                     ("news-5@example.com", "3", "1", None, "2024-03-05 09:15:30"))
            found = s.rows("SELECT subscriber_confirm_code FROM newsletter_subscriber WHERE LENGTH(subscriber_confirm_code) = 32 ORDER BY 1")
            expect_equal(len(found), 5, "confirmation codes")
            expect_equal(found, codes or found, "codes in the second run")
            codes = found
        s.text("newsletter", "subscriber_email,subscriber_status\nnews-2@example.com,3\n", source="other")
        s.expect("SELECT COUNT(*), SUM(subscriber_status = 3) FROM newsletter_subscriber", ("5", "3"))


@suite.case("csv-content", "blocks and pages with their stores")
def _():
    with shop() as s:
        for _ in range(2):
            s.text("cms_block", "block_id,identifier,title,content,is_active,stores\nb1,hello,Hello,\"<p>Hello,\nworld</p>\",1,\n"
                                "b2,local,Local,<p/>,0,default\n")
            s.expect("SELECT identifier, title, content, is_active, store_id FROM cms_block JOIN cms_block_store USING (block_id) WHERE "
                     "identifier IN ('hello', 'local') ORDER BY 1", ("hello", "Hello", "<p>Hello,\nworld</p>", "1", "0"),
                     ("local", "Local", "<p/>", "0", "1"))
        before = s.one("SELECT COUNT(*) FROM cms_page")
        s.text("cms_page", "identifier,title,content,meta_keywords\nhome,New home,<h1/>,\nmade/up.html,Made,<h2/>,\"a,b\"\n")
        s.expect("SELECT identifier, title, root_template, meta_keywords, store_id FROM cms_page JOIN cms_page_store USING (page_id) WHERE "
                 "content IN ('<h1/>', '<h2/>') ORDER BY 1", ("home", "New home", s.one(
                     "SELECT root_template FROM cms_page WHERE identifier = 'home'"), None, "0"),
                 ("made/up.html", "Made", "one_column", "a,b", "0"))
        expect_equal(s.one("SELECT COUNT(*) FROM cms_page"), before + 1, "pages")
        out = s.text("cms_block", "identifier,title\na b,X\n", code=1)
        expect("identifier: 'a b'" in out, out)


@suite.case("csv-content-one-identifier", "records with one identifier and no ids are several by their stores, and an error without")
def _():
    with shop() as s:
        s.server.run("INSERT INTO core_store (code, website_id, group_id, name, is_active) VALUES ('french', 1, 1, 'French', 1)", database="openmage")
        for kind in ("block", "page"):
            entity = "cms_" + kind
            text = "identifier,title\nfooter,A\nother,O\nfooter,B\n"
            out = s.text(entity, text, code=1)
            expect(" line 4: identifier: 'footer' stands in line 2, too: tell the %ss apart by stores, or by %s_id" % (kind, kind) in out, out)
            s.text(entity, text, "--skip-invalid", code=3)
            s.text(entity, text, "--skip-invalid", code=3, source="other")
            s.expect("SELECT title FROM %s WHERE identifier IN ('footer', 'other') ORDER BY 1" % entity, "A", "O")
            rows = "SELECT title, store_id FROM %s JOIN %s_store USING (%s_id) WHERE identifier = 'local' ORDER BY 2" % (entity, entity, kind)
            for run in "12":
                s.text(entity, "identifier,title,stores\nlocal,A%s,default\nlocal,B%s,french\n" % (run, run))
                s.expect(rows, ("A" + run, "1"), ("B" + run, "2"))
            out = s.text(entity, "identifier,title,stores\nlocal,A,default\nlocal,B,\"french,default\"\n", code=1)
            expect(" line 3: identifier: " in out, out)
            s.text(entity, "identifier,title,stores\nlocal,A,\"default,admin\"\n")  # some of them are its own
            s.expect(rows, ("A", "0"), ("A", "1"), ("B2", "2"))


@suite.case("csv-attributes", "options by label, sets and groups; what is there keeps its input; products can use them at once")
def _():
    with shop() as s:
        text = ("attribute_code,frontend_label,frontend_input,is_global,is_configurable,is_filterable,options,attribute_sets,attribute_group\n"
                "brand,Brand,select,global,1,1,Acme|Zenith,Default,Maker\nupc_code,UPC,text,store,0,0,,Default,Maker\n"
                "parts,Parts,multiselect,1,0,0,\"[{\"\"label\"\":\"\"Lid\"\",\"\"position\"\":5},{\"\"label\"\":\"\"Box, small\"\"}]\",,\n"
                "is_new,New?,boolean,website,0,0,,Default,\nmsrp2,MSRP,price,2,0,0,,Default,\nmanufacturer,Maker,text,,1,0,red:Red,,\n")
        for _ in range(2):
            s.text("attribute", text)
            s.expect("SELECT attribute_code, backend_type, frontend_input, is_user_defined, is_global, is_configurable FROM eav_attribute JOIN "
                     "catalog_eav_attribute USING (attribute_id) WHERE attribute_code IN ('brand', 'upc_code', 'parts', 'is_new', 'msrp2', "
                     "'manufacturer') ORDER BY 1", ("brand", "int", "select", "1", "1", "1"), ("is_new", "int", "select", "1", "2", "0"),
                     ("manufacturer", "int", "select", "1", s.one("SELECT CAST(is_global AS CHAR) FROM catalog_eav_attribute JOIN eav_attribute USING "
                                                               "(attribute_id) WHERE attribute_code = 'manufacturer'"), "1"),
                     ("msrp2", "decimal", "price", "1", "2", "0"), ("parts", "varchar", "multiselect", "1", "1", "0"),
                     ("upc_code", "varchar", "text", "1", "0", "0"))
            s.expect("SELECT attribute_code, value, sort_order FROM eav_attribute JOIN eav_attribute_option USING (attribute_id) JOIN "
                     "eav_attribute_option_value USING (option_id) WHERE entity_type_id = 4 ORDER BY 1, 2", ("brand", "Acme", "0"),
                     ("brand", "Zenith", "1"), ("manufacturer", "Red", "0"), ("parts", "Box, small", "1"), ("parts", "Lid", "5"))
            s.expect("SELECT attribute_code, attribute_group_name FROM eav_entity_attribute JOIN eav_attribute USING (attribute_id) JOIN "
                     "eav_attribute_group USING (attribute_group_id) WHERE attribute_code IN ('brand', 'upc_code', 'parts', 'is_new') ORDER BY 1",
                     ("brand", "Maker"), ("is_new", "General"), ("parts", "General"), ("upc_code", "Maker"))
        s.text("product", "sku,name,price,brand,upc_code\nA,a,1,zenith,0012\n")
        s.expect("SELECT o.value, t.value FROM catalog_product_entity_int i JOIN eav_attribute_option_value o ON o.option_id = i.value JOIN "
                 "catalog_product_entity_varchar t ON t.entity_id = i.entity_id JOIN eav_attribute a ON a.attribute_id = i.attribute_id JOIN "
                 "eav_attribute b ON b.attribute_id = t.attribute_id WHERE a.attribute_code = 'brand' AND b.attribute_code = 'upc_code'",
                 ("Zenith", "0012"))
        out = s.text("attribute", "attribute_code,frontend_label,frontend_input\nBad-Code,x,text\n", code=1)
        expect("'Bad-Code' is no code" in out, out)
        out = s.text("productattribute", "attribute_code,frontend_label,frontend_input\nodd,x,hologram\n", code=1)
        expect("'hologram' is none" in out, out)
