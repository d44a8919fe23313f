"""What every arm made at an opportunity, in which unit, and which opportunities count."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from math import isnan

import pytest

from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.shadow_gap import Gap, ShadowGap
from tiltyard.scaling.live_less_paper import UNKNOWN_GAP
from tiltyard.scaling.opportunities import Found, Opportunities
from tiltyard.scaling.optimism import GAP_SPREAD

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RISK, CAPITAL = 1_000_000, 400_000_000
LATE = START + 10_000 * HOUR


def trade(
    policy: str,
    hour: float,
    made: float,
    book: Book = "shadow",
    *,
    lasts: float = 1,
    risk: int | None = RISK,
    capital: int | None = CAPITAL,
    episode: str | None = "",
) -> Trade:
    """One that began in this hour, and made so many of the usual risk."""
    began = START + hour * HOUR
    return Trade(
        "floor", f"{policy} {hour} {book}", policy, "SOL/USDT", "long", began, began + lasts * HOUR,
        Money(round(made * RISK)), book=book, risk=None if risk is None else Money(risk),
        capital=None if capital is None else Money(capital),
        episode_id=f"SOL/USDT {hour:g}" if episode == "" else episode,
    )  # fmt: skip


def seen(trades: Iterable[Trade]) -> Opportunities:
    found = Opportunities()
    for one in sorted(trades, key=lambda one: one.closed_at):
        found.see(one)
    return found


def found(trades: Iterable[Trade], now: datetime = LATE, champion: str = "prod") -> Found:
    read = seen(trades).read(champion, now)
    assert isinstance(read, Found)
    return read


def pair(hour: float, more: float) -> list[Trade]:
    """A trade of half an R on paper, and the live one, which made more or less."""
    return [trade("bot", hour, 0.5, "twin"), trade("bot", hour, 0.5 + more, "live")]


def pairs(days: int, more: Callable[[int], float]) -> list[Trade]:
    return [made for day in range(days) for made in pair(24 * day, more(day))]


def losses() -> list[Trade]:
    """Thirty of the champion, of 1, 2 and 3 risks."""
    return [trade("prod", hour, -1 - hour % 3, risk=None) for hour in range(30)]


def test_an_opportunity_is_an_episode_at_which_somebody_began() -> None:
    read = found([trade("prod", 1, 0.5), trade("bot", 1, -1, lasts=5), trade("bot", 3, 2)])
    first, second = read.each
    assert (first.began, first.ended) == (START + HOUR, START + 6 * HOUR)
    assert {name: cell.live for name, cell in first.cells.items()} == {"prod": 0.5, "bot": -1}
    assert set(second.cells) == {"bot"}, "the champion began none"
    assert first.cells["prod"].risk == RISK / CAPITAL


def test_a_live_trade_counts_where_there_is_none_on_paper() -> None:
    read = found([trade("bot", 1, 0.7, "live"), trade("bot", 2, 0.3, "live"),
                  trade("bot", 2, 0.5, "twin")])  # fmt: skip
    assert [one.cells["bot"].live for one in read.each] == [0.7, 0.5]
    assert [one.cells["bot"].trades for one in read.each] == [0, 1]


def test_paper_is_told_with_the_gap_that_was_measured() -> None:
    read = found([*pairs(40, lambda day: -0.1 - 0.1 * (day % 2)), trade("bot", 1_000, 1.0)])
    assert read.gaps["bot"].mean == pytest.approx(-0.15)
    assert 0 < read.gaps["bot"].spread < 0.01
    last = read.each[-1].cells["bot"]
    assert last.paper == 1.0
    assert last.live == last.earned == pytest.approx(0.85)
    assert last.of_capital == pytest.approx(0.85 * RISK / CAPITAL)


def test_it_is_told_with_the_gap_of_then_and_earns_what_is_known_at_the_end() -> None:
    """Of 80 days the later half fills worse: nobody is told that before."""
    both = found(pairs(80, lambda day: 0.2 if day < 40 else -0.6)).each
    early = found(pairs(40, lambda _: 0.2)).each
    told = [one.cells["bot"].live for one in both]
    assert told[:40] == [one.cells["bot"].live for one in early]
    assert told[:29] == [0.5] * 29, "too few pairs"
    assert told[29:40] == pytest.approx([0.7] * 11)
    assert told[59] == pytest.approx(0.5 + (40 * 0.2 - 20 * 0.6) / 60)
    assert all(one.cells["bot"].earned == pytest.approx(0.3) for one in both)
    falls = [one.cells["bot"].of_capital for one in both]
    assert falls == pytest.approx([live * RISK / CAPITAL for live in told])


def test_a_trade_is_told_with_the_pairs_that_had_closed_before_it_and_not_before_it_began() -> None:
    long, short = trade("bot", 10, 1.0, lasts=24 * 35), trade("bot", 11, 1.0)
    read = found([*pairs(40, lambda _: -0.2), long, short])
    told = {one.episode: one.cells["bot"].live for one in read.each}
    assert told["SOL/USDT 10"] == pytest.approx(0.8), "it closed later than 30 pairs"
    assert told["SOL/USDT 11"] == 1.0


def test_live_less_paper_is_the_one_that_a_report_says() -> None:
    """The fill was worse, so the live trade risked more: both count by what the twin risked."""
    reported = ShadowGap()
    made = []
    for day in range(60):
        for book, result, risk in (("twin", 1.5, 1.0), ("live", 1.3, 1.2)):
            which: Book = "twin" if book == "twin" else "live"
            made += [trade("bot", 24 * day, result, which, risk=round(risk * RISK))]
            reported.see(made[-1])
    said = reported.read()
    assert isinstance(said, Gap)
    assert found(made).gaps["bot"].mean == pytest.approx(said.mean) == pytest.approx(-0.2)


def test_a_gap_is_as_sure_as_the_days_agree_and_not_as_the_trades_do() -> None:
    """Twenty days of ten pairs each that are all alike are twenty that say something."""
    alike = [
        made
        for day in range(20)
        for hour in range(10)
        for made in pair(24 * day + hour, 0.1 if day % 2 else -0.1)
    ]
    spread = found(alike).gaps["bot"].spread
    assert spread == pytest.approx(0.1 / 19**0.5 * 2.09 / 1.96, rel=0.01)
    few = [made for made in alike if made.opened_at < START + 9 * 24 * HOUR]
    assert found(few).gaps["bot"].spread == GAP_SPREAD, "nine days are too few to say"


def test_an_r_counts_from_minus_two_and_a_half_to_six_and_its_capital_in_full() -> None:
    """One whose stop lay very near is a number without a meaning; so 0029 says of receipts."""
    near = [trade("bot", 1, 57.85), trade("bot", 2, -10), trade("bot", 3, 6), trade("bot", 3, 9)]
    cells = [one.cells["bot"] for one in found(near).each]
    assert [cell.live for cell in cells] == [6, -2.5, 12], "of two trades each by itself"
    assert [cell.paper for cell in cells] == [cell.earned for cell in cells] == [6, -2.5, 12]
    assert cells[1].of_capital == -10 * RISK / CAPITAL


def test_percent_of_capital_counts_as_it_is_and_is_told_within_the_bounds_of_an_r() -> None:
    made = [*losses(), trade("bot", 4_000, 80, risk=None)]
    cell = found(made).each[-1].cells["bot"]
    assert (cell.live, cell.paper) == (6, 6), "as a desk tells it"
    assert cell.earned == pytest.approx(80 * 0.9 / 2)


@pytest.mark.parametrize("how", ["few", "flattened"])
def test_a_gap_that_nobody_has_measured_is_none_give_or_take(how: str) -> None:
    """A trade that a person has flattened left at another time, and is no pair."""
    made = []
    for hour in range(29 if how == "few" else 60):
        made += [trade("bot", hour, 0.5, "twin")]
        made += [trade("bot", hour, 0.1, "live", lasts=0.5 if how == "flattened" else 1)]
    assert found(made).gaps["bot"] == UNKNOWN_GAP


def test_without_a_risk_they_count_in_percent_and_a_typical_loss_is_most_of_an_r() -> None:
    """The champion's losses are of 1, 2 and 3 risks, a quarter of a percent each."""
    later = [trade("prod", 40 + hour, -50) for hour in range(50)]
    read = found([*losses(), *later, trade("prod", 31, 8), trade("bot", 31, -40, risk=None)])
    assert read.unit == "%"
    assert read.scale == pytest.approx(0.5 / 0.9), "of its first thirty"
    assert read.scaled_since == START + 30 * HOUR
    assert read.each[1].cells["prod"].live == pytest.approx(-0.9), "what the rules are told"
    cell = read.each[30].cells["prod"]
    assert cell.live * read.scale == pytest.approx(2.0), "percent"
    assert cell.earned * read.scale == pytest.approx(2.0)
    assert cell.of_capital == pytest.approx(0.02)
    assert cell.risk == pytest.approx(0.5 / 90)
    assert read.without_capital == [], "percent says how far it fell"


def test_before_thirty_losing_trades_of_the_champion_nothing_says_how_large_an_r_is() -> None:
    told = [*losses()[1:], *(trade("prod", 99, -9, "twin") for _ in range(9))]
    told += [trade("bot", hour, -1, risk=None) for hour in range(50, 99)]
    assert str(seen(told).read("prod", LATE)) == (
        "undefined (no_losses: trades do not say what they risked, and the champion has 29 of 30 "
        "losing trades that would say what one usually loses)"
    )


def test_where_trades_have_no_unit_in_common_there_is_none() -> None:
    neither = [trade("bot", 1, 1, risk=None, capital=None), trade("prod", 1, 1)]
    read = seen(neither).read("prod", LATE)
    assert isinstance(read, Undefined)
    assert read.state == "no_risk"


def test_of_an_arm_without_capital_neither_risk_nor_fall_is_known_and_that_is_said() -> None:
    read = found([trade("bot", 1, 1, capital=None), trade("bot", 2, 1), trade("prod", 1, 1)])
    assert isnan(read.each[0].cells["bot"].risk)
    assert isnan(read.each[0].cells["bot"].of_capital)
    assert read.without_capital == ["bot"]


def test_what_may_still_run_is_left_out_whoever_has_closed() -> None:
    """Else the quick losers of the last days would count without the winners that run."""
    trades = [trade("bot", hour, -1) for hour in range(100)] + [trade("bot", 10, 5, lasts=30)]
    assert len(found(trades, START + 101 * HOUR).each) == 71
    assert len(found(trades, START + 200 * HOUR).each) == 100
    early = seen([trade("bot", 1, 1)]).read("bot", START + 2 * HOUR)
    assert str(early) == "undefined (warming: no opportunity has closed yet)"


def test_what_began_before_the_record_does_not_count() -> None:
    read = seen(trade("bot", hour, -1) for hour in range(10)).read("bot", LATE, START + 4 * HOUR)
    assert isinstance(read, Found)
    assert [one.episode for one in read.each] == [f"SOL/USDT {hour}" for hour in range(4, 10)]


@pytest.mark.parametrize("books", [["live"], ["live", "twin"], ["twin"]])
def test_an_arm_that_tells_only_what_was_given_to_it_has_no_book_on_paper(
    books: list[Book],
) -> None:
    """A twin is of a live trade: it says nothing of what others were given."""
    read = found([*(trade("bot", 1, 1, book) for book in books),
                  trade("own", 2, 1, "live", episode=None), trade("prod", 3, 1)])  # fmt: skip
    assert read.without_paper == ["bot"], "own trades all that it likes to"
    told = found([*(trade("bot", 1, 1, book) for book in books), trade("bot", 2, 1)])
    assert told.without_paper == []


@pytest.mark.parametrize(("trades", "days"), [(10, 10), (20, 19)])
def test_nine_of_ten_trades_say_how_many_days_meet_one_market(trades: int, days: int) -> None:
    read = found(trade("bot", day, 1, lasts=24 * day) for day in range(1, trades + 1))
    assert read.block_days == days
    assert found([trade("bot", 1, 1, lasts=1)]).block_days == 1
