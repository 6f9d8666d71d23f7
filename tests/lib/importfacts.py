"""What a shop says, without any number of its own: facts, {entity: {key: {field: value}}}.

A key is the entity's natural key. A field is a column, or `table[label].column` of a member, where the label says which
member it is in the words of the shop (`attribute@store`, the title of an option, the e-mail of a customer). A value that
was an id is a Ref: the natural name of what it refers to, or GONE. Serialised documents are texts in which each id has
been replaced by such a name. Members of one label are numbered by their content (`#2`).
"""

from collections import defaultdict

from .shopids import VALUE_TABLE, ZERO_ROWS

GONE = "(gone)"

# entity, root table, columns of the natural key
ROOTS = """
website core_website code
store_group core_store_group website_id name
store core_store code
customer_group customer_group customer_group_code
tax_class tax_class class_type class_name
attribute eav_attribute entity_type_id attribute_code
attribute_set eav_attribute_set entity_type_id attribute_set_name
category catalog_category_entity *
product catalog_product_entity *
stock cataloginventory_stock_item product_id stock_id
customer customer_entity website_id email
newsletter newsletter_subscriber subscriber_email
order sales_flat_order increment_id
invoice sales_flat_invoice increment_id
shipment sales_flat_shipment increment_id
creditmemo sales_flat_creditmemo increment_id
rating rating entity_id rating_code
review review entity_pk_value created_at
salesrule salesrule name
catalogrule catalogrule name
cms_block cms_block identifier *
cms_page cms_page identifier *
wishlist wishlist customer_id
price_alert product_alert_price product_id customer_id website_id
stock_alert product_alert_stock product_id customer_id website_id
tag tag name
tax_rate tax_calculation_rate code
tax_rule tax_calculation_rule code
cart sales_flat_quote store_id created_at customer_email
"""

# entity, table, column that leads to the root or to another member, columns of the label
MEMBERS = """
attribute catalog_eav_attribute attribute_id
attribute customer_eav_attribute attribute_id
attribute customer_eav_attribute_website attribute_id website_id
attribute customer_form_attribute attribute_id form_code
attribute eav_attribute_label attribute_id store_id
attribute eav_attribute_option attribute_id *
attribute eav_attribute_option_value option_id store_id
attribute eav_attribute_option_swatch option_id
attribute_set eav_attribute_group attribute_set_id attribute_group_name
attribute_set eav_entity_attribute attribute_group_id attribute_id
category catalog_category_entity_datetime entity_id attribute_id store_id
category catalog_category_entity_decimal entity_id attribute_id store_id
category catalog_category_entity_int entity_id attribute_id store_id
category catalog_category_entity_text entity_id attribute_id store_id
category catalog_category_entity_varchar entity_id attribute_id store_id
product catalog_product_entity_datetime entity_id attribute_id store_id
product catalog_product_entity_decimal entity_id attribute_id store_id
product catalog_product_entity_int entity_id attribute_id store_id
product catalog_product_entity_text entity_id attribute_id store_id
product catalog_product_entity_varchar entity_id attribute_id store_id
product catalog_product_entity_gallery entity_id attribute_id store_id position
product catalog_product_entity_media_gallery entity_id attribute_id value
product catalog_product_entity_media_gallery_value value_id store_id
product catalog_product_entity_tier_price entity_id all_groups customer_group_id qty website_id
product catalog_product_entity_group_price entity_id all_groups customer_group_id website_id
product catalog_product_website product_id website_id
product catalog_category_product product_id category_id
product catalog_product_link product_id link_type_id linked_product_id
product catalog_product_link_attribute_int link_id product_link_attribute_id
product catalog_product_link_attribute_decimal link_id product_link_attribute_id
product catalog_product_link_attribute_varchar link_id product_link_attribute_id
product catalog_product_relation parent_id child_id
product catalog_product_option product_id *
product catalog_product_option_title option_id store_id
product catalog_product_option_price option_id store_id
product catalog_product_option_type_value option_id *
product catalog_product_option_type_title option_type_id store_id
product catalog_product_option_type_price option_type_id store_id
product catalog_product_super_attribute product_id attribute_id
product catalog_product_super_attribute_label product_super_attribute_id store_id
product catalog_product_super_attribute_pricing product_super_attribute_id value_index website_id
product catalog_product_super_link parent_id product_id
product catalog_product_bundle_option parent_id *
product catalog_product_bundle_option_value option_id store_id
product catalog_product_bundle_selection option_id product_id
product catalog_product_bundle_selection_price selection_id website_id
product downloadable_link product_id *
product downloadable_link_title link_id store_id
product downloadable_link_price link_id website_id
product downloadable_sample product_id *
product downloadable_sample_title sample_id store_id
product weee_tax entity_id website_id country attribute_id
customer customer_entity_datetime entity_id attribute_id
customer customer_entity_decimal entity_id attribute_id
customer customer_entity_int entity_id attribute_id
customer customer_entity_text entity_id attribute_id
customer customer_entity_varchar entity_id attribute_id
customer customer_address_entity parent_id *
customer customer_address_entity_datetime entity_id attribute_id
customer customer_address_entity_decimal entity_id attribute_id
customer customer_address_entity_int entity_id attribute_id
customer customer_address_entity_text entity_id attribute_id
customer customer_address_entity_varchar entity_id attribute_id
order sales_flat_order_address parent_id address_type
order sales_flat_order_item order_id sku name product_type
order sales_flat_order_payment parent_id method
order sales_payment_transaction order_id txn_id
order sales_flat_order_status_history parent_id created_at entity_name status
order sales_order_tax order_id code position
order sales_order_tax_item tax_id item_id
order downloadable_link_purchased order_id product_sku
order downloadable_link_purchased_item purchased_id link_title link_hash
order sales_flat_order_grid entity_id
invoice sales_flat_invoice_item parent_id order_item_id
invoice sales_flat_invoice_comment parent_id created_at
invoice sales_flat_invoice_grid entity_id
shipment sales_flat_shipment_item parent_id order_item_id
shipment sales_flat_shipment_track parent_id carrier_code track_number
shipment sales_flat_shipment_comment parent_id created_at
shipment sales_flat_shipment_grid entity_id
creditmemo sales_flat_creditmemo_item parent_id order_item_id
creditmemo sales_flat_creditmemo_comment parent_id created_at
creditmemo sales_flat_creditmemo_grid entity_id
rating rating_option rating_id code
rating rating_store rating_id store_id
rating rating_title rating_id store_id
review review_detail review_id
review review_store review_id store_id
review rating_option_vote review_id rating_id
salesrule salesrule_website rule_id website_id
salesrule salesrule_customer_group rule_id customer_group_id
salesrule salesrule_label rule_id store_id
salesrule salesrule_product_attribute rule_id website_id customer_group_id attribute_id
salesrule salesrule_coupon rule_id code
salesrule salesrule_coupon_usage coupon_id customer_id
salesrule salesrule_customer rule_id customer_id
catalogrule catalogrule_website rule_id website_id
catalogrule catalogrule_customer_group rule_id customer_group_id
cms_block cms_block_store block_id store_id
cms_page cms_page_store page_id store_id
wishlist wishlist_item wishlist_id product_id
wishlist wishlist_item_option wishlist_item_id code
tag tag_relation tag_id customer_id product_id store_id
tax_rate tax_calculation_rate_title tax_calculation_rate_id store_id
tax_rule tax_calculation tax_calculation_rule_id customer_tax_class_id product_tax_class_id tax_calculation_rate_id
cart sales_flat_quote_address quote_id address_type
cart sales_flat_quote_item quote_id sku name product_type
cart sales_flat_quote_item_option item_id *
cart sales_flat_quote_payment quote_id method
cart sales_flat_quote_shipping_rate address_id code
"""

# members whose parent the tables of links do not know
PARENTS = {("catalog_product_entity_media_gallery_value", "value_id"): "catalog_product_entity_media_gallery",
           ("sales_order_tax_item", "tax_id"): "sales_order_tax"}

# what is right about these is checked apart: the first changes when somebody else comes
COUNTED = {("catalog_category_entity", "children_count")}
PLACES = {("catalog_category_entity", "path"), *COUNTED}

# referred to, and named, though no entity of an import
NAMED = {
    "eav_entity_type": ("entity_type_code",), "catalog_product_link_type": ("code",), "review_status": ("status_code",),
    "catalog_product_link_attribute": ("link_type_id", "product_link_attribute_code"), "review_entity": ("entity_code",),
    "rating_entity": ("entity_code",), "cataloginventory_stock": ("stock_name",), "gift_message": ("sender", "recipient", "message"),
    "directory_country_region": ("country_id", "code", "default_name"), "newsletter_queue": ("newsletter_subject",),
    "directory_country": ("country_id",),
}


class Ref(str):
    """The natural name of a row of `table`."""

    table = None

    def __new__(cls, text, table):
        name = str.__new__(cls, text)
        name.table = table
        return name

    def __getnewargs__(self):
        return str(self), self.table


class Field:
    """One value; `refs`: the Refs in the label of the member that it is of; `member`: its table, None for the root."""

    __slots__ = ("value", "refs", "member", "label")

    def __init__(self, value, refs=(), member=None, label=""):
        self.value, self.refs, self.member, self.label = value, refs, member, label


def _lines(text):
    return [line.split() for line in text.strip().splitlines()]


# Rows of entities that nobody knows by anything but their number: what refers to one is right when it says the same.
UNKEYED = ("sales_flat_quote", "sales_flat_quote_item", "sales_flat_quote_address", "sales_flat_quote_payment", "gift_message")


class Facts:
    """facts[entity][key][field] is a Field; `roots[table]`: {id of a row: (entity, key)}, of roots and members."""

    def __init__(self, shop, only=None):
        """`only`: entities, where the others' facts are not asked for."""
        self.shop = shop
        self.named = {}       # table: {id: name}
        self.known_names = {}
        self._all_names = None
        self.roots = {}       # table: {id: (entity, key)}
        self.labels = {}      # table: {id: (label, refs)}
        self.entities = {}
        self.specs = {}       # table: (entity, link, parent, label columns)
        for entity, table, *columns in _lines(ROOTS):
            self.specs[table] = (entity, None, None, columns)
        for entity, table, link, *columns in _lines(MEMBERS):
            parent = shop.ids.columns.get((table, link)) or PARENTS[table, link]
            self.specs[table] = (entity, link, parent, columns)
        for table, (entity, *_rest) in self.specs.items():
            self.entities.setdefault(entity, {})
            if table in shop.columns and (only is None or entity in only):
                self._place(table)
                self._tell(table)

    def __getitem__(self, entity):
        return self.entities[entity]

    def count(self, entity):
        return sum(len(fields) for fields in self.entities[entity].values())

    # --- names

    def name(self, table, number):
        """How everybody who refers to a row calls it; GONE when it is not there."""
        if table in self.specs:
            self._place(table)
            number = str(number)
            if number not in self.roots[table]:
                return Ref(GONE, table)
            _entity, key = self.roots[table][number]
            label = self.labels[table][number][0]
            return Ref(key + (" / " + label if label else ""), table)
        if table not in self.named:
            columns = NAMED.get(table)
            key = self.shop.key(table)
            self.named[table] = {}
            if columns and key:
                rows = {row[key]: row for row in self.shop.rows(table)}
                plain = {number: self._label(table, row, columns)[0] for number, row in rows.items()}
                self.named[table] = self._numbered(table, rows, plain)
            elif key:
                self.named[table] = {row[key]: "%s %s" % (table, row[key]) for row in self.shop.rows(table)}
        return Ref(self.named[table].get(str(number), GONE), table)

    def owners(self, table):
        """{name: (entity, key) of the entity that the row is a member of; None for the root itself and for what is none}"""
        if table not in self.known_names:
            self.known_names[table] = names = {}
            if table in self.specs:
                self._place(table)
                member = self.specs[table][2] is not None
                for number, owner in self.roots[table].items():
                    names[self.name(table, number)] = owner if member else None
            else:
                self.name(table, "0")
                names.update(dict.fromkeys(self.named[table].values()))
        return self.known_names[table]

    def known(self, ref):
        """Is there a row that is called so?"""
        return ref in self.owners(ref.table)

    def all_names(self):
        """As owners, of every row that anybody could refer to."""
        if self._all_names is None:
            self._all_names = {}
            for table in [*self.specs, *NAMED]:
                self._all_names.update(self.owners(table))
        return self._all_names

    def _column(self, table, column, value):
        """A value of a label, as a name where it is an id."""
        parent = self.shop.ids.columns.get((table, column))
        if parent is None or value is None or (value == "0" and parent not in ZERO_ROWS):
            return value
        return self.name(parent, value)

    def _label(self, table, row, columns):
        parts = [self._column(table, column, row[column]) for column in columns]
        refs = tuple(part for part in parts if isinstance(part, Ref))
        return ", ".join("-" if part is None else part for part in parts), refs

    def _numbered(self, table, rows, labels):
        """{id: label}, with #2, #3 … behind equal ones, in the order of what they contain."""
        groups, result = defaultdict(list), {}
        for number, label in labels.items():
            groups[label].append(number)
        own = self.shop.key(table)
        if table in UNKEYED:  # an import cannot know which of two it is, and makes one of its own
            return labels
        for label, numbers in groups.items():
            if len(numbers) > 1:
                ids = self.shop.ids

                def content(number):
                    row = rows[number]
                    return ([str(v) for c, v in row.items() if c != own and (table, c) not in ids.columns
                             and c not in ("product_options", "updated_at")], int(number) if number.isdigit() else 0)
                numbers = sorted(numbers, key=content)
            for at, number in enumerate(numbers):
                result[number] = label if at == 0 else "%s #%d" % (label, at + 1)
        return result

    def _row_id(self, table, row):
        key = self.shop.key(table)
        return row[key] if key else tuple(row[c] for c in self.shop.keys.get(table, ()) or row)

    def _place(self, table):
        """Find the root and the label of each row of a table."""
        if table in self.roots:
            return
        entity, link, parent, columns = self.specs[table]
        self.roots[table], self.labels[table] = {}, {}
        rows = {self._row_id(table, row): row for row in self.shop.rows(table)}
        special = getattr(self, "_label_of_" + table, None)
        special = special(rows) if special else None
        if parent is None:
            labels = special or {n: self._label(table, row, columns)[0] for n, row in rows.items()}
            for number, key in self._numbered(table, rows, labels).items():
                self.roots[table][number] = (entity, key)
                self.labels[table][number] = ("", ())
            return
        self._place(parent)
        by_root = defaultdict(dict)
        for number, row in rows.items():
            above = self.roots[parent].get(row[link])
            if above is None:
                continue
            inherited, refs = self.labels[parent][row[link]]
            text, own = (special[number], ()) if special else self._label(table, row, columns)
            self.labels[table][number] = ("", refs + own)
            self.roots[table][number] = above
            by_root[above][number] = " / ".join(part for part in (inherited, text) if part)
        for labels in by_root.values():
            for number, label in self._numbered(table, rows, labels).items():
                self.labels[table][number] = (label, self.labels[table][number][1])

    # --- names that stand in other tables

    def _titles(self, table, owner, value):
        """{id of the owner: its text at store 0, or at the first store that has one}"""
        found = {}
        for row in self.shop.rows(table):
            if row["store_id"] == "0" or row[owner] not in found:
                found[row[owner]] = row[value] or "-"
        return found

    def _titled(self, rows, table, owner, value):
        found = self._titles(table, owner, value)
        return {number: found.get(number, "-") for number in rows}

    def _label_of_eav_attribute_option(self, rows):
        return self._titled(rows, "eav_attribute_option_value", "option_id", "value")

    def _label_of_catalog_product_option(self, rows):
        return self._titled(rows, "catalog_product_option_title", "option_id", "title")

    def _label_of_catalog_product_option_type_value(self, rows):
        return self._titled(rows, "catalog_product_option_type_title", "option_type_id", "title")

    def _label_of_catalog_product_bundle_option(self, rows):
        return self._titled(rows, "catalog_product_bundle_option_value", "option_id", "title")

    def _label_of_downloadable_link(self, rows):
        return self._titled(rows, "downloadable_link_title", "link_id", "title")

    def _label_of_downloadable_sample(self, rows):
        return self._titled(rows, "downloadable_sample_title", "sample_id", "title")

    def _label_of_sales_flat_quote_item_option(self, rows):
        """Its code, which may have an id in it."""
        return {n: self.shop.ids.row("sales_flat_quote_item_option", row, self.name)["code"] for n, row in rows.items()}

    def _label_of_customer_address_entity(self, rows):
        """An address has no name of its own: who, where."""
        parts = defaultdict(dict)
        for table in ("customer_address_entity_varchar", "customer_address_entity_text"):
            for row in self.shop.rows(table):
                code = self.shop.ids.attributes[row["attribute_id"]].code
                if code in ("firstname", "lastname", "street", "city", "postcode"):
                    parts[row["entity_id"]][code] = row["value"] or ""
        return {number: " ".join(parts[number][code] for code in sorted(parts[number])).replace("\n", " ") for number in rows}

    def _label_of_catalog_product_entity(self, rows):
        """The SKU; where there is none, the name."""
        names = {row["entity_id"]: row["value"] for row in self.shop.rows("catalog_product_entity_varchar")
                 if row["store_id"] == "0" and self.shop.ids.attributes[row["attribute_id"]].code == "name"}
        return {n: row["sku"] or "(no sku) %s" % names.get(n) for n, row in rows.items()}

    def _label_of_catalog_category_entity(self, rows):
        """The path from the root, of url_key or name."""
        words = {}
        for row in self.shop.rows("catalog_category_entity_varchar"):
            code = self.shop.ids.attributes[row["attribute_id"]].code
            if row["store_id"] == "0" and row["value"] and code in ("url_key", "name"):
                if code == "url_key" or row["entity_id"] not in words:
                    words[row["entity_id"]] = row["value"]
        siblings = defaultdict(dict)
        for number, row in rows.items():
            siblings[row["parent_id"]][number] = words.get(number, "-")
        names = {}
        for group in siblings.values():
            names.update(self._numbered("catalog_category_entity", rows, group))

        def path(number, depth=0):
            parent = rows[number]["parent_id"]
            if parent == "0" or depth > 50:
                return names[number]
            return (path(parent, depth + 1) if parent in rows else GONE) + "/" + names[number]
        return {number: path(number) for number in rows}

    def _with_stores(self, rows, table, key):
        stores = defaultdict(list)
        for row in self.shop.rows(table):
            stores[row[key]].append(self.name("core_store", row["store_id"]))
        return {number: "%s@%s" % (row["identifier"], "+".join(sorted(stores[number]))) for number, row in rows.items()}

    def _label_of_cms_block(self, rows):
        return self._with_stores(rows, "cms_block_store", "block_id")

    def _label_of_cms_page(self, rows):
        return self._with_stores(rows, "cms_page_store", "page_id")

    # --- facts

    def _tell(self, table):
        entity, link, parent, _columns = self.specs[table]
        shop, ids = self.shop, self.shop.ids
        skipped = {shop.key(table), link}
        facts = self.entities[entity]
        for row in shop.rows(table):
            number = self._row_id(table, row)
            if number not in self.roots[table]:
                continue
            key = self.roots[table][number][1]
            label, refs = self.labels[table][number]
            done = ids.row(table, row, self.name)
            fields = facts.setdefault(key, {})
            if parent is None:
                prefix, member = "", None
                fields["is there"] = Field("yes")
            else:
                prefix, member = "%s[%s]" % (table, label), table
                if "attribute_id" in row and (VALUE_TABLE.match(table) or table.endswith(("_datetime", "_decimal"))):
                    self._tell_value(fields, row, done, prefix, (refs, member, label))
                    continue
                fields[prefix] = Field("yes", refs, member, label)
                prefix += "."
            for column, value in done.items():
                if column not in skipped and (table, column) not in PLACES:
                    fields[prefix + column] = Field(value, refs, member, label)
        if table == "catalog_category_entity":
            self._tell_tree(facts)

    @staticmethod
    def _tell_value(fields, row, done, prefix, about):
        """Of a value only the value; without one at store 0 it says nothing."""
        if row["value"] is None and row.get("store_id", "0") == "0":
            return
        refs, member, label = about
        fields[prefix] = Field(done["value"], refs, member, label)

    def _tell_tree(self, facts):
        """Is what a category says of its place true?"""
        rows = {row["entity_id"]: row for row in self.shop.rows("catalog_category_entity")}
        below = defaultdict(int)
        for row in rows.values():
            for number in row["path"].split("/")[:-1]:
                below[number] += 1
        for number, row in rows.items():
            fields = facts[self.roots["catalog_category_entity"][number][1]]
            above = rows.get(row["parent_id"])
            right = (above["path"] + "/" if above else "") + number
            fields["path"] = Field("as its parent's" if row["path"] == right else "wrong: " + "/".join(
                self.name("catalog_category_entity", part) for part in row["path"].split("/")))
            counted = int(row["children_count"])
            fields["children_count"] = Field("right" if counted == below[number] else "off by %d" % (counted - below[number]))
