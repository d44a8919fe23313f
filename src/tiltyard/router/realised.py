"""Whether episodes went where the shares said: what each arm was given of the last day.

Comes in: decisions, each with the arm, the shares' revision and the probability it was chosen with.
Goes out: each arm's part of the decisions of the last 24 hours, and how probable it is that honest
choices by these shares lie as far from them.

An arm's expected count is the sum of its probabilities over all decisions, so shares may have
changed meanwhile. They are known of arms that were chosen at least once under a revision; what is
left of the whole belongs to arms that never were. The test is Pearson's chi-square over the
arms and that rest, those that expect fewer than five together; where shares have changed it is
on the safe side, since such counts scatter less. Of honest choices at most about the share ``p``
is told a p-value below ``p`` (measured at 0.01 and 0.001 in the tests).

Nothing is said below 100 decisions. Decisions are counted in slots of 15 minutes, so memory
depends on arms and revisions and not on how many decisions there are.

>>> from datetime import UTC
>>> noon, traffic = datetime(2025, 7, 7, 12, tzinfo=UTC), RealisedTraffic()
>>> for n in range(200):
...     policy, share = ("a", 0.9) if n % 4 else ("b", 0.1)
...     traffic.see(Decision(str(n), "SOL", policy, share, 1, noon, None, 12))
>>> traffic.at(noon).ratio("b")
0.25
>>> traffic.at(noon).p_value() < 1e-9
True
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tiltyard.facts.decision import Decision
from tiltyard.kernel.clock import microseconds
from tiltyard.kernel.undefined import twelve_digits

SPAN = timedelta(hours=24)
SLOT = timedelta(minutes=15)
FEWEST = 100
LEAST_EXPECTED = 5.0
_MICROSECOND = timedelta(microseconds=1)
_CLOSE = 1e-6
_Key = tuple[int, str]
"""Revision and policy."""
_Sum = tuple[int, float]
"""How many decisions, and the sum of the probabilities that they were made with."""


@dataclass(frozen=True, slots=True)
class Realised:
    """The decisions of a span, added up.

    Attributes:
        decisions: How many.
        given: How many of them each arm was given.
        expected: How many it was to be given; None where the probabilities do not add up.
    """

    decisions: int
    given: Mapping[str, int]
    expected: Mapping[str, float] | None

    def ratio(self, policy: str) -> float | None:
        """An arm's part of the decisions; None where they are too few to say."""
        if self.decisions < FEWEST:
            return None
        return self.given.get(policy, 0) / self.decisions

    def p_value(self) -> float | None:
        """How probable it is that choices by the shares lie at least as far from them.

        None where the decisions are too few, or there is only one arm to choose.
        """
        if self.decisions < FEWEST or self.expected is None:
            return None
        rest = max(0.0, self.decisions - sum(self.expected.values()))
        cells = [(self.given[name], count) for name, count in self.expected.items()]
        cells.append((0, rest))
        return _pearson(_pooled(cells))


class RealisedTraffic:
    """The decisions of the last 24 hours, as they come in, in whatever order."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[_Key, _Sum]] = {}
        self._whole: dict[_Key, _Sum] = {}
        self._oldest = 0

    def see(self, decision: Decision) -> None:
        """An episode was given to an arm."""
        slot = _slot(decision.decided_at)
        self._forget(slot - SPAN // SLOT)
        if slot < self._oldest:
            return
        key = decision.share_revision, decision.policy
        for sums in (self._slots.setdefault(slot, {}), self._whole):
            count, probability = sums.get(key, (0, 0.0))
            sums[key] = count + 1, probability + decision.propensity

    def at(self, now: datetime) -> Realised:
        """Those of the span before ``now``; what is older is forgotten."""
        self._forget(_slot(now) - SPAN // SLOT)
        given: Counter[str] = Counter()
        of_revision: Counter[int] = Counter()
        for (revision, policy), (count, _) in self._whole.items():
            given[policy] += count
            of_revision[revision] += count
        expected, whole = dict.fromkeys(given, 0.0), dict.fromkeys(of_revision, 0.0)
        for (revision, policy), (count, probability) in self._whole.items():
            share = probability / count
            expected[policy] += of_revision[revision] * share
            whole[revision] += share
        adds_up = all(share <= 1 + _CLOSE for share in whole.values())
        return Realised(given.total(), given, expected if adds_up else None)

    def _forget(self, before: int) -> None:
        if before <= self._oldest:
            return
        self._oldest = before
        for slot in [slot for slot in self._slots if slot < before]:
            for key, (count, probability) in self._slots.pop(slot).items():
                known, summed = self._whole.pop(key)
                if known > count:
                    self._whole[key] = known - count, summed - probability


def chi_square_tail(statistic: float, degrees: int) -> float:
    """How probable a chi-square variable is to be at least so large.

    >>> round(chi_square_tail(3.841, 1), 3), round(chi_square_tail(18.307, 10), 3)
    (0.05, 0.05)
    """
    half = statistic / 2
    if half <= 0:
        return 1.0
    if degrees % 2:
        tail, order = math.erfc(math.sqrt(half)), 0.5
    else:
        tail, order = math.exp(-half), 1.0
    while order < degrees / 2:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1))
        order += 1
    return min(1.0, tail)


def _pooled(cells: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Cells that expect enough; the small ones together, and with the smallest if need be."""
    cells = sorted((cell for cell in cells if cell[1] > _CLOSE or cell[0]), key=lambda c: c[1])
    while len(cells) > 1 and cells[0][1] < LEAST_EXPECTED:
        (one, few), (other, more) = cells[:2]
        cells = sorted([(one + other, few + more), *cells[2:]], key=lambda cell: cell[1])
    return cells


def _pearson(cells: list[tuple[int, float]]) -> float | None:
    if len(cells) < 2:  # noqa: PLR2004 there is nothing to choose
        return None
    statistic = sum((given - expected) ** 2 / expected for given, expected in cells)
    return twelve_digits(chi_square_tail(statistic, len(cells) - 1))


def _slot(at: datetime) -> int:
    return microseconds(at) // (SLOT // _MICROSECOND)
