"""What the cases with MySQL servers share."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# pylint: disable=wrong-import-position
from lib import mysql
from lib.compare import Reader, compare_table, decode
from lib.lab import Difference
from lib.program import Datasync, reached
from lib.server import REPLICA, SOURCE, Server, create_accounts
from lib.suite import Skip, Suite, expect, expect_contains, expect_equal
from lib.workspace import Workspace

suite = Suite("mysql", case_timeout=300)


class Follower(Datasync):
    """The program, waiting for positions of either server."""

    by_file = False

    def wait_caught_up(self, gtid=None, timeout=90):
        if self.by_file:
            wanted = self.source.file_position()

            def there(status):
                applied = status["applied"]
                return (applied["file"] or "", applied["position"] or 0) >= wanted
        else:
            wanted = gtid or self.source.gtid()

            def there(status):
                have = status["applied"]["gtid"]
                if self.source.flavour == "mysql":
                    return self.source.has_all(wanted, have)
                return reached(have, wanted)
        return self.wait_for("caught up with %s" % (wanted,), lambda status: (
            there(status) and not status.get("stale_tables")), timeout)


class Lab:
    """with Lab("mysql", "mariadb") as lab: a source and a destination of these kinds."""

    def __init__(self, source, destination, settings=None, source_options=(), gtid=True,
                 destination_options=(), create="CREATE DATABASE shop CHARACTER SET utf8mb4"):
        if not mysql.root():
            raise Skip(mysql.MISSING)
        self.work = Workspace(keep=bool(os.environ.get("DATASYNC_TEST_KEEP")))
        try:
            self.source = self._server("source", source, 1, (
                (*mysql.SOURCE, *(mysql.GTID if gtid else mysql.NO_GTID)) if source == "mysql" else SOURCE)
                + tuple(source_options))
            self.destination = self._server("destination", destination, 2, (
                mysql.DESTINATION if destination == "mysql" else
                (*REPLICA, "--character-set-server=utf8mb4")) + tuple(destination_options))
            for server in (self.source, self.destination):
                server.launch()
            for server, role in ((self.source, "source"), (self.destination, "destination")):
                server.wait_ready()
                (mysql.create_account if server.flavour == "mysql" else create_accounts)(
                    server, role)
                server.run(create, database=None)
            self.program = Follower(self.work, self.source, self.destination, settings=settings)
            self.program.by_file = source == "mysql" and not gtid
        except BaseException:
            self.work.close()
            raise

    def _server(self, name, flavour, number, options):
        kind = mysql.MysqlServer if flavour == "mysql" else Server
        return kind(self.work, name, number, options)

    def differences(self):
        if self.source.flavour == self.destination.flavour == "mariadb":
            raise ValueError("lib.lab is for MariaDB on both sides")
        return compare(self.source, self.destination)

    def equal(self):
        problems = self.differences()
        if problems:
            raise Difference("source (left) and destination (right): " + "\n".join(problems))

    def settle(self, timeout=90):
        """Wait until everything is applied, then compare."""
        if not self.program.running():
            self.program.start()
        self.program.wait_caught_up(timeout=timeout)
        self.equal()
        self.program.check_log()

    def close(self):
        try:
            if self.program.running():
                self.program.stop()
            self.program.check_log()
        finally:
            self.work.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if kind is None:
            self.close()
        else:
            self.work.close()


def compare(left_server, right_server, database="shop"):
    """Rows bit for bit; definitions too where both servers are MySQL."""
    left, right = Reader(left_server, database), Reader(right_server, database)
    same = left_server.flavour == right_server.flavour
    try:
        problems = []
        tables = left.tables(), right.tables()
        for name in sorted(set(tables[0]) ^ set(tables[1])):
            problems.append("%s is on the %s side only" % (
                name, "left" if name in tables[0] else "right"))
        for name in sorted(set(tables[0]) & set(tables[1])):
            if tables[0][name] == "VIEW":
                continue
            if same:
                for reader in (left, right):
                    reader.checksum = lambda table: None
                    reader.definition = lambda table, reader=reader: re.sub(
                        r" CHARACTER SET \w+(?= COLLATE)", "", Reader.definition(reader, table))
                problems += compare_table(left, right, name)
                continue
            names = [[column[0] for column in reader.columns(name)] for reader in (left, right)]
            rows = [] if names[0] != names[1] else [left.content(name), right.content(name)]
            if names[0] != names[1]:
                problems.append("%s: columns %s and %s" % (name, *names))
            elif rows[0] != rows[1]:
                only = [row for row in rows[0] if row not in rows[1]]
                more = [row for row in rows[1] if row not in rows[0]]
                problems.append("%s: only left %s; only right %s" % (
                    name, str(decode(only[:3]))[:1500], str(decode(more[:3]))[:1500]))
        return problems
    finally:
        left.close()
        right.close()


def follow(source, destination, setup, changes, settings=None, check=None, **options):
    """Copy `setup`, stop, let `changes` happen, catch up in few batches. Equal both times."""
    with Lab(source, destination, settings=settings, **options) as lab:
        lab.source.script(setup)
        lab.program.start()
        lab.program.wait_caught_up()
        lab.equal()
        lab.program.stop()
        for part in changes if isinstance(changes, (list, tuple)) else [changes]:
            if callable(part):
                part(lab)
            else:
                lab.source.script(part)
        lab.settle()
        expect_equal(lab.program.status()["conflicts"], 0, "conflicts")
        if check:
            check(lab)


__all__ = ["Follower", "Lab", "compare", "expect", "expect_contains", "expect_equal", "follow",
           "mysql", "suite"]
