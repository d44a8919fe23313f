"""An errand that does nothing but ask whether its time is up, and says when it begins and ends.

And a node that is asked something, and says nothing for a minute.
"""

import threading
from pathlib import Path
from typing import Any

from tiltyard.learners.job import Job, Step
from tiltyard.shell.training import at_nodes, errands

BEGINS, ENDS, TIMES = "begins", "ends", 3_000


def asking_errand(what: str, number: int, ear: Any, *given: bytes) -> bytes:  # noqa: ANN401 of Ray
    """Run at a node as errands are; that it begins is said before anything slow is imported."""
    ear.tell.remote(at_nodes.said_of(number, Step(BEGINS, 0, 1)))
    errands.DOERS = {**errands.DOERS, "asks": _asks}
    return at_nodes.errand(what, number, ear, *given)


def silent() -> bytes:
    """Nothing is answered while anybody listens."""
    threading.Event().wait(60)
    return b""


def _asks(_: Path, __: Path, ___: errands.Told, job: Job) -> None:
    for _time in range(TIMES):
        job.is_over()
    job.tell(Step(ENDS, 1, 1))
