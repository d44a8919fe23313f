"""What trades are counted in where arms are compared: R, or percent of the capital.

An R-multiple is what a trade made by what it risked, and arms of different sizes can be compared
by it. A policy without a stop risks no known amount. Then what it made is counted in percent of
the capital that it was sized on, and so is what it is compared with.
"""

from typing import Literal

from tiltyard.facts.trade import Trade

Unit = Literal["R", "%"]


def made(trade: Trade, unit: Unit) -> float | None:
    """What a trade made; None when it does not say what it risked, or was sized on.

    Args:
        trade: A closed one.
        unit: ``R`` for R-multiples, ``%`` for percent of its capital.
    """
    if unit == "R":
        return trade.pnl / trade.risk if trade.risk else None
    return 100 * trade.pnl / trade.capital if trade.capital else None
