"""Imports: `datasync sync` of a generated shop into a fresh one, beside LOAD DATA of the same rows.

The source is the recorded shop with one of its products, customers and orders multiplied; the destination a shop as it was
installed. Kind by kind in runs of their own: products, their stock, customers, orders. LOAD DATA then loads the rows that
were written into tables of the same definition, with the same keys and foreign keys, at the same server: "ratio" is rows
per second of sync over those of LOAD DATA; "all rows" the same with the registry's rows, which sync writes in the same
transactions. "claim" is the upper figure of the old module's README, entities per second. Then stock once more: as it is,
and after every quantity has changed.
"""

import os
import statistics
import time

from tests.bench.appliers import FAST_SOURCE, SIZED, BenchError
from tests.lib import recording
from tests.lib.program import Datasync
from tests.lib.server import REPLICA, Server, create_accounts

COUNT = 50000
FIRST = 1000000  # numbers of what is made up
VALUES = ("datetime", "decimal", "int", "text", "varchar")
STOCK = ["cataloginventory_stock_item"]
KINDS = {
    "product": (80, ["catalog_product_entity", *("catalog_product_entity_" + kind for kind in VALUES), "catalog_product_website",
                     "catalog_category_product"]),
    "stock": (1000, STOCK),
    "customer": (100, ["customer_entity", *("customer_entity_" + kind for kind in ("datetime", "int", "varchar")),
                       "customer_address_entity", *("customer_address_entity_" + kind for kind in ("int", "text", "varchar"))]),
    "order": (50, ["sales_flat_order", "sales_flat_order_address", "sales_flat_order_item", "sales_flat_order_payment",
                   "sales_flat_order_status_history", "sales_flat_order_grid"]),
}
AGAIN = ("unchanged", "changed")


class Shop:
    """The source, and how its rows are multiplied."""

    def __init__(self, server, count):
        self.server, self.count = server, count
        self.connection = server.connect(recording.DATABASE)
        self.run("SET SESSION sql_log_bin = 0, foreign_key_checks = 0, unique_checks = 0")

    def run(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def first(self, sql):
        rows = self.run(sql)
        if not rows or rows[0][0] is None:
            raise BenchError("the recording has no row for: " + sql)
        return rows[0][0]

    def multiply(self, table, where, changed, counted=None):
        columns = [row[0] for row in self.run(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '%s' "
            "ORDER BY ORDINAL_POSITION" % table)]
        values = ["NULL" if column == counted else changed.get(column, "t.`%s`" % column) for column in columns]
        self.run("INSERT INTO `%s` (%s) SELECT %s FROM `%s` t, seq_1_to_%d WHERE %s" % (
            table, ", ".join("`%s`" % column for column in columns), ", ".join(values), table, self.count, where))

    def fill(self):
        number = "%d + seq" % FIRST
        product = self.first("SELECT entity_id FROM catalog_product_entity WHERE type_id = 'simple' AND has_options = 0 LIMIT 1")
        of = "t.entity_id = %d" % product
        self.multiply("catalog_product_entity", of, {"entity_id": number, "sku": "CONCAT('made-', seq)"})
        for kind in VALUES:
            self.multiply("catalog_product_entity_" + kind, of, {"entity_id": number}, "value_id")
        for table, counted in (("catalog_product_website", None), ("catalog_category_product", None), ("cataloginventory_stock_item", "item_id")):
            self.multiply(table, "t.product_id = %d" % product, {"product_id": number}, counted)
        customer, address = self.run("SELECT parent_id, MIN(entity_id) FROM customer_address_entity GROUP BY parent_id LIMIT 1")[0]
        of = "t.entity_id = %d" % customer
        self.multiply("customer_entity", of, {"entity_id": number, "email": "CONCAT('made', seq, '@example.com')"})
        for kind in ("datetime", "int", "varchar"):
            changed = {"entity_id": number}
            if kind == "int":  # each has its own default addresses
                changed["value"] = "IF(t.value = %d, %s, t.value)" % (address, number)
            self.multiply("customer_entity_" + kind, of, changed, "value_id")
        of = "t.entity_id = %d" % address
        self.multiply("customer_address_entity", of, {"entity_id": number, "parent_id": number})
        for kind in ("int", "text", "varchar"):
            self.multiply("customer_address_entity_" + kind, of, {"entity_id": number}, "value_id")
        order = self.first("SELECT entity_id FROM sales_flat_order WHERE status = 'complete' LIMIT 1")
        name = {"entity_id": number, "increment_id": "CONCAT('9', LPAD(seq, 8, '0'))"}
        address = "%d + 2 * seq" % FIRST
        shipping = "IF(t.address_type = 'shipping', 1, 0)"
        self.multiply("sales_flat_order", "t.entity_id = %d" % order,
                      {**name, "billing_address_id": address, "shipping_address_id": address + " + 1"})
        self.multiply("sales_flat_order_grid", "t.entity_id = %d" % order, name)
        self.multiply("sales_flat_order_address", "t.parent_id = %d" % order,
                      {"parent_id": number, "entity_id": "%s + %s" % (address, shipping)})
        for part in ("payment", "status_history"):
            self.multiply("sales_flat_order_" + part, "t.parent_id = %d" % order, {"parent_id": number}, "entity_id")
        self.multiply("sales_flat_order_item", "t.order_id = %d AND t.parent_item_id IS NULL" % order, {"order_id": number}, "item_id")
        self.connection.close()


def load_data(server, folder, tables, database=recording.DATABASE, where="1"):
    """Seconds that LOAD DATA takes for the rows of these tables, into empty ones."""
    connection = server.connect(database)
    took = 0
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS loaded")
        cursor.execute("SET SESSION foreign_key_checks = 0")
        for table in tables:
            cursor.execute("SELECT * INTO OUTFILE '%s/%s' CHARACTER SET binary FROM `%s` WHERE %s" % (folder, table, table, where))
            cursor.execute("SHOW CREATE TABLE `%s`" % table)
            definition = cursor.fetchone()[1]
            cursor.execute("USE loaded")
            cursor.execute(definition.replace("REFERENCES `", "REFERENCES `%s`.`" % database))
            cursor.execute("USE " + database)
        cursor.execute("SET SESSION foreign_key_checks = 1")
        for table in tables:
            began = time.monotonic()
            cursor.execute("LOAD DATA INFILE '%s/%s' INTO TABLE loaded.`%s` CHARACTER SET binary" % (folder, table, table))
            took += time.monotonic() - began
            os.unlink(os.path.join(folder, table))
        cursor.execute("SET SESSION foreign_key_checks = 0")
        cursor.execute("DROP DATABASE loaded")
    connection.close()
    return took


def rows_of(server, tables):
    return sum(server.scalar("SELECT COUNT(*) FROM `%s`" % table, recording.DATABASE) for table in tables)


def registry(server):
    """{type: rows}"""
    return {name: int(count) for name, count in server.query("SELECT entity_type, COUNT(*) FROM datasync.datasync_entity_registry GROUP BY 1")}


def one_run(work, number, base, source, figures, note):
    server = Server(work, "sync-%d" % number, 80 + number, [*SIZED, *REPLICA], data=base).start()
    program = Datasync(work, source, server, name="sync%d" % number, database=recording.DATABASE, settings={})
    folder = work.path("load-%d" % number)
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    for kind in ("customer_group", "attribute", "attribute_set", "category"):
        run(program, kind)
    for kind, (_claim, tables) in KINDS.items():
        before, known, began = rows_of(server, tables), registry(server), time.monotonic()
        run(program, kind, *(("--stock", "exclude") if kind == "product" else ()))
        took = time.monotonic() - began
        written = rows_of(server, tables) - before
        new = {name: count - known.get(name, 0) for name, count in registry(server).items() if count > known.get(name, 0)}
        all_rows, loaded = before + written, load_data(server, folder, tables)
        types = ", ".join("'%s'" % name for name in new)
        registered, there = sum(new.values()), sum(registry(server)[name] for name in new)
        more = load_data(server, folder, ["datasync_entity_registry"], "datasync", "entity_type IN (%s)" % types)
        figures[kind]["sync"].append(written / took)
        figures[kind]["load"].append(all_rows / loaded)
        figures[kind]["all"].append((written + registered) / took / ((all_rows + there) / (loaded + more)))
        figures[kind]["entities"].append(rows_of(server, tables[:1]) / took)
        note("  run %d: %-8s %7d rows in %6.2f s, %6.0f rows/s; LOAD DATA %6.0f rows/s; with %d of the registry %.2f of LOAD DATA" % (
            number, kind, written, took, written / took, all_rows / loaded, registered, figures[kind]["all"][-1]))
    for again in AGAIN:
        if again == "changed":
            source.run("UPDATE cataloginventory_stock_item SET qty = qty + 1", database=recording.DATABASE)
        began = time.monotonic()
        run(program, "stock")
        took = time.monotonic() - began
        figures["stock"][again].append(rows_of(server, STOCK) / took)
        note("  run %d: stock    %9s in %6.2f s" % (number, again, took))
    server.stop()


def run(program, kind, *options):
    code, _out, err = program.command("sync", kind, "bench", "-d", "update", *options, timeout=3600)
    if code:
        raise BenchError("sync %s: exit %d: %s" % (kind, code, err[-800:]))


def measure(work, scale, runs, note):
    """A result for the table, or None without a recording."""
    folder = recording.find()
    if not folder:
        note("sync: left out, there is no recording")
        return None
    source = Server(work, "sync-source", 1, [*FAST_SOURCE, "--binlog-row-metadata=FULL"]).start()
    create_accounts(source, "source")
    source.run(recording.CREATE, database=None)
    recording.load_base(source, folder)
    recording.live(source, recording.logs(work, folder)[0])
    base = Server(work, "sync-base", 2, [*SIZED, "--innodb-flush-log-at-trx-commit=0"]).start()
    create_accounts(base, "destination")
    base.run(recording.CREATE, database=None)
    recording.load_base(base, folder)
    base.stop()
    count = max(1, int(COUNT * scale))
    Shop(source, count).fill()
    note("sync: %d products, customers and orders into a fresh shop" % count)
    figures = {kind: {"sync": [], "load": [], "all": [], "entities": []} for kind in KINDS}
    figures["stock"].update({again: [] for again in AGAIN})
    for number in range(1, runs + 1):
        one_run(work, number, base.datadir, source, figures, note)
    source.stop()
    result = {"workload": "sync", "scale": scale, "count": count, "kinds": {}}
    for kind, values in figures.items():
        medians = {name: statistics.median(found) for name, found in values.items()}
        result["kinds"][kind] = {
            "rows_per_second": round(medians["sync"]), "load_data_rows_per_second": round(medians["load"]),
            "ratio": round(medians["sync"] / medians["load"], 3), "ratio_all_rows": round(medians["all"], 3), "entities_per_second": round(medians["entities"]),
            "claim": KINDS[kind][0], "times_claim": round(medians["entities"] / KINDS[kind][0], 1)}
        for again in AGAIN:
            if again in medians:
                result["kinds"][kind][again + "_per_second"] = round(medians[again])
    return result


def show(result):
    print("\nsync           rows/s  LOAD DATA   ratio  all rows  entities/s  times the old claim")
    for kind, figures in result["kinds"].items():
        print("  %-9s %9d %10d %7.2f %9.2f %11d %20.1f" % (
            kind, figures["rows_per_second"], figures["load_data_rows_per_second"], figures["ratio"], figures["ratio_all_rows"],
            figures["entities_per_second"], figures["times_claim"]))
        for again in AGAIN:
            if again + "_per_second" in figures:
                print("  %-38s %20d %20.1f" % ("… again, " + again, figures[again + "_per_second"],
                                              figures[again + "_per_second"] / figures["claim"]))
