"""What a learner says of itself: a JSON file that it replaces as a whole.

.. code-block:: json

   {"step": 1200, "at": "2025-07-07T12:00:00Z", "checkpoint_at": "2025-07-07T11:58:00Z",
    "job": "retrain"}

``step`` rises while the job moves on. ``at`` is when the learner wrote this, and
``checkpoint_at`` when it last saved its work; both are ISO-8601 with an offset, or epoch
milliseconds. ``job`` is empty or null while it has nothing to do. A file that is missing, too
large, of something else or from another time is an answer, too: there is no progress.
"""

import json
import os
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tiltyard.kernel.clock import FUTURE, moment
from tiltyard.kernel.errors import TiltyardError

VARIABLE = "TILTYARD_LEARNER_STATUS"
"""Names the file in the learner's environment."""
LARGEST = 64 * 1024
LONGEST_JOB = 200


class Status(NamedTuple):
    """What a learner said last.

    Attributes:
        step: How far its job has come.
        at: When it said so, UTC.
        checkpoint_at: When it last saved its work; None when it never did.
        job: What it works on; empty for nothing.
    """

    step: int
    at: datetime
    checkpoint_at: datetime | None
    job: str


def read_status(path: Path, now: datetime) -> Status | str:
    """What the file says; when that is nothing, why, for people."""
    try:
        raw = _read(path)
    except FileNotFoundError:
        return "it has said nothing yet"
    except OSError as error:
        return error.strerror or type(error).__name__
    if raw is None:
        return "its status is no plain file, or larger than 64 kB"
    try:
        said = json.loads(raw)
        return _status(said, now)
    except (ValueError, RecursionError, TiltyardError) as error:
        return f"its status is malformed: {error}"[:200]


def _status(said: Any, now: datetime) -> Status | str:  # noqa: ANN401 whatever a file says
    if not isinstance(said, dict):
        return "its status is no object"
    step, job, saved = said.get("step"), said.get("job") or "", said.get("checkpoint_at")
    if not isinstance(step, int) or isinstance(step, bool):
        return "its step is no whole number"
    if not isinstance(job, str):
        return "its job is no text"
    at = moment(said.get("at", ""))
    if at - now > FUTURE:
        return "its status is of the future"
    saved_at = None if saved is None else moment(saved)
    if saved_at is not None and saved_at - now > FUTURE:
        saved_at = None
    return Status(step, at, saved_at, job[:LONGEST_JOB])


def _read(path: Path) -> bytes | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 it is open already
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        raw = file.read(LARGEST + 1)
    return raw if len(raw) <= LARGEST else None


class Progress:
    """Whether a job moves on: its step has risen lately.

    What is seen first counts as a rise of when it was said, so a desk that begins does not take
    everybody for stuck. A step that falls is that of a learner that went back to its checkpoint.

    Args:
        within: So long ago the last rise may be.
    """

    def __init__(self, within: timedelta) -> None:
        self._within = within
        self._step: int | None = None
        self._rose_at = 0.0

    def begin(self) -> None:
        """The learner begins anew: what it says next is seen first."""
        self._step = None

    def is_made(self, said: Status | str, now: datetime, steady: float) -> bool:
        """Whether there is any, by what the learner says now.

        Args:
            said: As read.
            now: UTC, by which what is said may be too old.
            steady: Seconds on a clock that is never set, by which the last rise may be.
        """
        if isinstance(said, str) or not said.job or now - said.at > self._within:
            return False
        if self._step is None:
            self._rose_at = steady - max(0.0, (now - said.at).total_seconds())
        elif said.step > self._step:
            self._rose_at = steady
        self._step = said.step
        return steady - self._rose_at < self._within.total_seconds()
