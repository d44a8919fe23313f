"""The triggers that catch edits by SQL, as they are now, also where they were made before."""

from alembic import op

from tiltyard.shell.store import triggers

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them anew."""
    postgres = op.get_bind().dialect.name == "postgresql"
    for statement in triggers.POSTGRES_GONE if postgres else triggers.SQLITE_GONE:
        op.execute(statement)
    for statement in triggers.POSTGRES if postgres else triggers.SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """What they were is in an earlier version of the program."""
    raise RuntimeError("make the database with the earlier version")  # noqa: TRY003 for a programmer
