"""The statement: what the monitor itself was worth, month by month.

Comes in: receipts. Goes out, for any number of them: how many of which kind, how many were right,
false alarms, mistakes, undecided or pending, and their net worth with an interval. Those in R and
those in percent of capital have one each, and are never added. Receipts that lie close together
share opportunities, so their intervals cannot be added: what was made is summed moment by moment
over all of them first, and then in :mod:`stretches <tiltyard.actions.stretches>` of time. A halt
and the resume after it, where they overlap, cancel there as they did in truth. What was only
observed is told apart, and never part of the monitor's worth.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import hypot
from typing import NamedTuple

from tiltyard.actions.receipt import Receipt, Settled, Word, Worth
from tiltyard.actions.stretches import STRETCHES, half_of_several
from tiltyard.facts.action import Kind
from tiltyard.facts.verdict import Mode
from tiltyard.metrics.unit import UNITS, Unit

MOST_STEPS = 200
_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tally:
    """Some receipts, added up.

    Attributes:
        kinds: How many of each kind of action.
        words: How many of each verdict.
    """

    def __init__(self) -> None:
        self.kinds: Counter[Kind] = Counter()
        self.words: Counter[Word] = Counter()
        self._nets: dict[Unit, _Net] = {}

    def count(self, receipt: Receipt) -> None:
        """One more action, whether it has a worth or not."""
        self.kinds[receipt.movement.action.kind] += 1
        self.words[receipt.word] += 1

    def add(self, settled: Settled) -> None:
        """One more receipt that is final."""
        self.count(settled.receipt)
        worth = settled.receipt.worth
        if isinstance(worth, Worth):
            self._nets.setdefault(worth.unit, _Net(worth.unit)).add(settled, worth)

    def nets(self) -> list[Worth]:
        """What they were worth together, in each unit that one of them has; R first."""
        return [self._nets[unit].worth() for unit in UNITS if unit in self._nets]


class _Net:
    """The worths of receipts in one unit, added up."""

    def __init__(self, unit: Unit) -> None:
        self._total = 0.0
        self._settled = 0
        self._last = Worth(0.0, 0.0, 0.0, unit)
        self._pairs: dict[frozenset[str], _Pair] = defaultdict(_Pair)
        self._spans = timedelta(0)
        self._at_most = 0.0
        self._allowances: dict[str, float] = defaultdict(float)

    def add(self, settled: Settled, worth: Worth) -> None:
        """One more."""
        self._settled += 1
        self._last = worth
        self._total += worth.number
        self._at_most += worth.high - worth.number
        shifts = settled.receipt.movement.shifts
        pair = self._pairs[frozenset(shifts)]
        for began, part in settled.parts:
            pair.add((began - _EPOCH) // _TICK, part, shifts[min(shifts)])
        self._spans += settled.parts[-1][0] - settled.parts[0][0]
        for name, (much, gap) in settled.allowances.items():
            self._allowances[name] += much * gap

    def worth(self) -> Worth:
        """Their sum, and how far it may be off."""
        if self._settled == 1:
            return self._last
        away = hypot(self._chance(), *self._allowances.values())
        low, high = self._total - away, self._total + away
        return Worth(round(self._total, 6), round(low, 6), round(high, 6), self._last.unit)

    def _chance(self) -> float:
        """Half of an interval that allows for what was made, and not for what paper flatters."""
        moments: dict[int, float] = defaultdict(float)
        for pair in self._pairs.values():
            for moment, more in pair.surprises():
                moments[moment] += more
        length = self._spans // self._settled // STRETCHES // _TICK
        return half_of_several(moments, length, self._at_most)


class _Pair:
    """What arms made beside each other, moment by moment, and the share that one of them gained."""

    def __init__(self) -> None:
        self._moments: dict[int, tuple[float, float]] = {}
        self._along = 0.0
        self._moved = 0.0

    def add(self, moment: int, part: float, moved: float) -> None:
        made, shares = self._moments.get(moment, (0.0, 0.0))
        self._moments[moment] = (made + part, shares + moved)
        self._along += part * moved
        self._moved += moved * moved

    def surprises(self) -> Iterator[tuple[int, float]]:
        """By how much each moment was better than the usual one."""
        usual = self._along / self._moved
        for moment, (made, shares) in self._moments.items():
            yield moment, made - usual * shares


class Line(NamedTuple):
    """One line of the statement.

    Attributes:
        month: As ``2025-07``; empty for all of them.
        cause: The guard or rule; empty for all of them.
        mode: ``enforce``, or ``observe`` for what would have been done.
        tally: What it comes to.
    """

    month: str
    cause: str
    mode: Mode
    tally: Tally


def growth(finals: Sequence[Settled]) -> Iterator[tuple[datetime, Worth]]:
    """The net worth of what was done, action by action; of very many, two hundred times.

    Args:
        finals: In the order of their actions.
    """
    tallies: dict[Unit, list[tuple[datetime, Settled]]] = defaultdict(list)
    for settled in finals:
        worth, action = settled.receipt.worth, settled.receipt.movement.action
        if isinstance(worth, Worth) and action.mode == "enforce":
            tallies[worth.unit].append((action.at, settled))
    for done in tallies.values():
        tally, pace = Tally(), -(-len(done) // MOST_STEPS)
        for number, (at, settled) in enumerate(done, 1):
            tally.add(settled)
            if number % pace == 0 or number == len(done):
                yield at, tally.nets()[0]


class Statement:
    """Receipts by month, by cause and in all."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[Mode, str, str], Tally] = defaultdict(Tally)

    def add(self, settled: Settled) -> None:
        """One more receipt that is final."""
        for tally in self._of(settled.receipt):
            tally.add(settled)

    def wait(self, receipt: Receipt) -> None:
        """One more that is pending."""
        for tally in self._of(receipt):
            tally.count(receipt)

    def whole(self, mode: Mode = "enforce") -> Tally:
        """Everything that was done, or would have been."""
        return self._tallies.get((mode, "", ""), Tally())

    def lines(self) -> Iterator[Line]:
        """In all and by cause, then each month and its causes; what was done comes first."""
        for mode, month, cause in sorted(self._tallies):
            yield Line(month, cause, mode, self._tallies[mode, month, cause])

    def _of(self, receipt: Receipt) -> Iterator[Tally]:
        action = receipt.movement.action
        for month in ("", f"{action.at:%Y-%m}"):
            for cause in ("", action.cause):
                yield self._tallies[action.mode, month, cause]
