"""Open pages are found by what they tell of and by their age, and the others are not read."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index them so; the pages stay as they are."""
    op.drop_index("pages_by_acknowledgement", "pages")
    op.create_index("pages_by_event", "pages", ["acknowledged_at", "event", "policy", "cause"])
    op.create_index("pages_by_policy", "pages", ["acknowledged_at", "policy", "cause"])
    op.create_index("pages_by_time", "pages", ["acknowledged_at", "made_at"])


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
