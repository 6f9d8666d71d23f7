"""Several imports into one destination, side by side."""

import subprocess
import time

from lib.suite import expect, expect_equal
from lib.twoshops import TwoShops

LOCK = "datasync.import.openmage"
# what both shops have by name; carts and the like are nobody's but their own
NAMED = ("attribute", "category", "cms_block", "cms_page", "customer_group", "eav_attribute_option", "product", "salesrule", "store")
ROOTS = {"product": ("catalog_product_entity", "entity_id"), "customer": ("customer_entity", "entity_id"), "cms_page": ("cms_page", "page_id"),
         "newsletter": ("newsletter_subscriber", "subscriber_id"), "salesrule": ("salesrule", "rule_id")}


def copy_shop(server, name):
    """The shop once more, in another database of its server."""
    server.run("CREATE DATABASE %s CHARACTER SET utf8mb3" % name, database=None)
    options = ["--no-defaults", "--socket=" + server.socket, "--user=root"]
    with subprocess.Popen(["mariadb-dump", *options, "--skip-triggers", "openmage"], stdout=subprocess.PIPE) as dump:
        subprocess.run(["mariadb", *options, name], stdin=dump.stdout, check=True)
    expect_equal(dump.returncode, 0, "exit of mariadb-dump")


def settings(system):
    return {"mode": "import", "source_system": system, "on_duplicate": "update", "entities": ["cms_block", "cms_page", "salesrule"]}


def pages(shops):
    return shops.destination.scalar("SELECT COUNT(*) FROM openmage.cms_page")


def wait_until(condition, what, timeout=60):
    end = time.monotonic() + timeout
    while not condition():
        expect(time.monotonic() < end, "%s: not within %d s" % (what, timeout))
        time.sleep(0.05)


def define(suite):
    @suite.case("side-by-side", "two sources that are copied at once take turns at the destination, and nothing is there twice")
    def _():
        with TwoShops(settings=settings("a")) as shops:
            copy_shop(shops.source, "other")
            streams = [shops.lab.program, shops.lab.another("other", settings("b"), database="other", destination_database="openmage")]
            before, holder = pages(shops), shops.destination.connect()
            with holder.cursor() as cursor:
                cursor.execute("SELECT GET_LOCK('%s', 0)" % LOCK)
                for stream in streams:
                    stream.start(command="incremental")
                for stream in streams:
                    stream.wait_log("another import writes to this destination")
                streams[1].stop()
                expect_equal(pages(shops), before, "pages while another import has its turn")
                streams[1].start(command="incremental")
                streams[1].wait_log("another import writes to this destination", since=streams[1].log_start)
                cursor.execute("SELECT RELEASE_LOCK('%s')" % LOCK)
            holder.close()
            for stream in streams:
                expect_equal(stream.wait_exit(240), 0, stream.log_tail())
            twice = shops.destination.query(
                "SELECT a.entity_type, a.source_id, a.target_id, b.target_id FROM datasync_entity_registry a JOIN datasync_entity_registry b "
                "USING (entity_type, source_id) WHERE a.source_system = 'a' AND b.source_system = 'b' AND a.target_id <> b.target_id AND "
                "entity_type IN ('%s')" % "', '".join(NAMED), "datasync")
            expect_equal(list(twice), [], "what both shops have, and the destination twice")
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_entity_registry WHERE entity_type = 'cms_page' AND "
                                                  "origin = 'created'") > 0, True, "pages were made")

    @suite.case("deleted-by-both", "what two sources have brought stays while one has it, and goes with the other; what was there before stays")
    def _():
        with TwoShops(settings=dict(settings("a"), entities=["all"])) as shops:
            copy_shop(shops.source, "other")
            streams = {"openmage": shops.lab.program, "other": shops.lab.another(
                "other", dict(settings("b"), entities=["all"]), database="other", destination_database="openmage")}
            for stream in streams.values():
                stream.incremental(timeout=240)
            both = shops.destination.query(
                "SELECT a.entity_type, a.source_id, a.target_id, a.origin FROM datasync.datasync_entity_registry a JOIN "
                "datasync.datasync_entity_registry b USING (entity_type, source_id, target_id) WHERE a.source_system = 'a' AND b.source_system = 'b' "
                "AND entity_type IN ('%s') ORDER BY CAST(a.source_id AS UNSIGNED)" % "', '".join(ROOTS))
            first = {(kind, origin): (source, target) for kind, source, target, origin in reversed(both)}
            here = lambda: {(kind, origin): shops.destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %s" % (*ROOTS[kind], target))
                            for (kind, origin), (_source, target) in first.items()}
            expect_equal({kind for kind, origin in first if origin == "created"}, set(ROOTS), "what one source has brought")
            for database, stays in (("openmage", lambda origin: 1), ("other", lambda origin: int(origin == "matched"))):
                for (kind, _origin), (source, _target) in first.items():
                    shops.source.run("DELETE FROM %s WHERE %s = %s" % (*ROOTS[kind], source), database=database)
                streams[database].incremental(timeout=240)
                expect_equal(here(), {each: stays(each[1]) for each in first}, "deleted in " + database)

    @suite.case("off-by-both", "with delete: soft, what two sources have brought is switched off when both have deleted it, and not before")
    def _():
        with TwoShops(settings=dict(settings("a"), entities=["all"], delete="soft")) as shops:
            copy_shop(shops.source, "other")
            streams = {"openmage": shops.lab.program, "other": shops.lab.another(
                "other", dict(settings("b"), entities=["all"], delete="soft"), database="other", destination_database="openmage")}
            for stream in streams.values():
                stream.incremental(timeout=240)
            newest = {kind: shops.destination.query(
                "SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE source_system = 'a' AND entity_type = '%s' AND origin = "
                "'created' ORDER BY CAST(source_id AS UNSIGNED) DESC LIMIT 1" % kind)[0] for kind in ("product", "customer", "cms_page")}
            active = lambda: tuple(shops.destination.scalar(sql % newest[kind][1], "openmage") for kind, sql in (
                ("product", "SELECT value FROM catalog_product_entity_int JOIN eav_attribute USING (attribute_id) WHERE attribute_code = 'status' AND "
                            "store_id = 0 AND entity_id = %s"),
                ("customer", "SELECT is_active FROM customer_entity WHERE entity_id = %s"),
                ("cms_page", "SELECT is_active FROM cms_page WHERE page_id = %s")))
            before, off = active(), (2, 0, 0)
            expect(before != off, "active before: %r" % (before,))
            for database, expected in (("openmage", before), ("other", off)):
                for kind, (source, _target) in newest.items():
                    shops.source.run("DELETE FROM %s WHERE %s = %s" % (*ROOTS[kind], source), database=database)
                streams[database].incremental(timeout=240)
                expect_equal(active(), expected, "deleted in " + database)

    @suite.case("made-meanwhile", "who registers at the destination while a stream writes the same e-mail is found, and nothing stops")
    def _():
        with TwoShops(settings=dict(settings("a"), entities=["newsletter", "customer"])) as shops:
            program, destination = shops.lab.program, shops.destination
            program.incremental(timeout=240)
            who = ("INSERT INTO customer_entity (entity_id, entity_type_id, email, website_id, group_id, store_id) SELECT %d, entity_type_id, 'both@x.example', "
                   "website_id, group_id, store_id FROM customer_entity WHERE entity_id = %s")
            like = destination.query("SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE entity_type = 'customer' AND "
                                     "origin = 'created' LIMIT 1")[0]
            own = destination.connect("openmage", autocommit=False)
            with own.cursor() as cursor:
                cursor.execute(who % (910001, like[1]))
                shops.source.run(who % (900001, like[0]), database="openmage")
                program.start()
                waits = ("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT INTO `openmage`.`customer_entity`%' AND "
                         "TIME_MS > 200")
                wait_until(lambda: destination.scalar(waits), "the stream waits for the registration")
            own.commit()
            registered = "SELECT target_id, origin FROM datasync.datasync_entity_registry WHERE entity_type = 'customer' AND source_id = '900001'"
            wait_until(lambda: destination.query(registered), "the customer is registered")
            expect_equal(destination.query(registered), ((910001, "matched"),), "registered")
            program.stop()
            for at in range(8):  # also between the runs that one command is made of
                program.start()
                time.sleep(0.08 * at)
                program.stop()
