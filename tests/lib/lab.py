"""One source, one destination, the program between them, and beside it a native replica."""

import os

from . import mysql
from .compare import compare
from .program import Datasync, NativeFollower, ProgramError
from .server import (REPLICA, SOURCE, Server, ServerError, attach_native, create_accounts,
                     native_wait)
from .workspace import Workspace


class Difference(Exception):
    """The two sides are not equal."""


def engine_name():
    """datasync, or native: a replica in its place, to try the tests themselves."""
    return os.environ.get("DATASYNC_TEST_ENGINE", "datasync")


class Lab:
    """with Lab() as lab: lab.source, lab.destination, lab.native (or None), lab.program."""

    def __init__(self, native=False, settings=None, source_options=(), destination_options=(),
                 keep=False, database="shop", create="CREATE DATABASE shop CHARACTER SET utf8mb4",
                 engine=None, data=None, mysql_destination=False):
        """`data`: data folders of an earlier lab's source and destination, with accounts and databases.
        `mysql_destination`: the destination is a MySQL server."""
        self.work = Workspace(keep=keep or bool(os.environ.get("DATASYNC_TEST_KEEP")))
        self.database = database
        self.engine = engine or engine_name()
        self.masked = None  # what the settings' masks change: a function of table and column
        self.left_out = ()  # tables whose rows the settings' filter leaves out
        self.picks = None   # rows that travel, of tables of which not all do: see compare_table
        try:
            self._start(native, settings, source_options, destination_options, create, data,
                        mysql_destination)
        except BaseException:
            self.work.close()
            raise

    def _start(self, native, settings, source_options, destination_options, create, data,
               mysql_destination):
        source_data, destination_data = data or (None, None)
        self.source = Server(self.work, "source", 1, (*SOURCE, *source_options), source_data)
        # another default character set than the source's: nothing may depend on it
        kind, options = (mysql.MysqlServer, mysql.DESTINATION) if mysql_destination else (
            Server, (*REPLICA, "--character-set-server=utf8mb4"))
        self.destination = kind(self.work, "destination", 2, (*options, *destination_options),
                                destination_data)
        self.native = Server(self.work, "native", 3, (
            *REPLICA, "--character-set-server=utf8mb4")) if native else None
        servers = [s for s in (self.source, self.destination, self.native) if s]
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_ready()
        if not data:
            create_accounts(self.source, "source")
            if mysql_destination:
                mysql.create_account(self.destination, "destination", self.database)
            else:
                create_accounts(self.destination, "destination")
        if create and not data:
            self.source.run(create, database=None)
        if self.engine == "native":
            attach_native(self.destination, self.source)
            self.destination.run("STOP SLAVE", database=None)
            self.program = NativeFollower(self.source, self.destination)
        else:
            if create and not data:
                self.destination.run(create, database=None)
            self.program = Datasync(self.work, self.source, self.destination, settings=settings,
                                    database=self.database)
        if self.native:
            attach_native(self.native, self.source)

    def another(self, name, settings=None, **options):
        """A second stream between the same servers."""
        return Datasync(self.work, self.source, self.destination, name=name, settings=settings,
                        **options)

    def halves(self):
        """The program's stream as two processes, joined by its spool: {"agent": …, "apply": …}, not started."""
        return {half: self.another("half-" + half, settings=self.program.settings) for half in ("agent", "apply")}

    def differences(self, ignore=()):
        return compare(self.source, self.destination, self.database, ignore=ignore, left_out=self.left_out,
                       masked=self.masked, picks=self.picks)

    def equal(self, ignore=()):
        """Raise Difference unless both sides are equal."""
        problems = self.differences(ignore)
        if problems:
            raise Difference("source (left) and destination (right): " + "\n".join(problems))

    def native_agrees(self):
        """Does the native replica equal the source? An oracle for the tests themselves."""
        native_wait(self.native, self.source.gtid())
        problems = compare(self.source, self.native, self.database)
        if problems:
            raise Difference("source (left) and native replica (right): " + "\n".join(problems))

    def settle(self, timeout=90, ignore=()):
        """Wait until everything is applied, then compare, natively too when there is a replica."""
        if not self.program.running():
            self.program.start()
        self.program.wait_caught_up(timeout=timeout)
        self.equal(ignore)
        if self.native:
            self.native_agrees()
        self.program.check_log()

    def close(self):
        try:
            if self.engine != "native" and self.program.running():
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


__all__ = ["Difference", "Lab", "ProgramError", "ServerError", "engine_name"]
