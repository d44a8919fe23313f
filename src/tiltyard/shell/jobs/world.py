"""What a host is given of the outside: clocks, who is told, and what is written of a run."""

from collections.abc import Callable
from pathlib import Path

from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.jobs.host import World
from tiltyard.shell.jobs.outcome import JobOutcome, StepOutcome
from tiltyard.shell.jobs.paging import page_of
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.settings import Settings


def world_of(
    place: JobsPlace, settings: Settings, config: Path | None, *, say: Callable[[str], object]
) -> World:
    """The outside of whoever hosts the jobs of a ledger.

    Args:
        place: Where they are kept.
        settings: In force.
        config: Their file; None for the usual one.
        say: Told each step that begins and ends, for people.
    """

    def page(run: str, outcome: StepOutcome) -> None:
        page_of(place, settings, run, outcome)

    return World(place, settings, config, system_now, steady_seconds, say, page, _nothing)


def _nothing(_run: str, _job: str, _outcome: JobOutcome) -> None:
    """Nothing is written of it beyond the record of jobs."""
