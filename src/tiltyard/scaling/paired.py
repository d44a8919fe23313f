"""Whether a challenger is better than the champion, from what both made of the same signals.

Each signal gives one difference, for real or on paper, and costs the same however many came
before. A posterior says how probable it is that the challenger is better; its variance is taken
half as much again, since the outcomes of neighbouring signals have regimes in common. Beside it
six bets are laid that the challenger is better, from one to ten percent of a difference of one R:
their mean wealth grows only if it truly is, whenever one looks (a mixture of betting
e-processes; Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting).
Results are clipped (:func:`~tiltyard.metrics.unit.clipped`), so that no bet can lose everything.
"""

from math import isnan

from tiltyard.scaling.contender import BETS, Contender

SMALLEST_STAKE, STAKE_FACTOR = 0.01, 1.6
INFLATION = 1.5
PRIOR_MEAN, PRIOR_VARIANCE = 0.40, 0.25**2
"""Of a challenger's mean R, before any of its trades is seen."""
SPREAD = 1.3**2
"""Variance of a trade's R; counts as one trade beside those that are seen."""


def see_level(champion: Contender, result: float, on_paper: int) -> None:
    """What the champion made of a signal, clipped; ``on_paper`` is 1 or 0."""
    champion.level_signals += 1
    net = result - champion.optimism if on_paper else result
    champion.level += (net - champion.level) / champion.level_signals


def see_pair(
    row: Contender,
    champion: Contender,
    own: float,
    other: float,
    own_on_paper: int,
    other_on_paper: int,
) -> None:
    """What a challenger and the champion made of one signal, clipped.

    Args:
        row: The challenger.
        champion: The champion.
        own: What the challenger made, in R.
        other: What the champion made.
        own_on_paper: 1 where its value is on paper, else 0.
        other_on_paper: Likewise.
    """
    more = own - other
    row.signals += 1
    off = more - row.difference
    row.difference += off / row.signals
    row.squares += off * (more - row.difference)
    net = more
    if own_on_paper:
        row.own_paper += 1
        net -= row.optimism
    if other_on_paper:
        row.champion_paper += 1
        net += champion.optimism
    stake = SMALLEST_STAKE
    for bet in range(BETS):
        row.wealth[bet] *= 1 + stake * net
        stake *= STAKE_FACTOR


def posterior(row: Contender, champion: Contender) -> tuple[float, float]:
    """Mean and variance of what a challenger makes more than the champion, R a trade."""
    before, variance = PRIOR_MEAN - champion.level, PRIOR_VARIANCE
    if not isnan(row.prior):
        before, variance = row.prior, row.prior_variance
    if not row.signals:
        return before, variance
    own, other = row.own_paper / row.signals, row.champion_paper / row.signals
    seen = row.difference - own * row.optimism + other * champion.optimism
    noise = INFLATION * (row.squares + 2 * SPREAD) / row.signals / row.signals
    noise += own * own * row.optimism_variance + other * other * champion.optimism_variance
    return pooled(before, variance, seen, noise)


def posterior_of_live(row: Contender, champion: Contender) -> tuple[float, float]:
    """The same from live trades alone, of which no two are of one signal."""
    before, variance = PRIOR_MEAN - champion.live_mean, PRIOR_VARIANCE
    if not row.live_trades or not champion.live_trades:
        return before, variance
    noise = (row.live_squares + SPREAD) / row.live_trades / row.live_trades
    noise += (champion.live_squares + SPREAD) / champion.live_trades / champion.live_trades
    return pooled(before, variance, row.live_mean - champion.live_mean, INFLATION * noise)


def pooled(before: float, variance: float, seen: float, noise: float) -> tuple[float, float]:
    """Mean and variance after a value was seen with noise of a variance.

    >>> pooled(0.0, 1.0, 1.0, 1.0)
    (0.5, 0.5)
    """
    precision = 1 / variance + 1 / noise
    return (before / variance + seen / noise) / precision, 1 / precision


def wealth(row: Contender) -> float:
    """Mean wealth of the bets that the challenger is better; 1 before the first signal."""
    total = 0.0
    for bet in range(BETS):
        total += row.wealth[bet]
    return total / BETS


def begin_again(row: Contender, mean: float, variance: float) -> None:
    """A challenger meets another champion.

    Args:
        row: The challenger.
        mean: What it is expected to make more than that one, R a trade.
        variance: Of the expectation.
    """
    row.prior, row.prior_variance = mean, variance
    row.signals = row.difference = row.squares = 0.0
    row.own_paper = row.champion_paper = 0.0
    for bet in range(BETS):
        row.wealth[bet] = 1.0
