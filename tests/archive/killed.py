"""Takes a snapshot, and is killed when a stage is passed.

python killed.py URL MODELS SETTINGS ARCHIVE STAGE
"""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from tiltyard.shell.archive.gathering import House
from tiltyard.shell.archive.place import place_of
from tiltyard.shell.archive.taking import take
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.store.ledger import Ledger

SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)


def main() -> None:
    url, models, settings, archive, stage = sys.argv[1:]

    def passed(name: str) -> None:
        if name == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    with Ledger.open(url) as ledger:
        home = House(ledger, Path(models), Path(settings))
        place = place_of(ArchiveSettings.model_validate_json(archive), create=True)
        take(home, place, SUNDAY, passed)


if __name__ == "__main__":
    main()
