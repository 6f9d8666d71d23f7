"""Private MySQL servers, where there are any: $DATASYNC_MYSQL_ROOT is a folder into which the
packages of a MySQL server (8.4 or newer) and all its libraries were unpacked. They run with their
own loader, so nothing of theirs has to fit this machine.
"""

import glob
import os
import shutil
import subprocess
import tempfile

import pymysql

from .server import ACCOUNT, PASSWORD, Server, ServerError

COMMON = (
    "--bind-address=127.0.0.1", "--skip-name-resolve", "--mysqlx=OFF", "--secure-file-priv=",
    "--innodb-redo-log-capacity=16M", "--innodb-buffer-pool-size=64M",
    "--max-allowed-packet=256M", "--performance-schema=OFF", "--event-scheduler=OFF",
    "--log-bin-trust-function-creators=ON",
)
SOURCE = ("--log-bin=bin", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2")
GTID = ("--gtid-mode=ON", "--enforce-gtid-consistency=ON")
NO_GTID = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
DESTINATION = ("--skip-log-bin",)
MISSING = "no MySQL server: DATASYNC_MYSQL_ROOT names no folder with one"


def root():
    """The unpacked server's folder, or None."""
    path = os.environ.get("DATASYNC_MYSQL_ROOT")
    return path if path and os.path.exists(os.path.join(path, "usr", "sbin", "mysqld")) else None


def command(*arguments):
    """mysqld by its own loader, knowing where its files are."""
    top = root()
    usr = os.path.join(top, "usr")
    loaders = sorted(glob.glob(os.path.join(usr, "lib", "*", "ld-linux-*.so.*")) +
                     glob.glob(os.path.join(top, "lib", "*", "ld-linux-*.so.*")))
    run = []
    if loaders:
        folders = glob.glob(os.path.join(usr, "lib", "*-linux-gnu")) + \
            glob.glob(os.path.join(top, "lib", "*-linux-gnu")) + \
            [os.path.join(usr, "lib", "mysql", "private")]
        run = [loaders[0], "--library-path", ":".join(folders)]
    share = os.path.join(usr, "share", "mysql")
    line = run + [os.path.join(usr, "sbin", "mysqld"), "--no-defaults", "--basedir=" + usr,
                  "--lc-messages-dir=" + share,
                  "--character-sets-dir=" + os.path.join(share, "charsets"),
                  "--plugin-dir=" + os.path.join(usr, "lib", "mysql", "plugin"), *arguments]
    if os.geteuid() == 0:
        line.append("--user=root")
    return line


def template(work):
    """An initialised data folder, made once and shared by $DATASYNC_TEST_MYSQL_TEMPLATE."""
    path = os.environ.get("DATASYNC_TEST_MYSQL_TEMPLATE") or work.path("mysql-template")
    if os.path.isdir(os.path.join(path, "mysql")):
        return path
    scratch = tempfile.mkdtemp(prefix="mysql-template-", dir=work.home)
    data = os.path.join(scratch, "data")
    done = subprocess.run(command("--initialize-insecure", "--datadir=" + data, *COMMON),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise ServerError("mysqld --initialize-insecure: " +
                          done.stdout.decode(errors="replace")[-2000:])
    os.unlink(os.path.join(data, "auto.cnf"))  # every server makes an identity of its own
    try:
        os.rename(data, path)
    except OSError:
        if not os.path.isdir(os.path.join(path, "mysql")):
            raise
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def share_template(work):
    os.environ["DATASYNC_TEST_MYSQL_TEMPLATE"] = template(work)


class MysqlServer(Server):
    """One mysqld."""

    flavour = "mysql"

    def __init__(self, work, name, server_id, options=(), data=None):
        super().__init__(work, name, server_id, options, data or template(work))

    def command_line(self):
        return command(*COMMON, "--datadir=" + self.datadir, "--socket=" + self.socket,
                       "--port=%d" % self.port,
                       "--pid-file=" + self.work.path(self.name, "server.pid"),
                       "--tmpdir=" + self.work.path(self.name, "tmp"),
                       "--server-id=%d" % self.server_id, *self.options)

    def gtid(self):
        return self.scalar("SELECT @@GLOBAL.gtid_executed").replace("\n", "")

    def file_position(self):
        file, position = self.query("SHOW BINARY LOG STATUS")[0][:2]
        return file, int(position)

    def has_all(self, wanted, have):
        """Is the GTID set `wanted` within `have`?"""
        return bool(self.scalar("SELECT GTID_SUBSET('%s', '%s')" % (wanted, have or "")))

    def connections_of(self, user=ACCOUNT):
        return [row[0] for row in self.query("SHOW PROCESSLIST") if row[1] == user]


def create_account(server, role, database="shop"):
    """The program's account, with the privileges that the README names for MySQL."""
    account = "%s@'127.0.0.1'" % ACCOUNT
    statements = ["CREATE USER %s IDENTIFIED BY '%s'" % (account, PASSWORD)]
    if role == "source":
        statements += [
            "GRANT REPLICATION SLAVE, REPLICATION CLIENT, RELOAD, XA_RECOVER_ADMIN, SHOW_ROUTINE,"
            " PROCESS ON *.* TO " + account,
            "GRANT SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT ON %s.* TO %s" % (database, account),
        ]
    else:
        statements += [
            "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, LOCK"
            " TABLES, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, TRIGGER, EVENT ON"
            " %s.* TO %s" % (database, account),
            "GRANT ALL PRIVILEGES ON datasync.* TO " + account,
            "GRANT ALL PRIVILEGES ON `datasync\\_scratch\\_%`.* TO " + account,
            "GRANT SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER, SYSTEM_USER, SHOW_ROUTINE, PROCESS ON"
            " *.* TO "
            + account,
        ]
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            if role == "source":
                cursor.execute("SET SESSION sql_log_bin=0")
            for sql in statements:
                cursor.execute(sql)
    except pymysql.err.MySQLError as error:
        raise ServerError("accounts of %s: %s" % (server.name, error)) from error
    finally:
        connection.close()
