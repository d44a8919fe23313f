"""What a head learns from: a row for each bar, with all that was known when it had closed.

A row is the features that a desk would be told and the embedding of the last bars. Beside it stand
the volatility known then, and the move that came of it, which is NaN where nobody can know it. A
row without a feature, or whose window reaches over a hole, is none: the desk stays there, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.features.table import Table, table_of
from tiltyard.kernel.clock import time_text
from tiltyard.learners.acting import RANGE, VOLATILITY, Acting
from tiltyard.learners.encoder import Encoder
from tiltyard.learners.labels import moves_of
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.candles import Candles, bars_of
from tiltyard.market.costs import FundingRates

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MarketData:
    """The past that is learnt from and tested on.

    Attributes:
        candles: By symbol, all of one interval; what lies before ``since`` warms features up.
        since: The first decision, seconds since 1970; None for the first bar.
        until: Bars that have closed by then are known; None for all.
        funding: Rates by symbol, where there are any.
    """

    candles: Mapping[str, Candles]
    since: int | None = None
    until: int | None = None
    funding: Mapping[str, FundingRates] = field(default_factory=dict)

    @property
    def known(self) -> dict[str, Candles]:
        """The bars that have closed by the end, of symbols that have any, by name."""
        return {
            symbol: cut
            for symbol, one in sorted(self.candles.items())
            if len(cut := _within(one, None, self.until))
        }

    @property
    def interval(self) -> timedelta:
        """How long a bar lasts."""
        return next(iter(self.candles.values())).interval

    def told(self, until: int | None = None, since: int | None = None) -> dict[str, Any]:
        """What it is, for a lineage.

        Args:
            until: What comes later was not used; None for all of it.
            since: Bars that opened before it were not used; None for all of them.
        """
        last = self.until if until is None else until
        cut = {symbol: _within(one, since, last) for symbol, one in self.known.items()}
        used = {symbol: one for symbol, one in cut.items() if len(one)}
        opened = [int(one.opened_at[0]) for one in (used or self.known).values()]
        begun = (self.since if since is None else None) or min(opened)
        return {
            "since": begun,
            "until": max((int(one.closed_at[-1]) for one in used.values()), default=begun),
            "interval_seconds": round(self.interval.total_seconds()),
            "bars": {symbol: len(one) for symbol, one in used.items()},
            "sha256": {symbol: _sha256(one) for symbol, one in used.items()},
        }

    @property
    def funding_told(self) -> dict[str, Any]:
        """Which rates are known of its symbols, for a lineage; what is due later has none."""
        found = {}
        for symbol in self.known:
            rates = self.funding.get(symbol)
            known = [(round(at.timestamp()), rate) for at, rate in rates.known] if rates else []
            if self.until is not None:
                known = [one for one in known if one[0] <= self.until]
            if rates and known:
                times, values = zip(*known, strict=True)
                digest = sha256(np.array(times, np.int64).tobytes())
                digest.update(np.array(values, np.float64).tobytes())
                found[symbol] = {
                    "rates": len(known), "since": times[0], "until": times[-1],
                    "every_seconds": round(rates.every.total_seconds()),
                    "sha256": digest.hexdigest(),
                }  # fmt: skip
        return found


@dataclass(frozen=True, slots=True)
class Rows:
    """Examples of several symbols, by time and then by symbol.

    Attributes:
        x: Features and then the embedding; float32, shape (n, inputs).
        moves: In units of the volatility over the horizon; NaN where not known; shape (n,).
        volatility: Of a bar's log return, known then; shape (n,).
        as_of: When the last thing in a row was known, seconds since 1970; shape (n,).
        symbol: Whose, a place in ``symbols``; shape (n,).
        number: Of the bar among its symbol's; shape (n,).
        symbols: By name.
        names: Of the columns of ``x``.
        ranges: By symbol, the mean true range when each bar had closed, for stops.
    """

    x: NDArray[np.float32]
    moves: Floats
    volatility: Floats
    as_of: Integers
    symbol: Integers
    number: Integers
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    ranges: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.x)

    def between(self, since: int, until: int) -> NDArray[np.bool_]:
        """Which rows were known from one moment on and before the other; shape (n,)."""
        return (self.as_of >= since) & (self.as_of < until)


def rows_of(
    data: MarketData,
    features: Sequence[str],
    acting: Acting,
    encoder: Encoder,
    scaler: ChannelScaler,
) -> Rows:
    """All examples of a past; symbols that the scaler does not know have none.

    Args:
        data: The past.
        features: Names of what is told.
        acting: Its horizon is what moves are over, and it needs features of its own.
        encoder: Frozen.
        scaler: Of its channels.
    """
    candles = data.known
    needs = tuple(dict.fromkeys([*features, *acting.needs, RANGE]))
    tables = {
        symbol: table_of(list(bars_of(one)), needs, one.interval, data.funding.get(symbol))
        for symbol, one in candles.items()
    }
    moves = {
        symbol: moves_of(one, _column(tables[symbol], VOLATILITY), acting.horizon)
        for symbol, one in candles.items()
    }
    windows = windows_of(list(candles.values()), encoder.settings.length, scaler, since=data.since)
    count = len(windows)
    number = np.zeros(count, np.int64)
    told, volatility, move = np.zeros((count, len(features))), np.zeros(count), np.zeros(count)
    for place, symbol in enumerate(windows.symbols):
        mine = windows.symbol == place
        at = np.searchsorted(candles[symbol].closed_at, windows.as_of[mine])
        number[mine], move[mine] = at, moves[symbol][at]
        volatility[mine] = _column(tables[symbol], VOLATILITY)[at]
        told[mine] = tables[symbol].values[at][:, : len(features)]
    whole = np.isfinite(told).all(axis=1) & np.isfinite(volatility)
    embedded = encoder.embed(windows.data[whole])
    names = (*features, *(f"embedding_{n}" for n in range(embedded.shape[1])))
    return Rows(
        np.concatenate([told[whole].astype(np.float32), embedded], axis=1), move[whole],
        volatility[whole], windows.as_of[whole], windows.symbol[whole], number[whole],
        windows.symbols, names,
        {symbol: _column(table, RANGE) for symbol, table in tables.items()},
    )  # fmt: skip


def text_of(at: int) -> str:
    """A moment for people."""
    return time_text(datetime.fromtimestamp(at, UTC))


def _within(candles: Candles, since: int | None, until: int | None) -> Candles:
    """The bars that opened at one time or later, and had closed by the other."""
    if since is None and until is None:
        return candles
    start = 0 if since is None else int(np.searchsorted(candles.opened_at, since))
    stop = len(candles) if until is None else int(
        np.searchsorted(candles.closed_at, until, side="right")
    )  # fmt: skip
    part = slice(start, max(start, stop))
    return Candles(
        candles.symbol, candles.interval, candles.opened_at[part], candles.open[part],
        candles.high[part], candles.low[part], candles.close[part], candles.volume[part],
    )  # fmt: skip


def _column(table: Table, name: str) -> Floats:
    column: Floats = table.values[:, table.names.index(name)]
    return column


def _sha256(candles: Candles) -> str:
    digest = sha256(np.ascontiguousarray(candles.opened_at, np.int64).tobytes())
    for column in (candles.open, candles.high, candles.low, candles.close, candles.volume):
        digest.update(np.ascontiguousarray(column, np.float64).tobytes())
    return digest.hexdigest()
