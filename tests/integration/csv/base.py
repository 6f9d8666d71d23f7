"""A shop as it is after its installation, and files imported into it."""

import contextlib
import os
import shutil

from lib import recording
from lib.program import Datasync, ProgramError
from lib.server import REPLICA, Server, create_accounts
from lib.suite import Skip, Suite, expect_equal
from lib.workspace import Workspace, made_once

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FIXTURES = os.path.join(TOP, "tests", "fixtures", "csv")
DATABASE = recording.DATABASE
suite = Suite("csv", case_timeout=240)


def load_base(server):
    folder = recording.find()
    if not folder:
        raise Skip("no recording")
    server.run(recording.CREATE, database=None)
    recording.load_base(server, folder)


def start(work, data=None):
    """A server with the shop: a copy of that data folder, or made anew."""
    server = Server(work, "shop", 1, (*REPLICA, "--character-set-server=utf8mb4"), data).start()
    if not data:
        create_accounts(server, "destination")
        load_base(server)
    return server


def make(folder):
    with Workspace() as work:
        server = start(work)
        server.stop()
        shutil.copytree(server.datadir, folder, dirs_exist_ok=True)


class Shop:
    """The destination, and the program that imports into it."""

    def __init__(self, work):
        self.work = work
        self.server = start(work, made_once("installed-shop", make))
        # no source: nothing listens there
        self.program = Datasync(work, self.server, self.server, source_port=1, database=DATABASE)
        self.files = 0

    def file(self, text, encoding="utf-8"):
        """A file of this text; bytes as they are."""
        self.files += 1
        path = self.work.path("file%d.csv" % self.files)
        with open(path, "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    def sync(self, entity, path, *options, code=0, source="file", duplicate="update"):
        """Import; what it said."""
        if not os.path.isabs(path):
            path = os.path.join(FIXTURES, path)
        got, out, err = self.program.command("sync", entity, source, "--file", path, "--on-duplicate",
                                             duplicate, *options)
        if got != code:
            raise ProgramError("sync %s: exit %d, expected %d: %s" % (entity, got, code, err[-3000:]))
        return out + err

    def text(self, entity, text, *options, **more):
        return self.sync(entity, self.file(text), *options, **more)

    def rows(self, sql):
        return [tuple(str(v) if v is not None else None for v in row) for row in self.server.query(sql, DATABASE)]

    def expect(self, sql, *wanted):
        expect_equal(self.rows(sql), [tuple(w) if isinstance(w, (tuple, list)) else (w,) for w in wanted], sql)

    def one(self, sql):
        return self.server.scalar(sql, DATABASE)

    def value(self, kind, code, entity, store=0):
        """SQL for the value of an attribute; `entity`: SQL for the id."""
        backend = self.one("SELECT backend_type FROM eav_attribute JOIN eav_entity_type USING (entity_type_id) WHERE "
                           "entity_type_code = '%s' AND attribute_code = '%s'" % (kind, code))
        scope = "" if kind.startswith("customer") else " AND v.store_id = %d" % store
        return ("(SELECT v.value FROM %s_entity_%s v JOIN eav_attribute a USING (attribute_id) JOIN eav_entity_type t ON "
                "t.entity_type_id = a.entity_type_id WHERE t.entity_type_code = '%s' AND a.attribute_code = '%s' AND "
                "v.entity_id = %s%s)" % (kind, backend, kind, code, entity, scope))

    def add_attribute(self, code, kind="select", labels=(), backend="int", configurable=1):
        """An attribute of products, with options."""
        self.server.run("INSERT INTO eav_attribute (entity_type_id, attribute_code, backend_type, frontend_input, frontend_label,"
                        " source_model, is_user_defined) VALUES (4, '%s', '%s', '%s', '%s', 'eav/entity_attribute_source_table', 1)"
                        % (code, backend, kind, code), database=DATABASE)
        number = self.one("SELECT attribute_id FROM eav_attribute WHERE attribute_code = '%s'" % code)
        self.server.run("INSERT INTO catalog_eav_attribute (attribute_id, is_configurable) VALUES (%d, %d)"
                        % (number, configurable), database=DATABASE)
        self.add_options(number, labels)

    def add_options(self, number, labels):
        for label in labels:
            self.server.run("INSERT INTO eav_attribute_option (attribute_id) VALUES (%d)" % number,
                            "INSERT INTO eav_attribute_option_value (option_id, store_id, value) VALUES (LAST_INSERT_ID(), 0, '%s')"
                            % label, database=DATABASE)

    def snapshot(self):
        """Everything that a shop keeps, but for when, to be compared."""
        tables = [row[0] for row in self.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'openmage'"
                                              " AND table_type = 'BASE TABLE' AND table_rows > 0 ORDER BY 1")]
        return {table: self.rows("CHECKSUM TABLE `%s`" % table)[0][1] for table in tables}


@contextlib.contextmanager
def shop():
    work = Workspace(keep=bool(os.environ.get("DATASYNC_TEST_KEEP")))
    try:
        yield Shop(work)
    finally:
        work.close()
