"""GuardUnknown: a guard cannot say whether all is well, and nobody may take that for a pass.

It fires for one that was known and is lost, or in error, by the desk's word; for a series that
is no number; for an arm with traffic of which the guard's number is not shown though the desk
does not say that it is still warming up; and for a guard of the account that the desk does not
know, because it runs by another checklist. Of what nobody has ever reported it says nothing, and
nothing of an arm that waits to be admitted or is halted, of which no guard is asked.

What follows is what the guard's ``on_unknown`` says, so that is the alert's effect. Its label
``guard`` is a name of its own, and ``unknown_guard`` the guard's: whoever takes the alert for that
of the guard itself would halt where nobody knows anything.
"""

from tiltyard.checklist.guard import Guard, Severity
from tiltyard.shell.alerts.in_words import look, whom
from tiltyard.shell.alerts.of_guard import LOST
from tiltyard.shell.alerts.rule import Rule
from tiltyard.shell.alerts.sight import ROLES, Sight, subject
from tiltyard.shell.exporter.series import series_of

NAME, OWN = "GuardUnknown", "guard_unknown"
FOR = 60
"""Seconds, so that a desk that is being started is not unknown."""
_DOES = {
    "report": "Nothing is taken from anybody because of it.",
    "page": "Nothing is taken from anybody because of it.",
    "freeze_ramp": "The desk lets no share grow meanwhile.",
    "freeze_ramp_then_throttle": "The desk lets its share not grow, and throttles it 15 minutes "
    "after the value was lost.",
}


def guard_unknown(guard: Guard, sight: Sight) -> Rule:
    """The alert of a guard that cannot be judged."""
    does = _DOES[guard.on_unknown] if guard.mode == "enforce" else "Nothing follows: mode observe."
    return Rule(
        NAME,
        OWN,
        _expression(guard, sight),
        _severity(guard),
        guard.on_unknown,
        guard.scope,
        f"{whom(guard)}: {guard.name} is unknown",
        f"{guard.metric} is lost, is no number, or is not shown: nobody knows whether it is "
        f"{guard.when}. {does} Look: {look(guard).removesuffix(' --trades')}",
        f"guard {guard.name}: on_unknown {guard.on_unknown}",
        FOR,
        guard.mode,
        "unknown",
        guard.name,
    )


def _severity(guard: Guard) -> Severity:
    if guard.hard or guard.on_unknown == "page":
        return "critical"
    return "info" if guard.severity == "info" else "warning"


def _expression(guard: Guard, sight: Sight) -> str:
    by, shown = subject(guard.scope), series_of(guard.metric)
    parts = [sight.state(guard.name, guard.scope, *LOST)]
    is_of_subject = guard.scope == "account" or shown.of_arms
    if is_of_subject:
        series = sight.series(shown, guard.scope)
        parts.append(f"count by ({by}) ({series} != {series})")
    if guard.scope == "account":
        beat = sight.most("tiltyard_heartbeat_timestamp_seconds", by)
        known = sight.selector("tiltyard_guard_state", guard=guard.name)
        parts.append(f"{beat}\n  unless max by ({by}) ({known})")
    elif is_of_subject:
        traffic = "tiltyard_traffic_allocation_ratio"
        parts.append(
            f"{sight.most(traffic, by, role=ROLES[guard.scope])} > 0\n"
            f"  unless count by ({by}) ({series})\n"
            f"  unless {sight.state(guard.name, guard.scope, 'warming')}"
        )
    anybody = "\nor ".join(parts)
    return f"({anybody})\nunless {sight.idle()}" if guard.scope == "arm" else anybody
