"""How a policy that maintenance has made goes on trial: asked for once, as a person would ask."""

from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.maintenance.house import House
from tiltyard.shell.models.registering import checked_for_trial, staying
from tiltyard.shell.registration import Registration, arguments_of


class Joined(NamedTuple):
    """What came of it.

    Attributes:
        answer: Of whoever registered it; empty where it was not.
        line: The same for people, or what to do.
        failed: Why it could not be.
    """

    answer: str
    line: str
    failed: tuple[TiltyardError, ...] = ()

    @property
    def told(self) -> str | None:
        """The answer as a JSON value; None where it was not registered."""
        return self.answer or None


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
        with staying(found, settings.models.path):
            outcome = house.ask("register", name, arguments_of(wanted), key=key, reason=reason)
    except TiltyardError as error:
        if name in house.ledger.roster().arms:
            return Joined("", f"{name} has joined already")
        return Joined("", f"not registered; to do it yourself: {register_command(name)}", (error,))
    return Joined(outcome.text, f"registered: {outcome.text}")


def register_command(name: str) -> str:
    """What a person types to put it on trial."""
    return f"tiltyard policy register {name} --capital X"
