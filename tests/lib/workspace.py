"""A temporary folder with everything that one test starts, and nothing left when it ends.

The test process may be killed itself. A small helper process therefore holds the reading end of
a pipe: when the test is gone, whatever it started (pid files in the folder) is killed and the
folder removed.
"""

import fcntl
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile

_JANITOR = r"""
import glob, os, shutil, signal, sys
home = sys.argv[1]
for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(sig, signal.SIG_IGN)
order = sys.stdin.readline().strip()
for path in glob.glob(os.path.join(home, "*.pid")):
    try:
        os.kill(int(open(path).read()), signal.SIGKILL)
    except (OSError, ValueError):
        pass
if order != "keep":
    shutil.rmtree(home, ignore_errors=True)
"""


_claims = []  # sockets whose names say which ports this process has taken


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on, nor will: below those that the kernel gives to outgoing
    connections, which could take it while a server is down, and claimed among the processes of the tests until this
    one ends. The claim is the name of an abstract socket: it exists once, in the network namespace of the port."""
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind("\0datasync-test-port-%d" % port)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port


class Workspace:
    """with Workspace() as work: files go to work.path(name)."""

    def __init__(self, keep=False, prefix="datasync-test-"):
        self.home = tempfile.mkdtemp(prefix=prefix)
        os.chmod(self.home, 0o755)
        self.keep = keep
        self._janitor = subprocess.Popen(
            [sys.executable, "-c", _JANITOR, self.home],
            stdin=subprocess.PIPE, start_new_session=True)

    def path(self, *parts):
        return os.path.join(self.home, *parts)

    def track(self, name, pid):
        """Have `pid` killed at the end; `name` is unique per workspace."""
        with open(self.path(name + ".pid"), "w", encoding="ascii") as out:
            out.write(str(pid))

    def untrack(self, name):
        try:
            os.unlink(self.path(name + ".pid"))
        except FileNotFoundError:
            pass

    def close(self):
        if self._janitor is None:
            return
        self._janitor.communicate(b"keep\n" if self.keep else b"remove\n")
        self._janitor = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def template(work):
    """A freshly installed data folder, made once and shared when DATASYNC_TEST_TEMPLATE is set."""
    path = os.environ.get("DATASYNC_TEST_TEMPLATE") or work.path("template")
    if os.path.isdir(os.path.join(path, "mysql")):
        return path
    scratch = tempfile.mkdtemp(prefix="template-", dir=work.home)
    data = os.path.join(scratch, "data")
    # two servers on one temporary folder delete each other's files
    temporary = os.path.join(scratch, "tmp")
    os.mkdir(temporary)
    command = ["mariadb-install-db", "--no-defaults", "--datadir=" + data, "--tmpdir=" + temporary,
               "--auth-root-authentication-method=normal", "--skip-test-db",
               "--innodb-log-file-size=16M"]
    if os.geteuid() == 0:
        command.append("--user=root")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env=dict(os.environ, TMPDIR=temporary))
    if done.returncode:
        raise RuntimeError("mariadb-install-db failed: " + done.stdout.decode(errors="replace"))
    try:
        os.rename(data, path)
    except OSError:
        if not os.path.isdir(os.path.join(path, "mysql")):
            raise
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def share_template(work):
    """Make the template now, for every process started from here on."""
    os.environ["DATASYNC_TEST_TEMPLATE"] = template(work)


def made_once(name, make):
    """A folder beside the shared template, which make(folder) has made for all cases of the suite. None: nothing is shared."""
    shared = os.environ.get("DATASYNC_TEST_TEMPLATE")
    if not shared:
        return None
    folder = os.path.join(os.path.dirname(shared), name)
    with open(folder + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(folder):
            shutil.rmtree(folder + ".new", ignore_errors=True)  # of one that was killed
            os.makedirs(folder + ".new")
            make(folder + ".new")
            os.rename(folder + ".new", folder)
    return folder
