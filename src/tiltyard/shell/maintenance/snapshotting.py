"""The task ``snapshot``: the house is kept, and what has expired goes.

What the bucket refused in an earlier week is brought there. The snapshot counts: what goes
wrong after it is told, and loses nobody a copy. Run again it takes another one, which costs what
has changed since.
"""

from datetime import datetime
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.pruning import prune
from tiltyard.shell.archive.retention import needed_in
from tiltyard.shell.archive.syncing import take_and_sync
from tiltyard.shell.archive.taking import OnStage
from tiltyard.shell.archive.words import (
    pruned_json,
    pruned_lines,
    synced_json,
    synced_lines,
    taken_faults,
    taken_json,
    taken_lines,
)
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

TASK = "snapshot"


def keep(
    ledger: Ledger, settings: Settings, settings_file: Path, now: datetime,
    on_stage: OnStage = lambda _: None,
) -> Done:  # fmt: skip
    """Keep the house, bring what lies on this disk alone into the bucket, clear away.

    Where the bucket refuses, nothing is cleared away. While somebody keeps another snapshot there,
    or not long after one was broken off, contents are left for the next time, which is no failure.

    Args:
        ledger: Not inside a transaction.
        settings: Whose models and archive.
        settings_file: They were read from; it need not be there.
        now: UTC.
        on_stage: Told what is passed.

    Raises:
        TiltyardError: Why there is no snapshot.
    """
    house = Belongings(ledger, settings.models.path, settings_file)
    taken, synced = take_and_sync(house, settings.archive, now, on_stage)
    done = Done(
        TASK,
        (*taken_lines(taken), *synced_lines(synced)),
        {"snapshot": taken_json(taken), "sync": synced_json(synced), "prune": None},
        (*taken_faults(taken), *synced.failed),
    )
    if taken.refused is not None:
        return done
    try:
        cleared = prune(settings.archive, needed_in(ledger), now, on_stage=on_stage)
    except TiltyardError as error:
        return done._replace(failed=(*done.failed, error))
    errors = [error for one in cleared for error in one.failed]
    later = [error for error in errors if error.code == "ARCHIVE_BUSY"]
    left = (f"{one.subject}: contents are left for the next time: {one.facts}" for one in later)
    return done._replace(
        lines=(*done.lines, *pruned_lines(cleared, dry_run=False), *left),
        told={**done.told, "prune": pruned_json(cleared, dry_run=False)},
        failed=(*done.failed, *(error for error in errors if error not in later)),
    )
