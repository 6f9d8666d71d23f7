"""Ids inside longer values that name what is not imported, or is gone: found at the destination, or left out of a value that keeps the rest."""

from lib import phpserialize as php
from lib.suite import expect_equal
from lib.twoshops import TwoShops
from syncs import registered_target, rows, same_rows, sync


def query(server, sql):
    return [tuple(row) for row in server.query(sql, "openmage")]


def value(server, sql):
    return server.scalar(sql, "openmage")


def translated(shops, table, key, column, number, entity=None):
    """The value of a row of the source's in what became of it at the destination."""
    here = registered_target(shops, entity or table, number, "legacy")
    return value(shops.destination, "SELECT %s FROM %s WHERE %s = %s" % (column, table, key, here))


def order_item(shops, number):
    return php.loads(translated(shops, "sales_flat_order_item", "item_id", "product_options", number))


def newest_item(shops, part, kind):
    """(item, its options) of the source's newest order item with such options."""
    item, text = query(shops.source, "SELECT item_id, product_options FROM sales_flat_order_item WHERE product_type = '%s' AND "
                       "product_options LIKE '%%%s%%' ORDER BY 1 DESC LIMIT 1" % (kind, part))[0]
    return item, php.loads(text)


def define(suite):
    @suite.case("bought-and-gone", "what was bought of a product that the source has deleted is still told, under keys that name nothing")
    def _():
        with TwoShops(settings={}) as shops:
            item, there = newest_item(shops, "bundle_options", "bundle")
            shops.source.run("DELETE FROM catalog_product_entity WHERE type_id = 'bundle'", database="openmage")
            sync(shops, "all", "-d", "update")
            here, before = order_item(shops, item), rows(shops)
            parts = [[-key, part] for key, part in there.get("bundle_options")]
            for _key, part in parts:
                part[[key for key, _value in part].index("option_id")] = ["option_id", None]
            expect_equal(list(here.get("bundle_options")), parts, "parts of the bundle")
            request = there.get("info_buyRequest").get("bundle_option_qty")
            expect_equal(list(here.get("info_buyRequest").get("bundle_option_qty")), [[-key, qty] for key, qty in request], "quantities")
            sync(shops, "all", "-d", "update")
            same_rows(shops, before, "the same again")
