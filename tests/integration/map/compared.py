"""check --counts under a map, and maps with masks."""

from base import FILL, mapped, rows, suite
from lib.suite import expect, expect_contains, expect_equal

MASK = {"key": "0123456789abcdef0123456789abcdef", "rules": [
    "article.id,amount,created keep", "article.title name", "article.note,secret hash", "tag_*.id keep", "tag_a.word partial 1 0", "tag_b.word keep", "plain.id keep", "plain.v fixed hidden", "plain[id=1].v keep", "log_*.* keep"]}


def counts(lab, code):
    got, out, err = lab.program.command("check", "--counts")
    expect_equal(got, code, "check --counts: " + out + err)
    return " ".join(out[out.rindex("\n\n"):].split())


@suite.case("map-counts", "check --counts compares what rows become under the map, and names what differs")
def _():
    with mapped() as lab:
        lab.source.run(*FILL)
        lab.program.incremental()
        expect_contains(counts(lab, 0), "3 documents, all equal", "equal")
        lab.destination.run("UPDATE post SET headline = 'changed' WHERE entity = 1")
        counts(lab, 0)  # a handler makes it
        lab.destination.run("UPDATE post SET note = 'changed' WHERE entity = 2", "DELETE FROM tags WHERE id IN (2, 101)", "INSERT INTO tags (id) VALUES (77)", "UPDATE plain SET v = 'q' WHERE id = 1")
        said = counts(lab, 1)
        for part in ("3 of 3 documents differ", "post 3 3 other values: 2 in: note", "tags 4 3 missing: 2,101 not at the source: 77", "plain 2 2 other values: 1 in: v"):
            expect_contains(said, part, "what differs")
        lab.destination.run("DROP TABLE plain")
        counts(lab, 1)


@suite.case("map-mask", "values are masked before the map has them, in copy and stream; what is masked is not compared")
def _():
    with mapped(mask=MASK) as lab:
        lab.source.run(*FILL)
        lab.program.incremental()
        lab.source.run("UPDATE article SET title = 'zwei', note = 'neu', amount = 9 WHERE id = 2", "INSERT INTO tag_a VALUES (3, 'green')", "UPDATE plain SET v = CONCAT(v, '!')")
        lab.program.incremental()
        posts = rows(lab.destination, "SELECT entity, headline, note, amount, created FROM post")
        for (number, title, note, amount, created), (_number, headline, masked, there, when) in zip(rows(lab.source, "SELECT id, title, note, amount, created FROM article"), posts):
            expect(headline.startswith("b-a-") and (headline != "b-a-" + title) == bool(title), "headline %s of %s" % (headline, title))
            expect((masked == note) == (not note), "note %s of %s" % (masked, note))
            expect_equal((there, when), (str(amount), created), "article %d" % number)
        expect_equal(rows(lab.destination, "SELECT id, word FROM tags"), [(1, "r**"), (101, "red"), (102, None), (2, "b***"), (3, "g****")], "tags")
        expect_equal(rows(lab.destination, "SELECT id, v FROM plain"), [(1, "p!"), (2, None)], "plain")
        expect_contains(counts(lab, 0), "3 documents, all equal", "equal")
        lab.destination.run("UPDATE post SET amount = 1 WHERE entity = 1", "DELETE FROM tags WHERE id = 101")
        counts(lab, 1)
        rules = [rule.replace("tag_b.word keep", "tag_b.word hash") for rule in MASK["rules"]]
        lab.program.configure({"mask": {**MASK, "rules": rules}})
        code, out, err = lab.program.command("incremental")
        expect_equal(code, 2, "other rules: " + err)
        expect_contains(out + err, "rules of the mask are others", "other rules")
