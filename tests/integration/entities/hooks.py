"""Delivery: hooks are told of what was committed, at least once, in order, and nothing waits for them."""

import hashlib
import hmac
import http.server
import json
import os
import shutil
import ssl
import subprocess
import threading
import time

from lib.lab import Lab
from lib.suite import Failure, Skip, expect, expect_contains, expect_equal
from operation import only
from quarantine import retry

FULL = ("--binlog-row-metadata=FULL",)
SHOP = """
CREATE TABLE catalog_product_entity (entity_id INT UNSIGNED PRIMARY KEY, sku VARCHAR(64), UNIQUE KEY (sku));
CREATE TABLE catalog_product_option (option_id INT UNSIGNED PRIMARY KEY, product_id INT UNSIGNED, sort_order INT);
CREATE TABLE catalog_product_index_price (entity_id INT UNSIGNED PRIMARY KEY, price INT);
CREATE TABLE core_url_rewrite (url_rewrite_id INT UNSIGNED PRIMARY KEY, request_path VARCHAR(255));
CREATE TABLE cms_block (block_id SMALLINT PRIMARY KEY, title VARCHAR(255));
CREATE TABLE own (id INT PRIMARY KEY, v INT);
INSERT INTO catalog_product_entity VALUES (1, 'one'), (2, 'two'), (3, 'three');
INSERT INTO cms_block VALUES (1, 'block');
"""
SECRET = "not-to-be-seen"


class Receiver:
    """A web address. answers: what it says, in turn, then 200: a status, or an event to wait for before it answers."""

    def __init__(self, answers=(), certificate=None):
        self.answers = list(answers)
        self.got = []       # (headers, body, what was answered)
        self.changed = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    answer = receiver.answers.pop(0) if receiver.answers else 200
                    receiver.got.append((self.headers, raw, answer))
                    receiver.changed.notify_all()
                if isinstance(answer, threading.Event):
                    answer.wait(60)
                    answer = 200
                try:
                    self.send_response(answer)
                    if 300 <= answer < 400:
                        self.send_header("Location", "/elsewhere")
                    self.end_headers()
                    self.wfile.write(b"because\n")
                except OSError:
                    pass  # it did not wait

            def log_message(self, *_arguments):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = ("https" if certificate else "http") + "://127.0.0.1:%d/hook" % self.server.server_port

    def wait(self, count, timeout=60):
        """The first `count` requests."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.got) >= count, timeout):
                raise Failure("%d requests, expected %d: %s" % (len(self.got), count, self.got))
            return list(self.got)

    def bodies(self):
        """What was taken, without what was refused."""
        with self.changed:
            return [json.loads(raw) for _headers, raw, answer in self.got if not isinstance(answer, int) or answer == 200]

    def keys(self):
        with self.changed:
            return [headers["Idempotency-Key"] for headers, _raw, _answer in self.got]


def hooked(receiver, hooks=None, **settings):
    return Lab(source_options=FULL, settings={
        "hooks": {"url": receiver.url, "max_pause": "1s", **(hooks or {})}, **settings})


def kinds(bodies):
    return [body["kind"] for body in bodies]


def waiting(lab):
    return [(row[0], int(row[1])) for row in lab.destination.query(
        "SELECT hook, attempts FROM datasync.datasync_outbox ORDER BY id")]


def script(lab, name, text):
    path = lab.work.path(name)
    with open(path, "w", encoding="utf-8") as out:
        out.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o700)
    return path


@only("hooks-what-is-told", "a copy, changes by entity and operation, statements; signed; not what rolled back or is derived")
def _():
    receiver = Receiver()
    with hooked(receiver, {"secret": SECRET}) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        expect_equal([(b["kind"], b.get("everything")) for b in receiver.bodies()], [("snapshot", True)], "the copy")
        lab.source.script("""
INSERT INTO catalog_product_entity VALUES (4, 'four'), (5, 'five');
UPDATE catalog_product_entity SET sku = 'uno' WHERE entity_id = 1;
UPDATE catalog_product_entity SET sku = 'vier' WHERE entity_id = 4;
DELETE FROM catalog_product_entity WHERE entity_id = 2;
INSERT INTO catalog_product_option VALUES (1, 3, 0), (2, 1, 0), (3, NULL, 0);
INSERT INTO catalog_product_entity VALUES (6, 'six');
DELETE FROM catalog_product_entity WHERE entity_id = 6;
INSERT INTO catalog_product_index_price VALUES (1, 1);
INSERT INTO core_url_rewrite VALUES (1, 'path');
UPDATE catalog_product_entity SET entity_id = 50 WHERE entity_id = 5;
UPDATE cms_block SET title = 'new';
INSERT INTO own VALUES (1, 1), (2, 2);
BEGIN;
INSERT INTO catalog_product_entity VALUES (7, 'seven');
ROLLBACK;
BEGIN;
INSERT INTO own VALUES (3, 3);
SAVEPOINT s;
INSERT INTO catalog_product_entity VALUES (8, 'eight');
ROLLBACK TO SAVEPOINT s;
COMMIT;
""")
        gtid = lab.source.gtid()
        lab.program.incremental()
        bodies = receiver.bodies()[1:]
        expect_equal(kinds(bodies), ["changes"], "messages")
        expect_equal(bodies[0]["entities"], {
            "cms_block": {"updated": [1]},
            "product": {"inserted": [4, 50], "updated": [1], "deleted": [5, 2, 6], "changed": [3]}}, "entities")
        expect_equal(bodies[0]["tables"], [
            {"table": "own", "entity": None, "changes": 3},
            {"table": "catalog_product_option", "entity": "product", "changes": 1}], "tables")
        expect_equal((bodies[0]["stream"], bodies[0]["gtid"], bodies[0]["part"]), ("default", gtid, 1), "where")
        lab.source.run("ALTER TABLE cms_block ADD c INT", "TRUNCATE TABLE own", "CREATE TABLE catalog_product_flat_1 (a INT)",
                       "DROP TABLE own, catalog_product_flat_1")
        lab.program.incremental()
        bodies = receiver.bodies()[2:]
        expect_equal([(b["kind"], b["tables"]) for b in bodies], [
            ("ddl", [{"table": "cms_block", "entity": "cms_block"}]), ("truncate", [{"table": "own", "entity": None}]),
            ("ddl", [{"table": "own", "entity": None}])], "statements")
        for headers, raw, _answer in receiver.got:
            signed = headers["X-Datasync-Timestamp"].encode() + b"." + raw
            expect_equal(headers["X-Datasync-Signature"],
                         "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest(), "signature")
            expect(abs(int(headers["X-Datasync-Timestamp"]) - time.time()) < 120, "the timestamp is now")
            expect_equal(headers["Content-Type"], "application/json", "type")
        expect_equal(len(set(receiver.keys())), len(receiver.got), "keys differ")
        expect_equal(waiting(lab), [], "what waits")
        code, out, _err = lab.program.command("config")
        expect(code == 0 and SECRET not in out, "datasync config hides the secret")
        expect(SECRET not in lab.program.incremental("-vv"), "so does the log")


@only("hooks-entities", "only the entities that are asked for are told of")
def _():
    receiver = Receiver()
    with hooked(receiver, {"entities": ["cms_block", "url_rewrite"]}) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.source.run("UPDATE catalog_product_entity SET sku = 'x' WHERE entity_id = 1", "INSERT INTO own VALUES (1, 1)",
                       "UPDATE cms_block SET title = 'x'", "INSERT INTO core_url_rewrite VALUES (1, 'path')",
                       "ALTER TABLE own ADD c INT")
        lab.program.incremental()
        expect_equal([b.get("entities") for b in receiver.bodies()],
                     [None, {"cms_block": {"updated": [1]}, "url_rewrite": {"inserted": [1]}}], "entities")


@only("hooks-command", "the message on standard input; an environment and descriptors of its own")
def _():
    with Lab(source_options=FULL) as lab:
        out = lab.work.path("told")
        os.makedirs(out)
        path = script(lab, "hook", """
cat >"$1/$DATASYNC_HOOK_KEY.json"
env >"$1/env"
ls -l /proc/self/fd | sed 's/.*[0-9]\\{2\\}:[0-9]\\{2\\} //' >"$1/fds"
echo "$2" >"$1/argument"
ps -o pgid= -p $$ | tr -d ' ' >"$1/group"
echo $$ >>"$1/group"
""")
        lab.program.configure({"hooks": {"command": [path, out, "two words; $(no shell)"]}})
        lab.source.script(SHOP)
        lab.program.incremental(env={"DATASYNC_DEST_PASS": "for-nobody"})
        names = [name for name in os.listdir(out) if name.endswith(".json")]
        expect_equal(len(names), 1, "messages")
        with open(os.path.join(out, names[0]), encoding="utf-8") as text:
            expect_equal(json.load(text)["kind"], "snapshot", "kind")

        def read(name):
            with open(os.path.join(out, name), encoding="utf-8") as text:
                return text.read()
        expect_equal(read("argument"), "two words; $(no shell)\n", "argument")
        expect_contains(read("env"), "DATASYNC_STREAM=default\n", "environment")
        expect_contains(read("env"), "DATASYNC_HOOK_ATTEMPT=1\n", "environment")
        expect("for-nobody" not in read("env"), "no passwords in the environment")
        # 0, 1, 2, the folder itself
        expect_equal(len([line for line in read("fds").splitlines() if "->" in line]), 4, "descriptors: " + read("fds"))
        group = read("group").split()
        expect_equal(group[0], group[1], "its process group")
        lab.program.configure({"hooks": {"command": ["/bin/false"]}})
        lab.source.run("INSERT INTO own VALUES (1, 1)")
        log = lab.program.incremental()
        expect_contains(log, "hook failed", "log")
        expect_contains(log, "exit code 1", "log")
        expect_contains(log, "wait for the next run", "log")
        lab.program.configure({"hooks": {"command": [script(lab, "loud", "echo first >&2; echo the last line >&2; exit 7\n")]}})
        expect_contains(lab.program.incremental(), "exit code 7: the last line", "log")
        lab.program.configure({"hooks": {"command": [lab.work.path("none")]}})
        expect_contains(lab.program.incremental(), "No such file", "log")
        (hook, attempts), = waiting(lab)
        expect(hook == "command" and attempts >= 3, "what waits: %s %d" % (hook, attempts))
        _code, out, _err = lab.program.command("check")
        expect_contains(out, "hooks.command", "check")


def crashed(point, times):
    """Killed between commit and the row's deletion. `times`: how often each message comes."""
    receiver = Receiver()
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.source.run("UPDATE cms_block SET title = 'x'")
        lab.program.start(env={"DATASYNC_CRASH": point})
        expect_equal(lab.program.wait_exit(), -9, "exit")
        told = waiting(lab)
        lab.program.incremental()
        expect_equal(told, [("url", 0)], "what waits after the crash")
        expect_equal([body.get("entities") for body in receiver.bodies()[1:]], [{"cms_block": {"updated": [1]}}] * times, "told")
        expect_equal(len(set(receiver.keys()[1:])), 1, "keys: %s" % receiver.keys())
        expect_equal(waiting(lab), [], "what waits")


@only("hooks-crash-before-delivery", "killed between commit and delivery: told after the restart")
def _():
    crashed("commit.after_commit:1", 1)


@only("hooks-crash-after-delivery", "killed between delivery and the row's deletion: told again, under the same key")
def _():
    crashed("hooks.delivered:1", 2)


@only("hooks-crash-before-commit", "killed before the commit: told once, as it is made again")
def _():
    receiver = Receiver()
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.source.run("UPDATE cms_block SET title = 'x'")
        lab.program.start(env={"DATASYNC_CRASH": "commit.before_commit:1"})
        expect_equal(lab.program.wait_exit(), -9, "exit")
        expect_equal(waiting(lab), [], "what waits after the crash")
        lab.program.incremental()
        expect_equal(kinds(receiver.bodies()), ["snapshot", "changes"], "told")


@only("hooks-retry-in-order", "a hook that is down: nothing overtakes, applying goes on, status says so; then all comes")
def _():
    receiver = Receiver([200] + [500] * 4 + [307])
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.program.start()
        for number in range(1, 6):
            lab.source.run("INSERT INTO own VALUES (%d, 0)" % number)
            lab.program.wait_caught_up()
        lab.equal()
        status = lab.program.wait_for("a failed hook", lambda status: status["hooks"]["attempts"] > 0)
        expect_contains(status["hooks"]["last_error"], "url: answered 500: because", "last_error")
        expect(status["hooks"]["pending"] >= 1, "pending: %s" % status["hooks"])
        expect_equal(status["state"], "streaming", "state")
        receiver.wait(6 + 5)
        status = lab.program.wait_for("all told", lambda status: status["hooks"]["pending"] == 0)
        expect_equal((status["hooks"]["last_error"], status["hooks"]["oldest"]), (None, 0), "status")
        expect_equal(len(set(receiver.keys()[1:7])), 1, "attempts have one key: %s" % receiver.keys())
        positions = [int(body["gtid"].split("-")[2]) for body in receiver.bodies()]
        expect_equal(positions, sorted(positions), "order")
        expect_equal(sum(table["changes"] for body in receiver.bodies()[1:] for table in body["tables"]), 5, "changes")
        log = lab.program.log_text().decode()
        expect_contains(log, "hook failed, it is tried again hook=url", "log")
        expect_contains(log, "answered 307: redirections are not followed", "log")
        expect_contains(log, "hook succeeds again", "log")
        lab.program.stop()


@only("hooks-before-exit", "a command that ends by itself tries what waits, even what was to be tried later")
def _():
    receiver = Receiver([500] * 9)
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        expect_contains(lab.program.incremental(), "wait for the next run", "log")
        lab.destination.run("UPDATE datasync_outbox SET next_attempt = CURRENT_TIMESTAMP + INTERVAL 1 DAY", database="datasync")
        receiver.answers.clear()
        lab.program.incremental()
        expect_equal(kinds(receiver.bodies()), ["snapshot"], "told")
        expect_equal(waiting(lab), [], "what waits")


@only("hooks-copy-again", "what waits when everything is copied anew is told, then that")
def _():
    receiver = Receiver([500] * 20)
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        for _ in range(2):
            lab.program.incremental("--resnapshot", "--yes")
            lab.source.run("UPDATE cms_block SET title = CONCAT(title, 'x')")
            lab.program.incremental()
        receiver.answers.clear()
        lab.program.incremental()
        expect_equal(kinds(receiver.bodies()), ["snapshot", "changes"] * 2, "told")
        expect_equal(waiting(lab), [], "what waits")


@only("hooks-read-again", "a batch that is made again from the same checkpoint, as after a restore, has the same key")
def _():
    receiver = Receiver([500] * 50)
    with hooked(receiver) as lab:
        def state(*statements):
            lab.destination.run(*statements, database="datasync")
        lab.source.script(SHOP)
        lab.destination.script(SHOP)
        lab.program.configure({"start": lab.source.gtid()})
        lab.program.incremental()
        state("CREATE TABLE backup AS SELECT * FROM datasync_checkpoint")
        lab.source.run("UPDATE cms_block SET title = 'x'")
        lab.program.incremental()
        expect_equal(len(waiting(lab)), 1, "what waits")
        state("REPLACE INTO datasync_checkpoint SELECT * FROM backup", "DROP TABLE backup")
        shutil.rmtree(os.path.join(lab.program.folder, "state"))
        lab.program.incremental()
        receiver.answers.clear()
        lab.program.incremental()
        expect_equal([body["entities"] for body in receiver.bodies()], [{"cms_block": {"updated": [1]}}], "told")
        expect_equal(len(set(receiver.keys())), 1, "keys")


@only("hooks-timeout", "a hook that hangs is ended, whatever it has started, and tried again")
def _():
    with Lab(source_options=FULL) as lab:
        marks = lab.work.path("marks")
        path = script(lab, "hang", 'trap "" TERM\nsleep 1000 &\necho $! >>%s\nwait\nsleep 1000\n' % marks)
        lab.program.configure({"hooks": {"command": [path], "timeout": "1s", "max_pause": "1s"}})
        lab.source.script(SHOP)
        lab.program.start()
        lab.program.wait_log("not done in 1s")
        lab.program.configure({"hooks": {"command": ["/bin/true"]}})
        lab.program.stop()
        with open(marks, encoding="utf-8") as text:
            for pid in text.read().split():
                deadline = time.monotonic() + 30
                while os.path.exists("/proc/%s" % pid) and time.monotonic() < deadline:
                    time.sleep(0.02)
                expect(not os.path.exists("/proc/%s" % pid), "what it has started is ended: %s" % pid)
        lab.program.incremental()
        expect_equal(waiting(lab), [], "what waits")


@only("hooks-stop-at-once", "SIGTERM does not wait for a hook that hangs; it is told by the next run")
def _():
    let_go = threading.Event()
    receiver = Receiver([let_go])
    with hooked(receiver, {"timeout": "1h"}) as lab:
        lab.source.script(SHOP)
        lab.program.start()
        receiver.wait(1)
        lab.program.stop()
        expect_equal(waiting(lab), [("url", 0)], "what waits")
        code, out, _err = lab.program.command("status", "--json")
        expect_equal((code, json.loads(out)["hooks"]["pending"]), (0, 1), "status of a stream that does not run")
        lab.program.incremental()
        let_go.set()
        expect_equal(len(set(receiver.keys())), 1, "keys")
        expect_equal(waiting(lab), [], "what waits")


@only("hooks-stop-before-exit", "SIGTERM ends a command that waits for its hooks")
def _():
    receiver = Receiver([threading.Event()])
    with hooked(receiver, {"timeout": "1h"}) as lab:
        lab.source.script(SHOP)
        lab.program.start(command="incremental")
        receiver.wait(1)
        lab.program.wait_for("the copy", lambda status: status["state"] == "stopped")
        lab.program.stop()
        expect_equal(waiting(lab), [("url", 0)], "what waits")


@only("hooks-lost-connection", "the destination is lost during a delivery: told again, under the same key")
def _():
    let_go = threading.Event()
    receiver = Receiver([let_go])
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.program.start()
        receiver.wait(1)
        lab.program.wait_caught_up()
        lab.destination.cut()
        let_go.set()
        receiver.wait(2)
        lab.program.wait_for("all told", lambda status: status["hooks"]["pending"] == 0)
        expect_equal((len(receiver.keys()), len(set(receiver.keys()))), (2, 1), "keys")
        lab.source.run("UPDATE cms_block SET title = 'x'")
        expect_equal(json.loads(receiver.wait(3)[2][1])["entities"], {"cms_block": {"updated": [1]}}, "told")
        lab.program.stop()


@only("hooks-one-process", "a second process of the stream, refused by its lock, tells nothing")
def _():
    receiver = Receiver([threading.Event()])
    with hooked(receiver, {"timeout": "1h"}) as lab:
        lab.source.script(SHOP)
        lab.program.start()
        receiver.wait(1)
        other = lab.another("elsewhere", settings={"name": "default", "hooks": {"url": receiver.url}})
        code, _out, err = other.command("incremental")
        expect_equal(code, 4, "exit: " + err[-400:])
        expect_equal(len(receiver.keys()), 1, "messages")
        lab.program.stop()


@only("hooks-certificate", "an address whose certificate nobody vouches for is not told")
def _():
    if not shutil.which("openssl"):
        raise Skip("no openssl to make a certificate with")
    with Lab() as lab:
        key, certificate = lab.work.path("hook.key"), lab.work.path("hook.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out",
                        certificate, "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        receiver = Receiver(certificate=(certificate, key))
        lab.program.configure({"hooks": {"url": receiver.url}})
        lab.source.script(SHOP)
        expect_contains(lab.program.incremental(), "certificate", "log")
        expect_equal(receiver.got, [], "told")


@only("hooks-quarantine", "what waits in quarantine is told when it is applied, by retry or by itself")
def _():
    receiver = Receiver()
    with hooked(receiver, on_conflict="quarantine") as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.destination.run("INSERT INTO catalog_product_entity VALUES (900, 'taken')")
        lab.source.run("UPDATE catalog_product_entity SET sku = 'taken' WHERE entity_id = 1",
                       "UPDATE cms_block SET title = 'x'",
                       "INSERT INTO catalog_product_option VALUES (1, 1, 0)")
        lab.program.incremental(expect=3)
        told = [body["entities"] for body in receiver.bodies()[1:] if body["kind"] == "changes"]
        expect_equal(told, [{"cms_block": {"updated": [1]}}], "told while it waits")
        lab.destination.run("DELETE FROM catalog_product_entity WHERE entity_id = 900")
        retry(lab, "all", 0)
        expect_equal(waiting(lab), [("url", 0)], "what waits")
        lab.program.incremental()
        expect_equal(receiver.bodies()[-1]["entities"], {"product": {"updated": [1]}}, "told when it is applied")
        lab.equal()
        before = len(receiver.bodies())
        lab.destination.run("INSERT INTO catalog_product_entity VALUES (900, 'theirs')")
        lab.source.run("INSERT INTO catalog_product_entity VALUES (60, 'theirs')")
        lab.program.incremental(expect=3)
        expect_equal(receiver.bodies()[before:], [], "told while it waits")
        lab.source.run("UPDATE catalog_product_entity SET sku = 'free' WHERE entity_id = 60")
        lab.program.incremental()
        expect_equal([body["entities"] for body in receiver.bodies()[before:]], [{"product": {"inserted": [60]}}],
                     "told when a later change makes it fit")


@only("hooks-conflict-stop", "a batch that does not fit is not told of")
def _():
    receiver = Receiver()
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.destination.run("INSERT INTO catalog_product_entity VALUES (900, 'taken')")
        lab.source.run("UPDATE cms_block SET title = 'x'", "UPDATE catalog_product_entity SET sku = 'taken' WHERE entity_id = 1")
        lab.program.incremental(expect=1)
        expect_equal([body.get("entities") for body in receiver.bodies()[1:]], [{"cms_block": {"updated": [1]}}], "told")


@only("hooks-large", "a large batch is told in parts of 1000 keys")
def _():
    receiver = Receiver()
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.source.run("INSERT INTO catalog_product_entity SELECT seq, seq FROM seq_1001_to_3500")
        lab.program.incremental()
        parts = receiver.bodies()[1:]
        expect_equal([(body["part"], len(body["entities"]["product"]["inserted"])) for body in parts],
                     [(1, 1000), (2, 1000), (3, 500)], "parts")
        told = [key for body in parts for key in body["entities"]["product"]["inserted"]]
        expect_equal(sorted(told), list(range(1001, 3501)), "keys")


@only("hooks-transaction-in-parts", "told as it is written, with where it ends; not what rolls back, but what cannot")
def _():
    receiver = Receiver()
    with hooked(receiver, batch={"max_bytes": "64KiB"}) as lab:
        def rows(first, count):
            return ("INSERT INTO catalog_product_entity SELECT seq, CONCAT(seq, REPEAT('x', 50)) FROM seq_%d_to_%d"
                    % (first, first + count - 1))
        lab.source.script(SHOP + "CREATE TABLE my (id INT PRIMARY KEY) ENGINE=MyISAM;\n")
        lab.program.incremental()
        # a roll-back to a savepoint is only in the binlog when it cannot undo everything: hence the MyISAM rows
        lab.source.run("BEGIN", rows(10001, 3000), "SAVEPOINT s", rows(20001, 2000), "INSERT INTO my VALUES (1)",
                       rows(23001, 2000), "ROLLBACK TO SAVEPOINT s",
                       "UPDATE catalog_product_entity SET sku = 'x' WHERE entity_id = 10001",
                       "INSERT INTO catalog_product_entity VALUES (30000, 'last')", "COMMIT")
        lab.program.incremental()
        lab.equal()
        parts = receiver.bodies()[1:]
        expect_equal([table["table"] for body in parts for table in body["tables"]], ["my"], "what cannot roll back")
        parts = parts[1:]  # the server logs these rows by themselves, before the transaction
        expect(len(parts) > 2, "parts")
        told = [key for body in parts for key in body["entities"].get("product", {}).get("inserted", [])]
        expect_equal(sorted(told), [*range(10001, 13001), 30000], "keys")
        expect_equal({body["gtid"] for body in parts}, {lab.source.gtid()}, "where it ends")
        expect_equal(len({body["part"] for body in parts}), len(parts), "numbers of parts")
        before = len(receiver.bodies())
        lab.source.run("BEGIN", rows(40001, 3000), "INSERT INTO my VALUES (2)", rows(43001, 3000), "ROLLBACK")
        lab.program.incremental()
        lab.equal()
        expect_equal([(body["entities"], [table["table"] for table in body["tables"]]) for body in receiver.bodies()[before:]],
                     [({}, ["my"])], "rolled back")


@only("hooks-engines", "a table that cannot roll back and is copied again is told as copied")
def _():
    receiver = Receiver()
    with hooked(receiver) as lab:
        lab.source.script(SHOP + "CREATE TABLE m (a INT) ENGINE=MyISAM;\nINSERT INTO m VALUES (1);\n")
        lab.program.incremental()
        lab.source.run("INSERT INTO m VALUES (2)")
        lab.program.start(env={"DATASYNC_CRASH": "commit.after_write:1"})
        expect_equal(lab.program.wait_exit(), -9, "exit")
        lab.program.incremental()
        lab.equal()
        copied = [body["tables"] for body in receiver.bodies() if body["kind"] == "copied"]
        expect_equal(copied, [[{"table": "m", "entity": None}]], "copied")


@only("hooks-xa", "an XA transaction is told of when it commits")
def _():
    receiver = Receiver()
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.program.incremental()
        lab.source.run("XA START 'x'", "UPDATE cms_block SET title = 'x'", "XA END 'x'", "XA PREPARE 'x'")
        lab.program.incremental()
        expect_equal(kinds(receiver.bodies()), ["snapshot"], "told of what is prepared")
        lab.source.run("XA COMMIT 'x'")
        lab.program.incremental()
        expect_equal([body.get("entities") for body in receiver.bodies()[1:]], [{"cms_block": {"updated": [1]}}], "told")


@only("hooks-gone", "messages to a hook that is taken out of the configuration stay, and the log says so")
def _():
    receiver = Receiver([500] * 2)
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        log = lab.program.incremental()
        expect_contains(log, "wait for the next run", "log")
        url = lab.program.settings["hooks"]["url"]
        lab.program.configure({"hooks": {"url": ""}})
        lab.source.run("INSERT INTO own VALUES (1, 1)")
        log = lab.program.incremental()
        expect_equal(log.count("not configured any more"), 1, "log: " + log)
        expect_equal([hook for hook, _attempts in waiting(lab)], ["url"], "what waits")
        lab.program.configure({"hooks": {"url": url}})
        receiver.answers.clear()
        lab.program.incremental()
        expect_equal(waiting(lab), [], "what waits")


@only("hooks-usage", "settings that cannot work are refused, naming the key")
def _():
    with Lab() as lab:
        for hooks, part in (({"url": "ftp://shop/hook"}, "hooks.url"), ({"url": "http://me:secret@shop/hook"}, "hooks.url"),
                            ({"command": ["hook"]}, "hooks.command"),
                            ({"command": ["/bin/true"], "entities": ["sauce"]}, "hooks.entities")):
            other = lab.another("usage", settings={"hooks": hooks})
            code, _out, err = other.command("incremental")
            expect_equal(code, 2, "exit code with %s: %s" % (hooks, err[-400:]))
            expect_contains(err, part, "message")
            expect("me:secret" not in err, "no secret in the message")


@only("hooks-members-that-move", "a row that comes to another entity is told of both")
def _():
    receiver = Receiver()
    with hooked(receiver) as lab:
        lab.source.script(SHOP)
        lab.source.run("INSERT INTO catalog_product_option VALUES (1, 1, 0)")
        lab.program.incremental()
        lab.source.run("UPDATE catalog_product_option SET product_id = 3")
        lab.program.incremental()
        expect_equal(receiver.bodies()[-1]["entities"], {"product": {"changed": [1, 3]}}, "entities")
