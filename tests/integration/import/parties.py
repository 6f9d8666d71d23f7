"""Who takes part in an import, and what is kept from it: hooks, handlers, masks, conditions."""

import json
import os
import subprocess

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops
from modes import STREAM, attribute, destination_value
from syncs import registered_target, right, rows, same_rows, summary, sync

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
STATES = ("inserted", "updated", "deleted", "changed")


# --- hooks ------------------------------------------------------------------------

class Told:
    """What a hook was told since it was asked last."""

    def __init__(self, program):
        self.path = os.path.join(program.folder, "told")
        self.keys = set()
        program.configure({"hooks": {"command": ["/bin/sh", "-c", 'cat >> "%s"; echo " $DATASYNC_HOOK_KEY" >> "%s"' % (self.path, self.path)]}})

    def messages(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path, encoding="utf-8") as file:
            lines = [line.rsplit(" ", 1) for line in file.read().splitlines()]
        os.unlink(self.path)
        keys = [key for _body, key in lines]
        expect_equal(len(self.keys & set(keys)), 0, "keys of other messages that come again")
        self.keys |= set(keys)
        expect_equal(len(keys), len(set(keys)), "messages with a key of their own")
        return [json.loads(body) for body, _key in lines]

    def entities(self):
        """{entity: {state: ids, sorted}}"""
        out = {}
        for message in self.messages():
            expect_equal(message["kind"], "changes", "kind")
            for entity, states in message["entities"].items():
                for state, ids in states.items():
                    expect(state in STATES and ids, "state %s of %s" % (state, entity))
                    out.setdefault(entity, {}).setdefault(state, set()).update(ids)
        return {entity: {state: sorted(ids) for state, ids in states.items()} for entity, states in out.items()}


def targets(shops, entity, origin, system):
    return [(int(row[0]), row[1]) for row in shops.destination.query(
        "SELECT source_id, target_id FROM datasync.datasync_entity_registry WHERE source_system = '%s' AND entity_type = '%s' AND origin = '%s' "
        "ORDER BY source_id + 0" % (system, entity, origin))]


def hooks(suite):
    @suite.case("hooks-import", "hooks are told the destination's ids of what was written, and of nothing else; a copy as well as a stream")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program, source = shops.lab.program, shops.source
            run = lambda *statements: source.run(*statements, database="openmage")
            told = Told(program)
            program.incremental(timeout=240)
            first = told.entities()
            for entity in ("product", "category", "customer", "order", "invoice", "cms_page", "salesrule"):
                expect_equal(first[entity].get("inserted", []), sorted(here for _there, here in targets(shops, entity, "created", "shop")), entity)
                # what names something that comes later is written once more when that is there
                expect(not set(first[entity].get("updated", [])) - {here for _there, here in targets(shops, entity, "matched", "shop")}
                       - set(first[entity]["inserted"]), entity)
            # what is rolled back, and in the binlog all the same
            run("CREATE TEMPORARY TABLE passing (id INT)", "START TRANSACTION",
                "INSERT INTO cms_block (block_id, title, identifier, content) VALUES (29001, 'never', 'never-was', 'x')",
                "DROP TEMPORARY TABLE passing", "ROLLBACK")
            program.incremental()
            expect_equal(told.messages(), [], "nothing has changed")
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM openmage.cms_block WHERE identifier = 'never-was'"), 0, "what never was")
            (one, one_here), (two, two_here), (three, three_here), (gone, gone_here) = targets(shops, "product", "created", "shop")[:4]
            (own, _own_here), (other, _other_here) = targets(shops, "product", "matched", "shop")[:2]
            order, order_here = targets(shops, "order", "created", "shop")[0]
            optional = source.scalar("SELECT MIN(product_id) FROM openmage.catalog_product_option WHERE product_id NOT IN (%d, %d, %d)" % (
                gone, own, three))
            name = attribute(source, "name")
            run("START TRANSACTION", "UPDATE catalog_product_entity SET sku = CONCAT(sku, '-told') WHERE entity_id = %d" % one,
                "UPDATE catalog_product_entity_varchar SET value = 'told' WHERE store_id = 0 AND attribute_id = %d AND entity_id = %d" % (name, two),
                "DELETE FROM catalog_product_entity WHERE entity_id IN (%d, %d)" % (gone, own),
                "UPDATE sales_flat_order_item SET name = 'told' WHERE order_id = %d" % order, "COMMIT")
            program.incremental()
            expect_equal(told.entities(), {"product": {"updated": [one_here], "changed": [two_here], "deleted": [gone_here]},
                                           "order": {"changed": [order_here]}}, "a transaction")
            program.configure({"delete": "soft"})
            run("DELETE FROM catalog_product_entity WHERE entity_id = %d" % three)
            program.incremental()
            expect_equal(told.entities(), {"product": {"updated": [three_here]}}, "one that is switched off")
            # a copy, with its stock; again: messages of the same, with other keys
            here = registered_target(shops, "product", optional, "shop")
            for _round in range(2):
                sync(shops, "product", "-d", "update", "--entity-ids", str(optional), system="shop")
                expect_equal(told.entities(), {"product": {"updated": [here]}, "stock": {"updated": [here]}}, "a copy")
            for options in (("-d", "update", "--dry-run"), ("-d", "skip")):
                sync(shops, "product", *options, "--entity-ids", str(other if "skip" in options else optional), system="shop")
                expect_equal(told.messages(), [], "a copy that writes nothing: " + " ".join(options))


# --- handlers ---------------------------------------------------------------------

LUA = """
local function note(...)
  local text = {}
  for i = 1, select('#', ...) do text[i] = tostring((select(i, ...))) end
  db.exec('INSERT INTO ops.notes (note) VALUES (?)', table.concat(text, ' '))
end
local function root(c)
  for _, r in ipairs(c.rows) do if r.role == 'root' then return r end end
end
return {
  entities = {'product', 'order', 'cms_block'},
  validate = function(c)
    local r = root(c)
    if r and r.after and r.after.sku == options then return false, 'sku ' .. options .. ' stays at home' end
  end,
  before_apply = function(c)
    local r = root(c)
    note('before', c.entity, c.key, r and r.operation, db.target(c.entity, c.key))
    if r and r.after and r.after.title == 'broken' then error('this title does not do') end
  end,
  replace = function(c)
    local r = root(c)
    if r and r.after and r.after.title == 'mine' then note('replaced', c.key) return true end
  end,
  after_apply = function(c)
    note('after', c.entity, c.key, db.target(c.entity, c.key))
    for _, r in ipairs(c.rows) do
      if r.table == 'catalog_product_option' and r.after then
        note('option', r.after.option_id, db.target('product', r.after.option_id, r.table))
      end
      if r.table == 'sales_flat_order_item' and r.after and r.after.product_id then
        note('item', r.after.product_id, db.target('product', r.after.product_id))
      end
    end
  end,
}
"""
C = """
#include <ds_handler.h>
#include <stddef.h>
static const struct ds_api *api;
static int opened(const struct ds_api *a, const char *o, void **s, char *w, size_t n) { (void)o; (void)s; (void)w; (void)n; api = a; return 0; }
static int after(void *state, struct ds_call *call, const struct ds_change *change)
{
    struct ds_value params[2];
    (void)state;
    if (api->size <= offsetof(struct ds_api, target) || !api->change_key(change, &params[0]))
        return api->reason(call, "the program is too old");
    if (!api->target(call, "customer", NULL, params[0], &params[1]))
        return api->reason(call, "a customer that is not there");
    return api->exec(call, "INSERT INTO ops.customers (source, target) VALUES (?, ?)", params, 2, NULL);
}
static const char *const names[] = {"customer", NULL};
static const struct ds_handler handler = {.size = sizeof handler, .abi = DS_HANDLER_ABI_VERSION, .name = "c", .entities = names,
                                          .open = opened, .after_apply = after};
const struct ds_handler *ds_handler_v1(void) { return &handler; }
"""


def handlers(suite):
    @suite.case("handlers-import", "handlers in Lua and C see the source's ids and can ask for the destination's; they validate, replace, fail, roll back")
    def _():
        with TwoShops(settings={**STREAM, "on_invalid": "skip"}) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            run = lambda *statements: source.run(*statements, database="openmage")
            notes = lambda: [row[0] for row in destination.query("SELECT note FROM ops.notes ORDER BY id", "openmage")]
            forget = lambda: destination.run("DELETE FROM ops.notes", "DELETE FROM ops.customers", database="openmage")
            destination.run("CREATE DATABASE ops", "CREATE TABLE ops.notes (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(200))",
                            "CREATE TABLE ops.customers (source INT, target INT)", "GRANT ALL ON ops.* TO datasync@'127.0.0.1'",
                            database="openmage")
            with open(os.path.join(program.folder, "mine.lua"), "w", encoding="utf-8") as out:
                out.write(LUA)
            subprocess.run(["cc", "-shared", "-fPIC", "-I" + os.path.join(TOP, "applier"), "-xc", "-", "-o",
                            os.path.join(program.folder, "c.so")], check=True, input=C.encode())
            bad = source.scalar("SELECT MAX(entity_id) FROM openmage.catalog_product_entity WHERE type_id = 'simple'")
            sku = source.scalar("SELECT sku FROM openmage.catalog_product_entity WHERE entity_id = %d" % bad)
            program.configure({"handlers": ["mine.lua " + sku, "c.so"]})
            blocks = [row[0] for row in source.query("SELECT block_id FROM openmage.cms_block ORDER BY 1")]
            run("UPDATE cms_block SET title = 'mine' WHERE block_id = %d" % blocks[0])
            before = rows(shops)
            sync(shops, "all", "-d", "update", "--dry-run")
            expect_equal((notes(), rows(shops)), ([], before), "a dry run calls no handler")
            # a copy: sync, and what it says of an invalid one
            _out, err = sync(shops, "product", "-d", "update", expect_code=1)
            expect_contains(err, "validate of product %d: sku %s stays at home" % (bad, sku), "without --skip-invalid")
            forget()
            out, err = sync(shops, "all", "-d", "update", "--skip-invalid", "--json", expect_code=3, system="shop")
            expect_contains(err, 'left out entity=product key=%d reason="handler mine.lua, validate of product %d: sku %s stays at home' % (
                bad, bad, sku), "the log")
            expect_equal(summary(out)["product"]["invalid"], 1, "the summary")
            said = notes()
            for entity in ("product", "order"):
                known = dict(targets(shops, entity, "created", "shop") + targets(shops, entity, "matched", "shop"))
                seen = {int(note.split()[2]): int(note.split()[3]) for note in said if note.startswith("after %s " % entity)}
                expect_equal(seen, known, "%s after it is written" % entity)
            kinds = {word: [note for note in said if note.startswith(word)] for word in ("before product", "option ", "item ", "replaced")}
            first = {}  # what others of its kind lead to comes once more, perhaps in a later batch
            for note in kinds["before product"]:
                first.setdefault(note.split()[2], note)
            other = [note for note in first.values() if not note.endswith(" insert nil")]
            expect(all(kinds.values()) and not other, "before it is written: %s, of %s" % (other, {word: len(said) for word, said in kinds.items()}))
            for word, entity in (("option", "catalog_product_option"), ("item", "product")):
                for note in kinds[word + " "]:
                    _word, there, here = note.split()
                    expect_equal(here, str(registered_target(shops, entity, int(there), "shop") or "nil"), note)
                expect([note for note in kinds[word + " "] if not note.endswith("nil")], "%s: %s" % (word, kinds[word + " "]))
            expect_equal(set(kinds["replaced"]), {"replaced %d" % blocks[0]}, "what a handler writes itself, at least once")
            expect_equal(registered_target(shops, "cms_block", blocks[0], "shop"), None, "is not written")
            customers = sorted((row[0], row[1]) for row in destination.query("SELECT source, target FROM ops.customers", "openmage"))
            expect_equal(customers, sorted(targets(shops, "customer", "created", "shop") + targets(shops, "customer", "matched", "shop")), "the one in C")
            # a stream
            program.configure({"entities": ["product", "cms_block"], "start": "current"})
            program.incremental()
            forget()
            one, here = targets(shops, "product", "created", "shop")[0]
            run("UPDATE catalog_product_entity SET has_options = 1 - has_options WHERE entity_id = %d" % one)
            program.incremental()
            expect_equal(notes(), ["before product %d update %d" % (one, here), "after product %d %d" % (one, here)], "a change")
            # an error stops, or leaves out where that is wished, and what was written goes back
            forget()
            was = rows(shops)
            run("START TRANSACTION", "UPDATE catalog_product_entity SET has_options = 1 - has_options WHERE entity_id = %d" % one,
                "UPDATE cms_block SET title = 'broken' WHERE block_id = %d" % blocks[1], "COMMIT")
            text = program.incremental(expect=1)
            expect_contains(text, "before_apply of cms_block %d: " % blocks[1], "the error")
            expect_contains(text, "this title does not do", "the error")
            expect_equal((notes(), rows(shops)), ([], was), "all goes back")
            _out, err = sync(shops, "cms_block", "-d", "update", "--entity-ids", str(blocks[1]), expect_code=1, system="shop")
            expect_contains(err, "this title does not do", "sync")
            _out, err = sync(shops, "cms_block", "-d", "update", "--entity-ids", str(blocks[1]), "--skip-invalid", expect_code=3, system="shop")
            expect_contains(err, "left out entity=cms_block key=%d reason=" % blocks[1], "sync --skip-invalid")
            expect_equal((notes(), rows(shops)), ([], was), "all goes back")
            run("UPDATE cms_block SET title = 'whole' WHERE block_id = %d" % blocks[1])
            program.configure({"batch": {"max_age": "1s"}})
            program.configure({"handlers": ["c.so"]})
            program.incremental()
            expect_equal(destination.scalar("SELECT title FROM openmage.cms_block WHERE block_id = %d" % registered_target(
                shops, "cms_block", blocks[1], "shop")), "whole", "it goes on")


# --- masks ------------------------------------------------------------------------

SECRET = "Quirinus"


def files(*folders):
    for folder in folders:
        for path, _folders, names in os.walk(folder):
            yield from (os.path.join(path, name) for name in names if os.path.isfile(os.path.join(path, name)))


def leaks(shops, secret):
    for path in files(os.path.join(shops.work.path(), "destination"), shops.lab.program.folder):
        with open(path, "rb") as file:
            if not path.endswith("datasync.yaml") and secret.encode() in file.read():
                yield os.path.basename(path)


def masks(suite):
    @suite.case("masks-import", "a masked import: the source's people never leave it, by copy or stream, what belongs together still does")
    def _():
        mask = {"preset": "openmage", "key": "a secret that the masks are made with", "unknown": "null"}
        with TwoShops(settings={**STREAM, "mask": mask}) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            run = lambda *statements: source.run(*statements, database="openmage")
            first = attribute(source, "firstname", "customer")
            run("UPDATE customer_entity_varchar SET value = CONCAT('%s', entity_id) WHERE attribute_id = %d" % (SECRET, first),
                "UPDATE customer_entity SET email = CONCAT('%s', entity_id, '@shop.test')" % SECRET,
                "UPDATE sales_flat_order o JOIN customer_entity c ON c.entity_id = o.customer_id SET o.customer_email = c.email, "
                "o.customer_firstname = '%s'" % SECRET,
                "UPDATE sales_flat_order_address SET lastname = '%s', street = '%s 7'" % (SECRET, SECRET))
            program.incremental(timeout=240)
            number = targets(shops, "customer", "created", "shop")
            expect_equal(len(number), source.scalar("SELECT COUNT(*) FROM openmage.customer_entity"), "customers")
            expect_equal(destination.scalar("SELECT COUNT(*) FROM openmage.sales_flat_order o JOIN openmage.customer_entity c ON c.entity_id = "
                                            "o.customer_id JOIN datasync.datasync_entity_registry r ON r.entity_type = 'order' AND r.target_id = "
                                            "o.entity_id WHERE o.customer_email = c.email AND c.email LIKE '%@example.com'"),
                         source.scalar("SELECT COUNT(*) FROM openmage.sales_flat_order o JOIN openmage.customer_entity c ON c.entity_id = "
                                       "o.customer_id WHERE o.customer_email = c.email"), "orders with their customer's address")
            before = rows(shops)
            sync(shops, "all", "-d", "update", system="shop")
            same_rows(shops, before, "the same again by sync")
            customer, here = number[0]
            run("UPDATE customer_entity SET email = '%sOther@shop.test' WHERE entity_id = %d" % (SECRET, customer),
                "UPDATE customer_entity_varchar SET value = '%sOther' WHERE attribute_id = %d AND entity_id = %d" % (SECRET, first, customer))
            program.incremental()
            expect_contains(destination.scalar("SELECT email FROM openmage.customer_entity WHERE entity_id = %d" % here), "@example.com", "address")
            value = destination.scalar("SELECT value FROM openmage.customer_entity_varchar WHERE attribute_id = %d AND entity_id = %d" % (
                attribute(destination, "firstname", "customer"), here))
            expect(value and SECRET not in value, "the first name is %s" % value)
            expect_equal(list(leaks(shops, SECRET)), [], "files that hold a secret")
            # what has no rule does not travel, or stops it
            program.configure({"mask": {"unknown": "stop"}})
            run("ALTER TABLE cms_block ADD COLUMN about VARCHAR(20)")
            _out, err = sync(shops, "cms_block", "-d", "update", expect_code=2, system="shop")
            expect_contains(err, "cms_block.about", "a column without a rule")
            path = os.path.join(program.folder, "blocks.csv")
            with open(path, "w", encoding="utf-8") as out:
                out.write("identifier,title\nx,y\n")
            _out, err = sync(shops, "product", "--file", path, expect_code=2)
            expect_contains(err, "mask does not go with the adapter csv", "a file")


# --- conditions -------------------------------------------------------------------

def conditions(suite):
    @suite.case("where-sync", "sync copies the entities and rows for which a condition is true, and no others")
    def _():
        with TwoShops(settings={}) as shops:
            program, source, destination = shops.lab.program, shops.source, shops.destination
            last = source.scalar("SELECT MAX(entity_id) - 2 FROM openmage.sales_flat_order")
            chosen = [row[0] for row in source.query("SELECT entity_id FROM openmage.sales_flat_order WHERE entity_id > %d ORDER BY 1" % last)]
            program.configure({"where": {"sales_flat_order": "entity_id > %d" % last,
                                         "sales_flat_order_status_history": "comment IS NOT NULL"}})
            sync(shops, "order", "-d", "update", "--limit", "1")
            orders = lambda: [there for there, _here in targets(shops, "order", "created", "legacy") + targets(shops, "order", "matched", "legacy")]
            expect_equal(orders(), chosen[:1], "as many as --limit of those that are in")
            sync(shops, "order", "-d", "update")
            expect_equal(sorted(orders()), chosen, "orders")
            for there in chosen:
                here = registered_target(shops, "order", there, "legacy")
                for table, column, more in (("sales_flat_order_item", "order_id", ""),
                                            ("sales_flat_order_status_history", "parent_id", " AND comment IS NOT NULL")):
                    expect_equal(destination.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %d" % (table, column, here)),
                                 source.scalar("SELECT COUNT(*) FROM openmage.%s WHERE %s = %d%s" % (table, column, there, more)), table)
            program.configure({"where": {"sales_flat_order": "nothing > 1"}})
            sync(shops, "order", "-d", "update", expect_code=1)
            program.configure(STREAM)
            expect_contains(program.incremental(expect=2), "where: does not go with mode: import", "a stream")


def define(suite):
    hooks(suite)
    handlers(suite)
    masks(suite)
    conditions(suite)
