"""How far apart bars open, whatever somebody says of them.

A file that is called otherwise than its bars last is learnt from without a word: of bars of 15
minutes, read as hours, every fourth lies on the hour, with its own high, low and volume.

>>> from datetime import UTC, datetime
>>> from tiltyard.market.bar import Bar
>>> noon, quarter = datetime(2024, 10, 28, 12, tzinfo=UTC), timedelta(minutes=15)
>>> bars = [Bar("BTC/USDT", noon + n * quarter, 1.0, 1.0, 1.0, 1.0, 1.0) for n in range(40)]
>>> spacing(bars)
Spacing(length=datetime.timedelta(seconds=900), times=39, of=39)
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from tiltyard.market.bar import Bar

ENOUGH = 12
"""Of fewer distances nobody can say which is usual."""


class Spacing(NamedTuple):
    """From one bar's opening to the next one's, mostly.

    Attributes:
        length: That of more than half of them.
        times: How often it was.
        of: Distances there are.
    """

    length: timedelta
    times: int
    of: int


def spacing(bars: Iterable[Bar]) -> Spacing | None:
    """How far apart most bars open; None where they are few, or most are not alike.

    Args:
        bars: Of one symbol, prices or not, in any order; a time that is there twice counts once.
    """
    times = sorted({bar.opened_at for bar in bars})
    if len(times) <= ENOUGH:
        return None
    distances = Counter(later - earlier for earlier, later in pairwise(times))
    ((length, often),) = distances.most_common(1)
    return Spacing(length, often, len(times) - 1) if 2 * often > len(times) - 1 else None
