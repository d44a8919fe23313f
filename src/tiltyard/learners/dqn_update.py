"""An update of a sizing network: from a batch of transitions to weights that are a little better.

The arithmetic of :mod:`tiltyard.learners.dqn`, which says where it is from. Nothing is allocated
after the beginning: products are numpy's, into arrays that are there already, and whatever is done
number by number between them is compiled, one pass each.

A product is cut into blocks that the library does not spread over threads. It would take longer
(a block takes microseconds), and how long would depend on the machine.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiltyard.learners.replay import Transitions

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

BLOCK = 64**3
"""Multiplications of a product up to which OpenBLAS keeps to one thread."""
FIRST, SECOND, LEAST = 0.9, 0.999, 1e-8
"""Adam's, as in its paper."""


class Layers:
    """The weights of a network in one row, and those of each layer as a part of it.

    Args:
        widths: Of what goes in, of each layer, of what comes out.

    Attributes:
        flat: All numbers; shape (n,).
        each: Of each layer weights (inputs, outputs) and shift (outputs,), views of ``flat``.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        shapes = [(inputs + 1, outputs) for inputs, outputs in pairwise(widths)]
        cuts = np.cumsum([rows * outputs for rows, outputs in shapes])
        self.flat = np.zeros(cuts[-1], np.float32)
        self.each: list[tuple[Floats, Floats]] = []
        for part, shape in zip(np.split(self.flat, cuts[:-1]), shapes, strict=True):
            layer = part.reshape(shape)
            self.each.append((layer[:-1], layer[-1]))

    def named(self) -> dict[str, Floats]:
        """A copy of each, by name."""
        return {
            f"layer_{n}.{name}": one.copy()
            for n, layer in enumerate(self.each, 1)
            for name, one in zip(("weights", "shift"), layer, strict=True)
        }


class Product:
    """``out = a @ b``, in blocks that stay with one thread."""

    def __init__(self, a: Floats, b: Floats, out: Floats) -> None:
        rows = max(1, BLOCK // b.size)
        self._blocks = [
            (a[first : first + rows], b, out[first : first + rows])
            for first in range(0, len(a), rows)
        ]

    def __call__(self) -> None:
        """Compute it anew."""
        for a, b, out in self._blocks:
            np.dot(a, b, out)


class Forward:
    """From what is known and held to what wanting each position is worth.

    What is held is a one of its own in the first layer's inputs: so that position's row of weights
    is added, and nothing is multiplied.

    Args:
        layers: The network's.
        known: What is known; shape (rows, inputs).
        held: Positions; shape (rows,).

    Attributes:
        outputs: Of each layer.
        products: Of each layer.
    """

    def __init__(self, layers: Layers, known: Floats, held: Integers) -> None:
        inputs, below = known.shape[1], known
        self.outputs: list[Floats] = []
        self.products: list[Product] = []
        for weights, shift in layers.each:
            out = np.zeros((len(known), len(shift)), np.float32)
            self.products.append(Product(below, weights[:inputs], out))
            self.outputs.append(out)
            inputs, below = len(shift), out
        (first, shift), *others = layers.each
        self._first = self.outputs[0], first[known.shape[1] :], held, shift
        self._others = [
            (out, shift, -math.inf if out is below else 0.0)
            for out, (_, shift) in zip(self.outputs[1:], others, strict=True)
        ]

    def __call__(self) -> Floats:
        """Compute all of it anew; what the last layer gives."""
        self.products[0]()
        _shift_by(*self._first)
        for product, shift in zip(self.products[1:], self._others, strict=True):
            product()
            _shift(*shift)
        return self.outputs[-1]


class Terms(NamedTuple):
    """By which values are judged.

    Attributes:
        discount: Of what comes a step later.
        unit: Rewards are multiplied by it.
        quantiles: Outputs of each position.
        conservative: Weight of the penalty on transitions that were logged.
    """

    discount: float
    unit: float
    quantiles: int
    conservative: float


class Met(NamedTuple):
    """A batch, without what was known; columns of shape (batch,), or twice as long.

    Attributes:
        rows: What was known, and then what was known a step later.
        positions: Held, likewise.
        action: Position that was wanted.
        reward: In notionals.
        ends: Nothing comes after it.
    """

    rows: Integers
    positions: Integers
    action: Integers
    reward: Floats
    ends: NDArray[np.bool_]


class Update:
    """Learning from batches.

    Args:
        widths: Of what goes in (positions included), of each layer, of what comes out.
        x: What is known; shape (rows, inputs).
        batch: Transitions of a batch.
        terms: By which values are judged.

    Attributes:
        network: What is learnt.
        target: The network that values what comes next.
        gradient: Of the loss by every weight, as :meth:`slope` left it.
        moments: Adam's first and second of every weight; shape (2, n).
        count: Updates made.
        products: All that are computed in an update; without them it would be done at once.
    """

    def __init__(self, widths: Sequence[int], x: Floats, *, batch: int, terms: Terms) -> None:
        self.network, self.target, self.gradient = (Layers(widths) for _ in range(3))
        self.moments = np.zeros((2, len(self.network.flat)), np.float32)
        self.count = 0
        self._x, self._terms = x, terms
        self._met = Met(
            np.zeros(2 * batch, np.int64), np.zeros(2 * batch, np.int64),
            np.zeros(batch, np.int64), np.zeros(batch, np.float32), np.zeros(batch, np.bool_),
        )  # fmt: skip
        self._known = np.zeros((2 * batch, x.shape[1]), np.float32)
        held = self._met.positions
        self._online = Forward(self.network, self._known, held)
        self._later = Forward(self.target, self._known[batch:], held[batch:])
        self._slopes = [np.zeros((batch, width), np.float32) for width in widths[1:]]
        self._below = [one[:batch] for one in (self._known, *self._online.outputs[:-1])]
        self._to_weights = [
            Product(below.T, slope, gradient[: below.shape[1]])
            for below, slope, (gradient, _) in zip(
                self._below, self._slopes, self.gradient.each, strict=True
            )
        ]
        self._to_below = [
            Product(self._slopes[n], self.network.each[n][0].T, self._slopes[n - 1])
            for n in range(1, len(widths) - 1)
        ]
        self.products = [
            *self._online.products, *self._later.products, *self._to_weights, *self._to_below
        ]  # fmt: skip

    def take(self, columns: Transitions, picks: Integers, first: int = 0) -> None:
        """Put transitions into the batch.

        Args:
            columns: Of a buffer.
            picks: Rows of it.
            first: Where they begin in the batch.
        """
        _take(columns[:7], picks, first, self._met)
        np.take(self._x, self._met.rows, 0, self._known, "clip")

    def slope(self, logged: int) -> float:
        """The loss of the batch; its gradient is in :attr:`gradient` then.

        Args:
            logged: Place in the batch from which on transitions were logged.
        """
        loss: float = _judge(
            self._online(), self._later(), self._met, logged, self._terms, self._slopes[-1],
            self.gradient.each[-1][1],
        )  # fmt: skip
        for n in range(len(self._slopes) - 1, 0, -1):
            self._to_weights[n]()
            self._to_below[n - 1]()
            _mask(self._slopes[n - 1], self._below[n], self.gradient.each[n - 1][1])
        self._to_weights[0]()
        _add_up(self._slopes[0], self._met.positions, self.gradient.each[0][0][self._x.shape[1] :])
        return loss

    def improve(self, rate: float) -> None:
        """Take a step against the gradient, by Adam."""
        self.count += 1
        rate *= math.sqrt(1 - SECOND**self.count) / (1 - FIRST**self.count)
        first, second = self.moments
        _adam(self.network.flat, self.gradient.flat, first, second, rate)


@njit(cache=True, nogil=True)
def _take(columns: tuple[NDArray[np.generic], ...], picks: Integers, first: int, met: Met) -> None:
    row, position, action, reward, next_row, next_position, terminated = columns
    batch = len(met.action)
    for n in range(len(picks)):
        pick, at = picks[n], first + n
        met.rows[at], met.positions[at] = row[pick], position[pick]
        met.rows[batch + at], met.positions[batch + at] = next_row[pick], next_position[pick]
        met.action[at], met.reward[at] = action[pick], reward[pick]
        met.ends[at] = terminated[pick]


@njit(cache=True, nogil=True)
def _shift_by(out: Floats, weights: Floats, held: Integers, shift: Floats) -> None:
    for n in range(len(out)):
        for m in range(len(shift)):
            out[n, m] = max(out[n, m] + weights[held[n], m] + shift[m], np.float32(0))


@njit(cache=True, nogil=True)
def _add_up(slope: Floats, held: Integers, gradient: Floats) -> None:
    gradient[:] = 0
    for n in range(len(slope)):
        for m in range(slope.shape[1]):
            gradient[held[n], m] += slope[n, m]


@njit(cache=True, nogil=True)
def _shift(out: Floats, shift: Floats, least: float) -> None:
    edge = np.float32(least)
    for n in range(len(out)):
        for m in range(len(shift)):
            out[n, m] = max(out[n, m] + shift[m], edge)


@njit(cache=True, nogil=True)
def _mask(slope: Floats, outputs: Floats, shift: Floats) -> None:
    """Nothing goes back through what gave nothing; the rest is added up for the shift."""
    shift[:] = 0
    for n in range(len(slope)):
        for m in range(len(shift)):
            slope[n, m] = slope[n, m] if outputs[n, m] > 0 else np.float32(0)
            shift[m] += slope[n, m]


@njit(cache=True, nogil=True)
def _means(outputs: Floats, quantiles: int, means: NDArray[np.float64]) -> None:
    for position in range(len(means)):
        means[position] = 0
        for n in range(position * quantiles, (position + 1) * quantiles):
            means[position] += outputs[n] / quantiles


@njit(cache=True, nogil=True)
def _judge(
    online: Floats, later: Floats, met: Met, logged: int, terms: Terms, slope: Floats,
    shift: Floats,
) -> float:  # fmt: skip
    """The loss, its slope by what the last layer gave, and that by its shift."""
    batch, quantiles = len(slope), terms.quantiles
    means = np.empty(slope.shape[1] // quantiles)
    slope[:] = 0
    loss = 0.0
    for n in range(batch):
        _means(online[batch + n], quantiles, means)
        best = np.argmax(means) * quantiles
        own = met.action[n] * quantiles
        for k in range(quantiles):
            below = (2 * k + 1) / quantiles
            for m in range(quantiles):
                aim = terms.unit * met.reward[n]
                if not met.ends[n]:
                    aim += terms.discount * later[n, best + m]
                error = online[n, own + k] - aim
                size, weight = abs(error), (2 - below if error > 0 else below) / quantiles**2
                slope[n, own + k] += weight * min(max(error, -1.0), 1.0)
                loss += weight * (0.5 * size * size if size < 1 else size - 0.5)
        if n >= logged:
            _means(online[n], quantiles, means)
            loss += _conserve(means, met.action[n], quantiles, terms.conservative, slope[n])
    shift[:] = 0
    for n in range(batch):
        for m in range(len(shift)):
            slope[n, m] /= batch
            shift[m] += slope[n, m]
    return loss / batch


@njit(cache=True, nogil=True)
def _conserve(
    means: NDArray[np.float64], action: int, quantiles: int, weight: float, slope: Floats
) -> float:
    """Whatever was not done is worth less than it seems; the penalty, and its slope."""
    shares = np.exp(means - means.max())
    shares /= shares.sum()
    penalty = -weight * math.log(shares[action])
    shares[action] -= 1
    for position in range(len(means)):
        for n in range(position * quantiles, (position + 1) * quantiles):
            slope[n] += weight * shares[position] / quantiles
    return penalty


@njit(cache=True, nogil=True, error_model="numpy")
def _adam(weights: Floats, gradient: Floats, first: Floats, second: Floats, rate: float) -> None:
    one, keep, keep_size = np.float32(1), np.float32(FIRST), np.float32(SECOND)
    pace, least = np.float32(rate), np.float32(LEAST)
    for n in range(len(weights)):
        slope = gradient[n]
        first[n] = keep * first[n] + (one - keep) * slope
        second[n] = keep_size * second[n] + (one - keep_size) * slope * slope
        weights[n] -= pace * first[n] / (np.sqrt(second[n]) + least)
