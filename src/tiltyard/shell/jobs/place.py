"""Where jobs are kept: their database, and what their steps said.

Beside a ledger in SQLite lies a folder, ``tiltyard-jobs`` beside ``tiltyard.db``, with a database
of its own in it. A ledger on Postgres has them in its own database, in a schema beside the ledger's
tables; what the steps said lies in the folder that the host runs in.
"""

from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError

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
    def database(self) -> str:
        """The address of the database of jobs; it may hold a password."""
        if self.is_sqlite:
            return f"sqlite:///{(self.folder / 'jobs.db').absolute()}"
        return self.ledger.render_as_string(hide_password=False)

    @property
    def address(self) -> str:
        """The ledger's, as ``TILTYARD_DB`` has it.

        It may hold a password, so it stands on no command line.
        """
        if self.is_sqlite:
            return str(self.ledger.database)
        return self.ledger.render_as_string(hide_password=False)

    @property
    def is_there(self) -> bool:
        """Whether a job was ever hosted here, as far as it is known without asking a server."""
        return not self.is_sqlite or (self.folder / "jobs.db").exists()

    def log(self, run: str, step: str) -> Path:
        """Where it lies what a step of a run said."""
        return self.folder / run / f"{step}.log"

    def made(self) -> "JobsPlace":
        """The same, its folder there.

        Raises:
            TiltyardError: ``JOBS_UNWRITABLE``.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return self


def place_beside(ledger: sa.URL) -> JobsPlace:
    """Where the jobs of a ledger are kept."""
    if ledger.get_backend_name() != "sqlite":
        return JobsPlace(Path("tiltyard-jobs"), ledger)
    file = Path(ledger.database or "tiltyard.db")
    return JobsPlace(file.with_name(f"{file.stem}-jobs"), ledger)


def unwritable(path: Path, error: OSError) -> TiltyardError:
    """What is said where nothing of a job can be written."""
    return TiltyardError(
        "JOBS_UNWRITABLE", str(path), error.strerror or str(error), "make room there"
    )
