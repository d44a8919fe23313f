"""Sharpe and Sortino ratios: reward per unit of daily wobble.

Here the element is a day, not a trade: the panel chains the NAV of a day (closed
trades and the day's last mark) and pushes the day's return when the next one begins. A
day without trades returned 0 and counts. Returns are rounded to 1e-12, so sums are exact.
"""

import math

from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits

DAYS_NEEDED = 30
DAYS_A_YEAR = 365
_SCALE = 10**12
_LARGEST = 10**6 * _SCALE

Days = tuple[int, int, int, int]
"""Sum of returns, of squares, of squared negative returns (scaled), and days."""


class _DailyRatio:
    empty: Days = (0, 0, 0, 0)

    def element(self, gained: int, start: int) -> Days:
        """One day's return: what equity gained over what it was, at most a million-fold."""
        scaled = (2 * gained * _SCALE + start) // (2 * start) if start else 0
        scaled = min(scaled, _LARGEST)
        square = scaled * scaled
        return (scaled, square, square if scaled < 0 else 0, 1)

    def merge(self, earlier: Days, later: Days) -> Days:
        """Sums."""
        a, b, c, d = earlier
        e, f, g, h = later
        return (a + e, b + f, c + g, d + h)

    def _ratio(self, total: int, spread: float, days: int) -> Reading:
        if not spread:
            return Undefined("no_losses", "daily returns do not vary", days)
        mean = total / days / _SCALE
        return Value(twelve_digits(mean / spread * math.sqrt(DAYS_A_YEAR)), days)


class Sharpe(_DailyRatio):
    """Mean daily return over its standard deviation, times the root of 365.

    Unit: per year, no risk-free rate. Undefined below 30 days.
    Source: Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21 (1994).
    """

    def value(self, element: Days) -> Reading:
        """The ratio, or ``warming``."""
        total, squares, _, days = element
        if days < DAYS_NEEDED:
            return Undefined("warming", f"{days} of {DAYS_NEEDED} days", days)
        variance = (days * squares - total * total) / (days * (days - 1)) / _SCALE**2
        return self._ratio(total, math.sqrt(variance), days)


class Sortino(_DailyRatio):
    """Mean daily return over its downside deviation, times the root of 365.

    The downside deviation is over all days, those without a loss included.
    Unit: per year, target return 0. Undefined below 30 days.
    Source: Sortino and Price, Journal of Investing 3 (1994).
    """

    def value(self, element: Days) -> Reading:
        """The ratio, or ``warming``."""
        total, _, downside, days = element
        if days < DAYS_NEEDED:
            return Undefined("warming", f"{days} of {DAYS_NEEDED} days", days)
        return self._ratio(total, math.sqrt(downside / days) / _SCALE, days)
