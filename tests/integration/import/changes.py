"""Single changes that an import could have done wrong, and what a report has to say of each."""

# title, statements, a pattern that one line of the report must match
CHANGES = [
    ("a wrong option", "SET @a = (SELECT attribute_id FROM eav_attribute WHERE attribute_code = 'size2');"
     "SET @v = (SELECT MIN(value_id) FROM catalog_product_entity_int WHERE attribute_id = @a AND value IS NOT NULL);"
     "UPDATE catalog_product_entity_int SET value = (SELECT option_id FROM eav_attribute_option WHERE attribute_id = @a AND"
     " option_id <> value LIMIT 1) WHERE value_id = @v", r"product .*size2, admin\]: catalog_product, size2 / \w+ / catalog_product, size2"),
    ("an option of the source's number", "SET @a = (SELECT attribute_id FROM eav_attribute WHERE attribute_code = 'size2');"
     "UPDATE catalog_product_entity_int SET value = 10 WHERE attribute_id = @a LIMIT 1", r"product .*size2, admin\]: .* / "),
    ("one of several options lost", "SET @a = (SELECT attribute_id FROM eav_attribute WHERE attribute_code = 'material');"
     "UPDATE catalog_product_entity_varchar SET value = SUBSTRING_INDEX(value, ',', 2) WHERE attribute_id = @a AND value LIKE"
     " '%,%,%' LIMIT 1", r"product .*material, admin\]"),
    ("a value of a store view lost", "DELETE FROM catalog_product_entity_varchar WHERE store_id > 0 LIMIT 1",
     r"product .*_varchar\[.*, (de|default|us_es)\]: .* / -"),
    ("a value in the wrong store view", "SET @s = (SELECT store_id FROM core_store WHERE code = 'us_es');"
     "SET @v = (SELECT v.value_id FROM catalog_product_entity_varchar v JOIN core_store s USING (store_id) LEFT JOIN"
     " catalog_product_entity_varchar w ON w.entity_id = v.entity_id AND w.attribute_id = v.attribute_id AND w.store_id = @s WHERE"
     " s.code = 'de' AND w.value_id IS NULL LIMIT 1);"
     "UPDATE catalog_product_entity_varchar SET store_id = @s WHERE value_id = @v", r"product .*_varchar\[.*, us_es\]: - / "),
    ("a value that the source does not have", "INSERT INTO catalog_product_entity_text (entity_type_id, attribute_id, store_id,"
     " entity_id, value) SELECT entity_type_id, (SELECT attribute_id FROM eav_attribute WHERE attribute_code = 'custom_layout_update'"
     " AND entity_type_id = e.entity_type_id), 0, entity_id, 'x' FROM catalog_product_entity e LIMIT 1", r"product .*: - / x"),
    ("a price", "UPDATE catalog_product_entity_decimal SET value = value + 0.01 WHERE value > 1 LIMIT 1", r"product .*_decimal\["),
    ("a set of attributes", "UPDATE catalog_product_entity SET attribute_set_id = (SELECT attribute_set_id FROM eav_attribute_set"
     " WHERE attribute_set_name = 'Shoes') LIMIT 1", r"product .*: attribute_set_id: "),
    ("a tier price lost", "DELETE FROM catalog_product_entity_tier_price LIMIT 1", r"product .*tier_price\[.*\]: yes / -"),
    ("a tier price of another group", "SET @v = (SELECT MIN(value_id) FROM catalog_product_entity_tier_price);"
     "UPDATE catalog_product_entity_tier_price SET all_groups = 0, customer_group_id = (SELECT customer_group_id FROM"
     " customer_group WHERE customer_group_code = 'Wholesale') WHERE value_id = @v", r"product .*tier_price\[0, Wholesale, .*\]: - / yes"),
    ("a group price", "UPDATE catalog_product_entity_group_price SET value = value + 1 LIMIT 1", r"product .*group_price\[.*\]\.value"),
    ("a website lost", "DELETE FROM catalog_product_website LIMIT 1", r"product .*website\[\w+\]: yes / -"),
    ("a product of another category", "UPDATE IGNORE catalog_category_product SET category_id = (SELECT MAX(entity_id) FROM"
     " catalog_category_entity) ORDER BY category_id LIMIT 1", r"product .*catalog_category_product\[.*\]: yes / -"),
    ("a position in a category", "UPDATE catalog_category_product SET position = position + 1 LIMIT 1",
     r"product .*catalog_category_product\[.*\]\.position"),
    ("a link to another product", "UPDATE IGNORE catalog_product_link SET linked_product_id = (SELECT entity_id FROM"
     " catalog_product_entity WHERE sku = 'sku-90001') LIMIT 1", r"product .*_link\[\w+, sku-90001\]: - / yes"),
    ("the quantity of a grouped product", "UPDATE catalog_product_link_attribute_decimal SET value = value + 1 LIMIT 1",
     r"product .*link_attribute_decimal\[.*\]\.value"),
    ("a variant lost", "DELETE FROM catalog_product_super_link LIMIT 1", r"product .*super_link\[.*\]: yes / -"),
    ("the price of a choice", "UPDATE catalog_product_super_attribute_pricing SET pricing_value = pricing_value + 1 LIMIT 1",
     r"product .*pricing\[.*\]\.pricing_value"),
    ("a choice of another option", "SET @v = (SELECT MIN(value_id) FROM catalog_product_super_attribute_pricing);"
     "UPDATE catalog_product_super_attribute_pricing SET value_index = value_index + 1000 WHERE value_id = @v",
     r"product .*super_attribute_pricing\[.*\(gone\)"),
    ("a custom option twice", "INSERT INTO catalog_product_option (product_id, type, sort_order) SELECT product_id, type, sort_order"
     " FROM catalog_product_option LIMIT 1", r"product .*catalog_product_option\[.*\]: - / yes"),
    ("a title of a custom option", "UPDATE catalog_product_option_title SET title = 'Grav' WHERE store_id > 0 LIMIT 1",
     r"product .*option_title\[.*\]\.title: Gravur / Grav"),
    ("a price of an option's value", "UPDATE catalog_product_option_type_price SET price_type = 'percent' WHERE price_type = 'fixed'"
     " LIMIT 1", r"product .*type_price\[.*\]\.price_type"),
    ("a bundle's choice of another product", "UPDATE catalog_product_bundle_selection SET product_id = (SELECT entity_id FROM"
     " catalog_product_entity WHERE sku = 'sku-00001') LIMIT 1", r"product .*bundle_selection\[.*sku-00001\]: - / yes"),
    ("the parent of a bundle's choice", "UPDATE catalog_product_bundle_selection SET parent_product_id = parent_product_id + 1000 LIMIT 1",
     r"product .*bundle_selection\[.*\]\.parent_product_id: .* / \(gone\)"),
    ("the price of a download", "UPDATE downloadable_link_price SET price = price + 1 LIMIT 1", r"product .*downloadable_link_price\["),
    ("a picture", "UPDATE catalog_product_entity_media_gallery SET value = '/x.png' LIMIT 1", r"product .*media_gallery\[.*/x.png\]: - / yes"),
    ("a picture's place", "UPDATE catalog_product_entity_media_gallery_value SET position = 7 WHERE position = 1 LIMIT 1",
     r"product .*gallery_value\[.*\]\.position: 1 / 7"),
    ("stock", "UPDATE cataloginventory_stock_item SET qty = qty - 1 LIMIT 1", r"stock .*: qty: "),
    ("a category below another parent", "SET @c = (SELECT MAX(entity_id) FROM catalog_category_entity WHERE children_count = 0);"
     "UPDATE catalog_category_entity SET parent_id = (SELECT MIN(entity_id) FROM catalog_category_entity WHERE level = 2) WHERE"
     " entity_id = @c", r"category .*: is there: yes / -"),
    ("a path that is not its parent's", "UPDATE catalog_category_entity SET path = CONCAT('1/2/', entity_id) WHERE level = 3 LIMIT 1",
     r"category .*: path: as its parent's / wrong"),
    ("a count of children", "UPDATE catalog_category_entity SET children_count = children_count + 1 WHERE level = 2 LIMIT 1",
     r"category .*: children_count: right / off by 1"),
    ("a category's block", "UPDATE catalog_category_entity_int v JOIN eav_attribute a USING (attribute_id) SET v.value = (SELECT"
     " MIN(block_id) FROM cms_block) WHERE attribute_code = 'landing_page'", r"category .*landing_page, admin\]: "),
    ("an option's label", "UPDATE eav_attribute_option_value SET value = 'Gris' WHERE store_id > 0 LIMIT 1",
     r"attribute .*option_value\[.*\]\.value: .* / Gris"),
    ("an option lost", "DELETE o FROM eav_attribute_option o JOIN eav_attribute_option_value v USING (option_id) WHERE v.value ="
     " 'Teal' AND v.store_id = 0", r"attribute .*option\[Teal\]: yes / -"),
    ("an option twice", "INSERT INTO eav_attribute_option (attribute_id, sort_order) SELECT attribute_id, sort_order FROM"
     " eav_attribute_option LIMIT 1", r"attribute .*option\[-\]: - / yes"),
    ("the default of an attribute", "UPDATE eav_attribute SET default_value = default_value + 1 WHERE attribute_code IN ('color2',"
     " 'size2') AND default_value > 0", r"attribute .*: default_value: "),
    ("an attribute in another group", "SET @e = (SELECT MAX(entity_attribute_id) FROM eav_entity_attribute);"
     "UPDATE eav_entity_attribute e SET attribute_group_id = (SELECT attribute_group_id FROM eav_attribute_group g WHERE"
     " g.attribute_set_id = e.attribute_set_id AND g.attribute_group_id <> e.attribute_group_id LIMIT 1) WHERE"
     " entity_attribute_id = @e", r"attribute_set .*eav_entity_attribute\[.*\]: - / yes"),
    ("the tax class of a group", "UPDATE customer_group SET tax_class_id = tax_class_id + 1 WHERE customer_group_code = 'Retailer'",
     r"customer_group Retailer: tax_class_id: "),
    ("an address appended", "INSERT INTO customer_address_entity (entity_type_id, parent_id, is_active) SELECT entity_type_id,"
     " parent_id, 1 FROM customer_address_entity LIMIT 1", r"customer .*address_entity\[.*\]: - / yes"),
    ("another address by default", "UPDATE customer_entity_int v JOIN eav_attribute a USING (attribute_id) SET v.value = v.value + 1000"
     " WHERE attribute_code = 'default_billing' AND v.value > 0", r"customer .*default_billing\]: .* / \(gone\)"),
    ("a region", "UPDATE customer_address_entity_int v JOIN eav_attribute a USING (attribute_id) SET v.value = v.value + 1 WHERE"
     " attribute_code = 'region_id' AND v.value > 0", r"customer .*region_id\]: "),
    ("a password", "UPDATE customer_entity_varchar v JOIN eav_attribute a USING (attribute_id) SET v.value = 'x' WHERE attribute_code"
     " = 'password_hash'", r"customer .*password_hash\]: .* / x"),
    ("a customer in another group", "UPDATE customer_entity SET group_id = (SELECT customer_group_id FROM customer_group WHERE"
     " customer_group_code = 'Retailer') LIMIT 1", r"customer .*: group_id: .* / Retailer"),
    ("a customer's store", "UPDATE customer_entity SET store_id = NULL LIMIT 1", r"customer .*: store_id: .* / -"),
    ("a subscriber's customer", "UPDATE newsletter_subscriber SET customer_id = customer_id + 1 WHERE customer_id > 0 LIMIT 1",
     r"newsletter .*: customer_id: "),
    ("the parent of an item", "SET @i = (SELECT MAX(item_id) FROM sales_flat_order_item WHERE parent_item_id IS NOT NULL);"
     "UPDATE sales_flat_order_item SET parent_item_id = NULL WHERE item_id = @i", r"order .*order_item\[.*\]\.parent_item_id: .* / -"),
    ("an item of another order's parent", "SET @p = (SELECT MIN(parent_item_id) FROM sales_flat_order_item);"
     "UPDATE sales_flat_order_item SET parent_item_id = @p WHERE parent_item_id IS NOT NULL ORDER BY item_id DESC LIMIT 1",
     r"order .*order_item\[.*\]\.parent_item_id: "),
    ("an item of another product", "UPDATE sales_flat_order_item SET product_id = (SELECT entity_id FROM catalog_product_entity WHERE"
     " sku = 'sku-90001') WHERE product_id IS NOT NULL LIMIT 1", r"order .*order_item\[.*\]\.product_id: "),
    ("an item twice", "INSERT INTO sales_flat_order_item (order_id, sku, name, product_type) SELECT order_id, sku, name, product_type"
     " FROM sales_flat_order_item LIMIT 1", r"order .*order_item\[.*\]: - / yes"),
    ("a choice in an item's options", "UPDATE sales_flat_order_item SET product_options = REGEXP_REPLACE(product_options,"
     " 'super_attribute\";a:2:\\\\{i:[0-9]+;i:', 'super_attribute\";a:2:{i:1;i:') WHERE product_options LIKE '%super_attribute%' LIMIT 1",
     r"order .*\.product_options: "),
    ("the length of a text in an item's options", "UPDATE sales_flat_order_item SET product_options = REPLACE(product_options,"
     " 's:3:\"qty\"', 's:4:\"qty\"') WHERE product_options LIKE '%s:3:\"qty\"%' LIMIT 1", r"order .*\.product_options: "),
    ("a custom option in an item's options", "UPDATE sales_flat_order_item SET product_options = REGEXP_REPLACE(product_options,"
     " '\"option_id\";s:[0-9]+:\"[0-9]+\"', '\"option_id\";s:1:\"1\"') WHERE product_options LIKE '%print_value%'",
     r"order .*\.product_options: "),
    ("a bundle's part in an item's options", "UPDATE sales_flat_order_item SET product_options = REGEXP_REPLACE(product_options,"
     " '\"bundle_options\";a:([0-9]+):\\\\{i:[0-9]+', '\"bundle_options\";a:\\\\1:{i:1') WHERE product_options LIKE"
     " '%\"bundle_options\"%'", r"order .*\.product_options: "),
    ("a rule that was applied", "UPDATE sales_flat_order SET applied_rule_ids = CONCAT(applied_rule_ids, ',1') WHERE applied_rule_ids"
     " <> '' LIMIT 1", r"order .*: applied_rule_ids: "),
    ("an order's customer", "UPDATE sales_flat_order SET customer_id = NULL WHERE customer_id IS NOT NULL LIMIT 1", r"order .*: customer_id: .* / -"),
    ("an order's store", "UPDATE sales_flat_order SET store_id = (SELECT store_id FROM core_store WHERE code = 'us_es') LIMIT 1",
     r"order .*: store_id: \w+ / us_es"),
    ("an address of an order", "UPDATE sales_flat_order SET shipping_address_id = billing_address_id WHERE shipping_address_id IS NOT"
     " NULL LIMIT 1", r"order .*: shipping_address_id: .*shipping / .*billing"),
    ("a region of an order's address", "UPDATE sales_flat_order_address SET region_id = region_id + 1 WHERE region_id > 0 LIMIT 1",
     r"order .*order_address\[.*\]\.region_id"),
    ("an amount", "UPDATE sales_flat_order SET base_grand_total = base_grand_total + 0.0001 LIMIT 1", r"order .*: base_grand_total: "),
    ("a comment lost", "DELETE FROM sales_flat_order_status_history LIMIT 1", r"order .*status_history\[.*\]: yes / -"),
    ("a comment twice", "INSERT INTO sales_flat_order_status_history (parent_id, status, entity_name, created_at) SELECT parent_id,"
     " status, entity_name, created_at FROM sales_flat_order_status_history LIMIT 1", r"order .*status_history\[.*\]: - / yes"),
    ("a row of the grid", "UPDATE sales_flat_order_grid SET status = 'x' LIMIT 1", r"order .*_grid\[\]\.status: .* / x"),
    ("a payment", "UPDATE sales_flat_order_payment SET amount_paid = 0.01 LIMIT 1", r"order .*_payment\[.*\]\.amount_paid"),
    ("the parent of a transaction", "UPDATE sales_payment_transaction SET parent_id = NULL WHERE parent_id IS NOT NULL",
     r"order .*transaction\[.*\]\.parent_id: .* / -"),
    ("a tax of an item", "DELETE FROM sales_order_tax_item", r"order .*tax_item\[.*\]: yes / -"),
    ("a gift message", "UPDATE sales_flat_order_item SET gift_message_id = NULL", r"order .*gift_message_id: .* / -"),
    ("a download that was bought", "UPDATE downloadable_link_purchased_item SET order_item_id = order_item_id + 1 LIMIT 1",
     r"order .*purchased_item\[.*\]\.order_item_id: "),
    ("an invoice's item of another order", "UPDATE sales_flat_invoice_item SET order_item_id = (SELECT MAX(item_id) FROM"
     " sales_flat_order_item) LIMIT 1", r"invoice .*invoice_item\[.*\]"),
    ("a parcel", "UPDATE sales_flat_shipment_track SET track_number = 'x' LIMIT 1", r"shipment .*track\[.*, x\]: - / yes"),
    ("a credit memo's invoice", "UPDATE sales_flat_creditmemo SET invoice_id = invoice_id + 1000 WHERE invoice_id IS NOT NULL LIMIT 1",
     r"creditmemo .*: invoice_id: .* / \(gone\)"),
    ("a credit memo's comment", "DELETE FROM sales_flat_creditmemo_comment LIMIT 1", r"creditmemo .*comment\[.*\]: yes / -"),
    ("a review of another product", "UPDATE review SET entity_pk_value = (SELECT entity_id FROM catalog_product_entity WHERE sku ="
     " 'sku-90001') LIMIT 1", r"review .*: is there: "),
    ("stars", "SET @v = (SELECT MIN(vote_id) FROM rating_option_vote); UPDATE rating_option_vote SET option_id = option_id + 1 WHERE"
     " vote_id = @v", r"review .*vote\[.*\]\.option_id: "),
    ("a review in a store", "DELETE FROM review_store LIMIT 1", r"review .*review_store\[\w+\]: yes / -"),
    ("a rule's group", "DELETE FROM salesrule_customer_group LIMIT 1", r"salesrule .*customer_group\[.*\]: yes / -"),
    ("a rule's category", "UPDATE salesrule SET actions_serialized = REGEXP_REPLACE(actions_serialized,"
     " '\"category_ids\";s:8:\"operator\";s:2:\"\\\\(\\\\)\";s:5:\"value\";s:([0-9]+):\"[0-9]{2}', '\"category_ids\";s:8:\"operator\";s:2:\"()\";s:5:\"value\";s:\\\\1:\"99')"
     " WHERE actions_serialized LIKE '%category_ids%'", r"salesrule .*: actions_serialized: "),
    ("a coupon", "UPDATE salesrule_coupon SET code = 'X' LIMIT 1", r"salesrule .*coupon\[X\]: - / yes"),
    ("a catalogue rule's website", "DELETE FROM catalogrule_website LIMIT 1", r"catalogrule .*website\[\w+\]: yes / -"),
    ("a catalogue rule's conditions", "UPDATE catalogrule SET conditions_serialized = REGEXP_REPLACE(conditions_serialized,"
     " '\"value\";s:2:\"[0-9][0-9]\"', '\"value\";s:2:\"98\"') WHERE conditions_serialized LIKE '%category_ids%'",
     r"catalogrule .*: conditions_serialized: "),
    ("a block's product", "UPDATE cms_block SET content = REGEXP_REPLACE(content, 'product/[0-9]+', 'product/1') WHERE content LIKE"
     " '%product/%'", r"cms_block .*: content: "),
    ("a page's block", "UPDATE cms_page SET content = REGEXP_REPLACE(content, 'block_id=\"[0-9]+\"', 'block_id=\"1\"') WHERE content"
     " LIKE '%block_id=%'", r"cms_page .*: content: "),
    ("a page in another store", "UPDATE cms_page_store SET store_id = (SELECT store_id FROM core_store WHERE code = 'de') WHERE"
     " store_id = 0 LIMIT 1", r"cms_page .*@de: is there: - / yes"),
    ("a wish", "DELETE FROM wishlist_item LIMIT 1", r"wishlist .*wishlist_item\[.*\]: yes / -"),
    ("an alert's customer", "UPDATE product_alert_stock SET customer_id = (SELECT MAX(entity_id) FROM customer_entity) LIMIT 1",
     r"stock_alert .*: is there: - / yes"),
    ("a tag's product", "UPDATE tag_relation SET product_id = (SELECT entity_id FROM catalog_product_entity WHERE sku = 'sku-90001')"
     " LIMIT 1", r"tag .*tag_relation\[.*sku-90001.*\]: - / yes"),
    ("a tax of another class", "UPDATE tax_calculation SET product_tax_class_id = (SELECT class_id FROM tax_class WHERE class_name ="
     " 'Shipping') LIMIT 1", r"tax_rule .*tax_calculation\[.*Shipping.*\]: - / yes"),
    ("a rate's region", "UPDATE tax_calculation_rate SET tax_region_id = tax_region_id + 1 WHERE tax_region_id > 0 LIMIT 1",
     r"tax_rate .*: tax_region_id: "),
    ("what was put into a cart", "UPDATE sales_flat_quote_item_option SET value = REGEXP_REPLACE(value,"
     " '\\{i:[0-9]+;i:', '{i:1;i:') WHERE code = 'attributes' LIMIT 1", r"cart .*item_option\[.* / attributes\]\.value: "),
    ("a product of a cart", "UPDATE sales_flat_quote_item_option SET value = '1' WHERE code = 'simple_product' LIMIT 1",
     r"cart .*item_option\[.* / simple_product\]\.value: "),
    ("a counter behind what is taken", "UPDATE eav_entity_store SET increment_last_id = increment_last_id - 2 LIMIT 1",
     r"sequence .*: increment_last_id: at least"),
]

# as above, after an import into a shop that had entities before
DAMAGES = [
    ("an own product's value", "UPDATE catalog_product_entity_varchar SET value = 'x' WHERE value LIKE 'Own %' AND entity_id IN (SELECT"
     " entity_id FROM catalog_product_entity WHERE sku LIKE 'OWN-%') LIMIT 1", r"own product OWN-.*: value: Own \d+ / x"),
    ("an own product", "DELETE FROM catalog_product_entity WHERE sku LIKE 'OWN-%' LIMIT 1", r"own product OWN-.*: there / gone"),
    ("something added to an own product", "INSERT INTO catalog_product_entity_tier_price (entity_id, all_groups, customer_group_id, qty,"
     " value, website_id) SELECT entity_id, 1, 0, 99, 1, 0 FROM catalog_product_entity WHERE sku LIKE 'OWN-%' LIMIT 1",
     r"own product OWN-.*: - / added"),
    ("an own order's customer", "UPDATE sales_flat_order SET customer_id = NULL WHERE increment_id LIKE '5%' AND customer_id IS NOT NULL"
     " LIMIT 1", r"own order 5.*: customer_id: \d+ / -"),
    ("an own order's item", "DELETE i FROM sales_flat_order_item i JOIN sales_flat_order o ON o.entity_id = i.order_id WHERE"
     " o.increment_id = (SELECT MIN(increment_id) FROM sales_flat_order WHERE increment_id LIKE '5%')", r"own order 5.*: there / gone"),
    ("an own customer's website", "UPDATE customer_entity SET website_id = NULL WHERE website_id = (SELECT website_id FROM core_website WHERE code = 'outlet') LIMIT 1", r"own customer outlet, .*: website_id"),
    ("an own setting", "UPDATE core_config_data SET value = 'x' LIMIT 1", r"own row of: core_config_data"),
    ("an own category", "DELETE FROM catalog_category_entity WHERE entity_id = (SELECT MAX(c.entity_id) FROM catalog_category_entity c JOIN"
     " catalog_category_entity_varchar v ON v.value LIKE 'own-%' AND CONCAT('/', c.path, '/') LIKE CONCAT('%/', v.entity_id, '/%')"
     " WHERE c.entity_id NOT IN (SELECT parent_id FROM catalog_category_entity))", r"own category .*own-.*: there / gone"),
    ("an own option", "DELETE o FROM eav_attribute_option o JOIN eav_attribute_option_value v USING (option_id) WHERE v.value ="
     " 'Own choice'", r"attribute .*Own choice.*(to be kept|to be left alone)\): yes / -"),
    ("a value of an own attribute", "DELETE v FROM catalog_product_entity_varchar v JOIN eav_attribute a USING (attribute_id) WHERE"
     " attribute_code = 'own_code'", r"(own product .*|product .*own_code, admin\] \(to be (kept|left alone)\): code \d+ / -)"),
    ("a tier price of an own group", "DELETE p FROM catalog_product_entity_tier_price p JOIN catalog_product_entity USING (entity_id)"
     " WHERE qty = 33 AND sku NOT LIKE 'OWN-%'", r"product .*VIP.*\(to be (kept|left alone)\): yes / -"),
    ("a place in an own website", "DELETE w FROM catalog_product_website w JOIN core_website USING (website_id) JOIN"
     " catalog_product_entity ON entity_id = product_id WHERE code = 'outlet' AND sku NOT LIKE 'OWN-%'",
     r"product .*website\[outlet\] \(to be (kept|left alone)\): yes / -"),
    ("a product twice", "INSERT INTO catalog_product_entity (entity_type_id, attribute_set_id, type_id, sku) SELECT entity_type_id,"
     " attribute_set_id, type_id, 'imported twice' FROM catalog_product_entity LIMIT 1", r"product imported twice: is there: - / yes"),
    ("a counter that went back", "UPDATE eav_entity_store SET increment_last_id = '500000001' WHERE increment_last_id = '5300009999'"
     " LIMIT 1", r"sequence .*: increment_last_id: at least"),
    ("a row of the registry lost", "DELETE FROM registry WHERE entity_type = 'product' LIMIT 1", r"registry .* / -"),
    ("a member's row of the registry lost", "DELETE FROM registry WHERE entity_type = 'customer_address_entity' LIMIT 1",
     r"registry customer_address_entity .* / -"),
    ("a row of the registry twice", "INSERT INTO registry SELECT source_system, entity_type, source_id, target_id + 1, origin FROM"
     " registry WHERE entity_type = 'order' LIMIT 1", r"registry order \d+: target_id: "),
    ("a row of the registry that leads elsewhere", "UPDATE registry SET target_id = target_id + 1 WHERE entity_type = 'customer'"
     " ORDER BY target_id DESC LIMIT 1", r"registry customer_entity .*\(gone\)"),
]
