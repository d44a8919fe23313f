"""How much what was done matters to people: by the guard that did it, and else by this table."""

from collections.abc import Mapping

from tiltyard.actions.record import Event
from tiltyard.checklist.guard import Checklist, Severity
from tiltyard.facts.action import CAUSES, PERSON

BY_CAUSE: Mapping[tuple[str, str], Severity] = {
    ("freeze_challengers", "deadman"): "critical",
    ("page", "positions_left_open"): "critical",
    ("halt", "rollback"): "warning",
    ("crown", "rollback"): "warning",
}
"""What follows from neither a guard nor a person's word alone."""
BY_KIND: Mapping[str, Severity] = {
    "halt": "warning", "throttle": "warning", "stop_entries": "warning",
    "freeze_challengers": "warning", "freeze_ramp": "warning", "page": "critical",
    "review": "warning", "propose_rollback": "critical", "propose_promotion": "warning",
    "crown": "warning", "refresh_encoder": "warning", "restart_learner": "warning",
    "resume": "info", "rearm": "info", "retire": "info", "admit": "info", "scale": "info",
    "register": "info", "acknowledge": "info", "expire_proposal": "info",
    "allow_entries": "info", "unfreeze_challengers": "info", "unfreeze_ramp": "info",
}  # fmt: skip
"""What people do, and what gives something back."""
GIVES_BACK = frozenset(
    {"resume", "acknowledge", "allow_entries", "unfreeze_challengers", "unfreeze_ramp"}
)
"""Follows from a guard as well, and is no alarm."""


def severity_of(event: Event, checklist: Checklist) -> Severity:
    """How much an event matters.

    Args:
        event: Of the audit.
        checklist: The one in force; a guard that it does not have counts as none.
    """
    kind, cause = str(event["event"]), str(event.get("cause", PERSON))
    by_alert = event.get("alert")  # what the desk has not seen itself is no less urgent
    if kind not in GIVES_BACK and (by_alert or cause not in CAUSES):
        for guard in checklist.guards:
            if by_alert == guard.alert if by_alert else guard.name == cause:
                return guard.severity
    return BY_CAUSE.get((kind, cause), BY_KIND.get(kind, "info"))
