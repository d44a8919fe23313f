"""The outbox: effects that were decided, until the world outside has taken them.

An effect is written in the transaction that decides it, under a key of its own, so it is
requested once. It is delivered at least once: ``requested`` until the target has taken
it, ``applied`` until the target says so when asked, then ``verified``. A notice has
``failed`` when it has been tried often enough; shares are ``superseded`` by newer ones. What
people are told in words is a ``page`` when it is critical, and a ``message`` when it is not.

An effect is open until it is settled. A target that cannot be asked leaves an effect
settled as ``applied``: it was taken, and more cannot be known.

Effects for one target and of one kind stand in a lane. Only the head of a lane is on its
way: those behind it keep their order, and other lanes do not wait for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from tiltyard.facts.audit import canonical
from tiltyard.shell.store.desk_tables import effects

EffectState = Literal["requested", "applied", "verified", "failed", "superseded"]
SHARES = "shares"
NOTICE = "notice"
RESTART = "restart"
LEARNER = "learner"
"""The target that is told of restarts."""
PAGE = "page"
MESSAGE = "message"
FOR_PEOPLE = frozenset({PAGE, MESSAGE})
"""In words, to a phone."""
UNNAMED = "the settings name no target"
"""How what is told begins, of an effect that failed because nobody could be told any more."""
_CHANGES = ("state", "attempts", "due_at", "settled_at", "told")
_IS_OPEN = effects.c.settled_at.is_(None)
_EVERY = sa.select(effects).order_by(effects.c.seq)
_OPEN = _EVERY.where(_IS_OPEN)
_LANE_HEADS = _EVERY.where(
    effects.c.seq.in_(
        sa.select(sa.func.min(effects.c.seq))
        .where(_IS_OPEN)
        .group_by(effects.c.target, effects.c.kind)
    )
)

Lane = tuple[str, str]
"""Target and kind."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing to be done outside.

    Attributes:
        seq: Position in the outbox.
        key: Idempotency key; the target is told it.
        target: Which of the configured targets.
        kind: ``shares`` (all of them, the newest counts), ``notice`` (something happened),
            ``restart`` (the learner is to begin anew), or in words for people ``page`` (at once)
            or ``message``.
        body: Canonical JSON.
        state: Where it stands.
        attempts: How often it was tried in vain.
        due_at: Not before.
        requested_at: When it was decided, UTC.
        settled_at: When nothing more was to be done, UTC; None while it is open.
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
    settled_at: datetime | None
    told: str

    @property
    def is_unnamed(self) -> bool:
        """Whether it was given up because the settings did not name its target."""
        return self.state == "failed" and self.told.startswith(UNNAMED)

    @property
    def lane(self) -> Lane:
        """Where it stands in line."""
        return self.target, self.kind


def request_effect(
    connection: sa.Connection,
    key: str,
    target: str,
    kind: str,
    body: Mapping[str, object],
    now: datetime,
) -> None:
    """Decide an effect; newer shares supersede those that are still on their way."""
    if kind == SHARES:
        older = sa.and_(_IS_OPEN, effects.c.target == target, effects.c.kind == kind)
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
    return _effects(connection, _OPEN)


def lane_heads(connection: sa.Connection) -> Sequence[Effect]:
    """The oldest open effect of every lane, oldest first."""
    return _effects(connection, _LANE_HEADS)


def told_in_vain(connection: sa.Connection) -> Sequence[Effect]:
    """What targets were told and have not taken, and are told again: shares, and what people read.

    Of each lane the first, behind which the others wait.
    """
    return [
        effect
        for effect in lane_heads(connection)
        if effect.kind in {SHARES, *FOR_PEOPLE} and effect.state == "requested" and effect.attempts
    ]


def untold_targets(connection: sa.Connection, since: datetime) -> Sequence[str]:
    """Targets that have not taken something yet, or have been given up since then.

    Who was given up because the settings do not name it is not waited for.
    """
    e = effects.c
    on_its_way = sa.and_(_IS_OPEN, e.state == "requested")
    has_failed = sa.and_(e.state == "failed", sa.not_(e.told.startswith(UNNAMED)))
    given_up = sa.and_(e.settled_at >= since, has_failed)
    query = sa.select(e.target).where(sa.or_(on_its_way, given_up)).distinct().order_by(e.target)
    return connection.scalars(query).all()


def effects_by_key(connection: sa.Connection, keys: Sequence[str]) -> Sequence[Effect]:
    """Those of these keys that there are, oldest first."""
    return _effects(connection, _EVERY.where(effects.c.key.in_(keys)))


def every_effect(connection: sa.Connection) -> Sequence[Effect]:
    """All of them, oldest first."""
    return _effects(connection, _EVERY)


def last_effect(connection: sa.Connection) -> int:
    """Position of the newest effect; 0 for none."""
    return connection.scalar(sa.select(sa.func.max(effects.c.seq))) or 0


def effects_after(connection: sa.Connection, seq: int) -> Sequence[Effect]:
    """Those behind a position, oldest first."""
    return _effects(connection, _EVERY.where(effects.c.seq > seq))


def effect_under(connection: sa.Connection, key: str) -> Effect:
    """The effect of a key that was requested."""
    (effect,) = _effects(connection, _EVERY.where(effects.c.key == key))
    return effect


def move_effect(connection: sa.Connection, before: Effect, after: Effect) -> bool:
    """Note how far an effect has come; whether it still was open and in the state before.

    One that was superseded meanwhile stays so.
    """
    own = sa.and_(_IS_OPEN, effects.c.seq == before.seq, effects.c.state == before.state)
    changed = {name: getattr(after, name) for name in _CHANGES}
    return bool(connection.execute(effects.update().where(own).values(**changed)).rowcount)


def _effects(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> Sequence[Effect]:
    rows = connection.execute(query).mappings()
    return [Effect(**{name: row[name] for name in Effect.__dataclass_fields__}) for row in rows]
