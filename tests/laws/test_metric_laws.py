"""Laws that hold for every history of trades, sought out by hypothesis."""

import math
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import reduce
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.metrics.catalogue import METRICS, TRADE_METRICS
from tiltyard.metrics.consecutive_losses import ConsecutiveLosses
from tiltyard.metrics.drawdown import BITS, Drawdown
from tiltyard.metrics.expectancy import ExpectancyR
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.net_pnl import NetPnl
from tiltyard.metrics.profit_factor import ProfitFactor
from tiltyard.metrics.rolling import Rolling
from tiltyard.metrics.trial import NavPath, Trial
from tiltyard.metrics.win_rate import WinRate

START = datetime(2025, 7, 7, 12, tzinfo=UTC)
RUIN = (-(10**12), 10**11, 0)

amounts = st.integers(-(10**11), 10**11)
capitals = st.sampled_from([10**11, 3 * 10**11])
risks = st.sampled_from([0, 10**9, 7 * 10**9])
trades = st.tuples(amounts, capitals, risks)
histories = st.lists(trades, max_size=60)
some_history = st.lists(trades, min_size=1, max_size=60)
factors = st.integers(1, 10**6)
events = st.lists(st.tuples(st.booleans(), amounts, capitals), max_size=60)


def element(metric: Any, history: Sequence[Outcome]) -> Any:  # noqa: ANN401 any metric's element
    return reduce(metric.merge, map(metric.element, history), metric.empty)


def value(metric: Any, history: Sequence[Outcome]) -> Reading:  # noqa: ANN401 any metric
    reading = metric.value(element(metric, history))
    assert isinstance(reading, Value | Undefined)
    return reading


def number(reading: Reading) -> float:
    assert isinstance(reading, Value), reading
    return reading.number


def scaled(history: Sequence[Outcome], k: int) -> list[Outcome]:
    return [(k * pnl, capital, risk) for pnl, capital, risk in history]


@pytest.mark.parametrize("metric", [ProfitFactor(), WinRate(), ConsecutiveLosses()])
@given(history=histories, k=factors)
def test_scaling_all_results_leaves_it_alone(metric: Any, history: list[Outcome], k: int) -> None:  # noqa: ANN401 any metric
    assert value(metric, scaled(history, k)) == value(metric, history)


@given(history=some_history, k=factors)
def test_scaling_all_results_scales_the_sum(history: list[Outcome], k: int) -> None:
    assert element(NetPnl(), scaled(history, k))[0] == k * element(NetPnl(), history)[0]


@given(history=histories, k=factors)
def test_scaling_results_capital_and_risk_together_is_a_change_of_currency(
    history: list[Outcome], k: int
) -> None:
    converted = [(k * pnl, k * capital, k * risk) for pnl, capital, risk in history]
    for metric in (Drawdown(), ExpectancyR()):
        assert value(metric, converted) == value(metric, history)


@given(history=histories)
def test_gains_and_losses_exchanged_turn_the_profit_factor_over(history: list[Outcome]) -> None:
    gains, losses, *_ = element(ProfitFactor(), history)
    mirrored = element(ProfitFactor(), scaled(history, -1))
    assert mirrored[:2] == (losses, gains)


@given(history=some_history, at=st.integers(0, 60))
def test_a_trade_that_made_nothing_changes_neither_profit_factor_nor_run_nor_drawdown(
    history: list[Outcome], at: int
) -> None:
    longer = [*history[:at], (0, 10**11, 0), *history[at:]]
    for metric in (ProfitFactor(), ConsecutiveLosses(), Drawdown()):
        before, after = value(metric, history), value(metric, longer)
        assert after.samples == before.samples + 1
        assert getattr(after, "number", None) == getattr(before, "number", None)


@given(history=histories)
def test_drawdown_lies_between_nothing_and_everything(history: list[Outcome]) -> None:
    reading = value(Drawdown(), history)
    assert isinstance(reading, Value) == bool(history)
    assert isinstance(reading, Undefined) or 0 <= reading.number <= 100


@given(history=events)
def test_drawdown_never_falls_within_a_trial(history: list[tuple[bool, int, int]]) -> None:
    path, before = NavPath(), 0.0
    for is_mark, amount, capital in history:
        if is_mark:
            path.mark(amount, capital)
        else:
            path.close(amount, capital)
        known = path.steps > 0 or path.marked_drawdown() > 0
        reading = path.drawdown()
        assert isinstance(reading, Value) == known
        now = reading.number if isinstance(reading, Value) else 0.0
        assert before <= now <= 100
        before = now


def test_a_growing_account_keeps_its_digits_bounded_and_its_numbers_right() -> None:
    """Growth by a factor of 10^160, with a fall of 30 % on the way, against exact fractions."""
    trial, nav, peak, worst, returns = Trial(), Fraction(1), Fraction(1), Fraction(0), []
    largest = 0
    for day in range(4000):
        gained = -10 if 3000 <= day < 3003 else 10 if day % 7 else 11
        trial.close(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=day), (gained, 100, 0))
        nav *= Fraction(100 + gained, 100)
        peak = max(peak, nav)
        worst = max(worst, 1 - nav / peak)
        returns.append(gained / 100)
        largest = max(largest, trial.nav.nav.bit_length(), trial.nav.equity.bit_length())
    assert nav > 10**150
    assert trial.nav.unit > 1
    assert largest <= 2 * BITS + 1
    assert number(trial.nav.drawdown()) == pytest.approx(float(100 * worst), rel=1e-12)
    done = returns[:-1]
    mean = statistics.fmean(done)
    sharpe = mean / statistics.stdev(done) * math.sqrt(365)
    assert number(trial.read("sharpe")) == pytest.approx(sharpe, rel=1e-9)


def test_a_gain_on_paper_that_is_lost_again_is_a_drawdown_before_any_trade_has_closed() -> None:
    path = NavPath()
    path.mark(10**11, 10**11)
    path.mark(0, 10**11)
    assert path.drawdown() == Value(50.0, 1)


@given(history=events)
def test_the_marked_drawdown_is_never_below_the_closed_one(
    history: list[tuple[bool, int, int]],
) -> None:
    path = NavPath()
    for is_mark, amount, capital in history:
        if is_mark:
            path.mark(amount, capital)
        else:
            path.close(amount, capital)
        assert path.closed_drawdown() <= path.marked_drawdown()
        if path.steps:
            assert number(path.drawdown()) == path.marked_drawdown()


@given(history=events)
def test_marks_leave_the_closed_drawdown_alone(history: list[tuple[bool, int, int]]) -> None:
    with_marks, without = NavPath(), NavPath()
    for is_mark, amount, capital in history:
        if is_mark:
            with_marks.mark(amount, capital)
        else:
            with_marks.close(amount, capital)
            without.close(amount, capital)
    assert with_marks.closed_drawdown() == without.closed_drawdown()
    assert with_marks.nav == without.nav
    assert without.marked_drawdown() == without.closed_drawdown()


@given(history=some_history)
def test_a_trial_and_the_mergeable_metric_see_the_same_drawdown(history: list[Outcome]) -> None:
    trial = Trial()
    for hours, outcome in enumerate(history):
        trial.close(START + timedelta(hours=hours), outcome)
    assert trial.read("dd_challenger_pct") == value(Drawdown(), history)


@given(before=histories, after=histories)
def test_a_nav_of_zero_stays_zero(before: list[Outcome], after: list[Outcome]) -> None:
    path = NavPath()
    for pnl, capital, _ in [*before, RUIN, *after]:
        path.close(pnl, capital)
        path.mark(10**11, capital)
    assert (path.nav, path.equity) == (0, 0)
    assert number(path.drawdown()) == 100
    assert element(Drawdown(), [*before, RUIN, *after])[0] == 0
    assert number(value(Drawdown(), [*before, RUIN, *after])) == 100


@pytest.mark.parametrize("name", TRADE_METRICS)
@given(first=histories, second=histories, third=histories)
def test_merging_is_associative(
    name: str, first: list[Outcome], second: list[Outcome], third: list[Outcome]
) -> None:
    make = METRICS.get(name).make
    assert make is not None
    metric = make().metric
    a, b, c = (element(metric, part) for part in (first, second, third))
    left = metric.value(metric.merge(metric.merge(a, b), c))
    right = metric.value(metric.merge(a, metric.merge(b, c)))
    assert left == right == value(metric, [*first, *second, *third])


@pytest.mark.parametrize("metric", [ProfitFactor(), WinRate(), ExpectancyR(), NetPnl()])
@given(shuffled=some_history.flatmap(lambda h: st.tuples(st.just(h), st.permutations(h))))
def test_what_is_a_sum_does_not_depend_on_the_order(
    metric: Any,  # noqa: ANN401 any metric
    shuffled: tuple[list[Outcome], list[Outcome]],
) -> None:
    history, other = shuffled
    assert value(metric, history) == value(metric, other)


@given(history=histories, window=st.integers(1, 12))
def test_a_window_equals_a_fresh_measurement_of_its_trades(
    history: list[Outcome], window: int
) -> None:
    for metric in (ProfitFactor(), Drawdown(), WinRate(), ConsecutiveLosses(), ExpectancyR()):
        rolling: Rolling[Any] = Rolling(metric, trades=window)
        for outcome in history:
            rolling.push(outcome)
        if len(history) >= window:
            assert rolling.value() == value(metric, history[-window:])


@given(history=some_history)
def test_a_run_of_losses_is_broken_by_a_win_and_extended_by_a_loss(
    history: list[Outcome],
) -> None:
    run = number(value(ConsecutiveLosses(), history))
    assert number(value(ConsecutiveLosses(), [*history, (-1, 10**11, 0)])) == run + 1
    assert number(value(ConsecutiveLosses(), [*history, (1, 10**11, 0)])) == 0


@given(history=some_history)
def test_the_profit_factor_is_above_one_exactly_when_money_was_made(
    history: list[Outcome],
) -> None:
    reading = value(ProfitFactor(), history)
    assume(isinstance(reading, Value))
    made = sum(pnl for pnl, _, _ in history)
    lost = sum(-pnl for pnl, _, _ in history if pnl < 0)
    assume(abs(made) * 10**10 > lost)
    assert (number(reading) > 1) == (made > 0)


@pytest.mark.parametrize("name", ["sharpe", "sortino"])
def test_a_day_whose_trade_is_of_no_known_capital_returned_nobody_knows_what(name: str) -> None:
    trial = Trial()
    for day in range(40):
        outcome = (10**9 * (-1) ** day, 10**11 if day != 5 else 0, 0)
        trial.close(START + timedelta(days=day), outcome)
    reading = trial.read(name)
    assert isinstance(reading, Undefined)
    assert (reading.state, reading.samples) == ("no_capital", 39)


@given(start=st.integers(1, 10), days=st.integers(0, 90))
def test_days_without_a_trade_count_as_days(start: int, days: int) -> None:
    trial = Trial()
    trial.close(START, (start * 10**9, 10**11, 0))
    trial.close(START + timedelta(days=days), (-(10**9), 10**11, 0))
    reading = trial.read("sharpe")
    assert reading.samples == days
    assert isinstance(reading, Value) == (days >= 30)
