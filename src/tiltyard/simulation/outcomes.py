"""One trade of a simulated policy, in R-multiples.

With probability p it wins, else it loses. A win is ``payoff·volatility·g``, with g lognormal
(sigma .6) with probability .85, else a heavy tail, each of mean 1. A loss is ``1 + .05·|t3|``
times the volatility with probability .7, where the stop held, else somewhere between .1 and 1.
Plain functions, compiled where millions are drawn.
"""

from math import exp, isnan, sqrt

import numpy as np

MEAN_LOSS = 0.904
"""R, of a loss as it is drawn below, at a volatility of 1."""
SIGMA = 0.6
LOGNORMAL_WINS = 0.85
STOPPED_LOSSES = 0.7
SLIPPAGE = 0.05
LEAST_LOSS = 0.1
TAIL_MEAN = 1.1026577908435842
"""Of |t| with 3 degrees of freedom: 2·sqrt(3) / pi."""


def payoff(factor: float, wins: float) -> float:
    """Mean R of a win, for a profit factor and a probability of winning."""
    return factor * (1 - wins) * MEAN_LOSS / wins


def true_mean(factor: float, wins: float) -> float:
    """R of a trade in the long run, for a profit factor and a probability of winning."""
    return (1 - wins) * MEAN_LOSS * (factor - 1)


def probability(wins: float, shift: float, last: float, persistence: float) -> float:
    """Of winning now.

    Args:
        wins: In the long run.
        shift: Of the regime.
        last: 1 if the policy's last trade won, 0 if not, NaN before the first.
        persistence: How much that says.
    """
    now = wins + shift
    return now if isnan(last) else now + persistence * (last - now)


def win(payoff: float, volatility: float, chance: np.random.Generator) -> float:
    """R of a trade that wins."""
    if chance.random() < LOGNORMAL_WINS:
        return payoff * volatility * exp(SIGMA * chance.standard_normal() - SIGMA * SIGMA / 2)
    return payoff * volatility * abs(_student(chance)) / TAIL_MEAN


def loss(volatility: float, chance: np.random.Generator) -> float:
    """R of a trade that loses, below zero."""
    if chance.random() < STOPPED_LOSSES:
        return -(1 + SLIPPAGE * abs(_student(chance)) * volatility)
    return -(LEAST_LOSS + (1 - LEAST_LOSS) * chance.random())


def _student(chance: np.random.Generator) -> float:
    """A draw of Student's t with 3 degrees of freedom."""
    squares = 0.0
    for _ in range(3):
        squares += chance.standard_normal() ** 2
    return chance.standard_normal() / sqrt(squares / 3)
