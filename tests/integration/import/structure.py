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

    @suite.case("check-unfilled", "a column that only the destination has and that has to be told a value: told beforehand, and nothing is written")
    def _():
        with TwoShops(settings=STREAM) as shops:
            program = shops.lab.program
            shops.destination.run("ALTER TABLE cms_page ADD erp_code VARCHAR(10) NOT NULL", "ALTER TABLE customer_group ADD erp_code INT NOT NULL",
                                  "ALTER TABLE cms_block ADD erp_code VARCHAR(10) NOT NULL DEFAULT '', ADD erp_id INT NOT NULL", database="openmage")
            shops.source.run("DELETE FROM cms_block", database="openmage")
            text = ("column %s has to have a value, has no default, and the source has no such column%s: give it a default at the destination "
                    "(ALTER TABLE `%s` ALTER COLUMN `%s` SET DEFAULT ...), or let it be NULL")
            page = "table cms_page: " + text % ("erp_code", "", "cms_page", "erp_code")
            group = "table customer_group: " + text % ("erp_code", "", "customer_group", "erp_code")
            expect_equal(lines(shops, expect_code=1), [
                "warn  both table cms_block: " + text % ("erp_id", ", and no rows in the table yet", "cms_block", "erp_id"),
                "STOP  both " + page, "STOP  both " + group], "what would stop it")
            expect_equal(lines(shops, "--entity", "customer", expect_code=0), ["warn  both " + group], "of customers, whose groups are found")
            expect_equal(lines(shops, "--entity", "order", expect_code=0), ["warn  both " + group], "of orders")
            pages = shops.destination.query("SELECT * FROM openmage.cms_page")
            for command in (("sync", "all", "legacy", "-d", "update"), ("sync", "cms_page", "legacy", "-d", "update", "--dry-run"), ("incremental",)):
                code, _out, err = program.command(*command, timeout=240)
                expect_equal((code, "nothing is written: " + page in err), (2, True), "%s: %s" % (command, err[-900:]))
            expect_equal((shops.destination.query("SELECT * FROM openmage.cms_page"), shops.destination.query(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'datasync'")), (pages, ()), "written")
            shops.source.run("INSERT INTO customer_group (customer_group_code, tax_class_id) SELECT 'New', MAX(tax_class_id) FROM customer_group",
                             database="openmage")
            for options in (("--dry-run",), ()):  # a look goes before what is written
                code, _out, err = program.command("sync", "customer", "legacy", "-d", "update", *options, timeout=240)
                expect_equal(code, 1, err[-900:])
                expect_contains(err, "There is none, and no default, for column 'erp_code' of customer_group", "a group that has to be made")
            shops.destination.run("ALTER TABLE customer_group ALTER erp_code SET DEFAULT 0", "ALTER TABLE cms_page ALTER erp_code SET DEFAULT ''",
                                  database="openmage")
            code, _out, err = program.command("sync", "cms_page", "legacy", "-d", "update", timeout=240)
            expect_equal(code, 0, err[-900:])

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

    @suite.case("check-images", "a binlog that does not say which row, or column, a change is of: told beforehand, and it stops")
    def _():
        for variable, wrong in (("binlog_row_image", "MINIMAL"), ("binlog_row_metadata", "MINIMAL"), ("binlog_row_metadata", "NO_LOG")):
            with TwoShops(settings={"mode": "import", "source_system": "shop", "on_duplicate": "update", "entities": ["cms_block"]}) as shops:
                program = shops.lab.program
                program.incremental()
                shops.source.run("SET GLOBAL %s = '%s'" % (variable, wrong), database=None)
                code, out, err = program.command("check")
                expect_equal(code, 1, "check, %s = %s: %s" % (variable, wrong, out + err))
                expect_contains(out, "STOP  source %s: " % variable, "check")
                shops.source.run("UPDATE cms_block SET title = CONCAT(title, ' x') ORDER BY block_id LIMIT 1", database="openmage")
                code, _out, err = program.command("incremental")
                expect(code in (1, 2), "incremental, %s = %s: exit %d" % (variable, wrong, code))
                expect_contains(err, variable, "what stopped it")

    @suite.case("check-no-shop", "a destination that is no shop")
    def _():
        with TwoShops(settings=STREAM, other=False, empty=True) as shops:
            code, out, _err = shops.lab.program.command("check")
            expect_equal(code, 1, "exit of check")
            expect_contains(out, "STOP  both tables: the destination has none: install the shop there first", "check")
            expect(" both table " not in out, "not a line for each table: " + out)
