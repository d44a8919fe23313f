"""Closed trades of simulated policies, with dependence like that of real ones.

A trade is an R-multiple. With win probability p it wins ``W·g``, g lognormal (sigma .6,
mean 1) with probability .85, else a heavy-tailed draw scaled to mean 1; else it loses
``1 + .05·|t3|`` with probability .7, or ``U(.1, 1)``. ``W = PF·(1 − p)·.904 / p`` makes the
long-run profit factor what was asked for. Good and bad market regimes, shared by all
policies, shift p by +.3δ and −.7δ (δ = .08), so losses come in clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from random import Random

from tiltyard.facts.trade import Trade, judged_order
from tiltyard.kernel.money import Money, money

MEAN_LOSS = 0.904
SIGMA = 0.6
SHIFT = 0.08
GOOD_DAYS, BAD_DAYS = 14.0, 6.0
TAIL_MEAN = 1.1027  # of |t| with 3 degrees of freedom


@dataclass(frozen=True, slots=True)
class SimulatedPolicy:
    """What a simulated policy is like.

    Attributes:
        name: Full policy name.
        profit_factor: In the long run, at the start.
        later: What it decays to, linearly, by the end; the same when it does not.
        wins: Probability of a winning trade.
        trades_a_day: On average.
    """

    name: str
    profit_factor: float
    later: float
    wins: float = 0.6
    trades_a_day: float = 4.0


def closed_trades(
    policies: Sequence[SimulatedPolicy],
    *,
    start: datetime,
    days: int,
    capital: Money,
    risk: float,
    rng: Random,
) -> list[Trade]:
    """The closed trades of all policies, in judged order.

    Args:
        policies: Who trades.
        start: UTC.
        days: How long.
        capital: Equity allotted to each.
        risk: Fraction of it at risk in every trade.
        rng: Source of chance; the same one gives the same trades.
    """
    regimes = _regimes(days, rng)
    at_risk = round(capital * risk)
    trades = []
    for policy in policies:
        at, number = start, 0
        while (at := at + timedelta(days=rng.expovariate(policy.trades_a_day))) < start + (
            timedelta(days=days)
        ):
            number += 1
            day = (at - start) / timedelta(days=1)
            factor = policy.profit_factor + (policy.later - policy.profit_factor) * day / days
            shift = 0.3 * SHIFT if regimes[int(day)] else -0.7 * SHIFT
            result = _r_multiple(factor, policy.wins, policy.wins + shift, rng)
            held = timedelta(minutes=rng.uniform(10, 240))
            trades.append(
                Trade(
                    "simulated", f"{policy.name[-8:]}-{number:05d}", policy.name, "SOL/USDT",
                    "long" if rng.random() < 0.5 else "short",  # noqa: PLR2004 a fair coin
                    at - held, at, money(round(result * at_risk) / 1e8),
                    capital=capital, risk=Money(at_risk), currency="USDT",
                )
            )  # fmt: skip
    return sorted(trades, key=judged_order)


def _regimes(days: int, rng: Random) -> list[bool]:
    regimes: list[bool] = []
    good = True
    while len(regimes) <= days:
        length = max(1, round(rng.expovariate(1 / (GOOD_DAYS if good else BAD_DAYS))))
        regimes += [good] * length
        good = not good
    return regimes


def _r_multiple(factor: float, usual: float, now: float, rng: Random) -> float:
    if rng.random() < now:
        payoff = factor * (1 - usual) * MEAN_LOSS / usual
        if rng.random() < 0.85:  # noqa: PLR2004 see the module's story
            return payoff * rng.lognormvariate(-SIGMA * SIGMA / 2, SIGMA)
        return payoff * abs(_student(rng)) / TAIL_MEAN
    if rng.random() < 0.7:  # noqa: PLR2004 see the module's story
        return -(1 + 0.05 * abs(_student(rng)))
    return -rng.uniform(0.1, 1)


def _student(rng: Random) -> float:
    chi_square = sum(rng.gauss(0, 1) ** 2 for _ in range(3))
    return min(20.0, max(-20.0, rng.gauss(0, 1) / sqrt(chi_square / 3)))
