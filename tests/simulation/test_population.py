"""The benchmark's world is what the design says it is."""

from math import nan

import numpy as np
import pytest

from tiltyard.simulation.outcomes import MEAN_LOSS, loss, payoff, probability, win
from tiltyard.simulation.population import CHAMPION, Floats, Truth, challengers
from tiltyard.simulation.weather import (
    GOOD_SHARE,
    IID,
    USUAL,
    Dependence,
    shifts,
    volatilities,
)


def champion_days(dependence: Dependence, days: int, signals: int) -> Floats:
    """R of the champion, shape (days, signals)."""
    rng = np.random.default_rng(20)
    off, wild = shifts(days, dependence, rng), volatilities(days, dependence, rng)
    pays = payoff(CHAMPION.factor, CHAMPION.wins)
    results = np.empty((days, signals))
    last = nan
    for day in range(days):
        for signal in range(signals):
            now = probability(CHAMPION.wins, off[day], last, dependence.persistence)
            last = float(rng.random() < now)
            results[day, signal] = win(pays, wild[day], rng) if last else loss(wild[day], rng)
    return results


def test_a_trade_of_the_champion_has_the_stated_mean_spread_and_win_rate() -> None:
    results = champion_days(IID, 1000, 200).ravel()
    error = results.std() / len(results) ** 0.5
    assert abs(results.mean() - 0.470) < 4 * error
    assert abs((results > 0).mean() - 0.6) < 4 * (0.24 / len(results)) ** 0.5
    assert results.std() == pytest.approx(1.45, abs=0.06)
    gains, losses = results[results > 0].sum(), -results[results < 0].sum()
    assert gains / losses == pytest.approx(2.3, abs=0.05)


def test_a_loss_is_of_the_stated_mean() -> None:
    rng = np.random.default_rng(3)
    losses = np.array([-loss(1.0, rng) for _ in range(100_000)])
    assert losses.min() > 0
    assert abs(losses.mean() - MEAN_LOSS) < 4 * losses.std() / len(losses) ** 0.5


def test_sums_of_fifty_trades_spread_twice_as_much_as_if_they_were_independent() -> None:
    results = champion_days(USUAL, 3000, 150)
    sums = results.reshape(-1, 50).sum(axis=1)
    ratio = sums.var() / (50 * results.var())
    assert ratio == pytest.approx(2.1, abs=0.35)
    iid = champion_days(IID, 1000, 150)
    assert iid.reshape(-1, 50).sum(axis=1).var() / (50 * iid.var()) == pytest.approx(1, abs=0.1)


def test_weather_is_good_seven_days_of_ten_and_neutral_in_the_long_run() -> None:
    rng = np.random.default_rng(8)
    off = shifts(100_000, USUAL, rng)
    good = off > 0
    assert good.mean() == pytest.approx(GOOD_SHARE, abs=0.02)
    assert set(np.round(off, 9)) == {round(0.3 * 0.08, 9), round(-0.7 * 0.08, 9)}
    changes = np.flatnonzero(np.diff(good.astype(int)))
    spells = np.diff(changes)
    assert sorted([spells[::2].mean(), spells[1::2].mean()]) == pytest.approx([6, 14], rel=0.1)
    wild = volatilities(100_000, USUAL, rng)
    assert wild.mean() == pytest.approx(1, abs=0.02)
    assert np.log(wild).std() == pytest.approx(0.25, abs=0.01)
    level = np.log(wild) - np.log(wild).mean()
    assert (level[1:] * level[:-1]).mean() / level.var() == pytest.approx(0.9, abs=0.02)


def test_of_a_hundred_challengers_sixty_are_worse_and_fifteen_better() -> None:
    found = challengers(20_000, np.random.default_rng(4))
    means = np.array([Truth(factor, wins).mean for factor, wins in found])
    assert (found[:, 0] < 2.0).mean() == pytest.approx(0.60, abs=0.015)
    assert (found[:, 0] == 2.3).mean() == pytest.approx(0.25, abs=0.015)
    assert (found[:, 0] >= 2.4).mean() == pytest.approx(0.15, abs=0.015)
    equal = means[found[:, 0] == 2.3]
    assert equal == pytest.approx(np.full(len(equal), CHAMPION.mean))
    odds = found[:, 1] / (1 - found[:, 1])
    power = np.log(odds / 1.5)[found[:, 0] > 2.4] / np.log(found[:, 0] / 2.3)[found[:, 0] > 2.4]
    assert power.min() >= -1e-9
    assert power.max() <= 1 + 1e-9


def test_where_win_rate_is_unrelated_it_is_anything_between_35_and_75_percent() -> None:
    found = challengers(20_000, np.random.default_rng(4), "unrelated")
    assert found[:, 1].min() > 0.35
    assert found[:, 1].max() < 0.75
    assert abs(np.corrcoef(found[:, 0], found[:, 1])[0, 1]) < 0.03
