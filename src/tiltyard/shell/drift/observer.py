"""Whose drift is due, and what is made of what was found.

Each policy that was trained is measured when its last observation in the ledger is so old, by
whichever desk it was made: one that is started anew does not begin anew. An observation is as old
as the last bar that it goes by, so a feed that stands still does not look fresh; a desk does not
measure it again until a file of bars is another than it was, and, where that has brought nothing
newer, half an hour later or when the next bar has closed. What is undefined is not observed.
Why nothing is, is said once, until that is another reason.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.facts.arm import Roster
from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.metrics.catalogue import DRIFT, DRIFT_ENDS
from tiltyard.shell.drift.task import NO_ENCODER, Measured, Task
from tiltyard.shell.feeds.folder import named_files
from tiltyard.shell.feeds.stamp import Stamp, stamp_of
from tiltyard.shell.floor.seating import perhaps_trained
from tiltyard.shell.models.shelf import Shelf
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

LOOK_EVERY = 60.0
"""Seconds between two looks at whose drift is due."""
AGAIN_AFTER = timedelta(minutes=30)
"""What could not be measured is tried again after so long."""
EFFECTIVE = "encoder_effective_samples"
Files = Mapping[Path, Stamp | None]


@dataclass(slots=True)
class _Tried:
    """What is known of a policy beyond the ledger.

    Attributes:
        not_before: By a steady clock.
        went_by: The files of bars as they were when it was last measured; of the same again the
            same would be found.
        said: Why it is not observed, as people were told; empty where it is.
    """

    not_before: float = 0.0
    went_by: Files | None = None
    said: str = ""


class DriftObserver:
    """Looks whose drift is due whenever it is time; one thread calls it, often.

    Args:
        ledger: Who there is, and what was observed; not the desk's own door.
        settings: Where models and bars are, how often, and how far back.
        measure: Measures one; None when it was told to end.
        report: Given the observations of a policy.
        now: The time of day.
        steady: A clock in seconds that is never set.
        say: Told, for people, why one is not observed.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        measure: Callable[[Task], Measured | None],
        report: Callable[..., object],
        *,
        now: Callable[[], datetime],
        steady: Callable[[], float],
        say: Callable[[str], object],
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._measure = measure
        self._report = report
        self._now = now
        self._steady = steady
        self._say = say
        self._look_at = steady()
        self._tried: dict[tuple[str, str], _Tried] = {}

    def look(self) -> None:
        """Observe everybody whose drift is due."""
        if self._steady() < self._look_at:
            return
        self._look_at = self._steady() + LOOK_EVERY
        observed = self._ledger.last_observed(DRIFT)
        shelf = Shelf(self._settings.models.path)
        named = named_files(Path(self._settings.market.feed))
        bars = {file: stamp_of(file) for file in named}
        lasts = min((name.interval for name in named.values()), default=timedelta())
        for name, digest in trained(self._ledger.roster(), shelf).items():
            tried = self._tried.setdefault((name, digest), _Tried())
            if tried.went_by == bars or self._steady() < tried.not_before:
                continue
            if self._is_due(observed.get(name)):
                found = self._observed(name, digest, tried, observed.get(name), bars)
                pause = self._pause(found, observed.get(name), lasts)
                tried.not_before = self._steady() + pause.total_seconds()

    def _is_due(self, last: datetime | None) -> bool:
        return last is None or self._now() - last >= self._settings.drift.every_span

    def _pause(self, found: Measured | None, last: datetime | None, lasts: timedelta) -> timedelta:
        """How long it is not measured again, whatever becomes of the files of bars.

        Who was observed before must not get old while a newer bar is there; the next is none
        before it has closed.
        """
        every = self._settings.drift.every_span
        if found is not None and found.value is None and last is None:
            return every
        soon = min(AGAIN_AFTER, every)
        if found is None or found.as_of is None:
            return soon
        return max(soon, found.as_of + lasts - self._now())

    def _observed(
        self, name: str, digest: str, tried: _Tried, last: datetime | None, bars: Files
    ) -> Measured | None:
        """What was measured, and reported where it is newer; None where nothing was."""
        try:
            found = self._measure(task_for(name, digest, self._settings, self._now()))
        except TiltyardError as error:
            tried.went_by = None
            if error.code != NO_ENCODER:
                self._trouble(tried, error.code, f"{error}; it is tried again")
            return None
        if found is None:
            return None
        tried.went_by = bars
        if found.value is None:
            why = f"{name}: its encoder's drift is not known yet ({found.state}: {found.reason})"
            self._trouble(tried, found.state, why)
        elif last is None or (found.as_of is not None and found.as_of > last):
            self._report(*observations(found))
            if tried.said:
                tried.said = ""
                self._say(f"{name}: its encoder's drift is observed")
        return found

    def _trouble(self, tried: _Tried, kind: str, text: str) -> None:
        if tried.said != kind:
            tried.said = kind
            self._say(text)


def trained(roster: Roster, shelf: Shelf) -> Mapping[str, str]:
    """The policies whose drift may be measured, and the digests of their snapshots."""
    arms = {
        name: digest
        for name, digest in perhaps_trained(roster, ()).items()
        if roster.arms[name].state != "deposed"
    }
    try:
        there = shelf.may_have_of(arms)
    except OSError:  # whoever trades by them says so
        return {}
    return {name: digest for name, digest in arms.items() if name in there}


def task_for(policy: str, digest: str, settings: Settings, now: datetime) -> Task:
    """What is to be measured, by the settings."""
    bars = Path(settings.market.feed)
    return Task(policy, digest, settings.models.path, bars, settings.drift.current_span, now)


def observations(found: Measured) -> Iterator[Observation]:
    """What is reported of a drift that was found, all of it at the time of its last bar.

    The drift comes last: whoever judges it knows how sure it is by then.
    """
    told = {
        DRIFT_ENDS[0]: found.low,
        DRIFT_ENDS[1]: found.high,
        EFFECTIVE: found.effective_samples,
        DRIFT: found.value,
    }
    for name, number in told.items():
        if number is not None and found.as_of is not None:
            yield Observation(name, number, found.as_of, found.policy, found.windows)
