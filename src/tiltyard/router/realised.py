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

SPAN = timedelta(hours=24)
SLOT = timedelta(minutes=15)
FEWEST = 100
LEAST_EXPECTED = 5.0
_MICROSECOND = timedelta(microseconds=1)
_CLOSE = 1e-6
_Key = tuple[int, int, str]
"""Slot, revision, policy."""


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


_NONE = Realised(0, {}, {})


class RealisedTraffic:
    """The decisions of the last 24 hours, as they come in, in whatever order."""

    def __init__(self) -> None:
        self._given: Counter[_Key] = Counter()
        self._probability: dict[_Key, float] = {}
        self._newest = 0

    def see(self, decision: Decision) -> None:
        """An episode was given to an arm."""
        slot = _slot(decision.decided_at)
        if slot < self._newest - SPAN // SLOT:
            return
        key = slot, decision.share_revision, decision.policy
        self._given[key] += 1
        self._probability[key] = self._probability.get(key, 0.0) + decision.propensity
        if slot > self._newest:
            self._newest = slot
            self._forget(slot - SPAN // SLOT)

    def at(self, now: datetime) -> Realised:
        """Those of the span before ``now``."""
        first = _slot(now) - SPAN // SLOT
        given: Counter[str] = Counter()
        of_revision: Counter[int] = Counter()
        shares: dict[tuple[int, str], tuple[int, float]] = {}
        for (slot, revision, policy), count in self._given.items():
            if slot < first:
                continue
            given[policy] += count
            of_revision[revision] += count
            known = shares.get((revision, policy), (0, 0.0))
            probability = self._probability[slot, revision, policy]
            shares[revision, policy] = known[0] + count, known[1] + probability
        if not given:
            return _NONE
        expected, whole = dict.fromkeys(given, 0.0), dict.fromkeys(of_revision, 0.0)
        for (revision, policy), (count, probability) in shares.items():
            share = probability / count
            expected[policy] += of_revision[revision] * share
            whole[revision] += share
        adds_up = all(share <= 1 + _CLOSE for share in whole.values())
        return Realised(given.total(), given, expected if adds_up else None)

    def _forget(self, before: int) -> None:
        for key in [key for key in self._given if key[0] < before]:
            del self._given[key], self._probability[key]


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
    return chi_square_tail(statistic, len(cells) - 1)


def _slot(at: datetime) -> int:
    return microseconds(at) // (SLOT // _MICROSECOND)
