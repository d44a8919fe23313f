"""One training at a time is at unfinished work, and whoever is gone keeps nobody out."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import ROOT
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.dqn import DqnSettings
from tiltyard.learners.job import Step
from tiltyard.learners.retraining import SizingSettings
from tiltyard.learners.snapshot_folder import load
from tiltyard.shell.clock import system_now
from tiltyard.shell.training.alone import alone_at
from tiltyard.shell.training.bars import read_bars
from tiltyard.shell.training.order import What
from tiltyard.shell.training.running import Made, World, retrain_sizing, search, train
from training.small import SMALL, order, trained

RUNS = r"^TRAINING_RUNS .*/\.work/[0-9a-f]{16}: another training of the same is at it"


@contextmanager
def held(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A training in a process of its own, that has kept something and waits."""
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "training" / "held.py"), str(folder)], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "kept\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def ours(folder: Path, tmp_path: Path) -> Path:
    """The same bars, and no snapshots yet."""
    (tmp_path / "bars").symlink_to(folder / "bars")
    return tmp_path


def lies_in(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for one in (folder / "models").rglob("*")
        if one.is_file()
    }


def digests(folder: Path) -> list[str]:
    """Of the policies that lie there."""
    return [load(one).digest for one in (folder / "models").glob("tabnet_*")]


def is_kept_out(work: Path) -> bool:
    try:
        with alone_at(work):
            return False
    except TiltyardError as error:
        return error.code == "TRAINING_RUNS"


def test_a_second_one_is_refused_and_the_first_ends_as_if_alone(ours: Path, policy: Made) -> None:
    with held(ours) as first:
        before = lies_in(ours)
        with pytest.raises(TiltyardError, match=RUNS):
            trained(ours)
        assert any(name.endswith(".checkpoint") for name in before)
        assert lies_in(ours) == before
        first.communicate()
        assert first.returncode == 0
    assert digests(ours) == [policy.snapshot.digest]
    assert not (ours / "models" / ".work").exists()


def test_whoever_was_killed_keeps_nobody_out(ours: Path, policy: Made) -> None:
    with held(ours) as first:
        first.kill()
        assert first.wait() == -signal.SIGKILL
    assert list((ours / "models" / ".work").glob("*.lock")), "it was killed while it was at it"
    assert trained(ours).snapshot.digest == policy.snapshot.digest
    assert not (ours / "models" / ".work").exists()


class Ended(BaseException):
    """No ``Exception``: a sweep takes those for a trial that has failed."""


@pytest.mark.parametrize("what", ["encoder", "tabnet", "rl", "sweep"])
def test_of_each_kind_there_is_one_at_a_time(ours: Path, what: What) -> None:
    bars = read_bars(ours / "bars", ["SOL"], None, None, None)
    small = replace(SMALL, hold_out_days=9)
    sizing = SizingSettings(small, dqn=DqnSettings(steps=1_600))

    def go(tell: Callable[[Step], object], seeds: int = 5, minutes: float | None = None) -> None:
        asked = replace(order(what, ours), seeds=seeds, trials=2 * seeds, minutes=minutes)
        world = World(system_now, lambda: 0.0, tell)
        if what == "rl":
            retrain_sizing(asked, bars, world, sizing)
        elif what == "sweep":
            search(asked, bars, world, small)
        else:
            train(asked, bars, world, small)

    def again(_: Step) -> None:
        with pytest.raises(TiltyardError, match=RUNS):
            go(again, seeds=9, minutes=9.0)
        raise Ended

    for _ in range(2):  # whoever has ended is not at it any more
        with pytest.raises(Ended):
            go(again)


def test_another_work_in_the_same_folder_is_not_kept_out(tmp_path: Path) -> None:
    every = tmp_path / "models" / ".work"
    with alone_at(every / "a"):
        with alone_at(every / "b"):
            assert is_kept_out(every / "a")
        assert every.is_dir(), "the other one is still at it"
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with alone_at(tmp_path / "models" / ".work" / "a"):
        pass
    assert not list((tmp_path / "models").iterdir())


@pytest.mark.parametrize("then", ["nobody", "another"])
def test_whoever_comes_just_as_another_ends_has_a_lock_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """What was opened was removed before it was locked; another may have put a new one there."""
    work = tmp_path / ".work" / "a"
    first, flock = alone_at(work), fcntl.flock
    first.__enter__()
    came: list[int] = []

    def ends(descriptor: int, how: int) -> None:
        if not came:
            came.append(descriptor)
            first.__exit__(None, None, None)
            if then == "another":
                third.__enter__()
        flock(descriptor, how)

    third = alone_at(work)
    monkeypatch.setattr("fcntl.flock", ends)
    if then == "another":
        assert is_kept_out(work)
        third.__exit__(None, None, None)
    else:
        with alone_at(work):
            assert is_kept_out(work)
    assert came
    assert not (tmp_path / ".work").exists()


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    work = tmp_path / "models" / ".work" / "a"
    with pytest.raises(TiltyardError, match="CHECKPOINT_UNWRITABLE"), alone_at(work):
        pass
