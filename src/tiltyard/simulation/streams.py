"""Closed trades of simulated policies, with dependence like that of real ones.

A trade is drawn as the decision benchmark draws it (:mod:`~tiltyard.simulation.outcomes`), at a
volatility of 1, from a profit factor and a probability of winning. The usual regimes
(:mod:`~tiltyard.simulation.weather`), shared by all policies, shift that probability, so losses
come in clusters. Added here is what a ledger wants of a trade: when it was opened and closed, on
which side, and money.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from tiltyard.facts.trade import Trade, judged_order
from tiltyard.kernel.money import Money, money
from tiltyard.simulation.outcomes import loss, payoff, win
from tiltyard.simulation.weather import USUAL, shifts

VOLATILITY = 1.0
DAY = timedelta(days=1)


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
    rng: np.random.Generator,
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
    off, at_risk = shifts(days, USUAL, rng), round(capital * risk)
    trades = []
    for policy in policies:
        at, number = start, 0
        while (at := at + rng.exponential(1 / policy.trades_a_day) * DAY) < start + days * DAY:
            number += 1
            day = (at - start) / DAY
            result = _r_multiple(policy, day / days, off[int(day)], rng)
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


def _r_multiple(
    policy: SimulatedPolicy, passed: float, shift: float, rng: np.random.Generator
) -> float:
    """What a trade makes when so much of the time, 0 to 1, has passed."""
    factor = policy.profit_factor + (policy.later - policy.profit_factor) * passed
    if rng.random() < policy.wins + shift:
        return win(payoff(factor, policy.wins), VOLATILITY, rng)
    return loss(VOLATILITY, rng)
