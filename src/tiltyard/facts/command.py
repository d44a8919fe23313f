"""A command: what a person or a script asks of whoever holds the lease, and what came of it.

Anyone may append one. It is carried out once, whoever carries it out, and its outcome is
kept beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

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
]

VERBS: tuple[Verb, ...] = get_args(Verb)

SAFETY: frozenset[Verb] = frozenset({"halt", "throttle", "freeze", "stop_all", "rollback"})
"""Verbs that are carried out before everything else in the queue."""

HOLDING: frozenset[Verb] = frozenset({"freeze", "stop_all"})
"""Those of them that last until somebody asks to ``resume``."""


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
    """

    key: str
    verb: Verb
    policy: str
    actor: str
    reason: str
    asked_at: datetime
    arguments: Mapping[str, str] = field(default_factory=dict)
    seq: int = 0


def in_turn(waiting: Sequence[Command]) -> tuple[list[Command], list[Command]]:
    """Which commands go before everything else, and which after; each in the order asked.

    Those for safety go first. A ``resume`` that was asked before a hold goes before it: it
    must not end what was asked for later.
    """
    last_hold = max((one.seq for one in waiting if one.verb in HOLDING), default=0)
    first = [
        one
        for one in waiting
        if one.verb in SAFETY or (one.verb == "resume" and one.seq < last_hold)
    ]
    return first, [one for one in waiting if one not in first]


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
