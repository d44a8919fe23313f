"""The databases that every law of the ledger is run on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tiltyard.shell.store.ledger import Ledger

NewDatabase = Callable[[], AbstractContextManager[str]]
"""Gives the URL of an empty database, and throws it away at the end."""


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Makes as many databases as a law needs."""
    if request.param == "sqlite":
        return _sqlite
    new: NewDatabase = request.getfixturevalue("postgres").database
    return new


@contextmanager
def _sqlite() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        file = Path(folder, "tiltyard.db")
        file.touch()
        yield f"sqlite:///{file}"


@pytest.fixture
def ledger_url(new_database: NewDatabase) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database() as url:
        yield url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger in a new database."""
    with Ledger.open(ledger_url, create=True) as opened:
        yield opened
