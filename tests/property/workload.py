"""The random workload of one seed: who does what next."""

import random
import threading

import pymysql

import entities
import rows
from ddl import Ddl
from session import SETUP, Log, Session

MODES = ("", "", "STRICT_TRANS_TABLES", "ANSI_QUOTES,PIPES_AS_CONCAT", "NO_BACKSLASH_ESCAPES",
         "ALLOW_INVALID_DATES", "STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE",
         "NO_AUTO_VALUE_ON_ZERO", "PAD_CHAR_TO_FULL_LENGTH", "IGNORE_SPACE,NO_DIR_IN_CREATE", "ORACLE",
         "TRADITIONAL")
SETTINGS = (
    "SET SESSION time_zone='+00:00'", "SET SESSION time_zone='-11:00'",
    "SET SESSION time_zone='+05:30'", "SET SESSION time_zone='SYSTEM'",
    "SET SESSION unique_checks=0", "SET SESSION unique_checks=1",
    "SET SESSION tx_isolation='READ-COMMITTED'",
    "SET SESSION tx_isolation='REPEATABLE-READ'",
    "SET SESSION tx_isolation='SERIALIZABLE'",
    "SET SESSION collation_connection='utf8mb4_bin'",
    "SET SESSION collation_connection='utf8mb4_general_ci'",
    "SET SESSION auto_increment_increment=3", "SET SESSION auto_increment_increment=1",
    "SET SESSION binlog_annotate_row_events=0", "SET SESSION binlog_annotate_row_events=1",
    "SET SESSION explicit_defaults_for_timestamp=0",
    "SET SESSION explicit_defaults_for_timestamp=1",
    "SET SESSION default_storage_engine=InnoDB", "SET SESSION innodb_strict_mode=OFF",
    "SET SESSION old_mode=''", "SET SESSION lc_time_names='de_DE'",
    "SET TIMESTAMP=1600000000.123456", "SET TIMESTAMP=DEFAULT",
)
IMAGES = ("FULL", "MINIMAL", "NOBLOB")
XA = 3


class Workload:
    """drive(n) runs n steps on the source; everything follows from the seed."""

    def __init__(self, server, seed, log_path, load_file=None, ddl=True, transactional_only=False,
                 images="FULL", catalogue=None):
        self.rng = random.Random("workload %s" % seed)
        self.server = server
        self.log = Log(log_path)
        self.sessions = [Session(server, n, self.log) for n in range(4)]
        self.ddl = Ddl(self.rng, server) if ddl else None
        self.load_file = load_file
        self.table = rows.TRANSACTIONAL if transactional_only else rows.WEIGHTED
        self.images = random.Random("images %s" % seed) if images == "mixed" else None
        self.orders = random.Random("orders %s" % seed) if catalogue else None
        self.order_share = 0.5 if catalogue and catalogue.root == "ord" else 0.25
        self.limited = catalogue and catalogue.limited  # DDL about what waits in quarantine stops the stream
        self.keeps_keys = self.limited and catalogue.root == "ord"  # see README, Conflicts
        self.keeps_parents = catalogue and catalogue.root == "p"
        for session in self.sessions:
            session.replace = images == "FULL"
        self.xa_number = 0
        self.seed = seed

    def close(self):
        for session in self.sessions:
            session.close()
        if self.ddl:
            self.ddl.close()
        self.log.close()

    def drive(self, steps, stop=None):
        for _ in range(steps):
            if stop is not None and stop.is_set():
                return
            if self.rng.random() < 0.04:
                self.step_xa(self.sessions[XA])
            else:
                self.step(self.sessions[self.rng.randrange(3)])

    def finish(self):
        """End what is open, by the same dice."""
        for session in self.sessions[:3]:
            if session.in_transaction:
                session.do(self.rng.choice(("COMMIT", "COMMIT", "ROLLBACK")))
                session.in_transaction = False
        while self.sessions[XA].xa:
            self.step_xa(self.sessions[XA])

    def run(self, session, statements):
        if self.keeps_keys and any(sql.startswith("UPDATE ord SET id") for sql in statements):
            return
        if not self.keeps_parents or entities.keeps_parents(statements):
            for sql in statements:
                session.do(sql)

    # --- ordinary connections ----------------------------------------------------

    def change(self, session):
        """A change of rows: several statements where the form has several."""
        if self.orders and self.orders.random() < self.order_share:
            self.run(session, entities.statements(self.orders, self.ddl and not session.in_transaction and not self.limited))
        elif self.ddl and self.rng.random() < 0.08:
            self.run(session, self.ddl.row())
        else:
            self.run(session, rows.pick(self.rng, self.table))

    def step(self, session):
        rng = self.rng
        if session.in_transaction:
            self.step_inside(session)
            return
        if self.images and self.images.random() < 0.1:
            session.do("SET SESSION binlog_row_image=" + self.images.choice(IMAGES))
        roll = rng.random()
        if roll < 0.55:
            session.do(rng.choice(("BEGIN", "START TRANSACTION", "BEGIN",
                                   "START TRANSACTION WITH CONSISTENT SNAPSHOT")))
            session.in_transaction = True
            session.left = rng.choice((1, 2, 3, 5, 8, 20))
            session.savepoints = []
        elif roll < 0.90:
            self.change(session)
        elif roll < 0.95:
            session.do("SET SESSION sql_mode='%s'" % rng.choice(MODES) if rng.random() < 0.5
                       else rng.choice(SETTINGS))
        elif roll < 0.955 and self.load_file:
            session.do("LOAD DATA INFILE '%s' %s INTO TABLE %s" % (
                self.load_file, rng.choice(("", "REPLACE", "IGNORE")),
                rng.choice(("nopk (a, b)", "bulk (id, b)", "uniq (id, n)", "mym_nk"))))
        elif self.ddl:
            for sql in self.ddl.statement():
                session.do(sql)
            self.ddl.refresh()

    def step_inside(self, session):
        rng = self.rng
        session.left -= 1
        if session.left < 0:
            session.do("ROLLBACK" if rng.random() < 0.15 else "COMMIT")
            session.in_transaction = False
            return
        roll = rng.random()
        if roll < 0.88:
            self.change(session)
        elif roll < 0.94 or not session.savepoints:
            name = rng.choice(("s1", "s2", "`odd savepoint`"))
            session.do("SAVEPOINT " + name)
            session.savepoints.append(name)
        else:
            session.do(rng.choice(("ROLLBACK TO SAVEPOINT %s", "RELEASE SAVEPOINT %s",
                                   "ROLLBACK TO %s")) % rng.choice(session.savepoints))

    # --- XA ------------------------------------------------------------------------

    def step_xa(self, session):
        rng = self.rng
        if session.xa is None:
            self.xa_number += 1
            session.xa = rng.choice(("'x%d'", "'x%d','branch',7", "x'0061ff%02d'", "'it''s %d',''")) \
                % self.xa_number
            session.do("XA START " + session.xa)
            for _ in range(rng.randint(1, 4)):
                if self.orders and self.orders.random() < self.order_share:
                    self.run(session, entities.statements(self.orders, False))
                else:
                    self.run(session, rows.pick(rng, rows.TRANSACTIONAL))
            session.do("XA END " + session.xa)
            if rng.random() < 0.2:
                session.do(rng.choice(("XA COMMIT %s ONE PHASE", "XA ROLLBACK %s")) % session.xa)
                session.xa = None
            elif not session.do("XA PREPARE " + session.xa):
                session.do("XA ROLLBACK " + session.xa)
                session.xa = None
            return
        if rng.random() < 0.3:
            session.connect()  # a prepared transaction outlives its connection
        for _ in range(20):
            verb = "XA ROLLBACK " if rng.random() < 0.25 else "XA COMMIT "
            if session.do(verb + session.xa) or not session.rows("XA RECOVER"):
                break
        session.xa = None


def replay(server, statements, stop=None):
    """Run a recorded log again: a list of (connection, statement)."""
    log = Log(None)
    sessions = [Session(server, n, log) for n in range(4)]
    for number, sql in statements:
        if stop is not None and stop.is_set():
            break
        if sql == "RECONNECT":
            sessions[number].connect()
        else:
            sessions[number].do(sql)
    for session in sessions:
        session.close()
    connection = server.connect()
    with connection.cursor() as cursor:
        cursor.execute("XA RECOVER FORMAT='SQL'")
        for row in cursor.fetchall():
            cursor.execute("XA ROLLBACK " + row[3])
    connection.close()


def storm(server, seed, workers=3, transactions=60):
    """Short transactions from really concurrent connections, on tables of their own."""
    errors = []

    def work(number):
        rng = random.Random("storm %s %d" % (seed, number))
        connection = server.connect("shop")
        try:
            with connection.cursor() as cursor:
                cursor.execute(SETUP[2])
                cursor.execute("SET SESSION innodb_lock_wait_timeout=2")
                for _ in range(transactions):
                    _storm_transaction(rng, cursor, number)
        except pymysql.err.MySQLError as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _storm_transaction(rng, cursor, number):
    statements = [rng.choice((
        "INSERT INTO storm_a (worker, v, w) VALUES (%d, %d, 'x'), (%d, 2, NULL)" % (
            number, rng.randint(1, 9), number),
        "INSERT INTO storm_b (a_id, v) SELECT id, v FROM storm_a ORDER BY id DESC LIMIT 2",
        "UPDATE storm_a SET v = v + 1 WHERE v = %d" % rng.randint(1, 9),
        "UPDATE stock SET qty = qty - 1 WHERE product_id = %d" % rng.randint(1, 4),
        "DELETE FROM storm_a ORDER BY id LIMIT %d" % rng.randint(1, 2),
        "INSERT INTO mym_nk VALUES (%d, 'storm')" % number))
        for _ in range(rng.randint(1, 4))]
    try:
        cursor.execute("BEGIN")
        for sql in statements:
            cursor.execute(sql)
        cursor.execute("ROLLBACK" if rng.random() < 0.1 else "COMMIT")
    except pymysql.err.OperationalError as error:
        if error.args[0] not in (1205, 1213, 1467):
            raise
        cursor.execute("ROLLBACK")
