"""Orders that are carried out in a second: a small market in a folder, and small networks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from small_candidates import SETTINGS, market
from tiltyard.market.candles import Candles
from tiltyard.shell.clock import system_now
from tiltyard.shell.training.bars import read_bars
from tiltyard.shell.training.order import Order, What
from tiltyard.shell.training.running import Made, World, train

HOURS = 24 * 70
SMALL = replace(
    SETTINGS,
    encoder=replace(SETTINGS.encoder, epochs=2, batch=32),
    head=replace(SETTINGS.head, epochs=2, patience=2),
)


def write_bars(folder: Path, *symbols: str, hours: int = HOURS, interval: str = "1h") -> None:
    """Files as somebody keeps them."""
    folder.mkdir(parents=True, exist_ok=True)
    for symbol, candles in market(*symbols, hours=hours).items():
        name = f"{symbol.replace('/', '_')}-{interval}.parquet"
        frame_of(candles).write_parquet(folder / name)


def frame_of(candles: Candles) -> pl.DataFrame:
    """Rows of a file."""
    columns = ("open", "high", "low", "close", "volume")
    return pl.DataFrame(
        {"timestamp": candles.opened_at * 1000} | {one: getattr(candles, one) for one in columns}
    )


def order(what: What, folder: Path) -> Order:
    """Of the bars in a folder, snapshots beside them."""
    return Order(what, folder / "bars", folder / "models", symbols=("SOL",), threads=1)


def trained(folder: Path, **changed: Any) -> Made:  # noqa: ANN401 fields of an order, by name
    """A candidate of the bars in a folder, by an order that is changed so."""
    asked = replace(order("tabnet", folder), **changed)
    bars = read_bars(asked.folder, asked.symbols, None, asked.since, asked.until)
    clock = iter(range(10_000))
    return train(asked, bars, World(system_now, lambda: float(next(clock))), SMALL)
