"""Whom the bars of a folder suit, while files come, go, and cannot be read."""

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from eventful_folders import eventful
from floors import put_bars
from tiltyard.learners.trained import Trained
from tiltyard.market.bar import HOUR
from tiltyard.market.costs import EVERY
from tiltyard.shell.feeds.folder import BarFolder
from tiltyard.shell.floor.fitting import Fitting
from trained_policies import MADE_AT, tiny, wavy

SOL, RATES = "SOL_USDT-1h.parquet", "SOL_USDT-funding.parquet"
INTERVAL = HOUR.total_seconds()


@cache
def needing(*, funding: bool = False) -> Trained:
    """The tiny policy, which knows SOL/USDT alone."""
    features = ["return_4", "volatility_24", "funding" if funding else "rsi_14"]
    return Trained(replace(tiny(), settings={**tiny().settings, "features": features}))


def put_rates(file: Path) -> None:
    times = [MADE_AT - timedelta(days=2) + n * EVERY for n in range(60)]
    pl.DataFrame({"time": times, "funding_rate": [1e-4] * len(times)}).write_parquet(file)


def look(bars: BarFolder) -> None:
    while bars.look(None):
        pass


@pytest.fixture
def bars(folder: Path) -> BarFolder:
    put_bars(folder / SOL, wavy(MADE_AT, 30))
    put_bars(folder / "ETH_USDT-1h.parquet", wavy(MADE_AT, 30, "ETH/USDT"))
    return BarFolder(folder, HOUR, lambda _: None)


def why(fitting: Fitting, seconds: float = 0.0, *, funding: bool = False) -> str:
    return fitting.misfits({"sol": needing(funding=funding)}, seconds).get("sol", "")


def test_funding_rates_that_are_away_for_less_than_an_interval_are_not_missed(
    bars: BarFolder,
) -> None:
    rates, fitting = bars.folder / RATES, Fitting(bars)
    put_rates(rates)
    assert not why(fitting, funding=True), "its name is enough until it was read"
    look(bars)
    assert not why(fitting, 10, funding=True)
    rates.rename(away := bars.folder / "away")
    look(bars)
    assert not why(fitting, 10 + INTERVAL - 1, funding=True)
    assert "none of SOL/USDT" in why(fitting, 10 + INTERVAL, funding=True)
    away.rename(rates)
    look(bars)
    assert not why(fitting, 11 + INTERVAL, funding=True)


def test_funding_rates_that_never_were_there_are_missed_at_once(bars: BarFolder) -> None:
    assert "none of SOL/USDT" in why(Fitting(bars), funding=True)
    look(bars)
    assert "none of SOL/USDT" in why(Fitting(bars), funding=True)


def test_a_file_that_cannot_be_read_is_none(bars: BarFolder) -> None:
    fitting = Fitting(bars)
    (bars.folder / SOL).write_bytes(b"garbage")
    put_rates(bars.folder / RATES)
    (bars.folder / RATES).write_bytes(b"garbage")
    assert not why(fitting)
    look(bars)
    assert "no bars of that" in why(fitting)
    (bars.folder / "ETH_USDT-1h.parquet").unlink()
    look(bars)
    assert "no bars of that" in why(fitting), "and it is tried again, since another file is gone"
    put_bars(bars.folder / SOL, wavy(MADE_AT, 30))
    look(bars)
    assert not why(fitting)
    assert "none of SOL/USDT" in why(fitting, funding=True)
    put_rates(bars.folder / RATES)
    look(bars)
    assert not why(fitting, funding=True)


def test_bars_that_were_read_count_while_their_file_is_away(bars: BarFolder) -> None:
    look(bars)
    (bars.folder / SOL).unlink()
    look(bars)
    assert not why(Fitting(bars))


def test_who_asks_does_not_list_a_folder_that_was_looked_at(bars: BarFolder) -> None:
    listed: list[Path] = []
    bars.folder = eventful(bars.folder, listed.append)
    fitting = Fitting(bars)
    look(bars)
    before = len(listed)
    assert before > 0
    assert not why(fitting)
    assert why(fitting, funding=True)
    assert len(listed) == before
