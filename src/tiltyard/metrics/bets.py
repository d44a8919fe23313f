"""Bets against a floor: what a trade says about a profit factor, and what is staked on it.

Whoever doubts that an arm's profit factor is at least the floor bets a part of what he has on
every trade: he gains when it loses, and loses when it gains. In units of what the trade had
risked its weight is ``x = gain / floor - loss``, whose mean is 0 or more exactly as long as
the profit factor is the floor or more; a stake ``s`` turns one unit of money into
``1 - s·x``. Divided by the floor, and not multiplied, because then ``x`` is spread alike
whatever the floor is.

``x`` is clipped to -2.5 … 6: no trade takes the last of the money, and none makes a case by
itself. A clipped loss speaks for the arm. A clipped gain speaks against it: what an arm makes in
trades of more than six times its risk, times the floor, is not seen in full.

Which stake is best depends on how bad the arm is, so there are eight, from .02 to .16, each
with money of its own; what counts is their mean. Who begins with 1 has no more than 1 on average
as long as the profit factor is the floor or more and trades are independent, whenever one looks;
so he ever reaches ``1 / α`` with probability α at most (Ville). Trades that come in good and bad
stretches reach it more often.
Source: Waudby-Smith and Ramdas, *Estimating means of bounded random variables by betting*,
Journal of the Royal Statistical Society B 86 (2024).

>>> round(weight((-50, 0, 100), floor=1.6), 4), round(weight((80, 0, 100), floor=1.6), 4)
(-0.5, 0.5)
>>> weight((80, 0, 0), floor=1.6) is None
True
"""

from math import exp, log, log1p

from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.unit import LEAST_R, MOST_R

STAKES = tuple(round(0.02 * 1.34**step, 4) for step in range(8))
"""Parts of the money that are staked on a trade; the largest times ``MOST_R`` is below 1."""

_LOG_COUNT = log(len(STAKES))


def weight(outcome: Outcome, floor: float) -> float | None:
    """``x`` of one trade, clipped; None when it does not say what it risked.

    A trade that made nothing says nothing, whatever it risked.
    """
    pnl, _, risk = outcome
    if not pnl:
        return 0.0
    if risk <= 0:
        return None
    return max(LEAST_R, pnl / risk) if pnl < 0 else min(MOST_R, pnl / risk / floor)


def staked(x: float) -> list[float]:
    """The logarithm of what each stake makes of one unit of money."""
    return [log1p(-stake * x) for stake in STAKES]


def mean_in_logs(logs: list[float]) -> float:
    """The logarithm of the mean of numbers that are known by their logarithms.

    >>> round(exp(mean_in_logs([0.0, log(3.0)] * 4)), 12)
    2.0
    """
    top = max(logs)
    return top + log(sum(exp(one - top) for one in logs)) - _LOG_COUNT
