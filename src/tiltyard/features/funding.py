"""What holding a position cost of late: the funding rates that are known when a bar has closed.

``funding`` is the last rate, ``funding_21`` the mean of the last 21; fractions of a position, for
one funding interval. In a hole nothing is known: an old rate is not carried on.
"""

from datetime import timedelta

from tiltyard.features.vector import Indicator
from tiltyard.market.bar import Bar
from tiltyard.market.costs import FundingRates


def funding_rate(length: int, interval: timedelta, rates: FundingRates | None) -> Indicator:
    """Mean of the last rates; never known without any."""

    def see(bar: Bar) -> float | None:
        known = None if rates is None else rates.last(bar.closes_at(interval), length)
        return None if known is None else sum(known) / length

    return see
