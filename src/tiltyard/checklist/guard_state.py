"""In which state a guard is with a subject, in one word, for whoever watches from outside.

A verdict answers for one moment; the state also says what has come of it. ``tripped`` is a
confirmed breach whose effect follows, or is in force until it ends or a person ends it.
``breach`` is seen and not confirmed yet, or was confirmed before a person re-armed the arm: who
decided later has seen more. ``warming`` has not been known yet, ``unknown`` was
known and is lost, and neither is a pass.

>>> from tiltyard.checklist.judge import FRESH
>>> state_of("unknown", FRESH, FRESH, is_in_force=False)
'warming'
"""

from datetime import datetime
from typing import Literal, get_args

from tiltyard.checklist.judge import Memory
from tiltyard.facts.verdict import Answer

GuardState = Literal["pass", "breach", "tripped", "warming", "unknown", "error"]
GUARD_STATES: tuple[GuardState, ...] = get_args(GuardState)


def state_of(
    answer: Answer,
    remembered: Memory,
    seen: Memory,
    *,
    is_in_force: bool,
    began_at: datetime | None = None,
) -> GuardState:
    """The state of a guard with one subject.

    Args:
        answer: Of a look that nobody acts on.
        remembered: What the guard itself remembers, of what has been acted on.
        seen: What it would remember after the look.
        is_in_force: What it has done to the subject has not ended.
        began_at: When the arm's trial began, or began anew; None for the account.
    """
    is_lost = seen.lost_since is not None
    if is_in_force and not (is_lost and remembered.tripped_blindly):
        return "tripped"
    if answer == "error":
        return "error"
    if is_lost:
        return "unknown"
    if answer == "breach":
        tripped_at = remembered.tripped_at
        counts = tripped_at is not None and (began_at is None or tripped_at > began_at)
        return "tripped" if counts else "breach"
    return "pass" if answer == "pass" else "warming"
