"""Random DDL. The columns of the tables it changes are read back, so that rows go on fitting."""

from rows import small
from values import quoted

TABLES = ("d1", "d2", "d3", "d4", "d5")
KINDS = ("INT", "BIGINT", "VARCHAR(40)", "VARCHAR(300)", "DECIMAL(12,4)", "TEXT", "DATETIME(3)",
         "INT NOT NULL DEFAULT 5", "VARCHAR(10) NOT NULL DEFAULT 'x'", "TINYINT UNSIGNED",
         "VARCHAR(20) CHARACTER SET latin1", "TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP",
         "FLOAT", "BLOB", "ENUM('a','b','c')", "INT INVISIBLE", "INT AS (id + 1) VIRTUAL",
         "UUID", "BIT(5)", "JSON")
NAMES = ("v", "w", "x", "y", "z", "n1", "n2", "n3")


class Ddl:
    """Statements for one seed; `reader` is a connection for reading definitions."""

    def __init__(self, rng, server, database="shop"):
        self.rng = rng
        self.connection = server.connect(database)
        with self.connection.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout=1")
        self.known = {}
        self.refresh()

    def refresh(self):
        """Read the columns of the tables that DDL changes."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_name, column_name, data_type, extra FROM information_schema.columns"
                " WHERE table_schema = DATABASE() AND table_name IN (%s) ORDER BY table_name,"
                " ordinal_position" % ", ".join("'%s'" % t for t in TABLES))
            self.known = {}
            for table, column, kind, extra in cursor.fetchall():
                self.known.setdefault(table, []).append((column, kind, extra or ""))

    def close(self):
        self.connection.close()

    def table(self):
        return self.rng.choice(sorted(self.known)) if self.known else "d1"

    def column(self, table):
        columns = [c for c, _, _ in self.known.get(table, []) if c != "id"]
        return self.rng.choice(columns) if columns else "v"

    def new_column(self, table):
        taken = {c for c, _, _ in self.known.get(table, [])}
        free = [n for n in NAMES if n not in taken]
        return self.rng.choice(free) if free else "n9"

    # --- rows of these tables ----------------------------------------------------

    def literal(self, kind):
        rng = self.rng
        if rng.random() < 0.1:
            return "NULL"
        if kind in ("varchar", "text", "char"):
            return quoted(rng.choice(("a", "b", "ü", "", "A ")))
        if kind in ("datetime", "timestamp"):
            return "'2024-0%d-01 10:00:00.25'" % rng.randint(1, 9)
        if kind == "enum":
            return "'b'"
        if kind == "uuid":
            return "'12345678-1111-4222-8333-444455556600'"
        if kind in ("blob", "longblob"):
            return "x'00ff'"
        if kind in ("longtext", "json"):
            return "'[1]'"
        return str(rng.randint(0, 30))

    def row(self):
        rng = self.rng
        table = self.table()
        usable = [(c, k) for c, k, e in self.known.get(table, []) if "GENERATED" not in e]
        others = [pair for pair in usable if pair[0] != "id"]
        roll = rng.random()
        if roll < 0.55 or not others:
            return ["INSERT IGNORE INTO %s (%s) VALUES (%s)" % (
                table, ", ".join(c for c, _ in usable),
                ", ".join(str(small(rng, 40)) if c == "id" else self.literal(k)
                          for c, k in usable))]
        column, kind = rng.choice(others)
        if roll < 0.85:
            return ["UPDATE IGNORE %s SET %s = %s WHERE id < %d" % (
                table, column, self.literal(kind), small(rng, 40))]
        return ["DELETE FROM %s WHERE id = %d" % (table, small(rng, 40))]

    # --- definitions -------------------------------------------------------------

    def alter(self):
        rng = self.rng
        table = self.table()
        column, new, kind = self.column(table), self.new_column(table), rng.choice(KINDS)
        return ["ALTER TABLE %s %s" % (table, rng.choice((
            "ADD COLUMN %s %s" % (new, kind), "ADD COLUMN %s %s FIRST" % (new, kind),
            "ADD COLUMN %s %s AFTER id" % (new, kind),
            "ADD COLUMN IF NOT EXISTS %s %s" % (column, kind),
            "ADD COLUMN %s INT, DROP COLUMN %s" % (new, column),
            "DROP COLUMN %s" % column, "RENAME COLUMN %s TO %s" % (column, new),
            "CHANGE %s %s %s" % (column, new, kind), "MODIFY %s %s" % (column, kind),
            "MODIFY %s VARCHAR(500)" % column, "ALTER %s SET DEFAULT 3" % column,
            "ADD INDEX (%s)" % column, "ADD INDEX named (%s)" % column, "DROP INDEX named",
            "ADD UNIQUE KEY u_%s (id, %s)" % (column, column), "ENGINE=InnoDB", "FORCE",
            "COMMENT = 'changed ü'", "CONVERT TO CHARACTER SET utf8mb4",
            "AUTO_INCREMENT = %d" % rng.randint(100, 900), "ROW_FORMAT=COMPACT",
            "ADD CONSTRAINT chk CHECK (id < 100000)", "DROP CONSTRAINT chk",
            "ADD CHECK (id > -5)", "ORDER BY id", "DROP PRIMARY KEY, ADD PRIMARY KEY (id)")))]

    def columns_swapped(self):
        table = self.table()
        columns = [c for c, _, _ in self.known.get(table, []) if c != "id"]
        if len(columns) < 2:
            return self.alter()
        one, two = self.rng.sample(columns, 2)
        return ["ALTER TABLE %s RENAME COLUMN %s TO %s, RENAME COLUMN %s TO %s" % (
            table, one, two, two, one)]

    def tables(self):
        rng = self.rng
        table, other = self.table(), rng.choice(TABLES)
        return rng.choice((
            ["RENAME TABLE d1 TO d_tmp, d2 TO d1, d_tmp TO d2"],
            ["RENAME TABLE %s TO %s" % (table, other)], ["ALTER TABLE %s RENAME TO %s" % (table, other)],
            ["CREATE TABLE %s LIKE %s" % (other, table)],
            ["CREATE TABLE IF NOT EXISTS %s (id INT PRIMARY KEY, v INT)" % other],
            ["CREATE TABLE %s (id INT PRIMARY KEY, v INT, w CHAR(5)) ENGINE=InnoDB" % other],
            ["CREATE TABLE %s (PRIMARY KEY (id)) AS SELECT id, v FROM pkc GROUP BY id" % other],
            ["CREATE OR REPLACE TABLE %s (id INT PRIMARY KEY, v VARCHAR(9), x INT)" % other],
            ["CREATE OR REPLACE TABLE d5 AS SELECT id, code AS v FROM p"],
            ["DROP TABLE IF EXISTS %s" % other], ["DROP TABLE d4, d5"], ["TRUNCATE TABLE %s" % table],
            ["TRUNCATE nopk"], ["TRUNCATE TABLE mem_nk"], ["TRUNCATE TABLE mym"],
            ["TRUNCATE TABLE types_nk"], ["SET SESSION foreign_key_checks=0", "TRUNCATE TABLE c3",
                                          "SET SESSION foreign_key_checks=1"],
            ["CREATE INDEX by_v ON %s (id, %s)" % (table, self.column(table))],
            ["DROP INDEX by_v ON %s" % table],
            ["CREATE OR REPLACE VIEW view_d AS SELECT id FROM %s" % table],
            ["DROP VIEW IF EXISTS view_d"], ["CREATE OR REPLACE VIEW `odd view` AS SELECT 'ü' AS `ä b`"],
            ["CREATE OR REPLACE FUNCTION doubled(n INT) RETURNS INT DETERMINISTIC RETURN n * %d"
             % rng.randint(2, 9)],
            ["DROP PROCEDURE IF EXISTS nothing"],
            ["CREATE PROCEDURE nothing() BEGIN SELECT 'a;b'; SELECT %d; END" % rng.randint(1, 9)],
            ["ANALYZE TABLE %s" % table], ["OPTIMIZE TABLE %s" % table],
            ["CREATE TABLE other.t%d (id INT PRIMARY KEY) AS SELECT 1 AS id" % rng.randint(1, 3)],
            ["DROP TABLE IF EXISTS other.t%d" % rng.randint(1, 3)],
            ["INSERT IGNORE INTO other.t1 VALUES (%d)" % rng.randint(1, 99)]))

    def partitions(self):
        rng = self.rng
        return [rng.choice((
            "ALTER TABLE part TRUNCATE PARTITION p%d" % rng.randint(0, 2),
            "ALTER TABLE part REORGANIZE PARTITION pm INTO (PARTITION p%d VALUES LESS THAN (%d),"
            " PARTITION pm VALUES LESS THAN MAXVALUE)" % (rng.randint(3, 5), rng.randint(301, 390)),
            "ALTER TABLE part DROP PARTITION p%d" % rng.randint(3, 5),
            "ALTER TABLE part EXCHANGE PARTITION p1 WITH TABLE part_x",
            "INSERT IGNORE INTO part_x VALUES (%d, 1, 'x')" % rng.randint(100, 199),
            "ALTER TABLE hashed ADD PARTITION PARTITIONS 1",
            "ALTER TABLE hashed COALESCE PARTITION 1", "ALTER TABLE part REBUILD PARTITION p0"))]

    def cascading(self):
        rng = self.rng
        return [rng.choice((
            "ALTER TABLE d1 ADD CONSTRAINT d1_q FOREIGN KEY (id) REFERENCES q (id) ON DELETE CASCADE",
            "ALTER TABLE d1 DROP FOREIGN KEY d1_q", "ALTER TABLE g3 ADD COLUMN extra INT",
            "ALTER TABLE g3 DROP COLUMN extra", "ALTER TABLE c2 DROP FOREIGN KEY c2_p",
            "ALTER TABLE c2 ADD CONSTRAINT c2_p FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE SET"
            " NULL ON UPDATE SET NULL", "ALTER TABLE p ADD COLUMN note VARCHAR(10)",
            "ALTER TABLE p DROP COLUMN note"))]

    def statement(self):
        """One random definition change."""
        form = self.rng.choices((self.alter, self.columns_swapped, self.tables, self.partitions,
                                 self.cascading), (10, 1, 10, 2, 1.5))[0]
        return form()
