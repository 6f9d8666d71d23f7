"""TLS to the servers: preferred, required, verified."""

import time

from base import suite
from lib.certificates import make_certificates
from lib.lab import Lab
from lib.suite import expect_contains, expect_equal
from lib.workspace import Workspace


@suite.case("tls", "plain only where the mode allows it, certificates checked where it says so",
            program_only=True)
def _():
    with Workspace() as work:
        make_certificates(work.home)
        with Lab(source_options=["--ssl-ca=" + work.path("ca.pem"),
                                 "--ssl-cert=" + work.path("server.pem"),
                                 "--ssl-key=" + work.path("server.key")]) as lab:
            lab.source.script("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB;")
            ca, other = work.path("ca.pem"), work.path("other.pem")
            for side, host, tls, code, part in (
                    ("source", "127.0.0.1", {"mode": "preferred"}, 0, ""),
                    ("source", "127.0.0.1", {"mode": "required"}, 0, ""),
                    ("source", "127.0.0.1", {"mode": "verify_ca", "ca": ca}, 0, ""),
                    ("source", "127.0.0.1", {"mode": "verify_ca", "ca": other}, 2, "certificate"),
                    ("source", "localhost", {"mode": "verify_identity", "ca": ca}, 0, ""),
                    ("source", "127.0.0.1", {"mode": "verify_identity", "ca": ca}, 2, "TLS"),
                    ("source", "127.0.0.1", {"mode": "preferred", "ca": ""}, 0, ""),
                    ("destination", "127.0.0.1", {"mode": "preferred"}, 0, ""),
                    ("destination", "127.0.0.1", {"mode": "required"}, 2, "offers no TLS"),
                    ("destination", "127.0.0.1", {"mode": "verify_identity", "ca": ca}, 2, "TLS"),
                    ("destination", "127.0.0.1", {"mode": "disabled", "ca": ""}, 0, "")):
                lab.program.configure({side: {"host": host, "tls": dict({"ca": ""}, **tls)}})
                got, _out, err = lab.program.command("incremental", timeout=60)
                expect_equal(got, code, "%s %s: exit (%s)" % (side, tls, err[-400:]))
                expect_contains(err, part, "error of %s %s" % (side, tls))
            lab.equal()


@suite.case("tls-long-rows", "a commit behind a long row is not held back until the next heartbeat",
            program_only=True)
def _():
    with Workspace() as work:
        make_certificates(work.home)
        with Lab(settings={"source": {"tls": {"mode": "required"}}},
                 source_options=["--ssl-cert=" + work.path("server.pem"),
                                 "--ssl-key=" + work.path("server.key")]) as lab:
            lab.source.script("CREATE TABLE t (id INT PRIMARY KEY, b LONGTEXT) ENGINE=InnoDB;")
            lab.program.start()
            lab.program.wait_caught_up()
            # each row alone; a heartbeat for each of them would take twice the time
            deadline = time.monotonic() + 60
            for number in range(12):
                lab.source.run("INSERT INTO t VALUES (%d, REPEAT('x', %d))" % (
                    number, 20000 + 500 * (number % 6)))
                lab.program.wait_caught_up(timeout=max(1, deadline - time.monotonic()))
            lab.equal()
