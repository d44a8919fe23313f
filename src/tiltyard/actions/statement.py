"""The statement: what the monitor itself was worth, month by month.

Comes in: receipts. Goes out, for any number of them: how many of which kind, how many were right,
false alarms, mistakes, undecided or pending, and their net worth in R with an interval. Receipts
that lie close together share opportunities, so their intervals cannot be added: what was made is
summed within blocks of time over all of them first. A halt and the resume after it, where they
overlap, cancel there as they did in truth. Blocks are tried from a tenth of what one receipt spans
to a tenth of all, and the widest interval is told: what follows one another for long is alike.
What was only observed is told apart, and never part of the monitor's worth.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tiltyard.actions.receipt import BLOCKS, Receipt, Settled, Word, Worth, half_width
from tiltyard.facts.action import Kind
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.undefined import Undefined

_HOUR = timedelta(hours=1)
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
        self._total = 0.0
        self._settled = 0
        self._first: Worth | None = None
        self._pairs: dict[frozenset[str], _Pair] = defaultdict(_Pair)
        self._spans = timedelta(0)
        self._allowances: dict[str, tuple[float, float]] = {}

    def count(self, receipt: Receipt) -> None:
        """One more action, whether it has a worth or not."""
        self.kinds[receipt.movement.action.kind] += 1
        self.words[receipt.word] += 1

    def add(self, settled: Settled) -> None:
        """One more receipt that is final."""
        self.count(settled.receipt)
        worth = settled.receipt.worth
        if isinstance(worth, Undefined):
            return
        self._settled += 1
        self._first = self._first or worth
        self._total += worth.number
        moved = settled.receipt.movement
        pair = self._pairs[frozenset(moved.shifts)]
        for began, part in settled.parts:
            pair.add((began - _EPOCH) // _HOUR, part, moved.after - moved.before)
        self._spans += settled.parts[-1][0] - settled.parts[0][0]
        for name, (much, spread) in settled.allowances.items():
            before = self._allowances.get(name, (0.0, 0.0))[0]
            self._allowances[name] = (before + much, spread)

    def net(self) -> Worth | Undefined:
        """What they were worth together."""
        if self._first is None:
            return Undefined("warming", "no receipt is final")
        if self._settled == 1:
            return self._first
        away = half_width(self._chance(), self._allowances.values())
        total = self._total
        return Worth(round(total, 6), round(total - away, 6), round(total + away, 6))

    def _chance(self) -> float:
        """The variance of the sum: the largest that blocks of any length say."""
        hours: dict[int, float] = defaultdict(float)
        for pair in self._pairs.values():
            for hour, more in pair.surprises():
                hours[hour] += more
        length = max(1, self._spans // self._settled // BLOCKS // _HOUR)
        widest = _of_blocks(hours, length)
        while max(hours) - min(hours) >= 2 * length * BLOCKS:
            length *= 2
            widest = max(widest, _of_blocks(hours, length))
        return widest


class _Pair:
    """What arms made beside each other, hour by hour, and the share that was moved then."""

    def __init__(self) -> None:
        self._hours: dict[int, tuple[float, float]] = {}
        self._along = 0.0
        self._moved = 0.0

    def add(self, hour: int, part: float, moved: float) -> None:
        made, shares = self._hours.get(hour, (0.0, 0.0))
        self._hours[hour] = (made + part, shares + moved)
        self._along += part * moved
        self._moved += moved * moved

    def surprises(self) -> Iterator[tuple[int, float]]:
        """By how much each hour was better than the usual one."""
        usual = self._along / self._moved
        for hour, (made, shares) in self._hours.items():
            yield hour, made - usual * shares


def _of_blocks(hours: Mapping[int, float], length: int) -> float:
    """The variance of a sum, from blocks of so many hours."""
    blocks: dict[int, float] = defaultdict(float)
    for hour, more in hours.items():
        blocks[hour // length] += more
    return BLOCKS / (BLOCKS - 1) * sum(block * block for block in blocks.values())


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
