"""The built-in entity catalogue, held against the schema of a real OpenMage shop.

tests/fixtures/openmage has its facts: tables with keys and columns, foreign keys, and the columns
that look like links without a foreign key, each with what it points to, or "- " and why to nothing.
"""

import copy
import fnmatch
import os

from base import call, expect_call, json_lines, suite, write
from lib.suite import expect, expect_contains, expect_equal
from lib.workspace import Workspace

FACTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "openmage")
SIDES = "source: {database: shop, port: 1}\ndestination: {port: 2}\n"

# Identities that no unique key backs: the shop itself keeps these unique, mostly.
KEPT_BY_THE_SHOP = {
    "customer_group", "catalog_category_entity", "core_store_group", "tax_class", "tax_calculation_rate",
    "tax_calculation_rule",
    "cataloginventory_stock", "catalog_product_link_type", "catalog_product_link_attribute",
    "eav_entity_type", "eav_entity_store", "eav_attribute_label", "eav_attribute_option",
    "eav_attribute_option_value", "directory_country_region", "tax_calculation_rate_title",
    "tax_calculation", "review_entity", "review_status", "review_detail", "rating_option",
    "catalog_product_entity_media_gallery", "catalog_product_option", "catalog_product_option_type_value",
    "catalog_product_bundle_option", "catalog_product_bundle_selection", "downloadable_link", "downloadable_sample", "weee_tax",
    "customer_address_entity", "product_alert_price", "product_alert_stock", "sales_flat_order_address", "sales_flat_order_item",
    "sales_flat_order_payment", "sales_flat_order_status_history", "sales_order_tax", "downloadable_link_purchased",
    "downloadable_link_purchased_item", "sales_flat_invoice_item", "sales_flat_invoice_comment", "sales_flat_creditmemo_item",
    "sales_flat_creditmemo_comment", "sales_flat_shipment_item", "sales_flat_shipment_track", "sales_flat_shipment_comment",
    "rating_option_vote", "wishlist_item", "wishlist_item_option", "rating_option_vote_aggregated", "downloadable_link_price", "weee_discount",
    "salesrule_customer", "newsletter_queue_link", "newsletter_problem", "widget_instance_page"}


def facts(name):
    with open(os.path.join(FACTS, name), encoding="utf-8") as file:
        keys = file.readline().rstrip("\n").split("\t")
        return [dict(zip(keys, line.rstrip("\n").split("\t"))) for line in file]


class Catalogue:
    """What `datasync entities --json` printed."""

    def __init__(self, rows):
        self.groups = [row for row in rows if row["kind"] == "group"]
        self.entities = {row["name"]: row for row in rows if row["kind"] != "group"}
        self.owners = {}
        for row in self.entities.values():
            for table in row["tables"]:
                self.owners.setdefault(table["table"], []).append((row, table))

    def groups_of(self, name):
        return [group["name"] for group in self.groups
                if any(fnmatch.fnmatchcase(name, pattern) for pattern in group["tables"])]

    def target(self, reference):
        """TABLE.COLUMN that a reference names."""
        tables = self.entities[reference["entity"]]["tables"]
        table = next(table for table in tables
                     if table["table"] == reference.get("to", tables[0]["table"]))
        return "%s.%s" % (table["table"], reference.get("by", table["key"]))

    def link(self, name):
        """(column, TABLE.COLUMN) by which a member table hangs on its entity; None: a root."""
        entity, table = self.owners[name][0]
        tables = {table["table"]: table for table in entity["tables"]}
        if table["role"] == "root":
            return None
        if table["through"]:
            return table["link"], "%s.%s" % (table["through"], tables[table["through"]]["key"])
        root = entity["tables"][0]
        return table["link"], "%s.%s" % (root["table"], root["link"])

    def references(self, name, column):
        entity, _ = self.owners[name][0]
        return [reference for reference in entity["references"]
                if (reference["table"], reference["column"]) == (name, column)]


def claim_problems(catalogue, tables):
    for name in tables:
        owners = [row["name"] for row, _ in catalogue.owners.get(name, [])]
        groups = catalogue.groups_of(name)
        if len(owners) > 1 or len(groups) > 1 or not owners + groups:
            yield "%s is claimed by %s" % (name, ", ".join(owners + groups) or "nothing")
    for name in catalogue.owners:
        if name not in tables:
            yield "%s is not in the schema" % name


def foreign_key_problems(catalogue):
    for key in facts("fks.tsv"):
        name, to = key["table"], "%s.%s" % (key["ref_table"], key["ref_column"])
        if name not in catalogue.owners or catalogue.link(name) == (key["column"], to):
            continue
        found = [reference for reference in catalogue.references(name, key["column"])
                 if catalogue.target(reference) == to]
        if not found:
            yield "foreign key %s.%s to %s is no reference" % (name, key["column"], to)
        elif found[0]["required"] != (key["nullable"] == "NO"):
            yield "%s.%s is required or not, unlike its foreign key" % (name, key["column"])


def soft_link_problems(catalogue):
    for link in facts("softlinks.tsv"):
        name, column, to = link["table"], link["column"], link["to"]
        if name not in catalogue.owners or catalogue.link(name) == (column, to):
            continue
        found = [catalogue.target(reference) for reference in catalogue.references(name, column)]
        if to.startswith("- ") and found:
            yield "%s.%s refers to %s, but is none of its" % (name, column, found[0])
        elif not to.startswith("- ") and to not in found:
            yield "soft link %s.%s to %s is no reference" % (name, column, to)


def column_problems(catalogue, tables):
    """Columns that are named, but not there; keys that are none."""
    def named():
        for name, ((entity, table),) in catalogue.owners.items():
            own = [part for part in table["identity"] if isinstance(part, str) or "or" in part and "column" in part] \
                if isinstance(table["identity"], list) else []
            for column in [table["link"], table["key"], *own]:
                for one in column.values() if isinstance(column, dict) else [column]:
                    yield name, one
        for entity in catalogue.entities.values():
            root = entity["tables"][0]["table"]
            for part in entity["natural_key"]:
                if isinstance(part, str):
                    yield root, part
                elif "table" in part:
                    yield part["table"], part["column"]
            for item in entity["references"] + entity["validate"]:
                yield item["table"], item.get("column")
                yield item["table"], item.get("or") if "column" in item else None
                # a value's attribute decides, or a column of the same row
                yield item["table"], next(iter(item.get("when", {})), None)
                yield root, next(iter(item.get("unless_root", {})), None)
                if "by" in item:
                    yield catalogue.target(item).split(".")
            for item in entity["references"]:
                if "attribute" in item or "input" in item:
                    yield item["table"], "attribute_id"
    for name, column in named():
        if column and column not in tables[name]["columns"].split(","):
            yield "%s has no column %s" % (name, column)


def identity_problems(catalogue, tables):
    for name, ((entity, table),) in catalogue.owners.items():
        fact = tables[name]
        keys = [fact["primary_key"], *fact["unique_keys"].split()]
        unique = [set(key.split(",")) for key in keys]
        composite = "," in fact["primary_key"]
        if table["key"] and table["key"] != fact["primary_key"] and not composite:
            yield "%s: %s is not its key" % (name, table["key"])
        if isinstance(table["identity"], list):
            identity = {part if isinstance(part, str) else part["column"] if "or" in part and "column" in part else str(part) for part in table["identity"]}
            if identity not in unique and identity - {table["link"]} not in unique and name not in KEPT_BY_THE_SHOP:
                yield "%s: no unique key holds %s" % (name, sorted(identity))
        elif table["identity"] == "none" and entity["kind"] != "derived":
            yield "%s: an import could not tell its rows" % name


def problems(rows):
    catalogue = Catalogue(rows)
    tables = {row["table"]: row for row in facts("tables.tsv")}
    found = list(claim_problems(catalogue, tables))
    if any(len(owners) > 1 for owners in catalogue.owners.values()):
        return found
    return [*found, *foreign_key_problems(catalogue), *soft_link_problems(catalogue),
            *column_problems(catalogue, tables), *identity_problems(catalogue, tables)]


def builtin(folder):
    return json_lines(expect_call(0, None, "entities", "--json", folder=folder))


def of(rows, name):
    return next(row for row in rows if row["name"] == name)


@suite.case("catalogue-schema", "every table, foreign key and soft link of a real shop is in the "
            "catalogue", program_only=True)
def _():
    with Workspace() as work:
        found = problems(builtin(work.home))
        expect(not found, "%d problems:\n%s" % (len(found), "\n".join(found)))


def without(name, part, test):
    """A change: take away what `test` is true for."""
    def change(rows):
        row = of(rows, name)
        kept = [item for item in row[part] if not test(item)]
        expect_equal(len(kept), len(row[part]) - 1, "items taken away")
        row[part] = kept
    return change


def references(table, column):
    return lambda item: (item["table"], item["column"]) == (table, column)


def changed(name, part, test, **values):
    def change(rows):
        item, = [item for item in of(rows, name)[part] if test(item)]
        item.update(values)
    return change


@suite.case("catalogue-holes", "the comparison with a real shop's schema finds what is missing",
            program_only=True)
def _():
    weee = lambda item: item["table"] == "weee_discount"
    items = references("sales_flat_order_item", "parent_item_id")
    with Workspace() as work:
        rows = builtin(work.home)
        for change, part in (
                (lambda rows: rows.remove(of(rows, "design_change")),
                 "design_change is claimed by nothing"),
                (without("product", "tables", weee), "weee_discount is claimed by nothing"),
                (without("@log", "tables", "log_*".__eq__), "log_url is claimed by nothing"),
                (lambda rows: of(rows, "@log")["tables"].append("core_*"),
                 "core_cache is claimed by @log, @system"),
                (lambda rows: of(rows, "tag")["tables"].append(of(rows, "review")["tables"][1]),
                 "review_detail is claimed by "),
                (without("invoice", "references", references("sales_flat_invoice", "order_id")),
                 "foreign key sales_flat_invoice.order_id to sales_flat_order.entity_id"),
                (changed("invoice", "references", references("sales_flat_invoice", "order_id"),
                         required=False), "sales_flat_invoice.order_id is required or not"),
                (without("order", "references", items), "soft link sales_flat_order_item.parent"),
                (changed("order", "references", items, to="sales_flat_order_address"),
                 "soft link sales_flat_order_item.parent"),
                (without("product", "references", lambda item: item.get("input") == "select"
                         and item["table"] == "catalog_product_entity_int"),
                 "soft link catalog_product_entity_int.value to eav_attribute_option.option_id"),
                (changed("order", "references", items, input="select"),
                 "sales_flat_order_item has no column attribute_id"),
                (changed("stock", "tables", lambda item: item["role"] == "index", link="product"),
                 "cataloginventory_stock_status has no column product"),
                (changed("wishlist", "tables", lambda item: item["role"] == "root",
                         identity=["shared"]), "wishlist: no unique key holds ['shared']"),
                (changed("wishlist", "tables", lambda item: item["table"] == "wishlist_item",
                         identity="none"), "wishlist_item: an import could not tell")):
            broken = copy.deepcopy(rows)
            change(broken)
            expect_contains("\n".join(problems(broken)), part, "problems")


@suite.case("catalogue-override", "a user's file replaces an entity; its errors are not passed "
            "over", program_only=True)
def _():
    with Workspace() as work:
        os.makedirs(work.path("mine"))
        mine = work.path("mine", "review.yaml")
        write(work.path("datasync.yaml"), SIDES + "entities_dir: " + work.path("mine") + "\n")
        write(mine, "name: review\ntables: [{table: review, role: root, link: review_id}]\n")
        found = "\n".join(problems(builtin(work.home)))
        expect_contains(found, "review_detail is claimed by nothing", "problems")
        expect_contains(found, "soft link review.entity_pk_value", "problems")
        write(mine, "name: review\ntables:\n  - {table: review, role: root, link: review_id,\n"
              "     colour: red}\n")
        expect_call(2, mine + ":4: unknown key 'colour'", "entities", folder=work.home)
        write(mine, "name: one\ntables: [{table: one, role: root, link: id}]\n"
              "references: [{column: a, entity: order}, {column: b, entity: two}]\n")
        write(work.path("mine", "two.yaml"), "name: two\ntables: [{table: two, role: root, link: "
              "id}]\nreferences:\n  - {column: c, entity: one}\n")
        expect_call(2, "in a circle: one -> two -> one; let one of these references be 'deferred': "
                    "%s:3 one.b, %s:4 two.c" % (mine, work.path("mine", "two.yaml")),
                    "entities", folder=work.home)


@suite.case("catalogue-graph", "the graph has an edge for each dependency, none of them a circle",
            program_only=True)
def _():
    with Workspace() as work:
        out = expect_call(0, None, "entities", "--graph", folder=work.home)
        expect(out.rstrip().endswith("}") and "digraph" in out, "no Graphviz: " + out[:200])
        rows = [row for row in builtin(work.home) if row["kind"] != "group"]
        place = {row["name"]: i for i, row in enumerate(rows)}
        wanted = {(row["name"], reference["entity"]) for row in rows
                  for reference in row["references"] if reference["entity"] != row["name"]}
        drawn = {}
        for line in out.splitlines():
            if " -> " in line:
                ends, style = line.strip().split(" [", 1)
                drawn[tuple(end.strip('"') for end in ends.split(" -> "))] = style
        expect_equal(set(drawn), wanted, "edges")
        for (source, target), style in drawn.items():
            expect("dotted" in style or place[target] < place[source],
                   "%s comes before %s" % (source, target))
        expect_contains(drawn["invoice", "order"], "solid", "edge")
        expect_contains(drawn["order", "customer"], "dashed", "edge")
        expect_contains(drawn["website", "store_group"], "dotted", "edge")
        code, _out, err = call("entities", "order", "--graph", folder=work.home)
        expect_equal(code, 2, "exit")
        expect_contains(err, "takes no NAME", "stderr")
