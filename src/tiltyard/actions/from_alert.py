"""What follows from an alert that comes back to the desk.

The desk judges by itself and first. Should its own judgement be broken, the other chain still
sees what Prometheus has scraped, and its alert becomes the command that a person would type. An
alert may only take: it halts, throttles, freezes or stops entries, and whatever ends those is for
people. What is done is the checklist's word, not the alert's. An alert that is not its guard's own,
such as one that the guard's value is unknown, or that speaks of nobody the desk knows, is written
down, and nothing follows. Nor does anything follow from one that ended, that is a test, or that
began before a person or the desk gave back what it would take: who decided later has seen more.
The same alert told again is the same command.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from tiltyard.checklist.guard import Checklist, Effect, Guard
from tiltyard.facts.alert import Alert
from tiltyard.facts.arm import Roster, State
from tiltyard.facts.command import Verb
from tiltyard.kernel.clock import time_text
from tiltyard.router.lifecycle import ONLY_LEAVES

VERB_OF: Mapping[Effect, Verb] = {
    "halt": "halt",
    "throttle": "throttle",
    "freeze_challengers": "freeze",
    "stop_entries": "stop_all",
}
"""What is asked for where a guard's effect takes something; from the others, nothing follows."""

_HAS_LOST: Mapping[Verb, frozenset[State]] = {
    "halt": ONLY_LEAVES,
    "throttle": ONLY_LEAVES | {"throttled"},
}
"""Who has nothing left that a verb could take."""


class Answer(NamedTuple):
    """What follows from an alert.

    Attributes:
        verb: What is asked for; None when nothing is.
        policy: Of whom; empty for everybody.
        said: Why, or why nothing, for people.
    """

    verb: Verb | None
    policy: str
    said: str


def answer(
    alert: Alert,
    checklist: Checklist,
    roster: Roster,
    *,
    resumed_at: datetime | None,
    observes: bool = False,
) -> Answer:
    """What follows from an alert as things stand.

    Args:
        alert: As it was told.
        checklist: In force.
        roster: As it stands.
        resumed_at: When a person last ended a hold; None for never.
        observes: The desk changes nothing.
    """
    named = (one for one in checklist.guards if (one.name, one.alert) == (alert.guard, alert.name))
    guard = next(named, None)
    why = _why_nothing(alert, guard, observes=observes)
    if guard is None or why:
        return Answer(None, "", why)
    verb, summary = VERB_OF[guard.effect], alert.summary or alert.name
    if guard.scope == "account":
        why = _why_not_everybody(alert, verb, roster, resumed_at)
        return Answer(None, "", why) if why else Answer(verb, "", summary)
    why = _why_not_that_one(alert, guard, verb, roster)
    return Answer(None, "", why) if why else Answer(verb, alert.policy, summary)


def _why_nothing(alert: Alert, guard: Guard | None, *, observes: bool) -> str:
    if alert.is_test:
        return "a test"
    if alert.status == "resolved":
        return "it is over; what was taken comes back by the desk or a person alone"
    if guard is None:
        return "no guard of the checklist is called so"
    if observes or guard.mode == "observe":
        return "it is observed only"
    return "" if guard.effect in VERB_OF else f"{guard.effect} is for the desk and for people"


def _why_not_everybody(
    alert: Alert, verb: Verb, roster: Roster, resumed_at: datetime | None
) -> str:
    if resumed_at is not None and alert.starts_at <= resumed_at:
        return f"a person has ended a hold since it began, at {time_text(resumed_at)}"
    by = roster.challengers_frozen_by if verb == "freeze" else roster.entries_stopped_by
    return f"that is so already, by {', '.join(sorted(by))}" if by else ""


def _why_not_that_one(alert: Alert, guard: Guard, verb: Verb, roster: Roster) -> str:
    arm = roster.arms.get(alert.policy)
    if arm is None:
        return "the desk knows no policy of this name"
    if (arm.role == "champion") != (guard.scope == "champion"):
        return f"the guard is for scope {guard.scope}, and it is the {arm.role} now"
    began = arm.trial_started_at
    if began is not None and alert.starts_at <= began:
        return f"its trial began anew since, at {time_text(began)}"
    without = _HAS_LOST[verb]
    return f"it is {arm.state} already" if arm.state in without else ""
