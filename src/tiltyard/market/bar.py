"""A bar: what a market did in one interval.

A bar is known when it has closed, one interval after it opened. Prices are quotes and may
be floats; money that is made of them is exact.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

HOUR = timedelta(hours=1)


class Bar(NamedTuple):
    """One candle.

    Attributes:
        symbol: As the venue writes it.
        opened_at: UTC.
        open: First price, quote currency.
        high: Highest.
        low: Lowest.
        close: Last.
        volume: Base units traded.
    """

    symbol: str
    opened_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float

    def closes_at(self, interval: timedelta) -> datetime:
        """When everything in it is known."""
        return self.opened_at + interval
