"""Runs agent_follow and looks at what it prints."""

import json
import os
import queue
import subprocess
import threading
import time

from lib.server import ACCOUNT, PASSWORD
from lib.suite import Failure


def program():
    return os.path.join(os.environ["BUILD"], "tests", "integration", "agent", "agent_follow")


def write_config(work, source, name="agent", **settings):
    """A configuration file whose source is `source`; settings: lines of YAML by key."""
    lines = {"name": name, "state_dir": work.path("state-" + name), "start": "current",
             "source": "{host: 127.0.0.1, port: %d, user: %s, password: '%s', database: shop,"
                       " server_id: %d}" % (settings.pop("port", source.port), ACCOUNT, PASSWORD,
                                            settings.pop("server_id", 0)),
             "destination": "{host: 127.0.0.1, user: x, password: x, database: shop}"}
    lines.update(settings)
    path = work.path(name + ".yaml")
    with open(path, "w", encoding="utf-8") as out:
        for key, value in lines.items():
            out.write("%s: %s\n" % (key, value))
    os.makedirs(lines["state_dir"], exist_ok=True)
    return path


class Follower:
    """One agent_follow. `lines` are the objects that it has printed so far."""

    def __init__(self, work, config, *options, spool="spool"):
        self.lines = []
        self._new = queue.Queue()
        self.log = open(work.path("follow.log"), "ab")  # closed in close()
        self.process = subprocess.Popen(
            [program(), config, work.path(spool), *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log)
        work.track("follow-%d" % self.process.pid, self.process.pid)
        self.log_path = work.path("follow.log")
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._new.put(json.loads(line))
        self._new.put(None)

    def _take(self, timeout):
        """Move what was printed to lines; False when the program has ended."""
        try:
            item = self._new.get(timeout=timeout)
        except queue.Empty:
            return True
        if item is None:
            self._new.put(None)
            return False
        self.lines.append(item)
        return True

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait(self, found, what, timeout=60, start=0):
        """The first line from `start` on for which found(line) is true."""
        deadline = time.monotonic() + timeout
        at = start
        while True:
            while at < len(self.lines):
                if found(self.lines[at]):
                    return self.lines[at]
                at += 1
            if not self._take(0.1) and at >= len(self.lines):
                raise Failure("ended before %s: %r\n%s" % (what, self.lines[-3:], self.log_text()))
            if time.monotonic() > deadline:
                raise Failure("no %s in %d s: %r\n%s"
                              % (what, timeout, self.lines[-3:], self.log_text()))

    def wait_log(self, part, count=1, timeout=60):
        deadline = time.monotonic() + timeout
        while self.log_text().count(part) < count:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Failure("no log line with %r:\n%s" % (part, self.log_text()))
            time.sleep(0.02)

    def reached(self, gtid, timeout=60):
        """Wait for the commit whose set has this GTID's position."""
        return self.wait(lambda m: m["t"] == "commit" and m["gtid_set"] == gtid,
                         "commit at " + gtid, timeout)

    def command(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def status(self, found=lambda s: True, timeout=60):
        """A status for which found() is true."""
        deadline = time.monotonic() + timeout
        while True:
            start = len(self.lines)
            self.command("status")
            status = self.wait(lambda m: m["t"] == "status", "status", start=start)
            if found(status):
                return status
            if time.monotonic() > deadline:
                raise Failure("status stays %r" % status)
            time.sleep(0.02)

    def end(self, timeout=60):
        """The last line, after the program has ended by itself."""
        return self.wait(lambda m: m["t"] == "end", "end", timeout)

    def close(self):
        if self.process.poll() is None:
            try:
                self.command("stop")
            except BrokenPipeError:
                pass
        try:
            self.process.wait(30)
        finally:
            self.log.close()
        return self.process.returncode


def groups(lines):
    """Transactions: lists of messages from begin to commit, without definitions and answers."""
    out, current = [], None
    for m in lines:
        if m["t"] == "begin":
            current = []
        if current is not None and m["t"] not in ("table", "status"):
            current.append(m)
        if m["t"] == "commit":
            out.append(current)
            current = None
    return out


def tables(lines):
    """Definitions by id, the last of each."""
    return {m["id"]: m for m in lines if m["t"] == "table"}


def short(lines):
    """Content as short texts: "insert t [1,2]", "ddl CREATE …"; groups end with "commit"."""
    known, out = {}, []
    for m in lines:
        kind = m["t"]
        if kind == "table":
            known[m["id"]] = m["name"]
        elif kind == "change":
            verb = {1: "insert", 2: "update", 3: "delete"}[m["op"]]
            images = [json.dumps(m[i]) for i in ("before", "after") if m[i] is not None]
            out.append("%s %s %s" % (verb, known[m["table"]], " ".join(images)))
        elif kind == "hint":
            out.append("hint " + known[m["table"]])
        elif kind == "ddl":
            out.append("ddl " + m["statement"])
        elif kind == "truncate":
            out.append("truncate %s.%s" % (m["db"], m["name"]))
        elif kind == "savepoint":
            out.append("savepoint %d %s" % (m["kind"], m["name"]))
        elif kind == "xa":
            out.append("xa %d %s" % (m["kind"], m["xid"]))
        elif kind == "commit":
            out.append("rollback" if m["flags"] & 1 else "commit")
    return out
