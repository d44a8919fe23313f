"""What a training says of itself to whoever supervises it (docs/how-to/supervise-a-learner.md).

The file is replaced as a whole. Its step rises over all stages of a job, and falls only when the
job begins anew.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tiltyard.kernel.clock import time_text
from tiltyard.learners.job import Step
from tiltyard.shell.supervise.contract import VARIABLE

EVERY = 1.0
"""Seconds between two writings."""


class StatusFile:
    """The file, if anybody wants one.

    Args:
        path: Where; None for nowhere.
        job: What is worked on.
        now: UTC.
        steady: Seconds on a clock that is never set.

    Attributes:
        saved_at: When unfinished work was kept last; None while none was.
    """

    def __init__(
        self,
        path: Path | None,
        job: str,
        now: Callable[[], datetime],
        steady: Callable[[], float],
    ) -> None:
        self._path, self._job, self._now, self._steady = path, job, now, steady
        self._stage, self._before, self._step = "", 0, 0
        self.saved_at: datetime | None = None
        self._written_at = -EVERY
        self._write()

    def step(self, step: Step) -> None:
        """The job has come further; each stage begins at 0."""
        if step.stage != self._stage:
            self._stage, self._before = step.stage, self._step
        self._step = max(self._step, self._before + step.done)
        if self._steady() - self._written_at >= EVERY:
            self._write()

    def saved(self) -> None:
        """Unfinished work has been kept."""
        self.saved_at = self._now()
        self._write()

    def ended(self) -> None:
        """There is no job any more."""
        self._job = ""
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        self._written_at = self._steady()
        saved = None if self.saved_at is None else time_text(self.saved_at)
        said = {
            "step": self._step, "at": time_text(self._now()), "checkpoint_at": saved,
            "job": self._job,
        }  # fmt: skip
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}.part")
        # a training goes on though nobody can be told of it: who supervises then sees no progress
        with suppress(OSError):
            try:
                beside.write_text(json.dumps(said), "utf-8")
                beside.replace(self._path)
            except OSError:
                beside.unlink(missing_ok=True)
                raise


def status_path(environment: Mapping[str, Any]) -> Path | None:
    """Where whoever supervises wants it."""
    path = environment.get(VARIABLE)
    return Path(path) if path else None
