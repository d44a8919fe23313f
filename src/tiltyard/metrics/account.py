"""What is measured of the whole account: its fall from its peak, and today's loss.

Only live trades of one account in one currency are counted: nothing is summed over
accounts or currencies. "Today" is the trading day, which need not begin at midnight.
"""

from collections.abc import Callable
from datetime import date, datetime

from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.trial import NavPath

DayOf = Callable[[datetime], date]
"""The trading day that a time lies in."""


class AccountMeasures:
    """The account's path.

    Args:
        name: Of the account; trades of other accounts are not counted.
        currency: Of the account; empty takes that of the first trade that names one.
        capital: Equity of the whole account; None when nobody said.
        day_of: When the trading day begins.
        since: Trades that close after it count; None counts all.
    """

    def __init__(
        self,
        name: str = "default",
        currency: str = "",
        capital: Money | None = None,
        day_of: DayOf = datetime.date,
        since: datetime | None = None,
    ) -> None:
        self._name = name
        self._configured = self._currency = currency
        self._capital = capital or 0
        self._day_of = day_of
        self.since = since
        self._path = NavPath()
        self._today: tuple[date | None, int] = (None, 0)

    def afresh(self, since: datetime | None = None) -> "AccountMeasures":
        """The same account before its first trade, or before the first after ``since``."""
        return AccountMeasures(
            self._name, self._configured, Money(self._capital), self._day_of, since
        )

    @property
    def facts(self) -> int:
        """How many trades were counted."""
        return self._path.facts

    def close(self, trade: Trade) -> None:
        """One more live trade, in judged order, if it is this account's."""
        if self.since is not None and trade.closed_at <= self.since:
            return
        if trade.account != self._name or not self._is_own_currency(trade.currency):
            return
        self._path.close(trade.pnl, self._capital)
        day = self._day_of(trade.closed_at)
        before = self._today[1] if self._today[0] == day else 0
        self._today = (day, before + trade.pnl)

    def drawdown(self) -> Reading:
        """Largest fall of NAV over closed trades, percent."""
        return self._path.drawdown()

    def daily_loss(self, now: datetime) -> Reading:
        """What the trading day of ``now`` has lost so far, percent of the capital."""
        if not self._capital:
            return Undefined("no_capital", "the account's capital is not configured")
        day, pnl = self._today
        lost = -pnl if day == self._day_of(now) else 0
        return Value(twelve_digits(100 * max(0, lost) / self._capital), 1)

    def _is_own_currency(self, currency: str) -> bool:
        self._currency = self._currency or currency
        return not currency or currency == self._currency
