"""Winning trades in percent of all."""

from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.metric import Outcome


class WinRate:
    """Trades that made money, in percent of all closed trades.

    Unit: percent, 0..100. A trade that made nothing is no win.

    >>> metric = WinRate()
    >>> metric.value(metric.merge(metric.element((5, 0, 0)), metric.element((0, 0, 0))))
    Value(number=50.0, samples=2)
    """

    empty: tuple[int, int] = (0, 0)

    def element(self, outcome: Outcome) -> tuple[int, int]:
        """Wins and trades of one trade."""
        return (1 if outcome[0] > 0 else 0, 1)

    def merge(self, earlier: tuple[int, int], later: tuple[int, int]) -> tuple[int, int]:
        """Sums."""
        return (earlier[0] + later[0], earlier[1] + later[1])

    def value(self, element: tuple[int, int]) -> Reading:
        """Percent, undefined before the first trade."""
        wins, trades = element
        if not trades:
            return Undefined("warming", "no trade has closed")
        return Value(twelve_digits(100 * wins / trades), trades)
