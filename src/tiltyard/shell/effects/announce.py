"""What is told to the world outside, as effects in the outbox.

Three kinds. ``shares`` is the whole of who gets how much; it is sent whenever it changes,
and once by every desk that starts, so that what was missed is said again. What they give to
challengers expires, unless a desk goes on judging (:mod:`tiltyard.shell.effects.telling`).
``notice`` is one thing that happened, for people: a halt with what is open, a page, a proposal.
When a guard trips more than once in a step, because much came in at once, a person is told once,
how often and whether it lasts; the audit tells of every time. ``restart`` asks for the learner
to begin anew, once for all episodes of a step. To people with a phone
:mod:`tiltyard.shell.notify` tells the same in words.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from tiltyard.actions.record import Event
from tiltyard.checklist.judge import FRESH, Memory
from tiltyard.facts.action import CAUSES, PERSON
from tiltyard.facts.arm import Roster
from tiltyard.facts.mark import LastMark
from tiltyard.router.lifecycle import ONLY_LEAVES
from tiltyard.shell.notify.people import People
from tiltyard.shell.store.audit_table import audit_position
from tiltyard.shell.store.outbox import RESTART, request_effect

ALONE = 1000
"""So many revisions of the shares lie between two that the database knows, for those that are
sent while it cannot be written."""
EXPIRE_AFTER = timedelta(seconds=120)
"""So long after they were judged challengers have their shares."""
EVERY_DAY = frozenset({"skip_scale", "raise_ceiling"})
"""Events of every arm on every day, that nobody who watches a desk wants to see."""
QUIET = EVERY_DAY | {"desk", "graduate", "ingest", "unfreeze_ramp"}
"""Events that are in the audit, and that nobody needs to be told of."""
_NOBODY_MARKED: Mapping[str, LastMark] = {}


@dataclass(slots=True)
class Announcing:
    """Requests effects for what changed.

    Attributes:
        targets: Which kinds each configured target takes, by the target's name.
        revision: Of the shares that the database knows; what is sent without it counts on from
            there.
        told: Under which revision the shares as they stand were last told.
        people: Who is told in words; None for nobody.
    """

    targets: Mapping[str, Collection[str]] = field(default_factory=dict)
    revision: int = 0
    told: int = 0
    people: People | None = None
    _last: Mapping[str, object] | None = None
    _next: tuple[Mapping[str, object], int, int] | None = None

    def request(
        self,
        connection: sa.Connection,
        key: str,
        events: Sequence[Event],
        roster: Roster,
        now: datetime,
        memories: Mapping[tuple[str, str], Memory] | None = None,
        marks: Mapping[str, LastMark] = _NOBODY_MARKED,
    ) -> None:
        """Request what follows from a step, in the transaction that writes it.

        Args:
            connection: In that transaction.
            key: Of this request; the keys of its effects begin so.
            events: What the step wrote to the audit.
            roster: As it is after the step.
            now: UTC.
            memories: What each guard remembers of each subject after the step; None where that
                is not known.
            marks: The last of each arm.
        """
        notices = _worth_telling(events, memories or {})
        shares, revision = shares_body(roster), revision_of(connection)
        for target, kinds in self.targets.items():
            if "notice" in kinds:
                for number, event in enumerate(notices):
                    own = f"{key}-{number}-{target}"
                    request_effect(connection, own, target, "notice", event, now)
            if RESTART in kinds and (asked := _restarts(events)):
                request_effect(connection, f"{key}-{target}", target, RESTART, asked[-1], now)
            if "shares" in kinds and shares != self._last:
                body = {**shares, "revision": revision, "decided_at": now,
                        "expires_at": now + EXPIRE_AFTER}  # fmt: skip
                own = f"{key}-shares-{target}"
                request_effect(connection, own, target, "shares", body, now)
        if self.people is not None:
            self.people.request(connection, key, events, notices, roster, marks, memories, now)
        self._next = shares, revision, self.told if shares == self._last else revision

    def forget(self) -> None:
        """What the targets were told last is not known any more: tell them again."""
        self._last = None

    def committed(self) -> None:
        """The transaction of the last request went through."""
        if self._next is not None:
            (self._last, self.revision, self.told), self._next = self._next, None


def revision_of(connection: sa.Connection) -> int:
    """The number of shares that are told as the audit stands now."""
    return audit_position(connection) * ALONE


def next_alone(reached: int) -> int:
    """The next number for shares that stand in memory, never as high as the database's next.

    >>> next_alone(7000), next_alone(7998), next_alone(7999)
    (7001, 7999, 7999)
    """
    return min(reached + 1, reached - reached % ALONE + ALONE - 1)


def shares_body(roster: Roster) -> dict[str, object]:
    """Who gets how much, and whether anybody may enter at all."""
    champion = next((arm.name for arm in roster.arms.values() if arm.role == "champion"), None)
    return {
        "champion": champion,
        "shares": {name: arm.share for name, arm in roster.arms.items() if arm.share},
        "entries_stopped_by": sorted(roster.entries_stopped_by),
        "reduce_only": sorted(n for n, arm in roster.arms.items() if arm.state in ONLY_LEAVES),
    }


def shares_taken(roster: Roster, written: Roster) -> dict[str, object]:
    """The same of a roster that is not written yet: what it takes counts, and not what it gives.

    Args:
        roster: As it stands in memory. It may lack who has just joined.
        written: As the database has it.
    """
    if not written.arms or not roster.arms:
        return shares_body(written)
    champion = written.champion().name
    if champion in roster.arms and roster.arms[champion].state == "halted":
        champion = roster.champion().name
    shares = {
        name: min(arm.share, roster.arms[name].share)
        for name, arm in written.arms.items()
        if name != champion and name in roster.arms
    }
    shares[champion] = round(1.0 - sum(shares.values()), 12)
    return {
        **shares_body(roster),
        "champion": champion,
        "shares": {name: share for name, share in shares.items() if share},
    }


def champion_alone(shares: Mapping[str, object]) -> dict[str, object]:
    """The same while nobody judges: no challenger gets anything."""
    champion = shares["champion"]
    return {**shares, "shares": {} if champion is None else {champion: 1.0}}


def _worth_telling(
    events: Sequence[Event], memories: Mapping[tuple[str, str], Memory]
) -> list[Event]:
    """What people are told, in order; of what a guard did more than once, the last."""
    worth = [
        event
        for event in events
        if event["event"] not in QUIET and event.get("mode", "enforce") == "enforce"
    ]
    episodes = Counter(_what(event) for event in worth if _is_by_a_guard(event))
    told: list[Event] = []
    for event in reversed(worth):
        if not _is_by_a_guard(event):
            told.append(event)
        elif count := episodes.pop(_what(event), 0):
            lasts = memories.get((event["cause"], event["policy"]), FRESH).tripped_at is not None
            told.append({**event, "episodes": count, "lasts": lasts})
    return told[::-1]


def _restarts(events: Sequence[Event]) -> list[Event]:
    """Those by which a guard wants the learner restarted."""
    return [
        event
        for event in events
        if event["event"] == "restart_learner" and event.get("mode") == "enforce"
    ]


def _is_by_a_guard(event: Event) -> bool:
    return "command" not in event and event.get("cause", PERSON) not in CAUSES


def _what(event: Event) -> tuple[str, str, str]:
    return event["event"], event["cause"], event["policy"]
