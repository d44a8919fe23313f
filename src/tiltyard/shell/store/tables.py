"""The tables. Times are microseconds UTC, money is whole units of 1e-8.

``trades``, ``marks``, ``decisions``, ``observations`` and ``audit`` are only ever
appended to. ``policies``, ``bandit_arms``, ``reviews``, ``proposals``, ``holds`` and
``accounts`` are the projection of the audit; the metric columns of ``bandit_arms`` are a
projection of the trades, in the units that people write in SQL: ratios, percent and
account currency. The tables of the running desk are in
:mod:`tiltyard.shell.store.desk_tables`.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tiltyard.kernel.clock import from_microseconds, microseconds

metadata = sa.MetaData()


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002, D102
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ANN401, ARG002, D102
        return None if value is None else from_microseconds(value)


TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is compared by its bytes, as SQLite does, whatever language the server speaks."""

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _seq() -> sa.Column[int]:
    return sa.Column("seq", KEY, primary_key=True, autoincrement=True)


def _policy() -> sa.Column[int]:
    return sa.Column("policy_id", sa.ForeignKey("policies.id"), nullable=False)


policies = sa.Table(
    "policies",
    metadata,
    sa.Column("id", KEY, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("digest", sa.Text),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("capital", sa.BigInteger),
    sa.Column("account", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("start_share", sa.Float, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("trial_started_at", UtcTime),
    sa.Column("throttled_by", sa.Text, nullable=False, server_default=""),
    sa.Column("resumed_at", sa.Text, nullable=False, server_default="[]"),
    sa.Column("held_share", sa.Float, nullable=False, server_default="0"),
    sa.Column("deposed_at", UtcTime),
    sqlite_autoincrement=True,
)

bandit_arms = sa.Table(
    "bandit_arms",
    metadata,
    sa.Column("policy_id", sa.ForeignKey("policies.id"), primary_key=True),
    sa.Column("traffic_allocation", sa.Float, nullable=False),
    sa.Column("pf_30", sa.Float),
    sa.Column("pf_150", sa.Float),
    sa.Column("pf_prod", sa.Float),
    sa.Column("dd_150", sa.Float),
    sa.Column("total_trades", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("wins", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("total_pnl", sa.Float, nullable=False, server_default="0"),
    sa.Column("ceiling", sa.Float, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("scaled_at", UtcTime),
)

TRADE_FIELDS: tuple[sa.Column[Any], ...] = (
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.BigInteger, nullable=False),
    sa.Column("pnl", sa.BigInteger, nullable=False),
    sa.Column("book", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("capital", sa.BigInteger),
    sa.Column("risk", sa.BigInteger),
    sa.Column("notional", sa.BigInteger),
    sa.Column("fees", sa.BigInteger),
    sa.Column("funding", sa.BigInteger),
    sa.Column("quantity", sa.Text),
    sa.Column("entry_price", sa.Text),
    sa.Column("exit_price", sa.Text),
    sa.Column("policy_digest", sa.Text),
    sa.Column("episode_id", sa.Text),
)

trades = sa.Table(
    "trades",
    metadata,
    _seq(),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("trade_id", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    _policy(),
    *(column._copy() for column in TRADE_FIELDS),  # noqa: SLF001 how SQLAlchemy copies a column
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("known_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("source", "trade_id", "revision"),
    sa.Index("trades_by_policy", "policy_id", "closed_at", "source", "trade_id"),
    sqlite_autoincrement=True,
)

staged_trades = sa.Table(
    "staged_trades",
    sa.MetaData(),
    sa.Column("row_number", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("trade_id", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger),
    sa.Column("policy", sa.Text, nullable=False),
    *(column._copy() for column in TRADE_FIELDS),  # noqa: SLF001 as above
    sa.Column("content", sa.Text, nullable=False),
    prefixes=["TEMPORARY"],
)

quarantined_trades = sa.Table(
    "quarantined_trades",
    metadata,
    sa.Column("id", KEY, primary_key=True, autoincrement=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("trade_id", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("closed_at", sa.BigInteger, nullable=False),
    sa.Column("pnl", sa.BigInteger, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("known_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("source", "trade_id", "content"),
    sqlite_autoincrement=True,
)

quarantined_facts = sa.Table(
    "quarantined_facts",
    metadata,
    sa.Column("id", KEY, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("known_at", UtcTime, nullable=False),
    sa.UniqueConstraint("kind", "policy", "name", "at", "content"),
    sqlite_autoincrement=True,
)

marks = sa.Table(
    "marks",
    metadata,
    _seq(),
    _policy(),
    sa.Column("marked_at", UtcTime, nullable=False),
    sa.Column("unrealised", sa.BigInteger, nullable=False),
    sa.Column("open_positions", sa.BigInteger, nullable=False),
    sa.Column("capital", sa.BigInteger),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("exposure", sa.BigInteger),
    sa.Column("known_at", UtcTime, nullable=False),
    sa.UniqueConstraint("policy_id", "account", "marked_at"),
    sa.Index("marks_by_time", "policy_id", "marked_at"),
    sqlite_autoincrement=True,
)

decisions = sa.Table(
    "decisions",
    metadata,
    _seq(),
    _policy(),
    sa.Column("episode_id", sa.Text, nullable=False, unique=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("propensity", sa.Float, nullable=False),
    sa.Column("share_revision", sa.BigInteger, nullable=False),
    sa.Column("decided_at", UtcTime, nullable=False),
    sa.Column("volatility_tercile", sa.BigInteger),
    sa.Column("hour", sa.BigInteger, nullable=False),
    sa.Column("known_at", UtcTime, nullable=False),
    sa.Index("decisions_by_time", "policy_id", "decided_at"),
    sqlite_autoincrement=True,
)

observations = sa.Table(
    "observations",
    metadata,
    _seq(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("number", sa.Float, nullable=False),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.Column("observed_at", UtcTime, nullable=False),
    sa.Column("known_at", UtcTime, nullable=False),
    sa.UniqueConstraint("name", "policy", "observed_at"),
    sqlite_autoincrement=True,
)

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    _policy(),
    sa.Column("guard", sa.Text, nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("acknowledged_at", UtcTime),
    sa.Column("advisory", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("reviews_by_acknowledgement", "acknowledged_at", "number"),
    sa.Index("reviews_by_policy", "policy_id", "advisory", "number"),
)

proposals = sa.Table(
    "proposals",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    _policy(),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Index("proposals_by_closing", "closed_at", "number"),
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
)

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("guard", sa.Text, primary_key=True),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", KEY, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sqlite_autoincrement=True,
)


def tells_of(event: str) -> sa.ColumnElement[bool]:
    """That a row of the audit is an event of this name; its bodies are canonical, so text tells.

    The name is written out, not bound: else nobody would know the index of such rows again.
    """
    return audit.c.body.like(sa.literal(f'%"event":"{event}"%', literal_execute=True))


for _event in ("ingest", "replay"):
    _rows = tells_of(_event)
    sa.Index(f"audit_of_{_event}", audit.c.seq, sqlite_where=_rows, postgresql_where=_rows)

for _table in (*metadata.tables.values(), staged_trades):
    for _column in _table.c:
        if isinstance(_column.type, sa.Text):
            _column.type = TEXT
