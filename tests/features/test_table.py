"""The table that a learner is given is what a desk would have known, bar after bar."""

from datetime import UTC, datetime
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from tiltyard.features.channels import channels, channels_of
from tiltyard.features.learned import FUNDING, TECHNICAL, TIME
from tiltyard.features.table import table_of
from tiltyard.features.technical import Indicators
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import candles_of
from tiltyard.shell.feeds.files import Feed, read_feed, read_funding

NAMES = (*TECHNICAL, *TIME, *FUNDING)
HOLE = datetime(2023, 8, 17, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
BEGINS = 169
"""Bars before every feature is known, funding apart."""


@pytest.fixture(scope="module")
def sol(real_data: Path) -> Feed:
    return read_feed(real_data / "sol_usdt-1h.parquet")


def test_a_desk_that_began_at_any_time_knows_what_was_learnt_from(
    sol: Feed, real_data: Path
) -> None:
    funding = read_funding(real_data / "sol_usdt-funding.parquet")
    bars = sol.bars[24_000:25_500]
    table = table_of(bars, NAMES, HOUR, funding)
    whole = channels(candles_of(bars, HOUR))
    assert table.names == NAMES
    for began in (0, 1, 137, 1_000):
        live = Indicators("SOL/USDT", NAMES, HOUR, funding)
        for row, bar in enumerate(bars[began:], start=began):
            features = live.see(bar)
            assert table.as_of[row] == features.as_of.timestamp()
            known = {
                name: value
                for name, value in zip(NAMES, table.values[row].tolist(), strict=True)
                if not isnan(value)
            }
            if row - began >= BEGINS - 1:
                assert dict(features.values) == known, "to the last bit"
            else:
                assert features.values.items() <= known.items()
            if row % 50 == 0 and row >= 97:
                assert np.array_equal(channels_of(bars[row - 96 : row + 1]), whole[row - 96 : row])


def test_every_feature_but_funding_is_known_after_a_week_and_finite(sol: Feed) -> None:
    table = table_of(sol.bars[:3_000], (*TECHNICAL, *TIME), HOUR)
    assert np.isnan(table.values[: BEGINS - 1]).any(axis=1).all()
    assert np.isfinite(table.values[BEGINS - 1 :]).all()
    assert len(table) == 3_000


def test_in_the_hole_of_the_funding_rates_nothing_is_known_of_funding(
    sol: Feed, real_data: Path
) -> None:
    funding = read_funding(real_data / "sol_usdt-funding.parquet")
    begins, ends = HOLE
    bars = [bar for bar in sol.bars if begins - 10 * 24 * HOUR <= bar.opened_at < ends + 240 * HOUR]
    table = table_of(bars, FUNDING, HOUR, funding)
    last, mean = (table.values[:, number] for number in range(2))
    within = (table.as_of > (begins + 8 * HOUR).timestamp()) & (table.as_of < ends.timestamp())
    assert within.sum() > 3_200
    assert np.isnan(table.values[within]).all()
    after = table.as_of >= ends.timestamp()
    assert np.isfinite(last[after]).all()
    warm = table.as_of >= (ends + 20 * 8 * HOUR).timestamp()
    assert np.isfinite(mean[warm]).all()
    assert np.isnan(mean[after & ~warm]).all(), "no mean over the hole"
    assert np.isfinite(last[table.as_of <= begins.timestamp()]).all()


def test_a_name_twice_is_one_column(sol: Feed) -> None:
    table = table_of(sol.bars[:3], ["close", "return_1", "close"], HOUR)
    assert table.names == ("close", "return_1")
    assert table.values[:, 0].tolist() == [bar.close for bar in sol.bars[:3]]
