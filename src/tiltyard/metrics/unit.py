"""What trades are counted in where arms are compared: R, or percent of the capital.

An R-multiple is what a trade made by what it risked, and arms of different sizes can be compared
by it. A policy without a stop risks no known amount. Then what it made is counted in percent of
the capital that it was sized on, and so is what it is compared with.

A stop that lay very near makes an R of a hundred, which measures the distance of the stop and not
what was at stake, and would outweigh everything else. So wherever an R counts beside others, in
bets, in the evidence rule, in receipts and in comparisons, it counts from -2.5 to 6.

>>> clipped(8.0), clipped(0.5), clipped(-4.0)
(6.0, 0.5, -2.5)
"""

from collections.abc import Mapping
from typing import Literal

from tiltyard.facts.trade import Trade

Unit = Literal["R", "%"]
UNITS: tuple[Unit, Unit] = ("R", "%")
"""The better one first: it is taken wherever trades say enough for it."""
NAMES: Mapping[Unit, str] = {"R": "R", "%": "percent of capital"}
SAYS: Mapping[Unit, str] = {"R": "says what it risked", "%": "says its capital"}
"""What a trade does that can be counted so."""
SCALE = 10**12
LEAST_R, MOST_R = -2.5, 6.0
"""What an R-multiple counts at least, and at most."""


def made(trade: Trade, unit: Unit) -> float | None:
    """What a trade made; None when it does not say what it risked, or was sized on.

    Args:
        trade: A closed one.
        unit: ``R`` for R-multiples, ``%`` for percent of its capital.
    """
    if unit == "R":
        return trade.pnl / trade.risk if trade.risk else None
    return 100 * trade.pnl / trade.capital if trade.capital else None


def clipped(multiple: float) -> float:
    """An R-multiple as it counts."""
    return min(MOST_R, max(LEAST_R, multiple))


def scaled(trade: Trade, unit: Unit) -> int | None:
    """The same in whole numbers, so that sums of them do not depend on their order."""
    if unit == "R":
        return over(trade.pnl, trade.risk)
    return over(100 * trade.pnl, trade.capital)


def over(above: int, below: int | None) -> int | None:
    """One amount over another, scaled and rounded; None without the other."""
    return (above * SCALE * 2 + below) // (below * 2) if below else None
