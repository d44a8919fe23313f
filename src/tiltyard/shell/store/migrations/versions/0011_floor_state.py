"""A desk that trades keeps what it holds and has ordered."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store.tables import TEXT, UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has traded on the floor yet."""
    op.create_table(
        "floor_state",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("written_at", UtcTime, nullable=False),
    )


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
