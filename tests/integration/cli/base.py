"""What the cases of the command line share."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# pylint: disable=wrong-import-position
from lib.program import BROKEN, ProgramError, binary, environment
from lib.suite import Suite, expect, expect_contains, expect_equal

suite = Suite("cli")


def call(*arguments, folder=None, env=None, timeout=60, stdin=subprocess.DEVNULL):
    """(exit code, stdout, stderr) of the program, started in `folder`."""
    done = subprocess.run([binary(), *arguments], cwd=folder, env=environment(env), stdin=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False)
    if BROKEN.search(done.stderr):
        raise ProgramError("sanitizer: " + done.stderr.decode(errors="replace")[:3000])
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect_call(code, part, *arguments, **options):
    """The exit code, and what stderr must hold. Returns stdout."""
    got, out, err = call(*arguments, **options)
    line = "datasync " + " ".join(arguments)
    expect_equal(got, code, "exit of %s (%s)" % (line, err.strip()[-600:]))
    if part:
        expect_contains(err, part, "stderr of " + line)
    return out


def json_lines(text):
    """Each line must be one JSON object."""
    result = []
    for line in text.splitlines():
        try:
            result.append(json.loads(line))
        except ValueError as error:
            raise ProgramError("not JSON (%s): %s" % (error, line[:300])) from None
        expect(isinstance(result[-1], dict), "not an object: " + line[:300])
    return result


def write(path, text, mode=0o600):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, mode)
    return path
