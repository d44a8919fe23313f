"""Unfinished work is kept whole, under what it is of, and nothing else is ever taken for it."""

import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

import tiltyard
from learners.test_snapshot import in_a_process, killed_at
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.job import Checkpoint, Job, Step, job_key

KEY = job_key("timesnet", {"layers": 2}, 7)


def work(number: float) -> Checkpoint:
    tensors = {"now.bias": np.full(3, number, np.float32), "step": np.array(number)}
    return Checkpoint(tensors, {"losses": [number]})


def number_of(checkpoint: Checkpoint | None) -> float | None:
    if checkpoint is None:
        return None
    numbers = {
        *checkpoint.tensors["now.bias"].tolist(), float(checkpoint.tensors["step"]),
        *checkpoint.told["losses"],
    }  # fmt: skip
    (number,) = numbers
    return float(number)


def test_what_was_kept_last_is_what_is_there(tmp_path: Path) -> None:
    saved: list[int] = []
    job = Job(folder=tmp_path / "work", saved=lambda: saved.append(1))
    assert job.kept(KEY) is None
    for number in (1.0, 2.0):
        job.keep(KEY, work(number))
    found = job.kept(KEY)
    assert number_of(found) == 2.0
    assert found is not None
    assert found.tensors["step"].shape == (), "a number comes back as one"
    assert len(saved) == 2


def test_work_of_another_version_is_another_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert job_key("timesnet", {"layers": 2}, 7) == KEY
    monkeypatch.setattr(tiltyard, "__version__", "0.0.0")
    assert job_key("timesnet", {"layers": 2}, 7) != KEY


def test_a_job_without_a_folder_keeps_nothing() -> None:
    job = Job()
    job.keep(KEY, work(1.0))
    job.tell(Step("encoder", 1, 2))
    assert job.kept(KEY) is None
    assert not job.is_over()


def test_another_key_is_another_work_also_where_both_begin_alike(tmp_path: Path) -> None:
    job = Job(folder=tmp_path)
    job.keep(KEY, work(1.0))
    assert job.kept(KEY[:16] + "0" * 48) is None
    assert job.kept(job_key("timesnet", {"layers": 3}, 7)) is None
    assert number_of(job.kept(KEY)) == 1.0


def test_any_byte_that_is_another_and_any_that_is_missing_makes_it_none(tmp_path: Path) -> None:
    job = Job(folder=tmp_path)
    job.keep(KEY, work(1.0))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        assert job.kept(KEY) is None, place
        file.write_bytes(whole[:place])
        assert job.kept(KEY) is None, place
    file.write_bytes(whole)
    assert number_of(job.kept(KEY)) == 1.0


def test_whoever_is_killed_while_keeping_has_the_one_before_or_the_new_one(tmp_path: Path) -> None:
    job, found = Job(folder=tmp_path), []
    for call in range(1, 50):
        job.keep(KEY, work(1.0))
        ended = in_a_process(killed_at(call, lambda: job.keep(KEY, work(2.0))))
        found.append(number_of(job.kept(KEY)))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert len(found) >= 3
    assert set(found) == {1.0, 2.0}
    assert found == sorted(found, key=lambda one: one or 0.0)


def test_a_disk_that_is_full_leaves_what_was_kept_before(tmp_path: Path) -> None:
    job = Job(folder=tmp_path)
    job.keep(KEY, work(1.0))
    large = Checkpoint({"now.bias": np.zeros(100_000)}, {})

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, 4_096))
        try:
            job.keep(KEY, large)
        except TiltyardError as error:
            os._exit(9 if error.code == "CHECKPOINT_UNWRITABLE" else 4)

    assert in_a_process(fill) == 9
    assert number_of(job.kept(KEY)) == 1.0
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TiltyardError, match=r"CHECKPOINT_UNWRITABLE.*still there"):
        Job(folder=tmp_path / "file").keep(KEY, work(1.0))


def test_a_key_is_of_everything_that_it_is_made_of() -> None:
    array = np.arange(6, dtype=np.float32)
    keys = [
        job_key("a", array), job_key("b", array), job_key("a", array + 1),
        job_key("a", array.reshape(2, 3)), job_key("a", array.astype(np.float64)),
        job_key("a", array, 1), job_key("a", array, None), job_key("aa"), job_key("a", "a"),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert job_key("a", {"x": 1, "y": 2}) == job_key("a", {"y": 2, "x": 1})
    assert job_key("a", array.reshape(2, 3).T) == job_key("a", array.reshape(2, 3).T.copy())
