"""When something was last judged, by a clock that nobody sets.

The time of day may jump; silence is counted in seconds that have really passed, those in
which the machine slept included.
"""


class Pulse:
    """The pulse of a desk; it counts from its first step.

    >>> pulse = Pulse()
    >>> pulse.at(100.0)
    >>> pulse.at(170.0)
    >>> pulse.silence
    70.0
    >>> pulse.beat()
    >>> pulse.silence
    0.0
    """

    def __init__(self) -> None:
        self._now = self._last = 0.0
        self._has_begun = False

    def at(self, steady: float) -> None:
        """A step begins, so many seconds on that clock."""
        self._now = steady
        if not self._has_begun:
            self._has_begun, self._last = True, steady

    def beat(self) -> None:
        """In this step something was judged."""
        self._last = self._now

    @property
    def silence(self) -> float:
        """Seconds since then."""
        return self._now - self._last
