"""A desk measures by decisions, too, and says how far it has read them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Whatever was decided so far is read by the next desk when it begins, in its place.

    How wild a market was may be unknown; before, that was written as usual.
    """
    with op.batch_alter_table(
        "decisions", table_kwargs={"sqlite_autoincrement": True}
    ) as decisions:  # SQLite makes the table anew; what is in it stays as it is
        decisions.alter_column("volatility_tercile", existing_type=sa.BigInteger, nullable=True)
    op.create_index("decisions_by_time", "decisions", ["policy_id", "decided_at"])
    op.add_column(
        "desk_progress", sa.Column("decisions", sa.BigInteger, nullable=False, server_default="0")
    )
    op.execute("UPDATE desk_progress SET decisions = (SELECT coalesce(max(seq), 0) FROM decisions)")


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
