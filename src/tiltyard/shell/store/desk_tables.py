"""The tables of the one who acts: lease, commands, nights, what guards remember, effects.

``commands``, ``outcomes`` and ``external_edits`` are only ever appended to. Everything
here is written by the holder of the lease, save commands, which anyone may append, and
external edits, which the database's own trigger records.
"""

import sqlalchemy as sa

from tiltyard.shell.store.tables import KEY, UtcTime, metadata

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("renewed_at", UtcTime, nullable=False),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("seq", KEY, primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("command_seq", sa.ForeignKey("commands.seq"), primary_key=True),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)

nights = sa.Table(
    "nights",
    metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("policy", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
)

guard_memories = sa.Table(
    "guard_memories",
    metadata,
    sa.Column("guard", sa.Text, primary_key=True),
    sa.Column("policy", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

desk_progress = sa.Table(
    "desk_progress",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("trades", sa.BigInteger, nullable=False),
    sa.Column("marks", sa.BigInteger, nullable=False),
    sa.Column("observations", sa.BigInteger, nullable=False),
    sa.Column("judged_at", UtcTime, nullable=False),
)

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("seq", KEY, primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("requested_at", UtcTime, nullable=False),
    sa.Column("settled_at", UtcTime),
    sa.Column("told", sa.Text, nullable=False, server_default=""),
    sa.Index("effects_by_settlement", "settled_at", "seq"),
    sqlite_autoincrement=True,
)

share_bounds = sa.Table(
    "share_bounds",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("champion_floor", sa.Float, nullable=False),
)

external_edits = sa.Table(
    "external_edits",
    metadata,
    sa.Column("seq", KEY, primary_key=True, autoincrement=True),
    sa.Column("policy_id", sa.ForeignKey("policies.id"), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("before", sa.Float, nullable=False),
    sa.Column("asked", sa.Float, nullable=False),
    sa.Column("after", sa.Float, nullable=False),
    sa.Column("ceiling", sa.Float, nullable=False),
    sa.Column("audited", sa.Boolean, nullable=False, server_default=sa.false()),
    sqlite_autoincrement=True,
)
