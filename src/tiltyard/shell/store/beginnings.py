"""Beginnings that lie in a far future: not believed, by whoever changes the roster next.

A trial, and the account's path, begin when an action says so, which is never ahead of now. One
that somebody has written there by SQL, or that a clock has made which was wrong, would hide
every trade from the guards until then. It has begun now, and the audit tells. What lies no
further ahead than a clock is set back is left as it is.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from tiltyard.actions.record import Event, acted
from tiltyard.facts.action import Action
from tiltyard.kernel.clock import time_text
from tiltyard.scaling.ladder import BELIEVED_AHEAD
from tiltyard.shell.store.audit_table import append_audit
from tiltyard.shell.store.roster_table import read_metrics, write_metrics
from tiltyard.shell.store.tables import UtcTime, accounts, policies

ACTOR = "ledger"
_TRIALS, _ACCOUNTS = policies.c.trial_started_at, accounts.c.since
_FARTHEST: sa.BindParameter[datetime] = sa.bindparam("farthest", type_=UtcTime)
_AHEAD = sa.union_all(
    sa.select(policies.c.name, _TRIALS).where(_TRIALS > _FARTHEST),
    sa.select(sa.literal(""), _ACCOUNTS).where(_ACCOUNTS > _FARTHEST),
)


def begin_what_lies_ahead(connection: sa.Connection, at: datetime) -> None:
    """Let begin now what was to begin more than a day later.

    Args:
        connection: In a transaction that writes.
        at: Now.
    """
    events = list(_of_the_future(connection, at))
    if not events:
        return
    for column in (_TRIALS, _ACCOUNTS):
        ahead = sa.update(column.table).where(column > at + BELIEVED_AHEAD)
        connection.execute(ahead.values({column: at}))
    append_audit(connection, events, at)
    _forget_windows(connection, {str(event["policy"]) for event in events}, at)


def _forget_windows(connection: sa.Connection, names: set[str], at: datetime) -> None:
    """A trial without trades has none; the champion's is written by whoever measures next."""
    known = read_metrics(connection)
    empty = {
        name: replace(known[name], pf_30=None, pf_150=None, dd_150=None)
        for name in names & known.keys()
    }
    write_metrics(connection, empty, at)


def _of_the_future(connection: sa.Connection, at: datetime) -> Iterator[Event]:
    for policy, begins in sorted(
        map(tuple, connection.execute(_AHEAD, {"farthest": at + BELIEVED_AHEAD}))
    ):
        reason = f"it was to begin at {time_text(begins)}"
        action = Action("begin_now", policy, "lifecycle", "enforce", at, reason=reason)
        yield acted(action, "", ACTOR)
