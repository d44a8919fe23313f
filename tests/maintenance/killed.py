"""Cleans, and is killed when a stage is passed.

python killed.py URL MODELS ARCHIVE STAGE
"""

import os
import signal
import sys
from datetime import UTC, datetime

from tiltyard.shell.maintenance.cleaning import clean
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.sections.models import ModelSettings
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger

LATER = datetime(2026, 11, 29, 3, tzinfo=UTC)


def main() -> None:
    url, models, archive, stage = sys.argv[1:]
    settings = load().model_copy(
        update={
            "models": ModelSettings(folder=models),
            "archive": ArchiveSettings(folder=archive),
        }
    )

    def passed(name: str) -> None:
        if name == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    with Ledger.open(url) as ledger:
        clean(ledger, settings, now=LATER, dry_run=False, on_stage=passed)


if __name__ == "__main__":
    main()
