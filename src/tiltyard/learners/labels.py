"""What a head learns to foresee: how far a price goes from the next open on, in five classes.

A decision is made when a bar has closed, and filled at the next open. So the *move* of a bar is the
log return from the open after it to the open `horizon` bars later, in units of the volatility known
at the decision times the root of the horizon: a quiet week and a wild one have the same classes. A
move that reaches over a gap is not known, since nobody could have left there.

The edges are quantiles of the *size* of the training range's moves, the same on both sides of
zero: the smallest 30 % are flat, the largest 30 % strong. Fixed multiples would leave few rows in
the outer classes of a market with other tails. Quantiles of the moves themselves would call a small
loss "up" in a market that fell for a year.

>>> import numpy as np
>>> classes = fit_classes(np.linspace(-2, 2, 1001))
>>> [round(edge, 2) for edge in classes.edges]
[-1.4, -0.6, 0.6, 1.4]
>>> classes.of(np.array([-1.5, -1.0, 0.0, 1.0, 1.5])).tolist()
[0, 1, 2, 3, 4]
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.candles import Candles

Floats = NDArray[np.float64]

CLASSES = ("strong down", "down", "flat", "up", "strong up")
FLAT, STRONG = 0.3, 0.7
"""Quantiles of the size of moves: below the first they are flat, beyond the second strong."""
FEWEST_ROWS = 200
FEWEST_OF_A_CLASS = 10


@dataclass(frozen=True, slots=True)
class Classes:
    """The five classes, as fitted on a training range.

    Attributes:
        edges: Between them, rising; 4 of them, in units of the volatility over the horizon.
        means: Of the moves in each of the 5, in the same units.
    """

    edges: tuple[float, ...]
    means: tuple[float, ...]

    def of(self, moves: Floats) -> NDArray[np.int64]:
        """The class of each move; a move on an edge is of the class nearer to flat or of it."""
        sizes = np.searchsorted(np.array(self.edges[2:]), np.abs(moves), side="left")
        return (2 + np.sign(moves).astype(np.int64) * sizes).astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """As a snapshot's settings tell it."""
        return {"edges": list(self.edges), "means": list(self.means)}


def moves_of(candles: Candles, volatility: Floats, horizon: int) -> Floats:
    """The forward move of each bar, shape (n,); NaN where it is not known.

    Args:
        candles: Of one symbol.
        volatility: Standard deviation of a bar's log return, known when each bar has closed; (n,).
        horizon: Bars from the fill to the open at which it is measured.
    """
    moves = np.full(len(candles), np.nan)
    known = len(candles) - horizon - 1
    if known < 1:
        return moves
    step = round(candles.interval.total_seconds())
    begins, ends = candles.open[1 : known + 1], candles.open[horizon + 1 :]
    is_whole = candles.opened_at[horizon + 1 :] - candles.opened_at[:known] == (horizon + 1) * step
    unit = volatility[:known] * sqrt(horizon)
    is_known = is_whole & np.isfinite(unit) & (unit > 0)
    moves[:known][is_known] = np.log(ends[is_known] / begins[is_known]) / unit[is_known]
    return moves


def fit_classes(moves: Floats) -> Classes:
    """Edges and means by the moves of a training range.

    Args:
        moves: Known ones alone.

    Raises:
        TiltyardError: ``DATA_INSUFFICIENT`` where there are too few, or a class has hardly any.
    """
    if len(moves) < FEWEST_ROWS:
        facts = f"{len(moves):,} rows with a known move, {FEWEST_ROWS:,} needed"
        raise _insufficient(facts)
    flat, strong = (float(edge) for edge in np.quantile(np.abs(moves), (FLAT, STRONG)))
    classes = Classes((-strong, -flat, flat, strong), ())
    labels = classes.of(moves)
    counts = np.bincount(labels, minlength=len(CLASSES))
    if counts.min() < FEWEST_OF_A_CLASS:
        least = int(counts.argmin())
        facts = f"{counts[least]} of {len(moves):,} rows are {CLASSES[least]!r}, "
        facts += f"{FEWEST_OF_A_CLASS} needed"
        raise _insufficient(facts)
    means = tuple(float(moves[labels == one].mean()) for one in range(len(CLASSES)))
    return Classes(classes.edges, means)


def _insufficient(facts: str) -> TiltyardError:
    return TiltyardError(
        "DATA_INSUFFICIENT", "labels", facts,
        "give a longer range of bars, of prices that move: while one stands still no move is known",
    )  # fmt: skip
