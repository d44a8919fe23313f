"""What is known of jobs: which were run, how they stand, and what came of each step.

It is read from the database of jobs alone, so it needs nobody who hosts them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from dbos import DBOSClient
from dbos._error import DBOSException

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.jobs.alone import is_hosted
from tiltyard.shell.jobs.as_text import AsText, refuse_pickles
from tiltyard.shell.jobs.catalogue import JOBS
from tiltyard.shell.jobs.catalogue import SCHEMA as VERSION
from tiltyard.shell.jobs.outcome import JobOutcome, StepOutcome
from tiltyard.shell.jobs.place import SCHEMA, JobsPlace, refuse_damaged, speaking_of_jobs

APPLICATION = "tiltyard"
WORKFLOW = "job"
State = Literal["waits", "runs", "done", "failed", "cancelled"]
_STATES: Mapping[str, State] = {
    "ENQUEUED": "waits", "DELAYED": "waits", "PENDING": "runs", "SUCCESS": "done",
    "CANCELLED": "cancelled",
}  # fmt: skip
OWN = frozenset({None, str(VERSION)})
"""Versions of runs that a host of this program can carry out."""
ACTIVE: frozenset[State] = frozenset({"waits", "runs"})


class Run(NamedTuple):
    """A run of a job.

    Attributes:
        name: By which it is asked for.
        job: Of :data:`~tiltyard.shell.jobs.catalogue.JOBS`.
        day: The trading day, as text.
        state: How it stands; ``failed`` also where one of its steps has.
        asked_at: UTC.
        ended_at: UTC; None while it has not.
        steps: Those that have ended.
        trouble: What is wrong with the run itself, also that nobody carries it on; empty where
            nothing is.
        bucket: Of the archive, as it was asked for; empty for that of the settings.
    """

    name: str
    job: str
    day: str
    state: State
    asked_at: datetime
    ended_at: datetime | None
    steps: Sequence[StepOutcome]
    trouble: str = ""
    bucket: str = ""

    @property
    def outcome(self) -> JobOutcome:
        """Of the steps that have ended."""
        return JobOutcome(self.steps)


class Records:
    """The runs of a ledger's jobs.

    Args:
        client: Of DBOS.
        place: Where they are kept.
    """

    def __init__(self, client: DBOSClient, place: JobsPlace) -> None:
        self._client = client
        self._place = place

    def runs(self, limit: int = 20) -> Sequence[Run]:
        """The newest runs, newest first."""
        found = self._client.list_workflows(name=WORKFLOW, limit=limit, sort_desc=True)
        return [self._run(one) for one in found]

    def newest(self, job: str) -> Run | None:
        """The newest run of a job; None where there is none."""
        found = self._client.list_workflows(
            name=WORKFLOW, workflow_id_prefix=f"{job}-", limit=1, sort_desc=True
        )
        return self._run(found[0]) if found else None

    def run(self, name: str) -> Run | None:
        """One run; None where there is none of that name."""
        found = self._client.list_workflows(workflow_ids=[name], name=WORKFLOW)
        return self._run(found[0]) if found else None

    def is_active(self) -> bool:
        """Whether a run waits or goes on that a host of this version can carry out."""
        active = [kept for kept, state in _STATES.items() if state in ACTIVE]
        found = self._client.list_workflows(status=active, load_input=False, load_output=False)
        return any(one.app_version in OWN for one in found)

    def ask(self, job: str, name: str, told: Mapping[str, Any]) -> None:
        """Have a job run; one of that name that is there already is left as it is."""
        self._client.enqueue(
            {
                "workflow_name": WORKFLOW, "workflow_id": name, "queue_name": JOBS[job].queue,
                "application_name": APPLICATION, "app_version": str(VERSION),
            },
            job, dict(told),
        )  # fmt: skip

    def cancel(self, name: str) -> None:
        """Have a run end; a step that goes on is ended by whoever hosts it."""
        self._client.cancel_workflow(name)

    def _run(self, status: Any) -> Run:  # noqa: ANN401 DBOS's own shape
        if status.output is None:
            steps = self._client.list_workflow_steps(status.workflow_id)
            kept = [one["output"] for one in steps]
        else:  # those that were left out, too
            kept = status.output
        ended = [
            StepOutcome.from_json(one) for one in kept if isinstance(one, dict) and "step" in one
        ]
        job, told = _asked(status.input)
        before = JobOutcome.from_json(told.get("before", [])).steps
        last = {one.step: one for one in before if one.state == "done"}
        last |= {one.step: one for one in ended}  # of several tries, the last counts
        state = _STATES.get(status.status, "failed")
        trouble = "" if status.error is None else str(status.error)
        if state in ACTIVE and status.app_version not in OWN:
            state, trouble = "failed", f"it was begun by version {status.app_version} of the jobs"
        if state in ACTIVE and not is_hosted(self._place):
            trouble = f"nobody carries it on: tiltyard jobs run {job} --day {told.get('day', '')}"
        if state == "done" and any(one.state == "failed" for one in last.values()):
            state = "failed"
        ended_at = None if state in ACTIVE else _time(status.completed_at or status.updated_at)
        return Run(
            status.workflow_id, job, str(told.get("day", "")), state, _time(status.created_at),
            ended_at, list(last.values()), trouble, str(told.get("bucket", "")),
        )  # fmt: skip


@contextmanager
def records_of(place: JobsPlace) -> Iterator[Records]:
    """The runs of a ledger's jobs.

    Raises:
        TiltyardError: ``JOBS_NONE`` where none was ever hosted; what the database refuses.
    """
    refuse_pickles()
    if not place.is_there:
        raise none_yet(place)
    with speaking_of_jobs(place):
        refuse_damaged(place)
        try:
            client = DBOSClient(
                system_database_url=place.database, dbos_system_schema=SCHEMA, serializer=AsText(),
                application_name=APPLICATION, retry_connection_errors=False,
            )  # fmt: skip
        except DBOSException as error:
            raise none_yet(place) from error
        try:
            yield Records(client, place)
        except (sa.exc.ProgrammingError, sa.exc.OperationalError) as error:
            if "no such table" in str(error.orig) or isinstance(error, sa.exc.ProgrammingError):
                raise none_yet(place) from error  # whoever makes them has not come so far
            raise
        finally:
            client.destroy()


def none_yet(place: JobsPlace) -> TiltyardError:
    """What is said where no job was ever hosted."""
    return TiltyardError(
        "JOBS_NONE",
        place.ledger.render_as_string(hide_password=True),
        "no job was run yet",
        "tiltyard jobs run health",
    )


def _asked(given: Any) -> tuple[str, Mapping[str, Any]]:  # noqa: ANN401 DBOS's own shape
    try:
        job, told = given["args"]
    except (TypeError, KeyError, ValueError):
        return "", {}
    return str(job), told


def _time(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)
