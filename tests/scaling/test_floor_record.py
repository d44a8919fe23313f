"""Who was on the floor with what share, as the roster stood."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from tiltyard.facts.arm import FLAT, Arm, Role, Roster, State
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.off_policy import Estimate
from tiltyard.scaling.floor_record import FloorRecord
from tiltyard.scaling.other_rules import OtherRules

START = datetime(2025, 1, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
RISK, CAPITAL = Money(10**6), Money(4 * 10**8)
LATE = START + 100 * DAY
HOURS = 24 * 40


def arm(
    name: str, role: Role, share: float, state: State = "live", capital: Money | None = CAPITAL
) -> Arm:
    return Arm(name, role, state, share, 0.1, 1.0, capital, START, kind=FLAT * (name == FLAT))


def roster(
    bot: float = 0.0,
    state: State = "live",
    champion: str = "prod",
    capital: Money | None = CAPITAL,
) -> Roster:
    found = Roster().with_arm(arm(FLAT, "champion" if champion == FLAT else "challenger", 0.0))
    if champion != FLAT:
        found = found.with_arm(arm(champion, "champion", 1.0, "champion"))
    return found.with_arm(arm("bot", "challenger", bot, state, capital))


def trade_on(
    floor: FloorRecord, *names: str, capital: Money | None = CAPITAL, more: float = 0.5
) -> None:
    """Every hour an episode: the bot makes so many R more than the champion."""
    for hour in range(HOURS):
        for name in names:
            made = (1.0, -1.0)[hour % 2] + more * (name == "bot")
            at = START + hour * HOUR
            floor.see(
                Trade("floor", f"{name} {hour}", name, "SOL/USDT", "long", at, at + HOUR / 2,
                      Money(round(made * RISK)), book="shadow", risk=RISK, capital=capital,
                      episode_id=f"SOL/USDT {hour}")
            )  # fmt: skip


def known(found: OtherRules | Undefined) -> OtherRules:
    assert isinstance(found, OtherRules)
    return found


def test_what_was_done_follows_from_the_shares_as_they_stood() -> None:
    floor = FloorRecord(time(2), UTC)
    floor.stand(roster(0.1), START)
    floor.stand(roster(0.0), START + 10 * DAY)
    floor.stand(roster(0.5), START + 20 * DAY)
    trade_on(floor, "prod", "bot")
    found = known(floor.other_rules(LATE, "ladder"))
    assert isinstance(found.was_done, Estimate)
    assert found.was_done.value == pytest.approx(24 * 0.5 * (10 * 0.1 + 20 * 0.5))
    assert (found.enforced, found.champion, found.opportunities) == ("ladder", "prod", HOURS)
    assert (found.began, found.ended) == (START, START + HOURS * HOUR - HOUR / 2)


def test_while_entries_are_stopped_nobody_earns() -> None:
    floor = FloorRecord(time(2), UTC)
    floor.stand(replace(roster(1.0), entries_stopped_by=frozenset({"guard"})), START)
    trade_on(floor, "prod", "bot")
    found = known(floor.other_rules(LATE, "ladder"))
    assert isinstance(found.was_done, Estimate)
    assert found.was_done.value == pytest.approx(0), "the champion alone would have made 0 too"
    floor.stand(roster(1.0), START + 20 * DAY)
    later = known(floor.other_rules(LATE, "ladder"))
    assert isinstance(later.was_done, Estimate)
    assert later.was_done.value == pytest.approx(24 * 0.5 * 20)


def test_the_record_begins_with_the_first_champion_that_trades() -> None:
    floor = FloorRecord(time(2), UTC)
    floor.stand(roster(champion=FLAT), START)
    floor.stand(roster(0.1), START + 15 * DAY)
    trade_on(floor, "prod", "bot")
    found = known(floor.other_rules(LATE, "ladder"))
    assert (found.began, found.champion) == (START + 15 * DAY, "prod")


def static_of(floor: FloorRecord) -> float:
    """What ten percent for the bot would have earned beyond all for the champion."""
    found = known(floor.other_rules(LATE, "ladder"))
    static = next(line for line in found.lines if line.rule == "static")
    assert isinstance(static.beyond_champion, Estimate)
    return static.beyond_champion.value


@pytest.mark.parametrize("state", ["throttled", "halted", "live"])
def test_an_arm_that_is_retired_has_left_and_may_come_back(state: State) -> None:
    """Whatever it is afterwards, it was away in between."""
    floor = FloorRecord(time(2), UTC)
    floor.stand(roster(0.1), START)
    floor.stand(roster(0.0, "retired"), START + 10 * DAY)
    trade_on(floor, "prod", "bot", more=1.5)
    assert static_of(floor) == pytest.approx(24 * 1.5 * 0.1 * 10)
    floor.stand(roster(0.0, state), START + 15 * DAY)
    assert static_of(floor) == pytest.approx(24 * 1.5 * 0.1 * (10 + 25))
    floor.stand(roster(0.0, "retired"), START + 20 * DAY)
    floor.stand(roster(0.0, state), START + 39 * DAY)
    assert static_of(floor) == pytest.approx(24 * 1.5 * 0.1 * (10 + 5 + 1))


@pytest.mark.parametrize(("allotted", "by_default"), [(CAPITAL, None), (None, CAPITAL)])
def test_a_trade_without_a_capital_was_sized_on_what_its_arm_was_allotted_or_the_settings_say(
    allotted: Money | None, by_default: Money | None
) -> None:
    floor = FloorRecord(time(2), UTC, by_default)
    floor.stand(roster(0.1, capital=allotted), START)
    trade_on(floor, "prod", "bot", capital=None)
    found = known(floor.other_rules(LATE, "ladder"))
    assert any(one.kind == "promote" for line in found.lines for one in line.done)
    assert found.without_capital == []
    assert found.proposed is not None


def test_the_capital_of_an_arm_comes_before_that_of_the_settings() -> None:
    """On a hundredth of it, every loss would be beyond the limit."""
    floor = FloorRecord(time(2), UTC, Money(CAPITAL // 100))
    floor.stand(roster(0.1), START)
    trade_on(floor, "prod", "bot", capital=None)
    found = known(floor.other_rules(LATE, "ladder"))
    assert not any(one.kind == "halt" for line in found.lines for one in line.done)


def test_where_nobody_says_a_capital_nobody_is_halted_so_nothing_is_proposed() -> None:
    floor = FloorRecord(time(2), UTC)
    floor.stand(roster(0.1, capital=None), START)
    trade_on(floor, "prod", "bot", capital=None)
    found = known(floor.other_rules(LATE, "ladder"))
    assert found.without_capital == ["bot"]
    assert found.proposed is None


def test_where_there_is_nothing_to_play_with_it_says_why() -> None:
    floor = FloorRecord(time(2), UTC)
    assert str(floor.other_rules(LATE, "ladder")) == (
        "undefined (no_champion: nobody who trades was champion)"
    )
    floor.stand(roster(0.1), START)
    assert str(floor.other_rules(LATE, "ladder")) == (
        "undefined (warming: no opportunity has closed yet)"
    )
    trade_on(floor, "prod")
    assert str(floor.other_rules(LATE, "ladder")) == (
        "undefined (unobserved: no challenger has traded)"
    )
