"""Retraining a sizing policy: what it exploits, what it does not, and that it goes on as it was."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from small_candidates import SETTINGS, market, with_leak
from tiltyard.learners.candidate import train_encoder
from tiltyard.learners.dqn import DqnSettings
from tiltyard.learners.examples import MarketData
from tiltyard.learners.job import Job
from tiltyard.learners.kinds import served
from tiltyard.learners.logged import Episode, Log
from tiltyard.learners.retraining import SizingSettings, retrain
from tiltyard.learners.rivals import Champion
from tiltyard.learners.snapshot import Snapshot
from tiltyard.policies.trend import Trend

SEEDS = (1, 2, 3, 4, 5)
SMALL = SizingSettings(
    base=SETTINGS,
    dqn=DqnSettings(steps=3_000, evaluate_every=1_000, warm_up=500, drawn_over=0.5),
    window_days=60,
)
ONE_TEST = replace(SMALL, base=replace(SETTINGS, folds=1, hold_out_days=0))


def leaking(late: int) -> MarketData:
    every = market("BTC/USDT", "SOL/USDT")
    return MarketData({symbol: with_leak(one, late) for symbol, one in every.items()})


def dearer_after(at: int) -> MarketData:
    """The same, and closes that are a tenth higher later."""
    every = {}
    for symbol, one in leaking(0).candles.items():
        more = np.where(one.opened_at > at, 1.1, 1.0)
        every[symbol] = replace(one, close=one.close * more, high=one.high * more)
    return MarketData(every)


@pytest.fixture(scope="module")
def encoder() -> Snapshot:
    return train_encoder(SETTINGS, leaking(0), seed=1, job=Job())


def made(
    data: MarketData, encoder: Snapshot, folder: Path, *, seeds: Sequence[int] = SEEDS,
    settings: SizingSettings = SMALL, job: Job | None = None, champion: Champion | None = None,
    log: Log | None = None,
) -> Snapshot:  # fmt: skip
    return retrain(
        settings, data, seeds=seeds, job=job or Job(folder=folder / "work"),
        folder=folder / "buffer", encoder=encoder, champion=champion, log=log,
    )  # fmt: skip


@pytest.fixture(scope="module")
def exploiting(encoder: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """What a volume that tells of the next move is worth; beside it stands a rule."""
    folder = tmp_path_factory.mktemp("leak")
    return made(leaking(0), encoder, folder, champion=Champion("trend", Trend()))


def test_a_leak_is_found_and_passes_the_gate(exploiting: Snapshot) -> None:
    walk, gate = exploiting.metrics["walk_forward"], exploiting.metrics["gate"]
    assert gate["state"] == "passed"
    assert gate["against"].keys() == {"flat", "buy_and_hold", "champion"}
    assert walk["daily_return"]["interval"]["low"] > 0.05
    assert [one["seed"] for one in walk["seeds"]] == list(SEEDS)
    assert walk["symbols"].keys() == {"BTC/USDT", "SOL/USDT"}
    assert exploiting.metrics["networks"] == 5 * (2 + 1 + 1)
    assert exploiting.metrics["steps"] == 20 * 3_008
    assert not exploiting.metrics["partial"]


def test_what_is_told_a_bar_late_is_worth_nothing(encoder: Snapshot, tmp_path: Path) -> None:
    """Moves of this market are independent, so whatever is earned is chance.

    The gate asks three of four seeds to be above doing nothing after costs; what they
    pay for trading by noise is far below, so a false pass is a defect, not chance.
    """
    snapshot = made(leaking(1), encoder, tmp_path, settings=ONE_TEST)
    assert snapshot.metrics["gate"]["state"] == "not passed"
    assert snapshot.metrics["walk_forward"]["daily_return"]["interval"]["low"] <= 0


def test_what_serves_is_a_policy_by_itself(exploiting: Snapshot, encoder: Snapshot) -> None:
    policy = served(exploiting)
    policy.rehearse()
    assert policy.is_finite
    assert policy.symbols == {"BTC/USDT", "SOL/USDT"}
    assert policy.round_trip_bps == 4
    assert exploiting.lineage["parents"] == [encoder.digest]
    assert exploiting.lineage["champion"] == {
        "name": "trend", "knows_until": None, "is_known": True,
    }  # fmt: skip
    assert {name for name in exploiting.arrays if name.startswith("equity_")} == {
        "equity_days", "equity_candidate", "equity_flat", "equity_buy_and_hold",
        "equity_trend_20_100", "equity_champion", *(f"equity_seed_{seed}" for seed in SEEDS),
    }  # fmt: skip


class Killed(BaseException):
    pass


def killing(after: int) -> Callable[[], None]:
    saved = 0

    def killed() -> None:
        nonlocal saved
        saved += 1
        if saved == after:
            raise Killed

    return killed


@pytest.mark.parametrize("after", [1, 2, 3, 4, 6])
def test_who_is_killed_and_retrains_has_the_same_policy(
    encoder: Snapshot, tmp_path: Path, after: int
) -> None:
    settings = replace(ONE_TEST, dqn=replace(SMALL.dqn, steps=1_600, evaluate_every=800))
    data, folder = leaking(0), tmp_path / "work"
    with pytest.raises(Killed):
        made(data, encoder, tmp_path, seeds=(1,), settings=settings,
             job=Job(folder=folder, saved=killing(after)))  # fmt: skip
    again = made(data, encoder, tmp_path, seeds=(1,), settings=settings, job=Job(folder=folder))
    whole = made(data, encoder, tmp_path / "whole", seeds=(1,), settings=settings)
    assert again.digest == whole.digest


def log_on(data: MarketData) -> Log:
    """An arm that is long for a day, and then holds nothing for one."""
    day = 86_400
    return Log(
        [
            Episode("one", symbol, 1.0, float(at), float(at + day), 0.1)
            for symbol, candles in data.known.items()
            for at in candles.opened_at[24:-48:48].tolist()
        ],
        asked=frozenset(["one"]),
    )


def test_what_arms_did_is_learnt_from_and_who_is_killed_meanwhile_has_the_same_policy(
    encoder: Snapshot, tmp_path: Path
) -> None:
    settings = replace(ONE_TEST, dqn=replace(SMALL.dqn, steps=1_600, evaluate_every=800))
    data, folder = leaking(0), tmp_path / "work"
    log = log_on(data)
    with pytest.raises(Killed):
        made(data, encoder, tmp_path, seeds=(1,), settings=settings, log=log,
             job=Job(folder=folder, saved=killing(4)))  # fmt: skip
    again = made(
        data, encoder, tmp_path, seeds=(1,), settings=settings, log=log, job=Job(folder=folder)
    )
    whole = made(data, encoder, tmp_path / "whole", seeds=(1,), settings=settings, log=log)
    assert again.digest == whole.digest
    told = whole.lineage["logged"]
    assert (told["learnt_from"], told["fits"], list(told["arms"])) == (2, 2, ["one"])
    assert whole.settings["dqn"]["conservative"] == log.penalty
    alone = made(data, encoder, tmp_path / "alone", seeds=(1,), settings=settings)
    assert alone.lineage["logged"] is None
    assert alone.metrics["fits"][0]["loss"] != whole.metrics["fits"][0]["loss"]


def test_where_time_is_up_the_best_so_far_is_kept_and_nobody_is_advised(
    encoder: Snapshot, tmp_path: Path
) -> None:
    snapshot = made(
        leaking(0), encoder, tmp_path, settings=ONE_TEST,
        job=Job(folder=tmp_path / "work", is_over=lambda: True),
    )  # fmt: skip
    assert snapshot.metrics["partial"]
    assert snapshot.metrics["gate"]["state"] == "undefined"
    assert snapshot.metrics["steps"] == 10 * 1_008  # the first evaluation of each
    served(snapshot).rehearse()


def test_fewer_seeds_than_five_say_nothing(encoder: Snapshot, tmp_path: Path) -> None:
    snapshot = made(leaking(0), encoder, tmp_path, seeds=(1, 2), settings=ONE_TEST)
    assert snapshot.metrics["gate"]["reasons"] == ["2 seeds, fewer than 5"]
    assert snapshot.metrics["hold_out"] is None


def test_nothing_that_happens_later_changes_what_a_test_says(
    encoder: Snapshot, tmp_path: Path
) -> None:
    settings = replace(SMALL, dqn=replace(SMALL.dqn, steps=1_600, evaluate_every=800))
    before = made(leaking(0), encoder, tmp_path / "one", seeds=(1,), settings=settings)
    held_out = before.metrics["hold_out"]["since"]
    after = made(dearer_after(held_out), encoder, tmp_path / "two", seeds=(1,), settings=settings)
    assert after.metrics["walk_forward"] == before.metrics["walk_forward"]
    assert after.metrics["hold_out"] != before.metrics["hold_out"]


def test_a_test_changes_nothing_of_the_one_before_it(encoder: Snapshot, tmp_path: Path) -> None:
    settings = replace(SMALL, dqn=replace(SMALL.dqn, steps=1_600, evaluate_every=800))
    before = made(leaking(0), encoder, tmp_path / "one", seeds=(1,), settings=settings)
    second = before.metrics["walk_forward"]["folds"][1]["since"]
    after = made(dearer_after(second), encoder, tmp_path / "two", seeds=(1,), settings=settings)
    first, later = (one.metrics["walk_forward"]["folds"] for one in (before, after))
    assert later[0] == first[0]
    assert later[1] != first[1]


def test_what_an_encoder_lacked_the_time_for_is_partial_and_undefined(
    encoder: Snapshot, tmp_path: Path
) -> None:
    partial = replace(encoder, metrics={**encoder.metrics, "partial": True})
    snapshot = made(leaking(0), partial, tmp_path, seeds=(1,), settings=ONE_TEST)
    assert snapshot.metrics["partial"]
    assert (
        "its time was up before it had learnt all it was to"
        in (snapshot.metrics["gate"]["reasons"])
    )


def test_what_looks_at_other_features_takes_nothing_that_was_kept(
    encoder: Snapshot, tmp_path: Path
) -> None:
    settings = replace(ONE_TEST, dqn=replace(SMALL.dqn, steps=800, evaluate_every=800))
    other = replace(settings, base=replace(settings.base, features=("return_4", "rsi_14")))
    made(leaking(0), encoder, tmp_path, seeds=(1,), settings=settings)
    after = made(leaking(0), encoder, tmp_path, seeds=(1,), settings=other)
    alone = made(leaking(0), encoder, tmp_path / "alone", seeds=(1,), settings=other)
    assert after.digest == alone.digest
