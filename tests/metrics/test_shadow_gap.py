"""The shadow gap against a plain calculation, and what is no pair."""

import statistics
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.shadow_gap import PAIRS_NEEDED, Gap, ShadowGap

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
RISK = 1_000


def trade(episode: int, book: Book, pnl: int, *, minute: int = 0, risk: int | None = RISK) -> Trade:
    closed = NOON + timedelta(minutes=minute)
    return Trade(
        "floor", f"{episode} {book}", "arm", "SOL/USDT", "long", NOON, closed, Money(pnl),
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
    differences = [(live - paper) / RISK for live, paper in pnls]
    assert found.mean == pytest.approx(statistics.mean(differences), abs=1e-6)
    away = 1.959964 * statistics.stdev(differences) / len(differences) ** 0.5
    assert found.high - found.mean == pytest.approx(away, abs=2e-6)
    assert gap.read() == found
    assert gap.symbols == ["SOL/USDT"]


def test_too_few_pairs_say_nothing() -> None:
    gap = ShadowGap()
    for number in range(PAIRS_NEEDED - 1):
        gap.see(trade(number, "live", 5))
        gap.see(trade(number, "twin", 5))
    assert gap.read() == Undefined("warming", "29 of 30 pairs", 29)
    assert gap.read("BTC/USDT") == Undefined("warming", "0 of 30 pairs", 0)


def test_what_closed_apart_and_what_names_no_risk_is_no_pair() -> None:
    gap = ShadowGap()
    gap.see(trade(1, "live", 5, minute=1))
    gap.see(trade(1, "twin", 5, minute=9))
    gap.see(trade(2, "live", 5, risk=None))
    gap.see(trade(2, "twin", 5, risk=None))
    gap.see(trade(3, "shadow", 5))
    assert gap.symbols == []


def test_what_never_had_a_twin_is_forgotten_in_the_end() -> None:
    gap = ShadowGap()
    for number in range(5_000):
        gap.see(trade(number, "live", 5))
    gap.see(trade(0, "twin", 5))
    assert gap.symbols == []
    gap.see(trade(4_999, "twin", 5))
    assert gap.symbols == ["SOL/USDT"]
