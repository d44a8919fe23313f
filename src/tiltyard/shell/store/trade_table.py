"""Trades in the database: rows as trades, which of them are current, and what they add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import from_microseconds
from tiltyard.kernel.money import Money
from tiltyard.shell.store.fact_tables import every_mark
from tiltyard.shell.store.tables import (
    TRADE_FIELDS,
    marks,
    policies,
    quarantined_trades,
    trades,
)

JUDGED_ORDER = (
    trades.c.closed_at,
    trades.c.source,
    sa.func.length(trades.c.trade_id),
    trades.c.trade_id,
)
_NAMES = tuple(column.name for column in TRADE_FIELDS)
_NOTHING = Money(0)
_HALF = 10**9  # sums of amounts may pass 64 bits; sums of their halves do not

_earlier = trades.alias()
_NEW = (
    sa.select(policies.c.name, trades.c.book, sa.func.count(), sa.func.max(trades.c.seq))
    .join(policies, policies.c.id == trades.c.policy_id)
    .where(
        trades.c.seq > sa.bindparam("after"),
        ~sa.exists().where(
            _earlier.c.source == trades.c.source,
            _earlier.c.trade_id == trades.c.trade_id,
            _earlier.c.seq < trades.c.seq,
        ),
    )
    .group_by(policies.c.name, trades.c.book)
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Lifetime counts of an arm's live trades: how many, how many won, and their sum."""

    trades: int = 0
    wins: int = 0
    pnl: Money = _NOTHING

    def plus(self, pnl: int) -> "Totals":
        """With one more trade."""
        return Totals(self.trades + 1, self.wins + (pnl > 0), Money(self.pnl + pnl))

    def minus(self, pnl: int) -> "Totals":
        """Without one that was counted."""
        return Totals(self.trades - 1, self.wins - (pnl > 0), Money(self.pnl - pnl))


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A trade that was kept apart, and why."""

    source: str
    trade_id: str
    policy: str
    closed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class StoredTrade:
    """A trade, the hash of its content as stored, and when the ledger learnt of it."""

    trade: Trade
    content: str
    known_at: int


def current_trades(up_to_seq: int | None) -> sa.Select[Any]:
    """The highest revision of each trade, as the ledger stands or stood."""
    query = every_trade().where(~superseded(up_to_seq))
    return query if up_to_seq is None else query.where(trades.c.seq <= up_to_seq)


def superseded(up_to_seq: int | None = None) -> sa.ColumnElement[bool]:
    """Whether a row of ``trades`` has a later revision, as the ledger stands or stood."""
    newer = trades.alias("newer")
    later = sa.exists().where(
        newer.c.source == trades.c.source,
        newer.c.trade_id == trades.c.trade_id,
        newer.c.revision > trades.c.revision,
    )
    return later if up_to_seq is None else later.where(newer.c.seq <= up_to_seq)


def revision_before(connection: sa.Connection, trade: Trade, seen: int) -> Trade | None:
    """What a trade was when the ledger stood at ``seen``; None when it was not there yet."""
    query = every_trade().where(
        trades.c.source == trade.source,
        trades.c.trade_id == trade.trade_id,
        trades.c.seq <= seen,
    )
    row = connection.execute(query.order_by(trades.c.revision.desc()).limit(1)).first()
    return None if row is None else trade_from(row)


def count_new(connection: sa.Connection, after: int) -> tuple[Mapping[tuple[str, str], int], int]:
    """How many trades of each policy and book were told first behind a position.

    Args:
        connection: A correction counts nothing.
        after: The position.

    Returns:
        The counts, and the last position of those that are counted.
    """
    rows = connection.execute(_NEW, {"after": after}).all()
    counts = {(policy, book): count for policy, book, count, _ in rows}
    return counts, max((last for *_, last in rows), default=after)


def every_trade() -> sa.Select[Any]:
    """Every revision of every trade."""
    return sa.select(
        trades.c.source, trades.c.trade_id, policies.c.name, trades.c.revision,
        *(trades.c[name] for name in _NAMES), trades.c.seq,
    ).join(policies, policies.c.id == trades.c.policy_id)  # fmt: skip


def trade_from(row: Sequence[Any]) -> Trade:
    """A row of either query as a trade."""
    source, trade_id, policy, revision, symbol, side, opened, closed, pnl, *rest = row
    return Trade(
        source, trade_id, policy, symbol, side,
        from_microseconds(opened), from_microseconds(closed), pnl, revision, *rest,
    )  # fmt: skip


def live_totals(connection: sa.Connection, policy: str, up_to_seq: int | None = None) -> Totals:
    """Lifetime counts of one policy's live trades, as the ledger stands or stood."""
    live = current_trades(up_to_seq).where(policies.c.name == policy, trades.c.book == "live")
    query = live.subquery()
    won = sa.func.coalesce(sa.func.sum(sa.case((query.c.pnl > 0, 1), else_=0)), 0)
    high = sa.func.coalesce(sa.func.sum(query.c.pnl // _HALF), 0)
    low = sa.func.coalesce(sa.func.sum(query.c.pnl % _HALF), 0)
    row = connection.execute(sa.select(sa.func.count(), won, high, low).select_from(query)).one()
    return Totals(row[0], int(row[1]), Money(int(row[2]) * _HALF + int(row[3])))


class CapitalSaid(NamedTuple):
    """What the facts of a policy say of its capital.

    Attributes:
        last: The last trade names one.
        always: No live trade and no mark lacks one.
    """

    last: bool
    always: bool


def capital_said(connection: sa.Connection, policy: str) -> CapitalSaid:
    """What the facts of a policy say of its capital."""
    every = current_trades(None).where(policies.c.name == policy)
    newest = every.order_by(*(column.desc() for column in JUDGED_ORDER)).limit(1)
    last = connection.execute(newest).mappings().first()
    bare = every.where(trades.c.book == "live", trades.c.capital.is_(None))
    unsized = every_mark().where(policies.c.name == policy, marks.c.capital.is_(None))
    always = connection.scalar(sa.select(~bare.exists() & ~unsized.exists()))
    return CapitalSaid(bool(last and last["capital"]), bool(always))


def spans_of(connection: sa.Connection) -> Mapping[str, tuple[datetime, datetime, int]]:
    """First open, last close and number of the current trades of each policy."""
    current = current_trades(None).subquery()
    first, last = sa.func.min(current.c.opened_at), sa.func.max(current.c.closed_at)
    query = sa.select(current.c.name, first, last, sa.func.count()).group_by(current.c.name)
    query = query.order_by(current.c.name)
    return {
        name: (from_microseconds(opened), from_microseconds(closed), count)
        for name, opened, closed, count in connection.execute(query)
    }


def quarantined(connection: sa.Connection) -> list[Quarantined]:
    """Trades kept apart that have not come in properly since."""
    q = quarantined_trades.c
    arrived = sa.exists().where(
        trades.c.source == q.source,
        trades.c.trade_id == q.trade_id,
        sa.or_(trades.c.known_at > q.known_at, trades.c.content == q.content),
    )
    query = sa.select(q.source, q.trade_id, q.policy, q.closed_at, q.reason).where(~arrived)
    return [
        Quarantined(source, name, policy, from_microseconds(at), reason)
        for source, name, policy, at, reason in connection.execute(query.order_by(q.id))
    ]
