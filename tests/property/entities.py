"""A catalogue of one's own over the property test's tables, and conditions on roots of it.

Orders are tables as a shop has them, with members at two levels and rows of others that refer to the root. Their statements are
never about an order that is there without its rows, or the other way round: a root that goes with foreign key checks off takes
nothing along here, so it goes only when nothing leads to it (see README, Filters, what is said about rows without a root).
"""

import json
import os

from rows import maybe, pick, small, where_id

ROOT_KEYS = ("id", "v4", "fl", "dt6", "de", "uu", "n6", "b64", "ob", "en", "ts4", "bu")
ORDER = (("ord", "root", "id", "id", None), ("ord_item", "item", "ord_id", "id", None), ("ord_tax", "member", "ord_id", "id", None),
         ("ord_tax_item", "item", "tax_id", "id", "ord_tax"), ("ord_link", "member", "ord_id", "id", None),
         ("ord_link_item", "item", "link_id", "id", "ord_link"), ("ord_note", "member", "ord_id", None, None))
# (table, role, link, key, through); one of these for each entity
CATALOGUE = {
    "order": (ORDER,),
    "invoice": ((("inv", "root", "id", "id", None), ("inv_item", "item", "inv_id", "id", None)),),
    "parent": (
        (("p", "root", "id", "id", None), ("c1", "member", "p_id", "id", None), ("one", "member", "id", "id", None),
         ("g1", "item", "c_id", "id", "c1"), ("g3", "item", "g_id", "id", "g1"), ("c2", "member", "p_id", "id", None),
         ("g2", "item", "c_id", "id", "c2"), ("multi", "member", "p_id", "id", None)),
        (("p", "root", "id", "id", None), ("c1", "member", "p_id", "id", None), ("c2", "member", "p_id", "id", None),
         ("multi", "item", "c_id", "id", "c2"), ("one", "member", "id", None, None)),
        (("p", "root", "code", "id", None), ("c3", "member", "code", "id", None)),
        (("p", "root", "alt", "id", None), ("c4", "member", "alt", "id", None)),
        (("p", "root", "id", "id", None), ("one", "member", "id", None, None))),
    "customer": ((("q", "root", "id", "id", None), ("r1", "member", "q_id", "id", None)), (("q", "root", "id", "id", None),)),
    "pair": ((("pair", "root", "a", None, None), ("pair_child", "member", "a", "id", None)),
             (("pair_child", "root", "b", "id", None),)),
    "name": ((("uc", "root", "name", None, None), ("ci", "member", "name", None, None), ("cs", "member", "name", None, None)),
             (("chr", "root", "name", None, None), ("nopad", "member", "name", None, None), ("pkc", "member", "id", None, None))),
    "inventory": ((("stock", "root", "product_id", "id", None),),),
    "bag": ((("nopk", "root", "a", None, None), ("nopk_u", "member", "a", None, None), ("mym_nk", "member", "a", None, None)),
            (("nopk", "root", "b", None, None), ("types_nk", "member", "v4", None, None))),
    "engine": ((("mym", "root", "id", "id", None), ("mem", "member", "id", "id", None), ("aria", "member", "id", None, None)),
               (("mym", "root", "w", "id", None), ("mem", "member", "w", "id", None), ("mem_nk", "member", "b", None, None))),
    "altered": ((("d1", "root", "id", "id", None), ("d2", "member", "v", "id", None), ("d3", "item", "x", "id", "d2")),
                (("d3", "root", "x", "id", None), ("d1", "member", "w", "id", None), ("d5", "member", "v", None, None))),
    "typed": tuple((("types", "root", key, "id", None),) for key in ROOT_KEYS),
    "unique": ((("uniq", "root", "a", "id", None), ("prefix_unique", "member", "id", "id", None)),
               (("uniq", "root", "b", "id", None), ("gen", "member", "t", "id", None))),
    "generated": ((("gen", "root", "k", "id", None),), (("gen", "root", "v", "id", None),)),
    "storm": ((("storm_a", "root", "worker", "id", None), ("storm_b", "item", "a_id", "id", "storm_a")),
              (("storm_a", "root", "id", "id", None), ("storm_b", "item", "a_id", "id", None))),
    "large": ((("bulk", "root", "a", "id", None), ("big", "member", "id", "id", None)),),
    "branch": ((("tree", "root", "parent", "id", None), ("tree2", "member", "parent", "id", None)),
               (("tree", "root", "id", "id", None), ("tree2", "item", "parent", "id", None))),
    "parted": ((("part", "root", "id", "id", None), ("part_x", "member", "id", None, None), ("hashed", "member", "k", None, None)),),
    "triggered": ((("trigger_out", "root", "what", "id", None), ("trigger_in", "member", "id", "id", None)),),
}
REFERENCES = {"invoice": ("inv", "ord_id", "order"), "order": ("ord", "q_id", "customer")}

# root: (its entity's tables, such as can come and go as a whole; conditions)
CONDITIONS = {
    "ord": (ORDER, (
        "status = 'paid' AND store BETWEEN 2 AND 6", "status IN ('paid', 'held') OR store IS NULL", "NOT (store > 3)",
        "status LIKE 'p%' OR v < 0", "id > 4 AND status <> 'new'", "num IS NOT NULL", "total >= 2.50")),
    "p": (CATALOGUE["parent"][-1], ("v < 2", "alt IS NULL OR alt > 4", "id > 5", "code >= 'c'")),
}


def as_sql(condition):
    """Texts compare byte by byte."""
    return condition.replace("code >=", "BINARY code >=")


class Catalogue:
    """Which entities a seed has, and the condition that it asks of a root, if any."""

    def __init__(self, rng, conditions, left_out=(), limited=False):
        roots = [root for root in CONDITIONS if root not in left_out] if conditions else []
        self.root = rng.choice(roots) if roots else None
        self.condition = rng.choice(CONDITIONS[self.root][1]) if roots else None
        self.limited = limited  # orders are valid up to v = 4
        self.entities, taken = {}, set()
        for name in rng.sample(sorted(CATALOGUE), len(CATALOGUE)):
            tables = rng.choice(CATALOGUE[name])
            for root in roots:
                if tables[0][0] == root:
                    tables = CONDITIONS[root][0]
            wanted = rng.random() < 0.8 or tables[0][0] == self.root or (limited and name == "order")
            if wanted and not taken & {table[0] for table in tables}:
                self.entities[name] = tables
                taken |= {table[0] for table in tables}

    def write(self, folder):
        """As files for `entities_dir`."""
        os.makedirs(folder, exist_ok=True)
        for name, tables in self.entities.items():
            text = {"name": "own_" + name, "tables": [{
                key: value for key, value in (("table", table), ("role", role), ("link", link), ("key", key), ("through", through))
                if value} for table, role, link, key, through in tables]}
            if name == "inventory":
                text["tables"][0]["stock"] = True
            if name == "order" and self.limited:
                text["validate"] = [{"table": "ord", "column": "v", "max": 4}]
            table, column, entity = REFERENCES.get(name, (None, None, None))
            if entity in self.entities:
                text["references"] = [{"table": table, "column": column, "entity": "own_" + entity}]
            with open(os.path.join(folder, text["name"] + ".yaml"), "w", encoding="utf-8") as out:
                json.dump(text, out, ensure_ascii=False)

    def columns(self):
        """(table, column) of what says whose a row is."""
        return [(table, column) for tables in self.entities.values() for table, _role, link, key, _through in tables
                for column in (link, key) if column]

    def settings(self):
        return {"where": {self.root: self.condition}} if self.root else {}

    def picks(self):
        """{table: the rows of it that travel, as SQL}: of the root's entity."""
        picks = {}
        for table, _role, link, _key, through in CONDITIONS[self.root][0] if self.root else ():
            if not picks:
                picks[table] = as_sql(self.condition)
            else:
                up = through or self.root
                picks[table] = "%s IN (SELECT id FROM shop.%s WHERE %s)" % (link, up, picks[up])
        return picks

    def __str__(self):
        return "entities " + ", ".join("%s of %s" % (name, tables[0][0]) for name, tables in sorted(self.entities.items())) + (
            "; where %s: %s" % (self.root, self.condition) if self.root else "")


# --- statements about orders --------------------------------------------------------------

STATUS = ("'new'", "'paid'", "'paid'", "'held'", "NULL")
MEMBERS = ("ord_item", "ord_tax", "ord_link", "ord_note")
# what may move to another order: as in a shop, rows refer to none but rows of the same order
FREE = {"ord_item": " AND id NOT IN (SELECT item_id FROM ord_tax_item WHERE item_id IS NOT NULL)",
        "ord_tax": " AND id NOT IN (SELECT tax_id FROM ord_tax_item WHERE item_id IS NOT NULL)"}


def orders(rng):
    number, status = small(rng), rng.choice(STATUS)

    def values():
        return "(%d, %s, %s, %s, %s, 0, %s)" % (small(rng), rng.choice(STATUS), maybe(rng, small(rng, 8)), maybe(rng, small(rng, 20), 0.5),
                                                maybe(rng, small(rng), 0.4), rng.choice(("NULL", "0", "2.5", "2.4999", "-1")))
    return [rng.choice((
        "INSERT INTO ord VALUES " + values(), "INSERT IGNORE INTO ord VALUES %s, %s, %s" % (values(), values(), values()),
        "INSERT IGNORE INTO ord VALUES %s, %s" % (values(), values()), "REPLACE INTO ord VALUES " + values(),
        "INSERT INTO ord VALUES %s ON DUPLICATE KEY UPDATE status = %s, v = v + 1" % (values(), status),
        "INSERT INTO ord (status, store) VALUES (%s, %d), ('paid', 3)" % (status, small(rng, 8)),
        "UPDATE ord SET status = %s WHERE %s" % (status, where_id(rng)), "UPDATE ord SET status = %s WHERE %s" % (status, where_id(rng)),
        "UPDATE ord SET status = 'paid', store = 3, total = 3 WHERE " + where_id(rng),
        "UPDATE ord SET store = %s, v = v + 1 WHERE %s" % (maybe(rng, small(rng, 8)), where_id(rng)),
        "UPDATE ord SET num = %s WHERE %s" % (maybe(rng, small(rng, 20), 0.4), where_id(rng)),
        "UPDATE ord SET num = num + 1 WHERE num < 30 ORDER BY num DESC", "UPDATE ord SET total = total + 1 WHERE " + where_id(rng),
        "UPDATE ord SET v = %d WHERE %s" % (rng.randint(-2, 2), where_id(rng)),
        "UPDATE ord SET id = %d WHERE id = %d" % (small(rng), number), "UPDATE ord SET id = id + 1 WHERE id >= %d ORDER BY id DESC" % number,
        "DELETE FROM ord WHERE id = %d" % number))]


def order_rows(rng):
    number, other, key, up = small(rng), small(rng), small(rng, 30), small(rng, 30)
    table = rng.choice(MEMBERS + ("ord_tax", "ord_link"))
    moved = "UPDATE %%s SET ord_id = %d WHERE %%s%%s" % other
    return [rng.choice((
        "INSERT INTO %s (ord_id, v) VALUES (%d, 0), (%d, 1)" % (table, number, other),
        "INSERT INTO %s (ord_id, v) VALUES (%d, 0)" % (table, number),
        "INSERT INTO %s VALUES (%d, %d, 3)" % (table, key, number), "REPLACE INTO %s VALUES (%d, %d, 4)" % (table, key, number),
        "INSERT INTO %s (ord_id, v) SELECT id, v FROM ord" % table, "INSERT INTO %s (ord_id, v) SELECT id, v FROM ord LIMIT 5" % table,
        "INSERT INTO ord_tax_item (tax_id, item_id, v) SELECT t.id, i.id, 0 FROM ord_tax t LEFT JOIN ord_item i ON i.ord_id = t.ord_id LIMIT 4",
        "INSERT INTO ord_tax_item VALUES (%d, %d, NULL, 1)" % (key, up), "INSERT INTO ord_link_item VALUES (%d, %d, 1)" % (key, up),
        "INSERT INTO ord_link_item (link_id, v) SELECT id, v FROM ord_link LIMIT 5",
        "INSERT INTO ord_tax_item (tax_id, v) SELECT id, v FROM ord_tax ORDER BY id DESC LIMIT 5",
        "UPDATE %s SET v = v + 1 WHERE ord_id = %d" % (table, number), "UPDATE %s SET v = v + 1 WHERE %s" % (table, where_id(rng, 30)),
        moved % (table, where_id(rng, 30), FREE.get(table, "")), moved % (table, "ord_id = %d" % number, FREE.get(table, "")),
        moved % (table, "v >= 0", FREE.get(table, "") + " LIMIT 2"),
        "UPDATE ord_link SET ord_id = NULL WHERE id = %d" % key,
        "UPDATE %s SET id = %d WHERE id = %d" % (table, key, up), moved % (table, "id %% 3 = %d" % (key % 3), FREE.get(table, "")),
        "UPDATE ord_tax_item SET v = v + 1", "UPDATE ord_tax_item SET tax_id = %d WHERE %s AND item_id IS NULL" % (up, where_id(rng, 30)),
        "UPDATE ord_link_item SET link_id = %d, v = v + 1 WHERE %s" % (up, where_id(rng, 30)),
        "UPDATE ord_link_item SET id = %d WHERE id = %d" % (key, up),
        "DELETE FROM %s WHERE %s" % (rng.choice(MEMBERS + ("ord_tax_item", "ord_link_item")), where_id(rng, 30)),
        "DELETE FROM %s WHERE ord_id = %d" % (table, number)))]


def referrers(rng):
    number, key = small(rng), small(rng, 30)
    return [rng.choice((
        "INSERT INTO inv VALUES (%d, %d, 0)" % (key, number), "INSERT INTO inv (ord_id, v) SELECT id, 1 FROM ord LIMIT 3",
        "INSERT INTO inv_item (inv_id, v) VALUES (%d, 0), (%d, 1)" % (key, small(rng, 30)), "UPDATE inv SET v = v + 1 WHERE ord_id = %d" % number,
        "UPDATE inv SET ord_id = %d WHERE %s" % (number, where_id(rng, 30)), "UPDATE inv_item SET v = v + 1",
        "DELETE FROM inv WHERE " + where_id(rng, 30), "INSERT INTO ord_ref VALUES (%d, %s, 0)" % (key, maybe(rng, number)),
        "UPDATE ord_ref SET v = v + 1, ord_id = %s WHERE %s" % (maybe(rng, number), where_id(rng, 30)),
        "DELETE FROM ord_ref WHERE " + where_id(rng, 30)))]


def unchecked(rng):
    """With the checks off nothing may come to lead to an order that is not there, or stay behind one that goes."""
    number, table = small(rng), rng.choice(MEMBERS)
    alone = " AND ".join("NOT EXISTS (SELECT 1 FROM %s m WHERE m.ord_id = %d LOCK IN SHARE MODE)" % (member, number) for member in MEMBERS)
    return ["SET SESSION foreign_key_checks=0", rng.choice((
        "INSERT INTO ord (id, status, store) VALUES (%d, %s, 3)" % (number, rng.choice(STATUS)),
        "INSERT INTO %s (ord_id, v) SELECT id, 7 FROM ord WHERE id = %d LOCK IN SHARE MODE" % (table, number),
        "INSERT INTO inv (ord_id, v) VALUES (%d, 7)" % number,
        "UPDATE ord SET status = %s WHERE id = %d" % (rng.choice(STATUS), number),
        "DELETE FROM ord WHERE id = %d AND %s" % (number, alone))), "SET SESSION foreign_key_checks=1"]


def together(rng):
    """An order that comes, goes, or changes sides within one transaction, or between."""
    number, key = small(rng), small(rng, 30)
    there = "INSERT INTO ord (id, status, store, v) VALUES (%d, %s, %d, 5)" % (number, rng.choice(STATUS), small(rng, 8))
    rows = ["INSERT INTO %s (ord_id, v) VALUES (%d, 9)" % (table, number) for table in MEMBERS]
    paid, new = ("UPDATE ord SET status = '%s' WHERE id = %d" % (status, number) for status in ("paid", "new"))
    gone = "DELETE FROM ord WHERE id = %d" % number
    return rng.choice((
        [there, *rows], [there, *rows, paid], [there, *rows, new, paid], [gone, there, *rows], [there, gone], [new, *rows, paid],
        [paid, "UPDATE ord_item SET v = v + 1 WHERE ord_id = %d" % number, gone], [paid, new, paid],
        ["UPDATE ord SET id = 50 WHERE id = %d" % number, "UPDATE ord SET status = 'paid' WHERE id = 50",
         "UPDATE ord SET id = %d WHERE id = 50" % number],
        ["UPDATE ord_tax SET ord_id = %d WHERE id = %d%s" % (number, key, FREE["ord_tax"]), gone]))


def altered(rng):
    return [rng.choice((
        "ALTER TABLE ord_item ADD COLUMN IF NOT EXISTS extra INT DEFAULT 5", "ALTER TABLE ord_item DROP COLUMN IF EXISTS extra",
        "ALTER TABLE ord ADD COLUMN IF NOT EXISTS note VARCHAR(20) DEFAULT 'x'", "ALTER TABLE ord DROP COLUMN IF EXISTS note",
        "TRUNCATE TABLE ord_tax_item", "TRUNCATE TABLE ord_ref", "ALTER TABLE ord_link ADD INDEX IF NOT EXISTS by_v (v)",
        "ALTER TABLE ord_link DROP INDEX IF EXISTS by_v", "ALTER TABLE ord_tax FORCE", "ALTER TABLE inv MODIFY v BIGINT",
        "ALTER TABLE inv MODIFY v INT"))]


WEIGHTED = ((10, orders), (10, order_rows), (4, referrers), (2, unchecked), (6, together))


def statements(rng, ddl):
    """About orders."""
    return altered(rng) if ddl and rng.random() < 0.02 else pick(rng, WEIGHTED)


def keeps_parents(group):
    """Does none of these statements take a row of p away from `one`, with foreign key checks off?"""
    return group[0] != "SET SESSION foreign_key_checks=0" or not group[1].startswith(("DELETE FROM p ", "UPDATE p SET id"))
