"""What a folder has to learn from, and everything that is wrong with what was asked, at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR
from tiltyard.shell.training.bars import Bars, read_bars
from training.small import write_bars

START = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten days of two markets."""
    write_bars(tmp_path, "BTC/USDT", "SOL/USDT", hours=240)
    return tmp_path


def read(folder: Path, *symbols: str, interval: timedelta | None = None) -> Bars:
    return read_bars(folder, symbols, interval, None, None)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((), ["BTC/USDT", "SOL/USDT"]),
        (("SOL/USDT", "BTC/USDT"), ["BTC/USDT", "SOL/USDT"]),
        (("sol", " BTC "), ["BTC/USDT", "SOL/USDT"]),
        (("SOL", "SOL/USDT"), ["SOL/USDT"]),
    ],
)
def test_markets_are_named_in_full_or_by_what_is_traded(
    folder: Path, asked: tuple[str, ...], found: list[str]
) -> None:
    bars = read(folder, *asked)
    assert list(bars.candles) == found
    assert {len(one) for one in bars.candles.values()} == {240}
    assert bars.interval == HOUR


def test_every_market_that_is_not_there_is_named_with_those_that_are(folder: Path) -> None:
    (folder / "SOL_USDC-1h.parquet").write_bytes((folder / "SOL_USDT-1h.parquet").read_bytes())
    with pytest.raises(TiltyardError) as refused:
        read(folder, "ETH", "SOL", "DOGE/USDT")
    said = str(refused.value)
    assert said.startswith("FEED_MISSING")
    assert "no bars of it @ ETH" in said
    assert "2 markets: SOL/USDC, SOL/USDT @ SOL" in said
    assert "no bars of it @ DOGE/USDT" in said
    assert "Bars of 1 h are there of BTC/USDT, SOL/USDC, SOL/USDT" in said


def test_of_several_lengths_an_hour_is_taken_and_another_where_it_is_named(folder: Path) -> None:
    write_bars(folder, "SOL/USDT", hours=12, interval="4h")
    assert len(read(folder, "SOL").candles["SOL/USDT"]) == 240
    assert read(folder, "SOL", interval=4 * HOUR).interval == 4 * HOUR
    with pytest.raises(TiltyardError, match="no bars of 1 d; there are 1 h, 4 h"):
        read(folder, interval=24 * HOUR)
    for file in folder.glob("*-1h.parquet"):
        file.rename(file.with_name(file.name.replace("1h", "2h")))
    with pytest.raises(
        TiltyardError, match=r"FEED_MIXED.*2 h, 4 h, and none of an hour.*--interval"
    ):
        read(folder)


def test_two_files_of_one_market_are_refused(folder: Path) -> None:
    (folder / "SOL_USDT-1h-futures.parquet").write_bytes(
        (folder / "SOL_USDT-1h.parquet").read_bytes()
    )
    with pytest.raises(TiltyardError, match=r"FEED_MIXED[\s\S]*has SOL/USDT, too"):
        read(folder)


def test_a_range_without_bars_is_told_of_every_market_with_what_there_is(folder: Path) -> None:
    with pytest.raises(TiltyardError) as refused:
        read_bars(folder, (), None, START + timedelta(days=99), None)
    said = str(refused.value)
    assert said.startswith("RANGE_EMPTY 2025-04-10T00:00:00Z to …")
    for symbol in ("BTC/USDT", "SOL/USDT"):
        assert ("they close from 2025-01-01T01:00:00Z to 2025-01-11T00:00:00Z @ " + symbol) in said
    with pytest.raises(TiltyardError, match="RANGE_EMPTY"):
        read_bars(folder, (), None, None, START)


def test_what_is_no_price_is_left_out_and_counted(folder: Path) -> None:
    file = folder / "SOL_USDT-1h.parquet"
    rows = pl.read_parquet(file).with_row_index()
    broken = rows.with_columns(
        close=pl.when(pl.col("index") == 5).then(float("nan")).otherwise(pl.col("close")),
        volume=pl.when(pl.col("index") == 6).then(0.0).otherwise(pl.col("volume")),
    ).filter(~pl.col("index").is_in([20, 21, 22]))
    broken.drop("index").write_parquet(file)
    bars = read(folder)
    assert bars.flawed == {"BTC/USDT": {}, "SOL/USDT": {"gap": 3, "impossible": 1, "no_volume": 1}}
    assert len(bars.candles["SOL/USDT"]) == 235


def test_a_file_without_any_price_is_said(folder: Path) -> None:
    file = folder / "SOL_USDT-1h.parquet"
    pl.read_parquet(file).with_columns(close=float("nan")).write_parquet(file)
    with pytest.raises(TiltyardError, match=r"no bar of it is a price: impossible @ SOL/USDT"):
        read(folder)


def test_funding_beside_the_bars_is_read(folder: Path) -> None:
    times = [START + timedelta(hours=8 * n) for n in range(5)]
    pl.DataFrame({"timestamp": times, "funding_rate": [0.0001] * 5}).write_parquet(
        folder / "SOL_USDT-funding.parquet"
    )
    bars = read(folder)
    assert list(bars.funding) == ["SOL/USDT"]
    assert bars.funding["SOL/USDT"].last(START + HOUR) == [0.0001]


@pytest.mark.parametrize("empty", [True, False])
def test_a_folder_without_bars_is_said(tmp_path: Path, *, empty: bool) -> None:
    folder = tmp_path if empty else tmp_path / "nowhere"
    with pytest.raises(TiltyardError, match=f"FEED_MISSING {folder}"):
        read(folder)
