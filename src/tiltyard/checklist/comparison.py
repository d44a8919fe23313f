"""Comparisons as people write them: ``< 1.6``, ``>= 5``, ``< 0.6 * pf_prod``.

>>> Comparison.parse("< 0.6 * pf_prod").holds(1.0, 2.0)
True
>>> str(Comparison.parse(">=5"))
'>= 5'
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import twelve_digits
from tiltyard.metrics.catalogue import spec_of

_FORM = re.compile(
    r"\s*(?P<sign><=|>=|==|<|>)\s*(?P<number>[+-]?(\d+\.?\d*|\.\d+))"
    r"(\s*\*\s*(?P<metric>[a-z][a-z0-9_]*))?\s*",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A sign and a limit.

    Attributes:
        sign: ``<``, ``<=``, ``>``, ``>=`` or ``==``.
        number: The limit, or the factor of ``metric``.
        metric: Another metric that the number multiplies; empty for a plain number.
    """

    sign: str
    number: float
    metric: str = ""

    SIGNS: ClassVar[dict[str, Callable[[float, float], bool]]] = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
    }

    @classmethod
    def parse(cls, text: str) -> "Comparison":
        """Read a comparison.

        Raises:
            TiltyardError: ``COMPARISON_INVALID`` or ``METRIC_UNKNOWN``.
        """
        match = _FORM.fullmatch(text)
        if not match:
            raise TiltyardError(
                "COMPARISON_INVALID",
                repr(text)[:60],
                'expected a comparison such as "< 1.6" or "< 0.6 * pf_prod"',
            )
        if match["metric"]:
            spec_of(match["metric"])
        return cls(match["sign"], float(match["number"]), match["metric"] or "")

    def limit(self, other: float = 1.0) -> float:
        """The number to compare with, given the other metric's value."""
        return twelve_digits(self.number * other) if self.metric else self.number

    def holds(self, number: float, other: float = 1.0) -> bool:
        """Whether ``number`` stands in this relation to the limit."""
        return self.SIGNS[self.sign](number, self.limit(other))

    def beyond(self, trip: "Comparison") -> bool:
        """Whether this clear level lies strictly on the safe side of ``trip``.

        Between a number and a factor, or factors of two metrics, only the side can be told.
        """
        comparable = self.metric == trip.metric
        if trip.sign in ("<", "<="):
            return self.sign in (">", ">=") and (not comparable or self.number > trip.number)
        if trip.sign in (">", ">="):
            return self.sign in ("<", "<=") and (not comparable or self.number < trip.number)
        return not (comparable and self.SIGNS[self.sign](trip.number, self.number))

    def __str__(self) -> str:
        factor = f" * {self.metric}" if self.metric else ""
        return f"{self.sign} {self.number:g}{factor}"
