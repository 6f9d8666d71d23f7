"""A batch of a copy goes to the destination range by range, in one transaction: a sixteenth of `batch.max_rows`."""

import os
import re

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from syncs import right, rows, same_rows, summary, sync

RANGES = {"batch": {"max_rows": 1600}}  # of a hundred rows
WRITTEN = r"written in ranges transactions=\d+ ranges=(\d+)"
BUSY = "destination is busy"
# its statements come while the rows of the range before are still being registered
ASKS = "return {entities = {'stock'}, before_apply = function(c) db.query('SELECT 1') end}"


def several(log):
    return sum(int(ranges) > 1 for ranges in re.findall(WRITTEN, log))


def define(suite):
    @suite.case("in-ranges", "a copy whose batches go range by range; again: nothing changes")
    def _():
        with TwoShops(settings=RANGES) as shops:
            _out, err = sync(shops, "all", "-d", "update", "-vv")
            expect(several(err) > 2, "batches in ranges: %d" % several(err))
            right(shops, "update", "legacy")
            after = rows(shops)
            _out, err = sync(shops, "all", "-d", "update", "-vv")
            expect(several(err) > 2, "batches in ranges: %d" % several(err))
            same_rows(shops, after, "again")

    @suite.case("in-ranges-invalid", "what is not valid is left out, alone, and counted once, whichever range it is of")
    def _():
        with TwoShops(settings=RANGES) as shops:
            skus = [sku for sku, in shops.source.query("SELECT sku FROM openmage.catalog_product_entity WHERE type_id = 'simple' ORDER BY entity_id")]
            bad = skus[len(skus) // 2], skus[-1]
            shops.source.run(*("UPDATE catalog_product_entity_decimal v JOIN catalog_product_entity e USING (entity_id) JOIN eav_attribute a USING "
                               "(attribute_id) SET v.value = -1 WHERE e.sku = '%s' AND attribute_code = 'price'" % sku for sku in bad), database="openmage")
            known = {sku for sku, in shops.destination.query("SELECT sku FROM openmage.catalog_product_entity")}
            out, err = sync(shops, "product", "-d", "update", "--skip-invalid", "--json", "-vv", expect_code=3)
            expect_contains(err, "not written in ranges any more", "the log")
            expect_equal(summary(out)["product"]["invalid"], 2, "the summary")
            here = {sku for sku, in shops.destination.query("SELECT sku FROM openmage.catalog_product_entity")}
            expect_equal(set(skus) - here, set(bad) - known, "products that are not there")
            expect_equal(err.count("left out entity=product"), 2, "told: " + err[-1500:])

    # an entity of one row is registered last of all, while the next range is prepared
    for table, kind, size, what in (("openmage.customer_entity", "customer", 1600, "rows"),
                                    ("datasync.datasync_entity_registry WHERE entity_type = 'stock'", "stock", 64, "the registry")):
        def case(table=table, kind=kind, size=size):
            with TwoShops(settings={"batch": {"max_rows": size}}) as shops:
                program, destination = shops.lab.program, shops.destination
                with open(os.path.join(program.folder, "asks.lua"), "w", encoding="ascii") as out:
                    out.write(ASKS)
                program.configure({"handlers": ["asks.lua"]})
                if kind == "stock":
                    sync(shops, "product", "-d", "update", "--stock", "exclude")
                sync(shops, kind, "-d", "update", "--limit", "20")  # these, and what they refer to, are registered then
                dry, _err = sync(shops, kind, "-d", "update", "--dry-run", "--json")
                destination.run("SET GLOBAL innodb_lock_wait_timeout = 1", database=None)
                shop = destination.connect("openmage")
                shop.begin()
                with shop.cursor() as cursor:
                    cursor.execute("SELECT * FROM %s FOR UPDATE" % table)
                program.start(kind, "legacy", "-d", "update", "--json", "-vv", command="sync")
                program.wait_log(BUSY)
                shop.rollback()
                shop.close()
                expect_equal(program.wait_exit(timeout=120), 0, program.log_tail())
                log = program.log_text().decode()
                expect(several(log) > 0, "no batch in ranges")
                expect(log.count(BUSY) < 4 and "destination lost" not in log, "tried %d times, on the same connection" % log.count(BUSY))
                told = summary("\n".join(line for line in log.splitlines() if line.startswith("{")))
                expect_equal(told[kind], summary(dry)[kind], "the summary, and what a dry run has foretold")
                sync(shops, "all", "-d", "update")
                right(shops, "update", "legacy")
        suite.case("in-ranges-busy-" + kind, "the live shop holds %s: the batch is rolled back, and tried again" % what)(case)
