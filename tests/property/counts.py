"""What `status --json` has counted must fit together, and fit the source's binlog."""

import os

from ddl import TABLES
from lib.binlog import events, primary_keys, rolled_back
from lib.lab import Difference

LATE = ("mem", "mem_nk", "mym", "mym_nk", "aria")  # cannot roll back: what a new copy of them has is passed over


def check(lab, part):
    """Over all entities what was inserted, updated, deleted and folded are the row events of the source, whatever was killed
    and cut in between. But for those that are two writes, a changed key or a row without one, those that are rolled back, and, in
    tables that cannot roll back, those that came in a copy. `part`: rows are left out, and these are counted for no entity. Returns a note."""
    status = lab.program.status()
    summed = sum(counts[name] for counts in status["entities"].values() for name in ("inserted", "updated", "deleted", "folded"))
    twice = passed = 0
    keys = primary_keys(lab.source, "shop")
    files = [os.path.join(lab.source.datadir, row[0]) for row in lab.source.query("SHOW BINARY LOGS")]
    back = rolled_back(files)
    for transaction, table, operation, before, after in events(files, "shop"):
        key = keys.get(table) if table not in TABLES else None  # what DDL changes may have had none
        twice += operation == "update" and (not key or any(after.get(column, before[column]) != before[column] for column in key))
        passed += table in LATE or transaction in back
    more = summed - status["rows"]
    note = "%d transactions followed, %d row events, %+d of %d entities" % (status["transactions"], status["rows"], more,
                                                                            len(status["entities"]))
    if more > twice or (more < -passed and not part):
        raise Difference("status has %d row events, and %d of entities; %d may be two writes, %d be passed over: %s" % (
            status["rows"], summed, twice, passed, status["entities"]))
    return note
