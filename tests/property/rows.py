"""Random statements that change rows: each function returns SQL for one statement or several.

Values are few and close together, so that statements meet: keys come back after deletes, children
find parents, unique values are taken, and about a third of all statements fail, as in life.
"""

from schema import ODD, ODD_COLUMNS, quote
from values import TEXTS, TYPES, blob, quoted, text, value

CASE = ["a", "A", "á", "b", "B", "ss", "ß", "SS", "x ", "x", "X", "aa", "å", "ae", "æ", "a\x01", "",
        "oe", "œ", "n\u0303", "ñ", "ab", "abc", "abd", "ABCd"]
PARENTS = 14


def small(rng, high=PARENTS):
    return rng.randint(1, high)


def maybe(rng, literal, null=0.15):
    return "NULL" if rng.random() < null else str(literal)


def some(rng, high=PARENTS):
    return ", ".join(str(small(rng, high)) for _ in range(rng.randint(1, 4)))


def where_id(rng, high=PARENTS, column="id"):
    roll = rng.random()
    if roll < 0.6:
        return "%s = %d" % (column, small(rng, high))
    if roll < 0.8:
        return "%s IN (%s)" % (column, some(rng, high))
    low = small(rng, high)
    return "%s BETWEEN %d AND %d" % (column, low, low + rng.randint(0, 4))


# --- all types -----------------------------------------------------------------------

def types_insert(rng):
    columns = rng.sample(sorted(TYPES), rng.randint(1, 25))
    rows = []
    key = rng.random() < 0.4
    for _ in range(rng.choice((1, 1, 2, 5))):
        cells = ([str(small(rng, 60))] if key else []) + [value(rng, c) for c in columns]
        rows.append("(" + ", ".join(cells) + ")")
    return ["%s INTO types (%s) VALUES %s" % (
        rng.choice(("INSERT", "INSERT", "INSERT IGNORE", "REPLACE")),
        ", ".join((["id"] if key else []) + columns), ", ".join(rows))]


def types_update(rng):
    columns = rng.sample(sorted(TYPES), rng.randint(1, 8))
    return ["UPDATE types SET %s WHERE %s" % (
        ", ".join("%s = %s" % (c, value(rng, c)) for c in columns), where_id(rng, 60))]


def types_delete(rng):
    return ["DELETE FROM types WHERE " + where_id(rng, 60)]


NK = ("ii", "fl", "fd", "de", "dt6", "ts4", "ch", "v4", "n6", "ob", "en", "b13", "uu", "t3")


def types_nk(rng):
    columns = rng.sample(NK, rng.randint(1, 6))
    roll = rng.random()
    if roll < 0.5:
        return ["INSERT INTO types_nk (%s) VALUES (%s)" % (
            ", ".join(columns), ", ".join(value(rng, c) for c in columns))]
    if roll < 0.8:
        return ["UPDATE types_nk SET %s LIMIT %d" % (
            ", ".join("%s = %s" % (c, value(rng, c)) for c in columns[:2]), rng.randint(1, 3))]
    return ["DELETE FROM types_nk LIMIT %d" % rng.randint(1, 2)]


# --- unique keys ---------------------------------------------------------------------

def uniq_insert(rng):
    rows = ", ".join("(%s, %s, %s, %d, %s)" % (
        rng.choice(("NULL", str(small(rng, 25)))), maybe(rng, small(rng, 20)),
        maybe(rng, quoted(rng.choice(CASE))), small(rng, 4), quoted(rng.choice(CASE)))
        for _ in range(rng.choice((1, 1, 3))))
    head = rng.choice(("INSERT", "INSERT", "REPLACE", "INSERT IGNORE"))
    tail = ""
    if head == "INSERT" and rng.random() < 0.4:
        tail = " ON DUPLICATE KEY UPDATE c = c + 1, a = %s" % maybe(rng, small(rng, 20))
    return ["%s INTO uniq (id, a, b, c, n) VALUES %s%s" % (head, rows, tail)]


def uniq_swap(rng):
    one, two = rng.sample(range(1, 26), 2)
    column = rng.choice(("a", "b"))
    return ["SELECT @one := %s FROM uniq WHERE id = %d" % (column, one),
            "SELECT @two := %s FROM uniq WHERE id = %d" % (column, two),
            "UPDATE uniq SET %s = NULL WHERE id = %d" % (column, one),
            "UPDATE uniq SET %s = @one WHERE id = %d" % (column, two),
            "UPDATE uniq SET %s = @two WHERE id = %d" % (column, one)]


def uniq_shift(rng):
    step = rng.choice((1, -1))
    return ["UPDATE uniq SET a = a + %d WHERE a BETWEEN 1 AND 40 ORDER BY a %s" % (
        step, "DESC" if step > 0 else "ASC")]


def uniq_other(rng):
    return [rng.choice((
        "DELETE FROM uniq WHERE " + where_id(rng, 25),
        "UPDATE uniq SET b = UPPER(b) WHERE " + where_id(rng, 25),
        "UPDATE uniq SET b = LOWER(b), n = UPPER(n) WHERE " + where_id(rng, 25),
        "UPDATE uniq SET b = %s WHERE %s" % (quoted(rng.choice(CASE)), where_id(rng, 25)),
        "UPDATE uniq SET id = id + 7 WHERE id = %d" % small(rng, 25),
        "INSERT INTO prefix_unique VALUES (%d, %s)" % (small(rng), quoted(rng.choice(CASE) + "xyz")),
        "UPDATE prefix_unique SET t = %s WHERE id = %d" % (quoted(rng.choice(TEXTS)), small(rng)),
        "DELETE FROM prefix_unique WHERE id = %d" % small(rng)))]


def collated(rng):
    table, extra = rng.choice((("ci", False), ("uc", True), ("cs", False), ("chr", False),
                               ("nopad", False)))
    name, other = quoted(rng.choice(CASE)), quoted(rng.choice(CASE))
    key = ", %d" % small(rng, 3) if extra else ""
    return [rng.choice((
        "INSERT INTO %s VALUES (%s%s, %d)" % (table, name, key, small(rng, 99)),
        "INSERT INTO %s VALUES (%s%s, %d)" % (table, name, key, small(rng, 99)),
        "REPLACE INTO %s VALUES (%s%s, %d)" % (table, name, key, small(rng, 99)),
        "UPDATE %s SET name = %s WHERE name = %s" % (table, other, name),
        "UPDATE %s SET name = UPPER(name) WHERE name = %s" % (table, name),
        "UPDATE %s SET v = v + 1 WHERE name >= %s" % (table, name),
        "DELETE FROM %s WHERE name = %s" % (table, name)))]


def key_change(rng):
    return [rng.choice((
        "INSERT INTO pkc VALUES (%d, %d, 0), (%d, %d, 1)" % (small(rng), small(rng, 3), small(rng),
                                                             small(rng, 3)),
        "INSERT INTO pkc VALUES (%d, %d, 2)" % (small(rng), small(rng, 3)),
        "UPDATE pkc SET id = id + 1 WHERE grp = %d ORDER BY id DESC" % small(rng, 3),
        "UPDATE pkc SET grp = grp %% 3 + 1 WHERE id = %d" % small(rng),
        "UPDATE pkc SET id = %d WHERE id = %d" % (small(rng), small(rng)),
        "UPDATE pkc SET v = v + 1 WHERE grp = %d" % small(rng, 3),
        "DELETE FROM pkc WHERE id > %d" % small(rng, 40),
        "INSERT INTO fkey VALUES (%s, %s, 1)" % (rng.choice(("0.1", "-0e0", "0", "16777217", "1e-45")),
                                                 rng.choice(("0.1", "1e300", "-0e0", "3"))),
        "UPDATE fkey SET v = v + 1, f = f + 0.1 LIMIT 2",
        "DELETE FROM fkey LIMIT 1"))]


# --- cascades ------------------------------------------------------------------------

def parents(rng):
    code = quoted(rng.choice("abcdefgh") + rng.choice(("", "A", " ")))
    return [rng.choice((
        "INSERT INTO p VALUES (%d, %s, %s, 0)" % (small(rng), code, maybe(rng, small(rng, 9))),
        "INSERT INTO p VALUES (%d, %s, %s, 0)" % (small(rng), code, maybe(rng, small(rng, 9))),
        "INSERT INTO p (code, alt) VALUES (%s, %s)" % (code, maybe(rng, small(rng, 9))),
        "REPLACE INTO p VALUES (%d, %s, %s, 1)" % (small(rng), code, maybe(rng, small(rng, 9))),
        "INSERT INTO p VALUES (%d, %s, 3, 0) ON DUPLICATE KEY UPDATE code = %s, v = v + 1" % (
            small(rng), code, quoted(rng.choice("abcdefgh"))),
        "INSERT INTO q VALUES (%d, 0)" % small(rng), "DELETE FROM q WHERE " + where_id(rng),
        "UPDATE q SET id = %d WHERE id = %d" % (small(rng), small(rng)),
        "UPDATE p SET v = v + 1 WHERE " + where_id(rng),
        "UPDATE p SET code = %s WHERE id = %d" % (code, small(rng)),
        "UPDATE p SET code = UPPER(code) WHERE " + where_id(rng),
        "UPDATE p SET alt = %s WHERE id = %d" % (maybe(rng, small(rng, 9), 0.3), small(rng)),
        "UPDATE p SET alt = alt + 1 WHERE alt < 20 ORDER BY alt DESC",
        "UPDATE p SET id = %d WHERE id = %d" % (small(rng), small(rng)),
        "UPDATE p SET id = id + 1 WHERE id >= %d ORDER BY id DESC" % small(rng),
        "DELETE FROM p WHERE " + where_id(rng), "DELETE FROM p WHERE " + where_id(rng),
        "DELETE FROM p WHERE code = " + code,
        "DELETE p, c1 FROM p JOIN c1 ON c1.p_id = p.id WHERE p.id = %d" % small(rng)))]


def children(rng):
    number, parent = small(rng, 30), maybe(rng, small(rng))
    code = maybe(rng, quoted(rng.choice("abcdefgh")))
    return [rng.choice((
        "INSERT INTO c1 (p_id, v) VALUES (%d, 0), (%d, 1)" % (small(rng), small(rng)),
        "INSERT INTO c1 VALUES (%d, %d, 0)" % (number, small(rng)),
        "INSERT INTO c2 VALUES (%d, %s, 0)" % (number, parent),
        "INSERT INTO c3 VALUES (%d, %s, 0)" % (number, code),
        "INSERT INTO c4 VALUES (%d, %s, 0)" % (number, maybe(rng, small(rng, 9))),
        "INSERT INTO one VALUES (%d, 0)" % small(rng),
        "INSERT INTO g1 (c_id, v) VALUES (%s, 0)" % maybe(rng, number),
        "INSERT INTO g1 SELECT NULL, id, v FROM c1 LIMIT 3",
        "INSERT INTO g2 VALUES (%d, %s, 0)" % (number, maybe(rng, small(rng, 30))),
        "INSERT INTO g3 SELECT id + %d, id, v FROM g1 LIMIT 2" % number,
        "INSERT INTO r1 VALUES (%d, %s, 0)" % (number, parent),
        "INSERT INTO multi (p_id, q_id, c_id, v) VALUES (%s, %s, %s, 0)" % (
            parent, maybe(rng, small(rng), 0.3), maybe(rng, small(rng, 30), 0.4)),
        "UPDATE c1 SET p_id = %d, v = v + 1 WHERE %s" % (small(rng), where_id(rng, 30)),
        "UPDATE c2 SET v = v + 1 WHERE " + where_id(rng, 30),
        "UPDATE c2 SET p_id = %s WHERE %s" % (parent, where_id(rng, 30)),
        "UPDATE c2 SET id = %d WHERE id = %d" % (small(rng, 30), number),
        "UPDATE c3 SET code = %s, v = v + 1 WHERE %s" % (code, where_id(rng, 30)),
        "UPDATE c4 SET alt = %s WHERE id = %d" % (maybe(rng, small(rng, 9)), number),
        "UPDATE one SET v = v + 1",
        "UPDATE g1 SET v = v + 1 WHERE " + where_id(rng, 30),
        "UPDATE multi SET q_id = %s, v = v + 1 WHERE %s" % (parent, where_id(rng, 30)),
        "DELETE FROM %s WHERE %s" % (rng.choice(("c1", "c2", "c3", "c4", "one", "g1", "g2", "g3",
                                                 "r1", "multi")), where_id(rng, 30))))]


def replay_parent(rng):
    """Counterexample 1: a parent goes and comes back within one transaction."""
    number = small(rng)
    code = quoted(rng.choice("abcdefgh"))
    there = "INSERT INTO p VALUES (%d, %s, NULL, 5)" % (number, code)
    gone = "DELETE FROM p WHERE id = %d" % number
    return rng.choice((
        ["UPDATE c2 SET v = 2 WHERE p_id = %d" % number, gone, there,
         "UPDATE c2 SET p_id = %d WHERE p_id IS NULL LIMIT 2" % number],
        [there, gone], [gone, there, gone],
        ["UPDATE c1 SET v = v + 1 WHERE p_id = %d" % number, gone, there,
         "INSERT INTO c1 VALUES (%d, %d, 9)" % (small(rng, 30), number)],
        ["UPDATE p SET alt = 91 WHERE id = %d" % number,
         "UPDATE p SET alt = 92 WHERE id = %d" % number,
         "UPDATE p SET alt = 91 WHERE id = %d" % number],
        ["UPDATE p SET id = 50 WHERE id = %d" % number,
         "UPDATE p SET id = %d WHERE id = 50" % number],
        ["UPDATE p SET code = 'zz' WHERE id = %d" % number,
         "UPDATE p SET code = %s WHERE id = %d" % (code, number)]))


def orphans(rng):
    """With the checks off: orphans appear, or parents go without their cascades."""
    number = small(rng)
    inner = rng.choice((
        ["INSERT INTO c1 (p_id, v) VALUES (%d, 7), (%d, 7)" % (number, number + 1)],
        ["INSERT INTO c2 VALUES (%d, %d, 7)" % (small(rng, 30), number)],
        ["INSERT INTO c3 VALUES (%d, 'orphan', 7)" % small(rng, 30)],
        ["DELETE FROM p WHERE id = %d" % number],
        ["UPDATE p SET id = %d WHERE id = %d" % (small(rng), number)],
        ["UPDATE p SET alt = %d WHERE id = %d" % (small(rng, 9), number)],
        ["DELETE FROM tree WHERE id = %d" % number],
        ["INSERT INTO tree VALUES (%d, %d, 7)" % (number, small(rng, 30))]))
    return ["SET SESSION foreign_key_checks=0", *inner, "SET SESSION foreign_key_checks=1"]


def trees(rng):
    table = rng.choice(("tree", "tree2"))
    return [rng.choice((
        "INSERT INTO %s VALUES (%d, NULL, 0)" % (table, small(rng, 30)),
        "INSERT INTO %s VALUES (%d, %s, 0)" % (table, small(rng, 30), small(rng, 30)),
        "INSERT INTO %s VALUES (%d, %s, 0)" % (table, small(rng, 30), small(rng, 30)),
        "INSERT INTO %s SELECT id + 30, id, v FROM %s WHERE id < 31 LIMIT 4" % (table, table),
        "UPDATE %s SET parent = %s WHERE id = %d" % (table, maybe(rng, small(rng, 30)),
                                                     small(rng, 30)),
        "UPDATE %s SET v = v + 1" % table,
        "DELETE FROM %s WHERE %s" % (table, where_id(rng, 60)),
        "DELETE FROM %s WHERE %s" % (table, where_id(rng, 30))))]


def pairs(rng):
    one, two = small(rng, 4), small(rng, 4)
    return [rng.choice((
        "INSERT INTO pair VALUES (%d, %d, 0)" % (one, two),
        "INSERT INTO pair VALUES (%d, %d, 0)" % (one, two),
        "INSERT INTO pair_child VALUES (%d, %s, %s, 0)" % (small(rng), maybe(rng, one),
                                                           maybe(rng, two)),
        "INSERT INTO pair_child VALUES (%d, %s, %s, 0)" % (small(rng), one, two),
        "UPDATE pair SET a = %d WHERE a = %d" % (small(rng, 4), one),
        "UPDATE pair SET a = %d, b = %d WHERE a = %d AND b = %d" % (two, one, one, two),
        "UPDATE pair_child SET v = v + 1, b = %s WHERE id = %d" % (maybe(rng, two), small(rng)),
        "DELETE FROM pair WHERE b = %d" % two,
        "DELETE FROM pair_child WHERE id = %d" % small(rng)))]


# --- no keys, generated, partitions, engines -----------------------------------------

def keyless(rng):
    a, b = maybe(rng, small(rng, 4)), maybe(rng, quoted(rng.choice(CASE[:6])))
    return [rng.choice((
        "INSERT INTO nopk VALUES (%s, %s, %s, NULL), (%s, %s, 0.1, '2020-01-01 00:00:00.5')" % (
            a, b, rng.choice(("0.1", "NULL", "16777217")), a, b),
        "INSERT INTO nopk (a) VALUES (1), (1), (1)",
        "UPDATE nopk SET a = a + 1 WHERE a = 1 LIMIT 1",
        "UPDATE nopk SET b = %s LIMIT %d" % (b, rng.randint(1, 3)),
        "UPDATE nopk SET c = c + 0.1",
        "DELETE FROM nopk WHERE a = 1 LIMIT 1", "DELETE FROM nopk LIMIT %d" % rng.randint(1, 3),
        "INSERT INTO nopk_u VALUES (%s, %s)" % (a, b), "INSERT INTO nopk_u VALUES (NULL, %s)" % b,
        "UPDATE nopk_u SET a = %s LIMIT 1" % a, "DELETE FROM nopk_u LIMIT 1",
        "INSERT INTO nopk_blob VALUES (%s, %s, %s)" % (a, blob(rng, 200), rng.choice(("1.5", "0"))),
        "UPDATE nopk_blob SET b = %s LIMIT 2" % blob(rng, 9), "DELETE FROM nopk_blob LIMIT 1"))]


def generated(rng):
    return [rng.choice((
        "INSERT INTO gen (a, s) VALUES (%d, %s)" % (rng.randint(-50, 50), text(rng, 10)),
        "INSERT INTO gen (a, s, inv) VALUES (%d, 'x', %s)" % (small(rng), maybe(rng, 3)),
        "UPDATE gen SET a = a + 1 WHERE k = %d" % small(rng, 9),
        "UPDATE gen SET s = %s, inv = inv + 1 WHERE id = %d" % (text(rng, 10), small(rng, 30)),
        "DELETE FROM gen WHERE " + where_id(rng, 30),
        "INSERT INTO stamps (id, v) VALUES (%d, 0)" % small(rng),
        "INSERT INTO stamps (id, v, u) VALUES (%d, 0, '2020-01-01 00:00:00')" % small(rng),
        "UPDATE stamps SET v = v + 1 WHERE " + where_id(rng),
        "UPDATE stamps SET v = v + 1, u = u, u6 = u6 WHERE " + where_id(rng),
        "DELETE FROM stamps WHERE id = %d" % small(rng)))]


def unchecked(rng):
    return ["SET SESSION check_constraint_checks=0",
            "INSERT INTO gen (a, s) VALUES (-2000, %s)" % text(rng, 8),
            "SET SESSION check_constraint_checks=1"]


def partitioned(rng):
    number = rng.randint(1, 400)
    return [rng.choice((
        "INSERT INTO part VALUES (%d, 0, 'p'), (%d, 1, NULL)" % (number, rng.randint(1, 400)),
        "INSERT IGNORE INTO part SELECT seq * 7, seq, 's' FROM seq_1_to_40",
        "UPDATE part SET id = id + 95 WHERE id < %d ORDER BY id DESC" % number,
        "UPDATE part SET v = v + 1 WHERE id > %d" % number,
        "DELETE FROM part WHERE id > %d LIMIT 5" % number,
        "INSERT INTO hashed VALUES (%d, %d, 0)" % (small(rng), small(rng)),
        "UPDATE hashed SET k = %d WHERE id = %d" % (small(rng), small(rng)),
        "DELETE FROM hashed WHERE k = %d" % small(rng)))]


def engines(rng):
    number, word = small(rng), maybe(rng, quoted(rng.choice("abcdefgh")))
    table = rng.choice(("mem", "mym"))
    keyless_table = rng.choice(("mem_nk", "mym_nk"))
    return [rng.choice((
        "INSERT INTO %s VALUES (%d, 0, %s)" % (table, number, word),
        "REPLACE INTO %s VALUES (%d, 1, %s)" % (table, number, word),
        "INSERT INTO %s VALUES (%d, 0, %s), (%d, 0, NULL)" % (table, number, word, small(rng)),
        "UPDATE %s SET v = v + 1" % table,
        "UPDATE %s SET id = %d, w = %s WHERE id = %d" % (table, small(rng), word, number),
        "DELETE FROM %s WHERE %s" % (table, where_id(rng)),
        "INSERT INTO %s VALUES (%d, %s), (%d, %s)" % (keyless_table, number, word, number, word),
        "UPDATE %s SET a = a + 1 LIMIT 2" % keyless_table,
        "DELETE FROM %s LIMIT 1" % keyless_table,
        "DELETE FROM " + keyless_table,
        "INSERT INTO aria VALUES (%d, %s)" % (number, text(rng, 60)),
        "UPDATE aria SET v = %s WHERE id = %d" % (text(rng, 60), number),
        "DELETE FROM aria WHERE id = %d" % number))]


def odd(rng):
    column = quote(rng.choice(ODD_COLUMNS))
    table, word = quote(ODD), quoted(rng.choice(CASE))
    return [rng.choice((
        "INSERT INTO %s (`id`, %s) VALUES (%d, %s)" % (table, column, small(rng), word),
        "UPDATE %s SET %s = %s WHERE id = %d" % (table, column, word, small(rng)),
        "DELETE FROM %s WHERE id = %d" % (table, small(rng))))]


def big(rng):
    size = rng.choice((70000, 300000, 3000000))
    return [rng.choice((
        "REPLACE INTO big VALUES (%d, REPEAT(x'00ff41', %d), NULL)" % (small(rng, 4), size // 3),
        "REPLACE INTO big VALUES (%d, NULL, REPEAT('ü', %d))" % (small(rng, 4), size // 2),
        "UPDATE big SET t = %s" % quoted("short"), "DELETE FROM big WHERE id = %d" % small(rng, 4)))]


def stock(rng):
    return [rng.choice((
        "INSERT INTO stock VALUES (%d, %d, 100)" % (small(rng), small(rng)),
        "UPDATE stock SET qty = qty - 1 WHERE product_id = %d" % small(rng),
        "UPDATE stock SET qty = CASE product_id WHEN 1 THEN qty - 1 WHEN 2 THEN qty - 2.5 ELSE qty"
        " END WHERE product_id IN (1, 2, 3)",
        "UPDATE stock SET qty = qty - 1 WHERE product_id = %d" % small(rng)))]


def triggered(rng):
    return [rng.choice(("INSERT INTO trigger_in VALUES (%d, 0)", "DELETE FROM trigger_in WHERE id ="
                        " %d", "UPDATE trigger_in SET v = v + 1 WHERE id = %d")) % small(rng)]


def bulk(rng):
    """Up to 20 000 rows in one statement."""
    rows = rng.choice((2000, 20000))
    return [rng.choice((
        "INSERT IGNORE INTO bulk SELECT seq, seq %% 97, CONCAT('row ', seq) FROM seq_1_to_%d" % rows,
        "UPDATE bulk SET a = a + 1 WHERE id <= %d" % rows,
        "DELETE FROM bulk WHERE id %% 3 = %d" % rng.randint(0, 2),
        "UPDATE bulk SET id = id + 100000 WHERE id BETWEEN 50 AND %d" % (50 + rows // 10)))]


def temporary(rng):
    return ["CREATE TEMPORARY TABLE IF NOT EXISTS scratch (a INT, b VARCHAR(20))",
            "INSERT INTO scratch VALUES (%d, 'tmp'), (2, NULL)" % small(rng),
            "INSERT INTO nopk (a, b) SELECT a, b FROM scratch",
            "DROP TEMPORARY TABLE IF EXISTS scratch"]


WEIGHTED = (
    (10, types_insert), (8, types_update), (3, types_delete), (4, types_nk),
    (6, uniq_insert), (3, uniq_swap), (2, uniq_shift), (5, uniq_other), (8, collated),
    (6, key_change), (12, parents), (14, children), (6, replay_parent), (3, orphans), (6, trees),
    (4, pairs), (7, keyless), (6, generated), (1, unchecked), (5, partitioned), (7, engines),
    (3, odd), (0.4, big), (4, stock), (2, triggered), (0.25, bulk), (1, temporary),
)
TRANSACTIONAL = tuple((w, f) for w, f in WEIGHTED if f not in (engines, temporary, bulk, triggered))


def pick(rng, table=WEIGHTED):
    return rng.choices([f for _, f in table], [w for w, _ in table])[0](rng)
