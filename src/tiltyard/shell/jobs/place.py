"""Where jobs are kept: their database, and what their steps said.

Beside a ledger in SQLite lies a database of its own, ``tiltyard-jobs.db`` beside ``tiltyard.db``. A
ledger on Postgres has them in its own database, in a schema beside the ledger's tables. What the
steps said lies in the folder that the settings name, where maintenance has its notes and reports.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.engine import address_of
from tiltyard.shell.store.plain_errors import speaking_plainly

SCHEMA = "tiltyard_jobs"
"""Of Postgres."""


class JobsPlace(NamedTuple):
    """Where the jobs of a ledger are kept.

    Attributes:
        folder: Of what steps said.
        ledger: The ledger's own address.
    """

    folder: Path
    ledger: sa.URL

    @property
    def is_sqlite(self) -> bool:
        """Whether they have a file of their own."""
        return self.ledger.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path:
        """The database of the jobs of a ledger in SQLite."""
        ledger = Path(self.ledger.database or "tiltyard.db")
        return ledger.with_name(f"{ledger.stem}-jobs.db")

    @property
    def url(self) -> sa.URL:
        """Of the database of jobs."""
        if self.is_sqlite:
            return sa.URL.create("sqlite", database=str(self.file.absolute()))
        return self.ledger

    @property
    def database(self) -> str:
        """The address of the database of jobs; it may hold a password."""
        return f"sqlite:///{self.file.absolute()}" if self.is_sqlite else self.address

    @property
    def address(self) -> str:
        """The ledger's, as ``TILTYARD_DB`` has it.

        It may hold a password, so it stands on no command line.
        """
        return address_of(self.ledger)

    @property
    def is_there(self) -> bool:
        """Whether a job was ever hosted here, as far as it is known without asking a server."""
        return not self.is_sqlite or self.file.exists()

    def log(self, run: str, step: str) -> Path:
        """Where it lies what a step of a run said."""
        return self.folder / run / f"{step}.log"


@contextmanager
def speaking_of_jobs(place: JobsPlace) -> Iterator[None]:
    """Say what is wrong with the database of jobs in plain words, and of that database.

    Raises:
        TiltyardError: ``DATABASE_CORRUPT`` …
    """
    try:
        with speaking_plainly(place.url):
            yield
    except TiltyardError as error:
        if error.code != "DATABASE_CORRUPT" or not place.is_sqlite:
            raise
        remedy = "move it away, with its -wal and -shm: runs so far are forgotten, and no more"
        raise TiltyardError(error.code, str(place.file), error.facts, remedy) from error


def refuse_damaged(place: JobsPlace) -> None:
    """See that the database of jobs can be read, where there is one.

    Raises:
        TiltyardError: ``DATABASE_CORRUPT``, or what else keeps it from being read.
    """
    if place.is_sqlite and place.file.exists():
        engine = sa.create_engine(place.url, poolclass=sa.NullPool)
        with speaking_of_jobs(place), engine.connect() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")


def unwritable(path: Path, error: OSError) -> TiltyardError:
    """What is said where nothing of a job can be written."""
    return TiltyardError(
        "JOBS_UNWRITABLE", str(path), error.strerror or str(error), "make room there"
    )
