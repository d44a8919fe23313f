"""How far a training is: for people, and for whoever supervises it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tiltyard.learners.job import Step
from tiltyard.shell.supervise.contract import Progress, Status, read_status
from tiltyard.shell.training.status import StatusFile, status_path
from tiltyard.shell.training.telling import Pace, step_text, telling

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def steady(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    """At noon."""
    return Clock()


def said(path: Path, clock: Clock) -> Status:
    status = read_status(path, clock.now())
    assert isinstance(status, Status), status
    return status


def test_nobody_is_told_of_more_than_all_of_it() -> None:
    assert step_text(Step("fold 1 of 4, seed 1 of 5", 1_008, 1_000), None).endswith(": 100 %")


def test_a_supervisor_sees_a_step_that_rises_over_all_stages(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "status.json"
    file = StatusFile(path, "train tabnet", clock.now, clock.steady)
    progress, steps = Progress(timedelta(minutes=5)), []
    assert said(path, clock) == Status(0, NOON, None, "train tabnet")
    for stage, done in (("encoder", 10), ("encoder", 20), ("head", 5), ("head", 15), ("head", 1)):
        clock.seconds += 60
        file.step(Step(stage, done, 20))
        steps.append(said(path, clock).step)
        assert progress.is_made(said(path, clock), clock.now(), clock.steady())
    assert steps == [10, 20, 25, 35, 35]
    file.saved()
    assert said(path, clock).checkpoint_at == clock.now()
    file.ended()
    assert said(path, clock).job == ""
    assert [one.name for one in tmp_path.iterdir()] == ["status.json"]


def test_it_is_written_once_a_second_at_most(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "status.json"
    file = StatusFile(path, "train", clock.now, clock.steady)
    for done in range(100):
        clock.seconds += 0.05
        file.step(Step("encoder", done, 100))
        assert said(path, clock).at <= clock.now()
    assert 75 <= said(path, clock).step <= 99
    assert json.loads(path.read_text()).keys() == {"step", "at", "checkpoint_at", "job"}


def test_a_status_that_cannot_be_written_ends_no_training(tmp_path: Path, clock: Clock) -> None:
    for path in (tmp_path / "no" / "status.json", tmp_path, None):
        file = StatusFile(path, "train", clock.now, clock.steady)
        clock.seconds += 5
        file.step(Step("encoder", 1, 2))
        file.ended()
    assert not list(tmp_path.iterdir())
    assert status_path({}) is None
    assert status_path({"TILTYARD_LEARNER_STATUS": "a.json"}) == Path("a.json")


def test_a_step_says_what_is_left(clock: Clock) -> None:
    pace = Pace(clock.steady)
    assert pace.see(Step("encoder", 100, 1_000)) is None
    clock.seconds = 10.0
    step = Step("encoder", 600, 1_000, {"loss": 0.5, "epoch": 2.0})
    assert step_text(step, pace.see(step)) == (
        "encoder: 60 %, epoch 2, loss 0.5, 50 samples/s, 8 s left"
    )
    other = Step("head, fold 1 of 4", 10, 10)
    assert step_text(other, pace.see(other)) == "head, fold 1 of 4: 100 %"


def test_the_time_that_is_left_counts_what_comes_after(clock: Clock) -> None:
    pace = Pace(clock.steady)
    pace.see(Step("fold 1 of 2, seed 1 of 1", 0, 100, after=200))
    clock.seconds = 10.0
    step = Step("fold 1 of 2, seed 1 of 1", 50, 100, after=200)
    assert step_text(step, pace.see(step)).endswith("50 %, 5 samples/s, 50 s left")


@pytest.mark.parametrize(("seconds", "told"), [(59, "59 s"), (600, "10 min"), (9_000, "2.5 h")])
def test_time_is_told_in_a_unit_that_fits(seconds: float, told: str) -> None:
    assert step_text(Step("encoder", 1, 2), (1.0, seconds)).endswith(f"{told} left")


def test_where_there_is_no_terminal_a_line_comes_every_few_seconds_and_at_each_end(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(of: Callable[[Step], None]) -> list[str]:
        for done in range(1, 101):
            clock.seconds += 0.2
            of(Step("encoder", done, 100))
        of(Step("head", 10, 10))
        return capsys.readouterr().err.splitlines()

    with telling(clock.steady) as tell:
        found = lines(tell)
    assert 5 <= len(found) <= 7
    assert found[0] == "encoder: 1 %"
    assert found[-2].startswith("encoder: 100 %")
    assert found[-1] == "head: 100 %"
