"""Handlers: what they see and write, what becomes of their errors, and what the promises say of them."""

import glob
import os
import subprocess

from lib.lab import Lab
from lib.server import ServerError
from lib.suite import Skip, expect, expect_contains, expect_equal
from operation import only
from quarantine import held, retry, waiting
from validation import BUSY, FULL, SHOP, do, product

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
EXAMPLE = os.path.join(TOP, "deploy", "examples", "handler")
AUDIT = ("CREATE TABLE change_audit (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity VARCHAR(64) NOT NULL, "
         "entity_key VARCHAR(255) NOT NULL, table_name VARCHAR(64) NOT NULL, operation VARCHAR(6) NOT NULL, "
         "position VARCHAR(700) NOT NULL, committed_at BIGINT UNSIGNED NOT NULL) ENGINE = InnoDB")


def put(lab, text, name="mine.lua"):
    """A handler beside the configuration."""
    path = os.path.join(lab.program.folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, 0o644)
    return path


def begin(lab, script, entities="'*'", setup=SHOP + "INSERT INTO plain VALUES (1, 0);", **settings):
    """Copy `setup`; then a Lua handler of these hooks is in place, with a table of its own."""
    lab.source.script(setup)
    lab.program.incremental()
    lab.destination.run("CREATE DATABASE ops", "CREATE TABLE ops.notes (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(700) "
                        "CHARACTER SET utf8mb4)", "GRANT ALL ON ops.* TO datasync@'127.0.0.1'")
    put(lab, "local function note(...) db.exec('INSERT INTO ops.notes (note) VALUES (?)', table.concat({...}, ' ')) end\n"
        "return {entities={%s},\n%s}\n" % (entities, script))
    lab.program.configure({"handlers": ["mine.lua"], **settings})


def notes(lab):
    return [row[0] for row in lab.destination.query("SELECT note FROM ops.notes ORDER BY id", "ops")]


def lab_of(**settings):
    return Lab(settings=settings, source_options=FULL)


@only("handler-sees-entities", "hooks in order, entities by dependency and key, rows as they come to")
def _():
    with lab_of() as lab:
        begin(lab, """
batch_before = function() note('batch_before') end,
validate = function(c) note('validate', c.entity, tostring(c.key)) end,
before_apply = function(c)
  local there = db.query('SELECT COUNT(*) AS n FROM catalog_product_entity WHERE entity_id = ?', c.key)
  for _, r in ipairs(c.rows) do note('before', c.entity, r.table, r.operation, there[1].n) end end,
after_apply = function(c)
  for _, r in ipairs(c.rows) do
    note('after', c.entity, r.table, r.role, tostring(r.before and r.before.sku), tostring(r.after and r.after.sku)) end
  end,
batch_after = function() note('batch_after', tostring(db.position():find('gtid=0%-1%-') ~= nil), tostring(db.commit_time() > 1e9)) end
""", on_invalid="error", setup=SHOP + "CREATE TABLE core_website (website_id INT UNSIGNED PRIMARY KEY, code VARCHAR(32));\n"
              "CREATE TABLE core_store (store_id INT UNSIGNED PRIMARY KEY, code VARCHAR(32), website_id INT UNSIGNED);\n")
        do(lab, "BEGIN; INSERT INTO cataloginventory_stock_item VALUES (3, 1, 5, 1, 0); ROLLBACK",
           "BEGIN; INSERT INTO catalog_product_entity VALUES (3, 'simple', 'three');"
           "INSERT INTO catalog_product_entity_varchar VALUES (9, 71, 0, 3, 'x');"
           "INSERT INTO catalog_product_entity_decimal VALUES (9, 75, 0, 3, 1);"
           "INSERT INTO cataloginventory_stock_item VALUES (3, 3, 5, 1, 0);"
           "UPDATE catalog_product_entity SET sku = 'THREE' WHERE entity_id = 3;"
           "DELETE FROM catalog_product_entity WHERE entity_id = 2; COMMIT")
        lab.program.incremental()
        lab.equal()
        expect_equal(notes(lab), [
            "batch_before", "validate product 2", "validate product 3", "validate stock 3",
            "before product catalog_product_entity delete 1", "before product catalog_product_entity insert 0",
            "before product catalog_product_entity_varchar insert 0", "before product catalog_product_entity_decimal insert 0",
            "before stock cataloginventory_stock_item insert 0",
            "after product catalog_product_entity root two nil", "after product catalog_product_entity root nil THREE",
            "after product catalog_product_entity_varchar value nil nil", "after product catalog_product_entity_decimal value nil nil",
            "after stock cataloginventory_stock_item root nil nil", "batch_after true true"], "hooks")
        lab.destination.run("TRUNCATE ops.notes")
        do(lab, "BEGIN; INSERT INTO core_store VALUES (5, 'five', 5); INSERT INTO core_website VALUES (5, 'five'), (11, 'x'); COMMIT")
        lab.program.incremental()
        expect_equal([note for note in notes(lab) if "validate" in note],
                     ["validate website 5", "validate website 11", "validate store 5"], "what others refer to comes first")


def readme(language, begins):
    """The one example of this language in README.md that begins like this."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
        blocks = [block.split("\n```")[0] + "\n" for block in file.read().split("```%s\n" % language)[1:]]
    example, = [block for block in blocks if block.startswith(begins)]
    return example


@only("handler-readme", "the handler and its configuration in README.md work as they stand there")
def _():
    with lab_of() as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.destination.run("CREATE DATABASE ops", "CREATE TABLE ops.watched (product_id INT)", "CREATE TABLE ops.news (product_id INT)",
                            "GRANT ALL ON ops.* TO datasync@'127.0.0.1'", "INSERT INTO ops.watched VALUES (1)")
        put(lab, readme("lua", "return {"), "prices.lua")
        with open(lab.program.config, "a", encoding="utf-8") as out:
            out.write("\n" + readme("yaml", "handlers:"))
        do(lab, "UPDATE catalog_product_entity SET sku = 'uno' WHERE entity_id = 1",
           "UPDATE catalog_product_entity SET sku = 'test' WHERE entity_id = 2")
        lab.program.incremental(expect=3)
        expect_equal(lab.destination.query("SELECT product_id FROM news", "ops"), ((1,),), "news")
        row, = waiting(lab)
        expect_contains(row["reason"], "sku 'test' stays at home", "reason")


@only("handler-writes-roll-back", "what a handler writes goes with a batch that does not fit, and is there once")
def _():
    with lab_of(on_conflict="quarantine") as lab:
        begin(lab, "after_apply = function(c) for _, r in ipairs(c.rows) do note(r.operation, r.after.v) end end", "'table'")
        lab.source.run("INSERT INTO plain VALUES (5, 5)")
        lab.program.incremental()
        lab.destination.run("DELETE FROM plain WHERE id = 5")
        # the batch is written, refused, halved; change by change the last transaction is half set aside
        do(lab, "UPDATE plain SET v = 10 WHERE id = 1", "UPDATE plain SET v = 11 WHERE id = 1",
           "BEGIN; UPDATE plain SET v = 12 WHERE id = 1; UPDATE plain SET v = 6 WHERE id = 5; COMMIT")
        lab.program.incremental(expect=3)
        got = notes(lab)
        expect_equal((got[0], got[-1]), ("insert 5", "update 12"), "notes: %s" % got)
        expect("update 6" not in got and len(got) in (3, 4), "notes of what is not there: %s" % got)
        lab.destination.run("INSERT INTO plain VALUES (5, 5)")
        retry(lab, "all", 0)
        expect_equal(notes(lab), got + ["update 6"], "what leaves quarantine is seen")
        lab.equal()


def broken(hook, body, part, **settings):
    """A handler that fails on product 2."""
    with lab_of(**settings) as lab:
        begin(lab, "%s = function(c) if c and c.key == 2 then %s end end" % (hook, body), "'product'")
        do(lab, "UPDATE catalog_product_entity SET sku = 'uno' WHERE entity_id = 1", BUSY,
           "UPDATE catalog_product_entity SET sku = 'due' WHERE entity_id = 2", BUSY,
           "UPDATE catalog_product_entity SET type_id = 'bundle' WHERE entity_id = 2",
           "UPDATE catalog_product_entity SET sku = 'uno!' WHERE entity_id = 1")
        if settings.get("on_conflict", "stop") == "stop":
            text = lab.program.incremental(expect=1)
            for wanted in (part, "product 2", "mine.lua", "gtid=0-1-"):
                expect_contains(text, wanted, hook)
            expect_equal(lab.destination.scalar("SELECT v FROM plain", "shop"), 1, "what came before")
            expect_equal(lab.program.status()["conflicts"], 1, "conflicts")
            put(lab, "return {entities={'product'}}")
            lab.program.incremental()
        else:
            text = lab.program.incremental(expect=3)
            expect_contains(text, part, hook)
            expect_equal([(row["key"], row["operation"]) for row in waiting(lab)], [("entity_id=2", "update")] * 2,
                         "what waits: %s" % held(lab))
            expect_contains(waiting(lab)[0]["reason"], part, "reason")
            expect_equal((lab.destination.scalar("SELECT v FROM plain", "shop"), lab.program.status()["conflicts"]), (2, 1),
                         "the rest")
            expect_equal(notes(lab), [], "notes of what is set aside")
            retry(lab, "all", 3, part)
            put(lab, "return {entities={'product'}}")
            retry(lab, "all", 0)
        lab.equal()


@only("handler-errors", "an error is a conflict of that entity, in every hook; deadlocks are not")
def _():
    broken("validate", "error('no')", "mine.lua:3: no", on_invalid="error")
    broken("before_apply", "note('x') error({})", "no text, but a table", on_conflict="quarantine")
    broken("after_apply", "note('x') error('late')", "late", on_conflict="quarantine")
    broken("replace", "while true do pcall(function() while true do end end) end", "lua.instructions", on_conflict="quarantine")
    broken("after_apply", "db.query('SELECT nothing')", "nothing")
    broken("after_apply", "db.exec('INSERT INTO ops.notes (id, note) VALUES (?, 1)', 'x')", "notes", on_conflict="quarantine")
    broken("before_apply", "return ('x'):rep(1 << 30)", "lua.memory")
    broken("after_apply", "error('whatever')", "whatever", on_conflict="overwrite")


@only("handler-and-ddl", "columns come and go under a handler's statements")
def _():
    with lab_of() as lab:
        begin(lab, "after_apply = function(c) local row = db.query('SELECT * FROM plain WHERE id = ?', c.rows[1].after.id)[1]\n"
              "local names = {} for name in pairs(row) do names[#names + 1] = name end table.sort(names)\n"
              "note(table.concat(names, ','), tostring(c.rows[1].after.w)) end", "'table'")
        do(lab, BUSY, "ALTER TABLE plain ADD COLUMN w INT DEFAULT 5", BUSY, "ALTER TABLE plain DROP COLUMN w, ADD COLUMN x INT DEFAULT 7 FIRST", BUSY)
        lab.program.incremental()
        lab.equal()
        expect_equal(notes(lab), ["id,v nil", "id,v,w 5", "id,v,x nil"], "notes")


@only("handler-batch-errors", "batch_before and batch_after are about all that the handler sees of one transaction")
def _():
    for hook in ("batch_before", "batch_after"):
        with lab_of(on_conflict="quarantine") as lab:
            begin(lab, "after_apply = function(c) note(c.key) end,\n%s = function() if #db.query("
                  "'SELECT 1 FROM ops.notes WHERE note = 1') == %d then error('not with one') end end" % (hook, hook == "batch_after"),
                  "'product'")
            do(lab, "UPDATE catalog_product_entity SET sku = 'due' WHERE entity_id = 2", BUSY,
               "UPDATE catalog_product_entity SET sku = 'uno' WHERE entity_id = 1")
            text = lab.program.incremental(expect=3)
            expect_contains(text, "not with one", hook)
            expect_equal(lab.destination.scalar("SELECT v FROM plain", "shop"), 1, "the rest")
            expect_equal((sorted(row["key"] for row in waiting(lab)), notes(lab)),
                         ((["entity_id=1"], ["2"]) if hook == "batch_after" else (["entity_id=1", "entity_id=2"], [])), hook)


@only("handler-lost-connection", "cut while a handler asks: done again, once, and no conflict")
def _():
    with lab_of() as lab:
        begin(lab, "before_apply = function(c) note('asked') pcall(db.query, 'SELECT SLEEP(?)', "
              "#db.query('SELECT 1 FROM ops.notes WHERE note = ?', 'quick') == 0 and 30 or 0) end", "'table'")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run(BUSY)
        while not lab.destination.scalar("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"):
            expect(lab.program.running(), lab.program.log_tail())
        lab.destination.run("INSERT INTO ops.notes (note) VALUES ('quick')")
        lab.destination.cut()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.equal()
        expect_equal((sorted(notes(lab)), lab.program.status()["conflicts"]), (["asked", "quick"], 0), "once")


@only("handler-cannot-end-the-transaction", "COMMIT and its kin are refused, and nothing is committed")
def _():
    for sql in ("COMMIT", "CREATE TABLE ops.made (a INT)", "SELECT RELEASE_ALL_LOCKS()", "CALL ops.p()",
                "UPDATE datasync.datasync_checkpoint SET gtid_set = ''"):
        broken("before_apply", "note('x') db.exec([[%s]])" % sql, "statement refused", on_conflict="quarantine")


@only("handler-goes-on-after-an-error", "a statement that fails has changed nothing, and may be caught")
def _():
    with lab_of() as lab:
        begin(lab, "after_apply = function(c) note('one')\n"
              "local ok, why = pcall(db.exec, 'INSERT INTO ops.notes (id, note) VALUES (1, 2), (1, 3)')\n"
              "note(tostring(ok), tostring(why:find('Duplicate') ~= nil))\n"
              "local rows = db.query('SELECT CAST(18446744073709551615 AS UNSIGNED) a, 1.50 b, 0.5e0 c, NULL d, ? e, DATE(\"2026-05-31\") f, -1 g', 'x')\n"
              "local r = rows[1] note(r.a, r.b, r.c, tostring(r.d), r.e, r.f, r.g)\n"
              "note(#db.query('SELECT note FROM ops.notes WHERE 0'), db.query('SELECT REPEAT(\"x\", 600) AS r')[1].r:len())\n"
              "note(db.exec('UPDATE ops.notes SET note = note'))\n"
              "note(tostring(pcall(db.exec, 'INSERT INTO ops.notes (id, note) VALUES (?, 1)', 'x')))\nend", "'table'")
        lab.source.run(BUSY)
        lab.program.incremental()
        lab.equal()
        expect_equal(notes(lab), ["one", "false true", "18446744073709551615 1.50 0.5 nil x 2026-05-31 -1", "0 600", "4", "false"], "notes")


@only("handler-deadlock", "a lock that somebody holds: tried again, no conflict")
def _():
    with lab_of() as lab:
        begin(lab, "before_apply = function(c) pcall(db.exec, 'UPDATE ops.notes SET note = CONCAT(note, ?) WHERE id = 1', '+') end", "'table'")
        lab.destination.run("INSERT INTO ops.notes VALUES (1, 'n')")
        other = lab.destination.connect()
        with other.cursor() as cursor:
            cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
            cursor.execute("BEGIN")
            cursor.execute("UPDATE ops.notes SET note = 'held' WHERE id = 1")
            lab.program.start()
            lab.source.run(BUSY)
            lab.program.wait_log("trying the batch again")
            cursor.execute("COMMIT")
        other.close()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.equal()
        expect_equal((notes(lab), lab.program.status()["conflicts"]), (["held+"], 0), "once")


@only("handler-replaces", "a handler that writes an entity in its own way; the others are as ever")
def _():
    with lab_of() as lab:
        begin(lab, "replace = function(c) if c.key == 1 then return end\n"
              "for _, r in ipairs(c.rows) do if r.after then db.exec('UPDATE catalog_product_entity SET sku = ? WHERE entity_id = ?',\n"
              "r.after.sku:upper(), r.after.entity_id) end end return true end,\n"
              "after_apply = function(c) note(c.key, db.query('SELECT sku FROM catalog_product_entity WHERE entity_id = ?', c.key)[1].sku) end",
              "'product'")
        do(lab, "UPDATE catalog_product_entity SET sku = 'abc'", BUSY)
        lab.program.incremental()
        expect_equal(lab.destination.query("SELECT sku FROM catalog_product_entity ORDER BY entity_id", "shop"),
                     (("abc",), ("ABC",)), "rows")
        expect_equal(notes(lab), ["1 abc", "2 ABC"], "notes")
        entity = lab.program.status()["entities"]["product"]
        expect_equal((entity["updated"], entity["folded"]), (1, 1), "counted")


@only("handler-validates", "a handler's own verdict goes as on_invalid says, and a repair releases")
def _():
    with lab_of() as lab:
        begin(lab, "validate = function(c) for _, r in ipairs(c.rows) do if r.after and r.after.sku == 'bad' then\n"
              "return false, 'sku is bad' end end end", "'product'", on_invalid="quarantine")
        do(lab, "UPDATE catalog_product_entity SET sku = 'bad' WHERE entity_id = 1", "INSERT INTO cataloginventory_stock_item VALUES (1, 1, 1, 1, 0)")
        expect_contains(lab.program.incremental(expect=3), "sku is bad", "log")
        expect_equal(len(waiting(lab)), 2, "what waits, with the stock that refers to it: %s" % held(lab))
        lab.source.run("UPDATE catalog_product_entity SET sku = 'good' WHERE entity_id = 1")
        lab.program.incremental()
        lab.equal()
        lab.program.configure({"on_invalid": "ignore"})
        expect_contains(lab.program.incremental(expect=2), "on_invalid", "a verdict without a consequence")


@only("handler-files", "what is wrong with a handler is found at start, by run and by check")
def _():
    with lab_of() as lab:
        lab.source.script(SHOP)
        for text, part in (("return {entities={'prodct'}}", "prodct"), ("return {", "mine.lua:1"),
                           ("return {entities={'*'}, after=1}", "'after'")):
            put(lab, text)
            lab.program.configure({"handlers": ["mine.lua"]})
            expect_contains(lab.program.incremental(expect=2), part, text)
            code, out, _err = lab.program.command("check")
            expect_equal(code, 1, "check")
            expect_contains(out, part, "check")
        os.chmod(put(lab, "return {entities={'*'}}"), 0o666)
        expect_contains(lab.program.incremental(expect=2), "chmod o-w", "world-writable")
        put(lab, "return {entities={'*'}}")
        code, out, _err = lab.program.command("check")
        expect_contains(out, "1 files loaded", "check")
        lab.program.configure({"lua": {"allow": ["os", "debug"]}})
        expect_contains(lab.program.incremental(expect=2), "'debug'", "lua.allow")


WRONG_OBJECTS = (  # what stands behind the header, and what is said of it
    ("int nothing;", "does not export ds_handler_v1"),
    ("const struct ds_handler *ds_handler_v1(void) { return 0; }", "gives NULL"),
    ("static const struct ds_handler h = {.size = sizeof h, .abi = 2, .name = \"x\"};", "built for version 2"),
    ("static const struct ds_handler h = {.size = 8, .abi = 1, .name = \"x\"};", "too short"),
    ("static const struct ds_handler h = {.size = sizeof h, .abi = 1};", "has no name"),
    ("static const struct ds_handler h = {.size = sizeof h, .abi = 1, .name = \"x\"};", "names no entities"),
    ("static int o(const struct ds_api *a, const char *t, void **s, char *why, size_t n)"
     "{ for (size_t i = 0; i < n; i++) why[i] = i % 2 ? 'x' : '\\xff'; return a && t && s ? DS_HANDLER_ERROR : 0; }"
     "static const char *const e[] = {\"*\", 0};"
     "static const struct ds_handler h = {.size = sizeof h, .abi = 1, .name = \"x\", .entities = e, .open = o};"
     "const struct ds_handler *ds_handler_v1(void) { return &h; }", "?x?x?x"),
)


@only("handler-query-writes-nothing", "query refuses what gives no rows before it runs; RETURNING gives some")
def _():
    with lab_of() as lab:
        begin(lab, """after_apply = function(c)
  for _, sql in ipairs{"INSERT INTO ops.notes (note) VALUES ('ghost')", "UPDATE ops.notes SET note = 'ghost'", "DELETE FROM ops.notes"} do
    local ok, why = pcall(db.query, sql)
    assert(not ok and tostring(why):find('use exec'), why)
  end
  note('returned', db.query("INSERT INTO ops.notes (note) VALUES ('x') RETURNING note AS n")[1].n)
  note('shown', #db.query("SHOW TABLES FROM ops"), #db.query("SHOW WARNINGS"), #db.query("SHOW CREATE TABLE ops.notes"))
end""", "'table'")
        lab.source.run(BUSY)
        lab.program.incremental()
        expect_equal(notes(lab), ["x", "returned x", "shown 1 0 1"], "notes")


@only("handler-objects", "shared objects that are none of ours, or of another version, are refused; an older one works")
def _():
    with lab_of() as lab:
        lab.source.script(SHOP)
        path = os.path.join(lab.program.folder, "x.so")

        def compiled(text):
            if "return" not in text and "static" in text:
                text += " const struct ds_handler *ds_handler_v1(void) { return &h; }"
            subprocess.run(["cc", "-shared", "-fPIC", "-I" + os.path.join(TOP, "applier"), "-xc", "-", "-o", path], check=True,
                           input=("#include <ds_handler.h>\n" + text + "\n").encode())
            os.chmod(path, 0o755)
        lab.program.configure({"handlers": ["x.so"]})
        for text, part in WRONG_OBJECTS:
            compiled(text)
            expect_contains(lab.program.incremental(expect=2), part, text)
        compiled("static const char *const e[] = {\"*\", 0};\n"
                 "static const struct ds_handler h = {.size = offsetof(struct ds_handler, open), .abi = 1, .name = \"x\", .entities = e};")
        lab.program.incremental()
        lab.equal()


def audited(lab):
    return sorted(lab.destination.query("SELECT entity, entity_key, table_name, operation FROM shop.change_audit"))


def build_example(lab):
    """As a user would: the installed header and pkg-config file, and the template's own build."""
    build, stage = os.environ.get("BUILD"), lab.work.path("stage")
    if not build:
        raise Skip("needs $BUILD")
    for command in (["meson", "install", "-C", build, "--no-rebuild", "--tags", "devel", "--destdir", stage],):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = glob.glob(os.path.join(stage, "**", "datasync.pc"), recursive=True)
    expect(found and glob.glob(os.path.join(stage, "**", "datasync", "ds_handler.h"), recursive=True), "nothing is installed")
    env = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(found[0]), "PKG_CONFIG_SYSROOT_DIR": stage}
    out = lab.work.path("audit")
    done = subprocess.run(["meson", "setup", out, EXAMPLE, "--werror"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    expect_equal(done.returncode, 0, done.stdout.decode())
    done = subprocess.run(["ninja", "-C", out], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    expect_equal(done.returncode, 0, done.stdout.decode())
    return os.path.join(out, "audit.so")


def audit_of(lab, handler):
    lab.source.script(SHOP + "INSERT INTO plain VALUES (1, 0);")
    lab.program.incremental()
    lab.destination.run(AUDIT.replace("change_audit", "shop.change_audit"))
    lab.program.configure({"handlers": [handler + " table=shop.change_audit"]})
    do(lab, product(3), BUSY, "DELETE FROM catalog_product_entity WHERE entity_id = 2")
    lab.program.incremental()
    lab.equal(ignore=("change_audit",))
    expect_equal(audited(lab), sorted([
        ("product", "3", "catalog_product_entity", "insert"), ("product", "3", "catalog_product_entity_varchar", "insert"),
        ("product", "3", "catalog_product_entity_decimal", "insert"), ("product", "2", "catalog_product_entity", "delete"),
        ("table", "", "plain", "update")]), "audit trail")


@only("handler-examples", "the template builds with what is installed; in C and in Lua it writes the same")
def _():
    with lab_of() as lab:
        audit_of(lab, build_example(lab))
        lab.destination.run("DROP TABLE shop.change_audit")
        lab.source.run(BUSY)
        expect_contains(lab.program.incremental(expect=1), "the audit trail cannot be written", "without its table")
        lab.program.configure({"handlers": [lab.program.settings["handlers"][0].replace("=shop.", "=shop'")]})
        expect_contains(lab.program.incremental(expect=2), "is no name of a table", "options")
    with lab_of() as lab:
        audit_of(lab, os.path.join(EXAMPLE, "audit.lua"))


CRASHES = ("commit.begin", "commit.step", "commit.after_write", "commit.before_commit", "commit.after_commit")


@only("handler-outlives-kill", "killed wherever it may be: one audit row per change, no more, no less")
def _():
    with Lab(settings={"batch": {"max_rows": 3}, "on_conflict": "quarantine"}) as lab:
        begin(lab, "after_apply = function(c) for _, r in ipairs(c.rows) do note(r.after.v) end end", "'table'",
              setup="CREATE TABLE plain (id INT PRIMARY KEY, v INT); INSERT INTO plain VALUES (1, 0);\n".replace("; ", ";\n"))
        number, died = 0, 0
        for point in CRASHES:
            for count in (1, 2, 5):
                for _ in range(4):
                    number += 1
                    lab.source.run("INSERT INTO plain VALUES (%d, %d)" % (number + 100, number))
                code, _out, err = lab.program.command("incremental", env={"DATASYNC_CRASH": "%s:%d" % (point, count)})
                expect(code in (-9, 0), "exit %d: %s" % (code, err[-500:]))
                died += code == -9
        lab.program.incremental()
        lab.equal()
        if not died:
            raise Skip("the program is built without -Dcrash_points=true")
        expect_equal(sorted(int(note) for note in notes(lab)), list(range(1, number + 1)), "audit rows")


@only("handler-sees-parts-and-xa", "transactions that are larger than a batch, and XA ones")
def _():
    with Lab(settings={"batch": {"max_bytes": "64KiB"}}) as lab:
        begin(lab, "after_apply = function(c) assert(db.partial() == (c.rows[1].after.id <= 2000))\n"
              "for _, r in ipairs(c.rows) do note(r.after.id) end end",
              "'table'", setup="CREATE TABLE plain (id INT PRIMARY KEY, v VARCHAR(500));\n")
        lab.source.run("INSERT INTO plain SELECT seq, REPEAT('x', 400) FROM seq_1_to_2000")
        do(lab, "XA START 'a'; INSERT INTO plain VALUES (5000, 'x'); XA END 'a'; XA PREPARE 'a'; XA COMMIT 'a'")
        lab.program.incremental()
        lab.equal()
        expect_equal(lab.destination.query("SELECT COUNT(*), COUNT(DISTINCT note), MAX(note + 0) FROM ops.notes"), ((2001, 2001, 5000),), "notes")
