"""Windows of bars for an encoder: so many bars in a row, standardised symbol by symbol.

In come the bars of several symbols as columns; out go their :mod:`channels
<tiltyard.features.channels>`, cut into windows that overlap, on one clock. A window is known when
its last bar has closed. One that reaches over a hole is left out, for the bars on both sides of
it are no neighbours. What is standardised with is fitted once, on the range that is trained on.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import HOUR, Bar
>>> from tiltyard.market.candles import candles_of
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> bars = [Bar("SOL/USDT", noon + n * HOUR, 1.0, 2.0, 1.0, 1.5, 4.0) for n in range(5)]
>>> candles = [candles_of(bars, HOUR)]
>>> windows = windows_of(candles, 3, ChannelScaler.fit(candles))
>>> windows.data.shape, windows.symbols
((2, 3, 4), ('SOL/USDT',))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tiltyard.features.channels import CHANNELS, channels
from tiltyard.market.candles import Candles

STEADY = 1e-12
"""A channel that varies by less does not vary."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of several symbols, by time and then by symbol.

    Attributes:
        data: Standardised channels; float32, shape (n, length, 4).
        symbol: Whose each is, a place in ``symbols``; shape (n,).
        as_of: When its last bar had closed, seconds since 1970, UTC; shape (n,).
        symbols: By name.
    """

    data: NDArray[np.float32]
    symbol: NDArray[np.int64]
    as_of: NDArray[np.int64]
    symbols: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.data)


class Scale(NamedTuple):
    """What the channels of a symbol are standardised with.

    Attributes:
        mean: Shape (4,).
        deviation: Standard deviation, above 0; shape (4,).
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


class ChannelScaler:
    """Makes the channels of each symbol those of mean 0 and standard deviation 1.

    Args:
        scales: By symbol.
    """

    def __init__(self, scales: Mapping[str, Scale]) -> None:
        self._scales = scales

    @classmethod
    def fit(
        cls, candles: Sequence[Candles], *, since: int | None = None, until: int | None = None
    ) -> "ChannelScaler":
        """Fit to a range; a symbol without two bars in a row there stays unknown.

        Args:
            candles: One each symbol.
            since: Bars that had closed at this time or later, seconds since 1970.
            until: Bars that had closed before this time.
        """
        scales = {}
        for one in candles:
            rows = channels(one)[(_in_range(one, since, until) & _in_a_row(one, 1))[1:]]
            if len(rows):
                deviation = rows.std(axis=0)
                scale = Scale(rows.mean(axis=0), np.where(deviation > STEADY, deviation, 1.0))
                scales[one.symbol] = scale
        return cls(scales)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those it knows, by name."""
        return tuple(sorted(self._scales))

    def scaled(self, symbol: str, rows: NDArray[np.float64]) -> NDArray[np.float32]:
        """Channels as an encoder is told them.

        Args:
            symbol: One that it knows.
            rows: Shape (…, 4).
        """
        mean, deviation = self._scales[symbol]
        return ((rows - mean) / deviation).astype(np.float32)

    def to_json(self) -> dict[str, dict[str, list[float]]]:
        """As a snapshot keeps it: ``{symbol: {"mean": […], "sd": […]}}``."""
        return {
            symbol: {"mean": mean.tolist(), "sd": deviation.tolist()}
            for symbol, (mean, deviation) in sorted(self._scales.items())
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Mapping[str, Sequence[float]]]) -> "ChannelScaler":
        """The inverse of :meth:`to_json`."""
        return cls(
            {
                symbol: Scale(np.array(scale["mean"]), np.array(scale["sd"]))
                for symbol, scale in told.items()
            }
        )


def windows_of(
    candles: Sequence[Candles],
    length: int,
    scaler: ChannelScaler,
    *,
    since: int | None = None,
    until: int | None = None,
    stride: int = 1,
) -> Windows:
    """The windows of bars; those of symbols that the scaler does not know are left out.

    Args:
        candles: One each symbol, of one interval.
        length: Bars in a window; it needs the bar before them, too.
        scaler: Fitted on what is trained on.
        since: Windows that were known at this time or later, seconds since 1970. Their bars may
            be from before.
        until: Windows that were known before this time.
        stride: Every so many intervals of the clock, the same for each symbol and wherever its
            bars begin. A divisor of a day meets the same hours every day.
    """
    known = sorted(
        (one for one in candles if one.symbol in scaler.symbols), key=attrgetter("symbol")
    )
    last = [
        np.flatnonzero(
            _in_range(one, since, until) & _in_a_row(one, length) & _on_clock(one, stride)
        )
        for one in known
    ]
    as_of = _joined([one.closed_at[ends] for one, ends in zip(known, last, strict=True)])
    symbol = np.repeat(np.arange(len(known)), [len(ends) for ends in last])
    order = np.lexsort((symbol, as_of))
    data = np.empty((len(order), length, len(CHANNELS)), dtype=np.float32)
    for number, (one, ends) in enumerate(zip(known, last, strict=True)):
        if len(ends):
            rows = scaler.scaled(one.symbol, channels(one))
            every = sliding_window_view(rows, (length, len(CHANNELS)))[:, 0]
            data[symbol[order] == number] = every[ends - length]
    return Windows(data, symbol[order], as_of[order], tuple(one.symbol for one in known))


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _in_range(candles: Candles, since: int | None, until: int | None) -> NDArray[np.bool_]:
    """Whether a bar closed in a range, its end excluded."""
    closed = candles.closed_at
    inside = np.ones(len(closed), dtype=np.bool_)
    if since is not None:
        inside &= closed >= since
    if until is not None:
        inside &= closed < until
    return inside


def _in_a_row(candles: Candles, length: int) -> NDArray[np.bool_]:
    """Whether the so many bars before it come right before a bar."""
    opened, interval = candles.opened_at, round(candles.interval.total_seconds())
    whole = np.zeros(len(opened), dtype=np.bool_)
    whole[length:] = opened[length:] - opened[:-length] == length * interval
    return whole


def _on_clock(candles: Candles, stride: int) -> NDArray[np.bool_]:
    interval = round(candles.interval.total_seconds())
    turn: NDArray[np.bool_] = candles.closed_at // interval % stride == 0
    return turn
