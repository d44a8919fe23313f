"""A sequential probability ratio test on live trades, at ten percent until it is decided.

Better by a tenth of an R a trade, or worse by as much: each live trade of a challenger moves the
likelihood ratio of the two, taken as normal with the champion's mean and spread. At odds of 19
it is decided, either way (Wald, Sequential Analysis, 1947).
"""

from math import log
from typing import NamedTuple

from tiltyard.scaling.contender import PROMOTE, RETIRE, STAY, Rows, see_live


class SprtRule(NamedTuple):
    """What the rule goes by.

    Attributes:
        start: Share of a challenger under test.
        apart: R a trade between the champion and either hypothesis.
        odds: With which it is decided.
        least_trades: Live trades before it is.
    """

    start: float = 0.10
    apart: float = 0.10
    odds: float = 19.0
    least_trades: float = 30.0


def see(rows: Rows, routed: int, live: list[float], _: list[float], rule: SprtRule) -> None:
    """A signal; see :mod:`tiltyard.scaling.contender`."""
    champion, result = rows[0], live[routed]
    if routed and champion.live_trades > 1 and champion.live_squares > 0:
        variance = champion.live_squares / (champion.live_trades - 1)
        rows[routed].ratio += 2 * rule.apart * (result - champion.live_mean) / variance
    see_live(rows[routed], result)


def night(rows: Rows, rule: SprtRule) -> None:
    """A night; see :mod:`tiltyard.scaling.contender`."""
    for place in range(1, len(rows)):
        row = rows[place]
        row.fate = STAY
        row.share = rule.start if row.present else 0.0
        if row.present and row.live_trades >= rule.least_trades:
            if row.ratio >= log(rule.odds):
                row.fate = PROMOTE
            elif row.ratio <= -log(rule.odds):
                row.fate = RETIRE


def crowned(rows: Rows, heir: int, _: SprtRule) -> None:
    """A promotion; see :mod:`tiltyard.scaling.contender`."""
    for place in range(1, len(rows)):
        if place != heir:
            rows[place].ratio = 0.0
