"""When a guard would trip in each of many lives at once.

In come :class:`~tiltyard.checklist.lives.Lives` and a guard whose limit is known; out comes after
how many trades each life trips first. It is what the judge would say trade by trade: the same
metrics, the same rounding before a comparison, the same patience.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tiltyard.checklist.comparison import Comparison
from tiltyard.checklist.guard import Guard
from tiltyard.checklist.lives import Amounts, Lives, in_parts
from tiltyard.checklist.patience import Patience
from tiltyard.kernel.money import UNITS
from tiltyard.metrics.catalogue import SHADOW, spec_of
from tiltyard.metrics.doubts import restarted, weights
from tiltyard.metrics.recompute import drawdowns, profit_factors

Series = NDArray[np.float64]
Flags = NDArray[np.bool_]

_NEAR = 1e-9
"""Of a limit: where twelve digits may decide."""
NEVER = np.iinfo(np.int64).max
"""A life in which it does not trip."""


def first_trips(guard: Guard, limit: float, lives: Lives) -> Amounts:
    """After how many trades each life trips first, or ``NEVER``; shape (lives,).

    Args:
        guard: On one of :data:`PATHS`.
        limit: What it compares with.
        lives: Trades, shape (lives, trades). For a guard that wants evidence each says what it
            risked.
    """
    return np.concatenate([_first_trips(guard, limit, some) for some in in_parts(lives)])


def _first_trips(guard: Guard, limit: float, lives: Lives) -> Amounts:
    metric = guard.metric.removesuffix(SHADOW)
    values = _rounded(series(metric, lives), limit)
    counted = np.arange(1, values.shape[1] + 1)
    samples = np.minimum(counted, spec_of(metric).window or counted)
    known = ~np.isnan(values) & (samples >= guard.min_samples)
    breaches = known & Comparison.SIGNS[guard.when.sign](values, limit)  # type: ignore[arg-type]  # arrays compare alike
    if guard.confirm.trades:
        doubt = restarted(weights(lives.pnl, lives.risk, guard.when.number))
        breaches &= _rounded(doubt, guard.confirm.threshold) >= guard.confirm.threshold
    return _first_confirmed(guard.confirm, known, breaches)


def _rounded(values: Series, limit: float) -> Series:
    """As the judge rounds to twelve digits before it compares: 4 % exactly is not beyond 4 %.

    What lies further from the limit is on the same side of it either way, and stays as it is.
    """
    near = (np.abs(values - limit) <= _NEAR * abs(limit)) & (values != 0)
    if not near.any():
        return values
    found = values[near]
    size = 10.0 ** (11 - np.floor(np.log10(np.abs(found))))
    values = values.copy()
    values[near] = np.rint(found * size) / size
    return values


def _first_confirmed(confirm: Patience, known: Flags, breaches: Flags) -> Amounts:
    """Unknown answers are moved to the end, so that the last n known ones are adjacent.

    Where one breach is enough, whatever is adjacent plays no part.
    """
    if confirm.answers == 1:
        return np.where(breaches.any(axis=1), breaches.argmax(axis=1) + 1, NEVER)
    order = np.argsort(~known, axis=1, kind="stable")
    told = np.take_along_axis(breaches, order, axis=1)
    counts = told.cumsum(axis=1)
    counts[:, confirm.answers :] -= counts[:, : -confirm.answers].copy()
    confirmed = told & (counts >= confirm.breaches)
    at = confirmed.argmax(axis=1)[:, None]
    after = np.take_along_axis(order, at, axis=1)[:, 0] + 1
    return np.where(confirmed.any(axis=1), after, NEVER)


def series(metric: str, lives: Lives) -> Series:
    """A metric after every trade of every life; NaN where it is undefined.

    Args:
        metric: One of :data:`PATHS`.
        lives: Trades, shape (lives, trades).
    """
    return PATHS[metric](lives)


def _profit_factor(window: int) -> Callable[[Lives], Series]:
    def path(lives: Lives) -> Series:
        shape = lives.pnl.shape
        return profit_factors(lives.pnl.ravel(), _starts(lives), window).reshape(shape)

    return path


def _profit_factor_so_far(lives: Lives) -> Series:
    gains = np.maximum(lives.pnl, 0).cumsum(axis=1, dtype=np.float64)
    losses = np.maximum(-lives.pnl, 0).cumsum(axis=1, dtype=np.float64)
    factors = np.full(gains.shape, np.nan)
    np.divide(gains, losses, out=factors, where=losses > 0)
    return factors


def _win_rate(window: int) -> Callable[[Lives], Series]:
    def path(lives: Lives) -> Series:
        wins = (lives.pnl > 0).cumsum(axis=1).astype(np.float64)
        wins[:, window:] -= wins[:, :-window].copy()
        wins[:, : window - 1] = np.nan
        return 100 * wins / window

    return path


def _win_rate_so_far(lives: Lives) -> Series:
    wins = (lives.pnl > 0).cumsum(axis=1)
    return 100 * wins / np.arange(1, wins.shape[1] + 1)


def _losses_in_a_row(lives: Lives) -> Series:
    losses = (lives.pnl < 0).cumsum(axis=1)
    before_last_win = np.maximum.accumulate(np.where(lives.pnl > 0, losses, 0), axis=1)
    return (losses - before_last_win).astype(np.float64)


def _drawdown(window: int) -> Callable[[Lives], Series]:
    def path(lives: Lives) -> Series:
        pnl, capital = lives.pnl.ravel(), lives.capital.ravel()
        return drawdowns(pnl, capital, _starts(lives), window).reshape(lives.pnl.shape)

    return path


def _drawdown_so_far(lives: Lives) -> Series:
    growth = np.full(lives.pnl.shape, np.nan)
    np.divide(lives.pnl, lives.capital, out=growth, where=lives.capital > 0)
    nav = np.maximum(1 + growth, 0).cumprod(axis=1)
    peak = np.maximum(np.maximum.accumulate(nav, axis=1), 1)
    return np.maximum.accumulate(100 * (peak - nav) / peak, axis=1)


def _net_pnl(lives: Lives) -> Series:
    return lives.pnl.cumsum(axis=1, dtype=np.float64) / UNITS


def _starts(lives: Lives) -> Amounts:
    """Where each life starts when all are laid end to end."""
    return np.arange(0, lives.pnl.size, lives.pnl.shape[1])


PATHS: dict[str, Callable[[Lives], Series]] = {
    "pf_challenger_30": _profit_factor(30),
    "pf_150": _profit_factor(150),
    "profit_factor": _profit_factor_so_far,
    "dd_challenger_pct": _drawdown_so_far,
    "dd_150": _drawdown(150),
    "win_rate_30": _win_rate(30),
    "win_rate": _win_rate_so_far,
    "consecutive_losses": _losses_in_a_row,
    "net_pnl": _net_pnl,
}
"""How each metric that closed trades alone decide is computed along all lives at once."""
