"""What a learner says of itself, and whether that is progress."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tiltyard.shell.supervise.contract import LARGEST, Progress, Status, read_status

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
WITHIN = timedelta(minutes=5)
GOOD = {
    "step": 1200,
    "at": "2025-07-07T12:00:00Z",
    "checkpoint_at": 1751889480000,
    "job": "retrain",
}


def said(tmp_path: Path, content: object) -> Status | str:
    path = tmp_path / "status.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_status(path, NOON)


def test_what_a_learner_says_is_read(tmp_path: Path) -> None:
    saved_at = NOON - timedelta(minutes=2)
    assert said(tmp_path, GOOD) == Status(1200, NOON, saved_at, "retrain")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"{" * 50_000, "malformed"),
        (b'{"step": 1', "malformed"),
        ([1], "no object"),
        ({**GOOD, "step": "many"}, "no whole number"),
        ({**GOOD, "step": True}, "no whole number"),
        ({**GOOD, "step": 1.5}, "no whole number"),
        ({**GOOD, "at": None}, "malformed"),
        ({**GOOD, "at": "yesterday"}, "malformed"),
        ({**GOOD, "at": "2025-07-07T12:00:00"}, "TIME_NAIVE"),
        ({**GOOD, "at": "2025-07-07T12:01:01Z"}, "of the future"),
        ({**GOOD, "job": 7}, "no text"),
        (b" " * (LARGEST + 1), "larger than 64 kB"),
    ],
)
def test_what_makes_no_sense_is_no_progress(content: object, why: str, tmp_path: Path) -> None:
    found = said(tmp_path, content)
    assert isinstance(found, str)
    assert why in found
    assert not Progress(WITHIN).is_made(found, NOON, 0)


def test_what_is_no_plain_file_is_no_progress(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("nothing", "pipe", "folder"):
        assert isinstance(read_status(tmp_path / name, NOON), str)


def test_a_checkpoint_of_the_future_is_none(tmp_path: Path) -> None:
    found = said(tmp_path, {**GOOD, "checkpoint_at": "2025-07-07T13:00:00Z"})
    assert isinstance(found, Status)
    assert found.checkpoint_at is None


class Course:
    """A learner over time, by minutes."""

    def __init__(self) -> None:
        self.progress = Progress(WITHIN)

    def moves(self, minute: float, step: int, job: str = "retrain", age: float = 0) -> bool:
        now = NOON + timedelta(minutes=minute)
        status = Status(step, now - timedelta(minutes=age), None, job)
        return self.progress.is_made(status, now, 60 * minute)


def test_a_step_that_stands_is_no_progress_after_five_minutes() -> None:
    course = Course()
    assert [course.moves(minute, 7) for minute in range(7)] == [True] * 5 + [False] * 2
    assert course.moves(8, 8)
    assert course.moves(12.9, 8)
    assert not course.moves(13, 8)


def test_who_has_no_job_makes_no_progress() -> None:
    course = Course()
    assert course.moves(0, 1)
    assert not course.moves(1, 2, job="")


def test_what_was_said_too_long_ago_is_no_progress() -> None:
    course = Course()
    assert not course.moves(0, 1, age=5.1)
    assert course.moves(0, 1, age=4)
    assert not course.moves(1, 1, age=1), "it was seen first, and had been said four minutes before"


def test_going_back_to_a_checkpoint_is_no_progress_and_going_on_from_there_is() -> None:
    course = Course()
    course.moves(0, 900)
    assert not course.moves(5, 400)
    assert course.moves(6, 401)


def test_a_learner_that_begins_anew_has_its_time_again() -> None:
    course = Course()
    course.moves(0, 900)
    assert not course.moves(6, 900)
    course.progress.begin()
    assert course.moves(7, 900)
