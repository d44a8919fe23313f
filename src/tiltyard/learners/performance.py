"""What trading on paper came to, and how sure that is.

What is earned on one day meets one market, and a position outlives a day. So intervals come from a
*moving-block bootstrap*: stretches of neighbouring days are drawn with replacement until they are
as many as there were. Overlapping stretches of few days scatter too little, and few of them have
Student's tails, so the intervals are widened by both. They hold the truth about 90 times in 100, 85
where days are few and hang together (measured in the tests); where there are fewer than ten
stretches, or hardly a trade, there is none.

Equity is a fraction of the capital, which is the notional of one position in each symbol. Nothing
is compounded, so a day's return is the difference of two equities.

Source: Künsch, The jackknife and the bootstrap for general stationary observations, Annals of
Statistics 17 (1989).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.money import UNITS, Money
from tiltyard.kernel.undefined import Reading, Undefined, Value, twelve_digits
from tiltyard.market.paper import Closed

Floats = NDArray[np.float64]
Days = NDArray[np.int64]

LEVEL = 0.9
NORMAL = NormalDist().inv_cdf((1 + LEVEL) / 2)
DRAWS = 2_000
SHORTEST_BLOCK = 5
FEWEST_BLOCKS = 10
FEWEST_TRADES = 30
CONSTANT = 0.99
"""Who wants the same in so many of its decisions is a constant."""


class Interval(NamedTuple):
    """Between which a true number lies, at :data:`LEVEL`.

    Attributes:
        low: From.
        high: To.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was traded on paper over some days.

    Attributes:
        trades: Closed positions, in the order of closing.
        closed_on: Day of each, in days since 1970; shape (trades,).
        days: Each of the range, in days since 1970; shape (n,).
        equity: By the end of each day, what is open at its last price; a fraction of the capital,
            0 at the beginning; shape (n,).
        capital: What equity is a fraction of.
    """

    trades: tuple[Closed, ...]
    closed_on: Days
    days: Days
    equity: Floats
    capital: Money

    @property
    def daily(self) -> Floats:
        """What each day made; a fraction of the capital, shape (n,)."""
        return np.diff(self.equity, prepend=0.0)

    @property
    def profit_factor(self) -> Reading:
        """Gross profit over gross loss of closed trades, after costs."""
        gains = sum(one.pnl for one in self.trades if one.pnl > 0)
        losses = -sum(one.pnl for one in self.trades if one.pnl < 0)
        if not self.trades:
            return Undefined("warming", "no trade has closed")
        if not losses:
            return Undefined("no_losses", "no losing trade has closed yet", len(self.trades))
        return Value(twelve_digits(gains / losses), len(self.trades))

    @property
    def return_per_trade(self) -> Reading:
        """Mean of what a trade made by its notional, after costs."""
        made = [one.pnl / one.position.entry.notional for one in self.trades]
        if not made:
            return Undefined("warming", "no trade has closed")
        return Value(twelve_digits(sum(made) / len(made)), len(made))

    @property
    def daily_return(self) -> Reading:
        """Mean of what a day made, a fraction of the capital."""
        if not len(self.days):
            return Undefined("warming", "no day is over")
        return Value(twelve_digits(float(self.equity[-1]) / len(self.days)), len(self.days))

    @property
    def turnover(self) -> float:
        """Value bought and sold a day, by the capital."""
        traded = sum(
            one.position.quantity / UNITS * (one.position.price + one.price) for one in self.trades
        )
        return traded * UNITS / self.capital / max(1, len(self.days))

    @property
    def funding_unknown(self) -> int:
        """Trades that met a funding rate which nobody knows; nothing is counted for it."""
        return sum(one.funding is None for one in self.trades)

    def within(self, first: int, last: int) -> "Stretch":
        """Some of its days, both ends included; days since 1970."""
        inside = (self.days >= first) & (self.days <= last)
        before = self.equity[self.days < first]
        closed = (self.closed_on >= first) & (self.closed_on <= last)
        trades = tuple(one for one, is_in in zip(self.trades, closed, strict=True) if is_in)
        equity = self.equity[inside] - (before[-1] if len(before) else 0.0)
        return Stretch(trades, self.closed_on[closed], self.days[inside], equity, self.capital)


@dataclass(frozen=True, slots=True)
class Result(Stretch):
    """What was traded on paper over a range, and how.

    Attributes:
        drawdown: The largest fall of equity below its peak, looked at when each bar has closed.
        wanted_of: How often each holding was wanted, by symbol; ``long 0.5`` is a half.
        held: Bars of one symbol in which a position was held.
    """

    drawdown: float
    wanted_of: Mapping[str, Mapping[str, int]]
    held: int

    @property
    def wanted(self) -> dict[str, int]:
        """How often each holding was wanted, over all decisions."""
        total: Counter[str] = Counter()
        for counts in self.wanted_of.values():
            total.update(counts)
        return dict(total)

    @property
    def time_in_market(self) -> float:
        """Share of all bars of all symbols in which a position was held."""
        return self.held / max(1, sum(self.wanted.values()))

    @property
    def constant(self) -> str | None:
        """What is wanted nearly always, whatever the market does; None for a policy that decides.

        A head that has learnt nothing ends so, and its profit is the market's. One that wants
        another thing of each symbol, and always the same, decides as little.
        """
        found = {symbol: _constant(counts) for symbol, counts in self.wanted_of.items()}
        if not found or None in found.values():
            return None
        several = ", ".join(f"{what} of {symbol}" for symbol, what in sorted(found.items()))
        return several if len(set(found.values())) > 1 else next(iter(found.values()))


def _constant(wanted: Mapping[str, int]) -> str | None:
    decisions = sum(wanted.values())
    often = [what for what, times in wanted.items() if times >= CONSTANT * decisions]
    return often[0] if decisions and often else None


def daily_return_interval(result: Stretch, seed: int) -> Interval | Undefined:
    """Of the mean daily return."""
    days = len(result.days)
    if (too_few := _too_few(days)) is not None:
        return too_few
    drawn = _drawn(result.daily[:, None], seed)[:, 0] / (_blocks(days) * _block(days))
    return Interval(*_ends(drawn, float(result.daily.mean()), days))


def profit_factor_interval(result: Stretch, seed: int) -> Interval | Undefined:
    """Of the profit factor; a trade belongs to the day on which it closed."""
    trades = len(result.trades)
    if (too_few := _too_few(len(result.days))) is not None:
        return too_few
    if trades < FEWEST_TRADES:
        return Undefined("warming", f"{trades} of {FEWEST_TRADES} trades", trades)
    made = np.zeros((len(result.days), 2))
    for trade, day in zip(result.trades, result.closed_on, strict=True):
        made[day - result.days[0], int(trade.pnl < 0)] += abs(trade.pnl) / UNITS
    drawn = _drawn(made, seed)
    if np.quantile(drawn[:, 1], (1 - LEVEL) / 2) <= 0:
        return Undefined("no_losses", "hardly a losing trade has closed", trades)
    gains, losses = np.maximum(drawn, 1 / UNITS).T
    earned, lost = np.maximum(made.sum(axis=0), 1 / UNITS)
    low, high = _ends(np.log(gains / losses), log(earned / lost), len(result.days))
    return Interval(exp(low), exp(high))


def told(reading: Reading | Interval | Undefined) -> dict[str, Any]:
    """As metrics of a snapshot tell it.

    >>> told(Value(1.5, 40)), told(Interval(1.1, 1.9))
    ({'value': 1.5, 'samples': 40}, {'low': 1.1, 'high': 1.9})
    >>> told(Undefined("warming", "12 of 30 trades", 12))
    {'undefined': 'warming', 'reason': '12 of 30 trades', 'samples': 12}
    """
    match reading:
        case Value(number, samples):
            return {"value": number, "samples": samples}
        case Undefined(state, reason, samples):
            return {"undefined": state, "reason": reason, "samples": samples}
    return {"low": twelve_digits(reading.low), "high": twelve_digits(reading.high)}


def summary(result: Stretch, seed: int) -> dict[str, Any]:
    """All that a report says of it, in numbers.

    Args:
        result: Of a whole range, or some days of it.
        seed: Of the intervals.
    """
    how: dict[str, Any] = {}
    if isinstance(result, Result):
        how = {
            "max_drawdown": twelve_digits(result.drawdown),
            "time_in_market": twelve_digits(result.time_in_market),
            "constant": result.constant,
        }
    return how | {
        "trades": len(result.trades),
        "days": len(result.days),
        "profit_factor": {
            **told(result.profit_factor),
            "interval": told(profit_factor_interval(result, seed)),
        },
        "daily_return": {
            **told(result.daily_return),
            "interval": told(daily_return_interval(result, seed)),
        },
        "return_per_trade": told(result.return_per_trade),
        "total_return": twelve_digits(float(result.equity[-1])) if len(result.equity) else 0.0,
        "funding_unknown": result.funding_unknown,
        "turnover_per_day": twelve_digits(result.turnover),
    }


def _block(days: int) -> int:
    return max(SHORTEST_BLOCK, round(float(days ** (1 / 3))))


def _blocks(days: int) -> int:
    return round(days / _block(days))


def _too_few(days: int) -> Undefined | None:
    needed = FEWEST_BLOCKS * SHORTEST_BLOCK
    return Undefined("warming", f"{days} of {needed} days", days) if days < needed else None


def _drawn(by_day: Floats, seed: int) -> Floats:
    """Sums over days of each column, for each draw; shape (draws, columns)."""
    days, length = len(by_day), _block(len(by_day))
    until = np.concatenate([np.zeros((1, by_day.shape[1])), by_day.cumsum(axis=0)])
    blocks = until[length:] - until[:-length]
    chance = np.random.default_rng(seed)
    starts = chance.integers(0, len(blocks), (DRAWS, _blocks(days)))
    sums: Floats = blocks[starts].sum(axis=1)
    return sums


def _ends(drawn: Floats, estimate: float, days: int) -> tuple[float, float]:
    """Quantiles of what was drawn, so much further from the estimate as a bootstrap falls short."""
    freedom, length = _blocks(days) - 1, _block(days)
    student = 1 + (NORMAL**2 + 1) / (4 * freedom)
    wider = student * sqrt(days / (days - length))
    low, high = (float(end) for end in np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)))
    return estimate + wider * (low - estimate), estimate + wider * (high - estimate)
