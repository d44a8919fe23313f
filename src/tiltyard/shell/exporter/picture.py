"""What the desk shows of itself at one moment: plain data, made by the desk's own thread.

Nothing that the desk works with is read by another thread; whoever scrapes is given the last
picture, and it never changes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

Sample = tuple[tuple[str, ...], float]
"""The values of the family's labels, in order, and a finite number."""

LATENCY_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Upper ends, in seconds."""


class Histogram(NamedTuple):
    """How often something took how long.

    Attributes:
        counts: How many in each of :data:`LATENCY_BUCKETS`, and beyond the last.
        sum: Of all of them, in seconds.
    """

    counts: tuple[int, ...] = (0,) * (len(LATENCY_BUCKETS) + 1)
    sum: float = 0.0


class Picture(NamedTuple):
    """Every sample of every family that has any.

    Attributes:
        samples: By the name of the family; never a number that is none.
        latency: From a fact being known to what follows from it being committed.
    """

    samples: Mapping[str, Sequence[Sample]]
    latency: Histogram = Histogram()
