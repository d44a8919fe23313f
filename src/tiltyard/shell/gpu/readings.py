"""What is known of the GPUs right now, for whoever shows it; any thread may ask."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

LASTS = 60.0
"""Seconds after which a reading says nothing any more: its reader hangs."""


class GpuReading(NamedTuple):
    """One look at all GPUs.

    Attributes:
        available: Whether any GPU can be read.
        utilization: Of each GPU, by its index: the part of the time in which it computed, 0 to 1.
    """

    available: bool
    utilization: Mapping[str, float]


_NOTHING = GpuReading(available=False, utilization=MappingProxyType({}))


class GpuReadings:
    """The newest reading; one thread writes it, and any may read it.

    Args:
        steady: A clock in seconds that is never set.

    >>> readings = GpuReadings()
    >>> readings.now.available
    False
    >>> readings.take({"0": 37.0})
    >>> readings.now.available, dict(readings.now.utilization)
    (True, {'0': 0.37})
    >>> readings.lose()
    >>> readings.now.available
    False
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._last = _NOTHING, 0.0  # replaced as a whole, so no reader sees half of it

    def take(self, percents: Mapping[str, float]) -> None:
        """The GPUs have been read: percent of the time in which each computed."""
        ratios = {gpu: percent / 100 for gpu, percent in percents.items()}
        reading = GpuReading(available=True, utilization=MappingProxyType(ratios))
        self._last = reading, self._steady()

    def lose(self) -> None:
        """No GPU can be read."""
        self._last = _NOTHING, 0.0

    @property
    def now(self) -> GpuReading:
        """The newest reading, while it is one."""
        reading, at = self._last
        return reading if self._steady() - at <= LASTS else _NOTHING
