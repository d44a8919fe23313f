"""Mean result of a trade in units of what it risked."""

from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.metric import Outcome

_SCALE = 10**12


class ExpectancyR:
    """Mean R-multiple: ``pnl / risk`` averaged over the trades that say what they risked.

    Unit: R. Each R-multiple is rounded to 1e-12, so sums are exact.
    Undefined (``no_risk``) when no trade says what it risked.

    >>> metric = ExpectancyR()
    >>> metric.value(metric.merge(metric.element((30, 0, 10)), metric.element((-10, 0, 10))))
    Value(number=1.0, samples=2)
    """

    empty: tuple[int, int, int] = (0, 0, 0)

    def element(self, outcome: Outcome) -> tuple[int, int, int]:
        """R-multiple, whether it is known, and one trade."""
        pnl, _, risk = outcome
        if risk <= 0:
            return (0, 0, 1)
        return (round(pnl * _SCALE / risk), 1, 1)

    def merge(
        self, earlier: tuple[int, int, int], later: tuple[int, int, int]
    ) -> tuple[int, int, int]:
        """Sums."""
        return (earlier[0] + later[0], earlier[1] + later[1], earlier[2] + later[2])

    def value(self, element: tuple[int, int, int]) -> Reading:
        """Mean R, or why there is none."""
        total, known, trades = element
        if not trades:
            return Undefined("warming", "no trade has closed")
        if not known:
            return Undefined("no_risk", "no trade says what it risked", trades)
        return Value(twelve_digits(total / known / _SCALE), known)
