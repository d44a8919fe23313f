"""What settles a page, beside a person who says that it was seen.

Whoever acknowledges the review of the same event, puts the arm on trial again, retires it or ends
the hold has seen it. A page that took nothing is settled when what it tells of is over.
"""

from collections.abc import Iterable, Mapping

from tiltyard.actions.open_positions import what_is_left
from tiltyard.actions.record import Event
from tiltyard.checklist.judge import FRESH, Memory
from tiltyard.facts.arm import Roster
from tiltyard.facts.mark import LastMark
from tiltyard.shell.left_open import LEFT_OPEN
from tiltyard.shell.store.page_table import Page

_OF_THE_ARM: Mapping[str, str] = {
    "rearm": "it is on trial again", "resume": "it is back", "retire": "it is retired",
}  # fmt: skip
_OF_THE_HOLD: Mapping[str, str] = {
    "allow_entries": "stop_entries", "unfreeze_challengers": "freeze_challengers",
    "unfreeze_ramp": "freeze_ramp",
}  # fmt: skip


def settled_by(page: Page, events: Iterable[Event]) -> tuple[str, str] | None:
    """Who has settled a page, and how; None when nothing that was done did."""
    for event in events:
        if how := _how(page, event):
            return str(event.get("actor", "desk")), how
    return None


def is_over(
    page: Page,
    roster: Roster,
    marks: Mapping[str, LastMark],
    memories: Mapping[tuple[str, str], Memory],
) -> bool:
    """Whether a page that took nothing tells of what is over.

    Args:
        page: An open one.
        roster: As it is.
        marks: The last of each arm.
        memories: What each guard remembers of each subject; all of them.
    """
    if page.event != "page":
        return False
    if page.cause == LEFT_OPEN:
        taken_at = roster.taken_at(page.policy)
        return taken_at is not None and not what_is_left(marks.get(page.policy), taken_at)
    return memories.get((page.cause, page.policy), FRESH).tripped_at is None


def _how(page: Page, event: Event) -> str:
    kind, policy = event["event"], event.get("policy", "")
    if kind == "acknowledge" and (policy, event["cause"]) == (page.policy, page.cause):
        return f"review {event.get('number', '')} was acknowledged"
    if kind in _OF_THE_ARM and policy == page.policy:
        return _OF_THE_ARM[kind]
    if _OF_THE_HOLD.get(kind) == page.event and event.get("cause") == page.cause:
        return "the hold was ended"
    if kind == "crown" and page.event == "propose_rollback":
        return f"{policy} is the champion"
    return ""
