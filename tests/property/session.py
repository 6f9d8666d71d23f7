"""A connection of the workload, which logs what it did and never waits for a lock.

All three connections are driven by one thread: a statement that meets another transaction's lock
fails at once instead of waiting, so that the order of everything, and with it the binlog, follows
from the seed alone.
"""

import json
import re

import pymysql

SETUP = (
    "SET SESSION innodb_lock_wait_timeout=0", "SET SESSION lock_wait_timeout=0",
    "SET SESSION sql_mode=''",
)


class Log:
    """Every statement with its connection and outcome, one JSON object per line."""

    def __init__(self, path):
        self.out = open(path, "w", encoding="utf-8") if path else None
        self.count = 0
        self.failed = 0

    def add(self, number, sql, error):
        self.count += 1
        self.failed += error is not None
        if self.out:
            entry = {"c": number, "sql": sql}
            if error is not None:
                entry["error"] = error
            self.out.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def close(self):
        if self.out:
            self.out.close()
            self.out = None


class Session:
    """number: 0…2, 3 for XA."""

    def __init__(self, server, number, log, database="shop"):
        self.server = server
        self.number = number
        self.log = log
        self.database = database
        self.connection = None
        self.connect()
        # MariaDB logs a REPLACE as an update; a partial image of it lacks the columns that were set
        # to their defaults, so that no reader of the binlog can know them
        self.replace = True
        self.in_transaction = False
        self.left = 0        # statements until this transaction ends
        self.savepoints = []
        self.xa = None

    def connect(self):
        """Connect, or leave the connection and take a new one; logged as RECONNECT."""
        if self.connection is not None:
            self.log.add(self.number, "RECONNECT", None)
            self.connection.close()
        self.connection = self.server.connect(self.database)
        with self.connection.cursor() as cursor:
            for sql in SETUP:
                cursor.execute(sql)

    def do(self, sql):
        """Run one statement; True when it succeeded. Errors of the statement are part of life."""
        if not self.replace:
            sql = re.sub("^REPLACE |(?<=' )REPLACE(?= INTO TABLE)",
                         lambda m: "INSERT IGNORE " if m.start() == 0 else "IGNORE", sql)
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(sql)
            error = None
        except pymysql.err.MySQLError as problem:
            error = problem.args[0]
            if not isinstance(error, int) or error in (0, 2006, 2013):
                raise RuntimeError("%s: %s" % (problem, sql[:2000])) from problem
        self.log.add(self.number, sql, error)
        return error is None

    def rows(self, sql):
        """Read something that decides what comes next; not logged, it changes nothing."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def close(self):
        self.connection.close()
