"""The last mark of a policy is found by an index; arms are retired, and never deleted."""

from alembic import op

from tiltyard.shell.store import triggers

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ARMS = ("bandit_arms", "policies")
_SAID = "an arm is retired, and never deleted: tiltyard policy retire"


def upgrade() -> None:
    """Put marks in order of time, and refuse to delete an arm."""
    op.create_index("marks_by_time", "marks", ["policy_id", "marked_at"])
    if op.get_bind().dialect.name == "sqlite":
        for table in _ARMS:
            op.execute(
                f"CREATE TRIGGER {table}_stay BEFORE DELETE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
            )
        return
    op.execute(triggers.OUR_SCHEMA)
    op.execute(
        "CREATE FUNCTION arms_stay() RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path FROM CURRENT AS $$ BEGIN RAISE EXCEPTION '{_SAID}'; END $$"
    )
    for table in _ARMS:
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION arms_stay()"
        )


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
