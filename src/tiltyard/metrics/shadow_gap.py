"""The shadow gap: what a live trade made more than the same trade on paper.

A shadow book is only as good as its fills. So every live episode has a twin on paper, and
the two of them are a pair when they are of one symbol and side and closed together: one that a
person has flattened is no comparison. Their difference is measured by what the one on paper
risked, since a bad fill moves a live trade away from its stop as well; and, for arms whose trades
do not say that, in percent of its capital. The gap is the mean of that, per arm, symbol and how
wild the market was when the episode was decided, with an interval; sums are whole numbers, so a
pair counts the same whenever it comes. Of an episode whose decision nobody has told, or did not
say it, the volatility is unknown.

>>> gap = ShadowGap()
>>> for tenths in (1, 3) * 20:
...     gap.push("SOL/USDT", tenths * SCALE // 10, tercile=2)
>>> gap.read("SOL/USDT")
Gap(mean=0.2, low=0.168615, high=0.231385, pairs=40)
>>> print(gap.read(terciles=[0]))
undefined (warming: 0 of 30 pairs)
"""

from collections.abc import Collection
from datetime import datetime
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from tiltyard.facts.decision import VOLATILITY, Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.terciles import Terciles
from tiltyard.metrics.twins import Twins
from tiltyard.metrics.unit import SCALE, UNITS, Unit, over

UNKNOWN = None
"""The tercile of an episode of which nobody has said how wild the market was."""
ANY = (*range(len(VOLATILITY)), UNKNOWN)
PAIRS_NEEDED = 30
CONFIDENCE = 0.95
SIGMAS = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

Sums = tuple[int, int, int]
"""Pairs, and the sum and the sum of squares of their differences, scaled."""


class Gap(NamedTuple):
    """Live less paper.

    Attributes:
        mean: In the unit that was asked for.
        low: Lower end of the interval of 95 %.
        high: Upper end.
        pairs: How many it is made from.
    """

    mean: float
    low: float
    high: float
    pairs: int


class ShadowGap:
    """The gap of one arm, by symbol and tercile of volatility.

    Decisions may be told in any order between two pairs; everything else comes in judged order.
    """

    def __init__(self) -> None:
        self._sums: dict[Unit, dict[tuple[str, int | None], Sums]] = {unit: {} for unit in UNITS}
        self._twins = Twins()
        self._terciles = Terciles()
        self._paired_at: datetime | None = None

    def copy(self) -> "ShadowGap":
        """The same, which goes its own way from here."""
        other = ShadowGap()
        other._sums = {unit: dict(sums) for unit, sums in self._sums.items()}
        other._twins = self._twins.copy()
        other._terciles, other._paired_at = self._terciles.copy(), self._paired_at
        return other

    def decide(self, decision: Decision) -> None:
        """An episode was given to the arm."""
        self._terciles.note(decision)

    def has_passed(self, fact: Trade | Decision) -> bool:
        """Whether pairs would count otherwise, had a fact come in its time."""
        if isinstance(fact, Decision):
            return self._paired_at is not None and fact.decided_at <= self._paired_at
        return self._twins.has_other_of(fact) and self._terciles.are_ahead_of(fact.closed_at)

    @property
    def has_decisions(self) -> bool:
        """Whether it knows of any."""
        return self._terciles.newest is not None

    def see(self, trade: Trade) -> None:
        """One more trade; it counts when its twin, or the live one of it, is there."""
        pair = self._twins.see(trade)
        if pair is not None:
            tercile = self._terciles.of(trade.episode_id or "", trade.closed_at)
            for unit in UNITS:
                if (more := gap_of(*pair, unit)) is not None:
                    self.push(trade.symbol, more, tercile, unit)
            self._paired_at = trade.closed_at

    def push(self, symbol: str, more: int, tercile: int | None = UNKNOWN, unit: Unit = "R") -> None:
        """One more pair.

        Args:
            symbol: In which it traded.
            more: What the live one made more, scaled.
            tercile: How wild the market was when it was decided.
            unit: Of that.
        """
        sums = self._sums[unit]
        pairs, total, squares = sums.get((symbol, tercile), (0, 0, 0))
        sums[symbol, tercile] = (pairs + 1, total + more, squares + more * more)

    @property
    def unit(self) -> Unit:
        """In which there are pairs: R wherever a twin has said what it risked."""
        return "%" if self._sums["%"] and not self._sums["R"] else "R"

    @property
    def symbols(self) -> list[str]:
        """Where there are pairs."""
        return sorted({symbol for symbol, _ in self._sums[self.unit]})

    def read(
        self, symbol: str = "", terciles: Collection[int | None] = ANY, unit: Unit = "R"
    ) -> Gap | Undefined:
        """The gap in one symbol or in all, when it was so wild.

        Args:
            symbol: Empty for all.
            terciles: Which of 0, 1, 2 and :data:`UNKNOWN` count.
            unit: In what.
        """
        chosen = [
            sums
            for (where, tercile), sums in self._sums[unit].items()
            if symbol in ("", where) and tercile in terciles
        ]
        pairs, total, squares = (sum(column) for column in zip((0, 0, 0), *chosen, strict=True))
        if pairs < PAIRS_NEEDED:
            return Undefined("warming", f"{pairs} of {PAIRS_NEEDED} pairs", pairs)
        variance = (pairs * squares - total * total) / (pairs * (pairs - 1)) / SCALE**2
        mean, away = total / pairs / SCALE, SIGMAS * sqrt(variance / pairs)
        return Gap(round(mean, 6), round(mean - away, 6), round(mean + away, 6), pairs)


def gap_of(live: Trade, twin: Trade, unit: Unit) -> int | None:
    """What a live trade made more than its twin, scaled; None when the twin says too little."""
    more = live.pnl - twin.pnl
    return over(more, twin.risk) if unit == "R" else over(100 * more, twin.capital)
