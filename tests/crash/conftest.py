"""Floors to play on: many copies of one database, and the process that plays."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.engine import make_url

from command_line import ROOT
from crash.floor import populate
from postgres import Server
from tiltyard.shell.store.ledger import Ledger

NewFloor = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def new_floor(request: pytest.FixtureRequest) -> Iterator[NewFloor]:
    """Gives the URL of a database in which the arms are registered."""
    if request.param == "sqlite":
        with TemporaryDirectory() as folder:
            yield _sqlite(Path(folder))
    else:
        server: Server = request.getfixturevalue("postgres")
        with server.database() as url:
            yield _postgres(server, url)


def _sqlite(folder: Path) -> NewFloor:
    first = folder / "first.db"
    with Ledger.open(str(first), create=True) as ledger:
        populate(ledger)

    @contextmanager
    def copy() -> Iterator[str]:
        with TemporaryDirectory() as own:
            path = Path(own, "desk.db")
            shutil.copy(first, path)
            yield f"sqlite:///{path}"

    return copy


def _postgres(server: Server, first: str) -> NewFloor:
    with Ledger.open(first, create=True) as ledger:
        populate(ledger)
    name = make_url(first).database

    @contextmanager
    def copy() -> Iterator[str]:
        own = f"{name}_{os.urandom(4).hex()}"
        server.run(f"CREATE DATABASE {own} TEMPLATE {name}")
        try:
            yield server.at(own)
        finally:
            server.run(f"DROP DATABASE {own} WITH (FORCE)")

    return copy


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
