"""The oracle: it knows who is better, and so how much there is to gain. For benchmarks only."""

from typing import NamedTuple

from tiltyard.scaling.contender import PROMOTE, RETIRE, Rows, see_live


class OracleRule(NamedTuple):
    """What the rule goes by.

    Attributes:
        margin: R a trade by which a challenger must be better.
    """

    margin: float = 0.0


def see(rows: Rows, routed: int, live: list[float], _: list[float], __: OracleRule) -> None:
    """A signal; see :mod:`tiltyard.scaling.contender`."""
    see_live(rows[routed], live[routed])


def night(rows: Rows, rule: OracleRule) -> None:
    """A night; see :mod:`tiltyard.scaling.contender`."""
    for place in range(1, len(rows)):
        row = rows[place]
        row.share = 0.0
        if row.present:
            row.fate = PROMOTE if row.true_mean > rows[0].true_mean + rule.margin else RETIRE


def crowned(_: Rows, __: int, ___: OracleRule) -> None:
    """Nothing is left to compare."""
