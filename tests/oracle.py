"""The slow truth: every metric written straight from its definition, exactly.

Nothing here streams, windows cleverly or rounds early, and nothing is imported from
:mod:`tiltyard.metrics`. Ratios are fractions, NAV is a decimal of 60 digits, every
answer looks at the whole log again. ``None`` says that the definition gives no number.

Two roundings belong to the definitions and are made here too: an R-multiple and a
daily return are rounded to 1e-12, half to even.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

DIGITS = 60
_SMALLEST = Decimal("1e-12")
_UNITS = 10**8


class Closed(NamedTuple):
    """A closed trade as the oracle reads it; amounts in units of 1e-8, 0 where nobody said."""

    closed_at: datetime
    pnl: int
    capital: int = 0
    risk: int = 0


Answer = Fraction | Decimal | None
Log = Sequence[Closed]


def twelve(number: Fraction | Decimal) -> float:
    """The float nearest to ``number`` written with 12 significant digits."""
    if isinstance(number, Fraction):
        with localcontext(Context(prec=DIGITS)):
            number = Decimal(number.numerator) / Decimal(number.denominator)
    return float(Context(prec=12, rounding=ROUND_HALF_EVEN).plus(number))


def profit_factor(log: Log) -> Answer:
    """Gains over losses."""
    losses = -sum(trade.pnl for trade in log if trade.pnl < 0)
    gains = sum(trade.pnl for trade in log if trade.pnl > 0)
    return Fraction(gains, losses) if losses else None


def win_rate(log: Log) -> Answer:
    """Winning trades in percent of all; a zero is no win."""
    return Fraction(100 * sum(trade.pnl > 0 for trade in log), len(log)) if log else None


def consecutive_losses(log: Log) -> Answer:
    """Losing trades at the end, zeros left out."""
    if not log:
        return None
    run = 0
    for trade in reversed([trade for trade in log if trade.pnl]):
        if trade.pnl > 0:
            break
        run += 1
    return Fraction(run)


def expectancy_r(log: Log) -> Answer:
    """Mean of ``pnl / risk`` over the trades that say what they risked."""
    multiples = [
        Fraction(round(Fraction(trade.pnl, trade.risk) * 10**12), 10**12)
        for trade in log
        if trade.risk > 0
    ]
    return sum(multiples, Fraction(0)) / len(multiples) if multiples else None


def net_pnl(log: Log) -> Answer:
    """The sum, in currency."""
    return Fraction(sum(trade.pnl for trade in log), _UNITS) if log else None


def drawdown(log: Log) -> Answer:
    """Deepest fall of the chained NAV from any point to any later one, percent."""
    if not log or any(trade.capital <= 0 for trade in log):
        return None
    with localcontext(Context(prec=DIGITS)):
        nav = peak = Decimal(1)
        deepest = Decimal(0)
        for trade in log:
            nav *= max(Decimal(0), Decimal(trade.capital + trade.pnl) / trade.capital)
            peak = max(peak, nav)
            deepest = max(deepest, 1 - nav / peak)
        return 100 * deepest


def daily_returns(log: Log) -> list[Decimal]:
    """NAV at the end of each ended UTC day over the day before, less one."""
    if not log:
        return []
    closing: dict[datetime, Decimal] = {}
    with localcontext(Context(prec=DIGITS)):
        nav = Decimal(1)
        for trade in log:
            nav *= max(Decimal(0), Decimal(trade.capital + trade.pnl) / trade.capital)
            closing[_midnight(trade.closed_at)] = nav
        returns: list[Decimal] = []
        before = Decimal(1)
        day = _midnight(log[0].closed_at)
        while day < _midnight(log[-1].closed_at):
            end = closing.get(day, before)
            gained = end / before - 1 if before else Decimal(0)
            returns.append(gained.quantize(_SMALLEST, rounding=ROUND_HALF_EVEN))
            before = end
            day += timedelta(days=1)
    return returns


def sharpe(log: Log) -> Answer:
    """Mean daily return over its standard deviation, a year of 365 days."""
    returns = daily_returns(log)
    days = len(returns)
    if days < 30:
        return None
    with localcontext(Context(prec=DIGITS)):
        mean = sum(returns, Decimal(0)) / days
        variance = sum(((r - mean) ** 2 for r in returns), Decimal(0)) / (days - 1)
        return mean / variance.sqrt() * Decimal(365).sqrt() if variance else None


def sortino(log: Log) -> Answer:
    """Mean daily return over the root mean square of its losses, over all days."""
    returns = daily_returns(log)
    days = len(returns)
    if days < 30:
        return None
    with localcontext(Context(prec=DIGITS)):
        mean = sum(returns, Decimal(0)) / days
        downside = sum((r * r for r in returns if r < 0), Decimal(0)) / days
        return mean / downside.sqrt() * Decimal(365).sqrt() if downside else None


def champions_profit_factor(challenger: Log, champion: Log, now: datetime) -> Answer:
    """``pf_prod``: over the span of the challenger's last 150 trades, else the last 150."""
    known = [trade for trade in champion if trade.closed_at <= now]
    if challenger:
        since = challenger[-150:][0].closed_at
        met = [trade for trade in known if trade.closed_at >= since]
        if len(met) >= 30:
            return profit_factor(met)
    return profit_factor(known[-150:]) if len(known) >= 150 else None


def last(log: Log, trades: int) -> Log:
    """The last ``trades`` of a log, or nothing while there are fewer."""
    return log[-trades:] if len(log) >= trades else []


def answers(log: Log) -> dict[str, Answer]:
    """Every metric of one arm's closed trades, by its name in the catalogue."""
    return {
        "pf_challenger_30": profit_factor(last(log, 30)),
        "pf_150": profit_factor(last(log, 150)),
        "profit_factor": profit_factor(log),
        "dd_150": drawdown(last(log, 150)),
        "dd_challenger_pct": drawdown(log),
        "win_rate": win_rate(log),
        "win_rate_30": win_rate(last(log, 30)),
        "consecutive_losses": consecutive_losses(log),
        "expectancy_r": expectancy_r(log),
        "net_pnl": net_pnl(log),
        "sharpe": sharpe(log),
        "sortino": sortino(log),
    }


def _midnight(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)
