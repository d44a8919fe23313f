"""What a desk must still know after it was killed: how far it judged, and what guards remember.

It is written in the transaction that writes the actions, so a fact is judged once, by
whichever process, and a breach episode that has been acted on is known as such.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tiltyard.checklist.judge import Memory
from tiltyard.kernel.clock import moment, time_text
from tiltyard.shell.store.desk_tables import desk_progress, guard_memories, nights
from tiltyard.shell.store.news import Positions

_TIMES = ("breach_since", "lost_since", "tripped_at")
_ONLY = 1

Memories = Mapping[tuple[str, str], Memory]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a desk has judged.

    Attributes:
        step: Rises with every step that was written.
        trades: The last position of a trade that was judged.
        marks: The last of a mark.
        observations: The last of an observation.
        decisions: The last of a decision.
        judged_at: When that was, UTC.
    """

    step: int
    trades: int
    marks: int
    observations: int
    decisions: int
    judged_at: datetime

    @classmethod
    def of(cls, seen: Positions, *, step: int, judged_at: datetime) -> "Progress":
        """Of a desk that has judged up to these positions."""
        trades, marks, observations, decisions = (position or 0 for position in seen)
        return cls(step, trades, marks, observations, decisions, judged_at)

    def positions(self) -> Positions:
        """The last fact of each kind."""
        return Positions(self.trades, self.marks, self.observations, self.decisions)


_PROGRESS = sa.select(desk_progress)
_GO_ON = desk_progress.update().values(
    **{name: sa.bindparam(name) for name in Progress.__dataclass_fields__}
)


def read_progress(connection: sa.Connection) -> Progress | None:
    """How far the last desk came; None when there never was one."""
    row = connection.execute(_PROGRESS).mappings().first()
    if row is None:
        return None
    return Progress(**{name: row[name] for name in Progress.__dataclass_fields__})


def write_progress(connection: sa.Connection, progress: Progress) -> None:
    """Say how far this desk has come."""
    values = {name: getattr(progress, name) for name in Progress.__dataclass_fields__}
    if not connection.execute(_GO_ON, values).rowcount:
        connection.execute(desk_progress.insert().values(id=_ONLY, **values))


def read_memories(
    connection: sa.Connection, modes: Mapping[str, str]
) -> dict[tuple[str, str], Memory]:
    """What every guard remembers of every subject.

    Args:
        connection: Where it is kept.
        modes: How each guard is to act. One that has only observed until now has not acted
            on its present breach: it trips again.
    """
    memories = {}
    for row in connection.execute(sa.select(guard_memories)):
        memory = _memory(json.loads(row.body))
        if modes.get(row.guard, row.mode) != row.mode:
            memory = memory._replace(tripped_at=None, tripped_blindly=False)
        memories[row.guard, row.policy] = memory
    return memories


def write_memories(
    connection: sa.Connection, before: Memories, after: Memories, modes: Mapping[str, str]
) -> None:
    """Bring the table from ``before`` to ``after``."""
    changed = {key: memory for key, memory in after.items() if before.get(key) != memory}
    _forget(connection, [*(key for key in before if key not in after), *changed])
    if changed:
        rows = [
            {
                "guard": guard,
                "policy": policy,
                "mode": modes.get(guard, "enforce"),
                "body": _body(memory),
            }
            for (guard, policy), memory in changed.items()
        ]
        connection.execute(guard_memories.insert(), rows)


def forget_trial(connection: sa.Connection, policy: str, gauge_guards: Collection[str]) -> None:
    """An arm begins a new trial: what guards of its trades remember of it is over."""
    t = guard_memories.c
    over = sa.and_(t.policy == policy, t.guard.not_in(gauge_guards))
    connection.execute(guard_memories.delete().where(over))


def _forget(connection: sa.Connection, keys: Sequence[tuple[str, str]]) -> None:
    t = guard_memories
    own = sa.and_(t.c.guard == sa.bindparam("g"), t.c.policy == sa.bindparam("p"))
    if keys:
        connection.execute(t.delete().where(own), [{"g": g, "p": p} for g, p in keys])


_LAST_NIGHT = sa.select(sa.func.max(nights.c.at)).where(nights.c.policy == "")
_RUNS = sa.select(nights.c.policy).where(nights.c.day == sa.bindparam("day"))


def runs_of(connection: sa.Connection, day: str) -> set[str]:
    """For whom the night of a trading day was run: arms, and the empty name for the whole."""
    return set(connection.scalars(_RUNS, {"day": day}))


def last_night(connection: sa.Connection) -> datetime | None:
    """When the night of a trading day was last run for everybody."""
    at: datetime | None = connection.scalar(_LAST_NIGHT)
    return at


def note_run(connection: sa.Connection, day: str, policy: str, at: datetime) -> None:
    """The night of a trading day has been run; a second time is refused by the database."""
    connection.execute(nights.insert().values(day=day, policy=policy, at=at))


def _body(memory: Memory) -> str:
    plain: dict[str, Any] = memory._asdict()
    for name in _TIMES:
        plain[name] = None if plain[name] is None else time_text(plain[name])
    return json.dumps(plain)


def _memory(plain: dict[str, Any]) -> Memory:
    for name in _TIMES:
        plain[name] = None if plain[name] is None else moment(plain[name])
    return Memory(**{**plain, "recent": tuple(plain["recent"])})
