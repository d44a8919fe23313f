"""What can be wrong with a file as a whole, found by set over its staged trades.

A trade that stands twice in it; a revision that the ledger holds with other content; a
trade that is another policy's, or another trade under its name; a policy whose trades are in
two accounts or currencies. And trades that the ledger has from another source, which is what a
renamed file looks like.
"""

from typing import Any, Literal

import sqlalchemy as sa

from tiltyard.kernel.clock import from_microseconds, time_text
from tiltyard.kernel.errors import Fault
from tiltyard.shell.store.tables import policies, staged_trades, trades
from tiltyard.shell.store.trade_table import superseded

_S = staged_trades.c
_Found = list[tuple[int, Fault]]


def staged_faults(
    connection: sa.Connection, limit: int, *, named_after_file: bool
) -> dict[int, list[Fault]]:
    """Faults by row, at most ``limit`` of each sort; call it inside a transaction.

    Args:
        connection: Of the stage.
        limit: So many rows of each sort.
        named_after_file: Nobody has said which source it is.
    """
    found = [
        *_duplicates(connection, limit),
        *_conflicts(connection, limit),
        *_owners(connection, limit),
        *(_others(connection, limit) if named_after_file else ()),
        *_scopes(connection, limit),
    ]
    rows: dict[int, list[Fault]] = {}
    for row, fault in sorted(found, key=lambda one: (one[0], one[1].place, one[1].message)):
        rows.setdefault(row, []).append(fault)
    return rows


def told_elsewhere(connection: sa.Connection) -> dict[str, int]:
    """How many staged trades the ledger has from other sources, by source.

    The same trade is one of the same policy with the same identifier, symbol, book, times and
    result. Trades it has from the same source are passed over.
    """
    own = trades.alias("own")
    known = sa.exists().where(own.c.source == _S.source, own.c.trade_id == _S.trade_id)
    same = sa.and_(
        trades.c.policy_id == policies.c.id,
        trades.c.closed_at == _S.closed_at,
        trades.c.source != _S.source,
        trades.c.trade_id == _S.trade_id,
        trades.c.opened_at == _S.opened_at,
        trades.c.pnl == _S.pnl,
        trades.c.symbol == _S.symbol,
        trades.c.book == _S.book,
    )
    # one look-up for each staged trade
    other = sa.select(trades.c.source).where(same).order_by(trades.c.source).limit(1)
    found = (
        sa.select(other.correlate(staged_trades, policies).scalar_subquery().label("source"))
        .select_from(staged_trades)
        .join(policies, policies.c.name == _S.policy)
        .where(~known)
        .subquery()
    )
    query = sa.select(found.c.source, sa.func.count().label("rows")).group_by(found.c.source)
    query = query.where(found.c.source.is_not(None)).order_by(found.c.source)
    rows = connection.execute(query)
    return {row.source: row.rows for row in rows}


def _duplicates(connection: sa.Connection, limit: int) -> _Found:
    return [
        _fault(row, "trade_id", f"{name!r} stands in row {first} already")
        for row, name, first in connection.execute(_DUPLICATES, {"most": limit})
    ]


def _conflicts(connection: sa.Connection, limit: int) -> _Found:
    return [
        _fault(
            row,
            "revision",
            f"the ledger holds revision {revision} of {name!r} with other content",
        )
        for row, name, revision in connection.execute(_CONFLICTS, {"most": limit})
    ]


def _owners(connection: sa.Connection, limit: int) -> _Found:
    """An episode never changes owner."""
    return [
        _fault(
            row, "policy", f"expected {owner!r}, whose trade {name!r} is in the ledger", "policy"
        )
        for row, name, owner in connection.execute(_OWNERS, {"most": limit})
    ]


def _others(connection: sa.Connection, limit: int) -> _Found:
    """What a trade is never changes: market, side and opening. Its result may be corrected."""
    found: _Found = []
    for row, source, name, symbol, side, opened in connection.execute(_OTHERS, {"most": limit}):
        text = (
            f"the ledger has {name!r} of {source!r} as {side} {symbol}, opened "
            f"{time_text(from_microseconds(opened))}; another bot's file needs a source of its "
            "own: --source NAME"
        )
        found.append(_fault(row, "trade_id", text, "trade"))
    return found


def _scopes(connection: sa.Connection, limit: int) -> _Found:
    expected = {
        name: (account, currency) for name, account, currency in connection.execute(_CLAIMED)
    }
    found: _Found = []
    for policy, account, currency in connection.execute(_GROUPS).all():
        right = expected.setdefault(policy, (account, currency))
        if right == (account, currency):
            continue
        wrong = sa.select(_S.row_number).where(
            _S.policy == policy, _S.account == account, _S.currency == currency
        )
        text = (
            f"expected account {right[0]!r} and currency {right[1]!r}, as in the other trades "
            f"of {policy}; nothing is summed over accounts or currencies"
        )
        rows = connection.scalars(wrong.order_by(_S.row_number).limit(limit))
        column = "account" if right[0] != account else "currency"
        found += [_fault(row, column, text) for row in rows]
    return found


def _fault(
    row: int, column: str, text: str, clash: Literal["", "policy", "trade"] = ""
) -> tuple[int, Fault]:
    return row, Fault(f"row {row}, column {column}", text, clash=clash)


def _duplicates_by_row() -> sa.Select[Any]:
    """Trades that stand in the stage before, whose revisions do not tell them apart."""
    trade, said = (_S.source, _S.trade_id), sa.func.count(_S.revision)
    several = sa.select(*trade, sa.func.count().label("rows"), said.label("said"))
    crowd = several.group_by(*trade).having(sa.func.count() > 1).subquery()
    slot = sa.case((crowd.c.said == crowd.c.rows, _S.revision), else_=0)
    first = sa.func.min(_S.row_number).over(partition_by=(*trade, slot)).label("first")
    same = sa.and_(crowd.c.source == _S.source, crowd.c.trade_id == _S.trade_id)
    seen = sa.select(_S.row_number, _S.trade_id, first).join(crowd, same).subquery()
    query = sa.select(seen).where(seen.c.row_number != seen.c.first)
    return query.order_by(seen.c.row_number).limit(_MOST)


def _other_trades() -> sa.Select[Any]:
    """Trades that the ledger has as others under their name."""
    told = (trades.c.symbol, trades.c.side, trades.c.opened_at)
    known = sa.and_(trades.c.source == _S.source, trades.c.trade_id == _S.trade_id, ~superseded())
    differs = sa.or_(*(column != _S[column.name] for column in told))
    return (
        sa.select(_S.row_number, _S.source, _S.trade_id, *told)
        .select_from(staged_trades)
        .join(trades, known)
        .join(policies, policies.c.id == trades.c.policy_id)
        .where(policies.c.name == _S.policy, _S.revision.is_(None), differs)
        .order_by(_S.row_number)
        .limit(_MOST)
    )


_MOST: sa.BindParameter[int] = sa.bindparam("most")
_SCOPE = (_S.policy, _S.account, _S.currency)
_SAME_NAME = sa.and_(trades.c.source == _S.source, trades.c.trade_id == _S.trade_id)
# made once: whoever stages a single trade would make them again for each
_DUPLICATES = _duplicates_by_row()
_CONFLICTS = (
    sa.select(_S.row_number, _S.trade_id, _S.revision)
    .join(trades, sa.and_(_SAME_NAME, trades.c.revision == _S.revision))
    .where(trades.c.content != _S.content)
    .order_by(_S.row_number)
    .limit(_MOST)
)
_OWNERS = (
    sa.select(_S.row_number, _S.trade_id, policies.c.name)
    .join(trades, _SAME_NAME)
    .join(policies, policies.c.id == trades.c.policy_id)
    .where(policies.c.name != _S.policy)
    .distinct()
    .order_by(_S.row_number)
    .limit(_MOST)
)
_OTHERS = _other_trades()
_GROUPS = sa.select(*_SCOPE).group_by(*_SCOPE).order_by(sa.func.min(_S.row_number))
_CLAIMED = sa.select(policies.c.name, policies.c.account, policies.c.currency).where(
    policies.c.account.is_not(None)
)
