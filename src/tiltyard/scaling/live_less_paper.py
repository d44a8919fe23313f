"""What live trades of an arm make more than those on paper, by a time and at the end.

Comes in: the trades of one arm as they close. Goes out: the mean difference of a live trade and
its twin, which is the one that :mod:`tiltyard.metrics.shadow_gap` reports. It is 0 while fewer than
30 pairs say it.

Two readings are needed. Who is told what a trade on paper is worth must not know how fills were
later, so it is told the gap of the pairs that had closed by then. What was earned is counted
afterwards, by all pairs. That gap is as sure as blocks of days agree on it, as everything is that
was traded in one market; with fewer than ten of them it is as unsure as one that nobody measured. A
pair belongs to the day on which the twin was opened.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from tiltyard.facts.trade import Trade
from tiltyard.metrics.blocks import NEEDED as BLOCKS_NEEDED
from tiltyard.metrics.blocks import SIGMAS, deviation, sigmas
from tiltyard.metrics.shadow_gap import PAIRS_NEEDED, gap_of
from tiltyard.metrics.twins import Twins
from tiltyard.metrics.unit import SCALE, UNITS, Unit
from tiltyard.scaling.optimism import GAP_SPREAD


class KnownGap(NamedTuple):
    """What an arm's live trades made more than those on paper.

    Attributes:
        mean: R a trade; 0 while too few pairs have said it.
        spread: How far off that may be: one standard deviation.
    """

    mean: float
    spread: float


UNKNOWN_GAP = KnownGap(0.0, GAP_SPREAD)


class _Pair(NamedTuple):
    """When it was opened and closed, and what the live one made more, scaled, in each unit."""

    opened: datetime
    closed: datetime
    more: tuple[int | None, ...]


class LiveLessPaper:
    """The pairs of one arm."""

    def __init__(self) -> None:
        self._twins = Twins()
        self._pairs: list[_Pair] = []

    def see(self, trade: Trade) -> None:
        """One more of its trades has closed."""
        pair = self._twins.see(trade)
        if pair is not None:
            live, twin = pair
            more = tuple(gap_of(live, twin, unit) for unit in UNITS)
            self._pairs.append(_Pair(twin.opened_at, live.closed_at, more))

    def as_of(self, unit: Unit, scale: float) -> Callable[[datetime], float]:
        """What was known by a time: R a trade.

        Args:
            unit: In which it is counted.
            scale: So much of that is an R.
        """
        each = sorted((closed, more) for _, closed, more in self._told(unit))
        times = [closed for closed, _ in each]
        sums = list(accumulate((more for _, more in each), initial=0))

        def known(at: datetime) -> float:
            pairs = bisect_right(times, at)
            return sums[pairs] / pairs / SCALE / scale if pairs >= PAIRS_NEEDED else 0.0

        return known

    def read(self, unit: Unit, scale: float, days: int) -> KnownGap:
        """By all pairs.

        Args:
            unit: In which it is counted.
            scale: So much of that is an R.
            days: How many make a block.
        """
        each = self._told(unit)
        if len(each) < PAIRS_NEEDED:
            return UNKNOWN_GAP
        blocks: dict[int, list[float]] = defaultdict(list)
        for opened, _, more in each:
            blocks[opened.toordinal() // days].append(more / SCALE / scale)
        mean = sum(map(sum, blocks.values())) / len(each)
        if len(blocks) < BLOCKS_NEEDED:
            return KnownGap(mean, GAP_SPREAD)
        parts = ((sum(block) - mean * len(block)) / len(each) for block in blocks.values())
        return KnownGap(mean, deviation(parts) * sigmas(len(blocks)) / SIGMAS)

    def _told(self, unit: Unit) -> list[tuple[datetime, datetime, int]]:
        place = UNITS.index(unit)
        told = ((opened, closed, more[place]) for opened, closed, more in self._pairs)
        return [(opened, closed, more) for opened, closed, more in told if more is not None]
