"""Two shops, for an import: the recorded one, and another with ids, prices, people and orders of its own.

    with TwoShops(seed) as shops:
        shops.source, shops.destination    # servers; the source has a binlog
        shops.before                       # a Before of importcheck: the destination as its owner left it
        shops.live()                       # the next part of the source's recorded life; False when there is none left
        shops.check(policy="update", system="live")

The destination is made of the same recording: every row under another number, then parts of everything deleted, renamed or
changed (shopother.py). It shares no entity's number with the source, but for those that a shop fixes, and none of its
natural keys stands for the same thing by accident. The same seed makes the same shop. Those of all cases of a suite that name
no seed are made once: each case begins with a copy of the data folders. $SHOP_SEED makes those of an earlier run.
"""

import os
import pickle
import random
import shutil

from . import mysql, recording
from .importcheck import Before, check
from .lab import Lab
from .shopdata import Numbers, Shop, copy, create_empty
from .shopenrich import enrich
from .shopother import Other
from .suite import Skip
from .workspace import made_once


def _make(folder, mysql_destination=False):
    shops = TwoShops(int(os.environ.get("SHOP_SEED") or random.randrange(1 << 31)), mysql_destination=mysql_destination)
    for server in (shops.source, shops.destination):
        server.stop()
        shutil.copytree(server.datadir, os.path.join(folder, server.name))
    with open(os.path.join(folder, "seed"), "w", encoding="ascii") as text:
        text.write(str(shops.seed))
    with open(os.path.join(folder, "before"), "wb") as file:
        pickle.dump(shops.before, file)
    shops.close()


def _made_before(mysql_destination):
    """Seed, data folders (source, destination) and a Before of them; None: each case makes its own."""
    folder = made_once("two-shops-mysql", lambda folder: _make(folder, True)) if mysql_destination else made_once("two-shops", _make)
    if not folder:
        return None
    with open(os.path.join(folder, "seed"), encoding="ascii") as text, open(os.path.join(folder, "before"), "rb") as before:
        return int(text.read()), os.path.join(folder, "source"), os.path.join(folder, "destination"), pickle.load(before)


class TwoShops:
    """`other`: False leaves the destination a renumbered copy of the source; `empty`: and this leaves it without tables.
    `mysql_destination`: the destination is a MySQL server's."""

    mysql_destination = False  # where it is not said

    def __init__(self, seed=None, other=True, empty=False, settings=None, source_options=("--binlog-row-metadata=FULL",),
                 mysql_destination=None):
        self.folder = recording.find()
        if not self.folder:
            raise Skip("there is no recording")
        if mysql_destination is None:
            mysql_destination = self.mysql_destination
        if mysql_destination and not mysql.root():
            raise Skip(mysql.MISSING)
        made = _made_before(mysql_destination) if seed is None and other and not empty else None
        self.seed = made[0] if made else random.randrange(1 << 31) if seed is None else seed
        self.lab = Lab(database=recording.DATABASE, create=recording.CREATE, settings=settings, source_options=source_options,
                       data=made and made[1:3], mysql_destination=mysql_destination)
        self.work, self.source, self.destination = self.lab.work, self.lab.source, self.lab.destination
        self.before = None
        try:
            print("# two shops of seed %d" % self.seed, flush=True)
            self.logs = recording.logs(self.work, self.folder)
            if made:
                self.logs.pop(0)
                self._open_memory_tables()
                self.before = made[3]
                self.before.shop.attach(self.destination.connect())
            else:
                self._fill(other, empty)
        except BaseException:
            self.work.close()
            raise

    def _open_memory_tables(self):
        """Who opens one first after a restart has the server log that it is empty, under a number of the recorded life's."""
        self.source.run("SET SESSION sql_log_bin = 0", "SELECT COUNT(DATA_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '%s'" % recording.DATABASE, database=None)

    def _fill(self, other, empty):
        recording.load_base(self.source, self.folder)
        self.live()
        enrich(self.source)
        if empty:
            return
        draw = random.Random(self.seed)
        shop = Shop(self.source.connect())
        create_empty(shop, self.destination)
        copy(shop, self.destination.connect(), Numbers(shop, draw))
        if other:
            generator = Other(self.destination, draw)
            try:
                generator.all()
            finally:
                generator.close()
            self.before = Before(self.destination.connect(), self.source.connect())

    def live(self):
        if not self.logs:
            return False
        recording.live(self.source, self.logs.pop(0))
        return True

    def check(self, **options):
        """A report of importcheck.check."""
        options.setdefault("before", self.before)
        return check(self.source.connect(), self.destination.connect(), **options)

    def close(self):
        self.lab.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if kind is None:
            self.close()
        else:
            self.work.close()
