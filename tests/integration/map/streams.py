"""Copies and streams through a map, under kills, statements and what handlers ask."""

import os
import random
import subprocess

from base import DESTINATION, FIELDS, FILL, SOURCE, expect_mapped, mapped, rows, suite, write, xml
from lib.suite import expect, expect_contains, expect_equal

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)


def only(name, about):
    return suite.case(name, about, program_only=True)


@only("map-copy-and-stream", "documents and fields are renamed, moved, left out and changed, by copy and by stream, many into one")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.program.start()
        lab.program.wait_caught_up()
        expect_mapped(lab)
        expect(b"comparing row counts of the copied" in lab.program.log_text(), "counts are compared")
        lab.source.run(
            "INSERT INTO article (title, amount) VALUES ('four', 4), ('five', 5)",
            "INSERT INTO tag_b VALUES (103, 'green')", "INSERT INTO tag_a VALUES (3, 'black')",
            "UPDATE article SET title = CONCAT(title, '!'), secret = 'z' WHERE id IN (1, 4)",
            "UPDATE article SET secret = 'only this' WHERE id = 2",
            "UPDATE article SET id = 50 WHERE id = 5", "UPDATE tag_a SET id = 77 WHERE id = 1",
            "UPDATE article SET id = id + 1000 WHERE id IN (1, 2) ORDER BY id DESC",
            "DELETE FROM article WHERE id = 3", "DELETE FROM tag_b WHERE id = 101", "INSERT INTO log_url VALUES (2, 'y')",
            "INSERT INTO plain VALUES (3, 'q')", "UPDATE plain SET v = 'r' WHERE id = 1", "DELETE FROM plain WHERE id = 2",
            "BEGIN", "INSERT INTO tag_a VALUES (4, 'x')", "DELETE FROM tag_a WHERE id = 4",
            "INSERT INTO tag_b VALUES (4, 'of the other')", "COMMIT")
        lab.program.wait_caught_up()
        expect_mapped(lab)
        status = lab.program.status()
        expect_equal(status["conflicts"], 0, "conflicts")
        lab.program.stop()
        lab.source.run("INSERT INTO article (title, amount) VALUES ('stopped', 1)", "UPDATE plain SET v = 'later'")
        lab.program.incremental()
        expect_mapped(lab)
        lab.source.stop()
        lab.program.start()
        lab.program.wait_log("source lost, trying again", since=lab.program.log_start)
        lab.source.start()
        lab.source.run("UPDATE plain SET v = 'back'")
        lab.program.wait_caught_up()
        lab.program.stop()
        expect_mapped(lab)
        expect(b"destination lost" not in lab.program.log_text(), "which server was lost: " + lab.program.log_tail())
        code, _out, err = lab.program.command("run", "--resnapshot", "--yes", "--stop-at", lab.source.gtid())
        expect_equal(code, 0, "a new copy: " + err[-800:])
        expect_mapped(lab)


@only("map-several-files", "the rules of all files hold together, and relative to the configuration")
def _():
    with mapped(xml(fields="", own_fields=""), map=["map.xml", "fields.xml"]) as lab:
        write(lab, xml(documents="", own=""), "fields.xml")
        lab.source.run(*FILL)
        lab.program.incremental()
        expect_mapped(lab)


@only("map-prefixes", "tables have another prefix at the destination")
def _():
    def prefixed(text, prefix):
        for name in ("article", "tag_a", "tag_b", "log_visit", "log_url", "plain", "post", "tags", "own"):
            text = text.replace("TABLE %s " % name, "TABLE %s%s " % (prefix, name)).replace("INTO %s " % name, "INTO %s%s " % (prefix, name))
        return text
    with mapped(source=prefixed(SOURCE, "m1_") + "CREATE TABLE other (id INT PRIMARY KEY);",
                destination=prefixed(DESTINATION, "x_")) as lab:
        lab.program.configure({"source": {"prefix": "m1_"}, "destination": {"prefix": "x_"}})
        lab.source.run(*(prefixed(statement, "m1_") for statement in FILL))
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("INSERT INTO m1_article (title) VALUES ('four')", "INSERT INTO other VALUES (1)", "DELETE FROM m1_article WHERE id = 1")
        lab.program.wait_caught_up()
        expect_equal(rows(lab.destination, "SELECT entity, headline FROM x_post"),
                     rows(lab.source, "SELECT id, CONCAT('b-a-', title) FROM m1_article"), "posts")
        expect_equal(rows(lab.destination, "SELECT id, word FROM x_tags"),
                     rows(lab.source, "SELECT id, word FROM m1_tag_a UNION ALL SELECT id, word FROM m1_tag_b"), "tags")


@only("map-killed", "killed in the copy, between batches and at crash points, the destination is what the map makes of the source")
def _():
    chance = random.Random(5)
    with mapped(batch={"max_rows": 50}) as lab:
        lab.source.run(*FILL)
        lab.source.run("INSERT INTO article (title, amount) SELECT CONCAT('t', seq), seq FROM seq_1_to_3000")
        for point, count in (("load.begin", 1), ("load.rows", 2), ("load.table_end", 2), ("load.end", 1)):
            lab.program.start(env={"DATASYNC_CRASH": "%s:%d" % (point, count)})
            expect(lab.program.wait_exit() != 0, "the program dies at " + point)
        lab.program.start()
        lab.program.wait_caught_up()
        expect_mapped(lab)
        number = 10000
        for turn in range(6):
            statements = []
            for _i in range(60):
                number += 1
                statements += ["INSERT INTO article (id, title) VALUES (%d, 'n%d')" % (number, number),
                               "UPDATE article SET title = CONCAT(title, '+'), amount = amount + 1 WHERE id = %d" % chance.randint(1, 3000),
                               "DELETE FROM article WHERE id = %d" % chance.randint(1, 3000),
                               "INSERT INTO tag_%s VALUES (%d, 'w')" % (chance.choice("ab"), number)]
            lab.program.kill()
            lab.source.run(*statements)
            point = ("commit.begin", "commit.step", "commit.after_write", "commit.before_commit", "commit.after_commit")[turn % 5]
            lab.program.start(env={"DATASYNC_CRASH": point + ":1"})
            expect(lab.program.wait_exit() != 0, "the program dies at " + point)
            lab.program.start()
        lab.program.wait_caught_up()
        expect_mapped(lab)


@only("map-xa-and-large", "XA transactions, those that are written in parts, and what waits in quarantine are of the mapped tables")
def _():
    with mapped(batch={"max_bytes": "64KiB"}, spool={"max_size": "4MiB"}, on_conflict="quarantine") as lab:
        lab.source.run(*FILL)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("XA START 'x'", "INSERT INTO article (title) VALUES ('in XA')", "DELETE FROM tag_a WHERE id = 1", "XA END 'x'", "XA PREPARE 'x'")
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.program.start()
        lab.source.run("XA COMMIT 'x'", "BEGIN", "INSERT INTO article (title, note) SELECT CONCAT('large', seq), REPEAT('n', 40) FROM seq_1_to_20000",
                       "SAVEPOINT s", "UPDATE article SET note = 'gone' WHERE id % 2", "ROLLBACK TO s", "DELETE FROM article WHERE id % 3 = 0", "COMMIT")
        lab.program.kill()
        lab.program.start()
        lab.program.wait_caught_up()
        expect_mapped(lab)
        lab.destination.run("DELETE FROM post WHERE entity = 1", "INSERT INTO plain VALUES (9, 'in the way')")
        lab.source.run("UPDATE article SET note = 'waits' WHERE id = 1", "INSERT INTO plain VALUES (9, 'late')", "UPDATE plain SET v = 'later' WHERE id = 9",
                       "UPDATE plain SET v = 'not held' WHERE id = 1")
        lab.program.wait_caught_up()
        expect_equal(lab.program.status()["quarantined"], 3, "changes that wait")
        expect_equal(rows(lab.destination, "SELECT v FROM plain WHERE id = 1"), [("not held",)], "another row")
        lab.destination.run("INSERT INTO post (entity, headline, amount) SELECT 1, 'b-a-one', '5'", "DELETE FROM plain WHERE id = 9",
                            "UPDATE post SET created = '2024-02-29 10:00:00' WHERE entity = 1")
        lab.program.stop()
        code, _out, err = lab.program.command("quarantine", "retry", "all")
        expect_equal(code, 0, "retry: " + err[-600:])
        expect_mapped(lab)


@only("map-statements", "DDL stays at the source and is told; rows go on by the columns' names; a table that is emptied is emptied there")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("ALTER TABLE article ADD COLUMN later INT FIRST, DROP COLUMN secret", "INSERT INTO article (title, later) VALUES ('behind', 9)",
                       "CREATE TABLE log_new (id INT PRIMARY KEY)", "INSERT INTO log_new VALUES (1)",
                       "CREATE TABLE log_copy (id INT PRIMARY KEY) SELECT id FROM plain", "DROP TABLE log_url")
        lab.program.wait_caught_up()
        expect_mapped(lab)
        log = lab.program.log_text().decode()
        for part in ('DDL not applied, as `ddl: ignore` asks kind="ALTER TABLE" name=article', 'name=log_url',
                     "article.later leads nowhere"):
            expect_contains(log, part, "the log")
        lab.source.run("TRUNCATE TABLE article", "INSERT INTO article (title) VALUES ('again')", "TRUNCATE TABLE log_visit")
        lab.program.wait_caught_up()
        expect_mapped(lab)
        expect_equal(len(rows(lab.destination, "SELECT entity FROM post")), 1, "rows behind TRUNCATE")
        lab.source.run("TRUNCATE TABLE tag_a")
        expect_equal(lab.program.wait_exit(), 1, "TRUNCATE of one of two that go to a table")
        log = lab.program.log_text().decode()
        expect_contains(log, "cannot be told from those of tag_b in table tags", "the error")
        expect_equal(len(rows(lab.destination, "SELECT id FROM tags")), 4, "nothing is lost")


@only("map-column-gone", "a column that a rule changes goes at the source: the stream stops, naming it")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("ALTER TABLE article CHANGE title name VARCHAR(60)", "INSERT INTO article (name) VALUES ('x')")
        expect_equal(lab.program.wait_exit(), 2, "exit code")
        log = lab.program.log_text().decode()
        expect_contains(log, "article.title, which the source does not have", "the error")
        expect_contains(log, "map.xml:", "the error")


@only("map-destination-changes", "the destination's own table is altered while the stream is down or away")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.destination.run("ALTER TABLE post MODIFY note VARCHAR(40) FIRST, MODIFY amount INT NOT NULL")
        lab.source.run("INSERT INTO article (title, amount, note) VALUES ('four', 4, 'n')", "UPDATE article SET note = 'new' WHERE id = 1")
        lab.program.start()
        lab.program.wait_caught_up()
        expect_equal(rows(lab.destination, "SELECT entity, headline, note, amount FROM post"),
                     rows(lab.source, "SELECT id, CONCAT('b-a-', title), note, amount FROM article"), "posts")
        lab.destination.run("ALTER TABLE post MODIFY headline VARCHAR(90) NOT NULL FIRST, ADD COLUMN more INT NULL")
        expect(lab.destination.cut() > 0, "a connection that is cut")
        lab.source.run("INSERT INTO article (title, amount, note) VALUES ('five', 5, 'm')", "DELETE FROM article WHERE id = 2")
        lab.program.wait_caught_up()
        expect_equal(rows(lab.destination, "SELECT entity, headline, note, amount FROM post"),
                     rows(lab.source, "SELECT id, CONCAT('b-a-', title), note, amount FROM article"), "posts")


@only("map-conflicts", "a value that does not fit stops the stream, naming table, column and position; skip passes over it")
def _():
    with mapped(xml(fields=FIELDS + """
      <ignore><datatype>plain.v</datatype></ignore>"""), destination=DESTINATION.replace("plain (id INT PRIMARY KEY, v VARCHAR(20))",
                                                                                          "plain (id INT PRIMARY KEY, v INT)")) as lab:
        lab.source.run("INSERT INTO plain VALUES (1, '17'), (2, NULL)")
        lab.program.start()
        lab.program.wait_caught_up()
        expect_equal(rows(lab.destination, "SELECT * FROM plain"), [(1, 17), (2, None)], "numbers")
        lab.source.run("INSERT INTO plain VALUES (3, 'text')")
        bad = lab.source.gtid()
        lab.source.run("INSERT INTO plain VALUES (4, '18')")
        expect_equal(lab.program.wait_exit(), 1, "exit code")
        log = lab.program.log_text().decode()
        expect_contains(log, "a value of plain.v does not fit into plain.v", "the error")
        expect_contains(log, bad, "the error")
        code, _out, err = lab.program.command("skip", bad, "--yes")
        expect_equal(code, 0, "skip: " + err)
        lab.program.start()
        lab.program.wait_caught_up()
        expect_equal(rows(lab.destination, "SELECT * FROM plain"), [(1, 17), (2, None), (4, 18)], "numbers")
    for policy in ("quarantine", "overwrite"):
        with mapped(on_conflict=policy) as lab:
            lab.source.run("INSERT INTO plain VALUES (1, 'short'), (2, 'short')")
            lab.program.incremental()
            lab.destination.run("ALTER TABLE plain MODIFY v VARCHAR(10) NOT NULL")
            for value, part in (("'longer than ten'", "Data truncated for column 'v'"), ("NULL", "Column 'v' cannot be null")):
                lab.source.run("UPDATE plain SET v = %s WHERE id = 2" % value)
                bad = lab.source.gtid()
                said = lab.program.incremental(expect=1)
                for text in (part, "table shop.plain key id=2", "by a handler of the map", "position=gtid=" + bad):
                    expect_contains(said, text, policy)
                expect_equal(rows(lab.destination, "SELECT * FROM plain"), [(1, "short"), (2, "short")], policy)
                expect_equal(lab.program.command("skip", bad, "--yes")[0], 0, "skip")


@only("map-quarantine", "changes of a table whose primary key the destination gives itself wait in quarantine over restarts, with those behind them, and are retried")
def _():
    document = "      <rename><document>link</document><to>link2</to></rename>"
    with mapped(xml(documents=document, fields="", own_fields="\n<ignore><field>link2.entity_id</field></ignore>"), on_conflict="quarantine", source="CREATE TABLE link (a INT, b INT, v INT, PRIMARY KEY (a, b));",
                destination="CREATE TABLE own (id INT);\nCREATE TABLE link2 (entity_id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL, b INT NOT NULL, v INT, UNIQUE (a, b));") as lab:
        lab.source.run("INSERT INTO link VALUES (1, 1, 1), (1, 2, 2)")
        lab.program.incremental()
        lab.destination.run("DELETE FROM link2 WHERE b = 1")
        lab.source.run("UPDATE link SET v = 5")
        lab.program.incremental(expect=3)
        lab.source.run("UPDATE link SET v = 6", "INSERT INTO link VALUES (2, 2, 2)")
        lab.program.incremental(expect=3)
        expect_equal(rows(lab.destination, "SELECT a, b, v FROM link2"), [(1, 2, 6), (2, 2, 2)], "what does not wait")
        lab.destination.run("INSERT INTO link2 (a, b, v) VALUES (1, 1, 1)")
        code, out, err = lab.program.command("quarantine", "retry", "all")
        expect_equal(code, 0, "retry: " + out + err)
        lab.program.incremental()
        expect_equal(rows(lab.destination, "SELECT a, b, v FROM link2"), [(1, 1, 6), (1, 2, 6), (2, 2, 2)], "all")


CASCADES = """
CREATE TABLE a (id INT PRIMARY KEY, code VARCHAR(10) NOT NULL, UNIQUE KEY (code));
CREATE TABLE b (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE c (id INT PRIMARY KEY, b INT, FOREIGN KEY (b) REFERENCES b (id) ON DELETE CASCADE);
CREATE TABLE d (id INT PRIMARY KEY, c INT, note VARCHAR(9), FOREIGN KEY (c) REFERENCES c (id) ON DELETE SET NULL);
CREATE TABLE e (id INT PRIMARY KEY, code VARCHAR(10), FOREIGN KEY (code) REFERENCES a (code) ON DELETE SET NULL ON UPDATE CASCADE);
"""
THERE = """
CREATE TABLE a2 (id INT PRIMARY KEY, code VARCHAR(10) NOT NULL, UNIQUE KEY (code));
CREATE TABLE b2 (id INT PRIMARY KEY, a2 INT);
CREATE TABLE c (id INT PRIMARY KEY, b INT%s);
CREATE TABLE d (id INT PRIMARY KEY, c INT, note VARCHAR(9));
CREATE TABLE e (id INT PRIMARY KEY, code VARCHAR(10));
"""


@only("map-cascades", "what the source's foreign keys do is done where the destination has none, at any depth, and below its own")
def _():
    rules = xml("".join("<rename><document>%s</document><to>%s2</to></rename>" % (name, name) for name in "ab"),
                "<move><field>b.a</field><to>b2.a2</to></move>", "", "")
    for own in ("", ", FOREIGN KEY (b) REFERENCES b2 (id) ON DELETE CASCADE"):
        with mapped(rules, source=CASCADES, destination=THERE % own) as lab:
            lab.source.run("INSERT INTO a SELECT seq, CONCAT('c', seq) FROM seq_1_to_20", "INSERT INTO b SELECT seq, seq % 20 + 1 FROM seq_1_to_60",
                           "INSERT INTO c SELECT seq, seq % 60 + 1 FROM seq_1_to_90", "INSERT INTO d SELECT seq, seq % 90 + 1, 'n' FROM seq_1_to_99",
                           "INSERT INTO e SELECT seq, CONCAT('c', seq % 20 + 1) FROM seq_1_to_40")
            lab.program.start()
            lab.program.wait_caught_up()
            lab.source.run("DELETE FROM a WHERE id IN (1, 2, 3)", "UPDATE a SET id = 104 WHERE id = 4", "UPDATE a SET code = 'new' WHERE id = 5",
                           "DELETE FROM b WHERE id = 30", "BEGIN", "INSERT INTO a VALUES (7000, 'x')", "INSERT INTO b VALUES (7000, 7000)",
                           "DELETE FROM a WHERE id = 7000", "COMMIT", "SET foreign_key_checks = 0", "DELETE FROM a WHERE id = 6",
                           "SET foreign_key_checks = 1", "DELETE FROM a WHERE id = 104")
            lab.program.wait_caught_up()
            expect(len(rows(lab.source, "SELECT id FROM d WHERE c IS NULL")) > 3, "the case does not cascade")
            expect_mapped(lab, [("SELECT * FROM " + name, "SELECT * FROM %s%s" % (name, "2" if name in "ab" else "")) for name in "abcde"])


@only("map-facts", "handlers ask the source for attributes, settings and rows of other tables")
def _():
    eav = """
CREATE TABLE eav_entity_type (entity_type_id INT PRIMARY KEY, entity_type_code VARCHAR(50));
CREATE TABLE eav_attribute (attribute_id INT PRIMARY KEY, entity_type_id INT, attribute_code VARCHAR(80), frontend_input VARCHAR(30), backend_type VARCHAR(8));
CREATE TABLE core_config_data (config_id INT PRIMARY KEY, path VARCHAR(80), value TEXT);
CREATE TABLE val (id INT PRIMARY KEY, attribute_id INT, value VARCHAR(80));
CREATE TABLE wish (id INT PRIMARY KEY, website_id INT, store_id INT);
CREATE TABLE core_store (store_id INT PRIMARY KEY, website_id INT);
INSERT INTO eav_entity_type VALUES (4, 'catalog_product');
INSERT INTO eav_attribute VALUES (97, 4, 'url_path', 'text', 'varchar'), (98, 4, 'name', 'text', 'varchar');
INSERT INTO core_config_data VALUES (5, 'catalog/seo/product_url_suffix', 'html'), (9, 'catalog/seo/product_url_suffix', 'htm');
"""
    documents = "".join("<ignore><document>%s</document></ignore>" % name for name in ("eav_*", "core_*", "wish"))
    fields = ("<transform><field>val.value</field><handler class=\"\\Migration\\Handler\\TruncateSuffix\">"
              "<param name=\"suffixPath\" value=\"catalog/seo/product_url_suffix\"/><param name=\"attributeCodes\" value=\"[url_path]\"/>"
              "<param name=\"entityTypeCode\" value=\"catalog_product\"/></handler></transform>")
    with mapped(xml(documents, fields, "", ""), source=eav, destination="CREATE TABLE val (id INT PRIMARY KEY, attribute_id INT, value VARCHAR(80));") as lab:
        lab.source.run("INSERT INTO val VALUES (1, 97, 'chair.html'), (2, 98, 'chair.html')")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("INSERT INTO val VALUES (5, 98, 'known')")
        lab.program.wait_caught_up()
        lab.source.run("INSERT INTO eav_attribute VALUES (99, 4, 'url_path', 'text', 'varchar')", "INSERT INTO val VALUES (3, 99, 'desk.html'), (4, 97, NULL)")
        lab.program.wait_caught_up()
        expect_equal(rows(lab.destination, "SELECT * FROM val"), [(1, 97, "chair"), (2, 98, "chair.html"), (3, 99, "desk"), (4, 97, None), (5, 98, "known")], "values")


C_HANDLER = r"""
#include "ds_handler.h"
#include <ctype.h>
static const struct ds_api *api;
static int begin(const struct ds_api *all, const char *options, void **state, char *why, size_t size)
{
    (void)options, (void)state, (void)why, (void)size;
    api = all;
    return all->size >= sizeof *all ? DS_HANDLER_OK : DS_HANDLER_ERROR;
}
static int upper(void *state, struct ds_call *call, const struct ds_map_handler *self, const struct ds_field *field, struct ds_value *value)
{
    (void)state, (void)self, (void)field;
    if (value->kind != DS_TEXT)
        return DS_HANDLER_OK;
    char *text = api->alloc(call, value->length);
    for (size_t i = 0; text && i < value->length; i++)
        text[i] = (char)toupper((unsigned char)value->text[i]);
    value->text = text;
    return text ? DS_HANDLER_OK : api->reason(call, "out of memory");
}
static const struct ds_map_handler handlers[] = {{"Mine\\Upper", upper}, {0}};
static const struct ds_handler handler = {.size = sizeof handler, .abi = DS_HANDLER_ABI_VERSION, .name = "upper", .open = begin, .map_handlers = handlers};
const struct ds_handler *ds_handler_v1(void) { return &handler; }
"""
LUA_HANDLER = r"""return {map_handlers = {["Mine\\Sum"] = function(value, at)
  return value .. at.params.between .. (at.row.amount + 1) .. (at.row.note or "none")
end}}"""


@only("map-own-handlers", "handlers of the user's own, in C and Lua, take part in copy and stream; those of entities do not")
def _():
    fields = FIELDS + "".join("<transform><field>article.title</field><handler class=\"\\Mine\\%s\">%s</handler></transform>" % one for one in (
        ("Upper", ""), ("Sum", "<param name=\"between\" value=\" = \"/>")))
    with mapped(xml(fields=fields)) as lab:
        code = lab.work.path("upper.c")
        with open(code, "w", encoding="utf-8") as out:
            out.write(C_HANDLER)
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-I", os.path.join(ROOT, "applier"), "-o", os.path.join(lab.program.folder, "upper.so"), code],
                       check=True)
        write(lab, LUA_HANDLER, "sum.lua")
        code, out, err = lab.program.command("check")
        expect("there is no handler \\Mine\\Upper (for article.title) here" in out + err, out + err)
        lab.program.configure({"handlers": ["upper.so", "sum.lua"]})
        code, out, err = lab.program.command("check")
        expect_equal(code, 0, "check: " + out + err)
        lab.source.run(*FILL)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("UPDATE article SET amount = amount + 7, note = IF(id = 2, NULL, 'n')")
        lab.program.wait_caught_up()
        expect_mapped(lab, [("SELECT id, CONCAT('B-A-', UPPER(title), ' = ', amount + 1, COALESCE(note, 'none')) FROM article", "SELECT entity, headline FROM post")])
        lab.program.stop()
        write(lab, "return {entities = {'*'}, after_apply = function() end}", "sum.lua")
        code, _out, err = lab.program.command("incremental")
        expect_equal(code, 2, "hooks: " + err[-1500:])
        expect("hooks do not go with map" in err, err[-1500:])


@only("map-replay", "a range of the binlog is applied through the map, from the server and from files")
def _():
    with mapped(start="current") as lab:
        lab.program.incremental()
        first = lab.source.gtid()
        lab.source.run(*FILL)
        code, _out, err = lab.program.command("replay", "--from", first, "--to", lab.source.gtid())
        expect_equal(code, 0, "replay: " + err[-1500:])
        expect_mapped(lab)
