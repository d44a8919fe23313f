"""The largest fall of net asset value from its peak.

Net asset value (NAV) starts at 1 and is chained: each trade multiplies it by
``max(0, 1 + pnl / capital)``. So a change of allotted capital is not performance, and a
NAV of zero stays zero. Everything is fixed point with 128 fractional bits: a million
merges lose less than the twelfth digit, so streamed and merged values agree.
"""

from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.metric import Outcome

BITS = 128
ONE = 1 << BITS

Fall = tuple[int, int, int, int, int, int]
"""NAV product, highest and lowest NAV, peak and trough of the deepest fall, trades.

The first five count from the NAV before the stretch, which is 1 in fixed point. The
count is negative when a trade without capital makes the stretch undefined.
"""


def nav_factor(pnl: int, capital: int) -> int:
    """``max(0, 1 + pnl / capital)`` in fixed point, rounded down."""
    grown = capital + pnl
    return (grown << BITS) // capital if grown > 0 else 0


def fall_percent(peak: int, trough: int) -> float:
    """Fall from ``peak`` to ``trough`` in percent of the peak."""
    return twelve_digits(100 * (peak - trough) / peak)


class Drawdown:
    """Largest fall from a NAV peak to any later point, in percent.

    The peak includes the point before the first trade of the stretch.
    Unit: percent, 0..100. Reads ``pnl`` and ``capital``.
    Undefined (``no_capital``) when a trade does not say what capital it was sized on.

    >>> metric = Drawdown()
    >>> total = metric.empty
    >>> for pnl in (10, -22, 5):
    ...     total = metric.merge(total, metric.element((pnl, 100, 0)))
    >>> metric.value(total)
    Value(number=22.0, samples=3)
    """

    empty: Fall = (ONE, ONE, ONE, ONE, ONE, 0)

    def element(self, outcome: Outcome) -> Fall:
        """One step of NAV, up or down."""
        pnl, capital, _ = outcome
        if capital <= 0:
            return (ONE, ONE, ONE, ONE, ONE, -1)
        nav = nav_factor(pnl, capital)
        if nav >= ONE:
            return (nav, nav, ONE, ONE, ONE, 1)
        return (nav, ONE, nav, ONE, nav, 1)

    def merge(self, earlier: Fall, later: Fall) -> Fall:
        """The later stretch starts where the earlier one ended."""
        nav, high, low, peak, trough, trades = earlier
        later_nav, later_high, later_low, later_peak, later_trough, later_trades = later
        if later_trough * peak < trough * later_peak:
            peak, trough = later_peak, later_trough
        reached = nav * later_low >> BITS
        if reached * peak < trough * high:
            peak, trough = high, reached
        climbed = nav * later_high >> BITS
        if trades < 0 or later_trades < 0:
            trades = -abs(trades) - abs(later_trades)
        else:
            trades += later_trades
        return (
            nav * later_nav >> BITS,
            max(high, climbed),
            min(low, reached),
            peak,
            trough,
            trades,
        )

    def value(self, element: Fall) -> Reading:
        """The fall in percent, or ``no_capital``."""
        peak, trough, trades = element[3:]
        if not trades:
            return Undefined("warming", "no trade has closed")
        if trades < 0:
            return Undefined(
                "no_capital", "a trade does not say what capital it was sized on", -trades
            )
        return Value(fall_percent(peak, trough), trades)
