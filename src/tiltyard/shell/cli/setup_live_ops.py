"""``setup_live_ops.py``: the flags people already use, over the same command."""

from typing import Annotated

import typer

from tiltyard.shell.cli import run
from tiltyard.shell.cli.options import Database
from tiltyard.shell.cli.setup import Force, setup


def main() -> None:
    """Run the script's command line."""
    run(_app)


_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@_app.command()
def setup_live_ops(
    policy_sha: Annotated[str | None, typer.Option(help="Policy name or unique suffix.")] = None,
    quick_setup: Annotated[
        bool,
        typer.Option("--quick-setup", help="Register a snapshot that is not known, too."),
    ] = False,
    force: Force = False,
    database: Database = None,
) -> None:
    """Write crontab, unit, alerts and dashboard, look at the house, and say what remains."""
    setup(policy_sha, quick_setup, force, database=database)
