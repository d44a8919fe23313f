"""What it costs to trade: a fee, half the spread, and funding while a position is held.

Amounts are exact. Funding is paid by the long side when its rate is above zero, at the times
that the venue sets. A rate that nobody recorded is not zero: what it would have been is not
known, and the trade says so.

>>> from tiltyard.kernel.money import money
>>> costs = Costs(fee_bps=5, half_spread_bps=1)
>>> costs.price("buy", 200.0), costs.price("sell", 200.0)
(200.02, 199.98)
>>> costs.fee(money(1000)) == money("0.5")
True
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from tiltyard.kernel.money import Money

BPS = 10_000
EVERY = timedelta(hours=8)

Side = Literal["buy", "sell"]


class FundingRates:
    """The funding rates of one symbol, a fraction of the position each.

    Args:
        rates: By time, in time order.
        every: From one to the next.
    """

    def __init__(self, rates: Sequence[tuple[datetime, float]], every: timedelta = EVERY) -> None:
        self._times = [at for at, _ in rates]
        self._rates = [rate for _, rate in rates]
        self._every = every

    @property
    def known(self) -> Sequence[tuple[datetime, float]]:
        """All of them by time, in time order."""
        return list(zip(self._times, self._rates, strict=True))

    @property
    def every(self) -> timedelta:
        """From one to the next."""
        return self._every

    def between(self, opened_at: datetime, closed_at: datetime) -> list[float] | None:
        """The rates that a position met; None when one of them is not known.

        Args:
            opened_at: What is due at this moment is somebody else's.
            closed_at: What is due at this moment is still met.
        """
        first, last = bisect_right(self._times, opened_at), bisect_right(self._times, closed_at)
        if not self._times:
            return None
        due = self._due(opened_at, closed_at)
        return self._rates[first:last] if last - first == due else None

    def last(self, at: datetime, count: int = 1) -> Sequence[float] | None:
        """The last rates that are known at a time, oldest first; None when one is missing.

        A rate is known from its time on. The last one stands until the next is due; what is older
        than that is no longer news, and from then on the last rate is not known.

        Args:
            at: When; a rate of this moment is known.
            count: How many, 1 or more.
        """
        end = bisect_right(self._times, at)
        if end < count or at - self._times[end - 1] > self._every:
            return None
        spanned = self._times[end - 1] - self._times[end - count]
        whole = spanned < (count - 0.5) * self._every
        return self._rates[end - count : end] if whole else None

    def _due(self, opened_at: datetime, closed_at: datetime) -> int:
        """How many should be there, by the grid that the known ones are on."""
        origin = self._times[0]
        return (closed_at - origin) // self._every - (opened_at - origin) // self._every


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one venue.

    Attributes:
        fee_bps: Of the value traded, each way.
        half_spread_bps: By how much a fill is worse than the price.
        funding: By symbol; what is not there has none known, unless ``has_funding`` is False.
        has_funding: Whether the venue has any.
    """

    fee_bps: float = 0.0
    half_spread_bps: float = 0.0
    funding: Mapping[str, FundingRates] = field(default_factory=dict)
    has_funding: bool = False

    def price(self, side: Side, price: float) -> float:
        """What is paid or received for one unit at a price."""
        worse = price * self.half_spread_bps / BPS
        return price + worse if side == "buy" else price - worse

    def fee(self, value: Money) -> Money:
        """Of a value that was bought or sold."""
        return Money(round(abs(value) * self.fee_bps / BPS))

    def funding_of(
        self, symbol: str, *, notional: Money, is_long: bool, since: datetime, until: datetime
    ) -> Money | None:
        """Received (positive) or paid for holding a position; None when a rate is not known."""
        if not self.has_funding:
            return Money(0)
        rates = self.funding.get(symbol)
        met = None if rates is None else rates.between(since, until)
        if met is None:
            return None
        paid = sum(round(notional * rate) for rate in met)
        return Money(-paid if is_long else paid)
