"""All rows of a shop as dicts of text, and their copy into another server under other numbers."""

import re

from .shopids import DATABASE, DERIVED, Ids, foreign_keys, soft_links


def identifier(name):
    return "`" + name.replace("`", "``") + "`"


class Shop:
    """A shop as one connection sees it now. Each table is read once, when it is asked for."""

    def __init__(self, connection, database=DATABASE, like=None):
        """`like`: a Shop of the same tables, so that the server need not be asked what they are."""
        self.database = database
        self.attach(connection)
        self.cache = {}
        self._ids = None
        if like:
            self.columns, self.counted, self.keys = like.columns, like.counted, like.keys
            return
        self.columns, keys, self.counted = {}, {}, {}
        tables = {table for table, in self.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'")}
        for table, column, key, extra, kind in self.query(
                "SELECT table_name, column_name, column_key, extra, data_type FROM information_schema.columns"
                " WHERE table_schema = DATABASE() ORDER BY 1, ordinal_position"):
            if table not in tables:
                continue
            self.columns.setdefault(table, {})[column] = kind
            if key == "PRI":
                keys.setdefault(table, []).append(column)
            if "auto_increment" in extra:
                self.counted[table] = column
        self.keys = {table: tuple(names) for table, names in keys.items()}

    def attach(self, connection):
        self.connection = connection
        self.cursor = connection.cursor()
        for sql in ("SET NAMES utf8mb4", "SET SESSION sql_mode=''", "SET SESSION time_zone='+00:00'"):
            self.cursor.execute(sql)
        self.cursor.execute("USE " + identifier(self.database))

    def __getstate__(self):
        """What was read; attach() gives a loaded one a connection for the rest."""
        return {**self.__dict__, "connection": None, "cursor": None}

    def query(self, sql, arguments=None):
        self.cursor.execute(sql, arguments)
        return self.cursor.fetchall()

    def rows(self, table):
        """Rows by key; numbers as text, as the server prints them; bytes where a column is binary."""
        if table not in self.cache:
            columns = self.columns.get(table)
            if columns is None:
                return []
            keys = self.keys.get(table) or tuple(columns)
            parts = [identifier(c) if "blob" in kind or "binary" in kind else "CAST(%s AS CHAR)" % identifier(c) for c, kind in columns.items()]
            found = self.query("SELECT %s FROM %s ORDER BY %s" % (
                ", ".join(parts), identifier(table), ", ".join(identifier(c) for c in keys)))
            self.cache[table] = [dict(zip(columns, row)) for row in found]
        return self.cache[table]

    @property
    def ids(self):
        if self._ids is None:
            self._ids = Ids(self.rows, self.keys)
        return self._ids

    def tables(self):
        """Those that hold something of their own."""
        return [table for table in self.columns if not DERIVED.search(table)]

    def key(self, table):
        """The name of the column that others refer to rows of `table` by, or None."""
        keys = self.keys.get(table, ())
        return keys[0] if len(keys) == 1 else None


def dangling(shop, links):
    """{(table, column, parent): ids} of links (table, column, parent, its column) that lead nowhere. Links of tables that
    are not there, and 0 where it says that there is none, are passed over."""
    from .shopids import ZERO_ROWS  # pylint: disable=import-outside-toplevel
    result = {}
    for table, column, parent, target in links:
        if column not in shop.columns.get(table, ()) or target not in shop.columns.get(parent, ()):
            continue
        zero = "" if parent in ZERO_ROWS else " AND c.%s <> 0" % identifier(column)
        rows = shop.query("SELECT DISTINCT c.{c} FROM {t} c LEFT JOIN {p} p ON p.{k} = c.{c} WHERE c.{c} IS NOT NULL AND p.{k} IS"
                          " NULL{z} LIMIT 1000".format(c=identifier(column), t=identifier(table), p=identifier(parent),
                                                       k=identifier(target), z=zero))
        if rows:
            result[table, column, parent] = {str(row[0]) for row in rows}
    return result


def broken_keys(shop):
    """As dangling, of the foreign keys."""
    return dangling(shop, foreign_keys())


def broken_links(shop):
    """As dangling, of the columns that always hold an id of one table though no foreign key says so."""
    numbers = [link for link in soft_links() if shop.key(link[2]) == link[3]]
    return dangling(shop, numbers)


# numbers that the shop's own code has in it; the roots of trees; and who may do what, which is nobody's entity
FIXED_TABLES = {"catalog_product_link_type", "review_status", "cataloginventory_stock"}
FIXED_ROWS = {"core_store": 0, "core_website": 0, "core_store_group": 0, "customer_group": 0, "catalog_category_entity": 1}
BACKWARDS = {"eav_attribute_option", "customer_group", "tax_class", "catalog_product_entity", "customer_address_entity",
             "catalog_product_option", "catalog_product_option_type_value", "salesrule"}


class Numbers:
    """Other numbers for each table: all moved up by an odd amount of the table's own, for some tables in reverse order
    besides, so that nothing keeps a place by chance. Numbers stay in reach of the old ones: an id that somebody forgets
    to change names another row, not none."""

    def __init__(self, shop, random):
        self.shop = shop
        self.moves = {}
        for table, column in sorted(shop.counted.items()):
            if shop.key(table) is None or table in FIXED_TABLES or re.match(r"admin_|api2?_|oauth_", table):
                continue
            top = max([int(row[column]) for row in shop.rows(table)] or [0]) if not DERIVED.search(table) else 0
            odd = 2 * random.randrange(3, 40) + 1
            self.moves[table] = (top + odd + (top % 2), True) if table in BACKWARDS else (odd, False)

    def __call__(self, table, number):
        if table not in self.moves or FIXED_ROWS.get(table) == number:
            return number
        amount, backwards = self.moves[table]
        if not backwards:
            return number + amount
        # what leads nowhere today may be above every row there is
        return amount - number if number < amount else number + amount


def create_empty(shop, server, database=DATABASE):
    """The same tables in an empty database of another server, without rows."""
    statements = ["SET SESSION foreign_key_checks=0", "SET SESSION sql_mode=''"]
    for table in shop.columns:
        if not re.match(r"catalog_(product|category)_flat_", table):
            statements.append(re.sub(r" AUTO_INCREMENT=\d+", "", shop.query("SHOW CREATE TABLE " + identifier(table))[0][1]))
    server.run(*statements, database=database)


def copy(shop, connection, numbers=None, database=DATABASE, tables=None):
    """Every row of `shop` into empty tables at `connection`, with `numbers` in place of its own."""
    cursor = connection.cursor()
    for sql in ("SET NAMES utf8mb4", "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'", "SET SESSION foreign_key_checks=0",
                "SET SESSION unique_checks=0", "SET SESSION time_zone='+00:00'", "USE " + identifier(database), "BEGIN"):
        cursor.execute(sql)
    for table in tables or shop.tables():
        rows, key = shop.rows(table), shop.key(table)
        if numbers:
            referring = {column for column, _parent in shop.ids.by_table.get(table, ())}
            done = []
            for row in rows:
                new = shop.ids.row(table, row, numbers)
                if key and key not in referring:
                    new[key] = str(numbers(table, int(row[key]))) if row[key].isdigit() else row[key]
                done.append(new)
            rows = done
        for at in range(0, len(rows), 500):
            part = [tuple(row.values()) for row in rows[at:at + 500]]
            cursor.executemany("INSERT INTO %s (%s) VALUES (%s)" % (
                identifier(table), ", ".join(identifier(c) for c in shop.columns[table]), ", ".join(["%s"] * len(part[0]))), part)
    cursor.execute("COMMIT")
    cursor.execute("SET SESSION foreign_key_checks=1")
    if numbers:
        for table, (amount, _backwards) in numbers.moves.items():
            cursor.execute("SELECT COALESCE(MAX(%s), 0) FROM %s" % (identifier(shop.counted[table]), identifier(table)))
            limit = 65535 if shop.columns[table][shop.counted[table]] == "smallint" else 1 << 31
            top = int(cursor.fetchone()[0]) + amount
            if top < limit:
                cursor.execute("ALTER TABLE %s AUTO_INCREMENT=%d" % (identifier(table), top))
