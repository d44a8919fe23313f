"""``maintain``: the tasks of the week and of the night, each by itself, in the foreground."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from pydantic import ValidationError

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.asking import holder_name, waking_times
from tiltyard.shell.cli.options import (
    AsJson,
    Config,
    Database,
    chosen_database,
    open_ledger,
    settings_from,
)
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import FAILED, exit_code
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.maintenance.tasks import TASKS, Run, Task
from tiltyard.shell.sections.archive import ArchiveSettings
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.engine import database_url
from tiltyard.shell.targets import targets_from

Day = Annotated[
    str | None,
    typer.Option(metavar="YYYY-MM-DD", help="The trading day that it is done for. [the present]"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Bucket = Annotated[
    str | None, typer.Option("--s3-bucket", metavar="NAME", help="Of the archive. [archive.bucket]")
]


class Asked(NamedTuple):
    """What was typed of a task.

    Attributes:
        task: Its name.
        day: The trading day; None for the present one.
        is_dry: Nothing is to be done.
        bucket: Of the archive; None for that of the settings.
        as_json: Print JSON.
        database: Where the ledger is.
        config: File of the settings.
    """

    task: str
    day: str | None
    is_dry: bool
    bucket: str | None
    as_json: bool
    database: str | None
    config: Path | None


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    maintain = typer.Typer(help="Tasks of maintenance, each by itself.", no_args_is_help=True)
    for name, task in TASKS.items():
        maintain.command(name)(_command(name, task))
    maintain.command("full")(full)
    app.add_typer(maintain, name="maintain")


def full(
    day: Day = None,
    s3_bucket: Bucket = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """All tasks of the week, one after the other, as the weekly job does them."""
    from tiltyard.shell.cli.jobs import carry_out_job  # noqa: PLC0415 it needs this module

    with_bucket(settings_from(config), s3_bucket)
    carry_out_job("weekly", day, database, config, as_json=as_json, bucket=s3_bucket or "")


def _command(name: str, task: Task) -> Callable[..., None]:
    """The command of a task, with the options that mean something to it."""

    def plain(
        day: Day = None, as_json: AsJson = False, database: Database = None, config: Config = None
    ) -> None:
        carry_out(Asked(name, day, False, None, as_json, database, config))  # noqa: FBT003 by name

    def archiving(
        day: Day = None,
        s3_bucket: Bucket = None,
        as_json: AsJson = False,
        database: Database = None,
        config: Config = None,
    ) -> None:
        carry_out(Asked(name, day, False, s3_bucket, as_json, database, config))  # noqa: FBT003

    def removing(
        day: Day = None,
        dry_run: DryRun = False,
        s3_bucket: Bucket = None,
        as_json: AsJson = False,
        database: Database = None,
        config: Config = None,
    ) -> None:
        carry_out(Asked(name, day, dry_run, s3_bucket, as_json, database, config))

    kinds: dict[str, Callable[..., None]] = {
        "plain": plain, "archiving": archiving, "removing": removing,
    }  # fmt: skip
    command = kinds[task.kind]
    command.__doc__ = task.says
    return command


def carry_out(asked: Asked) -> None:
    """Do a task, say what came of it, and exit with 1 where something failed.

    Raises:
        TiltyardError: ``TIME_INVALID`` for the day, ``CONFIG_INVALID`` for the bucket; whatever
            keeps the task from being done.
    """
    settings = with_bucket(settings_from(asked.config), asked.bucket)
    now = system_now()
    day = day_of(asked.day, settings.schedule.trading_day(now))
    try:
        with house_of(settings, asked.database, asked.config) as house:
            done = TASKS[asked.task].does(Run(house, day, now, asked.is_dry))
    except TiltyardError as unopened:
        if asked.task != "health" or exit_code(unopened) != FAILED:
            raise
        done = _without_ledger(unopened, asked.database, settings, now)
    if asked.as_json:
        typer.echo(json.dumps(done_json(done, day), indent=2))
    else:
        for line in done.lines:
            typer.echo(line)
    for error in done.failed:
        typer.echo(str(error), err=True)
    if done.failed:
        raise typer.Exit(FAILED)


def _without_ledger(
    error: TiltyardError, database: str | None, settings: Settings, now: datetime
) -> Done:
    from tiltyard.shell.maintenance.health import check_without_ledger  # noqa: PLC0415 slow

    url = database_url(chosen_database(database, settings))
    return check_without_ledger(error, url, settings, now)


@contextmanager
def house_of(settings: Settings, database: str | None, config: Path | None) -> Iterator[House]:
    """What is maintained, while it is."""
    with open_ledger(database, settings) as ledger, waking_times(ledger) as times:
        yield House(ledger, settings, config, times, holder_name(), targets_from(settings))


def done_json(done: Done, day: date) -> dict[str, object]:
    """What a task did, as JSON, from which the report of a run can be made."""
    failed = [{"code": error.code, "text": str(error)} for error in done.failed]
    own = {"task": done.task, "day": day.isoformat(), "lines": done.lines, "failed": failed}
    return {**done.told, **own}


def with_bucket(settings: Settings, bucket: str | None) -> Settings:
    """The same with another bucket of the archive, where one is named.

    Raises:
        TiltyardError: ``CONFIG_INVALID``.
    """
    if bucket is None:
        return settings
    told = settings.archive.model_dump() | {"bucket": bucket}
    try:
        archive = ArchiveSettings.model_validate(told)
    except ValidationError as error:
        facts = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise TiltyardError("CONFIG_INVALID", f"--s3-bucket {bucket!r}", facts) from None
    return settings.model_copy(update={"archive": archive})


def day_of(text: str | None, present: date) -> date:
    """The trading day that is named; the present one where none is.

    Raises:
        TiltyardError: ``TIME_INVALID``.
    """
    if text is None:
        return present
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise TiltyardError(
            "TIME_INVALID", f"--day {text}", f"expected a day, such as {present}"
        ) from None
    if day > present:
        raise TiltyardError(
            "TIME_INVALID", f"--day {text}", f"it lies in the future: {present} is the present one"
        )
    return day
