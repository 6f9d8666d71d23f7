"""A recorded shop: its installation as a dump, its life after that as binlog files.

Taken from ../shared/recordings/openmage-small beside the checkout, or from the folder in $DATASYNC_RECORDING; a recording
is base.sql.gz, source-bin.*.zst and final.checksums.tsv.
"""

import glob
import gzip
import os
import subprocess

from .server import ServerError

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATABASE = "openmage"
CREATE = "CREATE DATABASE openmage CHARACTER SET utf8mb4"


def find():
    """The folder, or None."""
    folder = os.environ.get("DATASYNC_RECORDING") or os.path.join(
        os.path.dirname(TOP), "shared", "recordings", "openmage-small")
    return folder if os.path.exists(os.path.join(folder, "base.sql.gz")) else None


def load_base(server, folder):
    """The shop as it was installed."""
    path = server.work.path("base.sql")
    with gzip.open(os.path.join(folder, "base.sql.gz"), "rb") as packed, open(path, "wb") as out:
        for line in packed:
            if b"SET GLOBAL gtid_slave_pos" not in line:
                out.write(line)
    server.load_file(path, DATABASE)
    os.unlink(path)


def logs(work, folder):
    """The binlog files of the shop's life after its installation."""
    result = []
    for packed in sorted(glob.glob(os.path.join(folder, "source-bin.*.zst")))[1:]:
        path = work.path(os.path.basename(packed)[:-4])
        subprocess.run(["zstd", "-q", "-d", packed, "-o", path], check=True)
        result.append(path)
    return result


def live(server, path):
    """Let the source live through one binlog file."""
    with subprocess.Popen(["mariadb-binlog", "--no-defaults", path], stdout=subprocess.PIPE) as reader:
        writer = subprocess.run(["mariadb", "--no-defaults", "--socket=" + server.socket, "--user=root",
                                 "--binary-mode", "--max-allowed-packet=256M"], stdin=reader.stdout,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        reader.stdout.close()
        if writer.returncode or reader.wait():
            raise ServerError("%s: %s" % (path, writer.stdout.decode(errors="replace")[-800:]))
