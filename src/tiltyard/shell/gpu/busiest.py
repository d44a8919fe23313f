"""The busiest GPU of a minute: whose mean over the samples of that minute is the highest.

>>> from datetime import UTC, timedelta
>>> minute = Busiest()
>>> noon = datetime(2025, 7, 7, 12, tzinfo=UTC)
>>> for second in (0, 20, 40, 60):
...     seen = minute.add({"0": 10.0 + second, "1": 90.0}, noon + timedelta(seconds=second))
...     print(seen and (seen.number, seen.samples))
None
None
None
(90.0, 3)
"""

from collections.abc import Mapping
from datetime import datetime
from statistics import fmean

from tiltyard.facts.observation import Observation

NAME = "gpu_util_pct"


class Busiest:
    """Collects the samples of a minute; the next one ends it."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._last: datetime | None = None
        self._samples: dict[str, list[float]] = {}

    def add(self, percents: Mapping[str, float], now: datetime) -> Observation | None:
        """One look at the GPUs; what the minute before it adds up to, if this begins another."""
        ended = self.end(now)
        self._began = self._began or now.replace(second=0, microsecond=0)
        self._last = now
        for gpu, percent in percents.items():
            self._samples.setdefault(gpu, []).append(percent)
        return ended

    def end(self, now: datetime) -> Observation | None:
        """What the samples add up to, if their minute is over; there may be none."""
        if self._began is None or now.replace(second=0, microsecond=0) == self._began:
            return None
        means = {gpu: fmean(samples) for gpu, samples in self._samples.items()}
        busiest = max(means, key=lambda gpu: means[gpu])
        last, count = self._last or now, len(self._samples[busiest])
        self._began, self._samples = None, {}
        return Observation(NAME, min(100.0, means[busiest]), last, samples=count)
