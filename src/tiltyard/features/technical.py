"""Indicators of price that policies name: each is fed one bar after the other.

A name says what it is: ``close``, ``average_20`` (of the last 20 closes), ``highest_55`` and
``lowest_55`` (of the 55 bars *before* this one, so that a close can pass them),
``deviation_20`` (standard deviation of the last 20 closes), ``range_14`` (mean true range of
14 bars). All are in quote currency. What has not seen enough bars has no value yet.

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

from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from math import sqrt

from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import Bar

Indicator = Callable[[Bar], float | None]
"""Takes one more bar; its value with it, or None while it warms up."""


class Indicators:
    """The indicators of one symbol.

    Args:
        symbol: Whose.
        names: Which.
        interval: How long a bar lasts.

    Raises:
        TiltyardError: ``FEATURE_UNKNOWN``.
    """

    def __init__(self, symbol: str, names: Iterable[str], interval: timedelta) -> None:
        self._symbol = symbol
        self._interval = interval
        self._indicators = [(name, indicator(name)) for name in dict.fromkeys(names)]

    def see(self, bar: Bar) -> Features:
        """One more bar, which has closed; what is known then."""
        values = {}
        for name, see in self._indicators:
            value = see(bar)
            if value is not None:
                values[name] = value
        return Features(self._symbol, bar.closes_at(self._interval), values)


def indicator(name: str) -> Indicator:
    """An indicator that has seen nothing yet.

    Raises:
        TiltyardError: ``FEATURE_UNKNOWN``.
    """
    if name == "close":
        return lambda bar: bar.close
    kind, _, length = name.rpartition("_")
    if kind not in _KINDS or not length.isdecimal() or not int(length):
        raise TiltyardError(
            "FEATURE_UNKNOWN", name, "no such indicator",
            f"expected close, or {', '.join(f'{kind}_N' for kind in sorted(_KINDS))}",
        )  # fmt: skip
    return _KINDS[kind](int(length))


def average(length: int) -> Indicator:
    """Mean of the last closes; summed anew once in a window, so that it does not drift."""
    closes: deque[float] = deque(maxlen=length)
    total, since = 0.0, 0

    def see(bar: Bar) -> float | None:
        nonlocal total, since
        if len(closes) == length:
            total -= closes[0]
        closes.append(bar.close)
        total += bar.close
        since += 1
        if since >= length:
            total, since = sum(closes), 0
        return total / length if len(closes) == length else None

    return see


def deviation(length: int) -> Indicator:
    """Standard deviation of the last closes, about their mean."""
    closes: deque[float] = deque(maxlen=length)

    def see(bar: Bar) -> float | None:
        closes.append(bar.close)
        if len(closes) < length:
            return None
        mean = sum(closes) / length
        return sqrt(sum((close - mean) ** 2 for close in closes) / length)

    return see


def mean_range(length: int) -> Indicator:
    """Mean true range: how far a bar reached, from the close before where that is further."""
    ranges: deque[float] = deque(maxlen=length)
    before: float | None = None

    def see(bar: Bar) -> float | None:
        nonlocal before
        high = bar.high if before is None else max(bar.high, before)
        low = bar.low if before is None else min(bar.low, before)
        before = bar.close
        ranges.append(high - low)
        return sum(ranges) / length if len(ranges) == length else None

    return see


def _extreme(length: int, *, sign: int) -> Indicator:
    """The highest high (sign 1) or lowest low (-1) of the bars before, in constant time a bar."""
    waiting: deque[tuple[int, float]] = deque()
    seen = 0

    def see(bar: Bar) -> float | None:
        nonlocal seen
        while waiting and waiting[0][0] < seen - length:
            waiting.popleft()
        value = sign * waiting[0][1] if seen >= length else None
        price = sign * (bar.high if sign > 0 else bar.low)
        while waiting and waiting[-1][1] <= price:
            waiting.pop()
        waiting.append((seen, price))
        seen += 1
        return value

    return see


_KINDS: dict[str, Callable[[int], Indicator]] = {
    "average": average,
    "deviation": deviation,
    "range": mean_range,
    "highest": lambda length: _extreme(length, sign=1),
    "lowest": lambda length: _extreme(length, sign=-1),
}
