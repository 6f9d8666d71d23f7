"""Imports into a MySQL server, which tells only the first of the ids that a statement gives to its rows."""

import os
import sys
import threading

import pymysql

from base import expect, expect_equal, suite

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "import"))

# pylint: disable=wrong-import-position
from lib.suite import Suite
from lib.twoshops import TwoShops
import along
import gone
import kept
import moved
import options
import positions
import references
import syncs
from syncs import right, rows, same_rows, summary, sync

# rows of these come by the dozen, and have children
COUNTED = ("catalog_product_entity", "catalog_product_option", "catalog_product_option_type_value", "customer_entity",
           "customer_address_entity", "eav_attribute_option", "sales_flat_order", "sales_flat_order_item", "sales_flat_order_address",
           "sales_flat_quote_item", "review", "wishlist_item")


class Crowd(threading.Thread):
    """Takes numbers of these tables all the time, in steps of its own session's, and never keeps a row."""

    def __init__(self, server, step):
        super().__init__(daemon=True)
        self.connection = server.connect("openmage", autocommit=False)
        self.taken, self.ended = dict.fromkeys(COUNTED, 0), threading.Event()
        self.step = step

    def run(self):
        with self.connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = '', foreign_key_checks = 0, auto_increment_increment = %d" % self.step)
            while not self.ended.is_set():
                for table in COUNTED:
                    try:
                        cursor.execute("INSERT INTO `%s` () VALUES ()" % table)
                        self.taken[table] += 1
                    except pymysql.err.MySQLError:
                        pass  # the number is gone all the same
                    self.connection.rollback()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.ended.set()
        self.join()
        self.connection.close()


@suite.case("import-into-mysql", "all entities; again: nothing changes")
def _():
    with TwoShops(settings={}, mysql_destination=True) as shops:
        sync(shops, "all", "-d", "update")
        right(shops, "update", "legacy")
        after = rows(shops)
        out, _err = sync(shops, "all", "-d", "update", "--json")
        same_rows(shops, after, "again: nothing changes")
        expect_equal([name for name, counts in summary(out).items() if "created" in counts], [], "again: created")


@suite.case("import-into-mysql-among-others", "ids in steps of three, and others take some all the time: a copy, then the shop's life")
def _():
    settings = {"mode": "import", "source_system": "legacy", "on_duplicate": "update"}
    with TwoShops(settings=settings, mysql_destination=True) as shops:
        destination = shops.destination
        expect_equal(destination.scalar("SELECT @@innodb_autoinc_lock_mode"), 2, "innodb_autoinc_lock_mode")
        destination.run("SET GLOBAL auto_increment_increment = 3", "SET GLOBAL auto_increment_offset = 2", database=None)
        with Crowd(destination, 3) as same, Crowd(destination, 1) as other:
            shops.lab.program.incremental(timeout=240)
            right(shops, "update", "legacy")
            while shops.live():
                shops.lab.program.incremental(timeout=240)
            right(shops, "update", "legacy")
        for table in COUNTED:
            expect(same.taken[table] > 0 and other.taken[table] > 0, "nobody else had a number of " + table)
        given = {}
        for kind, number in destination.query("SELECT entity_type, target_id FROM datasync.datasync_entity_registry WHERE origin = 'created' AND "
                                              "entity_type IN ('product', 'order', 'customer', 'sales_flat_order_item') ORDER BY 1, 2"):
            given.setdefault(kind, []).append(number)
        for kind, numbers in given.items():
            expect_equal({number % 3 for number in numbers}, {2}, "ids of %s, modulo 3" % kind)
        expect(any((numbers[-1] - numbers[0]) // 3 + 1 > len(numbers) for numbers in given.values()), "no kind's ids have a gap")


# Of the cases with a MariaDB destination, those that make it do something else than write what comes.
ASKING = ("sync-merged-again", "orphans-told", "links-not-there", "sync-small-batches", "stream-deletes", "moved-categories", "pieces", "gone-here",
          "gone-there", "deletes-by-policy", "kept-in-use", "kept-options", "cascades-below", "sequences", "defaults", "along-stream", "options-mode",
          "positions-behind")


def into_mysql(case):
    def run():
        TwoShops.mysql_destination = True
        case()
    return run


others = Suite("import")
for part in (syncs, moved, gone, kept, along, references, options):
    part.define(others)
positions.define(others, right)
for name in ASKING:
    function, about, _only = others.cases[name]
    suite.case("import-into-mysql-" + name, about)(into_mysql(function))
