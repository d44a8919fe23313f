"""The port of a metric: an element per outcome, an associative merge, a value.

An :data:`Outcome` is what metrics read of a closed trade: three whole numbers. The
panel makes it once per trade, with the capital already resolved.
"""

from typing import Protocol, TypeVar

from tiltyard.kernel.undefined import Reading

Outcome = tuple[int, int, int]
"""``(pnl, capital, risk)`` of a closed trade in units of 1e-8; 0 means nobody said."""

E = TypeVar("E")


class Metric(Protocol[E]):
    """A number about a stretch of trades.

    ``merge`` is associative and ``empty`` is its neutral element, so stretches can be
    measured apart and put together in order.
    """

    @property
    def empty(self) -> E:
        """The element of no trades."""
        ...

    def element(self, outcome: Outcome) -> E:
        """The element of one trade."""
        ...

    def merge(self, earlier: E, later: E) -> E:
        """The element of two adjacent stretches."""
        ...

    def value(self, element: E) -> Reading:
        """The number, or why there is none."""
        ...
