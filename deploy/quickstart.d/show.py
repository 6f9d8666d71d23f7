#!/usr/bin/python3
"""The quickstart's stage hand: fills the shop, plays its day while showing what arrives, compares both sides."""
import argparse
import collections
import json
import os
import subprocess
import sys
import threading
import time

from seed import seed
from shop import Shop, connect

DAYS = {
    # what happens, how often, for how many seconds, from how many writers, at most how many actions a second each
    "business": (dict(register=3, abandon_cart=4, checkout=8, invoice=5, ship=4, refund=1, reprice=2, retouch=3,
                      add_product=2, move_category=1, edit_page=1, stock_update=4), 30, 2, 20),
    "interrupted": (dict(register=2, checkout=8, invoice=5, ship=4, refund=2, reprice=2, stock_update=4,
                         delete_order=1), 15, 2, 20),
    "storm": (dict(stock_update=400, checkout=12, delete_product=2, delete_order=3, delete_customer=1,
                   move_category=2, reprice=4, refund=4), 15, 3, 300),
}
CATCH_UP_SECONDS = 90
TABLES = "SELECT table_name AS name, engine FROM information_schema.tables WHERE table_schema = %s AND table_type =" \
         " 'BASE TABLE' ORDER BY table_name"
COLUMNS = "SELECT column_name, column_type, is_nullable, column_default, column_key, extra, collation_name FROM" \
          " information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position"


class Follower:
    """What `datasync status --json` says, and whether the process is there."""

    def __init__(self, args):
        self.command = [args.program, "status", "--config", args.config, "--json"]
        self.pid_file = args.pid_file
        self.socket = args.source
        self.source = None
        self.first_pid = self.pid()

    def status(self):
        done = subprocess.run(self.command, capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise SystemExit(f"`{' '.join(self.command)}` ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def pid(self):
        try:
            with open(self.pid_file, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def alive(self):
        try:
            os.kill(self.pid() or 0, 0)
            return self.pid() is not None
        except OSError:
            return False

    def look(self, kill_expected):
        """Status and whether the process is there. Ends the show when it failed; being gone is no failure for the
        process that was there at first, when it is expected to be killed."""
        status, alive = self.status(), self.alive()
        if status["state"] == "failed":
            raise SystemExit(f"    datasync failed: {status.get('error')}")
        if not alive and not (kill_expected and self.pid() == self.first_pid):
            raise SystemExit("    datasync has ended unexpectedly.")
        return status, alive

    def source_gtid(self):
        """Where the source is now, from the source itself."""
        if self.source is None:
            self.source = connect(self.socket)
        with self.source.cursor() as cursor:
            cursor.execute("SELECT @@GLOBAL.gtid_binlog_pos AS gtid")
            return cursor.fetchone()["gtid"]


class Line:
    """One line that is rewritten on a terminal, and printed every few seconds elsewhere."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self.last = 0.0

    def show(self, text):
        if self.terminal:
            print(f"\r\033[K    {text}"[:os.get_terminal_size().columns + 4], end="", flush=True)
        elif time.monotonic() - self.last >= 5:
            self.last = time.monotonic()
            print(f"    {text}", flush=True)

    def end(self, text=""):
        if self.terminal:
            print("\r\033[K", end="")
        if text:
            print(f"    {text}", flush=True)


class Writer(threading.Thread):
    """One of the shop's writers: does weighted random actions at a bounded rate until its time is over."""

    def __init__(self, socket, number, day):
        super().__init__(daemon=True)
        weights, self.seconds, _, self.rate = DAYS[day]
        self.names, self.weights = list(weights), list(weights.values())
        self.shop = Shop(socket, number)
        self.done = collections.Counter()
        self.error = None

    def run(self):
        start = time.monotonic()
        try:
            for turn in range(int(self.seconds * self.rate)):
                ahead = start + turn / self.rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
                if time.monotonic() - start > self.seconds:
                    break
                name = self.shop.rng.choices(self.names, self.weights)[0]
                self.done[self.shop.attempt(name)] += 1
        except Exception as error:  # shown by the thread that waits
            self.error = error
        finally:
            self.shop.close()


def number(value):
    return f"{value:,}".replace(",", " ")


def describe(status, alive):
    if not alive:
        return f"datasync is not running; its checkpoint stands at {status['applied']['gtid']}"
    lag = status["lag_seconds"]
    return (f"{number(status['rows'])} row changes in {number(status['transactions'])} transactions arrived · lag "
            f"{'unknown' if lag is None else f'{lag:g} s'} · {status['state']}")


def wait_caught_up(follower, line, kill_expected):
    """Until the destination's position is the source's. Returns the last status and the seconds that it took."""
    start = time.monotonic()
    while True:
        target = follower.source_gtid()
        status, alive = follower.look(kill_expected)
        if alive and status["applied"]["gtid"] == target and status["caught_up"] and not status["stale_tables"]:
            return status, time.monotonic() - start
        if time.monotonic() - start > CATCH_UP_SECONDS:
            raise SystemExit(f"    not caught up within {CATCH_UP_SECONDS} s: source at {target}, destination at "
                             f"{status['applied']['gtid']}, state {status['state']}")
        line.show(describe(status, alive))
        time.sleep(0.1)


def entity_lines(before, after):
    """Net changes per entity between two statuses."""
    out = []
    for name, counts in sorted(after["entities"].items()):
        old = before["entities"].get(name, {})
        new = [counts[key] - old.get(key, 0) for key in ("inserted", "updated", "deleted")]
        if any(new):
            out.append(f"{name:<16}{number(new[0]):>9} inserted {number(new[1]):>9} updated {number(new[2]):>9} deleted")
    return out


def play(args):
    follower, line = Follower(args), Line()
    before, writers = follower.status(), []
    kill_expected = args.day == "interrupted"
    for index in range(DAYS[args.day][2]):
        writers.append(Writer(args.source, args.seed + index, args.day))
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        status, alive = follower.look(kill_expected)
        line.show(f"shop: {number(sum(w.done.total() for w in writers))} actions → {describe(status, alive)}")
        time.sleep(0.2)
    errors = [writer.error for writer in writers if writer.error]
    if errors:
        raise SystemExit(f"    the shop failed: {errors[0]}")
    if args.day == "storm":
        change = Shop(args.source, 99)
        change.alter_schema()
        change.close()
    status, seconds = wait_caught_up(follower, line, kill_expected)
    done = sum((writer.done for writer in writers), collections.Counter())
    done.pop(None, None)
    line.end("The shop did:  " + ", ".join(f"{count} {name}" for name, count in done.most_common()))
    for text in entity_lines(before, status):
        line.end("  arrived      " + text)
    line.end(f"Caught up {seconds:.1f} s after the shop's last commit: both at {status['applied']['gtid']}.")


def wait(args):
    line = Line()
    status, seconds = wait_caught_up(Follower(args), line, False)
    line.end(f"Copied in {seconds:.1f} s. Source and destination are both at {status['applied']['gtid']}.")


def fill(args):
    start = time.monotonic()
    seed(args.source)
    with connect(args.source) as db, db.cursor() as cursor:
        cursor.execute(TABLES, "shop")
        tables = [row["name"] for row in cursor.fetchall()]
        rows = 0
        for name in tables:
            cursor.execute(f"SELECT COUNT(*) AS n FROM `{name}`")
            rows += cursor.fetchone()["n"]
    print(f"    {len(tables)} tables, {number(rows)} rows, in {time.monotonic() - start:.1f} s")


def facts(db):
    """Table name -> what must be equal on both sides: engine, columns, row count, checksum."""
    out = {}
    with db.cursor() as cursor:
        cursor.execute(TABLES, "shop")
        for row in cursor.fetchall():
            name = row["name"]
            cursor.execute(COLUMNS, ("shop", name))
            columns = tuple(tuple(column.values()) for column in cursor.fetchall())
            cursor.execute(f"SELECT COUNT(*) AS n FROM `{name}`")
            count = cursor.fetchone()["n"]
            cursor.execute(f"CHECKSUM TABLE `{name}`")
            out[name] = (row["engine"], columns, count, cursor.fetchone()["Checksum"])
    return out


def compare(args):
    with connect(args.source) as left, connect(args.destination) as right:
        source, destination = facts(left), facts(right)
    different = [name for name in sorted(source.keys() | destination.keys())
                 if source.get(name) != destination.get(name)]
    for name in different:
        for side, found in (("source", source.get(name)), ("destination", destination.get(name))):
            text = f"{found[0]}, {len(found[1])} columns, {found[2]} rows, checksum {found[3]}" if found else "no table"
            print(f"    DIFFERENT {name:<40} {side:<12} {text}")
    if different:
        raise SystemExit(f"    {len(different)} of {len(source)} tables differ.")
    largest = sorted(source, key=lambda name: -source[name][2])[:args.lines]
    print(f"    {'table':<40}{'rows':>10}{'rows there':>12}{'checksum':>14}{'there':>14}")
    for name in largest:
        here, there = source[name], destination[name]
        print(f"    {name:<40}{number(here[2]):>10}{number(there[2]):>12}{here[3]:>14}{there[3]:>14}")
    total = sum(fact[2] for fact in source.values())
    print(f"    … and {len(source) - len(largest)} more. All {len(source)} tables are equal: {number(total)} rows, "
          "columns and checksums.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, metavar="SOCKET")
    parser.add_argument("--destination", metavar="SOCKET")
    parser.add_argument("--program", default="datasync")
    parser.add_argument("--config", default="datasync.yaml")
    parser.add_argument("--pid-file")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fill").set_defaults(call=fill)
    commands.add_parser("wait").set_defaults(call=wait)
    day = commands.add_parser("play")
    day.add_argument("day", choices=DAYS)
    day.add_argument("--seed", type=int, default=100)
    day.set_defaults(call=play)
    both = commands.add_parser("compare")
    both.add_argument("--lines", type=int, default=10)
    both.set_defaults(call=compare)
    args = parser.parse_args()
    try:
        args.call(args)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
