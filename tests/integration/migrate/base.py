"""What the cases share: two servers with two schemas, and the files between them."""

import os

from lib.lab import Lab
from lib.server import ACCOUNT, PASSWORD
from lib.suite import expect_equal

CONFIG = """<?xml version="1.0"?>
<config>
  <steps mode="data">
    <step title="Map Step"><integrity>Migration\\Step\\Map\\Integrity</integrity><data>Migration\\Step\\Map\\Data</data><volume>Migration\\Step\\Map\\Volume</volume></step>
  </steps>
  <steps mode="delta">
    <step title="Map Step"><delta>Migration\\Step\\Map\\Delta</delta><volume>Migration\\Step\\Map\\Volume</volume></step>
  </steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options>OPTIONS<map_file>%(map)s</map_file><log_file>%(log)s</log_file></options>
</config>
"""


def map_config(options=""):
    """config.xml with the Map step alone."""
    return CONFIG.replace("OPTIONS", options)


class Migration(Lab):
    """Databases old and new, and config.xml, which migrate reads."""

    def __init__(self, old, new, fill, config):
        super().__init__(create=None, source_options=("--binlog-row-metadata=FULL",), database="old")
        self.source.run("CREATE DATABASE old CHARACTER SET utf8mb4", database=None)
        self.destination.run("CREATE DATABASE new CHARACTER SET utf8mb4", database=None)
        self.source.script(old, database="old")
        self.destination.script(new, database="new")
        self.source.run(*fill, database="old")
        self.log_file = self.work.path("migration.log")
        self.config = self.write("config.xml", config % {
            "source": self.source.port, "destination": self.destination.port, "user": ACCOUNT, "password": PASSWORD, "map": "map.xml",
            "log": self.log_file})
        self.program.settings = {"state_dir": self.program.settings["state_dir"]}
        self.program.configure({})

    def write(self, name, text):
        path = self.work.path(name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, 0o600)
        return path

    def change_config(self, *pairs):
        """Texts of config.xml become others."""
        with open(self.config, encoding="utf-8") as text:
            config = text.read()
        for before, after in pairs:
            config = config.replace(before, after)
        return self.write("config.xml", config)

    def migrate(self, mode, *options, code=0):
        """What it said, on both streams."""
        got, out, err = self.program.command("migrate", mode, self.config, *options, timeout=120)
        expect_equal(got, code, "migrate %s %s: exit: %s" % (mode, options, (out + err)[-2500:]))
        return out + err

    def ask(self, sql):
        return self.destination.scalar(sql, "new")

    def rows(self, sql):
        return self.destination.query(sql, "new")
