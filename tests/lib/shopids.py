"""Where the rows of an OpenMage shop hold ids of other rows: in columns, lists, paths, values and documents.

Columns come from tests/fixtures/openmage (fks.tsv, softlinks.tsv); what stands here beside them is what those tables
cannot say. `Ids.row` hands a row on with each id replaced by what `resolve(table, number)` answers: another number (then
texts are written again as a shop would), or a name (then what comes out is for comparing).
"""

import csv
import os
import re

from . import phpserialize as php

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures", "openmage")
DATABASE = "openmage"

# 0 is a row of its own here; elsewhere it says that there is none
ZERO_ROWS = {"core_store", "core_website", "core_store_group", "customer_group"}

# made again from other tables, or of no meaning to anybody else: neither copied nor compared
DERIVED = re.compile(r"(_idx|_tmp|_cl)$|^(catalog_product_index_|catalog_(product|category)_flat_|catalogsearch_|index_event|"
                     r"index_process_event|log_|report_|sales_.*aggregated|tax_order_aggregated|coupon_aggregated|"
                     r"catalog_category_product_index|catalog_category_anc_|catalogrule_product|catalogrule_group_website|"
                     r"catalogrule_affected|cataloginventory_stock_status|catalog_product_enabled_index|core_url_rewrite|"
                     r"core_session|core_cache|cron_schedule|rating_option_vote_aggregated|review_entity_summary|"
                     r"catalog_product_bundle_(price|stock)_index|sendfriend_log|adminnotification|dataflow_batch|"
                     r"importexport_|captcha_log|core_email_queue)")

# columns that neither a foreign key nor the list of soft links tells of
MORE = {
    ("rating_option_vote", "rating_id"): "rating",
    ("customer_group", "tax_class_id"): "tax_class",
    ("catalog_product_super_attribute_pricing", "value_index"): "eav_attribute_option",
    ("sales_flat_order_address", "region_id"): "directory_country_region",
    ("sales_flat_quote_address", "region_id"): "directory_country_region",
    ("tax_calculation_rate", "tax_region_id"): "directory_country_region",
    ("shipping_tablerate", "dest_region_id"): "directory_country_region",
    ("catalogrule_affected_product", "product_id"): "catalog_product_entity",
    ("dataflow_profile", "store_id"): "core_store",
    ("dataflow_profile_history", "user_id"): "admin_user",
}
LISTS = {
    ("sales_flat_order", "applied_rule_ids"): "salesrule",
    ("sales_flat_order_item", "applied_rule_ids"): "salesrule",
    ("sales_flat_quote", "applied_rule_ids"): "salesrule",
    ("sales_flat_quote_item", "applied_rule_ids"): "salesrule",
    ("sales_flat_quote_address_item", "applied_rule_ids"): "salesrule",
    ("salesrule", "product_ids"): "catalog_product_entity",
    ("widget_instance", "store_ids"): "core_store",
}
SETTINGS = {
    "catalog/category/root_id": "catalog_category_entity",
    "customer/create_account/default_group": "customer_group",
    "tax/classes/shipping_tax_class": "tax_class",
    "shipping/origin/region_id": "directory_country_region",
}
SCOPES = {"websites": "core_website", "stores": "core_store"}
VALUE_TABLE = re.compile(r"^(catalog_product|catalog_category|customer|customer_address)_entity_(int|varchar|text)$")
SELECTS = {"drop_down", "radio", "checkbox", "multiple"}
RULES = {"salesrule", "catalogrule"}


def read_tsv(name):
    with open(os.path.join(FACTS, name), encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def foreign_keys():
    """(table, column, parent, its column)"""
    return [(r["table"], r["column"], r["ref_table"], r["ref_column"]) for r in read_tsv("fks.tsv")]


def soft_links():
    """(table, column, parent, its column) of those which always hold an id of that parent alone."""
    return [(r["table"], r["column"], *r["to"].split(".")) for r in read_tsv("softlinks.tsv")
            if not r["to"].startswith("-") and r["column"] not in ("value", "default_value", "path")
            and (r["table"], r["column"]) not in LISTS]


class Attribute:
    """`holds`: the table that its values are ids of; `several`: comma-listed."""

    def __init__(self, row, kind):
        self.kind, self.code = kind, row["attribute_code"]
        source, field = row["source_model"] or "", row["frontend_input"] or ""
        self.holds = None
        if self.code in ("default_billing", "default_shipping") and kind == "customer":
            self.holds = "customer_address_entity"
        elif self.code == "region_id" and kind == "customer_address":
            self.holds = "directory_country_region"
        elif source.startswith("tax/class_source"):
            self.holds = "tax_class"
        elif source == "catalog/category_attribute_source_page":
            self.holds = "cms_block"
        elif field in ("select", "multiselect") and source in ("", "eav/entity_attribute_source_table"):
            self.holds = "eav_attribute_option"
        self.several = field == "multiselect"


class Ids:
    """What `tables` ({table: rows as dicts of text}) of one shop say about where its ids are."""

    def __init__(self, rows_of, keys):
        self.columns = dict(MORE)
        for table, column, parent, target in foreign_keys() + soft_links():
            if keys.get(parent) == (target,):
                self.columns.setdefault((table, column), parent)
        kinds = {r["entity_type_id"]: r["entity_type_code"] for r in rows_of("eav_entity_type")}
        self.attributes = {r["attribute_id"]: Attribute(r, kinds[r["entity_type_id"]]) for r in rows_of("eav_attribute")}
        self.by_code = {(a.kind, a.code): a for a in self.attributes.values()}
        self.option_types = {r["option_id"]: r["type"] for r in rows_of("catalog_product_option")}
        self.by_table = {}
        for (table, column), parent in self.columns.items():
            self.by_table.setdefault(table, []).append((column, parent))

    def row(self, table, row, resolve):
        """The row with its ids, but for its own key, replaced."""
        return _Visit(self, resolve).row(table, row)


class _Visit:  # pylint: disable=too-few-public-methods
    def __init__(self, ids, resolve):
        self.ids, self.resolve = ids, resolve

    # --- single ids and lists of them

    def one(self, table, value):
        """An id as text or number, in the form that it had."""
        text = str(value)
        if not re.fullmatch(r"\d+", text) or (int(text) == 0 and table not in ZERO_ROWS):
            return value
        found = self.resolve(table, int(text))
        return type(value)(found) if isinstance(found, int) else found

    def listed(self, table, text, mark=","):
        if not isinstance(text, str) or text == "":
            return text
        done = [self.one(table, part) for part in text.split(mark)]
        plain = all(isinstance(part, str) and part.isdigit() for part in done)
        return mark.join(done) if plain else mark.join(sorted(map(str, done)) if mark == "," else map(str, done))

    def some(self, table, value):
        """One, a comma-list, or an array of them."""
        if isinstance(value, php.Map):
            return php.Map([k, self.some(table, v)] for k, v in value)
        return self.listed(table, value) if isinstance(value, str) and "," in value else self.one(table, value)

    def keyed(self, table, tree, inner):
        if not isinstance(tree, php.Map):
            return tree
        return php.Map([self.one(table, k), inner(k, v)] for k, v in tree)

    # --- documents

    def document(self, text, visit):
        """Serialised text, visited and written again; unreadable text stays."""
        if not isinstance(text, str) or not re.match(r"[aO]:\d", text):
            return text
        try:
            return php.dumps(visit(php.loads(text)))
        except php.Malformed:
            return text

    def fields(self, tree, visits):
        if not isinstance(tree, php.Map):
            return tree
        done = php.Map([k, visits[k](v) if k in visits else v] for k, v in tree)
        done.kind = tree.kind
        return done

    def option_value(self, option, value):
        """What was chosen of a custom option: an id of a value, several, or text."""
        if self.ids.option_types.get(str(option)) in SELECTS:
            return self.some("catalog_product_option_type_value", value)
        return value

    def super_attribute(self, tree):
        return self.keyed("eav_attribute", tree, lambda _k, v: self.some("eav_attribute_option", v))

    def grouped(self, tree):
        return self.fields(tree, {"product_id": lambda v: self.one("catalog_product_entity", v)})

    def buy_request(self, tree):
        product = "catalog_product_entity"
        return self.fields(tree, {
            "product": lambda v: self.one(product, v),
            "related_product": lambda v: self.some(product, v),
            "super_attribute": self.super_attribute,
            "super_group": lambda v: self.keyed(product, v, lambda _k, qty: qty),
            "super_product_config": self.grouped,
            "options": lambda v: self.keyed("catalog_product_option", v, self.option_value),
            "bundle_option": lambda v: self.keyed("catalog_product_bundle_option", v, lambda _k, chosen: self.some(
                "catalog_product_bundle_selection", chosen)),
            "bundle_option_qty": lambda v: self.keyed("catalog_product_bundle_option", v, lambda _k, qty: qty),
            "links": lambda v: self.some("downloadable_link", v),
        })

    def chosen_option(self, tree):
        if not isinstance(tree, php.Map):
            return tree
        select = (tree.get("option_type") or self.ids.option_types.get(str(tree.get("option_id")))) in SELECTS
        return self.fields(tree, {
            "option_id": lambda v: self.one("catalog_product_option", v),
            "option_value": lambda v: self.some("catalog_product_option_type_value", v) if select else v})

    def bundle_selection(self, text):
        return self.document(text, lambda tree: self.fields(tree, {
            "option_id": lambda v: self.one("catalog_product_bundle_option", v),
            "selection_id": lambda v: self.one("catalog_product_bundle_selection", v)}))

    def each(self, visit):
        return lambda tree: php.Map([k, visit(v)] for k, v in tree) if isinstance(tree, php.Map) else tree

    def product_options(self, tree):
        bundle = "catalog_product_bundle_option"
        return self.fields(tree, {
            "info_buyRequest": self.buy_request,
            "options": self.each(self.chosen_option),
            "bundle_options": lambda v: self.keyed(bundle, v, lambda _k, part: self.fields(part, {
                "option_id": lambda number: self.one(bundle, number)})),
            "bundle_selection_attributes": self.bundle_selection,
            "links": lambda v: self.some("downloadable_link", v),
            "super_product_config": self.grouped,
        })

    def condition(self, tree):
        if not isinstance(tree, php.Map):
            return tree
        code, visits = tree.get("attribute"), {"conditions": self.each(self.condition), "actions": self.each(self.condition)}
        attribute = self.ids.by_code.get(("catalog_product", code))
        holds = {"category_ids": "catalog_category_entity", "attribute_set_id": "eav_attribute_set",
                 "region_id": "directory_country_region"}.get(code) or (attribute and attribute.holds)
        if holds:
            visits["value"] = lambda v: self.some(holds, v)
        return self.fields(tree, visits)

    def item_option(self, row):
        code, value, product = row["code"], row["value"], "catalog_product_entity"
        match = re.fullmatch(r"(product_qty|selection_qty|option)_(\d+)", code or "")
        if match:
            table = {"product_qty": product, "selection_qty": "catalog_product_bundle_selection",
                     "option": "catalog_product_option"}[match[1]]
            if match[1] == "option":
                row["value"] = self.option_value(match[2], value)
            row["code"] = "%s_%s" % (match[1], self.one(table, match[2]))
        elif code in ("simple_product", "parent_product_id"):
            row["value"] = self.one(product, value)
        elif code == "selection_id":
            row["value"] = self.one("catalog_product_bundle_selection", value)
        elif code in ("option_ids", "downloadable_link_ids"):
            row["value"] = self.listed("catalog_product_option" if code == "option_ids" else "downloadable_link", value)
        elif code == "bundle_identity":
            parts = value.split("_")
            tables = [product] + ["catalog_product_bundle_selection", None] * len(parts)
            row["value"] = "_".join(str(self.one(t, p)) if t else p for t, p in zip(tables, parts))
        else:
            visit = {"attributes": self.super_attribute, "info_buyRequest": self.buy_request,
                     "bundle_option_ids": lambda t: self.some("catalog_product_bundle_option", t),
                     "bundle_selection_ids": lambda t: self.some("catalog_product_bundle_selection", t)}.get(code)
            row["value"] = self.bundle_selection(value) if code == "bundle_selection_attributes" else self.document(
                value, visit) if visit else value

    # --- text

    def id_path(self, text):
        """category/5, product/12, product/12/5"""
        match = re.fullmatch(r"(category|product)/(\d+)(?:/(\d+))?", text)
        if not match:
            return text
        first = self.one("catalog_%s_entity" % match[1], match[2])
        return "/".join([match[1], str(first)] + (
            [str(self.one("catalog_category_entity", match[3]))] if match[3] else []))

    def directives(self, text):
        if not isinstance(text, str) or "{{" not in text:
            return text
        tables = {"block_id": "cms_block", "page_id": "cms_page", "category_id": "catalog_category_entity",
                  "product_id": "catalog_product_entity", "store_id": "core_store"}

        def parameter(match):
            name, value = match[1], match[2]
            done = self.id_path(value) if name == "id_path" else self.one(tables[name], value)
            return '%s="%s"' % (name, done)
        return re.sub(r"\{\{.*?\}\}", lambda whole: re.sub(
            r'\b(id_path|%s)="([^"]*)"' % "|".join(tables), parameter, whole[0]), text, flags=re.S)

    def widget(self, tree):
        return self.fields(tree, {"block_id": lambda v: self.one("cms_block", v), "id_path": self.id_path,
                                  "page_id": lambda v: self.one("cms_page", v)})

    # --- rows

    def value(self, row):
        attribute = self.ids.attributes.get(row["attribute_id"])
        if attribute is None or attribute.holds is None:
            return self.directives(row["value"])
        if row["value"] is None:
            return None
        return (self.listed if attribute.several else self.one)(attribute.holds, row["value"])

    def row(self, table, row):
        done = dict(row)
        for column, parent in self.ids.by_table.get(table, ()):
            if done.get(column) is not None:
                done[column] = self.one(parent, done[column])
        for column in done:
            if (table, column) in LISTS:
                done[column] = self.listed(LISTS[table, column], row[column])
        if VALUE_TABLE.match(table):
            done["value"] = self.value(row)
        special = getattr(self, "_" + table, None)
        if special:
            special(row, done)
        return done

    def _catalog_category_entity(self, row, done):
        done["path"] = self.listed("catalog_category_entity", row["path"], "/")

    def _eav_attribute(self, row, done):
        attribute = self.ids.attributes[row["attribute_id"]]
        if attribute.holds and row["default_value"]:
            done["default_value"] = self.some(attribute.holds, row["default_value"])

    def _sales_flat_order(self, row, done):
        for column in ("relation_child_id", "relation_parent_id"):
            if row[column]:
                done[column] = self.one("sales_flat_order", row[column])

    def _sales_flat_order_item(self, row, done):
        done["product_options"] = self.document(row["product_options"], self.product_options)

    def _sales_flat_quote_item_option(self, _row, done):
        self.item_option(done)

    _wishlist_item_option = _sales_flat_quote_item_option

    def _salesrule(self, row, done):
        for column in ("conditions_serialized", "actions_serialized"):
            done[column] = self.document(row[column], self.condition)

    _catalogrule = _salesrule

    def _cms_block(self, row, done):
        done["content"] = self.directives(row["content"])

    def _cms_page(self, row, done):
        for column in ("content", "layout_update_xml", "custom_layout_update_xml"):
            done[column] = self.directives(row[column])

    def _widget_instance(self, row, done):
        done["widget_parameters"] = self.document(row["widget_parameters"], self.widget)

    def _widget_instance_page(self, row, done):
        kind = row["page_group"] or ""
        if row["entities"]:
            done["entities"] = self.listed("catalog_category_entity" if "categor" in kind else "catalog_product_entity",
                                           row["entities"])

    def _core_config_data(self, row, done):
        if row["scope"] in SCOPES:
            done["scope_id"] = self.one(SCOPES[row["scope"]], row["scope_id"])
        if row["path"] in SETTINGS and row["value"]:
            done["value"] = self.one(SETTINGS[row["path"]], row["value"])
