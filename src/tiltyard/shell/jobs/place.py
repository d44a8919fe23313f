"""Where jobs are kept: their database, and what their steps said.

Beside a ledger in SQLite lies a database of its own, ``tiltyard-jobs.db`` beside ``tiltyard.db``. A
ledger on Postgres has them in its own database, in a schema beside the ledger's tables. What the
steps said lies in the folder that the settings name, where maintenance has its notes and reports.
"""

from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.engine import address_of

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


def unwritable(path: Path, error: OSError) -> TiltyardError:
    """What is said where nothing of a job can be written."""
    return TiltyardError(
        "JOBS_UNWRITABLE", str(path), error.strerror or str(error), "make room there"
    )
