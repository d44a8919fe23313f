"""Trades in the database: rows as trades, and which of them are current."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import from_microseconds
from tiltyard.shell.store.tables import TRADE_FIELDS, policies, trades

JUDGED_ORDER = (trades.c.closed_at, trades.c.source, trades.c.trade_id)
_NAMES = tuple(column.name for column in TRADE_FIELDS)


def current_trades(up_to_seq: int | None) -> sa.Select[Any]:
    """The highest revision of each trade, as the ledger stands or stood."""
    newer = trades.alias("newer")
    later = sa.exists().where(
        newer.c.source == trades.c.source,
        newer.c.trade_id == trades.c.trade_id,
        newer.c.revision > trades.c.revision,
    )
    if up_to_seq is None:
        return every_trade().where(~later)
    return every_trade().where(trades.c.seq <= up_to_seq, ~later.where(newer.c.seq <= up_to_seq))


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
