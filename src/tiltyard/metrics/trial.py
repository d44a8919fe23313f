"""What is measured of one arm between its going live and its next re-arming.

One :class:`Trial` holds a meter for every trade metric and the two drawdowns: over
closed trades, and over closed trades and marks together. The guard takes the worse.

NAV is a whole number that gains digits as an account grows. When it has grown by a factor
of 2^128 the path is written in a coarser unit, so a trade costs the same for ever.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import date, datetime

from tiltyard.kernel.undefined import Reading, Undefined, Value
from tiltyard.metrics.catalogue import METRICS, TRADE_METRICS, Meter
from tiltyard.metrics.daily_return import Sharpe, Sortino
from tiltyard.metrics.drawdown import BITS, ONE, fall_percent, nav_factor
from tiltyard.metrics.e_cusum import ECusum
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.rolling import Rolling

_COARSER = 1 << (2 * BITS)
"""From this NAV on the path is written in a unit that is 2^128 times as large."""


DAILY: Mapping[str, Sharpe | Sortino] = {"sharpe": Sharpe(), "sortino": Sortino()}
"""Metrics of one return a day."""


class NavPath:
    """NAV of one arm, its peaks, and its deepest falls, closed and marked.

    Attributes:
        nav: Chained NAV of closed trades, fixed point with 128 fractional bits.
        equity: ``nav`` with open positions at their last mark.
        unit: How often ``nav`` and ``equity`` were divided by 2^128.
        steps: Closed trades.
        facts: Closed trades and marks.
        without_capital: How many of them had no capital to be measured against; those between
            two of these are measured as a stretch of their own.
    """

    def __init__(self) -> None:
        self.nav = ONE
        self.equity = ONE
        self.unit = 0
        self.steps = 0
        self.facts = 0
        self.without_capital = 0
        self._closed_peak = self._closed_worst_peak = self._closed_worst = ONE
        self._marked_peak = self._marked_worst_peak = self._marked_worst = ONE

    def close(self, pnl: int, capital: int, still_open: int = 0) -> None:
        """A trade closed; with others still open, equity is what the next mark says."""
        self.steps += 1
        self.facts += 1
        if capital <= 0:
            self._lose_sight()
            return
        self.nav = self.nav * nav_factor(pnl, capital) >> BITS
        if self.nav >= _COARSER:
            self._coarsen()
        if self.nav > self._closed_peak:
            self._closed_peak = self.nav
        elif self.nav * self._closed_worst_peak < self._closed_worst * self._closed_peak:
            self._closed_worst_peak, self._closed_worst = self._closed_peak, self.nav
        if not still_open:
            self._equity_is(self.nav)

    def mark(self, unrealised: int, capital: int) -> None:
        """Open positions were valued; until the next mark, those left open keep their worth."""
        self.facts += 1
        if capital <= 0:
            self._lose_sight()
            return
        self._equity_is(self.nav * nav_factor(unrealised, capital) >> BITS)

    def drawdown(self) -> Reading:
        """The worse of the closed and the marked drawdown, percent."""
        worst = max(self.closed_drawdown(), self.marked_drawdown())
        if self.without_capital:
            return Undefined("no_capital", self.blindness, self.steps, at_least=worst)
        if not self.steps and self._marked_worst == self._marked_worst_peak:
            return Undefined("warming", "no trade has closed")
        return Value(worst, max(1, self.steps))

    @property
    def blindness(self) -> str:
        """Why what depends on capital is not known; empty when it is."""
        count = self.without_capital
        if count == 1:
            return "1 trade or mark does not say what capital it is of"
        return f"{count} trades or marks do not say what capital they are of" if count else ""

    def closed_drawdown(self) -> float:
        """Largest fall over closed trades, percent."""
        return fall_percent(self._closed_worst_peak, self._closed_worst)

    def marked_drawdown(self) -> float:
        """Largest fall over closed trades and marks, percent."""
        return fall_percent(self._marked_worst_peak, self._marked_worst)

    def _lose_sight(self) -> None:
        """What it gained or lost is not known: what falls from here on has fallen from here."""
        self.without_capital += 1
        self._closed_peak = self._marked_peak = self.nav

    def _coarsen(self) -> None:
        """The deepest falls are ratios of two numbers of their own, and stay as they are."""
        self.unit += 1
        self.nav >>= BITS
        self.equity >>= BITS
        self._closed_peak >>= BITS
        self._marked_peak >>= BITS

    def _equity_is(self, equity: int) -> None:
        self.equity = equity
        if equity > self._marked_peak:
            self._marked_peak = equity
        elif equity * self._marked_worst_peak < self._marked_worst * self._marked_peak:
            self._marked_worst_peak, self._marked_worst = self._marked_peak, equity


class DailyReturns:
    """Turns an equity path into one return a day, days without a trade included."""

    def __init__(self) -> None:
        self._days = Sharpe.empty
        self._day: date | None = None
        self._start = self._end = ONE
        self._unit = 0

    def follow(self, at: datetime, nav: NavPath) -> None:
        """Equity after an event; the day's last one counts."""
        if nav.unit != self._unit:
            self._start >>= BITS
            self._end >>= BITS
            self._unit = nav.unit
        today = at.date()
        if self._day is None:
            self._day = today
        elif today > self._day:
            self._push(self._end - self._start, self._start, days=1)
            self._push(0, self._start, days=(today - self._day).days - 1)
            self._day, self._start = today, self._end
        self._end = nav.equity

    @property
    def days(self) -> int:
        """How many days have ended."""
        return self._days[3]

    def read(self, name: str) -> Reading:
        """One of :data:`DAILY`, over the days that have ended."""
        return DAILY[name].value(self._days)

    def _push(self, gained: int, start: int, *, days: int) -> None:
        element = Sharpe().element(gained, start)
        for _ in range(days):
            self._days = Sharpe().merge(self._days, element)


class Trial:
    """Every metric of one arm's trades in one book.

    Args:
        floors: Profit factors against which its trades are weighed one after the other.

    Attributes:
        nav: The NAV path.
        daily: Its daily returns.
        trades: How many trades have closed.
    """

    def __init__(self, floors: Iterable[float] = ()) -> None:
        self.nav = NavPath()
        self.daily = DailyReturns()
        self.trades = 0
        self._doubts = {floor: ECusum(floor) for floor in floors}
        self._meters: dict[str, Meter] = {}
        for name in TRADE_METRICS:
            make = METRICS.get(name).make
            if make is not None:
                self._meters[name] = make()
        self._pushes = [meter.push for meter in self._meters.values()]

    def copy(self) -> "Trial":
        """The same, which goes its own way from here."""
        other = copy(self)
        other.nav, other.daily = copy(self.nav), copy(self.daily)
        meters = {name: meter.copy() for name, meter in self._meters.items()}
        doubts = {floor: doubt.copy() for floor, doubt in self._doubts.items()}
        pushes = [meter.push for meter in meters.values()]
        vars(other).update(_meters=meters, _pushes=pushes, _doubts=doubts)
        return other

    def close(self, closed_at: datetime, outcome: Outcome, still_open: int = 0) -> None:
        """One more closed trade, in judged order, and how many positions it leaves open."""
        self.trades += 1
        for push in self._pushes:
            push(outcome)
        for doubt in self._doubts.values():
            doubt.push(outcome)
        self.nav.close(outcome[0], outcome[1], still_open)
        self.daily.follow(closed_at, self.nav)

    def mark(self, marked_at: datetime, unrealised: int, capital: int) -> None:
        """One more mark."""
        self.nav.mark(unrealised, capital)
        self.daily.follow(marked_at, self.nav)

    def doubt(self, floor: float) -> Reading:
        """The evidence that the profit factor is below one of its floors by now."""
        return self._doubts[floor].value()

    def losing_trades(self) -> int:
        """How many of the last 150 lost money."""
        meter = self._meters["pf_150"]
        return int(meter.total()[3]) if isinstance(meter, Rolling) else 0

    def read(self, name: str) -> Reading:
        """The value of a metric this trial can answer by itself."""
        if name == "dd_challenger_pct":
            return self.nav.drawdown()
        if name in DAILY:
            if self.nav.without_capital:
                return Undefined("no_capital", self.nav.blindness, self.daily.days)
            return self.daily.read(name)
        return self._meters[name].value()
