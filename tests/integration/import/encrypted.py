"""Values that a shop encrypts under its key: what an import makes of them."""

from lib.suite import expect, expect_contains, expect_equal
from lib.twoshops import TwoShops

KEYS = "2ec7dda5e24c7a672aabfa26090d903d", "fded0613f2fcdb70d190dd2db6486df4"
WRONG = "0badc0de0badc0de0badc0de0badc0de"
# text: under the one key, under the other
VALUES = {"4111111111111111": ("SkvJa/BmV9HN++kXnTbRvQ==", "zeh6187eXBMCALlE0bKXcg=="),
          "secret-key-1": ("Zn0TPoBehxtAlaTVsyiIPg==", "paa2nWNHUeY5cCrOGjtXmw=="),
          "merchant-login": ("RF6PUjsNK2IV8U80WFs1UQ==", "rQfc6ZtdBqDo/Dxo1DoYLQ==")}
CARD, SECRET, LOGIN = VALUES
MAHO = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
BOXES = {SECRET: "3u+pFvoPdLEz2tvQOhnvwWpqrGRWd20zUD2WCGkOzaWMCCErgBKcU36g2Rq0u9Unt88MXQ==",
         LOGIN: "jgysQMB7r8tC0ZXpigCz8m76k/P7y6PHL6Mll4PsZ3qOELysJMZ1owemOL2QCH3dmJZJAyQ6"}
PAYMENT = ("SELECT cc_number_enc FROM sales_flat_order_payment JOIN sales_flat_order o ON o.entity_id = parent_id WHERE increment_id IN (%s) "
           "ORDER BY increment_id")
SETTINGS = "SELECT path, value FROM core_config_data WHERE path IN ('payment/authorizenet/login', 'payment/authorizenet/title') ORDER BY path"


class Case:
    def __init__(self, shops):
        self.shops = shops
        self.orders = shops.source.query("SELECT entity_id, increment_id FROM openmage.sales_flat_order ORDER BY entity_id LIMIT 3")
        self.numbers = ",".join("'%s'" % number for _id, number in self.orders)
        for (number, _name), value in zip(self.orders, (VALUES[CARD][0], "not encrypted at all", VALUES[SECRET][0])):
            self.source("UPDATE sales_flat_order_payment SET cc_number_enc = '%s' WHERE parent_id = %d" % (value, number))
        for path, value in (("login", VALUES[LOGIN][0]), ("title", VALUES[SECRET][0])):
            self.source("REPLACE INTO core_config_data (scope, scope_id, path, value) VALUES ('default', 0, 'payment/authorizenet/%s', '%s')"
                        % (path, value))
        shops.destination.run("REPLACE INTO core_config_data (scope, scope_id, path, value) VALUES ('default', 0, 'payment/authorizenet/login',"
                              " 'its own')", database="openmage")

    def source(self, sql):
        self.shops.source.run(sql, database="openmage")

    def keys(self, *keys):
        self.shops.lab.program.configure({side: {"crypt_key": key} for side, key in zip(("source", "destination"), keys)})

    def sync(self, *options, policy="update"):
        """What it said; nothing secret is among it."""
        said = ""
        for what in (("order", "--entity-ids", ",".join(str(number) for number, _name in self.orders)), ("config",)):
            code, out, err = self.shops.lab.program.command("sync", what[0], "legacy", "-vv", "-d", policy, *what[1:], *options, timeout=240)
            expect_equal(code, 0, "sync %s: %s" % (what, err[-1500:]))
            said += out + err
        self.no_secret(said)
        return said

    def no_secret(self, said):
        for secret in (*KEYS, WRONG, MAHO, MAHO[::-1], *VALUES, *BOXES.values(), *(value for pair in VALUES.values() for value in pair)):
            expect(secret not in said, "a secret was told: %s" % secret)

    def refused(self, side, *keys):
        """It is said which key is wrong, and nothing is written."""
        wanted = "%s.crypt_key: is not the key of this shop: none of " % side
        self.keys(*keys)
        code, out, err = self.shops.lab.program.command("sync", "config", "legacy", "-vv", "-d", "update")
        expect_equal(code, 2, "a wrong key: " + err[-1500:])
        expect_contains(err, wanted, "a wrong key")
        self.no_secret(out + err)
        code, out, err = self.shops.lab.program.command("check")
        expect_equal(code, 1, "check, with a wrong key: " + out + err)
        expect_contains(out, "crypt_key: " + wanted, "check")
        self.no_secret(out + err)

    def expect(self, payments, login, told):
        ask = lambda sql: self.shops.destination.query(sql, "openmage")
        expect_equal([row[0] for row in ask(PAYMENT % self.numbers)], payments, told + ": payments")
        expect_equal(ask(SETTINGS), (("payment/authorizenet/login", login), ("payment/authorizenet/title", VALUES[SECRET][0])),
                     told + ": settings; what is not encrypted stays as it is")


def define(suite):
    @suite.case("encrypted-values", "encrypted again under the destination's key; empty and told without both keys, or where they are unreadable")
    def _():
        with TwoShops(settings={}) as shops:
            case = Case(shops)
            missing = "left out: set source.crypt_key and destination.crypt_key table=%s values=%d"
            said = case.sync("--dry-run")
            expect_contains(said, missing % ("sales_flat_order_payment", 3), "a dry run")
            said = case.sync(policy="merge")
            expect_contains(said, missing % ("sales_flat_order_payment", 3), "no keys, payments")
            expect_contains(said, missing % ("core_config_data", 1), "no keys, settings")
            case.expect([None] * 3, "its own", "no keys, merged")
            case.keys(KEYS[0])
            said = case.sync()
            expect_contains(said, "left out: set destination.crypt_key table=core_config_data values=1", "one key")
            case.expect([None] * 3, None, "no keys")
            case.keys(KEYS[0], KEYS[0])
            said = case.sync()
            expect("left out" not in said, "one key for both: " + said[-1500:])
            kept = [VALUES[CARD][0], "not encrypted at all", VALUES[SECRET][0]], VALUES[LOGIN][0]
            case.expect(*kept, "one key for both")
            shops.lab.program.configure({"mode": "import", "source_system": "legacy", "on_duplicate": "update", "start": "current",
                                         "entities": ["order"]})
            case.refused("source", WRONG, KEYS[1])
            case.expect(*kept, "a wrong key")
            case.keys(*KEYS)
            for _ in range(2):
                said = case.sync()
                expect_contains(said, "could not be decrypted with source.crypt_key", "a value that is not encrypted")
                expect_contains(said, "table=sales_flat_order_payment values=1", "a value that is not encrypted")
                expect("table=core_config_data" not in said, "settings are complained of: " + said[-1500:])
                case.expect([VALUES[CARD][1], None, VALUES[SECRET][1]], VALUES[LOGIN][1], "both keys")
            code, out, err = shops.lab.program.command("config")
            expect_equal(code, 0, err)
            expect(KEYS[0] not in out and "crypt_key: \"********\"" in out, "datasync config: " + out)
            shops.lab.program.incremental()
            case.source("UPDATE sales_flat_order_payment SET cc_number_enc = '%s' WHERE parent_id = %d" % (
                VALUES[SECRET][0], case.orders[0][0]))
            shops.lab.program.incremental()
            case.expect([VALUES[SECRET][1], None, VALUES[SECRET][1]], VALUES[LOGIN][1], "a stream")
            case.refused("destination", KEYS[0], WRONG)
            case.keys(KEYS[0], MAHO)
            case.sync()
            case.expect([BOXES[SECRET], None, BOXES[SECRET]], BOXES[LOGIN], "a shop of the other kind")
            case.refused("destination", KEYS[0], MAHO[::-1])
            case.keys("g" * 64, KEYS[0])
            code, _out, err = shops.lab.program.command("sync", "config", "legacy")
            expect_equal(code, 2, "a key that is none")
            expect_contains(err, "source.crypt_key: is no shop's key", "a key that is none")
            expect("gggg" not in err, "the key was told: " + err)
