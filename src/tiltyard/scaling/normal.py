"""The normal distribution, as plain functions that can be compiled."""

from math import erf, sqrt


def below(sigmas: float) -> float:
    """Probability of lying no more than so many standard deviations above the mean.

    >>> round(below(1.96), 3)
    0.975
    """
    return 0.5 * (1 + erf(sigmas / sqrt(2.0)))


def probability_above(limit: float, mean: float, variance: float) -> float:
    """Probability that a normal value is above a limit.

    >>> probability_above(0.0, 0.0, 4.0)
    0.5
    """
    return below((mean - limit) / sqrt(variance))
