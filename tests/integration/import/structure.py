"""Two shops that are not built alike: what `check` says beforehand, and what an import does."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops

STREAM = {"mode": "import", "source_system": "shop", "on_duplicate": "update"}
SWATCH = "eav_attribute_option_swatch"
LATIN = "column %s is latin1 at the source and utf8mb3 at the destination: give both the same character set"


def lines(shops, *options, expect_code):
    code, out, err = shops.lab.program.command("check", *options)
    expect_equal(code, expect_code, "exit of check: " + out + err)
    return [line for line in out.splitlines() if " both table " in line]


def define(suite):
    @suite.case("check-character-sets", "columns whose character set is another one: all are listed, of what is asked for; the start refuses the first")
    def _():
        with TwoShops(settings=STREAM) as shops:
            expect_equal([line for line in lines(shops, expect_code=0) if "STOP" in line], [], "as they are")
            shops.source.run("ALTER TABLE cms_page MODIFY title VARCHAR(255) CHARACTER SET latin1, MODIFY content_heading VARCHAR(255) "
                             "CHARACTER SET latin1", "ALTER TABLE cms_block MODIFY identifier VARCHAR(255) CHARACTER SET latin1 NOT NULL",
                             database="openmage")
            expect_equal(lines(shops, expect_code=1), [
                "STOP  both table cms_block: " + LATIN % "identifier", "STOP  both table cms_page: " + LATIN % "title",
                "STOP  both table cms_page: " + LATIN % "content_heading"], "what would stop it")
            expect_equal(lines(shops, "--entity", "customer", expect_code=0), [], "of customers")
            code, _out, err = shops.lab.program.command("incremental", timeout=240)
            expect_equal(code, 1, err[-900:])
            expect_contains(err, "is latin1 at the source", "a start")

    @suite.case("check-tables", "a table or column that the destination lacks: told beforehand; the table stops a run when a row of it comes")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program = shops.lab.program
            shops.destination.run("DROP TABLE " + SWATCH, "ALTER TABLE cms_block DROP COLUMN creation_time", database="openmage")
            shops.source.run("DELETE FROM " + SWATCH, database="openmage")
            warned = ["warn  both table cms_block: the destination has no column creation_time, it is left out",
                      "warn  both table %s: the destination has no such table, which entity attribute needs, and the source has no rows in it: "
                      "make it there before it has" % SWATCH]
            expect_equal(lines(shops, expect_code=0), warned, "without rows")
            program.incremental(timeout=240)
            shops.source.run("INSERT INTO %s (option_id, value) SELECT MIN(option_id), 'x' FROM eav_attribute_option" % SWATCH,
                             database="openmage")
            stops = "the destination has no table %s, which entity attribute needs: install the shop there first, or leave the entity out" % SWATCH
            expect_equal(lines(shops, expect_code=1), [warned[0], "STOP  both table %s: %s" % (SWATCH, stops)], "with a row")
            code, _out, err = program.command("incremental", timeout=240)
            expect_equal(code, 1, err[-900:])
            expect_contains(err, stops, "when a row comes")

    @suite.case("fewer-decimals", "decimals that the destination's column has not are told, and never rounded away: of a copy, and of a stream")
    def _():
        with TwoShops(settings=dict(STREAM, entities=["order"])) as shops:
            program = shops.lab.program
            shops.source.run("UPDATE sales_flat_order SET weight = 1.25", database="openmage")
            shops.destination.run("UPDATE sales_flat_order SET weight = 1", "ALTER TABLE sales_flat_order MODIFY weight DECIMAL(12,2)", database="openmage")
            expect_equal(lines(shops, expect_code=0), ["warn  both table sales_flat_order: column weight has 4 decimals at the source and 2 at the "
                                                       "destination, where a value that has more than these does not fit"], "beforehand")
            program.incremental(timeout=240)
            order = shops.source.scalar("SELECT MAX(entity_id) FROM openmage.sales_flat_order")
            shops.source.run("UPDATE sales_flat_order SET weight = 1.255 WHERE entity_id = %d" % order, database="openmage")
            error = "a value does not fit the destination's column: Too many decimals for column 'weight' of order %d" % order
            code, _out, err = program.command("incremental", timeout=240)
            expect_equal(code, 1, err[-900:])
            expect_contains(err, error, "a stream")
            code, _out, err = program.command("sync", "order", "legacy", "-d", "update", "--skip-invalid", timeout=240)
            expect_equal(code, 3, err[-900:])
            expect_contains(err, error, "a copy")
            expect_contains(err, "left out entity=order key=%d" % order, "a copy")

    @suite.case("check-no-shop", "a destination that is no shop")
    def _():
        with TwoShops(settings=STREAM, other=False, empty=True) as shops:
            code, out, _err = shops.lab.program.command("check")
            expect_equal(code, 1, "exit of check")
            expect_contains(out, "STOP  both tables: the destination has none: install the shop there first", "check")
            expect(" both table " not in out, "not a line for each table: " + out)
