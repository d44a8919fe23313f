"""How fast features are made: of years of bars for a learner, and of one more bar for a desk.

    python benchmarks/features.py --data FOLDER

The folder holds sol_usdt-1h.parquet and sol_usdt-funding.parquet. The features are the 20 that a
learner is told by default and 2 of funding. The peer is polars on one thread: once over whole
columns, as one would for training, and once over the last bars at each bar, as a bot does that has
its indicators by column. That both say the same is checked in the run. Then windows for an encoder,
of two symbols at stride 1, and the memory they take.
"""

import argparse
import os
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

os.environ["POLARS_MAX_THREADS"] = "1"

import numpy as np
import polars as pl

from tiltyard.features.learned import FUNDING, TECHNICAL, TIME
from tiltyard.features.table import Table, table_of
from tiltyard.features.technical import Indicators
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import candles_of
from tiltyard.shell.feeds.files import Feed, read_feed, read_funding

NAMES = (*TECHNICAL, *TIME, *FUNDING)
NEEDS = 169
"""Bars before the last feature is known."""
EIGHT_HOURS = pl.duration(hours=8)
BUDGET = 20_000
LIVE_BARS, LENGTH = 300, 96


def by_polars(bars: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """The same features by rolling columns."""
    high, low, close, volume = (pl.col(name) for name in ("high", "low", "close", "volume"))
    change, one = close.diff(), close.log().diff()
    closed = pl.col("timestamp") + pl.duration(hours=1)
    day = (closed.dt.hour().cast(pl.Float64) + closed.dt.minute() / 60) / 24
    week = (closed.dt.weekday() - 1 + day) / 7
    before = close.shift(1)
    reach = pl.max_horizontal(high, before) - pl.min_horizontal(low, before)

    def of(kind: str, n: int) -> pl.Expr:
        lowest, highest = low.rolling_min(n), high.rolling_max(n)
        gained = change.clip(lower_bound=0).rolling_sum(n)
        return {
            "return": close.log().diff(n),
            "volatility": one.rolling_std(n, ddof=0),
            "distance": (close / close.rolling_mean(n)).log(),
            "rsi": gained / change.abs().rolling_sum(n),
            "place": (close - lowest) / (highest - lowest),
            "relative_range": pl.when(before.is_not_null()).then(reach).rolling_mean(n) / close,
            "volume_ratio": (volume / volume.rolling_mean(n)).log(),
        }[kind]

    named = [(name, *name.rsplit("_", 1)) for name in TECHNICAL]
    waves = {"hour": day, "weekday": week}
    turned = [
        getattr(2 * np.pi * waves[name.rsplit("_", 1)[0]], name.rsplit("_", 1)[1])().alias(name)
        for name in TIME
    ]
    moved = [of(kind, int(n)).alias(name) for name, kind, n in named]
    table = bars.select(closed.alias("timestamp"), *moved, *turned)
    whole = pl.col("timestamp") - pl.col("timestamp").shift(20) <= 20 * EIGHT_HOURS
    mean = pl.when(whole).then(pl.col("funding_rate").rolling_mean(21))
    known = rates.select("timestamp", pl.col("funding_rate").alias("funding"),
                         mean.alias("funding_21"))  # fmt: skip
    return table.join_asof(known, on="timestamp", tolerance="8h").select(NAMES)


def best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of one core."""
    took = []
    for _ in range(times):
        began = process_time()
        work()
        took.append(process_time() - began)
    return min(took)


def check(ours: Table, theirs: pl.DataFrame) -> None:
    """Both know the same at the same bars."""
    other = theirs.to_numpy()
    apart = np.abs(ours.values - other)
    assert np.array_equal(np.isnan(ours.values), np.isnan(other)), "known at other bars"
    print(f"{'largest difference':<44}{np.nanmax(apart):>12.1e}")
    assert np.nanmax(apart) < 1e-8


def tell(what: str, seconds: float, bars: int) -> float:
    print(f"{what:<44}{1e6 * seconds / bars:>9.2f} µs a bar{bars / seconds:>14,.0f} bars/s")
    return bars / seconds


def windows(feeds: Sequence[Feed]) -> None:
    candles = [candles_of(feed.bars, feed.interval) for feed in feeds]
    scaler = ChannelScaler.fit(candles)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = best(lambda: windows_of(candles, LENGTH, scaler), times=1)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    count = sum(map(len, candles))
    tell(f"windows of {LENGTH}, two symbols, {peak} MB more", seconds, count)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=Path, required=True)
    data = options.parse_args().data
    feeds = [read_feed(data / f"{symbol}_usdt-1h.parquet") for symbol in ("sol", "btc")]
    windows(feeds)
    sol = feeds[0]
    funding = read_funding(data / "sol_usdt-funding.parquet")
    bars = pl.read_parquet(data / "sol_usdt-1h.parquet")
    rates = pl.read_parquet(data / "sol_usdt-funding.parquet").select("timestamp", "funding_rate")

    check(table_of(sol.bars, NAMES, HOUR, funding), by_polars(bars, rates))
    count = len(sol.bars)
    ours = tell("tiltyard, a table", best(lambda: table_of(sol.bars, NAMES, HOUR, funding)), count)
    theirs = tell("polars, whole columns", best(lambda: by_polars(bars, rates)), count)

    indicators = Indicators("SOL/USDT", NAMES, HOUR, funding)
    live = tell(
        "tiltyard, one more bar", best(lambda: [indicators.see(bar) for bar in sol.bars], 1), count
    )

    last_rates = rates.tail(LIVE_BARS // 8 + 22)

    def bar_by_bar() -> None:
        for last in range(count - LIVE_BARS, count):
            by_polars(bars[last - NEEDS + 1 : last + 1], last_rates)

    each = tell("polars, the last bars at each bar", best(bar_by_bar, 1), LIVE_BARS)
    print(f"{'a table, of polars':<44}{ours / theirs:>12.3f}")
    print(f"{'one more bar, of polars':<44}{live / each:>12.1f}")
    if ours < BUDGET:
        sys.exit(f"below {BUDGET:,} bars/s")


if __name__ == "__main__":
    main()
