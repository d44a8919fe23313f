"""The dead man's switch: when nobody judges any more, only the champion trades on."""

from datetime import datetime

from tiltyard.actions.apply import apply
from tiltyard.facts.action import Action
from tiltyard.facts.arm import Roster

DEADMAN = "deadman"
"""The cause of what follows from silence; a person ends it."""


def freeze_in_silence(now: datetime, reason: str) -> Action:
    """Take the traffic of every challenger."""
    return Action("freeze_challengers", "", DEADMAN, "enforce", now, reason=reason)


def without_challengers(roster: Roster, now: datetime) -> Roster:
    """The roster as it is to be taken while nobody judges."""
    return apply(roster, freeze_in_silence(now, "the desk is silent"))
