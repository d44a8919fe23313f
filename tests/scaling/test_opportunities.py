"""What every arm made at an opportunity, in which unit, and which opportunities count."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import isnan

import pytest

from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.scaling.opportunities import UNKNOWN_GAP, Found, Opportunities

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
    pairs = []
    for hour in range(40):
        pairs += [trade("bot", hour, 0.5, "twin")]
        pairs += [trade("bot", hour, 0.5 - 0.1 - 0.1 * (hour % 2), "live")]
    read = found([*pairs, trade("bot", 50, 1.0)])
    assert read.gaps["bot"].mean == pytest.approx(-0.15)
    assert 0 < read.gaps["bot"].spread < 0.01
    last = read.each[-1].cells["bot"]
    assert last.paper == 1.0
    assert last.live == pytest.approx(0.85)


@pytest.mark.parametrize("how", ["few", "flattened"])
def test_a_gap_that_nobody_has_measured_is_none_give_or_take(how: str) -> None:
    """A trade that a person has flattened left at another time, and is no pair."""
    pairs = []
    for hour in range(29 if how == "few" else 60):
        pairs += [trade("bot", hour, 0.5, "twin")]
        pairs += [trade("bot", hour, 0.1, "live", lasts=0.5 if how == "flattened" else 1)]
    assert found(pairs).gaps["bot"] == UNKNOWN_GAP


def test_without_a_risk_they_count_in_percent_and_a_typical_loss_is_most_of_an_r() -> None:
    """The champion's losses are of 1, 2 and 3 risks, a quarter of a percent each."""
    losses = [trade("prod", hour, -hour) for hour in (1, 2, 3)]
    read = found([*losses, trade("prod", 4, 8), trade("bot", 4, -40, risk=None)])
    assert read.unit == "%"
    assert read.scale == pytest.approx(0.5 / 0.9)
    assert read.each[1].cells["prod"].live == pytest.approx(-0.9), "what the rules are told"
    assert read.each[3].cells["prod"].live * read.scale == pytest.approx(2.0), "percent"
    assert read.each[3].cells["prod"].risk == pytest.approx(0.5 / 90)


def test_where_trades_have_no_unit_in_common_there_is_none() -> None:
    neither = [trade("bot", 1, 1, risk=None, capital=None), trade("prod", 1, 1)]
    read = seen(neither).read("prod", LATE)
    assert isinstance(read, Undefined)
    assert read.state == "no_risk"
    winners = [trade("bot", 1, 1, risk=None), trade("prod", 1, 1)]
    assert str(seen(winners).read("prod", LATE)) == (
        "undefined (no_losses: no losing trade says how large a risk is)"
    )


def test_of_an_arm_without_capital_the_risk_is_not_known() -> None:
    assert isnan(found([trade("bot", 1, 1, capital=None)]).each[0].cells["bot"].risk)


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


def test_an_arm_with_live_trades_alone_that_were_given_to_it_has_no_book_on_paper() -> None:
    read = found([trade("bot", 1, 1, "live"), trade("own", 2, 1, "live", episode=None),
                  trade("prod", 3, 1)])  # fmt: skip
    assert read.without_paper == ["bot"], "own trades all that it likes to"


def test_nine_of_ten_trades_say_how_long_they_last() -> None:
    assert found(trade("bot", hour, 1, lasts=hour) for hour in range(1, 11)).lasts == 10 * HOUR
    assert found(trade("bot", hour, 1, lasts=hour) for hour in range(1, 21)).lasts == 19 * HOUR
