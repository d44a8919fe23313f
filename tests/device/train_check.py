"""On a machine with a GPU: does what is trained there serve here as it was trained?

Run it from the checkout, where torch sees a GPU and safetensors and numpy are installed; nothing
else is needed, and no network:

    CUBLAS_WORKSPACE_CONFIG=:4096:8 PYTHONPATH=src python tests/device/train_check.py

It trains an encoder on simulated hours and a head on rows of which the truth is known, on the
processor and on the GPU, and prints windows and rows a second of both, the losses, and how far
apart embeddings and probabilities of one snapshot are that was trained on the GPU and serves on
the processor, where torch computed them last on the GPU. It trains on the GPU a second time, and
a third time going on from the checkpoint of an interrupted run. It ends with 0 when what serves is
the same to 1e-4, losses of both devices are within a tenth, and reruns are bit for bit the same;
with 1 when not; with 2 when torch sees no GPU. It takes a few minutes.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import numpy as np
import torch

from tiltyard.learners.encoder import encoder_from
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot_folder import load, save
from tiltyard.learners.tabnet import Head, TabNetSettings, fit
from tiltyard.learners.timesnet import (
    Fitted,
    TimesNetSettings,
    train,
)
from tiltyard.learners.timesnet_network import Network
from tiltyard.learners.timesnet_snapshot import snapshot_of
from tiltyard.learners.windows import ChannelScaler, Windows, windows_of
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import candles_of
from tiltyard.market.simulated import DEFAULT, simulated_hours

START = datetime(2024, 1, 1, tzinfo=UTC)
SEED, HOURS = 7, 6_000
ENCODER = TimesNetSettings(epochs=4, batch=256)
HEAD = TabNetSettings(inputs=11, classes=2, epochs=12, batch=2_048, virtual_batch=256)
SAME, ALIKE = 1e-4, 0.1
T = TypeVar("T")


class StoppedError(Exception):
    """The run was interrupted, on purpose."""


def main() -> int:
    """Train on both, compare, print, and say how it came out."""
    if not torch.cuda.is_available():
        print("torch sees no GPU: nothing to check")
        return 2
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.allow_tf32 = False  # ten bits of a product are no reason to differ
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}")
    is_right = [check_encoder(), check_head()]
    print("all as it should be" if all(is_right) else "NOT as it should be")
    return 0 if all(is_right) else 1


def check_encoder() -> bool:
    """Windows of simulated hours."""
    windows, scaler = simulated_windows()
    on = {device: timed(lambda device=device: train(  # type: ignore[misc] # bound at once
        ENCODER, windows, seed=SEED, job=Job(device=device)
    )) for device in ("cpu", "cuda")}  # fmt: skip
    for device, (made, seconds) in on.items():
        rate = ENCODER.epochs * made.history["learnt_from"] / seconds
        print(f"encoder on {device:<5}{rate:>10,.0f} windows/s, losses {losses(made)}")
    there = on["cuda"][0]
    apart = served_apart(there, windows, scaler)
    print(f"  embeddings served on the processor: {apart:.1e} from those of the GPU")
    again = train(ENCODER, windows, seed=SEED, job=Job(device="cuda"))
    resumed = interrupted(windows)
    same = [equal(there.weights, one.weights) for one in (again, resumed)]
    print(f"  a second run is the same: {same[0]}; an interrupted one, too: {same[1]}")
    both = [made.history["valid"][-1] for made, _ in on.values()]
    return apart < SAME and all(same) and abs(both[0] - both[1]) < ALIKE * both[0]


def check_head() -> bool:
    """Rows whose class depends on four of their eleven numbers."""
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((40_000, HEAD.inputs)).astype(np.float32)
    odds = 1 / (1 + np.exp((x[:, 2:6] ** 2).sum(1) - 4))
    y = (rng.random(len(x)) < odds).astype(np.int64)
    valid, found = (x[:8_000], y[:8_000]), {}
    for device in ("cpu", "cuda"):
        made, seconds = timed(lambda device=device: fit(  # type: ignore[misc] # bound at once
            HEAD, x[8_000:], y[8_000:], valid=valid, seed=SEED, job=Job(device=device)
        ))  # fmt: skip
        epochs = len(made.history["valid"])
        found[device] = made, min(made.history["valid"])
        rate = epochs * 32_000 / seconds
        print(f"head on    {device:<5}{rate:>10,.0f} rows/s, best loss {found[device][1]:.4f}")
    made = found["cuda"][0]
    head = Head.from_weights(made.weights, HEAD, made.scaler)
    alone = np.concatenate([head.probabilities(row[None]) for row in x[:200]])
    apart = float(np.abs(alone - head.probabilities(x[:200])).max())
    loss = -float(np.log(head.probabilities(x[:8_000])[np.arange(8_000), y[:8_000]]).mean())
    print(f"  served on the processor: loss {loss:.4f}, a row alone {apart:.1e} from its batch")
    best = [one for _, one in found.values()]
    return (
        abs(loss - best[1]) < SAME * 10
        and apart < SAME
        and abs(best[0] - best[1]) < ALIKE * best[0]
    )


def simulated_windows() -> tuple[Windows, ChannelScaler]:
    """Of two symbols."""
    hours = simulated_hours(DEFAULT, START, HOURS, np.random.default_rng(SEED))
    names = ("BTC/USDT", "SOL/USDT")
    candles = [candles_of([bars[name] for bars in hours], HOUR) for name in names]
    scaler = ChannelScaler.fit(candles)
    return windows_of(candles, ENCODER.length, scaler), scaler


def served_apart(made: Fitted, windows: Windows, scaler: ChannelScaler) -> float:
    """How far apart embeddings are: by the GPU, and by a snapshot that was saved and loaded."""
    some = windows.data[:512]
    with tempfile.TemporaryDirectory() as folder:
        snapshot = snapshot_of(
            ENCODER, made, windows, channels=scaler.to_json(), data={"hours": HOURS}, seed=SEED
        )
        path = save(snapshot, Path(folder), START)
        here = encoder_from(load(path, snapshot.digest)).embed(some)
    network = Network(ENCODER)
    network.take(made.weights)
    network.to("cuda").settle()
    with torch.inference_mode():
        given = network.normal(torch.from_numpy(some.copy()).to("cuda"))[0]
        there = network.embedded(network.body(network.first(given))).cpu().numpy()
    return float(np.abs(here - there).max())


def interrupted(windows: Windows) -> Fitted:
    """A run that was stopped in its third epoch, and one that went on from it."""
    with tempfile.TemporaryDirectory() as folder:
        kept: list[int] = []

        def stop() -> None:
            kept.append(1)
            if len(kept) == 2:
                raise StoppedError

        stopped = Job(folder=Path(folder), device="cuda", saved=stop)
        with suppress(StoppedError):
            train(ENCODER, windows, seed=SEED, job=stopped)
        return train(ENCODER, windows, seed=SEED, job=Job(folder=Path(folder), device="cuda"))


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and how many seconds it took."""
    began = perf_counter()
    made = work()
    torch.cuda.synchronize()
    return made, perf_counter() - began


def equal(one: object, other: object) -> bool:
    """Whether two sets of weights are the same bit for bit."""
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def losses(made: Fitted) -> str:
    """By epoch, for people."""
    return ", ".join(f"{one:.4f}" for one in made.history["valid"])


if __name__ == "__main__":
    sys.exit(main())
