"""Test cases in files: one process each, `ok NAME` / `not ok NAME: reason`, TAP-like.

    suite = Suite("laws")

    @suite.case("merge-across-set-null", "what it shows")
    def _(): ...

    suite.main()

Run with names (or parts of them) to run only those; --list; -j N; --engine native tries the tests
with a native replica in place of the program (cases that need the program are skipped then).
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import traceback

from .lab import Difference
from .program import ProgramError
from .server import ServerError
from .workspace import Workspace, share_template


class Skip(Exception):
    """The case cannot run here; the text says why."""


class Failure(Exception):
    """An expectation of a case was not met."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def expect_equal(actual, wanted, what):
    if actual != wanted:
        raise Failure("%s: %r, expected %r" % (what, actual, wanted))


def expect_contains(text, part, what):
    if part.lower() not in text.lower():
        raise Failure("%s lacks %r: %s" % (what, part, text[-1500:]))


class Suite:
    def __init__(self, name, case_timeout=180):
        self.name = name
        self.cases = {}
        self.case_timeout = case_timeout

    def case(self, name, about, program_only=False):
        """Register a case. program_only: needs the program itself, not just a follower."""
        def register(function):
            if name in self.cases:
                raise ValueError("two cases are called " + name)
            self.cases[name] = (function, about, program_only)
            return function
        return register

    def _run_here(self, name):
        function, _about, program_only = self.cases[name]
        if program_only and os.environ.get("DATASYNC_TEST_ENGINE") == "native":
            print("ok %s # skip: needs the program" % name)
            return 0
        try:
            function()
        except Skip as reason:
            print("ok %s # skip: %s" % (name, reason))
            return 0
        except (Difference, Failure, ProgramError, ServerError) as error:
            text = str(error) or type(error).__name__
            print("not ok %s: %s" % (name, text.splitlines()[0][:600]))
            for line in text.splitlines()[1:60]:
                print("# " + line)
            return 1
        except Exception as error:  # pylint: disable=broad-except
            print("not ok %s: %s: %s" % (name, type(error).__name__, str(error)[:600]))
            for line in traceback.format_exc().splitlines()[-25:]:
                print("# " + line)
            return 1
        print("ok " + name)
        return 0

    def _spawn(self, name, arguments):
        command = [sys.executable, os.path.abspath(sys.argv[0]), "--single", name]
        env = dict(os.environ)
        if arguments.engine:
            env["DATASYNC_TEST_ENGINE"] = arguments.engine
        if arguments.keep:
            env["DATASYNC_TEST_KEEP"] = "1"
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env,
                                stdin=subprocess.DEVNULL, start_new_session=True)

    def _run_all(self, names, arguments):
        waiting = list(names)
        active, took = [], []

        def ended(number, _frame):
            for _name, process, _since in active:
                os.killpg(process.pid, signal.SIGKILL)  # their janitors clean up
            sys.exit(128 + number)

        signal.signal(signal.SIGTERM, ended)
        signal.signal(signal.SIGINT, ended)
        failed = 0
        deadline = time.monotonic() + arguments.budget if arguments.budget else None
        while waiting or active:
            while waiting and len(active) < arguments.jobs:
                if deadline and time.monotonic() > deadline:
                    for name in waiting:
                        print("not ok %s: the time budget of %d s ended before it"
                              % (name, arguments.budget))
                    failed += len(waiting)
                    waiting = []
                    break
                name = waiting.pop(0)
                active.append((name, self._spawn(name, arguments), time.monotonic()))
            for entry in list(active):
                name, process, since = entry
                try:
                    output, _ = process.communicate(timeout=0.05)
                except subprocess.TimeoutExpired:
                    if time.monotonic() - since < self.case_timeout:
                        continue
                    os.killpg(process.pid, signal.SIGKILL)
                    output, _ = process.communicate()
                    output += b"\nnot ok %s: not finished in %d s\n" % (
                        name.encode(), self.case_timeout)
                active.remove(entry)
                text = output.decode(errors="replace").strip("\n")
                if not any(line.startswith(("ok ", "not ok ")) for line in text.splitlines()):
                    text += "\nnot ok %s: ended without a result" % name
                print(text, flush=True)
                took.append((time.monotonic() - since, name))
                failed += any(line.startswith("not ok ") for line in text.splitlines())
        print("# slowest: " + ", ".join("%s %.0f s" % (name, seconds) for seconds, name in sorted(took)[:-6:-1]))
        return failed

    def main(self):
        parser = argparse.ArgumentParser(description="Cases of " + self.name)
        parser.add_argument("names", nargs="*", help="cases, or parts of their names; default all")
        parser.add_argument("--list", action="store_true", help="print the cases and what for")
        parser.add_argument("--single", help=argparse.SUPPRESS)
        parser.add_argument("-j", "--jobs", type=int, default=3, help="cases at once (3)")
        parser.add_argument("--keep", action="store_true", help="leave servers' folders in place")
        parser.add_argument("--engine", choices=("datasync", "native"))
        parser.add_argument("--budget", type=float, help="seconds; start no case after them")
        arguments = parser.parse_args()
        if arguments.list:
            for name, (_function, about, _only) in self.cases.items():
                print("%-40s %s" % (name, about))
            return 0
        if arguments.single:
            return self._run_here(arguments.single)
        names = [name for name in self.cases
                 if not arguments.names or any(part in name for part in arguments.names)]
        if not names:
            parser.error("no case is called so; --list names them")
        with Workspace() as work:
            share_template(work)
            return 1 if self._run_all(names, arguments) else 0
