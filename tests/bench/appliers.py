"""Measured runs: the same binlog applied to a fresh destination by a native replica or by datasync."""

import os
import shutil
import subprocess
import threading
import time

import pymysql

from tests.lib.program import Datasync, ProgramError, binary, environment
from tests.lib.server import ACCOUNT, PASSWORD, REPLICA, SOURCE, Server, create_accounts, native_wait

# durability is left at the server's defaults: innodb_flush_log_at_trx_commit=1, sync_binlog=0, no binlog
SIZED = ("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=96M")
DESTINATION = (*SIZED, *REPLICA, "--skip-slave-start")
FAST_SOURCE = (*SIZED, *SOURCE, "--innodb-flush-log-at-trx-commit=0")
PARALLEL = ("--slave-parallel-threads=4", "--slave-parallel-mode=optimistic")
HOUR = 3600


class BenchError(Exception):
    """A run whose figure would mean nothing."""


class Field:
    """A workload with its base and its source, ready for any number of measured runs."""

    def __init__(self, work, workload, name=None):
        self.work = work
        self.workload = workload
        self.name = name or workload.name
        self.base = work.path(self.name + "-base")
        self.count = 0
        self.source = self.facts = self.target = None
        self.prepare_base()

    def prepare_base(self):
        server = Server(self.work, self.name + "-fill", 1, [*SIZED, "--innodb-flush-log-at-trx-commit=0"])
        server.start()
        create_accounts(server, "destination")
        server.run("CREATE USER native@'127.0.0.1' IDENTIFIED BY '%s'" % PASSWORD,
                   "GRANT REPLICATION SLAVE ON *.* TO native@'127.0.0.1'", database=None)
        self.workload.fill(server)
        analyze(server, self.workload.database)
        server.stop()
        self.work.untrack("server-" + server.name)
        shutil.move(server.datadir, self.base)

    def start_source(self, options=FAST_SOURCE):
        self.source = Server(self.work, self.name + "-source", 1, options, data=self.base).start()
        checksums(self.source, self.workload.database)  # first access empties MEMORY tables, in the binlog too
        self.source.run("RESET MASTER", "SET GLOBAL gtid_binlog_state = '%s'" % self.workload.start, database=None)

    def write(self):
        """Write the workload and note where it ends. Returns the seconds that it took."""
        began = time.monotonic()
        self.workload.write(self.source, self.work)
        seconds = time.monotonic() - began
        self.source.run("FLUSH BINARY LOGS", database=None)
        self.target = self.source.gtid()
        self.facts = checksums(self.source, self.workload.database)
        return seconds

    def transactions(self):
        return int(self.target.split("-")[2]) - int(self.workload.start.split("-")[2])

    def binlogs(self):
        """Paths of the source's finished binlog files."""
        names = [row[0] for row in self.source.query("SHOW BINARY LOGS")]
        return [os.path.join(self.source.datadir, name) for name in names[:-1]]

    def destination(self, options=()):
        self.count += 1
        # a replica ignores what carries its own server id: keep clear of those in recordings
        server = Server(self.work, "%s-%d" % (self.name, self.count), 70000 + self.count,
                        [*DESTINATION, *options], data=self.base)
        return server.start()

    def dismiss(self, server):
        server.kill()
        self.work.untrack("server-" + server.name)
        shutil.rmtree(os.path.dirname(server.datadir))

    def check(self, server):
        """A figure counts only when the destination equals the source."""
        found = checksums(server, self.workload.database)
        different = sorted(name for name in self.facts.keys() | found.keys()
                           if self.facts.get(name) != found.get(name))
        if different:
            raise BenchError("%s: %d tables differ, among them %s"
                             % (self.name, len(different), ", ".join(different[:5])))

    def close(self):
        if self.source is not None:
            self.dismiss(self.source)
        shutil.rmtree(self.base, ignore_errors=True)


def tables(server, database):
    return [row[0] for row in server.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = '%s' AND table_type = 'BASE TABLE'"
        % database)]


def analyze(server, database):
    """Statistics as a server that has run for a while has them: without, the source scans where it should seek."""
    server.run(*("ANALYZE TABLE `%s`" % name for name in tables(server, database)), database=database)


def checksums(server, database):
    """{table: (rows, checksum)}"""
    return {name: (server.scalar("SELECT COUNT(*) FROM `%s`.`%s`" % (database, name)),
                   server.query("CHECKSUM TABLE `%s`.`%s`" % (database, name))[0][1])
            for name in tables(server, database)}


def attach(server, source, start):
    """A native replica at `start`, not running yet."""
    server.run("SET GLOBAL gtid_slave_pos = '%s'" % start,
               "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = 'native', MASTER_PASSWORD ="
               " '%s', MASTER_USE_GTID = slave_pos" % (source.port, PASSWORD), database=None)


def native(field, options=()):
    """Seconds that a native replica takes."""
    server = field.destination(options)
    try:
        attach(server, field.source, field.workload.start)
        began = time.monotonic()
        server.run("START SLAVE", database=None)
        native_wait(server, field.target, HOUR)
        seconds = time.monotonic() - began
        field.check(server)
        return seconds
    finally:
        field.dismiss(server)


class AnonymousMemory(threading.Thread):
    """Peak of RssAnon of a process, sampled every 50 ms. The kernel keeps no peak of it (VmHWM counts file pages)."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path = "/proc/%d/status" % pid
        self.peak_kib = 0
        self.ended = threading.Event()

    def run(self):
        while True:
            try:
                with open(self.path, encoding="ascii") as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            self.peak_kib = max(self.peak_kib, int(line.split()[1]))
            except OSError:
                return
            if self.ended.wait(0.05):
                return

    def finish(self):
        self.ended.set()
        self.join()
        return self.peak_kib / 1024


def program(field, server, name, path=None):
    """datasync between the field's source and `server`, beginning where the base ends."""
    return Datasync(field.work, field.source, server, name=name, settings={"start": field.workload.start},
                    database=field.workload.database, path=path)


def datasync(field, path):
    """(seconds, peak of RssAnon in MiB, what its status counted) of `datasync incremental`, the program at `path`."""
    server = field.destination()
    try:
        sync = program(field, server, "%s-%d" % (field.name, field.count), path)
        with open(sync.log, "ab") as log:
            began = time.monotonic()
            process = subprocess.Popen([sync.path, "incremental", "--config", sync.config], stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, env=environment(), start_new_session=True)
            field.work.track("program-" + sync.name, process.pid)
            memory = AnonymousMemory(process.pid)
            memory.start()
            limit = threading.Timer(HOUR, process.kill)
            limit.start()
            code = process.wait()  # with a timeout, it would look every 50 ms only
            seconds = time.monotonic() - began
            limit.cancel()
        peak = memory.finish()
        field.work.untrack("program-" + sync.name)
        if code != 0:
            raise ProgramError("incremental: exit %d; %s" % (code, sync.log_tail()))
        status = sync.status()
        field.check(server)
        return seconds, peak, {key: status[key] for key in ("rows", "rows_written", "batches")}
    finally:
        field.dismiss(server)


def version():
    """First line of `datasync --version`."""
    done = subprocess.run([binary(), "--version"], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().splitlines()[0]


def server_version(server):
    try:
        return server.scalar("SELECT VERSION()")
    except pymysql.err.MySQLError as error:
        raise BenchError("the server does not answer: %s" % error) from error


__all__ = ["ACCOUNT", "AnonymousMemory", "BenchError", "Field", "PARALLEL", "attach", "datasync", "native", "program",
           "server_version", "version"]
