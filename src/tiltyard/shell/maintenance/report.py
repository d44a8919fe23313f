"""The report of a run of the maintenance: what was done, how long it took, and what failed.

Comes in: what came of each task, in order, as the task itself or its process has told it. Goes
out: the same as text, as JSON and as a page, in the folder of the day below ``jobs.folder``.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Self

from tiltyard.kernel.clock import moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.note import write_whole

Json = Mapping[str, Any]
State = Literal["done", "failed", "skipped"]

TITLES = {
    "snapshot": "Snapshot of the house",
    "retrain": "Retraining",
    "optuna": "Sweep",
    "refresh": "Refresh of encoders",
    "purge": "Purge of stale policies",
    "cleanup": "Clean-up of models and database",
    "health": "A look at the house",
}
"""Of tasks, for people."""


class Part(NamedTuple):
    """What came of a task.

    Attributes:
        task: Its name.
        state: ``done``, ``failed``, or ``skipped`` where what it needs has failed.
        began_at: UTC; None where it was not begun.
        ended_at: UTC, likewise.
        lines: What it says, for people.
        told: The same as JSON values.
        faults: What went wrong, and what to do, for people.
    """

    task: str
    state: State
    began_at: datetime | None
    ended_at: datetime | None
    lines: tuple[str, ...] = ()
    told: Json = MappingProxyType({})
    faults: tuple[str, ...] = ()

    @classmethod
    def of(cls, done: Done, began_at: datetime, ended_at: datetime) -> Self:
        """A task that came to its end, though some of it may have failed."""
        state: State = "failed" if done.failed else "done"
        faults = tuple(map(str, done.failed))
        return cls(done.task, state, began_at, ended_at, done.lines, done.told, faults)

    @classmethod
    def kept_by(
        cls, error: TiltyardError, task: str, began_at: datetime, ended_at: datetime
    ) -> Self:
        """A task that an error kept from its end."""
        return cls(task, "failed", began_at, ended_at, faults=(str(error),))

    @classmethod
    def of_step(cls, step: Json) -> Self:
        """A step of a job, of which the task is a process: as the job has kept it.

        Args:
            step: With ``step``, ``state``, ``began_at``, ``ended_at``, ``said``, and in ``told``
                what ``tiltyard maintain … --json`` has printed, or None.
        """
        told = dict(step["told"]) if isinstance(step["told"], Mapping) else {}
        lines = tuple(map(str, told.pop("lines", ())))
        faults = tuple(str(one["text"]) for one in told.pop("failed", ()))
        if step["state"] != "done" and not faults:
            faults = (str(step["said"]) or "nothing is known of why",)
        return cls(
            step["step"], step["state"], _moment(step["began_at"]), _moment(step["ended_at"]),
            lines, told, faults,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """For people."""
        return TITLES.get(self.task, self.task)

    @property
    def took(self) -> str:
        """How long, for people; empty where it was not begun."""
        if self.began_at is None or self.ended_at is None:
            return ""
        return took_text(self.ended_at - self.began_at)


class Report(NamedTuple):
    """What came of a run.

    Attributes:
        day: The trading day that it was for.
        parts: Its tasks, in order.
    """

    day: date
    parts: Sequence[Part]

    @property
    def verdict(self) -> str:
        """What came of all, in a line."""
        if not self.parts:
            return "no task was begun"
        if len(self.parts) == 1:
            return WORDS[self.parts[0].state]
        counts = {state: sum(one.state == state for one in self.parts) for state in WORDS}
        if counts["done"] == len(self.parts):
            return f"all of {len(self.parts)} tasks done"
        told = (f"{count} {WORDS[state]}" for state, count in counts.items() if count)
        return f"of {len(self.parts)} tasks {', '.join(told)}"

    @property
    def span(self) -> str:
        """From when to when, and how long, for people; empty where nothing was begun."""
        began = [one.began_at for one in self.parts if one.began_at is not None]
        ended = [one.ended_at for one in self.parts if one.ended_at is not None]
        if not began or not ended:
            return ""
        first, last = min(began), max(ended)
        until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
        return f"{first:%Y-%m-%d %H:%M} to {until} UTC, {took_text(last - first)}"

    @property
    def faults(self) -> Iterator[tuple[Part, str]]:
        """What went wrong in which part."""
        return ((part, fault) for part in self.parts for fault in part.faults)


WORDS: Mapping[State, str] = {"done": "done", "failed": "failed", "skipped": "left out"}
"""Of states, for people."""


def report_text(report: Report) -> str:
    """The report as text."""
    lines = [f"Maintenance of {report.day}: {report.verdict}", report.span]
    faults = [f"  {part.task}: {fault}" for part, fault in report.faults]
    if faults:
        lines += ["", "What went wrong, and what to do:", *faults]
    for part in report.parts:
        took = f", {part.took}" if part.took else ""
        lines += ["", f"{part.title} ({part.task}): {WORDS[part.state]}{took}"]
        lines += [f"  {line}" for line in part.lines]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def report_json(report: Report) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "day": report.day.isoformat(),
        "verdict": report.verdict,
        "tasks": [
            {
                "task": part.task,
                "state": part.state,
                "began_at": None if part.began_at is None else time_text(part.began_at),
                "ended_at": None if part.ended_at is None else time_text(part.ended_at),
                "lines": list(part.lines),
                "told": dict(part.told),
                "faults": list(part.faults),
            }
            for part in report.parts
        ],
    }


def write_report(report: Report, folder: Path) -> Path:
    """Write the report as text, JSON and page, each whole or not at all; where the page lies.

    Args:
        report: What came of a run; an earlier report of the same day is replaced.
        folder: ``jobs.folder``.

    Raises:
        TiltyardError: ``NOTE_UNWRITABLE``.
    """
    from tiltyard.shell.pictures.maintenance_page import maintenance_page  # noqa: PLC0415 slow

    place = folder / report.day.isoformat()
    page = place / "report.html"
    write_whole(place / "report.txt", report_text(report))
    write_whole(place / "report.json", json.dumps(report_json(report), indent=2) + "\n")
    write_whole(page, maintenance_page(report))
    return page


def took_text(span: timedelta) -> str:
    """How long something took, in two units at most.

    >>> [took_text(timedelta(seconds=some)) for some in (0.4, 59, 125, 3_600, 15_300)]
    ['0 s', '59 s', '2 min 5 s', '1 h', '4 h 15 min']
    """
    seconds = int(span.total_seconds())
    if seconds >= HOUR:
        return _two(seconds // HOUR, "h", seconds % HOUR // MINUTE, "min")
    return _two(seconds // MINUTE, "min", seconds % MINUTE, "s")


MINUTE, HOUR = 60, 3_600


def _two(most: int, unit: str, rest: int, smaller: str) -> str:
    if not most:
        return f"{rest} {smaller}"
    return f"{most} {unit} {rest} {smaller}" if rest else f"{most} {unit}"


def _moment(text: str) -> datetime | None:
    return moment(text) if text else None
