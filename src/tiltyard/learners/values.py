"""What each position is worth to a network that was trained to choose one, and which it takes.

What :mod:`tiltyard.learners.dqn` trained, in numpy alone, for whoever decides by it. A network is
told a row of what is known and which position is held, and says what wanting each position would
be worth. It is asked here about every position that might be held, at once: so a row becomes a
table, by what is held and by what is wanted.

Rows are multiplied one by one: a product of many rows at once would round each by how many there
are. So a row gives the same, bit for bit, alone and among any others.

>>> weights = {"layer_1.weights": np.eye(3, dtype=np.float32), "layer_1.shift": np.zeros(3)}
>>> q_values(weights, np.zeros((1, 0), np.float32))[0].tolist()
[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
>>> choices([weights], np.zeros((1, 0), np.float32)).tolist()
[[0, 1, 2]]
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]
"""``layer_1.weights`` (inputs and positions, outputs), ``layer_1.shift`` (outputs,), ``layer_2`` …

The last layer has one output or more for each position, those of a position side by side: what is
thought of it is their mean."""

CHUNK = 256
"""Rows at once; so many of them stay in the fastest memory."""


def q_values(weights: Weights, x: Rows) -> Rows:
    """What wanting a position is worth, by what is held; shape (rows, positions, positions).

    Args:
        weights: Of a network.
        x: What is known, scaled as it was in training; shape (rows, inputs).
    """
    first, inputs = _plain(weights["layer_1.weights"]), x.shape[1]
    positions, layers = len(first) - inputs, len(weights) // 2
    held = first[inputs:] + _plain(weights["layer_1.shift"])
    worth = np.matmul(_plain(x)[:, None], first[:inputs]) + held
    for n in range(2, layers + 1):
        worth = np.matmul(np.maximum(worth, 0), _plain(weights[f"layer_{n}.weights"]))
        worth += _plain(weights[f"layer_{n}.shift"])
    outputs = worth.shape[2] // positions
    means: Rows = worth.reshape(len(x), positions, positions, outputs).mean(3)
    return means


def choices(networks: Sequence[Weights], x: Rows) -> NDArray[np.int64]:
    """The position that several networks think most of together; shape (rows, positions).

    Args:
        networks: Weights of each.
        x: What is known, scaled as it was in training; shape (rows, inputs).

    Returns:
        Places of positions, by row and by what is held.
    """
    chosen = []
    for first in range(0, max(1, len(x)), CHUNK):
        total = sum(q_values(one, x[first : first + CHUNK]) for one in networks)
        chosen.append(np.argmax(total, axis=2))
    return np.concatenate(chosen)


def _plain(array: NDArray[Any]) -> Rows:
    return np.ascontiguousarray(array, np.float32)
