"""What a guard sees of a number: the number, or why not and since when it is lost.

A number is too old by the guard's own ``stale_after``, whichever number it is. One that
can only rise is an exception: once it is beyond the guard's limit its age is no excuse. A
number that is stamped more than a minute ahead of the clock, since somebody has set it
back, is none of now.
"""

from datetime import datetime, timedelta
from math import isfinite
from typing import NamedTuple

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Guard
from tiltyard.kernel.clock import FUTURE
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.metrics.catalogue import spec_of
from tiltyard.metrics.measured import Measured
from tiltyard.metrics.panel import Panel


class Blind(NamedTuple):
    """There is no number to compare.

    Attributes:
        reason: One sentence part for people.
        lost_since: When it went out of sight; None when it has not been known yet.
        broken: Somebody gave a number that is none: NaN or infinity.
    """

    reason: str
    lost_since: datetime | None = None
    broken: bool = False


class Sight:
    """A guard's view of the panel at one time.

    Args:
        guard: Whose view.
        panel: The measurements.
        policy: The arm to read; empty for the account.
        now: UTC; how old a number is.
        read_at: As of when numbers are read.
    """

    __slots__ = ("_guard", "_now", "_panel", "_policy", "_read_at")

    def __init__(
        self, guard: Guard, panel: Panel, policy: str, now: datetime, read_at: datetime
    ) -> None:
        self._guard = guard
        self._panel = panel
        self._policy = policy
        self._now = now
        self._read_at = read_at

    def own(self, measured: Measured) -> float | Blind:
        """The guard's own metric, once it has as many samples as the guard wants."""
        seen = self._seen(self._guard.metric, measured)
        wanted, samples = self._guard.min_samples, measured.reading.samples
        if isinstance(seen, Blind):
            whose = f"{self._guard.metric} is " if seen.broken else ""
            return seen._replace(reason=whose + seen.reason)
        if samples >= wanted:
            return seen
        return Blind(str(Undefined("warming", f"{samples} of {wanted} samples")))

    def number(self, metric: str) -> float | Blind:
        """Any other metric that takes part."""
        seen = self._seen(metric, self._panel.read(metric, self._policy, self._read_at))
        if isinstance(seen, Blind):
            return seen._replace(reason=f"{metric} is {seen.reason}")
        return seen

    def limit(self, comparison: Comparison) -> float | Blind:
        """What a comparison compares with."""
        if not comparison.metric:
            return comparison.number
        other = self.number(comparison.metric)
        return other if isinstance(other, Blind) else comparison.limit(other)

    def doubt(self) -> Value | Blind:
        """How much speaks for a profit factor below the guard's limit; lost since now if unknown.

        It does not come back by itself: who trades on below a limit, and does not say what he
        risks, is out of sight.
        """
        reading = self._panel.doubt(self._policy, self._guard.when.number)
        if isinstance(reading, Undefined):
            return Blind(f"the evidence is {reading}", self._now)
        return reading

    def _seen(self, metric: str, measured: Measured) -> float | Blind:
        reading, as_of, _ = measured
        if isinstance(reading, Undefined):
            if reading.at_least is not None and self._is_proven(metric, reading.at_least):
                return reading.at_least
            if reading.state == "no_capital":
                return Blind(str(reading), as_of)
            return self._untimely(as_of, reading.samples) or Blind(str(reading))
        if not isfinite(reading.number):
            return Blind("not a finite number", self._now, broken=True)
        lost = self._untimely(as_of, reading.samples)
        return reading.number if lost is None or self._is_proven(metric, reading.number) else lost

    def _untimely(self, as_of: datetime | None, samples: int) -> Blind | None:
        """What is said of a number that is not of now; None of one that is."""
        if as_of is None:
            return None
        age, limit = self._now - as_of, timedelta(seconds=self._guard.stale_after)
        if age < -FUTURE:
            reason = f"stamped {_minutes(-age)} min ahead of the clock"
            return Blind(str(Undefined("stale", reason, samples)), self._now)
        if not limit or age <= limit:
            return None
        reason = f"last seen {_minutes(age)} min ago"
        return Blind(str(Undefined("stale", reason, samples)), as_of + limit)

    def _is_proven(self, metric: str, number: float) -> bool:
        """Whether a number that can only rise has passed the guard's limit already."""
        guard = self._guard
        return (
            metric == guard.metric
            and not guard.when.metric
            and spec_of(metric).never_falls
            and guard.when.holds(number)
        )


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
