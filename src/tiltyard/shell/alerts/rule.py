"""A rule of Prometheus: what it watches, and what its alert says when it fires."""

from dataclasses import dataclass
from typing import Literal

from tiltyard.checklist.guard import Severity
from tiltyard.facts.verdict import Mode, Scope

Group = Literal["guards", "unknown", "beside"]
"""Of the guards, of their being unknown, and beside them."""
REPORT, PAGE = "report", "page"
"""Effects of alerts that nothing but a message follows from; the second wakes somebody."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of Prometheus.

    Attributes:
        name: As PRODUCT and the checklist call it; several guards may share one.
        guard: Of the checklist, or the rule's own snake-case name.
        expression: Gives a series for each subject while it is so, with the labels ``desk`` and,
            for an arm, ``policy`` alone.
        seconds: So long it has to be so.
        severity: Of messages.
        effect: What the desk does about it by itself; see :data:`REPORT`.
        scope: Whom it is about.
        summary: One line, with policy and value; a template.
        description: Number against limit, what the desk does, the next step; a template.
        origin: Where it comes from, for whoever reads the file.
        mode: ``observe`` is for the record, and tells nobody.
        group: Where it stands in the file.
        unknown_guard: The guard that cannot be judged; empty where it is not about that.
        seconds_kept: So long it goes on when it is so no more.
    """

    name: str
    guard: str
    expression: str
    severity: Severity
    effect: str
    scope: Scope
    summary: str
    description: str
    origin: str
    seconds: int = 0
    mode: Mode = "enforce"
    group: Group = "guards"
    unknown_guard: str = ""
    seconds_kept: int = 0

    @property
    def told_as(self) -> Severity:
        """Its severity, now that nothing follows from what is only observed."""
        return "info" if self.mode == "observe" else self.severity
