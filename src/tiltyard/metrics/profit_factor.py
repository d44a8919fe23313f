"""Gross profit over gross loss."""

from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.metric import Outcome

Tally = tuple[int, int, int, int]
"""Gains, losses (positive), trades, losing trades."""


class ProfitFactor:
    """Gross profit over gross loss of closed trades, after costs.

    Above 1 the arm earns more than it loses.
    Unit: ratio, 0 or more. Reads ``pnl``; a trade that made nothing counts as a trade
    and as neither a gain nor a loss.
    Undefined (``no_losses``) until a losing trade has closed.
    Source: Kaufman, Trading Systems and Methods, 5th ed.

    >>> metric = ProfitFactor()
    >>> total = metric.empty
    >>> for pnl in (3, -1, 1):
    ...     total = metric.merge(total, metric.element((pnl, 0, 0)))
    >>> metric.value(total)
    Value(number=4.0, samples=3)
    """

    empty: Tally = (0, 0, 0, 0)

    def element(self, outcome: Outcome) -> Tally:
        """A gain, a loss, or a trade that made nothing."""
        pnl = outcome[0]
        if pnl > 0:
            return (pnl, 0, 1, 0)
        return (0, -pnl, 1, 1 if pnl else 0)

    def merge(self, earlier: Tally, later: Tally) -> Tally:
        """Sums."""
        a, b, c, d = earlier
        e, f, g, h = later
        return (a + e, b + f, c + g, d + h)

    def value(self, element: Tally) -> Reading:
        """The ratio, or ``no_losses``."""
        gains, losses, trades, _ = element
        if not trades:
            return Undefined("warming", "no trade has closed")
        if not losses:
            return Undefined("no_losses", "no losing trade has closed yet", trades)
        return Value(twelve_digits(gains / losses), trades)
