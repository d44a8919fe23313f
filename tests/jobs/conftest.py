"""What tests of jobs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres import Server
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.store.engine import database_url


@pytest.fixture
def postgres_place(postgres: Server, tmp_path: Path) -> Iterator[JobsPlace]:
    """Where the jobs of a ledger on Postgres are kept."""
    with postgres.database() as address:
        yield JobsPlace(tmp_path / "jobs", database_url(address))
