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
from tiltyard.kernel.money import Money

Unit = Literal["R", "%"]
UNITS: tuple[Unit, Unit] = ("R", "%")
"""The better one first: it is taken wherever trades say enough for it."""
NAMES: Mapping[Unit, str] = {"R": "R", "%": "percent of capital"}
SAYS: Mapping[Unit, str] = {"R": "says what it risked", "%": "says its capital"}
"""What a trade does that can be counted so."""
SCALE = 10**12
LEAST_R, MOST_R = -2.5, 6.0
"""What an R-multiple counts at least, and at most."""
_LEAST, _MOST = round(LEAST_R * SCALE), round(MOST_R * SCALE)


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


def counted(trade: Trade, unit: Unit) -> float | None:
    """What a trade counts for: what it made, an R within its bounds."""
    told = made(trade, unit)
    return told if told is None or unit == "%" else clipped(told)


def is_clipped(trade: Trade) -> bool:
    """Whether its R counts for less than it made, or lost."""
    return counted(trade, "R") != made(trade, "R")


def scaled(pnl: Money, trade: Trade, unit: Unit) -> int | None:
    """What an amount counts for beside a trade, in whole numbers: their order changes no sum.

    Args:
        pnl: What was made.
        trade: That says what was risked, or its capital.
        unit: Of the answer; an R within its bounds.
    """
    if unit == "%":
        return over(100 * pnl, trade.capital)
    told = over(pnl, trade.risk)
    return None if told is None else min(_MOST, max(_LEAST, told))


def over(above: int, below: int | None) -> int | None:
    """One amount over another, scaled and rounded; None without the other."""
    return (above * SCALE * 2 + below) // (below * 2) if below else None
