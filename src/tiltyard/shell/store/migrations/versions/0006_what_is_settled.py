"""Reviews and proposals that are settled are passed over by indexes."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put in order what is open, and what was last taken from each arm."""
    op.create_index("reviews_by_acknowledgement", "reviews", ["acknowledged_at", "number"])
    op.create_index("reviews_by_policy", "reviews", ["policy_id", "advisory", "number"])
    op.create_index("proposals_by_closing", "proposals", ["closed_at", "number"])


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
