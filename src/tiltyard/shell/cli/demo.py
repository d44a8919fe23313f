"""``demo``: the command; :mod:`tiltyard.shell.cli.demo_floor` plays it."""

from pathlib import Path
from typing import Annotated

import typer


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(demo)


def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with trades-*.parquet, or with bars as btc_usdt-1h.parquet."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where databases and pages go.")] = Path("demo"),
) -> None:
    """Judge a simulated floor and market, or real trade logs and hours; write the pages."""
    from tiltyard.shell.cli.demo_floor import play  # noqa: PLC0415 slow

    play(data, out)
