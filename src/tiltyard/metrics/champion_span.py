"""``pf_prod``: the champion's profit factor while the challenger was trading.

A challenger's last 150 trades span some calendar time. Over the same span the champion
met the same market; with at least 30 trades there, that is the fair comparison.
"""

from array import array
from bisect import bisect_left, bisect_right
from datetime import datetime

from tiltyard.facts.trade import JudgedOrder, Trade, judged_order
from tiltyard.kernel.clock import microseconds
from tiltyard.kernel.undefined import Reading, Undefined
from tiltyard.metrics.profit_factor import ProfitFactor, Tally

TRADES = 150
TRADES_IN_SPAN = 30
KNOWN = 1000
"""Of so many last trades, up to twice as many, the order is known exactly."""
_WORD = 64


class ChampionHistory:
    """Every closed trade of a champion as running sums: a span's tally in O(log n).

    Memory grows with the champion's trades, by some fifty bytes each. A late one, or one that is
    taken back, costs as many steps as there are later ones. Where more than a thousand are later,
    its place among those of the same moment is not known; its arm is measured anew then.
    """

    def __init__(self) -> None:
        self._closed = array("q")
        self._gains = _Sums()
        self._losses = _Sums()
        self._losing = array("q", [0])
        self._last: list[JudgedOrder] = []

    def push(self, trade: Trade) -> None:
        """One more trade of the champion."""
        order = judged_order(trade)
        later = self._take_off(order)
        self._add(order, ProfitFactor().element((trade.pnl, 0, 0)))
        for entry in later:
            self._add(*entry)

    def take_back(self, trade: Trade) -> None:
        """A trade was corrected: it is here no longer, if it ever was."""
        order = judged_order(trade)
        for entry in self._take_off(order):
            if entry[0] != order:
                self._add(*entry)

    def profit_factor(self, since: datetime | None, until: datetime) -> Reading:
        """The champion's profit factor for comparison with a challenger.

        Args:
            since: Close of the first of the challenger's last 150 trades; None when it
                has not traded.
            until: Now.
        """
        last = bisect_right(self._closed, microseconds(until))
        if since is not None:
            first = bisect_left(self._closed, microseconds(since))
            if last - first >= TRADES_IN_SPAN:
                return ProfitFactor().value(self._tally(first, last))
        if last >= TRADES:
            return ProfitFactor().value(self._tally(last - TRADES, last))
        return Undefined(
            "no_champion",
            f"the champion has {last} trades; {TRADES_IN_SPAN} in the challenger's span "
            f"or {TRADES} in all are needed",
            last,
        )

    def _add(self, order: JudgedOrder, tally: Tally) -> None:
        gain, loss, _, losing = tally
        self._last.append(order)
        if len(self._last) > 2 * KNOWN:
            del self._last[:KNOWN]
        self._closed.append(microseconds(order[0]))
        self._gains.append(self._gains[-1] + gain)
        self._losses.append(self._losses[-1] + loss)
        self._losing.append(self._losing[-1] + losing)

    def _take_off(self, order: JudgedOrder) -> list[tuple[JudgedOrder, Tally]]:
        """The trades from ``order`` on, as far as their order is known; they are here no longer."""
        if not self._last or order > self._last[-1]:
            return []
        known = bisect_left(self._last, order)
        first = len(self._closed) - len(self._last) + known
        tallies = [self._tally(n, n + 1) for n in range(first, len(self._closed))]
        off = list(zip(self._last[known:], tallies, strict=True))
        del self._last[known:], self._closed[first:], self._losing[first + 1 :]
        self._gains.cut(first + 1)
        self._losses.cut(first + 1)
        return off

    def _tally(self, first: int, last: int) -> Tally:
        return (
            self._gains[last] - self._gains[first],
            self._losses[last] - self._losses[first],
            last - first,
            self._losing[last] - self._losing[first],
        )


class _Sums:
    """Running sums, from nothing on; they may pass 64 bits, so each is kept in two words."""

    def __init__(self) -> None:
        self._high = array("q", [0])
        self._low = array("Q", [0])

    def __getitem__(self, index: int) -> int:
        return self._high[index] << _WORD | self._low[index]

    def append(self, total: int) -> None:
        self._high.append(total >> _WORD)
        self._low.append(total & (1 << _WORD) - 1)

    def cut(self, index: int) -> None:
        """Forget the sums from ``index`` on."""
        del self._high[index:], self._low[index:]
