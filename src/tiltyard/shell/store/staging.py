"""How a file's trades get into the ledger: all of them in one short transaction.

Trades are first staged in a temporary table of this connection, on disk, so memory stays
flat and nobody else sees them. Then the whole file is checked by set: duplicates inside
it, conflicts with what the ledger holds, a policy in two accounts. Only then one
``INSERT … SELECT`` appends what is new or corrected, in judged order, in a transaction in
which policies may also be registered and admitted.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from tiltyard.facts.content import content_hash
from tiltyard.facts.trade import Trade
from tiltyard.kernel.clock import FUTURE, from_microseconds, microseconds, time_text
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.kernel.money import money_text
from tiltyard.shell.store.anchors import append_anchor
from tiltyard.shell.store.staged_faults import staged_faults, told_elsewhere
from tiltyard.shell.store.tables import (
    TRADE_FIELDS,
    policies,
    quarantined_trades,
    staged_trades,
    trades,
)
from tiltyard.shell.store.trade_table import superseded

SHOWN = 20
IN_A_STATEMENT = 500
CHUNK = 5000
Fate = Literal["new", "corrected", "quarantined"]
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

    Staging takes no write lock of the database: only :meth:`transaction` does.

    Args:
        connection: Of its own.
        named_after_file: Nobody has said which source it is, so another bot's file may have
            the same: then no trade changes what it is, unless it states its revision.
    """

    def __init__(self, connection: sa.Connection, *, named_after_file: bool = False) -> None:
        self._connection = connection.execution_options(staging=True)
        self._named_after_file = named_after_file
        with self._aside():
            staged_trades.drop(connection, checkfirst=True)
            staged_trades.create(connection)
        self._faultless_at: int | None = None

    def add(self, rows: Sequence[tuple[int, Trade, bool]]) -> None:
        """Stage trades.

        Args:
            rows: Row number in the file, the trade, and whether its revision is explicit.
        """
        if not rows:
            return
        self._faultless_at = None
        with self._aside():
            self._connection.execute(staged_trades.insert(), [_row(*row) for row in rows])

    def policies(self, *, by: datetime | None = None) -> list[str]:
        """Names of the policies in the file, in order of their first close.

        Args:
            by: Only those with a trade that is not quarantined at this time.
        """
        query = sa.select(_S.policy).group_by(_S.policy)
        query = query.order_by(sa.func.min(_S.closed_at), _S.policy)
        if by is not None:
            query = query.where(~_IS_FUTURE)
        with self._aside():
            return list(self._connection.scalars(query, _horizon(by) if by else {}))

    def faults(self, *, limit: int = 100_000) -> dict[int, list[Fault]]:
        """What is wrong with the file as a whole, by row; the first ``limit`` rows of it."""
        with self._aside():
            rows = self._faults(limit)
            self._faultless_at = None if rows else self._newest()
        return rows

    def shown(self, rows: Sequence[int]) -> dict[int, Mapping[str, object]]:
        """What people need to find some rows again: source, trade, policy, close and result."""
        found: dict[int, Mapping[str, object]] = {}
        columns = (_S.source, _S.trade_id, _S.policy, _S.closed_at, _S.pnl)
        with self._aside():
            for batch in _batched(rows):
                query = sa.select(_S.row_number, *columns).where(_S.row_number.in_(batch))
                for number, source, trade_id, policy, closed, pnl in self._connection.execute(
                    query
                ):
                    found[number] = {
                        "source": source,
                        "trade_id": trade_id,
                        "policy": policy,
                        "closed_at": time_text(from_microseconds(closed)),
                        "pnl": money_text(pnl),
                    }
        return found

    def discard(self, rows: Sequence[int]) -> None:
        """Take rows out of the stage."""
        with self._aside():
            for batch in _batched(rows):
                self._connection.execute(staged_trades.delete().where(_S.row_number.in_(batch)))
        self._faultless_at = None

    def told_already(self) -> tuple[int, str]:
        """How many trades the ledger has from another source, and the one it has most from.

        It belongs inside :meth:`transaction`, so that nobody tells them meanwhile.
        """
        found = told_elsewhere(self._connection)
        return sum(found.values()), max(found, key=found.__getitem__, default="")

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One transaction that holds the write lock; :meth:`append` belongs in it."""
        self._connection.execution_options(reading=False)
        with self._connection.begin():
            yield self._connection

    def commit(
        self, *, now: datetime, known_at: datetime, actor: str = "ingest", source: str = ""
    ) -> Counts:
        """Append in a transaction of its own."""
        with self.transaction():
            return self.append(now=now, known_at=known_at, actor=actor, source=source)

    def append(
        self,
        *,
        now: datetime,
        known_at: datetime,
        actor: str = "ingest",
        source: str = "",
        fates: dict[int, Fate] | None = None,
    ) -> Counts:
        """Append what is new, and anchor it; every policy must be registered.

        It belongs inside :meth:`transaction`.

        Args:
            now: A trade more than 60 s after it is quarantined.
            known_at: When the ledger learnt of these trades.
            actor: Who appends them, for the audit.
            source: Where they come from, for the audit.
            fates: Told what became of each row that is not as it was; for few rows.

        Raises:
            TiltyardError: ``POLICY_UNKNOWN``, or ``TRADES_FAULTY`` when the stage has faults.
        """
        total = self._count(_COUNT)
        self._refuse_faults()
        if fates is not None:
            rows = self._connection.scalars(_FUTURE_ROWS, _horizon(now))
            fates |= dict.fromkeys(rows, "quarantined")
        quarantined, apart = self._quarantine(now, known_at)
        self._refuse_strangers()
        self._keep_capital()
        self._connection.execute(_DROP_UNCHANGED)
        appended = self._count(_COUNT)
        corrected = self._count(_COUNT_CORRECTIONS)
        if fates is not None:
            fates |= dict.fromkeys(self._connection.scalars(_ROWS), "new")
            fates |= dict.fromkeys(self._connection.scalars(_CORRECTIONS), "corrected")
        self._connection.execute(_APPEND, {"known_at": microseconds(known_at)})
        self._claim_scopes()
        self._connection.execute(_EMPTY)
        counts = Counts(appended - corrected, corrected, total - apart - appended, quarantined)
        if appended or quarantined:
            said = {"actor": actor, "source": source, "new": counts.new,
                    "corrected": corrected, "quarantined": quarantined}  # fmt: skip
            append_anchor(self._connection, said, at=now)
        return counts

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """A transaction that only reads the ledger and writes the stage, if there is none yet.

        Few trades may be staged and checked in the one that appends them.
        """
        if self._connection.in_transaction():
            yield
            return
        self._connection.execution_options(reading=True)
        with self._connection.begin():
            yield

    def _refuse_strangers(self) -> None:
        name = self._connection.scalar(_STRANGERS)
        if name is not None:
            raise TiltyardError("POLICY_UNKNOWN", name, "not registered")

    def _refuse_faults(self) -> None:
        if self._faultless_at is not None and self._faultless_at == self._newest():
            return  # nobody has written a trade since they were looked for
        rows = self._faults(SHOWN)
        if rows:
            faults = [fault for found in rows.values() for fault in found]
            raise Faults("TRADES_FAULTY", "trades", faults)

    def _faults(self, limit: int) -> dict[int, list[Fault]]:
        named_after_file = self._named_after_file
        return staged_faults(self._connection, limit, named_after_file=named_after_file)

    def _quarantine(self, now: datetime, known_at: datetime) -> tuple[int, int]:
        added = self._connection.execute(
            _QUARANTINE, {**_horizon(now), "known_at": microseconds(known_at)},
            execution_options={"preserve_rowcount": True},
        ).rowcount  # fmt: skip
        removed = self._connection.execute(_DROP_FUTURE, _horizon(now)).rowcount
        return added, removed

    def _keep_capital(self) -> None:
        """A report that names no capital does not take away what an earlier one said."""
        kept: list[dict[str, object]] = []
        for row in self._connection.execute(_LACKS_CAPITAL).mappings():
            said = {name: row[name] for name in Trade._fields[:-1]}
            said |= {"capital": row["known"], "revision": None}
            content = content_hash(tuple(said.values()))
            kept.append({"row": row["row_number"], "known": row["known"], "told": content})
        if kept:
            change = staged_trades.update().where(_S.row_number == sa.bindparam("row"))
            self._connection.execute(sa.text(
                "CREATE INDEX IF NOT EXISTS staged_by_row ON staged_trades (row_number)"
            ))  # fmt: skip
            values = change.values(capital=sa.bindparam("known"), content=sa.bindparam("told"))
            self._connection.execute(values, kept)

    def _claim_scopes(self) -> None:
        """Policies that had neither are those of the account and currency of their first trades."""
        for policy, *scope in self._connection.execute(_UNCLAIMED).all():
            for column, own in zip((policies.c.account, policies.c.currency), scope, strict=True):
                unclaimed = policies.update().where(policies.c.name == policy, column.is_(None))
                self._connection.execute(unclaimed.values({column.name: own}))

    def _newest(self) -> int:
        return int(self._connection.execute(_NEWEST).scalar_one())

    def _count(self, query: sa.Select[int]) -> int:
        return int(self._connection.execute(query).scalar_one())


def _horizon(now: datetime) -> Mapping[str, int]:
    return {"horizon": microseconds(now + FUTURE)}


def _batched(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    """The same rows, few enough for one statement at a time."""
    return (rows[start : start + IN_A_STATEMENT] for start in range(0, len(rows), IN_A_STATEMENT))


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


def _newest_revision() -> sa.ScalarSelect[int]:
    """Of a staged trade, the highest revision that the ledger holds; NULL for none."""
    held = trades.alias("held")
    return (
        sa.select(sa.func.max(held.c.revision))
        .where(held.c.source == _S.source, held.c.trade_id == _S.trade_id)
        .correlate(staged_trades)
        .scalar_subquery()
    )


def _quarantine() -> sa.Insert:
    """Keep apart what lies in the future, once however often it is told."""
    known = sa.exists().where(
        quarantined_trades.c.source == _S.source,
        quarantined_trades.c.trade_id == _S.trade_id,
        quarantined_trades.c.content == _S.content,
    )
    columns = ["source", "trade_id", "policy", "closed_at", "pnl", "content"]
    rows = sa.select(
        *(_S[name] for name in columns),
        sa.literal("more than 60 s in the future"),
        sa.bindparam("known_at", type_=sa.BigInteger),
    ).where(_IS_FUTURE, ~known)
    return quarantined_trades.insert().from_select([*columns, "reason", "known_at"], rows)


def _append() -> sa.Insert:
    """Append what is staged, in judged order."""
    rows = (
        sa.select(
            _S.source,
            _S.trade_id,
            sa.func.coalesce(_S.revision, sa.func.coalesce(_newest_revision(), 0) + 1),
            policies.c.id,
            *(_S[name] for name in _NAMES),
            _S.content,
            sa.bindparam("known_at", type_=sa.BigInteger),
        )
        .join(policies, policies.c.name == _S.policy)
        .order_by(_S.closed_at, _S.source, sa.func.length(_S.trade_id), _S.trade_id, _S.revision)
    )
    columns = ["source", "trade_id", "revision", "policy_id", *_NAMES, "content", "known_at"]
    return trades.insert().from_select(columns, rows)


_SAME = sa.and_(trades.c.source == _S.source, trades.c.trade_id == _S.trade_id)
_IS_FUTURE = sa.or_(_S.closed_at > sa.bindparam("horizon"), _S.opened_at > sa.bindparam("horizon"))
_HAS_EARLIER = sa.exists().where(_SAME)
# made once: whoever stages a single trade would make them again for each
_NEWEST = sa.select(sa.func.coalesce(sa.func.max(trades.c.seq), 0))
_COUNT = sa.select(sa.func.count()).select_from(staged_trades)
_COUNT_CORRECTIONS = _COUNT.where(_HAS_EARLIER)
_ROWS = sa.select(_S.row_number)
_FUTURE_ROWS, _CORRECTIONS = _ROWS.where(_IS_FUTURE), _ROWS.where(_HAS_EARLIER)
_STRANGERS = sa.select(_S.policy).where(_S.policy.not_in(sa.select(policies.c.name))).limit(1)
_QUARANTINE = _quarantine()
_DROP_FUTURE = staged_trades.delete().where(_IS_FUTURE)
_DROP_UNCHANGED = staged_trades.delete().where(
    sa.exists().where(
        _SAME,
        trades.c.content == _S.content,
        trades.c.revision == sa.func.coalesce(_S.revision, _newest_revision()),
    )
)
_LACKS_CAPITAL = (
    sa.select(staged_trades, trades.c.capital.label("known"))
    .join(trades, _SAME)
    .where(_S.capital.is_(None), trades.c.capital.is_not(None), ~superseded())
    .execution_options(yield_per=CHUNK)
)
_UNCLAIMED = (
    sa.select(_S.policy, sa.func.min(_S.account), sa.func.min(_S.currency))
    .join(policies, policies.c.name == _S.policy)
    .where(sa.or_(policies.c.account.is_(None), policies.c.currency.is_(None)))
    .group_by(_S.policy)
)
_APPEND = _append()
_EMPTY = staged_trades.delete()
