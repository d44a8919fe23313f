"""What every target can do, and the two ways in which it can fail."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.outbox import Effect


class Target(Protocol):
    """Somebody outside.

    Sending is idempotent: an effect that is sent again under its key changes nothing more.
    """

    @property
    def name(self) -> str:
        """Under which effects are requested of it."""

    @property
    def takes(self) -> frozenset[str]:
        """Which kinds of effect may be requested of it."""

    def send(self, effect: Effect) -> None:
        """Tell it; it has the effect when this returns.

        Raises:
            TiltyardError: ``TARGET_REFUSED``, and somebody has to look why;
                ``TARGET_UNREACHABLE``, and it may or may not have it.
        """

    def has(self, effect: Effect) -> bool | None:
        """Whether it has the effect; None when it cannot be asked.

        Raises:
            TiltyardError: ``TARGET_REFUSED``, ``TARGET_UNREACHABLE``.
        """


@runtime_checkable
class Person(Target, Protocol):
    """A target who may sleep, and who can answer by a link."""

    def rests(self, kind: str, at: datetime) -> bool:
        """Whether effects of this kind are kept back now, for later."""

    def page_of(self, effect: Effect) -> int:
        """The page that a link in it would acknowledge; 0 for no link."""

    def tell(self, effect: Effect, now: datetime, secret: str) -> None:
        """As :meth:`Target.send`.

        Args:
            effect: What to say.
            now: UTC; what is told late says when it happened.
            secret: In the link; empty for none.
        """


def refused(subject: str, facts: str, remedy: str = "") -> TiltyardError:
    """It said no, and will until somebody has seen to it."""
    return TiltyardError("TARGET_REFUSED", subject, facts, remedy)


def unreachable(subject: str, facts: str, remedy: str = "") -> TiltyardError:
    """It said nothing, or to come back later."""
    return TiltyardError("TARGET_UNREACHABLE", subject, facts, remedy)
