"""Alerts that came back to the desk."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store.tables import TEXT, UtcTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None has come yet."""
    op.create_table(
        "alerts",
        sa.Column("fingerprint", TEXT, primary_key=True),
        sa.Column("starts_at", UtcTime, primary_key=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("guard", TEXT, nullable=False),
        sa.Column("policy", TEXT, nullable=False),
        sa.Column("summary", TEXT, nullable=False),
        sa.Column("is_test", sa.Boolean, nullable=False),
        sa.Column("first_at", UtcTime, nullable=False),
        sa.Column("last_at", UtcTime, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("said", TEXT, nullable=False, server_default=""),
    )
    op.create_index("alerts_by_time", "alerts", ["last_at"])


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
