"""What the recorded shop never did, and an import has to carry: written into a source as rows.

Ids of new rows are far above those that the recorded life goes on with.
"""

from . import phpserialize as php
from .recording import DATABASE

FAR = 9001


class _Writer:
    def __init__(self, server):
        self.connection = server.connect(DATABASE)
        self.cursor = self.connection.cursor()
        self.run("SET SESSION time_zone='+00:00'")

    def run(self, sql, *values):
        self.cursor.execute(sql, values or None)
        return self.cursor.fetchall()

    def one(self, sql, *values):
        rows = self.run(sql, *values)
        if not rows:
            raise LookupError("the recorded shop has none of: " + sql)
        return rows[0] if len(rows[0]) > 1 else rows[0][0]


def php_text(tree):
    return php.dumps(php.map_of(tree))


def _order_items(to):
    """Every kind of choice that an item's options can hold."""
    product, field, select = to.one(
        "SELECT o.product_id, MIN(o.option_id), MAX(o.option_id) FROM catalog_product_option o WHERE EXISTS (SELECT 1 FROM"
        " catalog_product_option s WHERE s.product_id = o.product_id AND s.type = 'drop_down') GROUP BY 1 HAVING COUNT(*) = 2"
        " ORDER BY 1 LIMIT 1")
    first, second = [row[0] for row in to.run(
        "SELECT option_type_id FROM catalog_product_option_type_value WHERE option_id = %s ORDER BY 1 LIMIT 2", select)]
    to.run("UPDATE catalog_product_option SET type = 'checkbox' WHERE option_id = %s", select)
    items = [row[0] for row in to.run(
        "SELECT item_id FROM sales_flat_order_item i JOIN catalog_product_entity p ON p.entity_id = i.product_id WHERE"
        " product_type = 'simple' AND parent_item_id IS NULL ORDER BY 1 LIMIT 4")]
    related = [row[0] for row in to.run("SELECT entity_id FROM catalog_product_entity WHERE type_id = 'simple' ORDER BY 1 LIMIT 2")]
    chosen = "%d,%d" % (first, second)
    to.run("UPDATE sales_flat_order_item SET product_id = %s, product_options = %s WHERE item_id = %s", product, php_text({
        "info_buyRequest": {"uenc": "aHR0cA,,", "product": str(product), "form_key": "naïve “key”", "qty": 1,
                            "related_product": "%d,%d" % tuple(related),
                            "options": {field: "Für Zoë", select: [str(first), str(second)]}},
        "options": [
            {"label": "Engraving", "value": "Für Zoë", "print_value": "Für Zoë", "option_id": str(field), "option_type": "field",
             "option_value": "Für Zoë", "custom_view": False},
            {"label": "Wrap", "value": "red, gold", "print_value": "red, gold", "option_id": str(select),
             "option_type": "checkbox", "option_value": chosen, "custom_view": False}]}), items[0])
    group = to.one("SELECT entity_id FROM catalog_product_entity WHERE type_id = 'grouped' ORDER BY 1 LIMIT 1")
    to.run("UPDATE sales_flat_order_item SET product_options = %s WHERE item_id = %s", php_text({
        "info_buyRequest": {"product": str(group), "super_group": {related[0]: "2", related[1]: "0"},
                            "super_product_config": {"product_type": "grouped", "product_id": str(group)}}}), items[1])
    bundle = to.run("SELECT item_id, product_options FROM sales_flat_order_item WHERE product_type = 'bundle' ORDER BY 1 DESC LIMIT 1")
    for item, text in bundle:
        tree = php.loads(text)
        request = tree.get("info_buyRequest")
        request.append(["bundle_option_qty", php.Map([number, "1"] for number, _chosen in request.get("bundle_option"))])
        number, one = request.get("bundle_option")[0]
        request.get("bundle_option")[0][1] = php.map_of([one])
        to.run("UPDATE sales_flat_order_item SET product_options = %s WHERE item_id = %s", php.dumps(tree), item)
    order = to.one("SELECT order_id FROM sales_flat_order_item WHERE item_id = %s", items[0])
    tax = to.run("SELECT tax_id FROM sales_order_tax WHERE order_id = %s LIMIT 1", order)
    if tax:
        to.run("INSERT INTO sales_order_tax_item VALUES (%s, %s, %s, 8.3750)", FAR, tax[0][0], items[0])
    paid, parent = to.one("SELECT order_id, MIN(transaction_id) FROM sales_payment_transaction GROUP BY 1 ORDER BY 1 LIMIT 1")
    to.run("INSERT INTO sales_payment_transaction SELECT %s, transaction_id, order_id, payment_id, CONCAT(txn_id, '-refund'), txn_id,"
           " 'refund', 1, NULL, created_at FROM sales_payment_transaction WHERE transaction_id = %s", FAR, parent)
    old, new = [row for row in to.run("SELECT entity_id, increment_id FROM sales_flat_order ORDER BY 1 LIMIT 2")]
    to.run("UPDATE sales_flat_order SET relation_child_id = %s, relation_child_real_id = %s WHERE entity_id = %s", *new, old[0])
    to.run("UPDATE sales_flat_order SET relation_parent_id = %s, relation_parent_real_id = %s, original_increment_id = %s,"
           " applied_rule_ids = (SELECT GROUP_CONCAT(rule_id ORDER BY rule_id) FROM salesrule) WHERE entity_id = %s",
           *old, old[1], new[0])
    message = to.one("SELECT MIN(gift_message_id) FROM gift_message")
    to.run("INSERT INTO gift_message SELECT %s, customer_id, 'to the item', recipient, message FROM gift_message WHERE"
           " gift_message_id = %s", FAR, message)
    to.run("UPDATE sales_flat_order_item SET gift_message_id = %s WHERE item_id = %s", FAR, items[2])
    return paid


def _products(to, stores):
    option, kind = to.one("SELECT MIN(option_id), 'fixed' FROM catalog_product_option_price")
    to.run("INSERT INTO catalog_product_option_price VALUES (%s, %s, %s, 3.2500, %s)", FAR, option, stores[0], kind)
    to.run("INSERT INTO catalog_product_option_title VALUES (%s, %s, %s, 'Gravur')", FAR, option, stores[0])
    value = to.one("SELECT MIN(option_type_id) FROM catalog_product_option_type_value")
    to.run("INSERT INTO catalog_product_option_type_title VALUES (%s, %s, %s, 'rot')", FAR, value, stores[0])
    to.run("INSERT INTO catalog_product_option_type_price VALUES (%s, %s, %s, 1.7500, 'percent')", FAR, value, stores[0])
    website = to.one("SELECT MAX(website_id) FROM core_website")
    selection = to.one("SELECT MIN(selection_id) FROM catalog_product_bundle_selection")
    to.run("INSERT INTO catalog_product_bundle_selection_price VALUES (%s, %s, 0, 9.5000)", selection, website)
    attribute, table = to.one("SELECT attribute_id, entity_type_id FROM eav_attribute WHERE frontend_input = 'multiselect' AND"
                              " is_user_defined = 1 ORDER BY 1 LIMIT 1")
    options = ",".join(str(row[0]) for row in to.run(
        "SELECT option_id FROM eav_attribute_option WHERE attribute_id = %s ORDER BY 1 DESC LIMIT 3", attribute))
    for (product,) in to.run("SELECT entity_id FROM catalog_product_entity WHERE sku IS NOT NULL ORDER BY 1 LIMIT 6"):
        to.run("INSERT INTO catalog_product_entity_varchar (value_id, entity_type_id, attribute_id, store_id, entity_id, value)"
               " VALUES (%s, %s, %s, 0, %s, %s) ON DUPLICATE KEY UPDATE value = VALUES(value)", FAR + product, table, attribute,
               product, options)
    select = to.one("SELECT attribute_id FROM eav_attribute JOIN eav_attribute_option USING (attribute_id) WHERE is_user_defined = 1"
                    " AND frontend_input = 'select' ORDER BY 1 LIMIT 1")
    to.run("UPDATE eav_attribute SET default_value = (SELECT MIN(option_id) FROM eav_attribute_option WHERE attribute_id = %s)"
           " WHERE attribute_id = %s", select, select)
    return select


def _another_set(to):
    """A set of attributes with a few products, as a copy of the default one."""
    kind, old = to.one("SELECT entity_type_id, default_attribute_set_id FROM eav_entity_type WHERE entity_type_code ="
                       " 'catalog_product'")
    new = FAR
    to.run("INSERT INTO eav_attribute_set VALUES (%s, %s, 'Shoes', 7)", new, kind)
    to.run("INSERT INTO eav_attribute_group SELECT attribute_group_id + %s, %s, attribute_group_name, sort_order, default_id FROM"
           " eav_attribute_group WHERE attribute_set_id = %s", FAR, new, old)
    to.run("INSERT INTO eav_entity_attribute SELECT entity_attribute_id + %s, entity_type_id, %s, attribute_group_id + %s,"
           " attribute_id, sort_order FROM eav_entity_attribute WHERE attribute_set_id = %s", FAR, new, FAR, old)
    to.run("UPDATE catalog_product_entity SET attribute_set_id = %s WHERE attribute_set_id = %s AND type_id = 'simple' ORDER BY"
           " entity_id DESC LIMIT 4", new, old)
    return new


def _rules(to, select, new_set):
    categories = [str(row[0]) for row in to.run("SELECT entity_id FROM catalog_category_entity WHERE level > 1 ORDER BY 1 LIMIT 3")]
    code = to.one("SELECT attribute_code FROM eav_attribute WHERE attribute_id = %s", select)
    options = [str(row[0]) for row in to.run("SELECT option_id FROM eav_attribute_option WHERE attribute_id = %s ORDER BY 1 LIMIT 2",
                                             select)]

    def condition(kind, attribute, operator, value):
        return {"type": kind, "attribute": attribute, "operator": operator, "value": value, "is_value_processed": False}

    product = "salesrule/rule_condition_product"
    actions = {"type": "salesrule/rule_condition_product_combine", "attribute": None, "operator": None, "value": "1",
               "is_value_processed": None, "aggregator": "any", "conditions": [
                   condition(product, "category_ids", "()", ", ".join(categories).replace(", ", ",")),
                   condition(product, code, "==", options[0]), condition(product, code, "()", options),
                   condition(product, "attribute_set_id", "==", str(new_set)), condition(product, "sku", "==", "42")]}
    to.run("UPDATE salesrule SET actions_serialized = %s ORDER BY rule_id DESC LIMIT 1", php_text(actions))
    product = "catalogrule/rule_condition_product"
    conditions = {"type": "catalogrule/rule_condition_combine", "attribute": None, "operator": None, "value": "1",
                  "is_value_processed": None, "aggregator": "all", "conditions": [
                      condition(product, "category_ids", "==", categories[0]), condition(product, code, "==", options[1])]}
    to.run("UPDATE catalogrule SET conditions_serialized = %s ORDER BY rule_id DESC LIMIT 1", php_text(conditions))
    return categories


def _pages(to, categories):
    blocks = [row[0] for row in to.run("SELECT block_id FROM cms_block ORDER BY 1 DESC LIMIT 2")]
    page = to.one("SELECT MAX(page_id) FROM cms_page")
    product = to.one("SELECT MIN(entity_id) FROM catalog_product_entity WHERE sku IS NOT NULL")
    text = ('<p>4 {{widget type="catalog/category_widget_link" anchor_text="4" id_path="category/%s"}} {{widget'
            ' type="catalog/product_widget_link" id_path="product/%d/%s"}} {{widget type="cms/widget_page_link" page_id="%d"}}'
            ' {{widget type="cms/widget_block" template="cms/widget/static_block/default.phtml" block_id="%d"}}</p>')
    text %= (categories[0], product, categories[1], page, blocks[1])
    to.run("UPDATE cms_block SET content = CONCAT(content, %s) WHERE block_id = %s", text, blocks[0])
    to.run("UPDATE cms_page SET content = CONCAT(content, %s) WHERE page_id = %s", text, page)
    attribute, kind = to.one("SELECT attribute_id, entity_type_id FROM eav_attribute WHERE attribute_code = 'landing_page'")
    to.run("INSERT INTO catalog_category_entity_int (value_id, entity_type_id, attribute_id, store_id, entity_id, value) VALUES"
           " (%s, %s, %s, 0, %s, %s) ON DUPLICATE KEY UPDATE value = VALUES(value)", FAR, kind, attribute, categories[1], blocks[0])


def _customers(to):
    attribute, kind = to.one("SELECT a.attribute_id, a.entity_type_id FROM eav_attribute a JOIN eav_entity_type t USING"
                             " (entity_type_id) WHERE attribute_code = 'gender' AND entity_type_code = 'customer'")
    option = to.one("SELECT MAX(option_id) FROM eav_attribute_option WHERE attribute_id = %s", attribute)
    for (customer,) in to.run("SELECT entity_id FROM customer_entity ORDER BY 1 LIMIT 3"):
        to.run("INSERT INTO customer_entity_int (value_id, entity_type_id, attribute_id, entity_id, value) VALUES (%s, %s, %s, %s, %s)"
               " ON DUPLICATE KEY UPDATE value = VALUES(value)", FAR + customer, kind, attribute, customer, option)
    to.run("UPDATE sales_flat_order SET customer_gender = %s WHERE customer_id IS NOT NULL ORDER BY entity_id LIMIT 2", option)


def enrich(server):
    to = _Writer(server)
    try:
        stores = [row[0] for row in to.run("SELECT store_id FROM core_store WHERE store_id > 0 ORDER BY store_id DESC")]
        select = _products(to, stores)
        _order_items(to)
        categories = _rules(to, select, _another_set(to))
        _pages(to, categories)
        _customers(to)
    finally:
        to.connection.close()
