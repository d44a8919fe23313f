"""A sweep tries candidates by what they earn, and keeps the best two with where they come from."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from small_candidates import DATA, SETTINGS, START
from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.candidate import MarketData
from tiltyard.learners.crew import Hire, processes
from tiltyard.learners.job import Job, Step
from tiltyard.learners.plan import plan_of
from tiltyard.learners.snapshot import WEIGHTS
from tiltyard.learners.snapshot_folder import load
from tiltyard.learners.study import best
from tiltyard.learners.sweep import Sweep, read_market, sweep, write_market
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

TRIALS = 3
SOL = MarketData({"SOL/USDT": DATA.candles["SOL/USDT"]})


def swept(
    folder: Path, *, workers: int = 1, saved: Callable[[], object] = lambda: None,
    tell: Callable[[Step], object] = lambda _: None, hire: Hire | None = None,
) -> Sweep:  # fmt: skip
    settings = replace(
        SETTINGS, stride=24, head=replace(SETTINGS.head, epochs=1),
        encoder=replace(SETTINGS.encoder, epochs=1, batch=32),
    )  # fmt: skip
    return sweep(
        settings, SOL, folder=folder / "sweep", output=folder / "models", now=START, seed=3,
        job=Job(saved=saved, tell=tell), trials=TRIALS,
        generation=2, hire=hire or processes(workers),
    )  # fmt: skip


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Path]:
    folder = tmp_path_factory.mktemp("three")
    return swept(folder), folder


def digests(made: Sweep) -> list[str]:
    return [one.digest for one in made.kept]


def test_the_best_two_are_kept_with_where_they_come_from(three: tuple[Sweep, Path]) -> None:
    made, folder = three
    assert [one.trial for one in made.kept] == best(made.trials)
    assert len(made.trials) == TRIALS
    for one in made.kept:
        snapshot = load(one.path, one.digest)
        study = snapshot.lineage["study"]
        assert study == {
            "seed": 3, "trial": one.trial.number, "parameters": dict(one.trial.parameters),
            "value": one.trial.value,
        }  # fmt: skip
        assert snapshot.settings["acting"]["margin"] == one.trial.parameters["acting.margin"]
        assert snapshot.lineage["threads"] == 1
        interval = snapshot.metrics["walk_forward"]["daily_return"]["interval"]
        assert interval["low"] == pytest.approx(one.trial.value)
        assert load(one.encoder).digest == snapshot.lineage["parents"][0]
        assert snapshot.metrics["hold_out"]["days"] == 10
    assert sorted(one.name for one in (folder / "sweep").iterdir()) == [
        "journal.log", "kept", "market.safetensors", "study.json", "sweep.json", "trials",
    ]  # fmt: skip
    told = json.loads((folder / "sweep" / "sweep.json").read_text())
    assert [one["digest"] for one in told["best"]] == digests(made)
    assert [one["number"] for one in told["trials"]] == [0, 1, 2]


@pytest.mark.soak
def test_two_workers_keep_what_one_does(three: tuple[Sweep, Path], tmp_path: Path) -> None:
    steps: list[Step] = []
    made = swept(tmp_path, workers=2, tell=steps.append)
    assert made.trials == three[0].trials
    assert digests(made) == digests(three[0])
    assert {"trial 0, encoder", "trial 1, head, fold 1 of 2", "sweep"} <= {
        one.stage for one in steps
    }


def test_killed_it_goes_on_to_the_same_two(three: tuple[Sweep, Path], tmp_path: Path) -> None:
    """Once between trials; the kept ones appear together or their trials' files stay."""
    child = os.fork()
    if not child:
        swept(tmp_path, saved=lambda: os.kill(os.getpid(), signal.SIGKILL))
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert digests(swept(tmp_path)) == digests(three[0])


def test_a_market_that_begins_too_late_is_refused_before_the_first_trial(tmp_path: Path) -> None:
    whole = DATA.candles["SOL/USDT"]
    part = {
        name: getattr(whole, name)[24 * 70 :]
        for name in ("opened_at", "open", "high", "low", "close", "volume")
    }
    data = MarketData({**DATA.candles, "SOL/USDT": replace(whole, **part)})
    with pytest.raises(TiltyardError, match=r"DATA_INSUFFICIENT SOL/USDT: .* from 2025-03-12"):
        sweep(SETTINGS, data, folder=tmp_path / "sweep", output=tmp_path, now=START, seed=3,
              job=Job(), trials=1, generation=2)  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_past_is_refused_that_is_too_short_for_one_of_the_horizons(tmp_path: Path) -> None:
    """Else those trials alone would fail, one by one."""
    short = {symbol: until(one, 1_650) for symbol, one in DATA.candles.items()}
    plan_of(SETTINGS, MarketData(short))
    with pytest.raises(TiltyardError, match="DATA_INSUFFICIENT"):
        sweep(SETTINGS, MarketData(short), folder=tmp_path / "sweep", output=tmp_path, now=START,
              seed=3, job=Job(), trials=1, generation=2)  # fmt: skip
    assert not list(tmp_path.iterdir())


def until(candles: Candles, count: int) -> Candles:
    part = {
        name: getattr(candles, name)[:count]
        for name in ("opened_at", "open", "high", "low", "close", "volume")
    }
    return replace(candles, **part)


def test_a_best_that_was_harmed_is_made_again(three: tuple[Sweep, Path], tmp_path: Path) -> None:
    made, folder = three
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    weights = again / "models" / made.kept[0].path.name / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    kept = swept(again).kept
    assert [load(one.path, one.digest).digest for one in kept] == digests(made)


def test_a_sweep_that_is_over_is_taken_as_it_is(three: tuple[Sweep, Path]) -> None:
    made, folder = three
    stages: list[str] = []
    again = swept(folder, tell=lambda step: stages.append(step.stage))
    assert not stages
    assert digests(again) == digests(made)
    there = list((folder / "models").glob("[!.]*"))
    assert len(there) == 2 + len({one.encoder for one in made.kept})


def test_workers_read_the_past_as_it_is(tmp_path: Path) -> None:
    rates = FundingRates([(START + n * timedelta(hours=8), n / 1e5) for n in range(9)])
    data = MarketData(DATA.candles, 5, 10**10, {"SOL/USDT": rates})
    write_market(data, tmp_path / "market.safetensors")
    read = read_market(tmp_path / "market.safetensors")
    assert read.told() == data.told()
    assert (read.since, read.until) == (5, 10**10)
    assert list(read.funding["SOL/USDT"].known) == list(rates.known)
    assert read.funding["SOL/USDT"].every == rates.every
    assert all(
        np.array_equal(one.close, DATA.candles[symbol].close)
        for symbol, one in read.candles.items()
    )
