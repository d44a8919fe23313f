"""What arms are told on the floor: no more than they need, and the same whenever they joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import polars as pl
import pytest

from floors import put_bars
from tiltyard.features.technical import Indicators
from tiltyard.features.vector import Features
from tiltyard.kernel.errors import TiltyardError
from tiltyard.market.bar import HOUR
from tiltyard.policies.policy import Intent, Observation
from tiltyard.shell.feeds.folder import BarFolder, interval_in
from tiltyard.shell.floor.readings import NEEDS, Readings
from trained_policies import wavy

START = datetime(2025, 5, 1, tzinfo=UTC)
BARS = wavy(START, 300)
END = BARS[-1].closes_at(HOUR)
SOL, FUNDING = "SOL_USDT-1h.parquet", "SOL_USDT-funding.parquet"


@dataclass(frozen=True)
class Asks:
    """A policy that has to be told something."""

    needs: tuple[str, ...] = ()
    looks_back: int = 0

    def act(self, observation: Observation, rng: Random) -> Intent:
        raise NotImplementedError


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def bars(folder: Path, said: list[str]) -> BarFolder:
    put_bars(folder / SOL, BARS)
    return BarFolder(folder, HOUR, said.append)


def look(bars: BarFolder) -> None:
    while bars.look(None):
        pass


def known(readings: Readings, at: datetime = END) -> Features:
    return readings.at(at)[0]["SOL/USDT"]


def put_rates(file: Path, rates: Sequence[tuple[datetime, float]]) -> None:
    times, numbers = zip(*rates, strict=True)
    pl.DataFrame({"timestamp": times, "funding_rate": numbers}).write_parquet(file)


def rates(until: datetime, rate: float = 1e-4) -> list[tuple[datetime, float]]:
    count = (until - START) // timedelta(hours=8) + 1
    return [(START + n * timedelta(hours=8), rate * (n + 1)) for n in range(count)]


def test_who_looks_back_at_nothing_is_told_no_bars(bars: BarFolder) -> None:
    look(bars)
    readings = Readings(bars)
    readings.tell([Asks(("close",))])
    assert known(readings).recent == ()
    assert set(known(readings).values) == set(NEEDS)


def test_the_recent_bars_are_as_many_as_anybody_looks_back_at(bars: BarFolder) -> None:
    look(bars)
    readings = Readings(bars)
    readings.tell([Asks(looks_back=5), Asks(looks_back=97)])
    assert list(known(readings).recent) == BARS[-97:]


def test_who_joins_later_is_told_the_same_as_who_was_there_from_the_beginning(
    bars: BarFolder,
) -> None:
    look(bars)
    first, later = Readings(bars), Readings(bars)
    trained = Asks(("return_24", "volatility_200", "hour_sin"), 97)
    first.tell([trained])
    for at in range(250, 280):
        first.at(START + at * HOUR)
        later.at(START + at * HOUR)
    later.tell([Asks(("close",)), trained])
    assert later.catch_up(START + 281 * HOUR)
    assert later.at(START + 281 * HOUR) == first.at(START + 281 * HOUR)
    later.tell([Asks(("close",))])
    assert later.at(END) == first.at(END)


def test_what_is_told_live_is_what_training_is_told(bars: BarFolder) -> None:
    look(bars)
    names = ("return_24", "volatility_24", "place_48", "weekday_cos")
    readings = Readings(bars)
    readings.tell([Asks(names)])
    indicators = Indicators("SOL/USDT", names, HOUR)
    for bar in BARS:
        expected = indicators.see(bar)
    told = known(readings)
    assert {name: told.values[name] for name in names} == expected.values


def test_a_feature_that_nobody_knows_is_told(bars: BarFolder) -> None:
    readings = Readings(bars)
    readings.tell([Asks(("colour_5",))])
    look(bars)
    with pytest.raises(TiltyardError, match="FEATURE_UNKNOWN"):
        known(readings)


def test_funding_beside_the_bars_is_known_from_its_time_on(
    bars: BarFolder, folder: Path, said: list[str]
) -> None:
    put_rates(folder / FUNDING, rates(END))
    look(bars)
    assert interval_in(folder) == HOUR
    readings = Readings(bars)
    readings.tell([Asks(("funding", "funding_3"))])
    at = START + 17 * HOUR
    assert known(readings, at).values["funding"] == pytest.approx(3e-4)
    assert known(readings, at).values["funding_3"] == pytest.approx(2e-4)
    assert said == []


def test_rates_that_are_written_later_are_seen_by_who_reads_already(
    bars: BarFolder, folder: Path, said: list[str]
) -> None:
    look(bars)
    readings = Readings(bars)
    readings.tell([Asks(("funding",))])
    assert "funding" not in known(readings, START + 20 * HOUR).values
    put_rates(folder / FUNDING, rates(START + 24 * HOUR))
    look(bars)
    assert known(readings, START + 25 * HOUR).values["funding"] == pytest.approx(4e-4)
    put_rates(folder / FUNDING, rates(START + 32 * HOUR))
    look(bars)
    assert known(readings, START + 33 * HOUR).values["funding"] == pytest.approx(5e-4)
    (folder / FUNDING).write_bytes(b"no parquet")
    look(bars)
    assert "funding" not in known(readings, START + 34 * HOUR).values
    assert len(said) == 1
    assert said[0].startswith("FEED_UNREADABLE")
    look(bars)
    (folder / FUNDING).unlink()
    look(bars)
    assert said[1:] == [f"{FUNDING} is gone: its funding is not known"]


def test_two_files_of_the_same_funding_are_told_and_the_first_counts(
    bars: BarFolder, folder: Path, said: list[str]
) -> None:
    put_rates(folder / FUNDING, rates(END))
    put_rates(folder / "sol_usdt-funding.parquet", rates(END, 1.0))
    look(bars)
    readings = Readings(bars)
    readings.tell([Asks(("funding",))])
    assert known(readings, START + HOUR).values["funding"] == pytest.approx(1e-4)
    assert [line.split()[0] for line in said] == ["FEED_REFUSED"]
    (folder / FUNDING).unlink()
    look(bars)
    assert known(readings, START + 9 * HOUR).values["funding"] == pytest.approx(2.0)
