"""``jobs``: what is done by the clock; how it went, and to have it done now."""

import json
import os
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiltyard.kernel.clock import moment, span_text, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.maintain import Day, day_of
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import FAILED, INTERRUPTED

if TYPE_CHECKING:
    from tiltyard.shell.jobs.outcome import StepOutcome
    from tiltyard.shell.jobs.place import JobsPlace
    from tiltyard.shell.jobs.records import Run
    from tiltyard.shell.settings import Settings

RunName = Annotated[str, typer.Argument(metavar="RUN", help="As jobs list names it.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    jobs = typer.Typer(help="What is done each night and each week.", no_args_is_help=True)
    jobs.command("list")(list_runs)
    jobs.command("show")(show)
    jobs.command("run")(run_job)
    jobs.command("cancel")(cancel)
    jobs.command("retry")(retry)
    app.add_typer(jobs, name="jobs")


def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Runs, the newest first.")] = 20,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Which jobs there are, when they are due, and the runs of late."""
    settings = settings_from(config)
    place = _place(database, settings)
    from tiltyard.shell.jobs.records import records_of  # noqa: PLC0415 slow

    runs: list[Run] = []
    try:
        with records_of(place) as records:
            runs.extend(records.runs(limit))
    except TiltyardError as error:
        if error.code != "JOBS_NONE":
            raise
    if as_json:
        typer.echo(json.dumps([_json(one) for one in runs], indent=2))
        return
    for line in _due_lines(settings):
        typer.echo(line)
    typer.echo("")
    if not runs:
        typer.echo("no job was run yet: tiltyard jobs run health")
    width = max((len(one.name) for one in runs), default=0)
    for one in runs:
        typer.echo(_line(one, width))


def show(
    name: RunName, as_json: AsJson = False, database: Database = None, config: Config = None
) -> None:
    """A run step by step: what came of each, and where it lies what it said."""
    place = _place(database, settings_from(config))
    run = _known(place, name)
    if as_json:
        typer.echo(json.dumps(_json(run), indent=2))
        return
    for line in _lines(run, place):
        typer.echo(line)


def run_job(
    job: Annotated[str, typer.Argument(help="nightly, refresh, retrain, weekly or health.")],
    day: Day = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Have a job run, and wait for its end; of the same day it runs once, whoever asks."""
    carry_out_job(job, day, database, config, as_json=as_json)


def carry_out_job(
    job: str, day: str | None, database: str | None, config: Path | None, *,
    as_json: bool, bucket: str = "",
) -> None:  # fmt: skip
    """See the run of a job for a day through.

    Args:
        job: Which.
        day: The trading day; None for the present one.
        database: Where the ledger is.
        config: File of the settings.
        as_json: Print JSON.
        bucket: Of the archive; empty for that of the settings.

    Raises:
        TiltyardError: ``JOB_UNKNOWN``, ``TIME_INVALID``; what keeps a job from being hosted.
    """
    from tiltyard.shell.jobs.catalogue import job_named, run_id  # noqa: PLC0415 slow
    from tiltyard.shell.jobs.host import asked  # noqa: PLC0415 slow

    settings = settings_from(config)
    job_named(job)
    now = system_now()
    at = now.astimezone(settings.schedule.zone)
    on = day_of(day, settings.schedule.trading_day(now))
    told = asked(on, now, bucket=bucket)
    _carry(job, run_id(job, on, at), told, database, config, settings, as_json=as_json)


def cancel(name: RunName, database: Database = None, config: Config = None) -> None:
    """Have a run end; what its steps have done stays."""
    place = _place(database, settings_from(config))
    from tiltyard.shell.jobs.records import ACTIVE, records_of  # noqa: PLC0415 slow

    run = _known(place, name)
    if run.state not in ACTIVE:
        raise TiltyardError("JOB_RUN_ENDED", name, f"it is {run.state} already")
    with records_of(place) as records:
        records.cancel(name)
    typer.echo(f"{name}: cancelled; a step that is at work is ended in a moment")


def retry(
    name: RunName, as_json: AsJson = False, database: Database = None, config: Config = None
) -> None:
    """Run again what has failed or was left out of a run; what is done stays done."""
    from tiltyard.shell.jobs.catalogue import again  # noqa: PLC0415 slow
    from tiltyard.shell.jobs.host import asked  # noqa: PLC0415 slow
    from tiltyard.shell.jobs.records import ACTIVE  # noqa: PLC0415 slow

    settings = settings_from(config)
    run = _known(_place(database, settings), name)
    if run.state in ACTIVE:
        raise TiltyardError(
            "JOB_RUN_ACTIVE", name, "it has not ended", f"wait, or: tiltyard jobs cancel {name}"
        )
    if run.state == "done":
        raise TiltyardError("JOB_RUN_ENDED", name, "all of it is done already")
    told = asked(date.fromisoformat(run.day), system_now(), before=run.outcome, bucket=run.bucket)
    _carry(run.job, again(name), told, database, config, settings, as_json=as_json)


def _carry(
    job: str, name: str, told: dict[str, object], database: str | None, config: Path | None,
    settings: "Settings", *, as_json: bool,
) -> None:  # fmt: skip
    """See a run through, say each step, and exit by what came of it."""
    from tiltyard.shell.cli.waiting import watched  # noqa: PLC0415 slow
    from tiltyard.shell.jobs.running import carried_through  # noqa: PLC0415 slow
    from tiltyard.shell.jobs.world import world_of  # noqa: PLC0415 slow

    place = _place(database, settings)
    with watched(place) as (say, on_look):
        world = world_of(place, settings, config, say=say)
        try:
            run = carried_through(world, job, name, told, wait=time.sleep, on_look=on_look)
        except KeyboardInterrupt:
            typer.echo(f"\n{name}: the same command goes on from where it was", err=True)
            os._exit(INTERRUPTED)  # a step that is at work ends with us, and is begun again
    if as_json:
        typer.echo(json.dumps(_json(run), indent=2))
    else:
        for line in _lines(run, place):
            typer.echo(line)
    refuse_other_bucket(run, str(told["bucket"]), settings.archive.bucket)
    if run.state != "done":
        raise typer.Exit(FAILED)


def refuse_other_bucket(run: "Run", bucket: str, usual: str) -> None:
    """See that a run was for the bucket that was asked for; of a day there is one run.

    Args:
        run: That there is.
        bucket: That was asked for; empty for none.
        usual: That of the settings.

    Raises:
        TiltyardError: ``JOB_BUCKET_DIFFERS``.
    """
    own = run.bucket or usual
    if bucket and bucket != own:
        raise TiltyardError(
            "JOB_BUCKET_DIFFERS", run.name,
            f"it was asked for with {f'the bucket {own}' if own else 'no bucket'}, and of a day "
            f"it runs once: {bucket} has nothing of it",
            f"tiltyard maintain snapshot --s3-bucket {bucket}",
        )  # fmt: skip


def _place(database: str | None, settings: "Settings") -> "JobsPlace":
    """Where the jobs of the ledger are kept, which has to be there."""
    from tiltyard.shell.jobs.place import JobsPlace  # noqa: PLC0415 slow

    with open_ledger(database, settings) as ledger:
        return JobsPlace(settings.jobs.path, ledger.url)


def _known(place: "JobsPlace", name: str) -> "Run":
    from tiltyard.shell.jobs.records import records_of  # noqa: PLC0415 slow

    with records_of(place) as records:
        run = records.run(name)
    if run is None:
        raise TiltyardError(
            "JOB_RUN_UNKNOWN", repr(name), "there is no such run", "see: tiltyard jobs list"
        )
    return run


def _due_lines(settings: "Settings") -> list[str]:
    from tiltyard.shell.jobs.catalogue import JOBS, due_text  # noqa: PLC0415 slow

    lines = [f"{name:<9}{due_text(job, settings):<24}{job.says}" for name, job in JOBS.items()]
    who = "the running desk does them" if settings.jobs.hosted else "left to cron (jobs.hosted)"
    return [*lines, f"hours of {settings.schedule.timezone}; {who}"]


def _line(run: "Run", width: int) -> str:
    what = [f"{one.step} {one.state}" for one in run.steps if one.state != "done"]
    took = "" if run.ended_at is None else f", took {span_text(run.ended_at - run.asked_at)}"
    if run.trouble and run.ended_at is None:
        what.append(run.trouble)
    ends = f": {', '.join(what)}" if what else ""
    return f"{run.name:<{width}}  {run.state:<10}{time_text(run.asked_at)}{took}{ends}"


def _lines(run: "Run", place: "JobsPlace") -> list[str]:
    lines = [_line(run, len(run.name)).rstrip()]
    for one in run.steps:
        lines.append(f"  {one.step:<10}{_state(one)}")
        if one.state == "failed":
            lines.append(f"    {one.said}")
            lines.append(f"    what it said: {place.log(run.name, one.step)}")
        elif len(run.steps) == 1 and isinstance(one.told, dict):  # of several there is a report
            lines += [f"    {line}" for line in one.told.get("lines", ())]
    if run.trouble and run.ended_at is not None:
        lines.append(f"  {run.trouble}")
    if run.state in {"failed", "cancelled"}:
        lines.append(f"again: tiltyard jobs retry {run.name}")
    return lines


def _state(step: "StepOutcome") -> str:
    if step.state == "skipped":
        return f"left out, {step.said}"
    tries = f", {step.tries} tries" if step.tries > 1 else ""
    if not step.began_at or not step.ended_at:
        return step.state + tries
    began, ended = moment(step.began_at), moment(step.ended_at)
    took = f"took {span_text(ended - began)}, from {time_text(began.replace(microsecond=0))} on"
    return f"{step.state}, {took}{tries}"


def _json(run: "Run") -> dict[str, object]:
    return {
        "run": run.name,
        "job": run.job,
        "day": run.day,
        "state": run.state,
        "asked_at": time_text(run.asked_at),
        "ended_at": None if run.ended_at is None else time_text(run.ended_at),
        "trouble": run.trouble or None,
        "steps": [
            {
                "step": one.step, "state": one.state, "began_at": one.began_at or None,
                "ended_at": one.ended_at or None, "tries": one.tries, "code": one.code or None,
                "said": one.said, "told": one.told,
            }
            for one in run.steps
        ],
    }  # fmt: skip
