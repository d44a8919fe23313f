"""``weekly_maintenance.py``: the flags people already use, over the same tasks."""

from typing import Annotated, Literal

import typer

from tiltyard.shell.cli import run
from tiltyard.shell.cli.maintain import Asked, Bucket, Day, carry_out, full
from tiltyard.shell.cli.options import AsJson, Config, Database

Weekly = Literal["snapshot", "retrain", "optuna", "purge", "cleanup", "full"]


def main() -> None:
    """Run the script's command line."""
    run(_app)


_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@_app.command()
def maintain(
    task: Annotated[Weekly, typer.Option(help="Which.")],
    s3_bucket: Bucket = None,
    day: Day = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Do a task of the weekly maintenance, or all of them."""
    if task == "full":
        full(day, s3_bucket, as_json=as_json, database=database, config=config)
        return
    carry_out(Asked(task, day, False, s3_bucket, as_json, database, config))  # noqa: FBT003 by name
