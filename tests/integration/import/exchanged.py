"""Unique values that rows of the source have exchanged, where the rows come in batches of their own."""

import os

from lib.suite import expect_contains, expect_equal
from lib.twoshops import TwoShops
from moved import PRODUCT, STREAM, VALUES, sku_of, target
from syncs import right, sync

# table, key, column of the unique value, kind, type of its ids in the registry
KINDS = (("sales_flat_order", "entity_id", "increment_id", "order", "order"), ("salesrule_coupon", "coupon_id", "code", "salesrule", "salesrule_coupon"),
         ("customer_entity", "entity_id", "email", "customer", "customer"), ("catalog_product_entity", "entity_id", "sku", "product", "product"))
COLUMNS = "entity_type_id, attribute_set_id, website_id, group_id, store_id"
NAMES = ("INSERT INTO customer_entity_varchar (entity_type_id, attribute_id, entity_id, value) SELECT entity_type_id, attribute_id, %d, 'x' FROM "
         "eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE entity_type_code = 'customer' AND attribute_code IN ('firstname', 'lastname')")


def customer(number, email, like):
    return ("INSERT INTO customer_entity (entity_id, email, %s) SELECT %d, '%s', %s FROM customer_entity WHERE entity_id = %d"
            % (COLUMNS, number, email, COLUMNS, like)), NAMES % number


class Exchange:
    """The first and the last row of each kind give each other their values, step by step, by way of one for a moment: of those that
    came from the source, since what the destination has added to its own stays with the row, whatever that is called."""

    def __init__(self, shops):
        self.shops, self.wanted = shops, []

    def change(self, *last):
        self.wanted = []
        for table, key, column, _kind, type_ in KINDS:
            made = ", ".join(number for number, in self.shops.destination.query(
                "SELECT source_id FROM datasync.datasync_entity_registry WHERE origin = 'created' AND entity_type = '%s'" % type_))
            rows = self.shops.source.query("SELECT %s, %s FROM openmage.%s WHERE %s IN (%s)%s ORDER BY 1" % (
                key, column, table, key, made or "0", " AND website_id = 1" if table == "customer_entity" else ""))
            if len(rows) < 2 and table == "salesrule_coupon":  # of some shops all coupons are the destination's own, too
                continue
            (first, one), (second, other) = rows[0], rows[-1]
            one = "%s-%s" % (last[0], one) if last else one
            sql = "UPDATE %s SET %s = '%%s' WHERE %s = %%d" % (table, column, key)
            self.shops.source.run(sql % ("for a moment", second), sql % (other, first), sql % (one, second), database="openmage")
            self.wanted.append((table, key, column, type_, first, second, other, one))

    def arrived(self, what):
        for table, key, column, type_, first, second, *values in self.wanted:
            here = [self.shops.destination.scalar("SELECT %s FROM openmage.%s WHERE %s = %s" % (column, table, key, target(self.shops, type_, each)))
                    for each in (first, second)]
            expect_equal(here, values, "%s: %s" % (what, table))


def email_of(shops, number):
    return shops.destination.scalar("SELECT email FROM openmage.customer_entity WHERE entity_id = %s" % target(shops, "customer", number))


def define(suite):
    @suite.case("exchanged-in-batches", "rows that give each other unique values, each in a batch of its own: a stream, and copies by sync and of a stream")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, exchange = shops.lab.program, Exchange(shops)
            program.incremental(timeout=240)
            program.configure({"batch": {"max_rows": 5}})
            exchange.change()
            program.incremental(timeout=240)
            exchange.arrived("stream")
            for policy, last in (("update", ()), ("merge", ("chain",))):
                exchange.change(*last)
                for _table, _key, _column, kind, _type in KINDS:
                    sync(shops, kind, "-d", policy)
                exchange.arrived("sync, " + policy)
            exchange.change()
            program.incremental("--resnapshot", "--yes", timeout=240)
            exchange.arrived("copy of a stream")
            right(shops, "update", "legacy")

    @suite.case("exchanged-and-killed", "killed while a copy has brought one of them: nobody has lost a value, and the next run finishes")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, exchange = shops.lab.program, Exchange(shops)
            program.incremental(timeout=240)
            program.configure({"batch": {"max_rows": 5}})
            exchange.change()
            before = shops.destination.query("SELECT entity_id, email FROM openmage.customer_entity ORDER BY 1")
            code, _out, err = program.command("incremental", "--resnapshot", "--yes", timeout=240,
                                              env=dict(os.environ, DATASYNC_CRASH="postponed.before_commit:1"))
            expect_equal(code, -9, err[-1500:])
            expect_equal(shops.destination.query("SELECT entity_id, email FROM openmage.customer_entity ORDER BY 1"), before, "killed: e-mails")
            program.incremental(timeout=240)
            exchange.arrived("the run behind it")
            right(shops, "update", "legacy")

    @suite.case("exchanged-with-new", "a new row that has got what an older one had, and comes first: both are there, and nobody else's row is taken")
    def _():
        for how in ("sync", "stream"):
            with TwoShops(settings=STREAM) as shops:
                program, lower, also, gone, old, product = shops.lab.program, 90001, 90002, 90003, 90004, 90004
                email, freed, sku = "old@example.com", "gone@example.com", "old sku"
                like = shops.source.scalar("SELECT MIN(entity_id) FROM openmage.customer_entity WHERE website_id = 1")
                shops.source.run("SET SESSION sql_mode = ''", *customer(old, email, like), *customer(gone, freed, like),
                                 PRODUCT % ("entity_id, ", "%d, " % product, sku), *(values % sku for values in VALUES), database="openmage")
                program.incremental(timeout=240)
                here = target(shops, "product", product)
                program.configure({"batch": {"max_rows": 5}})
                shops.source.run("SET SESSION sql_mode = ''", "UPDATE customer_entity SET email = 'another@example.com' WHERE entity_id = %d" % old,
                                 *customer(lower, email, old),
                                 "UPDATE catalog_product_entity SET sku = CONCAT(sku, '-old') WHERE entity_id = %d" % product,
                                 PRODUCT % ("entity_id, ", "%d, " % lower, sku), *(values % sku for values in VALUES), database="openmage")
                if how == "stream":  # what the source has deleted, too, lets go of its value
                    shops.source.run("SET SESSION sql_mode = ''", "DELETE FROM customer_entity WHERE entity_id = %d" % gone, *customer(also, freed, old),
                                     database="openmage")
                    program.incremental("--resnapshot", "--yes", timeout=240)
                    expect_equal((email_of(shops, also), target(shops, "customer", gone)), (freed, None), "one that is gone, and its e-mail")
                else:
                    sync(shops, "customer", "-d", "update")
                    sync(shops, "product", "-d", "update")
                expect_equal((email_of(shops, old), email_of(shops, lower)), ("another@example.com", email), how + ": e-mails")
                expect_equal((target(shops, "product", product), sku_of(shops, here)), (here, sku + "-old"), how + ": the renamed product")
                expect_equal(sku_of(shops, target(shops, "product", lower)), sku, how + ": the new one")
                right(shops, "update", "legacy")

    @suite.case("exchanged-alone", "where the other row does not come, or is the destination's own, the error stands, and nobody has lost a value")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program = shops.lab.program
            program.incremental(timeout=240)
            (first, one), (second, other) = shops.source.query("SELECT entity_id, email FROM openmage.customer_entity WHERE website_id = 1 ORDER BY 1 LIMIT 2")
            change = "UPDATE customer_entity SET email = '%s' WHERE entity_id = %d"
            shops.source.run(change % ("for a moment", second), change % (other, first), change % (one, second), database="openmage")
            _out, err = sync(shops, "customer", "-d", "update", "--entity-ids", str(first), expect_code=1)
            expect_contains(err, "has not let go of it though all has come: copy both together", "alone")
            expect_contains(err, "(source id %d)" % first, "alone")
            expect_equal([email_of(shops, each) for each in (first, second)], [one, other], "e-mails after that")
            sync(shops, "customer", "-d", "update", "--entity-ids", "%d,%d" % (first, second))
            expect_equal([email_of(shops, each) for each in (first, second)], [other, one], "e-mails of both together")
            program.incremental(timeout=240)
            own = shops.destination.scalar("SELECT email FROM openmage.customer_entity WHERE LEFT(email, 4) = 'own.' AND website_id = (SELECT website_id FROM "
                                           "openmage.customer_entity WHERE entity_id = %s) LIMIT 1" % target(shops, "customer", first))
            shops.source.run(change % (own, first), database="openmage")
            _out, err = sync(shops, "customer", "-d", "update", expect_code=1)
            expect_contains(err, "Duplicate entry", "the destination's own")
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.customer_entity WHERE email = '%s'" % own), 1, "customers of that e-mail")
