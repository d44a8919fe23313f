"""Orders that are carried out in a second: a small market in a folder, and small networks."""

from dataclasses import replace
from pathlib import Path

import polars as pl

from small_candidates import SETTINGS, market
from tiltyard.market.candles import Candles
from tiltyard.shell.training.order import Order, What

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
