"""Positions that are open half an hour after their arm was halted: a person is paged, once."""

from collections.abc import Mapping, MutableMapping
from datetime import datetime

from tiltyard.actions.open_positions import LEFT_OPEN_AFTER
from tiltyard.checklist.judge import Memory
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.mark import Mark

LEFT_OPEN = "positions_left_open"


def left_open(
    roster: Roster,
    marks: Mapping[str, Mark],
    memories: MutableMapping[tuple[str, str], Memory],
    now: datetime,
) -> list[Action]:
    """The pages that are due now; that they were made is remembered beside the guards' memories.

    Args:
        roster: As it is.
        marks: The last of each arm.
        memories: What each guard remembers of each subject.
        now: UTC.
    """
    pages = []
    for name, mark in marks.items():
        arm, taken_at = roster.arms.get(name), roster.taken_at(name)
        if arm is None or arm.state != "halted" or taken_at is None or not mark.open_positions:
            continue
        paged = memories.get((LEFT_OPEN, name))
        if now - taken_at < LEFT_OPEN_AFTER or (paged and paged.breach_since == taken_at):
            continue
        memories[LEFT_OPEN, name] = Memory(breach_since=taken_at, tripped_at=now)
        reason = f"{mark.open_positions} positions are open 30 min after the halt"
        pages.append(Action("page", name, LEFT_OPEN, "enforce", now, reason=reason))
    return pages
