"""Tables and changes for several cases."""

TYPES = """
CREATE TABLE types (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, t TINYINT, tu TINYINT UNSIGNED,
  s SMALLINT, su SMALLINT UNSIGNED, m MEDIUMINT, mu MEDIUMINT UNSIGNED, i INT, iu INT UNSIGNED,
  b BIGINT, bu BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(30,10), bit1 BIT(1), bit64 BIT(64),
  y YEAR, da DATE, ti TIME(6), dt DATETIME(3), ts TIMESTAMP(6) NULL, c CHAR(10), v VARCHAR(300),
  bi BINARY(5), vb VARBINARY(300), tt TINYTEXT, te TEXT, mt MEDIUMTEXT, lt LONGTEXT, tb TINYBLOB,
  bl BLOB, mb MEDIUMBLOB, lb LONGBLOB, e ENUM('a','b','ü'), se SET('x','y','z'), g GEOMETRY,
  p POINT, l VARCHAR(20) CHARACTER SET latin1, j JSON);
INSERT INTO types VALUES (1, -128, 255, -32768, 65535, -8388608, 16777215, -2147483648, 4294967295,
  -9223372036854775808, 18446744073709551615, 3.4028234e38, 1.7976931348623157e308,
  12345678901234567890.0123456789, b'1', 0xffffffffffffffff, 2155, '9999-12-31',
  '-838:59:59.000000', '2024-02-29 23:59:59.999', '2038-01-19 03:14:07.123456', 'char', 'varé😀',
  x'0001', x'00ff80', 'tiny', 'text', 'medium', 'long', x'00', x'01', x'02', x'03', 'ü', 'x,z',
  ST_GeomFromText('LINESTRING(0 0,1 1)'), ST_GeomFromText('POINT(1 2)'), 'äöü€',
  '{"b": [1, 2.5, "x", null, true, {"c": "ü😀"}], "a": 1e300, "d": 18446744073709551615}');
INSERT INTO types (id) VALUES (2);
INSERT INTO types (id, f, d, n, ti, v, j) VALUES (3, 16777215, 4.9406564584124654e-324,
  -0.0000000001, '00:00:00.5', '', '[]'), (4, 1e-38, 5e15, 0, '838:59:59', 'a?''\\\\`"', '"s"');
"""

TYPE_CHANGES = """
INSERT INTO types (t, tu, s, su, m, mu, i, iu, b, bu, f, d, n, bit1, bit64, y, da, ti, dt, ts, c, v,
  bi, vb, tt, te, mt, lt, tb, bl, mb, lb, e, se, g, p, l, j) SELECT t, tu, s, su, m, mu, i, iu, b,
  bu, f, d, n, bit1, bit64, y, da, ti, dt, ts, c, v, bi, vb, tt, te, mt, lt, tb, bl, mb, lb, e, se,
  g, p, l, j FROM types;
UPDATE types SET tu = 200, f = 0.1, d = 0.1, ts = '1970-01-02 00:00:01', l = 'ß' WHERE id = 3;
UPDATE types SET f = 8388607.5, n = 1, j = '{"a": {"b": [1, 2, 3]}, "s": "text"}' WHERE id = 2;
UPDATE types SET v = REPEAT('x?`', 90), b = -1, bi = NULL, e = NULL WHERE id = 1;
DELETE FROM types WHERE id = 4;
"""

# MariaDB makes it 0 when it stores it
NEGATIVE_ZERO = "UPDATE types SET f = -0e0, d = -0e0 WHERE id = 3;\n"

CASCADES = """
CREATE TABLE parent (id INT PRIMARY KEY, code INT UNIQUE);
CREATE TABLE child (id INT PRIMARY KEY, parent INT, v INT, FOREIGN KEY (parent) REFERENCES parent (id)
  ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE loose (id INT PRIMARY KEY, code INT, v INT, FOREIGN KEY (code) REFERENCES parent (code)
  ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE grand (id INT PRIMARY KEY, child INT, FOREIGN KEY (child) REFERENCES child (id)
  ON DELETE CASCADE);
CREATE TABLE tree (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES tree (id)
  ON DELETE CASCADE);
INSERT INTO parent VALUES (1, 10), (2, 20), (3, 30), (4, 40), (5, 50), (6, 60);
INSERT INTO child VALUES (11, 1, 0), (12, 2, 0), (13, 3, 0), (14, 4, 0), (15, 5, 0), (16, 1, 0);
INSERT INTO loose VALUES (21, 10, 0), (22, 20, 0), (23, 30, 0), (24, 40, 0);
INSERT INTO grand VALUES (31, 11), (32, 12), (33, 13), (34, 14);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, NULL), (5, 4);
"""
CASCADE_CHANGES = """
DELETE FROM parent WHERE id = 1;
UPDATE child SET v = 1;
DELETE FROM parent WHERE id = 2;
UPDATE parent SET id = 103 WHERE id = 3;
UPDATE parent SET code = 140 WHERE id = 4;
INSERT INTO child VALUES (17, 103, 5);
UPDATE loose SET v = v + 1;
DELETE FROM tree WHERE id = 1;
BEGIN;
INSERT INTO parent VALUES (1, 10);
INSERT INTO child VALUES (11, 1, 7);
DELETE FROM parent WHERE id = 1;
DELETE FROM tree;
COMMIT;
DELETE FROM parent WHERE id > 3 AND id < 6;
SET foreign_key_checks = 0;
DELETE FROM parent WHERE id = 103;
"""

SHAPES = """
CREATE TABLE `o``dd ?%s-ü` (`id?` INT PRIMARY KEY, `or``der?` INT, v VARCHAR(40) UNIQUE, `?` VARCHAR(20));
INSERT INTO `o``dd ?%s-ü` VALUES (1, 1, 'a?', '`'), (2, 2, 'b''', '\\\\'), (3, 3, NULL, '?');
CREATE TABLE keyless (a INT, b VARCHAR(20), c DOUBLE, d FLOAT, e JSON, f DECIMAL(9,3), g DATETIME(3), h BINARY(4));
INSERT INTO keyless VALUES (1, 'x', 0.1, 0.1, '{"a": 1}', 1.5, '2020-01-01 00:00:00.123', 'ab'),
  (1, 'x', 0.1, 0.1, '{"a": 1}', 1.5, '2020-01-01 00:00:00.123', 'ab'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (2, 'X', 1, 1, '[]', 2, NULL, '');
CREATE TABLE stamps (id INT AUTO_INCREMENT PRIMARY KEY, v INT, t TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON
  UPDATE CURRENT_TIMESTAMP, g INT AS (v * 2) STORED, w INT AS (v + 1) VIRTUAL);
INSERT INTO stamps (v, t) VALUES (1, '2020-01-01 00:00:00'), (2, '2020-01-01 00:00:00'), (3, NULL);
CREATE TABLE swaps (id INT PRIMARY KEY, u INT, x VARCHAR(20), UNIQUE KEY (u), UNIQUE KEY (x));
INSERT INTO swaps VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c');
CREATE TABLE many (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(50), n INT);
CREATE TABLE textual (k VARCHAR(20) PRIMARY KEY, v INT) COLLATE utf8mb4_general_ci;
INSERT INTO textual VALUES ('key', 1), ('ß?', 2);
"""
SHAPE_CHANGES = """
UPDATE `o``dd ?%s-ü` SET `or``der?` = 5, v = 'c?`' WHERE `id?` = 1;
DELETE FROM `o``dd ?%s-ü` WHERE `id?` = 2;
UPDATE keyless SET a = 5 WHERE b = 'x' LIMIT 1;
DELETE FROM keyless WHERE a IS NULL;
UPDATE keyless SET c = 0.2, d = 0.3, e = '{"a": 2}', b = 'y' WHERE a = 2;
DELETE FROM keyless WHERE a = 1;
INSERT INTO keyless SELECT * FROM keyless;
UPDATE stamps SET v = v + 1;
UPDATE stamps SET t = '2021-01-01 00:00:00' WHERE id = 2;
UPDATE stamps SET v = 9, t = t WHERE id = 3;
BEGIN;
UPDATE swaps SET u = 99 WHERE id = 1;
UPDATE swaps SET u = 1 WHERE id = 2;
UPDATE swaps SET u = 2 WHERE id = 1;
UPDATE swaps SET x = 'A' WHERE id = 1;
DELETE FROM swaps WHERE id = 3;
INSERT INTO swaps VALUES (4, 3, 'C');
COMMIT;
INSERT INTO many (v, n) VALUES ('one', 1), ('two?', 2), ('thr`ee', 3), ('''four', 4);
INSERT INTO many (v, n) SELECT CONCAT(a.v, b.v), a.n FROM many a, many b, many c, many d, many e;
INSERT INTO many (v, n) SELECT v, n FROM many LIMIT 6000;
UPDATE many SET n = n + 1 WHERE id % 3 = 0;
DELETE FROM many WHERE id % 5 = 0;
UPDATE textual SET k = 'KEY' WHERE k = 'key';
UPDATE textual SET v = 3 WHERE k = 'ß?';
"""

ENGINES = """
CREATE TABLE m (a INT, b VARCHAR(10)) ENGINE = MEMORY;
CREATE TABLE mk (id INT PRIMARY KEY, v INT, u INT, UNIQUE KEY (u)) ENGINE = MEMORY;
CREATE TABLE y (id INT AUTO_INCREMENT PRIMARY KEY, v INT, t TEXT, FULLTEXT KEY (t)) ENGINE = MyISAM;
CREATE TABLE yn (a INT, b VARCHAR(10)) ENGINE = MyISAM;
CREATE TABLE i (id INT PRIMARY KEY, v INT);
INSERT INTO m VALUES (1, 'x'), (1, 'x'), (2, NULL);
INSERT INTO mk VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);
INSERT INTO y (v, t) VALUES (1, 'one two'), (2, 'three');
INSERT INTO yn VALUES (1, 'x'), (1, 'x');
INSERT INTO i VALUES (1, 1), (2, 2);
"""
ENGINE_CHANGES = """
INSERT INTO m VALUES (1, 'x'), (3, 'y');
DELETE FROM m WHERE a = 1 LIMIT 2;
UPDATE mk SET v = v + 1, u = u + 10;
DELETE FROM mk WHERE id = 1;
REPLACE INTO mk VALUES (5, 5, 12);
UPDATE y SET t = 'four five' WHERE id = 1;
INSERT INTO y (v, t) VALUES (3, 'six');
INSERT INTO yn VALUES (1, 'x'), (2, 'q');
DELETE FROM yn WHERE a = 1 LIMIT 1;
INSERT INTO i VALUES (3, 3);
UPDATE i SET v = 9;
INSERT INTO mk VALUES (7, 7, 7);
TRUNCATE TABLE m;
INSERT INTO m VALUES (7, 'seven');
"""
