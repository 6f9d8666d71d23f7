"""Row events of binlog files, read from the text of `mariadb-binlog -vv`."""

import re
import subprocess

from .server import ServerError

HEAD = re.compile(rb"### (INSERT|UPDATE|DELETE)(?: INTO| FROM)? `([^`]+)`\.`((?:[^`]|``)+)`")
VALUE = re.compile(rb"###   @(\d+)=(.*?)(?: /\* .*)?\n")


def events(paths, database):
    """Row events of a database in binlog files, in order: (transaction, table, operation, image before, image after)."""
    transaction, of, row, image = 0, None, None, None
    for path in paths:
        with subprocess.Popen(["mariadb-binlog", "--no-defaults", "-vv", "--base64-output=decode-rows", path],
                              stdout=subprocess.PIPE) as reader:
            for line in reader.stdout:
                head = HEAD.match(line)
                if row and (head or not line.startswith(b"###")):
                    if of == database:
                        yield row
                    row = None
                if head:
                    of = head[2].decode()
                    row = (transaction, head[3].decode().replace("``", "`"), head[1].decode().lower(), {}, {})
                elif line.startswith(b"### WHERE"):
                    image = row[3]
                elif line.startswith(b"### SET"):
                    image = row[4]
                elif line.startswith(b"###"):
                    value = VALUE.match(line)
                    image[int(value[1])] = value[2]
                elif b"\tGTID " in line:
                    transaction += 1
        if reader.returncode:
            raise ServerError("mariadb-binlog %s: exit %d" % (path, reader.returncode))


def rolled_back(paths):
    """The transactions, as `events` counts them, of which something is rolled back."""
    transaction, found = 0, set()
    for path in paths:
        with subprocess.Popen(["mariadb-binlog", "--no-defaults", "--base64-output=decode-rows", path], stdout=subprocess.PIPE) as reader:
            for line in reader.stdout:
                transaction += b"\tGTID " in line
                if line.startswith(b"ROLLBACK"):
                    found.add(transaction)
        if reader.returncode:
            raise ServerError("mariadb-binlog %s: exit %d" % (path, reader.returncode))
    return found


def primary_keys(server, database):
    """{table: ordinals of its primary key}; tables without one are not in it."""
    found = {}
    for table, ordinal in server.query("SELECT table_name, ordinal_position FROM information_schema.columns WHERE table_schema = '%s' AND "
                                       "column_key = 'PRI'" % database):
        found.setdefault(table, []).append(ordinal)
    return found
