"""Statements of a binlog file with their session state, as arguments of ddl_apply."""

import glob
import os
import struct

_HEADER = struct.Struct("<IBIIIH")
_QUERY = 2
_DATABASE = "default"


def _status(data):
    """Status variables of a QUERY event, as far as these tests need them."""
    found = {}
    at = 0
    while at < len(data):
        code = data[at]
        at += 1
        if code == 0:
            found["flags2"] = struct.unpack_from("<I", data, at)[0]
            at += 4
        elif code == 1:
            found["mode"] = struct.unpack_from("<Q", data, at)[0]
            at += 8
        elif code == 3:
            at += 4
        elif code == 4:
            found["client"], found["connection"], found["server"] = struct.unpack_from(
                "<HHH", data, at)
            at += 6
        elif code == 5:
            found["zone"] = data[at + 1:at + 1 + data[at]].decode()
            at += 1 + data[at]
        elif code == 6:
            at += 1 + data[at]
        elif code in (7, 8):
            at += 2
        elif code == 128:
            at += 3
        elif code == 129:
            at += 8
        else:
            break
    return found


def statements(source):
    """(statement, options) of each QUERY event of the server's binlog, in order."""
    result = []
    for path in sorted(glob.glob(os.path.join(source.datadir, "bin.[0-9]*"))):
        with open(path, "rb") as log:
            data = log.read()
        at = 4
        while at < len(data):
            time, kind, _server, length, _next, _flags = _HEADER.unpack_from(data, at)
            body = data[at + _HEADER.size:at + length - 4]
            at += length
            if kind != _QUERY:
                continue
            _thread, _exec, name_length, error, status_length = struct.unpack_from("<IIBHH", body)
            status = _status(body[13:13 + status_length])
            rest = body[13 + status_length:]
            status[_DATABASE] = rest[:name_length].decode()
            status["error"] = error
            status["time"] = time
            flags = status.get("flags2", 0)
            status["defaults"] = 1 if flags & 1 << 24 else 0
            result.append((rest[name_length + 1:], status))
    return result
