"""A command: what a person or a script asks of whoever holds the lease, and what came of it.

Anyone may append one. It is carried out once, whoever carries it out, and its outcome is
kept beside it. One that gives somebody more is about the situation in which it was asked: it
stands for ten minutes, and no longer than until somebody asks for safety.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, get_args

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError

Verb = Literal[
    "halt",
    "throttle",
    "freeze",
    "stop_all",
    "rollback",
    "rearm",
    "resume",
    "retire",
    "acknowledge",
    "approve",
    "register",
    "scale",
    "page",
    "drill",
]

VERBS: tuple[Verb, ...] = get_args(Verb)

SAFETY: frozenset[Verb] = frozenset({"halt", "throttle", "freeze", "stop_all", "rollback"})
"""Verbs that are carried out before everything else in the queue."""

GIVING: frozenset[Verb] = frozenset(
    {"acknowledge", "rearm", "resume", "approve", "register", "scale"}
)
"""Verbs by which somebody gets more, or may get more then."""

EXPIRING: frozenset[Verb] = GIVING | {"drill"}
"""Verbs that are about the moment in which they were asked for."""

_TYPED: Mapping[str, str] = {"stop_all": "stop-all", "acknowledge": "review ack"}
"""What people type, where it is not the verb itself."""

LASTS = timedelta(minutes=10)
"""So long a command of :data:`EXPIRING` waits for somebody to carry it out."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is asked.

    Attributes:
        key: Unique; the same key asked twice is one command.
        verb: One word of :data:`Verb`.
        policy: Whom it is about; empty for everybody.
        actor: Who asks.
        reason: Why, in the actor's words.
        asked_at: UTC.
        arguments: Further values of the verb, as text.
        seq: Position in the ledger; 0 before it is appended.
        overtaken_by: Of one that gives and waits, the last that was asked for safety since.
        unreadable: What is wrong with one that was written by SQL; empty when nothing is.
    """

    key: str
    verb: Verb
    policy: str
    actor: str
    reason: str
    asked_at: datetime
    arguments: Mapping[str, str] = field(default_factory=dict)
    seq: int = 0
    overtaken_by: "Command | None" = None
    unreadable: str = ""

    def __str__(self) -> str:
        return f"{self.typed} {self.policy}".rstrip()

    @property
    def typed(self) -> str:
        """The verb as people type it."""
        return _TYPED.get(self.verb, self.verb)

    @property
    def expires_at(self) -> datetime | None:
        """From when on it is not carried out any more; None for never."""
        return self.asked_at + LASTS if self.verb in EXPIRING else None

    def refusal(self, now: datetime) -> TiltyardError | None:
        """Why nobody may carry it out; None while somebody may."""
        if self.unreadable:
            return TiltyardError(
                "COMMAND_UNREADABLE", str(self), self.unreadable, "ask again, by tiltyard itself"
            )
        return self.outlived(now)

    def outlived(self, now: datetime) -> TiltyardError | None:
        """Why it is not carried out any more; None while it is."""
        later = self.overtaken_by
        if later is not None:
            return TiltyardError(
                "COMMAND_OVERTAKEN", str(self), f"command {later.seq}, {later} by {later.actor}, "
                "was asked after it", "look at what that did, and ask again",
            )  # fmt: skip
        if self.expires_at is not None and now > self.expires_at:
            minutes = LASTS // timedelta(minutes=1)
            return TiltyardError(
                "COMMAND_EXPIRED", str(self), f"it was asked at {time_text(self.asked_at)}, and "
                f"after {minutes} min it is carried out no more",
                "ask again, if it is still wanted",
            )  # fmt: skip
        return None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command.

    Attributes:
        code: The error code when it was refused; empty when it was done.
        text: For the person who asked.
        at: UTC.
    """

    code: str
    text: str
    at: datetime

    @property
    def refused(self) -> bool:
        """Whether nothing was done."""
        return bool(self.code)


class CommandRefused(TiltyardError):  # noqa: N818 it is an answer
    """A command that was refused, in the words of whoever refused it.

    Args:
        outcome: What came of it.
    """

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code, "", outcome.text)

    def __str__(self) -> str:
        return self.facts
