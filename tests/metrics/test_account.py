"""The account: one account, one currency, and a day that begins when the schedule says."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tiltyard.facts.correction import Correction
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money, money
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.metrics.account import KEPT, AccountMeasures
from tiltyard.metrics.trial import NavPath
from tiltyard.scaling.trading_day import trading_day
from tiltyard.shell.settings import ScheduleSettings

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
CAPITAL = money(1000)


def trade(pnl: float, *, account: str = "default", currency: str = "", hours: float = 0) -> Trade:
    at = NOON + timedelta(hours=hours)
    return Trade(
        "bot", f"{hours}", "arm", "SOL", "long", at, at, money(pnl),
        account=account, currency=currency,
    )  # fmt: skip


def lost(account: AccountMeasures, hours: float = 0) -> float:
    reading = account.daily_loss(NOON + timedelta(hours=hours))
    assert isinstance(reading, Value)
    return reading.number


def test_losses_of_a_day_add_up_and_gains_are_no_negative_loss() -> None:
    account = AccountMeasures(capital=CAPITAL)
    account.close(trade(-10))
    account.close(trade(-15))
    assert lost(account) == 2.5
    account.close(trade(100))
    assert lost(account) == 0


def test_without_capital_nothing_can_be_said() -> None:
    account = AccountMeasures()
    account.close(trade(-10))
    reading = account.daily_loss(NOON)
    assert isinstance(reading, Undefined)
    assert reading.state == "no_capital"
    assert isinstance(account.drawdown(), Undefined)


@pytest.mark.parametrize(
    ("configured", "currencies", "counted"),
    [
        ("", ["USDT", "EUR", "USDT"], 2),
        ("EUR", ["USDT", "EUR", "USDT"], 1),
        ("", ["", "EUR", "", "USDT"], 3),
        ("USDT", ["", "EUR"], 1),
    ],
)
def test_nothing_is_summed_over_currencies(
    configured: str, currencies: list[str], counted: int
) -> None:
    account = AccountMeasures(currency=configured, capital=CAPITAL)
    for currency in currencies:
        account.close(trade(-10, currency=currency))
    assert (account.facts, lost(account)) == (counted, counted)


def test_nothing_is_summed_over_accounts() -> None:
    account = AccountMeasures("main", capital=CAPITAL)
    account.close(trade(-10, account="other"))
    account.close(trade(-20, account="main"))
    assert lost(account) == 2


def test_a_day_begins_when_the_schedule_says_and_not_at_midnight() -> None:
    schedule = ScheduleSettings(timezone="Europe/Berlin")
    account = AccountMeasures(
        capital=CAPITAL, day_of=lambda at: trading_day(at, schedule.nightly, schedule.zone)
    )
    account.close(trade(-10, hours=11.5))  # 01:30 in Berlin, still the day before
    assert lost(account, 11.9) == 1
    assert lost(account, 12) == 0, "02:00 in Berlin is midnight in UTC"
    account.close(trade(-30, hours=13))
    assert lost(account, 35.9) == 3
    assert lost(account, 36) == 0


def test_an_account_afresh_forgets_its_path_and_not_what_its_days_have_lost() -> None:
    account = AccountMeasures("main", capital=CAPITAL)
    account.close(trade(-60, account="main", currency="EUR", hours=-24))
    account.close(trade(-28, account="main", currency="EUR"))
    fresh = account.afresh(NOON)
    assert (fresh.facts, fresh.trades, lost(fresh), lost(fresh, -24)) == (0, 2, 2.8, 6)
    fresh.close(trade(-28, account="main", currency="EUR", hours=1))
    assert (fresh.facts, fresh.trades, lost(fresh)) == (1, 3, 5.6)
    assert fresh.drawdown() == Value(2.8, 1)
    fresh.close(trade(-500, account="main", currency="USDT", hours=2))
    assert lost(fresh) == 5.6, "its currency is what it was"
    assert (account.trades, lost(account)) == (2, 2.8), "the one before goes its own way"


@pytest.mark.parametrize("told_before", [110, 121, 140])
def test_an_account_afresh_is_the_one_that_the_next_desk_measures(told_before: int) -> None:
    rng = Random(7)  # noqa: S311 a simulation
    trades = [trade(rng.randint(-40, 30), hours=n / 2) for n in range(150)]
    since = NOON + timedelta(hours=60)  # the trade of that moment does not count
    told, again = AccountMeasures(capital=CAPITAL), AccountMeasures(capital=CAPITAL).afresh(since)
    for number, one in enumerate(trades):
        if number == told_before:
            told = told.afresh(since)
        told.close(one)
        again.close(one)
    for number in (100, 120, 130):
        corrected = trades[number]._replace(pnl=Money(trades[number].pnl - money(5)))
        for account in (told, again):
            account.correct(Correction(trades[number], corrected))
    assert (told.facts, told.trades) == (again.facts, again.trades) == (29, 150)
    assert told.drawdown() == again.drawdown()
    for day in range(4):
        assert lost(told, 24 * day) == lost(again, 24 * day)


def test_trades_that_are_told_out_of_order_are_counted_in_the_order_of_their_closes() -> None:
    trades = [trade(pnl, hours=n) for n, pnl in enumerate((50, -30, 40, -45, 20))]
    told, closed = AccountMeasures(capital=CAPITAL), AccountMeasures(capital=CAPITAL)
    for number in (2, 0, 3, 4, 1):
        told.close(trades[number])
    for one in trades:
        closed.close(one)
    assert told.drawdown() == closed.drawdown()


def test_yesterdays_trade_told_late_leaves_todays_loss_as_it_is() -> None:
    account = AccountMeasures(capital=CAPITAL)
    for one in (trade(-25, hours=24), trade(-1), trade(-10, hours=25)):
        account.close(one)
    assert lost(account, hours=26) == 3.5


def test_a_path_that_is_longer_than_what_is_kept_is_the_same() -> None:
    rng = Random(7)  # noqa: S311 a simulation
    trades = [trade(rng.choice((3, -2)), hours=n / 10) for n in range(3 * KEPT)]
    told, path = AccountMeasures(capital=CAPITAL), NavPath()
    for one in sorted(trades, key=lambda one: one.closed_at.timestamp() + rng.uniform(0, 72_000)):
        told.close(one)
    for one in trades:
        path.close(one.pnl, CAPITAL)
    assert told.drawdown() == path.drawdown()
