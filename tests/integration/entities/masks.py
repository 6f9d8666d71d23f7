"""Masks: what must not leave the source does not, and everything else holds as if there were none."""

import os
import random

from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import only

KEY = "a secret that the masks are made with"
FULL = ("--binlog-row-metadata=FULL",)


def masked(*rules, unknown="stop", **more):
    return {"mask": {"key": KEY, "unknown": unknown, "rules": list(rules), **more}}


def files_below(*folders):
    for folder in folders:
        for path, _folders, names in os.walk(folder):
            for name in names:
                full = os.path.join(path, name)
                if os.path.isfile(full) and not os.path.islink(full):
                    yield full


def expect_no_leak(lab, secrets):
    """None of the texts is in any file of the destination's server, nor in spool, state and log of the program."""
    wanted = [s if isinstance(s, bytes) else s.encode() for s in secrets]
    for path in files_below(os.path.join(lab.work.path(), "destination"), lab.program.folder):
        if path.endswith("datasync.yaml"):
            continue
        with open(path, "rb") as file:
            content = file.read()
        for secret in wanted:
            expect(secret not in content, "%r is in %s" % (secret, os.path.basename(path)))


def table(server, name, key="id", columns="*"):
    return list(server.query("SELECT %s FROM %s ORDER BY %s" % (columns, name, key), "shop"))


PEOPLE = """
CREATE TABLE person (id INT PRIMARY KEY, email VARCHAR(80) CHARACTER SET utf8mb3 NOT NULL, first VARCHAR(40), last VARCHAR(40),
  whole VARCHAR(60), phone VARCHAR(30), street TEXT, town VARCHAR(40), zip VARCHAR(12), company VARCHAR(40), ip VARCHAR(45),
  ip4 VARBINARY(16), ipn BIGINT UNSIGNED, born DATE, seen DATETIME(3), note TEXT NOT NULL, code VARCHAR(64), part VARCHAR(40),
  made VARCHAR(60), amount DECIMAL(12,4), level INT NOT NULL, secret VARCHAR(64), big BIGINT NOT NULL, at TIMESTAMP NOT NULL DEFAULT
  CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY (email), UNIQUE KEY (code));
CREATE TABLE orders (id INT PRIMARY KEY, person INT, email VARCHAR(200) COLLATE utf8mb4_unicode_ci,
  FOREIGN KEY (person) REFERENCES person (id) ON DELETE CASCADE);
"""
PEOPLE_RULES = (
    "*.id,person keep", "*.email email", "person.first first_name", "person.last last_name", "person.whole name",
    "person.phone phone", "person.street street", "person.town city", "person.zip postcode", "person.company company",
    "person.ip,ip4,ipn ip", "person.born date_shift 20", "person.seen date_shift", "person.note null", "person.code hash",
    "person.part partial 2 1", "person.made template {first_name}.{hash:8}@shop.test", "person.amount null",
    "person.level fixed -3", "person.secret fixed hidden", "person.big hash", "person.at keep")


def person(i, tag):
    return ("(%d, 'Zoltan%s%d@Secretmail.test', 'Quirinus%s', 'Wertherbach%s', 'Quirinus%s Wertherbach%s', '+49 171 55%05d-A', "
            "'Geheimweg%s 7', 'Quedlinburg%s', '4%04dQX', 'Verschwiegen%s AG', '203.0.113.%d', INET6_ATON('203.0.113.%d'), %d, "
            "'1985-03-%02d', '2024-01-%02d 10:11:12.345', 'wants%s discretion', 'CODE-%s-%d', 'partial%s', 'made%s', 77.12, %d, "
            "'secretword%s', %d, '2020-01-01 00:00:00')" % (
                i, tag, i, tag, tag, tag, tag, i, tag, tag, i, tag, i % 250, i % 250, 3405803776 + i, 1 + i % 28, 1 + i % 28,
                tag, tag, i, tag, tag, i, tag, i * 7919))


def check_people(lab):
    source, there = table(lab.source, "person"), table(lab.destination, "person")
    expect_equal([r[0] for r in there], [r[0] for r in source], "keys")
    for a, b in zip(source, there):
        for i in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20, 21, 22):
            if a[i] is None or a[i] == "":
                expect_equal(b[i], a[i], "an empty value")
            else:
                expect(a[i] != b[i], "column %d is not masked: %r" % (i, a))
        expect_equal(b[15], "", "note")
        expect_equal(b[19], None, "amount")
        expect_equal(b[20], -3, "level")
        expect_equal(a[23], b[23], "a column that is kept")
    emails = {a[1].lower().strip(): b[1] for a, b in zip(source, there)}
    expect_equal(len(set(emails.values())), len(emails), "different addresses")
    for a, b in zip(table(lab.source, "orders"), table(lab.destination, "orders")):
        expect_equal(b[:2], a[:2], "an order")
        expect_equal(b[2], emails.get(a[2].lower().strip(), b[2]), "the address of an order")
    words = ["Secretmail", "Quirinus", "Wertherbach", "Geheimweg", "Quedlinburg", "Verschwiegen", "203.0.113", "discretion", "CODE-",
             "secretword", "ecretmai"]
    expect_no_leak(lab, words)


@only("masks-methods", "every method, by copy and by stream: values are masked alike, joins and keys hold, nothing leaks")
def _():
    with Lab(settings=masked(*PEOPLE_RULES), source_options=FULL) as lab:
        lab.source.script(PEOPLE)
        lab.source.run("INSERT INTO person VALUES " + ", ".join(person(i, "Copy") for i in range(1, 40)),
                       "INSERT INTO orders SELECT id, id, UPPER(email) FROM person")
        lab.program.start()
        lab.program.wait_caught_up()
        check_people(lab)
        lab.source.run(
            "INSERT INTO person VALUES " + ", ".join(person(i, "Stream") for i in range(40, 90)),
            "INSERT INTO orders SELECT id, id, CONCAT(' ', LOWER(email)) FROM person WHERE id >= 40",
            "UPDATE person SET first = 'Quirinusneu', email = UPPER(email) WHERE id % 3 = 0",
            "UPDATE person SET whole = NULL, phone = '', zip = '  ', big = big + 1 WHERE id % 5 = 0",
            "DELETE FROM person WHERE id % 7 = 0",
            "UPDATE person SET code = CONCAT('CODE-', id + 1000) WHERE id < 20")
        lab.program.wait_caught_up()
        check_people(lab)
        copied = {r[1]: r[2] for r in table(lab.destination, "person")}
        expect(copied, "rows")
        lab.program.stop()
        # the same values masked again, all of them by the copy
        first = table(lab.destination, "person")
        lab.program.command("run", "--resnapshot", "--yes", "--stop-at", lab.source.gtid())
        expect_equal(table(lab.destination, "person"), first, "the same rows, copied")
        code, out, _err = lab.program.command("check", "--counts")
        expect_equal(code, 0, "check --counts of masked tables: " + out)


@only("masks-refused", "masks that cannot hold what they promise: exit 2, saying what to do")
def _():
    with Lab(source_options=FULL) as lab:
        lab.source.script("CREATE TABLE p (id INT PRIMARY KEY, email VARCHAR(80), code VARCHAR(12), n INT, d DATE, UNIQUE KEY (email), "
                          "UNIQUE KEY k (code, n))")
        base = ["p.id,email,code,n,d keep"]
        for n, (rules, part, more) in enumerate((
                (base + ["p.email first_name"], "unique key email", {}),
                (base + ["p.email email"], None, {}),
                (base + ["p.code hash"], "unique key k", {}),
                (base + ["p.n hash"], "unique key k", {}),
                (base + ["p.d first_name"], "cannot be used for column d", {}),
                (base + ["p.n fixed twelve"], "cannot be used for column n", {}),
                (base + ["p.code fixed 1234567890123"], "longer than the column", {}),
                (["p.id,email keep"], "p.code keep", {}),
                (["p.id,email,code,n keep", "p[n=1].d null"], "p.d keep", {}),
                (base + ["p[m=1].d null"], "there is no column m", {}),
                (base + ["p.d attribute customer"], "attribute_id", {}),
                (base + ["p.d nul"], "no such method", {}),
                (base + ["p null"], "TABLE.COLUMN", {}),
                (base + ["p.d template {nam}"], "{first_name}", {}),
                (base + ["p.d partial 1"], "partial", {}),
                (base, "16", {"key": "short"}),
                (base, "16", {"key": ""}),
                (base, "No such file", {"key": "", "key_file": "/no/such/file"}),
                ([], "nothing would be masked", {}))):
            other = lab.another("refused-%d" % n, settings=masked(*rules, **more))
            code, _out, err = other.command("incremental")
            if part is None:
                expect_equal(code, 0, "%s: %s" % (rules, err[-600:]))
                continue
            expect_equal(code, 2, "%s: %s" % (rules, err[-600:]))
            expect_contains(err, part, "message for %s" % rules)
            if code == 2 and more.get("key", KEY) == KEY and rules:
                code, out, err = other.command("check")
                expect(code in (1, 2), "check with %s: %d" % (rules, code))
                expect_contains(out + err, part, "check")


@only("masks-fingerprint", "another mask, or another key, needs another copy")
def _():
    with Lab(settings=masked("t.id keep", "t.v hash"), source_options=FULL) as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(60));\nINSERT INTO t VALUES (1, 'a')")
        lab.program.incremental()
        for change in ({"key": KEY + "."}, {"rules": ["t.id keep", "t.v keep"]}, {"rules": ["t.* null", "t.id keep"]}):
            before = dict(lab.program.settings["mask"])
            lab.program.configure({"mask": change})
            _log = lab.program.incremental(expect=2)
            expect_contains(_log, "--resnapshot", "message")
            expect(KEY not in _log, "the key is in the log")
            lab.program.configure({"mask": before})
        for change in ({"unknown": "null"}, {"rules": ["t.* keep", "t.v hash"]}, {"unknown": "stop"}):
            lab.program.configure({"mask": change})
            lab.program.incremental()
        code, out, _err = lab.program.command("config")
        expect_equal(code, 0, "config")
        expect(KEY not in out, "the key is shown")


@only("masks-unknown-stop", "a new column or table without a rule stops before anything of it is stored")
def _():
    with Lab(settings=masked("t.id keep", "t.v email"), source_options=FULL) as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(60));\nINSERT INTO t VALUES (1, 'a@b.c')")
        lab.program.incremental()
        lab.source.run("ALTER TABLE t ADD COLUMN w VARCHAR(40)", "INSERT INTO t VALUES (2, 'b@b.c', 'Geheimnis')")
        log = lab.program.incremental(expect=1)
        expect_contains(log, "t.w keep", "message")
        expect_contains(log, "position=", "message")
        expect_no_leak(lab, ["Geheimnis"])
        lab.program.configure({"mask": {"rules": ["t.id keep", "t.v hash", "t.w hash"]}})
        log = lab.program.incremental(expect=2)
        expect_contains(log, "column t.v", "message")
        expect_contains(log, "--resnapshot", "message")
        lab.program.configure({"mask": {"rules": ["t.id keep", "t.v email", "t.w hash", "nothing.* null"]}})
        lab.program.incremental()
        masked_w = table(lab.destination, "t")[1][2]
        expect(masked_w and masked_w != "Geheimnis", "the new column is masked")
        lab.program.configure({"mask": {"rules": ["t.id keep", "t.v email", "t.w keep"]}})
        expect_contains(lab.program.incremental(expect=2), "column t.w", "message")
        lab.program.configure({"mask": {"key": KEY + ".", "rules": ["t.id keep", "t.v email", "t.w hash"]}})
        expect_contains(lab.program.incremental(expect=2), "--resnapshot", "message")
        lab.program.configure({"mask": {"key": KEY, "rules": ["t.id keep", "t.v email", "t.w hash"]}})
        lab.source.run("CREATE TABLE u (id INT PRIMARY KEY, w VARCHAR(40))", "INSERT INTO u VALUES (1, 'Heimlich')")
        expect_contains(lab.program.incremental(expect=1), "u.id keep", "message")
        expect_no_leak(lab, ["Geheimnis", "Heimlich"])


@only("masks-unknown-null", "or their values do not travel, and everything else goes on")
def _():
    with Lab(settings=masked("t*.id keep", "t*.v email", unknown="null"), source_options=FULL) as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(60), x INT NOT NULL);\nINSERT INTO t VALUES (1, 'a@b.c', 4711);\n"
                          "CREATE TABLE u (id INT PRIMARY KEY, w VARCHAR(40));\nINSERT INTO u VALUES (1, 'Heimlich')")
        lab.program.incremental()
        expect_equal(table(lab.destination, "t", columns="id, x"), [(1, 0)], "a column without a rule")
        lab.source.run("ALTER TABLE t ADD COLUMN w VARCHAR(40), ADD COLUMN y DECIMAL(8,2) NOT NULL DEFAULT 5, ADD z DATE NOT NULL",
                       "INSERT INTO t VALUES (2, 'b@b.c', 42, 'Geheimnis', 3, '2001-01-01')", "INSERT INTO u VALUES (2, 'Heimlich')",
                       "CREATE TABLE n (id INT PRIMARY KEY, w VARCHAR(40))", "INSERT INTO n VALUES (1, 'Heimlich')",
                       "CREATE TABLE t2 (id INT PRIMARY KEY, n INT, FOREIGN KEY (n) REFERENCES n (id) ON DELETE SET NULL)",
                       "INSERT INTO t2 VALUES (1, 1)", "DELETE FROM n", "UPDATE u SET w = 'Heimlich2'")
        lab.program.incremental()
        expect_equal([tuple(str(v) for v in r) for r in table(lab.destination, "t", columns="id, x, w, y, z")],
                     [("1", "0", "None", "5.00", "0000-00-00"), ("2", "0", "None", "0.00", "1970-01-01")], "new columns")
        expect_equal(table(lab.destination, "u"), [], "a table without a rule")
        expect_equal(table(lab.destination, "n"), [], "a new one")
        expect_equal(table(lab.destination, "t2"), [(1, None)], "what refers to it")
        expect_no_leak(lab, ["Geheimnis", "Heimlich"])


EAV = """
CREATE TABLE eav_entity_type (entity_type_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_code VARCHAR(50));
CREATE TABLE eav_attribute (attribute_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_id SMALLINT UNSIGNED, attribute_code VARCHAR(255));
CREATE TABLE customer_entity (entity_id INT UNSIGNED PRIMARY KEY, email VARCHAR(255));
CREATE TABLE customer_entity_varchar (value_id INT PRIMARY KEY AUTO_INCREMENT, attribute_id SMALLINT UNSIGNED, entity_id INT UNSIGNED,
  value VARCHAR(255), FOREIGN KEY (entity_id) REFERENCES customer_entity (entity_id) ON DELETE CASCADE);
INSERT INTO eav_entity_type VALUES (1, 'customer'), (4, 'catalog_product');
INSERT INTO eav_attribute VALUES (5, 1, 'firstname'), (6, 1, 'level'), (7, 1, 'password_hash'), (60, 4, 'name');
INSERT INTO customer_entity VALUES (1, 'x@y.z');
INSERT INTO customer_entity_varchar VALUES (1, 5, 1, 'Kunigunde'), (2, 6, 1, 'gold'), (3, 7, 1, 'hashword');
"""
EAV_RULES = ("eav_*.* keep", "customer_entity.entity_id keep", "customer_entity.email email",
             "customer_entity_varchar.value_id,attribute_id,entity_id keep", "customer_entity_varchar.value attribute customer",
             "@customer.firstname,lastname first_name", "@customer.level keep", "@customer.password_hash null")


@only("masks-attributes", "values of EAV tables by the code of their attribute, new and gone ones too")
def _():
    with Lab(settings=masked(*EAV_RULES), source_options=FULL) as lab:
        lab.source.script(EAV)
        lab.program.incremental()

        def values():
            return dict(table(lab.destination, "customer_entity_varchar", "value_id", "value_id, value"))
        first = values()
        expect_equal((first[2], first[3]), ("gold", None), "kept and left out")
        expect(first[1] not in ("Kunigunde", None, ""), "a name")
        lab.source.run("INSERT INTO eav_attribute VALUES (8, 1, 'lastname')",
                       "INSERT INTO customer_entity_varchar VALUES (4, 8, 1, 'Kunigunde'), (5, 6, 1, 'silver')",
                       "UPDATE customer_entity_varchar SET attribute_id = 5 WHERE value_id = 5",
                       "UPDATE customer_entity_varchar SET attribute_id = 6 WHERE value_id = 1")
        lab.program.incremental()
        now = values()
        expect_equal(now[4], first[1], "the same name in another attribute")
        expect(now[5] not in ("silver", None, ""), "a value that has become a name")
        expect_equal(now[1], "Kunigunde", "a value that is a level now, by the shop's own doing")
        lab.source.run("UPDATE customer_entity_varchar SET attribute_id = 5 WHERE value_id = 1")
        lab.program.incremental()
        expect_equal(values()[1], first[1], "a name again")
        lab.source.run("INSERT INTO eav_attribute VALUES (9, 1, 'hobby')", "INSERT INTO customer_entity_varchar VALUES (6, 9, 1, 'Schweigen')")
        log = lab.program.incremental(expect=1)
        expect_contains(log, "@customer.hobby keep", "message")
        expect_contains(log, "customer_entity_varchar", "message")
        lab.program.configure({"mask": {"rules": [*EAV_RULES, "@customer.hobby null", "@customer.level null"]}})
        expect_contains(lab.program.incremental(expect=2), "attribute customer.level", "message")
        lab.program.configure({"mask": {"rules": [*EAV_RULES, "@customer.hobby null"]}})
        lab.program.incremental()
        expect_equal(values()[6], None, "a new attribute, with a rule")
        expect_no_leak(lab, ["Schweigen", "hashword"])
    with Lab(settings=masked(*EAV_RULES, "@customer.* null", *EAV_RULES[-3:]), source_options=FULL) as lab:
        lab.source.script(EAV)
        lab.program.incremental()
        lab.source.run("INSERT INTO eav_attribute VALUES (9, 1, 'hobby')", "INSERT INTO customer_entity_varchar VALUES (6, 9, 1, 'Schweigen')",
                       "DELETE FROM eav_attribute WHERE attribute_id = 9")
        lab.program.incremental()
        expect_equal(values_of(lab)[6], None, "an attribute that is gone")
        expect_no_leak(lab, ["Schweigen", "Kunigunde"])


def values_of(lab):
    return dict(table(lab.destination, "customer_entity_varchar", "value_id", "value_id, value"))


@only("masks-conditions", "rules for some rows, and rows that become such")
def _():
    rules = ("t.* keep", "t[path=*/email/*].value email", "t[path=*secret*].value null", "t[flag=7].value fixed seven")
    with Lab(settings=masked(*rules), source_options=FULL) as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, path VARCHAR(60), flag INT, value VARCHAR(60), v INT)")
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (1, 'a/Email/b', 0, 'Verborgen1', 0), (2, 'a/SECRET', 0, 'Verborgen2', 0), (3, 'x', 7, 'Verborgen3', 0), "
                       "(4, 'open', 0, 'offen', 0), (5, NULL, NULL, 'offen', 0), (6, 'open', 0, NULL, 0)", "UPDATE t SET v = 1")
        lab.program.incremental()
        rows = {r[0]: r[3] for r in table(lab.destination, "t")}
        expect_contains(rows[1], "@example.com", "an address")
        expect_equal([rows[i] for i in (2, 3, 4, 5, 6)], [None, "seven", "offen", "offen", None], "the others")
        lab.source.run("UPDATE t SET path = 'a/email/c' WHERE id = 4", "UPDATE t SET path = 'my_secret' WHERE id = 3",
                       "UPDATE t SET flag = 7 WHERE id = 3", "UPDATE t SET flag = 0, value = 'offen' WHERE id = 3",
                       "DELETE FROM t WHERE id = 2")
        lab.program.incremental()
        rows = {r[0]: r[3] for r in table(lab.destination, "t")}
        expect_contains(rows[4], "@example.com", "an address by its new path")
        expect_equal(rows[3], None, "a secret by its new path")
        expect_no_leak(lab, ["Verborgen"])
        lab.source.run("SET GLOBAL binlog_row_image = MINIMAL", database=None)
        lab.source.run("UPDATE t SET value = 'Verborgen4' WHERE id = 3")
        expect_contains(lab.program.incremental(expect=1), "binlog_row_image", "message")
        expect_no_leak(lab, ["Verborgen"])


@only("masks-equality", "values that are equal at the source, by its collation, are equal when masked, and no others")
def _():
    seed = int(os.environ.get("DATASYNC_SEED") or random.randrange(1 << 30))
    print("seed %d" % seed)
    rng = random.Random(seed)
    collations = ("utf8mb3_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "latin1_swedish_ci", "utf8mb4_general_nopad_ci",
                  "utf8mb4_danish_ci", "utf8mb3_german2_ci", "utf8mb4_unicode_520_ci", "binary")
    letters = ["a", "A", "ä", "Ä", "e", "é", "s", "ss", "ß", "aa", "å", "o", "ø", " ", "b", "ae", "Ae", "æ", "1", "\u00ad", "."]
    values = sorted({"".join(rng.choice(letters) for _ in range(rng.randrange(1, 4))) for _ in range(160)})
    columns = ", ".join("v%d VARCHAR(60) %s" % (i, "CHARACTER SET binary" if c == "binary" else
                                              "CHARACTER SET %s COLLATE %s" % (c.split("_")[0], c)) for i, c in enumerate(collations))
    rules = ["t.id keep", "t.v* hash"]
    with Lab(settings=masked(*rules), source_options=FULL) as lab:
        lab.source.run("SET NAMES utf8mb4", "CREATE TABLE t (id INT PRIMARY KEY, %s)" % columns)
        lab.program.incremental()
        with lab.source.connect("shop") as connection, connection.cursor() as cursor:
            cursor.execute("SET NAMES utf8mb4")
            cursor.execute("SET sql_mode = ''")
            for i, value in enumerate(values):
                cursor.execute("INSERT INTO t VALUES (%s" + ", %s" * len(collations) + ")", (i, *[value] * len(collations)))
            connection.commit()
        lab.program.incremental()
        for i, collation in enumerate(collations):
            sql = "SELECT x.id, y.id FROM t x JOIN t y ON x.v%d = y.v%d AND x.id < y.id ORDER BY 1, 2" % (i, i)
            here, there = lab.source.query(sql, "shop"), lab.destination.query(sql, "shop")
            blank = {r[0] for r in lab.source.query("SELECT id FROM t WHERE v%d = ''" % i, "shop")}
            expect_equal([p for p in there if not set(p) & blank], [p for p in here if not set(p) & blank], "pairs under " + collation)


@only("masks-lost-connections", "look-ups that fail are made again; nothing is lost, nothing passes")
def _():
    with Lab(settings=masked(*PEOPLE_RULES), source_options=FULL) as lab:
        lab.source.script(PEOPLE)
        lab.program.start()
        lab.program.wait_caught_up()
        for n in range(30):
            first = 1 + n * 20
            lab.source.run("INSERT INTO person VALUES " + ", ".join(person(i, "Cut%d" % n) for i in range(first, first + 20)))
            if n % 3 == 0:
                lab.source.cut()
        lab.program.wait_caught_up()
        check_people(lab)
        expect_equal(len(table(lab.destination, "person")), 600, "rows")


@only("masks-keys", "keys are masked like values: of rows, of cascades from tables that are left out, of what waits in quarantine")
def _():
    rules = ("p.code hash", "p.v keep", "c.id,v keep", "c.code hash", "d.* keep", "e.id keep", "e.name hash")
    settings = dict(masked(*rules), tables={"exclude": ["p"]}, on_conflict="quarantine")
    with Lab(settings=settings, source_options=FULL) as lab:
        lab.source.script("CREATE TABLE p (code VARCHAR(60) PRIMARY KEY, v INT);\nCREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(60), v INT, "
                          "FOREIGN KEY (code) REFERENCES p (code) ON DELETE CASCADE ON UPDATE CASCADE);\n"
                          "CREATE TABLE d (c INT PRIMARY KEY, FOREIGN KEY (c) REFERENCES c (id) ON DELETE CASCADE);\n"
                          "CREATE TABLE e (id INT PRIMARY KEY, name VARCHAR(60), UNIQUE KEY (name));\n"
                          "INSERT INTO p VALUES ('Schluessel1', 1), ('Schluessel2', 2), ('Schluessel3', 3);\n"
                          "INSERT INTO c VALUES (1, 'Schluessel1', 1), (2, 'schluessel2', 2), (3, 'Schluessel3', 3);\nINSERT INTO d VALUES (1), (2), (3)")
        lab.program.incremental()
        lab.source.run("DELETE FROM p WHERE code = 'Schluessel1'", "UPDATE p SET code = 'Schluessel9' WHERE code = 'SCHLUESSEL2'")
        lab.program.incremental()
        expect_equal(table(lab.destination, "c", columns="id, v"), [(2, 2), (3, 3)], "a cascade from a table that is left out")
        expect_equal(table(lab.destination, "d", "c"), [(2,), (3,)], "and its own")
        lab.source.run("INSERT INTO c VALUES (4, 'schluessel9', 4)")
        lab.program.incremental()
        expect_equal(lab.destination.scalar("SELECT COUNT(DISTINCT code) FROM c WHERE id IN (2, 4)", "shop"), 1, "the key that moved")
        lab.destination.run("INSERT INTO e SELECT 5, 'taken'")
        lab.source.run("INSERT INTO e VALUES (5, 'Wartender')")
        lab.program.incremental(expect=3)
        code, out, _err = lab.program.command("quarantine", "show", "1")
        expect_equal(code, 0, "quarantine show")
        expect_contains(out, "e", "quarantine show")
        expect_no_leak(lab, ["chluessel", "CHLUESSEL", "Wartender"])


@only("masks-refused-conditions", "conditions that could never hold, keys that would not, and what is computed from what is masked")
def _():
    with Lab(source_options=FULL) as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','b'), d DECIMAL(8,2), w VARCHAR(9) CHARACTER SET utf16, s VARCHAR(60), v VARCHAR(60), "
                          "g VARCHAR(70) AS (CONCAT(s, '!')) STORED);\n"
                          "CREATE TABLE p (code VARCHAR(60) PRIMARY KEY);\nCREATE TABLE c (id INT PRIMARY KEY, code VARCHAR(60), short VARCHAR(30), "
                          "FOREIGN KEY (code) REFERENCES p (code));\n"
                          "CREATE TABLE b (id INT PRIMARY KEY, mail VARCHAR(80) COLLATE utf8mb4_bin, UNIQUE KEY (mail));\n"
                          "CREATE TABLE l (id INT PRIMARY KEY, t TEXT, UNIQUE KEY (t)) COLLATE utf8mb4_general_ci;\n")
        for n, (rules, part) in enumerate((
                (["t[e=a].v null"], "column e cannot be asked for"), (["t[d=7].v null"], "column d cannot be asked for"),
                (["t[w=x].v null"], "column w cannot be asked for"), (["t[s=M\u00fcller].v null"], "is ASCII"), (["t.s hash"], "computed from `s`"),
                (["p.code hash"], "foreign key"), (["c.code hash"], "foreign key"), (["p.code hash", "c.code template {hash}"], "foreign key"),
                (["b.mail email"], "unique key mail"), (["t.v null\nx.y keep"], "control characters"),
                (["p.code hash", "c.code hash", "b.mail hash", "t.s null", "t.g null", "l.t hash"], None))):
            other = lab.another("refused-%d" % n, settings=masked("*.* keep", *rules))
            code, _out, err = other.command("incremental")
            expect_equal(code, 2 if part else 0, "%s: %s" % (rules, err[-600:]))
            expect_contains(err, part or "", "message for %s" % rules)
        for n, settings in enumerate(({"unknown": "stop"}, {"rules": []}, {"key": KEY}, {"unknown": "null", "preset": "none"})):
            other = lab.another("nothing-%d" % n, settings={"mask": settings})
            code, _out, err = other.command("incremental")
            expect_equal(code, 2, "%s: %s" % (settings, err[-600:]))
            expect_contains(err, "nothing would be masked", "message for %s" % settings)
        other = lab.another("argv", settings=masked("*.* keep"))
        other.start("--set", "mask.key=visible-visible-visible")
        other.wait_caught_up()
        with open("/proc/%d/cmdline" % other.process.pid, "rb") as line:
            expect(b"visible-visible" not in line.read(), "the key is in the process list")
        other.stop()


@only("masks-asked-again", "a look-up that fails leaves no mask behind that is the same for everybody")
def _():
    with Lab(settings=masked(*EAV_RULES), source_options=FULL) as lab:
        lab.source.script(EAV)
        lab.program.start()
        lab.program.wait_caught_up()
        for n in range(12):
            # the attribute has to be looked up after the values are noted, on a connection that is gone
            lab.source.run("INSERT INTO customer_entity (entity_id, email) VALUES (%d, 'person%d@y.z')" % (100 + n, n))
            lab.source.run("UPDATE eav_attribute SET attribute_code = attribute_code")
            for ident, command in lab.source.query("SELECT id, command FROM information_schema.processlist WHERE user = 'datasync'"):
                if command == "Sleep":
                    lab.source.run("KILL %d" % ident, database=None)
            lab.source.run("INSERT INTO eav_attribute VALUES (%d, 1, 'lastname')" % (200 + n),
                           "INSERT INTO customer_entity_varchar (attribute_id, entity_id, value) VALUES (5, %d, 'Erste%d'), (%d, %d, 'Zweite%d')" % (
                               100 + n, n, 200 + n, 100 + n, n),
                           "UPDATE customer_entity SET email = 'andere%d@y.z' WHERE entity_id = %d" % (n, 100 + n))
        lab.program.wait_caught_up()
        emails = [r[0] for r in table(lab.destination, "customer_entity", "entity_id", "email")]
        values = [r[0] for r in lab.destination.query("SELECT value FROM customer_entity_varchar WHERE value_id > 3", "shop")]
        expect_equal((len(set(emails)), len(set(values))), (13, 24), "different masks of different values")


@only("masks-minimal-images", "an update that brings a value under another rule without telling it stops")
def _():
    for change in ("UPDATE t SET path = 'my_secret' WHERE id = 1", "UPDATE customer_entity_varchar SET attribute_id = 5 WHERE value_id = 2"):
        rules = (*EAV_RULES, "t.* keep", "t[path=*secret*].v null")
        with Lab(settings=masked(*rules), source_options=(*FULL, "--binlog-row-image=MINIMAL")) as lab:
            lab.source.script(EAV)
            lab.source.run("CREATE TABLE t (id INT PRIMARY KEY, path VARCHAR(60), v VARCHAR(60))", "INSERT INTO t VALUES (1, 'open', 'Verborgen')")
            lab.program.incremental()
            lab.source.run(change)
            expect_contains(lab.program.incremental(expect=1), "binlog_row_image", "message of " + change)


@only("masks-rules-and-what-came", "a renamed column is no new one, and attributes that cannot be looked up have no new rules")
def _():
    rules = ["t.id keep", "t.v email"]
    with Lab(settings=masked(*rules), source_options=FULL) as lab:
        lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(60)); INSERT INTO t VALUES (1, 'a@b.c'), (2, 'b@b.c')".replace("; ", ";\n"))
        lab.program.incremental()
        lab.program.configure({"mask": {"rules": [*rules, "t.w hash"]}})
        lab.source.run("ALTER TABLE t ADD COLUMN w VARCHAR(60)", "INSERT INTO t VALUES (3, 'c@b.c', 'Wort')")
        lab.program.incremental()
        lab.source.run("ALTER TABLE t RENAME COLUMN v TO x")
        lab.program.incremental()
        lab.source.run("INSERT INTO t VALUES (4, 'd@b.c', 'Wort')")
        expect_contains(lab.program.incremental(expect=1), "t.x keep", "message")
        lab.program.configure({"mask": {"rules": ["t.id keep", "t.x hash", "t.w hash"]}})
        expect_contains(lab.program.incremental(expect=2), "had another name", "message")
    with Lab(settings=dict(masked(*EAV_RULES), tables={"exclude": ["eav_*"]}), source_options=FULL) as lab:
        lab.source.script(EAV)
        lab.program.incremental()
        lab.program.configure({"mask": {"rules": [*EAV_RULES, "@customer.firstname keep"]}})
        expect_contains(lab.program.incremental(expect=2), "attributes", "message")
