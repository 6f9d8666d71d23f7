"""Without any server: wrong command lines and configurations, help, examples."""

import os
import re

from base import call, expect_call, json_lines, suite, write
from lib.suite import expect, expect_contains, expect_equal
from lib.workspace import Workspace

SIDES = "source: {database: shop, port: 1}\ndestination: {port: 2}\n"


@suite.case("wrong-command-lines", "a wrong command line is exit 2 and says what is wrong",
            program_only=True)
def _():
    for arguments, part in (
            ((), "a command is missing"),
            (("migrate", "data", "config.xml"), "cannot read config.xml: No such file"), (("sync", "order"), "usage: datasync sync ENTITY|all SOURCE"),
            (("migrate",), "usage: datasync migrate settings|data|delta CONFIG.xml"),
            (("verify",), "unknown command 'verify'"),
            (("run", "--nonsense"), "unknown option '--nonsense'"),
            (("run", "--limit", "5"), "unknown option '--limit'"),
            (("run", "now"), "one argument too many"),
            (("run", "-c"), "--config needs a value"),
            (("incremental", "--limit", "many"), "not a whole number"),
            (("skip",), "usage: datasync skip POSITION"),
            (("quarantine", "eat"), "none of list, show"),
            (("quarantine", "show"), "needs the change's number"),
            (("quarantine", "show", "x"), "not the number of a change"),
            (("replay", "/no/such/file"), "/no/such/file: No such file"),
            (("replay", "--file", "/no/such/file"), "/no/such/file: No such file"),
            (("replay", "-f", "/dev/null", "--file=/dev"), "/dev is a folder"),
            (("dump", "--file", "/no/such/file"), "/no/such/file"),
            (("dump", "--file", "/dev"), "/dev is a folder"),
            (("config", "--config", "/dev"), "/dev is a folder"),
            (("status", "--log-format", "xml"), "text | json"),
            (("entities", "unicorn"), "no entity 'unicorn'"),
            (("entities", "--json", "--graph"), "--json, --graph and --plain"),
            (("entities", "--plain", "--json", "order"), "--json, --graph and --plain"),
            (("help", "verify"), "unknown command 'verify'")):
        out = expect_call(2, part, *arguments)
        expect_equal(out, "", "stdout of " + " ".join(arguments))


@suite.case("configuration-errors", "errors name file, line and key", program_only=True)
def _():
    with Workspace() as work:
        path = work.path("datasync.yaml")
        for text, part in (
                ("nmae: x\n", "datasync.yaml:1: unknown key 'nmae'"),
                ("source:\n  database: s\n  port: 3307x\n", "datasync.yaml:3: source.port: '3307x'"),
                ("name: a\nname: b\n", "datasync.yaml:2: key 'name' was given before"),
                ("source: {database: s\n", "not valid YAML"),
                (SIDES + "start: ${NO_SUCH_VARIABLE}\n", "NO_SUCH_VARIABLE"),
                (SIDES + "mode: import\non_conflict: quarantine\n", "does not go with mode: import in this version"),
                (SIDES + "entities: [gadget]\n", "datasync.yaml:3: entities: there is no entity 'gadget'"),
                (SIDES + "entities: []\n", "datasync.yaml:3: entities: is empty"),
                (SIDES + "entities_dir: /no/such\n", "datasync.yaml:3: entities_dir: /no/such: No such file"),
                (SIDES + "entities_dir: /dev/null\n", "datasync.yaml:3: entities_dir: /dev/null: Not a dir"),
                (SIDES + "tables: {include: []}\n", "datasync.yaml:3: tables.include: is empty"),
                (SIDES + "hooks: {entities: []}\n", "datasync.yaml:3: hooks.entities: is empty"),
                (SIDES + "hooks: {entities: [gadget]}\n", "datasync.yaml:3: hooks.entities: there is no entity 'gadget'"),
                (SIDES + "hooks: {url: 'http://'}\n", "datasync.yaml:3: hooks.url: names no host"),
                (SIDES + "hooks: {url: 'https://:8080/x'}\n", "datasync.yaml:3: hooks.url: names no host"),
                (SIDES + "source_system: %s\n" % ("x" * 65), "datasync.yaml:3: source_system: has 65 characters"),
                (SIDES + "stock: some\n", "datasync.yaml:3: stock"),
                (SIDES + "tables:\n  exclude: ['@logs']\n", "datasync.yaml:4: tables.exclude: there is no group '@logs'"),
                (SIDES + "start: yesterday\n", "datasync.yaml:3: start"),
                ("source: {database: s}\n", "same database of the same server"),
                ("name: a\n", "source.database is not set")):
            write(path, text)
            for command in ("run", "config"):
                expect_call(2, part, command, "-c", path)
        expect_call(2, "none.yaml: No such file", "run", "-c", work.path("none.yaml"))
        write(path, SIDES)
        expect_call(2, "--entity: entities: there is no entity 'gadget'", "incremental", "-c", path, "--entity", "gadget")
        expect_call(2, "--entity: entities: there is no entity 'gadget'", "config", "-c", path, "--entity", "gadget", "-e", "order")
        expect_contains(expect_call(0, None, "config", "-c", path, "-e", "order", "-e", "invoice,stock"),
                        "entities: [order, invoice, stock]", "configuration")
        expect_call(2, "--stock: stock: 'bogus'", "config", "-c", path, "--stock=bogus")
        expect_call(2, "--set: unknown key 'prot'", "config", "-c", path, "--set", "prot=1")
        expect_call(2, "--stop-at: 'soon'", "run", "-c", path, "--stop-at", "soon")
        for options in ((), ("--file", path)):
            expect_call(2, "there is no entity 'gadget'", "dump", "-c", path, "--entity", "gadget", *options)
        write(work.path(".env.local"), "A=s3cret\n", 0o644)
        expect_call(2, ".env.local holds passwords", "config", "-c", path)
        os.makedirs(work.path("mine"))
        write(work.path("mine", "gift.yaml"), "name: gift\ncolour: red\n")
        os.unlink(work.path(".env.local"))
        expect_call(2, "gift.yaml:2: unknown key 'colour'", "entities", "-c", path, "--set",
                    "entities_dir=" + work.path("mine"))


@suite.case("configuration-is-found", "./datasync.yaml, .env.local beside it, passwords hidden",
            program_only=True)
def _():
    with Workspace() as work:
        if not os.path.exists("/etc/datasync/datasync.yaml"):
            expect_call(2, "no configuration found", "config", folder=work.home)
        write(work.path("datasync.yaml"), SIDES + "name: here\n")
        write(work.path(".env.local"), "DATASYNC_LIVE_PASS='s3cret'\n")
        out = expect_call(0, None, "config", folder=work.home)
        expect_contains(out, "name: here", "configuration")
        expect_contains(out, 'password: "********"', "configuration")
        expect("s3cret" not in out, "the password is shown")
        code, out, err = call("config", "--db-pass", "s3cret", folder=work.home)
        expect_equal(code, 0, "exit")
        expect_contains(err, "a password on the command line", "warning")
        expect("s3cret" not in out + err, "the password is shown")


@suite.case("example-and-help", "the example works, help and man pages name every command",
            program_only=True)
def _():
    with Workspace() as work:
        example = expect_call(0, None, "config", "--example")
        write(work.path("datasync.yaml"), example)
        secrets = {"DATASYNC_LIVE_PASS": "a", "DATASYNC_DEST_PASS": "b"}
        expect_call(2, "DATASYNC_LIVE_PASS", "config", folder=work.home)
        out = expect_call(0, None, "config", folder=work.home, env=secrets)
        expect_contains(out, "port: 3307", "configuration")
    text = expect_call(0, None, "--help")
    expect_equal(expect_call(0, None, "help"), text, "datasync help")
    commands = re.findall(r"^  ([a-z]+) +[A-Z]", text.split("options of every")[0], re.M)
    expect("run" in commands and len(commands) > 10, "commands: %s" % commands)
    expect("verify" not in commands, "verify is listed, but does not work")
    manuals = os.path.join(os.environ["BUILD"], "deploy") if os.environ.get("BUILD") else None
    for command in commands:
        page = expect_call(0, None, command, "--help")
        expect_contains(page, "usage: datasync " + command, "help")
        expect_contains(page, "--config", "help")
        expect_contains(expect_call(0, None, "help", "--man", command), ".SH OPTIONS", "man page")
        if manuals:
            expect(os.path.exists(os.path.join(manuals, "datasync-%s.1" % command)),
                   "no man page is built for " + command)
    expect_contains(expect_call(0, None, "config", "--man"), "batch.max_age",
                    "datasync.yaml(5)")
    expect_contains(expect_call(0, None, "--version"), "datasync ", "version")


README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "README.md")


@suite.case("readme-examples", "configurations and entities in README.md are right as they stand there",
            program_only=True)
def _():
    with open(README, encoding="utf-8") as file:
        text = file.read()
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    maps = re.findall(r"^```xml\n(.*?)^```", text, re.M | re.S)
    seen = set()
    with Workspace() as work:
        os.makedirs(work.path("mine"))
        path = work.path("datasync.yaml")
        write(work.path("map.xml"), maps[0])
        write(work.path("more.xml"), "<map><source/><destination/></map>\n")
        for block in blocks:
            entity = re.search(r"^name: (gift_card)$", block, re.M)
            if entity:
                write(work.path("mine", "gift.yaml"), block)
                block = "entities_dir: mine\n"
            write(path, block if block.startswith("source:") else SIDES + block)
            expect_call(0, None, "config", folder=work.home, env={
                name: "0123456789abcdef" for name in re.findall(r"\$\{(\w+)\}", block)})
            seen |= set(re.findall(r"^(\w+):", block, re.M))
            if entity:
                expect_contains(expect_call(0, None, "entities", "gift_card", folder=work.home),
                                "gift_card_history", "entity")
    for key in ("source", "entities", "where", "mask", "hooks", "entities_dir", "handlers", "map"):
        expect(key in seen, "no example has %s: %s" % (key, seen))


@suite.case("entities", "the catalogue, whole and one by one", program_only=True)
def _():
    with Workspace() as work:
        rows = json_lines(expect_call(0, None, "entities", "--json", folder=work.home))
        names = [row["name"] for row in rows]
        expect(names.index("order") < names.index("invoice"), "order comes after invoice")
        expect_contains(expect_call(0, None, "entities", "productattribute", folder=work.home),
                        "eav_attribute_option", "entity")
        write(work.path("datasync.yaml"), SIDES + "entities_dir: " + work.path("mine") + "\n")
        os.makedirs(work.path("mine"))
        write(work.path("mine", "gift.yaml"),
              "name: gift\ntables: [{table: gift, role: root, link: id}]\n")
        expect_contains(expect_call(0, None, "entities", "--plain", folder=work.home), "gift",
                        "entities")
        expect_call(2, "there is no entity 'nope'", "entities", "--entity=nope", folder=work.home)
        for text, part in (("colour: red\n", "datasync.yaml:3: unknown key 'colour'"),
                           ("start: ${NO_SUCH_VARIABLE}\n", "NO_SUCH_VARIABLE")):
            write(work.path("datasync.yaml"), SIDES + text)
            for command in (("entities",), ("dump", "--file", "/dev/null")):
                expect_equal(expect_call(2, part, *command, folder=work.home), "", "stdout")


@suite.case("log-lines-as-json", "--log-format json: one object per line", program_only=True)
def _():
    code, _out, err = call("run", "--log-format", "json", "-c", "/no/such.yaml")
    expect_equal(code, 2, "exit")
    line, = json_lines(err)
    expect_equal(line["level"], "error", "level")
    expect_contains(line["message"], "/no/such.yaml", "message")
    # whatever stands before the option, and passwords
    _code, _out, err = call("run", "--db-pass", "s3cret", "-c", "/no/such.yaml", "--log-format=json")
    warning, _error = json_lines(err)
    expect_equal((warning["level"], warning["option"]), ("warn", "--db-pass"), "warning")


@suite.case("state-folder", "a state folder that cannot be made is exit 2", program_only=True)
def _():
    with Workspace() as work:
        write(work.path("file"), "")
        write(work.path("datasync.yaml"), SIDES)
        expect_call(2, "cannot create state_dir", "run", "--set",
                    "state_dir=" + work.path("file", "x"), folder=work.home)


@suite.case("sync-usage", "what sync cannot mean is refused, before anything is asked of a server", program_only=True)
def _():
    with Workspace() as work:
        path = write(work.path("datasync.yaml"), SIDES + "state_dir: %s\nstock: exclude\n" % work.path("state"))
        csv = write(work.path("x.csv"), "sku\n")
        for arguments, part in (
                (("order", "x", "--date-from", "2024-99-99"), "--date-from: '2024-99-99' is no date"),
                (("order", "x", "--date-to", "2026-02-31"), "--date-to: '2026-02-31' is no date"),
                (("order", "x", "--date-to", "2025-02-29"), "--date-to: '2025-02-29' is no date"),
                (("order", "x", "--date-to", "2026-1-1"), "--date-to: '2026-1-1' is no date"),
                (("order", "x", "--date-to", "2026-01-01 "), "is no date"),
                (("order", "x", "--date-from", ""), "--date-from: '' is no date"),
                (("order", "x", "--date-from", "2026-01-02", "--date-to", "2026-01-01"), "later than --date-to"),
                (("order", "x", "--entity-ids", ""), "--entity-ids: the list is empty"),
                (("order", "x", "--entity-ids", " , ,"), "--entity-ids: the list is empty"),
                (("order", "x", "--increment-ids="), "--increment-ids: the list is empty"),
                (("all", "x", "--entity-ids", "1"), "ids of one kind of entity"),
                (("order", ""), "SOURCE is empty"),
                (("order", "x" * 65), "SOURCE: source_system: has 65 characters, and the registry's column holds 64"),
                (("order", "ä" * 65), "has 65 characters"),
                (("gadget", "x"), "ENTITY: entities: there is no entity 'gadget'"),
                (("product", "x", "--entity", "customer"), "--entity does not go with sync: ENTITY, the first argument"),
                (("product", "x", "--set", "entities=customer"), "--set entities does not go with sync"),
                (("product", "x", "--set", "source_system=y"), "--set source_system does not go with sync"),
                (("product", "x", "--set", "mode=mirror"), "--set mode does not go with sync"),
                (("customer", "x", "--stock", "only"), "--stock is for products and stock: it means nothing to 'customer'"),
                (("stock", "x", "--stock", "exclude"), "leaves nothing"),
                (("customer", "x", "--options-mode", "merge"), "--options-mode is for products"),
                (("order", "x", "--image-base-path", "/x", "--set", "images.media_dir=/x"), "--image-base-path is for products and categories"),
                (("order", "x", "--image-base-url", "http://x", "--set", "images.media_dir=/x"), "--image-base-url is for products and categories"),
                (("order", "x", "--force-image-import", "--set", "images.media_dir=/x"), "--force-image-import is for products and categories"),
                (("customer", "x", "--file", csv, "--auto-link-configurables"), "--auto-link-configurables is for products"),
                (("order", "x", "--url", "https://x"), "--url is for the adapters woocommerce, shopify and magento2, which follow in a later version"),
                (("order", "x", "-u", "https://x"), "--url is for the adapters"),
                (("order", "x", "-k", "K3Y"), "--api-key is for the adapters"),
                (("order", "x", "--file", csv, "--api-secret", "K3Y"), "--api-secret is for the adapters"),
                (("order", "x", "-a", "shopify", "--url", "https://x", "--api-key", "K3Y", "--api-secret", "K3Y"),
                 "shopify does not work in this version: woocommerce, shopify and magento2 follow in a later one"),
                (("order", "x", "--file", csv, "--db-host", "there"), "--db-host names a source database, for the adapter openmage"),
                (("order", "x", "-a", "csv", "-f", csv, "--db-tls-ca=/x"), "--db-tls-ca names a source database"),
                (("order", "x", "--adapter", "xml"), "'xml' is not one of: csv, openmage"),
                (("order", "x", "--db-tls", "maybe"), "--db-tls: source.tls.mode: 'maybe'"),
                (("order", "x", "--db-tls", "verify_ca"), "source.tls.ca: tls.mode verify_ca needs a file"),
                (("order", "x", "--db-port", "3307x"), "--db-port: source.port: '3307x'")):
            code, out, err = call("sync", *arguments, "-c", path)
            expect_equal((code, out), (2, ""), "sync %s: %s" % (" ".join(arguments), err))
            expect_contains(err, part, "sync " + " ".join(arguments))
            expect("K3Y" not in err, "a secret is shown: " + err)
        # what is right goes on, to servers that are not there
        for arguments in (("order", "x" * 64, "--date-from", "2024-02-29", "--entity-ids", "1,,2"), ("stock", "ä" * 64), ("all", "x", "--stock", "only"),
                          ("products", "x", "--stock", "exclude", "--options-mode", "append")):
            expect_call(5, "cannot connect", "sync", *arguments, "-c", path, "--set", "connect_timeout=1s")
        code, out, _err = call("config", "-c", path, "--db-port", "3308", "--db-host", "there", "--db-tls", "required", "--db-tls-ca", "/x")
        for part in ("port: 3308", "host: there", "mode: required", "ca: /x"):
            expect_contains(out, part, "configuration")
        write(path, SIDES.replace("source: {", "source: {socket: /run/file.sock, "))
        for options, there in (((), True), (("--db-host", "there"), False), (("--db-port", "1"), False), (("--db-user", "me"), True),
                               (("--db-host", "there", "--db-socket", "/run/mine.sock"), False)):
            out = expect_call(0, None, "config", "-c", path, *options)
            expect_equal(("/run/file.sock" in out, "/run/mine.sock" in out), (there, len(options) == 4), "the socket with %s" % (options,))
