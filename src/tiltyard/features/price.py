"""Indicators in quote currency: each is fed one bar after the other, and remembers what it needs.

``average`` and ``deviation`` are of the last closes, ``mean_range`` of the last bars; ``extreme``
looks at the bars *before* this one, so that a close can pass it.

>>> from datetime import UTC, datetime
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> see = mean_range(1)
>>> see(Bar("SOL/USDT", noon, 100.0, 101.0, 98.0, 100.5, 12.0))
3.0
"""

from collections import deque
from math import sqrt

from tiltyard.features.vector import Indicator
from tiltyard.market.bar import Bar


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


def extreme(length: int, *, sign: int) -> Indicator:
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
