"""``checklist lint|show|explain|enforce|observe``: the declaration, and what it would do."""

from pathlib import Path
from typing import Annotated

import typer

from tiltyard.shell.cli.options import Config, settings_from


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    checklist = typer.Typer(help="The declared checklist.", no_args_is_help=True)
    checklist.command()(lint)
    app.add_typer(checklist, name="checklist")


def lint(
    file: Annotated[Path | None, typer.Argument(help="[./tiltyard.toml]")] = None,
    config: Config = None,
) -> None:
    """Check the declaration; every fault at once, exit 2."""
    settings = settings_from(file or config)
    guards = settings.checklist.guards
    for guard in guards:
        end = "clear " + str(guard.clear.when) if guard.clear else "latch"
        typer.echo(
            f"{guard.priority:>3}  {guard.name:<30}{guard.scope:<9}{guard.metric:<24}"
            f"{guard.when!s:<18}{guard.effect:<19}{end:<14}{guard.mode}"
        )
    typer.echo(f"{len(guards)} guards, no fault. {settings.checklist.digest[:12]}")
