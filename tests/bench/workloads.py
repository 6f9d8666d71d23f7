"""What the benchmarks replay: each workload fills a base, then writes at the source what is to be applied.

A base is loaded without a binlog and copied for source and destinations. Sources are written by the mariadb client
from generated files, several clients at once where the order of their transactions does not matter.
"""

import gzip
import os
import random
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCHEMA = os.path.join(TOP, "deploy", "quickstart.d", "shop.sql")
RECORDING = os.path.join(os.path.dirname(TOP), "shared", "recordings", "openmage-small")
CLIENTS = 4
ITEMS = 2000

REFERENCES = """
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO core_website (website_id, code) VALUES (0, 'admin'), (1, 'base');
INSERT INTO core_store_group (group_id, website_id, name) VALUES (0, 0, 'admin'), (1, 1, 'base');
INSERT INTO core_store (store_id, code, website_id, group_id, name) VALUES (0, 'admin', 0, 0, 'admin'), (1, 'en', 1, 1, 'en');
INSERT INTO core_config_data (config_id, path, value) VALUES (1, 'bench/probe', '0');
INSERT INTO customer_group (customer_group_id, customer_group_code) VALUES (0, 'nobody'), (1, 'all'), (2, 'more'), (3, 'few');
INSERT INTO eav_entity_type (entity_type_id, entity_type_code, entity_model) VALUES (1, 'customer', ''), (4, 'catalog_product', ''), (5, 'order', '');
INSERT INTO eav_entity_store (entity_store_id, entity_type_id, store_id, increment_last_id) VALUES (1, 5, 1, '100000000');
INSERT INTO eav_attribute_set (attribute_set_id, entity_type_id, attribute_set_name) VALUES (4, 4, 'Default');
INSERT INTO cataloginventory_stock (stock_id, stock_name) VALUES (1, 'Default');
"""
PRODUCTS = """
INSERT INTO catalog_product_entity (entity_id, entity_type_id, attribute_set_id, sku, created_at, updated_at)
    SELECT seq, 4, 4, CONCAT('sku-', seq), '2024-03-01 10:00:00', '2024-03-01 10:00:00' FROM seq_1_to_{count};
"""
STOCK = """
INSERT INTO cataloginventory_stock_item (item_id, product_id, stock_id, qty, is_in_stock, low_stock_date)
    SELECT seq, seq, 1, 1000, 1, '2024-03-01 10:00:00' FROM seq_1_to_{count};
"""
CUSTOMERS = """
INSERT INTO customer_entity (entity_id, entity_type_id, website_id, store_id, email, group_id, created_at, updated_at)
    SELECT seq, 1, 1, 1, CONCAT('customer-', seq, '@example.com'), 1, '2024-03-01 10:00:00', '2024-03-01 10:00:00'
    FROM seq_1_to_{count};
"""


class Workload:
    """One source of transactions. `database` is what is mirrored; `start` the GTID position of the base."""

    name = about = None
    database = "shop"
    start = "0-1-1"

    def __init__(self, scale):
        self.scale = scale

    def available(self):
        """Why it cannot run here, or None."""
        return None

    def size(self, count, step=1):
        return max(step, int(count * self.scale) // step * step)

    def fill(self, server):
        """Load the base: the shop's schema and what the transactions need."""
        server.run("CREATE DATABASE shop CHARACTER SET utf8mb4", database=None)
        server.load_file(SCHEMA, "shop")
        server.script(REFERENCES)

    def write(self, source, work):
        """Write the transactions at the source."""
        raise NotImplementedError


def feed(source, work, database, scripts):
    """Run generators of SQL text, each through a client of its own, at the same time."""
    clients = []
    for index, script in enumerate(scripts):
        path = work.path("load-%d.sql" % index)
        with open(path, "w", encoding="utf-8") as out:
            for text in script:
                out.write(text)
        with open(path, "rb") as script_file:
            clients.append((path, subprocess.Popen(
                ["mariadb", "--no-defaults", "--socket=" + source.socket, "--user=root",
                 "--default-character-set=utf8mb4", "--max-allowed-packet=256M", database],
                stdin=script_file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)))
    for path, client in clients:
        error = client.communicate()[1]
        if client.returncode:
            raise RuntimeError("writing at the source failed: " + error.decode(errors="replace")[-2000:])
        os.unlink(path)


class Stock(Workload):
    name = "stock"
    about = "one-row stock updates on 2 000 items, each its own transaction"

    def fill(self, server):
        super().fill(server)
        server.script((PRODUCTS + STOCK).format(count=ITEMS))

    def updates(self, seed, count):
        rng = random.Random(seed)
        for _ in range(count):
            yield ("UPDATE cataloginventory_stock_item SET qty = %d, is_in_stock = %d WHERE product_id = %d AND stock_id"
                   " = 1;\n" % (rng.randint(0, 5000), rng.random() > 0.05, rng.randint(1, ITEMS)))

    def write(self, source, work):
        count = self.size(200000) // CLIENTS
        feed(source, work, self.database, [self.updates(seed, count) for seed in range(CLIENTS)])


class Orders(Workload):
    name = "orders"
    about = "20 000 checkouts as the shop writes them, then an update of each order"

    def fill(self, server):
        super().fill(server)
        server.script((PRODUCTS + STOCK + CUSTOMERS).format(count=ITEMS))

    def checkout(self, rng, order):
        when = "2024-03-%02d %02d:%02d:%02d" % (1 + order // 1000 % 28, order % 24, order % 60, rng.randint(0, 59))
        products = sorted(rng.sample(range(1, ITEMS + 1), 2))
        customer, total = rng.randint(1, ITEMS), rng.randint(500, 90000) / 100
        number, email = 100000000 + order, "customer-%d@example.com" % customer
        values = dict(order=order, number=number, customer=customer, email=email, total=total, when=when,
                      half=total / 2, first=products[0], second=products[1], a=order * 2 - 1, b=order * 2)
        return CHECKOUT.format(**values)

    def checkouts(self, client, count):
        rng = random.Random(client)
        for turn in range(count):
            yield self.checkout(rng, turn * CLIENTS + client + 1)

    def updates(self, client, count):
        for turn in range(count):
            yield ("UPDATE sales_flat_order SET state = 'processing', status = 'processing', total_paid = grand_total,"
                   " base_total_paid = base_grand_total, email_sent = 1, updated_at = '2024-04-01 08:00:00' WHERE"
                   " entity_id = %d;\n" % (turn * CLIENTS + client + 1))

    def write(self, source, work):
        count = self.size(20000) // CLIENTS
        feed(source, work, self.database, [self.checkouts(client, count) for client in range(CLIENTS)])
        feed(source, work, self.database, [self.updates(client, count) for client in range(CLIENTS)])


CHECKOUT = """\
UPDATE eav_entity_store SET increment_last_id = '{number}' WHERE entity_store_id = 1;
BEGIN;
UPDATE cataloginventory_stock_item SET qty = qty - 1 WHERE product_id = {first} AND stock_id = 1;
UPDATE cataloginventory_stock_item SET qty = qty - 2 WHERE product_id = {second} AND stock_id = 1;
COMMIT;
BEGIN;
UPDATE customer_entity SET updated_at = '{when}' WHERE entity_id = {customer};
INSERT INTO sales_flat_order (entity_id, state, status, store_id, store_name, customer_id, customer_email, \
customer_firstname, customer_lastname, customer_group_id, increment_id, quote_id, grand_total, base_grand_total, \
subtotal, base_subtotal, shipping_amount, base_shipping_amount, tax_amount, base_tax_amount, total_qty_ordered, \
total_item_count, base_currency_code, order_currency_code, global_currency_code, store_currency_code, \
shipping_description, shipping_method, remote_ip, weight, created_at, updated_at) VALUES ({order}, 'new', 'pending', \
1, 'Main Store', {customer}, '{email}', 'Zoë', 'Müller', 1, '{number}', {order}, {total}, {total}, {total}, {total}, \
5, 5, 0, 0, 3, 2, 'EUR', 'EUR', 'EUR', 'EUR', 'Flat Rate - Fixed', 'flatrate_flatrate', '192.0.2.7', 3, '{when}', \
'{when}');
INSERT INTO sales_flat_order_address (entity_id, parent_id, address_type, firstname, lastname, street, city, postcode, \
country_id, telephone, email, customer_id) VALUES ({a}, {order}, 'billing', 'Zoë', 'Müller', 'Lindenstraße 7', \
'Berlin', '10115', 'DE', '+49 30 123456', '{email}', {customer}), ({b}, {order}, 'shipping', 'Zoë', 'Müller', \
'Lindenstraße 7', 'Berlin', '10115', 'DE', '+49 30 123456', '{email}', {customer});
UPDATE sales_flat_order SET billing_address_id = {a}, shipping_address_id = {b} WHERE entity_id = {order};
INSERT INTO sales_flat_order_item (item_id, order_id, store_id, product_id, product_type, sku, name, qty_ordered, \
price, base_price, original_price, base_original_price, row_total, base_row_total, weight, row_weight, created_at, \
updated_at, product_options) VALUES ({a}, {order}, 1, {first}, 'simple', 'sku-{first}', 'Product {first}', 1, {half}, \
{half}, {half}, {half}, {half}, {half}, 1, 1, '{when}', '{when}', 'a:1:{{s:3:"qty";i:1;}}'), ({b}, {order}, 1, \
{second}, 'simple', 'sku-{second}', 'Product {second}', 2, {half}, {half}, {half}, {half}, {half}, {half}, 1, 2, \
'{when}', '{when}', 'a:1:{{s:3:"qty";i:2;}}');
INSERT INTO sales_flat_order_payment (entity_id, parent_id, method, amount_ordered, base_amount_ordered) VALUES \
({order}, {order}, 'checkmo', {total}, {total});
INSERT INTO sales_flat_order_status_history (entity_id, parent_id, status, comment, is_customer_notified, entity_name, \
created_at) VALUES ({order}, {order}, 'pending', NULL, 1, 'order', '{when}');
COMMIT;
INSERT INTO sales_flat_order_grid (entity_id, status, store_id, store_name, customer_id, base_grand_total, grand_total, \
increment_id, base_currency_code, order_currency_code, shipping_name, billing_name, created_at, updated_at) VALUES \
({order}, 'pending', 1, 'Main Store', {customer}, {total}, {total}, '{number}', 'EUR', 'EUR', 'Zoë Müller', \
'Zoë Müller', '{when}', '{when}');
"""


class Bulk(Workload):
    name = "bulk"
    about = "1 000 statements that insert 1 000 rows each, a third of them updated afterwards"

    def fill(self, server):
        super().fill(server)
        server.script(PRODUCTS.format(count=self.size(1000) * 250))

    def statements(self):
        rng = random.Random(1)
        for number in range(self.size(1000)):
            low = number * 250 + 1
            rows = []
            for product in range(low, low + 250):
                price = rng.randint(100, 99999) / 100
                rows.extend("(%d,%d,1,2,%s,%s,%s,%s)" % (product, group, price, price, price, price)
                            for group in range(4))
            yield ("INSERT INTO catalog_product_index_price (entity_id, customer_group_id, website_id, tax_class_id,"
                   " price, final_price, min_price, max_price) VALUES %s;\n" % ",".join(rows))
            if number % 3 == 0:
                yield ("UPDATE catalog_product_index_price SET final_price = ROUND(price * 0.9, 2), min_price ="
                       " ROUND(price * 0.9, 2) WHERE entity_id BETWEEN %d AND %d;\n" % (low, low + 249))

    def write(self, source, work):
        feed(source, work, self.database, [self.statements()])


class Shop(Workload):
    name = "shop"
    about = "a real OpenMage shop, recorded: catalogue, orders, edits, deletes, reindex, DDL"
    database = "openmage"
    start = "0-101-2440"

    def available(self):
        if not os.path.isdir(RECORDING):
            return "no recording in %s" % RECORDING
        return None

    def fill(self, server):
        server.run("CREATE DATABASE openmage CHARACTER SET utf8mb4", database=None)
        plain = server.work.path("base.sql")
        with gzip.open(os.path.join(RECORDING, "base.sql.gz"), "rb") as dump, open(plain, "wb") as out:
            out.writelines(line for line in dump if b"SET GLOBAL gtid_slave_pos" not in line)
        server.load_file(plain, "openmage")
        os.unlink(plain)

    def write(self, source, work):
        files = []
        for number in (2, 3, 4):
            files.append(work.path("source-bin.%06d" % number))
            with open(files[-1], "wb") as out:
                subprocess.run(["zstd", "-dcq", os.path.join(RECORDING, "source-bin.%06d.zst" % number)],
                               stdout=out, check=True)
        with subprocess.Popen(["mariadb-binlog", "--no-defaults", *files], stdout=subprocess.PIPE) as reader:
            subprocess.run(["mariadb", "--no-defaults", "--socket=" + source.socket, "--user=root", "--binary-mode",
                            "--max-allowed-packet=256M"], stdin=reader.stdout, check=True)
        if reader.returncode:
            raise RuntimeError("mariadb-binlog ended with %d" % reader.returncode)
        for path in files:
            os.unlink(path)


APPLIED = {kind.name: kind for kind in (Stock, Orders, Bulk, Shop)}
