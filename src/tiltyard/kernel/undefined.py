"""A number that is known, and a number that is not: both are values.

A metric never answers 0 or NaN for "I do not know". It answers :class:`Undefined`
with a state that programs can branch on and a reason that people can read, and no
guard takes an undefined value for a pass.

>>> Value(2.1, samples=30).number
2.1
>>> str(Undefined("warming", "12 of 30 trades"))
'undefined (warming: 12 of 30 trades)'
"""

from dataclasses import dataclass
from typing import Literal

UndefinedState = Literal[
    "warming",  # too few trades yet
    "no_losses",  # a ratio over losses that have not happened
    "no_capital",  # nothing to measure the fall against
    "no_risk",  # no trade says what it risked
    "no_champion",  # nothing to compare with
    "no_traffic",  # it was never given what it is measured on
    "unobserved",  # nobody ever reported it
    "few_moments",  # most of it happened at once, so nobody knows how sure it is
    "stale",  # it was known, and is too old
]


@dataclass(frozen=True, slots=True)
class Value:
    """A known number.

    Attributes:
        number: In the metric's unit, rounded to 12 significant digits.
        samples: How many trades (or calls, or days) it was made from.
    """

    number: float
    samples: int


@dataclass(frozen=True, slots=True)
class Undefined:
    """A number that is not known, and why.

    Attributes:
        state: One word of :data:`UndefinedState`.
        reason: One sentence part for people.
        samples: How many trades there were nevertheless.
        at_least: What a number that can only rise had reached before it was lost.
    """

    state: UndefinedState
    reason: str
    samples: int = 0
    at_least: float | None = None

    def __str__(self) -> str:
        return f"undefined ({self.state}: {self.reason})"


Reading = Value | Undefined


def twelve_digits(number: float) -> float:
    """``number`` rounded to 12 significant digits, so that equal facts give equal values."""
    return float(f"{number:.12g}")
