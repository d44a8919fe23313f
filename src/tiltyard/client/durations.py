"""How long the decisions of a minute took, in bounded memory.

Up to 4,096 durations are all kept, and what is said of them is exact. Of more, each has the same
chance to be among those that are kept: the 95th percentile of these then lies between the 94th
and the 96th of all, but for once in three hundred.

>>> durations = Durations(Random(1))
>>> for milliseconds in range(1, 41):
...     durations.add(milliseconds / 1000)
>>> durations.count, durations.nearest_rank(50), durations.nearest_rank(95)
(40, 0.02, 0.038)
"""

from array import array
from random import Random

MOST_KEPT = 4096
"""Durations."""


class Durations:
    """Those of one policy in one minute. Not safe for threads.

    Args:
        rng: Chooses which are kept, once there are too many.

    Attributes:
        count: How many there were, kept or not.
    """

    __slots__ = ("_kept", "_rng", "count")

    def __init__(self, rng: Random) -> None:
        self.count = 0
        self._kept = array("d")
        self._rng = rng

    def add(self, seconds: float) -> None:
        """One more."""
        self.count += 1
        if self.count <= MOST_KEPT:
            self._kept.append(seconds)
            return
        place = int(self._rng.random() * self.count)
        if place < MOST_KEPT:
            self._kept[place] = seconds

    def nearest_rank(self, percent: int) -> float:
        """The shortest that so many percent of them, 1 to 100, do not exceed."""
        ordered = sorted(self._kept)
        return ordered[-(-percent * len(ordered) // 100) - 1]
