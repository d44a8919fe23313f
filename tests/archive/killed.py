"""Does something in an archive, and is killed when a stage is passed.

python killed.py take ARCHIVE STAGE URL MODELS SETTINGS
python killed.py sync ARCHIVE STAGE
python killed.py prune ARCHIVE STAGE
"""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from archive.small_snapshots import OURS
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.pruning import prune
from tiltyard.shell.archive.retention import Needed
from tiltyard.shell.archive.syncing import sync
from tiltyard.shell.archive.taking import take_for
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.store.ledger import Ledger

SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)


def main() -> None:
    task, archive, stage, *house = sys.argv[1:]
    settings = ArchiveSettings.model_validate_json(archive)

    def passed(name: str) -> None:
        if name == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    if task == "sync":
        sync(settings, passed)
    elif task == "prune":
        prune(settings, Needed(OURS, frozenset(), frozenset()), SUNDAY, on_stage=passed)
    else:
        url, models, file = house
        with Ledger.open(url) as ledger:
            take_for(Belongings(ledger, Path(models), Path(file)), settings, SUNDAY, passed)


if __name__ == "__main__":
    main()
