"""Bets against a floor along many lives at once, for calibrating thresholds and for explaining.

In come arrays of shape (lives, trades), amounts in units of 1e-8. Out comes, after every trade
of every life, what :class:`~tiltyard.metrics.e_cusum.ECusum` says there, to some 1e-12. NaN stands
for "it does not say what it risked", and only inside these arrays.

>>> pnl, risk = np.array([[900, -100, -100]]), np.full((1, 3), 100)
>>> restarted(weights(pnl, risk, floor=1.6)).round(4)
array([[-0.492 , 0.0668, 0.1353]])
"""

import numpy as np
from numpy.typing import NDArray

from tiltyard.metrics.bets import STAKES
from tiltyard.metrics.unit import LEAST_R, MOST_R

Amounts = NDArray[np.int64]
Series = NDArray[np.float64]


def weights(pnl: Amounts, risk: Amounts, floor: float) -> Series:
    """What each trade weighs (:func:`~tiltyard.metrics.bets.weight`), in the shape of ``pnl``."""
    multiples = np.full(pnl.shape, np.nan)
    np.divide(pnl, risk, out=multiples, where=risk > 0)
    lost, gained = np.maximum(multiples, LEAST_R), np.minimum(multiples / floor, MOST_R)
    found = np.where(pnl < 0, lost, gained)
    found[pnl == 0] = 0.0
    return found


def restarted(x: Series) -> Series:
    """The logarithm of an e-CUSUM after every trade; NaN once a trade says no risk."""
    found = np.empty(x.shape)
    logs = np.zeros((len(STAKES), len(x)))
    stakes = -np.array(STAKES)[:, None]
    for step, now in enumerate(x.T):
        np.maximum(logs, 0.0, out=logs)
        logs += np.log1p(stakes * now)
        top = logs.max(axis=0)
        found[:, step] = top + np.log(np.exp(logs - top).sum(axis=0))
    found -= np.log(len(STAKES))
    return found
