"""Processes that are killed on the way."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.sections.archive import ArchiveSettings

HERE = Path(__file__).parent


def kill_at(
    stage: str, task: str, archive: ArchiveSettings, house: Belongings | None = None
) -> None:
    """Do something in a process of its own that is killed when it has passed a stage."""
    words = [] if house is None else [
        house.ledger.url.render_as_string(hide_password=False), str(house.models),
        str(house.settings),
    ]  # fmt: skip
    path = os.pathsep.join([str(HERE.parent), *filter(None, sys.path)])
    killed = subprocess.run(
        [sys.executable, str(HERE / "killed.py"), task, archive.model_dump_json(), stage, *words],
        env={**os.environ, "PYTHONPATH": path}, check=False, timeout=600,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
