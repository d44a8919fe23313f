"""What other rules would have made, from the record and the trades of any store."""

from dataclasses import replace
from datetime import timedelta

import pytest

from conformance.desks import BEGAN, CAPITAL, CHAMPION, FIRST, GUARDED, challenger, employ
from conformance.samples import ingest
from tiltyard.actions.record import acted
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.metrics.off_policy import Estimate
from tiltyard.scaling.other_rules import OtherRules
from tiltyard.shell.other_rules import other_rules_of
from tiltyard.shell.store.ledger import Ledger

HOUR = timedelta(hours=1)
RISK = 1_000_000
HOURS = 400
LATE = BEGAN + HOURS * HOUR + 10 * HOUR


def happen(ledger: Ledger, kind: Kind, hour: int, before: float, after: float) -> None:
    at = BEGAN + hour * HOUR
    action = Action(kind, FIRST, "person", "enforce", at, before=before, after=after, ceiling=after)
    ledger.save_roster(ledger.roster(), [acted(action, "", "test")], at=at)


def told() -> list[Trade]:
    """Every hour an episode: what the challenger makes less than the champion is half an R."""
    return [
        Trade("floor", f"{name} {hour}", name, "SOL/USDT", "long", BEGAN + hour * HOUR,
              BEGAN + (hour + 0.5) * HOUR, Money(round((made + (0.2, -0.2)[hour % 2]) * RISK)),
              book="shadow", capital=CAPITAL, risk=Money(RISK), episode_id=f"SOL/USDT {hour}")
        for hour in range(HOURS)
        for name, made in ((FIRST, 0.3), (CHAMPION, 0.8))
    ]  # fmt: skip


def test_what_was_done_and_what_others_would_have(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    happen(ledger, "halt", 100, 0.1, 0.0)
    happen(ledger, "rearm", 300, 0.0, 0.2)
    ingest(ledger, told(), now=LATE)
    head = ledger.audit_head()
    found = other_rules_of(ledger, GUARDED, LATE)
    assert isinstance(found, OtherRules)
    assert (found.champion, found.opportunities, found.unit) == (CHAMPION, HOURS, "R")
    assert isinstance(found.was_done, Estimate)
    assert found.was_done.value == pytest.approx(-0.5 * (100 * 0.1 + 100 * 0.2))
    static = next(line for line in found.lines if line.rule == "static")
    assert isinstance(static.beyond_done, Estimate)
    assert static.beyond_done.value == pytest.approx(-0.5 * HOURS * 0.1 - found.was_done.value)
    assert not static.done
    assert ledger.audit_head() == head, "it is read, and nothing written"


def test_a_report_of_then_knows_no_share_and_no_trade_of_later(ledger: Ledger) -> None:
    employ(ledger, challenger(FIRST, 0.1))
    ingest(ledger, told(), now=LATE)
    then = BEGAN + 250.4 * HOUR
    before = other_rules_of(ledger, GUARDED, then)
    assert isinstance(before, OtherRules)
    assert before.opportunities == 250
    happen(ledger, "halt", 260, 0.1, 0.0)
    assert other_rules_of(ledger, GUARDED, then) == before
    assert other_rules_of(ledger, GUARDED, LATE) != before


@pytest.mark.parametrize("allotted", [CAPITAL, None])
@pytest.mark.parametrize("by_default", [float(100_000), None])
def test_a_capital_that_no_trade_says_is_the_arm_s_and_else_that_of_the_settings(
    ledger: Ledger, allotted: Money | None, by_default: float | None
) -> None:
    employ(ledger, replace(challenger(FIRST, 0.1), capital=allotted))
    ingest(ledger, [trade._replace(capital=None) for trade in told()], now=LATE)
    policies = GUARDED.policies.model_copy(update={"capital": by_default})
    found = other_rules_of(ledger, GUARDED.model_copy(update={"policies": policies}), LATE)
    assert isinstance(found, OtherRules)
    is_known = allotted is not None or by_default is not None
    assert found.without_capital == ([] if is_known else [FIRST])
