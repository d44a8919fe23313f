"""A training is the same whenever it is run, also when it is killed wherever one likes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from command_line import ROOT
from tiltyard.kernel.errors import Faults, TiltyardError
from tiltyard.learners.job import job_key
from tiltyard.learners.snapshot_folder import load
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.extra_learn import require_learn
from tiltyard.shell.training.bars import read_bars
from tiltyard.shell.training.carrying_out import carry_out
from tiltyard.shell.training.machine import settle
from tiltyard.shell.training.order import What
from tiltyard.shell.training.running import (
    CODE,
    Made,
    World,
    market_of,
    place_of,
    search,
    train,
    work_of,
)
from training.small import SMALL, order, trained, write_bars


@pytest.fixture(scope="module")
def trainer() -> "Iterator[subprocess.Popen[str]]":
    """Trains in processes of their own."""
    path = os.pathsep.join([str(ROOT / "tests"), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "training" / "trainer.py")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        yield process


def snapshots(folder: Path) -> set[str]:
    """What lies there, but for the time in its name."""
    found = (folder / "models").glob("[!.]*")
    return {f"{load(one).kind} {load(one).digest}" for one in found if one.is_dir()}


def test_whoever_is_killed_whenever_work_was_kept_ends_with_the_same(
    folder: Path, policy: Made, trainer: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    assert policy.encoder is not None
    whole = {f"tabnet {policy.snapshot.digest}", f"timesnet {load(policy.encoder).digest}"}
    (tmp_path / "bars").symlink_to(folder / "bars")

    def ended(killed: str) -> int:
        assert trainer.stdin is not None
        assert trainer.stdout is not None
        job = {"folder": str(tmp_path), "what": "tabnet", "killed": killed}
        trainer.stdin.write(json.dumps(job) + "\n")
        trainer.stdin.flush()
        return int(trainer.stdout.readline())

    kills = 0
    while True:
        code = ended("saved")
        assert snapshots(tmp_path) <= whole
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        assert kills < 50
    epochs = SMALL.encoder.epochs + SMALL.head.epochs * (SMALL.folds + 2)
    assert epochs - 4 <= kills <= epochs, "a head may be done before its last epoch"
    assert snapshots(tmp_path) == whole
    assert not list((tmp_path / "models").glob(".*"))


@pytest.mark.usefixtures("policy")
def test_whoever_is_killed_while_the_snapshot_is_put_there_ends_with_the_same(
    folder: Path, trainer: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    (tmp_path / "bars").symlink_to(folder / "bars")
    for killed, code in (("renamed", -signal.SIGKILL), ("nowhere", 0)):
        assert trainer.stdin is not None
        assert trainer.stdout is not None
        job = {"folder": str(tmp_path), "what": "encoder", "killed": killed}
        trainer.stdin.write(json.dumps(job) + "\n")
        trainer.stdin.flush()
        assert int(trainer.stdout.readline()) == code
    (found,) = snapshots(tmp_path)
    assert found in snapshots(folder)


def test_the_parents_of_a_candidate_can_be_looked_at(policy: Made) -> None:
    assert policy.encoder is not None
    assert policy.snapshot.lineage["parents"] == [load(policy.encoder).digest]
    told = policy.snapshot.lineage
    assert (told["threads"], told["device"], told["seed"]) == (1, "cpu", 1)


def test_an_encoder_that_is_given_is_taken(folder: Path, policy: Made, tmp_path: Path) -> None:
    made = trained(folder, encoder=policy.encoder, output=tmp_path)
    assert made.encoder is None
    assert made.snapshot.digest == policy.snapshot.digest
    other = trained(folder, encoder=policy.path, output=tmp_path)
    assert other.snapshot.weights.keys() == policy.snapshot.weights.keys()


def test_how_many_do_not_know_of_each_other_makes_another_sweep_alone(folder: Path) -> None:
    """And whoever was interrupted before anybody could say it finds his work again."""
    bars = read_bars(folder / "bars", ("SOL",), None, None, None)
    world = World(system_now, steady_seconds)

    def lies(what: What, generation: int) -> str:
        asked = replace(order(what, folder), generation=generation)
        return work_of(asked, SMALL, market_of(asked, bars), world).name

    assert len({lies("sweep", generation) for generation in (1, 2, 8)}) == 3
    for what in ("encoder", "tabnet"):
        assert lies(what, 8) == lies(what, 2)
    asked = order("sweep", folder)
    data = market_of(asked, bars)
    before = job_key(
        "sweep", asdict(SMALL), data.told(), data.funding_told, asked.seed, None,
        place_of(world), CODE, torch.__version__, {},
    )  # fmt: skip
    assert lies("sweep", 2) == before[:16]


def test_another_seed_makes_another(folder: Path, policy: Made, tmp_path: Path) -> None:
    made = trained(folder, seed=2, encoder=policy.encoder, output=tmp_path)
    assert made.snapshot.digest != policy.snapshot.digest


def test_whose_time_is_up_is_partial_and_the_same_command_goes_on(
    folder: Path, policy: Made, tmp_path: Path
) -> None:
    partial = trained(folder, minutes=0.0, output=tmp_path)
    assert partial.is_partial
    assert partial.snapshot.digest != policy.snapshot.digest
    assert (tmp_path / ".work").is_dir()
    assert trained(folder, output=tmp_path).snapshot.digest == policy.snapshot.digest
    assert not (tmp_path / ".work").exists()


def test_who_is_ended_before_all_is_said_of_it_learns_nothing_again(tmp_path: Path) -> None:
    """As where its page finds no room, or whoever asked has gone."""
    write_bars(tmp_path / "bars", "SOL/USDT", hours=24 * 160)
    asked = replace(order("encoder", tmp_path), epochs=1)
    bars = read_bars(asked.folder, asked.symbols, None, None, None)
    saved, said = list[int](), list[Mapping[str, Any]]()
    world = World(system_now, steady_seconds, saved=lambda: saved.append(1))

    def ends(*_: object) -> None:
        raise BrokenPipeError

    for say in (ends, ends, lambda _, row: said.append(row)):
        with suppress(BrokenPipeError):
            carry_out(asked, bars, world, tmp_path / "page.html", say)
        assert (tmp_path / "page.html").exists()
        assert (asked.output / ".work").exists() == (not said)
    assert len(saved) == 1, "its one epoch"
    (made,) = (one for one in asked.output.iterdir() if one.is_dir())
    assert said[0]["name"] == made.name


def test_what_is_refreshed_is_a_new_one_with_its_parent(
    folder: Path, policy: Made, tmp_path: Path
) -> None:
    for what, parent in (("tabnet", policy.path), ("encoder", policy.encoder)):
        made = trained(folder, what=what, refresh=parent, epochs=1, output=tmp_path)
        assert parent is not None
        before = load(parent)
        assert before.digest in made.snapshot.lineage["parents"]
        assert made.snapshot.kind == before.kind
        assert made.snapshot.digest != before.digest


def test_too_little_data_is_told_with_what_is_needed(folder: Path, tmp_path: Path) -> None:
    bars = read_bars(folder / "bars", ["SOL"], None, None, None)
    asked = order("encoder", tmp_path)
    with pytest.raises(
        TiltyardError,
        match=r"DATA_INSUFFICIENT SOL/USDT: 1,6.*: 2,160 .* 1,438 before those: .* needs 719",
    ):
        train(asked, bars, World(system_now, lambda: 0.0))
    assert not (tmp_path / "models").exists()


def test_bars_of_which_no_window_is_whole_are_said(folder: Path, tmp_path: Path) -> None:
    file = "SOL_USDT-1h.parquet"
    (tmp_path / "bars").mkdir()
    every = pl.read_parquet(folder / "bars" / file).with_row_index()
    pairs = every.filter(pl.col("index") % 3 != 0).drop("index")
    pairs.write_parquet(tmp_path / "bars" / file)
    with pytest.raises(TiltyardError, match=r"DATA_INSUFFICIENT.*in a row is whole"):
        trained(tmp_path, what="encoder")


def test_a_snapshot_that_was_touched_is_not_gone_on_from(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "timesnet_20250707_120000_00000000"
    path.mkdir()
    (path / "manifest.json").write_text("{}")
    with pytest.raises(Faults, match="SNAPSHOT_TAMPERED"):
        trained(folder, encoder=path)


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    require_learn()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TiltyardError, match=r"EXTRA_MISSING learn: torch is .*tiltyard\[learn\]"):
        require_learn()


def test_a_device_that_is_not_there_is_said() -> None:
    import torch  # noqa: PLC0415 slow

    assert settle("auto", 1) == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(TiltyardError, match="DEVICE_MISSING cuda"):
            settle("cuda", 1)
    settle("cpu", 1)


def test_a_sweep_keeps_its_best_two_and_more_trials_may_follow(
    folder: Path, tmp_path: Path
) -> None:
    bars = read_bars(folder / "bars", ["SOL"], None, None, None)
    asked = replace(order("sweep", folder), output=tmp_path, trials=2)
    world = World(system_now, steady_seconds)
    small = replace(SMALL, hold_out_days=9)  # the longest horizon of a trial needs more bars
    swept, best = search(asked, bars, world, small)
    assert [trial.number for trial in swept.trials] == [0, 1]
    assert [made.snapshot.lineage["study"]["trial"] for made in best] == [
        kept.trial.number for kept in swept.kept
    ]
    again, _ = search(asked, bars, world, small)
    assert again.trials == swept.trials
