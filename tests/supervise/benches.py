"""A learner under the desk's own supervisor: real processes, and a clock that can be moved on."""

import json
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from command_line import ROOT
from tiltyard.kernel.clock import time_text
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.sections.learner import LearnerSettings
from tiltyard.shell.supervise.journal import Known, read
from tiltyard.shell.supervise.processes import Process, kin
from tiltyard.shell.supervise.supervised import journal_in, learner_from, log_in, status_in
from waiting import until

EXAMPLE = str(ROOT / "examples" / "spinning_learner.py")
PROMPT = 30.0


class Bench:
    """A learner, and the time as it is here: the machine's, and what was added."""

    def __init__(self, settings: LearnerSettings, addresses: Collection[str] = ()) -> None:
        self.settings = settings
        self.added = 0.0
        self.said: list[str] = []
        learner = learner_from(
            settings, addresses=addresses, say=self.said.append, now=self.now, steady=self.steady
        )
        assert learner is not None
        self.learner = learner

    def now(self) -> datetime:
        return system_now() + timedelta(seconds=self.added)

    def steady(self) -> float:
        return steady_seconds() + self.added

    def until(self, happens: Callable[[], bool]) -> None:
        """Look after the learner until this happens, as it soon must."""

        def has_happened() -> bool:
            self.learner.look()
            return happens()

        until(has_happened)

    def observed(self) -> dict[str, float]:
        """What is observed a minute later."""
        self.added += 60
        return {one.name: one.number for one in self.learner.look()}

    @property
    def known(self) -> Known:
        return read(journal_in(self.settings))

    @property
    def kin(self) -> list[Process]:
        run = self.known.run
        return [] if run is None else list(kin(run))

    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(status_in(self.settings).read_text())
        except (OSError, ValueError):
            return {}
        return found

    def step(self) -> int:
        return int(self.status().get("step", -1))

    def goes_on(self) -> bool:
        """Whether this run has said more than that it begins."""
        began = self.known.began_at
        second = timedelta(seconds=1)
        return began is not None and self.status().get("at", "") > time_text(began + second)

    def log(self) -> str:
        path = log_in(self.settings)
        return path.read_text() if path.exists() else ""


def settings_for(folder: Path, *command: str, **more: Any) -> LearnerSettings:  # noqa: ANN401 as settings take them
    return LearnerSettings(command=command, folder=str(folder / "learner"), **more)


def counting(folder: Path, *more: str) -> list[str]:
    """The example, quick."""
    return [sys.executable, EXAMPLE, str(folder / "checkpoint.json"), "--pause", "0.01", *more]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@contextmanager
def bench(
    folder: Path,
    *command: str,
    addresses: Collection[str] = (),
    **more: Any,  # noqa: ANN401 as above
) -> Iterator[Bench]:
    found = Bench(settings_for(folder, *command, **more), addresses)
    try:
        yield found
    finally:
        found.learner.end()
