"""``weekly_maintenance.py``: the flags people already use, over the same tasks."""

from typing import Annotated, Literal

import typer

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli import run
from tiltyard.shell.cli.maintain import Asked, Bucket, Day, DryRun, carry_out, full
from tiltyard.shell.cli.options import AsJson, Config, Database
from tiltyard.shell.maintenance.tasks import TASKS

Weekly = Literal["snapshot", "retrain", "optuna", "purge", "cleanup", "full"]


def main() -> None:
    """Run the script's command line."""
    run(_app)


_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@_app.command()
def maintain(
    task: Annotated[Weekly, typer.Option(help="Which.")],
    s3_bucket: Bucket = None,
    dry_run: DryRun = False,
    day: Day = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Do a task of the weekly maintenance, or all of them."""
    if dry_run and (task == "full" or TASKS[task].kind != "removing"):
        raise TiltyardError(
            "OPTION_IDLE", "--dry-run", "only purge and cleanup say what they would do",
            f"leave it out for {task}",
        )  # fmt: skip
    if task == "full":
        full(day, s3_bucket, as_json=as_json, database=database, config=config)
        return
    carry_out(Asked(task, day, dry_run, s3_bucket, as_json, database, config))
