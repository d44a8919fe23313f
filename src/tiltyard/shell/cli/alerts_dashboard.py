"""``alerts dashboard``: what Grafana shows of a desk, made from the checklist."""

import os
from pathlib import Path
from typing import Annotated

import typer

from tiltyard.shell.cli.options import Config, settings_from

FILE = Path("config/grafana_dashboard.json")
Output = Annotated[
    Path, typer.Option("--output", metavar="PATH", help="The file, or a folder for it.")
]


def dashboard(output: Output = FILE, config: Config = None) -> None:
    """Write the dashboard for Grafana, with the bands and flags of the checklist."""
    settings = settings_from(config)
    from tiltyard.shell.dashboard.grafana import grafana_text  # noqa: PLC0415 slow
    from tiltyard.shell.dashboard.rows import every_row  # noqa: PLC0415 only here

    rows = list(every_row(settings.checklist, settings.run.deadman))
    file = output / FILE.name if output.is_dir() else output
    _write_whole(file, grafana_text(rows))
    panels = sum(len(row.panels) for row in rows)
    typer.echo(f"wrote {file}: {len(rows)} rows, {panels} panels")


def _write_whole(path: Path, text: str) -> None:
    """Grafana, which reads it from time to time, sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_text(text, "utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
