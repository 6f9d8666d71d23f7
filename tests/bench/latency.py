"""Commit-to-visible latency: a native replica and datasync follow one source, a probe row is watched on both."""

import multiprocessing
import random
import time

import pymysql

from tests.bench.appliers import Field, attach, program
from tests.bench.workloads import ITEMS, Stock
from tests.lib.server import native_wait

PROBES = 500
LOAD_RATE = 500  # stock updates a second: what a serial replica keeps up with on a quiet machine
GIVE_UP = 30  # seconds; counted as that long
SERIES_SECONDS = 60  # a series ends early when followers fall behind


class Probed(Stock):
    """The stock workload's base; nothing is written but probes and load."""

    name = "latency"
    about = "commit at the source until visible at the destination"


def load(socket, stop):
    """Stock updates at LOAD_RATE until told to stop; runs in a process of its own."""
    connection = pymysql.connect(unix_socket=socket, user="root", database="shop", autocommit=True)
    rng, began, count = random.Random(9), time.monotonic(), 0
    with connection.cursor() as cursor:
        while not stop.is_set():
            cursor.execute("UPDATE cataloginventory_stock_item SET qty = %d WHERE product_id = %d AND stock_id = 1"
                           % (rng.randint(0, 5000), rng.randint(1, ITEMS)))
            count += 1
            ahead = began + count / LOAD_RATE - time.monotonic()
            if ahead > 0.002:
                time.sleep(ahead)


class Prober:
    """Commits numbered probes and polls the followers for them, all on one thread in turn."""

    def __init__(self, source, followers):
        self.source = source.connect("shop").cursor()
        self.followers = {name: server.connect("shop").cursor() for name, server in followers.items()}
        self.number = 0
        self.rng = random.Random(3)

    def probe(self):
        """{follower: milliseconds} for one commit."""
        self.number += 1
        self.source.execute("UPDATE core_config_data SET value = '%d' WHERE config_id = 1" % self.number)
        began, seen = time.perf_counter(), {}
        while len(seen) < len(self.followers):
            for name, cursor in self.followers.items():
                if name in seen:
                    continue
                cursor.execute("SELECT value FROM core_config_data WHERE config_id = 1")
                if cursor.fetchone()[0] == str(self.number):
                    seen[name] = (time.perf_counter() - began) * 1000
            if time.perf_counter() - began > GIVE_UP:
                seen.update((name, GIVE_UP * 1000.0) for name in self.followers if name not in seen)
        return seen

    def series(self, count):
        """{follower: sorted milliseconds} of `count` probes at random distances."""
        found, end = {name: [] for name in self.followers}, time.monotonic() + SERIES_SECONDS
        while len(next(iter(found.values()))) < count and time.monotonic() < end:
            for name, value in self.probe().items():
                found[name].append(value)
            time.sleep(self.rng.uniform(0.002, 0.02))
        return {name: sorted(values) for name, values in found.items()}


def percentiles(values):
    return {"p50_ms": round(values[len(values) // 2], 3), "p99_ms": round(values[len(values) * 99 // 100], 3),
            "probes": len(values)}


def measure(work, scale, with_program):
    """{"idle": {follower: percentiles}, "load": …}"""
    field = Field(work, Probed(scale))
    field.start_source()
    followers, sync = {"native": field.destination()}, None
    attach(followers["native"], field.source, field.workload.start)
    followers["native"].run("START SLAVE", database=None)
    field.source.run("UPDATE core_config_data SET value = '-1' WHERE config_id = 1")
    if with_program:
        followers["datasync"] = field.destination()
        sync = program(field, followers["datasync"], "latency").start()
        sync.wait_caught_up()
    native_wait(followers["native"], field.source.gtid())
    prober, result = Prober(field.source, followers), {}
    count = max(50, int(PROBES * scale))
    result["idle"] = {name: percentiles(values) for name, values in prober.series(count).items()}
    stop = multiprocessing.Event()
    loader = multiprocessing.Process(target=load, args=(field.source.socket, stop), daemon=True)
    loader.start()
    try:
        result["load"] = {name: percentiles(values) for name, values in prober.series(count).items()}
    finally:
        stop.set()
        loader.join()
    if sync is not None:
        sync.stop()
    for server in followers.values():
        field.dismiss(server)
    field.close()
    return result
