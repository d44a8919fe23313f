"""Edits by SQL, brought into the audit.

The database's trigger (:mod:`tiltyard.shell.store.triggers`) has clamped them and written
them down, but cannot hash. Whoever next changes the roster audits them first.
"""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from tiltyard.actions.record import Event, acted
from tiltyard.facts.action import Action
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.desk_tables import external_edits, share_bounds
from tiltyard.shell.store.tables import policies

ACTOR = "sql"


def absorb_edits(connection: sa.Connection, at: datetime) -> int:
    """Append to the audit what was edited since the last time; how many edits that were."""
    events = list(pending_edits(connection))
    if events:
        append_audit(connection, events, at)
        connection.execute(external_edits.update().values(audited=True))
    return len(events)


def pending_edits(connection: sa.Connection) -> Iterator[Event]:
    """Edits that the audit does not tell of yet, as the events they will be, oldest first."""
    e = external_edits.c
    query = (
        sa.select(policies.c.name, e.at, e.before, e.asked, e.after, e.ceiling)
        .join(policies, policies.c.id == e.policy_id)
        .where(~e.audited)
        .order_by(e.seq)
    )
    for policy, at, before, asked, after, ceiling in connection.execute(query):
        reason = (
            "edited by SQL" if after == round(asked, 12) else f"edited by SQL to {asked:g}, clamped"
        )
        action = Action(
            "external_edit", policy, "sql", "enforce", at,
            before=before, after=after, ceiling=ceiling, value=asked, reason=reason,
        )  # fmt: skip
        yield acted(action, "", ACTOR)


def write_bounds(connection: sa.Connection, champion_floor: float) -> None:
    """Tell the trigger what the champion always keeps."""
    known = connection.scalar(sa.select(share_bounds.c.champion_floor))
    if known == champion_floor:
        return
    connection.execute(share_bounds.delete())
    connection.execute(share_bounds.insert().values(id=1, champion_floor=champion_floor))
