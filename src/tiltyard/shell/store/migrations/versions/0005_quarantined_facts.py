"""Marks and observations from the future, kept apart."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store import tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "quarantined_facts",
        sa.Column("id", key, autoincrement=True, nullable=False),
        sa.Column("kind", tables.TEXT, nullable=False),
        sa.Column("policy", tables.TEXT, nullable=False),
        sa.Column("name", tables.TEXT, nullable=False),
        sa.Column("at", tables.UtcTime(), nullable=False),
        sa.Column("content", tables.TEXT, nullable=False),
        sa.Column("reason", tables.TEXT, nullable=False),
        sa.Column("known_at", tables.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "policy", "name", "at", "content"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """What somebody reported is not thrown away."""
    raise RuntimeError("what was reported stays")  # noqa: TRY003 for a programmer
