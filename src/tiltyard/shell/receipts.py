"""Receipts from a ledger: what each recorded action that moved traffic was worth.

Comes in: a ledger. Goes out: a receipt for each action, in the order of their times, and the
statement. The audit is read twice, for the shares around each action; then all trades once, in
judged order. In a database that a replay kept, the actions are those of the last replay.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from tiltyard.actions.movement import Movement, movement
from tiltyard.actions.receipt import Receipt, Settled
from tiltyard.actions.receipt_book import ReceiptBook
from tiltyard.actions.record import after
from tiltyard.actions.statement import Statement
from tiltyard.facts.allotment import sized
from tiltyard.facts.arm import Roster
from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.shell.history import actions_of
from tiltyard.shell.replaying.start import last_start
from tiltyard.shell.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Receipts:
    """What was done, and what it was worth.

    Attributes:
        each: One for each action that moved traffic, oldest first.
        statement: What they come to.
        finals: Those that are final, and what they were made from, oldest first.
    """

    each: Sequence[Receipt]
    statement: Statement
    finals: Sequence[Settled] = ()


def receipts_of(
    ledger: Ledger,
    now: datetime,
    policy: str = "",
    capital: Money | None = None,
    roster: Roster | None = None,
) -> Receipts:
    """The receipts of a ledger as they stood.

    Args:
        ledger: Where the record and the trades are.
        now: Actions and trades up to then, UTC.
        policy: Only those that this arm, or everybody, was the subject of; empty for all.
        capital: Of policies that were allotted none.
        roster: With what each was allotted; None for what the ledger knows by now.
    """
    moved = [
        one
        for one in _movements(ledger)
        if one.action.at <= now and (not policy or one.concerns(policy))
    ]
    roster = roster or ledger.roster()
    trades = (sized(one, roster, capital) for one in ledger.trades(closed_by=now))
    return scored(moved, trades, now)


def scored(movements: Iterable[Movement], trades: Iterable[Trade], now: datetime) -> Receipts:
    """The receipts of movements, by the trades that closed after them.

    Args:
        movements: In any order.
        trades: In judged order, all that closed by now.
        now: UTC; by which a receipt may be over without another trade.
    """
    ordered = sorted(movements, key=lambda one: one.action.at)
    book, statement = ReceiptBook(), Statement()
    settled: list[Settled] = []
    coming = iter(ordered)
    following = next(coming, None)
    for trade in trades:
        while following is not None and following.action.at <= trade.closed_at:
            book.open(following)
            following = next(coming, None)
        settled += book.see(trade)
    while following is not None:
        book.open(following)
        following = next(coming, None)
    settled += book.over_by(now)
    finals = {final.receipt.movement.number: final for final in settled}
    found = {number: final.receipt for number, final in finals.items()}
    for final in settled:
        statement.add(final)
    for waiting in book.pending():
        statement.wait(waiting)
        found[waiting.movement.number] = waiting
    numbers = [one.number for one in ordered]
    known = [finals[number] for number in numbers if number in finals]
    return Receipts([found[number] for number in numbers], statement, known)


def _movements(ledger: Ledger) -> Iterator[Movement]:
    """What moved traffic, by the order of the audit."""
    began = last_start(ledger)
    roster = Roster()
    for row in ledger.audit():
        event = json.loads(row.body)
        if row.seq > began:
            for action in actions_of(event):
                moved = movement(row.seq, roster, action)
                if moved is not None:
                    yield moved
        roster = after(roster, event)
