"""TimesNet, the network: windows of channels in, by way of their periods, embeddings out.

What is settled here, and where it is from; :mod:`tiltyard.learners.timesnet` goes on counting.

1.  A block looks at a window by its strongest periods: it is folded into a grid, one period to
    a row, so that a kernel sees neighbours within a period and across periods (Wu et al.,
    TimesNet, ICLR 2023).
2.  Its Inception layers are the mean of kernels 1, 3, … 2k - 1 wide. A mean of convolutions is
    the convolution by the mean kernel, so they are trained apart and applied as *one*.
3.  That one is cropped to what the grid can reach: a grid of two rows has no third one above.
    Frequencies of one period share its grid, and their weights are added.
4.  Which frequencies are looked at does not depend on what else is in a batch, as it does with
    Wu et al.; how much each counts is the window's own. So is, then, what a window looks like.
5.  The embedding is the mean over the window's steps, mapped to a few numbers, before the last
    LayerNorm: after it they would add up to a constant, and their covariance have no inverse.
    The mean rather than the last step: all of a window is one regime, and its noise averages out.
6.  Hidden steps are zero, with a learnt vector in their place (He et al., Masked Autoencoders,
    CVPR 2022). What rebuilds one is given the embedding too, which so learns of the whole.
7.  Forecasts are made on windows that are normalised each by itself (Liu et al., Non-stationary
    Transformers, NeurIPS 2022; Kim et al., RevIN, ICLR 2022), and so are their embeddings;
    without a horizon the level of a window is kept, since it is what a head may want to know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 as everybody calls it

Array = NDArray[Any]
Weights = Mapping[str, Array]
Kernels = tuple[Tensor, Tensor, Tensor, Tensor]
Grid = tuple[int, int]
WIDE = 50
"""Places of a kernel from which on a batch is faster by waves, as measured."""
MOST = {"length": 10_000, "horizon": 10_000, "layers": 16, "top_k": 64, "kernels": 16}
"""No weight bounds these, and a snapshot may say anything."""


@dataclass(frozen=True, slots=True)
class TimesNetSettings:
    """What is built, and how it is trained.

    Attributes:
        length: Bars in a window.
        channels: Numbers of each bar.
        d_model: Width between blocks.
        d_ff: Width inside of a block.
        layers: Blocks.
        top_k: Frequencies that a block looks at.
        kernels: Kernels of an Inception layer; the widest is ``2 * kernels - 1``.
        embedding: Numbers of an embedding, at most 32: more of them drift cannot be told from.
        horizon: Steps to forecast, which follow the window; 0 for none.
        mask: Share of steps that are hidden; 0 for none.
        dropout: Share of what the first block is given that is left out in training.
        epochs: Times that all windows are learnt from.
        batch: Windows to a step.
        rate: Of learning, at the start.
        halved_from: The epoch, from 1, from which on the rate is halved; 0 for a cosine.
        averaged: Share of the running mean of weights that each step leaves; 0 averages none.
    """

    length: int = 96
    channels: int = 4
    d_model: int = 16
    d_ff: int = 32
    layers: int = 2
    top_k: int = 3
    kernels: int = 6
    embedding: int = 16
    horizon: int = 0
    mask: float = 0.4
    dropout: float = 0.1
    epochs: int = 10
    batch: int = 32
    rate: float = 1e-3
    halved_from: int = 0
    averaged: float = 0.0

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            if not 0 <= (asked := getattr(self, name)) <= most:
                raise ValueError(f"{name} {asked:,}, expected 0 to {most:,}")  # noqa: TRY003
        if not 1 <= self.embedding <= 32:  # noqa: PLR2004 see above
            raise ValueError(f"embedding {self.embedding}, expected 1 to 32")  # noqa: TRY003
        if not self.hidden and not self.horizon:
            raise ValueError("neither hidden steps nor a horizon: nothing to learn")  # noqa: TRY003

    @property
    def steps(self) -> int:
        """What a block sees: the window, and what is forecast."""
        return self.length + self.horizon

    @property
    def hidden(self) -> int:
        """Steps of a window that are hidden."""
        return round(self.mask * self.length)


class Inception(nn.Module):
    """Parallel kernels, trained apart and applied as one."""

    def __init__(self, inputs: int, outputs: int, kernels: int) -> None:
        super().__init__()
        sides = range(1, 2 * kernels, 2)
        self.kernels = nn.ParameterList(torch.empty(outputs, inputs, one, one) for one in sides)
        self.bias = nn.Parameter(torch.zeros(kernels, outputs))
        for kernel in self.kernels:
            nn.init.kaiming_normal_(kernel, mode="fan_out", nonlinearity="relu")

    def merged(self) -> tuple[Tensor, Tensor]:
        """The one kernel, (outputs, inputs, side, side), and its bias."""
        total, *wider = list(self.kernels)
        for kernel in wider:
            total = F.pad(total, [1] * 4) + kernel
        merged: Tensor = total / len(self.kernels)
        return merged, self.bias.mean(0)


def cropped(kernel: Tensor, rows: int, columns: int) -> Tensor:
    """The part of a kernel that reaches from one place of a grid to another."""
    side = kernel.shape[-1]
    down, across = (max(0, side // 2 - (extent - 1)) for extent in (rows, columns))
    part = kernel[..., down : side - down, across : side - across]
    return part.contiguous(memory_format=torch.channels_last)


def convolved(x: Tensor, kernel: Tensor, bias: Tensor, grid: Grid) -> Tensor:
    """Grids (batch, rows * columns, inputs) by a cropped kernel, place by place.

    A narrow grid alone would be computed by another routine, which rounds otherwise, and is
    therefore given company.
    """
    count = len(x)
    if count == 1 and min(grid) <= 2:  # noqa: PLR2004 all sizes were tried
        x = x.repeat(2, 1, 1)
    reach = (kernel.shape[2] // 2, kernel.shape[3] // 2)
    folded = x.view(len(x), *grid, -1).permute(0, 3, 1, 2)  # as it lies, channels are last
    return F.conv2d(folded, kernel, bias, padding=reach).permute(0, 2, 3, 1).flatten(1, 2)[:count]


def by_waves(x: Tensor, kernel: Tensor, bias: Tensor, grid: Grid) -> Tensor:
    """The same by a product of spectra, which is less work where a kernel is wide."""
    count, (outputs, inputs, *sides) = len(x), kernel.shape
    to = waves(grid, (sides[0] // 2, sides[1] // 2), x.device)
    across = x.permute(1, 2, 0).reshape(*grid, inputs * count)  # what is a window's comes last
    spectrum = _turned(to.columns, to.rows, across).view(-1, 2 * inputs, count)
    weights = _turned(to.kernel_columns, to.kernel_rows, kernel.permute(2, 3, 0, 1).flatten(2))
    left = weights.view(-1, 2, 2, outputs, inputs).permute(0, 2, 3, 1, 4)
    product = torch.bmm(left.reshape(-1, 2 * outputs, 2 * inputs), spectrum)
    waved = product.view(-1, to.back_rows.shape[1], outputs * count)
    rows = torch.bmm(to.back_rows.expand(len(waved), -1, -1), waved).view(
        -1, grid[0], waved.shape[2]
    )
    back = torch.bmm(to.back_columns.expand(grid[0], -1, -1), rows.transpose(0, 1))
    return (back.view(-1, outputs, count) + bias[:, None]).permute(2, 0, 1)


def _turned(columns: Tensor, rows: Tensor, x: Tensor) -> Tensor:
    """Along the columns of each row (rows, columns, n), and then along all rows."""
    along = torch.bmm(columns.expand(len(x), -1, -1), x)  # (rows, 2 * waves, n)
    along = along.view(2 * len(x), -1, x.shape[2]).transpose(0, 1)
    return torch.bmm(rows.expand(len(along), -1, -1), along)


class Waves(NamedTuple):
    """Fourier transforms of a grid, of a kernel, and back; real and imaginary parts as two."""

    columns: Tensor
    rows: Tensor
    kernel_columns: Tensor
    kernel_rows: Tensor
    back_columns: Tensor
    back_rows: Tensor


@cache
def waves(grid: Grid, reach: Grid, device: torch.device) -> Waves:
    """Of a grid that is thought of as so much larger that no kernel reaches round its edge.

    Along columns, of two waves that mirror each other one is left out, and the other counts twice.
    """
    rows, columns = (side + beyond for side, beyond in zip(grid, reach, strict=True))
    down, across = np.arange(rows), np.arange(columns // 2 + 1)
    counts = np.where((across == 0) | (2 * across == columns), 1, 2) / columns

    def angles(numbers: Array, places: Array, size: int) -> tuple[Array, Array]:
        turns = 2 * np.pi * np.outer(numbers, places) / size
        return np.cos(turns), np.sin(turns)

    there, away = np.arange(grid[1]), np.arange(-reach[1], reach[1] + 1)
    cos, sin = angles(across, there, columns)
    forth = np.concatenate((cos, -sin))
    back = np.stack((cos.T * counts, -sin.T * counts), 2).reshape(grid[1], -1)
    kernel_forth = np.concatenate(angles(across, away, columns))
    cos, sin = angles(down, np.arange(grid[0]), rows)
    turn = np.stack((np.stack((cos, sin), 2), np.stack((-sin, cos), 2)), 1)
    turned = turn.reshape(2 * rows, -1)
    back_turn = np.stack((np.stack((cos, -sin), 2), np.stack((sin, cos), 2)))
    back_turned = back_turn.transpose(0, 2, 1, 3).reshape(2 * grid[0], -1) / rows
    cos, sin = angles(down, np.arange(-reach[0], reach[0] + 1), rows)
    real, imaginary = np.stack((cos, -sin), 2), np.stack((sin, cos), 2)
    kernel_turned = np.stack((real, imaginary, -imaginary, real), 1).reshape(4 * rows, -1)
    each = (forth, turned, kernel_forth, kernel_turned, back, back_turned)
    return Waves(*(torch.from_numpy(one.astype(np.float32)).to(device) for one in each))


class TimesBlock(nn.Module):
    """A window by its periods, and what each adds to it."""

    def __init__(self, settings: TimesNetSettings) -> None:
        super().__init__()
        self.inward = Inception(settings.d_model, settings.d_ff, settings.kernels)
        self.outward = Inception(settings.d_ff, settings.d_model, settings.kernels)
        self.ready: dict[int, Kernels] = {}

    def kernels(self, periods: Sequence[int], steps: int) -> dict[int, Kernels]:
        """Those of each period; made once where nothing is learnt any more."""
        inward, first = self.inward.merged()
        outward, second = self.outward.merged()
        grids = {period: (ceil(steps / period), period) for period in periods}
        return {
            period: (cropped(inward, *grid), first, cropped(outward, *grid), second)
            for period, grid in grids.items()
        }

    def forward(self, x: Tensor, frequencies: Sequence[int]) -> Tensor:
        """(batch, steps, d_model) to the same; see 1 to 4."""
        steps = x.shape[1]
        periods = [steps // frequency for frequency in frequencies]
        weights = amplitudes(x)[:, list(frequencies)].softmax(1)
        added = x
        for period, kernels in (self.ready or self.kernels(periods, steps)).items():
            grid = (ceil(steps / period), period)
            folded = F.pad(x, (0, 0, 0, grid[0] * period - steps))
            wide = not self.ready and kernels[0][0, 0].numel() >= WIDE
            apply = by_waves if wide else convolved
            seen = apply(F.gelu(apply(folded, *kernels[:2], grid)), *kernels[2:], grid)
            weight = weights[:, [n for n, one in enumerate(periods) if one == period]].sum(1)
            added = added + weight[:, None, None] * seen[:, :steps]
        return added


def amplitudes(x: Tensor) -> Tensor:
    """Of each frequency, (batch, steps // 2 + 1), the mean over channels."""
    found: Tensor = torch.fft.rfft(x, dim=1).abs().mean(2)
    return found


class Network(nn.Module):
    """Blocks, the embedding, and the heads that it is trained by."""

    places: Tensor

    def __init__(self, settings: TimesNetSettings) -> None:
        super().__init__()
        self.settings = settings
        wide, channels, inner = settings.d_model, settings.channels, settings.d_ff
        self.value = nn.Linear(3 * channels, wide, bias=False)
        nn.init.kaiming_normal_(self.value.weight, nonlinearity="leaky_relu")
        self.hidden = nn.Parameter(torch.zeros(wide))
        self.each = [TimesBlock(settings) for _ in range(settings.layers)]
        self.blocks = nn.ModuleList(self.each)
        self.norm = nn.LayerNorm(wide)
        self.embedding = nn.Linear(wide, settings.embedding)
        if settings.horizon:
            self.extend = nn.Linear(settings.length, settings.steps)
            self.project = nn.Linear(wide, channels)
        if settings.hidden:
            self.mix = nn.Linear(wide + settings.embedding, inner)
            self.rebuild = nn.Linear(inner, channels)
        self.register_buffer("places", _places(settings.length, wide), persistent=False)
        self.frequencies = [list(range(1, settings.top_k + 1))] * settings.layers

    def first(self, x: Tensor, hidden: Tensor | None = None, keep: Tensor | None = None) -> Tensor:
        """What the first block is given.

        Args:
            x: (batch, length, channels).
            hidden: (batch, length), what is hidden.
            keep: (batch, length, d_model), zero for what dropout leaves out.
        """
        if hidden is not None:
            x = x.masked_fill(hidden[..., None], 0.0)
        around = torch.cat((x.roll(1, 1), x, x.roll(-1, 1)), 2)
        h: Tensor = self.value(around) + self.places
        if hidden is not None:
            h = h + hidden[..., None] * self.hidden
        if keep is not None:
            h = h * keep
        if self.settings.horizon:
            h = self.extend(h.transpose(1, 2)).transpose(1, 2)
        return h

    def body(self, h: Tensor, *, fit: bool = False) -> Tensor:
        """From the first block to the last LayerNorm, which is left out; frequencies fitted."""
        for number, block in enumerate(self.each):
            h = self.norm(h) if number else h
            if fit:  # the mean of a window is no frequency
                strongest = amplitudes(h).mean(0)[1:].topk(self.settings.top_k).indices + 1
                self.frequencies[number] = strongest.tolist()
            h = block(h, self.frequencies[number])
        return h

    def embedded(self, h: Tensor) -> Tensor:
        """(batch, embedding) of what the body gives; each row by itself, unlike in a product."""
        mean = h[:, : self.settings.length].mean(1)
        return (mean[:, None, :] * self.embedding.weight).sum(2) + self.embedding.bias

    def normal(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Windows as they go in, and by what mean and deviation; see 7."""
        x = x[:, : self.settings.length]
        if not self.settings.horizon:
            return x, x.new_zeros(()), x.new_ones(())
        mean = x.mean(1, keepdim=True)
        deviation = (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
        return (x - mean) / deviation, mean, deviation

    def errors(
        self, x: Tensor, hidden: Tensor | None, keep: Tensor | None = None, *, fit: bool = False
    ) -> list[Tensor]:
        """Of each head that is on, the errors that its loss is the mean square of."""
        length, (normal, mean, deviation) = self.settings.length, self.normal(x)
        h = self.body(self.first(normal, hidden, keep), fit=fit)
        errors, after = [], self.norm(h)
        if hidden is not None:
            whole = self.embedded(h)[:, None, :].expand(-1, length, -1)
            mixed = self.mix(torch.cat((after[:, :length], whole), 2))
            errors.append((self.rebuild(F.gelu(mixed)) - normal)[hidden])
        if self.settings.horizon:
            errors.append(self.project(after[:, length:]) * deviation + mean - x[:, length:])
        return errors

    def settle(self) -> None:
        """Nothing is learnt any more, and each kernel is made once."""
        self.eval().requires_grad_(requires_grad=False)
        for block, frequencies in zip(self.each, self.frequencies, strict=True):
            periods = [self.settings.steps // frequency for frequency in frequencies]
            block.ready = block.kernels(periods, self.settings.steps)

    def weights(self) -> dict[str, Array]:
        """All of it, to be saved."""
        named = {name: one.cpu().numpy().copy() for name, one in self.state_dict().items()}
        return named | {"frequencies": np.array(self.frequencies, dtype=np.int64)}

    def take(self, weights: Weights) -> None:
        """What was saved, in place of what is there."""
        self.frequencies = weights["frequencies"].tolist()
        kept = {name: one for name, one in weights.items() if name != "frequencies"}
        self.load_state_dict({name: torch.from_numpy(one.copy()) for name, one in kept.items()})


def check_shapes(weights: Weights, settings: TimesNetSettings) -> None:
    """Refuse weights of another network, before any memory is taken for this one."""
    with torch.device("meta"):
        expected = {name: tuple(one.shape) for name, one in Network(settings).state_dict().items()}
    expected["frequencies"] = (settings.layers, settings.top_k)
    found = {name: one.shape for name, one in weights.items()}
    differing = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if differing:
        name = differing[0]
        raise ValueError(  # noqa: TRY003 whoever reads the snapshot says which
            f"weights of another network: {len(differing)} differ, {name} is "
            f"{found.get(name, 'missing')}, expected {expected.get(name, 'none')}"
        )


def _places(length: int, wide: int) -> Tensor:
    """Where a step stands, as sines and cosines (Vaswani et al., NeurIPS 2017)."""
    turns = torch.arange(length)[:, None] * 10_000.0 ** (-torch.arange(0, wide, 2) / wide)
    return torch.stack((turns.sin(), turns.cos()), 2).flatten(1)[:, :wide]
