"""Half an hour after a halt it is known that nothing is open, or a person is paged.

Once when something is open, and once when nobody has said: then a mark may still tell that
something is.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from datetime import datetime

from tiltyard.actions.open_positions import LEFT_OPEN_AFTER, what_is_left
from tiltyard.checklist.judge import FRESH, Memory
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster
from tiltyard.facts.mark import LastMark
from tiltyard.market.paper import Position
from tiltyard.router.lifecycle import ONLY_LEAVES

LEFT_OPEN = "positions_left_open"


def left_open(
    roster: Roster,
    marks: Mapping[str, LastMark],
    on_floor: Mapping[str, Sequence[Position]],
    memories: MutableMapping[tuple[str, str], Memory],
    now: datetime,
) -> list[Action]:
    """The pages that are due now; that they were made is remembered beside the guards' memories.

    Args:
        roster: As it is.
        marks: The last of each arm.
        on_floor: What arms that the desk trades for itself hold.
        memories: What each guard remembers of each subject.
        now: UTC.
    """
    pages = []
    for arm in roster.arms.values():
        name, taken_at = arm.name, roster.taken_at(arm.name)
        if arm.state not in ONLY_LEAVES or taken_at is None:
            continue
        last, held = marks.get(name), on_floor.get(name)
        paged = memories.get((LEFT_OPEN, name), FRESH)
        reason = what_is_left(last, taken_at, held)
        is_blind = not held and (last is None or not last.left)
        has_said = arm.state == "retired" and is_blind  # who retired it says that nothing is open
        if has_said or now - taken_at < LEFT_OPEN_AFTER:
            continue
        was_told = paged.breach_since == taken_at and (is_blind or not paged.tripped_blindly)
        if not reason or was_told:
            continue
        memories[LEFT_OPEN, name] = Memory(
            breach_since=taken_at, tripped_at=now, tripped_blindly=is_blind
        )
        pages.append(Action("page", name, LEFT_OPEN, "enforce", now, reason=reason))
    return pages
