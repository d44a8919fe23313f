"""What those beside the desk observe, on its way into the ledger as anybody's reports are.

One short transaction each, without the lease. While the database does not take it, the newest
are kept; what it has already is passed over.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime

from tiltyard.facts.observation import Observation
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE

MOST_KEPT = 120
"""Of one observer; older ones are dropped."""


class Gauges:
    """The observations of one thread.

    Args:
        door: To the ledger, not the desk's own.
        now: The time of day.
    """

    def __init__(self, door: Ledger, now: Callable[[], datetime]) -> None:
        self._door = door
        self._now = now
        self._kept: deque[Observation] = deque(maxlen=MOST_KEPT)

    def report(self, *observed: Observation) -> None:
        """Append these, and what could not be appended before.

        Raises:
            TiltyardError: Something is wrong with them; they are dropped.
        """
        self._kept.extend(observed)
        if not self._kept:
            return
        try:
            self._door.append_observations(list(self._kept), known_at=self._now())
        except TiltyardError as error:
            if error.code in UNAVAILABLE:
                return
            self._kept.clear()
            raise
        self._kept.clear()
