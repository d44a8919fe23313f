"""An alert: what the other chain, Prometheus and Alertmanager, tells the desk."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tiltyard.facts.command import Verb
from tiltyard.kernel.clock import time_text

Status = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as Alertmanager tells it.

    Attributes:
        fingerprint: Of its labels.
        starts_at: When it began to fire, UTC: with the fingerprint, it names the episode.
        status: ``firing`` or ``resolved``.
        name: ``alertname``.
        guard: Name of the guard, or of the rule where no guard is behind it.
        policy: Whom it is about; empty for the account.
        summary: One line for people.
        is_test: It only tries the way.
    """

    fingerprint: str
    starts_at: datetime
    status: Status
    name: str
    guard: str = ""
    policy: str = ""
    summary: str = ""
    is_test: bool = False

    def key(self, verb: Verb) -> str:
        """Of the command that follows: one for each episode, however often it is told."""
        return f"alert {self.fingerprint} {time_text(self.starts_at)} {verb}"
