"""How wild a market is: calm, usual or wild, against its own last thousand bars.

Measured by the mean range of 14 bars as a fraction of the close. A third of the time each,
so that what was decided can be compared with what was decided in like conditions.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import Literal

from tiltyard.features.price import mean_range
from tiltyard.market.bar import Bar

Tercile = Literal[0, 1, 2]
LOOKS_BACK = 1000
NEEDED = 30
RANGE_BARS = 14


class Wildness:
    """Of one symbol, bar after bar."""

    def __init__(self) -> None:
        self._range = mean_range(RANGE_BARS)
        self._last: deque[float] = deque()
        self._sorted: list[float] = []
        self.tercile: Tercile | None = None
        """0 calm, 1 usual, 2 wild; None while too little is known."""

    def see(self, bar: Bar) -> None:
        """One more bar, which has closed."""
        reach = self._range(bar)
        if reach is None:
            return
        wild = reach / bar.close
        self._last.append(wild)
        insort(self._sorted, wild)
        if len(self._last) > LOOKS_BACK:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]
        count = len(self._sorted)
        if count < NEEDED:
            return
        place = bisect_left(self._sorted, wild)
        self.tercile = 0 if 3 * place < count else 1 if 3 * place < 2 * count else 2
