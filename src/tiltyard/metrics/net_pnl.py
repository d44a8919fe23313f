"""What the trades made in all, after costs."""

from tiltyard.kernel.money import UNITS
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.metric import Outcome


class NetPnl:
    """Sum of profit and loss after fees and funding.

    Unit: account currency. Summed exactly; the value is rounded to 12 digits.

    >>> metric = NetPnl()
    >>> metric.value(metric.merge(metric.element((150_000_000, 0, 0)), metric.element((-1, 0, 0))))
    Value(number=1.49999999, samples=2)
    """

    empty: tuple[int, int] = (0, 0)

    def element(self, outcome: Outcome) -> tuple[int, int]:
        """One trade's result."""
        return (outcome[0], 1)

    def merge(self, earlier: tuple[int, int], later: tuple[int, int]) -> tuple[int, int]:
        """Sums."""
        return (earlier[0] + later[0], earlier[1] + later[1])

    def value(self, element: tuple[int, int]) -> Reading:
        """The sum, undefined before the first trade."""
        pnl, trades = element
        if not trades:
            return Undefined("warming", "no trade has closed")
        return Value(twelve_digits(pnl / UNITS), trades)
