"""An import as plainly as it can be written, to try the check with: whole shops in memory, one row after the other.

It tells what a right result is for each policy as far as the check has an opinion; it knows no program.
"""

from lib.importfacts import GONE, Facts
from lib.importcheck import CARTS, ENTITIES, KEPT
from lib.shopdata import Shop
from lib.shopids import ZERO_ROWS

FAR = 20001


class Model:
    """Import everything of `source` into `destination` (connections)."""

    def __init__(self, source, destination, policy, like=None):
        self.theirs, self.ours = Facts(Shop(source, like=like)), Facts(Shop(destination, like=like))
        self.cursor, self.policy = destination.cursor(), policy
        self.new, self.found, self.registry = {}, {}, []

    def run(self, sql, *values):
        self.cursor.execute(sql, values or None)
        return self.cursor.fetchall()

    def by_name(self, table):
        """{name: number} of the destination."""
        if table not in self.found:
            key = self.ours.shop.key(table)
            self.found[table] = {self.ours.name(table, row[key]): row[key] for row in self.ours.shop.rows(table)} if key else {}
        return self.found[table]

    def number(self, table, number):
        """The destination's number of a row of the source; where there is no such row 0, or None where 0 is one."""
        name = self.theirs.name(table, number)
        if name == GONE or (table in CARTS and name not in self.by_name(table)):
            return None if table in ZERO_ROWS else 0
        if name in self.by_name(table):
            return int(self.by_name(table)[name])
        if table != "gift_message" and self.theirs.specs.get(table, ("",))[0] not in ENTITIES:
            return 0
        if self.policy == "skip" and self.matched(*self.theirs.roots.get(table, {}).get(str(number), (table, None))):
            return 0
        return self.new.setdefault((table, str(number)), int(number) + FAR)

    def matched(self, entity, key):
        return key is not None and key in self.ours[entity]

    def clear(self, table):
        """Members of matched entities that the source says nothing of go, where they are not to be kept."""
        entity, link, parent, _columns = self.ours.specs[table]
        if parent is None or table in KEPT or self.policy != "update":
            return
        for row in self.ours.shop.rows(table):
            number = self.ours._row_id(table, row)  # pylint: disable=protected-access
            if number not in self.ours.roots[table] or self.ours.roots[table][number][1] not in self.theirs[entity]:
                continue
            if all(self.theirs.known(ref) for ref in self.ours.labels[table][number][1]):
                self.remove(table, row)

    def remove(self, table, row):
        keys = self.ours.shop.keys[table]
        self.run("DELETE FROM `%s` WHERE %s" % (table, " AND ".join("`%s` = %%s" % key for key in keys)), *[row[k] for k in keys])

    def write(self, table):
        entity = self.theirs.specs[table][0] if table in self.theirs.specs else None
        key, keys = self.theirs.shop.key(table), self.theirs.shop.keys.get(table)
        kept = {tuple(row[k] for k in keys): row for row in self.ours.shop.rows(table)} if self.policy == "merge" else {}
        for row in self.theirs.shop.rows(table):
            owner = self.theirs.roots[table].get(self.theirs._row_id(table, row)) if entity else None  # pylint: disable=protected-access
            if entity and (owner is None or (self.policy == "skip" and self.matched(entity, owner[1]))):
                if owner and key and self.theirs.specs[table][2] is None:
                    self.registry.append((entity, row[key], self.number(table, row[key]), "matched"))
                continue
            done = self.theirs.shop.ids.row(table, row, self.number)
            if key and (table, key) not in self.theirs.shop.ids.columns:
                done[key] = str(self.number(table, row[key])) if row[key].isdigit() else row[key]
                if entity:
                    top = self.theirs.specs[table][2] is None
                    self.registry.append((entity if top else table, row[key], done[key],
                                          "matched" if self.matched(entity, owner[1]) else "created"))
            old = kept.get(tuple(done[k] for k in keys))
            if old:
                done = {c: old[c] if v in (None, "") else v for c, v in done.items()}
            self.run("REPLACE INTO `%s` (%s) VALUES (%s)" % (
                table, ", ".join("`%s`" % c for c in done), ", ".join(["%s"] * len(done))), *done.values())

    def everything(self):
        self.run("SET SESSION foreign_key_checks=0, sql_mode='NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00'")
        tables = [table for table, spec in self.theirs.specs.items() if spec[0] in ENTITIES]
        for table in tables:
            self.clear(table)
        for table in [*tables, "gift_message"]:
            self.write(table)
        self.run("UPDATE catalog_category_entity c JOIN (SELECT a.entity_id, COUNT(b.entity_id) number FROM catalog_category_entity a"
                 " LEFT JOIN catalog_category_entity b ON b.path LIKE CONCAT(a.path, '/%%') GROUP BY 1) n USING (entity_id) SET"
                 " c.children_count = n.number")
        for row in self.theirs.shop.rows("eav_entity_store"):
            self.run("UPDATE eav_entity_store SET increment_last_id = %s WHERE entity_type_id = %s AND store_id = %s AND"
                     " increment_last_id < %s", row["increment_last_id"], self.number("eav_entity_type", row["entity_type_id"]),
                     self.number("core_store", row["store_id"]), row["increment_last_id"])
        self.run("CREATE TEMPORARY TABLE registry (source_system VARCHAR(64), entity_type VARCHAR(64), source_id VARCHAR(64) COLLATE"
                 " utf8mb4_bin, target_id BIGINT, origin VARCHAR(16))")
        for entry in self.registry:
            self.run("INSERT INTO registry VALUES ('live', %s, %s, %s, %s)", *entry)
        self.run("SET SESSION foreign_key_checks=1")
