"""Whether the desk judges, as ``/readyz`` says it."""

from collections.abc import Collection

from tiltyard.shell.clock import steady_seconds
from tiltyard.shell.floor.opening import Opening
from tiltyard.shell.live import LiveDesk


class Vital:
    """What the desk shows of itself while it runs; any thread may look.

    Args:
        desk: Begun.
        deadman: Seconds without a judgement that are too long.
        floor: Where it trades on bars; None where it does not.
    """

    def __init__(self, desk: LiveDesk, deadman: float, floor: Opening | None = None) -> None:
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
        shut = None if self._floor is None else self._floor.trouble
        return found if shut is None else [*found, f"nobody trades on bars: {shut.code}"]

    @property
    def observes(self) -> bool:
        """Whether it judges, and changes nothing."""
        return self._desk.observes

    def on_floor(self) -> Collection[str]:
        """Arms that the desk trades itself."""
        return () if self._floor is None else self._floor.seated
