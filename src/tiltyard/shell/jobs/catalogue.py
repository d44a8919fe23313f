"""Which jobs there are, when they are due, and of which steps they are made.

>>> from tiltyard.shell.settings import load
>>> [step.name for step in JOBS["weekly"].steps(load())]
['snapshot', 'retrain', 'optuna', 'purge', 'cleanup']
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple, Self

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.shell.sections.jobs import HOURS
from tiltyard.shell.settings import Settings

SCHEMA = 2
"""Of the steps: raised when a job that was begun before cannot be gone on with."""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
AROUND = 30 * MINUTE
"""What a task may take beside its training, which it ends by itself."""
Queue = Literal["learner", "house"]


class Step(NamedTuple):
    """One step of a job.

    Attributes:
        name: Unique in its job.
        words: The command line behind ``tiltyard``, as it is for this job.
        limit: After that it is ended.
        tries: How often it is begun at most; what was typed or configured wrongly is not again.
        pause: From one try to the next.
        idle: Why it is left out from the beginning; empty where it is not.
    """

    name: str
    words: tuple[str, ...]
    limit: timedelta
    tries: int = 3
    pause: timedelta = MINUTE
    idle: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is kept when a run begins: it ends by what it began with."""
        seconds = {"limit": self.limit.total_seconds(), "pause": self.pause.total_seconds()}
        return {**self._asdict(), **seconds}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """What was kept."""
        return cls(**{
            **told, "words": tuple(told["words"]),
            "limit": timedelta(seconds=told["limit"]), "pause": timedelta(seconds=told["pause"]),
        })  # fmt: skip


class Job(NamedTuple):
    """A job.

    Attributes:
        says: What it does, for people.
        queue: ``learner`` for those that train: of them one is at work at a time.
        cron: Second, minute, hour, day, month and weekday at which it is due; None where it is not
            due by the clock.
        steps: Of which it is made.
        is_daily: It is named by its trading day; else by the time, too.
    """

    says: str
    queue: Queue
    cron: Callable[[Settings], str] | None
    steps: Callable[[Settings], Sequence[Step]]
    is_daily: bool = True


def _nightly(settings: Settings) -> Sequence[Step]:
    idle = "" if settings.market.feed else "the settings name no folder of bars: market.feed"
    return (
        Step("observe", ("drift", "--report", "--json"), HOUR, tries=1, idle=idle),
        Step("scale", ("scale", "--json", "--actor", "jobs"), 2 * MINUTE, tries=10),
    )


def _task(name: str, limit: timedelta) -> Step:
    return Step(name, ("maintain", name, "--json"), limit, pause=5 * MINUTE)


def _retrain(settings: Settings) -> Sequence[Step]:
    return (_task("retrain", settings.jobs.retrain_limit + AROUND),)


def _weekly(settings: Settings) -> Sequence[Step]:
    return (
        _task("snapshot", 2 * HOUR)._replace(tries=2),
        *_retrain(settings),
        _task("optuna", settings.jobs.sweep_limit + AROUND),
        _task(
            "purge", HOUR
        ),  # both look by themselves whether a snapshot holds what they take away
        _task("cleanup", HOUR),
    )


def _health(_: Settings) -> Sequence[Step]:
    return (_task("health", 10 * MINUTE)._replace(tries=1),)


def _refresh(settings: Settings) -> Sequence[Step]:
    """One policy has its time; where several drift at once, the next try goes on, or the night."""
    return (_task("refresh", settings.jobs.refresh_limit + AROUND),)


def _at_night(settings: Settings) -> str:
    at = settings.schedule.nightly
    return f"{at.second} {at.minute} {at.hour} * * *"


def _after_night(settings: Settings) -> str:
    at = datetime.combine(date.min, settings.schedule.nightly) + 15 * MINUTE
    return f"{at.second} {at.minute} {at.hour} * * *"


def _weekly_at(settings: Settings) -> str:
    jobs = settings.jobs
    return f"0 {jobs.weekly_time.minute} {jobs.weekly_time.hour} * * {(jobs.weekday + 1) % 7}"


def _every_few_hours(settings: Settings) -> str:
    hours = settings.jobs.health_hours
    return "0 0 0 * * *" if hours == HOURS[-1] else f"0 0 */{hours} * * *"


JOBS: Mapping[str, Job] = {
    "nightly": Job("fresh observations, then scaling", "house", _at_night, _nightly),
    "refresh": Job("refresh encoders that have drifted", "learner", _after_night, _refresh),
    "retrain": Job("retrain the sizing policy", "learner", None, _retrain),
    "weekly": Job(
        "snapshot, retraining, sweep, purge, clean-up, report", "learner", _weekly_at, _weekly
    ),
    "health": Job("look at the house", "house", _every_few_hours, _health, is_daily=False),
}


def job_named(name: str) -> Job:
    """The job of a name.

    Raises:
        TiltyardError: ``JOB_UNKNOWN``.
    """
    if name not in JOBS:
        near = did_you_mean(name, JOBS)
        facts = f"there is no such job{f', {near}' if near else ''}"
        raise TiltyardError("JOB_UNKNOWN", repr(name), facts, f"one of: {', '.join(JOBS)}")
    return JOBS[name]


def run_id(name: str, day: date, at: datetime) -> str:
    """What a run of a job is called: asked for twice, it is one.

    Args:
        name: Of the job.
        day: The trading day.
        at: When it is due, where the desk is; of those that are not daily, it counts.

    >>> run_id("weekly", date(2026, 11, 29), datetime(2026, 11, 29, 3))
    'weekly-2026-11-29'
    >>> run_id("health", date(2026, 11, 29), datetime(2026, 11, 29, 6, 0, 7))
    'health-2026-11-29T060007'
    """
    when = f"{day:%Y-%m-%d}" if job_named(name).is_daily else f"{at:%Y-%m-%dT%H%M%S}"
    return f"{name}-{when}"


def again(run: str) -> str:
    """What the next retry of a run is called.

    >>> again("weekly-2026-11-29"), again("weekly-2026-11-29.1")
    ('weekly-2026-11-29.1', 'weekly-2026-11-29.2')
    """
    name, _, number = run.partition(".")
    return f"{name}.{int(number or 0) + 1}"


def due_text(job: Job, settings: Settings) -> str:
    """When a job is due, for people."""
    if job.cron is None:
        return "when asked for"
    _, minute, hour, _, _, weekday = job.cron(settings).split()
    if not hour.isdigit():
        return f"every {hour.removeprefix('*/')} h"
    at = f"{int(hour):02}:{int(minute):02}"
    return f"each day {at}" if weekday == "*" else f"{settings.jobs.weekly}"
