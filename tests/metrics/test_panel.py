"""The panel: an arm is measured anew as a whole or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Value
from tiltyard.metrics.catalogue import METRICS
from tiltyard.metrics.panel import Panel

START = datetime(2025, 7, 7, tzinfo=UTC)
CAPITAL = Money(10**11)
ARM, OTHER = "arm", "other"


def trade(number: int, policy: str = ARM) -> Trade:
    at = START + timedelta(hours=number)
    pnl = Money((number * 7919 % 23 - 11) * 10**8)
    return Trade("bot", f"{number:03d}", policy, "SOL", "long", at, at, pnl, seq=number)


def readings(panel: Panel) -> dict[tuple[str, str], object]:
    now = START + timedelta(days=99)
    return {(name, arm): panel.read(name, arm, now) for name in METRICS for arm in (ARM, OTHER)}


@pytest.mark.parametrize("kept", [0, 3, 100])
@pytest.mark.parametrize("champion", [ARM, OTHER])
def test_an_arm_whose_reading_breaks_off_stays_as_it_was(kept: int, champion: str) -> None:
    panel, untouched = Panel(CAPITAL, kept=kept), Panel(CAPITAL, kept=kept)
    for one in (panel, untouched):
        one.crown(champion)
        for number in range(200):
            one.record(trade(number))
        one.value_open(Mark(ARM, START + timedelta(hours=300), Money(-(10**9)), 1))

    def breaking() -> Iterator[Trade]:
        yield from map(trade, range(42))
        raise ConnectionError

    before = readings(panel)
    with pytest.raises(ConnectionError):
        panel.rebuild(ARM, breaking(), ())
    assert readings(panel) == before
    late = trade(198)._replace(trade_id="late")
    assert panel.record(late) == untouched.record(late)
    assert readings(panel) == readings(untouched), "what is late has its place as before"


def test_decisions_from_long_ago_let_it_reach_no_further_back() -> None:
    panel = Panel(CAPITAL, kept=3)
    for hour in range(20, 26):
        assert panel.value_open(Mark(ARM, START + timedelta(hours=hour), Money(-hour), 1))
    for hour in range(3):
        at = START + timedelta(hours=hour)
        assert panel.decide(Decision(f"episode {hour}", "SOL", ARM, 1.0, 1, at, 0, at.hour))
    assert not panel.record(trade(10)), "marks that lie after it are measured for good"
    assert panel.record(trade(23)), "and those after this one can be gone through again"


def latency(policy: str, milliseconds: float, minute: int, samples: int = 100) -> Observation:
    at = START + timedelta(minutes=minute)
    return Observation("inference_latency_p95_ms", milliseconds, at, policy, samples, minute)


def test_the_accounts_latency_is_that_of_the_slowest_policy_heard_of_lately() -> None:
    panel = Panel(CAPITAL)
    assert not panel.knows("inference_latency_p95_ms", "")
    for one in (latency("quick", 20, 1), latency("slow", 300, 2), latency("gone", 900, 0)):
        panel.observe(one)
    now = START + timedelta(minutes=11)
    assert panel.read("inference_latency_p95_ms", "", now).reading == Value(900, 100)
    panel.observe(latency("quick", 30, 11))
    assert panel.knows("inference_latency_p95_ms", "")
    assert panel.read("inference_latency_p95_ms", "", now).reading == Value(300, 100)
    assert panel.read("inference_latency_p95_ms", "quick", now).reading == Value(30, 100)


def test_a_slow_policy_that_hardly_decides_does_not_hide_a_busy_one() -> None:
    panel = Panel(CAPITAL)
    now = START + timedelta(minutes=1)
    panel.observe(latency("rare", 950, 1, samples=3))
    assert panel.read("inference_latency_p95_ms", "", now).reading == Value(950, 3)
    panel.observe(latency("busy", 900, 1, samples=5000))
    assert panel.read("inference_latency_p95_ms", "", now).reading == Value(900, 5000)


def drift(number: float, hour: int, name: str = "", policy: str = ARM) -> Observation:
    at = START + timedelta(hours=hour)
    return Observation(f"encoder_kl_divergence{name}", number, at, policy, 900, hour)


def lower_and_upper(panel: Panel, policy: str = ARM) -> list[float | None]:
    """Both ends of a drift's interval, a day after the start; None where there is none."""
    ends = (f"encoder_kl_divergence_{end}" for end in ("lower", "upper"))
    read = (panel.read(end, policy, START + timedelta(days=1)).reading for end in ends)
    return [one.number if isinstance(one, Value) else None for one in read]


def test_the_ends_of_an_interval_are_those_of_the_drift_that_they_were_observed_with() -> None:
    panel = Panel(CAPITAL)
    for one in (drift(0.4, 1), drift(0.2, 1, "_lower"), drift(0.6, 1, "_upper")):
        panel.observe(one)
    assert lower_and_upper(panel) == [0.2, 0.6]
    panel.observe(drift(0.5, 2))
    assert lower_and_upper(panel) == [0.5, None], "what was said of an earlier one is not of this"
    panel.observe(drift(0.35, 3, "_lower"))
    assert lower_and_upper(panel) == [0.35, None], "told later, it holds from then on"


def test_who_reports_the_drift_alone_has_it_as_its_lower_end() -> None:
    panel = Panel(CAPITAL)
    assert not panel.knows("encoder_kl_divergence_lower", ARM)
    panel.observe(drift(0.4, 1))
    measured = panel.read("encoder_kl_divergence_lower", ARM, START + timedelta(days=1))
    assert measured.reading == Value(0.4, 900)
    assert measured.as_of == START + timedelta(hours=1), "it is as old as the drift"
    assert panel.knows("encoder_kl_divergence_lower", ARM)


def test_an_arm_of_its_own_drift_has_nobody_elses_interval() -> None:
    panel = Panel(CAPITAL)
    for one in (drift(0.1, 5, policy=""), drift(0.05, 5, "_lower", ""), drift(0.4, 1)):
        panel.observe(one)
    assert lower_and_upper(panel) == [0.4, None]
    assert lower_and_upper(panel, OTHER) == [0.05, None], (
        "who has none of its own has the account's"
    )
