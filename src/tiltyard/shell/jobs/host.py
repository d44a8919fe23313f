"""Hosts jobs: carries out what is asked for and what is due, one step after the other.

DBOS is the clock and the memory: it knows what is due, what was asked, and what came of each step,
and gives a run that was ended with its host to the next. What a step does is none of its business.
Outcomes are values: a step that fails is one that is kept, and the next go on. One that makes no
sense without another looks for itself whether what it needs is there.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from croniter import croniter
from dbos import DBOS, DBOSConfig, EnqueueOptions

from tiltyard.kernel.clock import span_text, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.jobs.as_text import AsText, refuse_pickles
from tiltyard.shell.jobs.catalogue import JOBS, SCHEMA, Job, Step, run_id
from tiltyard.shell.jobs.child import CANCELLED, COMMAND, refused, run_step
from tiltyard.shell.jobs.outcome import JobOutcome, StepOutcome
from tiltyard.shell.jobs.place import SCHEMA as TABLES
from tiltyard.shell.jobs.place import JobsPlace, refuse_damaged
from tiltyard.shell.jobs.quiet import say_nothing_of_cancels
from tiltyard.shell.jobs.records import APPLICATION, WORKFLOW
from tiltyard.shell.settings import Settings

LOOK_EVERY = 5.0
"""Seconds between two looks for what was asked, beside a desk whose machine it shares."""
LOOK_SOON = 0.5
"""The same where somebody waits for it."""
ENDS_WITHIN = 30
"""Seconds that a step that was cancelled has to end."""
NAP = timedelta(seconds=15)
"""A pause is made of these."""
KEPT, AT_A_TIME = timedelta(days=90), 1_000
"""So long a run that has ended is known, and so many are forgotten at a time."""
ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
PAGES = 6
"""So often it is tried to have people told of a step that has failed, with its pauses between."""
AT_ONCE = {"learner": 1, "house": 4}
"""Runs of a queue at a time."""


Begin = Callable[[datetime, str], None]
"""Asks for a job that is due."""


class World(NamedTuple):
    """What a host is given.

    Attributes:
        place: Where jobs are kept.
        settings: In force.
        config: Their file; None for the usual one.
        now: UTC.
        steady: Seconds on a clock that is never set.
        say: Told each step that begins and ends, for people.
        page: Told of which run a step has failed, and how.
        finish: Told a job, its trading day, and what came of it, when a run has ended.
        jobs: Which there are.
        command: What a step's words stand behind.
    """

    place: JobsPlace
    settings: Settings
    config: Path | None
    now: Callable[[], datetime]
    steady: Callable[[], float]
    say: Callable[[str], object]
    page: Callable[[str, StepOutcome], object]
    finish: Callable[[str, date, JobOutcome], object]
    jobs: Mapping[str, Job] = JOBS
    command: Sequence[str] = COMMAND


@contextmanager
def hosting(world: World, *, look_every: float = LOOK_SOON) -> Iterator[None]:
    """Host jobs meanwhile; what an earlier host has left unfinished goes on.

    Only one process does so at a time: :func:`~tiltyard.shell.jobs.alone.alone`. Where
    ``jobs.hosted`` says so, whoever hosts keeps the clock, too, and catches up on what was due
    while nobody did.

    Args:
        world: What it is given.
        look_every: Seconds between two looks for what was asked.
    """
    refuse_pickles()
    refuse_damaged(world.place)
    say_nothing_of_cancels()
    config: DBOSConfig = {
        "name": APPLICATION, "system_database_url": world.place.database,
        "dbos_system_schema": TABLES, "serializer": AsText(), "application_version": str(SCHEMA),
        "executor_id": "host", "console_log_level": "WARNING", "log_level": "WARNING",
        "use_listen_notify": False, "notification_listener_polling_interval_sec": look_every,
    }  # fmt: skip
    DBOS(config=config)
    begin = _workflows(world)
    DBOS.launch()
    try:
        DBOS.set_latest_application_version(str(SCHEMA))
        for name, at_once in AT_ONCE.items():
            DBOS.register_queue(
                name, worker_concurrency=at_once, polling_interval_sec=look_every,
                on_conflict="always_update",
            )  # fmt: skip
        _forget(world)
        _keep_the_clock(world, begin)
        yield
    except BaseException:
        DBOS.destroy(destroy_registry=True)
        raise
    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=ENDS_WITHIN)


def _keep_the_clock(world: World, begin: Begin) -> None:
    """Begin jobs when they are due, and those that were due while nobody hosted, once each."""
    hosted = world.settings.jobs.hosted
    due = {
        name: job.cron(world.settings) for name, job in world.jobs.items() if job.cron and hosted
    }
    for one in DBOS.list_schedules():
        if one["schedule_name"] not in due:
            DBOS.delete_schedule(one["schedule_name"])
    zone = world.settings.schedule.zone
    DBOS.apply_schedules(
        [
            {
                "schedule_name": name, "workflow_fn": begin, "schedule": cron, "context": name,
                "cron_timezone": str(zone),
            }
            for name, cron in due.items()
        ]
    )  # fmt: skip
    for name in due:
        DBOS.resume_schedule(name)
    first = DBOS.list_workflows(name=WORKFLOW, limit=1, load_input=False, load_output=False)
    if not first:
        return  # nothing was ever due here
    since = datetime.fromtimestamp((first[0].created_at or 0) / 1000, UTC)
    for name, cron in due.items():
        last = croniter(cron, world.now().astimezone(zone), second_at_beginning=True)
        due_at: datetime = last.get_prev(datetime)
        if due_at > since:
            _ask(world, name, due_at)


def _forget(world: World) -> None:
    """What ended long ago, and what its steps said."""
    before = (world.now() - KEPT).isoformat()
    old = DBOS.list_workflows(
        end_time=before, status=ENDED, limit=AT_A_TIME, load_input=False, load_output=False
    )
    DBOS.delete_workflows([one.workflow_id for one in old])
    for one in old:
        if one.name == WORKFLOW:
            shutil.rmtree(world.place.folder / one.workflow_id, ignore_errors=True)


def _workflows(world: World) -> Begin:
    """Tell DBOS what a job is; the workflow that begins one when it is due."""

    @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
    def job(name: str, told: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One run of a job: its steps, in their order."""
        run = str(DBOS.workflow_id)
        before = JobOutcome.from_json(told["before"])
        kept = {one.step: one for one in before.steps if one.state == "done"}
        steps: list[StepOutcome] = []
        plan = DBOS.run_step({"name": "plan"}, lambda: _plan(world, name))
        for step in map(Step.from_json, plan):
            known = kept.get(step.name)
            outcome = known if known is not None else _carried_out(world, run, step, told)
            steps.append(outcome)
        ended = JobOutcome(steps)
        DBOS.run_step({"name": "finish"}, lambda: _finished(world, run, name, told, ended))
        return ended.to_json()

    @DBOS.workflow(name="by the clock", max_recovery_attempts=None)
    def begin(due_at: datetime, name: str) -> None:
        """Ask for a job that is due."""
        _ask(world, name, due_at)

    return begin


def _ask(world: World, name: str, due_at: datetime) -> None:
    """Have a job run that is due; of a run that is there already there is no second."""
    day = world.settings.schedule.trading_day(due_at)
    local = due_at.astimezone(world.settings.schedule.zone)
    options: EnqueueOptions = {
        "workflow_name": WORKFLOW, "queue_name": world.jobs[name].queue,
        "workflow_id": run_id(name, day, local),
    }  # fmt: skip
    DBOS.enqueue_workflow_with_options(options, name, asked(day, due_at))


def asked(
    day: date, at: datetime, *, before: JobOutcome | None = None, bucket: str = ""
) -> dict[str, Any]:
    """What a run is told.

    Args:
        day: The trading day that it is for.
        at: When it was asked for, or due; UTC.
        before: What came of an earlier run; what is done there is not done again.
        bucket: Of the archive; empty for that of the settings.
    """
    kept = [] if before is None else before.to_json()
    return {"day": day.isoformat(), "at": time_text(at), "before": kept, "bucket": bucket}


def _plan(world: World, name: str) -> list[dict[str, Any]]:
    """Of which steps a run is made, whatever is configured otherwise until it has ended."""
    return [step.to_json() for step in world.jobs[name].steps(world.settings)]


def _carried_out(world: World, run: str, step: Step, told: Mapping[str, Any]) -> StepOutcome:
    """A step, as often as it takes, each try and each pause kept."""
    if step.idle:
        return StepOutcome(step.name, "skipped", said=step.idle, tries=0)
    for number in range(1, step.tries + 1):
        kept = DBOS.run_step(
            {"name": f"{step.name} {number}"}, _tried, world, run, step, dict(told), number
        )
        outcome = StepOutcome.from_json(kept)
        if outcome.state == "done" or not outcome.may_go or number == step.tries:
            break
        _pause(step)
    if outcome.state == "failed":
        _page(world, run, step, outcome)
    return outcome


def _pause(step: Step) -> None:
    """Wait until the next try; a run that is cancelled ends between two naps."""
    for _ in range(-(step.pause // -NAP)):
        DBOS.sleep(NAP.total_seconds())


def _page(world: World, run: str, step: Step, outcome: StepOutcome) -> None:
    """Have people told that a step has failed: what has failed it may keep them from it, too."""
    for number in range(1, PAGES + 1):
        name = f"page {step.name} {number}"
        if DBOS.run_step({"name": name}, _paged, world, run, outcome):
            return
        if number < PAGES:
            _pause(step)
    _say(world, f"{run}: nobody was told that {step.name} failed: given up after {PAGES} tries")


def _tried(
    world: World, run: str, step: Step, told: Mapping[str, Any], number: int
) -> dict[str, Any]:
    _say(world, f"{run}: {step.name} begins{f', try {number}' if number > 1 else ''}")
    words = [*step.words, *_placed(step, f"{run}/{step.name}/{number}", str(told["day"]))]
    environment = {**os.environ, "TILTYARD_DB": world.place.address}
    if told["bucket"]:
        environment["TILTYARD_ARCHIVE_BUCKET"] = str(told["bucket"])
    if world.config is not None:
        words += ["--config", str(world.config)]
    try:
        outcome = run_step(
            step.name, words, world.place.log(run, step.name), step.limit, now=world.now,
            steady=world.steady, environment=environment, is_cancelled=lambda: _is_cancelled(run),
            command=world.command,
        )  # fmt: skip
    except TiltyardError as error:
        outcome = refused(step.name, error, world.now())
    outcome = outcome._replace(tries=number)
    ends = f"{outcome.state}: {outcome.said}" if outcome.state == "failed" else outcome.state
    if outcome.code == CANCELLED:
        ends = "cancelled"
    elif outcome.may_go and number < step.tries:
        ends += f"; it is tried again in {span_text(step.pause)}"
    _say(world, f"{run}: {step.name} {ends}")
    return outcome.to_json()


def _placed(step: Step, key: str, day: str) -> Sequence[str]:
    """What a step is told of its day, or the key under which it does once what it does.

    The key is that of a try: one that is begun anew after a kill is the same, and one that follows
    a refusal is another.
    """
    if step.words[0] == "maintain":
        return ["--day", day]
    return ["--key", key] if step.words[0] == "scale" else []


def _is_cancelled(run: str) -> bool:
    status = DBOS.get_workflow_status(run)
    return status is not None and status.status == "CANCELLED"


def _paged(world: World, run: str, outcome: StepOutcome) -> bool:
    """Whether people are told; that they cannot be is said, and keeps no job from going on."""
    try:
        world.page(run, outcome)
    except Exception as error:  # noqa: BLE001 a defect of ours does not end the week
        _say(world, f"{run}: nobody could be told that {outcome.step} failed: {error}")
        return False
    return True


def _finished(
    world: World, run: str, name: str, told: Mapping[str, Any], ended: JobOutcome
) -> bool:
    try:
        world.finish(name, date.fromisoformat(told["day"]), ended)
    except Exception as error:  # noqa: BLE001 what was done stays done
        _say(world, f"{run}: its report is not written: {error}")
        return False
    return True


def _say(world: World, line: str) -> None:
    """Say it to whoever listens; that nobody can hear it ends no step."""
    with suppress(OSError):
        world.say(line)
