"""One merged and cropped kernel beside the parallel ones it stands for; TimesNet beside another.

The parallel form is as it is published: six convolutions, stacked, their mean taken, for each
frequency by itself. Both forms have the same parameters, and the run checks that losses and
gradients agree before it times a block's and the whole network's way there and back.

The peer is neuralforecast's TimesNet (`pip install neuralforecast`), at the same sizes and on the
same windows: one channel, since it has no more, 96 hours in and 96 out, periods of each batch,
dropout, Adam. It is stepped by hand, without its trainer, which would only cost it time.

Last, how long the embedding of one window takes, which a decision waits for.

All of it by one thread; times are of a core, the fastest of several runs that take turns.

    python benchmarks/inception.py [--runs 10]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from math import ceil

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 as everybody calls it

from tiltyard.learners.encoder import Encoder
from tiltyard.learners.timesnet_network import (
    Inception,
    Network,
    TimesBlock,
    TimesNetSettings,
    amplitudes,
)

GATE, CLOSE, MOST_MS = 5.0, 1e-5, 3.0
BATCH = 32
STRONGEST = [4, 8, 1, 12, 2]
PUBLISHED = TimesNetSettings(channels=7, horizon=96, mask=0.0, top_k=5)
SIZES = {"as published": PUBLISHED, "encoder": TimesNetSettings()}
GATED = "as published"


class ParallelBlock(TimesBlock):
    """The same parameters, applied as they are published."""

    def forward(self, x: Tensor, frequencies: Sequence[int]) -> Tensor:
        steps, found = x.shape[1], []
        for period in (steps // frequency for frequency in frequencies):
            rows = ceil(steps / period)
            padded = F.pad(x, (0, 0, 0, rows * period - steps))
            grid = padded.view(len(x), rows, period, -1).permute(0, 3, 1, 2).contiguous()
            seen = parallel(self.outward, F.gelu(parallel(self.inward, grid)))
            found.append(seen.permute(0, 2, 3, 1).reshape(len(x), rows * period, -1)[:, :steps])
        weights = amplitudes(x)[:, list(frequencies)].softmax(1)
        return x + (torch.stack(found, -1) * weights[:, None, None, :]).sum(-1)


def parallel(layer: Inception, grid: Tensor) -> Tensor:
    each = [
        F.conv2d(grid, kernel, layer.bias[reach], padding=reach)
        for reach, kernel in enumerate(layer.kernels)
    ]
    mean: Tensor = torch.stack(each, -1).mean(-1)
    return mean


def network(settings: TimesNetSettings, *, merged: bool) -> Network:
    torch.manual_seed(7)
    made = Network(settings)
    made.frequencies = [STRONGEST[: settings.top_k]] * settings.layers
    if not merged:
        for block in made.each:
            block.__class__ = ParallelBlock
    return made


def there_and_back(made: Network, of: str) -> Callable[[], Tensor]:
    """What is timed: the loss of a batch and its gradients."""
    settings, draws = made.settings, torch.Generator().manual_seed(7)
    x = torch.randn((BATCH, settings.steps, settings.channels), generator=draws)
    h = torch.randn((BATCH, settings.steps, settings.d_model), generator=draws)
    hidden = torch.rand((BATCH, settings.length), generator=draws) < settings.mask

    def block() -> Tensor:
        seen: Tensor = made.each[0](h, made.frequencies[0])
        return seen.square().mean()

    def whole() -> Tensor:
        return made.errors(x, hidden if settings.mask else None)[0].square().mean()

    def run() -> Tensor:
        made.zero_grad()
        loss = block() if of == "block" else whole()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    return run


def differ(one: Network, other: Network) -> float:
    """The largest difference of a gradient, relative to the largest gradient."""
    pairs = [
        (mine.grad, theirs.grad)
        for mine, theirs in zip(one.parameters(), other.parameters(), strict=True)
        if mine.grad is not None and theirs.grad is not None
    ]
    return max(float((mine - theirs).abs().max() / theirs.abs().max()) for mine, theirs in pairs)


def fastest(work: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """Seconds of a core of each, taking turns; the first run of each does not count."""
    best = [float("inf")] * len(work)
    for turn in range(runs + 1):
        for which, one in enumerate(work):
            started = time.process_time()
            one()
            spent = time.process_time() - started
            if turn:
                best[which] = min(best[which], spent)
    return best


def against_parallel(runs: int) -> bool:
    holds = True
    for name, settings in SIZES.items():
        for of in ("block", "whole network"):
            forms = [network(settings, merged=merged) for merged in (True, False)]
            work = [there_and_back(form, of) for form in forms]
            mine, theirs = (float(one().detach()) for one in work)
            apart, gradients = abs(mine / theirs - 1), differ(*forms)
            mine, theirs = fastest(work, runs)
            holds &= max(apart, gradients) < CLOSE and (name != GATED or theirs / mine >= GATE)
            print(
                f"{name:13} {of:14} merged {mine * 1e3:6.1f} ms, parallel {theirs * 1e3:6.1f} ms: "
                f"{theirs / mine:.1f} x; loss and gradients differ by {apart:.0e}, {gradients:.0e}"
            )
    print(f"gate, for sizes as published: {GATE:.0f} x: {'held' if holds else 'MISSED'}")
    return holds


def against_peer(runs: int) -> None:
    from neuralforecast.models import TimesNet  # noqa: PLC0415 it is not needed for the rest

    settings = replace(PUBLISHED, channels=1)
    draws = torch.Generator().manual_seed(7)
    hours = torch.arange(BATCH)[:, None] + torch.arange(settings.steps)
    waves = (2 * torch.pi * hours / 24).sin() + (2 * torch.pi * hours / 168).sin()
    x = (waves + torch.randn(hours.shape, generator=draws))[..., None]
    window, after = x[:, : settings.length], x[:, settings.length :]
    torch.manual_seed(7)
    ours = Network(settings)
    theirs = TimesNet(
        h=settings.horizon, input_size=settings.length, hidden_size=settings.d_model,
        conv_hidden_size=settings.d_ff, top_k=settings.top_k, num_kernels=settings.kernels,
        encoder_layers=settings.layers, dropout=settings.dropout,
    ).train()  # fmt: skip
    optimisers = [torch.optim.Adam(one.parameters(), fused=True) for one in (ours, theirs)]

    def step(which: int, loss: Tensor) -> None:
        optimisers[which].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimisers[which].step()

    def our_step() -> None:
        shape = (BATCH, settings.length, settings.d_model)
        keep = (torch.rand(shape, generator=draws) >= settings.dropout) / (1 - settings.dropout)
        step(0, ours.errors(x, None, keep, fit=True)[0].square().mean())

    def their_step() -> None:
        forecast = theirs({"insample_y": window, "futr_exog": None})
        step(1, (forecast - after).square().mean())

    mine, other = (BATCH / seconds for seconds in fastest([our_step, their_step], runs))
    peer = f"neuralforecast {version('neuralforecast')}"
    print(
        f"a training step: {mine:,.0f} windows a second, {peer} {other:,.0f}: {mine / other:.1f} x"
    )


def of_one_window() -> bool:
    """What a decision waits for: the embedding of one window."""
    encoder = Encoder(network(TimesNetSettings(), merged=True))
    window = np.random.default_rng(7).standard_normal((1, 96, 4)).astype(np.float32)
    spent = []
    for _ in range(400):
        started = time.process_time()
        encoder.embed(window)
        spent.append((time.process_time() - started) * 1e3)
    fast, median, slow = np.quantile(spent[100:], (0.05, 0.5, 0.95))
    between = f"5 to 95 %: {fast:.2f} to {slow:.2f}"
    print(
        f"an embedding of one window: {median:.2f} ms of a core, {between} (budget {MOST_MS:.0f})"
    )
    return bool(median <= MOST_MS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    holds = against_parallel(options.runs)
    against_peer(options.runs)
    holds &= of_one_window()
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
