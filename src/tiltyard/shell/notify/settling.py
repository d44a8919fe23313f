"""What settles a page, beside a person who says that it was seen.

Whoever acknowledges the review of the same event, puts the arm on trial again, retires it or ends
the hold has seen it. A page that took nothing is settled when what it tells of is over.
"""

from collections.abc import Iterable, Iterator, Mapping

from tiltyard.actions.open_positions import what_is_left
from tiltyard.actions.record import Event
from tiltyard.checklist.judge import FRESH, Memory
from tiltyard.facts.action import DRILL, JOB
from tiltyard.facts.arm import Roster
from tiltyard.facts.mark import LastMark
from tiltyard.shell.left_open import LEFT_OPEN
from tiltyard.shell.store.page_table import Settled

_OF_THE_ARM: Mapping[str, str] = {
    "rearm": "it is on trial again", "resume": "it is back", "retire": "it is retired",
}  # fmt: skip
_OF_THE_HOLD: Mapping[str, str] = {
    "allow_entries": "stop_entries", "unfreeze_challengers": "freeze_challengers",
    "unfreeze_ramp": "freeze_ramp",
}  # fmt: skip


def settled_by(events: Iterable[Event]) -> Iterator[Settled]:
    """What was seen, by what was done; in its order, so that who was first stays.

    What was only observed, and not done, nobody has seen.
    """
    for event in events:
        if event.get("mode", "enforce") == "enforce" and (seen := _seen(event)) is not None:
            yield seen


def is_over(
    policy: str,
    cause: str,
    roster: Roster,
    marks: Mapping[str, LastMark],
    memories: Mapping[tuple[str, str], Memory],
) -> bool:
    """Whether what took nothing, and was worth a page, is over.

    Args:
        policy: The arm; empty for the account.
        cause: The guard, or what else it followed from.
        roster: As it is.
        marks: The last of each arm.
        memories: What each guard remembers of each subject; all of them.
    """
    if cause in (JOB, DRILL):
        return False  # a person looks at it
    if cause == LEFT_OPEN:
        taken_at = roster.taken_at(policy)
        return taken_at is not None and not what_is_left(marks.get(policy), taken_at)
    return memories.get((cause, policy), FRESH).tripped_at is None


def _seen(event: Event) -> Settled | None:
    kind, policy, cause = event["event"], event.get("policy", ""), event.get("cause", "")
    by = str(event.get("actor", "desk"))
    if kind == "acknowledge":
        how = f"review {event.get('number', '')} was acknowledged"
        return Settled(by, how, policy=policy, cause=cause)
    if kind in _OF_THE_ARM:
        return Settled(by, _OF_THE_ARM[kind], policy=policy)
    if kind in _OF_THE_HOLD:
        return Settled(by, "the hold was ended", event=_OF_THE_HOLD[kind], cause=cause)
    if kind == "crown":
        return Settled(by, f"{policy} is the champion", event="propose_rollback")
    return None
