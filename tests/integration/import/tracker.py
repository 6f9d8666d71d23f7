"""`incremental --tracker`: what a module of the source's shop has noted as changed, instead of the binlog."""

import time

from lib.server import ACCOUNT
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from moved import VALUES
from syncs import registered, right, rows, same_rows, summary, sync

SETTINGS = {"mode": "import", "source_system": "shop", "on_duplicate": "update"}
# as the module makes it, version 1.2.0
TABLE = """CREATE TABLE datasync_change_tracker (
    tracker_id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, entity_type VARCHAR(50) NOT NULL, entity_id INT UNSIGNED NOT NULL,
    action VARCHAR(10) NOT NULL DEFAULT 'update', created_at DATETIME NOT NULL, synced_at DATETIME NULL DEFAULT NULL,
    sync_completed SMALLINT UNSIGNED NOT NULL DEFAULT 0, source_identifier VARCHAR(255) NULL DEFAULT NULL,
    KEY (sync_completed, entity_type), KEY (entity_type, entity_id), KEY (created_at), KEY (entity_type, source_identifier),
    UNIQUE (entity_type, entity_id, sync_completed)) ENGINE=InnoDB DEFAULT CHARSET=utf8"""
# what its observers run
NOTE = ("INSERT INTO datasync_change_tracker (entity_type, entity_id, action, source_identifier, created_at, sync_completed) VALUES "
        "(%s, %s, %s, %s, NOW(), 0) ON DUPLICATE KEY UPDATE action = IF(VALUES(action) = 'delete', 'delete', action), source_identifier = "
        "COALESCE(VALUES(source_identifier), source_identifier), created_at = NOW(), sync_completed = 0")
# type: whose table it stands for, and its key
KINDS = {"product": ("catalog_product_entity", "entity_id"), "category": ("catalog_category_entity", "entity_id"),
         "customer": ("customer_entity", "entity_id"), "customer_address": ("customer_address_entity", "entity_id"),
         "order": ("sales_flat_order", "entity_id"), "order_comment": ("sales_flat_order_status_history", "entity_id"),
         "invoice": ("sales_flat_invoice", "entity_id"), "shipment": ("sales_flat_shipment", "entity_id"),
         "creditmemo": ("sales_flat_creditmemo", "entity_id"), "newsletter": ("newsletter_subscriber", "subscriber_id"),
         "stock": ("cataloginventory_stock_item", "product_id"),
         # what the module does not see, and triggers of a shop's own may note
         "gift_message": ("gift_message", "gift_message_id"), "salesrule": ("salesrule", "rule_id"), "review": ("review", "review_id"),
         "wishlist": ("wishlist", "wishlist_id"), "cms_block": ("cms_block", "block_id"),
         "cms_page": ("cms_page", "page_id")}
COMPARED = tuple(kind for kind in KINDS if kind not in ("customer_address", "order_comment", "gift_message"))


class Noted:
    """The source's tracker; statements of `change` and the note of it are one transaction, as in the shop."""

    def __init__(self, shops):
        self.shops, self.source = shops, shops.source
        self.connection = shops.source.connect("openmage", autocommit=False)
        self.cursor = self.connection.cursor()
        self.cursor.execute(TABLE)
        shops.source.run("GRANT UPDATE, DELETE ON openmage.datasync_change_tracker TO %s@'127.0.0.1'" % ACCOUNT, database=None)

    def change(self, kind, number, *statements, action="update", name=None, commit=True):
        for sql in statements:
            self.cursor.execute(sql)
        self.cursor.execute(NOTE, (kind, number, action, name))
        if commit:
            self.connection.commit()

    def flood(self):
        """As the module does at first: a row for all that there is."""
        for kind, (table, key) in KINDS.items():
            self.cursor.execute("INSERT IGNORE INTO datasync_change_tracker (entity_type, entity_id, created_at) SELECT DISTINCT '%s', %s, "
                                "NOW() FROM %s" % (kind, key, table))
        self.connection.commit()

    def states(self):
        """{sync_completed: how many rows}"""
        return dict(self.source.query("SELECT sync_completed, COUNT(*) FROM openmage.datasync_change_tracker GROUP BY 1"))

    def state(self, kind, number):
        return sorted(row[0] for row in self.source.query("SELECT sync_completed FROM openmage.datasync_change_tracker WHERE entity_type = '%s' AND "
                                                          "entity_id = %d AND sync_completed <> 1" % (kind, number)))

    def pending(self):
        return self.source.query("SELECT entity_type, entity_id FROM openmage.datasync_change_tracker WHERE sync_completed = 0 ORDER BY tracker_id")

    def run(self, *options, expect_code=0, env=None):
        code, out, err = self.shops.lab.program.command("incremental", "--tracker", *options, timeout=240, env=env)
        expect_equal(code, expect_code, "incremental --tracker %s: %s" % (" ".join(options), err[-1500:]))
        return out, err


def origins(shops, kind):
    """{origin: [(source id, target id)]}, by source id."""
    found = {"created": [], "matched": []}
    for origin, source, target in shops.destination.query(
            "SELECT origin, CAST(source_id AS UNSIGNED), target_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' "
            "ORDER BY 2" % kind):
        found[origin].append((source, target))
    return found


def there(shops, number):
    return shops.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity WHERE entity_id = %d" % number) == 1


def product_name(shops, target):
    return shops.destination.scalar(
        "SELECT value FROM catalog_product_entity_varchar v JOIN eav_attribute a USING (attribute_id) WHERE attribute_code = 'name' AND "
        "store_id = 0 AND entity_id = %d" % target, "openmage")


def named(shops):
    """A product that came from the source and has a name: there, here."""
    return next(row for row in origins(shops, "product")["created"] if product_name(shops, row[1]))


def rename(number, name):
    return ("UPDATE catalog_product_entity_varchar v JOIN eav_attribute a USING (attribute_id) SET value = '%s' WHERE attribute_code = "
            "'name' AND store_id = 0 AND entity_id = %d" % (name, number))


def deletions(shops, noted):
    """By id, by SKU, of what was there before, of what the tracker says nothing about, and of what is there after all."""
    product = origins(shops, "product")
    skus = dict(shops.source.query("SELECT entity_id, sku FROM openmage.catalog_product_entity"))
    (by_id, one), (by_sku, two), (silent, three), (stays, four) = product["created"][:4]
    matched, own = product["matched"][0]
    noted.change("product", by_id, "DELETE FROM catalog_product_entity WHERE entity_id = %d" % by_id, action="delete", name=skus[by_id])
    # the registry knows it under another id, as after an import from a file
    shops.destination.run("UPDATE datasync_entity_registry SET source_id = 'line 7' WHERE entity_type = 'product' AND source_id = '%d'" % by_sku,
                          database="datasync")
    noted.change("product", by_sku, "DELETE FROM catalog_product_entity WHERE entity_id = %d" % by_sku, action="delete", name=skus[by_sku])
    noted.change("product", silent, "DELETE FROM catalog_product_entity WHERE entity_id = %d" % silent)
    noted.change("product", stays, action="delete", name=skus[stays])
    noted.change("product", matched, "DELETE FROM catalog_product_entity WHERE entity_id = %d" % matched, action="delete", name=skus[matched])
    # somebody else has its name by now
    noted.change("product", 999999, action="delete", name=skus[stays])
    category, place = leaf(shops)
    noted.change("category", category, "DELETE FROM catalog_category_entity WHERE entity_id = %d" % category, action="delete", name="any")
    order = origins(shops, "order")["created"][0]
    noted.change("order", order[0], "DELETE FROM sales_flat_order WHERE entity_id = %d" % order[0], action="delete")
    customer = origins(shops, "customer")["created"][0]
    noted.change("customer", customer[0], "DELETE FROM customer_entity WHERE entity_id = %d" % customer[0], action="delete", name="a@b.example")
    out, _err = noted.run("--mark-synced", "--json")
    expect_equal([there(shops, number) for number in (one, two, three, four, own)], [False, False, False, True, True], "products")
    expect_equal(summary(out)["product"]["deleted"], 3, "products that the summary tells as deleted")
    for table, number in (("sales_flat_order", order[1]), ("customer_entity", customer[1]), ("catalog_category_entity", place)):
        expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE entity_id = %d" % (table, number)), 0, table)
    expect_equal(shops.destination.query("SELECT source_id FROM datasync.datasync_entity_registry r WHERE entity_type = 'product' AND NOT EXISTS "
                                         "(SELECT 1 FROM openmage.catalog_product_entity p WHERE p.entity_id = r.target_id)"), (), "registered")
    expect_equal(miscounted(shops), (), "categories whose number of children is wrong")


def used_again(shops, noted):
    """The SKU of a deleted product is another one's, which a copy has brought before anybody told of the deletion."""
    used, target = origins(shops, "product")["created"][-1]
    sku = shops.source.scalar("SELECT sku FROM openmage.catalog_product_entity WHERE entity_id = %d" % used)
    shops.source.run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % used, "INSERT INTO catalog_product_entity (entity_type_id, "
                     "attribute_set_id, type_id, sku) SELECT entity_type_id, attribute_set_id, 'simple', '%s' FROM catalog_product_entity LIMIT 1"
                     % sku, *(values % sku for values in VALUES), database="openmage")
    other = shops.source.scalar("SELECT MAX(entity_id) FROM openmage.catalog_product_entity")
    sync(shops, "product", "-d", "update", "--entity-ids", str(other), system="shop")
    noted.change("product", used, action="delete", name=sku)
    noted.run("--mark-synced")
    expect(there(shops, target), "the other product was deleted")
    expect_equal([row for row in origins(shops, "product")["created"] if row[0] in (used, other)], [(other, target)], "registered")


def many(shops, noted):
    """More than one statement asks for, and hardly any of them is there."""
    number, target = origins(shops, "newsletter")["created"][0]
    before = shops.destination.scalar("SELECT COUNT(*) FROM openmage.newsletter_subscriber")
    for first in range(1000000, 1006000, 1000):
        noted.cursor.execute("INSERT INTO datasync_change_tracker (entity_type, entity_id, created_at) VALUES " + ", ".join(
            "('newsletter', %d, NOW())" % each for each in range(first, first + 1000)))
    noted.change("newsletter", number, "UPDATE newsletter_subscriber SET subscriber_confirm_code = 'of many' WHERE subscriber_id = %d" % number)
    out, _err = noted.run("--mark-synced", "--json")
    expect_equal(sum(summary(out)["newsletter"].values()), 1, "subscribers that were copied")
    expect_equal(shops.destination.query("SELECT subscriber_confirm_code FROM openmage.newsletter_subscriber WHERE subscriber_id = %d" % target),
                 (("of many", ), ), "the one that is there")
    expect_equal((noted.pending(), shops.destination.scalar("SELECT COUNT(*) FROM openmage.newsletter_subscriber")), ((), before),
                 "pending, and how many there are")


def leaf(shops):
    """A category that came from the source and has none below it at either side: there, here."""
    for number, place in origins(shops, "category")["created"]:
        if not any(server.scalar("SELECT COUNT(*) FROM openmage.catalog_category_entity WHERE path LIKE '%%/%d/%%'" % each)
                   for server, each in ((shops.source, number), (shops.destination, place))):
            return number, place
    raise AssertionError("no such category")


def miscounted(shops):
    return shops.destination.query(
        "SELECT c.entity_id FROM openmage.catalog_category_entity c JOIN datasync.datasync_entity_registry r ON r.entity_type = 'category' AND "
        "r.target_id = c.entity_id WHERE children_count <> (SELECT COUNT(*) FROM openmage.catalog_category_entity x WHERE x.path LIKE "
        "CONCAT(c.path, '/%'))")


def in_order(shops, noted):
    """What refers to others is noted before them, and comes with them."""
    order, here = origins(shops, "order")["created"][-1]
    shops.source.run("INSERT INTO customer_entity (entity_type_id, attribute_set_id, website_id, store_id, group_id, email, created_at, updated_at) "
                     "SELECT entity_type_id, attribute_set_id, website_id, store_id, group_id, 'late@example.com', NOW(), NOW() FROM "
                     "customer_entity LIMIT 1", database="openmage")
    customer = shops.source.scalar("SELECT entity_id FROM openmage.customer_entity WHERE email = 'late@example.com'")
    noted.change("order", order, "UPDATE sales_flat_order SET customer_id = %d WHERE entity_id = %d" % (customer, order))
    noted.change("customer", customer, action="create")
    noted.run("--mark-synced")
    expect_equal(shops.destination.scalar("SELECT customer_id FROM openmage.sales_flat_order WHERE entity_id = %d" % here),
                 dict(origins(shops, "customer")["created"])[customer], "the order's customer")


def refused(shops, noted):
    """Types that are nothing, a mirror, an account that may not write; and what the account needs."""
    noted.change("", 1)
    _out, err = noted.run(expect_code=1)
    expect_contains(err, "types that are no entity here: ''", "error")
    noted.cursor.execute("DELETE FROM datasync_change_tracker WHERE entity_type = ''")
    noted.connection.commit()
    noted.change("warehouse", 1)
    _out, err = noted.run(expect_code=1)
    expect_contains(err, "types that are no entity here: warehouse", "error")
    number, target = named(shops)
    noted.change("product", number)
    noted.run("--entity", "product", "--mark-synced")
    expect_equal(noted.pending(), (("warehouse", 1),), "pending, with --entity")
    noted.cursor.execute("DELETE FROM datasync_change_tracker WHERE entity_type = 'warehouse'")
    noted.connection.commit()
    _out, err = noted.run("--set", "mode=mirror", expect_code=2)
    expect_contains(err, "--tracker is for mode: import", "error")
    _out, err = noted.run("--resnapshot", "--yes", expect_code=2)
    expect_contains(err, "do not go together", "error")
    shops.source.run("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'x'", "GRANT SELECT ON openmage.* TO reader@'127.0.0.1'", database=None)
    account = ("--set", "source.user=reader", "--set", "source.password=x")
    noted.change("product", number, rename(number, "read by a reader"))
    code, out, err = shops.lab.program.command("check", "--tracker", *account)
    expect_equal(code, 0, out + err)
    expect_contains(out, "warn  source tracker: the source's account may not mark the tracker's rows: GRANT UPDATE, DELETE ON openmage.", "check")
    _out, err = noted.run("--mark-synced", *account, expect_code=2)
    expect_contains(err, "GRANT UPDATE, DELETE ON openmage.`datasync_change_tracker`", "error")
    noted.run(*account)
    expect_equal(product_name(shops, target), "read by a reader", "with SELECT alone")
    expect_equal(noted.pending(), (("product", number),), "pending, with SELECT alone")
    # as on servers whose binlog is for others, and holds statements
    shops.source.run("GRANT UPDATE, DELETE ON openmage.datasync_change_tracker TO reader@'127.0.0.1'", "SET GLOBAL binlog_format = 'STATEMENT'",
                     "SET GLOBAL tx_isolation = 'READ-COMMITTED'", database=None)
    noted.run("--mark-synced", *account)
    shops.source.run("SET GLOBAL binlog_format = 'ROW'", "SET GLOBAL tx_isolation = 'REPEATABLE-READ'", database=None)
    expect_equal(noted.pending(), (), "pending, with what was granted")


def races(shops, noted):
    """A change while its entity is written, in the same second as the one before; and one that is not committed yet."""
    program, (number, target) = shops.lab.program, named(shops)
    noted.cursor.execute("SET SESSION timestamp = 1700000000")  # all changes come at the same moment
    noted.change("product", number, rename(number, "first"))
    blocker = shops.destination.connect("openmage", autocommit=False)
    cursor = blocker.cursor()
    cursor.execute("SELECT 1 FROM catalog_product_entity WHERE entity_id = %d FOR UPDATE" % target)
    cursor.execute("SELECT 1 FROM catalog_product_entity_varchar WHERE entity_id = %d FOR UPDATE" % target)
    program.start("--tracker", "--mark-synced", command="incremental")
    deadline = time.monotonic() + 60
    while not shops.destination.scalar("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"):
        expect(program.running() and time.monotonic() < deadline, "nobody waits for the lock; " + program.log_tail())
        time.sleep(0.2)  # who asks more often gets the answer of before
    noted.change("product", number, rename(number, "second"))
    expect_equal(product_name(shops, target) in ("first", "second"), False, "written already")
    expect_equal(noted.state("product", number), [0, 2], "the row's states while the destination has not committed")
    noted.run("--mark-synced", expect_code=4)
    noted.run("--mark-synced", "--set", "state_dir=" + shops.work.path("elsewhere"), expect_code=4)  # as from another machine
    blocker.rollback()
    expect_equal(program.wait_exit(), 0, program.log_tail())
    expect_equal(product_name(shops, target), "first", "what was there when it was read")
    expect_equal(noted.pending(), (("product", number),), "the change that came later")
    noted.run("--mark-synced")
    expect_equal((product_name(shops, target), noted.pending()), ("second", ()), "after the next run")

    noted.change("product", number, rename(number, "third"))
    noted.change("product", number, rename(number, "fourth"), commit=False)
    noted.run("--mark-synced")
    noted.connection.commit()
    expect_equal(noted.pending(), (("product", number),), "a change that was committed only after the run")
    noted.run("--mark-synced")
    expect_equal((product_name(shops, target), noted.pending()), ("fourth", ()), "after the next run")
    noted.cursor.execute("SET SESSION timestamp = DEFAULT")


def define(suite):
    @suite.case("tracker", "what the module has noted comes, whole, and is marked when it is there; what it notes meanwhile comes next time")
    def _():
        with TwoShops(settings=SETTINGS) as shops:
            noted = Noted(shops)
            sync(shops, "all", "-d", "update", system="shop")
            shops.live()
            noted.flood()
            before, states = rows(shops), noted.states()
            dry, _err = noted.run("--dry-run", "--mark-synced", "--json")
            expect_equal((rows(shops), noted.states()), (before, states), "a dry run writes nothing, and marks nothing")
            out, _err = noted.run("--json")
            expect_equal(noted.states(), states, "without --mark-synced nothing is marked")
            expect_equal(summary(dry), summary(out), "what a dry run foretells")
            right(shops, "update", "shop")
            after = rows(shops)
            noted.run("--mark-synced", "--limit", "1")
            expect_equal(noted.states()[1], len(KINDS), "marked with --limit 1, one of each type")
            noted.run("--mark-synced", "--stock", "exclude")
            expect_equal({kind for kind, _number in noted.pending()}, {"stock"}, "pending without stock")
            noted.run("--mark-synced")
            expect_equal(set(noted.states()), {1}, "all is marked")
            expect_equal(shops.source.scalar("SELECT COUNT(*) FROM openmage.datasync_change_tracker WHERE synced_at IS NULL"), 0, "without a time")
            same_rows(shops, after, "again: nothing changes")
            _out, err = noted.run("--mark-synced")
            expect_contains(err, "no pending rows", "log")
            noted.change("order", shops.source.scalar("SELECT MAX(entity_id) FROM openmage.sales_flat_order"))
            noted.change("customer_address", 999999)  # of nobody
            noted.run("--mark-synced")
            in_order(shops, noted)
            many(shops, noted)
            races(shops, noted)
            refused(shops, noted)
            right(shops, "update", "shop")
            deletions(shops, noted)
            used_again(shops, noted)

    @suite.case("tracker-killed", "a run that is killed is done again by the next, and loses nothing")
    def _():
        with TwoShops(settings=SETTINGS, source_options=("--skip-log-bin",)) as shops:
            noted = Noted(shops)
            for at in ("tracker.in_hand:1", "commit.after_commit:3", "tracker.marked:1", "tracker.marked:3"):
                noted.flood()
                noted.run("--mark-synced", expect_code=-9, env={"DATASYNC_CRASH": at})
                expect(2 in noted.states(), "killed at %s, no row is in hand" % at)
                number = shops.source.scalar("SELECT MAX(entity_id) FROM openmage.customer_entity")
                noted.change("customer", number, "UPDATE customer_entity SET email = 'after-%s@example.com' WHERE entity_id = %d" % (
                    at.replace(":", "-"), number))
            noted.run("--mark-synced")
            noted.run("--mark-synced")
            expect_equal(set(noted.states()), {1}, "all is marked")
            report = shops.check(policy="update", system="shop", entities=COMPARED, types=registered(shops))
            expect(not report.problems, str(report))

    @suite.case("old-commands", "what the module has a command of its own for comes with the command that the README names")
    def _():
        with TwoShops(settings=SETTINGS) as shops:
            sync(shops, "all", "-d", "update", system="shop")
            ask = lambda sql: shops.destination.scalar(sql, "openmage")
            right_rows = rows(shops)
            both = "source_system = 'shop' AND entity_type = 'order' AND target_id = "
            damages = {
                "stock": ("UPDATE cataloginventory_stock_item SET qty = qty + 1000 WHERE EXISTS (SELECT 1 FROM "
                          "datasync.datasync_entity_registry WHERE source_system = 'shop' AND entity_type = 'product' AND target_id = "
                          "product_id)", ("stock", "-d", "update")),
                "stock --missing-only": ("DELETE FROM cataloginventory_stock_item WHERE product_id = (SELECT MIN(target_id) FROM "
                                         "datasync.datasync_entity_registry WHERE entity_type = 'product')", ("stock", "-d", "skip")),
                "grid:sync": ("UPDATE sales_flat_order_grid SET shipping_name = 'x', base_grand_total = 0 WHERE EXISTS (SELECT 1 FROM "
                              "datasync.datasync_entity_registry WHERE %s entity_id)" % both, ("order", "-d", "update")),
                "options-container": (
                    "DELETE v FROM catalog_product_entity_varchar v JOIN eav_attribute a USING (attribute_id) JOIN "
                    "datasync.datasync_entity_registry r ON r.entity_type = 'product' AND r.target_id = v.entity_id WHERE attribute_code = "
                    "'options_container'", ("product", "-d", "update")),
                "reconcile-statuses": ("UPDATE sales_flat_order o JOIN sales_flat_order_grid g USING (entity_id) SET o.status = 'x', g.status "
                                       "= 'x' WHERE EXISTS (SELECT 1 FROM datasync.datasync_entity_registry WHERE %s o.entity_id)" % both,
                                       ("order", "-d", "update")),
                "fix-configurable-order-items": (
                    "UPDATE sales_flat_order_item p JOIN sales_flat_order_item c ON c.parent_item_id = p.item_id SET p.product_id = "
                    "c.product_id WHERE p.product_type = 'configurable' AND EXISTS (SELECT 1 FROM datasync.datasync_entity_registry WHERE "
                    "%s p.order_id)" % both, ("order", "-d", "update")),
            }
            for command, (damage, remedy) in damages.items():
                shops.destination.run(damage, database="openmage")
                expect(rows(shops) != right_rows, command + ": there is nothing to put right")
                sync(shops, *remedy, system="shop")
                right(shops, "update", "shop")
            # resync-stale: by the day of the last change
            number, target = origins(shops, "product")["created"][0]
            stale, fresh = origins(shops, "product")["created"][1]
            shops.source.run("UPDATE catalog_product_entity SET updated_at = '2001-01-01'", rename(number, "changed"), rename(stale, "not now"),
                             "UPDATE catalog_product_entity SET updated_at = NOW() WHERE entity_id = %d" % number, database="openmage")
            sync(shops, "product", "-d", "merge", "--date-from", "2020-01-01", system="shop")
            expect_equal((product_name(shops, target), product_name(shops, fresh) == "not now"), ("changed", False), "stale products")
            expect_equal(ask("SELECT COUNT(*) FROM catalog_product_entity WHERE entity_id = %d" % target), 1, "products of that id")
