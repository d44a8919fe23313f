"""The tables of the one who acts: lease, commands, nights, memories of guards, effects, floor.

Beside them are the pages that people are to acknowledge, with the links by which they may, and
the tokens of those who may talk to the desk over HTTP.

``commands``, ``outcomes`` and ``external_edits`` are only ever appended to;
``waiting_commands`` are those without an outcome, so that nobody reads the others to find
them. Everything here is written by the holder of the lease, save commands, which anyone may
append, and what the database's own triggers record: external edits, and which commands wait.
"""

import sqlalchemy as sa

from tiltyard.shell.store.tables import KEY, TEXT, UtcTime, metadata

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("holder", TEXT, nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("renewed_at", UtcTime, nullable=False),
    sa.Column("checklist", TEXT, nullable=False, server_default=""),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("seq", KEY, primary_key=True, autoincrement=True),
    sa.Column("key", TEXT, nullable=False, unique=True),
    sa.Column("verb", TEXT, nullable=False),
    sa.Column("policy", TEXT, nullable=False),
    sa.Column("arguments", TEXT, nullable=False),
    sa.Column("actor", TEXT, nullable=False),
    sa.Column("reason", TEXT, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sqlite_autoincrement=True,
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("command_seq", sa.ForeignKey("commands.seq"), primary_key=True),
    sa.Column("code", TEXT, nullable=False),
    sa.Column("text", TEXT, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)

waiting_commands = sa.Table(
    "waiting_commands",
    metadata,
    sa.Column("command_seq", sa.ForeignKey("commands.seq"), primary_key=True),
)

nights = sa.Table(
    "nights",
    metadata,
    sa.Column("day", TEXT, primary_key=True),
    sa.Column("policy", TEXT, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
)

guard_memories = sa.Table(
    "guard_memories",
    metadata,
    sa.Column("guard", TEXT, primary_key=True),
    sa.Column("policy", TEXT, primary_key=True),
    sa.Column("mode", TEXT, nullable=False),
    sa.Column("body", TEXT, nullable=False),
)

desk_progress = sa.Table(
    "desk_progress",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("step", sa.BigInteger, nullable=False),
    sa.Column("trades", sa.BigInteger, nullable=False),
    sa.Column("marks", sa.BigInteger, nullable=False),
    sa.Column("observations", sa.BigInteger, nullable=False),
    sa.Column("decisions", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("judged_at", UtcTime, nullable=False),
)

floor_state = sa.Table(
    "floor_state",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", TEXT, nullable=False),
    sa.Column("written_at", UtcTime, nullable=False),
)

effects = sa.Table(
    "effects",
    metadata,
    sa.Column("seq", KEY, primary_key=True, autoincrement=True),
    sa.Column("key", TEXT, nullable=False, unique=True),
    sa.Column("target", TEXT, nullable=False),
    sa.Column("kind", TEXT, nullable=False),
    sa.Column("body", TEXT, nullable=False),
    sa.Column("state", TEXT, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("requested_at", UtcTime, nullable=False),
    sa.Column("settled_at", UtcTime),
    sa.Column("told", TEXT, nullable=False, server_default=""),
    sa.Index("effects_by_settlement", "settled_at", "seq"),
    sqlite_autoincrement=True,
)

pages = sa.Table(
    "pages",
    metadata,
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
    sa.Index("pages_by_event", "acknowledged_at", "event", "policy", "cause"),
    sa.Index("pages_by_policy", "acknowledged_at", "policy", "cause"),
    sa.Index("pages_by_time", "acknowledged_at", "made_at"),
)

page_links = sa.Table(
    "page_links",
    metadata,
    sa.Column("hash", TEXT, primary_key=True),
    sa.Column("page_number", sa.ForeignKey("pages.number"), nullable=False),
    sa.Column("recipient", TEXT, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
)

share_bounds = sa.Table(
    "share_bounds",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("champion_floor", sa.Float, nullable=False),
    sa.Column("cap", sa.Float, nullable=False, server_default="0.6"),
)

trading_days = sa.Table(
    "trading_days",
    metadata,
    sa.Column("starts_at", UtcTime, primary_key=True),
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

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("name", TEXT, primary_key=True),
    sa.Column("hash", TEXT, nullable=False, unique=True),
    sa.Column("scopes", TEXT, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("revoked_at", UtcTime),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("fingerprint", TEXT, primary_key=True),
    sa.Column("starts_at", UtcTime, primary_key=True),
    sa.Column("status", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("guard", TEXT, nullable=False),
    sa.Column("policy", TEXT, nullable=False),
    sa.Column("summary", TEXT, nullable=False),
    sa.Column("is_test", sa.Boolean, nullable=False),
    sa.Column("first_at", UtcTime, nullable=False),
    sa.Column("last_at", UtcTime, nullable=False),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.Column("said", TEXT, nullable=False, server_default=""),
    sa.Index("alerts_by_time", "last_at"),
)
