"""What rows that remember each other are worth, in independent ones.

Windows overlap, and symbols of one hour see one market. Rows are made white, and their
autocorrelations (for means), and those of their products (for covariances), are summed over all
dimensions at once, which makes them sure: until two lags together are no longer positive, never
rising (Geyer, Statistical Science 7, 1992). Rows of one time are one cluster, so two symbols that
move as one are worth one. Joint tails that are heavier than a normal distribution's make the
products vary more, and count as memory.

>>> rows = np.random.default_rng(7).normal(size=(2000, 4))
>>> twice = np.repeat(rows, 2, axis=0)
>>> alone, both = sizes(rows, np.arange(2000)), sizes(twice, np.arange(0, 4000, 2))
>>> round(both.mean / alone.mean, 2)
1.0
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Sizes(NamedTuple):
    """What the rows of one side are worth, in independent ones: for means and for covariances."""

    mean: float
    covariance: float

    def share(self, part: float) -> "Sizes":
        """Of a part of the side."""
        return Sizes(self.mean * part, self.covariance * part)


def sizes(z: Floats, starts: Integers) -> Sizes:
    """Effective sizes of one side, from autocorrelations over all dimensions together."""
    count, dimensions = z.shape
    centred = z - z.mean(axis=0)
    root = np.linalg.cholesky(centred.T @ centred / count)
    white = np.linalg.solve(root, centred.T).T
    lags = max(len(starts) // 4, 1)
    means = _products(np.add.reduceat(white, starts), lags)
    covariances = np.zeros(lags)
    for i in range(dimensions):
        crossed = white[:, i:] * white[:, i : i + 1]
        crossed[:, 1:] *= np.sqrt(2)
        crossed -= crossed.mean(axis=0)
        covariances += _products(np.add.reduceat(crossed, starts), lags)
    mean = count**2 * dimensions / _summed(means, len(starts))
    covariance = count**2 * dimensions * (dimensions + 1) / _summed(covariances, len(starts))
    # Rows that were made white by their own covariance look less alike than they are, the more so
    # the fewer they are worth: to first order by this, for means as for covariances.
    hidden = 1 + (dimensions + 1) * max(1 / mean - 1 / covariance, 0)
    return Sizes(mean / hidden, covariance / hidden)


def _products(clusters: Floats, lags: int) -> Floats:
    """Of each lag the sum of products of clusters so far apart, over columns."""
    length = 1 << (len(clusters) + lags).bit_length()
    power = np.zeros(length // 2 + 1)
    for column in clusters.T:
        power += np.abs(np.fft.rfft(column, length)) ** 2
    return np.fft.irfft(power, length)[:lags]


def _summed(products: Floats, clusters: int) -> float:
    """Products over all lags, both ways, of two lags together while these are positive.

    Centring takes from each lag its part of the whole, which is given back. Windows that alternate
    are worth no more than as many that know nothing of each other.
    """
    alone = float(products[0])
    pairs = products[: len(products) // 2 * 2].reshape(-1, 2).sum(axis=1)
    ended = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: ended[0] if len(ended) else None])
    given_back = 1 - max(4 * len(pairs) - 1, 1) / clusters
    return max(float(2 * pairs.sum()) - alone, alone) / given_back
