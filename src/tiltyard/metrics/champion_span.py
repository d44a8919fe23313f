"""``pf_prod``: the champion's profit factor while the challenger was trading.

A challenger's last 150 trades span some calendar time. Over the same span the champion
met the same market; with at least 30 trades there, that is the fair comparison.
"""

from array import array
from bisect import bisect_left, bisect_right
from datetime import datetime

from tiltyard.kernel.clock import microseconds
from tiltyard.kernel.undefined import Reading, Undefined
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.profit_factor import ProfitFactor, Tally

TRADES = 150
TRADES_IN_SPAN = 30


class ChampionHistory:
    """Every closed trade of a champion as running sums: a span's tally in O(log n).

    Memory grows with the champion's trades. They are pushed in judged order.
    """

    def __init__(self) -> None:
        self._closed = array("q")
        self._gains: list[int] = [0]
        self._losses: list[int] = [0]
        self._losing = array("q", [0])

    def push(self, closed_at: datetime, outcome: Outcome) -> None:
        """One more trade of the champion."""
        gain, loss, _, losing = ProfitFactor().element(outcome)
        self._closed.append(microseconds(closed_at))
        self._gains.append(self._gains[-1] + gain)
        self._losses.append(self._losses[-1] + loss)
        self._losing.append(self._losing[-1] + losing)

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

    def _tally(self, first: int, last: int) -> Tally:
        return (
            self._gains[last] - self._gains[first],
            self._losses[last] - self._losses[first],
            last - first,
            self._losing[last] - self._losing[first],
        )
