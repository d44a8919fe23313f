"""The dead man's switch: what is done when the loop falls silent.

Whoever judges says so after every judgement. A thread of its own waits for that, and when
nothing was said for too long it calls for help: once a silence, so again only after the
loop has spoken again and fallen silent again.
"""

import logging
import threading
import time
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
STOP_SECONDS = 8.0


class Silence:
    """How long nothing was heard, and whether that is news.

    Args:
        deadman: Seconds after which nothing heard is silence.
        steady: Seconds on a clock that is never set; it counts from here.

    >>> silence = Silence(60, steady=100)
    >>> silence.left(130), silence.is_news(130)
    (30, False)
    >>> silence.is_news(160), silence.is_news(161)
    (True, False)
    >>> silence.broken(170)
    >>> silence.is_news(229), silence.is_news(230)
    (False, True)
    """

    def __init__(self, deadman: float, steady: float) -> None:
        self._deadman = deadman
        self._since = steady
        self._is_told = False

    def broken(self, steady: float) -> None:
        """Something was heard."""
        self._since = steady
        self._is_told = False

    def left(self, steady: float) -> float | None:
        """Seconds until there is news; None when there is none before something is heard."""
        return None if self._is_told else max(0, self._since + self._deadman - steady)

    def is_news(self, steady: float) -> bool:
        """Whether it has just become a silence; True once."""
        if self._is_told or steady - self._since < self._deadman:
            return False
        self._is_told = True
        return True


class Watchdog:
    """Watches from a thread of its own.

    Args:
        deadman: Seconds without a beat that are too long; they count from :meth:`start`.
        on_silence: Called in that thread. What it raises is logged.
        steady: A clock in seconds that is never set.
    """

    def __init__(
        self,
        deadman: float,
        on_silence: Callable[[], None],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadman = deadman
        self._on_silence = on_silence
        self._steady = steady
        self._silence = Silence(deadman, steady())
        self._changed = threading.Condition()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    @property
    def has_called(self) -> bool:
        """Whether there is silence, and the call was made; a beat ends it."""
        with self._changed:
            return self._silence.left(self._steady()) is None

    def start(self) -> None:
        """Begin to watch; once."""
        self._silence = Silence(self._deadman, self._steady())
        self._thread.start()

    def beat(self) -> None:
        """A judgement is complete. Any thread may say so."""
        with self._changed:
            if self._silence.left(self._steady()) is None:
                self._changed.notify()  # otherwise it wakes by itself, and finds that it was early
            self._silence.broken(self._steady())

    def stop(self, within: float = STOP_SECONDS) -> None:
        """Watch no more; when this returns, no call is under way but one's own, or one that hangs.

        Args:
            within: Seconds that are waited for a call.
        """
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(within)

    def _watch(self) -> None:
        while self._waits_for_silence():
            try:
                self._on_silence()
            except Exception:  # noqa: BLE001 whatever it is, the next silence must be heard
                _LOG.exception("what is to be done when the loop falls silent has failed")

    def _waits_for_silence(self) -> bool:
        """True when there is silence, False when there is nothing to watch any more."""
        with self._changed:
            while not self._is_stopped:
                if self._silence.is_news(self._steady()):
                    return True
                self._changed.wait(self._silence.left(self._steady()))
            return False
