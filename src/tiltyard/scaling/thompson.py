"""Thompson sampling: a challenger's share is the probability that it is better.

What is known of an arm's mean R is a normal-gamma posterior over its live trades; for comparison
there is the same on wins alone, a Beta posterior, which takes a policy that wins often for one
that earns. After 150 live trades a challenger that is better with less than .05 is retired, with
.95 or more promoted. No checklist holds it back.
"""

from typing import NamedTuple

from tiltyard.scaling.contender import PROMOTE, RETIRE, STAY, Contender, Rows, see_live
from tiltyard.scaling.normal import probability_above


class ThompsonRule(NamedTuple):
    """What the rule goes by.

    Attributes:
        start: Share with which a challenger begins.
        early_cap: The most it may have …
        early_trades: … until so many live trades; then 1.
        by_wins: 1 where wins are counted instead of R.
        trial_trades: Live trades before it is retired or promoted.
        retire_below: Probability of being better below which it is retired.
        promote_better: And with which it is promoted.
        prior_mean: Of an arm's mean R.
        prior_trades: What the prior counts as.
    """

    start: float = 0.10
    early_cap: float = 0.60
    early_trades: float = 500.0
    by_wins: float = 0.0
    trial_trades: float = 150.0
    retire_below: float = 0.05
    promote_better: float = 0.95
    prior_mean: float = 0.40
    prior_trades: float = 1.0


def see(rows: Rows, routed: int, live: list[float], _: list[float], __: ThompsonRule) -> None:
    """A signal; see :mod:`tiltyard.scaling.contender`."""
    see_live(rows[routed], live[routed])


def night(rows: Rows, rule: ThompsonRule) -> None:
    """A night; see :mod:`tiltyard.scaling.contender`."""
    other, its_variance = _known(rows[0], rule)
    room = 1.0
    for place in range(1, len(rows)):
        row = rows[place]
        row.share, row.fate = 0.0, STAY
        if not row.present:
            continue
        own, variance = _known(row, rule)
        row.better = probability_above(0.0, own - other, variance + its_variance)
        if row.live_trades >= rule.trial_trades:
            if row.better < rule.retire_below:
                row.fate = RETIRE
            elif row.better >= rule.promote_better:
                row.fate = PROMOTE
        cap = rule.early_cap if row.live_trades < rule.early_trades else 1.0
        row.share = min(row.better, cap, room)
        room -= row.share


def crowned(_: Rows, __: int, ___: ThompsonRule) -> None:
    """Each arm's own trades speak, whoever is champion."""


def _known(row: Contender, rule: ThompsonRule) -> tuple[float, float]:
    """Mean and variance of what is known of an arm."""
    trades = row.live_trades
    if rule.by_wins:
        wins, losses = 1 + row.live_wins, 1 + trades - row.live_wins
        every = wins + losses
        return wins / every, wins * losses / (every * every * (every + 1))
    weight = rule.prior_trades + trades
    off = row.live_mean - rule.prior_mean
    mean = rule.prior_mean + trades * off / weight
    shape = 1 + trades / 2
    scale = 1 + (row.live_squares + rule.prior_trades * trades * off * off / weight) / 2
    return mean, scale / (shape * weight)
