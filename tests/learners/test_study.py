"""A study's trials are the same whoever runs them, and wherever they were stopped."""

import json
import multiprocessing
import os
import select
import signal
import sys
from collections.abc import Callable
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.crew import processes
from tiltyard.learners.job import Job, Step
from tiltyard.learners.study import Study, Trial, best, run

HILL = "cheap_objectives:hill"


def study_in(folder: Path, seed: int = 7, **config: Any) -> Study:  # noqa: ANN401 JSON
    return Study(folder, HILL, config, seed, 2)


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    return run(study_in(tmp_path_factory.mktemp("ten")), 10, job=Job())


def killed_at(study: Study, trials: int, step: int) -> bool:
    """Run in a process of its own that is gone at a step; whether it got there."""
    child = os.fork()
    if not child:
        steps = 0

        def saved() -> None:
            nonlocal steps
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)

        run(study, trials, job=Job(saved=saved))
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_five_trials_a_restart_and_five_more_are_ten(ten: list[Trial], tmp_path: Path) -> None:
    assert run(study_in(tmp_path), 5, job=Job()) == ten[:5]
    assert run(study_in(tmp_path), 10, job=Job()) == ten


def test_killed_at_every_step_it_ends_with_the_same_trials(
    ten: list[Trial], tmp_path: Path
) -> None:
    """Each process gets one step further than was written, 15 in all, and is gone."""
    for step in range(1, 16):
        folder = tmp_path / str(step)
        assert killed_at(study_in(folder), 10, step)
        assert run(study_in(folder), 10, job=Job()) == ten
    assert not killed_at(study_in(tmp_path / "whole"), 10, 16)


def test_killed_within_trials_it_ends_with_the_same_trials(
    ten: list[Trial], tmp_path: Path
) -> None:
    dying = study_in(tmp_path / "study", dies={"0": 1, "3": 2, "9": 1}, marks=str(tmp_path))
    for _ in range(4):
        assert killed_at(dying, 10, 99)
    assert run(dying, 10, job=Job()) == ten


def test_several_workers_find_what_one_does_and_one_that_dies_is_replaced(
    ten: list[Trial], tmp_path: Path
) -> None:
    dying = study_in(tmp_path / "study", dies={"1": 1, "4": 2}, marks=str(tmp_path))
    found = run(dying, 6, job=Job(), hire=processes(2))
    assert found[:4] == ten[:4]
    assert found[4].state == "failed"
    assert found[4].reason == "its worker died twice, with exit code -9"
    assert found[5] == ten[5]


DIES_BEFORE_IT_READS = """#!{python} -IS
import os, select, stat, sys

def is_pipe(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False

if "spawn_main" in " ".join(sys.argv) and not os.path.exists({mark!r}):
    open({mark!r}, "w").close()
    select.select([number for number in range(3, 256) if is_pipe(number)], [], [])
    os._exit(1)
os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""


def test_a_worker_that_dies_before_it_has_read_its_task_is_replaced(
    ten: list[Trial], tmp_path: Path
) -> None:
    """The first worker ends when there is something to read, and leaves it unread."""
    program, mark = tmp_path / "python", tmp_path / "died"
    program.write_text(DIES_BEFORE_IT_READS.format(python=sys.executable, mark=str(mark)))
    program.chmod(0o755)
    before = spawn.get_executable()
    spawn.set_executable(str(program))
    try:
        found = run(study_in(tmp_path / "study"), 2, job=Job(), hire=processes(2))
    finally:
        spawn.set_executable(before)
    assert mark.exists()
    assert found == ten[:2]


def test_no_worker_lives_on_when_a_study_ends_in_the_middle(tmp_path: Path) -> None:
    """One trial is over, the other waits for somebody who never listens."""
    said = tmp_path / "said"
    os.mkfifo(said)

    def saved() -> None:
        raise KeyboardInterrupt

    study = study_in(tmp_path / "study", says=str(said), quiet=[0])
    with pytest.raises(KeyboardInterrupt):
        run(study, 2, job=Job(saved=saved), hire=processes(2))
    assert not multiprocessing.active_children()
    assert sorted(study.trials()) == [0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_is_full_is_no_result_of_a_trial(
    ten: list[Trial], tmp_path: Path, workers: int
) -> None:
    full = tmp_path / "full"
    full.touch()
    study = study_in(tmp_path / "study", full=str(full))
    with pytest.raises(TiltyardError, match=r"STUDY_STOPPED trial 1: OSError: .*No space left"):
        run(study, 6, job=Job(), hire=processes(workers))
    assert 1 not in study.trials()
    full.unlink()
    assert run(study, 6, job=Job()) == ten[:6]


@pytest.mark.parametrize("lack", ["none", "torch", "cuda"])
def test_memory_that_is_gone_is_no_result_of_a_trial(
    ten: list[Trial], tmp_path: Path, lack: str
) -> None:
    held = tmp_path / "held"
    held.write_text(lack)
    study = study_in(tmp_path / "study", lacks=str(held))
    with pytest.raises(TiltyardError, match=r"STUDY_STOPPED trial 1: .*allocate"):
        run(study, 2, job=Job())
    assert 1 not in study.trials()
    held.unlink()
    assert run(study, 2, job=Job()) == ten[:2]


def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    """Each holds a pipe open while it lives."""
    said = tmp_path / "said"
    os.mkfifo(said)
    child = os.fork()
    if not child:
        run(study_in(tmp_path / "study", says=str(said)), 2, job=Job(), hire=processes(2))
    with said.open("rb", buffering=0) as listening:
        heard = b""
        while heard.count(b"here") < 2:
            heard += listening.read(100)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert select.select([listening], [], [], 30)[0], "they live on"
        assert listening.read(100) == b""


def test_trials_of_a_generation_do_not_know_of_each_other(ten: list[Trial], tmp_path: Path) -> None:
    other = run(study_in(tmp_path, raises=[4]), 6, job=Job())
    assert other[4].state == "failed"
    assert other[4].reason == "RuntimeError: no such hill"
    assert other[5] == ten[5]


def test_sampling_comes_nearer_and_seeds_differ(ten: list[Trial], tmp_path: Path) -> None:
    more = run(study_in(tmp_path), 24, job=Job())
    early, late = ([abs(one.parameters["x"] - 2) for one in part] for part in (more[:6], more[-6:]))
    assert sum(late) < sum(early)
    assert {one.parameters["x"] for one in ten}.isdisjoint(
        one.parameters["x"] for one in run(study_in(tmp_path / "8", seed=8), 4, job=Job())
    )


def test_the_worst_are_pruned_and_have_no_value(ten: list[Trial]) -> None:
    pruned = [one for one in ten if one.state == "pruned"]
    assert pruned
    assert all(one.value is None and 1 < len(one.reported) < 4 for one in pruned)
    assert all(one.state == "complete" for one in ten[:4])


def test_a_value_that_is_no_number_fails_its_trial(tmp_path: Path) -> None:
    found = run(study_in(tmp_path, nan=[1]), 2, job=Job())
    assert (found[1].state, found[1].reason) == ("failed", "its value is no number")
    assert best(found) == [found[0]]


def test_a_study_of_which_nothing_came_says_why(tmp_path: Path) -> None:
    with pytest.raises(TiltyardError, match=r"STUDY_FAILED.*none of 2 trials.*no such hill"):
        run(study_in(tmp_path, raises=[0, 1]), 2, job=Job())


def test_another_study_does_not_go_on_in_its_folder(tmp_path: Path) -> None:
    run(study_in(tmp_path), 2, job=Job())
    with pytest.raises(TiltyardError, match="STUDY_DIFFERS"):
        run(study_in(tmp_path, seed=8), 2, job=Job())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(TiltyardError, match=r"CHECKPOINT_UNWRITABLE .*taken/study.json"):
        run(study_in(tmp_path / "taken"), 2, job=Job())


@pytest.mark.parametrize("spoil", [lambda text: text[:40], lambda _: "[]", lambda _: ""])
def test_a_result_that_is_not_whole_is_made_again(
    ten: list[Trial], tmp_path: Path, spoil: Callable[[str], str]
) -> None:
    run(study_in(tmp_path), 4, job=Job())
    file = tmp_path / "trials" / "002.json"
    file.write_text(spoil(file.read_text()))
    assert run(study_in(tmp_path), 4, job=Job()) == ten[:4]


def test_optuna_reads_its_journal(ten: list[Trial], tmp_path: Path) -> None:
    run(study_in(tmp_path), 10, job=Job())
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "journal.log")))
    journal = optuna.load_study(study_name="sweep", storage=storage)
    assert [one.params for one in journal.trials] == [dict(one.parameters) for one in ten]
    assert journal.best_value == best(ten, 1)[0].value
    assert sorted(one.name for one in tmp_path.iterdir()) == ["journal.log", "study.json", "trials"]


def test_time_that_is_up_begins_no_more_trials_and_steps_are_told(tmp_path: Path) -> None:
    told: list[Step] = []
    job = Job(tell=told.append, is_over=lambda: len(told) >= 4)
    assert len(run(study_in(tmp_path), 10, job=job)) == 4
    assert [one.done for one in told] == [1, 2, 3, 4]
    assert told[-1].numbers["best"] == max(one.numbers["percent a day"] for one in told)


def test_of_equals_the_earlier_is_better() -> None:
    trials = [Trial(n, "complete", value, {}) for n, value in enumerate((1.0, 3.0, 3.0, 2.0))]
    assert [one.number for one in best(trials)] == [1, 2]
    assert json.loads(json.dumps(trials[0]._asdict()))["state"] == "complete"
