"""The shadow gap: what a live trade made more than the same trade on paper.

A shadow book is only as good as its fills. So every live episode has a twin on paper, and
the two of them are a pair when they are of one symbol and side and closed together: one that a
person has flattened is no comparison. Their difference is measured by what the one on paper
risked, since a bad fill moves a live trade away from its stop as well; and, for arms whose trades
do not say that, in percent of its capital. The gap is the mean of that, per arm, symbol and how
wild the market was when the episode was decided. Of an episode whose decision nobody has told, or
did not say it, the volatility is unknown.

A pair belongs to the day on which the one on paper was opened. What fills cost is alike within a
day, so the interval is made from days, as :mod:`~tiltyard.metrics.blocks` says, and takes ten of
them. Sums are whole numbers, so a pair counts the same whenever it comes.

>>> gap = ShadowGap()
>>> for number in range(40):
...     day = date(2025, 7, 1 + number // 4)
...     gap.push("SOL/USDT", (1 + number % 3) * SCALE // 10, day, tercile=2)
>>> gap.read("SOL/USDT")
Gap(mean=0.1975, low=0.181833, high=0.213167, pairs=40)
>>> print(gap.read(terciles=[0]))
undefined (warming: 0 of 30 pairs)
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import NamedTuple

from tiltyard.facts.decision import VOLATILITY, Decision
from tiltyard.facts.trade import Trade
from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.blocks import NEEDED as DAYS_NEEDED
from tiltyard.metrics.blocks import deviation, sigmas
from tiltyard.metrics.terciles import Terciles
from tiltyard.metrics.twins import Twins
from tiltyard.metrics.unit import SCALE, UNITS, Unit, scaled

UNKNOWN = None
"""The tercile of an episode of which nobody has said how wild the market was."""
ANY = (*range(len(VOLATILITY)), UNKNOWN)
PAIRS_NEEDED = 30

Sums = dict[date, tuple[int, int]]
"""Of each day, its pairs and the sum of their differences, scaled."""


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
        other._sums = {
            unit: {place: dict(days) for place, days in sums.items()}
            for unit, sums in self._sums.items()
        }
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
                    self.push(trade.symbol, more, pair[1].opened_at.date(), tercile, unit)
            self._paired_at = trade.closed_at

    def push(
        self, symbol: str, more: int, day: date, tercile: int | None = UNKNOWN, unit: Unit = "R"
    ) -> None:
        """One more pair.

        Args:
            symbol: In which it traded.
            more: What the live one made more, scaled.
            day: On which the one on paper was opened, UTC.
            tercile: How wild the market was when it was decided.
            unit: Of that.
        """
        days = self._sums[unit].setdefault((symbol, tercile), {})
        pairs, total = days.get(day, (0, 0))
        days[day] = (pairs + 1, total + more)

    @property
    def unit(self) -> Unit:
        """In which there are pairs: R wherever a twin has said what it risked."""
        return "%" if self._sums["%"] and not self._sums["R"] else "R"

    @property
    def symbols(self) -> list[str]:
        """Where there are pairs."""
        return sorted({symbol for symbol, _ in self._sums[self.unit]})

    def mean(self, unit: Unit) -> float | None:
        """The gap in all symbols, on however few days; None with too few pairs."""
        each = self._by_day("", ANY, unit).values()
        pairs, total = (sum(column) for column in zip((0, 0), *each, strict=True))
        return total / pairs / SCALE if pairs >= PAIRS_NEEDED else None

    def _by_day(self, symbol: str, terciles: Collection[int | None], unit: Unit) -> Sums:
        days: Sums = {}
        for (where, tercile), sums in self._sums[unit].items():
            if symbol in ("", where) and tercile in terciles:
                for day, (count, more) in sums.items():
                    known = days.get(day, (0, 0))
                    days[day] = (known[0] + count, known[1] + more)
        return days

    def read(
        self, symbol: str = "", terciles: Collection[int | None] = ANY, unit: Unit = "R"
    ) -> Gap | Undefined:
        """The gap in one symbol or in all, when it was so wild.

        Args:
            symbol: Empty for all.
            terciles: Which of 0, 1, 2 and :data:`UNKNOWN` count.
            unit: In what.
        """
        days = self._by_day(symbol, terciles, unit)
        pairs, total = (sum(column) for column in zip((0, 0), *days.values(), strict=True))
        if pairs < PAIRS_NEEDED:
            return Undefined("warming", f"{pairs} of {PAIRS_NEEDED} pairs", pairs)
        if len(days) < DAYS_NEEDED:
            return Undefined("warming", f"on {len(days)} of {DAYS_NEEDED} days", pairs)
        mean, whole = total / pairs / SCALE, pairs * pairs * SCALE
        parts = [(more * pairs - count * total) / whole for count, more in days.values()]
        away = sigmas(len(days)) * deviation(parts)
        return Gap(round(mean, 6), round(mean - away, 6), round(mean + away, 6), pairs)


def gap_of(live: Trade, twin: Trade, unit: Unit) -> int | None:
    """What a live trade made more than its twin, as both count; None where the twin is silent.

    Both go by what the twin risked, since a bad fill moves a live trade away from its stop; an R
    is within its bounds.
    """
    real, paper = scaled(live.pnl, twin, unit), scaled(twin.pnl, twin, unit)
    return None if real is None or paper is None else real - paper
