"""Normal scores: each dimension through a reference's distribution function to a normal one.

Heavy tails do not weigh as much as they are long then, and units do not matter. Between the
reference's values the function is drawn straight. Beyond the outermost it goes on as a straight
line, as steep as the least squares of the tail's values over their scores say: cut off there,
rows that have shifted would look nearer than they are.

>>> normal_scores(np.array([[1.0], [2.0], [4.0]]), np.array([[2.0], [3.0], [40.0]])).round(2)
array([[ 0.  ],
       [ 0.48],
       [24.19]])
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def normal_scores(reference: Floats, rows: Floats) -> Floats:
    """Rows through the reference's distribution function, by dimension, to normal scores."""
    count = len(reference)
    normal = NormalDist()
    half = np.array([normal.inv_cdf((rank + 0.5) / count) for rank in range(count // 2)])
    scores = np.r_[half, np.zeros(count % 2), -half[::-1]]
    tail = max(int(np.sqrt(count)), 3)
    return np.column_stack(
        [_drawn(np.sort(reference[:, j]), scores, rows[:, j], tail) for j in range(rows.shape[1])]
    )


def _drawn(known: Floats, scores: Floats, values: Floats, tail: int) -> Floats:
    """Scores of values, between known ones by interpolation, beyond them by the tail's slope."""
    places, first, counts = np.unique(known, return_index=True, return_counts=True)
    order = np.argsort(values)  # in order they are found several times faster
    drawn = np.empty_like(values)
    drawn[order] = np.interp(values[order], places, np.add.reduceat(scores, first) / counts)
    for end, sign in ((slice(None, tail), -1), (slice(-tail, None), 1)):
        z, x = scores[end], known[end]
        away = (values - (known[-1] if sign > 0 else known[0])) * sign
        width = np.dot(z - z.mean(), x - x.mean()) / np.dot(z - z.mean(), z - z.mean())
        if width > 0:
            drawn += sign * np.maximum(away, 0) / width
    return drawn
