"""What the source deletes while nobody follows it, between two first copies of a stream."""

import json
import os
import re

from lib.proxy import Proxy
from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from moved import PRODUCT, STREAM, VALUES, imported, target
from syncs import registered_target, right, same_rows, summary, sync
from syncs import rows as all_rows

KINDS = {"product": ("catalog_product_entity", "entity_id"), "order": ("sales_flat_order", "entity_id"), "customer": ("customer_entity", "entity_id"),
         "newsletter": ("newsletter_subscriber", "subscriber_id"), "review": ("review", "review_id"), "cms_page": ("cms_page", "page_id"),
         "salesrule": ("salesrule", "rule_id")}


def registered(shops, kind, origin):
    """[(source id, target id)] of those that the source has."""
    table, key = KINDS[kind]
    there = {row[0] for row in shops.source.query("SELECT %s FROM openmage.%s" % (key, table))}
    rows = shops.destination.query("SELECT CAST(source_id AS UNSIGNED), target_id FROM datasync.datasync_entity_registry WHERE entity_type = '%s' AND "
                                   "origin = '%s' AND source_system = 'legacy' ORDER BY 1" % (kind, origin))
    return [row for row in rows if row[0] in there]


def delete(shops, kind, *numbers):
    shops.source.run("DELETE FROM %s WHERE %s IN (%s)" % (*KINDS[kind], ", ".join(map(str, numbers))), database="openmage")


def is_there(shops, kind, here):
    return shops.destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %d" % (*KINDS[kind], here))


def copy_again(shops, *options, code=0, env=None):
    """{entity: counts}, and the log"""
    got, out, err = shops.lab.program.command("incremental", "--resnapshot", "--yes", "--json", *options, timeout=240, env=env)
    expect_equal(got, code, err[-1500:])
    return summary(out), err


def deleted(counts):
    return {kind: each["deleted"] for kind, each in counts.items() if each.get("deleted")}


def define(suite):
    @suite.case("missed", "what the source has deleted between two first copies goes at the end of the second, and what it has stays")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, destination = shops.lab.program, shops.destination
            program.incremental(timeout=240)
            gone = {kind: registered(shops, kind, "created")[:2] for kind in KINDS}
            own = {kind: registered(shops, kind, "matched")[:1] for kind in ("product", "order", "customer")}
            number, heir, sku = imported(shops, "created")[4]
            kept = registered(shops, "order", "created")[-1]
            destination.run("SET SESSION sql_mode = ''", "INSERT INTO sales_flat_invoice (increment_id, order_id) VALUES ('OWN-1', %d)" % kept[1],
                            # of a file, under the same name: the source's table could not have that
                            "INSERT INTO datasync.datasync_entity_registry (source_system, entity_type, source_id, target_id, origin) SELECT "
                            "'legacy', 'product', 'of-a-file', MIN(entity_id), 'created' FROM catalog_product_entity WHERE LEFT(sku, 4) = 'OWN-'",
                            "INSERT INTO datasync.datasync_entity_registry (source_system, entity_type, source_id, target_id, origin) SELECT "
                            "'other', 'product', '987654', MIN(entity_id), 'created' FROM catalog_product_entity WHERE LEFT(sku, 4) = 'OWN-'",
                            database="openmage")
            for kinds in (gone, own, {"order": [kept], "product": [(number, heir)]}):
                for kind, pairs in kinds.items():
                    delete(shops, kind, *(there for there, _here in pairs))
            shops.source.run("BEGIN", PRODUCT % ("", "", sku), *(each % sku for each in VALUES), "COMMIT", database="openmage")
            counts, err = copy_again(shops)
            expect_equal({kind: number for kind, number in deleted(counts).items() if kind in KINDS}, dict.fromkeys(KINDS, 2), "summary: " + err[-1500:])
            expect_equal({kind: [is_there(shops, kind, here) for _there, here in pairs] for kind, pairs in gone.items()},
                         {kind: [0, 0] for kind in gone}, "what came from the source")
            expect_equal({kind: [is_there(shops, kind, here) for _there, here in pairs] for kind, pairs in own.items()},
                         {kind: [1] for kind in own}, "what the destination had before")
            expect_equal((is_there(shops, "order", kept[1]), is_there(shops, "product", heir)), (1, 1), "an order with an own invoice; one made again")
            expect_contains(err, "kept though the source has deleted it: something of the destination's own uses it entity=order id=%d" % kept[1], "log")
            new = shops.source.scalar("SELECT entity_id FROM openmage.catalog_product_entity WHERE sku = '%s'" % sku)
            expect_equal(target(shops, "product", new), heir, "one made again")
            left = [registered_target(shops, kind, there, "legacy") for kinds in (gone, own) for kind, pairs in kinds.items() for there, _here in pairs]
            expect_equal(left + [registered_target(shops, "order", kept[0], "legacy")], [None] * (len(left) + 1), "registered still")
            expect_equal(destination.scalar("SELECT COUNT(*) FROM datasync.datasync_entity_registry WHERE source_id IN ('of-a-file', '987654')"), 2,
                         "of a file, and of another source")
            destination.run("DELETE FROM datasync.datasync_entity_registry WHERE source_id IN ('of-a-file', '987654')", database=None)
            counts, _err = copy_again(shops)  # numbers in other rows, of what has gone
            before = all_rows(shops)
            more, _err = copy_again(shops)
            expect_equal((deleted(counts), deleted(more)), ({}, {}), "once more")
            same_rows(shops, before, "once more")
            # the same id again, and the stream goes on
            shops.source.run("BEGIN", PRODUCT % ("entity_id, ", "%d, " % gone["product"][0][0], "again"), *(each % "again" for each in VALUES), "COMMIT",
                             database="openmage")
            program.incremental(timeout=240)
            expect_equal(destination.scalar("SELECT sku FROM openmage.catalog_product_entity WHERE entity_id = %d" % target(
                shops, "product", gone["product"][0][0])), "again", "a new one under the id of one that went")

    @suite.case("missed-by-policy", "what the source has deleted between two copies is switched off or stays, as for each kind; what others need stays")
    def _():
        with TwoShops(settings=dict(STREAM, delete={"all": "hard", "customer": "soft", "newsletter": "ignore"}, delete_matched="hard")) as shops:
            program = shops.lab.program
            program.incremental(timeout=240)
            one = {kind: registered(shops, kind, "created")[0] for kind in ("product", "customer", "newsletter")}
            own = registered(shops, "product", "matched")[0]
            attribute, there = "SELECT MAX(attribute_id) FROM openmage.eav_attribute WHERE attribute_code = 'to_go'", shops.source
            delete(shops, "product", own[0])
            for kind, (number, _here) in one.items():
                delete(shops, kind, number)
            counts, err = copy_again(shops)
            expect_equal([deleted(counts).get(kind) for kind in ("product", "customer", "newsletter")], [2, 1, None], "summary: " + err[-1500:])
            expect_equal([is_there(shops, "product", here) for here in (one["product"][1], own[1])], [0, 0], "products")
            expect_equal((shops.destination.scalar("SELECT is_active FROM openmage.customer_entity WHERE entity_id = %d" % one["customer"][1]),
                          is_there(shops, "newsletter", one["newsletter"][1])), (0, 1), "a customer, a subscriber")
            there.run("INSERT INTO eav_attribute (entity_type_id, attribute_code, backend_type, frontend_input, is_user_defined) SELECT entity_type_id, "
                      "'to_go', 'varchar', 'text', 1 FROM eav_entity_type WHERE entity_type_code = 'catalog_product'",
                      "INSERT INTO catalog_eav_attribute (attribute_id) SELECT MAX(attribute_id) FROM eav_attribute", database="openmage")
            program.incremental(timeout=240)
            expect(shops.destination.scalar(attribute), "the attribute is not there")
            there.run("DELETE FROM eav_attribute WHERE attribute_code = 'to_go'", database="openmage")
            copy_again(shops)
            expect_equal(shops.destination.scalar(attribute), None, "an attribute that went")

    @suite.case("missed-not", "a sync, a copy of others, or of what is left out or comes in parts, and a start without a copy take nothing away")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, source = shops.lab.program, shops.source
            program.incremental(timeout=240)
            products, customers = registered(shops, "product", "created"), registered(shops, "customer", "created")
            delete(shops, "product", products[0][0])
            both = lambda: (is_there(shops, "product", products[0][1]), is_there(shops, "product", products[1][1]))
            for options in (("product", "--limit", "1"), ("product", "--entity-ids", str(products[1][0])), ("product", "--date-from", "2001-01-01"),
                            ("product", ), ("all", )):
                sync(shops, options[0], "-d", "update", *options[1:])
                expect_equal(both(), (1, 1), "sync %s" % (options, ))
            for options in (("--set", "start=current"), ("--entity", "customer")):
                counts, _err = copy_again(shops, *options)
                expect_equal((deleted(counts), both()), ({}, (1, 1)), "a stream with %s" % (options, ))
            # no name: not valid
            source.run("UPDATE catalog_product_entity_varchar SET value = '' WHERE entity_id = %d AND store_id = 0 AND attribute_id = (SELECT attribute_id "
                       "FROM eav_attribute WHERE attribute_code = 'name' AND entity_type_id = 4)" % products[1][0], database="openmage")
            _counts, err = copy_again(shops, "--set", "on_invalid=skip", code=3)
            expect_contains(err, "left out entity=product key=%d" % products[1][0], "log")
            expect_equal(both(), (0, 1), "one that is not valid")
            counts, _err = copy_again(shops, "--set", "batch.max_bytes=64KiB", "--set", "on_invalid=ignore")
            expect_equal((deleted(counts), both()), ({}, (0, 1)), "in parts")
            expect_equal([is_there(shops, "customer", here) for _there, here in customers], [1] * len(customers), "customers")

    @suite.case("missed-killed", "killed at any of its last commits: the next run finishes, and nothing else has gone")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program = shops.lab.program
            program.incremental(timeout=240)
            batches = json.loads(program.command("status", "--json")[1])["batches"]
            # a text that names a product that is gone for good names its old id, or nothing, by when it was copied last
            texts = lambda column, table: " ".join(text or "" for text, in shops.source.query("SELECT %s FROM openmage.%s" % (column, table)))
            named = set(re.findall(r"\bproduct/(\d+)", texts("content", "cms_block") + texts("content", "cms_page")) +
                        re.findall(r'"product";(?:i:|s:\d+:")(\d+)', texts("product_options", "sales_flat_order_item") +
                                   texts("value", "sales_flat_quote_item_option")))
            gone = {kind: [pair for pair in registered(shops, kind, "created") if kind != "product" or str(pair[0]) not in named][:2]
                    for kind in ("product", "customer", "order", "newsletter")}
            for kind, pairs in gone.items():
                delete(shops, kind, *(there for there, _here in pairs))
            program.command("incremental", "--resnapshot", "--yes", timeout=240, env={"DATASYNC_CRASH": "commit.before_commit:2"})
            killed, at = 0, max(batches - 12, 1)  # how many there are is not the same each time
            points = ("commit.before_commit", "commit.after_commit")
            for at in range(at, at + 40):
                code, _out, err = program.command("incremental", timeout=240, env=dict(os.environ, DATASYNC_CRASH="%s:%d" % (points[at % 2], at)))
                if code == 0:
                    break
                expect_equal(code, -9, err[-1500:])
                killed += 1
            expect_equal(code, 0, "it never came to its end")
            expect(killed > 3, "killed %d times" % killed)
            print("# killed %d times" % killed)
            expect_equal({kind: [is_there(shops, kind, here) for _there, here in pairs] for kind, pairs in gone.items()},
                         {kind: [0, 0] for kind in gone}, "what the source has no more")
            right(shops, "update", "legacy")

    @suite.case("missed-cut-off", "a server is lost in the copy, or when its end is reached: what has gone until the copy that comes to its end goes")
    def _():
        with TwoShops(settings=STREAM) as shops:
            shops.lab.program.incremental(timeout=240)
            pairs = registered(shops, "product", "created")
            for at, (side, statement) in enumerate((("destination", "FROM `newsletter_subscriber`"),
                                                    ("destination", "DELETE FROM `openmage`.`catalog_product_entity`"), ("source", "`newsletter_subscriber`"))):
                number, here = pairs[at]
                delete(shops, "product", number)
                proxy = Proxy(getattr(shops, side).port)
                proxy.cut_behind(statement)
                counts, err = copy_again(shops, "--set", "%s.port=%d" % (side, proxy.port))
                proxy.close()
                expect(proxy.cut.is_set() and "lost" in err, "nothing was cut: " + err[-1500:])
                expect_equal((is_there(shops, "product", here), deleted(counts).get("product")), (0, 1), "%s, %s" % (side, statement))
                expect_equal([is_there(shops, "product", each) for _there, each in pairs[at + 1:]], [1] * len(pairs[at + 1:]), "others")
