"""A ledger with stale policies on it, and the purge of them."""

from datetime import date, timedelta
from pathlib import Path
from typing import cast

from conformance.desks import (
    CAPITAL,
    FIRST,
    MINUTE,
    NOW,
    SECOND_ARM,
    THIRD,
    UNGUARDED,
    Clock,
    asked,
    challenger,
    earning,
    employ,
    report,
    trades_of,
)
from tiltyard.facts.command import Verb
from tiltyard.facts.mark import Mark
from tiltyard.kernel.money import Money
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.purging import purge
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.sections.purge import PurgeSettings
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

SUNDAY = date(2026, 11, 29)
LATER = NOW + 2 * MINUTE


def rules(folder: Path, minimum_active: int = 2) -> Settings:
    """Arms have joined twenty days ago, and fifteen are too many."""
    return UNGUARDED.model_copy(
        update={
            "purge": PurgeSettings(days=15, minimum_active=minimum_active),
            "models": ModelSettings(folder=str(folder / "models")),
            "archive": ArchiveSettings(folder=str(folder / "archive")),
        }
    )


def populate(ledger: Ledger) -> None:
    """One that never got beyond its starting share, one like it that is halted, and a loser."""
    employ(ledger, challenger(FIRST, 0.1), challenger(SECOND_ARM, 0.1), challenger(THIRD, 0.2))
    loser = [1.0, -1.0] * 80
    report(
        ledger,
        [
            *trades_of(FIRST, earning()),
            *trades_of(SECOND_ARM, earning()),
            *trades_of(THIRD, loser),
        ],
    )
    for number, (verb, name) in enumerate({"halt": SECOND_ARM, "throttle": THIRD}.items(), 1):
        assert not asked(ledger, cast("Verb", verb), name).refused
        assert not asked(ledger, "acknowledge", number=str(number)).refused
    mark(ledger, SECOND_ARM)
    mark(ledger, THIRD)


def mark(ledger: Ledger, name: str, positions: int = 0, after: timedelta = MINUTE) -> None:
    """What a bot tells of its positions."""
    told = Mark(name, NOW + after, Money(0), positions, CAPITAL)
    ledger.append_marks([told], known_at=told.marked_at)


def purged(
    ledger: Ledger, settings: Settings, clock: Clock | None = None, *, dry_run: bool = False,
    day: date = SUNDAY,
) -> Done:  # fmt: skip
    """What comes of a purge, by a process whose clock is moved by hand."""
    clock = clock or Clock(LATER)
    house = House(ledger, settings, None, clock.times(), "test", {})
    return purge(house, day=day, now=clock.now, dry_run=dry_run)


def steps(done: Done) -> dict[str, tuple[str, str]]:
    return {one["policy"]: (one["step"], one["outcome"]) for one in done.told["policies"]}
