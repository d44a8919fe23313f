"""The databases that every law of the ledger is run on.

A database of the newest schema is made once; whoever needs one has a copy of it.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.engine import make_url

from conformance.samples import NewDatabase
from postgres import Server
from tiltyard.shell.store.ledger import Ledger


@dataclass(frozen=True)
class Databases:
    """A kind of database.

    Attributes:
        empty: Makes one in which there is nothing.
        copies_of: Makes copies of one that nobody uses meanwhile.
    """

    empty: NewDatabase
    copies_of: Callable[[str], NewDatabase]


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Each kind in turn."""
    if request.param == "sqlite":
        return Databases(_empty_file, _copies_of_file)
    return on(request.getfixturevalue("postgres"))


def on(server: Server) -> Databases:
    """Those of a server."""
    return Databases(server.database, server.copies_of)


@pytest.fixture(scope="session")
def new_database(databases: Databases) -> Iterator[NewDatabase]:
    """Makes as many databases without facts as a law needs."""
    yield from without_facts(databases)


def without_facts(databases: Databases) -> Iterator[NewDatabase]:
    """Makes databases of the newest schema."""
    return once_filled(databases, lambda _: None)


def once_filled(databases: Databases, fill: Callable[[Ledger], object]) -> Iterator[NewDatabase]:
    """Makes copies of a database that was filled once."""
    with databases.empty() as first:
        with Ledger.open(first, create=True) as ledger:
            fill(ledger)
        yield databases.copies_of(first)


@pytest.fixture
def ledger_url(new_database: NewDatabase) -> Iterator[str]:
    """The URL of a database without facts."""
    with new_database() as url:
        yield url


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """The URL of a database in which there is nothing."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger in a new database."""
    with Ledger.open(ledger_url) as opened:
        yield opened


@pytest.fixture
def other_ledger(new_database: NewDatabase) -> Iterator[Ledger]:
    """An empty ledger in a database of its own beside the first."""
    with new_database() as url, Ledger.open(url) as opened:
        yield opened


def new_ledger(path: Path) -> Ledger:
    """An empty ledger in a file; the one that is there, where there is one."""
    if not path.exists():
        path.write_bytes(_newest())
    return Ledger.open(str(path))


@cache
def _newest() -> bytes:
    """A file of the newest schema."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "tiltyard.db")
        Ledger.open(str(file), create=True).close()
        return file.read_bytes()


@contextmanager
def _empty_file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        file = Path(folder, "tiltyard.db")
        file.touch()
        yield f"sqlite:///{file}"


def _copies_of_file(first: str) -> NewDatabase:
    @contextmanager
    def copy() -> Iterator[str]:
        with TemporaryDirectory() as folder:
            file = Path(folder, "tiltyard.db")
            shutil.copy(str(make_url(first).database), file)
            yield f"sqlite:///{file}"

    return copy
