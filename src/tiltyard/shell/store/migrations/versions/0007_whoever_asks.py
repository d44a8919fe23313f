"""A command waits whoever has appended it, by SQL as well, until somebody writes its outcome."""

from alembic import op

from tiltyard.shell.store import triggers

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WAITS = "INSERT INTO waiting_commands (command_seq) VALUES (NEW.seq)"
_WAITS_NO_MORE = "DELETE FROM waiting_commands WHERE command_seq = NEW.command_seq"
_TRIGGERS = {"commands": ("commands_wait", _WAITS), "outcomes": ("outcomes_settle", _WAITS_NO_MORE)}


def upgrade() -> None:
    """Let the database note what waits, and what somebody has appended meanwhile."""
    op.execute(
        "INSERT INTO waiting_commands SELECT seq FROM commands "
        "WHERE seq NOT IN (SELECT command_seq FROM outcomes) "
        "AND seq NOT IN (SELECT command_seq FROM waiting_commands)"
    )
    if op.get_bind().dialect.name == "sqlite":
        for table, (name, does) in _TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} AFTER INSERT ON {table} BEGIN {does}; END")
        return
    op.execute(triggers.OUR_SCHEMA)
    for table, (name, does) in _TRIGGERS.items():
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
            f"SET search_path FROM CURRENT AS $$ BEGIN {does}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
        )


def downgrade() -> None:
    """Nobody goes back."""
    raise RuntimeError("the record of what was done stays")  # noqa: TRY003 for a programmer
