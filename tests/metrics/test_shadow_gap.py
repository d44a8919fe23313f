"""The shadow gap against a plain calculation, and what is no pair."""

import statistics
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics import terciles
from tiltyard.metrics.blocks import sigmas
from tiltyard.metrics.panel import Panel
from tiltyard.metrics.shadow_gap import PAIRS_NEEDED, UNKNOWN, Gap, ShadowGap, gap_of
from tiltyard.metrics.unit import SCALE, clipped

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
RISK = 1_000
DAY = timedelta(days=1)


def trade(episode: int, book: Book, pnl: int, *, minute: int = 0, risk: int | None = RISK) -> Trade:
    """One that was opened on a day of its own."""
    opened = NOON - episode * DAY
    closed = NOON + timedelta(minutes=minute)
    return Trade(
        "floor", f"{episode} {book}", "arm", "SOL/USDT", "long", opened, closed, Money(pnl),
        book=book, risk=None if risk is None else Money(risk), episode_id=str(episode),
    )  # fmt: skip


PNLS = st.lists(
    st.tuples(st.integers(-5_000, 5_000), st.integers(-5_000, 5_000)),
    min_size=PAIRS_NEEDED,
    max_size=60,
)


@given(PNLS, st.randoms(use_true_random=False))
def test_the_gap_is_the_mean_difference_whatever_comes_first(
    pnls: list[tuple[int, int]], rng: Random
) -> None:
    facts = [
        told
        for number, (live, paper) in enumerate(pnls)
        for told in (trade(number, "live", live), trade(number, "twin", paper))
    ]
    rng.shuffle(facts)
    gap = ShadowGap()
    for fact in facts:
        gap.see(fact)
    found = gap.read("SOL/USDT")
    assert isinstance(found, Gap)
    differences = [clipped(live / RISK) - clipped(paper / RISK) for live, paper in pnls]
    assert found.mean == pytest.approx(statistics.mean(differences), abs=1e-6)
    error = statistics.stdev(differences) / len(differences) ** 0.5
    away = sigmas(len(differences)) * error
    assert found.high - found.mean == pytest.approx(away, abs=2e-6), "a pair on each day"
    assert gap.read() == found
    assert gap.symbols == ["SOL/USDT"]


def test_too_few_pairs_say_nothing() -> None:
    gap = ShadowGap()
    for number in range(PAIRS_NEEDED - 1):
        gap.see(trade(number, "live", 5))
        gap.see(trade(number, "twin", 5))
    assert gap.read() == Undefined("warming", "29 of 30 pairs", 29)
    assert gap.read("BTC/USDT") == Undefined("warming", "0 of 30 pairs", 0)


def test_pairs_of_too_few_days_say_nothing() -> None:
    gap = ShadowGap()
    for number in range(40):
        gap.push("SOL/USDT", number % 2, NOON.date() + number % 9 * DAY)
    assert gap.read() == Undefined("warming", "on 9 of 10 days", 40)
    gap.push("SOL/USDT", 1, NOON.date() + 9 * DAY)
    assert isinstance(gap.read(), Gap)


@pytest.mark.parametrize(("a_day", "days"), [(1, 200), (10, 20), (20, 10), (3, 10)])
def test_what_is_shared_by_a_day_is_in_the_interval(a_day: int, days: int) -> None:
    """A third of the variance is the day's; .95 of 400, give or take three standard errors."""
    held, truth = 0, -0.1
    for seed in range(400):
        rng, gap = Random(seed), ShadowGap()  # noqa: S311 a simulation
        for day in range(days):
            shared = rng.gauss(0, 0.15)
            for _ in range(a_day):
                more = truth + shared + rng.gauss(0, 0.26)
                gap.push("SOL/USDT", round(more * SCALE), NOON.date() + day * DAY)
        found = gap.read()
        assert isinstance(found, Gap)
        held += found.low <= truth <= found.high
    assert 0.917 <= held / 400 <= 0.983


@pytest.mark.parametrize("other", [{"symbol": "BTC/USDT"}, {"side": "short"}])
def test_trades_of_one_episode_in_another_market_or_direction_are_no_pair(
    other: dict[str, Any],
) -> None:
    gap = ShadowGap()
    for number in range(PAIRS_NEEDED):
        gap.see(trade(number, "live", 10))
        gap.see(trade(number, "twin", 5)._replace(**other))
    assert gap.read() == Undefined("warming", f"0 of {PAIRS_NEEDED} pairs", 0)


def test_what_closed_apart_and_what_names_no_risk_is_no_pair() -> None:
    gap = ShadowGap()
    gap.see(trade(1, "live", 5, minute=1))
    gap.see(trade(1, "twin", 5, minute=9))
    gap.see(trade(2, "live", 5, risk=None))
    gap.see(trade(2, "twin", 5, risk=None))
    gap.see(trade(3, "shadow", 5))
    assert gap.symbols == []


def test_pairs_that_name_a_capital_and_no_risk_have_a_gap_in_percent() -> None:
    gap = ShadowGap()
    for number in range(PAIRS_NEEDED):
        for told in (trade(number, "live", 3, risk=None), trade(number, "twin", 5, risk=None)):
            gap.see(told._replace(capital=Money(400)))
    assert (gap.unit, gap.symbols) == ("%", ["SOL/USDT"])
    assert gap.read(unit="%") == Gap(-0.5, -0.5, -0.5, PAIRS_NEEDED)
    assert gap.read() == Undefined("warming", f"0 of {PAIRS_NEEDED} pairs", 0)
    gap.see(trade(99, "live", 5))
    gap.see(trade(99, "twin", 5))
    assert gap.unit == "R"


def test_pairs_count_by_the_capital_that_the_policy_was_allotted() -> None:
    panel = Panel(capital=Money(400))
    for number in reversed(range(PAIRS_NEEDED)):
        for told in (trade(number, "live", 3, risk=None), trade(number, "twin", 5, risk=None)):
            assert panel.record(told._replace(closed_at=NOON - number * DAY))
    assert panel.arm("arm").gap.read(unit="%") == Gap(-0.5, -0.5, -0.5, PAIRS_NEEDED)


def test_what_never_had_a_twin_is_forgotten_in_the_end() -> None:
    gap = ShadowGap()
    for number in range(5_000):
        gap.see(trade(number, "live", 5))
    gap.see(trade(0, "twin", 5))
    assert gap.symbols == []
    gap.see(trade(4_999, "twin", 5))
    assert gap.symbols == ["SOL/USDT"]


def decided(episode: int, tercile: int | None, *, minute: int = -1) -> Decision:
    at = NOON + timedelta(minutes=minute)
    return Decision(str(episode), "SOL/USDT", "arm", 0.5, 1, at, tercile, at.hour)


BIASES = (-0.02, -0.08, -0.25)
"""What real fills cost in a calm, a usual and a wild market, in R."""


def planted(rng: Random, pairs: int) -> ShadowGap:
    """Pairs with a noise of .3 R, in each tercile with its bias."""
    gap = ShadowGap()
    for episode in range(pairs):
        tercile = rng.randrange(3)
        gap.decide(decided(episode, tercile))
        paper = round(rng.gauss(0.4, 1.4) * 10**6)
        more = round(rng.gauss(BIASES[tercile], 0.3) * 10**6)
        gap.see(trade(episode, "twin", paper, risk=10**6))
        gap.see(trade(episode, "live", paper + more, risk=10**6))
    return gap


def test_a_bias_that_was_planted_in_each_tercile_is_in_its_interval_as_often_as_promised() -> None:
    """Of 3 x 100 intervals of 95 % from chance of a fixed seed; fewer than 270 have p < .0005."""
    rng, found = Random(20250707), 0  # noqa: S311 a simulation
    for _ in range(100):
        gap = planted(rng, pairs=240)
        for tercile, bias in enumerate(BIASES):
            reading = gap.read(terciles=[tercile])
            assert isinstance(reading, Gap)
            found += reading.low <= bias <= reading.high
    assert 270 <= found < 300


def test_the_terciles_are_told_apart() -> None:
    gap = planted(Random(7), pairs=2_000)  # noqa: S311 a simulation
    calm, usual, wild = (gap.read("SOL/USDT", [tercile]) for tercile in range(3))
    assert isinstance(calm, Gap)
    assert isinstance(usual, Gap)
    assert isinstance(wild, Gap)
    assert wild.high < usual.low
    assert usual.high < calm.low
    whole = gap.read()
    assert isinstance(whole, Gap)
    assert calm.pairs + usual.pairs + wild.pairs == whole.pairs == 2_000


def counts(gap: ShadowGap) -> dict[int | None, int]:
    return {
        tercile: sum(pairs for pairs, _ in days.values())
        for (_, tercile), days in gap._sums["R"].items()
    }


@pytest.mark.parametrize(
    ("tercile", "minute", "counted"),
    [(0, -60, 0), (1, -1, 1), (2, 0, 2), (2, 1, UNKNOWN), (3, -1, UNKNOWN), (-1, -1, UNKNOWN),
     (None, -1, UNKNOWN)],
    ids=["long before", "before", "when it closed", "afterwards", "no tercile", "none either",
         "unknown"],
)  # fmt: skip
def test_a_decision_counts_when_it_was_made_by_the_close(
    tercile: int | None, minute: int, counted: int | None
) -> None:
    gap = ShadowGap()
    gap.decide(decided(1, tercile, minute=minute))
    gap.see(trade(1, "live", 5))
    gap.see(trade(1, "twin", 5))
    assert counts(gap) == {counted: 1}


def test_an_arm_keeps_so_many_decisions_and_no_more() -> None:
    gap = ShadowGap()
    for episode in range(terciles.MOST + 5):
        gap.decide(decided(episode, 2, minute=episode - terciles.MOST - 5))
    known = gap._terciles
    assert len(known._of) == len(known._oldest) == terciles.MOST
    for episode in (4, 5):
        gap.see(trade(episode, "live", 5))
        gap.see(trade(episode, "twin", 5))
    assert counts(gap) == {UNKNOWN: 1, 2: 1}


def test_a_pair_whose_stop_lay_very_near_does_not_make_the_gap() -> None:
    gap = ShadowGap()
    for number in range(40):
        risk = 1 if number == 7 else RISK
        gap.see(trade(number, "live", -3 * RISK // 10, risk=risk))
        gap.see(trade(number, "twin", -RISK // 10, risk=risk))
    found = gap.read()
    assert isinstance(found, Gap)
    assert found.mean == pytest.approx(-0.2 * 39 / 40, abs=1e-6), "both of that pair count for -2.5"
    assert gap_of(trade(1, "live", -50 * RISK), trade(1, "twin", 0), "R") == round(-2.5 * SCALE)
