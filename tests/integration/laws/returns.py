"""Law 2: rows that come back as they were cost nothing, and nobody can tell."""

from base import follow, suite
from lib.compare import auto_increment
from lib.lab import Lab
from lib.suite import expect, expect_contains, expect_equal
from operation import only

INDEX = """
CREATE TABLE parent (id INT PRIMARY KEY, k INT, UNIQUE KEY (k));
CREATE TABLE plain (id INT PRIMARY KEY, k INT, KEY (k));
CREATE TABLE low (id INT PRIMARY KEY, p INT, k INT, FOREIGN KEY (p) REFERENCES plain (id),
  FOREIGN KEY (k) REFERENCES plain (k));
CREATE TABLE idx (id INT PRIMARY KEY, p INT, v VARCHAR(20) DEFAULT 'd', FOREIGN KEY (p) REFERENCES parent (id));
CREATE TABLE uni (id VARCHAR(10) PRIMARY KEY, u VARCHAR(10), v INT, UNIQUE KEY (u));
CREATE TABLE gen (id INT PRIMARY KEY, a INT, g INT AS (a % 100) VIRTUAL, s INT AS (a + 1) STORED, UNIQUE KEY (g));
CREATE TABLE cnt (id INT AUTO_INCREMENT PRIMARY KEY, v INT);
CREATE TABLE kid (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
CREATE TABLE nul (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (k)
  ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE hashed (id INT, v INT, PRIMARY KEY (id)) PARTITION BY HASH (id) PARTITIONS 3;
CREATE TABLE bare (a INT, b VARCHAR(10));
CREATE TABLE tree (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE);
INSERT INTO parent VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO plain VALUES (1, 1), (2, 2);
INSERT INTO low VALUES (1, 1, 1), (2, 2, NULL);
INSERT INTO idx VALUES (1, 1, 'one'), (2, 2, 'two'), (3, NULL, NULL), (4, 1, 'd');
INSERT INTO uni VALUES ('a', 'x', 1), ('b', 'y', 2), ('c', NULL, 3);
INSERT INTO gen (id, a) VALUES (1, 1), (2, 2), (3, NULL);
INSERT INTO cnt VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO kid VALUES (1, 1), (2, 2);
INSERT INTO nul VALUES (1, 1), (2, 2);
INSERT INTO hashed VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (2, NULL);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);
"""


def fits(lab):
    """The batches are planned, not halved."""
    if lab.program.engine == "datasync":
        text = lab.program.log_text().decode(errors="replace")
        expect_contains(text, "planned transactions", "log at debug level")
        expect("does not fit" not in text, "halved: " + "\n".join(
            line for line in text.splitlines() if "does not fit" in line))


def counter_follows(lab):
    fits(lab)
    here, there = (auto_increment(s, "cnt") for s in (lab.source, lab.destination))
    expect(there >= here, "the counter is %d, at the source %d" % (there, here))


def returns(name, about, changes, check=fits):
    suite.case(name, about)(lambda: follow(
        INDEX, [changes, lambda lab: lab.program.start("-vv")], check=check))


returns("returns-all", "every row is deleted and inserted again, in one transaction and in many", """
BEGIN;
CREATE TEMPORARY TABLE keep AS SELECT * FROM idx;
DELETE FROM idx;
INSERT INTO idx SELECT * FROM keep;
DROP TEMPORARY TABLE keep;
COMMIT;
CREATE TEMPORARY TABLE keep AS SELECT * FROM hashed;
DELETE FROM hashed;
INSERT INTO hashed SELECT * FROM keep;
DELETE FROM bare WHERE a = 1;
INSERT INTO bare VALUES (1, 'x'), (1, 'x');
DELETE FROM hashed WHERE id = 2;
INSERT INTO hashed VALUES (2, 3);
DELETE FROM hashed WHERE id = 2;
INSERT INTO hashed VALUES (2, 2);
UPDATE hashed SET v = 9 WHERE id = 3;
DELETE FROM hashed WHERE id = 3;
INSERT INTO hashed VALUES (3, 9);
""")

returns("returns-between-unique", "others hold its unique values while it is away", """
BEGIN;
DELETE FROM uni WHERE id = 'a';
UPDATE uni SET u = 'X' WHERE id = 'b';
UPDATE uni SET u = 'y' WHERE id = 'b';
INSERT INTO uni VALUES ('a', 'x', 1);
COMMIT;
DELETE FROM uni WHERE id = 'a';
INSERT INTO uni VALUES ('A', 'X', 1);
DELETE FROM uni WHERE id = 'A';
INSERT INTO uni VALUES ('a', 'x', 1);
DELETE FROM uni WHERE id = 'b';
UPDATE uni SET id = 'B' WHERE id = 'c';
UPDATE uni SET id = 'c' WHERE id = 'B';
INSERT INTO uni VALUES ('b', 'y', 2);
DELETE FROM uni WHERE id = 'b';
INSERT INTO uni VALUES ('B', 'y', 2);
DELETE FROM gen WHERE id = 1;
UPDATE gen SET a = 101 WHERE id = 2;
UPDATE gen SET a = 2 WHERE id = 2;
INSERT INTO gen (id, a) VALUES (1, 1);
DELETE FROM gen WHERE id = 1;
INSERT INTO gen (id, a) VALUES (1, 101);
""")

returns("returns-between-parents", "its parent moves, or goes and comes back, while it is away", """
BEGIN;
DELETE FROM low WHERE id = 1;
UPDATE plain SET id = 10 WHERE id = 1;
UPDATE plain SET id = 1 WHERE id = 10;
INSERT INTO low VALUES (1, 1, 1);
COMMIT;
DELETE FROM low WHERE id = 1;
UPDATE plain SET k = 10 WHERE id = 1;
UPDATE plain SET k = 1 WHERE id = 1;
INSERT INTO low VALUES (1, 1, 1);
DELETE FROM low WHERE id = 2;
DELETE FROM plain WHERE id = 2;
INSERT INTO plain VALUES (2, 3);
INSERT INTO low VALUES (2, 2, NULL);
DELETE FROM kid;
DELETE FROM nul;
DELETE FROM idx WHERE p = 2;
DELETE FROM parent WHERE id = 2;
INSERT INTO parent VALUES (2, 2);
INSERT INTO idx VALUES (2, 2, 'two');
INSERT INTO kid VALUES (1, 1), (2, 2);
INSERT INTO nul VALUES (1, 1), (2, 2);
BEGIN;
DELETE FROM kid WHERE id = 2;
DELETE FROM idx WHERE id = 2;
DELETE FROM parent WHERE id = 2;
INSERT INTO parent VALUES (2, 2);
INSERT INTO kid VALUES (2, 2);
INSERT INTO idx VALUES (2, 2, 'two');
COMMIT;
DELETE FROM nul WHERE id = 1;
UPDATE parent SET k = 11 WHERE id = 1;
UPDATE parent SET k = 1 WHERE id = 1;
INSERT INTO nul VALUES (1, 1);
DELETE FROM tree WHERE id = 2;
INSERT INTO tree VALUES (2, 1);
""")

returns("returns-without-checks", "foreign key checks are off for a while", """
SET foreign_key_checks = 0;
DELETE FROM parent WHERE id = 1;
DELETE FROM idx WHERE id = 1;
SET foreign_key_checks = 1;
INSERT INTO parent VALUES (1, 1);
INSERT INTO idx VALUES (1, 1, 'one');
DELETE FROM idx WHERE id = 2;
SET foreign_key_checks = 0;
INSERT INTO idx VALUES (2, 2, 'two');
DELETE FROM kid WHERE id = 1;
DELETE FROM parent WHERE id = 1;
INSERT INTO kid VALUES (1, 1);
INSERT INTO parent VALUES (1, 1);
SET foreign_key_checks = 1;
""")

returns("returns-and-counter", "the counter follows numbers that are given and taken back", """
DELETE FROM cnt WHERE id = 3;
INSERT INTO cnt VALUES (3, 3);
INSERT INTO cnt VALUES (50, 1);
DELETE FROM cnt WHERE id = 50;
INSERT INTO cnt VALUES (50, 2);
DELETE FROM cnt WHERE id = 50;
BEGIN;
INSERT INTO cnt VALUES (70, 1);
UPDATE cnt SET id = 4 WHERE id = 70;
COMMIT;
UPDATE cnt SET id = 90 WHERE id = 2;
DELETE FROM cnt WHERE id = 90;
""", check=counter_follows)

returns("returns-in-part", "images without the columns that nobody needs", """
SET binlog_row_image = NOBLOB;
ALTER TABLE hashed ADD COLUMN t TEXT;
UPDATE hashed SET t = 'long';
DELETE FROM hashed WHERE id = 1;
INSERT INTO hashed (id, v) VALUES (1, 1);
DELETE FROM hashed WHERE id = 2;
INSERT INTO hashed VALUES (2, 2, 'long');
SET binlog_row_image = MINIMAL;
DELETE FROM idx WHERE id = 4;
INSERT INTO idx (id, p) VALUES (4, 1);
DELETE FROM idx WHERE id = 1;
INSERT INTO idx VALUES (1, 1, 'one');
""")


@only("start-again-without-a-checkpoint", "--resnapshot, or a lost checkpoint, begins where `start` says, whatever the spool has seen")
def _():
    with Lab() as lab:
        lab.source.run("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
        lab.destination.run("CREATE TABLE t (id INT PRIMARY KEY)")
        lab.program.configure({"start": lab.source.gtid()})
        lab.source.run("INSERT INTO t VALUES (2)")
        lab.program.incremental()
        for again in (("--resnapshot", "--yes"), ()):
            lab.source.run("INSERT INTO t SELECT MAX(id) + 1 FROM t")
            lab.program.incremental()
            if not again:
                lab.destination.run("DROP DATABASE datasync", database=None)
            lab.destination.run("DELETE FROM t")
            lab.program.incremental(*again)
            expect_equal(lab.destination.query("SELECT id FROM t ORDER BY id", "shop"),
                         lab.source.query("SELECT id FROM t WHERE id > 1 ORDER BY id", "shop"), "rows since `start` " + " ".join(again))
