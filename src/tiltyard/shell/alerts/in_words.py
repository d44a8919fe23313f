"""What an alert of a guard says to people, as templates of Prometheus.

``summary`` is what a phone shows first: whom, what, the number against its limit. ``description``
says what the desk does by itself, and what to look at. Numbers are those of the series, with units.
"""

from collections.abc import Mapping

from tiltyard.checklist.guard import Guard
from tiltyard.metrics.catalogue import BEHIND_A_NUMBER, spec_of
from tiltyard.shell.alerts.of_guard import asks_whether_up, why_by_state, worst
from tiltyard.shell.alerts.sight import Sight
from tiltyard.shell.exporter.series import series_of

POLICY, DESK = "{{ $labels.policy }}", "{{ $labels.desk }}"
DOES: Mapping[str, str] = {
    "halt": "The desk halts it by itself: no traffic, positions only reduced, until a person "
    "re-arms it.",
    "throttle": "The desk throttles it by itself: no traffic, its shadow book goes on, a review "
    "is open.",
    "stop_entries": "The desk stops the entries of every arm by itself, until a person resumes.",
    "freeze_challengers": "The desk takes every challenger to 0 % by itself, until a person "
    "resumes.",
    "freeze_ramp": "The desk lets nobody's share grow meanwhile.",
    "refresh_encoder": "The desk asks for a refresh of the encoder tonight.",
    "restart_learner": "The desk asks for a restart of the learner.",
    "propose_rollback": "The desk proposes a rollback; a person carries it out.",
    "review": "The desk opens a review; the arm keeps its traffic.",
    "page": "The desk does nothing else by itself.",
}


def whom(guard: Guard) -> str:
    """Whom it is about."""
    return DESK if guard.scope == "account" else POLICY


def summary(guard: Guard, sight: Sight) -> str:
    """One line, with policy and value."""
    if asks_whether_up(guard):
        return f"{DESK}: the desk does not answer"
    value = _looked_up(guard, sight) if why_by_state(guard) else f"{{{{ $value{_form(guard)} }}}}"
    if spec_of(guard.metric).unit == "flag":
        said = guard.name.replace("_", " ")
        return f"{whom(guard)}: {said}: {guard.metric} is {value} (flag: {limit(guard)})"
    return f"{whom(guard)}: {spec_of(guard.metric).meaning}: {value} (flag: {limit(guard)})"


def description(guard: Guard) -> str:
    """What it means, what the desk does, and the next step."""
    if asks_whether_up(guard):
        return (
            "Prometheus gets no answer from the desk. Bots keep the champion's share, and stop "
            "giving challengers any. Look: tiltyard doctor"
        )
    does = DOES[guard.effect] if guard.mode == "enforce" else "Nothing follows: mode observe."
    return f"{condition(guard)} {does} Look: {look(guard)}"


def condition(guard: Guard) -> str:
    """The breach in a sentence."""
    also = f" and {guard.only_if[0]} {guard.only_if[1]}" if guard.only_if else ""
    lasting = "" if str(guard.confirm) == "immediate" else f", {guard.confirm}"
    return f"{guard.name}: {guard.metric} {limit(guard)}{also}{lasting}."


def look(guard: Guard) -> str:
    """The command that shows more."""
    return "tiltyard report" if guard.scope == "account" else f"tiltyard report {POLICY} --trades"


def limit(guard: Guard) -> str:
    """The limit as the checklist has it, with its unit."""
    unit = "" if guard.when.metric else BEHIND_A_NUMBER.get(spec_of(guard.metric).unit, "")
    return f"{guard.when}{unit}"


def _form(guard: Guard) -> str:
    family = series_of(guard.metric).family
    if family.endswith("_ratio"):
        return " | humanizePercentage"
    if family.endswith("_seconds"):
        return " | humanizeDuration"
    digits = "%.2f" if spec_of(guard.metric).unit == "currency" else "%.4g"
    return f' | printf "{digits}"'


def _looked_up(guard: Guard, sight: Sight) -> str:
    """The number of a guard whose alert goes by its state."""
    if series_of(guard.metric).of_arms == (guard.scope == "account"):
        query = f"`{_of_any(guard, sight)}`"
    elif guard.scope == "account":
        query = f"`{worst(guard, sight)}`"
    else:
        own = worst(guard, sight).replace(f'desk="{sight.desk}"', f'desk="{sight.desk}",policy=%q')
        query = f"printf `{own}` $labels.policy"
    found = f"{{{{ . | first | value{_form(guard)} }}}}"
    return f"{{{{ with {query} | query }}}}{found}{{{{ else }}}}not shown{{{{ end }}}}"


def _of_any(guard: Guard, sight: Sight) -> str:
    pick = "max" if guard.when.sign.startswith((">", "=")) else "min"
    return f"{pick} ({series_of(guard.metric).selector(desk=sight.desk)})"
