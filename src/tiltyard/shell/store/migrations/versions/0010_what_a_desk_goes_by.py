"""A desk that runs says by which checklist it goes."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store.tables import TEXT

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whoever holds the lease now has said nothing."""
    op.add_column("leases", sa.Column("checklist", TEXT, nullable=False, server_default=""))


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
