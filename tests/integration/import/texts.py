"""Texts that name what comes later, by another run or another transaction: they are rewritten when it has come."""

import signal
import time

from lib.proxy import Proxy
from lib.suite import expect, expect_equal
from lib.twoshops import TwoShops
from moved import STREAM
from syncs import registered_target, rows, same_rows, sync

TEXT = ('<p>12</p> {{widget type="catalog/product_widget_link" id_path="product/%(product)s/%(category)s"}} {{block type="cms/block" block_id="%(cms_block)s"}} '
        '{{block id="%(cms_block)s"}} {{block type="catalog/product_view" product_id="%(product)s"}}')
CONTENT = {"cms_page": "SELECT content FROM cms_page WHERE page_id = %s", "cms_block": "SELECT content FROM cms_block WHERE block_id = %s",
           "category": "SELECT value FROM catalog_category_entity_text v JOIN eav_attribute USING (attribute_id) WHERE attribute_code = 'description' AND "
                       "store_id = 0 AND entity_id = %s"}
WAITING = "SELECT COUNT(*) FROM datasync.datasync_incomplete WHERE source_id IN ('9001', '9002', '9003')"


class Texts:
    """A page, a block and a category of the source that name a product, a category and a block which the destination has not got."""

    def __init__(self, shops):
        self.shops, self.source, self.destination = shops, shops.source, shops.destination
        self.run = lambda *sql: self.source.run("SET SESSION sql_mode = ''", *sql, database="openmage")
        self.kind = {row[0]: row[1] for row in self.source.query("SELECT entity_type_code, entity_type_id FROM openmage.eav_entity_type")}
        self.ids = {"cms_page": 9001, "cms_block": 9002, "category": 9003}
        self.named = {"product": 9004, "category": 9003, "cms_block": 9005}

    def texts(self):
        return ["INSERT INTO cms_page (page_id, identifier, title, content) VALUES (9001, 'texts', 'Texts', '%s')" % (TEXT % self.named),
                "INSERT INTO cms_page_store (page_id, store_id) VALUES (9001, 0)",
                "INSERT INTO cms_block (block_id, identifier, title, content) VALUES (9002, 'texts', 'Texts', '%s')" % (TEXT % self.named),
                "INSERT INTO cms_block_store (block_id, store_id) VALUES (9002, 0)", *self.category()]

    def category(self):
        kind = self.kind["catalog_category"]
        return ["INSERT INTO catalog_category_entity (entity_id, entity_type_id, attribute_set_id, parent_id, path, level) SELECT 9003, %d, attribute_set_id, "
                "entity_id, CONCAT(path, '/9003'), level + 1 FROM catalog_category_entity WHERE level = 1 LIMIT 1" % kind,
                *("INSERT INTO catalog_category_entity_%s (entity_type_id, attribute_id, store_id, entity_id, value) SELECT %d, attribute_id, 0, 9003, '%s' FROM "
                  "eav_attribute WHERE entity_type_id = %d AND attribute_code = '%s'" % (table, kind, value, kind, code) for table, code, value in (
                      ("varchar", "name", "Texts"), ("varchar", "url_key", "texts"), ("text", "description", TEXT % self.named)))]

    def named_product(self):
        kind = self.kind["catalog_product"]
        value = ("INSERT INTO catalog_product_entity_%s (entity_type_id, attribute_id, store_id, entity_id, value) SELECT %d, attribute_id, 0, 9004, '%s' FROM "
                 "eav_attribute WHERE entity_type_id = %d AND attribute_code = '%s'")
        return ["INSERT INTO catalog_product_entity (entity_id, entity_type_id, attribute_set_id, type_id, sku) SELECT 9004, entity_type_id, "
                "default_attribute_set_id, 'simple', 'texts' FROM eav_entity_type WHERE entity_type_id = %d" % kind,
                value % ("varchar", kind, "Texts", kind, "name"), value % ("decimal", kind, "1", kind, "price")]

    @staticmethod
    def named_block():
        return ["INSERT INTO cms_block (block_id, identifier, title, content) VALUES (9005, 'named', 'Named', 'x')",
                "INSERT INTO cms_block_store (block_id, store_id) VALUES (9005, 0)"]

    def here(self, system):
        """{kind: its text at the destination}"""
        return {kind: self.destination.scalar(CONTENT[kind] % registered_target(self.shops, kind, number, system), "openmage")
                for kind, number in self.ids.items()}

    def right(self, system, what, kinds=("cms_page", "cms_block", "category")):
        named = {kind: registered_target(self.shops, kind, number, system) for kind, number in self.named.items()}
        expect(all(named.values()) and named != self.named, "%s: not here: %s" % (what, named))
        text, found = TEXT % named, self.here(system)
        expect_equal({kind: found[kind] for kind in kinds}, dict.fromkeys(kinds, text), what)


def define(suite):
    @suite.case("texts-before-what-they-name", "a sync of pages, blocks and categories, then one of what their texts name: these are right; killed between: too")
    def _():
        for killed in (False, True):
            with TwoShops(settings={}) as shops:
                texts = Texts(shops)
                texts.run(*texts.texts(), *texts.named_product(), *texts.named_block())
                sync(shops, "cms_page", "-d", "update")
                sync(shops, "cms_block", "-d", "update", "--entity-ids", "9002")
                sync(shops, "category", "-d", "update")
                expect("9004" not in str(texts.here("legacy")), "a number of the source's")
                sync(shops, "cms_block", "-d", "skip", "--entity-ids", "9005")
                if killed:
                    for commit in range(1, 20):  # what it refers to may come in batches of its own
                        code, _out, _err = shops.lab.program.command("sync", "product", "legacy", "--entity-ids", "9004",
                                                                     env={"DATASYNC_CRASH": "commit.after_commit:%d" % commit})
                        expect(code != 0, "not killed")
                        if registered_target(shops, "product", 9004, "legacy") is not None:
                            break
                    expect(registered_target(shops, "product", 9004, "legacy") is not None, "the product has not come")
                    sync(shops, "newsletter", "-d", "skip")
                else:
                    sync(shops, "product", "-d", "error", "--entity-ids", "9004")
                texts.right("legacy", "killed" if killed else "another kind")
                expect_equal(shops.destination.scalar(WAITING), 0, "what waits")
                before = rows(shops)
                sync(shops, "product", "-d", "skip", "--entity-ids", "9004")
                same_rows(shops, before, "again")

    @suite.case("texts-before-in-stream", "a stream in which texts come before what they name: they are right when that has come")
    def _():
        for apart in (False, True):
            with TwoShops(settings=STREAM) as shops:
                texts, program, system = Texts(shops), shops.lab.program, STREAM["source_system"]
                program.incremental(timeout=240)
                texts.run("BEGIN", *texts.texts(), "COMMIT")
                if apart:
                    program.incremental(timeout=240)
                    expect("9004" not in str(texts.here(system)), "a number of the source's")
                for sql in (texts.named_product(), texts.named_block()):
                    texts.run("BEGIN", *sql, "COMMIT")
                program.incremental(timeout=240)
                texts.right(system, "in two runs" if apart else "in one run")
                expect_equal(shops.destination.scalar(WAITING), 0, "what waits")

    @suite.case("texts-before-in-run", "the same of a stream that goes on for ever")
    def _():
        with TwoShops(settings=STREAM) as shops:
            texts, program, system = Texts(shops), shops.lab.program, STREAM["source_system"]
            program.incremental(timeout=240)
            program.start()
            texts.run("BEGIN", *texts.texts(), "COMMIT")
            program.wait_caught_up()
            expect("9004" not in str(texts.here(system)), "a number of the source's")
            for sql in (texts.named_product(), texts.named_block()):
                texts.run("BEGIN", *sql, "COMMIT")
            end = time.monotonic() + 120
            while time.monotonic() < end and shops.destination.scalar(WAITING):
                time.sleep(0.2)
            texts.right(system, "while it goes on")
            texts.run("UPDATE cms_page SET title = 'Later' WHERE page_id = 9001")
            program.wait_caught_up()
            expect_equal(shops.destination.scalar("SELECT title FROM cms_page WHERE identifier = 'texts'", "openmage"), "Later", "what comes behind it")
            program.stop()

    @suite.case("texts-before-stalled", "a destination that answers no more, while something waits: status is told, and a second signal ends at once")
    def _():
        with TwoShops(settings=STREAM) as shops:
            texts, program, destination = Texts(shops), shops.lab.program, shops.destination
            program.incremental(timeout=240)
            program.start("-vv")
            texts.run("BEGIN", *texts.texts(), "COMMIT")
            program.wait_caught_up()
            expect(destination.scalar(WAITING) > 0, "nothing waits")
            destination.process.send_signal(signal.SIGSTOP)
            try:
                program.wait_log("what waits is looked for again later", since=program.log_start)
                expect(program.status()["state"] in ("streaming", "catching_up"), "state")
                program.process.terminate()
                program.wait_log("stopping signal", since=program.log_start)
                program.process.terminate()
                expect_equal(program.wait_exit(30), 0, "exit code")
            finally:
                destination.process.send_signal(signal.SIGCONT)
            for sql in (texts.named_product(), texts.named_block()):
                texts.run("BEGIN", *sql, "COMMIT")
            program.incremental(timeout=240)
            texts.right(STREAM["source_system"], "afterwards")

    @suite.case("texts-before-cut", "the source is lost while a stream copies again what waited: it goes on for ever all the same")
    def _():
        with TwoShops(settings=STREAM) as shops:
            texts, program = Texts(shops), shops.lab.program
            program.incremental(timeout=240)
            proxy = Proxy(shops.source.port)
            program.start("--set", "source.port=%d" % proxy.port)
            texts.run("BEGIN", *texts.texts(), "COMMIT")
            program.wait_caught_up()
            expect(shops.destination.scalar(WAITING) > 0, "nothing waits")
            proxy.cut_behind("FROM `openmage`.`cms_page`")
            for sql in (texts.named_product(), texts.named_block()):
                texts.run("BEGIN", *sql, "COMMIT")
            end = time.monotonic() + 120
            while time.monotonic() < end and program.running() and shops.destination.scalar(WAITING):
                time.sleep(0.2)
            expect(proxy.cut.is_set(), "nothing was cut: " + program.log_tail())
            expect(program.running(), "ended: " + program.log_tail())
            texts.right(STREAM["source_system"], "while it goes on")
            program.stop()
            proxy.close()
