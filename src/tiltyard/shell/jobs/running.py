"""A run that somebody waits for: hosted here, or by whoever hosts the jobs of this ledger already.

Whoever asks first becomes the host, and stays until nothing that was asked for is left. Others ask,
and look now and then how it stands; should the host go away meanwhile, the next of them goes on.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.jobs.alone import alone
from tiltyard.shell.jobs.host import World, hosting
from tiltyard.shell.jobs.records import ACTIVE, Records, Run, records_of

LOOK_EVERY = 0.5
"""Seconds between two looks how a run stands."""
LOOK_ELSEWHERE = 2.0
"""The same where another host carries it out."""


def carried_through(
    world: World,
    job: str,
    name: str,
    told: Mapping[str, Any],
    *,
    wait: Callable[[float], object],
    on_look: Callable[[str], object] = lambda _: None,
) -> Run:
    """A run at its end; one that has ended before is not run again.

    Args:
        world: What a host is given.
        job: Which.
        name: Of the run.
        told: What it is told.
        wait: Wait so many seconds.
        on_look: Called at each look, with the name of the run.

    Raises:
        TiltyardError: ``JOBS_UNWRITABLE``, or what the database refuses.
    """
    said = False
    while True:
        with alone(world.place) as is_ours:
            if is_ours:
                with hosting(world), records_of(world.place) as records:
                    records.ask(job, name, told)
                    while records.is_active():
                        on_look(name)
                        wait(LOOK_EVERY)
                    return _run(records, name)
        ended = _elsewhere(world, job, name, told)
        if ended is not None:
            return ended
        if not said:
            world.say(f"{name}: another process hosts the jobs of this ledger, and carries it out")
            said = True
        on_look(name)
        wait(LOOK_ELSEWHERE)


def _elsewhere(world: World, job: str, name: str, told: Mapping[str, Any]) -> Run | None:
    """The run that another host carries out; None while it has not ended."""
    try:
        with records_of(world.place) as records:
            records.ask(job, name, told)
            run = _run(records, name)
    except TiltyardError as error:
        if error.code == "JOBS_NONE":  # that host has only begun
            return None
        raise
    return None if run.state in ACTIVE else run


def _run(records: Records, name: str) -> Run:
    run = records.run(name)
    if run is None:
        raise TiltyardError("JOB_RUN_UNKNOWN", name, "it is not in the record of jobs any more")
    return run
