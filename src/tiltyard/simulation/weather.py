"""The weather of a market: regimes and volatility, shared by everybody who trades in it.

Good and bad regimes follow each other, fourteen and six days long on average, so that seventy
days of a hundred are good. In a good one every policy wins ``.3·shift`` more often than in the
long run, in a bad one ``.7·shift`` less often. How far prices move is another matter: the
logarithm of a day's volatility is an autoregression (.9 from one day to the next) about a level
at which volatility is 1 on average.
"""

from typing import NamedTuple

import numpy as np

from tiltyard.simulation.population import Floats

GOOD_DAYS, BAD_DAYS = 14.0, 6.0
GOOD_SHARE = GOOD_DAYS / (GOOD_DAYS + BAD_DAYS)
PERSISTENT = 0.9


class Dependence(NamedTuple):
    """How much the trades of a day, and the next, have in common.

    Attributes:
        shift: Of the probability of winning, between a bad regime and a good one.
        volatility: Standard deviation of the logarithm of a day's volatility, in the long run.
        persistence: How much a policy's last outcome says of its next one.
    """

    shift: float
    volatility: float
    persistence: float


IID = Dependence(0.0, 0.0, 0.0)
USUAL = Dependence(0.08, 0.25, 0.05)
STRONG = Dependence(0.12, 0.35, 0.10)


def shifts(days: int, dependence: Dependence, rng: np.random.Generator) -> Floats:
    """By how much everybody's probability of winning is off, day by day; shape (days,)."""
    draws = rng.random(days + 1)
    good = draws[-1] < GOOD_SHARE
    found = np.empty(days)
    for day in range(days):
        found[day] = (1 - GOOD_SHARE if good else -GOOD_SHARE) * dependence.shift
        if draws[day] < 1 / (GOOD_DAYS if good else BAD_DAYS):
            good = not good
    return found


def volatilities(days: int, dependence: Dependence, rng: np.random.Generator) -> Floats:
    """How far prices move, 1 on average, day by day; shape (days,)."""
    draws = rng.standard_normal(days) * dependence.volatility
    level = np.empty(days)
    level[0] = draws[0]
    for day in range(1, days):
        level[day] = PERSISTENT * level[day - 1] + (1 - PERSISTENT**2) ** 0.5 * draws[day]
    return np.exp(level - dependence.volatility**2 / 2)
