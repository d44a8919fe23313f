"""Hours of BTC and SOL with funding, as benchmarks of what learns read them."""

from pathlib import Path

import numpy as np

from tiltyard.features.learned import TECHNICAL, TIME
from tiltyard.features.table import table_of
from tiltyard.learners.examples import MarketData, Rows
from tiltyard.market.candles import bars_of, candles_of
from tiltyard.shell.feeds.files import read_feed, read_funding

SYMBOLS = ("btc", "sol")
FEATURES = (*TECHNICAL, *TIME)


def past(folder: Path) -> MarketData:
    """All there is of both, from ``btc_usdt-1h.parquet`` and its like."""
    candles, funding = {}, {}
    for symbol in SYMBOLS:
        feed = read_feed(folder / f"{symbol}_usdt-1h.parquet")
        candles[feed.symbol] = candles_of(feed.bars, feed.interval)
        funding[feed.symbol] = read_funding(folder / f"{symbol}_usdt-funding.parquet")
    return MarketData(candles, funding=funding)


def rows_of(data: MarketData) -> Rows:
    """What a learner is told by default, as it is, without an encoder and without labels."""
    parts, symbols = [], tuple(sorted(data.candles))
    for place, symbol in enumerate(symbols):
        candles = data.candles[symbol]
        table = table_of(
            list(bars_of(candles)), FEATURES, candles.interval, data.funding[symbol]
        )  # fmt: skip
        whole = np.flatnonzero(np.isfinite(table.values).all(1))
        parts.append((table.values[whole], table.as_of[whole], np.full(len(whole), place), whole))
    told, as_of, symbol_of, number = (np.concatenate(column) for column in zip(*parts, strict=True))
    none = np.zeros(len(told))
    return Rows(
        told.astype(np.float32), none, none, as_of, symbol_of, number, symbols, FEATURES, {}
    )
