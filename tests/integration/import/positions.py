"""Runs for some of the entities: each has a position of its own, and nothing is lost between them."""

import json
import random
import shutil

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from syncs import registered_target

STREAM = {"mode": "import", "source_system": "shop", "on_duplicate": "update"}
# what others of the list refer to comes first: what is not there yet is not referred to
ORDER = ("customer", "category", "product", "stock", "newsletter", "order", "invoice", "shipment", "creditmemo", "cms_block", "cms_page")


# a new customer's order of a new product, paid at once: each row is in a transaction of its own
PLACED = (
    "INSERT INTO customer_entity (entity_type_id, attribute_set_id, website_id, email, group_id, store_id, created_at, updated_at, is_active) "
    "SELECT entity_type_id, attribute_set_id, website_id, 'behind@example.com', group_id, store_id, NOW(), NOW(), 1 FROM customer_entity "
    "ORDER BY entity_id LIMIT 1",
    "INSERT INTO catalog_product_entity (entity_type_id, attribute_set_id, type_id, sku) SELECT entity_type_id, attribute_set_id, 'simple', "
    "'behind-3' FROM catalog_product_entity LIMIT 1",
    "INSERT INTO cataloginventory_stock_item (product_id, stock_id, qty, is_in_stock) SELECT entity_id, 1, 7, 1 FROM catalog_product_entity "
    "WHERE sku = 'behind-3'",
    "INSERT INTO sales_flat_order (state, status, store_id, increment_id, customer_id, customer_email, created_at, updated_at) SELECT 'new', "
    "'pending', c.store_id, 'behind-1', c.entity_id, c.email, NOW(), NOW() FROM customer_entity c WHERE email = 'behind@example.com'",
    "INSERT INTO sales_flat_order_item (order_id, store_id, product_id, product_type, sku, name, qty_ordered, created_at, updated_at) SELECT "
    "o.entity_id, o.store_id, p.entity_id, 'simple', p.sku, 'x', 1, NOW(), NOW() FROM sales_flat_order o, catalog_product_entity p WHERE "
    "increment_id = 'behind-1' AND p.sku = 'behind-3'",
    "INSERT INTO sales_flat_invoice (store_id, order_id, increment_id, grand_total, created_at, updated_at) SELECT store_id, entity_id, 'behind-2', "
    "1, NOW(), NOW() FROM sales_flat_order WHERE increment_id = 'behind-1'",
)


def rows(shops):
    return dict(shops.destination.query("SELECT entity, IF(gtid_set = '', file, gtid_set) FROM datasync.datasync_checkpoint WHERE name = 'default'"))


def run(shops, *arguments, expect_code=0, env=None):
    code, out, err = shops.lab.program.command("incremental", *arguments, timeout=240, env=env)
    expect_equal(code, expect_code, "incremental %s: %s" % (" ".join(arguments), err[-1500:]))
    return out, err


def chosen(entities):
    return [word for entity in entities for word in ("--entity", entity)]

# what the source deletes, a run for others that meets that first, and what goes along: tables and the columns that name it
PASSED = (("product", "catalog_product_entity", ("--stock", "only"), (("cataloginventory_stock_item", "product_id"), )),
          ("customer", "customer_entity", ("--entity", "wishlist"), (("wishlist", "customer_id"), ("customer_address_entity", "parent_id"))),
          ("order", "sales_flat_order", ("--entity", "invoice"), tuple((table, "order_id") for table in (
              "sales_flat_invoice", "sales_flat_shipment", "sales_flat_order_item"))))


def define(suite, right):
    @suite.case("positions", "entities go on by themselves and come together again")
    def _():
        with TwoShops(settings=STREAM) as shops:
            draw = random.Random(shops.seed)
            run(shops)
            expect_equal(list(rows(shops)), [""], "rows after the first copy")
            number = shops.source.scalar("SELECT entity_id FROM openmage.customer_entity ORDER BY entity_id LIMIT 1")
            for email in ("old@example.com", "new@example.com"):
                shops.source.run("UPDATE customer_entity SET email = '%s' WHERE entity_id = %s" % (email, number), database="openmage")
            run(shops, "--entity", "customer")
            run(shops, "--limit", "1")
            expect_equal(shops.destination.query("SELECT email FROM openmage.customer_entity WHERE email IN ('old@example.com', 'new@example.com')"),
                         (("new@example.com",),), "an entity that is ahead of the stream")
            more = True
            while more:
                more = shops.live()
                waiting = list(ORDER[:draw.randrange(len(ORDER) + 1)])
                while waiting:
                    some = [waiting.pop(0) for _ in range(draw.randrange(1, len(waiting) + 1))]
                    before = rows(shops)
                    run(shops, *chosen(some))
                    now, after = shops.source.gtid(), rows(shops)
                    moved = some + ["gift_message"] * ("order" in some)  # which comes along
                    # one without a row of its own stands where the stream does
                    expect_equal({e: after.get(e, after[""]) for e in moved}, {e: now for e in moved}, "positions of what was asked for")
                    expect_equal({e: p for e, p in after.items() if e not in moved},
                                 {e: p for e, p in before.items() if e not in moved}, "positions of the others")
                    told = json.loads(shops.lab.program.command("status", "--json")[1]).get("positions", {})
                    expect_equal({e: p["gtid"] for e, p in told.items()}, {e: p for e, p in after.items() if e}, "what status tells")
                if draw.random() < 0.3:
                    run(shops, "--stock", draw.choice(("only", "exclude")))
                if draw.random() < 0.3:
                    run(shops)
            run(shops)
            expect_equal(rows(shops), {"": shops.source.gtid()}, "rows after a run for all")
            right(shops, "update", "shop")

    @suite.case("positions-limit", "a first copy is made whole, also when it was interrupted; --limit holds for what comes behind it")
    def _():
        with TwoShops(settings=dict(STREAM, batch={"max_bytes": "64KiB"})) as shops:
            shops.source.run("UPDATE catalog_product_entity_text t JOIN eav_attribute a ON a.attribute_id = t.attribute_id SET t.value = "
                             "REPEAT('more than a batch ', 3500) WHERE a.attribute_code IN ('description', 'short_description') AND t.entity_id = "
                             "(SELECT MIN(entity_id) FROM catalog_product_entity)", database="openmage")
            _out, err = run(shops, "--limit", "1", "--mark-synced", expect_code=-9, env={"DATASYNC_CRASH": "commit.after_commit:2"})
            expect_contains(err, "the first copy is made whole", "log")
            _out, err = run(shops, "--limit", "1", "--mark-synced")
            expect_contains(err, "the first copy is made whole", "log of the next run")
            expect_equal(rows(shops), {"": shops.source.gtid()}, "rows after the copy")
            right(shops, "update", "shop")
            number = shops.source.scalar("SELECT MIN(entity_id) FROM openmage.customer_entity")
            for name in ("one", "two", "three"):
                shops.source.run("UPDATE customer_entity SET email = '%s@example.com' WHERE entity_id = %s" % (name, number), database="openmage")
            for email, reached in (("two", True), ("three", False)):
                _out, err = run(shops, "--limit", "2", "--mark-synced")
                expect_equal("--limit reached" in err, reached, "log at " + email)
                expect("the first copy" not in err, "log of the stream")
                expect_equal(shops.destination.query("SELECT email FROM openmage.customer_entity WHERE email IN ('one@example.com', 'two@example.com', "
                                                     "'three@example.com')"), ((email + "@example.com",),), "with a limit")
            expect_equal(rows(shops), {"": shops.source.gtid()}, "rows at the end")

    @suite.case("positions-system", "a stream keeps to its source system: under another name the registry knows nothing of what has come")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, other = shops.lab.program, ("--set", "source_system=other")
            changed = lambda: shops.destination.scalar("SELECT COUNT(*) FROM openmage.customer_entity WHERE email = 'changed@example.com'")
            record = lambda: shops.destination.query("SELECT statement FROM datasync.datasync_objects WHERE kind = 'source_system'")
            run(shops)
            expect_equal(record(), ((b"shop",),), "what is recorded")
            shops.source.run("UPDATE customer_entity SET email = 'changed@example.com' ORDER BY entity_id LIMIT 1", database="openmage")
            before = rows(shops)
            for options in ((), ("--dry-run",), ("--entity", "customer")):
                _out, err = run(shops, *other, *options, expect_code=2)
                for part in ('source_system is "other"', '"shop"', "set it back", "another name", "--resnapshot"):
                    expect_contains(err, part, "error")
            code, out, _err = program.command("check", *other)
            expect_equal(code, 1, "check")
            expect_contains(out, "STOP  destination source_system: ", "check")
            expect_equal(program.command("status", *other)[0], program.command("status")[0], "status")
            expect_equal((rows(shops), changed()), (before, 0), "position, and what was changed")
            run(shops)
            expect_equal(changed(), 1, "what was changed")
            expect("source_system" not in program.command("check")[1], "check finds nothing")
            # a checkpoint of a version that did not record it
            shops.destination.run("DELETE FROM datasync.datasync_objects WHERE kind = 'source_system'", database=None)
            shops.source.run("UPDATE cms_page SET is_active = 1 - is_active LIMIT 1", database="openmage")
            run(shops)
            expect_equal(record(), ((b"shop",),), "what is recorded from then on")
            run(shops, "--resnapshot", "--yes", *other, *chosen(("newsletter",)))
            expect_equal(record(), ((b"other",),), "what is recorded of the new copy")

    @suite.case("positions-away", "begun while the destination is away: what has not been copied comes first all the same, when it is back")
    def _():
        with TwoShops(settings={**STREAM, "connect_timeout": 60}) as shops:
            program = shops.lab.program
            for command in ("incremental", "run"):
                run(shops, *chosen(("cms_block",)), "--resnapshot", "--yes")
                shops.source.run("UPDATE cms_page SET title = 'before %s' ORDER BY page_id LIMIT 1" % command, database="openmage")
                shops.destination.stop()
                program.start(command=command)
                program.wait_log("the destination cannot be asked, trying again.*\n(.*\n)*.*destination lost, trying again", since=program.log_start)
                if command == "run":
                    expect_equal(program.status()["state"], "waiting_destination", "state")
                    program.stop()  # and it can be stopped meanwhile
                    program.start()
                    program.wait_log("destination lost, trying again", since=program.log_start)
                shops.destination.start()
                if command == "run":
                    program.wait_caught_up()
                    program.stop()
                else:
                    expect_equal(program.wait_exit(240), 0, "exit code")
                expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.cms_page WHERE title = 'before %s'" % command), 1,
                             "what had not been copied")
            program.check_log()

    @suite.case("positions-xa", "an XA transaction that one run has met prepared, and another one meets again: the first one goes first")
    def _():
        with TwoShops(settings=STREAM) as shops:
            run(shops)
            here = lambda table: shops.destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE title = 'in two steps'" % table)
            shops.source.run("XA START 'both'", *("UPDATE %s SET title = 'in two steps' LIMIT 1" % table for table in ("cms_block", "cms_page")),
                             "XA END 'both'", "XA PREPARE 'both'", database="openmage")
            shops.source.run("UPDATE cms_block SET is_active = 1 - is_active ORDER BY block_id DESC LIMIT 1", database="openmage")
            run(shops, "--entity", "cms_page")
            shops.source.run("XA COMMIT 'both'", database=None)
            for entities in (["cms_block"], []):
                _out, err = run(shops, *chosen(entities), expect_code=1)
                for part in ("a run for other entities has stored its part of XA transaction", "run that one first", "gtid=0-"):
                    expect_contains(err, part, "the error")
            for entities in (["cms_page"], ["cms_block"], []):
                run(shops, *chosen(entities))
            expect_equal((here("cms_block"), here("cms_page")), (1, 1), "rows of both")
            right(shops, "update", "shop")

    @suite.case("positions-new", "what has never been copied is, before all go on together; what the spool of other entities lacks is read again")
    def _():
        with TwoShops(settings=dict(STREAM, batch={"max_rows": 100})) as shops:
            status = lambda *arguments: json.loads(shops.lab.program.command("status", "--json", *arguments)[1])
            run(shops, *chosen(("customer",)), expect_code=-9, env={"DATASYNC_CRASH": "commit.after_commit:2"})
            expect(rows(shops)["customer"].startswith("copy."), "the crash was not in the middle of the copy: %s" % rows(shops))
            run(shops, *chosen(("customer", "product")), "--set", "batch.max_rows=50000")
            first = shops.source.gtid()
            expect_equal(rows(shops), {"": "", "customer": first, "product": first}, "rows of two entities")
            expect_equal(status()["applied"]["gtid"], None, "what all have applied")
            shops.live()
            run(shops, *chosen(("customer",)))
            expect_equal(rows(shops), {"": "", "customer": shops.source.gtid(), "product": first}, "one of them goes on")
            shops.source.run("INSERT INTO catalog_product_entity (entity_type_id, attribute_set_id, type_id, sku) SELECT entity_type_id, "
                             "attribute_set_id, 'simple', 'moved-on' FROM catalog_product_entity LIMIT 1", database="openmage")
            shops.lab.program.configure({"entities": ["product", "customer"]})
            expect_equal(status()["applied"]["gtid"], first, "the oldest of the two")
            _out, err = run(shops, "--dry-run", "--stock", "include", "-v")
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.catalog_product_entity WHERE sku = 'moved-on'"), 0, "dry run")
            shops.lab.program.configure({"entities": ["all"]})
            _out, err = run(shops, "--dry-run", "-v")
            expect_contains(err, "have not been copied yet", "dry run of all")
            _out, err = run(shops, "-v")
            expect_contains(err, "have not been copied yet, and come first", "log")
            expect(not {"customer", "product"} & set(err.split("come first entities=", 1)[1].split("\n")[0].split(",")), "copied twice")
            expect_equal(rows(shops), {"": shops.source.gtid()}, "rows after a run for all")
            right(shops, "update", "shop")

    @suite.case("positions-stored", "what a run for other entities has stored, and not written when it ended, is read again")
    def _():
        with TwoShops(settings=STREAM) as shops:
            run(shops)
            shops.source.run("UPDATE cms_page SET title = 'before it' ORDER BY page_id LIMIT 1",
                             "UPDATE customer_entity SET email = 'first@example.com' ORDER BY entity_id LIMIT 1", database="openmage")
            run(shops, "--entity", "customer", expect_code=-9, env={"DATASYNC_CRASH": "commit.begin:1"})
            run(shops, expect_code=-9, env={"DATASYNC_CRASH": "spool.posted:1"})
            run(shops)
            expect_equal([shops.destination.scalar(sql) for sql in ("SELECT COUNT(*) FROM openmage.customer_entity WHERE email = 'first@example.com'",
                                                                    "SELECT COUNT(*) FROM openmage.cms_page WHERE title = 'before it'")], [1, 1],
                         "the customer, and the page that the first run did not read")

    @suite.case("positions-behind", "what came before that which it refers to is completed, by the next run for it")
    def _():
        with TwoShops(settings=STREAM) as shops:
            ask = lambda sql: shops.destination.scalar(sql, "openmage")
            run(shops)
            shops.source.run(*PLACED, database="openmage")
            for entity in ("invoice", "order", "customer"):
                run(shops, "--entity", entity)
            run(shops, "--stock", "only")
            expect_equal((ask("SELECT customer_id FROM sales_flat_order WHERE increment_id = 'behind-1'"),
                          ask("SELECT COUNT(*) FROM sales_flat_invoice WHERE increment_id = 'behind-2'"),
                          ask("SELECT COUNT(*) FROM cataloginventory_stock_item i JOIN catalog_product_entity p ON p.entity_id = i.product_id "
                              "WHERE sku = 'behind-3'")), (None, 0, 0), "what is not there yet")
            remembered = shops.destination.query("SELECT entity_type, missing_type FROM datasync.datasync_incomplete")
            for pair in (("order", "customer"), ("order", "product"), ("invoice", "order"), ("stock", "product")):
                expect(pair in remembered, "%s is not remembered: %s" % (pair, remembered))
            run(shops, "--entity", "invoice", expect_code=-9, env={"DATASYNC_CRASH": "commit.after_commit:1"})
            run(shops, "--entity", "order")
            run(shops, "--entity", "product")
            run(shops, "--dry-run")
            expect_equal(ask("SELECT COUNT(*) FROM sales_flat_order_item WHERE sku = 'behind-3' AND product_id IS NOT NULL"), 0, "a dry run")
            shops.lab.program.start()
            shops.lab.program.wait_for("all of it", lambda status: status["caught_up"])  # its position alone says less
            shops.lab.program.stop()
            expect_equal(ask("SELECT COUNT(*) FROM sales_flat_order o JOIN customer_entity c ON c.entity_id = o.customer_id JOIN "
                             "sales_flat_order_item i ON i.order_id = o.entity_id JOIN catalog_product_entity p ON p.entity_id = i.product_id "
                             "JOIN sales_flat_invoice v ON v.order_id = o.entity_id JOIN cataloginventory_stock_item s ON s.product_id = "
                             "p.entity_id WHERE o.increment_id = 'behind-1' AND c.email = 'behind@example.com' AND v.increment_id = 'behind-2' "
                             "AND s.qty = 7"), 1, "all of it")
            expect_equal(shops.destination.query("SELECT * FROM datasync.datasync_incomplete WHERE missing_type IN ('customer', 'product', 'order')"),
                         (), "what is remembered")
            right(shops, "update", "shop")

    @suite.case("positions-forgotten", "what waits for another entity is forgotten when either is gone, when it does not name that any more, or when all have come")
    def _():
        with TwoShops(settings=STREAM) as shops:
            ask = lambda sql: shops.source.scalar(sql, "openmage")
            change = lambda *sql: shops.source.run(*sql, database="openmage")

            def waits(*kinds):
                return sorted({row[0] for row in shops.destination.query(
                    "SELECT CONCAT(entity_type, ' ', missing_type) FROM datasync.datasync_incomplete WHERE entity_type IN ('%s')" % "', '".join(kinds))})
            run(shops)
            change(*PLACED)
            customer, order = ask("SELECT entity_id FROM customer_entity WHERE email = 'behind@example.com'"), ask("SELECT MAX(entity_id) FROM sales_flat_order")
            change("INSERT INTO sales_flat_order_address (parent_id, address_type, customer_address_id) VALUES (%d, 'billing', 987654)" % order)
            for entity in ("invoice", "order"):
                run(shops, "--entity", entity)
            expect_equal(waits("order", "invoice"), ["invoice order", "order customer", "order customer_address_entity", "order product"], "before")
            change("DELETE FROM sales_flat_invoice WHERE increment_id = 'behind-2'", "DELETE FROM customer_entity WHERE entity_id = %d" % customer,
                   "DELETE FROM catalog_product_entity WHERE sku = 'behind-3'")
            run(shops, "--entity", "invoice")
            expect_equal(waits("invoice"), [], "an invoice that is gone")
            run(shops, "--entity", "customer")
            expect_equal(waits("order"), ["order customer_address_entity"], "a customer and a product that are gone")
            change("INSERT INTO sales_flat_order_item (order_id, product_id, sku, name) VALUES (%d, 987654, 'never', 'x')" % order,
                   "INSERT INTO customer_entity (entity_type_id, attribute_set_id, website_id, email, group_id, store_id, created_at, updated_at, is_active) "
                   "SELECT entity_type_id, attribute_set_id, website_id, 'again@example.com', group_id, store_id, NOW(), NOW(), 1 FROM customer_entity LIMIT 1")
            change("UPDATE sales_flat_order SET customer_id = (SELECT entity_id FROM customer_entity WHERE email = 'again@example.com') WHERE "
                   "entity_id = %d" % order)
            run(shops, "--entity", "order")
            expect_equal(waits("order"), ["order customer", "order customer_address_entity", "order product"], "another customer, who has not come")
            change("DELETE FROM sales_flat_order_item WHERE order_id = %d" % order)
            run(shops, "--entity", "customer")
            run(shops, "--entity", "order")
            expect_equal(waits("order"), ["order customer_address_entity"], "an order that was copied again, without the items")
            run(shops)
            expect_equal(shops.destination.query("SELECT * FROM datasync.datasync_incomplete"), (), "a run for all")

    @suite.case("positions-deleted", "a deletion that a run for others meets first: it takes its own rows, and the rest goes by the run that it is for")
    def _():
        with TwoShops(settings=STREAM) as shops:
            run(shops)

            def count(table, column, number):
                return shops.destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %s" % (table, column, number))
            for kind, table, others, below in PASSED:
                number, here = shops.destination.query(
                    "SELECT source_id, target_id FROM datasync.datasync_entity_registry r JOIN openmage.%s b ON b.%s = r.target_id WHERE "
                    "entity_type = '%s' AND origin = 'created' AND NOT (entity_type = 'product' AND target_id IN (SELECT product_id FROM "
                    "openmage.sales_flat_order_item WHERE product_id IS NOT NULL)) ORDER BY source_id + 0 LIMIT 1" % (*below[0], kind))[0]
                shops.source.run("DELETE FROM %s WHERE entity_id = %s" % (table, number), database="openmage")
                run(shops, *others)
                expect_equal((count(table, "entity_id", here), registered_target(shops, kind, number, "shop"), count(*below[0], here)),
                             (1, here, 0), "%s behind a run for others: it, its registered row, and what that run is for" % kind)
                run(shops, "--entity", kind)
                run(shops)
                expect_equal((count(table, "entity_id", here), registered_target(shops, kind, number, "shop"),
                              [count(*each, here) for each in below]), (0, None, [0] * len(below)), "%s in the end" % kind)
            right(shops, "update", "shop")

    @suite.case("positions-needless", "an agent that has not heard of the copy's checkpoint yet makes another copy: what came between is not lost")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["cms_page"])) as shops:
            halves = shops.lab.halves()
            agent, apply = halves["agent"], halves["apply"]
            title = lambda: shops.destination.scalar("SELECT title FROM openmage.cms_page p JOIN datasync.datasync_entity_registry r ON "
                                                     "r.entity_type = 'cms_page' AND r.target_id = p.page_id WHERE r.source_id = '1'")
            point, needless = 1, False
            for step in range(40):  # to die when the copy's end is committed and the agent not told: after how many batches is chance
                shops.destination.run("DROP DATABASE IF EXISTS datasync", database=None)
                shutil.rmtree(apply.settings["state_dir"], ignore_errors=True)
                agent.start(command="agent")
                apply.start(command="apply", env={"DATASYNC_CRASH": "spool.trim:%d" % point})
                caught_up = False
                while apply.running() and not caught_up:
                    code, out, _err = apply.command("status", "--json")
                    caught_up = code == 0 and json.loads(out)["caught_up"]
                agent.kill()
                apply.kill()
                point += -1 if caught_up else 1
                if caught_up or rows(shops)["cms_page"] != shops.source.gtid():
                    continue
                shops.source.run("UPDATE cms_page SET title = 'between %d' WHERE page_id = 1" % step, database="openmage")
                agent.start("--stop-at", shops.source.gtid(), command="agent")
                expect_equal(agent.wait_exit(), 0, "exit code of the agent alone")
                needless = b"applied=none" in agent.log_text()[agent.log_start:]
                if needless:
                    break
            expect(needless, "it never died at the copy's end")
            apply.start(command="apply")
            apply.wait_log("made a copy that is not needed")
            agent.start(command="agent")
            apply.wait_for("what came between", lambda status: title() == "between %d" % step)
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_quarantine"), 0, "changes in quarantine")
            for one in (agent, apply):
                one.stop()
                one.check_log()

    @suite.case("positions-killed", "kills while entities stand at different places")
    def _():
        with TwoShops(settings=dict(STREAM, batch={"max_rows": 300})) as shops:
            program, draw = shops.lab.program, random.Random(shops.seed)
            run(shops)
            more = True
            while more:
                more = shops.live()
                run(shops, *chosen(ORDER[:draw.randrange(1, len(ORDER))]))
            program.start()
            for _ in range(4):
                least = program.status()["batches"] + draw.randrange(1, 4)
                program.wait_for("some progress", lambda status, least=least: status["batches"] >= least or status["caught_up"])
                program.kill()
                program.start()
            program.wait_caught_up(timeout=240)
            program.stop()
            expect_equal(rows(shops), {"": shops.source.gtid()}, "rows after a run for all")
            right(shops, "update", "shop")
