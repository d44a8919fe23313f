"""The shadow gap: what a live trade made more than the same trade on paper, in R.

A shadow book is only as good as its fills. So every live episode has a twin on paper, and
the two of them are a pair when they closed together: one that a person has flattened is no
comparison. Their difference is measured by what the one on paper risked, since a bad fill
moves a live trade away from its stop as well. The gap is the mean of that, per arm and
symbol, with an interval; sums are whole numbers, so a pair counts the same whenever it comes.

>>> gap = ShadowGap()
>>> for tenths in (1, 3) * 20:
...     gap.push("SOL/USDT", tenths * SCALE // 10)
>>> gap.read("SOL/USDT")
Gap(mean=0.2, low=0.168615, high=0.231385, pairs=40)
"""

from collections import OrderedDict
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from tiltyard.facts.trade import Book, Trade
from tiltyard.kernel.undefined import Undefined

SCALE = 10**12
PAIRS_NEEDED = 30
CONFIDENCE = 0.95
_WAITING = 1000
"""So many episodes wait for their twin, or for the live trade; older ones never had one."""
_SIGMAS = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

Sums = tuple[int, int, int]
"""Pairs, and the sum and the sum of squares of their differences, scaled."""


class Gap(NamedTuple):
    """Live less paper.

    Attributes:
        mean: R-multiples.
        low: Lower end of the interval of 95 %.
        high: Upper end.
        pairs: How many it is made from.
    """

    mean: float
    low: float
    high: float
    pairs: int


class ShadowGap:
    """The gap of one arm, by symbol."""

    def __init__(self) -> None:
        self._sums: dict[str, Sums] = {}
        self._waiting: OrderedDict[tuple[str, Book], Trade] = OrderedDict()

    def copy(self) -> "ShadowGap":
        """The same, which goes its own way from here."""
        other = ShadowGap()
        other._sums, other._waiting = dict(self._sums), self._waiting.copy()
        return other

    def see(self, trade: Trade) -> None:
        """One more trade; it counts when its twin, or the live one of it, is there."""
        if trade.book == "shadow" or trade.episode_id is None:
            return
        other = self._waiting.pop((trade.episode_id, _OTHER[trade.book]), None)
        if other is None:
            self._waiting[trade.episode_id, trade.book] = trade
            if len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
            return
        live, twin = (trade, other) if trade.book == "live" else (other, trade)
        if live.closed_at == twin.closed_at and twin.risk:
            more = live.pnl - twin.pnl
            self.push(trade.symbol, (more * SCALE * 2 + twin.risk) // (twin.risk * 2))

    def push(self, symbol: str, more: int) -> None:
        """One more pair.

        Args:
            symbol: In which it traded.
            more: What the live one made more, in R, scaled.
        """
        pairs, total, squares = self._sums.get(symbol, (0, 0, 0))
        self._sums[symbol] = (pairs + 1, total + more, squares + more * more)

    @property
    def symbols(self) -> list[str]:
        """Where there are pairs."""
        return sorted(self._sums)

    def read(self, symbol: str = "") -> Gap | Undefined:
        """The gap in one symbol, or in all."""
        chosen = [self._sums.get(symbol, (0, 0, 0))] if symbol else list(self._sums.values())
        pairs, total, squares = (sum(column) for column in zip((0, 0, 0), *chosen, strict=True))
        if pairs < PAIRS_NEEDED:
            return Undefined("warming", f"{pairs} of {PAIRS_NEEDED} pairs", pairs)
        variance = (pairs * squares - total * total) / (pairs * (pairs - 1)) / SCALE**2
        mean, away = total / pairs / SCALE, _SIGMAS * sqrt(variance / pairs)
        return Gap(round(mean, 6), round(mean - away, 6), round(mean + away, 6), pairs)


_OTHER: dict[Book, Book] = {"live": "twin", "twin": "live"}
