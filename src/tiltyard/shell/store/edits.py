"""Edits by SQL, brought into the audit.

The database's trigger (:mod:`tiltyard.shell.store.triggers`) has clamped them and written
them down, but cannot hash. Whoever next changes the roster audits them first.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from tiltyard.actions.record import Event, acted
from tiltyard.facts.action import Action
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.desk_tables import external_edits, share_bounds, trading_days
from tiltyard.shell.store.tables import policies

ACTOR = "sql"
MONTH = timedelta(days=30)


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


def write_bounds(connection: sa.Connection, champion_floor: float, cap: float = 0.6) -> None:
    """Tell the trigger what the champion always keeps, and the most a challenger may have."""
    b = share_bounds.c
    known = connection.execute(sa.select(b.champion_floor, b.cap)).first()
    if known is not None and tuple(known) == (champion_floor, cap):
        return
    connection.execute(share_bounds.delete())
    connection.execute(share_bounds.insert().values(id=1, champion_floor=champion_floor, cap=cap))


def knows_days(connection: sa.Connection, now: datetime, following: datetime) -> bool:
    """Whether the trigger knows when the trading days of the next month begin.

    Args:
        connection: Where it looks them up.
        now: UTC.
        following: When the next trading day begins.
    """
    t = trading_days.c
    nearest, last = connection.execute(
        sa.select(sa.func.min(sa.case((t.starts_at > now, t.starts_at))), sa.func.max(t.starts_at))
    ).one()
    return bool(nearest == following and last >= now + MONTH)


def write_days(connection: sa.Connection, days: Sequence[datetime]) -> None:
    """Tell the trigger when trading days begin; those it knew are forgotten."""
    connection.execute(trading_days.delete())
    connection.execute(trading_days.insert(), [{"starts_at": day} for day in days])
