"""A verdict: what a guard answered about a subject at a time, and from which facts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tiltyard.kernel.undefined import Reading

Answer = Literal["pass", "breach", "unknown", "error"]
Scope = Literal["arm", "champion", "account"]
Mode = Literal["observe", "enforce"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A guard's answer. Only ``pass`` is a pass.

    Attributes:
        guard: Name of the guard.
        scope: ``arm``, ``champion`` or ``account``.
        subject: The policy, or the account.
        answer: ``pass``, ``breach``, ``unknown`` (the value is not known) or ``error``.
        reading: The value judged.
        limit: The number it was compared with; None when that is unknown too.
        confirmed: The breach has lasted as long as the guard wants.
        tripped: First confirmed verdict of this breach episode: now something follows.
        cleared: The value is back beyond the clear level.
        escalated: Unknown for so long that the guard acts as if breached.
        reason: One sentence part for people.
        at: When it was judged, UTC.
        up_to_seq: The last ledger position it had seen.
    """

    guard: str
    scope: Scope
    subject: str
    answer: Answer
    reading: Reading
    limit: float | None
    confirmed: bool
    tripped: bool
    cleared: bool
    escalated: bool
    reason: str
    at: datetime
    up_to_seq: int
