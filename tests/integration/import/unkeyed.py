"""A destination that lacks foreign keys which the source has: what these delete at the source goes here, too."""

import json
import re

from lib.shopdata import Shop, broken_keys
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from moved import STREAM, imported, target

# a row with others below it in these tables: table, key, a table below and its column
PARTS = (("catalog_product_option", "option_id", "catalog_product_option_type_value", "option_id"),
         ("catalog_product_bundle_option", "option_id", "catalog_product_bundle_selection", "option_id"),
         ("downloadable_link", "link_id", "downloadable_link_title", "link_id"),
         ("customer_address_entity", "entity_id", "customer_address_entity_varchar", "entity_id"),
         ("eav_attribute_option", "option_id", "eav_attribute_option_value", "option_id"),
         ("sales_flat_quote", "entity_id", "sales_flat_quote_item", "quote_id"))

# ids inside values, or of what another column tells: whose, these do not say
NUMBERED = {("catalog_category_entity_int", "value"), ("customer_entity_int", "value"), ("review", "entity_pk_value"), ("sales_flat_order_item", "product_options"),
            ("sales_flat_quote_item_option", "code"), ("sales_flat_quote_item_option", "value")}


def keys_of(server):
    """{table: names of its foreign keys}"""
    found = {}
    for table, name in server.query("SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = "
                                    "'openmage' ORDER BY 1, 2"):
        found.setdefault(table, []).append(name)
    return found


def drop_keys(server, tables=None):
    for table, names in keys_of(server).items():
        if tables is None or table in tables:
            server.run("ALTER TABLE `%s` %s" % (table, ", ".join("DROP FOREIGN KEY `%s`" % name for name in names)), database="openmage")


def catalogue_of(program):
    """{table: type of its rows' ids in the registry} of those of which rows are imported; {(table, column): type of the ids in it}"""
    code, out, err = program.command("entities", "--json")
    expect_equal(code, 0, err)
    types, leads = {}, {}
    for entity in map(json.loads, out.splitlines()):
        if entity["name"].startswith("@"):
            continue
        types.update({table["table"]: entity["name"] if table["role"] == "root" else table["table"]
                      for table in entity["tables"] if table["role"] not in ("index", "summary")})
        leads.update({(link["table"], link["column"]): link.get("to") or link["entity"] for link in entity["references"] if "by" not in link})
    return types, leads


def columns_of(server):
    return server.query("SELECT TABLE_NAME, COLUMN_NAME, EXTRA FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'openmage' ORDER BY TABLE_NAME, ORDINAL_POSITION")


def own_numbers(server):
    """{table: numbers of the rows that it has}"""
    return {table: {str(number) for (number,) in server.query("SELECT `%s` FROM openmage.`%s`" % (column, table))} for table, column, extra in columns_of(server) if extra == "auto_increment"}


def content(shops):
    """{table: rows} of what is imported, and what is registered. Which numbers new rows get depends on where batches end: those that
    the registry knows, or knew, are told by the source's, in columns that lead to them as well."""
    ask = shops.destination.query
    registered, columns = shops.__dict__.setdefault("registered", {}), {}
    types, leads = catalogue_of(shops.lab.program)
    registry = ask("SELECT entity_type, source_id, target_id, origin FROM datasync.datasync_entity_registry ORDER BY 1, 2")
    for kind, number, target_id, _origin in registry:
        registered.setdefault(kind, {})[str(target_id)] = "source's " + number
    leads.update({(table, column): types[to] for table, column, to in shops.source.query(
        "SELECT TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'openmage' AND "
        "REFERENCED_TABLE_NAME IS NOT NULL") if to in types})
    for table, column, extra in columns_of(shops.destination):
        columns.setdefault(table, []).append((column, extra == "auto_increment"))

    content_of = {table: ask("SELECT * FROM openmage.`%s`" % table) for table in sorted(set(types) & set(columns))}
    every = set().union(*registered.values())

    def told(table, row):
        for value, (column, counted) in zip(row, columns[table]):
            ids, text = registered.get(types[table] if counted else leads.get((table, column)), {}), str(value)
            if (table, column) in NUMBERED:
                yield re.sub(r"\d+", lambda number: "#" if number[0] in every else number[0], text)
            elif counted:
                yield ids.get(text, text if text in shops.own[table] else "new")
            else:
                yield "".join(ids.get(part, part) for part in re.split("([,/])", text))

    found = {table: sorted(repr(list(told(table, row))) for row in rows) for table, rows in content_of.items()}
    return {**found, "registry": [(kind, number, origin) for kind, number, _target, origin in registry]}


class History:
    """What happens at the source and the destination, the same in both runs."""

    def __init__(self, shops):
        self.shops, self.source, self.destination = shops, shops.source, shops.destination

    def make(self):
        """Before the first copy."""
        self.source.run(
            "SET SESSION sql_mode = ''",
            "INSERT INTO sales_flat_quote_item (quote_id, product_id, sku, name) SELECT quote_id, product_id, 'part-1', 'part' FROM "
            "sales_flat_quote_item ORDER BY item_id LIMIT 1",
            "UPDATE sales_flat_quote_item i JOIN (SELECT MIN(item_id) AS parent, quote_id FROM sales_flat_quote_item WHERE sku <> 'part-1' GROUP BY "
            "quote_id) p USING (quote_id) SET parent_item_id = parent WHERE i.sku = 'part-1'",
            "INSERT INTO sales_flat_quote_item (quote_id, product_id, sku, name, parent_item_id) SELECT quote_id, product_id, 'part-2', 'part', item_id "
            "FROM sales_flat_quote_item WHERE sku = 'part-1'",
            "INSERT INTO sales_flat_quote_item_option (item_id, product_id, code, value) SELECT item_id, product_id, 'part-option', '1' FROM "
            "sales_flat_quote_item WHERE sku = 'part-2'",
            "INSERT INTO sales_order_status (status, label) VALUES ('before', 'Before'), ('going', 'Going')",
            "INSERT INTO sales_order_status_label (status, store_id, label) SELECT status, store_id, 'here' FROM sales_order_status JOIN core_store "
            "ON store_id > 0 WHERE status IN ('before', 'going')", database="openmage")

    def delete_item(self):
        """By a key of a table to itself."""
        self.source.run("DELETE FROM sales_flat_quote_item WHERE item_id = (SELECT parent_item_id FROM (SELECT * FROM sales_flat_quote_item) i WHERE "
                        "sku = 'part-1')", database="openmage")
        expect_equal(self.source.scalar("SELECT COUNT(*) FROM openmage.sales_flat_quote_item WHERE sku IN ('part-1', 'part-2')"), 0, "at the source")

    def change(self):
        """What foreign keys of the source do: statements of theirs, and rows of the destination's own."""
        created, matched = imported(self.shops, "created"), imported(self.shops, "matched")
        roots = {kind: self.destination.query(
            "SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND origin = '%s' ORDER BY source_id + 0" % (
                kind, origin)) for kind in ("order", "customer", "category", "salesrule", "tag", "review", "attribute") for origin in ("created", )}
        own = self.destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'order' AND origin = "
                                     "'matched' ORDER BY source_id + 0 LIMIT 1")[0]
        kept = roots["order"][-1]
        self.destination.run("SET SESSION sql_mode = ''", "INSERT INTO sales_flat_invoice (increment_id, order_id) VALUES ('OWN-1', %s)" % kept[1],
                             database="openmage")
        statements = ["DELETE FROM catalog_product_entity WHERE entity_id IN (%s)" % ", ".join(
                          str(row[0]) for row in created[:6] + matched[:2]),
                      "DELETE FROM sales_flat_order WHERE entity_id IN (%s)" % ", ".join(str(row[0]) for row in (*roots["order"][:3], own, kept))]
        for kind, table, key in (("customer", "customer_entity", "entity_id"), ("salesrule", "salesrule", "rule_id"), ("tag", "tag", "tag_id"),
                                 ("review", "review", "review_id")):
            statements += ["DELETE FROM %s WHERE %s = %s" % (table, key, row[0]) for row in roots[kind][:2]]
        statements += ["UPDATE sales_order_status SET status = 'after' WHERE status = 'before'",
                       "DELETE FROM sales_order_status WHERE status = 'going'"]
        statements += ["DELETE FROM %s WHERE %s = %d" % (table, key, self.source.scalar(
            "SELECT MAX(x.%s) FROM openmage.%s x JOIN openmage.%s y ON y.%s = x.%s" % (key, table, below, column, key)))
                       for table, key, below, column in PARTS]
        self.source.run("SET SESSION sql_mode = ''", *statements, database="openmage")


def define(suite):
    @suite.case("unkeyed", "a destination without any foreign key becomes what one with all of them does")
    def _():
        found = {}
        for keyed in (True, False):
            with TwoShops(settings=STREAM) as shops:
                history, program = History(shops), shops.lab.program
                if not keyed:
                    drop_keys(shops.destination)
                history.make()
                shops.own = own_numbers(shops.destination)
                program.incremental(timeout=240)
                before = content(shops), broken_keys(Shop(shops.destination.connect()))
                parts = "SELECT COUNT(*) FROM openmage.sales_flat_quote_item WHERE sku IN ('part-1', 'part-2')"
                expect_equal(shops.destination.scalar(parts), 2, "items of items, before")
                history.delete_item()
                program.incremental(timeout=240)
                expect_equal(shops.destination.scalar(parts), 0, "items of an item that went, with keys: %s" % keyed)
                history.change()
                err = program.incremental(timeout=240)
                found[keyed] = *before, content(shops), broken_keys(Shop(shops.destination.connect()))
                expect_equal(" lacks foreign keys of the source's" in err, not keyed, "warnings: " + err[-1500:])
        for at, what in enumerate(("the first copy", None, "what the source deletes")):
            if what:
                differ = {name: sorted(set(rows) ^ set(found[False][at].get(name, ())))[:4] for name, rows in found[True][at].items()
                          if rows != found[False][at].get(name)}
                expect_equal(differ, {}, what)
        imported_tables = set(found[True][0])
        lost = {key: rows for key, rows in found[False][3].items() if key[0] in imported_tables and rows - found[False][1].get(key, set())}
        expect_equal(lost, {}, "rows that lead nowhere")
        changed = [name for name in found[True][0] if found[True][0][name] != found[True][2][name]]
        expect(len(changed) > 40, "only these were concerned: %s" % changed)

    @suite.case("unkeyed-told", "a key that the destination lacks is named at the start and by check, with its table; one that it gets is not")
    def _():
        history = "sales_flat_order_status_history"
        with TwoShops(settings=STREAM) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            names = dict(source.query("SELECT CONSTRAINT_NAME, TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'openmage' AND "
                                      "TABLE_NAME = '%s' AND REFERENCED_TABLE_NAME = 'sales_flat_order'" % history))
            expect_equal(len(names), 1, "the key: %s" % names)
            named = list(names)[0]
            drop_keys(destination, [history])
            destination.run("ALTER TABLE %s ENGINE = MyISAM" % history, database="openmage")
            at = source.gtid()
            code, out, _err = program.command("check")
            expect_equal((code, source.gtid()), (0, at), "exit, and where the source's binlog ends (a table of MEMORY that is opened first writes): " + out)
            told = [line for line in out.splitlines() if "lacks foreign keys" in line]
            expect_equal(len(told), 1, "tables that lack keys: %s" % told)
            for part in ("warn ", "table %s: " % history, named + " (parent_id to sales_flat_order)", "MyISAM has none"):
                expect_contains(told[0], part, "check")
            expect_contains(program.incremental(timeout=240), "table %s lacks foreign keys of the source's" % history, "log")
            expect_equal(source.gtid(), at, "where the source's binlog ends")
            number, here = destination.query(
                "SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'order' AND origin = 'created' AND target_id "
                "IN (SELECT parent_id FROM openmage.%s) ORDER BY source_id + 0 LIMIT 1" % history)[0]
            source.run("DELETE FROM sales_flat_order WHERE entity_id = %s" % number, database="openmage")
            program.incremental(timeout=240)
            expect_equal(destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE parent_id = %d" % (history, here)), 0, "history of an order that went")
            destination.run("ALTER TABLE %s ENGINE = InnoDB, ADD CONSTRAINT anew FOREIGN KEY (parent_id) REFERENCES sales_flat_order (entity_id) ON "
                            "DELETE CASCADE" % history, database="openmage")
            expect("lacks foreign keys" not in program.incremental(timeout=240) + program.command("check")[1], "a key that is there is told")

    @suite.case("unkeyed-held", "a key that forbids what the source's takes along gives way for rows that came from there, and for no others; so do tables behind")
    def _():
        history = "sales_flat_order_status_history"
        with TwoShops(settings=STREAM) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            drop_keys(destination, [history, "catalog_product_option"])
            destination.run("ALTER TABLE %s ADD CONSTRAINT forbids FOREIGN KEY (parent_id) REFERENCES sales_flat_order (entity_id)" % history,
                            database="openmage")
            numbers = (930001, 930002)  # of products that the destination has not
            source.run("INSERT INTO catalog_product_entity (entity_id, entity_type_id, attribute_set_id, sku, has_options) SELECT n.seq, p.entity_type_id, "
                       "p.attribute_set_id, CONCAT('unkeyed-', n.seq), 1 FROM (SELECT %d AS seq UNION SELECT %d) n JOIN (SELECT * FROM catalog_product_entity "
                       "WHERE type_id = 'simple' ORDER BY 1 LIMIT 1) p" % numbers,
                       "INSERT INTO catalog_product_option (product_id, type) VALUES (%d, 'field'), (%d, 'field')" % numbers,
                       "INSERT INTO catalog_product_option_title (option_id, store_id, title) SELECT option_id, 0, 'Engraving' FROM catalog_product_option "
                       "WHERE product_id IN (%d, %d)" % numbers, database="openmage")
            program.incremental(timeout=240)
            orders = destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'order' AND origin = "
                                       "'created' AND target_id IN (SELECT parent_id FROM openmage.%s) ORDER BY source_id + 0 LIMIT 2" % history)
            products = [(each, target(shops, "product", each), target(shops, "catalog_product_option", option)) for each, option in source.query(
                "SELECT product_id, MAX(option_id) FROM openmage.catalog_product_option WHERE product_id IN (%d, %d) GROUP BY 1 ORDER BY 1" % numbers)]
            destination.run("SET SESSION sql_mode = ''", "INSERT INTO %s (parent_id, comment) VALUES (%d, 'our own')" % (history, orders[1][1]),
                            "CREATE TABLE erp_option (option_id INT UNSIGNED, FOREIGN KEY (option_id) REFERENCES catalog_product_option (option_id))",
                            "INSERT INTO erp_option VALUES (%d)" % products[1][2], database="openmage")
            source.run("DELETE FROM sales_flat_order WHERE entity_id IN (%s, %s)" % (orders[0][0], orders[1][0]),
                       "DELETE FROM catalog_product_entity WHERE entity_id IN (%d, %d)" % (products[0][0], products[1][0]), database="openmage")
            err = program.incremental(timeout=240)
            ask = lambda table, column, number: destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %d" % (table, column, number))
            expect_equal([(ask("sales_flat_order", "entity_id", here), ask(history, "parent_id", here) > 0) for _there, here in orders],
                         [(0, False), (1, True)], "orders, and whether they have a history: " + err[-1500:])
            expect_equal([(ask("catalog_product_entity", "entity_id", here), ask("catalog_product_option", "option_id", option))
                          for _there, here, option in products], [(0, 0), (1, 1)], "products, and their options: " + err[-1500:])
            for table in (history, "erp_option"):
                expect_contains(err, "rows of the destination's own in table %s hold on to it" % table, "log")
