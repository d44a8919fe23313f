"""What a task of the maintenance is given of the outside: a ledger, settings, and a way to ask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from pathlib import Path

from tiltyard.facts.command import CommandRefused, Outcome, Verb
from tiltyard.scaling.trading_day import starts_at
from tiltyard.shell.commanding import Times, ask, command_of
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.targets import Target

ACTOR = "maintenance"
"""Who asks, in the audit."""


@dataclass(frozen=True, slots=True)
class House:
    """What is maintained.

    Attributes:
        ledger: Its facts and arms.
        settings: In force.
        settings_file: That they were read from; None for the usual one.
        times: Clocks of whoever waits for an answer.
        holder: Our name on the lease, should we have to act ourselves.
        targets: Who outside is told, should we have to act ourselves.
        on_stage: Told each stage of a command that we carry out ourselves.
    """

    ledger: Ledger
    settings: Settings
    settings_file: Path | None
    times: Times
    holder: str
    targets: Mapping[str, Target]
    on_stage: Callable[[str], None] = lambda _: None

    def day_begins(self, day: date) -> datetime:
        """When a trading day begins, UTC."""
        return starts_at(day, self.settings.schedule.nightly, self.settings.schedule.zone)

    def ask(
        self, verb: Verb, policy: str, arguments: Mapping[str, str], *, key: str, reason: str
    ) -> Outcome:
        """Have a command carried out, once for each key; its answer.

        One that nobody carried out while it might have been is asked anew, as ``KEY.1`` and on.

        Raises:
            CommandRefused: With the code of whatever refused it.
            TiltyardError: As :func:`tiltyard.shell.commanding.ask`.
        """
        for number in count():
            command = command_of(
                verb, policy, arguments, reason=reason, actor=ACTOR,
                key=f"{key}.{number}" if key and number else key, now=self.times.now(),
            )  # fmt: skip
            outcome = ask(
                self.ledger, self.settings, command, self.times, holder=self.holder,
                targets=self.targets, on_stage=self.on_stage,
            )  # fmt: skip
            if not (key and outcome.code == "COMMAND_EXPIRED"):
                break
        if outcome.refused:
            raise CommandRefused(outcome)
        return outcome
