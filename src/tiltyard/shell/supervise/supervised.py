"""The learner that the settings name, and the thread that looks after it while a desk runs."""

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.effects.courier import Courier
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.sections.learner import LearnerSettings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.supervise.journal import Journal
from tiltyard.shell.supervise.learner import Learner
from tiltyard.shell.supervise.own import OwnSupervisor
from tiltyard.shell.supervise.processes import is_supported
from tiltyard.shell.supervise.supervisor import Supervisor
from tiltyard.shell.supervise.surroundings import of_learner


def journal_in(settings: LearnerSettings) -> Path:
    """What is known beyond a desk."""
    return Path(settings.folder) / "journal.json"


def status_in(settings: LearnerSettings) -> Path:
    """What the learner says of itself."""
    return Path(settings.folder) / "status.json"


def log_in(settings: LearnerSettings) -> Path:
    """What it prints."""
    return Path(settings.folder) / "learner.log"


def learner_from(
    settings: LearnerSettings,
    *,
    addresses: Collection[str] = (),
    say: Callable[[str], object],
    now: Callable[[], datetime] = system_now,
    steady: Callable[[], float] = steady_seconds,
) -> Learner | None:
    """The learner of a desk; None where nobody runs one.

    Args:
        settings: Who runs it.
        addresses: Variables that hold addresses of people, which are not for it.
        say: Told, for people, what became of it.
        now: The time of day.
        steady: Seconds on a clock that is never set.

    Raises:
        TiltyardError: ``LEARNER_UNSUPERVISED`` where the desk cannot run one by itself.
    """
    if not settings.is_supervised:
        return None
    if settings.command and not is_supported():
        raise TiltyardError(
            "LEARNER_UNSUPERVISED", "learner", "on this machine a desk cannot tell one process "
            "from another (it needs Linux)", "let supervisord run it: learner.supervisord",
        )  # fmt: skip
    with suppress(OSError):  # it is told by whoever writes there first
        status_in(settings).parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(journal_in(settings))
    return Learner(
        supervisor_from(
            settings, journal, addresses=addresses, say=say, now=now, steady=steady
        ), journal,
        status_in(settings), progress_within=timedelta(seconds=settings.progress_within),
        checkpoint_within=settings.checkpoint_within, now=now, steady=steady,
    )  # fmt: skip


def supervisor_from(
    settings: LearnerSettings,
    journal: Journal,
    *,
    addresses: Collection[str] = (),
    say: Callable[[str], object],
    now: Callable[[], datetime] = system_now,
    steady: Callable[[], float] = steady_seconds,
) -> Supervisor:
    """Who runs the learner by the settings; somebody does."""
    if settings.supervisord:
        from tiltyard.shell.supervise.supervisord import (  # noqa: PLC0415 slow
            SECONDS,
            Supervisord,
        )

        return Supervisord(settings.supervisord, settings.program, settings.grace + SECONDS)
    if settings.deployment:
        from tiltyard.shell.supervise.kubernetes import Kubernetes  # noqa: PLC0415 slow

        credentials = Path(settings.credentials)
        return Kubernetes(settings.kubernetes, settings.deployment, credentials, now)
    return OwnSupervisor(
        settings.command, journal, status_in(settings), log_in(settings),
        environment=of_learner(os.environ, addresses), grace=settings.grace,
        now=now, steady=steady, say=say,
    )  # fmt: skip


@contextmanager
def learner_supervised(learner: Learner | None, ledger: Ledger) -> Iterator[None]:
    """Look after it until the desk stops judging.

    Whoever has it ends it, once the lease is given back: ending it may take long, and nobody
    judges meanwhile. The lock on its folder keeps the next desk from it until then.
    """
    if learner is None:
        yield
        return
    with ledger.beside() as door:
        gauges = Gauges(door, system_now)
        with Courier("learner", lambda: gauges.report(*learner.look())).at_work():
            try:
                yield
            finally:
                learner.leave()
