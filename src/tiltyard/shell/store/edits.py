"""Edits by SQL, brought into the audit.

The database's trigger (:mod:`tiltyard.shell.store.triggers`) has clamped them and written
them down, but cannot hash. Whoever next changes the roster audits them first.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from tiltyard.actions.record import Event, acted
from tiltyard.facts.action import Action
from tiltyard.kernel.clock import microseconds
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.desk_tables import external_edits, share_bounds, trading_days
from tiltyard.shell.store.tables import policies

ACTOR = "sql"
MONTH = 30
"""Days."""
_E = external_edits.c
_PENDING = (
    sa.select(policies.c.name, _E.at, _E.before, _E.asked, _E.after, _E.ceiling)
    .join(policies, policies.c.id == _E.policy_id)
    .where(~_E.audited)
    .order_by(_E.seq)
)


def absorb_edits(connection: sa.Connection, at: datetime) -> int:
    """Append to the audit what was edited since the last time; how many edits that were."""
    events = list(pending_edits(connection))
    if events:
        append_audit(connection, events, at)
        connection.execute(
            external_edits.update().where(~external_edits.c.audited).values(audited=True)
        )
    return len(events)


def pending_edits(connection: sa.Connection) -> Iterator[Event]:
    """Edits that the audit does not tell of yet, as the events they will be, oldest first."""
    for policy, at, before, asked, after, ceiling in connection.execute(_PENDING):
        reason = (
            "edited by SQL" if after == round(asked, 12) else f"edited by SQL to {asked:g}, clamped"
        )
        action = Action(
            "external_edit", policy, "sql", "enforce", at,
            before=before, after=after, ceiling=ceiling, value=asked, reason=reason,
        )  # fmt: skip
        yield acted(action, "", ACTOR)


_START = trading_days.c.starts_at
_DAYS_AHEAD = sa.select(sa.func.count(), sa.func.sum(_START, type_=sa.BigInteger)).where(
    sa.bindparam("first", type_=_START.type) <= _START
)
_BOUNDS = sa.select(share_bounds.c.champion_floor, share_bounds.c.cap)


def write_bounds(connection: sa.Connection, champion_floor: float, cap: float = 0.6) -> None:
    """Tell the trigger what the champion always keeps, and the most a challenger may have."""
    known = connection.execute(_BOUNDS).first()
    if known is not None and tuple(known) == (champion_floor, cap):
        return
    connection.execute(share_bounds.delete())
    connection.execute(share_bounds.insert().values(id=1, champion_floor=champion_floor, cap=cap))


def knows_days(connection: sa.Connection, days: Sequence[datetime]) -> bool:
    """Whether the trigger knows when trading days begin, for a month ahead at least.

    Args:
        connection: Where it looks them up.
        days: When they begin: the present one, and those that follow on it.
    """
    count, total = connection.execute(_DAYS_AHEAD, {"first": days[0]}).one()
    if not MONTH <= count <= len(days):
        return False
    return int(total) == sum(microseconds(day) for day in days[:count])


def write_days(connection: sa.Connection, days: Sequence[datetime]) -> None:
    """Tell the trigger when trading days begin; those it knew are forgotten."""
    connection.execute(trading_days.delete())
    connection.execute(trading_days.insert(), [{"starts_at": day} for day in days])
