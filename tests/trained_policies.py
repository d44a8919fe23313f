"""Tiny trained policies: made as real ones are, of few bars, in a second."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from math import isfinite, log
from pathlib import Path

import numpy as np
import torch

from tiltyard.features.table import table_of
from tiltyard.learners import tabnet, timesnet
from tiltyard.learners.acting import Acting
from tiltyard.learners.encoder import Encoder
from tiltyard.learners.head import TabNetSettings
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import save
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import candles_of

MADE_AT = datetime(2025, 4, 30, 12, tzinfo=UTC)
FEATURES = ("return_4", "volatility_24", "rsi_14")
LENGTH = 16
MEANS = (-1.5, -0.5, 0.0, 0.5, 1.5)
ENCODER = timesnet.TimesNetSettings(
    length=LENGTH, d_model=4, d_ff=4, layers=1, top_k=2, kernels=2, embedding=4, epochs=1, batch=64
)


def wavy(start: datetime, hours: int, symbol: str = "SOL/USDT") -> list[Bar]:
    """A price that goes up and down by chance, the same each time."""
    rng = np.random.default_rng(5)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, hours + 1)))
    wide = 1 + np.abs(rng.normal(0, 0.004, (2, hours)))
    volumes = rng.lognormal(3, 0.5, hours)
    bars = []
    for n in range(hours):
        first, last = float(closes[n]), float(closes[n + 1])
        high, low = max(first, last) * float(wide[0, n]), min(first, last) / float(wide[1, n])
        bars.append(Bar(symbol, start + n * HOUR, first, high, low, last, float(volumes[n])))
    return bars


@contextmanager
def one_thread() -> Iterator[None]:
    """Digits depend on how many threads there are, and others set that in the same process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def trained_on(
    bars: Sequence[Bar],
    *,
    features: Sequence[str] = FEATURES,
    margin: float = 0.0,
    seed: int = 1,
    **changed: object,
) -> Snapshot:
    """A snapshot of kind ``tabnet``, of bars of one symbol; it is always in the market.

    Args:
        bars: What it learns from.
        features: What its head is told.
        margin: Of its acting.
        seed: Of both trainings.
        changed: Other settings than it has.
    """
    candles = candles_of(bars, HOUR)
    scaler = ChannelScaler.fit([candles])
    windows = windows_of([candles], LENGTH, scaler)
    encoded = timesnet.train(ENCODER, windows, seed=seed, job=Job())
    encoder = Encoder.from_weights(encoded.weights, ENCODER)
    table = table_of(bars, features, HOUR)
    at = np.searchsorted(table.as_of, windows.as_of)
    x = np.concatenate([table.values[at], encoder.embed(windows.data)], axis=1).astype(np.float32)
    whole = np.isfinite(x).all(axis=1)
    y = np.array([label(bars, int(n)) for n in at])
    head = TabNetSettings(x.shape[1], 5, n_d=4, n_a=4, steps=2, epochs=3, batch=128)
    fitted = tabnet.fit(head, x[whole], y[whole], seed=seed, job=Job())
    weights = {f"encoder.{name}": one for name, one in encoded.weights.items()}
    weights |= {f"head.{name}": one for name, one in fitted.weights.items()}
    settings = {
        "encoder": asdict(ENCODER), "head": asdict(head), "features": list(features),
        "symbols": [bars[0].symbol], "interval_seconds": 3600, "horizon": 24,
        "classes": {"edges": [-1.0, -0.3, 0.3, 1.0], "means": list(MEANS)},
        "acting": asdict(Acting(margin=margin)),
    }  # fmt: skip
    told = {"until": int(bars[-1].closes_at(HOUR).timestamp())}
    return Snapshot(
        "tabnet", weights, {"baseline": windows.data[:40], "baseline_as_of": windows.as_of[:40]},
        {**settings, **changed}, {"channels": scaler.to_json(), "features": fitted.scaler},
        {"data": told, "encoder": {"data": told}, "seed": seed},
    )  # fmt: skip


def label(bars: Sequence[Bar], number: int) -> int:
    """How far the price is four bars later, in five classes."""
    ahead = log(bars[min(number + 4, len(bars) - 1)].close / bars[number].close)
    return int(np.searchsorted([-0.02, -0.005, 0.005, 0.02], ahead))


@cache
def tiny() -> Snapshot:
    """One that knows SOL/USDT."""
    return trained_on(wavy(datetime(2025, 3, 1, tzinfo=UTC), 300))


@cache
def tiny_sizing() -> Snapshot:
    """One that says how much, with the same encoder and networks that learnt nothing."""
    whole, chance = tiny(), np.random.default_rng(7)
    inputs = len(FEATURES) + ENCODER.embedding
    widths = [inputs + 5, 8, 5]
    weights = {name: one for name, one in whole.weights.items() if name.startswith("encoder.")}
    for seed in (1, 2):
        for n, (wide, narrow) in enumerate(pairwise(widths), 1):
            drawn = chance.normal(size=(wide, narrow)).astype(np.float32)
            weights[f"seed_{seed}.layer_{n}.weights"] = drawn
            weights[f"seed_{seed}.layer_{n}.shift"] = np.zeros(narrow, np.float32)
    told = ("encoder", "features", "symbols", "interval_seconds")
    settings = {name: whole.settings[name] for name in told} | {
        "positions": [-1.0, -0.5, 0.0, 0.5, 1.0], "seeds": [1, 2],
        "rules": {"fee_bps": 5.0, "half_spread_bps": 1.0},
    }  # fmt: skip
    features = {"mean": [0.0] * inputs, "sd": [0.02, 0.01, 20.0, *[1.0] * ENCODER.embedding]}
    scalers = {"channels": whole.scalers["channels"], "features": features}
    return Snapshot("dqn", weights, whole.arrays, settings, scalers, {"seeds": [1, 2]})


@cache
def encoder_alone() -> Snapshot:
    """What is no policy."""
    whole = tiny()
    weights = {
        name.removeprefix("encoder."): one
        for name, one in whole.weights.items()
        if name.startswith("encoder.")
    }
    return Snapshot("timesnet", weights, whole.arrays, whole.settings["encoder"])


def spoilt(snapshot: Snapshot) -> Snapshot:
    """The same with weights in which no number is finite."""
    weights = {
        name: np.full_like(one, np.nan) if name in ("head.final", "seed_2.layer_2.shift") else one
        for name, one in snapshot.weights.items()
    }
    return Snapshot(
        snapshot.kind, weights, snapshot.arrays, snapshot.settings, snapshot.scalers,
        snapshot.lineage,
    )  # fmt: skip


def put_model(folder: Path, snapshot: Snapshot | None = None) -> Path:
    """Keep a snapshot in a folder; where it lies."""
    return save(snapshot or tiny(), folder, MADE_AT)


def finite(numbers: Sequence[float]) -> bool:
    return all(map(isfinite, numbers))
