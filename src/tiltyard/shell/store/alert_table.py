"""Alerts that came back to the desk: each episode once, how often it was told, what followed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from tiltyard.actions.on_hold import names_ended
from tiltyard.facts.alert import Alert
from tiltyard.facts.command import SAFETY, VERBS
from tiltyard.shell.store.desk_tables import alerts, commands, outcomes

KEPT = timedelta(days=90)
"""So long an episode is kept after it was told last; one that still fires is told again sooner."""
_FORGOTTEN_AT_ONCE = 1000
_NEWEST_ENDS = 1000


@dataclass(frozen=True, slots=True)
class Received:
    """An episode of an alert.

    Attributes:
        alert: As it was told last.
        first_at: When it was told first, UTC.
        last_at: When last.
        times: How often.
        said: What was done because of it; where nothing was, why, as it was answered last.
    """

    alert: Alert
    first_at: datetime
    last_at: datetime
    times: int
    said: str


def note_alerts(connection: sa.Connection, told: Iterable[Alert], now: datetime) -> None:
    """Write down that these were told, and forget some that nobody has told of for long."""
    for one in told:
        row = {"status": one.status, "summary": one.summary, "last_at": now}
        again = connection.execute(
            alerts.update().where(_is(one)).values(**row, times=alerts.c.times + 1)
        )
        if again.rowcount:
            continue
        connection.execute(
            alerts.insert().values(
                **row, fingerprint=one.fingerprint, starts_at=one.starts_at, name=one.name,
                guard=one.guard, policy=one.policy, is_test=one.is_test, first_at=now, times=1,
            )
        )  # fmt: skip
    _forget(connection, now - KEPT)


def _forget(connection: sa.Connection, before: datetime) -> None:
    """Those told last before a time, the oldest first; a batch brings no more than go."""
    old = sa.select(alerts.c.fingerprint, alerts.c.starts_at).where(alerts.c.last_at < before)
    some = connection.execute(old.order_by(alerts.c.last_at).limit(_FORGOTTEN_AT_ONCE)).all()
    if some:
        connection.execute(
            alerts.delete().where(
                alerts.c.fingerprint == sa.bindparam("f"), alerts.c.starts_at == sa.bindparam("s")
            ),
            [{"f": row.fingerprint, "s": row.starts_at} for row in some],
        )


def note_what_followed(connection: sa.Connection, alert: Alert, said: str) -> None:
    """Write down what was answered; of one that is over, what was answered while it fired stays."""
    if alert.status == "firing":
        connection.execute(alerts.update().where(_is(alert)).values(said=said))


def received_alerts(connection: sa.Connection, most: int) -> Sequence[Received]:
    """The newest, at most so many; what was done stays said, whatever is told afterwards."""
    query = sa.select(alerts).order_by(alerts.c.last_at.desc(), alerts.c.fingerprint).limit(most)
    found = [_received(row) for row in connection.execute(query).mappings()]
    done = _done(connection, [one.alert for one in found])
    return [
        replace(one, said=next((done[key] for key in _keys(one.alert) if key in done), one.said))
        for one in found
    ]


def was_told(connection: sa.Connection, fingerprint: str) -> bool:
    """Whether an alert with this fingerprint has come."""
    query = sa.select(alerts.c.fingerprint).where(alerts.c.fingerprint == fingerprint).limit(1)
    return connection.scalar(query) is not None


def _done(connection: sa.Connection, told: Iterable[Alert]) -> Mapping[str, str]:
    """What came of the commands that followed and were not refused, by their keys."""
    query = (
        sa.select(commands.c.key, outcomes.c.text)
        .join(outcomes, outcomes.c.command_seq == commands.c.seq)
        .where(commands.c.key.in_([key for one in told for key in _keys(one)]))
        .where(outcomes.c.code == "")
    )
    return {row.key: row.text for row in connection.execute(query)}


def _keys(alert: Alert) -> Sequence[str]:
    return [alert.key(verb) for verb in VERBS if verb in SAFETY]


def holds_ended(connection: sa.Connection) -> Mapping[str, datetime]:
    """When a hold was last ended, by the name under which it ends; of the newest that were."""
    query = (
        sa.select(outcomes.c.text, outcomes.c.at)
        .join(commands, commands.c.seq == outcomes.c.command_seq)
        .where(commands.c.verb == "resume", outcomes.c.code == "")
        .order_by(outcomes.c.command_seq.desc())
        .limit(_NEWEST_ENDS)
    )
    ended: dict[str, datetime] = {}
    for row in connection.execute(query):
        for name in names_ended(row.text):
            ended.setdefault(name, row.at)
    return ended


def _is(alert: Alert) -> sa.ColumnElement[bool]:
    return sa.and_(alerts.c.fingerprint == alert.fingerprint, alerts.c.starts_at == alert.starts_at)


def _received(row: sa.RowMapping) -> Received:
    told = {name: row[name] for name in Alert.__dataclass_fields__}
    return Received(Alert(**told), row["first_at"], row["last_at"], row["times"], row["said"])
