"""In which state a guard is with a subject, in one word, for whoever watches from outside.

A verdict answers for one moment; the state also says what has come of it. ``tripped`` is a
confirmed breach whose effect follows, or is in force until it ends or a person ends it.
``breach`` is seen and not confirmed yet. ``warming`` has not been known yet, ``unknown`` was
known and is lost, and neither is a pass.

>>> from tiltyard.checklist.judge import FRESH
>>> state_of("unknown", FRESH, FRESH, is_in_force=False)
'warming'
"""

from typing import Literal, get_args

from tiltyard.checklist.judge import Memory
from tiltyard.facts.verdict import Answer

GuardState = Literal["pass", "breach", "tripped", "warming", "unknown", "error"]
GUARD_STATES: tuple[GuardState, ...] = get_args(GuardState)


def state_of(answer: Answer, remembered: Memory, seen: Memory, *, is_in_force: bool) -> GuardState:
    """The state of a guard with one subject.

    Args:
        answer: Of a look that nobody acts on.
        remembered: What the guard itself remembers, of what has been acted on.
        seen: What it would remember after the look.
        is_in_force: What it has done to the subject has not ended.
    """
    is_lost = seen.lost_since is not None
    if is_in_force and not (is_lost and remembered.tripped_blindly):
        return "tripped"
    if answer == "error":
        return "error"
    if is_lost:
        return "unknown"
    if answer == "breach":
        return "breach" if remembered.tripped_at is None else "tripped"
    return "pass" if answer == "pass" else "warming"
