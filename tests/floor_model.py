"""Many lives of one simulated policy at once, with a profit factor that is known.

The same model as ``tiltyard.simulation.streams``, drawn with numpy for thousands of lives, and with
its other two dependences beside the regimes: volatility from day to day, and persistence.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from tiltyard.simulation.streams import BAD_DAYS, GOOD_DAYS, MEAN_LOSS, SIGMA, TAIL_MEAN

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Dependence:
    """How trades of one policy hang together; all 0 is not at all."""

    shift: float = 0.0
    volatility: float = 0.0
    persistence: float = 0.0


INDEPENDENT = Dependence()
USUAL = Dependence(0.08, 0.25, 0.05)
STRONG = Dependence(0.12, 0.35, 0.10)


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
    payoff = factor * (1 - wins) * MEAN_LOSS / wins
    usual = rng.random(shape) < 0.85
    gain = np.where(
        usual,
        rng.lognormal(-SIGMA * SIGMA / 2, SIGMA, shape),
        np.abs(_student(shape, rng)) / TAIL_MEAN,
    )
    stopped = 1 + 0.05 * np.abs(_student(shape, rng)) * wild
    loss = np.where(rng.random(shape) < 0.7, stopped, rng.uniform(0.1, 1, shape))
    won, chance, last = np.empty(shape, bool), rng.random(shape), None
    for trade in range(trades):
        now = odds[:, trade]
        if last is not None:
            now = now + dependence.persistence * (last - now)
        won[:, trade] = last = chance[:, trade] < now
    return np.where(won, payoff * wild * gain, -loss)


def _regimes(lives: int, days: int, dependence: Dependence, rng: np.random.Generator) -> Numbers:
    found = np.empty((lives, days))
    good = rng.random(lives) < GOOD_DAYS / (GOOD_DAYS + BAD_DAYS)
    for day in range(days):
        found[:, day] = np.where(good, 0.3, -0.7) * dependence.shift
        ends = rng.random(lives) < np.where(good, 1 / GOOD_DAYS, 1 / BAD_DAYS)
        good = good ^ ends
    return found


def _volatility(lives: int, days: int, sd: float, rng: np.random.Generator) -> Numbers:
    found = np.empty((lives, days))
    state = rng.normal(0, sd, lives)
    for day in range(days):
        found[:, day] = np.exp(state - sd * sd / 2)
        state = 0.9 * state + rng.normal(0, sd * sqrt(1 - 0.81), lives)
    return found


def _student(shape: tuple[int, int], rng: np.random.Generator) -> Numbers:
    return np.clip(rng.standard_t(3, shape), -20, 20)
