"""Evidence against a floor: a fair bet under it, scale-free, streamed as batched."""

from math import exp, inf, isfinite, log
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from floor_model import multiples
from tiltyard.kernel.money import UNITS
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.metrics.bets import STAKES, weight
from tiltyard.metrics.doubts import restarted, weights
from tiltyard.metrics.e_cusum import ECusum
from tiltyard.metrics.metric import Outcome
from tiltyard.metrics.unit import LEAST_R, MOST_R
from tiltyard.simulation.weather import IID, USUAL

SEED = 20250707
RISK = 100 * UNITS
amounts = st.integers(-(10**11), 10**11)
histories = st.lists(st.tuples(amounts, st.just(0), st.integers(1, 10**10)), max_size=80)
floors = st.sampled_from([0.5, 1.0, 1.6, 2.45])


def in_money(lives: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.rint(lives * RISK).astype(np.int64)
    return whole


def weighed(lives: np.ndarray, floor: float) -> np.ndarray:
    return weights(in_money(lives), np.full(lives.shape, RISK), floor)


def since_the_start(x: np.ndarray) -> np.ndarray:
    """The logarithm of what a bettor has after every trade who never begins anew."""
    stakes = np.array(STAKES)[:, None, None]
    logs = np.log1p(-stakes * x).cumsum(axis=2)
    found: np.ndarray = np.logaddexp.reduce(logs, axis=0) - log(len(STAKES))
    return found


def fed(history: list[Outcome], floor: float) -> float:
    doubt = ECusum(floor)
    for outcome in history:
        doubt.push(outcome)
    return doubt.log()


@pytest.mark.parametrize(
    ("pnl", "risk", "x"),
    [
        (160, 100, 1.0),
        (-100, 100, -1.0),
        (0, 100, 0.0),
        (0, 0, 0.0),
        (-1, 0, None),
        (1, 0, None),
        (-249, 100, -2.49),
        (-251, 100, -2.5),
        (959, 100, 5.99375),
        (961, 100, 6.0),
        (10**18, 1, 6.0),
        (-(10**18), 1, -2.5),
    ],
)
def test_what_a_trade_weighs_against_a_floor_of_1_6(pnl: int, risk: int, x: float | None) -> None:
    found = weight((pnl, 0, risk), 1.6)
    assert found == (x if x is None else pytest.approx(x))
    batched = weights(np.array([[pnl]]), np.array([[risk]]), 1.6)[0, 0]
    assert np.isnan(batched) if x is None else batched == pytest.approx(x)


def test_no_trade_takes_the_last_of_the_money() -> None:
    assert len(STAKES) == 8
    assert all(0 < stake * MOST_R < 1 for stake in STAKES)
    assert LEAST_R < 0


@given(history=histories, floor=floors)
def test_streamed_and_batched_evidence_agree_after_every_trade(
    history: list[Outcome], floor: float
) -> None:
    pnl, _, risk = np.array(history, dtype=np.int64).reshape(-1, 3).T
    x = weights(pnl[None], risk[None], floor)
    cusum = ECusum(floor)
    for outcome, batched in zip(history, restarted(x)[0], strict=True):
        cusum.push(outcome)
        assert cusum.log() == pytest.approx(batched, abs=1e-9)


@given(history=histories, floor=floors, k=st.integers(1, 10**6))
def test_another_currency_is_the_same_evidence(
    history: list[Outcome], floor: float, k: int
) -> None:
    converted = [(k * pnl, capital, k * risk) for pnl, capital, risk in history]
    assert fed(converted, floor) == pytest.approx(fed(history, floor), abs=1e-9)


@given(history=histories, floor=floors)
def test_who_may_begin_anew_never_has_less(history: list[Outcome], floor: float) -> None:
    pnl, _, risk = np.array(history, dtype=np.int64).reshape(-1, 3).T
    x = weights(pnl[None], risk[None], floor)
    assert (restarted(x) >= since_the_start(x) - 1e-9).all()


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_a_good_arm_of_independent_trades_is_wronged_in_a_share_alpha_of_lives_at_most(
    alpha: float,
) -> None:
    # Ville. 4,000 lives: the standard error at .2 is .0063, and 3 of them are allowed.
    x = weighed(multiples(4_000, 500, 1.6, np.random.default_rng(SEED), dependence=IID), 1.6)
    crossed = (since_the_start(x) >= log(1 / alpha)).any(axis=1).mean()
    assert crossed <= alpha + 3 * (alpha * (1 - alpha) / 4_000) ** 0.5
    assert crossed > 0, "a bettor who never wins proves nothing"


def test_the_money_of_a_fair_bettor_is_worth_1_on_average() -> None:
    # By the end of 50 trades it spreads by about .3, so the mean of 20,000 is known to .002.
    draw = np.random.default_rng(SEED)
    x = weighed(multiples(20_000, 50, 1.6, draw, dependence=IID), 1.6)
    assert np.exp(since_the_start(x)[:, -1]).mean() == pytest.approx(1, abs=0.02)


def test_regimes_wrong_a_good_arm_far_more_often_than_alpha() -> None:
    # The nominal threshold of the restarting bettor, log 20, was found to wrong 22 % in 500 trades.
    draw = np.random.default_rng(SEED)
    x = weighed(multiples(2_000, 500, 1.6, draw, dependence=USUAL, trades_a_day=15), 1.6)
    assert (restarted(x) >= log(20)).any(axis=1).mean() == pytest.approx(0.22, abs=0.04)


def test_a_decay_that_comes_late_is_found_as_fast_as_one_that_comes_early() -> None:
    draw = np.random.default_rng(SEED)
    good = multiples(400, 1_000, 2.45, draw, dependence=IID)
    bad = multiples(400, 500, 0.8, draw, dependence=IID)
    late = weighed(np.concatenate([good, bad], axis=1), 1.6)
    early = weighed(bad, 1.6)
    anew = _median_delay(restarted(late)[:, 1_000:], 5.0)
    assert anew == pytest.approx(_median_delay(restarted(early), 5.0), rel=0.1)
    assert _median_delay(since_the_start(late)[:, 1_000:], 5.0) == inf


def _median_delay(paths: np.ndarray, threshold: float) -> float:
    found = paths >= threshold
    first = np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, inf)
    return float(np.quantile(first, 0.5, method="lower"))


@pytest.mark.parametrize("pnl", [-(10**14), 10**14])
def test_a_million_trades_overflow_nothing(pnl: int) -> None:
    cusum = ECusum(1.6)
    for _ in range(1_000_000):
        cusum.push((pnl, 0, RISK))
    assert isfinite(cusum.log())
    assert (cusum.log() > 300_000) == (pnl < 0)
    assert isinstance(cusum.value(), Value)


def test_a_trade_costs_less_than_10_microseconds() -> None:
    cusum, least = ECusum(1.6), inf
    for _ in range(20):
        start = perf_counter()
        for _ in range(500):
            cusum.push((-UNITS, 0, RISK))
        least = min(least, (perf_counter() - start) / 500)
    assert least < 10e-6


def test_a_trade_that_says_no_risk_makes_the_evidence_undefined_for_the_rest() -> None:
    cusum = ECusum(1.6)
    for outcome in ((-RISK, 0, RISK), (0, 0, 0), (-RISK, 0, 0), (-RISK, 0, RISK)):
        cusum.push(outcome)
    assert cusum.value() == Undefined(
        "no_risk", "1 of 4 trades does not say what it risked", samples=4
    )
    x = weights(np.array([[-RISK, 0, -RISK, -RISK]]), np.array([[RISK, 0, 0, RISK]]), 1.6)
    assert np.isnan(restarted(x)[0]).tolist() == [False, False, True, True]


def test_a_copy_goes_its_own_way() -> None:
    cusum = ECusum(1.6)
    cusum.push((-RISK, 0, RISK))
    before, other = cusum.log(), cusum.copy()
    other.push((-RISK, 0, RISK))
    assert cusum.log() == before
    assert exp(other.log()) > exp(before) > 1
