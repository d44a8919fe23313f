"""What the floor tells the ledger, where somebody else may have told something under its names.

Whoever may report can report anything: a mark of an arm at the close of a bar, a decision for an
episode, a trade that says it is of the floor. Nothing of that may keep stops from being played.
So what is there stays, the floor goes on beside it, and people are told:

- a mark of that arm and time: theirs counts, until the next;
- a decision for that episode: it is theirs, and nobody enters in it for real on the floor;
- a trade of that name: the floor's own gets another.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import TypeVar

import sqlalchemy as sa

from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store import tables
from tiltyard.shell.store.fact_tables import append_each
from tiltyard.shell.store.floor_table import is_taken

SOURCE = "floor"
"""Who reports them."""

_Fact = TypeVar("_Fact", Trade, Mark)


def in_their_account(facts: Sequence[_Fact], foreign: Mapping[str, tuple[str, str]]) -> list[_Fact]:
    """The same facts; of an arm whose trades are of another account, in that and its currency."""
    return [
        fact._replace(account=foreign[fact.policy][0], currency=foreign[fact.policy][1])
        if fact.policy in foreign
        else fact
        for fact in facts
    ]


def under_free_names(
    connection: sa.Connection, trades: Sequence[Trade]
) -> tuple[list[Trade], list[str]]:
    """The same trades, each under a name that the ledger does not have; what people are told."""
    named, said = [], []
    for trade in trades:
        own = _free_name(connection, trade)
        named.append(trade._replace(trade_id=own))
        if own != trade.trade_id:
            said.append(
                f"{trade.policy}: somebody else has told a trade {trade.trade_id!r} of source "
                f"{trade.source!r}; the floor's own is called {own!r}"
            )
    return named, said


def append_marks(connection: sa.Connection, marks: Sequence[Mark], now: datetime) -> dict[str, str]:
    """Append those that can be; of the other arms, what people are told."""
    fates = append_each(connection, tables.marks, marks, now)
    return {
        mark.policy: f"{mark.policy}: the floor's mark of {time_text(mark.marked_at)} is not "
        f"written: {fate.facts}"
        for mark, fate in zip(marks, fates, strict=True)
        if isinstance(fate, TiltyardError)
    }


def append_decisions(
    connection: sa.Connection, decisions: Sequence[Decision], now: datetime
) -> dict[str, str]:
    """Append those that can be; of the other episodes, what people are told."""
    fates = append_each(connection, tables.decisions, decisions, now)
    return {
        one.episode_id: f"{one.episode_id}: nobody enters in it for real on the floor: {fate.facts}"
        for one, fate in zip(decisions, fates, strict=True)
        if isinstance(fate, TiltyardError)
    }


def _free_name(connection: sa.Connection, trade: Trade) -> str:
    names = (trade.trade_id if n == 1 else f"{trade.trade_id} {n}" for n in count(1))
    return next(name for name in names if not is_taken(connection, trade.source, name))
