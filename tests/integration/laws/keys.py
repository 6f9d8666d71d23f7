"""Laws 2, 4, 6 and 8: one row's history, unique values on the move, which keys are one, no keys."""

from base import follow, law, suite
from lib.compare import auto_increment
from lib.suite import expect, expect_equal

UNIQUE = """
CREATE TABLE u (id INT PRIMARY KEY, a INT, b VARCHAR(20), UNIQUE KEY (a), UNIQUE KEY (b)) COLLATE
  utf8mb4_general_ci;
INSERT INTO u VALUES (1, 1, 'one'), (2, 2, 'two'), (3, 3, 'three'), (4, NULL, NULL);
"""

law("unique-swap", "two rows swap their values", UNIQUE, """
BEGIN;
UPDATE u SET a = -1, b = NULL WHERE id = 1;
UPDATE u SET a = 1, b = 'one' WHERE id = 2;
UPDATE u SET a = 2, b = 'two' WHERE id = 1;
COMMIT;
""")

law("unique-shift", "every row takes its neighbour's value", UNIQUE, """
UPDATE u SET a = a + 1 ORDER BY a DESC;
UPDATE u SET a = a - 2 ORDER BY a;
UPDATE u SET a = a + 1 WHERE id = 3;
""")

law("unique-cycle", "values go round three rows and two keys", UNIQUE, """
BEGIN;
UPDATE u SET a = 100 WHERE id = 1;
UPDATE u SET a = 1 WHERE id = 3;
UPDATE u SET a = 3 WHERE id = 2;
UPDATE u SET a = 2 WHERE id = 1;
UPDATE u SET b = 'x' WHERE id = 2;
UPDATE u SET b = 'two' WHERE id = 1;
UPDATE u SET b = 'one' WHERE id = 2;
COMMIT;
""")

law("unique-reuse-after-delete", "a deleted row's value comes back in another row", UNIQUE, """
DELETE FROM u WHERE id = 1;
INSERT INTO u VALUES (9, 1, 'one');
UPDATE u SET a = 50 WHERE id = 2;
INSERT INTO u VALUES (10, 2, 'TEN');
DELETE FROM u WHERE id = 10;
UPDATE u SET a = 2 WHERE id = 2;
INSERT INTO u VALUES (1, 51, 'ONE ');
""" .replace("INSERT INTO u VALUES (1, 51, 'ONE ');", "UPDATE u SET b = 'ONE' WHERE id = 9;"))

law("unique-case-only", "a unique text changes its case, and gives it to another row", UNIQUE, """
UPDATE u SET b = 'ONE' WHERE id = 1;
UPDATE u SET b = 'tmp' WHERE id = 1;
UPDATE u SET b = 'One' WHERE id = 2;
UPDATE u SET b = 'TWO' WHERE id = 1;
""")

law("replace-on-secondary-key", "REPLACE takes two rows for one", UNIQUE, """
REPLACE INTO u VALUES (7, 1, 'two');
REPLACE INTO u VALUES (3, 9, 'three');
INSERT INTO u VALUES (3, 9, 'nine') ON DUPLICATE KEY UPDATE b = 'nine', a = 90;
""")

law("primary-key-changes", "keys move, are reused, swap", UNIQUE, """
UPDATE u SET id = 100 WHERE id = 1;
UPDATE u SET id = 1 WHERE id = 2;
UPDATE u SET id = 2 WHERE id = 100;
UPDATE u SET a = 77 WHERE id = 1;
INSERT INTO u VALUES (100, 101, 'x');
UPDATE u SET id = id + 1 ORDER BY id DESC;
DELETE FROM u WHERE id = 4;
""")

law("net-nothing", "insert and delete, change and change back", UNIQUE, """
INSERT INTO u VALUES (20, 20, 'x');
UPDATE u SET a = 21 WHERE id = 20;
DELETE FROM u WHERE id = 20;
UPDATE u SET a = 9 WHERE id = 1;
UPDATE u SET a = 1 WHERE id = 1;
DELETE FROM u WHERE id = 2;
INSERT INTO u VALUES (2, 2, 'two');
DELETE FROM u WHERE id = 3;
INSERT INTO u VALUES (3, 30, NULL);
DELETE FROM u WHERE id = 3;
""")

law("collation-equal-primary-keys", "ß and ss, case, accents, trailing spaces as keys", """
CREATE TABLE k (n VARCHAR(20) PRIMARY KEY, v INT) COLLATE utf8mb4_unicode_ci;
CREATE TABLE d (n CHAR(20) PRIMARY KEY, v INT) COLLATE utf8mb4_danish_ci;
CREATE TABLE g (n VARCHAR(20) PRIMARY KEY, v INT) COLLATE utf8mb4_general_ci;
INSERT INTO k VALUES ('ß', 1), ('a', 1), ('e', 1), ('x ', 1);
INSERT INTO d VALUES ('aa', 1), ('ae', 1);
INSERT INTO g VALUES ('s', 1), ('A', 1);
""", """
DELETE FROM k WHERE n = 'ss';
INSERT INTO k VALUES ('ss', 2);
UPDATE k SET n = 'SS' WHERE n = 'ß';
UPDATE k SET n = 'Á' WHERE n = 'a';
DELETE FROM k WHERE n = 'é';
INSERT INTO k VALUES ('É', 3);
UPDATE k SET n = 'X' WHERE n = 'x';
DELETE FROM d WHERE n = 'å';
INSERT INTO d VALUES ('Å', 2);
UPDATE d SET n = 'æ' WHERE n = 'ae';
DELETE FROM g WHERE n = 'ß';
INSERT INTO g VALUES ('ß', 4);
UPDATE g SET n = 'a' WHERE n = 'A';
""")

law("ignorable-characters", "keys that differ in characters that a collation ignores", """
CREATE TABLE k (n VARCHAR(20) PRIMARY KEY, v INT, u VARCHAR(20), UNIQUE KEY (u)) COLLATE
  utf8mb4_unicode_ci;
INSERT INTO k VALUES ('ab', 1, 'x'), ('c', 1, 'y');
""", """
DELETE FROM k WHERE n = 'ab';
INSERT INTO k VALUES (_utf8mb4 x'610162', 2, 'x');
UPDATE k SET u = _utf8mb4 x'7901' WHERE n = 'c';
UPDATE k SET n = 'ab' WHERE n = 'ab';
""")

law("prefix-unique", "a unique key over the first three characters", """
CREATE TABLE k (id INT PRIMARY KEY, n VARCHAR(20), t TEXT, UNIQUE KEY (n(3)), UNIQUE KEY (t(2)))
  COLLATE utf8mb4_general_ci;
INSERT INTO k VALUES (1, 'abcX', 'üä1'), (2, 'xyz', 'zz');
""", """
DELETE FROM k WHERE id = 1;
INSERT INTO k VALUES (3, 'ABCY', 'ÜÄ2');
UPDATE k SET n = 'q' WHERE id = 3;
UPDATE k SET n = 'abcZ' WHERE id = 2;
UPDATE k SET n = 'xyz2' WHERE id = 3;
""")

law("trailing-space-and-nopad", "keys that differ in trailing spaces", """
CREATE TABLE pad (n VARCHAR(20) PRIMARY KEY, v INT) COLLATE utf8mb4_general_ci;
CREATE TABLE nopad (n VARCHAR(20) PRIMARY KEY, v INT) COLLATE utf8mb4_unicode_nopad_ci;
CREATE TABLE bin (n VARBINARY(20) PRIMARY KEY, v INT);
CREATE TABLE fixed (n BINARY(4) PRIMARY KEY, v INT);
INSERT INTO pad VALUES ('a', 1), ('b ', 1);
INSERT INTO nopad VALUES ('a', 1), ('a ', 2), ('a  ', 3);
INSERT INTO bin VALUES ('a', 1), ('a ', 2), (x'6100', 3);
INSERT INTO fixed VALUES (x'61', 1), (x'6100ff00', 2), ('', 3);
""", """
UPDATE pad SET n = 'a ' WHERE n = 'a';
DELETE FROM pad WHERE n = 'b';
INSERT INTO pad VALUES ('b', 2);
UPDATE nopad SET v = v + 10;
DELETE FROM nopad WHERE n = 'a ';
UPDATE nopad SET n = 'A ' WHERE n = 'a';
UPDATE bin SET v = v + 1;
DELETE FROM bin WHERE n = 'a ';
UPDATE fixed SET v = v + 1;
DELETE FROM fixed WHERE n = x'61000000';
UPDATE fixed SET n = x'7a00' WHERE v = 3;
""")

law("float-keys", "FLOAT and DOUBLE in a primary key", """
CREATE TABLE f (f FLOAT, d DOUBLE, v INT, PRIMARY KEY (f, d));
INSERT INTO f VALUES (0.1, 0.1, 0), (16777215, 1e300, 0), (3.4028234e38, -0e0, 0), (1e-45, 0.3, 0);
""", """
UPDATE f SET v = 1;
UPDATE f SET f = f / 3 WHERE v = 1;
UPDATE f SET v = v + 1;
DELETE FROM f ORDER BY f LIMIT 1;
""")

law("typed-keys", "dates, times, decimals, bits, enums, uuids in primary keys", """
CREATE TABLE k (a DATE, b TIME(3), c DECIMAL(20,5), d BIT(9), e ENUM('x', 'y'), f UUID, g YEAR, h
  TIMESTAMP(2), i SET('p', 'q'), j INET6, v INT, PRIMARY KEY (a, b, c, d, e, f, g, h, i, j));
INSERT INTO k VALUES ('2024-02-29', '-12:00:00.5', -1.5, 300, 'y',
  '12345678-1234-4321-8888-000000000000', 2024, '2024-01-01 00:00:00.25', 'p,q', '::1', 0),
  ('9999-12-31', '838:59:59', 99999.00001, 0, 'x', '00000000-0000-0000-0000-000000000000', 1901,
  '2038-01-19 03:14:07', '', '::', 0);
""", """
UPDATE k SET v = v + 1;
UPDATE k SET c = c + 0.00001, b = '00:00:00.001' WHERE d = 300;
UPDATE k SET v = v + 1;
DELETE FROM k WHERE d = 0;
""")

KEYLESS = """
CREATE TABLE n (a INT, b VARCHAR(10), c FLOAT, d BLOB);
CREATE TABLE nu (a INT, b VARCHAR(10), UNIQUE KEY (a));
INSERT INTO n VALUES (1, 'x', 0.1, 'q'), (1, 'x', 0.1, 'q'), (1, 'X', 0.1, 'q'), (NULL, NULL, NULL,
  NULL), (NULL, NULL, NULL, NULL), (2, 'x ', 16777215, '');
INSERT INTO nu VALUES (1, 'a'), (NULL, 'b'), (NULL, 'b');
"""
law("no-key-counts", "equal rows are counted", KEYLESS, """
INSERT INTO n VALUES (1, 'x', 0.1, 'q');
DELETE FROM n WHERE a = 1 AND b = 'x' LIMIT 2;
UPDATE n SET b = 'y' WHERE a IS NULL LIMIT 1;
UPDATE n SET c = c + 0.1;
INSERT INTO n SELECT * FROM n;
DELETE FROM n WHERE a IS NULL LIMIT 1;
UPDATE nu SET b = 'c' WHERE a IS NULL LIMIT 1;
UPDATE nu SET a = a + 1;
INSERT INTO nu VALUES (1, 'd'), (NULL, 'b');
DELETE FROM nu WHERE b = 'b' LIMIT 2;
""")

law("no-key-net-nothing", "a keyless row comes and goes", KEYLESS, """
INSERT INTO n VALUES (8, 'z', 1, ''), (8, 'z', 1, '');
DELETE FROM n WHERE a = 8 LIMIT 1;
UPDATE n SET a = 9 WHERE a = 8;
UPDATE n SET a = 8 WHERE a = 9;
BEGIN;
DELETE FROM n WHERE a = 2;
INSERT INTO n VALUES (2, 'x ', 16777215, '');
COMMIT;
""")

law("large-transaction", "20 000 rows in one transaction, changed twice", """
CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(50), UNIQUE KEY (a));
""", """
BEGIN;
INSERT INTO t SELECT seq, seq, CONCAT('row ', seq) FROM seq_1_to_20000;
UPDATE t SET a = a + 1 ORDER BY a DESC;
DELETE FROM t WHERE id % 7 = 0;
UPDATE t SET b = 'changed' WHERE id % 3 = 0;
COMMIT;
""")


@suite.case("auto-increment-after-net-nothing", "deleted numbers are not given out again")
def _():
    def same(lab):
        for table in ("t", "s"):
            expect_equal(auto_increment(lab.destination, table), auto_increment(lab.source, table),
                         "next AUTO_INCREMENT of " + table)
    follow("""
CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT);
CREATE TABLE s (id INT AUTO_INCREMENT PRIMARY KEY, v INT);
INSERT INTO t (v) VALUES (1);
INSERT INTO s (v) VALUES (1);
""", """
INSERT INTO t (v) VALUES (2), (3), (4);
DELETE FROM t WHERE id > 1;
BEGIN;
INSERT INTO s VALUES (40, 1);
DELETE FROM s WHERE id = 40;
COMMIT;
""", check=same)

law("unique-keys-on-long-values", "MariaDB keeps them by hashes, in columns that only row events show", """
CREATE TABLE texts (id INT PRIMARY KEY, b TEXT, v INT, c VARCHAR(3000), UNIQUE KEY (b), UNIQUE KEY (c, v));
INSERT INTO texts VALUES (1, REPEAT('x', 5000), 1, 'a'), (2, REPEAT('y', 5000), 2, 'b'), (3, NULL, 3, NULL);
CREATE TABLE only_hash (b BLOB NOT NULL, v INT, UNIQUE KEY (b));
INSERT INTO only_hash VALUES ('one', 1), ('two', 2);
CREATE TABLE short_hash (id INT PRIMARY KEY, v INT, UNIQUE KEY (v) USING HASH) ENGINE=MEMORY;
INSERT INTO short_hash VALUES (1, 1), (2, 2);
""", """
UPDATE texts SET b = 't' WHERE id = 1;
UPDATE texts SET b = REPEAT('x', 5000) WHERE id = 2;
UPDATE texts SET b = REPEAT('Y', 5000) WHERE id = 1;
UPDATE texts SET v = 5 - v WHERE id < 3;
DELETE FROM texts WHERE id = 2;
INSERT INTO texts VALUES (4, REPEAT('X', 5000), 7, 'c'), (5, NULL, 3, NULL);
UPDATE only_hash SET b = 'three' WHERE v = 1;
UPDATE only_hash SET b = 'one' WHERE v = 2;
INSERT INTO only_hash VALUES ('two', 3);
DELETE FROM only_hash WHERE v = 1;
UPDATE short_hash SET v = v + 10;
ALTER TABLE texts DROP KEY b, ADD COLUMN n BIGINT;
UPDATE texts SET n = id;
ALTER TABLE texts ADD UNIQUE KEY (n) USING HASH;
UPDATE texts SET n = n + 1 ORDER BY n DESC;
""")


def counters_follow(lab):
    for table in ("plain", "keyed", "aria", "bare", "memory", "parts"):
        here, there = (auto_increment(server, table) for server in (lab.source, lab.destination))
        expect(there >= here, "the counter of %s is %d, at the source %d" % (table, there, here))


law("counters-of-every-kind-of-table", "given and taken back: without a unique key, or no transactions", """
CREATE TABLE plain (id INT AUTO_INCREMENT, v INT, KEY (id));
CREATE TABLE keyed (id INT AUTO_INCREMENT PRIMARY KEY, u INT, UNIQUE KEY (u)) ENGINE = MyISAM;
CREATE TABLE aria (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE = Aria TRANSACTIONAL = 1;
CREATE TABLE bare (id INT AUTO_INCREMENT, v INT, KEY (id)) ENGINE = MyISAM;
CREATE TABLE memory (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE = MEMORY;
CREATE TABLE parts (id INT AUTO_INCREMENT PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 2;
""", "".join("""
INSERT INTO {0} VALUES (1, 1), (2, 2);
INSERT INTO {0} VALUES (50, 3);
DELETE FROM {0} WHERE id = 50;
INSERT INTO {0} VALUES (60, 3), (61, 4);
DELETE FROM {0} WHERE id = 61;
UPDATE {0} SET id = 7 WHERE id = 60;
DELETE FROM {0} WHERE id = 1;
INSERT INTO {0} VALUES (8, 1);
""".format(table) for table in ("plain", "keyed", "aria", "bare", "memory", "parts")), check=counters_follow)


law("no-key-equal-under-a-collation", "of rows that compare equal the one that was meant goes, and only one", """
CREATE TABLE n (a VARCHAR(10), b CHAR(5), d DOUBLE);
INSERT INTO n VALUES ('a', 'x', 1), ('A', 'x', 1), ('a ', 'x', 1), ('A', 'X', 1), ('a', 'x', 1), ('a', 'x', 1);
""", """
DELETE FROM n WHERE a = BINARY 'A' AND b = BINARY 'X';
UPDATE n SET d = 2 WHERE a = BINARY 'A';
DELETE FROM n WHERE a = BINARY 'a ';
DELETE FROM n WHERE a = BINARY 'a' LIMIT 1;
""")
