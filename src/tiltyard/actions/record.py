"""Actions and registrations as audit events, and the roster that they add up to.

``fold`` is the other half of the promise that everything can be replayed: the roster in
the database must equal the fold of the audit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tiltyard.actions.apply import CHANGES, apply
from tiltyard.actions.changes.champion import depose
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Arm, Roster
from tiltyard.kernel.clock import moment
from tiltyard.kernel.money import Money, money, money_text
from tiltyard.metrics import METRICS_VERSION

Event = Mapping[str, Any]

_NOBODY = Roster()
_TIMES = ("trial_started_at", "scaled_at", "deposed_at")
_NUMBERS = ("before", "after", "ceiling", "value", "limit")


def registered(arm: Arm, at: datetime, actor: str) -> Event:
    """The event of an arm joining the roster as it is; its capital as people write it."""
    capital = None if arm.capital is None else money_text(arm.capital)
    body = {**asdict(arm), "capital": capital}
    del body["revision"]
    return {"event": "register", "at": at, "actor": actor, "arm": body}


def acted(action: Action, checklist: str, actor: str) -> Event:
    """The event of an action: its inputs, rule, before and after.

    Args:
        action: What was done.
        checklist: Digest of the declaration it followed from.
        actor: Who did it: a person's name, or ``desk``.
    """
    body = {"event": action.kind, **asdict(action)}
    del body["kind"]
    if not action.number:
        del body["number"]
    return {**body, "actor": actor, "checklist": checklist, "metrics_version": METRICS_VERSION}


def carried_out(
    roster: Roster, actions: Iterable[Action], checklist: str, actor: str
) -> tuple[Roster, list[Event]]:
    """The roster after these actions, and their events; as :func:`acted`."""
    events: list[Event] = []
    for action in actions:
        roster = apply(roster, action)
        events.append(acted(action, checklist, actor))
    return roster, events


def fold(events: Iterable[Event], roster: Roster = _NOBODY) -> Roster:
    """The roster that a sequence of audit events adds up to, from ``roster`` on."""
    for event in events:
        roster = after(roster, event)
    return roster


def after(roster: Roster, event: Event) -> Roster:
    """The roster after one more audit event; what only tells of facts leaves it alone."""
    if event["event"] == "register":
        return _join(roster, _arm_from(event["arm"]), moment(event["at"]))
    return apply(roster, action_from(event)) if event["event"] in CHANGES else roster


def _join(roster: Roster, arm: Arm, at: datetime) -> Roster:
    known = roster.arms.get(arm.name)
    if arm.role == "champion" and (known is None or known.role != "champion"):
        roster = depose(roster, at)
    return roster.with_arm(arm)


def action_from(event: Event) -> Action:
    """The action that an audit event recorded."""
    fields = {name: event[name] for name in Action.__dataclass_fields__ if name in event}
    numbers = {name: _number(event[name]) for name in _NUMBERS}
    return Action(kind=event["event"], **{**fields, **numbers, "at": moment(event["at"])})


def _arm_from(body: Mapping[str, Any]) -> Arm:
    return Arm(
        **{
            **body,
            "share": float(body["share"]),
            "start_share": float(body["start_share"]),
            "ceiling": float(body["ceiling"]),
            "capital": _amount(body["capital"]),
            "created_at": moment(body["created_at"]),
            "held_share": float(body.get("held_share", 0)),
            **{name: _moment(body.get(name)) for name in _TIMES},
            "resumed_at": tuple(moment(time) for time in body["resumed_at"]),
        }
    )


def _amount(said: str | int | None) -> Money | None:
    """Text; earlier versions wrote whole units."""
    return Money(said) if isinstance(said, int) else None if said is None else money(said)


def _number(text: object) -> float | None:
    return None if text is None else float(str(text))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)
