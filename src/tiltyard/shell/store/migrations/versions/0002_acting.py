"""What acting needs: lease, commands, nights, memories, effects, proposals, edits by SQL."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store import tables, triggers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _key(name: str) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, autoincrement=True, nullable=False)


def _policy() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("policy_id", kind, sa.ForeignKey("policies.id"), nullable=False)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, tables.TEXT, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _shares(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float(), nullable=False) for name in names]


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, tables.UtcTime(), nullable=nullable)


def _no(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)


def upgrade() -> None:
    """Add columns and tables, and the triggers that catch edits."""
    op.add_column(
        "policies", sa.Column("held_share", sa.Float(), server_default="0", nullable=False)
    )
    op.add_column("policies", _time("deposed_at", nullable=True))
    op.add_column("bandit_arms", _time("scaled_at", nullable=True))
    op.add_column("reviews", _no("advisory"))
    op.add_column("marks", sa.Column("exposure", sa.BigInteger(), nullable=True))
    op.create_table(
        "proposals",
        sa.Column("number", sa.BigInteger(), autoincrement=False, primary_key=True),
        *_text("kind", "evidence", "outcome"),
        _policy(),
        _time("opened_at"),
        _time("closed_at", nullable=True),
    )
    op.create_table("accounts", sa.Column("name", tables.TEXT, primary_key=True), _time("since"))
    op.create_table(
        "leases",
        sa.Column("name", tables.TEXT, primary_key=True),
        *_text("holder"),
        *_numbers("token", "beat"),
        _time("renewed_at"),
    )
    op.create_table(
        "commands",
        _key("seq"),
        *_text("key", "verb", "policy", "arguments", "actor", "reason"),
        _time("asked_at"),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outcomes",
        sa.Column(
            "command_seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("commands.seq"),
            primary_key=True,
        ),
        *_text("code", "text"),
        _time("at"),
    )
    op.create_table(
        "nights",
        sa.Column("day", tables.TEXT, primary_key=True),
        sa.Column("policy", tables.TEXT, primary_key=True),
        _time("at"),
    )
    op.create_table(
        "guard_memories",
        sa.Column("guard", tables.TEXT, primary_key=True),
        sa.Column("policy", tables.TEXT, primary_key=True),
        *_text("mode", "body"),
    )
    op.create_table(
        "desk_progress",
        sa.Column("id", sa.BigInteger(), autoincrement=False, primary_key=True),
        *_numbers("step", "trades", "marks", "observations"),
        _time("judged_at"),
    )
    op.create_table(
        "effects",
        _key("seq"),
        *_text("key", "target", "kind", "body", "state"),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        _time("due_at"),
        _time("requested_at"),
        _time("settled_at", nullable=True),
        sa.Column("told", tables.TEXT, server_default="", nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    op.create_index("effects_by_settlement", "effects", ["settled_at", "seq"])
    op.create_table(
        "share_bounds",
        sa.Column("id", sa.BigInteger(), autoincrement=False, primary_key=True),
        *_shares("champion_floor"),
        sa.Column("cap", sa.Float(), server_default="0.6", nullable=False),
    )
    op.create_table("trading_days", sa.Column("starts_at", tables.UtcTime(), primary_key=True))
    op.create_table(
        "external_edits",
        _key("seq"),
        _policy(),
        _time("at"),
        *_shares("before", "asked", "after", "ceiling"),
        _no("audited"),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    postgres = op.get_bind().dialect.name == "postgresql"
    for statement in triggers.POSTGRES if postgres else triggers.SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """The record of what was asked and done is not thrown away."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
