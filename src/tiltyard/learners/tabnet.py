"""TabNet: a classifier of rows of numbers that says which of the numbers it looked at.

It looks at a row in steps. In each, a sparse *mask* chooses the features that are read, and what
they say is added to the decision; a feature that was read counts less in later steps. The masks,
weighted by what each step added, are the row's feature importance.

In come float32 rows ``(n, inputs)`` and their classes, 0 to ``classes - 1``; out come weights, a
scaler and the losses (:func:`fit`), and from them whoever decides (:class:`Head`). No value may be
missing, and categories come as numbers: codes in some order, or a column for each.

>>> settings = TabNetSettings(inputs=3, classes=2, epochs=1)
>>> x = np.random.default_rng(7).standard_normal((64, 3)).astype(np.float32)
>>> made = fit(settings, x, (x[:, 0] > 0).astype(np.int64), seed=7, job=Job())
>>> Head.from_weights(made.weights, settings, made.scaler).probabilities(x).shape
(64, 2)

Details, and where they are from (A: Arik & Pfister, TabNet, AAAI 2021):

1. Inputs are standardised by mean and deviation of the training rows, which are saved. In A a
   batch norm does it, whose running values depend on the order of the rows.
2. A mask is ``sparsemax(prior * scores)`` (Martins & Astudillo, ICML 2016): the nearest point of
   the simplex, found exactly by sorting: (sum of the k largest - 1) / k rises with k as long as
   the next one lies above it, so the limit is its maximum. The gradient is that of the features
   with mass, less their mean.
3. The prior is the product over earlier steps of ``gamma - mask`` (A).
4. What reads has layers that all steps share, and layers of its own; norms are each step's own,
   for shared layers too. A layer is linear, norm, gate (GLU); from the second on, its output is
   added to its input, times √½ (A).
5. Ghost batch norm: each virtual batch is normalised by itself (Hoffer et al., NeurIPS 2017).
   Activations lie as (features, rows), so all of them are one view, (features × virtual batches,
   rows of each), and one call. Running values fade as if they had come one after the other.
6. Mean entropy of the masks, times ``sparsity``, is added to the loss (A).
7. Weights begin with variance ``2 / √inputs`` before a gate, a quarter of it before a mask, and
   ``1 / n_d`` in the last layer. Where a norm follows, it does nothing but slow Adam's first steps.
8. Adam; the rate falls by ``decay`` each epoch; gradients are clipped to norm 1.
9. With ``valid`` rows, the epoch with the least cross entropy on them is kept (not the best AUC:
   the probabilities are what is used), and training ends ``patience`` epochs after it. Without
   them the last epoch is kept.
10. Rows are shuffled by a generator seeded by (seed, epoch). Batches are whole virtual batches;
    rows at an epoch's end that fill none are left out, and another epoch leaves out others.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.head import HALF, NORM_EPSILON, Head, Rows, TabNetSettings, check_rows
from tiltyard.learners.job import Checkpoint, Job, Step, job_key

__all__ = ["Fitted", "GhostNorm", "Head", "TabNet", "TabNetSettings", "fit", "sparsemax"]

CODE = 1
"""To be raised where the same data, settings and seed give other weights: work is begun anew."""
LEAST_ROWS = 32
"""Fewer have no batch statistics worth the name."""
ENTROPY_EPSILON = 1e-15
Labelled = tuple[Tensor, Tensor]
Classes = NDArray[np.int64]
Scaler = dict[str, list[float]]


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:  # noqa: ANN401 torch's own
        ordered = scores.sort(0, descending=True).values
        largest = torch.ones(len(scores), len(scores), device=scores.device, dtype=scores.dtype)
        largest.tril_()  # a product, as CUDA's cumsum is not the same each time
        limits = (largest @ ordered - 1) / largest.sum(1, keepdim=True)
        mask = (scores - limits.amax(0)).clamp_(min=0)
        ctx.save_for_backward(mask)
        return mask

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        mask: Tensor = ctx.saved_tensors[0]
        chosen = (mask > 0).to(gradient.dtype)
        mean = (gradient * chosen).sum(0) / chosen.sum(0)
        return (gradient - mean) * chosen


def sparsemax(scores: Tensor) -> Tensor:
    """The point of the simplex that is nearest to each column of ``(features, rows)``."""
    above_all = scores.detach().amax(0)
    return cast(Tensor, _Sparsemax.apply(scores - above_all))  # type: ignore[no-untyped-call]


class GhostNorm(nn.Module):
    """Batch norm of ``(features, rows)``, over each virtual batch by itself."""

    mean: Tensor
    variance: Tensor

    def __init__(self, features: int, rows: int, momentum: float) -> None:
        super().__init__()
        self.rows, self.momentum = rows, momentum
        self.scale = nn.Parameter(torch.ones(features))
        self.shift = nn.Parameter(torch.zeros(features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("variance", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        """Normed; in training, of whole virtual batches, or of a single one with fewer rows."""
        if not self.training:
            known = self.mean, self.variance, self.scale, self.shift
            return functional.batch_norm(x[None], *known, eps=NORM_EPSILON)[0]
        ghosts = max(1, x.shape[1] // self.rows)
        mean, variance = x.new_zeros(2, len(x) * ghosts)
        normed = functional.batch_norm(
            x.reshape(1, len(mean), -1), mean, variance,
            self.scale.repeat_interleave(ghosts), self.shift.repeat_interleave(ghosts),
            training=True, momentum=1.0, eps=NORM_EPSILON,
        )  # fmt: skip
        left = 1 - self.momentum
        shares = self.momentum * left ** torch.arange(ghosts - 1, -1, -1, device=x.device)
        for running, new in ((self.mean, mean), (self.variance, variance)):
            running.mul_(left**ghosts).add_(new.view(-1, ghosts) @ shares)
        return normed.view_as(x)


class _Reader(nn.Module):
    """Features to ``n_d + n_a`` values, by the layers that all share and by its own."""

    def __init__(self, settings: TabNetSettings, draw: torch.Generator) -> None:
        super().__init__()
        layers = settings.shared + settings.own
        self.own = _gated(settings, range(settings.shared, layers), draw)
        features = 2 * (settings.n_d + settings.n_a)
        self.norms = nn.ModuleList(_norm(settings, features) for _ in range(layers))

    def forward(self, x: Tensor, shared: Sequence[Tensor]) -> Tensor:
        for n, (weight, norm) in enumerate(zip((*shared, *self.own), self.norms, strict=True)):
            gated = functional.glu(norm(weight @ x), 0)
            x = (x + gated) * HALF if n else gated
        return x


def _gated(settings: TabNetSettings, layers: range, draw: torch.Generator) -> nn.ParameterList:
    width = settings.n_d + settings.n_a
    inputs = [width if layer else settings.inputs for layer in layers]
    return nn.ParameterList(
        math.sqrt(2 / math.sqrt(n)) * torch.randn(2 * width, n, generator=draw) for n in inputs
    )


def _norm(settings: TabNetSettings, features: int) -> GhostNorm:
    return GhostNorm(features, settings.virtual_batch, settings.momentum)


class TabNet(nn.Module):
    """The network as it is trained: ``(inputs, rows)`` to ``(classes, rows)`` and mean entropy."""

    def __init__(self, settings: TabNetSettings, seed: int) -> None:
        super().__init__()
        self.settings = settings
        draw, steps = torch.Generator().manual_seed(seed), range(settings.steps)
        self.shared = _gated(settings, range(settings.shared), draw)
        self.splitter = _Reader(settings, draw)
        self.readers = nn.ModuleList(_Reader(settings, draw) for _ in steps)
        deviation = math.sqrt(0.5 / math.sqrt(settings.n_a))
        self.masks = nn.ParameterList(
            deviation * torch.randn(settings.inputs, settings.n_a, generator=draw) for _ in steps
        )
        self.mask_norms = nn.ModuleList(_norm(settings, settings.inputs) for _ in steps)
        final = torch.randn(settings.classes, settings.n_d, generator=draw)
        self.final = nn.Parameter(final / math.sqrt(settings.n_d))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and the masks' entropy in nats."""
        n_d, shared = self.settings.n_d, tuple(self.shared)
        handed = self.splitter(x, shared)[n_d:]
        prior, decision = torch.ones_like(x), x.new_zeros(n_d, x.shape[1])
        entropy = x.new_zeros(())
        for scores, norm, reader in zip(self.masks, self.mask_norms, self.readers, strict=True):
            mask = sparsemax(prior * norm(scores @ handed))
            entropy = entropy - (mask * (mask + ENTROPY_EPSILON).log()).sum()
            prior = prior * (self.settings.gamma - mask)
            out = reader(mask * x, shared)
            decision, handed = decision + out[:n_d].relu(), out[n_d:]
        return self.final @ decision, entropy / (self.settings.steps * x.shape[1])


class Fitted(NamedTuple):
    """What a training made.

    Attributes:
        weights: Of the network, by name; those that steps share are there once.
        scaler: ``mean`` and ``sd`` of each feature over the training rows.
        history: ``train`` and ``valid`` losses by epoch in nats, ``best_epoch`` from 1,
            ``partial``: whether time was up first.
    """

    weights: dict[str, NDArray[Any]]
    scaler: Scaler
    history: dict[str, Any]


def fit(
    settings: TabNetSettings,
    x: Rows,
    y: Classes,
    *,
    valid: tuple[Rows, Classes] | None = None,
    seed: int,
    job: Job,
    stage: str = "head",
) -> Fitted:
    """Train on rows and their classes.

    What is kept after each epoch stays in the job's folder at the end: asked for the same again,
    it is there at once. Who runs the job clears the folder.

    Args:
        settings: Sizes, and how.
        x: ``(n, inputs)``.
        y: ``(n,)``, classes from 0.
        valid: Rows and classes by which the best epoch is chosen.
        seed: Of first weights and of the order of rows; 0 or more.
        job: Whom to tell, and when to end.
        stage: What this training is called.

    Raises:
        TiltyardError: ``DATA_INSUFFICIENT``, ``TRAINING_DIVERGED``, ``CHECKPOINT_UNWRITABLE``.
    """
    _check(settings, x, y, stage, LEAST_ROWS)
    if valid is not None:
        _check(settings, *valid, stage, 1)
    if len(np.unique(y)) == 1:
        raise TiltyardError("DATA_INSUFFICIENT", stage, f"all {len(y):,} rows are of one class")
    sd = np.where(np.ptp(x, 0) > 0, x.std(0, dtype=np.float64), 1)
    scaler = {"mean": x.mean(0, dtype=np.float64).tolist(), "sd": sd.tolist()}
    training = _Training(settings, seed, job.device)
    place = (job.device, torch.get_num_threads(), torch.__version__)
    key = job_key("tabnet", CODE, asdict(settings), seed, place, x, y, *(valid or ()))
    if (kept := job.kept(key)) is not None:
        training.go_on_from(kept)
    rows = _tensors(x, y, scaler, job.device)
    held_out = None if valid is None else _tensors(*valid, scaler, job.device)
    while not training.is_done:
        losses = training.epoch(rows, held_out)
        if not all(map(math.isfinite, losses.values())):
            facts = f"the loss of epoch {training.done} is no number"
            raise TiltyardError("TRAINING_DIVERGED", stage, facts, "Lower the rate")
        job.keep(key, training.checkpoint())
        told = {"loss" if name == "train" else name: one for name, one in losses.items()}
        job.tell(Step(stage, training.done * len(y), settings.epochs * len(y), told))
        if job.is_over():
            break
    best = {name: one.cpu().numpy() for name, one in training.best.items()}
    end = {"best_epoch": training.best_epoch, "partial": not training.is_done}
    return Fitted(best, scaler, training.losses | end)


def _check(settings: TabNetSettings, x: Rows, y: Classes, stage: str, least: int) -> None:
    check_rows(settings, x, stage, least=least)
    if y.shape != x.shape[:1] or y.min() < 0 or y.max() >= settings.classes:
        facts = f"{y.shape} classes from {y.min()} to {y.max()}, of {settings.classes}"
        raise ValueError(facts)


def _tensors(x: Rows, y: Classes, scaler: Scaler, device: str) -> Labelled:
    """Features ``(inputs, rows)``, standardised, and classes."""
    mean, sd = (np.asarray(scaler[name], np.float32) for name in ("mean", "sd"))
    features = np.ascontiguousarray(((x - mean) / sd).T, np.float32)
    return torch.from_numpy(features).to(device), torch.from_numpy(y).long().to(device)


class _Training:
    """All that changes from epoch to epoch."""

    def __init__(self, settings: TabNetSettings, seed: int, device: str) -> None:
        self.settings, self.seed, self.device = settings, seed, device
        self.network = TabNet(settings, seed).to(self.device)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=settings.rate, fused=True)
        self.losses: dict[str, list[float]] = {"train": [], "valid": []}
        self.best, self.best_epoch = self._state(), 0

    @property
    def done(self) -> int:
        return len(self.losses["train"])

    @property
    def is_done(self) -> bool:
        waited = self.done - self.best_epoch
        return self.done >= self.settings.epochs or waited >= self.settings.patience

    def epoch(self, rows: Labelled, held_out: Labelled | None) -> dict[str, float]:
        """Learn from every row once; the losses."""
        losses = {"train": self._learn(*rows)}
        if held_out is not None:
            self.network.eval()
            with torch.no_grad():
                logits, _ = self.network(held_out[0])
            loss = functional.cross_entropy(logits.T, held_out[1])
            losses["valid"] = float(loss)
        if losses.get("valid", -math.inf) < min(self.losses["valid"], default=math.inf):
            self.best, self.best_epoch = self._state(), self.done + 1
        for name, one in losses.items():
            self.losses[name].append(one)
        return losses

    def _learn(self, x: Tensor, y: Tensor) -> float:
        settings, total = self.settings, x.new_zeros(())
        self.adam.param_groups[0]["lr"] = settings.rate * settings.decay**self.done
        order = np.random.default_rng((self.seed, self.done)).permutation(len(y))
        ghost = min(settings.virtual_batch, settings.batch, len(y))
        used = torch.from_numpy(order[: len(y) - len(y) % ghost]).to(x.device)
        self.network.train()
        for rows in torch.split(used, settings.batch - settings.batch % ghost):
            logits, entropy = self.network(x.index_select(1, rows))
            loss = functional.cross_entropy(logits.T, y[rows])
            self.adam.zero_grad()
            (loss + settings.sparsity * entropy).backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.adam.step()
            total += loss.detach() * len(rows)
        return float(total) / len(used)

    def checkpoint(self) -> Checkpoint:
        adam = self.adam.state_dict()["state"]
        parts = {f"adam.{n}": moments for n, moments in adam.items()}
        parts |= {"network": self._state(), "best": self.best}
        arrays = {
            f"{part}.{name}": one.cpu().numpy()
            for part, tensors in parts.items() for name, one in tensors.items()
        }  # fmt: skip
        return Checkpoint(arrays, {"losses": self.losses, "best_epoch": self.best_epoch})

    def go_on_from(self, kept: Checkpoint) -> None:
        def part(prefix: str) -> dict[str, Tensor]:
            return {
                name.removeprefix(prefix): torch.from_numpy(one).to(self.device)
                for name, one in kept.tensors.items() if name.startswith(prefix)
            }  # fmt: skip

        self.network.load_state_dict(part("network."))
        state = {n: part(f"adam.{n}.") for n in range(len(list(self.network.parameters())))}
        groups = self.adam.state_dict()["param_groups"]
        self.adam.load_state_dict({"state": state, "param_groups": groups})
        self.best, self.best_epoch = part("best."), kept.told["best_epoch"]
        self.losses = kept.told["losses"]

    def _state(self) -> dict[str, Tensor]:
        return {name: one.detach().clone() for name, one in self.network.state_dict().items()}
