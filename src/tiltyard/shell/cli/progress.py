"""Progress of long work: a live line on a terminal, nothing in a pipe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(title: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows how much has been done; the caller is given a function to tell it.

    Args:
        title: What is going on.
        unit: What is counted.
    """
    from rich import console, progress  # noqa: PLC0415 slow

    terminal = console.Console(stderr=True)
    if not terminal.is_terminal:
        yield lambda _: None
        return
    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}"),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task(title)
        yield lambda count: shown.update(task, description=f"{title}: {count:,} {unit}")
