"""Named numbers about one symbol, as of one moment.

A number is known from ``as_of`` on and not earlier: a decision that uses it is made then or
later, and filled later still. A number that cannot be had yet is missing, not zero.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from tiltyard.market.bar import Bar

Indicator = Callable[[Bar], float | None]
"""Takes one more bar; its value with it, or None while it is not known."""


class Features(NamedTuple):
    """What is known of a symbol.

    Attributes:
        symbol: As the venue writes it.
        as_of: When the last thing they were made from was known, UTC.
        values: By name; what is still warming up is not there.
        recent: The last bars that are prices, oldest first, for who looks at their course; not
            more than anybody looks back.
    """

    symbol: str
    as_of: datetime
    values: Mapping[str, float]
    recent: Sequence[Bar] = ()
