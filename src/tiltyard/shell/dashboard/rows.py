"""Everything that the dashboard shows, from top to bottom."""

from collections.abc import Iterator

from tiltyard.checklist.guard import Checklist
from tiltyard.shell.dashboard.of_arms import arm_rows
from tiltyard.shell.dashboard.of_desk import desk_rows
from tiltyard.shell.dashboard.of_guards import checklist_rows
from tiltyard.shell.dashboard.panel import Row


def every_row(checklist: Checklist, deadman: float) -> Iterator[Row]:
    """The rows of the dashboard.

    Args:
        checklist: Whose bands and flags are shown.
        deadman: Seconds without a judgement that are too long.
    """
    yield from checklist_rows(checklist)
    yield from arm_rows(checklist)
    yield from desk_rows(checklist, deadman)
