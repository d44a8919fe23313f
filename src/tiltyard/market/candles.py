"""The bars of one symbol as columns, for who looks at thousands of them at once.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> candles = candles_of([Bar("SOL/USDT", noon, 100.0, 101.0, 99.0, 100.5, 12.0)], HOUR)
>>> candles.close.tolist(), candles.closed_at.tolist()
([100.5], [1751893200])
>>> [bar.close for bar in bars_of(candles)]
[100.5]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tiltyard.market.bar import Bar


@dataclass(frozen=True, slots=True)
class Candles:
    """Bars that are prices, in time order.

    Attributes:
        symbol: As the venue writes it.
        interval: How long a bar lasts.
        opened_at: Seconds since 1970, UTC; shape (n,), as are all columns.
        open: First price, quote currency.
        high: Highest.
        low: Lowest.
        close: Last.
        volume: Base units traded.
    """

    symbol: str
    interval: timedelta
    opened_at: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.opened_at)

    @property
    def closed_at(self) -> NDArray[np.int64]:
        """When everything in each bar is known, seconds since 1970."""
        return self.opened_at + round(self.interval.total_seconds())


def candles_of(bars: Sequence[Bar], interval: timedelta) -> Candles:
    """Bars of one symbol as columns.

    Args:
        bars: At least one; prices all of them, in time order.
        interval: How long each lasts.
    """
    opened_at = np.array([round(bar.opened_at.timestamp()) for bar in bars], dtype=np.int64)
    columns = np.array([bar[2:] for bar in bars], dtype=np.float64).T
    return Candles(bars[0].symbol, interval, opened_at, *columns)


def bars_of(candles: Candles, first: int = 0, stop: int | None = None) -> Iterator[Bar]:
    """The same bars one by one, or some of them.

    Args:
        candles: Of one symbol.
        first: The number of the first one.
        stop: The number of the first one that is no more wanted; None for all.
    """
    columns = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    told = (column[first:stop].tolist() for column in columns)
    for at, *prices in zip(candles.opened_at[first:stop].tolist(), *told, strict=True):
        yield Bar(candles.symbol, datetime.fromtimestamp(at, UTC), *prices)
