"""The courier: brings something to the world outside, beside the desk and never in its way.

A target that hangs must not keep the desk from judging, nor other targets waiting, nor its
own notices the shares. So every lane has a courier, a thread of its own, that looks for what
is to be delivered whenever it is nudged, and every second.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tiltyard.kernel.errors import TiltyardError

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 1.0
"""Seconds between two looks for what is due again."""
STOP_SECONDS = 2.0
"""So long a desk that ends waits for one that is at work beside it."""


class Courier:
    """Looks for something to deliver until it is told to end.

    Args:
        name: Of its thread.
        look: Delivers what is due. What it raises is logged, and it is called again; after
            ``LEASE_LOST`` it is not.
    """

    def __init__(self, name: str, look: Callable[[], object]) -> None:
        self._look = look
        self._nudged = threading.Event()
        self._is_ending = False
        self._trouble = ""
        self._thread = threading.Thread(target=self._go, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """There may be something new."""
        self._nudged.set()

    def end(self) -> None:
        """End after a last look."""
        self._is_ending = True
        self._nudged.set()

    def wait(self, until: float) -> None:
        """Wait for the end, but no longer than until then; who still hangs is left behind.

        Args:
            until: By :func:`time.monotonic`.
        """
        self._thread.join(max(0, until - time.monotonic()))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Look meanwhile, and once more at the end; who hangs then is left behind."""
        self.start()
        try:
            yield
        finally:
            self.end()
            self.wait(time.monotonic() + STOP_SECONDS)

    def _go(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_ending
            self._nudged.clear()
            try:
                self._look()
            except TiltyardError as error:
                if error.code == "LEASE_LOST":
                    return
                self._warn(error)
            except Exception:  # noqa: BLE001 whatever a target does, the next effect is delivered
                _LOG.exception("something could not be delivered")
            else:
                self._trouble = ""
            if not self._is_ending:
                self._nudged.wait(LOOK_EVERY)

    def _warn(self, error: TiltyardError) -> None:
        """Once for as long as it lasts: a database may be away for hours."""
        if error.code != self._trouble:
            self._trouble = error.code
            _LOG.warning("%s", error)
