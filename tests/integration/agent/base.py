"""What the cases share."""

from follower import Follower, short, tables, write_config
from lib.server import SOURCE, Server, create_accounts
from lib.suite import Suite, expect

SUITE = Suite("agent")
FULL = "--binlog-row-metadata=FULL"
T = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40))"


def server(work, *options, name="source", number=71):
    source = Server(work, name, number, [*SOURCE, *options]).start()
    create_accounts(source, "source")
    return source


def shop(work, *options, **names):
    source = server(work, *options, **names)
    source.run("CREATE DATABASE shop", "CREATE DATABASE other", database=None)
    source.run(T, "CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM")
    return source


def contents(work, source, *statements, metadata=True):
    """What the agent makes of these statements, as short texts."""
    config = write_config(work, source)
    follow = Follower(work, config, "applied=" + source.gtid())
    source.run(*statements)
    follow.reached(source.gtid())
    follow.close()
    expect(not metadata or all(t["flags"] & 1 for t in tables(follow.lines).values()),
           "a table without column names")
    return follow, short(follow.lines)
