"""Ten percent for whoever turns up: what a person does who never looks."""

from typing import NamedTuple

from tiltyard.scaling.contender import STAY, Rows, see_live


class StaticRule(NamedTuple):
    """What the rule goes by.

    Attributes:
        start: Share of every challenger.
    """

    start: float = 0.10


def see(rows: Rows, routed: int, live: list[float], _: list[float], __: StaticRule) -> None:
    """A signal; see :mod:`tiltyard.scaling.contender`."""
    see_live(rows[routed], live[routed])


def night(rows: Rows, rule: StaticRule) -> None:
    """A night; see :mod:`tiltyard.scaling.contender`."""
    for place in range(1, len(rows)):
        rows[place].share = rule.start if rows[place].present else 0.0
        rows[place].fate = STAY


def crowned(_: Rows, __: int, ___: StaticRule) -> None:
    """Nobody is ever promoted."""
