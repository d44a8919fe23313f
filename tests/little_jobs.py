"""Small jobs for tests, and a host of them that can be killed wherever it stands.

``python little_jobs.py LEDGER JOB KILL_AT`` hosts one run until nothing is left of it, and kills
itself at the so-manieth thing that it says or does; 0 for never. Steps are processes of
``little_steps.py``, which is told by its words what to do.
"""

import os
import signal
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.jobs.catalogue import Job, Step
from tiltyard.shell.jobs.host import World, asked
from tiltyard.shell.jobs.outcome import JobOutcome, StepOutcome
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.jobs.running import carried_through
from tiltyard.shell.settings import load
from tiltyard.shell.store.engine import database_url

DAY = date(2026, 11, 29)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
RUN = "weekly-2026-11-29"
COMMAND = (sys.executable, str(Path(__file__).with_name("little_steps.py")))
LIMIT = timedelta(minutes=2)


def step(name: str, *words: str, tries: int = 1) -> Step:
    """A step that says its name to whoever counts, and then does what it is told."""
    return Step(name, (name, *words), LIMIT, tries, timedelta())


def job(*steps: Step) -> Job:
    """A job of these steps."""
    return Job("", "learner", None, lambda _: steps)


JOBS = {
    "weekly": job(
        step("keep"), step("train"), step("break", "fail"),
        step("after")._replace(idle="there is nothing to do"), step("report"),
    ),
}  # fmt: skip


def main(address: str, kill_at: int) -> None:
    """Host a run, and be killed where it is said."""
    counted = 0

    def at_a_boundary(what: str) -> None:
        nonlocal counted
        counted += 1
        sys.stdout.write(f"{what}\n")
        sys.stdout.flush()
        if counted == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def page(run: str, outcome: StepOutcome) -> None:
        at_a_boundary(f"{run}: paged of {outcome.step}")

    def finish(job: str, _: date, outcome: JobOutcome) -> None:
        at_a_boundary(f"{job}: finished, {len(outcome.steps)} steps")

    world = World(
        JobsPlace(Path("said"), database_url(address)), load(), None, system_now, steady_seconds,
        at_a_boundary, page, finish, JOBS, COMMAND,
    )  # fmt: skip
    run = carried_through(world, "weekly", RUN, asked(DAY, NOON), wait=time.sleep)
    sys.stdout.write(f"{run.state}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
