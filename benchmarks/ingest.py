"""How many trades a second a parquet file brings into SQLite, and in how much memory.

The peer is the least that could be done: polars reads the file and the driver's
``executemany`` inserts seven columns, with no checks, no exactness and no audit.

    python benchmarks/ingest.py [--trades 200000]
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tiltyard.kernel.money import money
from tiltyard.shell.ingest import Reading, ingest
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger

START = datetime(2024, 1, 1, tzinfo=UTC)


def write(path: Path, trades: int) -> None:
    rng = np.random.default_rng(7)
    opened = [START + timedelta(minutes=n) for n in range(trades)]
    pl.DataFrame(
        {
            "trade_id": [str(n) for n in range(trades)],
            "policy": [f"policy{n % 20}" for n in range(trades)],
            "symbol": ["SOL/USDT"] * trades,
            "side": ["long"] * trades,
            "opened_at": opened,
            "closed_at": [time + timedelta(minutes=30) for time in opened],
            "pnl": np.round(rng.normal(1, 10, trades), 6),
        }
    ).write_parquet(path)


def ours(file: Path, folder: Path) -> None:
    with Ledger.open(str(folder / "ours.db"), create=True) as ledger:
        how = Reading(register=True, capital=money(1000))
        ingest(ledger, file, how, load(), datetime(2026, 11, 1, tzinfo=UTC))


def bare(file: Path, folder: Path) -> None:
    frame = pl.read_parquet(file).with_columns(pl.col("opened_at", "closed_at").dt.timestamp())
    with sqlite3.connect(folder / "bare.db") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE trades (a TEXT, b TEXT, c TEXT, d TEXT, e, f, g)")
        connection.executemany("INSERT INTO trades VALUES (?,?,?,?,?,?,?)", frame.iter_rows())


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--trades", type=int, default=200_000)
    options.add_argument("--only", choices=("ours", "bare"))
    options.add_argument("--file", type=Path)
    given = options.parse_args()
    if given.only:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            {"ours": ours, "bare": bare}[given.only](given.file, Path(folder))
            seconds = time.perf_counter() - start
        status = Path("/proc/self/status").read_text("ascii")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        megabytes = int(peak.split()[1]) / 1024
        print(f"{seconds:.3f} {megabytes:.0f}")
        return
    with tempfile.TemporaryDirectory() as folder:
        for trades in (given.trades // 4, given.trades):
            file = Path(folder) / f"{trades}.parquet"
            write(file, trades)
            for name in ("ours", "bare"):
                ran = subprocess.run(
                    [sys.executable, __file__, "--only", name, "--file", str(file)],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                seconds, megabytes = map(float, ran.stdout.split())
                print(
                    f"{name:<6}{trades:>10,} trades {seconds:8.2f} s "
                    f"{trades / seconds:>10,.0f} trades/s {megabytes:6.0f} MB peak"
                )


if __name__ == "__main__":
    main()
