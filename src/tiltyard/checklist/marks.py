"""How old a mark may be where positions are valued once in an interval.

A mark is as fresh as there can be one until the next is due; from then on its age counts.
"""

from dataclasses import replace
from datetime import timedelta

from tiltyard.checklist.guard import Checklist
from tiltyard.metrics.catalogue import DRAWDOWNS


def marked_every(checklist: Checklist, interval: timedelta) -> Checklist:
    """The same checklist, whose guards wait for a mark one interval longer.

    Args:
        checklist: As it is declared.
        interval: Between two marks.
    """
    seconds = int(interval.total_seconds())
    guards = tuple(
        replace(guard, stale_after=guard.stale_after + seconds)
        if guard.metric in DRAWDOWNS and guard.stale_after
        else guard
        for guard in checklist.guards
    )
    return replace(checklist, guards=guards)
