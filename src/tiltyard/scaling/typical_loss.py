"""How many percent of capital are an R, where trades do not say what they risked.

Rules are written for R. So percent is told to them by what the champion usually loses: the median
of its first thirty losing trades counts as .9 R, which is what a loss costs in the world that the
rules were tried in. The first thirty, so that it does not move.

>>> percent_of_an_r([0.9] * 30)
1.0
>>> too_few_losses(12, "the champion has")
'trades do not say what they risked, and the champion has 12 of 30 losing trades that would say \
what one usually loses'
"""

from collections.abc import Sequence
from statistics import median

LOSSES_NEEDED = 30
TYPICAL_LOSS = 0.9
"""In R."""


def percent_of_an_r(losses: Sequence[float]) -> float:
    """So many percent of capital are an R.

    Args:
        losses: The first thirty, in percent of capital, above 0.
    """
    return median(losses) / TYPICAL_LOSS


def too_few_losses(count: int, whose: str) -> str:
    """Why that is not known yet.

    Args:
        count: Losing trades so far.
        whose: With its verb, such as ``the champion has``.
    """
    return (
        f"trades do not say what they risked, and {whose} {count} of {LOSSES_NEEDED} losing trades "
        "that would say what one usually loses"
    )
