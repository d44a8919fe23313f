"""What a host is given of the outside: clocks, who is told, and what is written of a run."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.jobs.host import World
from tiltyard.shell.jobs.outcome import JobOutcome, StepOutcome
from tiltyard.shell.jobs.paging import page_of
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.maintenance.report import Part, Report, write_report
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

    def finish(job: str, day: date, outcome: JobOutcome) -> None:
        if job == "weekly":
            page = write_report(_report(day, outcome), settings.jobs.path)
            say(f"the report of {day} is in {page}")

    return World(place, settings, config, system_now, steady_seconds, say, page, finish)


def _report(day: date, outcome: JobOutcome) -> Report:
    return Report(day, [Part.of_step(one.to_json()) for one in outcome.steps])
