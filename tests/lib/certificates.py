"""Certificates for servers of tests."""

import os
import shutil
import subprocess

from .suite import Skip


def make_certificates(folder):
    """ca.pem, other.pem (another CA), server.pem and server.key for localhost."""
    if not shutil.which("openssl"):
        raise Skip("no openssl to make certificates with")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr",
            "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-out", "server.pem")
    for name in os.listdir(folder):
        if name.endswith((".pem", ".key")):
            os.chmod(os.path.join(folder, name), 0o644)
