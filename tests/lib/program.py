"""Running the program: configuration, start, kill, waiting until it has caught up."""

import json
import os
import re
import signal
import subprocess
import time

from .server import ACCOUNT, PASSWORD, ServerError, native_error, native_wait

BROKEN = re.compile(rb"AddressSanitizer|LeakSanitizer|runtime error: |UndefinedBehavior"
                    rb"|ThreadSanitizer|Assertion .* failed")


class ProgramError(Exception):
    """The program did not do what a test expects."""


def binary():
    """The program under test: $DATASYNC, else the one in $BUILD, else the one in PATH."""
    if os.environ.get("DATASYNC"):
        return os.environ["DATASYNC"]
    if os.environ.get("BUILD"):
        return os.path.join(os.environ["BUILD"], "agent", "cli", "datasync")
    return "datasync"


def to_yaml(value, indent=0):
    """Settings as YAML; scalars as JSON, which YAML reads the same."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append("%s%s:" % ("  " * indent, key))
            lines.append(to_yaml(item, indent + 1))
        elif isinstance(item, str):
            lines.append("%s%s: %s" % ("  " * indent, key, json.dumps(item, ensure_ascii=False)))
        else:
            lines.append("%s%s: %s" % ("  " * indent, key, json.dumps(item)))
    return "\n".join(line for line in lines if line)


def merge(base, extra):
    """Nested settings, those of `extra` first."""
    result = dict(base)
    for key, item in extra.items():
        if isinstance(item, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], item)
        else:
            result[key] = item
    return result


def environment(extra=None):
    env = dict(os.environ)
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=99:log_exe_name=1:quarantine_size_mb=16")
    env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1:exitcode=99")
    env.setdefault("LSAN_OPTIONS", "exitcode=99")
    for name in [n for n in env if n.startswith("DATASYNC_") and n.endswith(
            ("_HOST", "_USER", "_PASS", "_DB", "_CRASH"))] + ["DATASYNC_CRASH"]:
        env.pop(name, None)
    env.update(extra or {})
    return env


class Datasync:
    """The program following `source` into `destination`."""

    engine = "datasync"

    def __init__(self, work, source, destination, name="default", settings=None,
                 source_port=None, database="shop", destination_database=None, path=None):
        self.work = work
        self.source = source
        self.destination = destination
        self.name = name
        self.path = path or binary()
        self.process = None
        self.starts = 0
        self.log_start = 0   # where in the log the newest start begins
        self.folder = work.path("datasync-" + name)
        os.makedirs(self.folder, exist_ok=True)
        self.log = os.path.join(self.folder, "log")
        self.config = os.path.join(self.folder, "datasync.yaml")
        self.settings = merge({
            "name": name,
            "source": {"host": "127.0.0.1", "port": source_port or source.port, "user": ACCOUNT,
                       "password": PASSWORD, "database": database},
            "destination": {"host": "127.0.0.1", "port": destination.port, "user": ACCOUNT,
                            "password": PASSWORD, "database": destination_database or database},
            "state_dir": os.path.join(self.folder, "state"),
        }, settings or {})
        self.configure({})

    def configure(self, extra):
        """Change settings and write the file."""
        self.settings = merge(self.settings, extra)
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(to_yaml(self.settings) + "\n")
        os.chmod(self.config, 0o600)

    # --- one process that goes on --------------------------------------------------

    def start(self, *arguments, env=None, command="run"):
        """Start `command` and leave it running."""
        if self.running():
            raise ProgramError("already running")
        self.starts += 1
        self.log_start = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            log.write(b"--- start %d\n" % self.starts)
            log.flush()
            self.process = subprocess.Popen(
                [self.path, command, "--config", self.config, *arguments],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment(env),
                start_new_session=True)
        self.work.track("program-" + self.name, self.process.pid)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9, at whatever instruction it is."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)

    def stop(self, timeout=60):
        """SIGTERM; the exit code must be 0."""
        if self.process is None:
            return 0
        self.process.terminate()
        code = self.wait_exit(timeout)
        unready = code == -signal.SIGTERM and b"connected" not in self.log_text()[self.log_start:]
        if code != 0 and not unready:  # a signal may arrive before there is a handler
            raise ProgramError("SIGTERM: exit %d; %s" % (code, self.log_tail()))
        self.process = None
        return code

    def wait_exit(self, timeout=60):
        """Exit code of the running process."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProgramError("still running after %d s; %s" % (timeout, self.log_tail())) from None
        self.check_log()
        return code

    def log_text(self):
        with open(self.log, "rb") as log:
            return log.read()

    def log_tail(self, size=2500):
        try:
            return "log: …" + self.log_text()[-size:].decode(errors="replace")
        except FileNotFoundError:
            return "no log"

    def check_log(self):
        """Reports of a sanitizer fail every test."""
        if os.path.exists(self.log):
            match = BROKEN.search(self.log_text())
            if match:
                text = self.log_text()
                raise ProgramError("sanitizer: " + text[match.start():match.start() + 4000]
                                   .decode(errors="replace"))

    # --- commands that end by themselves -------------------------------------------

    def command(self, *arguments, timeout=120, env=None, config=True, stdin=b""):
        """(exit code, stdout, stderr) of one command."""
        line = [self.path, *arguments]
        if config:
            line[2:2] = ["--config", self.config]
        try:
            done = subprocess.run(line, input=stdin, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=timeout, env=environment(env),
                                  check=False)
        except subprocess.TimeoutExpired as error:
            raise ProgramError("%s did not end in %d s: %s" % (
                " ".join(arguments), timeout,
                (error.stderr or b"")[-1500:].decode(errors="replace"))) from None
        if BROKEN.search(done.stderr):
            raise ProgramError("sanitizer: " + done.stderr.decode(errors="replace")[:4000])
        return (done.returncode, done.stdout.decode(errors="replace"),
                done.stderr.decode(errors="replace"))

    def incremental(self, *arguments, expect=0, timeout=120, env=None):
        """Run `incremental`; the exit code must be `expect`. Returns stderr and stdout."""
        code, out, err = self.command("incremental", *arguments, timeout=timeout, env=env)
        if code != expect:
            raise ProgramError("incremental: exit %d, expected %d: %s" % (code, expect, err[-2500:]))
        return out + err

    def status(self):
        code, out, err = self.command("status", "--json", timeout=60)
        if code != 0:
            raise ProgramError("status --json: exit %d: %s" % (code, err[-1500:]))
        try:
            return json.loads(out)
        except ValueError:
            raise ProgramError("status --json printed no JSON: " + out[:500]) from None

    # --- waiting ---------------------------------------------------------------------

    def wait_for(self, what, condition, timeout=90):
        """Poll status until condition(status); fails at once when the program has ended."""
        deadline = time.monotonic() + timeout
        while True:
            ended = not self.running()
            status = self.status()
            if condition(status):
                return status
            if ended:
                raise ProgramError("ended with exit %s while waiting for %s; %s" % (
                    self.process.returncode if self.process else "?", what, self.log_tail()))
            if time.monotonic() > deadline:
                raise ProgramError("not %s after %d s; status %s; %s" % (
                    what, timeout, json.dumps(status), self.log_tail()))
            time.sleep(0.05)

    def wait_caught_up(self, gtid=None, timeout=90):
        """Until everything that the source has is applied, and nothing is stale."""
        wanted = gtid or self.source.gtid()
        return self.wait_for("caught up with " + wanted, lambda status: (
            reached(status.get("applied", {}).get("gtid"), wanted)
            and not status.get("stale_tables")), timeout)

    def wait_log(self, pattern, timeout=60, since=0):
        """Until the log holds `pattern` (a regular expression) behind its first `since` bytes."""
        wanted = re.compile(pattern.encode())
        deadline = time.monotonic() + timeout
        while not wanted.search(self.log_text()[since:]):
            if time.monotonic() > deadline or not self.running():
                if wanted.search(self.log_text()[since:]):
                    return
                raise ProgramError("log never says %r; %s" % (pattern, self.log_tail()))
            time.sleep(0.05)


def reached(applied, wanted):
    """Is `wanted` (a MariaDB GTID position) within `applied`?"""
    def domains(text):
        result = {}
        for piece in (text or "").replace("\n", "").split(","):
            if piece.strip():
                domain, _server, number = piece.strip().split("-")
                result[domain] = int(number)
        return result
    have = domains(applied)
    return all(have.get(domain, -1) >= number for domain, number in domains(wanted).items())


class NativeFollower:
    """A native replica in the program's place: what tests and their oracles are tried with."""

    engine = "native"

    def __init__(self, source, destination):
        self.source = source
        self.destination = destination
        self.started = False

    def start(self, *_arguments, **_options):
        self.destination.run("START SLAVE", database=None)
        self.started = True
        return self

    def running(self):
        return self.started

    def kill(self):
        self.destination.run("STOP SLAVE", database=None)
        self.started = False

    def stop(self, **_options):
        self.kill()
        return 0

    def configure(self, extra):
        pass

    def check_log(self):
        pass

    def log_tail(self):
        return native_error(self.destination)

    def incremental(self, *_arguments, **_options):
        self.start()
        self.wait_caught_up()
        self.kill()
        return ""

    def wait_caught_up(self, gtid=None, timeout=90):
        try:
            native_wait(self.destination, gtid or self.source.gtid(), timeout)
        except ServerError as error:
            raise ProgramError(str(error)) from error
        return {}
