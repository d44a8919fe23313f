"""Who turns up: a champion, and challengers of whom most are worse.

A policy of the benchmark's world is a probability of winning and a payoff. Sixty of a hundred
challengers have a profit factor of .7 to 2.0, twenty-five are as good as the champion, and
fifteen are better, 2.4 to 3.2. How much of a profit factor is made by winning more often and
how much by winning more differs from one to the next: the odds of winning are
``1.5·(PF / 2.3)^u`` with u between 0 and 1, the rest is payoff.

>>> round(CHAMPION.mean, 3), round(CHAMPION.wins, 3)
(0.47, 0.6)
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tiltyard.simulation.outcomes import true_mean

Floats = npt.NDArray[np.float64]

CHAMPION_FACTOR = 2.3
CHAMPION_ODDS = 1.5
BETTER, BAD = 1.03, 0.97
"""A challenger whose true mean is beyond these times the champion's is better, or bad."""

Kind = Literal["mixed", "unrelated", "equal", "slightly_worse"]
"""Populations: the usual one; win rate unrelated to profit factor; and two without a better one."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a policy truly is.

    Attributes:
        factor: Profit factor in the long run.
        wins: Probability of a winning trade.
    """

    factor: float
    wins: float

    @property
    def mean(self) -> float:
        """R of a trade in the long run."""
        return true_mean(self.factor, self.wins)


CHAMPION = Truth(CHAMPION_FACTOR, CHAMPION_ODDS / (1 + CHAMPION_ODDS))


def challengers(count: int, rng: np.random.Generator, kind: Kind = "mixed") -> Floats:
    """Challengers in the order in which they turn up; shape (count, 2): factor, win probability.

    Args:
        count: How many.
        rng: Source of chance.
        kind: Which population.
    """
    group, spread, power = rng.random((3, count))
    factor = np.select(
        [group < 0.60, group < 0.85],  # noqa: PLR2004 see the module's story
        [0.7 + 1.3 * spread, np.full(count, CHAMPION_FACTOR)],
        2.4 + 0.8 * spread,
    )
    if kind == "equal":
        factor = np.full(count, CHAMPION_FACTOR)
    elif kind == "slightly_worse":
        factor = np.full(count, 2.1)
    odds = CHAMPION_ODDS * (factor / CHAMPION_FACTOR) ** power
    wins = 0.35 + 0.4 * power if kind == "unrelated" else odds / (1 + odds)
    return np.column_stack([factor, wins])
