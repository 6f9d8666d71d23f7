"""Mode settings: core_config_data by settings.xml, and websites, groups and stores."""

from base import Migration
from lib.suite import expect, expect_contains, expect_equal

OLD = """
CREATE TABLE m1_core_config_data (config_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, scope VARCHAR(8) NOT NULL DEFAULT 'default', scope_id INT NOT NULL DEFAULT 0,
  path VARCHAR(255) NOT NULL DEFAULT 'general', value TEXT NULL, UNIQUE (scope, scope_id, path)) ENGINE=InnoDB CHARSET=utf8;
CREATE TABLE m1_core_website (website_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(32) NULL UNIQUE, name VARCHAR(64) NULL, sort_order SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  default_group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_default SMALLINT UNSIGNED NULL DEFAULT 0) ENGINE=InnoDB CHARSET=utf8;
CREATE TABLE m1_core_store_group (group_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, website_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, name VARCHAR(255) NOT NULL,
  root_category_id INT UNSIGNED NOT NULL DEFAULT 0, default_store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0) ENGINE=InnoDB CHARSET=utf8;
CREATE TABLE m1_core_store (store_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(32) NULL UNIQUE, website_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, name VARCHAR(255) NOT NULL, sort_order SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_active SMALLINT UNSIGNED NOT NULL DEFAULT 0) ENGINE=InnoDB CHARSET=utf8;
"""
NEW = """
CREATE TABLE core_config_data (config_id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, scope VARCHAR(8) NOT NULL DEFAULT 'default', scope_id INT NOT NULL DEFAULT 0,
  path VARCHAR(255) NOT NULL DEFAULT 'general', value TEXT NULL, updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE (scope, scope_id, path)) ENGINE=InnoDB;
CREATE TABLE store_website (website_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(32) NULL UNIQUE, name VARCHAR(64) NULL, sort_order SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  default_group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_default SMALLINT UNSIGNED NULL DEFAULT 0) ENGINE=InnoDB;
CREATE TABLE store_group (group_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, website_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, name VARCHAR(255) NOT NULL,
  root_category_id INT UNSIGNED NOT NULL DEFAULT 0, default_store_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, code VARCHAR(32) NULL UNIQUE,
  FOREIGN KEY (website_id) REFERENCES store_website (website_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE store (store_id SMALLINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, code VARCHAR(32) NULL UNIQUE, website_id SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  group_id SMALLINT UNSIGNED NOT NULL DEFAULT 0, name VARCHAR(255) NOT NULL, sort_order SMALLINT UNSIGNED NOT NULL DEFAULT 0, is_active SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  FOREIGN KEY (group_id) REFERENCES store_group (group_id) ON DELETE CASCADE, FOREIGN KEY (website_id) REFERENCES store_website (website_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE cms_page_store (page_id INT, store_id SMALLINT UNSIGNED, PRIMARY KEY (page_id, store_id), FOREIGN KEY (store_id) REFERENCES store (store_id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE elsewhere (id INT PRIMARY KEY) ENGINE=InnoDB;
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
INSERT INTO store_website VALUES (0, 'admin', 'Admin', 0, 0, 0), (1, 'base', 'Main Website', 0, 1, 1);
INSERT INTO store_group VALUES (0, 0, 'Default', 0, 0, 'default'), (1, 1, 'Main Website Store', 2, 1, 'main_website_store');
INSERT INTO store VALUES (0, 'admin', 0, 0, 'Admin', 0, 1), (1, 'default', 1, 1, 'Default Store View', 0, 1);
INSERT INTO cms_page_store VALUES (1, 0), (1, 1);
INSERT INTO core_config_data (config_id, scope, scope_id, path, value, updated_at) VALUES (5, 'default', 0, 'general/locale/code', 'en_US', '2020-01-01'),
  (7, 'default', 0, 'web/seo/use_rewrites', '1', '2020-01-01'), (9, 'default', 0, 'design/email/template', 'its_own', '2020-01-01'),
  (11, 'stores', 1, 'general/Store_Information/name', 'Old', '2020-01-01'), (12, 'default', 0, 'payment/kept/password', 'typed in', '2020-01-01');
"""
ENCRYPTED = {"carriers/ups/password": "Zn0TPoBehxtAlaTVsyiIPg==", "payment/pay/key": "SkvJa/BmV9HN++kXnTbRvQ==", "payment/kept/password": "Zn0TPoBehxtAlaTVsyiIPg=="}
AGAIN = {"carriers/ups/password": "0:3:QkUropaGcvuwPgt+xR0JdBLYyOAFNck/CBPpWR1OeVhmUjccYQBvTA==",
         "payment/pay/key": "0:3:N5QDfX6Oo1UCf3tl346xRYCYWpj9aE5P6fyDCFx5W3MWkdyyGR14PNWMqKA=",
         "payment/kept/password": "0:3:QkUropaGcvuwPgt+xR0JdBLYyOAFNck/CBPpWR1OeVhmUjccYQBvTA=="}
KEYS = "2ec7dda5e24c7a672aabfa26090d903d", "1fe2c0a5d9b84c6e9a7b3d2f10e8c4b6"
PLAIN = (("default", 0, "general/locale/code", "de_DE"), ("default", 0, "web/secure/base_url", "https://ä.example/"), ("stores", 1, "general/store_information/name", "Läden"),
         ("websites", 1, "catalog/seo/product_url_suffix", "html"), ("default", 0, "catalog/category/root_id", "2"), ("default", 0, "old/name/of", "renamed"),
         ("default", 0, "design/email/template", "text_of_old"), ("default", 0, "dev/log/active", "1"), ("default", 0, "dev/log", "1"), ("default", 0, "admin/nothing/there", None))
FILL = (
    "INSERT INTO m1_core_config_data (scope, scope_id, path, value) VALUES " + ", ".join(
        "('%s', %d, '%s', %s)" % (*row[:3], "NULL" if row[3] is None else "'%s'" % row[3])
        for row in (*PLAIN, *(("default", 0, path, value) for path, value in ENCRYPTED.items()))),
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "INSERT INTO m1_core_website VALUES (0, 'admin', 'Admin', 0, 0, 0), (1, 'base', 'Läden', 0, 1, 1), (3, 'b2b', 'B2B', 5, 4, 0)",
    "INSERT INTO m1_core_store_group VALUES (0, 0, 'Default', 0, 0), (1, 1, 'Main Website Store', 2, 1), (4, 3, 'For Dealers', 9, 6)",
    "INSERT INTO m1_core_store VALUES (0, 'admin', 0, 0, 'Admin', 0, 1), (1, 'default', 1, 1, 'Deutsch', 0, 1), (6, 'dealers', 3, 4, 'Dealers', 1, 1)")
RULES = """<?xml version="1.0"?>
<settings>
  <key>
    <ignore><path>dev/log/*</path></ignore>
    <rename><path>old/name/of</path><to>new/name/is</to></rename>
  </key>
  <value>
    <transform><path>catalog/seo/product_url_suffix</path><handler class="\\Migration\\Handler\\Settings\\UrlSuffix"/></transform>
    <transform><path>catalog/category/root_id</path><handler class="\\Migration\\Handler\\Settings\\CategoryRootId"/></transform>
    <transform><path>design/email/template</path><handler class="\\Migration\\Handler\\Settings\\Template"/></transform>
    <transform><path>old/name/of</path><handler class="\\Migration\\Handler\\AddPrefix"><param name="prefix" value="was "/></handler></transform>
    <transform><path>payment/pay/key</path><handler class="\\Migration\\Handler\\Encrypt"/></transform>
    <transform><path>payment/kept/password</path><handler class="\\Migration\\Handler\\Encrypt"/></transform>
  </value>
</settings>
"""
STORES = """<?xml version="1.0"?>
<map>
  <source>
    <document_rules>
      <rename><document>core_store</document><to>store</to></rename>
      <rename><document>core_store_group</document><to>store_group</to></rename>
      <rename><document>core_website</document><to>store_website</to></rename>
    </document_rules>
  </source>
  <destination>
    <field_rules>
      <ignore><field>store_group.code</field></ignore>
      <transform><field>store_group.code</field><handler class="\\Migration\\Handler\\StoreGroupCode"/></transform>
    </field_rules>
  </destination>
</map>
"""
CONFIG = """<?xml version="1.0"?>
<config>
  <steps mode="settings">
    <step title="Settings Step">
      <integrity>Migration\\Step\\Settings\\Integrity</integrity>
      <data>Migration\\Step\\Settings\\Data</data>
      <volume>Migration\\Step\\Settings\\Volume</volume>
    </step>
    <step title="Stores Step">
      <integrity>Migration\\Step\\Stores\\Integrity</integrity>
      <data>Migration\\Step\\Stores\\Data</data>
      <volume>Migration\\Step\\Stores\\Volume</volume>
    </step>
  </steps>
  <source><database host="127.0.0.1" port="%(source)d" name="old" user="%(user)s" password="%(password)s"/></source>
  <destination><database host="127.0.0.1:%(destination)d" name="new" user="%(user)s" password="%(password)s"/></destination>
  <options>
    <source_prefix>m1_</source_prefix>
    <settings_map_file>settings.xml</settings_map_file>
    <stores_map_file>map-stores.xml</stores_map_file>
    <log_file>%(log)s</log_file>
  </options>
</config>
"""
TABLES = ("core_config_data", "store_website", "store_group", "store", "cms_page_store")


class Settings(Migration):
    def __init__(self):
        super().__init__(OLD, NEW, FILL, CONFIG)
        self.write("settings.xml", RULES)
        self.write("map-stores.xml", STORES)

    def all(self):
        return {table: self.rows("SELECT * FROM %s ORDER BY 1, 2" % table) for table in TABLES}

    def value(self, path):
        rows = self.rows("SELECT value FROM core_config_data WHERE path = '%s'" % path)
        return rows[0][0] if rows else "none"

    def values(self, wanted, what):
        expect_equal({path: self.value(path) for path in wanted}, wanted, what)


def define(suite):
    @suite.case("settings", "settings are ignored, renamed, changed and encrypted again, and stores come; a second run changes nothing")
    def _():
        with Settings() as shop:
            before = shop.all()
            said = shop.migrate("settings", "--dry-run")
            for part in ("setting is new path=new/name/is scope=default scope_id=0", "setting is changed path=general/locale/code", "what would become of store_website read=3 new=1 changed=1 gone=0",
                         "new_keys=3"):
                expect_contains(said, part, "a dry run")
            expect("https://" not in said and "Migration completed" not in said, "no value is told: " + said)
            expect_equal(shop.all(), before, "after a dry run")
            expect_equal(shop.ask("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'datasync'"), 0, "a database of our own")

            for point, done in (("commit.before_commit", False), ("commit.after_commit", True)):
                code, _out, _err = shop.program.command("migrate", "settings", shop.config, env={"DATASYNC_CRASH": point + ":1"})
                expect(code != 0, "it dies at " + point)
                expect_equal(shop.value("general/locale/code"), "de_DE" if done else "en_US", "killed at " + point)
                expect_equal(shop.ask("SELECT COUNT(*) FROM core_config_data"), 13 if done else 5, "rows, killed at " + point)
            said = shop.migrate("settings")
            for part in ("[mode: settings][stage: data migration][step: Settings Step]: started", "[step: Stores Step]: started", "]: Migration completed",
                         "set source.crypt_key (<crypt_key> in config.xml) and destination.crypt_key settings=3 paths=carriers/ups/password,payment/pay/key,payment/kept/password"):
                expect_contains(said, part, "what is said")
            plain = {"general/locale/code": "de_DE", "web/secure/base_url": "https://ä.example/", "general/Store_Information/name": "Läden", "catalog/seo/product_url_suffix": ".html",
                     "catalog/category/root_id": None, "old/name/of": "none", "new/name/is": "was renamed", "design/email/template": "its_own", "dev/log/active": "none",
                     "dev/log": "1", "admin/nothing/there": None, "web/seo/use_rewrites": "1"}
            shop.values(plain, "settings")
            shop.values({"carriers/ups/password": None, "payment/pay/key": None, "payment/kept/password": "typed in"}, "what is encrypted, without keys")
            expect_equal(shop.rows("SELECT config_id, scope, scope_id, path FROM core_config_data WHERE config_id < 13 ORDER BY 1"),
                         ((5, "default", 0, "general/locale/code"), (7, "default", 0, "web/seo/use_rewrites"), (9, "default", 0, "design/email/template"),
                          (11, "stores", 1, "general/Store_Information/name"), (12, "default", 0, "payment/kept/password")), "rows that were there")
            for old, new, extra in (("m1_core_website", "store_website", ""), ("m1_core_store", "store", ""),
                                    ("m1_core_store_group", "store_group", ", ELT(1 + (group_id > 0) + (group_id > 1), 'default', 'main_website_store', 'for_dealers')")):
                expect_equal(shop.rows("SELECT * FROM %s ORDER BY 1" % new), shop.source.query("SELECT *%s FROM %s ORDER BY 1" % (extra, old), "old"), new)

            before = shop.all()
            said = shop.migrate("settings")
            expect_contains(said, "new=0 changed=0", "a second run")
            expect_equal(shop.all(), before, "after a second run")

            # with both keys, the source's from config.xml
            with open(shop.config, encoding="utf-8") as text:
                config = text.read()
            shop.config = shop.write("config.xml", config.replace("<log_file>", "<crypt_key>%s</crypt_key><log_file>" % KEYS[0]))
            key = "--set=destination.crypt_key=" + KEYS[1]
            said = shop.migrate("settings", key, "-vv")
            shop.values({**plain, **AGAIN}, "encrypted again")
            before = shop.all()
            said += shop.migrate("settings", key)
            expect_equal(shop.all(), before, "encrypted twice")
            for secret in (KEYS[1], *ENCRYPTED.values(), *AGAIN.values(), "secret-key-1"):
                expect(secret not in said, "a secret was told: " + secret)
            shop.source.run("UPDATE m1_core_config_data SET value = 'not encrypted' WHERE path IN ('payment/kept/password')", database="old")
            expect_contains(shop.migrate("settings", key), "could not be decrypted with source.crypt_key and were left out: is it the source's key? settings=1 paths=payment/kept/password",
                            "a value that is no such")
            expect_equal(shop.value("payment/kept/password"), AGAIN["payment/kept/password"], "it stays")
            expect_contains(shop.migrate("settings", key, "--set=source.crypt_key=" + "0badc0de" * 4, code=2), "is not the key of this shop", "another shop's key")

            # two become one
            shop.source.run("INSERT INTO m1_core_config_data (path, value) VALUES ('new/name/is', 'the later')", database="old")
            expect_contains(shop.migrate("settings", key), "Two settings of the source become new/name/is: that of old/name/of is left out, that of new/name/is is taken", "two of one name")
            expect_equal(shop.value("new/name/is"), "the later", "two of one name")

            # codes change places, and stores are gone at the source
            shop.source.run("UPDATE m1_core_website SET code = 'x' WHERE website_id = 3", "UPDATE m1_core_website SET code = 'b2b' WHERE website_id = 1",
                            "UPDATE m1_core_website SET code = 'base' WHERE website_id = 3",
                            "DELETE FROM m1_core_store WHERE store_id = 6", database="old")
            shop.destination.run("INSERT INTO cms_page_store VALUES (2, 6)", "INSERT INTO store_website VALUES (8, 'mine', 'Mine', 0, 0, 0)", database="new")
            before = shop.all()
            said = shop.migrate("settings", key, code=1)
            for part in ("[ERROR]: Destination document has rows that the source has not: store_website Keys: 8: --reset deletes them, --auto leaves them", ": store Keys: 6:", "Integrity Check failed"):
                expect_contains(said, part, "rows of the destination alone")
            expect_equal(shop.all(), before, "after a refusal")
            expect_contains(shop.migrate("settings", key, "--auto"), "[WARNING]: Destination document has rows that the source has not: store_website Keys: 8", "auto")
            expect_equal(shop.rows("SELECT website_id, code FROM store_website ORDER BY 1"), ((0, "admin"), (1, "b2b"), (3, "base"), (8, "mine")), "codes that change places")
            shop.source.run("INSERT INTO m1_core_store VALUES (5, 'dealers', 3, 4, 'Retailers', 1, 1)", database="old")  # the code of one that goes
            expect_contains(shop.migrate("settings", key, "--reset", code=2), "add --yes", "a question")
            shop.migrate("settings", key, "--reset", "--yes")
            expect_equal(shop.rows("SELECT store_id FROM store ORDER BY 1"), ((0,), (1,), (5,)), "stores")
            expect_equal(shop.rows("SELECT website_id FROM store_website ORDER BY 1"), ((0,), (1,), (3,)), "websites")
            expect_equal(shop.rows("SELECT * FROM cms_page_store ORDER BY 1, 2"), ((1, 0), (1, 1)), "what hangs on a store goes with it")

            # what does not fit
            shop.write("settings.xml", RULES.replace("UrlSuffix", "UrlSufix"))
            expect_contains(shop.migrate("settings", code=2), "settings.xml:8: ", "a handler that there is not")
            shop.write("settings.xml", RULES)
            shop.program.configure({"where": {"m1_core_config_data": "scope = 'default'"}})
            expect_contains(shop.migrate("settings", code=2), "where does not go with migrate settings", "a condition")
            shop.program.settings.pop("where")
            shop.program.configure({})
            shop.source.run("ALTER TABLE m1_core_website ADD master_login VARCHAR(40)", database="old")
            shop.destination.run("ALTER TABLE core_config_data DROP COLUMN value", database="new")
            said = shop.migrate("settings", code=1)
            for part in ("[ERROR]: Destination fields are missing. Document: core_config_data. Fields: value", "[ERROR]: Source fields are not mapped. Document: core_website. Fields: master_login"):
                expect_contains(said, part, "structures")
            shop.destination.run("DROP TABLE core_config_data", "DROP TABLE cms_page_store, store", database="new")
            said = shop.migrate("settings", code=1)
            for part in ('Integrity check failed due to "core_config_data" document does not exist in the destination resource', "[ERROR]: Destination documents are missing: store"):
                expect_contains(said, part, "tables")
