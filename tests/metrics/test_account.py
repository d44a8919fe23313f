"""The account: one account, one currency, and a day that begins when the schedule says."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import money
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.metrics.account import AccountMeasures
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


def test_an_account_afresh_has_seen_nothing_and_is_the_same() -> None:
    account = AccountMeasures("main", capital=CAPITAL)
    account.close(trade(-10, account="main", currency="EUR"))
    fresh = account.afresh()
    assert (fresh.facts, lost(fresh)) == (0, 0)
    fresh.close(trade(-10, account="main", currency="USDT"))
    assert lost(fresh) == 1, "the first trade names the currency"
