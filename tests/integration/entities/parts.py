"""Law 13: a condition on the root of an entity holds for the whole of it: what comes in is copied, what leaves goes, with all rows."""

import random

import pymysql

from lib.lab import Lab
from lib.suite import expect_contains, expect_equal
from operation import only

FULL = ("--binlog-row-metadata=FULL",)
# tables of the catalogue's entities, with the columns and keys that matter here
SHOP = """
CREATE TABLE customer_entity (entity_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, email VARCHAR(60));
CREATE TABLE sales_flat_order (entity_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, status VARCHAR(20), store INT, customer_id INT UNSIGNED,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY (store, status, entity_id),
    FOREIGN KEY (customer_id) REFERENCES customer_entity (entity_id) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE sales_flat_order_item (item_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, order_id INT UNSIGNED NOT NULL, sku VARCHAR(20), qty INT,
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE sales_order_tax (tax_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, order_id INT UNSIGNED NOT NULL, code VARCHAR(20),
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE sales_order_tax_item (tax_item_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, tax_id INT UNSIGNED NOT NULL, item_id INT UNSIGNED, pc INT,
    FOREIGN KEY (tax_id) REFERENCES sales_order_tax (tax_id) ON DELETE CASCADE,
    FOREIGN KEY (item_id) REFERENCES sales_flat_order_item (item_id) ON DELETE SET NULL);
CREATE TABLE downloadable_link_purchased (purchased_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, order_id INT UNSIGNED, title VARCHAR(20),
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE downloadable_link_purchased_item (item_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, purchased_id INT UNSIGNED NOT NULL, url VARCHAR(20),
    FOREIGN KEY (purchased_id) REFERENCES downloadable_link_purchased (purchased_id) ON DELETE CASCADE);
CREATE TABLE sales_flat_order_status_history (entity_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, comment TEXT);
CREATE TABLE sales_flat_invoice (entity_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, order_id INT UNSIGNED NOT NULL, total DECIMAL(8,2),
    FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE sales_flat_invoice_item (entity_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, parent_id INT UNSIGNED NOT NULL, qty INT,
    FOREIGN KEY (parent_id) REFERENCES sales_flat_invoice (entity_id) ON DELETE CASCADE);
CREATE TABLE plain (id INT PRIMARY KEY, v INT);
"""
ORDERS = "SELECT entity_id FROM sales_flat_order WHERE %s"
MEMBERS = {"sales_flat_order_item": "order_id", "sales_order_tax": "order_id", "downloadable_link_purchased": "order_id",
           "sales_flat_order_status_history": "parent_id"}
DEEP = {"sales_order_tax_item": ("tax_id", "sales_order_tax", "tax_id"),
        "downloadable_link_purchased_item": ("purchased_id", "downloadable_link_purchased", "purchased_id")}
WHOLE = ("customer_entity", "sales_flat_invoice", "sales_flat_invoice_item", "plain")


def same(lab, condition):
    """By SQL at the source: orders for which the condition is true, what leads to them, and everything else."""
    orders = ORDERS % condition
    picks = {"sales_flat_order": condition}
    picks.update({table: "%s IN (%s)" % (link, orders) for table, link in MEMBERS.items()})
    picks.update({table: "%s IN (SELECT %s FROM %s WHERE %s)" % (link, key, through, picks[through])
                  for table, (link, through, key) in DEEP.items()})
    picks.update({table: "1" for table in WHOLE})
    for table, pick in picks.items():
        here = lab.source.query("SELECT * FROM %s WHERE %s ORDER BY 1" % (table, pick), "shop")
        there = lab.destination.query("SELECT * FROM %s ORDER BY 1" % table, "shop")
        expect_equal(there, here, "rows of %s" % table)


def order(number, status="new", store=1, customer="NULL"):
    """Statements that write an order with rows in every table of it."""
    return ("INSERT INTO sales_flat_order (entity_id, status, store, customer_id) VALUES (%d, '%s', %d, %s)" % (number, status, store, customer),
            "INSERT INTO sales_flat_order_item VALUES (%d, %d, 'a', 1), (%d, %d, 'b', 2)" % (number * 10, number, number * 10 + 1, number),
            "INSERT INTO sales_order_tax VALUES (%d, %d, 'vat')" % (number * 10, number),
            "INSERT INTO sales_order_tax_item VALUES (%d, %d, %d, 19)" % (number * 10, number * 10, number * 10),
            "INSERT INTO downloadable_link_purchased VALUES (%d, %d, 'x')" % (number * 10, number),
            "INSERT INTO downloadable_link_purchased_item VALUES (%d, %d, 'u')" % (number * 10, number * 10),
            "INSERT INTO sales_flat_order_status_history VALUES (%d, %d, 'c')" % (number * 10, number),
            "INSERT INTO sales_flat_invoice VALUES (%d, %d, 5)" % (number * 10, number),
            "INSERT INTO sales_flat_invoice_item VALUES (%d, %d, 1)" % (number * 10, number * 10))


HELD = """ALTER TABLE sales_flat_order_status_history
    ADD FOREIGN KEY (parent_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE ON UPDATE CASCADE;"""


def lab_of(condition, more="", **settings):
    lab = Lab(settings={"where": {"sales_flat_order": condition}, **settings}, source_options=FULL)
    lab.source.script(SHOP + more)
    lab.source.run("INSERT INTO customer_entity VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    return lab


@only("entity-comes-and-goes", "an order that comes into the condition is copied with all its rows, one that leaves it goes with them; what refers to it stays")
def _():
    condition = "status = 'paid' OR store = 7"
    with lab_of(condition) as lab:
        for number in range(1, 6):
            lab.source.run(*order(number, "paid" if number % 2 else "new", customer=number % 3 + 1))
        lab.program.incremental()
        same(lab, condition)
        for statements in (
                ("UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 2",),
                ("UPDATE sales_flat_order SET store = store + 100",),  # those that stay in keep what no foreign key holds
                ("UPDATE sales_flat_order SET status = 'new' WHERE entity_id = 3", "UPDATE sales_flat_order_item SET qty = 5"),
                order(6, "paid") + order(7, "new") + ("UPDATE plain SET v = 1",),
                ("UPDATE sales_order_tax_item SET pc = 7", "UPDATE downloadable_link_purchased_item SET url = 'v'"),
                ("DELETE FROM sales_flat_order WHERE entity_id IN (1, 4)",),       # one that is in, one that is not: invoices go with both
                ("UPDATE sales_flat_order SET status = 'paid'", "UPDATE sales_flat_order_item SET qty = qty + 1"),
                ("UPDATE sales_flat_order SET status = 'new'", "UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 5"),
                ("UPDATE sales_flat_order SET store = 7 WHERE entity_id = 6", "UPDATE sales_flat_order SET store = 1 WHERE entity_id = 6"),
                ("DELETE FROM customer_entity WHERE entity_id = 3",),
                ("UPDATE sales_flat_order SET entity_id = 50 WHERE entity_id = 5",),
                ("BEGIN", "UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 2", "UPDATE sales_flat_order_item SET sku = 'z' WHERE order_id = 2",
                 "DELETE FROM sales_flat_order WHERE entity_id = 2", "COMMIT")):
            with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            lab.program.incremental()
            same(lab, condition)
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_objects WHERE kind = 'entering'"), 0, "nothing waits")


def gone_unchecked(number):
    """Statements that delete an order and, unlike foreign keys, one by one what belongs to it: nobody finds that under a later order of the number."""
    tables = (("sales_order_tax_item", "tax_id IN (SELECT tax_id FROM sales_order_tax WHERE order_id = %d)"), ("sales_order_tax", "order_id = %d"),
              ("downloadable_link_purchased_item", "purchased_id IN (SELECT purchased_id FROM downloadable_link_purchased WHERE order_id = %d)"),
              ("downloadable_link_purchased", "order_id = %d"), ("sales_flat_order_item", "order_id = %d"),
              ("sales_flat_order_status_history", "parent_id = %d"), ("sales_flat_invoice", "order_id = %d"))
    return ("SET foreign_key_checks = 0", "DELETE FROM sales_flat_order WHERE entity_id = %d" % number,
            *("DELETE FROM %s WHERE %s" % (table, pick % number) for table, pick in tables), "SET foreign_key_checks = 1")


def random_statements(rng, steps):
    """Groups of statements about some dozen orders; those that a key forbids are ignored, as the shop's errors are."""
    fresh = 1000
    for _ in range(steps):
        fresh += 1
        one, other, store = rng.randrange(1, 31), rng.randrange(1, 31), rng.randrange(8)
        status = rng.choice(("new", "paid", "paid", "held"))
        yield rng.choice((
            order(one, status, store, rng.choice(("NULL", "1", "2", "3"))),
            order(one, status, store) + ("UPDATE sales_flat_order SET status = 'new' WHERE entity_id = %d" % one,),
            ("UPDATE sales_flat_order SET status = '%s' WHERE entity_id = %d" % (status, one),),
            ("UPDATE sales_flat_order SET status = '%s' WHERE entity_id %% 5 = %d" % (status, one % 5),),
            ("UPDATE sales_flat_order SET store = %d WHERE entity_id IN (%d, %d)" % (store, one, other),),
            ("UPDATE sales_flat_order SET entity_id = %d WHERE entity_id = %d" % (other, one),),
            ("UPDATE sales_flat_order_item SET qty = qty + 1, sku = 's%d' WHERE order_id = %d" % (store, one),),
            ("UPDATE sales_flat_order_status_history SET parent_id = %d WHERE parent_id = %d" % (other, one),),
            ("UPDATE sales_order_tax_item SET pc = pc + 1 WHERE tax_id %% 7 = %d" % (one % 7),),
            ("UPDATE downloadable_link_purchased_item SET url = 'u%d' WHERE purchased_id > %d" % (store, one * 10),),
            ("INSERT INTO sales_flat_order_item VALUES (%d, %d, 'n', 3)" % (fresh, one),),
            ("INSERT INTO sales_order_tax VALUES (%d, %d, 'n')" % (fresh, one), "INSERT INTO sales_order_tax_item VALUES (%d, %d, NULL, 1)" % (fresh, fresh)),
            ("INSERT INTO sales_flat_order_status_history VALUES (%d, %d, 'n')" % (fresh, one),),
            ("INSERT INTO sales_flat_invoice VALUES (%d, %d, 1)" % (fresh, one), "INSERT INTO sales_flat_invoice_item VALUES (%d, %d, 1)" % (fresh, fresh)),
            ("DELETE FROM sales_order_tax WHERE order_id = %d" % one,),
            ("DELETE FROM sales_flat_order_item WHERE item_id = %d" % (one * 10),),
            ("DELETE FROM sales_flat_order_status_history WHERE parent_id = %d" % one,),
            ("DELETE FROM sales_flat_order WHERE entity_id = %d" % one,),
            ("DELETE FROM sales_flat_invoice WHERE order_id = %d" % one,),
            ("DELETE FROM customer_entity WHERE entity_id = %d" % (one % 4),),
            ("REPLACE INTO customer_entity VALUES (%d, 'c')" % (one % 4),),
            ("REPLACE INTO sales_flat_order (entity_id, status, store) VALUES (%d, '%s', %d)" % (one, status, store),),
            gone_unchecked(one),
            ("SET foreign_key_checks = 0",) + order(one, status, store)[::-1] + ("SET foreign_key_checks = 1",),
            ("UPDATE plain SET v = v + 1",)))


def write(lab, rng, steps, kill_every=None):
    with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
        for step, group in enumerate(random_statements(rng, steps)):
            if rng.random() < 0.15:
                cursor.execute(rng.choice(("BEGIN", "COMMIT", "ROLLBACK")))
            for statement in group:
                try:
                    cursor.execute(statement)
                except pymysql.err.MySQLError as error:
                    if error.args[0] not in (1062, 1451, 1452, 1761):
                        raise
            if kill_every and step % kill_every == kill_every - 1:
                cursor.execute("COMMIT")
                lab.program.kill()
                lab.program.start()
        cursor.execute("COMMIT")


@only("entity-random", "random changes of orders and of what refers to them: the condition holds for whole orders, at every end of a run")
def _():
    condition = "status = 'paid' AND store BETWEEN 2 AND 6"
    for seed in (1, 2, 3):
        rng = random.Random(seed)
        with lab_of(condition, HELD, batch={"max_rows": rng.choice((1, 20, 5000))}) as lab:
            for number in range(1, 21):
                lab.source.run(*order(number, rng.choice(("new", "paid")), rng.randrange(8), customer=number % 3 + 1))
            for _ in range(4):
                lab.program.incremental()
                same(lab, condition)
                write(lab, rng, 30)
            lab.program.incremental()
            same(lab, condition)


@only("entity-random-killed", "the same while the program runs, and is killed")
def _():
    condition = "status = 'paid' AND store BETWEEN 2 AND 6"
    rng = random.Random(20261128)
    with lab_of(condition, HELD, batch={"max_rows": 30}) as lab:
        for number in range(1, 21):
            lab.source.run(*order(number, rng.choice(("new", "paid")), rng.randrange(8), customer=number % 3 + 1))
        lab.program.start()
        write(lab, rng, 200, 50)
        lab.program.stop()
        lab.program.incremental()
        same(lab, condition)


@only("entity-condition-refused", "entities that cannot come and go as a whole: exit 2 before anything is copied, and why; check says the same")
def _():
    for change, part in (
            ("ALTER TABLE sales_order_tax ENGINE = MyISAM", "not of the engine InnoDB"),
            ("ALTER TABLE sales_flat_order_status_history MODIFY parent_id VARCHAR(9)", "its column parent_id holds no whole numbers"),
            ("ALTER TABLE sales_order_tax_item DROP FOREIGN KEY sales_order_tax_item_ibfk_1", "no foreign key deletes them"),
            ("CREATE TABLE loyalty (id INT PRIMARY KEY, item INT UNSIGNED, FOREIGN KEY (item) REFERENCES sales_flat_order_item (item_id) ON DELETE CASCADE)",
             "rows of loyalty refer to them"),
            ("ALTER TABLE sales_flat_order_grid DROP PRIMARY KEY, ADD PRIMARY KEY (entity_id, store)", None),
            ("SET GLOBAL binlog_row_image = MINIMAL", "binlog_row_image = FULL")):
        with lab_of("status = 'paid'", "CREATE TABLE sales_flat_order_grid (entity_id INT UNSIGNED PRIMARY KEY, store INT NOT NULL, "
                    "FOREIGN KEY (entity_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE);") as lab:
            if "MyISAM" in change:
                lab.source.run("ALTER TABLE sales_order_tax_item DROP FOREIGN KEY sales_order_tax_item_ibfk_1",
                               "ALTER TABLE sales_order_tax DROP FOREIGN KEY sales_order_tax_ibfk_1")
            lab.source.run(change)
            if part is None:
                lab.program.incremental()
                continue
            expect_contains(lab.program.incremental(expect=2), part, "message for %s" % change)
            code, out, _err = lab.program.command("check")
            expect_equal(code, 1, "check")
            expect_contains(out, part, "check for %s" % change)
            expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'"), 0, "nothing is copied")


@only("entity-condition-lost", "DDL after which entities cannot come and go as a whole stops before the next rows")
def _():
    for change in ("CREATE TABLE loyalty (id INT PRIMARY KEY, item INT UNSIGNED, FOREIGN KEY (item) REFERENCES sales_flat_order_item (item_id) ON DELETE CASCADE)",
                   "ALTER TABLE sales_order_tax_item DROP FOREIGN KEY sales_order_tax_item_ibfk_1"):
        with lab_of("status = 'paid'") as lab:
            lab.program.start()
            lab.program.wait_caught_up()
            lab.source.run(change, *order(1, "paid"))
            expect_equal(lab.program.wait_exit(), 1, "exit code")
            expect_contains(lab.program.log_text().decode(), "the condition on rows of this table cannot be kept", "message")
            expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM sales_flat_order", "shop"), 0, "orders")


@only("entity-enters-in-other-ways", "copies larger than a batch, through XA, masks and handlers, while tables are altered; both halves apart; what is dropped")
def _():
    condition = "status = 'paid'"
    settings = {"batch": {"max_bytes": "64KiB"}, "mask": {"key": "only for this case here", "rules": ["*.* keep", "sales_flat_order_item.sku fixed x"]}}
    with lab_of(condition, **settings) as lab:
        lab.source.run(*order(1, "new"), *order(2, "new"), *order(3, "paid"))
        lab.source.run(*("INSERT INTO sales_flat_order_item SELECT seq + 1000, 1, 'secret', 7 FROM seq_1_to_3000",))
        lab.program.incremental()
        lab.source.run("UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 1",
                       "ALTER TABLE sales_flat_order_item ADD COLUMN extra INT DEFAULT 5, DROP COLUMN qty", "UPDATE sales_flat_order_item SET extra = item_id")
        lab.program.incremental()
        expect_equal(lab.destination.query("SELECT COUNT(*), SUM(extra), MIN(sku), MAX(sku) FROM sales_flat_order_item", "shop"),
                     lab.source.query("SELECT COUNT(*), SUM(extra), 'x', 'x' FROM sales_flat_order_item WHERE order_id IN (1, 3)", "shop"), "items")
        lab.source.run("XA START 'x'", "UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 2",
                       "UPDATE sales_flat_order SET status = 'new' WHERE entity_id = 1", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'")
        lab.program.incremental()
        expect_equal(lab.destination.query("SELECT entity_id FROM sales_flat_order ORDER BY 1", "shop"), ((2,), (3,)), "orders")
        expect_equal(lab.destination.query("SELECT DISTINCT order_id FROM sales_flat_order_item ORDER BY 1", "shop"), ((2,), (3,)), "orders of items")


PRODUCTS = """
CREATE TABLE catalog_product_entity (entity_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, sku VARCHAR(20), type_id VARCHAR(20));
CREATE TABLE catalog_product_option (option_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, product_id INT UNSIGNED NOT NULL, v INT,
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE catalog_product_option_type_value (option_type_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, option_id INT UNSIGNED NOT NULL, v INT,
    FOREIGN KEY (option_id) REFERENCES catalog_product_option (option_id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE catalog_product_option_type_title (option_type_title_id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, option_type_id INT UNSIGNED NOT NULL, v INT,
    FOREIGN KEY (option_type_id) REFERENCES catalog_product_option_type_value (option_type_id) ON DELETE CASCADE ON UPDATE CASCADE);
"""
CHAIN = (("catalog_product_option", "option_id", "product_id", "catalog_product_entity", "entity_id"),
         ("catalog_product_option_type_value", "option_type_id", "option_id", "catalog_product_option", "option_id"),
         ("catalog_product_option_type_title", "option_type_title_id", "option_type_id", "catalog_product_option_type_value", "option_type_id"))


def product_statement(rng):
    table, key, link, _parent, _up = rng.choice(CHAIN)
    one, other = rng.randrange(1, 25), rng.randrange(1, 25)
    return rng.choice((
        "INSERT INTO catalog_product_entity VALUES (%d, 's', '%s')" % (one, rng.choice(("simple", "bundle"))),
        "UPDATE catalog_product_entity SET type_id = '%s' WHERE entity_id IN (%d, %d)" % (rng.choice(("simple", "bundle")), one, other),
        "UPDATE catalog_product_entity SET entity_id = %d WHERE entity_id = %d" % (other, one),
        "DELETE FROM catalog_product_entity WHERE entity_id = %d" % one,
        "INSERT INTO %s VALUES (%d, %d, 1)" % (table, one, other), "INSERT INTO %s VALUES (%d, %d, 2)" % (table, one, other),
        "UPDATE %s SET v = v + 1 WHERE %s > %d" % (table, key, one), "UPDATE %s SET %s = %d WHERE %s = %d" % (table, link, other, key, one),
        "UPDATE %s SET %s = %d WHERE %s = %d" % (table, key, other, key, one), "DELETE FROM %s WHERE %s = %d" % (table, key, one)))


@only("entity-chains", "random changes of rows that lead to their root through others, which move, too")
def _():
    for seed in (1, 2):
        rng = random.Random(seed)
        settings = {"where": {"catalog_product_entity": "type_id = 'simple'"}, "batch": {"max_rows": rng.choice((3, 5000))}}
        with Lab(settings=settings, source_options=FULL) as lab:
            lab.source.script(PRODUCTS)
            for _ in range(6):
                with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
                    for _ in range(100):
                        try:
                            cursor.execute(product_statement(rng))
                        except pymysql.err.MySQLError as error:
                            if error.args[0] not in (1062, 1451, 1452, 1761):
                                raise
                lab.program.incremental()
                pick = "type_id = 'simple'"
                for table, key, link, parent, up in (("catalog_product_entity", "entity_id", None, None, None), *CHAIN):
                    pick = "%s IN (SELECT %s FROM %s WHERE %s)" % (link, up, parent, pick) if link else pick
                    here = lab.source.query("SELECT * FROM %s WHERE %s ORDER BY 1" % (table, pick), "shop")
                    expect_equal(lab.destination.query("SELECT * FROM %s ORDER BY 1" % table, "shop"), here, "rows of %s, seed %d" % (table, seed))


@only("entity-enters-killed", "killed at any point between the change that lets an entity in and its copy, by either half: it is there in the end, once")
def _():
    condition = "status = 'paid'"
    with lab_of(condition) as lab:
        for number in range(1, 4):
            lab.source.run(*order(number, "new"))
        lab.program.incremental()
        for point in ("commit.begin", "commit.step", "commit.after_write", "commit.before_commit", "commit.after_commit", "spool.trim", "spool.commit"):
            for count in (1, 2, 3):
                lab.source.run("UPDATE sales_flat_order SET status = IF(status = 'paid', 'new', 'paid') WHERE entity_id IN (1, 2)",
                               "UPDATE sales_flat_order_item SET qty = qty + 1", "UPDATE plain SET v = v + 1",
                               "UPDATE sales_flat_order SET status = IF(status = 'paid', 'new', 'paid') WHERE entity_id = 3")
                lab.program.command("incremental", env={"DATASYNC_CRASH": "%s:%d" % (point, count)})
                lab.program.incremental()
                same(lab, condition)
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_objects WHERE kind = 'entering'"), 0, "nothing waits")


@only("entity-enters-in-halves", "agent and applier apart, each killed: what has come in is asked for again")
def _():
    condition = "status = 'paid'"
    with lab_of(condition) as lab:
        for number in range(1, 9):
            lab.source.run(*order(number, "new"))
        lab.program.incremental()
        shared = {**lab.program.settings, "name": "default"}
        halves = [lab.another("half-" + half, settings=shared) for half in ("agent", "apply")]
        commands = ("agent", "apply")
        for half, command in zip(halves, commands):
            half.start(command=command)
        for number in range(1, 9):
            lab.source.run("UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = %d" % number, "UPDATE sales_flat_order_item SET qty = qty + 1")
            which = number % 2
            halves[which].kill()
            while not halves[which].running():  # the lock of the one before may not be free yet
                halves[which].start(command=commands[which])
        halves[1].wait_for("nothing waits", lambda status: status["caught_up"] and not status["entering"])
        same(lab, condition)
        for half in halves:
            half.stop()


@only("entity-enters-later", "run --stop-at and replay end with exit 3 and say what waits; the next run copies it")
def _():
    condition = "status = 'paid'"
    with lab_of(condition) as lab:
        lab.source.run(*order(1, "new"), *order(2, "new"))
        lab.program.incremental()
        begun = lab.source.gtid()
        lab.source.run("UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 1")
        end = lab.source.gtid()
        lab.source.run("UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 2")
        for arguments in (("run", "--stop-at", end), ("replay", "--from", begun)):
            code, _out, err = lab.program.command(*arguments)
            expect_equal(code, 3, "exit of %s: %s" % (arguments, err[-500:]))
            expect_contains(err, "have come into the filter", "log")
        expect_equal(lab.program.status()["entering"], 2, "entering")
        expect_equal(lab.destination.scalar("SELECT COUNT(*) FROM sales_flat_order", "shop"), 0, "orders")
        lab.program.incremental()
        same(lab, condition)
        expect_equal(lab.program.status()["entering"], 0, "entering")
        lab.source.run("UPDATE sales_flat_order SET status = 'new'", "UPDATE sales_flat_order SET status = 'paid'")
        lab.program.command("replay", "--from", lab.program.status()["applied"]["gtid"])
        lab.source.run("SET foreign_key_checks = 0", "DROP TABLE sales_flat_order")
        lab.program.incremental()
        expect_equal(lab.program.status()["entering"], 0, "entering, of a table that is gone")


@only("entity-waits-in-part", "an order of a condition that does not fit waits with all its rows; emptied roots take theirs along; check --counts")
def _():
    condition = "status = 'paid'"
    with lab_of(condition, on_conflict="quarantine") as lab:
        lab.source.run(*order(1, "paid"))
        lab.program.incremental()
        lab.destination.run("INSERT INTO sales_flat_order (entity_id, status, store) VALUES (2, 'mine', 9)")
        lab.source.run(*order(2, "paid"), *order(3, "paid"), "UPDATE sales_flat_order_item SET qty = 9")
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.query("SELECT DISTINCT order_id FROM sales_flat_order_item ORDER BY 1", "shop"), ((1,), (3,)), "items")
        lab.destination.run("DELETE FROM sales_flat_order WHERE entity_id = 2")
        code, _out, err = lab.program.command("quarantine", "retry", "all")
        expect_equal(code, 0, "retry: " + err[-500:])
        same(lab, condition)
        code, out, _err = lab.program.command("check", "--counts")
        expect_equal(code, 0, "check --counts: " + out)
        lab.source.run("SET foreign_key_checks = 0", "TRUNCATE sales_order_tax", "DELETE FROM sales_order_tax_item", "TRUNCATE sales_flat_order",
                       "DELETE FROM sales_flat_order_item", "DELETE FROM downloadable_link_purchased", "TRUNCATE downloadable_link_purchased_item",
                       "DELETE FROM sales_flat_order_status_history", *order(4, "paid"))
        lab.program.incremental()
        same(lab, condition)


@only("entity-waits-and-leaves", "an order that waits in quarantine leaves the condition, and comes in again: it ends as the source has it, and nothing waits")
def _():
    condition = "status = 'paid'"
    late = ("UPDATE sales_flat_order_item SET qty = qty + 1", "UPDATE sales_order_tax_item SET pc = pc + 1", "INSERT INTO sales_flat_invoice VALUES (29, 2, 7)",
            "UPDATE sales_flat_order_status_history SET comment = 'late'", "INSERT INTO sales_flat_order_item VALUES (29, 2, 'c', 3)")
    leaves, returns = "UPDATE sales_flat_order SET status = 'new' WHERE entity_id = 2", "UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 2"
    for first in ((), order(2, "paid")):  # it is new, or one that changes
        for groups in (((leaves,), late, (returns,), ("UPDATE sales_flat_order_item SET qty = 0",)), ((leaves, *late, returns),), ((leaves,), late),
                       ((leaves, *late),), ((leaves,), (returns,), late[:4], (leaves,), (returns,), late[4:])):
            with lab_of(condition, "ALTER TABLE sales_flat_order ADD UNIQUE KEY (store);", on_conflict="quarantine") as lab:
                lab.source.run(*order(1, "paid", store=7), *first)
                lab.program.incremental()
                lab.destination.run("INSERT INTO sales_flat_order (entity_id, status, store) VALUES (99, 'mine', 9)")
                lab.source.run(*(("UPDATE sales_flat_order SET store = 9 WHERE entity_id = 2",) if first else order(2, "paid", store=9)))
                lab.program.incremental(expect=3)
                for group in groups:
                    lab.source.run(*group)
                    lab.program.incremental(expect=3)
                lab.destination.run("DELETE FROM sales_flat_order WHERE entity_id = 99")
                code, _out, err = lab.program.command("quarantine", "retry", "all")
                expect_equal((code, lab.program.status()["quarantined"]), (0, 0), "retry after %s: %s" % (groups, err[-500:]))
                lab.program.incremental()
                same(lab, condition)


@only("entity-waits-and-moves", "an order that waits in quarantine, and its rows, take other keys and go to orders that are out and back: it ends as the source has it")
def _():
    condition, key = "status = 'paid'", "UPDATE sales_flat_order SET entity_id = %d WHERE entity_id = %d"
    leaves, returns = "UPDATE sales_flat_order SET status = 'new' WHERE entity_id = %d", "UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = %d"
    late = ("UPDATE sales_flat_order_item SET qty = qty + 1", "INSERT INTO sales_flat_order_item VALUES (29, 5, 'c', 3)")
    goes = "UPDATE sales_flat_order_item SET order_id = %d WHERE item_id >= 20"
    unchecked = ("SET foreign_key_checks = 0", key % (5, 2), "SET foreign_key_checks = 1", "UPDATE sales_flat_order SET updated_at = '2020-01-01'")
    for groups in ((leaves % 2, key % (5, 2), *late, returns % 5), (key % (5, 2), leaves % 5, *late, returns % 5),
                   ("UPDATE sales_flat_order SET entity_id = 5, status = 'new' WHERE entity_id = 2", *late),
                   ("UPDATE sales_order_tax_item SET item_id = NULL", goes % 3, goes % 2, goes % 1), unchecked):
        for apart in (True, False):
            with lab_of(condition, "ALTER TABLE sales_flat_order ADD UNIQUE KEY (store);", on_conflict="quarantine") as lab:
                lab.source.run(*order(1, "paid", store=7), *order(3, "new", store=8))
                lab.program.incremental()
                lab.destination.run("INSERT INTO sales_flat_order (entity_id, status, store) VALUES (99, 'mine', 9)")
                for group in (order(2, "paid", store=9), *[[sql] for sql in groups]) if apart and groups != unchecked else ((*order(2, "paid", store=9), *groups),):
                    lab.source.run(*group)
                    lab.program.incremental(expect=3)
                lab.destination.run("DELETE FROM sales_flat_order WHERE entity_id = 99")
                code, _out, err = lab.program.command("quarantine", "retry", "all")
                expect_equal((code, lab.program.status()["quarantined"]), (0, 0), "retry after %s: %s" % (groups, err[-500:]))
                lab.program.incremental()
                same(lab, condition)


@only("entity-enters-behind", "what has come in is read as the source is now, and handed out when the stream is there: later changes of it are not applied twice")
def _():
    condition = "status = 'paid'"
    with lab_of(condition, batch={"max_rows": 50}, spool={"max_size": "1MiB"}) as lab:
        lab.source.run(*order(1, "new"), "INSERT INTO plain SELECT seq, 0 FROM seq_1_to_1000")
        lab.program.incremental()
        lab.source.run("UPDATE sales_flat_order SET status = 'paid' WHERE entity_id = 1")
        with lab.source.connect("shop", autocommit=True) as connection, connection.cursor() as cursor:
            for number in range(200):
                cursor.execute("UPDATE plain SET v = v + 1")
                if number % 20 == 10:
                    cursor.execute("INSERT INTO sales_flat_order_item VALUES (%d, 1, 'later', 1)" % (1000 + number))
                    cursor.execute("DELETE FROM sales_flat_order_item WHERE item_id = %d" % (1000 + number - 20))
        lab.program.incremental()
        same(lab, condition)


@only("entity-refers-to-its-kind", "rows of an entity that refer to other entities of its kind: links between products, a root's own parent")
def _():
    links = """CREATE TABLE catalog_product_link (link_id INT UNSIGNED PRIMARY KEY, product_id INT UNSIGNED NOT NULL, linked_product_id INT UNSIGNED NOT NULL,
    FOREIGN KEY (product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE,
    FOREIGN KEY (linked_product_id) REFERENCES catalog_product_entity (entity_id) ON DELETE CASCADE);
ALTER TABLE catalog_product_entity ADD COLUMN parent INT UNSIGNED, ADD FOREIGN KEY (parent) REFERENCES catalog_product_entity (entity_id) ON DELETE SET NULL;
"""
    with Lab(settings={"where": {"catalog_product_entity": "type_id = 'simple'"}}, source_options=FULL) as lab:
        lab.source.script(PRODUCTS + links)
        lab.source.run("INSERT INTO catalog_product_entity VALUES (1, 'a', 'bundle', NULL), (2, 'b', 'simple', 1), (3, 'c', 'simple', 2)",
                       "INSERT INTO catalog_product_link VALUES (1, 2, 1), (2, 2, 3), (3, 3, 1), (4, 1, 2)")
        for statements in (
                (), ("INSERT INTO catalog_product_entity VALUES (4, 'd', 'simple', 1)", "INSERT INTO catalog_product_link VALUES (5, 4, 1), (6, 4, 2)"),
                ("UPDATE catalog_product_entity SET type_id = 'bundle' WHERE entity_id = 2",),  # the link from 4 to it stays
                ("UPDATE catalog_product_entity SET type_id = 'simple' WHERE entity_id = 1",), ("DELETE FROM catalog_product_entity WHERE entity_id = 2",),
                ("UPDATE catalog_product_entity SET type_id = 'bundle' WHERE entity_id = 1", "DELETE FROM catalog_product_entity WHERE entity_id = 1")):
            lab.source.run(*statements)
            lab.program.incremental()
            for table, pick in (("catalog_product_entity", "type_id = 'simple'"),
                                ("catalog_product_link", "product_id IN (SELECT entity_id FROM catalog_product_entity WHERE type_id = 'simple')")):
                here = lab.source.query("SELECT * FROM %s WHERE %s ORDER BY 1" % (table, pick), "shop")
                expect_equal(lab.destination.query("SELECT * FROM %s ORDER BY 1" % table, "shop"), here, "rows of %s after %s" % (table, statements))


@only("entity-copy-in-parts", "a copy that is larger than a batch, while the shop goes on: all of it is there when the run ends, and DDL may follow at once")
def _():
    condition = "status = 'paid'"
    for settings in ({}, {"batch": {"max_bytes": "64KiB"}}, {"spool": {"max_size": "1MiB"}}):
        with lab_of(condition, **settings) as lab:
            lab.source.run(*order(1, "new"), *order(2, "new"), "INSERT INTO sales_flat_order_item SELECT seq, 1, 'a', 1 FROM seq_1001_to_20000",
                           "INSERT INTO sales_flat_order_status_history SELECT seq, 1, REPEAT('h', 300) FROM seq_1001_to_8000")
            lab.program.incremental()
            lab.source.run("UPDATE sales_flat_order SET status = 'paid'")
            lab.program.incremental()
            expect_equal(lab.program.status()["entering"], 0, "entering")
            same(lab, condition)
            lab.program.start()
            lab.source.run("UPDATE sales_flat_order SET status = 'new'", "UPDATE sales_flat_order SET status = 'paid'")
            for number in range(60):
                lab.source.run("UPDATE plain SET v = %d" % number, "INSERT INTO plain VALUES (%d, 0)" % number)
                if number == 30:
                    lab.source.run("ALTER TABLE plain ADD COLUMN w INT")
                    lab.source.run("ALTER TABLE plain DROP COLUMN w")
            lab.program.wait_for("nothing waits", lambda status: status["caught_up"] and not status["entering"])
            lab.program.stop()
            lab.program.incremental()
            same(lab, condition)


@only("entity-rows-that-lead-on", "rows that others lead through move to a root of the same batch; keys of roots change without foreign key checks")
def _():
    condition = "status = 'paid'"
    with lab_of(condition, HELD) as lab:
        lab.source.run(*order(1, "paid"))
        lab.program.incremental()
        for statements in (
                order(2, "paid") + ("UPDATE downloadable_link_purchased SET order_id = 2 WHERE purchased_id = 10",
                                    "UPDATE downloadable_link_purchased_item SET url = 'new' WHERE item_id = 10",
                                    "INSERT INTO downloadable_link_purchased_item VALUES (77, 10, 'more')"),
                ("SET foreign_key_checks = 0", "UPDATE sales_flat_order SET entity_id = 5 WHERE entity_id = 1",
                 "UPDATE sales_flat_order_item SET order_id = 5 WHERE order_id = 1", "UPDATE sales_order_tax SET order_id = 5 WHERE order_id = 1",
                 "UPDATE sales_flat_invoice SET order_id = 5 WHERE order_id = 1"),
                ("SET foreign_key_checks = 0", "UPDATE sales_flat_order_item SET order_id = 6 WHERE order_id = 5",
                 "UPDATE sales_order_tax SET order_id = 6 WHERE order_id = 5", "UPDATE sales_flat_order SET entity_id = 6 WHERE entity_id = 5"),
                ("SET foreign_key_checks = 0", "DELETE FROM sales_order_tax WHERE order_id = 6", "DELETE FROM sales_order_tax_item")):
            lab.source.run(*statements)
            lab.program.incremental()
            same(lab, condition)


@only("entity-condition-and-others", "what would tear entities apart: a table between them that is left out, a masked link, negative keys")
def _():
    for settings, part in (
            ({"tables": {"exclude": ["downloadable_link_purchased"]}}, "leave out both, or none"),
            ({"mask": {"key": "only for this case here", "rules": ["*.* keep", "sales_flat_order_status_history.parent_id null"]}}, "cannot be masked")):
        with lab_of("status = 'paid'", **settings) as lab:
            lab.source.run(*order(1, "paid"))
            expect_contains(lab.program.incremental(expect=2), part, "message")
    with Lab(settings={"where": {"catalog_product_entity": "type_id = 'simple'"}}, source_options=FULL) as lab:
        lab.source.script(PRODUCTS.replace("INT UNSIGNED", "INT"))
        lab.program.incremental()
        lab.source.run("INSERT INTO catalog_product_entity VALUES (1, 'a', 'simple')", "INSERT INTO catalog_product_option VALUES (-1, 1, 1)")
        expect_contains(lab.program.incremental(expect=1), "is negative", "message")
        lab.destination.run("DROP DATABASE datasync", "DROP DATABASE shop", database=None)
        expect_contains(lab.program.incremental(expect=1), "negative key", "message of a copy")


@only("entity-in-a-shadow-table", "a member's table is rebuilt beside itself (gh-ost's names), entities come in and leave meanwhile, then the tables change places")
def _():
    condition = "status = 'paid'"
    with lab_of(condition) as lab:
        lab.source.run(*order(1, "new"), *order(2, "paid"), *order(3, "paid"))
        lab.program.incremental()
        shadow, table = "_sales_flat_order_status_history_gho", "sales_flat_order_status_history"
        lab.source.run("CREATE TABLE %s LIKE %s" % (shadow, table), "ALTER TABLE %s ADD COLUMN x INT DEFAULT 3" % shadow,
                       "INSERT INTO %s (entity_id, parent_id, comment) SELECT * FROM %s" % (shadow, table))
        lab.program.incremental()
        lab.source.run("UPDATE sales_flat_order SET status = IF(status = 'paid', 'new', 'paid') WHERE entity_id IN (1, 2)")
        lab.program.incremental()
        lab.source.run("INSERT INTO %s VALUES (77, 1, 'n')" % table, "INSERT INTO %s VALUES (77, 1, 'n', 4)" % shadow)
        lab.source.run("RENAME TABLE %s TO _%s_del, %s TO %s" % (table, table, shadow, table), "DROP TABLE _%s_del" % table)
        lab.program.incremental()
        same(lab, condition)
