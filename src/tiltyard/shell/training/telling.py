"""How far a training is, for people: a live line, or plain lines in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from tiltyard.learners.job import Step

PLAINLY_EVERY = 5.0
"""Seconds between two lines where there is no terminal; the end of a stage has one always."""
HOURLY = 3_600


class Pace:
    """How fast samples are learnt from, by what was told since a stage began.

    Args:
        steady: Seconds on a clock that is never set.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._stage, self._since, self._from = "", 0.0, 0

    def see(self, step: Step) -> tuple[float, float] | None:
        """Samples a second, and seconds that it and its like take still; None with its first."""
        now = self._steady()
        if step.stage != self._stage:
            self._stage, self._since, self._from = step.stage, now, step.done
            return None
        took, done = now - self._since, step.done - self._from
        if took <= 0 or done <= 0:
            return None
        pace = done / took
        return pace, (max(0, step.of - step.done) + step.after) / pace


def step_text(step: Step, pace: tuple[float, float] | None) -> str:
    """A step in one line.

    >>> step_text(Step("encoder", 500, 1000, {"epoch": 3.0, "loss": 0.51234}), (250.0, 125.0))
    'encoder: 50 %, epoch 3, loss 0.5123, 250 samples/s, 2 min left'
    """
    part = min(1.0, step.done / step.of) if step.of else 1.0
    numbers = [
        f"{name} {number:.0f}" if name == "epoch" else f"{name.replace('_', ' ')} {number:.4g}"
        for name, number in sorted(step.numbers.items(), key=lambda one: one[0] != "epoch")
    ]
    if pace is not None:
        numbers += [f"{pace[0]:,.0f} samples/s", f"{_duration(pace[1])} left"]
    return ", ".join([f"{step.stage}: {part:.0%}".replace("%", " %"), *numbers])


def _duration(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 of a minute
        return f"{seconds:.0f} s"
    if seconds < HOURLY:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOURLY:.1f} h"


@contextmanager
def telling(steady: Callable[[], float]) -> Iterator[Callable[[Step], None]]:
    """Shows each step; the caller is given a function to tell it.

    Args:
        steady: Seconds on a clock that is never set.
    """
    from rich import console, progress  # noqa: PLC0415 slow

    terminal, pace = console.Console(stderr=True), Pace(steady)
    if not terminal.is_terminal:
        yield _plainly(pace, steady)
        return
    columns = (
        progress.SpinnerColumn(),
        progress.BarColumn(20),
        progress.TextColumn("{task.description}", markup=False),
    )
    with progress.Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task("begins")

        def tell(step: Step) -> None:
            text = step_text(step, pace.see(step))
            shown.update(task, description=text, completed=step.done, total=max(1, step.of))

        yield tell


def _plainly(pace: Pace, steady: Callable[[], float]) -> Callable[[Step], None]:
    said_at, stage = -PLAINLY_EVERY, ""

    def tell(step: Step) -> None:
        nonlocal said_at, stage
        paced = pace.see(step)
        is_over = step.done >= step.of
        if step.stage == stage and steady() - said_at < PLAINLY_EVERY and not is_over:
            return
        said_at, stage = steady(), step.stage
        typer.echo(step_text(step, paced), err=True)

    return tell
