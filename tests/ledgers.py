"""The databases that every law of the ledger is run on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.samples import NewDatabase
from tiltyard.shell.store.ledger import Ledger


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


@pytest.fixture
def other_ledger(new_database: NewDatabase) -> Iterator[Ledger]:
    """An empty ledger in a database of its own beside the first."""
    with new_database() as url, Ledger.open(url, create=True) as opened:
        yield opened
