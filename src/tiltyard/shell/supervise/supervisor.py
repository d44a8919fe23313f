"""What every supervisor of a learner can do."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol

Standing = Literal["running", "starting", "done", "given_up", "stopped"]
"""``starting`` includes waiting to be started again; ``done`` ended with 0; ``given_up`` is not
started again by itself; ``stopped`` is not running because somebody wants it so."""


class Supervisor(Protocol):
    """Who runs the learner. Any thread may call it.

    What cannot be reached raises ``TARGET_UNREACHABLE``, what refuses ``TARGET_REFUSED``.
    """

    @property
    def subject(self) -> str:
        """Whom it runs, for people."""

    @property
    def is_apart(self) -> bool:
        """Whether no other desk can run it while this one does, also without the lease."""

    def look(self) -> None:
        """See to what is due; called about once a second."""

    def standing(self) -> Standing:
        """How the learner is."""

    def is_up(self) -> bool:
        """Whether it runs at this moment."""

    def has_begun_since(self, at: datetime) -> bool:
        """Whether the run that is under way began after this."""

    def ask_to_checkpoint(self) -> bool:
        """Ask the learner to save its work, if it can be asked; whether it was."""

    def restart(self, key: str, on_certain: Callable[[], object]) -> None:
        """End what runs, all of it, and begin anew.

        Args:
            key: Of whoever asked; the same restart has the same.
            on_certain: Called once, when the restart will be carried out whoever is killed now.
        """

    def give_up(self) -> None:
        """It was restarted often enough: do not go on, where that is ours to say."""

    def end(self) -> None:
        """The desk ends: nothing that is ours may stay behind."""
