"""Bars that are drawn, and what was trained on them: a tiny encoder in a snapshot that serves.

An hour of a *calm* market moves by 1 %, of a *wild* one by 4 %; each is drawn by itself, so
windows of four hours soon say something new.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import torch

from floors import put_bars
from tiltyard.learners.encoder import Encoder
from tiltyard.learners.job import Job
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.snapshot_folder import save
from tiltyard.learners.timesnet import TimesNetSettings, train
from tiltyard.learners.timesnet_snapshot import snapshot_of
from tiltyard.learners.windows import ChannelScaler, windows_of
from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.candles import candles_of
from tiltyard.shell.drift.task import Task

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
SPAN = timedelta(days=40)
SOL, BTC = "SOL/USDT", "BTC/USDT"
CALM, WILD = 0.01, 0.04
TINY = TimesNetSettings(
    length=4, d_model=4, d_ff=4, layers=1, top_k=1, kernels=2, embedding=2, epochs=1, batch=64,
    rate=1e-2,
)  # fmt: skip


def drawn(
    symbol: str, until: datetime, hours: int, moves: float = CALM, seed: int = 7
) -> list[Bar]:
    """So many hours until then."""
    rng = np.random.default_rng([seed, len(symbol), ord(symbol[0])])
    closes = 100 * np.exp(np.cumsum(rng.normal(0, moves, hours)))
    opens = np.concatenate([[100], closes[:-1]])
    above, below = np.exp(np.abs(rng.normal(0, moves, (2, hours))))
    volumes = np.exp(rng.normal(5, 0.5, hours))
    columns = zip(
        opens, np.maximum(opens, closes) * above, np.minimum(opens, closes) / below, closes,
        volumes, strict=True,
    )  # fmt: skip
    first = until - hours * HOUR
    return [
        Bar(symbol, first + number * HOUR, *map(float, row)) for number, row in enumerate(columns)
    ]


@cache
def trained() -> Snapshot:
    """An encoder of two symbols; its head is not asked for anything here."""
    torch.set_num_threads(1)
    candles = [candles_of(drawn(name, BEGAN, 800), HOUR) for name in (BTC, SOL)]
    scaler = ChannelScaler.fit(candles)
    windows = windows_of(candles, TINY.length, scaler)
    fitted = train(TINY, windows, seed=7, job=Job())
    made = snapshot_of(
        TINY, fitted, windows, channels=scaler.to_json(), data={"hours": 800}, seed=7
    )
    return Snapshot(
        "tabnet",
        {f"encoder.{name}": one for name, one in made.weights.items()},
        made.arrays,
        {"encoder": asdict(TINY), "symbols": [BTC, SOL], "interval_seconds": 3600},
        made.scalers,
        made.lineage,
    )


def encoder() -> Encoder:
    """The one in it, by itself."""
    weights = {name.removeprefix("encoder."): one for name, one in trained().weights.items()}
    return Encoder.from_weights(weights, TINY)


def put_market(folder: Path, bars: Mapping[str, list[Bar]]) -> None:
    """Files of bars, one each symbol."""
    folder.mkdir(exist_ok=True)
    for symbol, some in bars.items():
        put_bars(folder / f"{symbol.replace('/', '_')}-1h.csv", some)


def market(
    folder: Path, moves: float, until: datetime = NOON, hours: int = 1000, seed: int = 11
) -> Path:
    """A folder of bars of both symbols, none of which the encoder was trained on."""
    put_market(folder, {name: drawn(name, until, hours, moves, seed) for name in (BTC, SOL)})
    return folder


def kept(folder: Path, snapshot: Snapshot | None = None) -> str:
    """A snapshot in a folder; the name of the policy that it serves."""
    return save(snapshot or trained(), folder, BEGAN).name


def task(folder: Path, bars: Path, *, now: datetime = NOON, span: timedelta = SPAN) -> Task:
    """To measure the encoder, kept in a folder of models beside the bars."""
    models = folder / "models"
    return Task(kept(models), "", models, bars, span, now)
