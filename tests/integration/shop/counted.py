"""What a shop's life did to each entity, counted from the text of `mariadb-binlog -vv`.

Knows nothing of the program: whose a table is stands in a file of facts, and what is left of the changes of a row is worked out
here once more."""

import collections
import csv
import os

from lib.binlog import events

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "fixtures", "openmage", "entities.tsv")


def owners():
    """{table: entity}; tables of none are not in it."""
    with open(FACTS, encoding="utf-8") as listed:
        return {row["table"]: row["entity"] for row in csv.DictReader(listed, delimiter="\t")}


def fold(history, operation, before, after):
    """One more change of a row within a transaction: `history` is what is left to do, as (operation, image that is gone)."""
    last, gone = history[-1] if history else (None, None)
    if operation == "insert":
        if last == "delete" and gone == after:  # it is back, as it was
            history.pop()
        else:
            history.append(("insert", None))
    elif operation == "update":
        if last not in ("insert", "update"):
            history.append(("update", None))
    elif last == "insert":
        history.pop()
    else:
        history[len(history) - (last == "update"):] = [("delete", before if last is None else None)]


def count(paths, database, key_of):
    """Per entity: row events by operation, and what is left of them when each transaction is folded on its own. A change of a
    key counts for the row's old one."""
    owner = owners()
    seen, left = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    rows, now = {}, None

    def settle():
        for (table, _key), history in rows.items():
            left[owner[table]].update(operation for operation, _gone in history)
        rows.clear()

    for transaction, table, operation, before, after in events(paths, database):
        if transaction != now:
            settle()
            now = transaction
        seen[owner.get(table, "table")][operation] += 1
        if table in owner:
            image = before or after
            key = table, tuple(image[ordinal] for ordinal in key_of.get(table, image))
            fold(rows.setdefault(key, []), operation, before, after)
    settle()
    return seen, left


def difference(earlier, later):
    """What `status --json` has counted meanwhile: {entity: {inserted, updated, deleted, folded}}."""
    names = ("inserted", "updated", "deleted", "folded")
    found = {}
    for entity, counts in later["entities"].items():
        before = earlier["entities"].get(entity, {})
        found[entity] = {name: counts[name] - before.get(name, 0) for name in names}
    return {entity: counts for entity, counts in found.items() if any(counts.values())}
