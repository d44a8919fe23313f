"""Every rule that a checklist gives, in the order in which a person reads them.

>>> from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
>>> [alert.name for alert in alerts(DEFAULT_CHECKLIST, 60, "tiltyard")][:2]
['AccountDrawdownHigh', 'ChallengerDrawdownHigh']
"""

from collections.abc import Sequence

from tiltyard.checklist.guard import Checklist, Guard
from tiltyard.shell.alerts.beside_guards import beside_guards
from tiltyard.shell.alerts.in_words import description, summary
from tiltyard.shell.alerts.of_guard import (
    asks_whether_up,
    expression,
    seconds,
    seconds_kept,
    why_by_state,
)
from tiltyard.shell.alerts.rule import Rule
from tiltyard.shell.alerts.sight import Sight
from tiltyard.shell.alerts.unknown import guard_unknown


def alerts(checklist: Checklist, deadman: float, desk: str) -> Sequence[Rule]:
    """The guards' alerts, GuardUnknown of every guard, and those beside the guards.

    Args:
        checklist: Guards without an alert's name have none, but GuardUnknown.
        deadman: Seconds without a judgement after which challengers have nothing.
        desk: The label of everything that is scraped from the desk.
    """
    sight = Sight(desk)
    guards = checklist.guards
    return [
        *(_of(guard, sight) for guard in guards if guard.alert),
        *(guard_unknown(guard, sight) for guard in guards if not asks_whether_up(guard)),
        *beside_guards(guards, deadman, sight),
    ]


def downtime(checklist: Checklist) -> Sequence[str]:
    """The alerts that say that the desk does not answer."""
    return sorted({one.alert for one in checklist.guards if one.alert and asks_whether_up(one)})


def _of(guard: Guard, sight: Sight) -> Rule:
    reason = why_by_state(guard)
    by_state = f"\nby the desk's own word: {reason}" if reason else ""
    return Rule(
        guard.alert,
        guard.name,
        expression(guard, sight),
        guard.severity,
        guard.effect,
        guard.scope,
        summary(guard, sight),
        description(guard),
        f"guard {guard.name}: {guard.metric} {guard.when}{by_state}",
        seconds(guard),
        guard.mode,
        seconds_kept=seconds_kept(guard),
    )
