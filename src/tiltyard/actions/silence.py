"""The dead man's switch: when nobody judges any more, only the champion trades on."""

from datetime import datetime

from tiltyard.facts.action import Action

DEADMAN = "deadman"
"""The cause of what follows from silence; a person ends it."""


def freeze_in_silence(now: datetime, reason: str) -> Action:
    """Take the traffic of every challenger."""
    return Action("freeze_challengers", "", DEADMAN, "enforce", now, reason=reason)
