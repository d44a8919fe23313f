"""A challenger against the champion: its laws, and how often its intervals hold the truth."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator, default_rng

from tiltyard.facts.decision import Decision
from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money, money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.comparison import KINDS, Comparison, Difference
from tiltyard.simulation.streams import SimulatedPolicy, closed_trades

START = datetime(2025, 3, 3, tzinfo=UTC)
RISK = Money(1_000)
A, B = "challenger", "champion"


def trade(
    policy: str, hours: float, pnl: int, book: Book = "live", symbol: str = "SOL/USDT"
) -> Trade:
    at = START + timedelta(hours=hours)
    return Trade(
        "test", f"{policy} {hours} {book}", policy, symbol, "long", at, at, Money(pnl),
        risk=RISK, book=book, episode_id=f"{symbol} {hours}",
    )  # fmt: skip


def compared(trades: Iterable[Trade], first: str = A, second: str = B) -> Comparison:
    found = Comparison(first, second)
    for one in trades:
        found.see(one)
    return found


TRADES = st.lists(
    st.tuples(
        st.sampled_from((A, B)), st.integers(0, 700), st.integers(-3_000, 5_000),
        st.sampled_from(("live", "twin", "shadow")), st.sampled_from(("SOL/USDT", "BTC/USDT")),
    ),
    min_size=150,
    max_size=220,
)  # fmt: skip


@given(TRADES)
def test_whoever_is_asked_first_the_answer_is_the_same_mirrored(
    drawn: list[tuple[str, int, int, Book, str]],
) -> None:
    trades = [trade(*one) for one in sorted(drawn, key=lambda one: one[1])]
    one, other = compared(trades), compared(trades, B, A)
    for kind in KINDS:
        for symbol in ("", "SOL/USDT"):
            found, mirrored = one.read(kind, symbol), other.read(kind, symbol)
            if isinstance(found, Undefined):
                assert isinstance(mirrored, Undefined)
                assert (found.state, found.samples) == (mirrored.state, mirrored.samples)
                continue
            assert isinstance(mirrored, Difference)
            assert (mirrored.mean, mirrored.low, mirrored.high) == (
                -found.mean, -found.high, -found.low,
            )  # fmt: skip
            assert mirrored.better == round(1 - found.better, 6)
            assert (mirrored.trades, mirrored.against) == (found.against, found.trades)
            assert mirrored.days == found.days


def hit(rng: Generator, *, a_day: float, days: int) -> bool:
    """Whether the interval of two equal arms holds 0, in a world with regimes."""
    arms = [
        SimulatedPolicy(name, 2.3, 2.3, trades_a_day=often) for name, often in ((A, a_day), (B, 4))
    ]
    trades = closed_trades(arms, start=START, days=days, capital=money(10_000), risk=0.01, rng=rng)
    found = compared(trades).read("live")
    assert isinstance(found, Difference)
    return found.low <= 0 <= found.high


@pytest.mark.parametrize(("a_day", "days"), [(4, 40), (1, 80)])
def test_equal_arms_are_found_equal_as_often_as_promised(a_day: float, days: int) -> None:
    """Of 300 intervals of 95 % in regimes; fewer than 276 by chance: p < .02, fixed seed."""
    rng = default_rng(20250707)
    found = sum(hit(rng, a_day=a_day, days=days) for _ in range(300))
    assert 276 <= found <= 296


def test_a_market_that_both_share_cancels() -> None:
    """Days differ by .2 R, and the arms by .02 R with a noise of .05."""
    rng = Random(7)  # noqa: S311 a simulation
    trades = []
    for day in range(60):
        market = rng.gauss(0, 2)
        for hour in range(4):
            for policy, more in ((A, 0.2), (B, 0)):
                made = round(100 * (market + more + rng.gauss(0, 0.5)))
                trades.append(trade(policy, 24 * day + hour, made))
    found = compared(trades).read("live")
    assert isinstance(found, Difference)
    assert found.low < 0.02 < found.high
    assert found.high - found.low < 0.025, "0.07 if the two were taken for independent"
    assert found.better > 0.95


def even(policy: str, hours: Iterable[float], pnl: int, book: Book = "live") -> list[Trade]:
    return [trade(policy, hour, pnl + 100 * (n % 2), book) for n, hour in enumerate(hours)]


def test_only_trades_of_the_time_of_both_count() -> None:
    before = even(B, range(-900, 0, 20), 9_000)
    after = even(B, range(601, 900, 20), 9_000)
    both = even(B, range(0, 601, 10), 1_000) + even(A, range(0, 601, 10), 2_000)
    found = compared([*before, *both, *after]).read("live")
    assert isinstance(found, Difference)
    assert (found.mean, found.trades, found.against) == (1.0, 61, 61)


def test_live_trades_while_one_was_paused_do_not_count() -> None:
    paused = START + timedelta(hours=300)
    found = Comparison(A, B, lambda at: at < paused)
    for one in even(A, range(0, 600, 5), 0) + even(B, range(0, 600, 5), 0):
        found.see(one)
    reading = found.read("live")
    assert isinstance(reading, Difference)
    assert (reading.trades, reading.against) == (60, 60)


def test_paper_as_live_is_paper_and_what_live_trades_made_more_than_their_twins() -> None:
    hours = range(0, 600, 10)
    trades = [
        *even(A, hours, 1_000, "twin"), *even(A, hours, 700), *even(B, hours, 400, "twin"),
        *even(B, hours, 500), *even(A, range(5, 600, 10), 1_000, "shadow"),
    ]  # fmt: skip
    found = compared(trades)
    paper, as_live = found.read("paper"), found.read("paper as live")
    assert isinstance(paper, Difference)
    assert isinstance(as_live, Difference)
    assert paper.mean == pytest.approx(0.6, abs=0.001)
    assert as_live.mean == pytest.approx(paper.mean - 0.3 - 0.1, abs=1e-5)
    assert (as_live.trades, as_live.against) == (119, 60), "one was opened after the other's last"


def test_an_r_of_a_stop_that_lay_very_near_counts_within_its_bounds_and_is_told() -> None:
    hours = range(0, 600, 10)
    trades = [*even(A, hours, 1_000), *even(B, hours, 500)]
    trades[30] = trade(A, 300, -233_000)
    trades[90] = trade(B, 300, 57_850)
    found = compared(trades).read("live")
    assert isinstance(found, Difference)
    assert found.clipped == 2
    assert found.mean == pytest.approx(0.5 - (2.5 + 1) / 60 - (6 - 0.5) / 60, abs=1e-5)
    elsewhere = compared([*trades, trade(A, 305, 9_000, symbol="ETH/USDT")])
    assert isinstance(sol := elsewhere.read("live", "SOL/USDT"), Difference)
    assert sol.clipped == 2, "of those that count"
    percent = compared(one._replace(risk=None, capital=RISK) for one in trades).read("live")
    assert isinstance(percent, Difference)
    assert percent.clipped == 0
    assert percent.mean < -400


def test_a_pair_of_which_one_was_clipped_differs_by_what_counts() -> None:
    """On paper each makes 9 R; live one makes 3 R less, which is 0 of what counts, the other 5."""
    hours = range(0, 600, 10)
    trades = [
        *even(A, hours, 9_000, "twin"), *even(A, hours, 6_000), *even(B, hours, 9_000, "twin"),
        *even(B, hours, 1_000),
    ]  # fmt: skip
    found = compared(trades).read("paper as live")
    assert isinstance(found, Difference)
    assert found.mean == pytest.approx(0 - (1.05 - 6))
    assert found.clipped == 120, "of the trades on paper"


def test_without_pairs_paper_is_not_taken_for_live() -> None:
    hours = range(0, 600, 10)
    found = compared(even(A, hours, 1, "shadow") + even(B, hours, 1, "shadow"))
    assert isinstance(found.read("paper"), Difference)
    assert str(found.read("paper as live")) == (
        "undefined (warming: 0 pairs against 0; 30 of each are needed)"
    )


def test_too_few_trades_or_days_say_nothing() -> None:
    few = compared(even(A, range(0, 290, 10), 1) + even(B, range(0, 300, 5), 1)).read("live")
    assert few == Undefined("warming", "29 trades against 57; 30 of each are needed", 29)
    short = compared(even(A, range(100), 1) + even(B, range(100), 1)).read("live")
    assert short == Undefined("warming", "on 5 of 10 days", 100)


def test_trades_that_do_not_say_what_they_risked_do_not_count() -> None:
    riskless = [one._replace(risk=None) for one in even(A, range(0, 600, 10), 1)]
    found = compared(riskless + even(B, range(0, 600, 10), 1))
    said = f"no trade of {A} says what it risked; no trade of {A} says its capital"
    assert found.read("live") == Undefined("no_risk", said)
    assert found.has_both("live")
    assert not found.has_both("paper")


@pytest.mark.parametrize("silent", [A, B])
def test_arms_one_of_which_never_says_its_risk_are_compared_in_percent_of_capital(
    silent: str,
) -> None:
    hours = range(0, 600, 10)
    trades = [
        *even(A, hours, 1_000, "twin"), *even(A, hours, 700), *even(B, hours, 400, "twin"),
        *even(B, hours, 500),
    ]  # fmt: skip
    sized = [one._replace(capital=Money(50_000)) for one in trades]
    in_r = compared(sized)
    bare = [one._replace(risk=None) if one.policy == silent else one for one in sized]
    in_percent = compared(bare)
    assert (in_r.unit, in_percent.unit) == ("R", "%")
    for kind in KINDS:
        one, other = in_r.read(kind), in_percent.read(kind)
        assert isinstance(one, Difference)
        assert isinstance(other, Difference)
        assert other.mean == pytest.approx(2 * one.mean)
        assert other[3:] == one[3:]


def test_a_trade_counts_where_it_was_decided_how_wild_it_was() -> None:
    found = Comparison(A, B)
    for hour in range(0, 600, 5):
        at = START + timedelta(hours=hour)
        found.decide(Decision(f"SOL/USDT {hour}", "SOL/USDT", B, 0.9, 1, at, hour // 5 % 2, 0))
        found.see(trade(A, hour, 1_000 * (hour // 5 % 2)))
        found.see(trade(B, hour, 0))
    calm, usual = found.read("live", terciles=[0]), found.read("live", terciles=[1])
    assert isinstance(calm, Difference)
    assert isinstance(usual, Difference)
    assert (calm.mean, usual.mean) == (0, 1)
    assert calm.trades + usual.trades == 120
