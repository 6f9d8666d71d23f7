"""Many rows at once: an entity of one's own, whose rows get their ids, name each other, and change in numbers alone."""

import json
import os
import threading
import time

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops

ENTITY = {
    "name": "crate", "natural_key": ["code"],
    "tables": [{"table": "crate", "role": "root", "link": "crate_id"}, {"table": "crate_part", "role": "part", "link": "crate_id", "key": "part_id"},
               {"table": "crate_mark", "role": "mark", "link": "crate_id", "key": "mark_id"}],
    "references": [{"column": "first_id", "entity": "crate", "to": "crate_part"}, {"column": "last_id", "entity": "crate", "to": "crate_part"},
                   {"column": "kept_id", "entity": "crate", "to": "crate_part"},
                   {"table": "crate_part", "column": "store_id", "entity": "store", "required": True}]}
TABLES = """
CREATE TABLE crate (crate_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, first_id INT UNSIGNED NULL,
  last_id BIGINT NULL, kept_id INT UNSIGNED NULL, weight DECIMAL(20,6) NULL, pieces BIGINT NULL, seen INT UNSIGNED NOT NULL DEFAULT 7, note VARCHAR(40) NULL,
  touched TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY (kept_id)) ENGINE=InnoDB;
CREATE TABLE crate_part (part_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, crate_id INT UNSIGNED NOT NULL, name VARCHAR(40) NOT NULL, length INT NULL,
  store_id INT NOT NULL DEFAULT 1,
  FOREIGN KEY (crate_id) REFERENCES crate (crate_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE crate_mark (mark_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, crate_id INT UNSIGNED NULL, mark VARCHAR(40) NULL) ENGINE=InnoDB;
"""
COUNT = 3000
FILL = (
    "INSERT INTO crate (crate_id, code, weight, pieces, seen, note, touched) SELECT seq, CONCAT('c', seq), seq / 7, IF(seq %% 3, seq * 3000000000, NULL), "
    "seq %% 2, IF(seq %% 50, NULL, 'noted'), '2001-02-03 04:05:06' FROM seq_1_to_%d" % COUNT,
    "INSERT INTO crate_part (part_id, crate_id, name) SELECT seq, 1 + seq %% %d, CONCAT('p', seq) FROM seq_1_to_%d" % (COUNT, 2 * COUNT),
    "INSERT INTO crate_mark (crate_id) SELECT seq FROM seq_1_to_%d" % COUNT,
    # of one in ten what it names is nowhere, of others nothing is named, or what is left out, since it is of a shop that is nowhere
    "UPDATE crate c SET touched = touched, first_id = (SELECT MIN(part_id) FROM crate_part p WHERE p.crate_id = c.crate_id), last_id = IF(crate_id % 10 = 1, "
    "777777, IF(crate_id % 10 = 2, NULL, (SELECT MAX(part_id) FROM crate_part p WHERE p.crate_id = c.crate_id))), kept_id = IF(crate_id % 2, first_id, NULL)",
    "UPDATE crate_part p JOIN crate c ON c.last_id = p.part_id AND c.crate_id % 10 = 4 SET p.store_id = 777",
)
SEEN = """
SELECT c.code, c.weight, c.pieces, c.seen, c.note, c.touched, f.name, %s, k.name, f.crate_id = c.crate_id,
  (SELECT GROUP_CONCAT(name, '/', IFNULL(length, '-') ORDER BY name) FROM crate_part p WHERE p.crate_id = c.crate_id AND store_id <> 777),
  (SELECT COUNT(*) FROM crate_mark m WHERE m.crate_id = c.crate_id AND mark IS NULL)
FROM crate c LEFT JOIN crate_part f ON f.part_id = c.first_id LEFT JOIN crate_part l ON l.part_id = c.last_id AND l.store_id <> 777
LEFT JOIN crate_part k ON k.part_id = c.kept_id ORDER BY c.code"""


def seen(server, nowhere="l.name"):
    """What can be said without an id, and how a part that is nowhere is named."""
    return server.query(SEEN % nowhere, "openmage")


def describe(shops, *entities):
    """Entities of one's own."""
    folder = shops.work.path("entities")
    os.makedirs(folder, exist_ok=True)
    for entity in entities:
        with open(os.path.join(folder, entity["name"] + ".yaml"), "w", encoding="utf-8") as out:
            json.dump(entity, out)
    shops.lab.program.configure({"entities_dir": folder})


class Crates(TwoShops):
    def __enter__(self):
        describe(self, ENTITY)
        for server in (self.source, self.destination):
            server.script(TABLES, database="openmage")
        self.source.run(*FILL, database="openmage")
        # some are there, under other numbers
        self.destination.run("INSERT INTO crate (crate_id, code, pieces, last_id) SELECT 90000 + seq, CONCAT('c', seq * 7), -1, 5 FROM seq_1_to_200",
                             "INSERT INTO crate_part (crate_id, name, store_id) SELECT crate_id, 'its own', (SELECT store_id FROM core_store WHERE code = '%s') FROM crate"
                             % self.source.scalar("SELECT code FROM core_store WHERE store_id = 1", "openmage"), database="openmage")
        return super().__enter__()

    def sync(self, *options, code=0):
        found, out, err = self.lab.program.command("sync", "crate", "legacy", "-d", "update", "--json", *options, timeout=240)
        expect_equal(found, code, err[-1500:])
        return out, err

    def equal(self, what):
        there, here = seen(self.source), seen(self.destination, "IFNULL(l.name, c.last_id)")
        expect_equal(len(here), len(there), what + ": rows")
        different = [pair for pair in zip(there, here) if pair[0] != pair[1]]
        expect_equal(different[:3], [], "%s: %d differ" % (what, len(different)))


# The source's ids are texts that the registry's column cannot hold as they are.
PARCEL = {"name": "parcel", "tables": [{"table": "parcel", "role": "root", "link": "parcel_id"}],
          "references": [{"column": "inside_id", "entity": "parcel"}]}
PARCELS = """CREATE TABLE parcel (parcel_id %s PRIMARY KEY, note VARCHAR(40), inside_id %s NULL) ENGINE=InnoDB"""
PARCEL_IDS = ["x" * 200 + "a", "x" * 200 + "b", "x" * 200, "\u20ac" * 190, "\u20ac" * 190 + "!", "short", "short ", "short  ", "x" * 191]


def parcels(server):
    return sorted(server.query("SELECT p.note, i.note FROM parcel p LEFT JOIN parcel i ON i.parcel_id = p.inside_id", "openmage"))


# The key is what people call it, at both sides: no number stands between them.
BOX_KIND = {"name": "box_kind", "natural_key": ["kind_code"],
            "tables": [{"table": "box_kind", "role": "root", "link": "kind_code", "identity": "natural"},
                       {"table": "box_kind_label", "role": "member", "link": "kind_code", "key": "label_id", "identity": ["kind_code", "language"]}]}
BOX = {"name": "box", "natural_key": ["code"], "tables": [{"table": "box", "role": "root", "link": "box_id"}],
       "references": [{"column": "kind_code", "entity": "box_kind", "required": True}]}
BOXES = ("CREATE TABLE box_kind (kind_code VARCHAR(20) PRIMARY KEY, note VARCHAR(20)) ENGINE=InnoDB",
         "CREATE TABLE box_kind_label (label_id INT AUTO_INCREMENT PRIMARY KEY, kind_code VARCHAR(20), language VARCHAR(5), label VARCHAR(20), "
         "FOREIGN KEY (kind_code) REFERENCES box_kind (kind_code) ON DELETE CASCADE) ENGINE=InnoDB",
         "CREATE TABLE box (box_id INT AUTO_INCREMENT PRIMARY KEY, code VARCHAR(20), kind_code VARCHAR(20), FOREIGN KEY (kind_code) REFERENCES "
         "box_kind (kind_code)) ENGINE=InnoDB")


def boxes(server):
    return sorted(server.query("SELECT b.code, k.kind_code, k.note, l.language, l.label FROM box_kind k LEFT JOIN box_kind_label l USING (kind_code) "
                               "LEFT JOIN box b USING (kind_code)", "openmage"), key=str)


def define(suite):
    @suite.case("text-keys", "kinds whose key is a code, and which are known by it: with what hangs on them and names them, by sync and in a stream")
    def _():
        with TwoShops(settings={"mode": "import", "source_system": "shop", "on_duplicate": "update", "entities": ["box", "box_kind"]}) as shops:
            describe(shops, BOX_KIND, BOX)
            for server in (shops.source, shops.destination):
                server.run(*BOXES, database="openmage")
            run = lambda *sql: shops.source.run(*sql, database="openmage")
            run("INSERT INTO box_kind VALUES ('flat', 'a'), ('tall', 'b'), ('7', 'c')", "INSERT INTO box_kind_label (kind_code, language, label) VALUES "
                "('flat', 'en', 'Flat'), ('flat', 'de', 'Flach'), ('tall', 'en', 'Tall')", "INSERT INTO box VALUES (5, 'one', 'tall'), (6, 'two', '7')")
            shops.destination.run("INSERT INTO box_kind VALUES ('flat', 'here')", "INSERT INTO box_kind_label (kind_code, language, label) VALUES "
                                  "('flat', 'de', 'hier')", database="openmage")
            equal = lambda what: expect_equal(boxes(shops.destination), boxes(shops.source), what)
            for entity in ("box", "box_kind", "all"):
                code, _out, err = shops.lab.program.command("sync", entity, "shop", "-d", "update", timeout=240)
                expect_equal(code, 0, "sync %s: %s" % (entity, err[-1500:]))
            equal("copied")
            shops.lab.program.incremental(timeout=240)
            equal("copied by a stream")
            run("INSERT INTO box_kind VALUES ('wide', 'd')", "INSERT INTO box_kind_label (kind_code, language, label) VALUES ('wide', 'en', 'Wide')",
                "INSERT INTO box VALUES (7, 'three', 'wide')", "UPDATE box SET kind_code = 'wide' WHERE box_id = 5",
                "UPDATE box_kind SET note = 'changed' WHERE kind_code = 'flat'", "UPDATE box_kind_label SET label = 'Eben' WHERE language = 'de'",
                "DELETE FROM box_kind_label WHERE label = 'Flat'")
            shops.lab.program.incremental(timeout=240)
            equal("changed")
            describe(shops, dict(BOX_KIND, natural_key=["note"]), BOX)  # which is no number either, and can be another one here
            code, out, err = shops.lab.program.command("check")
            expect_equal(code, 1, out + err)
            expect_contains(out, "STOP  both table box_kind: table box_kind: its key kind_code is no whole number at the destination", "check")

    @suite.case("long-ids", "ids of the source that are long, or end in spaces, are told apart in the registry")
    def _():
        with TwoShops(settings={"mode": "import", "source_system": "shop", "on_duplicate": "update"}) as shops:
            describe(shops, PARCEL)
            text, run = "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", lambda *sql: shops.source.run(*sql, database="openmage")
            run(PARCELS % (text, text), *("INSERT INTO parcel VALUES ('%s', 'parcel %d', '%s')" % (one, n, PARCEL_IDS[n - 1]) for n, one in enumerate(PARCEL_IDS)))
            shops.destination.run(PARCELS % ("INT AUTO_INCREMENT", "INT"), database="openmage")
            equal = lambda what: expect_equal(parcels(shops.destination), parcels(shops.source), what)
            for what in ("new", "again"):
                code, _out, err = shops.lab.program.command("sync", "parcel", "shop", "-d", "update", timeout=240)
                expect_equal(code, 0, err[-1500:])
                equal(what)
            expect_equal(shops.destination.scalar("SELECT COUNT(*) FROM datasync.datasync_entity_registry WHERE entity_type = 'parcel'"), len(PARCEL_IDS), "ids")
            shops.lab.program.incremental("--entity", "parcel", timeout=240)
            run("UPDATE parcel SET note = 'changed', inside_id = NULL WHERE parcel_id = '%s'" % PARCEL_IDS[1],
                "DELETE FROM parcel WHERE parcel_id = '%s'" % PARCEL_IDS[0], "DELETE FROM parcel WHERE parcel_id = '%s'" % PARCEL_IDS[6],
                "UPDATE parcel SET inside_id = NULL WHERE inside_id IN ('%s', '%s')" % (PARCEL_IDS[0], PARCEL_IDS[6]),
                "INSERT INTO parcel VALUES ('%s', 'new', '%s')" % ("x" * 200 + "c", PARCEL_IDS[4]))
            shops.lab.program.incremental("--entity", "parcel", timeout=240)
            equal("changed")

    @suite.case("many-rows", "new rows get ids and name each other, numbers change by the thousand, and a value that does not fit stops the run")
    def _():
        with Crates(settings={}) as shops:
            shops.sync()
            shops.equal("new")
            expect_equal(shops.destination.scalar("SELECT MIN(crate_id) FROM crate", "openmage"), 90001, "the destination counts")
            shops.source.run("UPDATE crate SET touched = touched, weight = -weight * 3, pieces = IF(pieces % 2, NULL, pieces + 5000000000000000000), seen = 4294967295",
                             "UPDATE crate_part SET length = CAST(part_id AS SIGNED) * 3 - 5 WHERE part_id % 3", database="openmage")
            shops.destination.run("SET GLOBAL userstat = 1", "FLUSH TABLE_STATISTICS", database=None)
            shops.sync()
            shops.equal("changed")
            here = shops.destination.scalar("SELECT COUNT(*) FROM crate_part WHERE length IS NOT NULL", "openmage")
            changed = dict(shops.destination.query("SELECT TABLE_NAME, ROWS_CHANGED FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = 'openmage'"))
            expect_equal((changed["crate"], changed["crate_part"]), (COUNT, here), "rows written")
            shops.source.run("UPDATE crate_part SET length = length + 1 WHERE part_id = 5", database="openmage")
            shops.sync()
            shops.equal("a single one")
            shops.destination.run("DELETE FROM crate", "DELETE FROM crate_mark", "ALTER TABLE crate ADD CONSTRAINT named CHECK (first_id > 0 AND last_id > 0)",
                                  database="openmage")
            shops.sync()
            shops.equal("with a check")
            shops.destination.run("DELETE FROM crate", "DELETE FROM crate_mark", "ALTER TABLE crate DROP CONSTRAINT named, MODIFY note VARCHAR(3)",
                                  database="openmage")
            _out, err = shops.sync(code=1)
            expect_contains(err, "a value does not fit the destination's column: Data truncated for column 'note'", "a note that is too long")
            expect("source id 50" in err and "(entity=crate key=50): leave it out with --skip-invalid table=" in err, "which row it is: " + err[-800:])
            shops.destination.run("DELETE FROM crate", "ALTER TABLE crate MODIFY note VARCHAR(40)", "ALTER TABLE crate_part MODIFY length TINYINT", database="openmage")
            _out, err = shops.sync(code=1)
            expect_contains(err, "Out of range value for column 'length'", "a length that is too large")

    @suite.case("many-rows-triggers", "triggers of the destination see each row; what another process registers of the same source meanwhile is noticed, and nothing comes twice")
    def _():
        with Crates(settings={}) as shops:
            ask = lambda sql: shops.destination.scalar(sql, "openmage")
            shops.destination.run(
                "CREATE TABLE seen (crate_id INT, note VARCHAR(40), first_id INT) ENGINE=InnoDB", "CREATE SEQUENCE turns",
                "CREATE TRIGGER crate_seen AFTER INSERT ON crate FOR EACH ROW INSERT INTO seen VALUES (NEW.crate_id, NEW.note, NEW.first_id)",
                "CREATE TRIGGER crate_note BEFORE INSERT ON crate FOR EACH ROW SET NEW.note = IFNULL(NEW.note, 'none')",
                "CREATE TRIGGER part_waits BEFORE INSERT ON crate_part FOR EACH ROW BEGIN IF NEW.name = 'p6' THEN IF NEXTVAL(turns) = 1 THEN DO "
                "GET_LOCK('other', 60); DO RELEASE_LOCK('other'); END IF; END IF; END", database="openmage")

            def other():
                """Another datasync of the same source: it brings the part 6 while that is being inserted."""
                store = ask("SELECT store_id FROM core_store WHERE code = '%s'" % shops.source.scalar("SELECT code FROM core_store WHERE store_id = 1", "openmage"))
                with shops.destination.connect("openmage").cursor() as cursor:
                    cursor.execute("DO GET_LOCK('other', 0)")
                    locked.set()
                    while not ask("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'"):
                        time.sleep(0.02)
                    cursor.execute("SET SESSION foreign_key_checks = 0")
                    cursor.execute("INSERT INTO crate_part (part_id, crate_id, name, store_id) VALUES (4000711, 90001, 'p6', %d)" % store)
                    cursor.execute("INSERT INTO datasync.datasync_entity_registry (source_system, entity_type, source_id, target_id, origin) "
                                   "VALUES ('legacy', 'crate_part', '6', 4000711, 'created')")
                    cursor.execute("COMMIT")
                    cursor.execute("DO RELEASE_LOCK('other')")

            locked = threading.Event()
            thread = threading.Thread(target=other)
            thread.start()
            locked.wait()
            shops.sync()
            thread.join()
            shops.destination.run("UPDATE crate SET touched = touched, note = NULL WHERE note = 'none'", database="openmage")
            shops.equal("with triggers")
            expect_equal(ask("SELECT part_id FROM crate_part WHERE name = 'p6'"), 4000711, "the other one's part")
            expect_equal(ask("SELECT COUNT(*) FROM seen WHERE first_id IS NOT NULL"), 0, "what was to be filled in")
            expect_equal((ask("SELECT COUNT(*) FROM seen"), ask("SELECT COUNT(*) FROM seen JOIN crate USING (crate_id)")), (COUNT - 200, COUNT - 200),
                         "what triggers saw")
            expect_equal(ask("SELECT COUNT(*) FROM datasync.datasync_entity_registry r JOIN crate_part p ON p.part_id = r.target_id WHERE entity_type = 'crate_part'"),
                         ask("SELECT COUNT(*) FROM crate_part"), "parts that are registered")
