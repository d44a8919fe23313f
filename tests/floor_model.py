"""Many lives of one simulated policy at once, with a profit factor that is known.

The trades of ``tiltyard.simulation.outcomes`` in the weather of ``tiltyard.simulation.weather``,
drawn for thousands of lives at a time.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tiltyard.simulation.outcomes import (
    LEAST_LOSS,
    LOGNORMAL_WINS,
    SIGMA,
    SLIPPAGE,
    STOPPED_LOSSES,
    TAIL_MEAN,
    payoff,
)
from tiltyard.simulation.weather import (
    BAD_DAYS,
    GOOD_DAYS,
    GOOD_SHARE,
    PERSISTENT,
    USUAL,
    Dependence,
)

Numbers = NDArray[np.float64]


def multiples(
    lives: int, trades: int, factor: float, rng: np.random.Generator, *,
    dependence: Dependence = USUAL, wins: float = 0.6, trades_a_day: float = 4.0,
) -> Numbers:  # fmt: skip
    """R-multiples, shape (lives, trades)."""
    shape = (lives, trades)
    day = (np.arange(trades) / trades_a_day).astype(int)
    days = int(day[-1]) + 1
    shifts, wild = _regimes(lives, days, dependence, rng)[:, day], np.ones(shape)
    if dependence.volatility:
        wild = _volatility(lives, days, dependence.volatility, rng)[:, day]
    odds = wins + shifts
    usual = rng.random(shape) < LOGNORMAL_WINS
    gain = np.where(
        usual,
        rng.lognormal(-SIGMA * SIGMA / 2, SIGMA, shape),
        np.abs(rng.standard_t(3, shape)) / TAIL_MEAN,
    )
    stopped = 1 + SLIPPAGE * np.abs(rng.standard_t(3, shape)) * wild
    loss = np.where(rng.random(shape) < STOPPED_LOSSES, stopped, rng.uniform(LEAST_LOSS, 1, shape))
    won, chance, last = np.empty(shape, bool), rng.random(shape), None
    for trade in range(trades):
        now = odds[:, trade]
        if last is not None:
            now = now + dependence.persistence * (last - now)
        won[:, trade] = last = chance[:, trade] < now
    return np.where(won, payoff(factor, wins) * wild * gain, -loss)


def _regimes(lives: int, days: int, dependence: Dependence, rng: np.random.Generator) -> Numbers:
    found = np.empty((lives, days))
    good = rng.random(lives) < GOOD_SHARE
    for day in range(days):
        found[:, day] = np.where(good, 1 - GOOD_SHARE, -GOOD_SHARE) * dependence.shift
        ends = rng.random(lives) < np.where(good, 1 / GOOD_DAYS, 1 / BAD_DAYS)
        good = good ^ ends
    return found


def _volatility(lives: int, days: int, sd: float, rng: np.random.Generator) -> Numbers:
    found = np.empty((lives, days))
    state = rng.normal(0, sd, lives)
    for day in range(days):
        found[:, day] = np.exp(state - sd * sd / 2)
        state = PERSISTENT * state + rng.normal(0, sd * sqrt(1 - PERSISTENT**2), lives)
    return found
