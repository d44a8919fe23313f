"""What actions were worth, from the record and the trades of any store."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from conformance.desks import BEGAN, CAPITAL, CHAMPION, FIRST, challenger, employ
from conformance.samples import ingest
from tiltyard.actions.apply import apply
from tiltyard.actions.receipt import Worth
from tiltyard.actions.record import acted, registered
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.shell.receipts import receipts_of
from tiltyard.shell.report.receipts import receipt_json, receipts_text
from tiltyard.shell.store.ledger import Ledger

HOUR = timedelta(hours=1)
RISK = 1_000_000
HALTED = BEGAN + 10 * HOUR
AROUND = (("10.0", "0.0"), ("0.0", "10.0"))


def happen(ledger: Ledger, kind: Kind, at: datetime, before: float, after: float) -> None:
    action = Action(
        kind, FIRST, "person", "enforce", at, before=before, after=after, ceiling=after
    )  # fmt: skip
    ledger.save_roster(ledger.roster(), [acted(action, "", "test")], at=at)


def told(hours: range) -> list[Trade]:
    """The halted arm loses on paper what the champion makes."""
    return [
        Trade("floor", f"{name} {hour}", name, "SOL/USDT", "long", BEGAN + hour * HOUR,
              BEGAN + (hour + 1) * HOUR, Money(round(made * RISK)), book="shadow", risk=Money(RISK),
              episode_id=f"SOL/USDT {hour}")
        for hour in hours
        for name, made in ((FIRST, -0.5), (CHAMPION, 0.5))
    ]  # fmt: skip


def test_a_halt_has_its_receipt_from_the_record_and_the_trades(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    happen(ledger, "halt", HALTED, 0.1, 0.0)
    ingest(ledger, told(range(200)), now=BEGAN + 300 * HOUR)
    late = BEGAN + 300 * HOUR
    found = receipts_of(ledger, late)
    (receipt,) = found.each
    assert receipt.movement.number == 4, "three arms had joined"
    assert isinstance(receipt.worth, Worth)
    assert round(receipt.worth.number, 6) == 10.0
    assert receipt.word == "right"
    assert found.statement.whole().words == {"right": 1}
    assert receipts_of(ledger, late, CHAMPION).each == [], "the halt was not of the champion"
    assert receipts_of(ledger, late, FIRST).each == [receipt]


def test_a_receipt_counts_by_the_capital_that_was_registered_or_set(ledger: Ledger) -> None:
    """Nobody says with the trades what they risked or were sized on."""
    employ(ledger, replace(challenger(FIRST, 0.1), capital=None))
    happen(ledger, "halt", HALTED, 0.1, 0.0)
    ingest(ledger, [one._replace(risk=None) for one in told(range(200))], now=BEGAN + 300 * HOUR)
    late = BEGAN + 300 * HOUR
    (receipt,) = receipts_of(ledger, late).each
    assert receipt.word == "undefined", "the champion's alone is registered"
    (receipt,) = receipts_of(ledger, late, capital=CAPITAL).each
    by_setting = receipt.worth
    assert isinstance(by_setting, Worth)
    percent = 100 * 0.5 * RISK / CAPITAL
    assert by_setting.number == pytest.approx(0.1 * 100 * 2 * percent)
    assert by_setting.unit == "%"
    roster = ledger.roster()
    arm = replace(roster.arms[FIRST], capital=CAPITAL)
    ledger.save_roster(roster.with_arm(arm), [registered(arm, late, "test")], at=late)
    (receipt,) = receipts_of(ledger, late).each
    assert receipt.worth == by_setting, "though it was said afterwards"


def test_a_receipt_of_then_counts_by_the_capital_of_then(ledger: Ledger) -> None:
    """The comparison of a report of then goes by the same roster."""
    employ(ledger, challenger(FIRST, 0.1))
    happen(ledger, "halt", HALTED, 0.1, 0.0)
    ingest(ledger, [one._replace(risk=None) for one in told(range(200))], now=BEGAN + 300 * HOUR)
    late, known = BEGAN + 300 * HOUR, ledger.roster()
    (receipt,) = receipts_of(ledger, late, roster=known).each
    assert receipt.unit == "%"
    without = known.with_arm(replace(known.arms[FIRST], capital=None))
    (receipt,) = receipts_of(ledger, late, roster=without).each
    assert receipt.word == "undefined"


def test_what_is_done_to_everybody_is_told_of_nobody(ledger: Ledger) -> None:
    """Also where it follows from what one arm did."""
    employ(ledger, challenger(FIRST, 0.1))
    freeze = Action("freeze_challengers", FIRST, "guard", "enforce", HALTED)
    happened = [acted(freeze, "", "test")]
    ledger.save_roster(apply(ledger.roster(), freeze), happened, at=HALTED)
    (receipt,) = receipts_of(ledger, HALTED + HOUR).each
    assert receipt_json(receipt)["policy"] == ""


def test_a_report_of_then_knows_no_trade_and_no_action_of_later(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    happen(ledger, "halt", HALTED, 0.1, 0.0)
    ingest(ledger, told(range(200)), now=BEGAN + 300 * HOUR)
    happen(ledger, "rearm", BEGAN + 150 * HOUR, 0.0, 0.1)
    assert receipts_of(ledger, HALTED - HOUR).each == []
    (early,) = receipts_of(ledger, HALTED + 38 * HOUR).each
    assert str(early.worth) == "undefined (warming: 37 of 100 opportunities)"
    assert [one.word for one in receipts_of(ledger, BEGAN + 300 * HOUR).each] == [
        "right", "pending",
    ]  # fmt: skip


def test_the_report_reads_like_this(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    happen(ledger, "halt", HALTED, 0.1, 0.0)
    ingest(ledger, told(range(200)), now=BEGAN + 300 * HOUR)
    happen(ledger, "rearm", BEGAN + 150 * HOUR, 0.0, 0.1)
    at = [f"{time:%Y-%m-%d %H:%M}Z" for time in (HALTED, BEGAN + 150 * HOUR)]
    halted, rearmed = (f"{FIRST}  person  {f'{x} % → {y} %':<19}" for x, y in AROUND)
    lines = list(receipts_text(receipts_of(ledger, BEGAN + 300 * HOUR)))
    assert lines[:5] == [
        "Each action that moved traffic, and what it was worth:",
        f"     4  {at[0]}  halt   {halted}saved 10.00 R, interval 6.67 … 13.33: right",
        f"     6  {at[1]}  rearm  {rearmed}pending (49 of 100 opportunities)",
        "\nWhat the monitor was worth:",
        "  in all: 1 halt, 1 rearm; 1 right, 1 pending; net +10.00 R, interval +6.67 … +13.33",
    ]


def test_a_ledger_in_which_nothing_was_done_says_so(ledger: Ledger) -> None:
    assert list(receipts_text(receipts_of(ledger, BEGAN))) == [
        "No action has moved traffic yet, registrations aside."
    ]  # fmt: skip
