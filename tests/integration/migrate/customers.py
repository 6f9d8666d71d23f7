"""The Customer step: values of attributes become columns."""

import hashlib
import random

from base import Migration
from lib.suite import expect, expect_contains, expect_equal
from steps import wait_for

TYPES = {"datetime": "DATETIME NULL", "decimal": "DECIMAL(12,4) NOT NULL DEFAULT 0", "int": "INT NOT NULL DEFAULT 0", "text": "TEXT NOT NULL", "varchar": "VARCHAR(255) NULL"}
ENTITIES = ("customer_entity", "customer_address_entity")
EAV = """
CREATE TABLE %(p)seav_entity_type (entity_type_id SMALLINT UNSIGNED PRIMARY KEY, entity_type_code VARCHAR(50) NOT NULL) ENGINE=InnoDB;
CREATE TABLE %(p)seav_attribute (attribute_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL, attribute_code VARCHAR(255) NOT NULL, backend_type VARCHAR(8) NOT NULL, frontend_input VARCHAR(50) NULL,
  UNIQUE (entity_type_id, attribute_code)) ENGINE=InnoDB;
INSERT INTO %(p)seav_entity_type VALUES (1, 'customer'), (2, 'customer_address'), (4, 'catalog_product');
INSERT INTO %(p)seav_attribute (attribute_id, entity_type_id, attribute_code, backend_type) VALUES (1, 1, 'prefix', 'varchar'), (2, 1, 'firstname', 'varchar'), (3, 1, 'dob', 'datetime'), (4, 1, 'password_hash', 'varchar'), (5, 1, 'gender', 'int'),
  (6, 1, 'taxvat', 'varchar'), (7, 1, 'default_billing', 'int'), (8, 1, 'shoe_size', 'varchar'), (9, 1, 'shoe_count', 'int'), (10, 1, 'email', 'static'), (20, 2, 'city', 'varchar'), (21, 2, 'street', 'text'),
  (22, 2, 'region_id', 'int'), (23, 2, 'company', 'varchar'), (24, 2, 'floor', 'varchar'), (30, 4, 'prefix', 'varchar');
"""


def value_tables(prefix, old):
    return "\n".join(
        "CREATE TABLE %s%s_%s (value_id INT AUTO_INCREMENT PRIMARY KEY, %sattribute_id SMALLINT UNSIGNED NOT NULL, entity_id INT UNSIGNED NOT NULL, value %s, UNIQUE (entity_id, attribute_id), "
        "FOREIGN KEY (entity_id) REFERENCES %s%s (entity_id) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB;" % (
            prefix, entity, name, "entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 1, " if old else "", column, prefix, entity)
        for entity in ENTITIES for name, column in TYPES.items())


OLD = EAV % {"p": "m1_"} + """
CREATE TABLE m1_customer_entity (entity_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 1, attribute_set_id SMALLINT UNSIGNED NOT NULL DEFAULT 1, email VARCHAR(255) NULL,
  group_id SMALLINT UNSIGNED NOT NULL DEFAULT 1, updated_at TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00', UNIQUE (email)) ENGINE=InnoDB;
CREATE TABLE m1_customer_address_entity (entity_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, entity_type_id SMALLINT UNSIGNED NOT NULL DEFAULT 2, parent_id INT UNSIGNED NULL,
  FOREIGN KEY (parent_id) REFERENCES m1_customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB;
CREATE TABLE m1_note (note_id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(40)) ENGINE=InnoDB;
""" + value_tables("m1_", True)
NEW = EAV % {"p": "m2_"} + """
CREATE TABLE m2_customer_entity (entity_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255) NULL, group_id SMALLINT UNSIGNED NOT NULL, updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  prefix VARCHAR(40) NULL DEFAULT 'Dear', firstname VARCHAR(255) NULL, dob DATE NULL, password_hash VARCHAR(128) NULL, gender SMALLINT UNSIGNED NULL, taxvat VARCHAR(50) NULL, default_billing INT UNSIGNED NULL,
  failures_num SMALLINT NULL DEFAULT 7, UNIQUE (email)) ENGINE=InnoDB;
CREATE TABLE m2_customer_address_entity (entity_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, parent_id INT UNSIGNED NULL, city VARCHAR(255) NOT NULL, street TEXT NOT NULL, region_id INT UNSIGNED NOT NULL, company VARCHAR(255) NULL,
  FOREIGN KEY (parent_id) REFERENCES m2_customer_entity (entity_id) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB;
CREATE TABLE m2_note (note_id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(40)) ENGINE=InnoDB;
""" + value_tables("m2_", False)
COLUMNS = {"customer_entity": ("prefix", "firstname", "dob", "password_hash", "gender", "taxvat", "default_billing"), "customer_address_entity": ("city", "street", "region_id", "company")}
DOCUMENTS = ["%s%s" % (entity, end) for entity in ENTITIES for end in ["", *("_" + name for name in TYPES)]]


def group(name, items, kind="document"):
    return '<group name="%s">%s</group>' % (name, "".join("<%s>%s</%s>" % (kind, item, kind) for item in items))


DOCUMENT_GROUPS = "<groups>%s</groups>" % "".join((
    group("source_documents", DOCUMENTS), group("eav_entities", ("customer", "customer_address")), group("customer", DOCUMENTS[:6]), group("customer_address", DOCUMENTS[6:]),
    group("source_entity_documents", ENTITIES)))
ATTRIBUTE_GROUPS = "<groups>%s</groups>" % "".join(group(entity, COLUMNS[entity], "attribute") for entity in ENTITIES)
DELTALOG = '<groups><group name="delta_map"><document key="note_id">note</document></group><group name="delta_customer">%s</group></groups>' % "".join(
    '<document key="%s">%s</document>' % ("entity_id" if document in ENTITIES else "value_id", document) for document in DOCUMENTS)
# as that tool ships it, with two columns of the destination left out: the step knows them
MAP = "<map><source><field_rules>%s<ignore><field>customer_entity.attribute_set_id</field></ignore></field_rules></source><destination><field_rules>%s</field_rules></destination></map>" % (
    "".join("<ignore><field>%s.entity_type_id</field></ignore>" % document for document in DOCUMENTS),
    "".join("<ignore><field>%s</field></ignore>" % field for field in ("customer_entity.prefix", "customer_entity.firstname", "customer_entity.failures_num", "customer_address_entity.city")))
OTHERS = "<map><source><document_rules>%s</document_rules></source><destination><document_rules>%s</document_rules></destination></map>" % (
    ("".join("<ignore><document>%s</document></ignore>" % document for document in ("eav_*", "customer_*")),) * 2)


def stages(name, *kinds):
    return "".join("<%s>Migration\\Step\\%s\\%s</%s>" % (kind, name, kind.capitalize(), kind) for kind in kinds)


def steps(kinds, names=(("Customer Attributes Step", "Customer"), ("Map Step", "Map"))):
    return "".join('<step title="%s">%s</step>' % (title, stages(name, *kinds)) for title, name in names)


CONFIG = '<config><steps mode="data">' + steps(("integrity", "data", "volume")) + '</steps><steps mode="delta">' + steps(("delta", "volume")) + """</steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options><map_file>%(map)s</map_file><log_file>%(log)s</log_file><source_prefix>m1_</source_prefix><dest_prefix>m2_</dest_prefix><customer_map_file>map-customer.xml</customer_map_file>
    <customer_document_groups_file>customer-documents.xml</customer_document_groups_file><customer_attribute_groups_file>customer-attributes.xml</customer_attribute_groups_file>
    <delta_document_groups_file>deltalog.xml</delta_document_groups_file><upgrade_customer_password_hash>1</upgrade_customer_password_hash></options>
</config>"""
COUNT = 400


def values(entity, name, rows):
    return "INSERT INTO m1_%s_%s (attribute_id, entity_id, value) %s" % (entity, name, rows)


FILL = (
    "INSERT INTO m1_customer_entity (entity_id, email) SELECT seq, CONCAT('c', seq, '@shop.example') FROM seq_1_to_%d" % COUNT,
    "INSERT INTO m1_customer_address_entity (entity_id, parent_id) SELECT seq, 1 + seq %% %d FROM seq_1_to_%d" % (COUNT - 2, 2 * COUNT),
    values("customer_entity", "varchar", "SELECT 1, seq, ELT(1 + seq %% 3, 'Frau', 'Herr', NULL) FROM seq_1_to_%d WHERE seq %% 5" % COUNT),
    values("customer_entity", "varchar", "SELECT 2, seq, CONCAT('Zoë \\'', seq, '\\'') FROM seq_1_to_%d WHERE seq %% 11" % COUNT),
    values("customer_entity", "datetime", "SELECT 3, seq, DATE_ADD('1960-02-29', INTERVAL seq DAY) FROM seq_1_to_%d WHERE seq %% 2" % COUNT),
    values("customer_entity", "varchar", "SELECT 4, seq, ELT(1 + seq %% 6, CONCAT(MD5(seq), ':ab'), MD5(seq), CONCAT(SHA2(seq, 256), ':cd'), CONCAT(SHA2(seq, 512), ':ef'), CONCAT(SHA2(seq, 256), ':cd:1'), "
           "'$2y$10$abcdefghijklmnopqrstuuOJ') FROM seq_1_to_%d" % COUNT),
    values("customer_entity", "int", "SELECT 5, seq, seq %% 2 FROM seq_1_to_%d WHERE seq %% 4" % COUNT),
    values("customer_entity", "varchar", "SELECT 6, seq, CONCAT('DE', seq) FROM seq_1_to_%d WHERE seq %% 3 = 0" % COUNT),
    values("customer_entity", "int", "SELECT 7, seq, seq FROM seq_1_to_%d WHERE seq %% 7" % COUNT),
    values("customer_entity", "varchar", "SELECT 8, seq, CONCAT('size ', seq) FROM seq_1_to_%d WHERE seq %% 2" % COUNT),
    values("customer_entity", "int", "SELECT 9, seq, seq FROM seq_1_to_%d WHERE seq %% 3" % COUNT),
    values("customer_entity", "text", "SELECT 2, seq, 'a name that is not where names are' FROM seq_1_to_9"),
    values("customer_address_entity", "varchar", "SELECT 20, seq, CONCAT('Town ', seq) FROM seq_1_to_%d WHERE seq %% 9" % (2 * COUNT)),
    values("customer_address_entity", "text", "SELECT 21, seq, CONCAT('Street ', seq, '\\n', REPEAT('x', seq)) FROM seq_1_to_%d WHERE seq %% 8" % (2 * COUNT)),
    values("customer_address_entity", "int", "SELECT 22, seq, seq FROM seq_1_to_%d WHERE seq %% 2" % (2 * COUNT)),
    values("customer_address_entity", "varchar", "SELECT 24, seq, seq FROM seq_1_to_%d WHERE seq %% 2" % COUNT),
)


def password(text):
    head = text.split(":")
    return ":".join((head[0], head[1] if len(head) > 1 else "", "0" if len(head[0]) == 32 else "1")) if len(head[0]) in (32, 64) and len(head) < 3 else text


class Customers(Migration):
    def __init__(self):
        super().__init__(OLD, NEW, FILL, CONFIG)
        self.write("map.xml", OTHERS)
        self.write("map-customer.xml", MAP)
        self.write("customer-documents.xml", DOCUMENT_GROUPS)
        self.write("customer-attributes.xml", ATTRIBUTE_GROUPS)
        self.write("deltalog.xml", DELTALOG)

    def equal(self, what):
        """Nothing of the program's is asked: what is to be there is worked out here."""
        code = {row[0]: row[1:] for row in self.source.query("SELECT attribute_id, attribute_code, backend_type FROM m1_eav_attribute", "old")}
        for entity in ENTITIES:
            found, rows = {}, {}
            for name in TYPES:
                rows[name] = []
                for value_id, attribute, number, value in self.source.query("SELECT value_id, attribute_id, entity_id, value FROM m1_%s_%s ORDER BY 1" % (entity, name), "old"):
                    is_column = code[attribute][0] in COLUMNS[entity]
                    if is_column and code[attribute][1] == name:
                        found[number, code[attribute][0]] = value
                    if not is_column or (attribute == 4 and len((value or "").split(":")[0]) == 128):
                        rows[name].append((value_id, attribute, number, value))
                expect_equal(self.rows("SELECT value_id, attribute_id, entity_id, value FROM m2_%s_%s ORDER BY 1" % (entity, name)), tuple(rows[name]), "%s: %s_%s" % (what, entity, name))
            fields = "entity_id, email, group_id, updated_at" if entity == "customer_entity" else "entity_id, parent_id"
            wanted = []
            for row in self.source.query("SELECT %s FROM m1_%s ORDER BY 1" % (fields, entity), "old"):
                for column in COLUMNS[entity]:
                    value = found.get((row[0], column))
                    if value is not None and column == "dob":
                        value = value.date()
                    if value is not None and column == "password_hash":
                        value = password(value)[:128]
                    row += ({"city": "", "street": "", "region_id": 0}.get(column) if value is None else value,)
                wanted.append(row)
            expect_equal(self.rows("SELECT %s, %s FROM m2_%s ORDER BY 1" % (fields, ", ".join(COLUMNS[entity]), entity)), tuple(wanted), "%s: %s" % (what, entity))
        expect_equal(self.rows("SELECT * FROM m2_note ORDER BY 1"), self.source.query("SELECT * FROM m1_note ORDER BY 1", "old"), what)


def change(shop, draw):
    """What customers and the shop do, some of it many times over in one transaction."""
    one = lambda: draw.randrange(1, COUNT + 20)
    word = lambda: draw.choice(("'%x'" % draw.getrandbits(40), "NULL"))
    number = shop.source.scalar("SELECT MAX(entity_id) FROM m1_customer_entity", "old") + 1
    put = "INSERT INTO m1_customer_entity_%s (attribute_id, entity_id, value) SELECT %d, entity_id, %s FROM m1_customer_entity WHERE entity_id = %d ON DUPLICATE KEY UPDATE value = VALUES(value)"
    changes = [put % ("varchar", draw.choice((1, 2, 6, 8)), word(), one()) for _ in range(15)]
    changes += [put % ("varchar", 4, "'%s'" % draw.choice((hashlib.md5(b"x").hexdigest() + ":ab", hashlib.sha512(b"x").hexdigest(), "x")), one()) for _ in range(6)]
    changes += [put % ("int", draw.choice((5, 7, 9)), draw.randrange(100), one()) for _ in range(5)] + [put % ("datetime", 3, draw.choice(("'1999-12-31 00:00:00'", "NULL")), one())]
    changes += ["REPLACE INTO m1_customer_entity_varchar (attribute_id, entity_id, value) SELECT 2, entity_id, 'replaced' FROM m1_customer_entity WHERE entity_id = %d" % one(),
                "DELETE FROM m1_customer_entity_varchar WHERE attribute_id IN (2, 4, 8) AND entity_id = %d" % one(), "DELETE FROM m1_customer_address_entity_text WHERE entity_id = %d" % one(),
                "UPDATE IGNORE m1_customer_entity_varchar SET attribute_id = IF(attribute_id = 1, 8, 1) WHERE attribute_id IN (1, 8) AND entity_id = %d" % one(),
                "UPDATE IGNORE m1_customer_address_entity_varchar SET entity_id = entity_id + 1 WHERE attribute_id = 20 AND entity_id = %d" % one(),
                "UPDATE m1_customer_entity SET group_id = group_id + 1, updated_at = updated_at + INTERVAL 1 DAY WHERE entity_id BETWEEN %d AND %d" % (number // 2, one()),
                "DELETE FROM m1_customer_entity WHERE entity_id = %d" % one(), "UPDATE m1_customer_entity SET entity_id = %d WHERE entity_id = %d" % (number + 1, one()),
                "INSERT INTO m1_customer_entity (entity_id, email) VALUES (%d, 'new %d')" % (number, number), put % ("varchar", 2, "'Neu'", number), put % ("varchar", 2, "'Neuer'", number),
                "INSERT INTO m1_customer_address_entity (parent_id) VALUES (%d)" % number,
                "INSERT INTO m1_customer_address_entity_varchar (attribute_id, entity_id, value) SELECT 20, MAX(entity_id), 'Ort' FROM m1_customer_address_entity", "INSERT INTO m1_note (text) VALUES ('n')"]
    mixed = changes[:32]
    draw.shuffle(mixed)
    shop.source.run("START TRANSACTION", *mixed, *changes[32:36], "COMMIT", *changes[36:], database="old")


def define(suite):
    @suite.case("customers", "values of customers' attributes become columns, copied and followed, deletes too, through kills; passwords take the new form")
    def _():
        with Customers() as shop:
            draw = random.Random()
            seed = draw.randrange(1 << 31)
            print("# seed %d" % seed)
            draw.seed(seed)
            for point in ("load.values:%d" % draw.randrange(1, 4), "load.table_end:%d" % draw.randrange(1, 12)):
                code, out, err = shop.program.command("migrate", "data", shop.config, env={"DATASYNC_CRASH": point})
                expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))
            shop.migrate("data")
            shop.equal("copied")
            expect_equal(shop.ask("SELECT GROUP_CONCAT(attribute_id ORDER BY 1) FROM m2_eav_attribute WHERE backend_type = 'static'"), "1,2,3,4,5,6,7,10,20,21,22,23", "attributes that are columns")
            expect_equal(shop.ask("SELECT COUNT(*) FROM m2_customer_entity WHERE failures_num = 7"), COUNT, "a default")
            for point in ("commit.before_commit:1", "commit.after_commit:1", None, None):
                change(shop, draw)
                if point:
                    code, out, err = shop.program.command("migrate", "delta", shop.config, "--once", env={"DATASYNC_CRASH": point})
                    expect_equal(code, -9, "%s: %s" % (point, (out + err)[-1500:]))
                shop.migrate("delta", "--once")
                shop.equal("delta")
            shop.program.start("delta", shop.config, command="migrate")
            for _ in range(5):
                change(shop, draw)
                shop.program.kill()
                shop.program.start("delta", shop.config, command="migrate")
            shop.source.run("INSERT INTO m1_note (text) VALUES ('the last')", database="old")
            wait_for("the last note", lambda: shop.ask("SELECT COUNT(*) FROM m2_note WHERE text = 'the last'"))
            shop.program.stop()
            shop.equal("killed")

    @suite.case("customers-told", "attributes and columns that are not there, values that do not fit and values that are lost are told, with keys")
    def _():
        with Customers() as shop:
            shop.source.run("UPDATE m1_eav_attribute SET attribute_code = 'sex' WHERE attribute_id = 5", database="old")
            shop.destination.run("ALTER TABLE m2_customer_address_entity DROP company, CHANGE city town VARCHAR(255) NOT NULL", database="new")
            said = shop.migrate("data", code=1)
            for part in ("[ERROR]: Attribute gender does not exist in the type customer", "[ERROR]: Destination fields are missing. Document: customer_address_entity. Fields: city,company"):
                expect_contains(said, part, "what is not there")
            shop.source.run("UPDATE m1_eav_attribute SET attribute_code = 'Gender' WHERE attribute_id = 5", database="old")  # of which no value would come
            expect_contains(shop.migrate("data", code=1), "[ERROR]: Attribute gender does not exist in the type customer", "a code in other letters")
            shop.source.run("UPDATE m1_eav_attribute SET attribute_code = 'gender' WHERE attribute_id = 5", database="old")
            shop.destination.run("ALTER TABLE m2_customer_address_entity ADD company VARCHAR(255) NULL, CHANGE town city VARCHAR(255) NOT NULL", database="new")
            shop.source.run("INSERT INTO m1_customer_entity_varchar (attribute_id, entity_id, value) SELECT 6, 31, REPEAT('ü', 51)", database="old")
            said = shop.migrate("data", code=1)
            for part in ("a value of customer_entity_varchar does not fit into m2_customer_entity.taxvat", "key=31"):
                expect_contains(said, part, "a value that is too long")
            shop.source.run("UPDATE m1_customer_entity_varchar SET value = REPEAT('ü', 50) WHERE entity_id = 31 AND attribute_id = 6", database="old")
            shop.migrate("data")
            shop.equal("copied")
            shop.destination.run("UPDATE m2_customer_entity SET firstname = 'somebody' WHERE entity_id IN (3, 300)", "UPDATE m2_customer_address_entity SET region_id = 5 WHERE entity_id = 4",
                                 "DELETE FROM m2_customer_entity_varchar WHERE entity_id = 7 AND attribute_id = 8", "UPDATE m2_eav_attribute SET backend_type = 'int' WHERE attribute_id = 5", database="new")
            said = shop.migrate("delta", "--once", code=1)
            for part in ("Mismatch of values in the document: customer_entity Fields: firstname Keys: 3,300", "Mismatch of values in the document: customer_address_entity Fields: region_id Keys: 4",
                         "Mismatch of entities in the document: customer_entity_varchar", "Mismatch of attributes: 1 of type customer"):
                expect_contains(said, part, "what is lost")
            shop.source.run("TRUNCATE TABLE m1_customer_entity_datetime", database="old")
            expect_contains(shop.migrate("delta", "--once", code=1), "of which values are columns", "TRUNCATE")
            expect(shop.ask("SELECT COUNT(dob) FROM m2_customer_entity") > 0, "nothing was emptied")
