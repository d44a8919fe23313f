"""A bar as an encoder sees it: four numbers without a scale, from it and the one before alone.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> one, two = (Bar("SOL/USDT", noon + n * HOUR, 1.0, 2.0, 1.0, 2.0, 4.0) for n in range(2))
>>> channels_of([one, two]).round(3).tolist()
[[0.0, 0.693, 0.5, 0.0]]
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tiltyard.market.bar import Bar
from tiltyard.market.candles import Candles

CHANNELS: tuple[str, ...] = ("return", "range", "close_in_range", "volume_change")
"""Log of the close over the close before; log of the high over the low; where the bar closed
between them, from -.5 to .5, 0 where they are one; log of the volume over the volume before."""


def channels(candles: Candles) -> NDArray[np.float64]:
    """Of each bar but the first; shape (n - 1, 4).

    Args:
        candles: A bar after a hole is taken to follow the one before it: whoever minds, leaves
            that row out.
    """
    return _channels(candles.high, candles.low, candles.close, candles.volume)


def channels_of(bars: Sequence[Bar]) -> NDArray[np.float64]:
    """The same of recent bars; shape (n - 1, 4), or (0, 4).

    Args:
        bars: Of one symbol, prices all of them, in time order.
    """
    columns = np.array([bar[3:] for bar in bars], dtype=np.float64).reshape(-1, 4).T
    return _channels(*columns)


def _channels(
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    volume: NDArray[np.float64],
) -> NDArray[np.float64]:
    high, low = high[1:], low[1:]
    width = high - low
    inside = np.divide(close[1:] - low, width, out=np.full_like(width, 0.5), where=width > 0)
    changes = np.diff(np.log(close)), np.diff(np.log(volume))
    return np.stack([changes[0], np.log(high) - np.log(low), inside - 0.5, changes[1]], axis=1)
