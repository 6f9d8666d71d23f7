"""A masked copy of a shop against its source: what is kept is equal, and nothing else is to be found anywhere.

Reads the preset with a few lines of its own, so that the program's reading of it is checked, too."""

import fnmatch
import os
import re
import subprocess

from lib.suite import Failure, expect

SHORTEST = 6  # a text below that is found by chance
MARKUP = re.compile(rb"[<>{}]")  # of mails and serialised arrays: says nothing of anybody
# the tests' own servers; a title of a review that a product was called as well, at some time; a part of names of columns
BY_CHANCE = {b"127.0.0.1", b"organic light smart", b"shipped"}


class Rules:
    """The rules of a preset: which columns are kept whatever the row says, which never are."""

    def __init__(self, path):
        self.rules = []
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                line = re.sub(r"(^|\s)#.*", "", line).strip()
                match = re.fullmatch(r"([^@\s\[]+?)(\[[^\]]*\])?\.([^.\s]+)\s+(\S+)(?:\s+(.*))?", line)
                if match:
                    self.rules.append((match[1], bool(match[2]), match[3].split(","), match[4]))
                else:
                    expect(not line or line.startswith("@"), "a rule that cannot be read: " + line)

    def of(self, table, column):
        """keep, masked, or depends (on the row); None: no rule."""
        found = set()
        for tables, condition, columns, method in reversed(self.rules):
            if fnmatch.fnmatchcase(table, tables) and any(fnmatch.fnmatch(column.lower(), c.lower()) for c in columns):
                found.add("depends" if method == "attribute" else "keep" if method == "keep" else "masked")
                if not condition:
                    return found.pop() if len(found) == 1 else "depends"
        return None


def schema(server):
    tables = {}
    for table, column, kind, key in server.query(
            "SELECT c.table_name, c.column_name, c.data_type, c.column_key FROM information_schema.columns c JOIN "
            "information_schema.tables t USING (table_schema, table_name) WHERE c.table_schema = 'openmage' AND t.table_type = "
            "'BASE TABLE' ORDER BY 1, c.ordinal_position"):
        tables.setdefault(table, []).append((column, kind, key == "PRI"))
    return tables


def rows(server, table, columns):
    if not columns:
        return []
    return server.query("SELECT %s FROM `%s`" % (", ".join("`%s`" % c for c in columns), table), "openmage")


def as_text(value):
    return value if isinstance(value, bytes) else str(value).encode()


def check_kept(source, destination, rules):
    """Rows as far as they are kept; the texts among them, as one."""
    corpus = set()
    for table, columns in schema(source).items():
        kinds = {column: rules.of(table, column) for column, _kind, _key in columns}
        expect(None not in kinds.values(), "%s: a column without a rule: %s" % (table, kinds))
        kept = [column for column in kinds if kinds[column] == "keep"]
        here = sorted(rows(source, table, kept), key=repr)
        there = sorted(rows(destination, table, kept), key=repr)
        if here != there:
            differing = [pair for pair in zip(here, there) if pair[0] != pair[1]][:2]
            raise Failure("%s: %d and %d rows; %r" % (table, len(here), len(there), differing))
        corpus.update(as_text(v) for row in here for v in row if isinstance(v, (str, bytes)))
    return b"\n".join(corpus)


def secrets(source, destination, rules, corpus):
    """Texts of the source that the destination has another value for, and that stand in nothing that is kept."""
    found, masked_columns = set(), set()
    for table, columns in schema(source).items():
        key = [column for column, _kind, is_key in columns if is_key]
        for column, _kind, is_key in columns:
            # what people search for is also what products were called, at some time
            if rules.of(table, column) == "keep" or (not key and not is_key) or table == "catalogsearch_query":
                continue
            if is_key:  # the key itself is masked: none of its values may be there
                there = {row[0] for row in rows(destination, table, [column])}
                different = [row[0] for row in rows(source, table, [column]) if row[0] not in there]
            else:
                there = {row[1:]: row[0] for row in rows(destination, table, [column, *key])}
                different = [row[0] for row in rows(source, table, [column, *key]) if row[0] != there.get(row[1:])]
            values = {as_text(v) for v in different if isinstance(v, (str, bytes)) and v}
            if values:
                masked_columns.add((table, column))
            found.update(values)
    kept = corpus.lower()
    return {s for s in found - BY_CHANCE if len(s) >= SHORTEST and s.lower() not in kept}, masked_columns


def expect_nowhere(work, program, texts):
    """Not in the destination server's files, nor in what the program has written."""
    patterns = work.path("secrets")
    with open(patterns, "wb") as out:
        for text in texts:
            lines = [line.strip() for line in re.split(rb"[\r\n]+", text)]
            out.write(b"".join(line + b"\n" for line in lines if len(line) >= SHORTEST and not MARKUP.search(line)))
    files = [os.path.join(folder, name) for top in (work.path("destination"), program.folder)
             for folder, _folders, names in os.walk(top) for name in names
             if not {"mysql", "sys", "performance_schema"} & set(os.path.relpath(folder, top).split(os.sep))
             and os.path.isfile(os.path.join(folder, name)) and name != "datasync.yaml"]
    done = subprocess.run(["grep", "-aoF", "-f", patterns, *files], stdout=subprocess.PIPE, check=False,
                          env=dict(os.environ, LC_ALL="C"))
    expect(done.returncode in (0, 1), "grep: exit %d" % done.returncode)
    hits = sorted({line[-300:].decode(errors="replace") for line in done.stdout.splitlines()})
    if hits:
        raise Failure("%d personal texts are found: %s" % (len(hits), "; ".join(hits[:10])))
