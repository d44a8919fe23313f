"""What a bettor has who doubted from the first trade on that the arm is good enough.

He starts with 1, and stakes by :mod:`~tiltyard.metrics.bets`. As long as the profit factor is
the floor or more and trades are independent, what he has is no more than 1 on average, at any
time and whenever one looks; so it ever reaches ``1 / α`` with probability α at most (Ville).
Trades that come in good and bad stretches reach it more often than that: thresholds for real
ones are calibrated (:mod:`~tiltyard.checklist.thresholds`), and α is not told as their rate.

What he has grows and shrinks by factors, so it is kept as a logarithm and nothing overflows.
Source: Waudby-Smith and Ramdas, *Estimating means of bounded random variables by betting*,
Journal of the Royal Statistical Society B 86 (2024).

>>> doubt = EProcess(floor=1.6)
>>> for pnl in (-100, -100, 80):
...     doubt.push((pnl, 0, 100))
>>> round(doubt.log(), 4)
0.0982
"""

from tiltyard.metrics.bets import STAKES, mean_in_logs, staked, weight
from tiltyard.metrics.metric import Outcome


class EProcess:
    """Evidence that the profit factor is below a floor, since the first trade.

    A trade that does not say what it risked leaves it as it is.

    Args:
        floor: The profit factor that is doubted; more than 0.
    """

    def __init__(self, floor: float) -> None:
        self.floor = floor
        self._logs = [0.0] * len(STAKES)

    def push(self, outcome: Outcome) -> None:
        """One more trade."""
        x = weight(outcome, self.floor)
        if x:
            self._logs = [
                before + factor for before, factor in zip(self._logs, staked(x), strict=True)
            ]

    def log(self) -> float:
        """The natural logarithm of the mean of what the eight stakes have made of 1."""
        return mean_in_logs(self._logs)
