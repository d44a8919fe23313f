"""A market that never was, with what makes real ones hard.

Volatility comes in clusters, some of hours and some of weeks, and the long ones are shared by
all symbols; returns have heavy tails and jump; trends last for days and change their
direction without notice. Symbols move together, because most of each move is the market's.

Calibrated on hourly perpetuals of 2020 to 2025: at the defaults BTC moves 62 % a year, ETH
80 %, SOL 125 %, with excess kurtosis from 7 to 40, correlation of absolute returns .2 to .3
from one hour to the next and about .1 after a day, and .6 between BTC and SOL.

>>> import numpy as np
>>> from datetime import UTC, datetime
>>> start = datetime(2025, 1, 1, tzinfo=UTC)
>>> hours = simulated_hours(DEFAULT, start, 2, np.random.default_rng(1))
>>> [sorted(bars) for bars in hours]
[['BTC/USDT', 'ETH/USDT', 'SOL/USDT'], ['BTC/USDT', 'ETH/USDT', 'SOL/USDT']]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from tiltyard.market.bar import HOUR, Bar

HOURS_A_YEAR = 8766
STEPS = 8
"""Steps within a bar, from which its high and low come."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SimulatedSymbol:
    """One symbol.

    Attributes:
        name: As a venue would write it.
        price: At the beginning.
        volatility: Standard deviation of a year's return, as a fraction.
        volume: Base units in a usual hour.
    """

    name: str
    price: float
    volatility: float
    volume: float


@dataclass(frozen=True, slots=True)
class SimulatedMarket:
    """What a market is like.

    Attributes:
        symbols: What is traded.
        load: How much of each return is the market's, 0..1.
        slow: Deviation of the logarithm of volatility over weeks, shared.
        fast: The same over hours, each symbol's own.
        tail: Degrees of freedom of the t distribution of returns.
        jump_hours: One jump in so many hours.
        jump: Its size, in usual hours' deviations.
        trend: A trend's drift, as a fraction of a year's volatility.
        trend_hours: How long one lasts, on average.
    """

    symbols: Sequence[SimulatedSymbol]
    load: float = 0.87
    slow: float = 0.4
    fast: float = 0.4
    tail: float = 5.0
    jump_hours: float = 400.0
    jump: float = 3.0
    trend: float = 2.5
    trend_hours: float = 240.0


DEFAULT = SimulatedMarket(
    (
        SimulatedSymbol("BTC/USDT", 60_000.0, 0.62, 1_500.0),
        SimulatedSymbol("ETH/USDT", 3_000.0, 0.8, 20_000.0),
        SimulatedSymbol("SOL/USDT", 150.0, 1.25, 400_000.0),
    )
)


def simulated_hours(
    market: SimulatedMarket, start: datetime, hours: int, rng: np.random.Generator
) -> list[dict[str, Bar]]:
    """The bars of so many hours, by symbol.

    Args:
        market: What it is like.
        start: When the first bar opens, UTC.
        hours: How many.
        rng: Where chance comes from.
    """
    shared = _Shared(market, hours, rng)
    columns = {one.name: _bars(market, one, shared, start, rng) for one in market.symbols}
    return [{name: bars[hour] for name, bars in columns.items()} for hour in range(hours)]


class _Shared:
    """What all symbols have in common, an entry an hour."""

    def __init__(self, market: SimulatedMarket, hours: int, rng: np.random.Generator) -> None:
        self.volatility = _log_path(rng, hours, 0.9985, market.slow)
        self.move = _heavy(rng, market.tail, hours)
        self.move += (rng.random(hours) < 1 / market.jump_hours) * rng.normal(0, market.jump, hours)
        self.move /= np.sqrt(1 + market.jump**2 / market.jump_hours)
        turns = rng.random(hours) < 1 / market.trend_hours
        directions = rng.choice([-1.0, 0.0, 1.0], int(turns.sum()) + 1)
        self.trend = directions[np.cumsum(turns)]


def _bars(
    market: SimulatedMarket,
    symbol: SimulatedSymbol,
    shared: _Shared,
    start: datetime,
    rng: np.random.Generator,
) -> list[Bar]:
    hours = len(shared.move)
    volatility = np.exp(shared.volatility + _log_path(rng, hours, 0.85, market.fast))
    own = _heavy(rng, market.tail, hours)
    move = market.load * shared.move + np.sqrt(1 - market.load**2) * own
    usual = symbol.volatility / np.sqrt(HOURS_A_YEAR)
    drift = shared.trend * market.trend * symbol.volatility / HOURS_A_YEAR
    returns = volatility * usual * move + drift
    closes = np.log(symbol.price) + np.cumsum(returns)
    opens = np.concatenate(([np.log(symbol.price)], closes[:-1]))
    inside = _bridges(rng, opens, closes, volatility * usual)
    volumes = symbol.volume * volatility * rng.lognormal(0, 0.4, hours)
    prices = np.exp(np.stack([opens, inside.max(axis=1), inside.min(axis=1), closes]))
    rows = zip(*np.round(prices, 6).tolist(), np.round(volumes, 3).tolist(), strict=True)
    return [Bar(symbol.name, start + hour * HOUR, *row) for hour, row in enumerate(rows)]


def _bridges(rng: np.random.Generator, opens: Floats, closes: Floats, spread: Floats) -> Floats:
    """Paths from each open to its close, both ends among them; an hour a row."""
    steps = rng.normal(0, 1 / np.sqrt(STEPS), (len(opens), STEPS)) * spread[:, None]
    walk = np.cumsum(steps, axis=1)
    part = np.arange(1, STEPS + 1) / STEPS
    path = opens[:, None] + walk + ((closes - opens) - walk[:, -1])[:, None] * part
    return np.concatenate((opens[:, None], path[:, :-1], closes[:, None]), axis=1)


def _log_path(rng: np.random.Generator, hours: int, stays: float, spread: float) -> Floats:
    """The logarithm of a volatility whose mean square is 1, an hour an entry."""
    path = np.empty(hours)
    steps = rng.normal(0, spread * np.sqrt(1 - stays**2), hours)
    value = float(rng.normal(0, spread))
    for hour, step in enumerate(steps.tolist()):
        value = stays * value + step
        path[hour] = value
    return path - spread**2


def _heavy(rng: np.random.Generator, tail: float, hours: int) -> Floats:
    """Draws of a t distribution, with deviation 1."""
    draws: Floats = rng.standard_t(tail, hours) / np.sqrt(tail / (tail - 2))
    return draws
