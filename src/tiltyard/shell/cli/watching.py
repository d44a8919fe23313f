"""A course as one watches it: on a terminal a table of the arms, and above it what was done.

In a pipe there is no table, and what was done is a line each.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tiltyard.kernel.undefined import Value
from tiltyard.shell.replaying.course import Course
from tiltyard.shell.report.text import number, share

FRAMES = 12
"""A second."""
_LONGEST = 14
"""Of a name, so that a table has room in 80 columns."""
_STYLES = {"champion": "bold", "halted": "red", "throttled": "yellow", "retired": "dim"}


@contextmanager
def watching(course: Course) -> Iterator[tuple[Callable[[str], object], Callable[[int], object]]]:
    """Two functions: one to say a line, one to tell how many hours are over.

    Args:
        course: Watched while it is played.
    """
    console = Console()
    if not console.is_terminal:
        yield typer.echo, lambda _: None
        return
    with Live(console=console, refresh_per_second=FRAMES, transient=True) as live:
        yield (
            lambda line: live.console.print(line, markup=False, highlight=False, soft_wrap=True),
            lambda hours: live.update(arms_table(course, hours)),
        )


def arms_table(course: Course, hours: int) -> Table:
    """How every arm stands now."""
    days = f"day {hours // 24:,}, {course.trades:,} trades, live and on paper"
    table = Table(caption=days, caption_justify="left", expand=False)
    table.add_column("policy", no_wrap=True, min_width=_LONGEST)
    table.add_column("state", no_wrap=True, min_width=9)
    for heading in ("traffic", "live trades", "PF 30", "with shadow"):
        table.add_column(heading, justify="right")
    table.add_column("drawdown", justify="right", no_wrap=True)
    for arm in course.desk.roster.arms.values():
        measures = course.desk.panel.arm(arm.name)
        read = {
            "pf": measures.live.read("pf_challenger_30"),
            "shadow": measures.combined.value(),
        }
        pf, shadow = (
            number(one.number) if isinstance(one, Value) else "–" for one in read.values()
        )
        fall = measures.live.nav.drawdown()
        drawdown = f"{fall.number:.1f} %" if isinstance(fall, Value) else "–"
        table.add_row(
            _brief(arm.name), arm.state, share(arm.share), f"{measures.live.trades:,}",
            pf, shadow, drawdown,
            style=_STYLES.get(arm.state, ""),
        )  # fmt: skip
    return table


def _brief(policy: str) -> str:
    """The beginning of a name, and the end by which it is told from others."""
    return policy if len(policy) <= _LONGEST else f"{policy[:5]}…{policy[-8:]}"
