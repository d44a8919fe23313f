"""Plays the day on a floor in processes of their own, which may be killed at a point.

Jobs come in as lines of JSON: the database, a folder, and at which passing of which point
to be killed. Every job is a forked process, so that what takes long is imported once.
What comes out is a line for each: how the process ended.
"""

import json
import os
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from crash.floor import DAY, Moment, append, ask_and_edit, rules
from crash.jobs import fork_each
from tiltyard.shell.commanding import Times, ask, give_back
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.delivery import deliver
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.running import hold_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import Effect, open_effects
from tiltyard.shell.targets import FileTarget, Target

APPENDED = "appended"


@dataclass(frozen=True)
class Diary:
    """Takes notices, by hand: a line for each, and none twice."""

    path: Path
    name: str = "diary"
    takes: frozenset[str] = frozenset({"notice"})

    def send(self, effect: Effect) -> None:
        if not self.has(effect):
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"{effect.key} {effect.body}\n")

    def has(self, effect: Effect) -> bool:
        text = self.path.read_text("utf-8") if self.path.exists() else ""
        return f"{effect.key} {effect.body}\n" in text


@dataclass
class Points:
    """Counts the points that are passed, and dies at the one that is chosen."""

    stage: str
    number: int
    passed: Counter[str] = field(default_factory=Counter)

    def __call__(self, stage: str) -> None:
        self.passed[stage] += 1
        if stage == self.stage and self.passed[stage] == self.number:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Player:
    """One process that goes on from the moment that was under way."""

    ledger: Ledger
    folder: Path
    points: Points
    desk: LiveDesk | None = None
    token: int = 0

    def play(self) -> None:
        begun = self.folder / "begun"
        first = int(begun.read_text()) if begun.exists() else 0
        for number, moment in list(enumerate(DAY))[first:]:
            begun.write_text(str(number))
            self.live_through(moment)
        self.deliver(DAY[-1].at)
        with self.ledger.snapshot() as still:
            assert not open_effects(still.connection)
        give_back(self.ledger, self.token)

    def live_through(self, moment: Moment) -> None:
        if moment.deskless:
            self.ask(moment)
            return
        if self.desk is None:
            self.start(moment.at)
        assert self.desk is not None
        if moment.trades:
            append(self.ledger, moment.trades, moment.at)
            self.points(APPENDED)
        if moment.commands or moment.edit:
            ask_and_edit(self.ledger, moment)
            self.points(APPENDED)
        self.desk.step(moment.at)
        assert self.desk.trouble is None, self.desk.trouble
        self.deliver(moment.at)

    def ask(self, moment: Moment) -> None:
        self.take(moment.at)
        give_back(self.ledger, self.token)
        (command,) = moment.commands
        ask(
            self.ledger, rules(), command, _times(moment.at), holder="ann",
            targets=self.targets, on_stage=self.points,
        )  # fmt: skip

    def start(self, at: datetime) -> None:
        self.take(at)
        takes = {name: target.takes for name, target in self.targets.items()}
        self.desk = LiveDesk(
            self.ledger, rules(), self.token, announcing=Announcing(takes), on_stage=self.points
        )
        self.desk.start()

    def take(self, at: datetime) -> None:
        token = hold_lease(
            self.ledger, f"process {os.getpid()}", _times(at),
            checklist=rules().checklist.digest, wait=True,
        )  # fmt: skip
        assert token is not None
        self.token = token

    def deliver(self, at: datetime) -> None:
        deliver(self.ledger, self.token, self.targets, at, on_stage=self.points)

    @property
    def targets(self) -> Mapping[str, Target]:
        every = (FileTarget(self.folder / "shares.json"), Diary(self.folder / "diary"))
        return {target.name: target for target in every}


def _times(at: datetime) -> Times:
    """The time of day stands still, and a look at the steady clock takes a second."""
    seconds = count()
    return Times(lambda: at, lambda: float(next(seconds)), lambda _: None)


def run(url: str, folder: Path, stage: str, number: int) -> None:
    points = Points(stage, number)
    with Ledger.open(url) as ledger:
        Player(ledger, folder, points).play()
    (folder / "passed.json").write_text(json.dumps(points.passed))


def do(job: dict[str, Any]) -> None:
    run(job["url"], Path(job["folder"]), job["stage"], job["number"])


if __name__ == "__main__":
    fork_each(do)
