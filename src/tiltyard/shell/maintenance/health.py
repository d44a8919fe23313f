"""A look at the whole house: is everything there that the desk and its people rely on?

Each part is looked at by itself, so that one that cannot be looked at hides no other. What nobody
can say is told as unknown, and unknown is never well. Nothing is changed, but for a note in the
archive that is removed again.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.engine import URL

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.looks import LOOKS, room_for
from tiltyard.shell.maintenance.seen import STATES, Seen, State
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE

TASK = "health"
DATABASE = "database"


class Check(NamedTuple):
    """What was seen of a part.

    Attributes:
        part: Of the house.
        seen: How it is.
    """

    part: str
    seen: Seen

    def __str__(self) -> str:
        remedy = f". {self.seen.remedy}" if self.seen.remedy else ""
        return f"{self.seen.state:<9}  {self.part}: {self.seen.fact}{remedy}"

    @property
    def error(self) -> TiltyardError | None:
        """What is wrong, or keeps us from saying; None where it is ok, or wants attention only."""
        part, seen = self.part, self.seen
        if seen.state == "failed":
            return TiltyardError("HEALTH_FAILED", part, seen.fact, seen.remedy)
        if seen.state == "unknown":
            return TiltyardError("HEALTH_UNKNOWN", part, seen.fact, seen.remedy)
        return None


def check_health(ledger: Ledger, settings: Settings, now: datetime) -> Done:
    """Look at every part; what is wrong is told, and nothing is raised.

    Args:
        ledger: Not inside a transaction.
        settings: Those that a desk started now would go by.
        now: UTC.

    Returns:
        ``told`` has the state of all, which is that of its worst part, and every check. ``failed``
        has ``HEALTH_FAILED`` and ``HEALTH_UNKNOWN``.
    """
    checks = [Check(part, seen) for part in LOOKS for seen in _seen(part, ledger, settings, now)]
    return _told(checks, now)


def check_without_ledger(error: TiltyardError, url: URL, settings: Settings, now: datetime) -> Done:
    """The same where the ledger cannot be opened, which hides nearly all of it.

    Args:
        error: Why not.
        url: Of the ledger.
        settings: Those that a desk started now would go by.
        now: UTC.
    """
    hidden = Seen("unknown", "nobody can say while the ledger cannot be opened")
    found: Mapping[str, Iterable[Seen]] = {
        DATABASE: [Seen.of(error)], "room": room_for(url, settings),
    }  # fmt: skip
    checks = [Check(part, seen) for part in LOOKS for seen in found.get(part, [hidden])]
    return _told(checks, now)


def _told(checks: list[Check], now: datetime) -> Done:
    state = worst(checks)
    told = {
        "at": time_text(now),
        "state": state,
        "checks": [{"part": check.part, **check.seen._asdict()} for check in checks],
    }
    errors = tuple(error for check in checks if (error := check.error) is not None)
    return Done(TASK, (*map(str, checks), f"in all: {state}"), told, errors)


def worst(checks: list[Check]) -> State:
    """That of the worst.

    >>> worst([Check("a", Seen("ok", "")), Check("b", Seen("unknown", ""))]), worst([])
    ('unknown', 'unknown')
    """
    return max((check.seen.state for check in checks), key=STATES.index, default="unknown")


def _seen(part: str, ledger: Ledger, settings: Settings, now: datetime) -> Iterator[Seen]:
    """What there is to see of a part; where an error ends it, what was seen by then stands."""
    try:
        yield from LOOKS[part](ledger, settings, now)
    except TiltyardError as error:
        hides = error.code in UNAVAILABLE and (part != DATABASE or error.code == "DATABASE_LOCKED")
        yield Seen.of(error, "unknown" if hides else "failed")
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        yield Seen("unknown", f"{what}{error.strerror or error}", code="SYSTEM_REFUSED")
