"""What a map is refused for, and what is told: before anything is written."""

from base import DESTINATION, DOCUMENTS, FIELDS, FILL, FULL, OWN, OWN_FIELDS, SOURCE, expect_mapped, mapped, rows, suite, write, xml
from lib.suite import expect, expect_contains, expect_equal


def only(name, about):
    return suite.case(name, about, program_only=True)


def refused(lab, parts, code=2, command=("incremental",)):
    """The command ends with this code, and names these."""
    ended, out, err = lab.program.command(*command)
    expect_equal(ended, code, "exit code of %s: %s" % (" ".join(command), (out + err)[-1500:]))
    for part in parts:
        expect_contains(out + err, part, "message")


def expect_untouched(lab):
    names = [name for (name,) in rows(lab.destination, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA <> "
                                      "'information_schema' AND TABLE_NAME LIKE 'datasync%'")]
    expect_equal(names, [], "our tables at the destination")
    expect_equal(rows(lab.destination, "SELECT entity FROM post"), [], "posts")


@only("map-findings", "what the map does not lead anywhere is told together, before anything is written, and by check")
def _():
    with mapped(source=SOURCE + "CREATE TABLE extra (id INT PRIMARY KEY);\nCREATE TABLE extra2 (id INT PRIMARY KEY);\nALTER TABLE plain ADD w INT;\n"
                "CREATE VIEW seen AS SELECT * FROM plain;",
                destination=DESTINATION + "CREATE TABLE alone (id INT PRIMARY KEY);\nALTER TABLE post ADD more INT, ADD most INT;\n"
                "CREATE TABLE mine (id INT PRIMARY KEY) ENGINE = MyISAM;") as lab:
        lab.source.run(*FILL)
        found = ("Source documents are not mapped: extra,extra2", "Source fields are not mapped. Document: plain. Fields: w",
                 "Destination documents are not mapped: alone,mine", "Destination fields are not mapped. Document: post. Fields: more,most")
        refused(lab, found + ("4 findings", "nothing was written"))
        expect_untouched(lab)
        refused(lab, found, 2, ("run", "--stop-at", lab.source.gtid()))
        expect_untouched(lab)
        refused(lab, tuple("STOP  both map: " + line for line in found), 1, ("check",))
        write(lab, xml(DOCUMENTS + "<ignore><document>extra*</document></ignore><rename><document>tag_a</document><to>tags</to></rename>",
                       FIELDS + "<ignore><field>plain.w</field></ignore>", OWN + "<ignore><document>alone</document></ignore>",
                       OWN_FIELDS + "<ignore><field>post.more</field></ignore><ignore><field>post.most</field></ignore>"))
        refused(lab, ("Destination documents are not mapped: mine",))
        lab.source.run("CREATE TABLE mine (id INT PRIMARY KEY)")
        refused(lab, ("Destination table cannot roll back: mine (MyISAM)",))
        lab.destination.run("ALTER TABLE mine ENGINE = InnoDB")
        refused(lab, ("ok    both map: ",), 0, ("check",))
        lab.program.incremental()
        expect_mapped(lab)


@only("map-warnings", "types, lengths and keys that may not fit, and cascades of the source alone, are told, and do not stop")
def _():
    with mapped(xml(fields=FIELDS.replace("<ignore><datatype>article.amount</datatype></ignore>", "")),
                source=SOURCE + "ALTER TABLE tag_a ADD FOREIGN KEY (id) REFERENCES article (id) ON DELETE CASCADE;",
                destination=DESTINATION + "ALTER TABLE post ADD UNIQUE KEY (note);") as lab:
        text = lab.program.incremental()
        told = ("Mismatch of data types. Source document: article. Fields: amount", "Unique at the destination alone: post (note)",
                "Foreign key at the source alone: tag_a.id to article, on delete CASCADE")
        for part in told:
            expect_contains(text, part, "the log")
        refused(lab, tuple("warn  both map: " + part for part in told), 0, ("check",))


@only("map-case", "columns whose names differ in case alone are one, in keys too")
def _():
    with mapped(xml("", "", "", ""), source="CREATE TABLE card (Id INT, Code VARCHAR(9), PRIMARY KEY (Id, Code));", destination="CREATE TABLE card (ID INT, code VARCHAR(9), PRIMARY KEY (ID, code));") as lab:
        lab.source.run("INSERT INTO card VALUES (1, 'a'), (1, 'b')")
        text = lab.program.incremental()
        expect("Unique at the destination alone" not in text, text)
        lab.source.run("DELETE FROM card WHERE Code = 'a'")
        lab.program.incremental()
        expect_equal(rows(lab.destination, "SELECT * FROM card"), [(1, "b")], "rows")


@only("map-settings", "settings that do not go with a map are refused, and so is a binlog that names no columns")
def _():
    with mapped() as lab:
        for settings, part in (({"ddl": "apply"}, "set ddl: ignore"),
                               ({"where": {"plain": "id > 1"}}, "where"), ({"on_invalid": "skip"}, "on_invalid"),
                               ({"map": ["none.xml"]}, "none.xml: No such file")):
            kept = dict(lab.program.settings)
            lab.program.configure(settings)
            refused(lab, (part, "map"))
            lab.program.settings = kept
            lab.program.configure({})
        expect_untouched(lab)
    with mapped(options=("--binlog-row-metadata=MINIMAL",)) as lab:
        refused(lab, ("binlog_row_metadata = FULL", "map needs"))
    key = xml(fields="", documents="", own=OWN, own_fields="<ignore><field>rank.id</field></ignore>")
    for options, stops in ((("--binlog-row-image=MINIMAL",), True), (("--binlog-row-image=NOBLOB",), False)):
        with mapped(key, source="CREATE TABLE rank (a INT PRIMARY KEY, b INT NOT NULL UNIQUE, v INT);", options=(*FULL, *options),
                    destination="CREATE TABLE rank (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b INT NOT NULL UNIQUE, v INT);\nCREATE TABLE own (id INT PRIMARY KEY);") as lab:
            lab.source.run("INSERT INTO rank VALUES (1, 2, 3)")
            if stops:
                refused(lab, ("changes of document rank do not tell rank.b, part of the key that finds them: SET GLOBAL binlog_row_image = FULL",))
                continue
            lab.program.incremental()
            lab.source.run("UPDATE rank SET v = 4")
            lab.program.incremental()
            expect_equal(rows(lab.destination, "SELECT a, b, v FROM rank"), [(1, 2, 4)], "rows")


@only("map-file-errors", "a file with an error: exit 2, naming file, line and what is wrong")
def _():
    with mapped() as lab:
        good = xml()
        line = good[:good.index("<rename><document>tag_a")].count("\n") + 1
        for text, part in ((good.replace("<rename><document>tag_a", "<rename><dokument>tag_a"), "map.xml:%d:" % line),
                           (good.replace("</map>", ""), "map.xml:"),
                           (good.replace("AddPrefix", "NoSuchHandler"), "NoSuchHandler"),
                           (good.replace('name="prefix"', 'name="suffix"', 1), "map.xml:"),
                           (xml(DOCUMENTS + "<rename><document>article</document><to>tags</to></rename>"), "ambiguous configuration")):
            write(lab, text)
            refused(lab, (part,))
        expect_equal(rows(lab.destination, "SELECT entity FROM post"), [], "posts")


@only("map-left-over", "rules for fields that a side has not are told by check and at the start, and passed over")
def _():
    rule = '<transform><field>%s</field><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="x"/></handler></transform>'
    with mapped(xml(fields=FIELDS + "<move><field>article.gone</field><to>post.gone</to></move>" + rule % "plain.gone", own_fields=OWN_FIELDS + rule % "post.never")) as lab:
        lab.source.run(*FILL)
        told = ["Rule for a field that the %s does not have: %s (" % what for what in (("source", "article.gone"), ("source", "plain.gone"), ("destination", "post.never"))]
        code, out, err = lab.program.command("check")
        expect_equal(code, 0, "check: " + out + err)
        said = lab.program.incremental()
        for part in told:
            expect_contains(out, part, "check")
            expect_contains(said, part, "the start")
        lab.source.run("UPDATE plain SET v = 'r'", "UPDATE article SET amount = 9")
        lab.program.incremental()
        expect_mapped(lab)


@only("map-changed", "another map than the one of the copy: exit 2, naming it and the remedy; a new copy takes it")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.program.incremental()
        write(lab, xml(fields=FIELDS.replace("b-", "c-")))
        refused(lab, ("filter differs", "map=[map.xml]", "--resnapshot"))
        refused(lab, ("STOP  destination filter", "map=[map.xml]"), 1, ("check",))
        code, _out, err = lab.program.command("incremental", "--resnapshot", "--yes")
        expect_equal(code, 0, "a new copy: " + err[-800:])
        expect_equal(rows(lab.destination, "SELECT headline FROM post WHERE entity = 1"), [("c-a-one",)], "the other rules")
        write(lab, xml())
        lab.program.settings.pop("map")
        lab.program.configure({})
        refused(lab, ("filter differs",))
        expect_equal(len(rows(lab.destination, "SELECT id FROM own")), 2, "rows of its own")


@only("map-rows-there", "tables with rows of others are refused before anything is written; --resnapshot empties them once, and no others")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.destination.run("INSERT INTO tags (id, word) VALUES (5, 'mine')")
        refused(lab, ("rows that no copy of stream", "use --resnapshot, which does: tags"))
        expect_equal(rows(lab.destination, "SELECT entity FROM post"), [], "posts")
        expect_equal(rows(lab.destination, "SELECT id FROM tags"), [(5,)], "tags")
        code, _out, err = lab.program.command("incremental", "--resnapshot", "--yes")
        expect_equal(code, 0, "a new copy: " + err[-800:])
        expect_mapped(lab)


@only("map-filter", "tables that the filter leaves out need no rules, and what they would become stays as it is")
def _():
    with mapped(source=SOURCE + "CREATE TABLE extra (id INT PRIMARY KEY);\nINSERT INTO extra VALUES (1);",
                destination=DESTINATION.replace("INSERT INTO own", "INSERT INTO plain VALUES (9, 'own');\nINSERT INTO own"),
                tables={"exclude": ["extra", "plain"]}) as lab:
        lab.source.run(*FILL)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.source.run("DELETE FROM plain", "INSERT INTO extra VALUES (2)", "INSERT INTO tag_a VALUES (9, 'v')", "TRUNCATE TABLE plain")
        lab.program.wait_caught_up()
        expect_equal(rows(lab.destination, "SELECT id, v FROM plain"), [(9, "own")], "a table that is left out")
        expect_equal(len(rows(lab.destination, "SELECT id FROM tags")), 5, "tags")
    with mapped(tables={"exclude": ["tag_*"]}) as lab:
        lab.source.run(*FILL)
        lab.destination.run("INSERT INTO tags (id) VALUES (5)")
        lab.program.incremental()
        expect_equal(rows(lab.destination, "SELECT id FROM tags"), [(5,)], "rows of a table that nothing goes to")
    for left, stays in (("tag_a", "tag_b"), ("tag_b", "tag_a")):
        with mapped(tables={"exclude": [left]}) as lab:
            lab.source.run(*FILL)
            lab.destination.run("INSERT INTO tags (id) VALUES (5)")
            refused(lab, ("use --resnapshot, which does: tags",))
            lab.destination.run("DELETE FROM tags")
            lab.program.incremental()
            lab.source.run("TRUNCATE %s" % stays, "INSERT INTO %s VALUES (8, 'eight')" % stays)
            lab.program.incremental()
            expect_equal(rows(lab.destination, "SELECT id, word FROM tags"), [(8, "eight")], "tags of %s alone" % stays)


@only("map-dry-run", "a dry run through a map writes nothing")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.program.incremental()
        lab.source.run("UPDATE article SET title = 'changed'", "TRUNCATE TABLE plain")
        lab.program.incremental("--dry-run")
        expect_equal(rows(lab.destination, "SELECT headline FROM post WHERE entity = 1"), [("b-a-one",)], "rows")
        expect_equal(len(rows(lab.destination, "SELECT id FROM plain")), 2, "rows")
        lab.program.incremental()
        expect_mapped(lab)
