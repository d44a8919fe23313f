"""``maintain``: the tasks of the week and of the night, each by itself, in the foreground."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.asking import holder_name, waking_times
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import FAILED
from tiltyard.shell.maintenance.done import Done
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.settings import Settings
from tiltyard.shell.targets import targets_from

Day = Annotated[
    str | None,
    typer.Option(metavar="YYYY-MM-DD", help="The trading day that it is done for. [the present]"),
]


class Task(NamedTuple):
    """A task that can be run by itself.

    Attributes:
        says: What it does, for people.
        does: Does it, for a trading day, as of now.
    """

    says: str
    does: Callable[[House, date, datetime], Done]


def _retrain(house: House, day: date, now: datetime) -> Done:
    from tiltyard.shell.maintenance.retraining import retrain  # noqa: PLC0415 slow

    return retrain(house, day, now)


def _sweep(house: House, day: date, now: datetime) -> Done:
    from tiltyard.shell.maintenance.sweeping import sweep  # noqa: PLC0415 slow

    return sweep(house, day, now)


def _refresh(house: House, _: date, now: datetime) -> Done:
    from tiltyard.shell.maintenance.refreshing import refresh_all  # noqa: PLC0415 slow

    return refresh_all(house, now)


TASKS = {
    "retrain": Task("Train a sizing policy on the newest bars, and put it on trial if it passes.",
                    _retrain),
    "optuna": Task("Try settings by what they earn, and keep the best two.", _sweep),
    "refresh": Task("Refresh each encoder that has drifted, in a new challenger.", _refresh),
}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    maintain = typer.Typer(help="Tasks of maintenance, each by itself.", no_args_is_help=True)
    for name, task in TASKS.items():
        maintain.command(name)(_command(task))
    app.add_typer(maintain, name="maintain")


def _command(task: Task) -> Callable[..., None]:
    def command(
        day: Day = None, as_json: AsJson = False, database: Database = None, config: Config = None
    ) -> None:
        settings = settings_from(config)
        run_task(task, settings, day, as_json=as_json, database=database, config=config)

    command.__doc__ = task.says
    return command


def run_task(
    task: Task, settings: Settings, day: str | None, *, as_json: bool, database: str | None,
    config: Path | None,
) -> None:  # fmt: skip
    """Do a task, say what came of it, and exit with 1 where something failed.

    Raises:
        TiltyardError: ``TIME_INVALID`` for the day; whatever keeps the task from being done.
    """
    now = system_now()
    chosen = _day(day, settings.schedule.trading_day(now))
    with _house(settings, database, config) as house:
        done = task.does(house, chosen, now)
    if as_json:
        typer.echo(json.dumps(done_json(done, chosen), indent=2))
    else:
        for line in done.lines:
            typer.echo(line)
    for error in done.failed:
        typer.echo(str(error), err=True)
    if done.failed:
        raise typer.Exit(FAILED)


@contextmanager
def _house(settings: Settings, database: str | None, config: Path | None) -> Iterator[House]:
    with open_ledger(database, settings) as ledger, waking_times(ledger) as times:
        yield House(ledger, settings, config, times, holder_name(), targets_from(settings))


def done_json(done: Done, day: date) -> dict[str, object]:
    """What a task did, as JSON, from which the report of a run can be made."""
    failed = [{"code": error.code, "text": str(error)} for error in done.failed]
    own = {"task": done.task, "day": day.isoformat(), "lines": done.lines, "failed": failed}
    return {**done.told, **own}


def _day(text: str | None, present: date) -> date:
    """The day that is named; the present one where none is."""
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
