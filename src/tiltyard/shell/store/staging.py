"""How a file's trades get into the ledger: all of them in one short transaction.

Trades are first staged in a temporary table of this connection, on disk, so memory stays
flat and nobody else sees them. Then the whole file is checked by set: duplicates inside
it, conflicts with what the ledger holds, a policy in two accounts. Only then one
``INSERT … SELECT`` appends what is new or corrected, in judged order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.content import content_hash
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import microseconds
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.store.anchors import append_anchor
from tiltyard.shell.store.staged_faults import staged_faults
from tiltyard.shell.store.tables import (
    TRADE_FIELDS,
    policies,
    quarantined_trades,
    staged_trades,
    trades,
)

FUTURE = timedelta(seconds=60)
SHOWN = 20
_NAMES = tuple(column.name for column in TRADE_FIELDS)
_S = staged_trades.c


@dataclass(frozen=True, slots=True)
class Counts:
    """What an ingest did.

    Attributes:
        new: Trades the ledger had never seen.
        corrected: New revisions of trades it had.
        unchanged: Trades it had already.
        quarantined: Trades with a time in the future, kept apart.
    """

    new: int
    corrected: int
    unchanged: int
    quarantined: int


class Staging:
    """One ingest; made by :meth:`tiltyard.shell.store.ledger.Ledger.staging`.

    Staging takes no write lock of the database: only :meth:`commit` does.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection.execution_options(reading=True)
        with connection.begin():
            staged_trades.drop(connection, checkfirst=True)
            staged_trades.create(connection)
        self._faultless = False

    def add(self, rows: Sequence[tuple[int, Trade, bool]]) -> None:
        """Stage trades.

        Args:
            rows: Row number in the file, the trade, and whether its revision is explicit.
        """
        if not rows:
            return
        self._faultless = False
        with self._connection.begin():
            self._connection.execute(staged_trades.insert(), [_row(*row) for row in rows])

    def policies(self) -> list[str]:
        """Names of the policies in the file, in order of their first close."""
        query = sa.select(_S.policy).group_by(_S.policy).order_by(sa.func.min(_S.closed_at))
        with self._connection.begin():
            return list(self._connection.scalars(query))

    def faults(self, *, limit: int = 100_000) -> dict[int, list[Fault]]:
        """What is wrong with the file as a whole, by row; the first ``limit`` rows of it."""
        with self._connection.begin():
            rows = staged_faults(self._connection, limit)
        self._faultless = not rows
        return rows

    def discard(self, rows: Sequence[int]) -> None:
        """Take rows out of the stage."""
        with self._connection.begin():
            for start in range(0, len(rows), 500):
                batch = rows[start : start + 500]
                self._connection.execute(staged_trades.delete().where(_S.row_number.in_(batch)))
        self._faultless = False

    def commit(
        self, *, now: datetime, known_at: datetime, actor: str = "ingest", source: str = ""
    ) -> Counts:
        """Append what is new, and anchor it; every policy must be registered.

        Args:
            now: A trade more than 60 s after it is quarantined.
            known_at: When the ledger learnt of these trades.
            actor: Who appends them, for the audit.
            source: Where they come from, for the audit.

        Raises:
            TiltyardError: ``POLICY_UNKNOWN``, or ``TRADES_FAULTY`` when the stage has faults.
        """
        horizon = microseconds(now + FUTURE)
        self._connection.execution_options(reading=False)
        with self._connection.begin():
            total = self._scalar(sa.select(sa.func.count()).select_from(staged_trades))
            self._refuse()
            quarantined = self._quarantine(horizon, known_at)
            self._drop_unchanged()
            staged = sa.select(sa.func.count()).select_from(staged_trades)
            corrected = self._scalar(staged.where(_has_earlier()))
            left = self._scalar(sa.select(sa.func.count()).select_from(staged_trades))
            self._append(known_at)
            self._claim_scopes()
            self._connection.execute(staged_trades.delete())
            if left or quarantined[0]:
                said = {"actor": actor, "source": source, "new": left - corrected,
                        "corrected": corrected, "quarantined": quarantined[0]}  # fmt: skip
                append_anchor(self._connection, said, at=now)
        unchanged = total - quarantined[1] - left
        return Counts(left - corrected, corrected, unchanged, quarantined[0])

    def _refuse(self) -> None:
        absent = sa.select(_S.policy).where(_S.policy.not_in(sa.select(policies.c.name)))
        name = self._connection.scalar(absent.limit(1))
        if name is not None:
            raise TiltyardError("POLICY_UNKNOWN", name, "not registered")
        rows = {} if self._faultless else staged_faults(self._connection, SHOWN)
        if rows:
            faults = [fault for found in rows.values() for fault in found]
            raise Faults("TRADES_FAULTY", "trades", faults)

    def _quarantine(self, horizon: int, known_at: datetime) -> tuple[int, int]:
        future = sa.or_(_S.closed_at > horizon, _S.opened_at > horizon)
        known = sa.exists().where(
            quarantined_trades.c.source == _S.source,
            quarantined_trades.c.trade_id == _S.trade_id,
            quarantined_trades.c.content == _S.content,
        )
        columns = ["source", "trade_id", "policy", "closed_at", "pnl", "content"]
        rows = sa.select(
            *(_S[name] for name in columns),
            sa.literal("more than 60 s in the future"),
            sa.literal(microseconds(known_at)),
        ).where(future, ~known)
        added = self._connection.execute(
            quarantined_trades.insert().from_select([*columns, "reason", "known_at"], rows)
        ).rowcount
        removed = self._connection.execute(staged_trades.delete().where(future)).rowcount
        return added, removed

    def _drop_unchanged(self) -> None:
        other = trades.alias("other")
        newest = (
            sa.select(sa.func.max(other.c.revision))
            .where(other.c.source == _S.source, other.c.trade_id == _S.trade_id)
            .scalar_subquery()
        )
        same = sa.exists().where(
            trades.c.source == _S.source,
            trades.c.trade_id == _S.trade_id,
            trades.c.content == _S.content,
            trades.c.revision == sa.func.coalesce(_S.revision, newest),
        )
        self._connection.execute(staged_trades.delete().where(same))

    def _append(self, known_at: datetime) -> None:
        newest = (
            sa.select(sa.func.max(trades.c.revision))
            .where(trades.c.source == _S.source, trades.c.trade_id == _S.trade_id)
            .scalar_subquery()
        )
        rows = (
            sa.select(
                _S.source,
                _S.trade_id,
                sa.func.coalesce(_S.revision, sa.func.coalesce(newest, 0) + 1),
                policies.c.id,
                *(_S[name] for name in _NAMES),
                _S.content,
                sa.literal(microseconds(known_at)),
            )
            .join(policies, policies.c.name == _S.policy)
            .order_by(_S.closed_at, _S.source, _S.trade_id, _S.revision)
        )
        columns = ["source", "trade_id", "revision", "policy_id", *_NAMES, "content", "known_at"]
        self._connection.execute(trades.insert().from_select(columns, rows))

    def _claim_scopes(self) -> None:
        for name in ("account", "currency"):
            own = (
                sa.select(sa.func.min(_S[name]))
                .where(_S.policy == policies.c.name)
                .scalar_subquery()
            )
            self._connection.execute(
                policies.update()
                .where(policies.c[name].is_(None))
                .where(policies.c.name.in_(sa.select(_S.policy)))
                .values({name: own})
            )

    def _scalar(self, query: sa.Select[Any]) -> int:
        return int(self._connection.execute(query).scalar_one())


def _has_earlier() -> sa.ColumnElement[bool]:
    return sa.exists().where(trades.c.source == _S.source, trades.c.trade_id == _S.trade_id)


def _row(number: int, trade: Trade, explicit: bool) -> dict[str, object]:  # noqa: FBT001 a column
    row: dict[str, object] = trade._asdict()
    del row["seq"]
    row["opened_at"] = microseconds(trade.opened_at)
    row["closed_at"] = microseconds(trade.closed_at)
    row["revision"] = None
    content = content_hash(tuple(row.values()))
    row["revision"] = trade.revision if explicit else None
    row["row_number"] = number
    row["content"] = content
    return row
