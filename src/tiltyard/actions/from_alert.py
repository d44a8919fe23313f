"""What follows from an alert that comes back to the desk.

The desk judges by itself and first. Should its own judgement be broken, the other chain still
sees what Prometheus has scraped, and its alert becomes the command that a person would type. An
alert may only take: it halts, throttles, freezes or stops entries, and whatever ends those is for
people. What is done is the checklist's word, not the alert's. An alert that is not its guard's own,
such as one that the guard's value is unknown, or that speaks of nobody the desk knows or judges,
is written down, and nothing follows. Nor does anything follow from one that ended or is a test.

What was given back is not taken again for the same breach. An arm got it back when its trial
began anew, by a person or by the desk; everybody, when a person ended the hold that this guard had
put on. Where the desk's own guard has tripped, it says which breach it is: one that it has known
since before was seen by whoever gave back, however often the alert begins anew after a gap in
scraping, and a later one is another. Where it has tripped on nothing, or only because its value
was lost, an alert that began before was seen, and one that began after acts.

The same alert told again is the same command.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from tiltyard.actions.silence import DEADMAN
from tiltyard.checklist.guard import Checklist, Effect, Guard
from tiltyard.checklist.judge import FRESH, Memory
from tiltyard.facts.alert import Alert
from tiltyard.facts.arm import Roster, State
from tiltyard.facts.command import Verb
from tiltyard.kernel.clock import time_text
from tiltyard.router.lifecycle import ONLY_LEAVES, TRADING

VERB_OF: Mapping[Effect, Verb] = {
    "halt": "halt",
    "throttle": "throttle",
    "freeze_challengers": "freeze",
    "stop_entries": "stop_all",
}
"""What is asked for where a guard's effect takes something; from the others, nothing follows."""

_MAY_LOSE: Mapping[Verb, frozenset[State]] = {
    "halt": TRADING | {"throttled"},
    "throttle": TRADING,
}
"""Whom the desk itself would take something from by a verb."""

_FOR_EVERYBODY: frozenset[Verb] = frozenset({"freeze", "stop_all"})


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


class Known(NamedTuple):
    """What the desk knows, beside its roster.

    Attributes:
        memories: What each guard remembers of each subject; the account's is empty.
        ended: When a hold was last ended, by the name under which it ends, UTC.
    """

    memories: Mapping[tuple[str, str], Memory]
    ended: Mapping[str, datetime]


def answer(
    alert: Alert, checklist: Checklist, roster: Roster, known: Known, *, observes: bool = False
) -> Answer:
    """What follows from an alert as things stand.

    Args:
        alert: As it was told.
        checklist: In force.
        roster: As it stands.
        known: What the desk knows, beside its roster.
        observes: The desk changes nothing.
    """
    named = (one for one in checklist.guards if (one.name, one.alert) == (alert.guard, alert.name))
    guard = next(named, None)
    why = _why_nothing(alert, guard, observes=observes)
    if guard is None or why:
        return Answer(None, "", why)
    verb = VERB_OF[guard.effect]
    if verb in _FOR_EVERYBODY:
        policy, why = "", _why_not_everybody(alert, guard, verb, roster, known)
    else:
        policy, why = alert.policy, _why_not_that_one(alert, guard, verb, roster, known)
    return Answer(None, "", why) if why else Answer(verb, policy, alert.summary or alert.name)


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


def _why_not_everybody(alert: Alert, guard: Guard, verb: Verb, roster: Roster, known: Known) -> str:
    if guard.scope != "account" and (why := _why_not_judged(alert, guard, roster)):
        return why
    by = roster.challengers_frozen_by if verb == "freeze" else roster.entries_stopped_by
    lasting = by - {DEADMAN}  # who ends that hold knows of the silence alone
    if lasting:
        return f"that is so already, by {', '.join(sorted(lasting))}"
    subject = "" if guard.scope == "account" else alert.policy
    memory = known.memories.get((guard.name, subject), FRESH)
    return _why_not_again(
        alert, memory, known.ended.get(guard.name), "a person has ended that hold"
    )


def _why_not_that_one(alert: Alert, guard: Guard, verb: Verb, roster: Roster, known: Known) -> str:
    if why := _why_not_judged(alert, guard, roster):
        return why
    arm = roster.arms[alert.policy]
    if arm.state not in _MAY_LOSE[verb]:
        return f"it is {arm.state} already"
    memory = known.memories.get((guard.name, arm.name), FRESH)
    return _why_not_again(alert, memory, arm.trial_started_at, "its trial began anew")


def _why_not_judged(alert: Alert, guard: Guard, roster: Roster) -> str:
    """Why the desk asks no such guard about this policy; empty where it does."""
    arm = roster.arms.get(alert.policy)
    if arm is None:
        return "the desk knows no policy of this name"
    if (arm.role == "champion") != (guard.scope == "champion"):
        return f"the guard is for scope {guard.scope}, and it is the {arm.role} now"
    if arm.role == "champion" or arm.state in TRADING or arm.state == "throttled":
        return ""
    has_lost = arm.state in ONLY_LEAVES
    return f"it is {arm.state}{' already' if has_lost else ', and has no traffic to lose'}"


def _why_not_again(alert: Alert, memory: Memory, given_at: datetime | None, given: str) -> str:
    """Why it is not taken again; empty where nobody has given back in sight of this breach."""
    if given_at is None:
        return ""
    tripped_at = None if memory.tripped_blindly else memory.tripped_at
    if tripped_at is not None:  # the desk knows better than an alert when this breach began
        if tripped_at > given_at:
            return ""
        tripped = f"the desk has known this breach since {time_text(tripped_at)}"
        return f"{tripped}, and {given} after that, at {time_text(given_at)}"
    if alert.starts_at <= given_at:
        return f"{given} since it began, at {time_text(given_at)}"
    return ""
