"""Lives that a policy might have: its own trades, resampled, as they are or made better or worse.

A life is a fresh trial of 500 trades, drawn from the trades with replacement in blocks
of adjacent ones (moving-block bootstrap), so that streaks stay streaks. Blocks are as
long as the cube root of the number of trades, rounded: 7 for 343. Only closed trades are resampled:
no marks. That the trades at hand are a sample themselves is not seen by drawing from them.
Source: Künsch, Annals of Statistics 17 (1989), for the blocks; Hall, Horowitz and Jing,
Biometrika 82 (1995), for their length.

The same policy as it would be with another profit factor is its trades with every gain multiplied
by one number. Which trades win, in what order, and what they lose, stay; sizing does too.

>>> better = recentred([(100, 10_000, 100), (-100, 10_000, 100)], 2.45)
>>> better
[(245, 10000, 100), (-100, 10000, 100)]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import cbrt

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.undefined import Undefined
from tiltyard.metrics.doubts import restarted, weights
from tiltyard.metrics.metric import Outcome

Amounts = NDArray[np.int64]

REPLICATES = 2_000
HORIZONS = (150, 500)
LEAST_TRADES = 30
AT_ONCE = 90
"""Lives: few enough for the processor's cache. Of 500 trades these are 300 whole windows of 150, so
that a drawdown is put together of the same blocks as without parts."""


@dataclass(frozen=True, slots=True)
class Lives:
    """Trades of many lives, in units of 1e-8; arrays of shape (lives, trades).

    Attributes:
        pnl: Net results.
        capital: What each trade was sized on; 0 where nobody said.
        risk: What each trade risked; 0 where nobody said.
    """

    pnl: Amounts
    capital: Amounts
    risk: Amounts


def resampled(
    outcomes: Sequence[Outcome],
    rng: np.random.Generator,
    *,
    replicates: int = REPLICATES,
    trades: int = max(HORIZONS),
    block: int | None = None,
) -> Lives:
    """Lives of ``trades`` trades each.

    Args:
        outcomes: Closed trades in judged order.
        rng: Draws the blocks; the same generator gives the same lives.
        replicates: How many lives.
        trades: How long they are.
        block: How many adjacent trades stay together; the cube root of all when None.
    """
    picked = drawn(len(outcomes), rng, replicates=replicates, trades=trades, block=block)
    return lived(outcomes, picked)


def drawn(
    count: int,
    rng: np.random.Generator,
    *,
    replicates: int = REPLICATES,
    trades: int = max(HORIZONS),
    block: int | None = None,
) -> Amounts:
    """Which of ``count`` trades make up each life, shape (lives, trades); see above."""
    block = block or block_length(count)
    blocks = -(-trades // block)
    starts = rng.integers(0, count - block + 1, (replicates, blocks))
    return (starts[:, :, None] + np.arange(block)).reshape(replicates, -1)[:, :trades]


def lived(outcomes: Sequence[Outcome], picked: Amounts, like: Lives | None = None) -> Lives:
    """The lives that are made of these trades; ``like`` is made of them with other results."""
    pnl, capital, risk = np.array(outcomes, dtype=np.int64).T
    if like is not None:
        return replace(like, pnl=pnl.take(picked))
    return Lives(pnl.take(picked), capital.take(picked), risk.take(picked))


def in_parts(lives: Lives) -> Iterator[Lives]:
    """The same, some at a time: whoever goes through all of them asks the system for less memory.

    A life has nothing to do with the next one, so it makes no difference to any number.
    """
    for start in range(0, len(lives.pnl), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield Lives(lives.pnl[part], lives.capital[part], lives.risk[part])


def block_length(trades: int) -> int:
    """The cube root, rounded.

    >>> [block_length(trades) for trades in (30, 343, 1000)]
    [3, 7, 10]
    """
    return round(cbrt(trades))


def profit_factor(outcomes: Sequence[Outcome]) -> float | None:
    """Of all of them; None where there is no gain or no loss."""
    gains = sum(pnl for pnl, _, _ in outcomes if pnl > 0)
    losses = -sum(pnl for pnl, _, _ in outcomes if pnl < 0)
    return gains / losses if gains and losses else None


def recentred(outcomes: Sequence[Outcome], factor: float) -> list[Outcome] | Undefined:
    """The same trades with gains multiplied so that their profit factor is exactly this.

    To the last unit of 1e-8 of every gain. Undefined without a gain, or without a loss.
    """
    now = profit_factor(outcomes)
    if now is None:
        return Undefined("no_losses", "there is no gain, or no loss, among the trades")
    times = factor / now
    return [
        (round(pnl * times) if pnl > 0 else pnl, capital, risk) for pnl, capital, risk in outcomes
    ]


def calibrated(
    outcomes: Sequence[Outcome],
    floor: float,
    rng: np.random.Generator,
    *,
    share: float,
    trades: int,
    replicates: int = REPLICATES,
    block: int | None = None,
) -> float | Undefined:
    """The evidence against a floor that an arm exactly at it reaches in this share of lives.

    The lives are of ``outcomes`` with the floor as their profit factor. They know the dependence
    that lies within a block, and no other: for regimes of 200 trades it takes blocks that are
    longer than that, and many regimes to draw them from.

    Args:
        outcomes: Closed trades in judged order, the arm's own, the champion's or simulated.
        floor: The profit factor that is doubted.
        rng: Draws the lives.
        share: Of lives in which the threshold may be reached, 0..1.
        trades: Within so many trades.
        replicates: How many lives.
        block: How many adjacent trades stay together; the cube root of all when None.

    Returns:
        A natural logarithm, as :meth:`~tiltyard.metrics.e_cusum.ECusum.log`; undefined when a
        trade does not say what it risked, or below 30 trades.
    """
    if len(outcomes) < LEAST_TRADES:
        return Undefined("warming", f"{len(outcomes)} of {LEAST_TRADES} trades", len(outcomes))
    if any(pnl and not risk for pnl, _, risk in outcomes):
        return Undefined("no_risk", "a trade does not say what it risked", len(outcomes))
    at_the_floor = recentred(outcomes, floor)
    if isinstance(at_the_floor, Undefined):
        return at_the_floor
    lives = resampled(at_the_floor, rng, replicates=replicates, trades=trades, block=block)
    most = restarted(weights(lives.pnl, lives.risk, floor)).max(axis=1)
    return float(np.quantile(most, 1 - share))
