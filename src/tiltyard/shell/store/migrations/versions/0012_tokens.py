"""Tokens of those who may talk to the desk over HTTP."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store.tables import TEXT, UtcTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has one yet."""
    op.create_table(
        "tokens",
        sa.Column("name", TEXT, primary_key=True),
        sa.Column("hash", TEXT, nullable=False, unique=True),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("expires_at", UtcTime),
        sa.Column("revoked_at", UtcTime),
    )


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
