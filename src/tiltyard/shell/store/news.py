"""What the ledger has learnt since somebody last looked."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from tiltyard.facts.correction import Correction
from tiltyard.facts.mark import Mark
from tiltyard.facts.observation import Observation
from tiltyard.facts.trade import Trade, judged_order
from tiltyard.shell.store.tables import marks, observations, policies, trades
from tiltyard.shell.store.trade_table import (
    every_trade,
    revision_before,
    superseded,
    trade_from,
)

News = Trade | Correction | Mark | Observation
MOST = 2000
"""Of each kind at a time, so that a look stays short however much came in."""


class Positions(NamedTuple):
    """The last fact of each kind; None is whatever there is."""

    trades: int | None = None
    marks: int | None = None
    observations: int | None = None


def facts_after(connection: sa.Connection, seen: Positions) -> tuple[list[News], Positions]:
    """Facts behind these positions, in time order, and how far they go.

    A trade that has been corrected already is left out: its correction stands for it, and is
    told as a correction only when the trade lies before these positions.
    """
    new_trades, last_trade = _trades(connection, seen.trades or 0)
    named = sa.select(marks, policies.c.name.label("policy"))
    joined = named.join(policies, policies.c.id == marks.c.policy_id)
    new_marks, last_mark = _others(connection, joined, marks, Mark, seen.marks or 0)
    gauges, last_gauge = _others(
        connection, sa.select(observations), observations, Observation, seen.observations or 0
    )
    timed = [
        *((trade.closed_at, 0, _told(connection, trade, seen)) for trade in new_trades),
        *((mark.marked_at, 1, mark) for mark in new_marks),
        *((gauge.observed_at, 2, gauge) for gauge in gauges),
    ]
    timed.sort(key=lambda entry: entry[:2])
    return [fact for _, _, fact in timed], Positions(last_trade, last_mark, last_gauge)


def _trades(connection: sa.Connection, seen: int) -> tuple[list[Trade], int]:
    query = every_trade().add_columns(superseded()).where(trades.c.seq > seen)
    rows = connection.execute(query.order_by(trades.c.seq).limit(MOST)).all()
    found = [trade_from(row[:-1]) for row in rows if not row[-1]]
    found.sort(key=judged_order)
    return found, rows[-1][-2] if rows else seen


def _told(connection: sa.Connection, trade: Trade, seen: Positions) -> Trade | Correction:
    if trade.revision == 1:
        return trade
    before = revision_before(connection, trade, seen.trades or 0)
    return trade if before is None else Correction(before, trade)


def _others(
    connection: sa.Connection,
    query: sa.Select[Any],
    table: sa.Table,
    kind: Any,  # noqa: ANN401 one of the facts
    seen: int,
) -> tuple[list[Any], int]:
    rows = (
        connection.execute(query.where(table.c.seq > seen).order_by(table.c.seq).limit(MOST))
        .mappings()
        .all()
    )
    facts = [kind(**{name: row[name] for name in kind._fields}) for row in rows]
    return facts, facts[-1].seq if facts else seen
