"""Rolling series over a whole ledger, a trade at a time in meaning and vectorised in work.

The :mod:`~tiltyard.metrics.panel` answers for *now*; this answers for every trade of
every policy at once, for charts and for replays over millions of trades. In come arrays
sorted by policy and, within a policy, in judged order, with the index at which each
policy starts. Out comes one number per trade: the metric over the window that ends
there. NaN stands for "undefined" (warming, no losses, no capital) and only inside these
arrays; whoever shows a number says why it is missing by asking the panel.

The ledger is walked in blocks that fit the processor's cache, so memory beyond input
and result stays flat. A window that reaches into another policy is computed like any
other and then struck out, so policies need not be walked one by one.

>>> pnl = np.array([3, -1, 1, -2], dtype=np.int64)
>>> profit_factors(pnl, np.array([0]), window=2)
array([nan, 3. , 1. , 0.5])
>>> drawdowns(pnl, np.full(4, 10), np.array([0]), window=2).round(6)
array([nan, 10., 10., 20.])
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money, money_text

Amounts = NDArray[np.int64]
Series = NDArray[np.float64]
Indices = NDArray[np.int64]

_LARGEST_SUM = 2**63 - 1
_FACTORS_AT_ONCE = 16_384
_FALLS_AT_ONCE = 150_000
"""Trades to a stretch: small enough for the caches, large enough to hide the calls."""


def profit_factors(pnl: Amounts, policy_starts: Indices, window: int) -> Series:
    """Gross profit over gross loss of the last ``window`` trades, at every trade.

    Sums are exact: running sums of 64-bit integers may wrap around, their differences
    over a window do not.

    Args:
        pnl: Net results in units of 1e-8, by policy and then in judged order; shape (n,).
        policy_starts: Index of each policy's first trade, ascending, beginning with 0.
        window: Trades in the window, at least 1.

    Returns:
        Shape (n,); NaN below ``window`` trades of the policy, and without losses.

    Raises:
        TiltyardError: ``MONEY_INVALID`` when a window could sum to more than 90 billion.
    """
    _refuse_what_could_overflow(pnl, window)
    trades = len(pnl)
    factors = np.empty(trades)
    size = max(1, min(_FACTORS_AT_ONCE, trades))
    gained = np.zeros(size + window, np.int64)
    lost = np.zeros(size + window, np.int64)
    losses = np.empty(size)
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(window - 1, trades, size):
            results = pnl[start - window + 1 : start + size]
            sums = len(results) + 1
            np.cumsum(np.maximum(results, 0, out=gained[1:sums]), out=gained[1:sums])
            np.cumsum(np.minimum(results, 0, out=lost[1:sums]), out=lost[1:sums])
            loss, factor = losses[: sums - window], factors[start : start + size]
            np.subtract(lost[: sums - window], lost[window:sums], out=loss, casting="unsafe")
            np.subtract(gained[window:sums], gained[: sums - window], out=factor, casting="unsafe")
            np.divide(factor, loss, out=factor)
            np.putmask(factor, loss == 0, np.nan)
    _strike_out_warming(factors, policy_starts, window)
    return factors


def drawdowns(pnl: Amounts, capital: Amounts, policy_starts: Indices, window: int) -> Series:
    """Largest fall of NAV within the last ``window`` trades, percent, at every trade.

    The ledger is cut into blocks of ``window`` trades. Every window is then the end of
    one block and the beginning of the next, and each of these is one scan over all
    blocks at once; three numbers put them together. Rounded to 64-bit floats on the way:
    within 1e-9 of the streaming metric, or within 1e-11 percent of NAV where that is more.
    Source: van Herk, Pattern Recognition Letters 13 (1992); Gil and Werman, IEEE PAMI 15
    (1993): sliding maxima, which work as well for any associative merge.

    Args:
        pnl: Net results in units of 1e-8, by policy and then in judged order; shape (n,).
        capital: What each trade was sized on, same unit and shape; 0 where nobody said.
        policy_starts: Index of each policy's first trade, ascending, beginning with 0.
        window: Trades in the window, at least 1.

    Returns:
        Shape (n,), 0..100; NaN below ``window`` trades of the policy, and where the
        window holds a trade without capital.
    """
    falls = np.empty(len(pnl))
    blocks = max(1, _FALLS_AT_ONCE // window)
    for start in range(0, len(pnl), blocks * window):
        end = min(start + blocks * window, len(pnl))
        growth = _growth(pnl[:end], capital[:end], start - window, window)
        kept = _kept_in_windows(growth)
        np.subtract(1, kept, out=kept)
        kept *= 100
        falls[start:end] = kept.T.ravel()[: end - start]
    _strike_out_warming(falls, policy_starts, window)
    return falls


def _growth(pnl: Amounts, capital: Amounts, start: int, window: int) -> Series:
    """NAV factors from ``start`` on, a block of trades to a column; shape (window, blocks).

    Before the ledger and behind it nothing grows, so blocks there are filled with 1.
    """
    first = max(start, 0)
    blocks = -((start - len(pnl)) // window)
    steps = np.ones(blocks * window)
    here = steps[first - start : len(pnl) - start]
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(pnl[first:], capital[first:], out=here)
    here += 1
    np.maximum(here, 0, out=here)
    np.putmask(here, capital[first:] <= 0, np.nan)
    return np.ascontiguousarray(steps.reshape(blocks, window).T)


def _kept_in_windows(growth: Series) -> Series:
    """What is left of the peak at the deepest fall of each window; shape (window, blocks - 1).

    Row *j* of a column is the window that ends with trade *j* of the column's right block.
    """
    window, blocks = growth.shape
    kept = np.ones((window, blocks - 1))
    end_to_peak = np.ones((window, blocks - 1))
    nav, low, below_peak, deepest = np.ones((4, blocks - 1))
    for row in range(window - 1, 0, -1):
        step = growth[row, :-1]
        np.multiply(nav, step, out=nav)
        np.minimum(end_to_peak[row], nav, out=end_to_peak[row - 1])
        np.multiply(low, step, out=low)
        np.minimum(low, 1, out=low)
        np.minimum(kept[row], low, out=kept[row - 1])
    nav.fill(1)
    low.fill(1)
    for row in range(window):
        step = growth[row, 1:]
        np.multiply(nav, step, out=nav)
        np.minimum(low, nav, out=low)
        np.multiply(below_peak, step, out=below_peak)
        np.minimum(below_peak, 1, out=below_peak)
        np.minimum(deepest, below_peak, out=deepest)
        across = end_to_peak[row]
        np.multiply(across, low, out=across)
        np.minimum(kept[row], across, out=kept[row])
        np.minimum(kept[row], deepest, out=kept[row])
    return kept


def _strike_out_warming(series: Series, policy_starts: Indices, window: int) -> None:
    """No window reaches back beyond its policy's first trade."""
    for start, end in pairwise([*policy_starts.tolist(), len(series)]):
        series[start : min(start + window - 1, end)] = np.nan


def _refuse_what_could_overflow(pnl: Amounts, window: int) -> None:
    """A window's sums must fit into 64 bits."""
    largest = max(int(pnl.max(initial=0)), -int(pnl.min(initial=0)))
    if largest * window > _LARGEST_SUM:
        raise TiltyardError(
            "MONEY_INVALID",
            money_text(Money(largest)),
            f"{window} trades of that size do not fit an exact sum",
            "measure fewer trades at once, or look for a trade with a wrong pnl",
        )
