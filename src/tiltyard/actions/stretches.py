"""Stretches: how far off a sum may be that is made of what follows one another.

What follows one another is alike, and what begins at one moment meets one market. So a sum is
taken apart into stretches of neighbours: within one, things may depend on each other as they
like; stretches are taken for independent, and Student's distribution is used, since they are few.

The opportunities of a receipt make ten stretches of about as many each. None begins or ends within
a day; where they began on fewer than ten days, or mostly on a few, none within a moment. Where a
few moments have most of them, stretches differ in size, and count as so many equal ones as would
say as much; with fewer than five there is no interval.

Several receipts overlap, so what they add at one moment is added first. Then stretches are of one
length of time: from a tenth of what a receipt spans, shorter where fewer than ten are left, then
twice as long as often as leaves ten. The widest counts, since what follows one another for long is
alike. Where all cancels, as a halt and the resume after it, a stretch says nothing and is not
counted.

>>> from datetime import timedelta
>>> noon = datetime(2025, 7, 7, 12)
>>> half_of([(noon + timedelta(days=day), day % 2) for day in range(20)])
0.0
>>> half_of([(noon, 1.0), (noon, 2.0)]) is None
True
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from math import fsum, inf, sqrt

from tiltyard.metrics.blocks import NEEDED, deviation, sigmas

STRETCHES = NEEDED
FEWEST = 5
FELT = 0.01
"""A stretch with less than this part of the largest says nothing."""

Part = tuple[datetime, float]
"""When an opportunity began, and what it adds."""


def half_of(parts: Sequence[Part]) -> float | None:
    """Half of an interval of 95 % around a sum over opportunities; None with too few stretches.

    Args:
        parts: In time order.
    """
    numbers = _numbers([began for began, _ in parts])
    usual = fsum(part for _, part in parts) / len(parts)
    beyond: dict[int, float] = defaultdict(float)
    for number, (_, part) in zip(numbers, parts, strict=True):
        beyond[number] += part - usual
    equal = _equal(numbers)
    if round(equal) < FEWEST:
        return None
    squares = fsum(more * more for more in beyond.values())
    return sigmas(round(equal)) * sqrt(squares * equal / (equal - 1))


def half_of_several(moments: Mapping[int, float], length: int, at_most: float) -> float:
    """The same of a sum over receipts.

    Args:
        moments: What was added beyond the usual, by when, in some whole unit of time.
        length: Of the stretches that are tried first, in that unit.
        at_most: What the intervals of all receipts come to; for where too few stretches are left.
    """
    length = max(1, length)
    stretches = _longer(moments, length)
    if len(stretches) < STRETCHES:
        moments = _longer(moments, 1)
    while len(stretches) < STRETCHES and length > 1:
        length //= 2
        stretches = _longer(moments, length)
    widest = _half(stretches)
    if len(stretches) < FEWEST:
        return min(widest, at_most)
    while len(stretches := _longer(stretches, 2)) >= STRETCHES:
        widest = max(widest, _half(stretches))
    return widest


def _numbers(times: Sequence[datetime]) -> Sequence[int]:
    """The stretch of each opportunity."""
    days = [began.date() for began in times]
    if len(set(days)) >= STRETCHES:
        by_day = _cut(days)
        if round(_equal(by_day)) >= FEWEST:
            return by_day
    return _cut(times)


def _cut(groups: Sequence[Hashable]) -> Sequence[int]:
    """Neighbouring groups, whole, in ten stretches of about as many members."""
    numbers: list[int] = []
    for _, members in groupby(groups):
        size = len(list(members))
        middle = len(numbers) + size / 2
        numbers += [int(middle * STRETCHES / len(groups))] * size
    return numbers


def _equal(numbers: Sequence[int]) -> float:
    """So many stretches of equal size say as much."""
    return len(numbers) ** 2 / sum(size * size for size in Counter(numbers).values())


def _longer(stretches: Mapping[int, float], times: int) -> Mapping[int, float]:
    """Stretches so many times as long; only those that say something."""
    longer: dict[int, float] = defaultdict(float)
    for number, more in stretches.items():
        longer[number // times] += more
    least = FELT * max(map(abs, longer.values()), default=0.0)
    return {number: more for number, more in longer.items() if abs(more) > least}


def _half(stretches: Mapping[int, float]) -> float:
    if not stretches:
        return 0.0
    if len(stretches) == 1:
        return inf
    return sigmas(len(stretches)) * deviation(stretches.values())
