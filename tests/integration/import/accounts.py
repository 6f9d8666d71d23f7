"""What `sync` says of accounts that lack privileges, how long it waits for a source that is not there, and what a lost one leaves."""

import time

from lib.proxy import Proxy
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops

from syncs import registered, rows, sync

READER = ("--set", "source.user=reader", "--set", "source.password=x")


def grant_each(server, hidden):
    """SELECT on all tables but these, each on its own."""
    server.run("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'x'", database=None)
    for (table,) in server.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'openmage' AND TABLE_TYPE = 'BASE TABLE'"):
        if table not in hidden:
            server.run("GRANT SELECT ON openmage.`%s` TO reader@'127.0.0.1'" % table, database=None)


def unreadable(shops, mode, *options):
    """What `check` says of tables that the source's account may not read, or not all of it."""
    _code, out, err = shops.lab.program.command("check", "--set", "mode=" + mode, "--set", "source_system=legacy", *READER, *options)
    expect(" would stop it, " in out, "check of a %s: %s%s" % (mode, out, err))
    return [line for line in out.splitlines() if " source table " in line]


def define(suite):
    @suite.case("sync-hidden", "a table that the source's account may not read is no missing table: it and the GRANT are named")
    def _():
        with TwoShops(settings={}) as shops:
            for entity, hidden in (("order", "sales_flat_order_item"), ("order", "sales_flat_order"), ("stock", "catalog_product_entity"),
                                   ("customer", "customer_address_entity_varchar")):
                grant_each(shops.source, (hidden,))
                before = rows(shops)
                _out, err = sync(shops, entity, "-d", "update", *READER, expect_code=2)
                expect_contains(err, "may not read table %s" % hidden, "%s without %s" % (entity, hidden))
                expect_contains(err, "GRANT SELECT ON `openmage`.`%s`" % hidden, "%s without %s" % (entity, hidden))
                expect_equal(rows(shops), before, "the destination, %s without %s" % (entity, hidden))
            grant_each(shops.source, ("customer_address_entity_varchar",))
            sync(shops, "cms_block", "-d", "update", "--dry-run", *READER)
            sync(shops, "customer", "-d", "update", "--dry-run", "--set", "tables.exclude=customer_address_entity_varchar", *READER)
            shops.source.run("DROP TABLE customer_address_entity_varchar", "GRANT SELECT ON openmage.* TO reader@'127.0.0.1'",
                             database="openmage")
            sync(shops, "customer", "-d", "update", "--dry-run", *READER)

    @suite.case("sync-not-granted", "a destination's account without privileges is told what to GRANT")
    def _():
        with TwoShops(settings={}) as shops:
            account = ("--set", "destination.user=writer", "--set", "destination.password=x")
            shops.destination.run("CREATE USER writer@'127.0.0.1' IDENTIFIED BY 'x'", database=None)
            for options in ((), ("--dry-run",)):
                _out, err = sync(shops, "cms_block", "-d", "update", *options, *account, expect_code=2)
                expect_contains(err, "UPDATE, DELETE ON `openmage`.*", "error")
            nowhere = ("--set", "destination.database=nosuch")
            for options in ((), ("--dry-run",)):
                _out, err = sync(shops, "cms_block", "-d", "update", *options, *nowhere, expect_code=2)
                expect_contains(err, "no database nosuch, and an import makes no shop", "error")
            shops.lab.program.configure({"mode": "import"})
            expect_contains(shops.lab.program.incremental(*nowhere, expect=2), "no database nosuch, and an import makes no shop", "error")
            expect_equal(shops.destination.query("SHOW DATABASES LIKE 'nosuch'"), (), "databases")

    @suite.case("sync-hidden-columns", "a table of which the source's account may read some columns is copied with all or not at all: it and the GRANT are named")
    def _():
        with TwoShops(settings={}) as shops:
            for entity, table, columns in (("cms_page", "cms_page", "page_id, title, identifier, content"), ("all", "sales_flat_order_item", "item_id, order_id, sku"),
                                           ("order", "core_store", "store_id, code")):
                grant_each(shops.source, (table,))
                shops.source.run("GRANT SELECT (%s) ON openmage.%s TO reader@'127.0.0.1'" % (columns, table), database=None)
                before = rows(shops)
                for options in ((), ("--dry-run",)):
                    _out, err = sync(shops, entity, "-d", "update", *READER, *options, expect_code=2)
                    expect_contains(err, "may read only some columns of table %s, " % table, "%s with some of %s" % (entity, table))
                    expect_contains(err, "GRANT SELECT ON `openmage`.`%s`" % table, "%s with some of %s" % (entity, table))
                expect_equal(rows(shops), before, "the destination, %s with some of %s" % (entity, table))
                kind = {"all": "order", "order": "store"}.get(entity, entity)
                for mode, of in (("import", " of entity " + kind), ("mirror", "")):
                    expect_equal(unreadable(shops, mode, "--entity", entity), [] if (mode, entity, table) == ("mirror", "order", "core_store") else [
                        "STOP  source table %s: the source's account may read only some columns of table %s, and a copy%s would lack the others: "
                        "GRANT SELECT ON `openmage`.`%s` to it (1142)" % (table, table, of, table)], "check of %s, %s" % (entity, mode))
            grant_each(shops.source, ("cms_page_store", "customer_address_entity_varchar"))
            expect_equal([line.split(", of which")[0] for line in unreadable(shops, "import", "--entity", "cms_page,customer")], [
                "STOP  source table %s: the source's account may not read table %s" % (table, table)
                for table in ("cms_page_store", "customer_address_entity_varchar")], "check of what is hidden")
            grant_each(shops.source, ())
            expect_equal(unreadable(shops, "import") + unreadable(shops, "mirror"), [], "check of all")
            sync(shops, "all", "-d", "update", "--dry-run", *READER)

    @suite.case("sync-source-lost", "a source that is lost in the middle of a copy: what has come stays, the error says how to go on, and that completes it")
    def _():
        ways = {"error": ", but with --on-duplicate skip: error would end it at what is there already", "skip": ": what is there already is passed over",
                "update": ": what is there already is only compared"}
        with TwoShops(settings={"batch": {"max_rows": 60}, "spool": {"max_size": "1MiB"}}) as shops:
            there, here = (dict(server.query("SELECT sku, entity_id FROM openmage.catalog_product_entity")) for server in (shops.source, shops.destination))
            alone = ",".join(str(there[sku]) for sku in there.keys() - here.keys())  # those that nothing stops at
            shops.source.run("UPDATE catalog_product_entity_text SET value = REPEAT('long ', 4000)", database="openmage")
            known = lambda: shops.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_entity_registry WHERE entity_type = 'product'")
            for policy, how in ways.items():
                options = ("-d", policy, *(("--entity-ids", alone) if policy != "update" else ()))
                proxy = Proxy(shops.source.port)
                proxy.cut_behind("FROM `cataloginventory_stock_item`", until=known)
                _out, err = sync(shops, "product", *options, "--set", "source.port=%d" % proxy.port, expect_code=5)
                proxy.close()
                expect_contains(err, "Lost connection to server during query (2013); what had come until then is written, and stays (the summary counts "
                                     "it). To go on, start the same command again" + how, policy)
            sync(shops, "product", "-d", "update")
            report = shops.check(policy="update", system="legacy", entities=("product", "stock"), types=registered(shops))
            # number sequences are of what was not asked for
            expect_equal([line for line in report.problems if not line.startswith("sequence ")], [], "after all")

    @suite.case("sync-source-late", "a source that is not there is waited for, as long as connect_timeout says")
    def _():
        with TwoShops(settings={"connect_timeout": "2s"}) as shops:
            program = shops.lab.program
            shops.source.kill()
            since = time.monotonic()
            _out, err = sync(shops, "cms_block", "-d", "update", expect_code=5)
            expect(time.monotonic() - since >= 1, "it gave up at once: " + err)
            expect_contains(err, "source lost, trying again", "log")
            program.configure({"connect_timeout": "60s"})
            program.start("cms_block", "legacy", "-d", "update", command="sync")
            program.wait_log("source lost, trying again")
            shops.source.start()
            expect_equal(program.wait_exit(), 0, "exit, with the source back")
