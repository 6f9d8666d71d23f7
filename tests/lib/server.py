"""Private MariaDB servers: own data folder, temporary folder, socket and port on 127.0.0.1."""

import os
import shutil
import signal
import subprocess
import time

import pymysql

from .workspace import free_port, template

ACCOUNT = "datasync"
PASSWORD = "s3cret-Pass"

COMMON = (
    "--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve",
    "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M",
    "--max-allowed-packet=256M", "--performance-schema=OFF", "--event-scheduler=OFF",
    "--log-warnings=2",
)
SOURCE = (
    "--log-bin=bin", "--binlog-format=ROW", "--sync-binlog=0",
    "--innodb-flush-log-at-trx-commit=2", "--log-bin-trust-function-creators=ON",
    "--max-binlog-size=1G",
)
REPLICA = (
    "--log-bin-trust-function-creators=ON", "--slave-net-timeout=10",
    "--slave-max-allowed-packet=1G",
)


class ServerError(Exception):
    """A server did not do what a test cannot go on without."""


class Server:
    """One mariadbd. `name` is unique within the workspace; `data` is a data folder to start from."""

    flavour = "mariadb"

    def __init__(self, work, name, server_id, options=(), data=None):
        self.work = work
        self.name = name
        self.server_id = server_id
        self.options = list(options)
        self.port = free_port()
        self.datadir = work.path(name, "data")
        self.socket = work.path(name, "s")
        self.log = work.path(name, "error.log")
        self.process = None
        os.makedirs(work.path(name, "tmp"))
        shutil.copytree(data or template(work), self.datadir)

    def command_line(self):
        command = ["mariadbd", *COMMON,
                   "--datadir=" + self.datadir, "--socket=" + self.socket,
                   "--port=%d" % self.port, "--pid-file=" + self.work.path(self.name, "server.pid"),
                   "--tmpdir=" + self.work.path(self.name, "tmp"),
                   "--server-id=%d" % self.server_id, *self.options]
        if os.geteuid() == 0:
            command.append("--user=root")
        return command

    def launch(self):
        """Start the process without waiting for it."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command_line(), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        self.work.track("server-" + self.name, self.process.pid)

    def wait_ready(self, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                raise ServerError("%s ended at its start: %s" % (self.name, self.log_tail()))
            try:
                self.connect().close()
                return self
            except pymysql.err.OperationalError as error:
                if time.monotonic() > deadline:
                    raise ServerError("%s does not answer: %s" % (self.name, error)) from error
                time.sleep(0.02)

    def start(self):
        self.launch()
        return self.wait_ready()

    def stop(self):
        """Shut down in order."""
        self.process.terminate()
        self.process.wait(120)

    def kill(self):
        """As a power cut, but for what the operating system holds."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def log_tail(self, size=3000):
        with open(self.log, "rb") as log:
            return log.read()[-size:].decode(errors="replace")

    def connect(self, database=None, user="root", password="", **options):
        settings = {"charset": "utf8mb4", "autocommit": True, "max_allowed_packet": 256 << 20}
        settings.update(options)
        return pymysql.connect(unix_socket=self.socket, user=user, password=password,
                               database=database, **settings)

    def query(self, sql, database=None):
        """Rows of one statement on a connection of its own."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def scalar(self, sql, database=None):
        rows = self.query(sql, database)
        return rows[0][0] if rows else None

    def run(self, *statements, database="shop"):
        """Statements on one connection, in autocommit; each argument is one statement."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                for sql in statements:
                    cursor.execute(sql)
        finally:
            connection.close()

    def script(self, text, database="shop"):
        """Statements separated by a semicolon at the end of a line."""
        self.run(*split(text), database=database)

    def load_file(self, path, database):
        """Feed a dump through the client."""
        with open(path, "rb") as source:
            done = subprocess.run(
                ["mariadb", "--no-defaults", "--socket=" + self.socket, "--user=root",
                 "--binary-mode", "--max-allowed-packet=256M", database],
                stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise ServerError("%s: %s" % (path, done.stdout.decode(errors="replace")[-2000:]))

    def gtid(self):
        """What a follower has to reach: the newest transaction in the binlog."""
        return self.scalar("SELECT @@GLOBAL.gtid_binlog_pos")

    def connections_of(self, user=ACCOUNT):
        return [row[0] for row in self.query(
            "SELECT id FROM information_schema.processlist WHERE user='%s'" % user)]

    def cut(self, user=ACCOUNT):
        """KILL every connection of `user`; how many there were."""
        count = 0
        for number in self.connections_of(user):
            try:
                self.run("KILL %d" % number, database=None)
                count += 1
            except pymysql.err.MySQLError:
                pass  # gone by itself
        return count


def split(text):
    parts = []
    for part in text.replace(";\n", "\0").split("\0"):
        part = part.strip().rstrip(";").strip()
        if part:
            parts.append(part)
    return parts


def create_accounts(server, role):
    """The accounts of the program and of a native replica, kept out of the binlog."""
    statements = ["SET SESSION sql_log_bin=0"]
    if role == "source":
        statements += [
            "CREATE USER %s@'127.0.0.1' IDENTIFIED BY '%s'" % (ACCOUNT, PASSWORD),
            "GRANT REPLICATION SLAVE, REPLICATION SLAVE ADMIN, BINLOG MONITOR, BINLOG ADMIN, RELOAD,"
            " PROCESS, SELECT, LOCK TABLES, SHOW VIEW, TRIGGER, EVENT, SHOW CREATE ROUTINE ON *.*"
            " TO %s@'127.0.0.1'" % ACCOUNT,
            "CREATE USER native@'127.0.0.1' IDENTIFIED BY '%s'" % PASSWORD,
            "GRANT REPLICATION SLAVE ON *.* TO native@'127.0.0.1'",
        ]
    else:
        statements += [
            "CREATE USER %s@'127.0.0.1' IDENTIFIED BY '%s'" % (ACCOUNT, PASSWORD),
            "GRANT ALL PRIVILEGES ON *.* TO %s@'127.0.0.1'" % ACCOUNT,
        ]
    try:
        server.run(*statements, database=None)
    except pymysql.err.MySQLError:
        # SHOW CREATE ROUTINE is a privilege of newer servers only
        statements = [s.replace(", SHOW CREATE ROUTINE", "") for s in statements]
        statements = [s.replace("CREATE USER", "CREATE USER IF NOT EXISTS") for s in statements]
        server.run(*statements, database=None)


def attach_native(replica, source):
    replica.run("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='native',"
                " MASTER_PASSWORD='%s', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
                % (source.port, PASSWORD), "START SLAVE", database=None)


def native_status(replica):
    connection = replica.connect(cursorclass=pymysql.cursors.DictCursor)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW SLAVE STATUS")
            return cursor.fetchone() or {}
    finally:
        connection.close()


def native_error(replica):
    status = native_status(replica)
    return status.get("Last_SQL_Error") or status.get("Last_IO_Error") or ""


def native_wait(replica, gtid, timeout=120):
    """Wait until a native replica has applied `gtid`; ServerError when it stopped by itself."""
    deadline = time.monotonic() + timeout
    while replica.scalar("SELECT MASTER_GTID_WAIT('%s', 0.5)" % gtid) != 0:
        status = native_status(replica)
        if status.get("Last_SQL_Error"):
            raise ServerError("native replica stopped: " + status["Last_SQL_Error"])
        if time.monotonic() > deadline:
            raise ServerError("native replica not at %s after %d s (%s)"
                              % (gtid, timeout, status.get("Gtid_IO_Pos")))
