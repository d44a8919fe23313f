"""A running desk and whoever acts where none runs know the same of an arm's capital."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from conformance.samples import NOW, arm, ingest, trade
from tiltyard.facts.arm import Roster, State
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.shell.desk import Desk
from tiltyard.shell.replaying.measure import facts_in_order, take_in
from tiltyard.shell.settings import load
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.without_desk import knows_capital

CAPITAL = Money(5)
HISTORIES = [
    history
    for length in range(4)
    for history in product(product(("live", "shadow", "mark"), (True, False)), repeat=length)
]
"""What an arm may have told: in which book, and whether it named a capital."""


def facts_of(name: str, history: Sequence[tuple[str, bool]]) -> tuple[list[Trade], list[Mark]]:
    trades, marks = [], []
    for minute, (book, is_sized) in enumerate(history):
        capital = CAPITAL if is_sized else None
        if book == "mark":
            at = NOW - timedelta(hours=2) + timedelta(minutes=minute)
            marks.append(Mark(name, at, Money(1), 1, capital))
        else:
            told = trade(f"{name}-{minute}", minute=minute, policy=name, book=book, capital=capital)
            trades.append(told)
    return trades, marks


@pytest.mark.parametrize("allotted", ["nothing", "by the policy", "by the settings"])
@pytest.mark.parametrize("state", ["candidate", "halted"])
def test_a_desk_and_whoever_stands_in_for_it_know_the_same(
    ledger: Ledger, state: State, allotted: str
) -> None:
    settings = load()
    if allotted == "by the settings":
        policies = settings.policies.model_copy(update={"capital": 5.0})
        settings = settings.model_copy(update={"policies": policies})
    own = CAPITAL if allotted == "by the policy" else None
    told = {f"arm{number}": history for number, history in enumerate(HISTORIES)}
    roster = Roster({name: replace(arm(name), state=state, capital=own) for name in told})
    ledger.save_roster(roster, [], at=NOW)
    facts = [facts_of(*item) for item in told.items()]
    ingest(ledger, [one for trades, _ in facts for one in trades])
    ledger.append_marks((one for _, marks in facts for one in marks), known_at=NOW)

    desk = Desk(settings, roster, live=True)
    for fact in facts_in_order(ledger):
        take_in(desk.panel, fact)
    known = {one.name: desk.knows_capital(one) for one in roster.arms.values()}
    assert known == {one.name: knows_capital(ledger, one, settings) for one in roster.arms.values()}
    assert set(known.values()) == ({True, False} if allotted == "nothing" else {True})
