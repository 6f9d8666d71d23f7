"""What a file leaves as it is: values that an entity has to have, stores of blocks and pages."""

from lib.suite import expect

from base import shop, suite


@suite.case("csv-required-stay", "an empty cell does not empty what an entity has to have; a new one needs it")
def _():
    with shop() as s:
        s.text("cms_block", "identifier,title,content\nhello,Hello,x\n")
        s.text("cms_page", "identifier,title,content\nhello.html,Hello,x\n")
        s.text("order", "increment_id,grand_total,subtotal,items\nO1,10,9,A:1:9\n")
        for entity in ("invoice", "creditmemo"):
            s.text(entity, "increment_id,order_id,grand_total,subtotal\nD1,O1,10,9\n")
        for duplicate in ("update", "merge"):
            for entity, key in (("cms_block", "hello"), ("cms_page", "hello.html")):
                s.text(entity, "identifier,title,content\n%s, ,new %s\n" % (key, duplicate), duplicate=duplicate)
                s.expect("SELECT title, content FROM %s WHERE identifier = '%s'" % (entity, key), ("Hello", "new " + duplicate))
            s.text("order", "increment_id,grand_total,base_grand_total,subtotal\nO1,,,8\n", duplicate=duplicate)
            for entity in ("invoice", "creditmemo"):
                s.text(entity, "increment_id,order_id,grand_total,subtotal\nD1,O1,,8\n", duplicate=duplicate)
            for entity in ("order", "invoice", "creditmemo"):
                s.expect("SELECT grand_total, base_grand_total, subtotal FROM sales_flat_" + entity, ("10.0000", "10.0000", "8.0000"))
        # also the destination's own
        s.text("cms_block", "identifier,title,content\nhello,,newer\n", source="other", duplicate="merge")
        s.expect("SELECT title, content FROM cms_block WHERE identifier = 'hello'", ("Hello", "newer"))
        for entity, text, reason in (("cms_block", "identifier,title\nnew,\n", "title is empty"), ("cms_page", "identifier,title\nnew,\n", "title is empty"),
                                     ("cms_page", "identifier\nnew\n", "title is empty"), ("order", "increment_id,grand_total\nO2,\n", "grand_total is empty"),
                                     ("invoice", "increment_id,order_id,grand_total\nD2,O1,\n", "grand_total is empty")):
            out = s.text(entity, text, code=1)
            expect(" line 2: " + reason in out, "%s: %r is not in: %s" % (entity, reason, out))


@suite.case("csv-empty-cells-of-new-ones", "an empty cell of a new one is its default, and leaves that when the file comes again; of a list it is none")
def _():
    with shop() as s:
        for duplicate in ("update", "update", "merge"):
            s.text("category", "entity_id,name,is_anchor,display_mode,url_key,meta_title\n7,Lamps,,,,\n", duplicate=duplicate)
            s.expect("SELECT %s, %s, %s" % tuple(s.value("catalog_category", code, "(SELECT MAX(entity_id) FROM catalog_category_entity)")
                                                 for code in ("is_anchor", "display_mode", "url_key")), ("1", "PRODUCTS", "lamps"))
            s.text("product", "sku,name,price,website_ids,url_key\nA,Lamp,5,,\nB,Lamp,5,base,\n", duplicate=duplicate)
            s.expect("SELECT sku, website_id FROM catalog_product_entity LEFT JOIN catalog_product_website ON product_id = entity_id ORDER BY 1",
                     ("A", None), ("B", "1"))
            columns = "status,state,created_at,updated_at,order_currency_code,base_currency_code,store_to_base_rate,total_qty_ordered"
            s.text("order", "increment_id,grand_total,items,%s\nO1,10,A:2:5%s\n" % (columns, "," * 8), duplicate=duplicate)
            s.expect("SELECT status, state, created_at > '2000', updated_at > '2000', order_currency_code, base_currency_code, store_to_base_rate,"
                     " total_qty_ordered FROM sales_flat_order", ("pending", "new", "1", "1", "USD", "USD", "1.0000", "2.0000"))
            s.expect("SELECT status, created_at > '2000', order_currency_code FROM sales_flat_order_grid", ("pending", "1", "USD"))
            s.text("invoice", "increment_id,order_id,grand_total,state,created_at,order_currency_code\nI1,O1,10,,,\n", duplicate=duplicate)
            s.expect("SELECT state, created_at > '2000', order_currency_code FROM sales_flat_invoice", ("2", "1", "USD"))
            s.text("newsletter", "subscriber_email,subscriber_status,change_status_at\na@example.com,,\n", duplicate=duplicate)
            s.expect("SELECT subscriber_status, change_status_at > '2000' FROM newsletter_subscriber", ("1", "1"))
            s.text("cms_page", "identifier,title,root_template,creation_time\nhello,Hello,,\n", duplicate=duplicate)
            s.expect("SELECT root_template, creation_time > '2000' FROM cms_page WHERE identifier = 'hello'", ("one_column", "1"))
            s.text("attribute", "attribute_code,frontend_label,frontend_input,backend_type,source_model,is_user_defined\nshade,Shade,select,,,\n",
                   duplicate=duplicate)
            s.expect("SELECT backend_type, source_model, is_user_defined FROM eav_attribute WHERE attribute_code = 'shade'",
                     ("int", "eav/entity_attribute_source_table", "1"))


@suite.case("csv-content-stores", "without stores what is known keeps them; which of several is meant has to be told")
def _():
    with shop() as s:
        rows = ("SELECT title, GROUP_CONCAT(store_id ORDER BY store_id) FROM cms_%s JOIN cms_%s_store USING (%s_id) WHERE identifier = 'shared' "
                "GROUP BY 1 ORDER BY MIN(%s_id)")
        for kind in ("block", "page"):
            entity, wanted = "cms_" + kind, rows % ((kind,) * 4)
            # one that came from SOURCE, told in the first file
            s.text(entity, "entity_id,identifier,title,stores\n1,shared,One,default\n")
            s.expect(wanted, ("One", "1"))
            s.text(entity, "entity_id,identifier,title\n1,shared,Two\n")
            s.text(entity, "entity_id,identifier,title,stores\n1,shared,Two,\n")
            s.expect(wanted, ("Two", "1"))
            # the destination's own, alone, and where there are two
            s.text(entity, "identifier,title\nshared,Three\n", source="other")
            s.expect(wanted, ("Three", "1"))
            s.server.run("INSERT INTO %s (identifier, title) VALUES ('shared', 'Own')" % entity,
                         "INSERT INTO %s_store SELECT MAX(%s_id), 0 FROM %s" % (entity, kind, entity), database="openmage")
            out = s.text(entity, "identifier,title\nshared,Four\n", source="third", code=1)
            expect(" line 2: " in out and "more than one %s 'shared'" % kind in out and "stores" in out, out)
            out = s.text(entity, "identifier,title,stores\nshared,Four,\"admin,default\"\n", source="third", code=1)
            expect(" line 2: " in out and "more than one %s 'shared'" % kind in out, out)
            s.expect(wanted, ("Three", "1"), ("Own", "0"))
            s.text(entity, "identifier,title,stores\nshared,Four,0\n", source="third")
            s.text(entity, "identifier,title\nshared,Five\n", source="other")  # known by now
            s.expect(wanted, ("Five", "1"), ("Four", "0"))
            s.text(entity, "identifier,title,stores\nalone,Own,default\n", source="other")
            s.text(entity, "identifier,title,stores\nalone,Alone,\"default,admin\"\n", source="third")
            s.expect(wanted.replace("'shared'", "'alone'"), ("Alone", "0,1"))
            s.text(entity, "identifier,title\nnew,New\n")
            s.expect(wanted.replace("'shared'", "'new'"), ("New", "0"))
            # what was deleted at the destination is made anew, for all stores
            s.server.run("DELETE FROM %s WHERE title = 'New'" % entity, database="openmage")
            s.text(entity, "identifier,title\nnew,Again\n")
            s.expect(wanted.replace("'shared'", "'new'"), ("Again", "0"))
