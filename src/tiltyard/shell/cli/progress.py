"""Progress of long work: a live line on a terminal; in a pipe nothing, or plain lines."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def counting(title: str, unit: str, *, plainly: int = 0) -> Iterator[Callable[[int], None]]:
    """Shows how much has been done; the caller is given a function to tell it.

    Args:
        title: What is going on.
        unit: What is counted.
        plainly: Where there is no terminal, a line at the beginning and at each so many; 0 for
            none.
    """
    from rich import console, progress  # noqa: PLC0415 slow

    terminal = console.Console(stderr=True)
    if not terminal.is_terminal:

        def say(count: int) -> None:
            if plainly and count % plainly == 0:
                typer.echo(f"{title}: {count:,} {unit}", err=True)

        say(0)
        yield say
        return
    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}"),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=terminal, transient=True) as shown:
        task = shown.add_task(title)
        yield lambda count: shown.update(task, description=f"{title}: {count:,} {unit}")
