"""What a task notes of itself: whole or not at all, and begun anew where it makes no sense."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from full_disks import full_disk
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.note import Note, begun, keep, note_of, read

NIGHT = datetime(2026, 11, 22, 3, tzinfo=UTC)
LATER = NIGHT + timedelta(days=2)


def test_when_it_was_begun_is_noted_once(tmp_path: Path) -> None:
    file = note_of(tmp_path, date(2026, 11, 22), "retrain")
    assert file == tmp_path / "2026-11-22" / "retrain.json"
    assert read(file) is None
    assert begun(file, NIGHT) == Note(NIGHT)
    assert begun(file, LATER) == Note(NIGHT)


def test_what_was_found_and_why_nothing_more_is_to_be_done_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    noted = Note(NIGHT, ("train", "rl"), {"name": "dqn", "metrics": {"a": [1, None]}}, "no better")
    keep(file, noted)
    assert begun(file, LATER) == noted
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"begun_at": "soon", "words": []}', "\0"])
def test_one_that_makes_no_sense_is_begun_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "note.json"
    file.write_text(text, "utf-8")
    assert begun(file, LATER) == Note(LATER)
    assert begun(file, NIGHT) == Note(LATER)


def test_on_a_full_disk_what_was_noted_before_stays(tmp_path: Path) -> None:
    file = tmp_path / "note.json"
    keep(file, Note(NIGHT))
    with full_disk(1_000), pytest.raises(TiltyardError, match="NOTE_UNWRITABLE") as raised:
        keep(file, Note(NIGHT, ("train",), {"name": "x" * 5_000}))
    assert raised.value.remedy == "give it room, or name another folder: jobs.folder"
    assert begun(file, LATER) == Note(NIGHT)
    assert list(tmp_path.iterdir()) == [file]


def test_where_nothing_can_be_noted_nothing_is_begun(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(TiltyardError, match="NOTE_UNWRITABLE"):
        begun(tmp_path / "taken" / "2026-11-22" / "retrain.json", NIGHT)
    (tmp_path / "retrain.json").mkdir()
    with pytest.raises(TiltyardError, match="NOTE_UNWRITABLE"):
        begun(tmp_path / "retrain.json", NIGHT)
