"""Small markets with everything that is awkward: holes, bars after which nobody decides, rates."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from tiltyard.learners.examples import Rows
from tiltyard.learners.tracks import Tracks, tracks_of
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

START = datetime(2025, 1, 1, tzinfo=UTC)
SINCE = round(START.timestamp())
SYMBOLS = ("BTC", "ETH", "SOL")


@dataclass(frozen=True)
class LittleMarket:
    """One of them.

    Attributes:
        candles: By symbol.
        rows: What is known; its only feature is how many hours after the beginning it is known.
        funding: Rates by symbol; SOL has none.
        tracks: Of all of it.
    """

    candles: dict[str, Candles]
    rows: Rows
    funding: dict[str, FundingRates]
    tracks: Tracks

    @property
    def spans(self) -> np.ndarray:
        return self.tracks.spans(0, SINCE + 10**9)


def little_market(
    seed: int, *, symbols: int = 3, hours: int = 80, holes: float = 0.08, unknown: float = 0.1,
    move: float = 0.02,
) -> LittleMarket:  # fmt: skip
    """A market by chance.

    Args:
        seed: Of all of it.
        symbols: How many.
        hours: Of the longest.
        holes: Share of the bars that are not there, and of the rates.
        unknown: Share of the bars after which nobody decides.
        move: Standard deviation of a bar's log return.
    """
    rng = np.random.default_rng(seed)
    candles = {name: _candles(name, hours, holes, move, rng) for name in SYMBOLS[:symbols]}
    rows = rows_known(candles, unknown, rng)
    funding = {
        name: FundingRates([
            (START + timedelta(hours=4 * n, milliseconds=late), float(rng.normal(0, 0.01)))
            for n in range(-3, hours // 4)
            if rng.random() >= holes
        ], timedelta(hours=4))
        for name, late in zip(SYMBOLS[: min(symbols, 2)], (0, 1), strict=False)
    }  # fmt: skip
    return LittleMarket(candles, rows, funding, tracks_of(candles, rows, funding))


def rows_known(candles: dict[str, Candles], unknown: float, rng: np.random.Generator) -> Rows:
    """Rows after most of the bars, by time and then by symbol."""
    known = sorted(
        (int(closed), place, number)
        for place, one in enumerate(candles.values())
        for number, closed in enumerate(one.closed_at)
        if rng.random() >= unknown
    )
    as_of, symbol, number = np.array(known, np.int64).reshape(-1, 3).T
    nothing = np.full(len(known), np.nan)
    x = ((as_of - SINCE) / 3600).astype(np.float32)[:, None]
    return Rows(x, nothing, nothing, as_of, symbol, number, tuple(candles), ("hour",), {})


def _candles(
    symbol: str, hours: int, holes: float, move: float, rng: np.random.Generator
) -> Candles:
    close = 100 * np.exp(np.cumsum(rng.normal(0, move, hours)))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, move / 4, hours))
    there = rng.random(hours) >= holes
    at = SINCE + 3600 * np.arange(hours, dtype=np.int64)
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    prices = (one[there] for one in (opened, high, low, close, np.ones(hours)))
    return Candles(symbol, HOUR, at[there], *prices)
