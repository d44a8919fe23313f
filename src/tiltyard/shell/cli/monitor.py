"""``live_ops_monitor.py``: the flags people already use, over the same commands."""

from typing import Annotated, Literal

import typer

from tiltyard.shell.cli import run
from tiltyard.shell.cli.options import AsJson, At, Config, Database
from tiltyard.shell.cli.report import report


def main() -> None:
    """Run the monitor's command line."""
    run(_app)


_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@_app.command()
def monitor(
    policy_sha: Annotated[str | None, typer.Option(help="Policy name or unique suffix.")] = None,
    mode: Annotated[Literal["report"], typer.Option(help="What to do.")] = "report",
    as_json: AsJson = False,
    at: At = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Report on one policy, or on all."""
    del mode
    report(policy_sha, as_json=as_json, at=at, database=database, config=config)
