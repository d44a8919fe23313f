"""Epsilon-greedy: most of the traffic to whoever did best so far, the rest to the others.

Nothing is ever proven: a challenger that leads with 500 live trades is promoted.
"""

from typing import NamedTuple

from tiltyard.scaling.contender import PROMOTE, STAY, Rows, see_live


class EpsilonGreedyRule(NamedTuple):
    """What the rule goes by.

    Attributes:
        start: Share that is left for who does not lead.
        early_cap: The most a challenger may have …
        early_trades: … until so many live trades; then it is promoted where it leads.
    """

    start: float = 0.10
    early_cap: float = 0.60
    early_trades: float = 500.0


def see(rows: Rows, routed: int, live: list[float], _: list[float], __: EpsilonGreedyRule) -> None:
    """A signal; see :mod:`tiltyard.scaling.contender`."""
    see_live(rows[routed], live[routed])


def night(rows: Rows, rule: EpsilonGreedyRule) -> None:
    """A night; see :mod:`tiltyard.scaling.contender`."""
    leads, most, others = 0, rows[0].live_mean, 0
    for place in range(1, len(rows)):
        row = rows[place]
        row.fate = STAY
        others += 1 if row.present else 0
        if row.present and row.live_trades > 0 and row.live_mean > most:
            leads, most = place, row.live_mean
    for place in range(1, len(rows)):
        row = rows[place]
        row.share = 0.0
        if row.present:
            row.share = rule.early_cap if place == leads else rule.start / others
            if place == leads and row.live_trades >= rule.early_trades:
                row.fate = PROMOTE


def crowned(_: Rows, __: int, ___: EpsilonGreedyRule) -> None:
    """Each arm's own trades speak, whoever is champion."""
