"""The current run of losing trades."""

from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.metrics.metric import Outcome

Run = tuple[int, bool, int]
"""Losses at the end of the stretch, whether any win broke a run in it, trades."""


class ConsecutiveLosses:
    """How many trades in a row have lost money, up to the latest.

    Unit: trades. A trade that made nothing neither breaks nor extends a run.

    >>> metric = ConsecutiveLosses()
    >>> total = metric.empty
    >>> for pnl in (-1, 2, -1, 0, -1):
    ...     total = metric.merge(total, metric.element((pnl, 0, 0)))
    >>> metric.value(total)
    Value(number=2, samples=5)
    """

    empty: Run = (0, False, 0)

    def element(self, outcome: Outcome) -> Run:
        """A loss, a win, or neither."""
        pnl = outcome[0]
        return (1 if pnl < 0 else 0, pnl > 0, 1)

    def merge(self, earlier: Run, later: Run) -> Run:
        """The earlier run goes on through a later stretch without a win."""
        run = later[0] if later[1] else earlier[0] + later[0]
        return (run, earlier[1] or later[1], earlier[2] + later[2])

    def value(self, element: Run) -> Reading:
        """The length of the run, undefined before the first trade."""
        run, _, trades = element
        return Value(run, trades) if trades else Undefined("warming", "no trade has closed")
