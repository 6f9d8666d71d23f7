"""What the agent makes of a binlog: transactions, DDL, XA, flags, column names."""

import time

from base import FULL, SUITE, contents, shop
from follower import Follower, groups, short, tables, write_config
from lib.suite import expect, expect_contains, expect_equal
from lib.workspace import Workspace


@SUITE.case("transactions", "rows, savepoints, mixed engines and rollbacks arrive as they were logged")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        _, got = contents(
            work, source, "INSERT INTO t VALUES (1,'a'),(2,'b')", "UPDATE t SET v='c' WHERE id=1",
            "DELETE FROM t WHERE id=2", "BEGIN", "INSERT INTO t VALUES (3,'x')", "SAVEPOINT `s 1`",
            "INSERT INTO t VALUES (4,'y')", "ROLLBACK TO `s 1`", "INSERT INTO t VALUES (5,'z')",
            "COMMIT", "BEGIN", "INSERT INTO t VALUES (6,'x')", "INSERT INTO m VALUES (1,1)",
            "ROLLBACK", "INSERT INTO m VALUES (2,NULL)")
        expect_equal(got, [
            'insert t [1, "a"]', 'insert t [2, "b"]', "commit",
            'update t [1, "a"] [true, "c"]', "commit", 'delete t [2, "b"]', "commit",
            'insert t [3, "x"]', "savepoint 1 s 1", 'insert t [5, "z"]', "commit",
            "insert m [1, 1]", "commit", "insert m [2, null]", "commit"], "messages")


@SUITE.case("ddl", "DDL of our database travels, of others not; TRUNCATE is a message of its own")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("INSERT INTO t VALUES (1,'a')")
        follow, got = contents(
            work, source, "CREATE TABLE c AS SELECT * FROM t", "TRUNCATE c",
            "ALTER TABLE c ADD w INT", "CREATE TABLE other.o (a INT)", "DROP TABLE other.o",
            "DROP TABLE c", "CREATE USER nobody@localhost", "ANALYZE TABLE t",
            "CREATE TEMPORARY TABLE tmp (a INT)", "DROP TEMPORARY TABLE tmp")
        content = [text for text in got if text != "commit"]
        expect_contains(content[0], "ddl CREATE TABLE `c`", "CREATE SELECT")
        expect_equal(content[1:4], ['insert c [1, "a"]', "truncate shop.c", "ddl ALTER TABLE c ADD w INT"],
                     "messages")
        expect_contains(content[4], "ddl DROP TABLE `c`", "DROP")
        expect_equal(len(content), 5, "number of messages")
        first = next(g for g in groups(follow.lines) if len(g) > 2)  # a position may be told before
        expect_equal([m["t"] for m in first], ["begin", "ddl", "change", "commit"], "CREATE SELECT")


@SUITE.case("other-databases", "rows of other databases are left out, the position moves")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("CREATE TABLE other.o (a INT)")
        _, got = contents(work, source, "INSERT INTO other.o VALUES (1)",
                          "BEGIN", "INSERT INTO other.o VALUES (2)", "INSERT INTO t VALUES (1,'a')",
                          "COMMIT", "INSERT INTO other.o VALUES (3)")
        expect_equal([text for text in got if text != "commit"], ['insert t [1, "a"]'], "messages")


@SUITE.case("xa", "prepared rows, then XA COMMIT and ROLLBACK with the same xid")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        _, got = contents(
            work, source, "XA START 'ab','c',7", "INSERT INTO t VALUES (9,'xa')", "XA END 'ab','c',7",
            "XA PREPARE 'ab','c',7", "XA COMMIT 'ab','c',7", "XA START 'd'",
            "INSERT INTO t VALUES (10,'x')", "XA END 'd'", "XA PREPARE 'd'", "XA ROLLBACK 'd'",
            "XA START 'e'", "INSERT INTO t VALUES (11,'x')", "XA END 'e'", "XA COMMIT 'e' ONE PHASE")
        expect_equal(got, [
            'insert t [9, "xa"]', "xa 1 X'6162',X'63',7", "commit",
            "xa 2 X'6162',X'63',7", "commit",
            'insert t [10, "x"]', "xa 1 X'64',X'',1", "commit", "xa 3 X'64',X'',1", "commit",
            'insert t [11, "x"]', "commit"], "messages")


@SUITE.case("flags", "checks that were off travel with the rows; a cascade leaves a hint")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("CREATE TABLE p (id INT PRIMARY KEY)", "CREATE TABLE c (id INT PRIMARY KEY, p INT,"
                   " FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE)",
                   "INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1,1)")
        follow, got = contents(
            work, source, "SET foreign_key_checks=0", "INSERT INTO t VALUES (1,'a')",
            "SET foreign_key_checks=1, unique_checks=0", "INSERT INTO t VALUES (2,'a')",
            "SET unique_checks=1, check_constraint_checks=0", "INSERT INTO t VALUES (3,'a')",
            "SET check_constraint_checks=1", "DELETE FROM p")
        changes = [m["flags"] for m in follow.lines if m["t"] == "change"]
        expect_equal(changes, [1, 2, 4, 0], "flags")
        expect_equal(got[-3:], ["delete p [1]", "hint c", "commit"], "the cascade")


@SUITE.case("entities", "a row says which entity it belongs to, with FULL metadata and without")
def _():
    for option in (FULL, "--binlog-row-metadata=NO_LOG"):
        with Workspace() as work:
            source = shop(work, option)
            source.run("CREATE TABLE sales_flat_order_item (item_id INT PRIMARY KEY, order_id INT)",
                       "INSERT INTO sales_flat_order_item VALUES (1,41)")
            config = write_config(work, source)
            follow = Follower(work, config, "applied=" + source.gtid())
            for i in range(2, 400):
                source.run("INSERT INTO sales_flat_order_item VALUES (%d,42)" % i)
                follow.reached(source.gtid())
                if [m for m in follow.lines if m["t"] == "change"][-1]["key"] == 42:
                    break
            else:
                expect(False, "no entity key with " + option)
            table = list(tables(follow.lines).values())[-1]
            expect_equal(table["entity"], "order", "entity")
            expect_equal([c[0] for c in table["columns"]], ["item_id", "order_id"], "columns")
            follow.close()


@SUITE.case("rotation", "log files change, GTID domains come; file and offset follow")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        follow, got = contents(
            work, source, "INSERT INTO t VALUES (1,'a')", "FLUSH BINARY LOGS",
            "SET gtid_domain_id=7", "INSERT INTO t VALUES (2,'b')", "SET gtid_domain_id=0",
            "FLUSH BINARY LOGS", "FLUSH BINARY LOGS", "INSERT INTO t VALUES (3,'c')")
        expect_equal([text for text in got if text != "commit"],
                     ['insert t [1, "a"]', 'insert t [2, "b"]', 'insert t [3, "c"]'], "messages")
        status = source.query("SHOW MASTER STATUS")[0]
        last = [m for m in follow.lines if m["t"] == "commit"][-1]
        expect_equal((last["file"], last["pos"]), (status[0], status[1]), "position")


@SUITE.case("statement-format", "DML in statement format stops, with the position")
def _():
    with Workspace() as work:
        source = shop(work)
        config = write_config(work, source)
        follow = Follower(work, config, "applied=" + source.gtid())
        source.run("INSERT INTO t VALUES (1,'a')", "SET binlog_format=STATEMENT",
                   "INSERT INTO t VALUES (2,'secret')")
        end = follow.end()
        follow.close()
        expect_equal(end["code"], "DS_EUNSUPPORTED", "code")
        expect_contains(end["message"], "binlog_format=ROW", "error")
        expect_contains(end["position"], source.gtid(), "position")
        expect("secret" not in str(end) + follow.log_text(), "a row value in an error")


@SUITE.case("memory-table", "what a restarted server writes about a MEMORY table is a truncate")
def _():
    with Workspace() as work:
        source = shop(work, FULL)
        source.run("CREATE TABLE mem (a INT) ENGINE=MEMORY", "INSERT INTO mem VALUES (1)")
        before = source.gtid()
        source.stop()
        source.start()
        source.query("SELECT * FROM mem", "shop")
        source.run("INSERT INTO t VALUES (1,'a')")
        follow = Follower(work, write_config(work, source), "applied=" + before)
        follow.reached(source.gtid())
        follow.close()
        got = [text for text in short(follow.lines) if text != "commit"]
        expect_equal(got, ["truncate shop.mem", 'insert t [1, "a"]'], "messages")

@SUITE.case("history", "without metadata, names are right or unknown, never those of another time")
def _():
    with Workspace() as work:
        source = shop(work, "--binlog-row-metadata=NO_LOG")
        source.run("CREATE TABLE s (id INT PRIMARY KEY, a INT, b INT)",
                   "INSERT INTO s VALUES (1,10,20)")
        config = write_config(work, source)
        follow = Follower(work, config, "applied=" + source.gtid())

        def insert_until_named(first):
            deadline = time.monotonic() + 60
            for i in range(first, first + 100000):
                columns = [row[0] for row in source.query("SHOW COLUMNS FROM s", "shop")]
                source.run("INSERT INTO s VALUES (%d,1,2)" % i)
                follow.reached(source.gtid())
                table = list(tables(follow.lines).values())[-1]
                if table["flags"] & 1:
                    expect_equal([c[0] for c in table["columns"]], columns, "names")
                    return
                expect(time.monotonic() < deadline, "names stay unknown")

        insert_until_named(100)
        source.run("ALTER TABLE s RENAME COLUMN a TO b, RENAME COLUMN b TO a",
                   "INSERT INTO s VALUES (2,1,2)")
        follow.reached(source.gtid())
        table = list(tables(follow.lines).values())[-1]
        if table["flags"] & 1:
            expect_equal([c[0] for c in table["columns"]], ["id", "b", "a"], "names after the swap")
        insert_until_named(1000000)
        follow.close()
        # what is known survives a restart: the first definition has names
        position = source.gtid()
        again = Follower(work, config, "applied=" + position)
        source.run("INSERT INTO s VALUES (3,1,2)")
        again.reached(source.gtid())
        again.close()
        first = [m for m in again.lines if m["t"] == "table"][0]
        expect_equal([c[0] for c in first["columns"]], ["id", "b", "a"], "names after a restart")


@SUITE.case("history-behind", "a stream that is behind does not take today's names for yesterday's")
def _():
    with Workspace() as work:
        source = shop(work, "--binlog-row-metadata=NO_LOG")
        source.run("CREATE TABLE s (id INT PRIMARY KEY, a INT, b INT)")
        start = source.gtid()
        for i in range(30):
            source.run("INSERT INTO s VALUES (%d,1,2)" % i)
        source.run("ALTER TABLE s RENAME COLUMN a TO b, RENAME COLUMN b TO a")
        follow = Follower(work, write_config(work, source), "applied=" + start)
        follow.reached(source.gtid())
        follow.close()
        for m in follow.lines:
            if m["t"] == "table" and m["flags"] & 1:
                expect_equal([c[0] for c in m["columns"]], ["id", "a", "b"], "names before the swap")
