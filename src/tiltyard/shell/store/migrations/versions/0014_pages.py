"""People are told by the desk itself, and acknowledge what is critical."""

import sqlalchemy as sa
from alembic import op

from tiltyard.shell.store.tables import TEXT, UtcTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; nobody was paged before."""
    op.create_table(
        "pages",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("policy", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("lines", TEXT, nullable=False),
        sa.Column("happened_at", UtcTime, nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.Column("acknowledged_at", UtcTime),
        sa.Column("acknowledged_by", TEXT, nullable=False, server_default=""),
        sa.Column("reason", TEXT, nullable=False, server_default=""),
        sa.Column("escalated_at", UtcTime),
    )
    op.create_index("pages_by_acknowledgement", "pages", ["acknowledged_at", "number"])
    op.create_table(
        "page_links",
        sa.Column("hash", TEXT, primary_key=True),
        sa.Column("page_number", sa.BigInteger, sa.ForeignKey("pages.number"), nullable=False),
        sa.Column("recipient", TEXT, nullable=False),
        sa.Column("expires_at", UtcTime, nullable=False),
    )


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
