"""Long-term forecasting on ETTh1, as it is published for TimesNet: is ours one?

Oil temperature and six loads of a transformer, by the hour: 12, 4 and 4 months to learn from, to
choose the epoch by and to test on, standardised by the first; 96 hours in, 96 out. The sizes are
those of Wu et al. (TimesNet, ICLR 2023), who report a mean squared error of .384 and a mean
absolute error of .402. Every window of the test months counts. Unlike theirs
our network is not told the hour of the day, its frequencies are frozen where it is tested, and its
weights are averaged over steps of a rate four times as high.

    python benchmarks/etth1.py --data FOLDER [--epochs 3] [--seed 1] [--threads 2] [--device cpu]
        [--work FOLDER]
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tiltyard.learners.job import Job, Step
from tiltyard.learners.timesnet import Fitted, TimesNetSettings, train
from tiltyard.learners.timesnet_network import Network
from tiltyard.learners.windows import Windows

LENGTH, HORIZON, CHANNELS = 96, 96, 7
MONTHS = {"train": (0, 12), "valid": (12, 16), "test": (16, 20)}
MONTH = 30 * 24
RATE, AVERAGED = 4e-4, 0.99
MOST_SQUARED, MOST_ABSOLUTE = 0.40, 0.42


def parts(file: Path) -> dict[str, Windows]:
    """Each begins a window's length early, so that its first hour is forecast."""
    hours = pl.read_parquet(file).drop("date").to_numpy().astype(np.float64)
    learnt = hours[: 12 * MONTH]
    hours = ((hours - learnt.mean(0)) / learnt.std(0)).astype(np.float32)
    return {
        name: windows_of(hours[max(0, first * MONTH - LENGTH) : end * MONTH])
        for name, (first, end) in MONTHS.items()
    }


def windows_of(hours: NDArray[np.float32]) -> Windows:
    data = sliding_window_view(hours, LENGTH + HORIZON, axis=0).transpose(0, 2, 1)
    n = len(data)
    return Windows(data, np.zeros(n, np.int64), np.arange(n) * 3600, ("transformer",))


def tested(settings: TimesNetSettings, fitted: Fitted, test: Windows) -> tuple[float, float]:
    """Mean squared and mean absolute error over all windows."""
    network = Network(settings)
    network.take(fitted.weights)
    network.settle()
    squared = absolute = 0.0
    with torch.inference_mode():
        for at in range(0, len(test), 64):
            some = torch.from_numpy(test.data[at : at + 64].copy())
            (errors,) = network.errors(some, None)
            squared += float(errors.square().double().sum())
            absolute += float(errors.abs().double().sum())
    count = len(test) * HORIZON * CHANNELS
    return squared / count, absolute / count


def compare(data: Path, epochs: int, seed: int, job: Job) -> bool:
    settings = TimesNetSettings(
        length=LENGTH, channels=CHANNELS, horizon=HORIZON, mask=0.0, d_model=16, d_ff=32, layers=2,
        top_k=5, batch=32, rate=RATE, averaged=AVERAGED, halved_from=3,
        epochs=epochs,
    )  # fmt: skip
    windows = parts(data / "etth1.parquet")
    started, worked = time.perf_counter(), time.process_time()

    def spent() -> float:
        return time.perf_counter() - started

    told = 1.0

    def tell(step: Step) -> None:
        nonlocal told
        if (epoch := step.numbers["epoch"]) > told:
            print(
                f"epoch {told:.0f}: valid {step.numbers['valid']:.4f}, {spent():,.0f} s", flush=True
            )
        told = epoch

    job = replace(job, tell=tell)
    fitted = train(settings, windows["train"], valid=windows["valid"], seed=seed, job=job)
    both = zip(fitted.history["train"], fitted.history["valid"], strict=True)
    for number, (learnt, valid) in enumerate(both, 1):
        print(f"epoch {number}: train {learnt:.4f}, valid {valid:.4f}")
    squared, absolute = tested(settings, fitted, windows["test"])
    holds = squared <= MOST_SQUARED and absolute <= MOST_ABSOLUTE
    print(
        f"epoch {fitted.history['best_epoch']}, {len(windows['test']):,} test windows: MSE "
        f"{squared:.4f}, MAE {absolute:.4f}; gate {MOST_SQUARED:.2f} and {MOST_ABSOLUTE:.2f}: "
        f"{'held' if holds else 'MISSED'}; {spent():,.0f} s, "
        f"{time.process_time() - worked:,.0f} s of a core, {torch.get_num_threads()} threads"
    )
    return holds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder of etth1.parquet")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--work", type=Path, help="where unfinished epochs are kept")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(mode=True)
    job = Job(folder=options.work, device=options.device)
    return 0 if compare(options.data, options.epochs, options.seed, job) else 1


if __name__ == "__main__":
    sys.exit(main())
