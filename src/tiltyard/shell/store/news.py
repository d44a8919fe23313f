"""What the ledger has learnt since somebody last looked."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from tiltyard.facts.correction import Correction
from tiltyard.facts.decision import Decision
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade, judged_order
from tiltyard.kernel.clock import from_microseconds
from tiltyard.shell.store.desk_tables import external_edits, waiting_commands
from tiltyard.shell.store.fact_tables import every_decision, every_mark
from tiltyard.shell.store.tables import decisions, marks, observations, trades
from tiltyard.shell.store.trade_table import (
    every_trade,
    revision_before,
    superseded,
    trade_from,
)

News = Decision | Trade | Correction | Mark | Observation
MOST = 2000
"""Of each kind at a time, so that a look stays short however much came in."""


class Positions(NamedTuple):
    """The last fact of each kind; None is whatever there is."""

    trades: int | None = None
    marks: int | None = None
    observations: int | None = None
    decisions: int | None = None


class Look(NamedTuple):
    """What was found behind some positions.

    Attributes:
        facts: In time order.
        seen: How far they go.
        is_all: There is no more behind them.
        known_at: When the ledger learnt of each that may be judged; decisions are not.
    """

    facts: list[News]
    seen: Positions
    is_all: bool
    known_at: Sequence[datetime] = ()


def _behind(query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
    """The rows behind a position, so many at most; made once, since every step asks."""
    later = query.where(table.c.seq > sa.bindparam("seen"))
    return later.order_by(table.c.seq).limit(sa.bindparam("most"))


_TRADES = _behind(every_trade().add_columns(superseded(), trades.c.known_at), trades)
_MARKS = _behind(every_mark().add_columns(marks.c.known_at), marks)
_GAUGES = _behind(sa.select(observations), observations)
_DECISIONS = _behind(every_decision(), decisions)


def facts_after(connection: sa.Connection, seen: Positions) -> Look:
    """Facts behind these positions, so many of each kind at most.

    A trade that is corrected by another of them, or was before, is left out: its correction
    stands for it, and is told as a correction only when the trade lies before these positions.
    """
    found = connection.execute(_TRADES, {"seen": seen.trades or 0, "most": MOST})
    rows: list[Sequence[Any]] = list(found)
    current = sorted(_current(connection, rows), key=judged_order)
    new_marks, last_mark, marks_known = _others(connection, _MARKS, Mark, seen.marks or 0)
    gauges, last_gauge, gauges_known = _others(
        connection, _GAUGES, Observation, seen.observations or 0
    )
    decided, last_decision, _ = _others(connection, _DECISIONS, Decision, seen.decisions or 0)
    timed = [
        *((decision.decided_at, 0, decision) for decision in decided),
        *((trade.closed_at, 1, _told(connection, trade, seen)) for trade in current),
        *((mark.marked_at, 2, mark) for mark in new_marks),
        *((gauge.observed_at, 3, gauge) for gauge in gauges),
    ]
    timed.sort(key=lambda entry: entry[:2])
    return Look(
        [fact for _, _, fact in timed],
        Positions(rows[-1][-3] if rows else seen.trades or 0, last_mark, last_gauge, last_decision),
        is_all=max(len(rows), len(new_marks), len(gauges), len(decided)) < MOST,
        known_at=[*(from_microseconds(row[-1]) for row in rows), *marks_known, *gauges_known],
    )


_NEWEST = sa.select(
    *(
        sa.select(sa.func.max(table.c.seq)).scalar_subquery()
        for table in (trades, marks, observations, decisions)
    ),
    sa.exists(sa.select(waiting_commands.c.command_seq)),
    sa.exists(sa.select(external_edits.c.seq).where(~external_edits.c.audited)),
)


def is_anything_new(connection: sa.Connection, seen: Positions) -> bool:
    """Whether there is a fact behind these positions, a command that waits, or an edit by SQL.

    Much less work than a step, after which a desk is woken by its own commit.
    """
    *newest, is_asked, is_edited = connection.execute(_NEWEST).one()
    return (
        is_asked
        or is_edited
        or any((there or 0) > (known or 0) for there, known in zip(newest, seen, strict=True))
    )


def _current(connection: sa.Connection, rows: Sequence[Sequence[Any]]) -> Iterator[Trade]:
    """The trades that no later revision stands for, as the ledger stood after these rows."""
    last = rows[-1][-3] if rows else 0
    for row in rows:
        trade, is_superseded = trade_from(row[:-2]), row[-2]
        if is_superseded:
            newest = revision_before(connection, trade, last)
            is_superseded = newest is not None and newest.revision > trade.revision
        if not is_superseded:
            yield trade


def _told(connection: sa.Connection, trade: Trade, seen: Positions) -> Trade | Correction:
    if trade.revision == 1:
        return trade
    before = revision_before(connection, trade, seen.trades or 0)
    return trade if before is None else Correction(before, trade)


def _others(
    connection: sa.Connection,
    query: sa.Select[Any],
    kind: Any,  # noqa: ANN401 one of the facts
    seen: int,
) -> tuple[list[Any], int, Sequence[datetime]]:
    rows = connection.execute(query, {"seen": seen, "most": MOST}).mappings().all()
    facts = [kind(**{name: row[name] for name in kind._fields}) for row in rows]
    known_at = [row["known_at"] for row in rows if "known_at" in row]
    return facts, facts[-1].seq if facts else seen, known_at
