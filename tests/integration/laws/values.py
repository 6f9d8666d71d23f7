"""Law 11: a value arrives bit for bit, whatever the session was set to."""

from base import follow, law, suite
from lib.lab import Lab
from lib.suite import expect_equal

law("float-bit-for-bit", "FLOAT keeps every digit, in the copy and in the stream", """
CREATE TABLE f (id INT PRIMARY KEY, f FLOAT, d DOUBLE, u FLOAT UNSIGNED, m FLOAT(7,3));
INSERT INTO f VALUES (1, 16777215, 0.1, 16777215, 1.001), (2, 3.4028234e38, 4.9e-324, 1e-38, -9999),
  (3, -0e0, -0e0, 0, 0), (4, 0.1, 1e308, 1.4e-45, NULL);
""", """
INSERT INTO f SELECT id + 10, f, d, u, m FROM f;
UPDATE f SET f = 8388607.5, d = d / 3 WHERE id < 3;
UPDATE f SET f = 1.1754942e-38 WHERE id = 14;
""")

law("on-update-columns", "ON UPDATE columns keep the source's values", """
CREATE TABLE s (id INT PRIMARY KEY, v INT, t TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE
  CURRENT_TIMESTAMP, d DATETIME(6) NULL ON UPDATE CURRENT_TIMESTAMP(6));
INSERT INTO s VALUES (1, 1, '2020-01-01 00:00:00', '2020-01-01 00:00:00'), (2, 1, '2020-01-01
  00:00:00', NULL);
""", """
SET TIMESTAMP = 1500000000;
UPDATE s SET v = 2 WHERE id = 1;
UPDATE s SET v = 3, t = t, d = d;
UPDATE s SET v = 4, t = '2019-05-05 05:05:05' WHERE id = 2;
""")

law("check-constraints-off", "rows that violate a CHECK were logged with checks off", """
CREATE TABLE c (id INT PRIMARY KEY, v INT CHECK (v > 0), w INT, CONSTRAINT both_set CHECK (w < 100));
INSERT INTO c VALUES (1, 1, 1), (2, 2, 2);
""", """
SET check_constraint_checks = 0;
INSERT INTO c VALUES (3, -3, 300);
UPDATE c SET v = -1 WHERE id = 1;
SET check_constraint_checks = 1;
UPDATE c SET w = 7 WHERE id = 2;
INSERT INTO c VALUES (4, 4, 4);
""")

law("check-constraints-off-in-the-copy", "such rows are there before the copy", """
SET check_constraint_checks = 0;
CREATE TABLE c (id INT PRIMARY KEY, v INT CHECK (v > 0));
INSERT INTO c VALUES (1, -1), (2, 2);
""", "DELETE FROM c WHERE id = 1;\n")

law("zero-dates", "zero and odd dates, in the copy and in the stream", """
SET sql_mode = 'ALLOW_INVALID_DATES';
CREATE TABLE z (id INT PRIMARY KEY, a DATE, b DATETIME(3), c TIMESTAMP NULL, d YEAR, e DATE NOT NULL
  DEFAULT '0000-00-00');
INSERT INTO z VALUES (1, '0000-00-00', '0000-00-00', '0000-00-00', 0, '2024-00-00'), (2, '2024-02-31',
  '2024-00-10', NULL, 1901, '0000-00-00');
""", """
SET sql_mode = 'ALLOW_INVALID_DATES';
INSERT INTO z SELECT id + 10, a, b, c, d, e FROM z;
UPDATE z SET a = '2023-11-31', c = '0000-00-00' WHERE id = 2;
ALTER TABLE z ADD COLUMN f DATE NOT NULL DEFAULT '0000-00-00';
""")

law("zero-as-a-number-of-its-own", "auto-increment column with 0 and negative numbers", """
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
CREATE TABLE n (id INT AUTO_INCREMENT PRIMARY KEY, v INT);
INSERT INTO n VALUES (0, 1), (-5, 2), (3, 3);
""", """
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
UPDATE n SET v = 9 WHERE id = 0;
DELETE FROM n WHERE id = 0;
INSERT INTO n VALUES (0, 10);
UPDATE n SET id = 0 WHERE id = -5 AND v = 99;
""")

law("time-zones", "the session's time zone changes what a TIMESTAMP literal means", """
CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP(6) NULL, dt DATETIME(6));
SET time_zone = '-08:00';
INSERT INTO t VALUES (1, '2024-03-10 02:30:00.5', '2024-03-10 02:30:00.5');
""", """
SET time_zone = '+13:00';
INSERT INTO t VALUES (2, '2024-03-10 02:30:00.123456', '2024-03-10 02:30:00.123456');
UPDATE t SET ts = '1970-01-02 00:00:01' WHERE id = 1;
SET time_zone = '+00:00';
ALTER TABLE t ADD COLUMN added TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00';
SET time_zone = '+05:00';
ALTER TABLE t ADD COLUMN added2 TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00';
""")

law("generated-and-invisible", "virtual, stored and invisible columns", """
CREATE TABLE g (id INT PRIMARY KEY, a INT, v INT AS (a * 2) VIRTUAL, s VARCHAR(20) AS (CONCAT('s', a))
  STORED, i INT INVISIBLE DEFAULT 7, UNIQUE KEY (s), KEY (v));
INSERT INTO g (id, a) VALUES (1, 1), (2, 2), (3, NULL);
INSERT INTO g (id, a, i) VALUES (4, 4, NULL);
""", """
UPDATE g SET a = a + 10;
UPDATE g SET i = 8 WHERE id = 1;
DELETE FROM g WHERE v = 24;
INSERT INTO g (id, a) VALUES (5, 12);
ALTER TABLE g ADD COLUMN w INT INVISIBLE;
UPDATE g SET w = id;
""")

law("odd-names", "backquotes, spaces, percent signs and accents in names", """
CREATE TABLE `o``dd na%s-ü` (`id` INT PRIMARY KEY, `order` INT, `a b` VARCHAR(9), `c``c` INT, `%d` INT,
  `Ω` INT, UNIQUE KEY `key ``q` (`a b`));
INSERT INTO `o``dd na%s-ü` VALUES (1, 1, 'a', 1, 1, 1), (2, 2, 'b', 2, 2, 2);
CREATE TABLE `select` (`from` INT PRIMARY KEY, `where` INT, FOREIGN KEY (`where`) REFERENCES
  `o``dd na%s-ü` (`id`) ON DELETE SET NULL);
INSERT INTO `select` VALUES (1, 1), (2, 2);
""", """
UPDATE `o``dd na%s-ü` SET `order` = 5, `Ω` = 6 WHERE `id` = 1;
DELETE FROM `o``dd na%s-ü` WHERE `c``c` = 2;
ALTER TABLE `select` ADD COLUMN `ünï ``x` INT DEFAULT 3;
RENAME TABLE `select` TO `group``by`;
INSERT INTO `group``by` VALUES (3, NULL, 4);
""")

law("character-sets", "columns in many character sets, bytes that no other has", """
CREATE TABLE c (id INT PRIMARY KEY, l VARCHAR(20) CHARACTER SET latin1, u VARCHAR(20) CHARACTER SET
  ucs2, v VARCHAR(20) CHARACTER SET utf32, s VARCHAR(20) CHARACTER SET sjis, g CHAR(20) CHARACTER SET
  gbk, k TEXT CHARACTER SET koi8r, b VARBINARY(20), e ENUM('ä', 'ß', '€') CHARACTER SET latin1, m
  VARCHAR(20) CHARACTER SET utf8mb4, KEY (l), UNIQUE KEY (s));
INSERT INTO c VALUES (1, 'äöü€', 'äΩ', '😀', '日本', '中文', 'привет', x'00ff80', 'ß', '😀é');
""", """
SET NAMES latin1;
INSERT INTO c (id, l, m, b) VALUES (2, _latin1 x'e4f6', _latin1 x'e9', x'8100');
SET NAMES utf8mb4;
UPDATE c SET s = '本', g = '文 ', l = 'ÿ', e = '€' WHERE id = 1;
UPDATE c SET l = _latin1 x'81' WHERE id = 2;
""")

law("uuid-inet-bits", "types whose trailing zero bytes the binlog strips", """
CREATE TABLE u (id UUID PRIMARY KEY, i INET6, f INET4, b BINARY(6), bb BIT(64), v INT, KEY (b));
INSERT INTO u VALUES ('12345678-1234-4321-8888-120000000000', '::', '10.0.0.0', x'0102', b'1', 0),
  ('00000000-0000-0000-0000-000000000000', 'fe80::', '0.0.0.0', '', 18446744073709551615, 0);
""", """
UPDATE u SET v = v + 1;
UPDATE u SET id = '12345678-1234-4321-8888-000000000000', b = x'ff00', i = '2001:db8::' WHERE b =
  x'010200000000';
DELETE FROM u WHERE f = '0.0.0.0';
INSERT INTO u VALUES ('ffffffff-0000-4000-8000-000000000000', NULL, NULL, NULL, NULL, NULL);
""")

law("unsigned-extremes", "the ends of every integer type", """
CREATE TABLE i (id BIGINT UNSIGNED PRIMARY KEY, a TINYINT UNSIGNED, b SMALLINT UNSIGNED, c MEDIUMINT
  UNSIGNED, d INT UNSIGNED, e TINYINT, f SMALLINT, g MEDIUMINT, h INT, j BIGINT, z INT(6) UNSIGNED
  ZEROFILL);
INSERT INTO i VALUES (18446744073709551615, 255, 65535, 16777215, 4294967295, -128, -32768, -8388608,
  -2147483648, -9223372036854775808, 1);
""", """
UPDATE i SET j = j + 1, e = -1, f = -1, g = -1, h = -1;
UPDATE i SET id = 9223372036854775808;
UPDATE i SET a = 128, b = 32768, c = 8388608, d = 2147483648;
""")

law("big-values", "values of 20 MB, and many of 100 KB", """
CREATE TABLE b (id INT PRIMARY KEY, t LONGTEXT, b LONGBLOB);
INSERT INTO b VALUES (1, REPEAT('ü', 3000000), NULL);
""", """
INSERT INTO b VALUES (2, NULL, REPEAT(x'00ff27', 7000000));
UPDATE b SET t = REPEAT('x', 100) WHERE id = 1;
INSERT INTO b SELECT seq + 10, NULL, REPEAT(CHAR(seq), 100000) FROM seq_1_to_40;
UPDATE b SET t = 'small' WHERE id > 10;
DELETE FROM b WHERE id = 2;
""", native=False)

law("compressed-columns-and-log", "COMPRESSED columns in a compressed binlog", """
CREATE TABLE z (id INT PRIMARY KEY, a VARCHAR(2000) COMPRESSED, b TEXT COMPRESSED, c BLOB COMPRESSED);
INSERT INTO z VALUES (1, REPEAT('a', 1500), REPEAT('b', 9000), REPEAT(x'00', 9000)), (2, '', NULL, '');
""", """
UPDATE z SET a = REPEAT('ü', 700), b = 'short' WHERE id = 1;
INSERT INTO z SELECT id + 10, a, b, c FROM z;
DELETE FROM z WHERE id = 2;
""", source_options=("--log-bin-compress=ON", "--log-bin-compress-min-len=10"))

law("load-data-and-functions", "what the source computes arrives as computed", """
CREATE TABLE r (id INT AUTO_INCREMENT PRIMARY KEY, a DOUBLE, b VARCHAR(40), c DATETIME(6), d VARCHAR(80));
""", """
INSERT INTO r (a, b, c, d) SELECT RAND(), UUID(), NOW(6), CONNECTION_ID() FROM seq_1_to_20;
UPDATE r SET a = RAND(), d = USER() ORDER BY RAND() LIMIT 5;
DELETE FROM r ORDER BY a LIMIT 3;
""")

law("sequences", "sequences go on where they were", """
CREATE SEQUENCE s START WITH 100 INCREMENT BY 10;
CREATE TABLE t (id INT DEFAULT NEXTVAL(s) PRIMARY KEY, v INT);
INSERT INTO t (v) VALUES (1), (2);
""", """
INSERT INTO t (v) VALUES (3);
DO NEXTVAL(s);
ALTER SEQUENCE s INCREMENT BY 5;
INSERT INTO t (v) VALUES (4);
""")


@suite.case("minimal-row-images", "an image that lacks columns stops or is applied, never guessed",
            program_only=True)
def _():
    with Lab() as lab:
        lab.source.script("CREATE TABLE m (id INT PRIMARY KEY, a INT, b VARCHAR(9));\n"
                          "INSERT INTO m VALUES (1, 1, 'x'), (2, 2, 'y');\n")
        lab.program.start()
        lab.program.wait_caught_up()
        lab.program.stop()
        lab.source.script("SET SESSION binlog_row_image = MINIMAL;\n"
                          "UPDATE m SET a = 5 WHERE id = 1;\nDELETE FROM m WHERE id = 2;\n"
                          "INSERT INTO m (id, b) VALUES (3, 'z');\n")
        code, _out, err = lab.program.command("incremental")
        if code == 0:
            lab.equal()
        else:
            expect_equal(code, 1, "exit code; " + err[-600:])
            rows = lab.destination.query("SELECT id, a, b FROM m ORDER BY id", "shop")
            expect_equal(rows, ((1, 1, "x"), (2, 2, "y")), "rows after the stop")


@suite.case("default-character-sets-differ", "what a server's defaults decide travels along")
def _():
    follow("CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(10));\nINSERT INTO a VALUES (1, 'ü');\n", """
CREATE TABLE b (id INT PRIMARY KEY, v VARCHAR(10));
INSERT INTO b VALUES (1, 'ß');
ALTER DATABASE shop CHARACTER SET latin1;
CREATE TABLE c (id INT PRIMARY KEY, v VARCHAR(10));
INSERT INTO c VALUES (1, 'ß');
SET NAMES latin1;
CREATE TABLE d (id INT PRIMARY KEY, v VARCHAR(10) DEFAULT 'x' COMMENT 'plain');
SET NAMES utf8mb4;
CREATE TABLE e (id INT PRIMARY KEY COMMENT 'größe €', v VARCHAR(10) DEFAULT 'ü') COMMENT 'Ω';
""")


KEPT = """
CREATE TABLE t (id INT PRIMARY KEY, v INT, at TIMESTAMP NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP,
  dt DATETIME(3) DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3));
INSERT INTO t VALUES (1, 1, '2020-02-03 04:05:06', '2021-01-01'), (2, 2, '2020-02-03 04:05:06', NULL);
"""

law("on-update-columns-kept", "no row of the batch changes them", KEPT, """
UPDATE t SET v = 9, at = at, dt = dt;
""")

law("on-update-columns-and-small-images", "an image without the column leaves it alone", KEPT, """
SET binlog_row_image = MINIMAL;
UPDATE t SET v = 9, at = at, dt = dt WHERE id = 1;
""")
