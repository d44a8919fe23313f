"""The tasks of maintenance: what each is called, what it does, and what it can be told.

Each is loaded when it is done: most need what takes long to load.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.note import Note, read
from tiltyard.shell.maintenance.note import keep as keep_note
from tiltyard.shell.settings import FILE

LAST_CLEANED = "cleanup.json"
"""What the last clean-up found of the database, by which the next says how it has grown."""


class Run(NamedTuple):
    """What a task is told.

    Attributes:
        house: That is maintained.
        day: The trading day that it is done for; for the same one twice it is done once.
        now: UTC.
        is_dry: Only what would be done is to be said.
    """

    house: House
    day: date
    now: datetime
    is_dry: bool = False


class Task(NamedTuple):
    """A task.

    Attributes:
        says: What it does, for people.
        does: Does it.
        kind: ``archiving`` where it keeps in the archive or looks there, ``removing`` where it
            may also be asked only to say what would go.
    """

    says: str
    does: Callable[[Run], Done]
    kind: Literal["plain", "archiving", "removing"] = "plain"


def _snapshot(run: Run) -> Done:
    from tiltyard.shell.maintenance.snapshotting import keep  # noqa: PLC0415 slow

    house = run.house
    return keep(house.ledger, house.settings, house.settings_file or Path(FILE), run.now)


def _retrain(run: Run) -> Done:
    from tiltyard.shell.maintenance.retraining import retrain  # noqa: PLC0415 slow

    return retrain(run.house, run.day, run.now)


def _sweep(run: Run) -> Done:
    from tiltyard.shell.maintenance.sweeping import sweep  # noqa: PLC0415 slow

    return sweep(run.house, run.day, run.now)


def _purge(run: Run) -> Done:
    from tiltyard.shell.maintenance.purging import purge  # noqa: PLC0415 slow

    return purge(run.house, day=run.day, now=run.now, dry_run=run.is_dry)


def _clean(run: Run) -> Done:
    """The clean-up, which says how the database has grown since the last."""
    from tiltyard.shell.maintenance.cleaning import clean  # noqa: PLC0415 slow

    house = run.house
    file = house.settings.jobs.path / LAST_CLEANED
    last = None
    with suppress(OSError):  # nobody can say, so nothing is said of how it has grown
        last = read(file)
    done = clean(
        house.ledger, house.settings, now=run.now, dry_run=run.is_dry,
        before=None if last is None else last.answer,
    )  # fmt: skip
    database = done.told["database"]
    if not run.is_dry and "bytes" in database:
        try:
            keep_note(file, Note(run.now, answer=database))
        except TiltyardError as error:  # what was removed is told all the same
            return done._replace(failed=(*done.failed, error))
    return done


def _refresh(run: Run) -> Done:
    from tiltyard.shell.maintenance.refreshing import refresh_all  # noqa: PLC0415 slow

    return refresh_all(run.house, run.now)


def _health(run: Run) -> Done:
    from tiltyard.shell.maintenance.health import check_health  # noqa: PLC0415 slow

    return check_health(run.house.ledger, run.house.settings, run.now)


TASKS: Mapping[str, Task] = {
    "snapshot": Task(
        "Keep the whole house in the archive, and clear away what has expired.",
        _snapshot,
        "archiving",
    ),
    "retrain": Task("Train a sizing policy, and put it on trial if it passes.", _retrain),
    "optuna": Task("Try settings by what they earn, and keep the best two.", _sweep),
    "purge": Task("Retire policies that are stale.", _purge, "removing"),
    "cleanup": Task("Remove models that nobody uses, and see to the database.", _clean, "removing"),
    "health": Task("Look at the whole house, and say how it is.", _health),
    "refresh": Task("Refresh each encoder that has drifted, in a new challenger.", _refresh),
}
"""By name."""
