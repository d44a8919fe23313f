"""The scratch database of a replay: nothing has its name that is not whole."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.scratch_file import scratch_ledger
from tiltyard.shell.store.ledger import Ledger

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


def fill(scratch: Ledger) -> None:
    scratch.append_observations([Observation("api_errors", 1.0, NOON)], known_at=NOON)


def count(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute("SELECT count(*) FROM observations").fetchone()[0])


def test_it_is_whole_and_alone_under_its_name(tmp_path: Path) -> None:
    with scratch_ledger(tmp_path / "kept.db") as scratch:
        fill(scratch)
        assert not (tmp_path / "kept.db").exists()
    assert [one.name for one in tmp_path.iterdir()] == ["kept.db"]
    assert count(tmp_path / "kept.db") == 1


def test_what_goes_wrong_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with scratch_ledger(tmp_path / "kept.db") as scratch:
            fill(scratch)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_somebody_who_reads_it_meanwhile_does_not_make_it_half(tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"
    with scratch_ledger(kept) as scratch:
        file = Path(str(scratch.url.database))
        other = sqlite3.connect(file)
        assert count(file) == 0
        fill(scratch)
    other.close()
    assert count(kept) == 1


def test_somebody_who_reads_it_to_the_end_is_told_of_and_nothing_is_kept(tmp_path: Path) -> None:
    readers = []

    def read() -> None:
        with scratch_ledger(tmp_path / "kept.db") as scratch:
            readers.append(sqlite3.connect(str(scratch.url.database), isolation_level=None))
            readers[0].execute("BEGIN")
            readers[0].execute("SELECT count(*) FROM observations").fetchone()
            fill(scratch)

    with pytest.raises(TiltyardError, match="DATABASE_LOCKED"):
        read()
    readers[0].close()
    assert list(tmp_path.iterdir()) == []


def test_what_has_taken_its_name_meanwhile_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept.db"

    def be_second() -> None:
        with scratch_ledger(kept) as scratch:
            fill(scratch)
            kept.write_text("another", "utf-8")

    with pytest.raises(TiltyardError, match="SCRATCH_EXISTS"):
        be_second()
    assert kept.read_text("utf-8") == "another"
    assert [one.name for one in tmp_path.iterdir()] == ["kept.db"]


def test_a_name_that_is_taken_or_in_no_folder_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "kept.db").touch()
    with pytest.raises(TiltyardError, match="SCRATCH_EXISTS"):
        scratch_ledger(tmp_path / "kept.db").__enter__()
    with pytest.raises(TiltyardError, match="SCRATCH_UNWRITABLE"):
        scratch_ledger(tmp_path / "nowhere" / "kept.db").__enter__()
