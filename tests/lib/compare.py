"""Are two servers equal? Rows bit for bit, definitions, views, routines, sequences."""

import re

import pymysql

MAX_SHOWN = 3


def identifier(name):
    return "`" + name.replace("`", "``") + "`"


def _literal(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


class Reader:
    """One connection for reading a server's database without any conversion of values."""

    def __init__(self, server, database, masked=None):
        self.masked = masked or (lambda table, column: False)
        self.database = database
        self.connection = server.connect()
        self.cursor = self.connection.cursor()
        # sql_mode '' so that odd stored dates print; UTC so that timestamps agree by value
        for sql in ("SET NAMES utf8mb4", "SET SESSION sql_mode=''",
                    "SET SESSION time_zone='+00:00'", "SET SESSION sql_quote_show_create=1",
                    "SET SESSION lock_wait_timeout=30"):
            self.cursor.execute(sql)

    def rows(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchall()

    def close(self):
        self.connection.close()

    def tables(self):
        """{name: type}; types BASE TABLE, VIEW, SEQUENCE, SYSTEM VERSIONED."""
        return dict(self.rows(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema=%s"
            % _literal(self.database)))

    def broken_view(self, name, tables):
        """A view of what is no longer there: no server lets one be created."""
        if tables.get(name) != "VIEW":
            return False
        try:
            self.rows("SELECT 1 FROM %s LIMIT 0" % self.full_name(name))
        except pymysql.err.MySQLError:
            return True
        return False

    def columns(self, table):
        """Every column, invisible ones too, but for those that `masked` is true of: (name, data type)."""
        return tuple(column for column in self.rows(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema=%s"
            " AND table_name=%s ORDER BY ordinal_position"
            % (_literal(self.database), _literal(table))) if not self.masked(table, column[0]))

    def full_name(self, table):
        return identifier(self.database) + "." + identifier(table)

    def content(self, table, pick=None):
        """Sorted rows, each value exact: text and numbers as hex of their stored form. `pick`: those that it is true of."""
        parts = []
        for name, kind in self.columns(table):
            column = identifier(name)
            if kind == "float":
                column = "CAST(%s AS DOUBLE)" % column  # as text FLOAT loses digits
            if kind in ("enum", "set"):
                parts.append("%s+0" % column)  # '' may be a member or the error value
            parts.append("HEX(CAST(%s AS BINARY))" % column)
        rows = self.rows("SELECT %s FROM %s%s" % (", ".join(parts), self.full_name(table), " WHERE " + pick if pick else ""))
        return sorted(rows, key=lambda row: tuple((v is not None, str(v)) for v in row))

    def definition(self, table):
        return normalise(self.rows("SHOW CREATE TABLE " + self.full_name(table))[0][1])

    def checksum(self, table):
        """CHECKSUM TABLE; None with generated columns, whose NULLs it counts at random, and with masked ones."""
        if any(self.masked(table, row[0]) for row in self.rows("SELECT column_name FROM information_schema.columns WHERE "
               "table_schema=%s AND table_name=%s" % (_literal(self.database), _literal(table)))):
            return None
        if self.rows("SELECT 1 FROM information_schema.columns WHERE table_schema=%s AND"
                     " table_name=%s AND is_generated='ALWAYS' LIMIT 1"
                     % (_literal(self.database), _literal(table))):
            return None
        return self.rows("CHECKSUM TABLE " + self.full_name(table))[0][1]

    def routines(self):
        found = {}
        for kind, name in self.rows(
                "SELECT routine_type, routine_name FROM information_schema.routines"
                " WHERE routine_schema=%s" % _literal(self.database)):
            row = self.rows("SHOW CREATE %s %s" % (kind, self.full_name(name)))[0]
            found[kind, name] = (row[1], row[2])
        return found

    def default_charset(self):
        rows = self.rows("SELECT default_character_set_name, default_collation_name FROM"
                         " information_schema.schemata WHERE schema_name=%s"
                         % _literal(self.database))
        return rows[0] if rows else None


def normalise(definition):
    """A table's definition without its counter, which the promise allows to differ."""
    return re.sub(r" AUTO_INCREMENT=\d+", "", definition)


def without_keys_to(definition, parents):
    """A definition without its foreign keys to these tables."""
    lines = [line for line in definition.split("\n") if not any(
        re.search(r" FOREIGN KEY .* REFERENCES %s " % re.escape(identifier(name)), line) for name in parents)]
    return re.sub(r",\n\)", "\n)", "\n".join(lines))


def _short(value, limit=1500):
    text = str(value)
    return text if len(text) <= limit else text[:limit] + "…"


def _first_differences(left, right):
    left_only = [row for row in left if row not in set(right)] if len(left) < 50000 else []
    right_only = [row for row in right if row not in set(left)] if len(left) < 50000 else []
    return "%d and %d rows; only left %s; only right %s" % (
        len(left), len(right), _short(decode(left_only[:MAX_SHOWN])),
        _short(decode(right_only[:MAX_SHOWN])))


def decode(rows):
    """Hex back to readable text for a report."""
    shown = []
    for row in rows:
        cells = []
        for value in row:
            try:
                cells.append(bytes.fromhex(value).decode("utf-8"))
            except (TypeError, ValueError):
                cells.append(value)
        shown.append(tuple(cells))
    return shown


def compare_table(left, right, table, left_out=(), picks=None):
    """Differences of one base table, as lines. `left_out`: tables whose rows the right side does not have. `picks`: the rows
    that it has of others, which it has in part, as SQL."""
    problems, pick = [], (picks or {}).get(table)
    definitions = left.definition(table), right.definition(table)
    if table not in left_out:
        definitions = without_keys_to(definitions[0], (*left_out, *(() if pick else picks or ()))), definitions[1]
    if definitions[0] != definitions[1]:
        problems.append("%s: definitions differ:\n%s\n--\n%s" % (table, *definitions))
    if left.columns(table) != right.columns(table):
        return problems
    if table in left_out:
        rows = right.content(table)
        return problems + (["%s: %d rows are there" % (table, len(rows))] if rows else [])
    rows = left.content(table, pick), right.content(table)
    if rows[0] != rows[1]:
        problems.append("%s: %s" % (table, _first_differences(*rows)))
    elif not problems and not pick and left.checksum(table) != right.checksum(table):
        problems.append("%s: rows print equal, CHECKSUM TABLE differs" % table)
    return problems


def compare(left_server, right_server, database="shop", right_database=None, ignore=(), left_out=(), masked=None,
            picks=None):
    """Differences between two servers' databases, as lines; empty when equal. `masked(table, column)`: the column's
    values are not compared. `left_out`, `picks`: see compare_table."""
    left = Reader(left_server, database, masked)
    right = Reader(right_server, right_database or database, masked)
    try:
        if right.default_charset() is None or left.default_charset() is None:
            if left.default_charset() == right.default_charset():
                return []
            return ["database %s is on one side only" % database]
        problems = []
        if left.default_charset() != right.default_charset():
            problems.append("default character set: %s, %s"
                            % (left.default_charset(), right.default_charset()))
        tables = left.tables(), right.tables()
        for name in sorted(set(tables[0]) ^ set(tables[1])):
            if name not in ignore and not left.broken_view(name, tables[0]):
                problems.append("%s %s is on the %s side only" % (
                    tables[0].get(name) or tables[1].get(name), name,
                    "left" if name in tables[0] else "right"))
        for name in sorted(set(tables[0]) & set(tables[1])):
            if name in ignore:
                continue
            if tables[0][name] != tables[1][name]:
                problems.append("%s: a %s and a %s" % (name, tables[0][name], tables[1][name]))
            elif tables[0][name] == "VIEW":
                views = [r.rows("SHOW CREATE VIEW " + r.full_name(name))[0] for r in (left, right)]
                if views[0] != views[1]:
                    problems.append("view %s: %s\n--\n%s" % (name, *views))
            else:
                problems += compare_table(left, right, name, left_out, picks)
        if left.routines() != right.routines():
            problems.append("routines differ: %s\n--\n%s" % (left.routines(), right.routines()))
        return problems
    finally:
        left.close()
        right.close()


def auto_increment(server, table, database="shop"):
    """The next number that a table would give out, as the server's own definition has it."""
    reader = Reader(server, database)
    try:
        text = reader.rows("SHOW CREATE TABLE " + reader.full_name(table))[0][1]
    finally:
        reader.close()
    match = re.search(r" AUTO_INCREMENT=(\d+)", text)
    return int(match.group(1)) if match else 1
