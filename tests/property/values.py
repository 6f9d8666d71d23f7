"""Random values of every column type, as SQL literals that mean the same under every sql_mode."""

TEXTS = ["", " ", "a", "A", "b", "a ", "A  ", "ß", "ss", "SS", "é", "e", "E", "ä", "AE", "æ",
         "abcX", "ABCY", "abc", "aa", "å", "'", '"', "\\", "%", "_", "`", "\0", "a\0b", "\n", "\r\n",
         "a\x01b", "ab", "0", "007", "7", "NULL", "null", "日本", "Ω", "ﬁ", "İ", "ı", "i"]
EMOJI = ["😀", "a😀", "👩‍🚀"]
INTS = [0, 1, -1, 2, 7, 42, 100, 127, 128, -128, 255, 32767, -32768, 65535, 8388607, -8388608,
        16777215, 2147483647, -2147483648, 4294967295, 9223372036854775807,
        -9223372036854775808, 18446744073709551615]
FLOATS = ["0", "-0e0", "1.5", "-2.25", "16777215", "16777217", "3.4028234e38", "1e-38", "1.4e-45",
          "0.1", "1e10", "-1e-5", "123456.789", "9.999999e9"]
DOUBLES = FLOATS[:-1] + ["1.7976931348623157e308", "4.9406564584124654e-324", "0.1e0+0.2e0",
                         "9007199254740993", "-1.1e-300"]
DECIMALS = ["0", "-0.0000000001", "1", "-1", "99999999999999999999.9999999999", "12.3400",
            "-99999999999999999999.9999999999", "0.0000000001", "1234567890.123456789", "1e5"]
DATES = ["0000-00-00", "1000-01-01", "9999-12-31", "2024-02-29", "2024-00-00", "2023-11-00",
         "0001-01-01", "1999-12-31", "2026-11-21"]
TIMES = ["00:00:00", "838:59:59", "-838:59:59", "-00:00:01.5", "12:34:56.789012", "-12:34:56.789",
         "00:00:00.000001", "-00:00:00.000001", "23:59:59.999999", "100:00:00"]
STAMPS = ["1970-01-01 00:00:01", "2038-01-19 03:14:07", "2024-03-31 02:30:00.123456",
          "2024-10-27 02:30:00.5", "2000-02-29 23:59:59.999999", "0000-00-00 00:00:00",
          "2026-11-21 12:00:00"]
GEOMETRIES = ["POINT(1 2)", "POINT(-0 0)", "LINESTRING(0 0,1 1,2 0)", "MULTIPOINT(0 0,5 5)",
              "POLYGON((0 0,4 0,4 4,0 4,0 0))", "GEOMETRYCOLLECTION(POINT(3 3))"]
JSONS = ['{}', '[]', '{"a":1}', '{"a": 1, "b": [true, null, "x"]}', '"text"', '12.50', 'null',
         '{"ü":"é"}']


def quoted(text):
    """A text literal that no sql_mode changes."""
    if text and all(c.isalnum() or c in " -:._," for c in text) and text.isascii():
        return "'" + text + "'"
    return "_utf8mb4 x'" + text.encode().hex() + "'"


def text(rng, limit, pool=TEXTS):
    roll = rng.random()
    if roll < 0.6:
        return quoted(rng.choice(pool)[:limit])
    if roll < 0.9:
        return quoted("".join(rng.choice("abcdefgXYZ 0123") for _ in range(
            rng.randint(0, min(limit, 12)))))
    return quoted(rng.choice("xyZ") * rng.randint(0, limit))


def blob(rng, limit):
    size = rng.choice((0, 1, 2, 3, 6, limit))
    data = bytes(rng.choice((0, 0, 1, 32, 65, 255)) for _ in range(min(size, limit)))
    return "x'" + data.hex() + "'"


def integer(rng, bits, unsigned):
    low, high = (0, (1 << bits) - 1) if unsigned else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    fitting = [v for v in INTS if low <= v <= high] + [low, high]
    return str(rng.choice(fitting) if rng.random() < 0.5 else rng.randint(-100 if low else 0, 100))


def stamp(rng):
    if rng.random() < 0.4:
        return "'%04d-%02d-%02d %02d:%02d:%02d.%06d'" % (
            rng.randint(1971, 2037), rng.randint(1, 12), rng.randint(1, 28), rng.randint(0, 23),
            rng.randint(0, 59), rng.randint(0, 59), rng.randint(0, 999999))
    return "'" + rng.choice(STAMPS) + "'"


def geometry(rng):
    return "ST_GeomFromText('%s', %d)" % (rng.choice(GEOMETRIES), rng.choice((0, 4326)))


def uuid(rng):
    return rng.choice(["'00000000-0000-0000-0000-000000000000'",
                       "'%08x-1111-4222-8333-44445555%02x00'" % (rng.getrandbits(32),
                                                                 rng.getrandbits(8)),
                       "'ffffffff-ffff-ffff-ffff-ffffffffffff'"])


def _pick(values):
    return lambda rng: "'" + rng.choice(values) + "'"


def _plain(values):
    return lambda rng: rng.choice(values)


def _text(limit, pool=TEXTS):
    return lambda rng: text(rng, limit, pool)


def _blob(limit):
    return lambda rng: blob(rng, limit)


def _int(bits, unsigned=False):
    return lambda rng: integer(rng, bits, unsigned)


def _members(rng):
    return str(rng.choice((0, 1, 3, 1 << 63, (1 << 64) - 1, rng.getrandbits(64))))


SET64 = "SET(" + ",".join("'m%d'" % i for i in range(64)) + ")"

# column: (definition, generator)
TYPES = {
    "ti": ("TINYINT", _int(8)), "tu": ("TINYINT UNSIGNED", _int(8, True)),
    "si": ("SMALLINT", _int(16)), "su": ("SMALLINT UNSIGNED", _int(16, True)),
    "mi": ("MEDIUMINT", _int(24)), "mu": ("MEDIUMINT UNSIGNED", _int(24, True)),
    "ii": ("INT", _int(32)), "iu": ("INT UNSIGNED ZEROFILL", _int(32, True)),
    "bi": ("BIGINT", _int(64)), "bu": ("BIGINT UNSIGNED", _int(64, True)),
    "bo": ("BOOLEAN", _plain(["TRUE", "FALSE"])),
    "b1": ("BIT(1)", _plain(["b'0'", "b'1'"])),
    "b13": ("BIT(13)", lambda rng: str(rng.getrandbits(13))),
    "b64": ("BIT(64)", lambda rng: str(rng.getrandbits(64))),
    "de": ("DECIMAL(30,10)", _plain(DECIMALS)), "dh": ("DECIMAL(65,30)", _plain(DECIMALS)),
    "d0": ("DECIMAL(10,0) UNSIGNED", _plain(["0", "1", "9999999999"])),
    "fl": ("FLOAT", _plain(FLOATS)), "f7": ("FLOAT(7,3)", _plain(["0", "1.5", "-9999.999", "0.1"])),
    "fd": ("DOUBLE", _plain(DOUBLES)),
    "da": ("DATE", _pick(DATES)), "ye": ("YEAR", _plain(["0", "1901", "2155", "'00'", "69", "70"])),
    "t0": ("TIME", _pick(TIMES)), "t3": ("TIME(3)", _pick(TIMES)), "t6": ("TIME(6)", _pick(TIMES)),
    "dt0": ("DATETIME", stamp), "dt2": ("DATETIME(2)", stamp), "dt6": ("DATETIME(6)", stamp),
    "ts0": ("TIMESTAMP", stamp), "ts4": ("TIMESTAMP(4)", stamp), "ts6": ("TIMESTAMP(6)", stamp),
    "ch": ("CHAR(10)", _text(10, TEXTS + EMOJI)),
    "cl": ("CHAR(200) CHARACTER SET latin1", _text(200)),
    "cb": ("CHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", _text(255, TEXTS + EMOJI)),
    "v3": ("VARCHAR(60) CHARACTER SET utf8mb3", _text(60)),
    "v4": ("VARCHAR(300) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", _text(300, TEXTS + EMOJI)),
    "vu": ("VARCHAR(20) CHARACTER SET ucs2", _text(20)),
    "vv": ("VARCHAR(20) CHARACTER SET utf32", _text(20, TEXTS + EMOJI)),
    "vj": ("VARCHAR(20) CHARACTER SET sjis", _text(20, ["a", "日本", "", "\\", "~"])),
    "vg": ("VARCHAR(20) CHARACTER SET gbk", _text(20, ["a", "日本", "", "\\", "中"])),
    "vc": ("VARCHAR(20) CHARACTER SET cp1251", _text(20, ["a", "Я", "я", "Ж"])),
    "va": ("VARCHAR(20) CHARACTER SET ascii", _text(20, ["a", "A", "", "~"])),
    "vz": ("VARCHAR(500) COMPRESSED", _text(500)),
    "n6": ("BINARY(6)", _blob(6)), "n0": ("BINARY(255)", _blob(255)),
    "vb": ("VARBINARY(300)", _blob(300)),
    "tt": ("TINYTEXT", _text(60)), "tx": ("TEXT", _text(900, TEXTS + EMOJI)),
    "tm": ("MEDIUMTEXT CHARACTER SET latin1", _text(900)), "tl": ("LONGTEXT", _text(900)),
    "tz": ("TEXT COMPRESSED", _text(900)),
    "ot": ("TINYBLOB", _blob(100)), "ob": ("BLOB", _blob(900)), "om": ("MEDIUMBLOB", _blob(900)),
    "ol": ("LONGBLOB", _blob(900)), "oz": ("BLOB COMPRESSED", _blob(900)),
    "en": ("ENUM('a','b','','ü','x y')", _plain(["'a'", "'b'", "''", "1", "4", "'x y'", "'none'"])),
    "se": ("SET('p','q','r','s')", _plain(["''", "'p'", "'p,q'", "15", "'q,s'"])),
    "s64": (SET64, _members),
    "js": ("JSON", lambda rng: quoted(rng.choice(JSONS))),
    "uu": ("UUID", uuid), "i4": ("INET4", _pick(["0.0.0.0", "10.0.0.0", "255.255.255.255", "1.2.3.4"])),
    "i6": ("INET6", _pick(["::", "::1", "2001:db8::", "ff02::1"])),
    "ge": ("GEOMETRY", geometry), "po": ("POINT", lambda rng: "POINT(%d, %d)" % (
        rng.randint(-9, 9), rng.randint(-9, 9))),
}


def value(rng, column, null=0.12):
    """A literal for a column of the table of all types."""
    return "NULL" if rng.random() < null else TYPES[column][1](rng)
