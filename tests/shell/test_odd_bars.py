"""A file of bars that nobody thought of is wrong by itself, and the others are read."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from tiltyard.market.bar import HOUR
from tiltyard.shell.feeds.folder import BarFolder

AT = datetime(2025, 7, 1, tzinfo=UTC)
GOOD = {"timestamp": [AT], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0],
        "volume": [1.0]}  # fmt: skip
ODD: list[dict[str, object]] = [
    {"close": [[1.0, 2.0]]},
    {"close": [b"1.0"]},
    {"timestamp": [datetime(9999, 12, 31, 23, tzinfo=UTC)]},
    {"volume": [{"of": 1.0}]},
]


@pytest.mark.parametrize("odd", ODD)
def test_it_is_told_once_and_keeps_no_other_from_being_read(
    tmp_path: Path, odd: dict[str, object]
) -> None:
    pl.DataFrame(GOOD).write_parquet(tmp_path / "SOL_USDT-1h.parquet")
    pl.DataFrame({**GOOD, **odd}).write_parquet(tmp_path / "ETH_USDT-1h.parquet")
    said: list[str] = []
    bars = BarFolder(tmp_path, HOUR, said.append)
    for _ in range(4):
        bars.look(None)
    assert list(bars.at(AT)) == ["SOL/USDT"]
    assert len([line for line in said if "ETH_USDT-1h" in line]) <= 1
