"""What a bettor has who may begin anew whenever he has lost.

Whoever bets by :mod:`~tiltyard.metrics.bets` from the first trade on, and doubts an arm that is
good for a year, has next to nothing left, and would need as bad a year before anybody saw.
Here each stake that has less than 1 begins the next trade with 1 again:
``m = max(1, m)·(1 - s·x)``. So a decay is found as fast late as early. The price is that even a
good arm crosses any threshold if it trades long enough. What is promised is a share of lives
within a number of trades, by a threshold that was calibrated for both
(:mod:`~tiltyard.checklist.thresholds`).

What he has grows and shrinks by factors, so it is kept as a logarithm and nothing overflows.
Source: Shin, Ramdas and Rinaldo, *E-detectors*, New England Journal of Statistics in Data
Science 2 (2024).

>>> doubt = ECusum(floor=1.6)
>>> for pnl in (900, 900, 900, -100, -100):
...     doubt.push((pnl, 0, 100))
>>> round(doubt.log(), 4)
0.1353
"""

from copy import copy

from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.bets import STAKES, mean_in_logs, staked, weight
from tiltyard.metrics.metric import Outcome


class ECusum:
    """Evidence that the profit factor is below a floor by now.

    Unit: a natural logarithm; it is 0 where nothing speaks against the arm, and may be a little
    below. Undefined (``no_risk``) once a trade with a result does not say what it risked.

    Args:
        floor: The profit factor that is doubted; more than 0.

    Attributes:
        trades: How many it has seen.
        without_risk: How many of them do not say what they risked.
    """

    def __init__(self, floor: float) -> None:
        self.floor = floor
        self.trades = 0
        self.without_risk = 0
        self._logs = [0.0] * len(STAKES)

    def push(self, outcome: Outcome) -> None:
        """One more trade."""
        self.trades += 1
        x = weight(outcome, self.floor)
        if x is None:
            self.without_risk += 1
        else:
            self._logs = [
                (before if before > 0 else 0.0) + factor
                for before, factor in zip(self._logs, staked(x), strict=True)
            ]

    def log(self) -> float:
        """The natural logarithm of the mean of what the eight stakes have."""
        return mean_in_logs(self._logs)

    def value(self) -> Reading:
        """The same, or why it cannot be told."""
        if self.without_risk:
            says = "does not say what it" if self.without_risk == 1 else "do not say what they"
            reason = f"{self.without_risk} of {self.trades} trades {says} risked"
            return Undefined("no_risk", reason, self.trades)
        return Value(twelve_digits(self.log()), self.trades)

    def copy(self) -> "ECusum":
        """The same, which goes its own way from here."""
        return copy(self)
