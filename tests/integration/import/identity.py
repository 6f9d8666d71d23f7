"""How rows are told that the registry does not know: by what the catalogue calls their identity."""

from lib.suite import expect_equal
from lib.twoshops import TwoShops
from modes import attribute
from syncs import count_rows, counted_rows, right, sync

STREAM = {"mode": "import", "source_system": "legacy", "on_duplicate": "update"}
SET = ("(SELECT attribute_set_id FROM eav_attribute_set JOIN eav_entity_type USING (entity_type_id) WHERE attribute_set_name = 'Default' AND "
       "entity_type_code = 'catalog_product')")


def again(shops, entity, policy):
    """The second run writes nothing."""
    count_rows(shops.destination)
    sync(shops, entity, "-d", policy)
    written = counted_rows(shops.destination, "ROWS_CHANGED")
    expect_equal({name: count for name, count in written.items() if name.startswith(("eav_", "directory_", "sales_", "salesrule"))}, {},
                 "%s %s again: rows written" % (entity, policy))


def group_of(server, code):
    """[the group of the default set that the attribute is in]: it is once in a set."""
    return [row[0] for row in server.query(
        "SELECT attribute_group_name FROM eav_entity_attribute e JOIN eav_attribute_group USING (attribute_group_id) WHERE e.attribute_set_id = %s "
        "AND attribute_id = %d" % (SET, attribute(server, code)), "openmage")]


def move(server, code, group):
    server.run("UPDATE eav_entity_attribute SET attribute_group_id = (SELECT attribute_group_id FROM eav_attribute_group g WHERE "
               "attribute_group_name = '%s' AND g.attribute_set_id = %s) WHERE attribute_set_id = %s AND attribute_id = %d"
               % (group, SET, SET, attribute(server, code)), database="openmage")


def define(suite):
    @suite.case("identity-set", "an attribute that the destination has in another group of its set stays there, or moves to the source's")
    def _():
        for policy in ("update", "merge"):
            with TwoShops(settings={}) as shops:
                there = group_of(shops.source, "meta_title")
                move(shops.destination, "meta_title", "Own group")
                sync(shops, "product", "-d", policy)
                expect_equal(group_of(shops.destination, "meta_title"), ["Own group"], policy + ": products, which only need it")
                sync(shops, "attribute_set", "-d", policy)
                expect_equal(group_of(shops.destination, "meta_title"), there, policy + ": sets")
                again(shops, "attribute_set", policy)
                sync(shops, "all", "-d", policy)
                right(shops, policy, "legacy")

    @suite.case("identity-set-stream", "a stream finds an attribute in whatever group of its set")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            program.incremental(timeout=240)
            where = "attribute_set_id = %s AND attribute_id = %d" % (SET, attribute(source, "meta_title"))
            there = group_of(source, "meta_title")
            move(destination, "meta_title", "Own group")
            source.run("UPDATE eav_entity_attribute SET sort_order = 77 WHERE " + where, database="openmage")
            program.incremental()
            expect_equal(destination.scalar("SELECT sort_order FROM eav_entity_attribute WHERE attribute_set_id = %s AND attribute_id = %d"
                                            % (SET, attribute(destination, "meta_title")), "openmage"), 77, "its place")
            move(source, "meta_title", "Prices")
            program.incremental()
            expect_equal((there == ["Prices"], group_of(destination, "meta_title")), (False, ["Prices"]), "moved at the source")
            move(destination, "meta_title", "Own group")
            source.run("DELETE FROM eav_entity_attribute WHERE " + where, database="openmage")
            program.incremental()
            expect_equal(group_of(destination, "meta_title"), [], "taken out of the set at the source")
