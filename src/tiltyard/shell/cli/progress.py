"""Progress of long work: a live line on a terminal, nothing in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def counting(title: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows how much has been done; the caller is given a function to tell it.

    Args:
        title: What is going on.
        unit: What is counted.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title)
        yield lambda count: progress.update(task, description=f"{title}: {count:,} {unit}")
