"""Seeds are fixed, so these tests always see the same markets; ranges are those of real years."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest

from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.quality import inspect
from tiltyard.market.simulated import DEFAULT, HOURS_A_YEAR, simulated_hours

START = datetime(2021, 1, 1, tzinfo=UTC)
HOURS = 40_000
SEEDS = (1, 2, 3)


def market(seed: int, hours: int = HOURS) -> list[dict[str, Bar]]:
    return simulated_hours(DEFAULT, START, hours, np.random.default_rng(seed))


@pytest.fixture(scope="module", params=SEEDS)
def returns(request: pytest.FixtureRequest) -> dict[str, npt.NDArray[np.float64]]:
    hours = market(request.param)
    return {
        one.name: np.diff(np.log([bars[one.name].close for bars in hours]))
        for one in DEFAULT.symbols
    }


def correlation(values: npt.NDArray[np.float64], lag: int) -> float:
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).mean() / (centred**2).mean())


def test_volatility_of_a_year_is_that_of_the_symbol(
    returns: dict[str, npt.NDArray[np.float64]],
) -> None:
    for one in DEFAULT.symbols:
        found = returns[one.name].std() * np.sqrt(HOURS_A_YEAR)
        assert 0.7 * one.volatility < found < 1.35 * one.volatility, one.name


def test_tails_are_heavy(returns: dict[str, npt.NDArray[np.float64]]) -> None:
    for values in returns.values():
        centred = values - values.mean()
        assert 6 < (centred**4).mean() / values.var() ** 2 - 3 < 60


def test_volatility_clusters_and_returns_do_not(
    returns: dict[str, npt.NDArray[np.float64]],
) -> None:
    for values in returns.values():
        absolute = np.abs(values)
        assert 0.15 < correlation(absolute, 1) < 0.35
        assert 0.05 < correlation(absolute, 24) < 0.25
        assert abs(correlation(values, 1)) < 0.05


def test_symbols_move_together(returns: dict[str, npt.NDArray[np.float64]]) -> None:
    found = np.corrcoef(returns["BTC/USDT"], returns["SOL/USDT"])[0, 1]
    assert 0.46 < found < 0.86


def test_every_bar_is_a_price() -> None:
    hours = market(1, 2_000)
    for one in DEFAULT.symbols:
        found = inspect([bars[one.name] for bars in hours], HOUR)
        assert (len(found.bars), found.flaws) == (2_000, [])


def test_the_same_seed_makes_the_same_market_and_another_seed_another() -> None:
    assert market(5, 100) == market(5, 100)
    assert market(5, 100) != market(6, 100)
