"""The quickstart's shop: invents its data and plays its days, writing as an OpenMage shop writes.

One action of a customer is several transactions, in the order of the real application: a checkout takes the
increment number and the stock in transactions of their own, writes the order, then its grid row, then closes the
cart. Deleting an order, a product or a customer is one statement; what hangs on it goes by foreign key cascade
inside the server, where no binlog event shows it.
"""
import random
import time

import pymysql

TYPES = {"customer": 1, "customer_address": 2, "catalog_category": 3, "catalog_product": 4,
         "order": 5, "invoice": 6, "creditmemo": 7, "shipment": 8}

# entity type -> value type -> attribute codes; "static" values are columns of the entity's own row
ATTRIBUTES = {
    "customer": {"static": ["email", "group_id"], "int": ["default_billing", "default_shipping", "gender"],
                 "varchar": ["firstname", "lastname", "password_hash", "taxvat"], "datetime": ["dob"]},
    "customer_address": {"varchar": ["firstname", "lastname", "company", "city", "country_id", "postcode",
                                     "telephone"], "text": ["street"], "int": ["region_id"]},
    "catalog_category": {"static": ["path", "position"], "int": ["is_active", "include_in_menu", "is_anchor"],
                         "varchar": ["name", "url_key"], "text": ["description"]},
    "catalog_product": {"static": ["sku"], "decimal": ["price", "special_price", "cost", "weight"],
                        "int": ["status", "visibility", "tax_class_id", "color"],
                        "varchar": ["name", "url_key", "image", "media_gallery", "meta_title"],
                        "text": ["description", "short_description"], "datetime": ["news_from_date"]},
}
COLORS = ["Black", "Blue", "Green", "Oak", "Red", "White"]
FIRST = ["Ada", "Björn", "Chloë", "Dmitri", "Elif", "Françoise", "Göran", "Hana", "Inés", "Jürgen", "Kateřina",
         "Łukasz", "Mária", "Noël", "Oğuz", "Paul", "Renée", "Søren", "Tereza", "Zoë"]
LAST = ["Abel", "Brûlé", "Castaño", "Dvořák", "Ekström", "Fuchs", "García", "Höß", "Ibsen", "Jansen", "Kovač",
        "Müller", "Nowak", "O'Hara", "Peña", "Schäfer", "Tóth", "Weiß"]
CITIES = [("Berlin", "DE", "10115"), ("Brno", "CZ", "602 00"), ("Göteborg", "SE", "411 03"), ("Łódź", "PL", "90-001"),
          ("Málaga", "ES", "29001"), ("Nîmes", "FR", "30000"), ("Zürich", "CH", "8001")]
THINGS = ["Bench", "Bowl", "Chair", "Clock", "Desk", "Lamp", "Mirror", "Mug", "Rug", "Shelf", "Stool", "Vase"]
# deadlock and lock wait: the server rolled back; duplicate and foreign key: somebody else was faster. The real
# shop shows its customer an error page then, and so does this one: nothing is left in the binlog.
LOST_RACE = (1205, 1213, 1062, 1451, 1452)


def connect(socket, database="shop"):
    """A connection as the shop opens it: no strict mode, its own transactions."""
    return pymysql.connect(unix_socket=socket, user="root", database=database, charset="utf8mb4",
                           autocommit=False, init_command="SET SESSION sql_mode = ''",
                           cursorclass=pymysql.cursors.DictCursor)


def now():
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())


class Gone(Exception):
    """There is no such row, or not any more: another writer deleted it."""


class Shop:
    """One writer at the source: a connection, and what the shop does with it."""

    def __init__(self, socket, seed):
        self.db = connect(socket)
        self.rng = random.Random(seed)
        self.tag = f"{seed}-{int(time.time() * 1000) % 100000000}"
        self.serial = 0
        self.attributes = None

    def close(self):
        self.db.close()

    # -- small tools -----------------------------------------------------------------------------------------------

    def run(self, sql, *args):
        with self.db.cursor() as cursor:
            return cursor.execute(sql, args)

    def rows(self, sql, *args):
        with self.db.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall()

    def one(self, sql, *args):
        rows = self.rows(sql, *args)
        if not rows:
            raise Gone(sql)
        return rows[0]

    def insert(self, table, **values):
        """Insert one row; returns its auto-increment number."""
        columns = ", ".join(f"`{name}`" for name in values)
        marks = ", ".join(["%s"] * len(values))
        with self.db.cursor() as cursor:
            cursor.execute(f"INSERT INTO `{table}` ({columns}) VALUES ({marks})", tuple(values.values()))
            return cursor.lastrowid

    def attribute(self, kind, code):
        """Number and value type of an attribute."""
        if self.attributes is None:
            self.attributes = {(a["entity_type_id"], a["attribute_code"]): (a["attribute_id"], a["backend_type"])
                               for a in self.rows("SELECT * FROM eav_attribute")}
        return self.attributes[TYPES[kind], code]

    def set_values(self, kind, entity_id, values, store_id=0):
        """Write EAV values as the application does: insert, or update what is there."""
        for code, value in values.items():
            number, value_type = self.attribute(kind, code)
            scoped = kind.startswith("catalog")
            columns = "entity_type_id, attribute_id, entity_id, value" + (", store_id" if scoped else "")
            args = [TYPES[kind], number, entity_id, value] + ([store_id] if scoped else [])
            self.run(f"INSERT INTO `{kind}_entity_{value_type}` ({columns}) VALUES ({', '.join(['%s'] * len(args))})"
                     " ON DUPLICATE KEY UPDATE value = VALUES(value)", *args)

    def next_number(self, kind):
        """Take the next increment number (100000001 …) of a document, in a transaction of its own."""
        row = self.one("SELECT * FROM eav_entity_store WHERE entity_type_id = %s AND store_id = 1 FOR UPDATE",
                       TYPES[kind])
        number = str(int(row["increment_last_id"]) + 1)
        self.run("UPDATE eav_entity_store SET increment_last_id = %s WHERE entity_store_id = %s", number,
                 row["entity_store_id"])
        self.db.commit()
        return number

    def pick(self, table, key="entity_id", where="1"):
        """A random row of a table."""
        top = self.one(f"SELECT COALESCE(MAX({key}), 1) AS top FROM {table} WHERE {where}")["top"]
        return self.one(f"SELECT * FROM {table} WHERE {where} AND {key} >= %s ORDER BY {key} LIMIT 1",
                        self.rng.randint(1, top))

    # -- what customers do -----------------------------------------------------------------------------------------

    def register(self):
        self.serial += 1
        first, last = self.rng.choice(FIRST), self.rng.choice(LAST)
        email = f"customer-{self.tag}-{self.serial}@example.com"
        customer = self.insert("customer_entity", entity_type_id=1, website_id=1, email=email,
                               group_id=self.rng.choice([1, 1, 1, 2]), store_id=1, created_at=now(), updated_at=now())
        self.set_values("customer", customer, {"firstname": first, "lastname": last, "gender": self.rng.randint(1, 2),
                                               "password_hash": f"{self.rng.getrandbits(128):032x}:qs"})
        self.db.commit()
        city, country, postcode = self.rng.choice(CITIES)
        address = self.insert("customer_address_entity", entity_type_id=2, parent_id=customer, created_at=now(),
                              updated_at=now())
        self.set_values("customer_address", address, {
            "firstname": first, "lastname": last, "city": city, "country_id": country, "postcode": postcode,
            "telephone": f"+49 30 {self.rng.randint(100000, 999999)}",
            "street": f"{self.rng.choice(LAST)}straße {self.rng.randint(1, 99)}"})
        self.set_values("customer", customer, {"default_billing": address, "default_shipping": address})
        self.db.commit()
        if self.rng.random() < 0.4:
            self.insert("newsletter_subscriber", store_id=1, customer_id=customer, subscriber_email=email,
                        subscriber_status=1, change_status_at=now(),
                        subscriber_confirm_code=f"{self.rng.getrandbits(64):016x}")
            self.db.commit()
        return "registrations"

    def fill_cart(self):
        """A cart with one to three products; some stay abandoned. Returns its id."""
        customer = self.pick("customer_entity")
        quote = self.insert("sales_flat_quote", store_id=1, created_at=now(), updated_at=now(), is_active=1,
                            base_currency_code="EUR", quote_currency_code="EUR", store_currency_code="EUR",
                            global_currency_code="EUR", customer_id=customer["entity_id"],
                            customer_email=customer["email"], customer_group_id=customer["group_id"],
                            remote_ip=f"192.0.2.{self.rng.randint(1, 254)}")
        for kind in ("billing", "shipping"):
            self.insert("sales_flat_quote_address", quote_id=quote, created_at=now(), updated_at=now(),
                        customer_id=customer["entity_id"], address_type=kind, email=customer["email"],
                        city="Berlin", postcode="10115", country_id="DE")
        price_attribute = self.attribute("catalog_product", "price")[0]
        total, count = 0, 0
        for _ in range(self.rng.randint(1, 3)):
            product = self.pick("catalog_product_entity")
            price = self.one("SELECT value FROM catalog_product_entity_decimal WHERE entity_id = %s AND attribute_id ="
                             " %s AND store_id = 0", product["entity_id"], price_attribute)["value"]
            qty = self.rng.randint(1, 3)
            item = self.insert("sales_flat_quote_item", quote_id=quote, created_at=now(), updated_at=now(),
                               product_id=product["entity_id"], store_id=1, sku=product["sku"], name=product["sku"],
                               qty=qty, price=price, base_price=price, row_total=price * qty,
                               base_row_total=price * qty, product_type="simple", weight=1)
            self.insert("sales_flat_quote_item_option", item_id=item, product_id=product["entity_id"],
                        code="info_buyRequest", value=f'a:1:{{s:3:"qty";i:{qty};}}')
            total, count = total + price * qty, count + 1
        self.run("UPDATE sales_flat_quote SET grand_total = %s, base_grand_total = %s, subtotal = %s, items_count = %s,"
                 " updated_at = %s WHERE entity_id = %s", total, total, total, count, now(), quote)
        self.db.commit()
        return quote

    def abandon_cart(self):
        self.fill_cart()
        return "carts left"

    def checkout(self):
        quote_id = self.fill_cart()
        quote = self.one("SELECT * FROM sales_flat_quote WHERE entity_id = %s", quote_id)
        items = self.rows("SELECT * FROM sales_flat_quote_item WHERE quote_id = %s", quote_id)
        self.db.commit()
        number = self.next_number("order")
        self.take_stock(items)
        order = self.place_order(quote, items, number)
        self.db.commit()
        self.run("INSERT INTO sales_flat_order_grid (entity_id, status, store_id, store_name, customer_id,"
                 " base_grand_total, grand_total, increment_id, base_currency_code, order_currency_code, shipping_name,"
                 " billing_name, created_at, updated_at) SELECT entity_id, status, store_id, store_name, customer_id,"
                 " base_grand_total, grand_total, increment_id, base_currency_code, order_currency_code,"
                 " customer_lastname, customer_lastname, created_at, updated_at FROM sales_flat_order"
                 " WHERE entity_id = %s", order)
        self.db.commit()
        self.run("UPDATE sales_flat_quote SET is_active = 0, converted_at = %s, reserved_order_id = %s"
                 " WHERE entity_id = %s", now(), number, quote_id)
        self.db.commit()
        self.run("UPDATE sales_flat_order SET email_sent = 1, updated_at = %s WHERE entity_id = %s", now(), order)
        self.db.commit()
        return "orders"

    def take_stock(self, items):
        for item in sorted(items, key=lambda i: i["product_id"]):
            self.run("UPDATE cataloginventory_stock_item SET qty = qty - %s, low_stock_date = IF(qty < 5, %s,"
                     " low_stock_date) WHERE product_id = %s AND stock_id = 1", item["qty"], now(), item["product_id"])
        self.db.commit()

    def place_order(self, quote, items, number):
        last = self.rng.choice(LAST)
        total = quote["grand_total"]
        self.run("UPDATE customer_entity SET updated_at = %s WHERE entity_id = %s", now(), quote["customer_id"])
        self.insert("sales_flat_quote_payment", quote_id=quote["entity_id"], created_at=now(), updated_at=now(),
                    method="checkmo")
        order = self.insert("sales_flat_order", state="new", status="pending", store_id=1, store_name="Main Store",
                            customer_id=quote["customer_id"], customer_email=quote["customer_email"],
                            customer_lastname=last, increment_id=number, quote_id=quote["entity_id"],
                            grand_total=total, base_grand_total=total, subtotal=total, base_subtotal=total,
                            total_qty_ordered=sum(i["qty"] for i in items), total_item_count=len(items),
                            base_currency_code="EUR", order_currency_code="EUR", global_currency_code="EUR",
                            store_currency_code="EUR", shipping_description="Flat Rate", shipping_method="flatrate",
                            remote_ip=quote["remote_ip"], created_at=now(), updated_at=now())
        addresses = [self.insert("sales_flat_order_address", parent_id=order, address_type=kind, lastname=last,
                                 firstname=self.rng.choice(FIRST), city="Berlin", postcode="10115", country_id="DE",
                                 street="Lindenstraße 7", email=quote["customer_email"])
                     for kind in ("billing", "shipping")]
        self.run("UPDATE sales_flat_order SET billing_address_id = %s, shipping_address_id = %s WHERE entity_id = %s",
                 *addresses, order)
        for item in items:
            self.insert("sales_flat_order_item", order_id=order, quote_item_id=item["item_id"], store_id=1,
                        created_at=now(), updated_at=now(), product_id=item["product_id"], product_type="simple",
                        sku=item["sku"], name=item["name"], qty_ordered=item["qty"], price=item["price"],
                        base_price=item["base_price"], row_total=item["row_total"],
                        base_row_total=item["base_row_total"], weight=1)
        self.insert("sales_flat_order_payment", parent_id=order, method="checkmo", amount_ordered=total,
                    base_amount_ordered=total)
        self.insert("sales_flat_order_status_history", parent_id=order, status="pending", created_at=now(),
                    entity_name="order", comment="", is_customer_notified=1)
        return order

    # -- what the shop's people do ---------------------------------------------------------------------------------

    def invoice(self):
        order = self.pick("sales_flat_order", where="state = 'new'")
        number = self.next_number("invoice")
        oid, total = order["entity_id"], order["grand_total"]
        invoice = self.insert("sales_flat_invoice", store_id=1, order_id=oid, increment_id=number, state=2,
                              grand_total=total, base_grand_total=total, subtotal=total, base_subtotal=total,
                              total_qty=order["total_qty_ordered"], order_currency_code="EUR",
                              base_currency_code="EUR", created_at=now(), updated_at=now())
        for item in self.rows("SELECT * FROM sales_flat_order_item WHERE order_id = %s", oid):
            self.insert("sales_flat_invoice_item", parent_id=invoice, order_item_id=item["item_id"], sku=item["sku"],
                        product_id=item["product_id"], name=item["name"], qty=item["qty_ordered"],
                        price=item["price"], row_total=item["row_total"], base_row_total=item["base_row_total"])
            self.run("UPDATE sales_flat_order_item SET qty_invoiced = qty_ordered, row_invoiced = row_total,"
                     " updated_at = %s WHERE item_id = %s", now(), item["item_id"])
        self.insert("sales_flat_invoice_comment", parent_id=invoice, comment="Paid, danke schön ✓",
                    is_customer_notified=1, created_at=now())
        self.run("UPDATE sales_flat_order SET state = 'processing', status = 'processing', total_paid = %s,"
                 " base_total_paid = %s, total_invoiced = %s, updated_at = %s WHERE entity_id = %s", total, total,
                 total, now(), oid)
        self.run("UPDATE sales_flat_order_payment SET amount_paid = %s WHERE parent_id = %s", total, oid)
        self.insert("sales_flat_order_status_history", parent_id=oid, status="processing", created_at=now(),
                    entity_name="invoice")
        self.db.commit()
        self.insert("sales_flat_invoice_grid", entity_id=invoice, store_id=1, grand_total=total, order_id=oid,
                    state=2, increment_id=number, order_increment_id=order["increment_id"], created_at=now(),
                    order_created_at=order["created_at"], billing_name=order["customer_lastname"])
        self.db.commit()
        self.run("UPDATE sales_flat_order_grid SET status = 'processing', total_paid = %s, updated_at = %s"
                 " WHERE entity_id = %s", total, now(), oid)
        self.db.commit()
        return "invoices"

    def ship(self):
        order = self.pick("sales_flat_order", where="state = 'processing'")
        number = self.next_number("shipment")
        oid = order["entity_id"]
        shipment = self.insert("sales_flat_shipment", store_id=1, order_id=oid, customer_id=order["customer_id"],
                               increment_id=number, total_qty=order["total_qty_ordered"], created_at=now(),
                               updated_at=now())
        for item in self.rows("SELECT * FROM sales_flat_order_item WHERE order_id = %s", oid):
            self.insert("sales_flat_shipment_item", parent_id=shipment, order_item_id=item["item_id"],
                        product_id=item["product_id"], name=item["name"], sku=item["sku"], qty=item["qty_ordered"],
                        price=item["price"], weight=1)
            self.run("UPDATE sales_flat_order_item SET qty_shipped = qty_ordered, updated_at = %s WHERE item_id = %s",
                     now(), item["item_id"])
        self.insert("sales_flat_shipment_track", parent_id=shipment, order_id=oid, title="DHL", carrier_code="dhl",
                    track_number=f"{self.rng.getrandbits(40):012d}", created_at=now(), updated_at=now())
        self.run("UPDATE sales_flat_order SET state = 'complete', status = 'complete', updated_at = %s"
                 " WHERE entity_id = %s", now(), oid)
        self.db.commit()
        self.insert("sales_flat_shipment_grid", entity_id=shipment, store_id=1, total_qty=order["total_qty_ordered"],
                    order_id=oid, increment_id=number, order_increment_id=order["increment_id"], created_at=now(),
                    order_created_at=order["created_at"], shipping_name=order["customer_lastname"])
        self.run("UPDATE sales_flat_order_grid SET status = 'complete', updated_at = %s WHERE entity_id = %s", now(),
                 oid)
        self.db.commit()
        return "shipments"

    def refund(self):
        """A credit memo: order, items, payment, invoice and stock in one transaction."""
        order = self.pick("sales_flat_order", where="state = 'complete'")
        number = self.next_number("creditmemo")
        oid, total = order["entity_id"], order["grand_total"]
        memo = self.insert("sales_flat_creditmemo", store_id=1, order_id=oid, increment_id=number, state=2,
                           grand_total=total, base_grand_total=total, subtotal=total, created_at=now(),
                           updated_at=now())
        for item in self.rows("SELECT * FROM sales_flat_order_item WHERE order_id = %s ORDER BY product_id", oid):
            self.insert("sales_flat_creditmemo_item", parent_id=memo, order_item_id=item["item_id"], sku=item["sku"],
                        product_id=item["product_id"], name=item["name"], qty=item["qty_ordered"],
                        price=item["price"], row_total=item["row_total"])
            self.run("UPDATE sales_flat_order_item SET qty_refunded = qty_ordered, amount_refunded = row_total"
                     " WHERE item_id = %s", item["item_id"])
            self.run("UPDATE cataloginventory_stock_item SET qty = qty + %s, is_in_stock = 1 WHERE product_id = %s",
                     item["qty_ordered"], item["product_id"])
        self.run("UPDATE sales_flat_order SET state = 'closed', status = 'closed', total_refunded = %s WHERE entity_id"
                 " = %s", total, oid)
        self.run("UPDATE sales_flat_invoice SET base_total_refunded = %s WHERE order_id = %s", total, oid)
        self.db.commit()
        self.insert("sales_flat_creditmemo_grid", entity_id=memo, store_id=1, grand_total=total, order_id=oid,
                    state=2, increment_id=number, order_increment_id=order["increment_id"], created_at=now())
        self.db.commit()
        return "credit memos"

    def reprice(self):
        """A mass edit: new prices of a range of products, then their part of the price index."""
        product = self.pick("catalog_product_entity")
        price, _ = self.attribute("catalog_product", "price")
        self.run("INSERT INTO catalog_product_entity_decimal (entity_type_id, attribute_id, store_id, entity_id,"
                 " value) SELECT 4, %s, 0, entity_id, %s FROM catalog_product_entity WHERE entity_id BETWEEN %s AND %s"
                 " ON DUPLICATE KEY UPDATE value = ROUND(catalog_product_entity_decimal.value * 1.03, 2)",
                 price, self.rng.randint(5, 500), product["entity_id"], product["entity_id"] + 4)
        self.db.commit()
        self.reindex(product["entity_id"], product["entity_id"] + 4)
        return "price edits"

    def reindex(self, low, high):
        """The application's way: a MEMORY table is filled, and the index table from it."""
        price, _ = self.attribute("catalog_product", "price")
        self.run("DELETE FROM catalog_product_index_price_tmp WHERE entity_id BETWEEN %s AND %s", low, high)
        self.run("INSERT INTO catalog_product_index_price_tmp (entity_id, customer_group_id, website_id, tax_class_id,"
                 " price, final_price, min_price, max_price) SELECT d.entity_id, g.customer_group_id, 1, 2, d.value,"
                 " d.value, d.value, d.value FROM catalog_product_entity_decimal d CROSS JOIN customer_group g WHERE"
                 " d.attribute_id = %s AND d.store_id = 0 AND d.entity_id BETWEEN %s AND %s", price, low, high)
        self.db.commit()
        self.run("INSERT INTO catalog_product_index_price (entity_id, customer_group_id, website_id, tax_class_id,"
                 " price, final_price, min_price, max_price) SELECT entity_id, customer_group_id, website_id,"
                 " tax_class_id, price, final_price, min_price, max_price FROM catalog_product_index_price_tmp t"
                 " WHERE entity_id BETWEEN %s AND %s ON DUPLICATE KEY UPDATE price = t.price, final_price ="
                 " t.final_price, min_price = t.min_price, max_price = t.max_price", low, high)
        self.db.commit()

    def retouch(self):
        """An editor changes texts, in both languages; the search index (MyISAM) follows."""
        product = self.pick("catalog_product_entity")
        pid = product["entity_id"]
        name = f"{self.rng.choice(THINGS)} “{self.rng.choice(FIRST)}”"
        self.set_values("catalog_product", pid, {"name": name, "description": f"{name}: handmade, 100 % wood. 🪵"})
        self.set_values("catalog_product", pid, {"name": f"{name} (deutsch)"}, store_id=2)
        self.run("UPDATE catalog_product_entity SET updated_at = %s WHERE entity_id = %s", now(), pid)
        self.db.commit()
        self.run("UPDATE catalogsearch_fulltext SET data_index = %s WHERE product_id = %s", f"{product['sku']}|{name}",
                 pid)
        self.db.commit()
        return "text edits"

    def add_product(self):
        self.serial += 1
        sku = f"new-{self.tag}-{self.serial}"
        price = self.rng.randint(500, 90000) / 100
        pid = self.insert("catalog_product_entity", entity_type_id=4, attribute_set_id=4, type_id="simple", sku=sku,
                          created_at=now(), updated_at=now())
        self.set_values("catalog_product", pid, {
            "name": f"{self.rng.choice(THINGS)} {self.serial}", "price": price, "weight": 1.5, "status": 1,
            "visibility": 4, "tax_class_id": 2, "url_key": sku, "description": "New in the shop.",
            "special_price": None})
        self.insert("catalog_product_website", product_id=pid, website_id=1)
        category = self.pick("catalog_category_entity", where="level > 1")
        self.insert("catalog_category_product", category_id=category["entity_id"], product_id=pid, position=1)
        self.insert("cataloginventory_stock_item", product_id=pid, stock_id=1, qty=self.rng.randint(10, 200),
                    is_in_stock=1)
        self.db.commit()
        self.insert("core_url_rewrite", store_id=1, id_path=f"product/{pid}", request_path=f"{sku}.html",
                    target_path=f"catalog/product/view/id/{pid}", is_system=1, product_id=pid)
        self.insert("catalogsearch_fulltext", product_id=pid, store_id=1, data_index=sku)
        self.db.commit()
        return "new products"

    def move_category(self):
        """Give a category another parent: path, level and counts of the subtree and of the ancestors."""
        moved = self.pick("catalog_category_entity", where="level = 3")
        target = self.pick("catalog_category_entity", where="level = 2")
        if moved["parent_id"] == target["entity_id"]:
            raise Gone("a category with another parent")
        self.run("UPDATE catalog_category_entity SET children_count = children_count - 1 WHERE entity_id = %s",
                 moved["parent_id"])
        self.run("UPDATE catalog_category_entity SET children_count = children_count + 1 WHERE entity_id = %s",
                 target["entity_id"])
        self.run("UPDATE catalog_category_entity SET parent_id = %s, path = %s, position = position + 1, updated_at ="
                 " %s WHERE entity_id = %s", target["entity_id"], f"{target['path']}/{moved['entity_id']}", now(),
                 moved["entity_id"])
        self.db.commit()
        return "category moves"

    def edit_page(self):
        page = self.pick("cms_page", key="page_id")
        self.run("UPDATE cms_page SET content = %s, update_time = %s WHERE page_id = %s",
                 f"<p>Opening hours of {time.strftime('%d %B')}: always.</p>", now(), page["page_id"])
        self.run("DELETE FROM cms_page_store WHERE page_id = %s AND store_id <> 0", page["page_id"])
        self.insert("cms_page_store", page_id=page["page_id"], store_id=self.rng.randint(1, 2))
        self.db.commit()
        return "page edits"

    def delete_product(self):
        product = self.pick("catalog_product_entity")
        self.run("DELETE FROM catalog_product_entity WHERE entity_id = %s", product["entity_id"])
        self.db.commit()
        self.run("DELETE FROM catalogsearch_fulltext WHERE product_id = %s", product["entity_id"])
        self.db.commit()
        return "product deletes"

    def delete_order(self):
        order = self.pick("sales_flat_order", where="state IN ('closed', 'complete')")
        self.run("DELETE FROM sales_flat_order WHERE entity_id = %s", order["entity_id"])
        self.db.commit()
        return "order deletes"

    def delete_customer(self):
        customer = self.pick("customer_entity")
        self.run("DELETE FROM customer_entity WHERE entity_id = %s", customer["entity_id"])
        self.run("DELETE FROM newsletter_subscriber WHERE customer_id = %s", customer["entity_id"])
        self.db.commit()
        return "customer deletes"

    def stock_update(self):
        """An outside system writes stock: one row, its own transaction, mostly the same few products."""
        top = self.one("SELECT MAX(product_id) AS top FROM cataloginventory_stock_item")["top"]
        low = self.rng.randint(1, 8) if self.rng.random() < 0.7 else self.rng.randint(1, top)
        if self.rng.random() < 0.2:
            self.run("UPDATE cataloginventory_stock_item SET qty = CASE product_id WHEN %s THEN qty - 1 WHEN %s THEN"
                     " qty - 2 ELSE qty END WHERE product_id IN (%s, %s)", low, low + 1, low, low + 1)
        else:
            self.run("UPDATE cataloginventory_stock_item SET qty = %s, is_in_stock = 1 WHERE product_id = %s",
                     self.rng.randint(1, 500), low)
        self.db.commit()
        return "stock updates"

    def alter_schema(self):
        """An extension is installed: a column, an index, a table of its own; and one attribute is dropped."""
        self.run("ALTER TABLE sales_flat_order ADD COLUMN loyalty_points INT UNSIGNED NULL AFTER customer_note,"
                 " ADD INDEX (loyalty_points)")
        self.run("CREATE TABLE loyalty_account (account_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
                 " customer_id INT UNSIGNED NOT NULL, points INT NOT NULL DEFAULT 0, UNIQUE (customer_id),"
                 " FOREIGN KEY (customer_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE)")
        self.run("UPDATE sales_flat_order SET loyalty_points = FLOOR(grand_total)")
        self.run("INSERT INTO loyalty_account (customer_id, points) SELECT customer_id, SUM(loyalty_points) FROM"
                 " sales_flat_order WHERE customer_id IS NOT NULL GROUP BY customer_id")
        self.db.commit()
        # every colour of every product vanishes by cascade; the binlog has this one row
        self.run("DELETE FROM eav_attribute WHERE attribute_code = 'color' AND entity_type_id = 4")
        self.db.commit()
        return "schema changes"

    def attempt(self, name):
        """Do one action. Returns what it was, or None when nothing could be done or the race was lost."""
        try:
            return getattr(self, name)()
        except (pymysql.err.OperationalError, pymysql.err.IntegrityError) as error:
            self.db.rollback()
            if error.args[0] not in LOST_RACE:
                raise
            return None
        except Gone:
            self.db.rollback()
            return None
