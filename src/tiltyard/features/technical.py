"""Indicators that policies name: each is fed one bar after the other.

A name says what it is. In quote currency: ``close``, ``average_20`` (of the last 20 closes),
``highest_55`` and ``lowest_55`` (of the 55 bars *before* this one, so that a close can pass
them), ``deviation_20`` (standard deviation of the last 20 closes), ``range_14`` (mean true range
of 14 bars). Without a scale, for who learns: :mod:`tiltyard.features.scale_free`,
:mod:`tiltyard.features.closing_time`, :mod:`tiltyard.features.funding`. What has not seen enough
bars has no value yet.

Bars are counted as they come: after a hole the bars on both sides of it are neighbours.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR
>>> start = datetime(2025, 7, 7, tzinfo=UTC)
>>> indicators = Indicators("SOL/USDT", ["close", "average_2"], HOUR)
>>> for n, close in enumerate((100.0, 102.0)):
...     features = indicators.see(
...         Bar("SOL/USDT", start + n * HOUR, close, close + 1, close - 1, close, 1.0))
>>> dict(features.values)
{'close': 102.0, 'average_2': 101.0}
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from tiltyard.features import price, scale_free
from tiltyard.features.closing_time import CLOSING_TIME
from tiltyard.features.funding import funding_rate
from tiltyard.features.vector import Features, Indicator
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import Bar
from tiltyard.market.costs import FundingRates

OF_BARS: Mapping[str, Callable[[int], Indicator]] = {
    "average": price.average,
    "deviation": price.deviation,
    "range": price.mean_range,
    "highest": lambda length: price.extreme(length, sign=1),
    "lowest": lambda length: price.extreme(length, sign=-1),
    "return": scale_free.log_return,
    "volatility": scale_free.volatility,
    "distance": scale_free.distance,
    "rsi": scale_free.rsi,
    "place": scale_free.place,
    "relative_range": scale_free.relative_range,
    "volume_ratio": scale_free.volume_ratio,
}
"""Made of the last bars, by what stands before their number."""
ALONE = ("close", *CLOSING_TIME, "funding")
"""Names that stand alone."""
COUNTED = (*OF_BARS, "funding")
"""Names that a number follows: ``average`` for ``average_20``."""


class Indicators:
    """The indicators of one symbol.

    Args:
        symbol: Whose.
        names: Which.
        interval: How long a bar lasts.
        funding: The symbol's funding rates; without them nothing is known of funding.

    Raises:
        TiltyardError: ``FEATURE_UNKNOWN``.
    """

    def __init__(
        self,
        symbol: str,
        names: Iterable[str],
        interval: timedelta,
        funding: FundingRates | None = None,
    ) -> None:
        self._symbol = symbol
        self._interval = interval
        self._indicators = [
            (name, indicator(name, interval, funding)) for name in dict.fromkeys(names)
        ]

    def see(self, bar: Bar) -> Features:
        """One more bar, which has closed; what is known then."""
        values = {}
        for name, see in self._indicators:
            value = see(bar)
            if value is not None:
                values[name] = value
        return Features(self._symbol, bar.closes_at(self._interval), values)


def indicator(name: str, interval: timedelta, funding: FundingRates | None = None) -> Indicator:
    """An indicator that has seen nothing yet.

    Args:
        name: Which.
        interval: How long a bar lasts.
        funding: As in :class:`Indicators`.

    Raises:
        TiltyardError: ``FEATURE_UNKNOWN``.
    """
    if name == "close":
        return lambda bar: bar.close
    if name in CLOSING_TIME:
        return CLOSING_TIME[name](interval)
    if name == "funding":
        return funding_rate(1, interval, funding)
    kind, _, number = name.rpartition("_")
    length = int(number) if number.isdecimal() else 0
    if kind not in COUNTED or not length:
        raise TiltyardError(
            "FEATURE_UNKNOWN", name, "no such indicator",
            f"expected {', '.join((*ALONE, *(f'{kind}_N' for kind in sorted(COUNTED))))}",
        )  # fmt: skip
    return funding_rate(length, interval, funding) if kind == "funding" else OF_BARS[kind](length)
