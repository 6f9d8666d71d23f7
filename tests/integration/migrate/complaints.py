"""What users of the Magento Data Migration Tool ran into, each under the number of its thread there.

Some are cases with names of their own: 316, 521 (a delta from elsewhere) binlog-files and changelog; 911 (writes meanwhile) data-delta, volume and magento-2;
4, 307, 676 (an end) data-delta and usage; 337, 464 (what is tracked) eav-delta and magento-2; 319 groups; 843, 456 (one table) reset-document; 607 increments-fit;
19, 177, 742 (what is not mapped) integrity, auto and value-loss-suggested; 95, 595 auto; 350 value-loss; 144 (classes) and 201, 869 (a second run) eav; 311 greatblog;
145 (time zones) unit/map_handler; 213, 249 orphans and eav-orphans; 534 progress-bar; 735 (a full disk) the suite laws; 26 (URL rewrites) leftovers.
"""

import contextlib
import shutil
import time

from base import Migration, map_config
from lib.certificates import make_certificates
from lib.program import Datasync
from lib.server import ACCOUNT, PASSWORD, SOURCE, Server, create_accounts
from lib.suite import expect, expect_contains, expect_equal

EMPTY = "<map><source/><destination/></map>"
KEY = "id INT AUTO_INCREMENT PRIMARY KEY"


def shop(old, new=None, fill=(), rules=EMPTY, prefixes=("", "")):
    """Tables are InnoDB."""
    def whole(sql):
        return "".join("CREATE TABLE %s ENGINE=InnoDB;\n" % table for table in sql)
    made = Migration(whole(old), whole(new or old), fill, map_config("<source_prefix>%s</source_prefix><dest_prefix>%s</dest_prefix>" % prefixes))
    made.write("map.xml", rules)
    return made


def rules(source_fields="", source_documents="", destination_documents="", destination_fields=""):
    return ('<?xml version="1.0"?>\n<map>\n<source><document_rules>%s</document_rules><field_rules>%s</field_rules></source>\n'
            "<destination><document_rules>%s</document_rules><field_rules>%s</field_rules></destination>\n</map>\n" % (
                source_documents, source_fields, destination_documents, destination_fields))


def refused(lab, wanted, what, tables=("t",)):
    """Data mode ends with an error that says this, and nothing half done stands at the destination."""
    said = lab.migrate("data", code=1)
    for part in wanted:
        expect_contains(said, part, what)
    for table in tables:
        expect_equal(lab.ask("SELECT COUNT(*) FROM " + table), 0, what + ": rows of " + table)


def define(suite):
    @suite.case("complaint-96-characters", "texts arrive as they are, whatever character set their tables have; lengths in serialised ones, too")
    def _():
        texts = "(%s, s TEXT CHARACTER SET %s) %s"
        old = ["latin " + texts % (KEY, "latin1", ""), "three " + texts % (KEY, "utf8", ""), "four " + texts % (KEY, "utf8mb4", "")]
        new = [table + texts % (KEY, "utf8mb4", "") for table in ("latin ", "three ", "four ")]
        fill = ["INSERT INTO %s (s) VALUES ('Größe €'), ('a:1:{i:0;s:7:\"Größe\";}')" % table for table in ("latin", "three", "four")]
        with shop(old, new, [*fill, "INSERT INTO four (s) VALUES ('🛒')"]) as lab:
            lab.migrate("data")
            lab.source.run("INSERT INTO latin (s) VALUES ('Ä€')", "UPDATE four SET s = CONCAT(s, '🚚')", database="old")
            lab.migrate("delta", "--once")
            for table in ("latin", "three", "four"):
                expect_equal(lab.rows("SELECT id, s FROM %s ORDER BY 1" % table), lab.source.query("SELECT id, s FROM %s ORDER BY 1" % table, "old"), table)

    @suite.case("complaint-119-serialised", "what cannot be unserialised becomes NULL and is told with its record, or stops the migration with its key, as the rule says")
    def _():
        handler = '<transform><field>t.s</field><handler class="\\Migration\\Handler\\SerializeToJson">%s</handler></transform>'
        with shop(["t (%s, s TEXT)" % KEY], None, ["INSERT INTO t (s) VALUES ('a:1:{i:0;i:7;}'), ('a:1:{i:0;s:9:\"short\";}'), (NULL)"],
                  rules(handler % '<param name="migrateBrokenData" value="false"/>')) as lab:
            refused(lab, ("t.s", "rows that were looked at, keys: 2)"), "broken data, before anything is written")
            said = lab.migrate("data", "--auto", code=1)
            for part in ("t.s", "key=2"):
                expect_contains(said, part, "broken data")
            lab.write("map.xml", rules(handler % ""))
            said = lab.migrate("data", "--reset", "--yes")
            expect_contains(said, "Could not unserialize data of t.s with record id 2", "a warning")
            expect_equal(lab.rows("SELECT s FROM t ORDER BY id"), (("[7]",), (None,), (None,)), "what came")

    @suite.case("complaint-164-too-long", "a value that is longer than its column is an error with field and key, and is never cut")
    def _():
        with shop(["t (%s, s VARCHAR(40))" % KEY], ["t (%s, s VARCHAR(20))" % KEY], ["INSERT INTO t (s) VALUES ('short'), (REPEAT('x', 30))"]) as lab:
            refused(lab, ("t.s", "VARCHAR(20)".lower()), "too long")
            lab.source.run("UPDATE t SET s = 'y'", database="old")
            lab.migrate("data", "--reset", "--yes")
            lab.source.run("UPDATE t SET s = REPEAT('z', 21) WHERE id = 2", database="old")
            expect_contains(lab.migrate("delta", "--once", code=1), "2", "too long in a delta")
            expect_equal(lab.rows("SELECT s FROM t ORDER BY 1"), (("y",), ("y",)), "nothing of it came")

    @suite.case("complaint-377-numbers", "a number that is too large for its column is an error, and does not become the largest one")
    def _():
        with shop(["t (id BIGINT UNSIGNED PRIMARY KEY, s INT)"], ["t (id INT PRIMARY KEY, s INT)"], ["INSERT INTO t VALUES (1, 1), (3000000000, 1)"]) as lab:
            refused(lab, ("t",), "too large")
            lab.source.run("DELETE FROM t WHERE id > 1", database="old")
            lab.migrate("data", "--reset", "--yes")
            lab.source.run("INSERT INTO t VALUES (4000000000, 1)", database="old")
            lab.migrate("delta", "--once", code=1)
            expect_equal(lab.rows("SELECT id FROM t"), ((1,),), "what came")

    @suite.case("complaint-379-zero", "a row with the key 0, and keys with gaps, come once")
    def _():
        with shop(["t (%s, s INT)" % KEY], None, ["SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "INSERT INTO t VALUES (0, 1), (-5, 2), (1000000, 3), (2, 4)"]) as lab:
            lab.migrate("data")
            lab.source.run("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "UPDATE t SET s = 9 WHERE id = 0", "DELETE FROM t WHERE id = -5", "INSERT INTO t VALUES (-6, 7)", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT * FROM t ORDER BY 1"), ((-6, 7), (0, 9), (2, 4), (1000000, 3)), "rows")

    @suite.case("complaint-334-ambiguous", "of rules that contradict each other both are named, with file and line")
    def _():
        clash = "<move><field>t.a</field><to>t.b</to></move>\n<ignore><field>t.a</field></ignore>"
        with shop(["t (%s, a INT)" % KEY], ["t (%s, b INT)" % KEY], (), rules(clash)) as lab:
            said = lab.migrate("data", code=2)
            for part in ("Field has ambiguous configuration: t.a", "map.xml:3", "map.xml:4"):
                expect_contains(said, part, "a contradiction")

    @suite.case("complaint-418-wildcards", "a * stands for no field: a rule that would have no effect is an error with its line")
    def _():
        with shop(["t (%s, secret INT)" % KEY], None, ["INSERT INTO t VALUES (1, 5)"], rules("<ignore><field>t.s*</field></ignore>")) as lab:
            expect_contains(lab.migrate("data", code=2), "map.xml:3: <field> takes no *", "a field with a wildcard")
            expect_equal(lab.ask("SELECT COUNT(*) FROM t"), 0, "rows")

    @suite.case("complaint-546-xml", "a file that is no such map is named, with the line")
    def _():
        for text, line in (("<map>\n<source>\n<document_rules><ignored/></document_rules></source></map>", 3), ("<map>\n<source>\n", 2), ("<maps/>", 1)):
            with shop(["t (%s)" % KEY], None, (), text) as lab:
                expect_contains(lab.migrate("data", code=2), "map.xml:%d" % line, text)

    @suite.case("complaint-348-prefixes", "tables with another prefix at each side are found in the copy and in the delta")
    def _():
        with shop(["m1_t (%s, s INT)" % KEY, "other (%s)" % KEY], ["m2_x_u (%s, s INT)" % KEY], ["INSERT INTO m1_t (s) VALUES (1), (2)"],
                  rules(source_documents="<rename><document>t</document><to>u</to></rename>"), ("m1_", "m2_x_")) as lab:
            lab.migrate("data")
            lab.source.run("UPDATE m1_t SET s = s + 1", "DELETE FROM m1_t WHERE id = 1", "INSERT INTO other VALUES (1)", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT * FROM m2_x_u"), ((2, 3),), "rows")

    @suite.case("complaint-389-unique", "rows that exchange unique values, or take those of deleted ones, make no duplicate in the delta")
    def _():
        with shop(["t (%s, email VARCHAR(40) NOT NULL UNIQUE)" % KEY], None, ["INSERT INTO t (email) VALUES ('a'), ('b'), ('c')"]) as lab:
            lab.migrate("data")
            lab.source.run("UPDATE t SET email = 'x' WHERE id = 1", "UPDATE t SET email = 'a' WHERE id = 2", "UPDATE t SET email = 'b' WHERE id = 1", "DELETE FROM t WHERE id = 3",
                           "INSERT INTO t (email) VALUES ('c')", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT * FROM t ORDER BY 1"), ((1, "b"), (2, "a"), (4, "c")), "rows")

    @suite.case("complaint-128-duplicates", "two documents whose rows have one key in one table: the error names table and key")
    def _():
        with shop(["a (%s, s INT)" % KEY, "b (%s, s INT)" % KEY], ["t (%s, s INT)" % KEY], ["INSERT INTO a VALUES (7, 1)", "INSERT INTO b VALUES (7, 2)"],
                  rules(source_documents="<rename><document>a</document><to>t</to></rename><rename><document>b</document><to>t</to></rename>")) as lab:
            said = lab.migrate("data", code=1)
            for part in ("Duplicate entry '7' for key 'PRIMARY'", "table=new.t"):
                expect_contains(said, part, "a key that is there twice")

    @suite.case("complaint-24-packets", "rows come however small the packets are that the destination takes; one that is too large for them is named")
    def _():
        with shop(["t (%s, s LONGTEXT)" % KEY], None, ["INSERT INTO t (s) SELECT REPEAT('x', 200000) FROM seq_1_to_40"]) as lab:
            lab.destination.run("SET GLOBAL max_allowed_packet = 1048576", database=None)
            lab.migrate("data")
            lab.source.run("UPDATE t SET s = CONCAT(s, 'y')", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.ask("SELECT COUNT(*) FROM t WHERE LENGTH(s) = 200001"), 40, "rows")
            lab.source.run("INSERT INTO t VALUES (99, REPEAT('x', 2000000))", database="old")
            expect_contains(lab.migrate("delta", "--once", code=1), "max_allowed_packet", "a row that is too large")

    @suite.case("complaint-341-memory", "a table is copied in no more memory than a part of it takes")
    def _():
        with shop(["t (%s, s TEXT)" % KEY], None, ["INSERT INTO t (s) SELECT REPEAT('x', 1000) FROM seq_1_to_120000"]) as lab:
            lab.program.start("data", lab.config, command="migrate")
            peak = 0
            while lab.program.running():
                with contextlib.suppress(OSError), open("/proc/%d/status" % lab.program.process.pid, encoding="ascii") as status:
                    peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))])  # the spool's pages are a file's
                time.sleep(0.01)
            print("# %d KiB for a table of 120 MB" % peak)
            expect(1000 < peak < 140000, "memory: %d KiB" % peak)
            expect_equal(lab.ask("SELECT COUNT(*) FROM t"), 120000, "rows")

    @suite.case("complaint-176-no-default", "a column of the destination that has to have a value, is ignored and has no default is told before rows come")
    def _():
        with shop(["t (%s)" % KEY], ["t (%s, s VARCHAR(9) NOT NULL)" % KEY], ["INSERT INTO t VALUES (1)"], rules(destination_fields="<ignore><field>t.s</field></ignore>")) as lab:
            said = lab.migrate("data", code=1)
            for part in ("t", "s"):
                expect_contains(said, part, "no value")
            expect(said.index("integrity") < said.index("NOT NULL" if "NOT NULL" in said else "no default"), "said by the integrity check: " + said)
            expect_equal(lab.ask("SELECT COUNT(*) FROM t"), 0, "rows")

    @suite.case("complaint-647-nothing-left", "the source has no table, trigger or row more than before")
    def _():
        with shop(["t (%s, s INT)" % KEY], None, ["INSERT INTO t (s) VALUES (1)"]) as lab:
            def there():
                return [lab.source.query(sql, "old") for sql in (
                    "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES ORDER BY 1, 2", "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS",
                    "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ('mysql', 'sys')", "SELECT * FROM t")]
            before = there()
            lab.migrate("data")
            lab.migrate("delta", "--once")
            expect_equal(there(), before, "what the source has")

    @suite.case("complaint-80-part", "orders of some time alone, and what is theirs: chosen by a mirror into a database between, from which the migration goes on live")
    def _():
        tables = ["sales_flat_order (entity_id INT UNSIGNED PRIMARY KEY, created_at DATETIME NOT NULL, status VARCHAR(20))",
                  "sales_flat_order_item (item_id INT UNSIGNED PRIMARY KEY, order_id INT UNSIGNED NOT NULL, sku VARCHAR(20), FOREIGN KEY (order_id) REFERENCES sales_flat_order (entity_id) ON DELETE CASCADE)"]
        renamed = "".join("<rename><document>%s</document><to>%s</to></rename>" % (old, old.replace("_flat", "")) for old in ("sales_flat_order", "sales_flat_order_item"))
        with shop(tables, [table.replace("_flat", "") for table in tables], rules=rules(source_documents=renamed)) as lab:
            old_shop = Server(lab.work, "shop", 7, (*SOURCE, "--binlog-row-metadata=FULL"))
            old_shop.launch()
            old_shop.wait_ready()
            create_accounts(old_shop, "source")
            lab.source.run("GRANT ALL PRIVILEGES ON *.* TO %s@'127.0.0.1'" % ACCOUNT, "DROP DATABASE old", "CREATE DATABASE old", database=None)
            old_shop.run("CREATE DATABASE old CHARACTER SET utf8mb4", database=None)
            old_shop.script("".join("CREATE TABLE %s ENGINE=InnoDB;\n" % table for table in tables), database="old")
            old_shop.run("INSERT INTO sales_flat_order VALUES (1, '2019-05-05', 'done'), (2, '2024-05-05', 'open'), (3, '2025-01-01', 'open')",
                         "INSERT INTO sales_flat_order_item VALUES (10, 1, 'a'), (11, 1, 'b'), (20, 2, 'a'), (30, 3, 'c')", database="old")
            between = Datasync(lab.work, old_shop, lab.source, name="between", database="old", settings={"where": {"sales_flat_order": "created_at >= '2024-01-01'"}})
            between.incremental()
            lab.migrate("data")
            wanted = "SELECT o.entity_id, o.status, i.item_id, i.sku FROM %s o LEFT JOIN %s i ON i.order_id = o.entity_id WHERE o.created_at >= '2024-01-01' ORDER BY 1, 3"
            equal = lambda what: expect_equal(lab.rows(wanted % ("sales_order", "sales_order_item")), old_shop.query(wanted % ("sales_flat_order", "sales_flat_order_item"), "old"), what)
            equal("copied")
            old_shop.run("INSERT INTO sales_flat_order VALUES (4, '2018-01-01', 'done'), (5, '2026-01-01', 'open')", "INSERT INTO sales_flat_order_item VALUES (40, 4, 'x'), (50, 5, 'y'), (21, 2, 'z')",
                         "UPDATE sales_flat_order SET status = 'done'", "DELETE FROM sales_flat_order WHERE entity_id = 3", "UPDATE sales_flat_order SET created_at = '2024-02-02' WHERE entity_id = 1", database="old")
            between.incremental()
            lab.migrate("delta", "--once")
            equal("followed")
            expect_equal((lab.ask("SELECT COUNT(*) FROM sales_order"), lab.ask("SELECT COUNT(*) FROM sales_order_item")), (3, 5), "no others")

    @suite.case("complaint-510-several-sources", "two shops come into one, each under a name of its own, and are followed side by side")
    def _():
        with shop(["t (%s, s INT)" % KEY], ["t (%s, s INT)" % KEY, "u (%s, s INT)" % KEY], ["INSERT INTO t VALUES (1, 1)"], rules(destination_documents="<ignore><document>u</document></ignore>")) as lab:
            lab.source.run("CREATE DATABASE second", database=None)
            lab.source.run("CREATE TABLE t (%s, s INT) ENGINE=InnoDB" % KEY, "INSERT INTO t VALUES (1, 100), (2, 200)", database="second")
            with open(lab.config, encoding="utf-8") as text:
                config = text.read()
            lab.write("map-2.xml", rules(source_documents="<rename><document>t</document><to>u</to></rename>", destination_documents="<ignore><document>t</document></ignore>"))
            first, second = lab.config, lab.write("config-2.xml", config.replace('name="old"', 'name="second"').replace("map.xml", "map-2.xml"))
            lab.migrate("data")
            lab.config = second
            for mode, *options in (("data",), ("delta", "--once")):
                expect_contains(lab.migrate(mode, *options, code=2), "stream migrate brings database `old` into `new`, and the configuration says `second` into `new`: give another stream another name", mode)
            expect_equal(lab.rows("SELECT * FROM t"), ((1, 1),), "rows")
            lab.migrate("data", "--set", "name=second")
            lab.source.run("INSERT INTO old.t VALUES (2, 2)", "UPDATE second.t SET s = s + 1", database=None)
            lab.migrate("delta", "--once", "--set", "name=second")
            lab.config = first
            lab.migrate("delta", "--once")
            expect_equal((lab.rows("SELECT * FROM t ORDER BY 1"), lab.rows("SELECT * FROM u ORDER BY 1")), (((1, 1), (2, 2)), ((1, 101), (2, 201))), "rows")

    @suite.case("complaint-1055-restored", "a destination that comes back from a backup is brought to where the source is, by the binlog since then")
    def _():
        with shop(["t (%s, s INT)" % KEY], None, ["INSERT INTO t (s) SELECT seq FROM seq_1_to_100"]) as lab:
            lab.migrate("data")
            lab.source.run("UPDATE t SET s = s + 1000 WHERE id < 50", database="old")
            lab.migrate("delta", "--once")
            lab.destination.stop()
            shutil.copytree(lab.destination.datadir, lab.work.path("backup"))
            lab.destination.start()
            lab.source.run("UPDATE t SET s = s + 1", "DELETE FROM t WHERE id % 7 = 0", "INSERT INTO t (s) VALUES (9)", database="old")
            lab.migrate("delta", "--once")
            lab.destination.stop()
            shutil.rmtree(lab.destination.datadir)
            shutil.copytree(lab.work.path("backup"), lab.destination.datadir)
            lab.destination.start()
            lab.source.run("UPDATE t SET s = s + 1 WHERE id > 50", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT * FROM t ORDER BY 1"), lab.source.query("SELECT * FROM t ORDER BY 1", "old"), "rows")

    @suite.case("complaint-183-privileges", "the source's account reads, and the destination's has its own databases: no SUPER, no triggers")
    def _():
        with shop(["t (%s, s INT)" % KEY], None, ["INSERT INTO t (s) VALUES (1)"]) as lab:
            lab.source.run("CREATE USER few@'127.0.0.1' IDENTIFIED BY '%s'" % PASSWORD, "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO few@'127.0.0.1'",
                           "GRANT SELECT ON old.* TO few@'127.0.0.1'", database=None)
            lab.destination.run("CREATE DATABASE datasync", "CREATE USER few@'127.0.0.1' IDENTIFIED BY '%s'" % PASSWORD,
                                "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, LOCK TABLES, CREATE TEMPORARY TABLES, TRIGGER ON new.* TO few@'127.0.0.1'",
                                "GRANT ALL PRIVILEGES ON datasync.* TO few@'127.0.0.1'", database=None)
            lab.change_config(('user="%s"' % ACCOUNT, 'user="few"'))
            lab.migrate("data")
            lab.source.run("INSERT INTO t (s) VALUES (2)", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT s FROM t ORDER BY 1"), ((1,), (2,)), "rows")

    @suite.case("complaint-862-exchanged", "databases that stand in each other's place are told as that, and nothing is written")
    def _():
        with shop(["t (%s, s INT)" % KEY, "setup_module (%s)" % KEY], ["t (%s, s INT)" % KEY, "core_resource (%s)" % KEY], ["INSERT INTO t (s) VALUES (1)"]) as lab:
            for options in ((), ("--auto",)):
                expect_contains(lab.migrate("data", *options, code=1), "[ERROR]: the source database old has tables of Magento 2 (setup_module), the destination new those of Magento 1 (core_resource): "
                                "are <source> and <destination> exchanged in %s?" % lab.config, "exchanged")
            expect_equal(lab.ask("SELECT COUNT(*) FROM t"), 0, "rows")

    @suite.case("complaint-820-tls", "a CA alone is enough for TLS, and another one's server is refused")
    def _():
        with shop(["t (%s, s INT)" % KEY], None, ["INSERT INTO t (s) VALUES (1)"]) as lab:
            make_certificates(lab.work.home)
            lab.source.stop()
            lab.source.options += ["--ssl-%s=%s" % (kind, lab.work.path(name)) for kind, name in (("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key"))]
            lab.source.start()
            lab.source.run("ALTER USER %s@'127.0.0.1' REQUIRE SSL" % ACCOUNT, database=None)
            lab.change_config(('name="old"', 'name="old" ssl_ca="%s"' % lab.work.path("other.pem")))
            expect_contains(lab.migrate("data", code=2), "certificate", "another CA")
            lab.change_config(("other.pem", "ca.pem"))
            lab.migrate("data")
            lab.source.run("INSERT INTO t (s) VALUES (2)", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT s FROM t ORDER BY 1"), ((1,), (2,)), "rows")

    @suite.case("complaint-103-columns", "rows of one document that say different columns come with them, and with the defaults of the others")
    def _():
        with shop(["t (%s, kind INT, value INT)" % KEY], ["u (t_id INT PRIMARY KEY, a INT NOT NULL DEFAULT 7, b INT NULL DEFAULT 8)"], ["INSERT INTO t (kind, value) SELECT seq % 3, seq FROM seq_1_to_9"],
                  rules(source_documents="<ignore><document>t</document></ignore>", destination_documents="<ignore><document>u</document></ignore>")) as lab:
            lab.write("own.xml", rules(source_documents="<ignore><document>t</document></ignore>", destination_documents="<ignore><document>u</document></ignore>"))
            lab.write("own.lua", """return {steps = {["V\\\\Step\\\\Own"] = {source = {"t"}, destination = {"u"}, map = "own_map_file", rows = function(r)
              local row = {t_id = r.id}
              if r.kind ~= 0 then row[r.kind == 1 and "a" or "b"] = r.value end
              return {u = {row}}
            end}}}""")
            step = '<step title="Own Step">%s</step>'
            parts = lambda names: step % "".join("<%s>V\\Step\\Own\\%s</%s>" % (name, name.capitalize(), name) for name in names)
            lab.change_config(*(('<steps mode="%s">' % mode, '<steps mode="%s">' % mode + parts(names)) for mode, names in (("data", ("integrity", "data", "volume")), ("delta", ("delta", "volume")))),
                              ("<log_file>", "<own_map_file>own.xml</own_map_file><log_file>"))
            lab.program.configure({"handlers": [lab.work.path("own.lua")]})
            wanted = lambda: lab.source.query("SELECT id, IF(kind = 1, value, 7), IF(kind = 2, value, 8) FROM t ORDER BY 1", "old")
            lab.migrate("data")
            expect_equal(lab.rows("SELECT * FROM u ORDER BY 1"), wanted(), "copied")
            lab.source.run("INSERT INTO t (kind, value) SELECT seq % 3, seq FROM seq_20_to_40", "UPDATE t SET kind = (kind + 1) % 3 WHERE id < 5", database="old")
            lab.migrate("delta", "--once")
            expect_equal(lab.rows("SELECT * FROM u ORDER BY 1"), wanted(), "followed")
