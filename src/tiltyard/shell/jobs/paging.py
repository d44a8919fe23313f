"""Who is told when a step has failed: whoever the desk tells, through a command of the ledger.

The command's key is the run and the step, so people are told of a failure once, however often its
host is killed and begins anew.
"""

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import shortened
from tiltyard.shell.cli.asking import holder_name, waking_times
from tiltyard.shell.clock import system_now
from tiltyard.shell.commanding import ask, command_of
from tiltyard.shell.jobs.outcome import StepOutcome
from tiltyard.shell.jobs.place import JobsPlace
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.targets import targets_from

ACTOR = "jobs"


def page_of(place: JobsPlace, settings: Settings, run: str, outcome: StepOutcome) -> None:
    """Have people told that a step has failed.

    Args:
        place: Where the jobs are kept.
        settings: In force.
        run: Of a job.
        outcome: Of the step.

    Raises:
        TiltyardError: Whatever keeps the command from being recorded.
    """
    reason = shortened(f"{run}: {outcome.step} failed: {outcome.said}")
    command = command_of(
        "page", "", {"run": run, "step": outcome.step}, reason=reason, actor=ACTOR,
        key=f"job/{run}/{outcome.step}/page", now=system_now(),
    )  # fmt: skip
    with Ledger.open(place.address) as opened, waking_times(opened) as times:
        try:
            ask(opened, settings, command, times, holder=holder_name(),
                targets=targets_from(settings))  # fmt: skip
        except TiltyardError as error:
            if error.code != "COMMAND_WAITING":  # it stands, and whoever acts next tells of it
                raise
