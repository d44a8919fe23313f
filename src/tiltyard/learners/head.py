"""TabNet as it decides: probabilities of classes, and which features it looked at.

What :mod:`tiltyard.learners.tabnet` trained, in numpy alone. Norms are folded into the weights
before them, and rows are multiplied one by one: a product of many rows at once would round each by
how many there are. So a row gives the same, bit for bit, alone and among any others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError

NORM_EPSILON = 1e-5
HALF = math.sqrt(0.5)
MOST = {"steps": 64, "shared": 64, "own": 64}
"""No weight bounds these before they are all looked up, and a snapshot may say anything."""

Rows = NDArray[np.float32]
Scaler = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class TabNetSettings:
    """Sizes of the network, and how it is trained.

    Attributes:
        inputs: Features of a row.
        classes: How many there are, 2 or more.
        n_d: Width of what a step adds to the decision.
        n_a: Width of what it hands to the next step's mask.
        steps: How often it looks at a row.
        shared: Layers that all steps share.
        own: Layers of each step.
        gamma: How freely a feature is read again; 1 never.
        sparsity: Weight of the masks' entropy in the loss.
        momentum: Share of a virtual batch in the norms' running values.
        epochs: At most.
        batch: Rows of a batch.
        virtual_batch: Rows that are normalised together.
        rate: Of Adam, in the first epoch.
        decay: Factor of the rate from epoch to epoch.
        patience: Epochs without a better one after which it ends.
    """

    inputs: int
    classes: int
    n_d: int = 8
    n_a: int = 8
    steps: int = 3
    shared: int = 2
    own: int = 2
    gamma: float = 1.3
    sparsity: float = 1e-3
    momentum: float = 0.02
    epochs: int = 100
    batch: int = 1024
    virtual_batch: int = 128
    rate: float = 0.02
    decay: float = 0.98
    patience: int = 15

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 0 <= (asked := getattr(self, name)) <= most:
                raise ValueError(f"{name} {asked:,}, expected 0 to {most:,}")  # noqa: TRY003


class Layer(NamedTuple):
    """Linear, with the norm after it: ``weights`` (inputs, outputs) and ``shift`` (outputs,)."""

    weights: Rows
    shift: Rows


class Head:
    """What was trained, to decide with.

    Args:
        settings: By which it was trained.
        scaler: ``mean`` and ``sd`` of each feature.
        splitter: Layers that make what the first mask is made of.
        steps: Of each step, the layer of its mask and those that read.
        final: Decision to logits (n_d, classes).
    """

    def __init__(
        self,
        settings: TabNetSettings,
        scaler: Scaler,
        splitter: Sequence[Layer],
        steps: Sequence[tuple[Layer, Sequence[Layer]]],
        final: Rows,
    ) -> None:
        self.settings = settings
        self._mean, self._sd = (np.asarray(scaler[name], np.float32) for name in ("mean", "sd"))
        self._splitter, self._steps, self._final = splitter, steps, final

    @classmethod
    def from_weights(
        cls, weights: Mapping[str, NDArray[Any]], settings: TabNetSettings, scaler: Scaler
    ) -> "Head":
        """Of weights as they were trained, by name."""

        def layer(weight: str, norm: str) -> Layer:
            scale, shift, mean, variance = (
                weights[f"{norm}.{name}"].astype(np.float64)
                for name in ("scale", "shift", "mean", "variance")
            )
            factor = scale / np.sqrt(variance + NORM_EPSILON)
            return Layer(
                _plain((weights[weight] * factor[:, None]).T), _plain(shift - mean * factor)
            )

        def reader(name: str) -> list[Layer]:
            own = (f"{name}.own.{n}" for n in range(settings.own))
            names = [*(f"shared.{n}" for n in range(settings.shared)), *own]
            return [layer(weight, f"{name}.norms.{n}") for n, weight in enumerate(names)]

        steps = [
            (layer(f"masks.{n}", f"mask_norms.{n}"), reader(f"readers.{n}"))
            for n in range(settings.steps)
        ]
        return cls(settings, scaler, reader("splitter"), steps, _plain(weights["final"].T))

    def probabilities(self, x: Rows) -> NDArray[np.float64]:
        """Of each class ``(n, classes)`` for rows ``(n, inputs)``.

        Raises:
            TiltyardError: ``DATA_INSUFFICIENT`` when a value is missing.
        """
        logits = self._decide(x)[0].astype(np.float64)
        odds = np.exp(logits - logits.max(1, keepdims=True))
        return cast(NDArray[np.float64], odds / odds.sum(1, keepdims=True))

    def masks(self, x: Rows) -> NDArray[np.float64]:
        """What it looked at ``(n, inputs)``: 0 or more, each row adds up to 1.

        Masks of the steps, weighted by what each added to the decision. Where none added
        anything, all features alike.

        Raises:
            TiltyardError: ``DATA_INSUFFICIENT`` when a value is missing.
        """
        looked = self._decide(x)[1].astype(np.float64)
        looked[~looked.any(1)] = 1
        return cast(NDArray[np.float64], looked / looked.sum(1, keepdims=True))

    @np.errstate(over="ignore")  # a gate that is shut divides by infinity
    def _decide(self, x: Rows) -> tuple[Rows, Rows]:
        """Logits, and the sum of weighted masks."""
        check_rows(self.settings, x, "a decision")
        n_d, gamma = self.settings.n_d, np.float32(self.settings.gamma)
        x = (np.asarray(x, np.float32) - self._mean) / self._sd
        handed = _read(x, self._splitter)[:, n_d:]
        prior, looked = np.ones_like(x), np.zeros_like(x)
        decision = np.zeros((len(x), n_d), np.float32)
        for scores, reader in self._steps:
            mask = _sparsemax(prior * _linear(handed, scores))
            prior *= gamma - mask
            out = _read(mask * x, reader)
            added, handed = np.maximum(out[:, :n_d], 0), out[:, n_d:]
            decision += added
            looked += added.sum(1, keepdims=True) * mask
        return np.matmul(decision[:, None], self._final)[:, 0], looked


def check_rows(settings: TabNetSettings, x: Rows, subject: str, *, least: int = 0) -> None:
    """Raise when rows are too few, of another width, or lack a value."""
    if x.shape != (len(x), settings.inputs):
        shapes = f"rows of shape {x.shape}, not (n, {settings.inputs})"
        raise ValueError(shapes)
    if not np.isfinite(x).all():
        lacking = len(x) - int(np.isfinite(x).all(1).sum())
        raise TiltyardError(
            "DATA_INSUFFICIENT", subject,
            f"{lacking:,} of {len(x):,} rows have values that are missing or infinite",
        )  # fmt: skip
    if len(x) < least:
        raise TiltyardError(
            "DATA_INSUFFICIENT", subject, f"{len(x):,} rows, at least {least} needed"
        )


def _linear(x: Rows, layer: Layer) -> Rows:
    product: Rows = np.matmul(x[:, None], layer.weights)[:, 0]
    product += layer.shift
    return product


def _read(x: Rows, layers: Sequence[Layer]) -> Rows:
    for n, layer in enumerate(layers):
        both = _linear(x, layer)
        half = both.shape[1] // 2
        gated = both[:, :half] / (1 + np.exp(-both[:, half:]))
        x = (x + gated) * np.float32(HALF) if n else gated
    return x


def _sparsemax(scores: Rows) -> Rows:
    """The point of the simplex that is nearest to each row; see the network's."""
    scores = scores - scores.max(1, keepdims=True)
    ordered = -np.sort(-scores, axis=1)
    limits = (ordered.cumsum(1) - 1) / np.arange(1, scores.shape[1] + 1, dtype=np.float32)
    return cast(Rows, np.maximum(scores - limits.max(1, keepdims=True), 0))


def _plain(array: NDArray[Any]) -> Rows:
    return np.ascontiguousarray(array, np.float32)
