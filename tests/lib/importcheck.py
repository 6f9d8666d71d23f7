"""Did an import into a shop with other ids arrive? Compares two shops by what they say, not by their numbers.

    before = Before(destination, source)      # when the destination is still as its owner left it
    …the import…
    report = check(source, destination, policy="update", before=before, system="live")
    report.problems                           # lines "entity key: field: source / destination", none when all is well
    report.counts                             # {entity: facts compared}

What is compared is in importfacts.py. Written from the documents of the shop and of the import, apart from the program.

Policies, of entities that the destination had before (by natural key):
  update  they are as the source has them: what is empty at the source is empty at the destination
  merge   where the source has nothing, they keep what they had
  skip    they are as they were
Whatever else the destination had is as it was, row for row. Of a matched entity, members whose label names something that
the source does not have (its own attribute, website, customer group, category, product) stay: the source says nothing of
them. So do the members of KEPT, which other entities of the destination may hold by their ids. (`own_members="either"` has no
opinion on these.)
"""

import re

from . import phpserialize as php
from .importfacts import COUNTED, GONE, NAMED, Facts, Ref
from .shopdata import Shop
from .shopids import DATABASE

LIMIT = 50
NOTHING = (None, "", "0")

ENTITIES = ("website", "store_group", "store", "customer_group", "tax_class", "attribute", "attribute_set", "category", "product",
            "stock", "customer", "newsletter", "order", "invoice", "shipment", "creditmemo", "rating", "review", "salesrule",
            "catalogrule", "cms_block", "cms_page")
REFERENCE = {"attribute", "attribute_set", "rating", "store", "store_group", "website"}
# what an import may bring besides, compared when it is asked for
MORE_ENTITIES = ("wishlist", "price_alert", "stock_alert", "tag", "tax_rate", "tax_rule", "cart")
KEPT = {"eav_attribute_option", "eav_attribute_option_value", "eav_attribute_option_swatch", "eav_attribute_group",
        "eav_entity_attribute", "rating_option", "rating_store", "customer_form_attribute"}
ALERTS = {"price_alert", "stock_alert"}
# of carts that were not imported: whoever refers to one refers to nobody, or to the same cart
CARTS = {"sales_flat_quote", "sales_flat_quote_item", "sales_flat_quote_address", "sales_flat_quote_payment"}
# what an import may change of rows that are nobody's
MOVING = {"eav_entity_store", "index_process", "core_flag"}
NUMBERED = (("order", "sales_flat_order"), ("invoice", "sales_flat_invoice"), ("shipment", "sales_flat_shipment"),
            ("creditmemo", "sales_flat_creditmemo"))
# those that have no natural key of their own, so that only the registry finds them again
REGISTERED = ("sales_flat_order_item", "customer_address_entity", "eav_attribute_option", "catalog_product_option",
              "catalog_product_option_type_value")


class Report:
    def __init__(self):
        self.problems, self.counts, self.left_out = [], {}, 0

    def add(self, entity, key, field, source, destination):
        if len(self.problems) >= LIMIT:
            self.left_out += 1
            return
        self.problems.append("%s %s: %s: %s / %s" % (entity, key, field, _shown(source), _shown(destination)))

    def __str__(self):
        more = ["and %d more" % self.left_out] if self.left_out else []
        return "\n".join(self.problems + more) or "equal: " + ", ".join("%s %d" % c for c in self.counts.items())


def _shown(value):
    text = "-" if value is None else repr(value) if isinstance(value, bytes) else str(value)
    return text if len(text) < 300 else text[:300] + "…"


def read(shop, database=DATABASE):
    """The facts of a connection, or those that have been read already."""
    return shop if isinstance(shop, Facts) else Facts(Shop(shop, database))


class Before:
    """A destination as it was. What the source does not have is its own."""

    def __init__(self, destination, source, database=DATABASE):
        self.facts, theirs = read(destination, database), read(source, database)
        self.shop = self.facts.shop
        for table in self.shop.tables():
            self.shop.rows(table)
        self.own = {(entity, key) for entity in ENTITIES for key in self.facts[entity] if key not in theirs[entity]}


# --- one value ---------------------------------------------------------------------------------------------------------

def _listed(text, lost=None):
    """The members of a comma-list that are somewhere. Names have a blank behind their own commas."""
    return sorted(part for part in re.split(r",(?! )", str(text or "")) if part not in ("", "0", GONE) and not (lost and lost(part)))


def _lists_agree(there, here, lost):
    """Texts differ: are they lists that differ only by what is nowhere, or `lost`?"""
    listed = re.split(r",(?! )", there)
    return (GONE in listed or any(lost(part) for part in listed)) and _listed(there, lost) == _listed(here, lost)


def _nowhere(there, lost):
    return isinstance(there, str) and not there.startswith("a:") and (
        there == GONE or lost(there) or (GONE in there and not _listed(there, lost)))


def _arrays_agree(there, here, lost):
    """Pair by pair, in order. A pair whose key or value is nowhere may have been left out, and a list been counted anew."""
    counted = [key for key, _value in there] == list(range(len(there))) and len(here) < len(there)
    left = list(here)
    for key, value in there:
        if left and (counted or _trees_agree(key, left[0][0], lost)) and _trees_agree(value, left[0][1], lost):
            left.pop(0)
        elif not _nowhere(key, lost) and not _nowhere(value, lost):
            return False
    return not left


def _trees_agree(there, here, lost):
    """Documents as trees. Where the source's names what is no longer there, or what is `lost`, the destination's may say so in
    its own way."""
    if isinstance(there, php.Map):
        return isinstance(here, php.Map) and there.kind == here.kind and _arrays_agree(there, here, lost)
    if there == here and type(there) is type(here):
        return True
    if not isinstance(there, str):
        return False
    if there.startswith("a:"):
        return isinstance(here, str) and documents_agree(there, here, lost)
    if here in (None, 0, "", "0", GONE) or re.fullmatch(r"-\d+", str(here)):
        return _nowhere(there, lost)
    return isinstance(here, str) and _lists_agree(there, here, lost)


def documents_agree(there, here, lost):
    try:
        return _trees_agree(php.loads(there), php.loads(here), lost)
    except php.Malformed:
        return False


class _Compare:
    """One entity of one key."""

    def __init__(self, report, source, destination, policy, entities, own_members, left_alone):
        self.report, self.source, self.destination = report, source, destination
        self.policy, self.entities, self.own_members = policy, entities, own_members
        self.left_alone = left_alone  # {(entity, key)} of which no member needs to have been found
        self.blurred = set()  # tables of members with a label that leads nowhere at the source

    def agree(self, there, here):
        """Is what the destination has (`here`, None for nothing) what the source has?"""
        if there == here:
            return True
        if isinstance(there, Ref):
            if here in (None, "0"):
                return there == GONE or self.lost(there) or (
                    there.table in CARTS and "cart" not in self.entities)
            return there == GONE and here == GONE
        if isinstance(there, str) and there.startswith("a:"):
            return here is not None and documents_agree(there, here, self.lost_name)
        return isinstance(there, str) and _lists_agree(there, here, self.lost_name)

    def lost(self, ref):
        """Did the import not bring what it refers to? Either its entity was not imported, or it is of one that was left alone."""
        spec = self.source.specs.get(ref.table)
        if self.source.owners(ref.table).get(ref) in self.left_alone:
            return True
        return not self.destination.known(ref) and (self.policy == "skip" or spec is None or spec[0] not in self.entities)

    def lost_name(self, text):
        """As lost, of a name in a document, where nothing says of which table it is."""
        if self.policy != "skip" and set(ENTITIES) <= set(self.entities):
            return False
        names = self.source.all_names()
        return names.get(text) in self.left_alone or (text in names and text not in self.destination.all_names())

    def foreign(self, field):
        """Does the label name something that the source does not have?"""
        return any(not self.source.known(ref) for ref in field.refs)

    def unreachable(self, field):
        """Does the label name something that the import did not bring, or that is nowhere?"""
        return any(ref == GONE or self.lost(ref) for ref in field.refs)

    def fields(self, entity, key, theirs, ours, old):
        """`old`: what the destination had before, or None. Of a member that one side lacks only that is said, and first."""
        merging = self.policy == "merge" and old is not None
        old = old or {}
        filled = {field.member for field in theirs.values()}
        self.blurred = {field.member for field in theirs.values() if self.unreachable(field)}
        for name in sorted(set(ours) | set(old), key=lambda name: (name.endswith("]"), name), reverse=True):
            if name not in theirs and (name.endswith("]") or self._beside(ours, old, name) not in set(ours) ^ set(old)):
                self._extra(entity, key, name, ours.get(name), old.get(name), merging, filled)
        for name, field in sorted(theirs.items(), key=lambda item: not item[0].endswith("]")):
            mine, was = ours.get(name), old.get(name)
            if self._beside(theirs, theirs, name) not in (None, name) and self._beside(theirs, theirs, name) not in ours:
                continue
            value = mine.value if mine else None
            if merging and was is not None and field.value in (None, "") and not isinstance(field.value, Ref):
                if value != was.value and not (value in NOTHING and was.value in NOTHING):
                    self.report.add(entity, key, name + " (to be kept)", was.value, value)
            elif (mine is None and self.unreachable(field)) or (merging and self.says_of_options(name, value, ours)):
                continue
            elif (mine is None and not (field.value == GONE)) or not self.agree(field.value, value):
                self.report.add(entity, key, name, field.value, value if mine else None)

    @staticmethod
    def says_of_options(name, value, ours):
        """Where a product has custom options of both shops, its row may say so, whatever the source's says."""
        told = [field.value for key, field in ours.items() if field.member == "catalog_product_option" and (
            key.endswith("].is_require") if name == "required_options" else key.endswith("]"))]
        return value == "1" and ((name == "has_options" and bool(told)) or (name == "required_options" and "1" in told))

    def alone(self, entity, key, theirs, ours, old):
        """What was to be left alone is as it was; reference data may have more, for others to refer to."""
        for name in sorted(set(old) | set(ours)):
            values = [part[name].value if name in part else None for part in (old, ours)]
            added = name not in old and entity in REFERENCE and name in theirs and self.agree(theirs[name].value, values[1])
            if values[0] != values[1] and not added:
                self.report.add(entity, key, name + " (to be left alone)", *values)

    @staticmethod
    def _beside(first, second, name):
        """The field that says that a member is there, of one of its columns."""
        field = first.get(name) or second.get(name)
        return "%s[%s]" % (field.member, field.label) if field.member else None

    def _extra(self, entity, key, name, mine, was, merging, filled):
        """The source has nothing there. Beside members whose label leads nowhere at the source there may be such here, too."""
        field = mine or was
        stays = self.foreign(field) or field.member in KEPT
        if was is not None and stays and self.own_members == "either":
            return
        if was is not None and (stays or merging):
            if mine is None and merging and not stays and field.member in filled and "_entity_" not in field.member:
                return  # a list that the source has, too: in place of the destination's, or beside it
            if mine is None or mine.value != was.value:
                self.report.add(entity, key, name + " (to be kept)", was.value, mine.value if mine else None)
        elif mine is not None and mine.member not in self.blurred:
            self.report.add(entity, key, name, None, mine.value)


# --- all of it ---------------------------------------------------------------------------------------------------------

def _as_before(entity, destination, before):
    """{key: what the destination had then}, by the row that it has now, should the key have changed meanwhile."""
    table = next(table for table, spec in destination.specs.items() if spec[0] == entity and spec[1] is None)
    then, now = before.facts.roots.get(table, {}), destination.roots.get(table, {})
    result = {key: before.facts[entity][key] for key in destination[entity] if key in before.facts[entity]}
    for number, owner in now.items():
        if number in then:
            result[owner[1]] = before.facts[entity][then[number][1]]
    return result


def _left_alone(before, policy, reference=False):
    """Entities that were there before and were to be skipped. Those of reference data count only when asked for: whatever they
    have can be found by its name."""
    if not before or policy != "skip":
        return set()
    return {(entity, key) for entity in ENTITIES if reference or entity not in REFERENCE for key in before.facts[entity]}


def _compare_entities(report, source, destination, before, policy, entities, own_members):
    compare = _Compare(report, source, destination, policy, entities, own_members, _left_alone(before, policy))
    for entity in entities:
        theirs, ours = source[entity], destination[entity]
        old = _as_before(entity, destination, before) if before else {}
        report.counts[entity] = 0
        for key, fields in theirs.items():
            was = old.get(key)
            if key not in ours:
                report.add(entity, key, "is there", "yes", None)
                continue
            report.counts[entity] += len(fields)
            if policy == "skip" and was is not None:
                compare.alone(entity, key, fields, ours[key], was)
            else:
                compare.fields(entity, key, fields, ours[key], was)
        for key in ours:
            if key not in theirs and key not in old:
                report.add(entity, key, "is there", None, "yes")


def _rows_by_id(facts, table):
    return {facts._row_id(table, row): row for row in facts.shop.rows(table)}  # pylint: disable=protected-access


# known by what is in their rows, and no entities of the check: table, key, what tells them, tables that hold the key
RECOGNISED = (("widget_instance", "instance_id", ("title", "instance_type", "package_theme"), ("widget_instance_page",)),
              ("newsletter_queue", "queue_id", ("newsletter_subject", "queue_start_at"), (
                  "newsletter_queue_link", "newsletter_problem", "newsletter_queue_store_link")))


def _recognised(before, source):
    """{table: (column, ids)} of what both have."""
    out = {}
    for table, key, columns, members in RECOGNISED:
        theirs = {tuple(row[column] for column in columns) for row in source.shop.rows(table)}
        ids = {row[key] for row in before.shop.rows(table) if tuple(row[column] for column in columns) in theirs}
        out.update((name, (key, ids)) for name in (table, *members))
    return out


def _own_untouched(report, source, destination, before, policy, entities):
    """Every row that the destination had, and that is no matched entity's, is as it was; nothing was added to its own."""
    count, recognised = 0, _recognised(before, source)

    def may_change(table, owner, row):
        key, ids = recognised.get(table, (None, ()))
        if key and row[key] in ids:
            return policy != "skip"
        if owner and owner[0] in ALERTS:  # they are a product's
            owner = ("product", before.facts.name("catalog_product_entity", row["product_id"]))
        return (owner is not None and owner[0] in entities and policy != "skip"
                and (owner not in before.own or owner[1] in source[owner[0]]))

    for table in before.shop.tables():
        if table in MOVING:
            continue
        after, owners = _rows_by_id(destination, table), before.facts.roots.get(table, {})
        for number, row in _rows_by_id(before.facts, table).items():
            owner = owners.get(number)
            if may_change(table, owner, row):
                continue
            count += 1
            what = "%s %s" % owner if owner else "row of"
            if number not in after:
                report.add("own", what, "%s %s" % (table, number), "there", "gone")
                continue
            for column in row:
                if row[column] != after[number][column] and (table, column) not in COUNTED:
                    report.add("own", what, "%s %s: %s" % (table, number, column), row[column], after[number][column])
        known = _rows_by_id(before.facts, table)
        for number, owner in destination.roots.get(table, {}).items():
            if number not in known and owner in before.own and not may_change(table, owner, after[number]):
                report.add("own", "%s %s" % owner, "%s %s" % (table, number), None, "added")
    report.counts["own rows"] = count


def _sequences(report, destination, before):
    """The next number that a shop would give out is beyond those that are taken, and has not gone back."""
    shop = destination.shop
    kinds = {row["entity_type_id"]: row["entity_type_code"] for row in shop.rows("eav_entity_type")}
    last = {(kinds[row["entity_type_id"]], row["store_id"]): row for row in shop.rows("eav_entity_store")}
    behind = {}
    for kind, table in NUMBERED:
        for row in shop.rows(table):
            store, number = row["store_id"], row["increment_id"] or ""
            counter = last.get((kind, store))
            if store is None or not number.isdigit():
                continue
            prefix = (counter["increment_prefix"] if counter else None) or store
            top = (counter["increment_last_id"] if counter else None) or prefix.ljust(9, "0")
            if number.startswith(prefix) and len(number) == len(top) and int(number) > int(top):
                behind[kind, store] = max(behind.get((kind, store), ("", "")), (number, top))
    for (kind, store), (number, top) in behind.items():
        report.add("sequence", "%s @%s" % (kind, destination.name("core_store", store)), "increment_last_id",
                   "at least " + number, top)
    for row in before.shop.rows("eav_entity_store") if before else ():
        now = last.get((kinds[row["entity_type_id"]], row["store_id"]))
        if now is None or int(now["increment_last_id"] or 0) < int(row["increment_last_id"] or 0):
            report.add("sequence", "%s @%s" % (kinds[row["entity_type_id"]], row["store_id"]), "increment_last_id",
                       "at least " + str(row["increment_last_id"]), now and now["increment_last_id"])


def _registry(report, source, destination, entities, system, table, types, alone):
    """Each imported id of the source has one target, which is there and is called the same. Of entities that were left
    `alone`, {(entity, key)}, only the roots need be there. Beside these it notes what was deleted with foreign key checks off."""
    place = {entity: root for root, (entity, link, _parent, _columns) in source.specs.items() if link is None}
    place.update({name: name for name in source.specs})
    place.update({name: name for name in NAMED}, entity_type="eav_entity_type", product_link_type="catalog_product_link_type")
    del place["stock"]  # found by its product and its stock, whichever way the registry counts it
    place.update(types or {})
    found, taken, strange = {}, {}, set()
    rows = destination.shop.query("SELECT entity_type, source_id, target_id FROM %s WHERE source_system = %%s" % table, (system,))
    for kind, number, target in rows:
        kind, number, target = (v.decode() if isinstance(v, bytes) else str(v) for v in (kind, number, target))
        if kind.endswith(":unchecked"):
            continue
        if kind not in place:
            if kind not in strange and kind != "stock":
                report.add("registry", "%s %s" % (kind, number), "entity_type", "known", "not known")
            strange.add(kind)
            continue
        at = place[kind]
        if (at, number) in found:
            report.add("registry", "%s %s" % (kind, number), "target_id", found[at, number], target)
        if (at, target) in taken:
            report.add("registry", "%s %s" % (kind, number), "target_id", "of %s alone" % taken[at, target], target)
        found[at, number], taken[at, target] = target, number
    wanted = [place[entity] for entity in entities if entity in place] + [
        name for name in REGISTERED if source.specs[name][0] in entities]
    for at in wanted:
        for number, owner in source.roots.get(at, {}).items():
            target = found.get((at, number))
            if target is None and owner in alone and source.specs[at][1] is not None:
                continue
            if target is None:
                report.add("registry", "%s %s" % (at, number), "target_id", source.name(at, number), None)
            elif destination.name(at, target) != source.name(at, number):
                report.add("registry", "%s %s" % (at, number), "target_id " + target, source.name(at, number),
                           destination.name(at, target))
    report.counts["registry"] = len(rows)


def check(source, destination, policy="update", entities=ENTITIES, before=None, system=None, registry=None, types=None,
          own_members="keep", database=DATABASE):
    """Compare two shops, each a connection or Facts. `before`: a Before of the destination; without one everything there is to be the source's.
    `system`: the source system whose rows of the registry (`registry`: its table with its database) are checked, too;
    `types`: {entity_type of the registry: table} beside the names of entities and of tables. Returns a Report."""
    report = Report()
    theirs, ours = read(source, database), read(destination, database)
    _compare_entities(report, theirs, ours, before, policy, entities, own_members)
    if before:
        _own_untouched(report, theirs, ours, before, policy, entities)
    _sequences(report, ours, before)
    if system:
        _registry(report, theirs, ours, entities, system, registry or "datasync.datasync_entity_registry", types,
                  _left_alone(before, policy, reference=True))
    return report
