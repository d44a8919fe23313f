"""What measuring an encoder's drift costs a desk: how long halts take meanwhile, done in which way.

As in ``halt_latency.py`` a running desk watches 50 bots, and timed is from a breaching trade's
commit to the halt in the audit. Meanwhile drifts are measured one after the other, which a desk
does for some seconds every six hours: by nobody; as the desk does it, by a process of the lowest
priority; by a process of the usual one; by a thread of the desk. In turns, so that whoever else
is at work on the machine disturbs all alike. The baseline is a year of windows, and what is
compared with it 90 days, of two symbols every third hour.

    python benchmarks/drift_latency.py [--rounds 3]
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from halt_latency import heads, machine, measure, row
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot_folder import save
from tiltyard.learners.timesnet import TimesNetSettings, train
from tiltyard.learners.timesnet_snapshot import snapshot_of
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import candles_of
from tiltyard.shell.drift.apart import Apart
from tiltyard.shell.drift.task import Measured, Task

START = datetime(2024, 1, 1, tzinfo=UTC)
YEAR, LATELY = 365 * 24, 90 * 24
SYMBOLS = ("BTC/USDT", "SOL/USDT")
SETTINGS = TimesNetSettings(length=24, embedding=8, epochs=1)
DESK = (sys.executable, "-m", "tiltyard")
APART = (sys.executable, "-m", "tiltyard.shell.drift")
USUAL = "import os, runpy; os.nice = lambda _: 0; runpy.run_module({0!r}, run_name='__main__')"
INSIDE = """
import json, sys, threading
from pathlib import Path
from tiltyard.shell.drift.measuring import measure
from tiltyard.shell.drift.task import Task

def on_and_on():
    task = Task.from_json(json.loads(sys.argv.pop(1)))
    while True:
        measure(task)

beside = threading.Thread(target=on_and_on, daemon=True)
beside.start()
from tiltyard.__main__ import main
main()
"""


def drawn(symbol: str, rng: np.random.Generator) -> list[Bar]:
    """Hours that move by 1 %, each by itself."""
    hours = YEAR + LATELY
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, hours)))
    opens = np.concatenate([[100], closes[:-1]])
    above, below = np.exp(np.abs(rng.normal(0, 0.01, (2, hours))))
    columns = np.stack([
        opens, np.maximum(opens, closes) * above, np.minimum(opens, closes) / below, closes,
        np.exp(rng.normal(5, 0.5, hours)),
    ], axis=1)  # fmt: skip
    return [Bar(symbol, START + n * HOUR, *row) for n, row in enumerate(columns.tolist())]


def world(folder: Path) -> Task:
    """A snapshot of a year, and bars of that and the 90 days after it."""
    rng = np.random.default_rng(7)
    (folder / "bars").mkdir()
    candles = []
    for symbol in SYMBOLS:
        bars = drawn(symbol, rng)
        columns = {name: [getattr(bar, name) for bar in bars] for name in Bar._fields[2:]}
        frame = pl.DataFrame({"date": [bar.opened_at for bar in bars], **columns})
        frame.write_parquet(folder / "bars" / f"{symbol.replace('/', '_')}-1h.parquet")
        candles.append(candles_of(bars[:YEAR], HOUR))
    scaler = ChannelScaler.fit(candles)
    baseline = windows_of(candles, SETTINGS.length, scaler, stride=3)
    some = windows_of(candles, SETTINGS.length, scaler, stride=60)
    fitted = train(SETTINGS, some, seed=7, job=Job())
    made = snapshot_of(SETTINGS, fitted, baseline, channels=scaler.to_json(), data={}, seed=7)
    served = replace(
        made,
        kind="tabnet",
        weights={f"encoder.{name}": one for name, one in made.weights.items()},
        settings={"encoder": asdict(SETTINGS), "symbols": SYMBOLS, "interval_seconds": 3600},
    )
    path = save(served, folder / "models", START)
    now = START + (YEAR + LATELY) * HOUR
    return Task(path.name, "", folder / "models", folder / "bars", timedelta(days=90), now)


def once(task: Task, command: Sequence[str] = APART) -> tuple[float, Measured]:
    """Seconds that a process takes, begun as a desk begins one, and what it finds."""
    began = time.perf_counter()
    found = Apart(command).measure(task)
    assert found is not None, "nobody has ended it"
    return time.perf_counter() - began, found


@contextmanager
def meanwhile(task: Task, command: Sequence[str]) -> Iterator[list[float]]:
    """One process after the other; the seconds that they took."""
    took: list[float] = []
    over = threading.Event()

    def go() -> None:
        while command and not over.is_set():
            took.append(once(task, command)[0])

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield took
    finally:
        over.set()
        thread.join()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        task = world(Path(name))
        first, found_first = once(task)
        again, _ = once(task)
        print(f"{machine()}; {rounds} rounds of 50 halts at 50 trades/s")
        of = f"{found_first.windows:,} windows against a year, {found_first.state}"
        print(f"a drift of {of}: {first:.1f} s, {again:.1f} s once the baseline is embedded")
        ways: dict[str, tuple[Sequence[str], Sequence[str]]] = {
            "nobody": ((), DESK),
            "process, lowest": (APART, DESK),
            "process, usual": ((sys.executable, "-c", USUAL.format(APART[-1])), DESK),
            "thread": ((), (sys.executable, "-c", INSIDE, json.dumps(task.to_json()))),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        drifts: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, (command, desk) in ways.items():
                with tempfile.TemporaryDirectory() as folder, meanwhile(task, command) as took:
                    url = f"sqlite:///{folder}/desk.db"
                    found[way] += measure(url, 50, Path(folder), desk)[0]
                drifts[way] += took
    print(f"{'drift measured by':<18}{heads()}{'seconds of a drift':>22}")
    for way, halts in found.items():
        mean = f"{sum(drifts[way]) / len(drifts[way]):.1f}" if drifts[way] else "–"
        print(f"{way:<18}{row(halts)}{mean:>22}")


if __name__ == "__main__":
    main()
