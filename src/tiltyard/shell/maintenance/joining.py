"""How a policy that maintenance has made goes on trial: asked for once, as a person would ask."""

from collections.abc import Sequence
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.models.registering import checked_for_trial
from tiltyard.shell.registration import Registration, arguments_of


class Joined(NamedTuple):
    """What came of it.

    Attributes:
        answer: Of whoever registered it; empty where it was not.
        failed: Why it was not.
    """

    answer: str
    failed: tuple[TiltyardError, ...]

    def lines(self, name: str) -> Sequence[str]:
        """For people."""
        if self.answer:
            return [f"registered: {self.answer}"]
        return [f"not registered; to do it yourself: {register_command(name)}"]


def put_on_trial(house: House, name: str, *, key: str, reason: str) -> Joined:
    """Register a snapshot as a challenger on probation, at the usual share.

    Args:
        house: Whose arms, and whose folder of models it lies in.
        name: Of the snapshot.
        key: The same key asked twice is one registration.
        reason: For the audit.
    """
    settings = house.settings
    try:
        found = checked_for_trial(settings.models.path / name)
        wanted = Registration(
            found.name, "challenger", found.kind, settings.default_capital(), None,
            min(house.times.now(), found.made_at), found.digest,
        )  # fmt: skip
        outcome = house.ask("register", name, arguments_of(wanted), key=key, reason=reason)
    except TiltyardError as error:
        return Joined("", (error,))
    return Joined(outcome.text, ())


def register_command(name: str) -> str:
    """What a person types to put it on trial."""
    return f"tiltyard policy register {name} --capital X"
