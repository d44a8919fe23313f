"""The ladder of :mod:`tiltyard.scaling.ladder`, as numbers, for the benchmark.

A challenger whose profit factor over 150 live trades is not below the champion's gets half as
much again, as long as its largest fall in them is at most 3 %. It is promoted once it has grown
as far as it can and has 500 live trades; in the benchmark a person approves at once.
"""

from typing import NamedTuple

from tiltyard.scaling.contender import PROMOTE, STAY, Rows, see_live


class LiteralLadder(NamedTuple):
    """What the rule goes by.

    Attributes:
        start: Share with which a challenger begins.
        factor: By which a share is multiplied.
        cap: The most it may have.
        trial_trades: Live trades before it grows.
        promotion_trades: Live trades before it is proposed.
        dd_limit: Largest fall within 150 live trades with which it grows, percent.
    """

    start: float = 0.10
    factor: float = 1.5
    cap: float = 0.60
    trial_trades: float = 150.0
    promotion_trades: float = 500.0
    dd_limit: float = 3.0


def see(rows: Rows, routed: int, live: list[float], _: list[float], __: LiteralLadder) -> None:
    """A signal; see :mod:`tiltyard.scaling.contender`."""
    see_live(rows[routed], live[routed])


def night(rows: Rows, rule: LiteralLadder) -> None:
    """A night; see :mod:`tiltyard.scaling.contender`."""
    for place in range(1, len(rows)):
        row = rows[place]
        row.fate = STAY
        if not row.present:
            row.share = 0.0
        elif (
            row.live_trades >= rule.trial_trades
            and row.pf_150 >= rows[0].pf_150
            and row.dd_150 <= rule.dd_limit
        ):
            if row.share >= rule.cap and row.live_trades >= rule.promotion_trades:
                row.fate = PROMOTE
            row.share = min(rule.cap, row.share * rule.factor)


def crowned(_: Rows, __: int, ___: LiteralLadder) -> None:
    """Each challenger's own last trades speak, whoever is champion."""
