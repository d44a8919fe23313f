"""The features of many bars as one table, made by the very indicators that a desk feeds.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> bars = [Bar("SOL/USDT", noon + n * HOUR, 1.0, 2.0, 1.0, 1.5, 4.0) for n in range(2)]
>>> table = table_of(bars, ["close", "average_2"], HOUR)
>>> table.names, table.values.tolist()
(('close', 'average_2'), [[1.5, nan], [1.5, 1.5]])
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import nan

import numpy as np
from numpy.typing import NDArray

from tiltyard.features.technical import Indicators
from tiltyard.market.bar import Bar
from tiltyard.market.costs import FundingRates


@dataclass(frozen=True, slots=True)
class Table:
    """The features of one symbol, a row for each bar.

    Attributes:
        symbol: As the venue writes it.
        as_of: When everything in a row was known, seconds since 1970, UTC; shape (n,).
        names: Of the columns.
        values: Shape (n, features); NaN where it is not known.
    """

    symbol: str
    as_of: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.as_of)


def table_of(
    bars: Sequence[Bar],
    names: Iterable[str],
    interval: timedelta,
    funding: FundingRates | None = None,
) -> Table:
    """The features of bars.

    Args:
        bars: Of one symbol, at least one; prices all of them, in time order.
        names: Which; each once.
        interval: How long a bar lasts.
        funding: The symbol's funding rates.

    Raises:
        TiltyardError: ``FEATURE_UNKNOWN``.
    """
    columns = tuple(dict.fromkeys(names))
    indicators = Indicators(bars[0].symbol, columns, interval, funding)
    as_of = np.empty(len(bars), dtype=np.int64)

    def cells() -> Iterator[float]:
        for row, bar in enumerate(bars):
            features = indicators.see(bar)
            as_of[row] = round(features.as_of.timestamp())
            for name in columns:
                yield features.values.get(name, nan)

    values = np.fromiter(cells(), dtype=np.float64, count=len(bars) * len(columns))
    return Table(bars[0].symbol, as_of, columns, values.reshape(len(bars), len(columns)))
