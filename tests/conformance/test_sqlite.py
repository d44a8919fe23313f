"""What is true of a ledger in a file, and of no other."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from conformance.samples import PPO, code_of_opening, ingest, register, stored, trade
from ledgers import new_ledger
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger in a new file."""
    with new_ledger(tmp_path / "tiltyard.db") as opened:
        yield opened


def test_a_database_that_is_not_there_is_missing_and_is_not_made(tmp_path: Path) -> None:
    assert code_of_opening(str(tmp_path / "no.db")) == "DATABASE_MISSING"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_outdated(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert code_of_opening(str(tmp_path / "empty.db")) == "DATABASE_OUTDATED"


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_bytes(b"dear diary\n" * 500)
    assert code_of_opening(str(tmp_path / "notes.db")) == "DATABASE_CORRUPT"


def test_a_file_that_other_software_writes_is_locked(ledger: Ledger, tmp_path: Path) -> None:
    register(ledger, PPO)
    other = sqlite3.connect(tmp_path / "tiltyard.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with (
        Ledger.open(str(tmp_path / "tiltyard.db"), busy_timeout_ms=0) as impatient,
        pytest.raises(TiltyardError) as caught,
    ):
        ingest(impatient, [trade()])
    other.close()
    assert caught.value.code == "DATABASE_LOCKED"
    assert ingest(ledger, [trade()]).new == 1


def test_a_full_disk_leaves_the_ledger_as_it_was(ledger: Ledger) -> None:
    register(ledger, PPO)
    with ledger.staging() as staging:
        pages = staging._connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = f"PRAGMA max_page_count = {pages + 2}"
    sa.event.listen(ledger._engine, "connect", lambda driver, _: driver.execute(limit).close())
    ledger.close()  # the next connection finds the disk nearly full
    with pytest.raises(TiltyardError) as caught:
        ingest(ledger, [trade(str(n)) for n in range(2000)])
    assert caught.value.code == "DATABASE_FULL"
    assert stored(ledger) == []
