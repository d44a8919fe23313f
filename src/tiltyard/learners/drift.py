"""How far the embeddings of today lie from those of the time that an encoder was trained on.

What comes in are embeddings of windows, some of the baseline and some of now, each with its time.
What goes out is KL(current ‖ baseline) in nats between Gaussian fits of both: 0 where nothing has
changed, about half the square of a shift by so many standard deviations of one dimension, more
where the spread or the way in which dimensions move together has changed. The plain formula reads
more than .30 on no drift at all when there are 1,000 windows of 32 dimensions, and overlapping
windows make it worse. So here:

1. **Normal scores** by the baseline's distribution functions: ``normal_scores.py``.
2. **Effective sizes** for means and covariances, from autocorrelations: ``effective_size.py``.
3. **The formula without its bias**: the expectations of a Wishart matrix's inverse and logarithm,
   with effective sizes for sizes (Muirhead, Aspects of Multivariate Statistical Theory, 3.2).
4. **Less what the baseline drifts in itself**: the median of the same statistic over stretches of
   the baseline against the rest of it. They match the current's effective size as far as a third of
   the baseline allows; what is smaller is scaled by the square of the sum of inverse sizes, as
   the bias that is left is.
5. **An interval** from resampled blocks of both sides (Künsch, Annals of Statistics 17, 1989).

An effective size below eight per dimension is undefined. Who serves decides what follows from a
value; one below 0 is a value like others.

>>> rng = np.random.default_rng(7)
>>> then, now = rng.normal(size=(2, 2000, 4))
>>> now[:, 2] += 1
>>> hours = np.arange(2000)
>>> drift = kl_divergence(then, now, baseline_at=hours, current_at=hours + 2000, seed=7)
>>> round(drift.value, 1), drift.dominant
(0.5, 'dimension 3: mean +1.0')
"""

from itertools import pairwise
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.effective_size import Sizes, sizes
from tiltyard.learners.normal_scores import normal_scores

NEEDED = 8
"""Effective windows per dimension."""
LEVEL = 0.95
RESAMPLES = 400
BLOCKS = 200
"""So many of a side at most are resampled."""
FLAT = 1e-8
"""Less spread of a normal score, or of a direction among them, is none."""
MEDIAN_VARIANCE = (1.4826 * 1.2533) ** 2
"""Of a median of normal numbers: by the median of their distances from it, times their count."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Drift(NamedTuple):
    """How far current embeddings lie from the baseline's.

    Attributes:
        value: KL(current ‖ baseline) in nats; a little below 0 where nothing has changed.
        low: Lower end of its 95 % interval.
        high: Upper end.
        effective_samples: Independent windows that the smaller side is worth.
        dominant: What changed most, for people; dimensions count from 1.
        windows: Current windows that it was made from.
    """

    value: float
    low: float
    high: float
    effective_samples: float
    dominant: str
    windows: int


class Moments(NamedTuple):
    """Mean (…, d) and unbiased covariance (…, d, d) of one side, or of many resampled ones."""

    mean: Floats
    covariance: Floats


def kl_divergence(
    baseline: ArrayLike,
    current: ArrayLike,
    *,
    baseline_at: ArrayLike,
    current_at: ArrayLike,
    seed: int,
) -> Drift | Undefined:
    """How far current embeddings have drifted from the baseline's.

    Args:
        baseline: (n0, d) embeddings of the baseline windows.
        current: (n1, d) embeddings of the current windows, by the same encoder.
        baseline_at: (n0,) times; rows of one time, of several symbols, are one cluster.
        current_at: (n1,) times.
        seed: Of the blocks that are resampled; nothing else is left to chance.

    Returns:
        The drift; Undefined ``warming`` below eight effective windows per dimension.

    Raises:
        TiltyardError: ``EMBEDDING_INVALID`` when a side has another shape, is not finite, or does
            not vary in some direction, which is no drift but a fault of the encoder or feed.
    """
    x0, starts0 = _in_time("baseline", baseline, baseline_at)
    x1, starts1 = _in_time("current", current, current_at)
    if x0.shape[1] != x1.shape[1]:
        raise _invalid("current", f"{x1.shape[1]} dimensions, the baseline has {x0.shape[1]}")
    dimensions, needed = x0.shape[1], NEEDED * x0.shape[1]
    if (fewer := min(len(starts0), len(starts1))) < needed:
        return Undefined("warming", f"{fewer} of {needed} times with windows", samples=fewer)
    z0, z1 = normal_scores(x0, x0), normal_scores(x0, x1)
    _check_variety("baseline", z0)
    _check_variety("current", z1)
    size0, size1 = sizes(z0, starts0), sizes(z1, starts1)
    effective = min(*size0, *size1)
    if effective < needed:
        return Undefined(
            "warming",
            f"{int(effective)} of {needed} independent windows"
            f" ({int(min(size0))} in the baseline, {int(min(size1))} now)",
            samples=int(effective),
        )
    moments0, moments1 = _moments(z0, size0), _moments(z1, size1)
    inner, inner_variance = _within(x0, starts0, size0, size1)
    value = float(_unbiased(moments0, moments1, size0, size1)) - inner
    rng = np.random.default_rng(seed)
    errors = _unbiased(
        _resampled(z0, starts0, size0, rng), _resampled(z1, starts1, size1, rng), size0, size1
    ) - _plain(moments0, moments1)
    # Around what was found, which is off from the truth by chance, the statistic varies three
    # times as much as where nothing drifts; what is too much is the same wherever the truth lies.
    null, seen = _variance_without_drift(dimensions, size0, size1), errors.var()
    errors = (errors - errors.mean()) * np.sqrt(
        (max(seen - 2 * null, null) + inner_variance) / seen
    )
    below, above = np.quantile(errors, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Drift(
        value,
        value - max(float(above), 0.0),
        value - min(float(below), 0.0),
        effective,
        _dominant(moments0, moments1),
        len(x1),
    )


def _in_time(side: str, rows: ArrayLike, at: ArrayLike) -> tuple[Floats, Integers]:
    """Rows in the order of time, and where each cluster of one time begins."""
    x, times = np.asarray(rows, dtype=np.float64), np.asarray(at)
    if x.ndim != 2 or times.shape != x.shape[:1] or not x.shape[1]:  # noqa: PLR2004 rows, columns
        raise _invalid(side, f"shape {x.shape}, times {times.shape}")
    if not np.isfinite(x).all():
        raise _invalid(side, f"{int((~np.isfinite(x)).any(axis=1).sum())} windows are not finite")
    order = np.argsort(times, kind="stable")
    return x[order], np.flatnonzero(np.r_[True, times[order][1:] != times[order][:-1]])


def _check_variety(side: str, z: Floats) -> None:
    still = np.flatnonzero(z.std(axis=0) < FLAT)
    if len(still):
        raise _invalid(side, f"{_listed(still)} is always the same")
    if np.linalg.eigvalsh(np.atleast_2d(np.corrcoef(z, rowvar=False)))[0] < FLAT:
        raise _invalid(side, "a dimension follows from the others")


def _moments(z: Floats, size: Sizes) -> Moments:
    mean = z.mean(axis=0)
    return Moments(mean, (z - mean).T @ (z - mean) / (len(z) * (1 - 1 / size.mean)))


def _unbiased(zero: Moments, one: Moments, size0: Sizes, size1: Sizes) -> Floats:
    """KL(one ‖ zero) less the bias that both have by their sizes."""
    dimensions = zero.mean.shape[-1]
    freedom0, freedom1 = size0.covariance - 1, size1.covariance - 1
    kept = (freedom0 - dimensions - 1) / freedom0
    spread, shift, volume = _parts(zero, one)
    trace = kept * spread
    away = kept * shift - trace / size1.mean - dimensions / size0.mean
    ratio = volume - _log_bias(freedom0, dimensions) + _log_bias(freedom1, dimensions)
    return np.asarray((trace + away - dimensions + ratio) / 2)


def _plain(zero: Moments, one: Moments) -> float:
    """KL(one ‖ zero) of two Gaussians that are known."""
    return float(sum(_parts(zero, one)) - zero.mean.shape[-1]) / 2


def _parts(zero: Moments, one: Moments) -> tuple[Floats, Floats, Floats]:
    """tr(S0⁻¹S1), (m1−m0)ᵀS0⁻¹(m1−m0), ln|S0| − ln|S1|."""
    away = (one.mean - zero.mean)[..., None]
    solved = np.linalg.solve(zero.covariance, np.concatenate([one.covariance, away], axis=-1))
    trace = np.trace(solved[..., :-1], axis1=-2, axis2=-1)
    shift = (away[..., 0] * solved[..., -1]).sum(axis=-1)
    volume = np.linalg.slogdet(zero.covariance)[1] - np.linalg.slogdet(one.covariance)[1]
    return trace, shift, volume


def _log_bias(freedom: float, dimensions: int) -> float:
    """E ln|S| − ln|Σ| of a Wishart matrix over its degrees of freedom."""
    halves = sum(_digamma((freedom - i) / 2) for i in range(dimensions))
    return halves + dimensions * log(2 / freedom)


def _digamma(x: float) -> float:
    """ψ(x) for x > 0, to 1e-10: by recurrence to where its asymptotic series holds."""
    below = 0.0
    while x < 8:  # noqa: PLR2004 the series is exact to 1e-10 from here on
        below -= 1 / x
        x += 1
    y = 1 / (x * x)
    return below + log(x) - 1 / (2 * x) - y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y / 240)))


def _within(x: Floats, starts: Integers, size0: Sizes, size1: Sizes) -> tuple[float, float]:
    """What the baseline drifts in itself: stretches of it against the rest, as current is judged.

    Returns:
        Their median, for one odd stretch says nothing of the others; and its variance, as if so
        many stretches were seen as fit beside each other.
    """
    clusters, bounds = len(starts), np.r_[starts, len(x)]
    share = min(1 / 3, size1.covariance / size0.covariance, size1.mean / size0.mean)
    length = max(int(share * clusters), 1)
    found = []
    for begin in np.rint(np.linspace(0, clusters - length, min(2 * int(1 / share) - 1, 11))):
        first, last = bounds[int(begin)], bounds[int(begin) + length]
        part, rest = x[first:last], np.delete(x, np.s_[first:last], axis=0)
        of_part, of_rest = size0.share(len(part) / len(x)), size0.share(len(rest) / len(x))
        zero = _moments(normal_scores(rest, rest), of_rest)
        one = _moments(normal_scores(rest, part), of_part)
        bias = (1 / size0.covariance + 1 / size1.covariance) / (
            1 / of_rest.covariance + 1 / of_part.covariance
        )
        found.append(float(_unbiased(zero, one, of_rest, of_part)) * bias**2)
    middle = float(np.median(found))
    apart = float(np.median(np.abs(np.array(found) - middle)))
    return middle, MEDIAN_VARIANCE * apart**2 * share


def _resampled(z: Floats, starts: Integers, size: Sizes, rng: np.random.Generator) -> Moments:
    """Moments of a side made of its own blocks, drawn with replacement, many times over."""
    clusters = len(starts)
    length = int(np.ceil(clusters * max(4 / min(size), 1 / BLOCKS)))
    bounds = np.r_[starts[::length], len(z)]
    blocks = [z[first:last] for first, last in pairwise(bounds)]
    sums = np.array([block.sum(axis=0) for block in blocks])
    squares = np.array([block.T @ block for block in blocks])
    draws = rng.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=RESAMPLES)
    rows = draws @ np.diff(bounds)
    mean = draws @ sums / rows[:, None]
    square = np.tensordot(draws, squares, axes=1) / rows[:, None, None]
    covariance = square - mean[:, :, None] * mean[:, None, :]
    return Moments(mean, covariance / (1 - 1 / size.mean))


def _variance_without_drift(dimensions: int, size0: Sizes, size1: Sizes) -> float:
    """Of the statistic, where nothing drifts: of a sum of squares of small errors."""
    covariance = 1 / size0.covariance + 1 / size1.covariance
    mean = 1 / size0.mean + 1 / size1.mean
    return dimensions * (dimensions + 1) / 4 * covariance**2 + dimensions / 2 * mean**2


def _dominant(zero: Moments, one: Moments) -> str:
    """The direction that adds most: of the mean's shift, or of one change of spread."""
    values, vectors = np.linalg.eigh(zero.covariance)
    whiten = vectors / np.sqrt(values) @ vectors.T
    ratios, directions = np.linalg.eigh(whiten @ one.covariance @ whiten)
    shift = one.mean - zero.mean
    costs = (ratios - 1 - np.log(ratios)) / 2
    widest = int(costs.argmax())
    if np.sum((whiten @ shift) ** 2) / 2 >= costs[widest]:
        leading = _leading(whiten @ whiten @ shift)
        told = ", ".join(f"{shift[one]:+.1f}" for one in leading)
        return f"{_listed(leading)}: mean {told}"
    leading = _leading(whiten @ directions[:, widest])
    return f"{_listed(leading)}: spread ×{np.sqrt(ratios[widest]):.1f}"


def _leading(loadings: Floats) -> Integers:
    """Up to three dimensions that make most of a direction."""
    order = np.argsort(-(loadings**2), kind="stable")
    shares = np.cumsum(loadings[order] ** 2) / np.sum(loadings**2)
    return np.sort(order[: min(int(np.searchsorted(shares, 0.7)) + 1, 3)])


def _listed(dimensions: Integers) -> str:
    *most, last = (str(one + 1) for one in dimensions)
    return f"dimensions {', '.join(most)} and {last}" if most else f"dimension {last}"


def _invalid(side: str, facts: str) -> TiltyardError:
    return TiltyardError(
        "EMBEDDING_INVALID", side, facts, "look at the encoder and at the bars it was given"
    )
