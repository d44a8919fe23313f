"""A receipt: which opportunities count, what they made, and how sure that is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import mean

import pytest
from numpy.random import default_rng

from tiltyard.actions.movement import Movement
from tiltyard.actions.receipt import (
    BEHIND,
    FEWEST,
    GAP_PART,
    LONGEST,
    OPPORTUNITIES,
    Receipt,
    Settled,
    Worth,
)
from tiltyard.actions.receipt_book import ReceiptBook
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.trade import Book, Trade
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.money import Money, money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.blocks import SIGMAS
from tiltyard.scaling.optimism import GAP_SPREAD
from tiltyard.simulation.outcomes import MEAN_LOSS
from tiltyard.simulation.streams import SimulatedPolicy, closed_trades

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RISK = 1_000_000
SEED = 20250707
ENOUGH = OPPORTUNITIES + BEHIND


def moved(
    shifts: dict[str, float] | None = None,
    *,
    kind: Kind = "halt",
    at: datetime = START,
    number: int = 1,
    mode: Mode = "enforce",
) -> Movement:
    shifts = {"new": -0.1, "good": 0.1} if shifts is None else shifts
    first = next(iter(shifts.values()))
    before, after = (-first, 0.0) if first < 0 else (0.0, first)
    return Movement(number, Action(kind, "new", "guard", mode, at), before, after, shifts)


def trade(
    policy: str,
    hour: float,
    made: float | None,
    *,
    book: Book = "shadow",
    lasts: float = 1,
    episode: str | None = "",
) -> Trade:
    """One that began so many hours after the action; its episode is that hour's, or none."""
    began = START + hour * HOUR
    return Trade(
        "floor", f"{policy} {hour} {book}", policy, "SOL/USDT", "long", began, began + lasts * HOUR,
        Money(round((made or 0) * RISK)), book=book, risk=None if made is None else Money(RISK),
        episode_id=f"SOL/USDT {hour}" if episode == "" else episode,
    )  # fmt: skip


def both(hours: Iterable[float], new: float | None, good: float | None) -> list[Trade]:
    return [
        one
        for hour in hours
        for one in (trade("new", hour, new), trade("good", hour, good))
    ]  # fmt: skip


def settled(book: ReceiptBook, trades: Iterable[Trade]) -> list[Settled]:
    ordered = sorted(trades, key=lambda one: one.closed_at)
    return [one for seen in ordered for one in book.see(seen)]


def receipt_of(trades: Iterable[Trade], movement: Movement | None = None) -> Receipt:
    """The one that is final after these trades, or waits for more."""
    book = ReceiptBook()
    book.open(movement or moved())
    final = settled(book, trades)
    return final[0].receipt if final else book.pending()[0]


def exact(book: ReceiptBook, *names: str, gap: float = 0.0) -> None:
    """Pairs that say exactly how much worse real fills are than those on paper."""
    for name in names:
        for pair in range(40):
            at = -24 * (pair + 1)
            book.see(trade(name, at, 0.0, book="twin"))
            book.see(trade(name, at, gap, book="live"))


def known(worth: Worth | Undefined) -> Worth:
    assert isinstance(worth, Worth)
    return worth


def test_a_receipt_waits_for_a_hundred_opportunities_and_those_that_may_still_run() -> None:
    trades = both(range(1, 200), -0.2, 0.3)
    assert str(receipt_of(trades[:74]).worth) == (
        "undefined (warming: 37 of 100 opportunities)"
    )  # fmt: skip
    waiting = receipt_of(trades[: 2 * 112])
    assert waiting.word == "pending"
    assert "100 of 100 opportunities, 12 of 25 behind them" in str(waiting.worth)
    final = receipt_of(trades)
    assert known(final.worth).number == pytest.approx(0.1 * 100 * 0.5)
    assert final.word == "right"
    assert final.opportunities == 100


def test_the_hundred_are_those_that_began_first_also_when_they_run_longer() -> None:
    """Of the first 100 to close, the winners that run would be missing."""
    hours = range(1, 140)
    trades = [trade("new", hour, -1.0) for hour in hours]
    trades += [trade("good", hour, 3.0, lasts=20) for hour in hours]
    assert known(receipt_of(trades).worth).number == pytest.approx(0.1 * 100 * 4.0)


def test_a_receipt_waits_as_long_as_the_longest_trade_of_its_arms_has_lasted() -> None:
    """An arm whose winner of the day before lasted eleven days may have another one open."""
    before = trade("good", -300, 2.0, lasts=11 * 24)
    winner = trade("good", 3, 6.0, lasts=11 * 24)
    beside = [trade("new", 3, 0.0), *both([1, 2, *range(4, 200)], 0.0, 0.1)]
    early = receipt_of([before, *beside])
    assert early.word == "pending"
    assert str(early.worth) == (
        "undefined (warming: 100 of 100 opportunities, 25 of 25 behind them; "
        "what began there may be open until 2025-01-16 04:00Z)"
    )  # fmt: skip
    late = receipt_of([before, winner, *beside, *both(range(200, 400), 0.0, 0.1)])
    assert known(late.worth).number == pytest.approx(0.1 * (6.0 + 99 * 0.1))
    assert receipt_of(beside).word != "pending", "where none was ever so long nobody waits"


def test_a_receipt_is_over_by_the_time_though_nobody_trades_any_more() -> None:
    book = ReceiptBook()
    book.open(moved())
    before = trade("good", -300, 2.0, lasts=11 * 24)
    assert settled(book, [before, *both(range(1, 200), -0.2, 0.3)]) == []
    over = START + (100 + 11 * 24) * HOUR
    assert book.over_by(over) == []
    assert [one.word for one in book.pending()] == ["pending"]
    (final,) = book.over_by(over + timedelta(seconds=1))
    assert known(final.receipt.worth).number == pytest.approx(0.1 * 100 * 0.5)
    assert book.pending() == []
    assert book.over_by(over + HOUR) == []


def test_what_closes_after_a_receipt_was_over_changes_nothing_of_it() -> None:
    """So a report of then, and one of later, say the same of it."""
    trades = [trade("good", -300, 2.0, lasts=11 * 24), *both(range(1, 200), -0.2, 0.3)]
    asked, unasked = ReceiptBook(), ReceiptBook()
    for book in (asked, unasked):
        book.open(moved())
        settled(book, trades)
    late = trade("good", 50.5, 6.0, lasts=20 * 24)
    assert asked.over_by(late.closed_at) == unasked.see(late) != []


def test_one_trade_that_was_open_for_years_keeps_receipts_waiting_for_sixty_days() -> None:
    years = trade("good", -5 * 365 * 24, 0.0, lasts=5 * 365 * 24 - 1)
    book, most, done = ReceiptBook(), 0, 0
    book.see(years)
    for hour in range(1, 2_500):
        is_day = hour % 24 == 0
        if is_day:
            book.open(moved(at=START + hour * HOUR, number=hour))
        done += len(settled(book, both([hour], -0.2, 0.3)))
        if is_day:  # until the next one they only become fewer
            most = max(most, len(book.pending()))
    days = LONGEST.days
    assert days == 60
    assert most == days + -(-OPPORTUNITIES // 24)
    assert done == 2_499 // 24 - most


@pytest.mark.parametrize("symbols", [7, 15, 20])
def test_of_what_began_at_one_moment_all_counts_whoever_closed_first(symbols: int) -> None:
    """Winners run longer, and an arm makes .5 R on average."""
    trades = [trade("new", -9, 0.0, lasts=3)]
    for number in range(200):
        hour, is_win = 4.0 * (1 + number // symbols), number % 2 == 0
        made, lasts = (2.0, 3.0) if is_win else (-1.0, 1.0)
        for name, result in (("new", made), ("good", 0.0)):
            trades.append(trade(name, hour, result, lasts=lasts, episode=f"{number}"))
    final = receipt_of(trades)
    bars = -(-100 // symbols)
    assert final.opportunities == bars * symbols
    assert known(final.worth).number == pytest.approx(
        -0.1 * sum(2.0 if number % 2 == 0 else -1.0 for number in range(bars * symbols))
    )


@pytest.mark.parametrize("lasts", [1, 4])
def test_an_opportunity_that_began_before_the_action_counts_for_nobody(lasts: float) -> None:
    """Also when another arm joins in later, and whoever of the two closes first."""
    trades = both(range(1, 200), -0.2, 0.3)
    old = trade("new", -0.5, -50.0, lasts=lasts, episode="old")
    joins = trade("good", 0.5, 5.0, episode="old")
    final = receipt_of([*trades, old, joins])
    assert known(final.worth).number == pytest.approx(5.0)


def test_what_began_with_the_action_or_before_does_not_count() -> None:
    trades = both([-3, 0], 50.0, -50.0) + both(range(1, 200), -0.2, 0.3)
    assert known(receipt_of(trades).worth).number == pytest.approx(5.0)


def test_an_arm_that_began_nothing_at_an_opportunity_made_nothing_there() -> None:
    trades = [trade("good", hour, 0.4) for hour in range(1, 200)]
    trades += [trade("new", hour, 0.2) for hour in range(1, 200, 2)]
    assert known(receipt_of(trades).worth).number == pytest.approx(0.1 * (100 * 0.4 - 50 * 0.2))


def test_an_episode_with_a_live_trade_and_its_twin_counts_once_and_by_its_twin() -> None:
    trades = both(range(1, 200), 0.0, 0.5)
    trades = [one._replace(book="twin") if one.policy == "good" else one for one in trades]
    trades += [trade("good", hour, 0.4, book="live") for hour in range(1, 200)]
    before = [
        trade("good", pair - 24 * day, 0.5 if book == "twin" else 0.4, book=book)
        for day in range(1, 11)
        for pair in range(3)
        for book in TWINS
    ]
    final = receipt_of([trade("good", -20, 0.5), *before, *trades])
    assert known(final.worth).number == pytest.approx(0.1 * 100 * 0.4, abs=1e-4), "with its gap"
    (_, good) = final.made
    assert (good.trades, good.live_trades) == (100, ENOUGH - 1)


def test_trades_without_an_episode_count_by_themselves() -> None:
    trades = both(range(1, 200), -0.2, 0.3)
    alone = [one._replace(episode_id=None) for one in trades]
    assert known(receipt_of(alone).worth).number == pytest.approx(0.1 * 50 * 0.5)
    real = [one._replace(book="live") if one.policy == "good" else one for one in alone]
    assert known(receipt_of(real).worth).number == pytest.approx(0.1 * 50 * 0.5), (
        "who is given no episodes has made for real what it would have made"
    )


TWINS: Sequence[Book] = ("live", "twin")


@pytest.mark.parametrize(
    "trades",
    [
        [trade("good", hour, 0.3, book="live", episode=None) for hour in range(1, 200)],
        [
            *(trade("good", hour, 0.3) for hour in range(1, 200)),
            *(trade("new", hour, 0.3, book="live") for hour in range(1, 200, 9)),
        ],
        [
            *(trade("good", hour, 0.3) for hour in range(1, 200)),
            *(trade("new", hour, 0.3, book=b) for hour in range(1, 200, 9) for b in TWINS),
        ],
    ],
    ids=["it is silent", "only what it was given is known", "its twins know no more"],
)
def test_without_a_shadow_book_a_receipt_describes_and_claims_nothing(
    trades: list[Trade],
) -> None:
    final = receipt_of(trades)
    assert final.word == "descriptive"
    assert str(final.worth) == "undefined (unobserved: no trade of new on paper)"
    live = sum(one.book == "live" and one.policy == "new" for one in trades)
    made = {one.policy: (one.live_trades, one.live_total) for one in final.made}
    count, total = made["new"]
    assert count <= live
    assert total == pytest.approx(0.3 * count)


@pytest.mark.parametrize(("hour", "word"), [(-50, "right"), (300, "descriptive")])
def test_who_has_everything_after_a_halt_has_the_book_on_paper_that_it_told_before(
    hour: float, word: str
) -> None:
    """The champion is given every episode, so all of its paper is twins."""
    trades = [trade("new", at, -0.2) for at in range(1, 200)]
    trades += [trade("good", at, 0.9, book=book) for at in range(1, 200) for book in TWINS]
    assert receipt_of([*trades, trade("good", hour, 0.9)]).word == word


@pytest.mark.parametrize(("symbols", "word"), [(20, "right"), (25, "undefined")])
def test_what_began_at_few_moments_has_no_worth(symbols: int, word: str) -> None:
    trades = both(range(1, 200), -0.2, 0.9)
    bars = [
        one._replace(opened_at=START + HOUR * -(-number // 2 // symbols))
        for number, one in enumerate(trades, start=2)
    ]
    final = receipt_of(bars)
    assert final.word == word
    if word == "undefined":
        assert str(final.worth) == (
            "undefined (few_moments: 100 opportunities began at 4 moments, too few or too uneven "
            "for an interval)"
        )  # fmt: skip


def test_a_trade_that_says_no_risk_leaves_its_opportunity_out() -> None:
    trades = both(range(1, 31), None, 0.3) + both(range(31, 200), -0.2, 0.3)
    final = receipt_of(trades)
    assert final.left_out == 30
    assert known(final.worth).number == pytest.approx(0.1 * 70 * 0.5)
    assert [one.trades for one in final.made] == [70, 70]
    assert sum(one.shift * (one.total or 0) for one in final.made) == pytest.approx(0.1 * 70 * 0.5)


@pytest.mark.parametrize(
    ("trades", "said"),
    [
        (
            both(range(1, 200), None, 0.3),
            "no trade of new says what it risked; no trade of new says its capital",
        ),
        (
            both(range(1, 200), 0.1, None),
            "no trade of good says what it risked; no trade of new says its capital",
        ),
        (
            both(range(1, 85), None, 0.3) + both(range(85, 200), 0.1, 0.3),
            "only 16 of 100 opportunities say what was risked; no trade of new says its capital",
        ),
    ],
)
def test_without_risk_and_capital_there_is_no_worth(trades: list[Trade], said: str) -> None:
    final = receipt_of(trades)
    assert final.word == "undefined"
    assert str(final.worth) == f"undefined (no_risk: {said})"
    assert final.unit is None
    assert [one.total for one in final.made] == [None, None]
    assert FEWEST == 20


CAPITAL = Money(50 * RISK)
"""So that an R is two percent of it."""


def sized(trades: Iterable[Trade]) -> list[Trade]:
    return [one._replace(capital=CAPITAL) for one in trades]


@pytest.mark.parametrize("silent", ["new", "good"])
def test_where_an_arm_never_says_its_risk_a_receipt_counts_in_percent_of_capital(
    silent: str,
) -> None:
    trades = sized(both(range(1, 200), -0.2, 0.3))
    told = [one._replace(risk=None) if one.policy == silent else one for one in trades]
    in_r, in_percent = receipt_of(trades), receipt_of(told)
    assert (known(in_r.worth).unit, in_r.unit) == ("R", "R")
    assert (known(in_percent.worth).unit, in_percent.unit) == ("%", "%")
    assert known(in_percent.worth).number == pytest.approx(2 * known(in_r.worth).number)
    assert in_percent.left_out == 0
    assert [one.total for one in in_percent.made] == pytest.approx([-40, 60])
    assert known(in_percent.worth).high == pytest.approx(
        5.0 * 2 + SIGMAS * 0.1 * 100 * GAP_PART * (0.4**2 + 0.6**2) ** 0.5
    ), "a gap that nobody has measured is known to a tenth of what its trades make"


def test_a_gap_in_percent_is_live_less_paper_over_the_capital() -> None:
    riskless = [one._replace(risk=None) for one in sized(both(range(1, 200), 0.3, 0.3))]
    book = ReceiptBook()
    for name, gap in (("new", -0.2), ("good", 0.0)):
        for hour in range(-40 * 24, 0, 24):
            twin = trade(name, hour, 0.0, book="twin")
            for one in sized([twin, trade(name, hour, gap, book="live")]):
                book.see(one._replace(risk=None))
    book.open(moved())
    (final,) = settled(book, riskless)
    assert known(final.receipt.worth) == pytest.approx((4.0, 4.0, 4.0, "%"))


def test_a_receipt_that_is_pending_has_no_unit_yet() -> None:
    waiting = receipt_of(both(range(1, 50), -0.2, 0.3))
    assert (waiting.word, waiting.unit) == ("pending", None)
    assert [one.total for one in waiting.made] == [None, None]


def test_an_r_of_a_stop_that_lay_very_near_is_clipped_and_told() -> None:
    trades = both(range(1, 200), -0.2, 0.3)
    trades[20] = trade("new", 11, 57.85)
    trades[31] = trade("good", 16, -9.0)
    final = receipt_of(trades)
    assert final.clipped == 2
    assert known(final.worth).number == pytest.approx(0.1 * (98 * 0.5 - 5.7 - 2.3))
    percent = [one._replace(risk=None) for one in sized(trades)]
    assert receipt_of(percent).clipped == 0
    assert known(receipt_of(percent).worth).number == pytest.approx(
        0.1 * 2 * (98 * 0.5 - 57.55 - 8.8)
    )


@pytest.mark.parametrize(
    ("new", "good", "kind", "shift", "word"),
    [
        (-0.2, 0.3, "halt", -0.1, "right"),
        (0.3, -0.2, "halt", -0.1, "false alarm"),
        (0.3, -0.2, "resume", 0.1, "right"),
        (-0.2, 0.3, "resume", 0.1, "mistake"),
        (0.3, 0.299, "halt", -0.1, "undecided"),
    ],
)
def test_the_word_says_on_which_side_the_interval_lies(
    new: float, good: float, kind: Kind, shift: float, word: str
) -> None:
    moves = moved({"new": shift, "good": -shift}, kind=kind)
    book = ReceiptBook()
    exact(book, "good")
    book.open(moves)
    trades = both(range(1, 200), new, good)
    (final,) = settled(book, trades)
    assert final.receipt.word == word


def test_of_an_unmeasured_gap_the_interval_allows_for_what_paper_may_flatter() -> None:
    trades = both(range(1, 200), -0.2, 0.3)
    sure, unsure = ReceiptBook(), ReceiptBook()
    exact(sure, "new", "good")
    worths = []
    for book in (sure, unsure):
        book.open(moved())
        worths.append(known(settled(book, trades)[0].receipt.worth))
    assert worths[0] == pytest.approx((5.0, 5.0, 5.0, "R"))
    away = SIGMAS * GAP_SPREAD * 0.1 * 100 * 2**0.5
    assert worths[1] == pytest.approx((5.0, 5.0 - away, 5.0 + away, "R"), abs=1e-5)


def test_a_gap_that_was_planted_is_corrected() -> None:
    """On paper the two are alike; for real one of them loses a fifth of its risk on every trade."""
    book = ReceiptBook()
    exact(book, "new", gap=-0.2)
    exact(book, "good")
    book.open(moved())
    (final,) = settled(book, both(range(1, 200), 0.3, 0.3))
    assert known(final.receipt.worth).number == pytest.approx(0.1 * 100 * 0.2)
    assert final.receipt.word == "right"


def test_an_action_that_was_undone_is_still_scored_over_its_own_hundred() -> None:
    trades = both(range(1, 300), -0.2, 0.3)
    book = ReceiptBook()
    book.open(moved())
    early = [one for one in trades if one.closed_at <= START + 41 * HOUR]
    settled(book, early)
    book.open(moved({"new": 0.1, "good": -0.1}, kind="resume", at=START + 41 * HOUR, number=2))
    halt, resume = settled(book, [one for one in trades if one not in early])
    assert known(halt.receipt.worth).number == pytest.approx(5.0)
    assert known(resume.receipt.worth).number == pytest.approx(-5.0)


def test_open_receipts_are_those_of_the_last_opportunities_however_long_the_record() -> None:
    book = ReceiptBook()
    most = 0
    for hour in range(1, 3000):
        for one in both([hour], -0.1, 0.1):
            book.see(one)
        if hour % 10 == 0:
            book.open(moved(at=START + hour * HOUR, number=hour))
        most = max(most, len(book.pending()))
    assert most <= (ENOUGH + 10) // 10 + 1


REPLICATES = 300
WINS = 0.6


def true_mean(profit_factor: float) -> float:
    return (1 - WINS) * MEAN_LOSS * (profit_factor - 1)


BAD_FACTOR = 1 - 0.2 / ((1 - WINS) * MEAN_LOSS)
"""Which makes −.2 R on average."""
GOOD_FACTOR = 2.3


def simulated(seed: int, *, paired: bool) -> list[Trade]:
    """A bad and a good arm in market regimes, on paper."""
    policies = [
        SimulatedPolicy("new", BAD_FACTOR, BAD_FACTOR, WINS),
        SimulatedPolicy("good", GOOD_FACTOR, GOOD_FACTOR, WINS),
    ]
    trades = closed_trades(
        policies,
        start=START,
        days=55,
        capital=money(10_000),
        risk=0.01,
        rng=default_rng(seed),
    )
    numbers: Counter[str] = Counter()
    told = []
    for one in trades:
        numbers[one.policy] += 1
        episode = str(numbers[one.policy]) if paired else None
        told.append(one._replace(book="shadow", episode_id=episode))
    return told


def worths_of(shifts: dict[str, float], *, paired: bool, kind: Kind = "halt") -> Sequence[Worth]:
    worths = []
    for number in range(REPLICATES):
        book = ReceiptBook()
        exact(book, "new", "good")
        book.open(moved(shifts, kind=kind))
        trades = simulated(SEED + number, paired=paired)
        (final,) = [one for trade in trades for one in book.see(trade)]
        worths.append(known(final.receipt.worth))
    return worths


@pytest.mark.parametrize(("paired", "pairs"), [(True, 100), (False, 50)])
def test_intervals_hold_the_known_truth_as_often_as_they_say(*, paired: bool, pairs: int) -> None:
    """With regimes, 300 replicates, fixed seed; .95, give or take three standard errors."""
    worths = worths_of({"new": -0.1, "good": 0.1}, paired=paired)
    truth = 0.1 * pairs * (true_mean(GOOD_FACTOR) - true_mean(BAD_FACTOR))
    spread = mean((one.number - truth) ** 2 for one in worths) ** 0.5
    assert mean(one.number for one in worths) == pytest.approx(
        truth, abs=3 * spread / REPLICATES**0.5
    )
    held = mean(one.low <= truth <= one.high for one in worths)
    assert 0.912 <= held <= 0.988


def test_intervals_hold_the_truth_where_gaps_are_known_from_noisy_pairs() -> None:
    """Fills of a day are alike. .95 of 300, give or take three standard errors."""
    made, gaps, held = {"new": 0.1, "good": 0.4}, {"new": -0.2, "good": -0.05}, 0
    truth = 0.1 * 100 * (made["good"] + gaps["good"] - made["new"] - gaps["new"])
    for seed in range(SEED, SEED + REPLICATES):
        rng, book = Random(seed), ReceiptBook()  # noqa: S311 a simulation
        for name, gap in gaps.items():
            for day in range(12):
                cost = gap + rng.gauss(0, 0.15)
                for pair in range(3):
                    at = -24 * (day + 1) + pair
                    book.see(trade(name, at, 0.0, book="twin"))
                    book.see(trade(name, at, rng.gauss(cost, 0.3), book="live"))
        book.open(moved())
        after = [trade(name, at, rng.gauss(made[name], 1)) for at in range(1, 140) for name in made]
        (final,) = settled(book, after)
        worth = known(final.receipt.worth)
        held += worth.low <= truth <= worth.high
    assert 0.912 <= held / REPLICATES <= 0.988


def test_exchanging_the_arms_mirrors_the_worth() -> None:
    trades = simulated(SEED, paired=True)
    one = known(receipt_of(trades, moved({"new": -0.1, "good": 0.1})).worth)
    other = known(receipt_of(trades, moved({"new": 0.1, "good": -0.1}, kind="resume")).worth)
    assert (one.number, one.low, one.high) == pytest.approx(
        (-other.number, -other.high, -other.low)
    )
