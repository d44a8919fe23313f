"""How somebody sees a job that they wait for: a line for each step, and what it says just now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.text import Text

from tiltyard.shell.jobs.child import last_words
from tiltyard.shell.jobs.place import JobsPlace


@contextmanager
def watched(place: JobsPlace) -> Iterator[tuple[Callable[[str], object], Callable[[str], object]]]:
    """Two functions: one to say a line, one that is told at each look which run is at work.

    Args:
        place: Where the jobs are kept.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: typer.echo(line, err=True), lambda _: None
        return
    with console.status("…") as status:
        yield (
            lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
            lambda run: status.update(Text(_now(place, run), no_wrap=True, overflow="ellipsis")),
        )


def _now(place: JobsPlace, run: str) -> str:
    """What the step at work said last."""
    try:
        logs = sorted(
            (place.folder / run).glob("*.log"), key=lambda one: one.stat().st_mtime, reverse=True
        )
    except OSError:
        return run
    return f"{logs[0].stem}: {last_words(logs[0])}" if logs else run
