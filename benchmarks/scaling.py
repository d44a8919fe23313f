"""What grows with what: a desk over more trades, and a desk over more arms, on both databases.

One axis at a time, each case in a process of its own: so many trades of 20 arms, or 60 trades of so
many arms. Timed are the ingest, the start of a desk until it has judged everything, a step with one
trade, and one in which everything is judged; beside them the most memory that it had, and the size
of the database. In brackets is the ratio to the first line of an axis.

Postgres is a cluster of its own, in a temporary folder, with ``fsync`` on.

    python benchmarks/scaling.py [--trades 20000 80000 320000] [--arms 10 100 1000]
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from halt_latency import database, machine, populate, stores
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.shell.clock import system_now
from tiltyard.shell.commanding import take
from tiltyard.shell.live import TICK, LiveDesk
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger

FEW_ARMS, FEW_TRADES = 20, 60
MINUTE = timedelta(minutes=1)
ROUNDS = 15
CHUNK = 5_000
HEADS = (
    "ingest s", "start s", "one trade ms", "all judged ms", "memory MB", "database MB",
)  # fmt: skip


def trade(name: str, number: int, closed: datetime) -> Trade:
    """Two that win and one that loses, without a fall worth the name."""
    pnl = money(2 if number % 3 else -2)
    opened = closed - MINUTE
    return Trade(
        "bench", f"{name}-{number}", name, "BTC/USDT", "long", opened, closed, pnl, risk=money(2)
    )


def fill(ledger: Ledger, names: list[str], each: int, now: datetime) -> float:
    """Seconds in which so many trades of each arm were brought in."""
    first = now - each * MINUTE
    every = (
        trade(name, number, first + number * MINUTE) for number in range(each) for name in names
    )
    began = time.perf_counter()
    with ledger.staging() as staging:
        batch: list[tuple[int, Trade, bool]] = []
        for row, one in enumerate(every):
            batch.append((row, one, False))
            if len(batch) == CHUNK:
                staging.add(batch)
                batch = []
        staging.add(batch)
        staging.commit(now=now, known_at=now)
    return time.perf_counter() - began


def bytes_of(ledger: Ledger) -> int:
    """Of the database, as it says itself."""
    is_file = ledger.url.get_backend_name() == "sqlite"
    size = "page_count * page_size FROM pragma_page_count, pragma_page_size"
    query = f"SELECT {size if is_file else 'pg_database_size(current_database())'}"
    with ledger.snapshot() as still:
        return int(still.connection.scalar(sa.text(query)) or 0)


def measured(address: str, arms: int, trades: int) -> Mapping[str, float]:
    """One case, in this process."""
    names = [f"reinforcement_20250101_000000_{number:08x}" for number in range(arms)]
    with Ledger.open(address, create=True) as ledger:
        populate(ledger, names)
        now = system_now()
        ingest = fill(ledger, names, trades // arms, now)
        token = take(ledger, "bench", now)
        assert token is not None
        desk = LiveDesk(ledger, load(), token, night_after=None)
        began = time.perf_counter()
        desk.start()
        desk.step(now)
        while desk.is_behind:
            desk.step(now)
        start = time.perf_counter() - began
        one, every = [], []
        for number in range(ROUNDS):
            at = now + (number + 1) * TICK / 5  # between two looks at everything
            with ledger.staging() as staging:
                staging.add([(0, trade(names[0], trades + number, at), False)])
                staging.commit(now=at, known_at=at)
            one.append(timed_step(desk, at))
        for number in range(ROUNDS):
            at = now + (number + 5) * TICK
            every.append(timed_step(desk, at))
        assert desk.trouble is None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        values = (ingest, start, 1e3 * statistics.median(one), 1e3 * statistics.median(every),
                  peak, bytes_of(ledger) / 1e6)  # fmt: skip
    return dict(zip(HEADS, values, strict=True))


def timed_step(desk: LiveDesk, now: datetime) -> float:
    """Seconds of a step."""
    began = time.perf_counter()
    desk.step(now)
    return time.perf_counter() - began


def cases(trades: list[int], arms: list[int]) -> Iterator[tuple[str, list[tuple[int, int, int]]]]:
    """Axes, each with what grows, arms and trades."""
    yield f"trades, of {FEW_ARMS} arms", [(count, FEW_ARMS, count) for count in trades]
    every = [(count, count, FEW_TRADES * count) for count in arms]
    yield f"arms, of {FEW_TRADES} trades each", every


def main() -> None:
    """Measure, and print a table for each database."""
    options = argparse.ArgumentParser()
    options.add_argument("--trades", type=int, nargs="+", default=[20_000, 80_000, 320_000])
    options.add_argument("--arms", type=int, nargs="+", default=[10, 100, 1_000])
    options.add_argument("--store", choices=("sqlite", "postgres"))
    options.add_argument("--case", nargs=3)
    given = options.parse_args()
    if given.case:
        address, arms, count = given.case
        print(json.dumps(measured(address, int(arms), int(count))))
        return
    print(machine())
    for store in stores(given.store):
        for axis, some in cases(given.trades, given.arms):
            print(f"\n{store}: {axis}\n{'':>10}" + "".join(f"{head:>19}" for head in HEADS))
            first: Mapping[str, float] = {}
            for grown, arms, count in some:
                now = in_a_process(store, arms, count)
                first = first or now
                shown = "".join(
                    f"{now[head]:>11.2f} ({now[head] / first[head]:>5.1f})" for head in HEADS
                )
                print(f"{grown:>10,}{shown}", flush=True)


def in_a_process(store: str, arms: int, trades: int) -> Mapping[str, float]:
    """What a process of its own measures."""
    with tempfile.TemporaryDirectory() as folder, database(store, Path(folder)) as address:
        ran = subprocess.run(
            [sys.executable, __file__, "--case", address, str(arms), str(trades)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    told: Mapping[str, float] = json.loads(ran.stdout)
    return told


if __name__ == "__main__":
    main()
