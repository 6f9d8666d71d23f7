"""A table of every column type with edge values, and the comparison of what the decoder makes of its
binlog with what the server selects.

A column is (name, definition, kind, values). Kinds say how values compare: int, float, double, text
(as the server prints it) and hex (bytes). Row k holds the k-th value of each column, so the rows
together hold all of them.
"""

import json
import struct
import subprocess

INT_WIDTHS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
ENUM_MANY = ",".join("'e%d'" % i for i in range(300))
SET_MANY = ",".join("'s%d'" % i for i in range(64))


def integers():
    columns = []
    for name, bits in INT_WIDTHS.items():
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        columns.append((name[:3] + "_s", name, "int",
                        [low, -1, 0, 1, high, -32, -33, low + 1, 127, -128]))
        columns.append((name[:3] + "_u", name + " unsigned", "int",
                        [0, 1, high, high + 1, 2 * high + 1, 127, 128, 2 * high]))
    return columns


def numbers():
    return integers() + [
        ("flo", "float", "float", ["0", "-1.5", "3.40282e38", "1.17549e-38", "16777215", "-0.1"]),
        ("dbl", "double", "double", ["0", "0.1", "1.7976931348623157e308", "-2.2250738585072014e-308",
                                     "123456789.123456789", "-1e-5"]),
        ("dec_a", "decimal(10,2)", "text", ["-0.50", "0", "99999999.99", "-99999999.99", "0.01"]),
        ("dec_b", "decimal(65,30)", "text", ["-" + "9" * 35 + "." + "9" * 30, "0", "1e-30",
                                             "12345678901234567890.123456789012345678901234567890"]),
        ("dec_c", "decimal(5,0)", "text", ["-99999", "0", "7", "99999"]),
        ("dec_d", "decimal(30,30)", "text", ["-0." + "9" * 30, "0", "0." + "1" * 30]),
        ("dec_e", "decimal(18,9)", "text", ["-123456789.987654321", "1", "100000000.000000001"]),
        ("dec_f", "decimal(9,9) unsigned", "text", ["0.999999999", "0", "0.000000001"]),
        ("bit_1", "bit(1)", "int", ["b'0'", "b'1'"]),
        ("bit_8", "bit(8)", "int", ["b'0'", "b'11111111'"]),
        ("bit_10", "bit(10)", "int", ["b'0'", "b'1000000001'", "b'1111111111'"]),
        ("bit_64", "bit(64)", "int", ["b'0'", "18446744073709551615", "9223372036854775808"]),
        ("yea", "year", "int", ["0", "1901", "2155", "2026"]),
        ("enu", "enum('a','b','c')", "int", ["'a'", "'c'", "'b'"]),
        ("enu_many", "enum(%s)" % ENUM_MANY, "int", ["'e0'", "'e299'", "'e255'", "'e256'"]),
        ("set_few", "set('x','y','z')", "int", ["''", "'x'", "'x,z'", "'x,y,z'"]),
        ("set_many", "set(%s)" % SET_MANY, "int", ["''", "'s0'", "'s63'", "'s0,s31,s32,s63'"]),
    ]


def temporals(fractions=True):
    columns = [("dat", "date", "text", ["'0000-00-00'", "'1000-01-01'", "'9999-12-31'",
                                        "'2024-02-29'", "'2026-03-00'"])]
    for digits in (0, 1, 2, 3, 4, 5, 6) if fractions else (0,):
        suffix = "(%d)" % digits if digits else ""
        fraction = "." + "987654"[:digits] if digits else ""
        columns += [
            ("tim_%d" % digits, "time" + suffix, "text",
             ["'00:00:00'", "'-00:00:01%s'" % fraction, "'838:59:59'", "'-838:59:59'",
              "'12:34:56%s'" % fraction, "'-12:34:56%s'" % fraction, "'-00:00:00%s'" % fraction]),
            ("dtm_%d" % digits, "datetime" + suffix, "text",
             ["'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59%s'" % fraction,
              "'2026-11-21 21:59:14%s'" % fraction, "'2024-02-29 00:00:01'"]),
            ("tst_%d" % digits, "timestamp%s NULL DEFAULT NULL" % suffix, "text",
             ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01%s'" % fraction,
              "'2038-01-19 03:14:07%s'" % fraction, "'2000-02-29 23:59:59'",
              "'2026-11-21 21:59:14%s'" % fraction, "'1999-12-31 23:59:59'"]),
        ]
    return columns


def strings(charset="utf8mb4"):
    text = ["''", "'plain'", "'Größe'", "'日本'", "'it''s'"]
    long = text + ["repeat('ab',150)"]
    return [
        ("cha", "char(5) character set " + charset, "hex", text[:4] + ["'a  '"]),
        ("cha_long", "char(255) character set " + charset, "hex", long[:4] + ["repeat('ü',255)"]),
        ("cha_latin", "char(10) character set latin1", "hex", ["''", "'Größe'", "'x'"]),
        ("bin", "binary(6)", "hex", ["''", "x'010200000000'", "x'000000000000'", "x'ff00ff00ff00'"]),
        ("bin_long", "binary(255)", "hex", ["''", "repeat(x'ff',255)", "x'00'", "x'20'"]),
        ("vch", "varchar(10) character set " + charset, "hex", text),
        ("vch_long", "varchar(300) character set " + charset, "hex", long),
        ("vch_latin", "varchar(200) character set latin1", "hex", ["''", "'Größe'", "repeat('z',200)"]),
        ("vbi", "varbinary(10)", "hex", ["''", "x'00'", "x'0102000000'"]),
        ("vbi_long", "varbinary(300)", "hex", ["''", "repeat(x'00ff',150)", "x'80'"]),
        ("txt_tiny", "tinytext", "hex", long), ("txt", "text", "hex", long),
        ("txt_med", "mediumtext", "hex", text + ["repeat('m',70000)"]),
        ("txt_lon", "longtext", "hex", long),
        ("blo_tiny", "tinyblob", "hex", ["''", "x'00'", "repeat(x'00',255)"]),
        ("blo", "blob", "hex", ["''", "x'00ff00'", "repeat(x'01',300)"]),
        ("blo_med", "mediumblob", "hex", ["''", "repeat(x'aa',66000)"]),
        ("blo_lon", "longblob", "hex", ["''", "x'ff'"]),
    ]


def geometries(function):
    return [("geo", "geometry", "hex", [function + "('POINT(1 2)')",
                                        function + "('LINESTRING(0 0,1 1,2 2)')"]),
            ("poi", "point", "hex", [function + "('POINT(-1 0.5)')"])]


def before_strings(version):
    """They count among the character columns of the metadata, or not: what follows tells."""
    columns = geometries("ST_GeomFromText")
    if version >= (10, 10):
        columns += [
            ("uui", "uuid", "hex", ["'123e4567-e89b-12d3-a456-426655440000'",
                                    "'00000000-0000-0000-0000-000000000000'",
                                    "'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
            ("in4", "inet4", "hex", ["'10.0.0.0'", "'0.0.0.0'", "'255.255.255.255'"]),
            ("in6", "inet6", "hex", ["'::'", "'2001:db8::ff00:42:8329'"]),
        ]
    if version >= (11, 7):
        columns.append(("vec", "vector(3)", "hex", ["VEC_FromText('[1,2,3]')",
                                                    "VEC_FromText('[-0.5,0,1e30]')"]))
    return columns


def mariadb(version):
    columns = numbers() + temporals() + before_strings(version) + strings() + [
        ("jso", "json", "hex", ["'{\"a\": [1, 2, null]}'", "'[]'"]),
        ("vcc", "varchar(300) compressed", "hex", ["''", "repeat('c',300)", "'short'",
                                                   "repeat('Ü',290)"]),
        ("txc", "text compressed", "hex", ["''", "repeat('compress me ',500)", "'x'"]),
        ("blc", "longblob compressed", "hex", ["''", "repeat(x'0001',70000)", "x'00'"]),
        ("gen_p", "int as (int_s div 2) persistent", "int", None),
        ("gen_v", "varchar(20) as (concat('v', int_s)) virtual", "hex", None),
        ("inv", "int invisible", "int", [5, -5]),
    ]
    return columns


JSON_VALUES = [
    "'{}'", "'[]'", "'null'", "'true'", "'\"text\"'", "'-1'", "'65536'", "'18446744073709551615'",
    "'-9223372036854775808'", "'1.5'", "'1e300'", "'1e14'", "'1e15'", "'1e17'", "'123456.789'",
    "'{\"a\": 1, \"bb\": [1, -40000, 70000, {\"c\": null}], \"z\": \"Größe \\\\\" \\\\n\"}'",
    "JSON_OBJECT('d', CAST('2026-11-21' AS DATE), 't', CAST('-12:34:56.5' AS TIME(6)),"
    " 'dt', CAST('2026-11-21 01:02:03.4' AS DATETIME(6)), 'n', CAST('-1.10' AS DECIMAL(5,2)))",
    "JSON_OBJECT('b', CAST(x'00ff10' AS BINARY))", "JSON_ARRAY(repeat('s', 200), repeat('l', 70000))",
    "JSON_ARRAY(false, 0.1, -0.0001, 1e-10, 4e-320)",
    "'[1e15, 1.5e15, 123456789012345678e0, 1234567890123456.7, 1e-15, 1.5e-15, 1e-16, 1.5e-16,"
    " 1.2345678901234567e-14, -1.5e15, 5e-324, -0.0, 0.0, 100.0, 999999999999999.9]'",
]


def mysql(version):
    modern = version >= (5, 7)
    columns = numbers() + temporals()
    if version >= (9, 0):
        columns.append(("vec", "vector(3)", "hex", ["STRING_TO_VECTOR('[1,2,3]')"]))
    columns += geometries("ST_GeomFromText" if modern else "GeomFromText") + strings()
    if modern:
        columns += [("gen_p", "int as (int_s div 2) stored", "int", None),
                    ("gen_v", "varchar(20) as (concat('v', int_s)) virtual", "hex", None),
                    ("jso", "json", "text", JSON_VALUES)]
    if version >= (8, 0, 23):
        columns.append(("inv", "int invisible", "int", [5, -5]))
    return columns


def create(columns, table="t"):
    return "CREATE TABLE %s (id int primary key, %s) ENGINE=InnoDB CHARACTER SET utf8mb4" % (
        table, ", ".join("`%s` %s" % column[:2] for column in columns))


def row_values(columns, row):
    return ["NULL" if row < 0 else str(column[3][row % len(column[3])])
            for column in columns if column[3] is not None]


def statements(columns, table="t", together=False):
    """Insert, update and delete: all values come up as an insert and in an update. `together`: all
    rows in one INSERT."""
    writable = [column for column in columns if column[3] is not None]
    names = ", ".join("`%s`" % column[0] for column in writable)
    count = max(len(column[3]) for column in writable)
    rows = ["(%d, %s)" % (row + 2, ", ".join(row_values(columns, row)))
            for row in range(-1, count)]
    for values in [", ".join(rows)] if together else rows:
        yield "INSERT INTO %s (id, %s) VALUES %s" % (table, names, values)
    for row in range(0, count, 3):
        sets = zip((column[0] for column in writable), row_values(columns, row + 1))
        yield "UPDATE %s SET %s WHERE id = %d" % (
            table, ", ".join("`%s`=%s" % pair for pair in sets), row + 2)
    yield "UPDATE %s SET int_s = 4711 WHERE id IN (1, 3)" % table
    yield "UPDATE %s SET vch = NULL, blo = 'new', jso = jso WHERE id = 4" % table if any(
        c[0] == "jso" for c in columns) else "UPDATE %s SET vch = NULL, blo = 'new' WHERE id = 4" % table
    yield "DELETE FROM %s WHERE id IN (2, 5)" % table


def select(columns, table="t"):
    """A statement whose values are the canonical texts."""
    parts = []
    for name, definition, kind, _values in columns:
        column = "`%s`" % name
        if definition in ("uuid", "inet4", "inet6"):
            parts.append("HEX(CAST(%s AS BINARY(%d)))" % (
                column, {"uuid": 16, "inet4": 4, "inet6": 16}[definition]))
        elif kind == "hex":
            parts.append("HEX(%s)" % column)
        elif definition.startswith(("set", "enum", "bit")):
            parts.append("CAST(CAST(%s+0 AS UNSIGNED) AS CHAR)" % column)
        elif kind == "int":
            parts.append("CAST(%s+0 AS CHAR)" % column)
        elif kind in ("float", "double"):
            parts.append("CAST(%s+0e0 AS CHAR)" % column)
        else:
            parts.append("CAST(%s AS CHAR)" % column)
    return "SELECT CAST(id AS CHAR), %s FROM %s ORDER BY id" % (", ".join(parts), table)


def canonical(column, value):
    """A selected text in the form that decoded() gives."""
    kind = column[2]
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray)):
        value = value.decode("utf-8")
    if kind == "float":
        return struct.pack("f", float(value)).hex()
    if kind == "double":
        return struct.pack("d", float(value)).hex()
    if kind == "hex":
        return value.lower()
    return str(int(float(value)) if "." in value else int(value)) if kind == "int" else value


BINARY_LENGTHS = {"binary(6)": 6, "binary(255)": 255, "uuid": 16, "inet4": 4, "inet6": 16}


def decoded(column, value, signs_known):
    """A decoded value in the form that canonical() gives."""
    _name, definition, kind, _values = column
    if value is None:
        return None
    if kind == "float":
        return struct.pack("f", value).hex()
    if kind == "double":
        return struct.pack("d", value).hex()
    if kind == "hex":
        digits = value["x"]
        if definition in BINARY_LENGTHS:  # the padding is known from metadata only
            digits = digits.ljust(2 * BINARY_LENGTHS[definition], "0")
        return digits
    if kind == "int":
        if not signs_known and "unsigned" in definition and value < 0:
            value += 1 << INT_WIDTHS[definition.split()[0]]
        return str(value)
    return value


def dump(program, *arguments):
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    if done.returncode:
        raise AssertionError("decoder_dump: " + done.stderr.decode(errors="replace")[-3000:])
    return done.stdout.decode("utf-8", errors="surrogateescape")


def events(program, *paths):
    return [json.loads(line) for line in dump(program, *paths).splitlines()]


UNKNOWN = "unknown"


def generated(table_map):
    return [k for k, column in enumerate(table_map["columns"]) if column[0].startswith("gen_")]


def replay(lines, table):
    """The rows of `table` by id, and its table maps. A value that no image of an update holds stays
    what it was; newer servers leave generated columns out, which are UNKNOWN then."""
    rows, maps = {}, []
    for line in lines:
        if line.get("table") != table:
            continue
        if "columns" in line:
            maps.append(line)
            continue
        before, after = line.get("before"), line.get("after")
        old = rows.pop(before[0]) if before else None
        if before:
            for seen, kept in zip(before, old):
                if seen is not False and kept is not UNKNOWN and seen != kept:
                    raise AssertionError("before image %r, was %r" % (seen, kept))
        if after:
            full = []
            for k, value in enumerate(after):
                if value is True:
                    value = before[k]
                    if value is False:
                        raise AssertionError("the same as a value that is absent")
                elif value is False and before and before[k] is False and k in generated(maps[-1]):
                    value = UNKNOWN
                elif value is False:
                    value = old[k] if old else None
                full.append(value)
            rows[full[0]] = full
    return rows, maps


def collation_faults(columns, table_map):
    """Columns whose collation the metadata tells as binary and should not, or the other way."""
    faults = []
    for (name, definition, _kind, _values), told in zip(columns, table_map["columns"][1:]):
        binary = definition.startswith(("binary", "varbinary", "tinyblob", "blob", "mediumblob",
                                        "longblob"))
        text = not binary and definition.split("(")[0].split(" ")[0] in (
            "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")
        if told[4] == 0 and (binary or text) or (binary or text) and binary != (told[4] == 63) or (
                "latin1" in definition and told[4] != 8):
            faults.append("%s %.40s has collation %d" % (name, definition, told[4]))
    return faults


def differences(columns, rows, selected, signs_known):
    """Lines that say where decoded and selected rows differ."""
    found = []
    if sorted(rows) != [int(line[0]) for line in selected]:
        found.append("rows %s, selected %s" % (sorted(rows), [line[0] for line in selected]))
    for line in selected:
        row = rows.get(int(line[0]))
        for k, column in enumerate(columns if row else ()):
            if row[k + 1] is UNKNOWN:
                continue
            want = canonical(column, line[k + 1])
            try:
                have = decoded(column, row[k + 1], signs_known)
            except (TypeError, KeyError, struct.error):
                have = row[k + 1]
            if want != have:
                found.append("row %s %s %s: decoded %.200r, selected %.200r" % (
                    line[0], column[0], column[1], have, want))
    return found
