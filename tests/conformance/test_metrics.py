"""What every registered metric promises, tested on every one of them.

A metric that is added to the catalogue is in this suite at once. What is asked of it
follows from what its specification declares: ``source`` says whether it is made of an
arm's own trades, reported by somebody, or derived by the panel; ``window`` says how far
back it looks. No test here knows a metric by its class or its name.
"""

import math
import random
from collections.abc import Sequence, Sized
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import LARGEST, Money
from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.metrics.account import AccountMeasures
from tiltyard.metrics.catalogue import METRICS, SHADOW, TRADE_METRICS, Meter, spec_of
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.panel import Panel

START = datetime(2025, 7, 7, 12, tzinfo=UTC)
ARM = "arm"
EVERY = tuple(METRICS)
GAUGES = tuple(name for name, spec in METRICS.items() if spec.source == "gauge")
DERIVED = tuple(name for name, spec in METRICS.items() if spec.source == "derived")
WINDOWED = tuple(name for name, spec in METRICS.items() if spec.window)

EXTREMES: dict[str, list[Outcome]] = {
    "nothing is known but the result": [(5, 0, 0), (-5, 0, 0)],
    "the first trade ruins the arm": [(-100, 100, 1), (50, 100, 1)],
    "a loss beyond the capital": [(-(10**15), 1, 1), (10**15, 1, 1)],
    "the largest amounts there are": [(LARGEST, LARGEST, LARGEST), (-LARGEST, 1, 1)],
    "the smallest amounts there are": [(1, LARGEST, LARGEST), (-1, LARGEST, LARGEST)],
    "nothing was ever made": [(0, 100, 1), (0, 100, 1)],
    "only gains": [(1, 100, 1), (1, 100, 1)],
    "only losses": [(-1, 100, 1), (-1, 100, 1)],
}


def meter_of(name: str) -> Meter:
    make = METRICS.get(name).make
    assert make is not None, f"{name} says it is made of trades and not how"
    return make()


def outcomes(count: int, seed: int = 7) -> list[Outcome]:
    rng = random.Random(seed)  # noqa: S311 an example, not a secret
    return [
        (round(rng.gauss(0.05, 1) * 10**9), rng.choice((10**11, 3 * 10**11)), 10**9)
        if rng.random() > 0.1
        else (0, 10**11, 0)
        for _ in range(count)
    ]


def trades(count: int) -> list[Trade]:
    return [
        Trade(
            source="bot",
            trade_id=f"{number:06d}",
            policy=ARM,
            symbol="BTC/USDT",
            side="long",
            opened_at=START + timedelta(hours=3 * number - 1),
            closed_at=START + timedelta(hours=3 * number),
            pnl=Money(pnl),
            capital=Money(capital),
            risk=Money(risk),
        )
        for number, (pnl, capital, risk) in enumerate(outcomes(count))
    ]


def fed(meter: Meter, stretch: Sequence[Outcome]) -> Meter:
    for outcome in stretch:
        meter.push(outcome)
    return meter


def merged(metric: Any, stretch: Sequence[Outcome]) -> Any:  # noqa: ANN401 any metric's element
    return reduce(metric.merge, map(metric.element, stretch), metric.empty)


def is_finite(reading: Reading) -> bool:
    return isinstance(reading, Undefined) or math.isfinite(reading.number)


def is_in_range(name: str, reading: Reading) -> bool:
    spec = spec_of(name)
    return isinstance(reading, Undefined) or spec.least <= reading.number <= spec.most


@pytest.mark.parametrize("name", EVERY)
def test_it_says_what_it_means_and_can_be_made_from_what_it_declares(name: str) -> None:
    spec = METRICS.get(name)
    assert spec.meaning
    assert (spec.make is not None) == (spec.source == "trades")
    assert (name in TRADE_METRICS) == (spec.source == "trades")
    assert not spec.window or spec.source == "trades"


@pytest.mark.parametrize("name", EVERY)
def test_it_is_undefined_with_a_reason_before_anything_has_happened(name: str) -> None:
    reading = Panel().read(name, ARM, START).reading
    assert isinstance(reading, Undefined)
    assert reading.reason
    assert reading.samples == 0


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_a_fresh_meter_is_undefined_and_not_zero(name: str) -> None:
    reading = meter_of(name).value()
    assert isinstance(reading, Undefined)
    assert reading.state == "warming"


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_two_meters_of_one_metric_share_nothing(name: str) -> None:
    fed(meter_of(name), outcomes(200))
    assert meter_of(name).value() == Undefined("warming", meter_of(name).value().reason)  # type: ignore[union-attr]  # undefined, as tested above


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_merging_and_reading_mutate_nothing(name: str) -> None:
    metric = meter_of(name).metric
    elements = [merged(metric, outcomes(size, seed=size)) for size in (0, 1, 2, 40)]
    before = deepcopy((elements, metric.empty))
    for earlier in elements:
        for later in elements:
            metric.value(metric.merge(earlier, later))
    assert (elements, metric.empty) == before


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_reading_a_meter_does_not_change_it(name: str) -> None:
    read_often, read_once = meter_of(name), meter_of(name)
    for outcome in outcomes(333):
        read_often.push(outcome)
        assert read_often.value() == read_often.value()
        read_once.push(outcome)
    assert read_often.value() == read_once.value()


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_streamed_batched_and_merged_at_any_split_agree(name: str) -> None:
    stream = outcomes(400)
    meter = fed(meter_of(name), stream)
    looked_at = stream[-(METRICS.get(name).window or len(stream)) :]
    batch = meter.metric.value(merged(meter.metric, looked_at))
    assert isinstance(batch, Value), "the example is long enough for a number"
    assert meter.value() == batch
    for split in range(len(looked_at) + 1):
        halves = (merged(meter.metric, part) for part in (looked_at[:split], looked_at[split:]))
        assert meter.metric.value(meter.metric.merge(*halves)) == batch, f"split at {split}"


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_empty_is_neutral_on_both_sides(name: str) -> None:
    metric = meter_of(name).metric
    stretch = merged(metric, outcomes(50))
    assert metric.merge(metric.empty, stretch) == stretch
    assert metric.merge(stretch, metric.empty) == stretch


@pytest.mark.parametrize("name", WINDOWED)
def test_it_warms_until_its_window_is_full_and_then_never_again(name: str) -> None:
    meter, window = meter_of(name), METRICS.get(name).window
    for count, outcome in enumerate(outcomes(3 * window), 1):
        meter.push(outcome)
        reading = meter.value()
        assert reading.samples == min(count, window)
        assert (isinstance(reading, Undefined) and reading.state == "warming") == (count < window)


@pytest.mark.parametrize("name", WINDOWED)
def test_what_has_left_the_window_is_forgotten(name: str) -> None:
    window = METRICS.get(name).window
    recent = outcomes(window, seed=1)
    alone = fed(meter_of(name), recent).value()
    for disaster in EXTREMES.values():
        assert fed(meter_of(name), [*disaster, *recent]).value() == alone


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_its_memory_does_not_grow_with_the_ledger(name: str) -> None:
    meter, window = meter_of(name), METRICS.get(name).window
    an_element = len(meter.metric.empty)
    for outcome in outcomes(max(5 * window, 1000)):
        meter.push(outcome)
        held = sum(len(part) for part in vars(meter).values() if isinstance(part, Sized))
        assert held <= 2 * window + an_element


@pytest.mark.parametrize("name", TRADE_METRICS)
@pytest.mark.parametrize("case", EXTREMES)
def test_its_number_is_finite_whatever_happened(name: str, case: str) -> None:
    meter = meter_of(name)
    for outcome in EXTREMES[case] * 100:
        meter.push(outcome)
        assert is_finite(meter.value()), case
        assert is_in_range(name, meter.value()), case


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("case", EXTREMES)
def test_what_the_panel_derives_is_finite_whatever_happened(name: str, case: str) -> None:
    panel = Panel(account=AccountMeasures(capital=Money(10**11)))
    panel.crown(ARM)
    for number, (pnl, capital, risk) in enumerate(EXTREMES[case] * 100):
        at = START + timedelta(hours=12 * number)
        panel.record(
            trades(1)[0]._replace(
                trade_id=str(number),
                closed_at=at,
                pnl=Money(pnl),
                capital=Money(capital),
                risk=Money(risk),
            )
        )
        panel.value_open(Mark(ARM, at, Money(-pnl), 1, Money(capital)))
        reading = panel.read(name, ARM, at).reading
        assert is_finite(reading), case
        assert is_in_range(name, reading), case


@pytest.mark.parametrize("name", DERIVED)
def test_what_the_panel_derives_becomes_a_number_when_there_is_enough(name: str) -> None:
    panel = Panel(account=AccountMeasures(capital=Money(10**12)))
    panel.crown(ARM)
    for trade in trades(400):
        assert panel.record(trade)
    assert isinstance(panel.read(name, ARM, trade.closed_at).reading, Value)


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_its_shadow_form_says_of_shadow_trades_what_it_says_of_live_ones(name: str) -> None:
    assert spec_of(name + SHADOW) is METRICS.get(name)
    live, shadow = Panel(), Panel()
    for trade in trades(200):
        assert live.record(trade)
        assert shadow.record(trade._replace(book="shadow"))
    now = START + timedelta(days=365)
    expected = live.read(name, ARM, now).reading
    assert isinstance(expected, Value)
    assert shadow.read(name + SHADOW, ARM, now).reading == expected
    assert isinstance(shadow.read(name, ARM, now).reading, Undefined)
    assert isinstance(live.read(name + SHADOW, ARM, now).reading, Undefined)


@pytest.mark.parametrize("name", GAUGES + DERIVED)
def test_what_is_not_made_of_an_arms_trades_has_no_shadow_form(name: str) -> None:
    with pytest.raises(TiltyardError) as refused:
        Panel().read(name + SHADOW, ARM, START)
    assert refused.value.code == "METRIC_UNKNOWN"


@pytest.mark.parametrize("name", GAUGES)
def test_a_gauge_says_what_was_last_observed_and_when(name: str) -> None:
    panel = Panel()
    newer, older = START, START - timedelta(minutes=1)
    panel.observe(Observation(name, 3.5, newer, ARM, samples=9))
    panel.observe(Observation(name, 7.5, older, ARM))
    measured = panel.read(name, ARM, START)
    assert (measured.reading, measured.as_of) == (Value(3.5, 9), newer)
    assert isinstance(panel.read(name, "other", START).reading, Undefined)


@pytest.mark.parametrize("name", GAUGES)
def test_a_gauge_of_the_account_answers_for_every_arm_that_has_none_of_its_own(name: str) -> None:
    panel = Panel()
    panel.observe(Observation(name, 1.0, START))
    panel.observe(Observation(name, 2.0, START, ARM))
    assert panel.read(name, "other", START).reading == Value(1.0, 1)
    assert panel.read(name, ARM, START).reading == Value(2.0, 1)


@pytest.mark.parametrize("name", TRADE_METRICS)
def test_one_arms_trades_say_nothing_about_another_arm(name: str) -> None:
    panel = Panel()
    for trade in trades(200):
        panel.record(trade)
    assert isinstance(panel.read(name, ARM, START).reading, Value)
    assert isinstance(panel.read(name, "other", START).reading, Undefined)
