"""A candidate learns what can be learnt, and is tested on nothing that it knew."""

from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from small_candidates import DATA, HOURS, SETTINGS, START, lasting, market, true_moves, with_leak
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import money
from tiltyard.learners.candidate import (
    CandidateSettings,
    MarketData,
    encoder_in,
    plan_of,
    refresh,
    train_candidate,
    train_encoder,
)
from tiltyard.learners.job import Job, Step
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import load, save
from tiltyard.learners.walk_forward import DAY, Range, simulate
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles
from tiltyard.market.costs import FundingRates

SYMBOL = "SOL/USDT"


@pytest.fixture(scope="module")
def made() -> Snapshot:
    return train_candidate(SETTINGS, DATA, seed=1, job=Job())


def earned(late: int) -> tuple[float, float]:
    """What a candidate made that is told of each move so many bars late, and what an oracle did."""
    candles = with_leak(market(SYMBOL)[SYMBOL], late)
    data = MarketData({SYMBOL: candles})
    head = replace(SETTINGS.head, epochs=10, patience=10, batch=128, virtual_batch=128)
    settings = replace(SETTINGS, head=head, hold_out_days=0, folds=1)
    told = train_candidate(settings, data, seed=1, job=Job()).metrics["walk_forward"]
    within = Range(told["since"], told["until"])
    moves = {SYMBOL: true_moves(candles)}
    oracle = simulate(data.known, moves, settings.acting, settings.costs(data), within)
    return told["total_return"], float(oracle.equity[-1])


def test_a_leak_is_exploited_and_the_same_a_bar_late_is_not() -> None:
    leaked, oracle = earned(late=0)
    late, _ = earned(late=1)
    assert leaked > 0.6 * oracle > 0
    assert late < 0.05 * oracle


def test_a_snapshot_has_all_that_serving_needs(made: Snapshot, tmp_path: Path) -> None:
    settings, metrics = made.settings, made.metrics
    assert made.kind == "tabnet"
    assert settings["symbols"] == ["BTC/USDT", "SOL/USDT"]
    assert settings["features"] == ["return_4", "volume_ratio_24"]
    assert settings["interval_seconds"] == 3600
    assert settings["horizon"] == settings["acting"]["horizon"] == 1
    assert len(settings["classes"]["means"]) == 5
    assert settings["head"]["inputs"] == len(made.scalers["features"]["mean"]) == 4
    assert sorted(made.scalers["channels"]) == settings["symbols"]
    assert {name.partition(".")[0] for name in made.weights} == {"encoder", "head"}
    assert made.arrays["baseline"].shape[1:] == (8, 4)
    assert len(made.arrays["baseline"]) == len(made.arrays["baseline_as_of"])
    days = len(made.arrays["equity_days"])
    for whose in ("candidate", "flat", "buy_and_hold", "trend_20_100"):
        assert made.arrays[f"equity_{whose}"].shape == (days,)
        assert made.arrays[f"hold_out_{whose}"].shape == (10,)
    assert [len(fold["masks"]) for fold in metrics["walk_forward"]["folds"]] == [4, 4]
    assert CandidateSettings.from_json(settings) == SETTINGS
    again = load(save(made, tmp_path, START))
    assert again.digest == made.digest


def test_tests_follow_what_was_learnt_and_the_hold_out_follows_them(made: Snapshot) -> None:
    metrics = made.metrics
    first, second = metrics["walk_forward"]["folds"]
    embargo = 2 * 3600  # a label of one bar begins with the next, so it is known two later
    assert made.lineage["encoder"]["data"]["until"] <= first["since"] - embargo
    assert (made.arrays["baseline_as_of"] < first["since"] - embargo).all()
    assert first["train_until"] == first["since"] - embargo
    assert first["until"] == second["since"]
    assert second["until"] == metrics["hold_out"]["since"]
    total = metrics["walk_forward"]["total_return"]
    assert first["total_return"] + second["total_return"] == pytest.approx(total)
    assert first["trades"] + second["trades"] == metrics["walk_forward"]["trades"]


def test_what_is_held_out_changes_no_test_and_what_is_tested_changes_no_encoder(
    made: Snapshot,
) -> None:
    held_out, first = (
        made.metrics["hold_out"]["since"], made.metrics["walk_forward"]["since"]
    )  # fmt: skip
    other = train_candidate(SETTINGS, changed_from(held_out), seed=1, job=Job())
    assert other.metrics["walk_forward"] == made.metrics["walk_forward"]
    assert other.metrics["hold_out"] != made.metrics["hold_out"]
    encoder = train_encoder(SETTINGS, changed_from(first), seed=1, job=Job())
    assert encoder.digest == made.lineage["parents"][0]


def changed_from(since: int) -> MarketData:
    candles = {}
    for symbol, one in DATA.candles.items():
        factor = np.where(one.opened_at > since, 1 + 0.1 * np.sin(one.opened_at / 9e4), 1.0)
        candles[symbol] = replace(
            one, open=one.open * factor, high=one.high * factor, low=one.low * factor,
            close=one.close * factor,
        )  # fmt: skip
    return MarketData(candles)


class Killed(BaseException):
    """As if the machine had gone."""


def test_who_is_killed_and_trains_again_has_the_same_candidate(
    made: Snapshot, tmp_path: Path
) -> None:
    """Killed at the first and last epoch of the encoder, within both folds, and near the end."""
    for dies_after in (1, 1, 2, 3, 3):
        kept = 0

        def saved(dies_after: int = dies_after) -> None:
            nonlocal kept
            kept += 1
            if kept == dies_after:
                raise Killed

        with pytest.raises(Killed):
            train_candidate(SETTINGS, DATA, seed=1, job=Job(folder=tmp_path, saved=saved))
    again = train_candidate(SETTINGS, DATA, seed=1, job=Job(folder=tmp_path))
    assert again.digest == made.digest


def test_another_seed_is_another_candidate_and_the_encoder_may_be_given(made: Snapshot) -> None:
    encoder = encoder_in(made)
    assert encoder.digest == made.lineage["parents"][0]
    stages: list[Step] = []
    job = Job(tell=stages.append)
    given = train_candidate(SETTINGS, DATA, seed=1, job=job, encoder=encoder)
    assert given.digest == made.digest
    assert "encoder" not in {one.stage for one in stages}
    other = train_candidate(SETTINGS, DATA, seed=2, job=Job(), encoder=encoder)
    assert other.digest != made.digest


def test_an_encoder_that_knows_a_test_is_refused(made: Snapshot) -> None:
    encoder = encoder_in(made)
    earlier = replace(DATA, until=plan_of(SETTINGS, DATA).encoder_until)
    with pytest.raises(TiltyardError, match="ENCODER_KNOWS_TEST") as caught:
        train_candidate(
            replace(SETTINGS, initial=0.9, hold_out_days=0, folds=1), replace(earlier, until=None),
            seed=1, job=Job(), encoder=replace(encoder, lineage={}),
        )  # fmt: skip
    assert "nobody knows what" in str(caught.value)
    with pytest.raises(TiltyardError, match="ENCODER_KNOWS_TEST") as caught:
        train_candidate(
            replace(SETTINGS, initial=0.46), DATA, seed=1, job=Job(), encoder=encoder
        )  # fmt: skip
    assert "the first test begins at 2025-02-16" in str(caught.value)


def test_an_encoder_of_other_markets_is_refused(made: Snapshot) -> None:
    data = MarketData(market("BTC/USDT", "ETH/USDT", "SOL/USDT"))
    with pytest.raises(TiltyardError, match=r"ENCODER_DIFFERS.*not trained on ETH/USDT"):
        train_candidate(SETTINGS, data, seed=1, job=Job(), encoder=encoder_in(made))


def test_a_head_for_one_symbol_keeps_the_baseline_of_that_symbol(made: Snapshot) -> None:
    data = MarketData({SYMBOL: DATA.candles[SYMBOL]})
    one = train_candidate(SETTINGS, data, seed=1, job=Job(), encoder=encoder_in(made))
    assert one.settings["symbols"] == [SYMBOL]
    assert set(one.arrays["baseline_symbol"]) == {0}
    sol = made.arrays["baseline_symbol"] == 1
    assert (one.arrays["baseline"] == made.arrays["baseline"][sol]).all()


def test_a_refreshed_candidate_is_a_new_one_that_is_tested_after_what_it_learnt(
    made: Snapshot,
) -> None:
    fresh = refresh(made, DATA, seed=1, job=Job(), epochs=2)
    assert fresh.lineage["parents"][1] == made.digest
    assert fresh.lineage["encoder"]["parents"] == [made.lineage["parents"][0]]
    assert fresh.lineage["encoder"]["data"]["until"] < made.metrics["hold_out"]["since"]
    assert fresh.metrics["walk_forward"]["since"] == made.metrics["hold_out"]["since"]
    assert fresh.metrics["hold_out"] is None
    assert CandidateSettings.from_json(fresh.settings) == SETTINGS, "the next one learns as much"
    assert (fresh.arrays["baseline"] == made.arrays["baseline"]).all()
    changed = [name for name, one in fresh.weights.items() if (one != made.weights[name]).any()]
    assert any(name.startswith("encoder.") for name in changed)
    with pytest.raises(TiltyardError, match="ENCODER_KNOWS_TEST"):
        refresh(fresh, replace(DATA, until=made.metrics["hold_out"]["since"]), seed=1, job=Job())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (MarketData(market(SYMBOL, hours=900)), "DATA_INSUFFICIENT SOL/USDT: 899 bars from"),
        (replace(DATA, since=round(START.timestamp()) + 300 * DAY), "RANGE_EMPTY 2025-10-28"),
        (replace(DATA, until=round(START.timestamp()) - DAY), "RANGE_EMPTY …"),
    ],
)
def test_too_little_says_what_there_is_and_what_is_needed(data: MarketData, says: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        train_candidate(SETTINGS, data, seed=1, job=Job())
    assert says in str(caught.value)
    assert "needed" in str(caught.value) or "there are BTC/USDT 2025-01-01" in str(caught.value)


@pytest.mark.parametrize("minutes", [15, 60, 240])
def test_days_are_held_out_however_long_a_bar_lasts(minutes: int) -> None:
    interval = timedelta(minutes=minutes)
    data = MarketData({SYMBOL: lasting(DATA.candles[SYMBOL], interval)})
    plan = plan_of(replace(SETTINGS, hold_out_days=4, folds=1), data)
    assert plan.hold_out is not None
    end = START + HOURS * interval
    begins = (end - timedelta(days=4)).replace(hour=0, minute=0)
    assert (plan.hold_out.test_since, plan.hold_out.test_until) == (
        begins.timestamp(), end.timestamp()
    )  # fmt: skip
    short = replace(data, until=round((START + 300 * interval).timestamp()))
    with pytest.raises(TiltyardError, match=f" {4 * 1440 // minutes} that are held out .*4 days,"):
        plan_of(replace(SETTINGS, hold_out_days=4, folds=1), short)


def test_a_refreshed_encoder_has_learnt_from_days_however_long_a_bar_lasts() -> None:
    quarter = timedelta(minutes=15)
    data = MarketData({SYMBOL: lasting(DATA.candles[SYMBOL], quarter)})
    settings = replace(SETTINGS, hold_out_days=4, folds=1)
    made = train_candidate(settings, data, seed=1, job=Job())
    fresh = refresh(made, data, seed=1, job=Job(), epochs=1, recent_days=10)
    known = fresh.lineage["encoder"]["data"]["since"]
    embargo = 2 * 15 * 60
    assert known == made.metrics["hold_out"]["since"] - embargo - 10 * DAY


def test_what_was_made_by_settings_of_another_version_is_not_refreshed(made: Snapshot) -> None:
    walking = {**made.settings["asked"]["walk_forward"], "moon": 1}
    asked = {**made.settings["asked"], "walk_forward": walking}
    other = replace(made, settings={**made.settings, "asked": asked})
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_UNREADABLE .*another version.*'moon'"):
        refresh(other, DATA, seed=1, job=Job())
    with pytest.raises(TiltyardError, match=r"SNAPSHOT_UNREADABLE .*of no policy: 'asked'|'head'"):
        refresh(encoder_in(made), DATA, seed=1, job=Job())


def test_who_is_refreshed_from_a_sweeps_best_says_until_when_that_has_chosen(
    made: Snapshot,
) -> None:
    study = {"seed": 3, "trial": 1}
    best = replace(made, lineage={**made.lineage, "study": study})
    child = refresh(best, DATA, seed=1, job=Job(), epochs=1)
    chose_until = made.metrics["walk_forward"]["until"]
    assert child.lineage["study"] == {**study, "chose_until": chose_until}
    assert "study" not in made.lineage


def test_a_range_that_is_long_enough_and_has_no_bars_is_told_by_what_there_is() -> None:
    """A longer range would not help: the bars are missing, or stood still and were left out."""
    whole = DATA.candles[SYMBOL]
    kept = (np.arange(HOURS) < 300) | (np.arange(HOURS) > HOURS // 2)
    columns = (getattr(whole, one.name)[kept] for one in fields(whole)[2:])
    with pytest.raises(TiltyardError) as caught:
        train_candidate(
            SETTINGS, MarketData({SYMBOL: Candles(SYMBOL, HOUR, *columns)}), seed=1, job=Job()
        )  # fmt: skip
    assert str(caught.value).startswith(
        "DATA_INSUFFICIENT SOL/USDT: SOL/USDT has 300 bars from 2025-01-01T01:00:00Z to 2025-02-19"
    )
    assert "and 378 of one are needed: the rest is missing, or is no price" in str(caught.value)


def test_funding_that_nobody_knows_is_told_and_counted_as_nothing(made: Snapshot) -> None:
    assert made.metrics["funding"] == "none"
    assert made.lineage["data"]["funding"] == {}
    held = made.metrics["walk_forward"]["baselines"]["buy_and_hold"]
    assert held["funding_unknown"] == held["trades"] == 2

    hours = [START + n * timedelta(hours=8) for n in range(HOURS // 8 + 1)]
    known = FundingRates([(at, 1e-4) for at in hours])
    data = replace(DATA, funding={SYMBOL: known})
    one = train_candidate(SETTINGS, data, seed=1, job=Job(), encoder=encoder_in(made))
    assert one.metrics["funding"] == "in part"
    first, last = (round(at.timestamp()) for at in (hours[0], hours[-1]))
    told = one.lineage["data"]["funding"]
    assert list(told) == [SYMBOL]
    assert {**told[SYMBOL], "sha256": ""} == {
        "rates": len(hours), "since": first, "until": last, "every_seconds": 28_800, "sha256": "",
    }  # fmt: skip
    paid = one.metrics["walk_forward"]["baselines"]["buy_and_hold"]
    assert paid["funding_unknown"] == 1
    assert paid["total_return"] < held["total_return"]
    other = replace(DATA, funding={SYMBOL: FundingRates([(at, 2e-4) for at in hours])})
    assert other.funding_told[SYMBOL]["sha256"] != told[SYMBOL]["sha256"]


def test_who_was_in_over_no_funding_time_has_met_none() -> None:
    costs = SETTINGS.costs(DATA)
    for until, met in ((START + timedelta(hours=7), 0), (START + timedelta(hours=8), None)):
        assert (
            costs.funding_of(
                SYMBOL,
                notional=money(1),
                is_long=True,
                since=START + timedelta(hours=1),
                until=until,
            )
            == met
        )


def test_without_time_it_is_partial_and_says_so() -> None:
    hurried = train_candidate(SETTINGS, DATA, seed=1, job=Job(is_over=lambda: True))
    assert hurried.metrics["partial"]
