"""``live_ops_monitor.py``: the flags people already use, over the same commands."""

from typing import Annotated, Literal

import typer

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli import run
from tiltyard.shell.cli.act import scale
from tiltyard.shell.cli.live import run_desk
from tiltyard.shell.cli.options import AsJson, At, Config, Database
from tiltyard.shell.cli.report import report
from tiltyard.shell.live import TICK


def main() -> None:
    """Run the monitor's command line."""
    run(_app)


_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@_app.command()
def monitor(
    policy_sha: Annotated[str | None, typer.Option(help="Policy name or unique suffix.")] = None,
    mode: Annotated[
        Literal["report", "scale", "continuous"], typer.Option(help="What to do.")
    ] = "report",
    interval: Annotated[
        float, typer.Option(help="Seconds between two looks, when continuous.")
    ] = TICK.total_seconds(),
    as_json: AsJson = False,
    at: At = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Report on one policy or on all, run the night's rule, or watch and act until stopped."""
    if mode == "report":
        report(policy_sha, as_json=as_json, at=at, database=database, config=config)
        return
    if at is not None:
        raise TiltyardError(
            "OPTION_IDLE", "--at", "it only reports: nobody acts in the past", "leave it out"
        )
    if mode == "scale":
        scale(policy_sha or "", as_json=as_json, database=database, config=config)
        return
    run_desk(interval=interval, only=policy_sha, as_json=as_json, database=database, config=config)
