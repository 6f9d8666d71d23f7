"""A copy through a map of ten rules beside a plain mirror of the same tables, and then changes of them, in the same run.

A shop of Magento 1's shape goes into fresh servers in turn: as it is, and into tables of Magento 2's names, by rules that
rename, move, ignore and transform. Figures are rows per second; "ratio" is that of the map over that of the mirror. A run
counts only if the destination holds what the rules say, by sums over SQL of our own.
"""

import os
import statistics
import time

from tests.bench.appliers import FAST_SOURCE, SIZED, BenchError
from tests.lib.program import Datasync
from tests.lib.server import REPLICA, Server, create_accounts

ORDERS = 200000
PRODUCTS = 100000
ORDER = """entity_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, state VARCHAR(32), status VARCHAR(32), %(email)s VARCHAR(255), increment_id VARCHAR(50), store_id SMALLINT UNSIGNED,
  customer_id INT UNSIGNED, base_grand_total DECIMAL(12,4), grand_total DECIMAL(12,4), weight DECIMAL(12,4), created_at TIMESTAMP NULL, updated_at TIMESTAMP NULL, %(more)s,
  UNIQUE KEY (increment_id), KEY (store_id), KEY (customer_id), KEY (created_at)"""
ITEM = """item_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, order_id INT UNSIGNED NOT NULL, product_id INT UNSIGNED, sku VARCHAR(255), name VARCHAR(255), product_options TEXT,
  qty_ordered DECIMAL(12,4), price DECIMAL(12,4), row_total DECIMAL(12,4), is_virtual SMALLINT UNSIGNED, KEY (order_id)"""
VALUE = """value_id INT AUTO_INCREMENT PRIMARY KEY, %(type)sattribute_id SMALLINT UNSIGNED NOT NULL, store_id SMALLINT UNSIGNED NOT NULL, entity_id INT UNSIGNED NOT NULL, value VARCHAR(255),
  UNIQUE KEY (entity_id, attribute_id, store_id), KEY (attribute_id), KEY (store_id)"""
TABLE = "CREATE TABLE %s (%s) ENGINE=InnoDB"
SOURCE = (TABLE % ("sales_flat_order", ORDER % {"email": "customer_email", "more": "protect_code VARCHAR(255), remote_ip VARCHAR(255)"}),
          TABLE % ("sales_flat_order_item", ITEM), TABLE % ("log_visitor", "id INT PRIMARY KEY"),
          TABLE % ("catalog_product_entity_varchar", VALUE % {"type": "entity_type_id SMALLINT UNSIGNED NOT NULL, "}))
MAPPED = (TABLE % ("sales_order", ORDER % {"email": "email", "more": "remote_ip BIGINT NULL, send_email SMALLINT UNSIGNED DEFAULT 1"}),
          TABLE % ("sales_order_item", ITEM), TABLE % ("catalog_product_entity_varchar", VALUE % {"type": ""}))
FILL = (
    "INSERT INTO sales_flat_order SELECT seq, 'processing', ELT(1 + seq %% 3, 'new', 'holded', 'complete'), CONCAT('customer', seq %% 9999, '@example.com'), 100000000 + seq, 1 + seq %% 3, "
    "seq %% 9999, seq %% 700, seq %% 700, 1.5, '2020-01-01' + INTERVAL seq SECOND, '2020-01-02' + INTERVAL seq SECOND, MD5(seq), CONCAT('10.0.', seq %% 250, '.', seq %% 99) "
    "FROM seq_1_to_%(orders)d",
    "INSERT INTO sales_flat_order_item SELECT seq, 1 + seq %% %(orders)d, seq %% 5000, CONCAT('sku-', seq %% 5000), CONCAT('A product called ', seq %% 5000), REPEAT('option ', seq %% 9), "
    "1 + seq %% 4, seq %% 90, seq %% 300, 0 FROM seq_1_to_%(items)d",
    "INSERT INTO catalog_product_entity_varchar SELECT seq, 4, 1 + seq %% 10, 0, seq DIV 10, CONCAT('value ', seq) FROM seq_1_to_%(values)d")
CHANGES = ("UPDATE sales_flat_order SET status = 'complete', updated_at = updated_at + INTERVAL 1 DAY WHERE entity_id % 2 = 0",
           "UPDATE sales_flat_order_item SET price = price + 1 WHERE item_id % 4 = 0",
           "UPDATE catalog_product_entity_varchar SET value = CONCAT(value, '!') WHERE value_id % 10 = 0",
           "DELETE FROM sales_flat_order_item WHERE item_id % 10 = 1")
MAP = """<map>
  <source>
    <document_rules>
      <ignore><document>log_*</document></ignore>
      <rename><document>sales_flat_order</document><to>sales_order</to></rename>
      <rename><document>sales_flat_order_item</document><to>sales_order_item</to></rename>
    </document_rules>
    <field_rules>
      <move><field>sales_flat_order.customer_email</field><to>sales_order.email</to></move>
      <ignore><field>sales_flat_order.protect_code</field></ignore>
      <ignore><field>catalog_product_entity_varchar.entity_type_id</field></ignore>
      <transform><field>sales_flat_order.status</field><handler class="\\Migration\\Handler\\Convert"><param name="map" value="[new:pending;holded:on_hold]"/></handler></transform>
      <transform><field>sales_flat_order.remote_ip</field><handler class="\\Migration\\Handler\\ConvertIp"/></transform>
      <transform><field>sales_flat_order_item.sku</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="m1-"/></handler></transform>
    </field_rules>
  </source>
  <destination>
    <document_rules/>
    <field_rules><ignore><field>sales_order.send_email</field></ignore></field_rules>
  </destination>
</map>
"""
SUMS = (  # of the source through the rules, and of the map's destination
    ("SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', entity_id, ELT(1 + FIELD(status, 'new', 'holded'), status, 'pending', 'on_hold'), customer_email, increment_id, grand_total, updated_at, "
     "INET_ATON(remote_ip)))) FROM sales_flat_order",
     "SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', entity_id, status, email, increment_id, grand_total, updated_at, remote_ip))) FROM sales_order"),
    ("SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', item_id, order_id, CONCAT('m1-', sku), name, product_options, price))) FROM sales_flat_order_item",
     "SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', item_id, order_id, sku, name, product_options, price))) FROM sales_order_item"),
    ("SELECT COUNT(*), SUM(CRC32(CONCAT_WS('|', value_id, attribute_id, entity_id, value))) FROM catalog_product_entity_varchar",) * 2)
PHASES = ("copy", "changes")


def same(source, server, mapped):
    for there, here in SUMS:
        if source.query(there, "shop") != server.query(here if mapped else there, "shop"):
            raise BenchError("the destination differs: " + (here if mapped else there))


def timed(program):
    began = time.monotonic()
    code, _out, err = program.command("incremental", timeout=3600)
    if code:
        raise BenchError("incremental: exit %d: %s" % (code, err[-800:]))
    return time.monotonic() - began


def one_run(work, number, scale, note):
    """Rows per second, of the mirror and of the map, by phase."""
    source = Server(work, "map-source-%d" % number, 1, [*FAST_SOURCE, "--binlog-row-metadata=FULL"]).start()
    create_accounts(source, "source")
    source.run("CREATE DATABASE shop CHARACTER SET utf8mb4", database=None)
    sizes = {"orders": max(1, int(ORDERS * scale)), "items": max(1, int(ORDERS * scale * 2)), "values": max(1, int(PRODUCTS * scale * 10))}
    source.run(*SOURCE, *(sql % sizes for sql in FILL), "ANALYZE TABLE sales_flat_order, sales_flat_order_item, catalog_product_entity_varchar", database="shop")
    programs, figures = {}, {}
    for place, name in enumerate(("mirror", "map") if number % 2 else ("map", "mirror")):
        server = Server(work, "%s-%d" % (name, number), 80 + place, [*SIZED, *REPLICA]).start()
        create_accounts(server, "destination")
        server.run("CREATE DATABASE shop CHARACTER SET utf8mb4", database=None)
        if name == "map":
            server.run(*MAPPED, database="shop")
        path = work.path("map-%d.xml" % number)
        with open(path, "w", encoding="utf-8") as out:
            out.write(MAP)
        os.chmod(path, 0o600)
        programs[name] = (server, Datasync(work, source, server, name="%s%d" % (name, number), settings={"map": [path], "ddl": "ignore"} if name == "map" else {}))
    rows = {"copy": sum(sizes.values())}
    for phase in PHASES:
        if phase == "changes":
            source.run("BEGIN", *CHANGES, "COMMIT", database="shop")
            rows[phase] = sizes["orders"] // 2 + sizes["items"] // 4 + sizes["items"] // 10 + sizes["values"] // 10
        for name, (server, program) in programs.items():
            took = timed(program)
            same(source, server, name == "map")
            figures[name, phase] = rows[phase] / took
            note("  run %d: %-7s %-6s %8d rows in %6.2f s, %7.0f rows/s" % (number, phase, name, rows[phase], took, figures[name, phase]))
    for server in (source, *(server for server, _ in programs.values())):
        server.stop()
    return figures


def measure(work, scale, runs, note):
    note("map: a copy through ten rules beside a plain one, and changes")
    figures = [one_run(work, number, scale, note) for number in range(1, runs + 1)]
    result = {"workload": "map", "scale": scale}
    for phase in PHASES:
        medians = {name: statistics.median(run[name, phase] for run in figures) for name in ("mirror", "map")}
        result[phase] = {"map_rows_per_second": round(medians["map"]), "mirror_rows_per_second": round(medians["mirror"]),
                         "ratio": round(medians["map"] / medians["mirror"], 3)}
    return result


def show(result):
    print("\nmap         map rows/s  mirror rows/s   ratio")
    for phase in PHASES:
        figures = result[phase]
        print("  %-9s %10d %14d %7.2f" % (phase, figures["map_rows_per_second"], figures["mirror_rows_per_second"], figures["ratio"]))
