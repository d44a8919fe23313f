"""A halt, and nobody who acknowledges it, told to people by processes that may be killed.

As :mod:`play`: jobs come in as lines of JSON, and every job is a forked process.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import tiltyard.shell.targets.apprise_service  # noqa: F401 slow, so once
from crash.floor import BAD, MINUTE, NOON, SECOND, append, rules, trade
from crash.jobs import fork_each
from crash.play import APPENDED, Points
from tiltyard.shell.commanding import Times, give_back
from tiltyard.shell.effects.announce import Announcing
from tiltyard.shell.effects.delivery import deliver
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.notify.escalation import escalate
from tiltyard.shell.notify.people import People
from tiltyard.shell.running import hold_lease
from tiltyard.shell.sections.notify import NotifySettings, Recipient
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import open_effects
from tiltyard.shell.targets import targets_from

MOMENTS = (NOON, NOON + MINUTE, NOON + 2 * MINUTE, NOON + 17 * MINUTE, NOON + 18 * MINUTE)


def settings_in(folder: Path) -> Settings:
    """Ann and carl are told, and eve when neither has acknowledged."""
    said = (("ann", False), ("carl", False), ("eve", True))
    recipients = tuple(
        Recipient(name=name, address_file=str(folder / f"{name}.address"), escalation=is_last)
        for name, is_last in said
    )
    notify = NotifySettings(recipient=recipients, link="https://desk.example")
    return rules().model_copy(update={"notify": notify})


@dataclass
class Teller:
    """One process that goes on from the moment that was under way."""

    ledger: Ledger
    folder: Path
    points: Callable[[str], None]

    def play(self) -> None:
        settings, begun = settings_in(self.folder), self.folder / "begun"
        first = int(begun.read_text()) if begun.exists() else 0
        token = self.take(MOMENTS[first])
        desk = LiveDesk(
            self.ledger, settings, token, announcing=Announcing(people=People.of(settings)),
            on_stage=self.points,
        )  # fmt: skip
        desk.start()
        for number, at in list(enumerate(MOMENTS))[first:]:
            begun.write_text(str(number))
            if number == 1:
                append(self.ledger, [trade(BAD, 1, -500, 50 * SECOND)], at)
                self.points(APPENDED)
            desk.step(at)
            assert desk.trouble is None, desk.trouble
            escalate(self.ledger, token, settings.notify, at, self.points)
            targets = targets_from(settings)
            deliver(self.ledger, token, targets, at, on_stage=self.points)
        with self.ledger.snapshot() as still:
            assert not open_effects(still.connection)
        give_back(self.ledger, token)

    def take(self, at: datetime) -> int:
        seconds = count()
        token = hold_lease(
            self.ledger, f"process {os.getpid()}",
            Times(lambda: at, lambda: float(next(seconds)), lambda _: None),
            checklist=rules().checklist.digest, wait=True,
        )  # fmt: skip
        assert token is not None
        return token


def do(job: dict[str, Any]) -> None:
    folder, points = Path(job["folder"]), Points(job["stage"], job["number"])
    with Ledger.open(job["url"]) as ledger:
        Teller(ledger, folder, points).play()
    (folder / "passed.json").write_text(json.dumps(points.passed))


if __name__ == "__main__":
    fork_each(do)
