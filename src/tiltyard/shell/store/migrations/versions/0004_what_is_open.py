"""What is open is found without reading what is settled."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Write down which commands wait."""
    op.create_table(
        "waiting_commands",
        sa.Column(
            "command_seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("commands.seq"),
            primary_key=True,
        ),
    )
    op.execute(
        "INSERT INTO waiting_commands SELECT seq FROM commands "
        "WHERE seq NOT IN (SELECT command_seq FROM outcomes)"
    )


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
