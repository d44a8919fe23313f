"""Indicators without a scale: they mean the same at 2 and at 200 USDT, so that one can learn them.

Each is made anew from the last bars, in their order. So its value depends on these bars alone,
and is the same to the last bit wherever the bars that it was fed began. That costs a little with
every bar of its length, in loops that are not Python's.

``return_24``: log return over 24 bars. ``volatility_24``: standard deviation, about their mean,
of the last 24 log returns of one bar. ``distance_20``: log of the close over the average of the
last 20. ``rsi_14``: what the last 14 changes of the close gained, of all that they moved, 0 to 1;
.5 where nothing moved (Wilder, New Concepts in Technical Trading Systems, 1978, with plain
averages: his never forget). ``place_24``: where the close lies between the lowest low and the
highest high of the last 24 bars, this one included, 0 to 1; .5 where these are one.
``relative_range_14``: mean true range of the last 14 bars over the close. ``volume_ratio_24``:
log of the volume over the mean of the last 24.

>>> from datetime import UTC, datetime, timedelta
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> see = place(2)
>>> see(Bar("SOL/USDT", noon, 100.0, 101.0, 99.0, 100.0, 1.0))
>>> see(Bar("SOL/USDT", noon + timedelta(hours=1), 100.0, 104.0, 100.0, 103.0, 1.0))
0.8
"""

from collections import deque
from math import dist, log, sqrt

from tiltyard.features.price import mean_range
from tiltyard.features.vector import Indicator
from tiltyard.market.bar import Bar


def log_return(length: int) -> Indicator:
    """Over so many bars; needs the close before them."""
    logs: deque[float] = deque(maxlen=length + 1)

    def see(bar: Bar) -> float | None:
        logs.append(log(bar.close))
        return logs[-1] - logs[0] if len(logs) > length else None

    return see


def volatility(length: int) -> Indicator:
    """Of the last one-bar log returns, per bar; needs the close before them."""
    see_return = log_return(1)
    returns: deque[float] = deque(maxlen=length)

    def see(bar: Bar) -> float | None:
        if (value := see_return(bar)) is not None:
            returns.append(value)
        if len(returns) < length:
            return None
        return dist(returns, (sum(returns) / length,) * length) / sqrt(length)

    return see


def distance(length: int) -> Indicator:
    """Of the close from its average."""
    closes: deque[float] = deque(maxlen=length)

    def see(bar: Bar) -> float | None:
        closes.append(bar.close)
        return log(bar.close) - log(sum(closes) / length) if len(closes) == length else None

    return see


def rsi(length: int) -> Indicator:
    """Gains over gains and losses of the last changes; needs the close before them."""
    gains: deque[float] = deque(maxlen=length)
    losses: deque[float] = deque(maxlen=length)
    before: float | None = None

    def see(bar: Bar) -> float | None:
        nonlocal before
        if before is not None:
            gains.append(max(bar.close - before, 0.0))
            losses.append(max(before - bar.close, 0.0))
        before = bar.close
        if len(gains) < length:
            return None
        gained = sum(gains)
        moved = gained + sum(losses)
        return gained / moved if moved else 0.5

    return see


def place(length: int) -> Indicator:
    """Of the close between the lowest and the highest price."""
    highs: deque[float] = deque(maxlen=length)
    lows: deque[float] = deque(maxlen=length)

    def see(bar: Bar) -> float | None:
        highs.append(bar.high)
        lows.append(bar.low)
        if len(highs) < length:
            return None
        lowest, highest = min(lows), max(highs)
        return (bar.close - lowest) / (highest - lowest) if highest > lowest else 0.5

    return see


def relative_range(length: int) -> Indicator:
    """Mean true range over the close; needs the close before the first bar of it."""
    see_range = mean_range(length)
    seen = 0

    def see(bar: Bar) -> float | None:
        nonlocal seen
        seen += 1
        reach = see_range(bar)
        return reach / bar.close if reach is not None and seen > length else None

    return see


def volume_ratio(length: int) -> Indicator:
    """Of the volume to its mean."""
    volumes: deque[float] = deque(maxlen=length)

    def see(bar: Bar) -> float | None:
        volumes.append(bar.volume)
        return log(bar.volume) - log(sum(volumes) / length) if len(volumes) == length else None

    return see
