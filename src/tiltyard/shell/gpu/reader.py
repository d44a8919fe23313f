"""The reader of GPUs: beside the desk it looks every few seconds, and reports once a minute.

When no GPU can be read there is no number of any, which is told once, and it is tried again
every minute. A source that was not asked for by name may never have been there: then its
absence is nothing to tell.
"""

from collections.abc import Callable
from datetime import datetime

from tiltyard.facts.observation import Observation
from tiltyard.shell.gpu.busiest import Busiest
from tiltyard.shell.gpu.nvml import Nvml, is_installed
from tiltyard.shell.gpu.readings import GpuReadings
from tiltyard.shell.gpu.source import GpuSource, GpuUnreadableError
from tiltyard.shell.sections.gpu import AUTO, OFF, ON_THIS_MACHINE, GpuSettings

AGAIN_AFTER = 60.0
"""Seconds until GPUs are looked for again that could not be read."""


class GpuReader:
    """Looks at the GPUs whenever it is time; one thread calls it, often.

    Args:
        source: Who knows.
        readings: Where the newest is kept.
        report: Given an observation each minute.
        every: Seconds between two samples.
        now: The time of day.
        steady: A clock in seconds that is never set.
        say: Told, for people, when no GPU can be read, and when one can again.
        is_expected: That none can be read is told even when none ever could.
    """

    def __init__(
        self,
        source: GpuSource,
        readings: GpuReadings,
        report: Callable[[Observation], object],
        *,
        every: float,
        now: Callable[[], datetime],
        steady: Callable[[], float],
        say: Callable[[str], object],
        is_expected: bool,
    ) -> None:
        self._source = source
        self._readings = readings
        self._report = report
        self._every = every
        self._now = now
        self._steady = steady
        self._say = say
        self._is_expected = is_expected
        self._is_lost = False
        self._minute = Busiest()
        self._due_at = steady()

    def look(self) -> None:
        """Sample, if that is due, and report a minute that is over."""
        steady = self._steady()
        seen = self._sample(steady) if steady >= self._due_at else None
        seen = seen or self._minute.end(self._now())
        if seen is not None:
            self._report(seen)

    def _sample(self, steady: float) -> Observation | None:
        try:
            percents = self._source.sample()
        except GpuUnreadableError as error:
            self._due_at = steady + AGAIN_AFTER
            self._readings.lose()
            self._lost(str(error))
            return None
        self._due_at = steady + self._every
        self._readings.take(percents)
        if self._is_lost:
            self._say("the GPUs can be read again")
        self._is_lost, self._is_expected = False, True
        return self._minute.add(percents, self._now())

    def _lost(self, why: str) -> None:
        if self._is_expected and not self._is_lost:
            self._is_lost = True
            self._say(f"no GPU can be read: {why}; it is tried again every minute")


def source_from(settings: GpuSettings) -> GpuSource | None:
    """Whom the settings name; None when nobody is to be asked, or ``auto`` finds no library."""
    if settings.source == OFF or (settings.source == AUTO and not is_installed()):
        return None
    if settings.source in {AUTO, ON_THIS_MACHINE}:
        return Nvml()
    from tiltyard.shell.gpu.dcgm import Dcgm  # noqa: PLC0415 slow

    return Dcgm(settings.source)
