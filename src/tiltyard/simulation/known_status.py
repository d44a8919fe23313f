"""A ledger with the status that people know, to the digit.

Fifty trades of ``reinforcement_20250707_154526_eee02a74``: profit factor 4.47, rolling-30
win rate 76.7 %, drawdown 12.4 %. Each trade is sized on the equity before it, so the
drawdown is that of the account: 1,550 below a peak of 12,500. The second loss of the run
takes it beyond 4 %: there an enforcing desk halts.
"""

from datetime import UTC, datetime, timedelta

from tiltyard.facts.trade import Trade
from tiltyard.kernel.money import UNITS, Money

POLICY = "reinforcement_20250707_154526_eee02a74"
START = datetime(2025, 7, 7, 16, tzinfo=UTC)
CAPITAL = Money(10_000 * UNITS)

_LOSSES = 5 * 310 + 7 * 50
_GAINS = _LOSSES * 447 // 100
_LATER_WINS = 26
_EARLY_GAINS = 2500
_EVEN, _REST = divmod(_GAINS - _EARLY_GAINS, _LATER_WINS)


def results() -> list[int]:
    """Profit or loss of each trade in whole currency units."""
    early = [209] * 8 + [207] * 4
    run = [-310] * 5
    wins = [_EVEN + 1] * _REST + [_EVEN] * (_LATER_WINS - _REST)
    last = [value for index in range(7) for value in (*wins[3 + 3 * index : 6 + 3 * index], -50)]
    return [*early, *run, *wins[:3], *last, *wins[24:]]


def known_trades() -> list[Trade]:
    """The fifty trades."""
    trades = []
    equity = int(CAPITAL)
    for number, result in enumerate(results(), start=1):
        closed = START + timedelta(hours=4 * number)
        pnl = Money(result * UNITS)
        trades.append(
            Trade(
                "known-status", f"{number:03d}", POLICY, "SOL/USDT", "long",
                closed - timedelta(hours=3), closed, pnl, capital=Money(equity),
                risk=Money(100 * UNITS), currency="USDT",
            )
        )  # fmt: skip
        equity += pnl
    return trades
