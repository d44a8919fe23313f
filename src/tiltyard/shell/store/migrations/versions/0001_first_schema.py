"""The first schema: facts, audit, and their projection."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CURRENT_TRADES = """
CREATE VIEW current_trades AS
SELECT policies.name AS policy, trades.*
FROM trades JOIN policies ON policies.id = trades.policy_id
WHERE NOT EXISTS (
    SELECT 1 FROM trades AS newer
    WHERE newer.source = trades.source
      AND newer.trade_id = trades.trade_id
      AND newer.revision > trades.revision
)
"""


def upgrade() -> None:
    """Make every table, and the view of current trades for people who write SQL."""
    op.create_table(
        "audit",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", tables.UtcTime(), nullable=False),
        sa.Column("body", tables.TEXT, nullable=False),
        sa.Column("previous", tables.TEXT, nullable=False),
        sa.Column("hash", tables.TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("hash"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "holds",
        sa.Column("kind", tables.TEXT, nullable=False),
        sa.Column("guard", tables.TEXT, nullable=False),
        sa.PrimaryKeyConstraint("kind", "guard"),
    )
    op.create_table(
        "observations",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", tables.TEXT, nullable=False),
        sa.Column("policy", tables.TEXT, nullable=False),
        sa.Column("number", sa.Float(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("observed_at", tables.UtcTime(), nullable=False),
        sa.Column("known_at", tables.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("name", "policy", "observed_at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "policies",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", tables.TEXT, nullable=False),
        sa.Column("kind", tables.TEXT, nullable=False),
        sa.Column("digest", tables.TEXT, nullable=True),
        sa.Column("role", tables.TEXT, nullable=False),
        sa.Column("state", tables.TEXT, nullable=False),
        sa.Column("capital", sa.BigInteger(), nullable=True),
        sa.Column("account", tables.TEXT, nullable=True),
        sa.Column("currency", tables.TEXT, nullable=True),
        sa.Column("start_share", sa.Float(), nullable=False),
        sa.Column("created_at", tables.UtcTime(), nullable=False),
        sa.Column("trial_started_at", tables.UtcTime(), nullable=True),
        sa.Column("throttled_by", tables.TEXT, server_default="", nullable=False),
        sa.Column("resumed_at", tables.TEXT, server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "quarantined_trades",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("source", tables.TEXT, nullable=False),
        sa.Column("trade_id", tables.TEXT, nullable=False),
        sa.Column("policy", tables.TEXT, nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.Column("pnl", sa.BigInteger(), nullable=False),
        sa.Column("content", tables.TEXT, nullable=False),
        sa.Column("reason", tables.TEXT, nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "trade_id", "content"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "bandit_arms",
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("traffic_allocation", sa.Float(), nullable=False),
        sa.Column("pf_30", sa.Float(), nullable=True),
        sa.Column("pf_150", sa.Float(), nullable=True),
        sa.Column("pf_prod", sa.Float(), nullable=True),
        sa.Column("dd_150", sa.Float(), nullable=True),
        sa.Column("total_trades", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("wins", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total_pnl", sa.Float(), server_default="0", nullable=False),
        sa.Column("ceiling", sa.Float(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("updated_at", tables.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["policies.id"],
        ),
        sa.PrimaryKeyConstraint("policy_id"),
    )
    op.create_table(
        "decisions",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("episode_id", tables.TEXT, nullable=False),
        sa.Column("symbol", tables.TEXT, nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("share_revision", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", tables.UtcTime(), nullable=False),
        sa.Column("volatility_tercile", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("known_at", tables.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["policies.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("episode_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "marks",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("marked_at", tables.UtcTime(), nullable=False),
        sa.Column("unrealised", sa.BigInteger(), nullable=False),
        sa.Column("open_positions", sa.BigInteger(), nullable=False),
        sa.Column("capital", sa.BigInteger(), nullable=True),
        sa.Column("account", tables.TEXT, nullable=False),
        sa.Column("currency", tables.TEXT, nullable=False),
        sa.Column("known_at", tables.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["policies.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("policy_id", "account", "marked_at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reviews",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("guard", tables.TEXT, nullable=False),
        sa.Column("opened_at", tables.UtcTime(), nullable=False),
        sa.Column("acknowledged_at", tables.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["policies.id"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "trades",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("source", tables.TEXT, nullable=False),
        sa.Column("trade_id", tables.TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("symbol", tables.TEXT, nullable=False),
        sa.Column("side", tables.TEXT, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.Column("pnl", sa.BigInteger(), nullable=False),
        sa.Column("book", tables.TEXT, nullable=False),
        sa.Column("account", tables.TEXT, nullable=False),
        sa.Column("currency", tables.TEXT, nullable=False),
        sa.Column("capital", sa.BigInteger(), nullable=True),
        sa.Column("risk", sa.BigInteger(), nullable=True),
        sa.Column("notional", sa.BigInteger(), nullable=True),
        sa.Column("fees", sa.BigInteger(), nullable=True),
        sa.Column("funding", sa.BigInteger(), nullable=True),
        sa.Column("quantity", tables.TEXT, nullable=True),
        sa.Column("entry_price", tables.TEXT, nullable=True),
        sa.Column("exit_price", tables.TEXT, nullable=True),
        sa.Column("policy_digest", tables.TEXT, nullable=True),
        sa.Column("episode_id", tables.TEXT, nullable=True),
        sa.Column("content", tables.TEXT, nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["policies.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("source", "trade_id", "revision"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "trades_by_policy", "trades", ["policy_id", "closed_at", "source", "trade_id"], unique=False
    )

    op.execute(CURRENT_TRADES)


def downgrade() -> None:
    """Facts are not thrown away: there is no way below the first schema."""
    raise RuntimeError("there is no schema before the first one")  # noqa: TRY003 for a programmer
