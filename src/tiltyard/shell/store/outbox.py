"""The outbox: effects that were decided, until the world outside has taken them.

An effect is written in the transaction that decides it, under a key of its own, so it is
requested once. It is delivered at least once: ``requested`` until the target has taken
it, ``applied`` until the target says so when asked, then ``verified``; ``failed`` when it
has been tried often enough, or ``superseded`` by a newer one of the same kind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from tiltyard.facts.audit import canonical
from tiltyard.shell.store.desk_tables import effects

EffectState = Literal["requested", "applied", "verified", "failed", "superseded"]
OPEN: tuple[EffectState, ...] = ("requested", "applied")


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing to be done outside.

    Attributes:
        seq: Position in the outbox.
        key: Idempotency key; the target is told it.
        target: Which of the configured targets.
        kind: ``shares`` (all of them, the newest counts) or ``notice`` (something happened).
        body: Canonical JSON.
        state: Where it stands.
        attempts: How often it was tried in this state.
        due_at: Not before.
        requested_at: When it was decided, UTC.
        told: What the target last said, for people.
    """

    seq: int
    key: str
    target: str
    kind: str
    body: str
    state: EffectState
    attempts: int
    due_at: datetime
    requested_at: datetime
    told: str


def request_effect(
    connection: sa.Connection,
    key: str,
    target: str,
    kind: str,
    body: Mapping[str, object],
    now: datetime,
) -> None:
    """Decide an effect; newer shares supersede those that are still on their way."""
    if kind == "shares":
        older = sa.and_(
            effects.c.target == target, effects.c.kind == kind, effects.c.state.in_(OPEN)
        )
        settled = {"state": "superseded", "settled_at": now}
        connection.execute(effects.update().where(older).values(**settled))
    connection.execute(
        effects.insert().values(
            key=key, target=target, kind=kind, body=canonical(body), state="requested",
            due_at=now, requested_at=now,
        )
    )  # fmt: skip


def open_effects(connection: sa.Connection) -> Sequence[Effect]:
    """Effects that are not settled, oldest first."""
    query = sa.select(effects).where(effects.c.state.in_(OPEN)).order_by(effects.c.seq)
    return [_effect(row) for row in connection.execute(query).mappings()]


def every_effect(connection: sa.Connection) -> Sequence[Effect]:
    """All of them, oldest first."""
    query = sa.select(effects).order_by(effects.c.seq)
    return [_effect(row) for row in connection.execute(query).mappings()]


def settle_effect(
    connection: sa.Connection,
    effect: Effect,
    state: EffectState,
    now: datetime,
    *,
    attempts: int = 0,
    due_at: datetime | None = None,
    told: str = "",
) -> None:
    """Move an effect on; one that was superseded meanwhile stays so."""
    own = sa.and_(effects.c.seq == effect.seq, effects.c.state == effect.state)
    connection.execute(
        effects.update()
        .where(own)
        .values(
            state=state, attempts=attempts, due_at=due_at or now, told=told,
            settled_at=None if state in OPEN else now,
        )
    )  # fmt: skip


def _effect(row: sa.RowMapping) -> Effect:
    return Effect(**{name: row[name] for name in Effect.__dataclass_fields__})
