"""The alerts as they stand: a table on a terminal, and a line each in a pipe."""

from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tiltyard.kernel.clock import time_text
from tiltyard.shell.alerts.standing import Standing

_STYLES = {"critical": "red", "warning": "yellow", "info": "dim"}
_HEADS = ("alert", "severity", "state", "policy", "value", "since", "told")


def show(found: Sequence[Standing]) -> None:
    """Print them."""
    if not found:
        typer.echo("no alert fires, and none is about to")
        return
    console = Console()
    rows = [_cells(one) for one in found]
    if not console.is_terminal:
        for cells, one in zip(rows, found, strict=True):
            typer.echo("  ".join(cell or "–" for cell in cells) + f"  {one.summary}")
        return
    table = Table(*_HEADS)
    for cells, one in zip(rows, found, strict=True):
        table.add_row(*map(Text, cells), style=_STYLES.get(one.severity, ""))
    console.print(table)


def _cells(one: Standing) -> tuple[str, ...]:
    since = time_text(one.since.replace(microsecond=0))
    return one.alert, one.severity, one.state, one.policy, _short(one.value), since, one.told


def _short(value: str) -> str:
    """A number of Prometheus, to four digits."""
    return f"{float(value):.4g}"
