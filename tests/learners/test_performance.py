"""An interval says how sure a result is, and says nothing where nobody can be."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tiltyard.kernel.money import UNITS, Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.performance import (
    Interval,
    Result,
    daily_return_interval,
    profit_factor_interval,
    summary,
)
from tiltyard.learners.walk_forward import NOTIONAL
from tiltyard.market.paper import Closed, Entry, Lane, Position

AT = datetime(2025, 1, 1, tzinfo=UTC)


def result_of(daily: np.ndarray, pnls: np.ndarray | None = None) -> Result:
    """A result with one trade a day."""
    entry = Entry(Lane("candidate", "SOL"), "SOL 1", "long", NOTIONAL)
    position = Position(entry, AT, UNITS, 1.0, Money(0), None)
    trades = tuple(
        Closed(position, AT, 1.0, Money(0), Money(0), Money(round(pnl * UNITS)), "signal")
        for pnl in (() if pnls is None else pnls)
    )
    days = np.arange(len(daily))
    return Result(
        trades,
        days[: len(trades)],
        days,
        daily.cumsum(),
        NOTIONAL,
        0.0,
        {"SOL/USDT": {"long": 1}},
        1,
    )


def hanging_together(days: int, seed: int, *, by: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = rng.standard_t(4, days + 30)
    for at in range(1, days + 30):
        steps[at] += by * steps[at - 1]
    return steps[30:]


@pytest.mark.parametrize(
    ("days", "by", "least"), [(60, 0.0, 0.87), (250, 0.0, 0.84), (250, 0.3, 0.82)]
)
def test_an_interval_of_a_days_return_holds_the_truth_about_as_often_as_it_says(
    days: int, by: float, least: float
) -> None:
    """Of 300 series at 90 %: .91, .88 and .86; the bounds are two deviations below those."""
    inside = 0
    for seed in range(300):
        interval = daily_return_interval(result_of(hanging_together(days, seed, by=by) + 0.2), seed)
        assert isinstance(interval, Interval)
        inside += interval.low <= 0.2 <= interval.high
    assert least <= inside / 300 <= 0.94


def test_an_interval_of_a_profit_factor_holds_the_truth_about_as_often_as_it_says() -> None:
    """Of 100 series at 90 %; .88 of 300. The true factor is that of many trades."""
    many = np.random.default_rng(0).standard_t(4, 200_000) + 0.1
    truth = many[many > 0].sum() / -many[many < 0].sum()
    inside = 0
    for seed in range(100):
        pnls = np.random.default_rng([7, seed]).standard_t(4, 250) + 0.1
        interval = profit_factor_interval(result_of(pnls, pnls), seed)
        assert isinstance(interval, Interval)
        inside += interval.low <= truth <= interval.high
    assert 0.82 <= inside / 100 <= 0.96


def test_an_interval_is_wider_where_days_hang_together() -> None:
    rng = np.random.default_rng(3)
    apart = rng.normal(size=400)
    together = np.repeat(rng.normal(size=100), 4)
    wide = [daily_return_interval(result_of(one), 1) for one in (apart, together)]
    assert all(isinstance(one, Interval) for one in wide)
    one, other = (end.high - end.low for end in wide if isinstance(end, Interval))
    assert other > 1.5 * one


def test_too_few_days_trades_or_losses_have_no_interval() -> None:
    rng = np.random.default_rng(4)
    assert daily_return_interval(result_of(rng.normal(size=49)), 1) == Undefined(
        "warming", "49 of 50 days", 49
    )
    few = profit_factor_interval(result_of(rng.normal(size=90), rng.normal(size=29)), 1)
    assert few == Undefined("warming", "29 of 30 trades", 29)
    gains = np.abs(rng.normal(size=90))
    gains[3] *= -1
    assert profit_factor_interval(result_of(gains, gains), 1) == Undefined(
        "no_losses", "hardly a losing trade has closed", 90
    )


def test_the_same_seed_is_the_same_interval() -> None:
    result = result_of(np.random.default_rng(5).normal(size=90))
    assert daily_return_interval(result, 1) == daily_return_interval(result, 1)
    assert daily_return_interval(result, 1) != daily_return_interval(result, 2)


def test_a_summary_says_undefined_and_never_nan() -> None:
    told = summary(result_of(np.zeros(60)), 1)
    assert told["profit_factor"]["undefined"] == "warming"
    assert told["profit_factor"]["interval"]["undefined"] == "warming"
    assert told["daily_return"] == {
        "value": 0.0, "samples": 60, "interval": {"low": 0.0, "high": 0.0},
    }  # fmt: skip
    assert told["constant"] == "long"


def test_who_always_wants_the_same_of_each_symbol_is_a_constant() -> None:
    days = np.zeros(0, np.int64)
    one = Result((), days, days, np.zeros(0), NOTIONAL, 0.0, {}, 0)
    assert one.constant is None
    both = {"BTC/USDT": {"long": 200, "short": 1}, "SOL/USDT": {"short": 200}}
    assert replace(one, wanted_of=both).constant == "long of BTC/USDT, short of SOL/USDT"
    assert replace(one, wanted_of={**both, "SOL/USDT": {"long": 7}}).constant == "long"
    assert replace(one, wanted_of={**both, "SOL/USDT": {"long": 5, "short": 5}}).constant is None
