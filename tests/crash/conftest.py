"""Floors to play on: many copies of one database, and the process that plays."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from command_line import ROOT
from crash.floor import populate
from ledgers import Databases, once_filled

NewFloor = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def new_floor(databases: Databases) -> Iterator[NewFloor]:
    """Gives the URL of a database in which the arms are registered."""
    yield from once_filled(databases, populate)


@dataclass(frozen=True)
class Stage:
    """Where the day is played."""

    process: subprocess.Popen[str]

    def play(self, url: str, folder: Path, stage: str = "", number: int = 0) -> int:
        """Go on with the day, to its end or to a point; what the process ended with."""
        job = {"url": url, "folder": str(folder), "stage": stage, "number": number}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A process that plays."""
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "crash" / "play.py")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
    ) as process:  # fmt: skip
        yield Stage(process)
