"""What is measured of the whole account: its fall from its peak, and today's loss.

Only live trades of one account in one currency are counted: nothing is summed over
accounts or currencies. "Today" is the trading day, which need not begin at midnight.
"""

from bisect import insort
from collections.abc import Callable, Iterable
from copy import copy
from datetime import date, datetime

from tiltyard.facts.correction import Correction
from tiltyard.facts.trade import JudgedOrder, Trade, judged_order
from tiltyard.kernel.money import Money
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.metrics.trial import NavPath

KEPT = 1000
"""Trades among which a late one is put in its place; one that is older comes first of them."""
DAYS = 7
"""Trading days whose results are kept."""

DayOf = Callable[[datetime], date]
"""The trading day that a time lies in."""


class AccountMeasures:
    """The account's path.

    Args:
        name: Of the account; trades of other accounts are not counted.
        currency: Of the account; empty takes that of the first trade that names one.
        capital: Equity of the whole account; None when nobody said.
        day_of: When the trading day begins.
        since: The path is that of trades which close after it; None is that of all.

    Attributes:
        trades: How many were counted, those that closed before ``since`` included.
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
        self._currency = currency
        self._capital = capital or 0
        self._day_of = day_of
        self.since = since
        self.trades = 0
        self._path = NavPath()
        self._before = NavPath()
        self._recent: list[tuple[JudgedOrder, int]] = []
        self._days: dict[date, int] = {}

    def afresh(self, since: datetime | None) -> "AccountMeasures":
        """The same account, whose path begins after ``since``; what its days have lost stays."""
        fresh = copy(self)
        recent = [one for one in self._recent if since is None or one[0][0] > since]
        vars(fresh).update(
            since=since, _days=self._days.copy(), _before=NavPath(), _recent=recent,
            _path=_walked(NavPath(), recent, self._capital),
        )  # fmt: skip
        return fresh

    @property
    def facts(self) -> int:
        """How many trades the path is made of."""
        return self._path.facts

    def close(self, trade: Trade) -> None:
        """One more trade, if it is one of this account."""
        if not self._owns(trade):
            return
        self._count_in_day(trade, 1)
        if not self._is_on_path(trade):
            return
        order = judged_order(trade)
        if not self._recent or order > self._recent[-1][0]:
            self._recent.append((order, trade.pnl))
            self._path.close(trade.pnl, self._capital)
        else:
            insort(self._recent, (order, trade.pnl))
            self._go_again()
        self._forget_oldest()

    def correct(self, correction: Correction) -> None:
        """A trade is another than it was told; one that lies far back differs there in one step."""
        before, trade = correction
        owned, owns = self._owns(before), self._owns(trade)
        if owned:
            self._count_in_day(before, -1)
        if owns:
            self._count_in_day(trade, 1)
        counted, counts = owned and self._is_on_path(before), owns and self._is_on_path(trade)
        entry = (judged_order(before), int(before.pnl))
        is_far = counted and entry not in self._recent
        if is_far:
            insort(self._recent, (entry[0], (trade.pnl if counts else 0) - before.pnl))
        elif counted:
            self._recent.remove(entry)
        if counts and not is_far:
            insort(self._recent, (judged_order(trade), trade.pnl))
        self._go_again()
        self._forget_oldest()

    def _count_in_day(self, trade: Trade, times: int) -> None:
        self.trades += times
        day = self._day_of(trade.closed_at)
        self._days[day] = self._days.get(day, 0) + times * trade.pnl
        while len(self._days) > DAYS:
            del self._days[min(self._days)]

    def _go_again(self) -> None:
        self._path = _walked(copy(self._before), self._recent, self._capital)

    def _forget_oldest(self) -> None:
        if len(self._recent) >= 2 * KEPT:
            _walked(self._before, self._recent[:KEPT], self._capital)
            del self._recent[:KEPT]

    def drawdown(self) -> Reading:
        """Largest fall of NAV over closed trades, percent."""
        return self._path.drawdown()

    def daily_loss(self, now: datetime) -> Reading:
        """What the trading day of ``now`` has lost so far, percent of the capital."""
        if not self._capital:
            return Undefined("no_capital", "the account's capital is not configured")
        lost = -self._days.get(self._day_of(now), 0)
        return Value(twelve_digits(100 * max(0, lost) / self._capital), 1)

    def _owns(self, trade: Trade) -> bool:
        is_own = trade.book == "live" and trade.account == self._name
        return is_own and self._is_own_currency(trade.currency)

    def _is_on_path(self, trade: Trade) -> bool:
        return self.since is None or trade.closed_at > self.since

    def _is_own_currency(self, currency: str) -> bool:
        self._currency = self._currency or currency
        return not currency or currency == self._currency


def _walked(path: NavPath, trades: Iterable[tuple[JudgedOrder, int]], capital: int) -> NavPath:
    for _, pnl in trades:
        path.close(pnl, capital)
    return path
