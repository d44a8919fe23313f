"""Whether the desk judges, as ``/readyz`` says it."""

from collections.abc import Callable, Sequence

from tiltyard.shell.clock import steady_seconds
from tiltyard.shell.live import LiveDesk


class Vital:
    """What the desk shows of itself while it runs; any thread may look.

    Args:
        desk: Begun.
        deadman: Seconds without a judgement that are too long.
        floor: Why nothing is traded on bars, for people; empty while it is, or is not wanted.
    """

    def __init__(
        self, desk: LiveDesk, deadman: float, floor: Callable[[], Sequence[str]] = tuple
    ) -> None:
        self._desk = desk
        self._deadman = deadman
        self._floor = floor
        self._judged_at: float | None = None

    def beat(self) -> None:
        """Something was judged."""
        self._judged_at = steady_seconds()

    def troubles(self) -> list[str]:
        """Why the desk does not judge, or not write; empty while it does."""
        trouble, judged_at = self._desk.trouble, self._judged_at
        found = [] if trouble is None else [trouble.code]
        if judged_at is None:
            found.append("nothing was judged yet")
        elif (silence := steady_seconds() - judged_at) >= self._deadman:
            found.append(f"nothing was judged for {silence:.0f} s: the champion trades alone")
        return [*found, *self._floor()]
