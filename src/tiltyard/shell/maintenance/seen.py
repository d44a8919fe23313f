"""What was seen of one part of the house."""

from typing import Literal, NamedTuple

from tiltyard.kernel.errors import TiltyardError

State = Literal["ok", "attention", "unknown", "failed"]
STATES: tuple[State, ...] = ("ok", "attention", "unknown", "failed")
"""From the best to the worst."""


class Seen(NamedTuple):
    """How something is.

    Attributes:
        state: ``ok``; ``attention`` where a person should look; ``unknown`` where nobody can say,
            which is never ok; ``failed``.
        fact: What was seen.
        remedy: What to do; empty where there is nothing to do.
        code: Of the error that it is, where it is one.
    """

    state: State
    fact: str
    remedy: str = ""
    code: str = ""

    @classmethod
    def of(cls, error: TiltyardError, state: State = "failed") -> "Seen":
        """What an error says."""
        fact = f"{error.code} {error.subject}: {error.facts}"
        return cls(state, fact, error.remedy, error.code)
