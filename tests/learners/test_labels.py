"""A label is what could have been earned from the next open on, and is known nowhere else."""

from datetime import UTC, datetime, timedelta
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.labels import CLASSES, fit_classes, moves_of
from tiltyard.market.bar import HOUR
from tiltyard.market.candles import Candles

START = round(datetime(2025, 1, 1, tzinfo=UTC).timestamp())


def candles_with(opens: np.ndarray, hours: np.ndarray | None = None) -> Candles:
    at = START + 3600 * (np.arange(len(opens)) if hours is None else hours)
    close = opens * 1.5
    return Candles("SOL/USDT", HOUR, at, opens, close, opens, close, np.ones(len(opens)))


def test_a_move_runs_from_the_next_open_to_the_open_after_the_horizon() -> None:
    opens = np.array([100.0, 101.0, 103.0, 106.0, 110.0, 90.0])
    moves = moves_of(candles_with(opens), np.full(6, 0.01), horizon=4)
    assert moves[0] == pytest.approx(log(90 / 101) / (0.01 * 2))
    assert np.isnan(moves[1:]).all(), "their horizon is beyond the last bar"


def test_a_move_over_a_gap_is_not_known() -> None:
    hours = np.array([0, 1, 2, 3, 5, 6, 7, 8, 9])
    moves = moves_of(candles_with(np.linspace(100, 108, 9), hours), np.full(9, 0.01), horizon=2)
    assert np.isfinite(moves).tolist() == [True] + [False] * 3 + [True, True] + [False] * 3


@pytest.mark.parametrize("volatility", [0.0, np.nan, np.inf])
def test_a_move_without_a_volatility_is_not_known(volatility: float) -> None:
    known = np.array([0.01, volatility, 0.01, 0.01, 0.01, 0.01])
    moves = moves_of(candles_with(np.linspace(100, 105, 6)), known, horizon=2)
    assert np.isfinite(moves).tolist() == [True, False, True, False, False, False]


def test_a_short_range_has_no_moves() -> None:
    assert np.isnan(moves_of(candles_with(np.ones(3)), np.ones(3), horizon=2)).all()


@given(st.integers(0, 39), st.floats(0.5, 2.0), st.integers(1, 6))
def test_a_changed_price_changes_only_the_moves_that_begin_or_end_there(
    at: int, factor: float, horizon: int
) -> None:
    opens = np.exp(np.random.default_rng(7).normal(0, 0.01, 40).cumsum())
    changed = opens.copy()
    changed[at] *= factor
    before = moves_of(candles_with(opens), np.full(40, 0.01), horizon)
    after = moves_of(candles_with(changed), np.full(40, 0.01), horizon)
    moved = np.flatnonzero(~np.isclose(before, after, equal_nan=True, rtol=0, atol=1e-9))
    assert set(moved) <= {at - 1, at - 1 - horizon}


def test_classes_are_as_large_as_they_say_and_means_lie_in_them() -> None:
    moves = np.random.default_rng(1).standard_t(4, 20_000)
    classes = fit_classes(moves)
    labels = classes.of(moves)
    shares = np.bincount(labels, minlength=5) / len(moves)
    assert shares == pytest.approx([0.15, 0.2, 0.3, 0.2, 0.15], abs=0.01)
    bounds = [-np.inf, *classes.edges, np.inf]
    for one, mean in enumerate(classes.means):
        assert bounds[one] < mean < bounds[one + 1]
        assert mean == pytest.approx(moves[labels == one].mean())


def test_flat_holds_zero_and_up_is_above_it_in_a_market_that_only_fell() -> None:
    moves = np.random.default_rng(2).normal(-1.0, 1.0, 5_000)
    classes = fit_classes(moves)
    assert CLASSES[classes.of(np.zeros(1))[0]] == "flat"
    labels = classes.of(moves)
    assert (moves[labels > 2] > 0).all()
    assert (moves[labels < 2] < 0).all()


def test_a_move_on_an_edge_is_of_the_class_nearer_to_flat() -> None:
    classes = fit_classes(np.random.default_rng(3).normal(size=1_000))
    assert classes.of(np.array(classes.edges)).tolist() == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("moves", "says"),
    [
        (np.ones(50), "50 rows with a known move, 200 needed"),
        (np.abs(np.random.default_rng(5).normal(size=500)), "0 of 500 rows are 'strong down'"),
        (np.zeros(500), "0 of 500 rows are 'strong down'"),
    ],
)
def test_too_little_to_learn_from_says_what_is_needed(moves: np.ndarray, says: str) -> None:
    with pytest.raises(TiltyardError, match="DATA_INSUFFICIENT") as caught:
        fit_classes(moves)
    assert says in caught.value.facts


def test_bars_of_a_quarter_of_an_hour_have_moves_too() -> None:
    at = START + 900 * np.arange(6)
    opens = np.linspace(100, 105, 6)
    candles = Candles("SOL", timedelta(minutes=15), at, opens, opens, opens, opens, opens)
    assert np.isfinite(moves_of(candles, np.full(6, 0.01), 2)).tolist() == [True] * 3 + [False] * 3
