"""Networks that a cluster fits are those that this machine fits."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from learners.test_retraining import ONE_TEST, SMALL, leaking, log_on
from small_candidates import SETTINGS
from tiltyard.learners.candidate import train_encoder
from tiltyard.learners.job import Job, Step
from tiltyard.learners.retraining import retrain
from tiltyard.learners.seeds import Fitter, one_by_one
from tiltyard.learners.snapshot import Snapshot
from tiltyard.shell.training.cluster import Cluster
from tiltyard.shell.training.spreading import fitter_at

QUICK = replace(ONE_TEST, dqn=replace(SMALL.dqn, steps=1_600, evaluate_every=800))
DATA = leaking(0)


@pytest.fixture(scope="module")
def encoder() -> Snapshot:
    return train_encoder(SETTINGS, DATA, seed=1, job=Job())


def made(
    encoder: Snapshot, folder: Path, fitter: Fitter, *, is_over: Callable[[], bool] = lambda: False,
    tell: Callable[[Step], object] = lambda _: None,
) -> Snapshot:  # fmt: skip
    return retrain(
        QUICK, DATA, seeds=(1, 2), folder=folder / "buffer", encoder=encoder, log=log_on(DATA),
        job=Job(tell, is_over, folder / "work"), fitter=fitter,
    )  # fmt: skip


def test_seeds_have_the_same_digest_and_are_kept_as_they_come(
    cluster: Cluster, encoder: Snapshot, tmp_path: Path
) -> None:
    steps: list[Step] = []
    here = made(encoder, tmp_path / "here", one_by_one)
    there = made(encoder, tmp_path / "there", fitter_at(cluster), tell=steps.append)
    assert here.lineage["logged"]["learnt_from"] == 4
    assert there.digest == here.digest
    assert {one.stage for one in steps} == {
        f"{what}, seed {seed} of 2" for what in ("fold", "what serves") for seed in (1, 2)
    }
    kept, all_here = (
        {file.name for file in (tmp_path / name / "work").iterdir()} for name in ("there", "here")
    )
    assert len(kept) == 4
    assert kept < all_here
    steps.clear()
    assert made(encoder, tmp_path / "there", one_by_one, tell=steps.append).digest == here.digest
    assert not steps, "this machine does not find what came back"
    lost = min(kept)
    (tmp_path / "there" / "work" / lost).unlink()
    steps.clear()
    again = made(encoder, tmp_path / "there", fitter_at(cluster), tell=steps.append)
    assert again.digest == here.digest
    assert len({one.stage for one in steps}) == 1, "more than what was lost was fitted anew"


def test_where_time_is_up_the_best_so_far_comes_back(
    cluster: Cluster, encoder: Snapshot, tmp_path: Path
) -> None:
    here, there = (
        made(encoder, tmp_path / name, fitter, is_over=lambda: True)
        for name, fitter in (("here", one_by_one), ("there", fitter_at(cluster)))
    )
    assert there.metrics["partial"]
    assert there.digest == here.digest
    assert not (tmp_path / "there" / "work").exists()
