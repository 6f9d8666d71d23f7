"""What stays in a shop's documents when every id in them becomes another: numbers of which somebody knows that they are none.

The check reads documents as shopids.py says; a place that it did not know of would look equal on both sides of a wrong import.
"""

import re

from lib import phpserialize as php

DOCUMENTS = (("sales_flat_order_item", "product_options"), ("sales_flat_quote_item_option", "value"), ("wishlist_item_option", "value"),
             ("salesrule", "conditions_serialized"), ("salesrule", "actions_serialized"), ("catalogrule", "conditions_serialized"),
             ("catalogrule", "actions_serialized"), ("widget_instance", "widget_parameters"))
# keys of a document whose value is no id: numbers, prices, titles, codes, what the browser sent
NO_IDS = re.compile(r"/(qty|price|title|label|option_label|uenc|form_key|product_calculations|shipment_type|simple_name|simple_sku|"
                    r"simple_weight|print_value|sku|name|weight|is_virtual_product|product_type)$|/(bundle_option_qty|super_group)/\*$|"
                    r"^\w+/(product|selection)_qty_N$|^(sales|catalog)rule/value$|/attribute$|^\w+/info_buyRequest/options/\*$|"
                    r"/options/\*/(value|option_value)$|^sales_flat_order_item/info_buyRequest/options/\*$|/original_qty$|"
                    r"additional_options/")


def _stays(old, new, path, found):
    if isinstance(old, str) and re.match(r"[aO]:\d", old):
        old, new = php.loads(old), php.loads(new)
    if isinstance(old, php.Map):
        rule = old.get("attribute")
        for at, ((key, value), (other, changed)) in enumerate(zip(old, new)):
            numbered = re.fullmatch(r"\d+", str(key))
            if numbered and key == other and key != at:
                found.setdefault("/".join(path) + "/{key}", set()).add(key)
            if not (key == "value" and rule in ("price", "sku", "base_subtotal", "qty", "weight")):
                _stays(value, changed, path + (("*",) if numbered else (str(key),)), found)
    elif not isinstance(old, bool) and old is not None and old == new and re.search(r"\d", str(old)):
        place = "/".join(path)
        if not NO_IDS.search(place):
            found.setdefault(place, set()).add(str(old))


def unknown_numbers(shop):
    """{place in a document: numbers} that no list here says to be none."""
    found = {}
    for table, column in DOCUMENTS:
        for row in shop.rows(table):
            if row[column]:
                changed = shop.ids.row(table, row, lambda _table, number: number + 1000000)
                code = (re.sub(r"\d+", "N", row["code"]),) if "code" in row else ()
                _stays(row[column], changed[column], (table, *code), found)
    return found
