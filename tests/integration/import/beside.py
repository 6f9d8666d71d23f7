"""Several imports into one destination, side by side."""

import subprocess

from lib.suite import expect_equal
from lib.twoshops import TwoShops

LOCK = "datasync.import.openmage"
# what both shops have by name; carts and the like are nobody's but their own
NAMED = ("attribute", "category", "cms_block", "cms_page", "customer_group", "eav_attribute_option", "product", "salesrule", "store")


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
