"""The past as the audit tells it: who held how much traffic when, and what was done.

Comes in: a ledger. Goes out: a :class:`~tiltyard.shell.replaying.recording.Recording` for a page,
its curves from the trades, its traffic and its actions from the audit. In a database
that a replay kept, the past is what the last replay did, at the times of its trades; in
any other it begins with the first registration. Where nothing is recorded, nothing is
drawn.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import get_args

from tiltyard.actions.record import Event, action_from, fold
from tiltyard.facts.action import Action, Kind
from tiltyard.facts.arm import Roster
from tiltyard.kernel.clock import moment
from tiltyard.shell.desk import Desk
from tiltyard.shell.replaying.recording import Recording
from tiltyard.shell.replaying.scratch import ACTOR
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger

OTHERS = "other arms"
_KINDS = frozenset(get_args(Kind))

Traffic = list[tuple[datetime, dict[str, float]]]


def recorded(ledger: Ledger, settings: Settings, now: datetime) -> Recording:
    """The curves, the traffic and the actions of a ledger up to ``now``; nothing is done."""
    events = [json.loads(row.body) for row in ledger.audit()]
    traffic, actions = past(events, now)
    desk = Desk(settings, roster_at(ledger, now), measure_only=True)
    recording = Recording()
    for trade in ledger.trades(closed_by=now):
        desk.feed(trade)
        recording.note(desk, trade, [], was_live=trade.book == "live")
    recording.traffic, recording.actions = traffic, actions
    return recording


def past(events: Sequence[Event], until: datetime) -> tuple[Traffic, list[Action]]:
    """Traffic after every change, and every action, in the order of the audit."""
    starts = [index for index, event in enumerate(events) if event["event"] == "replay"]
    begin = starts[-1] if starts else 0
    roster = fold(event for event in events[:begin] if event["event"] in _KINDS)
    traffic: Traffic = []
    actions: list[Action] = []
    for at, event, roster in _rosters(events[begin:], roster):  # noqa: B020 the next one
        if at > until:
            break
        actions += _told(event, at)
        shares = {name: arm.share for name, arm in roster.arms.items()}
        if not traffic or traffic[-1][1] != shares:
            traffic.append((at, shares))
    return traffic, actions


def roster_at(ledger: Ledger, at: datetime) -> Roster:
    """Arms, shares, trials and reviews as of a time.

    Who is registered, and who was put on trial when a file came in, counts from the first
    trade on: the ledger learns of a policy after it has begun to trade.
    """
    events = (json.loads(row.body) for row in ledger.audit())
    return fold(event for event in events if _is_known_by(event, at))


def actions_of(event: Event) -> list[Action]:
    """The action that an event of the audit records, if it records one beside a registration."""
    is_action = event["event"] in _KINDS and event["event"] != "register"
    return [action_from(event)] if is_action else []


def only(recording: Recording, names: Sequence[str]) -> Recording:
    """The same past of these arms alone; what the others carry is one share."""
    kept = Recording()
    kept.paths = {name: path for name, path in recording.paths.items() if name in names}
    kept.actions = [action for action in recording.actions if action.policy in ("", *names)]
    for at, shares in recording.traffic:
        mine = {name: share for name, share in shares.items() if name in names}
        kept.traffic.append(
            (at, {**mine, OTHERS: round(sum(shares.values()) - sum(mine.values()), 9)})
        )
    return kept


def _is_known_by(event: Event, at: datetime) -> bool:
    joined = event["event"] == "register" or (event["event"] == "admit" and event["actor"] != ACTOR)
    return joined or (event["event"] in _KINDS and moment(event["at"]) <= at)


def _rosters(events: Iterable[Event], roster: Roster) -> Iterator[tuple[datetime, Event, Roster]]:
    for event in events:
        if event["event"] in _KINDS:
            roster = fold([event], roster)
        yield moment(event["at"]), event, roster


def _told(event: Event, at: datetime) -> list[Action]:
    if event["event"] == "register":
        arm = event["arm"]
        reason = f"as {arm['state']}"
        return [Action("register", arm["name"], "registration", "enforce", at, reason=reason)]
    return actions_of(event)
