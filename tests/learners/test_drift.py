"""Drift of embeddings: it tells what was put in, and nothing where nothing was.

Truth is known: samples of Gaussians whose divergence is known, with and without memory. Each seed
is fixed; a band that chance decides is four or more standard errors wide, as measured over 200
seeds by ``benchmarks/drift_calibration.py``: a false alarm of less than 1 in 10,000 if the numbers
were drawn anew.
"""

from collections.abc import Callable
from math import log, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.undefined import Undefined
from tiltyard.learners.drift import Drift, kl_divergence

Floats = NDArray[np.float64]


def independent(rows: int, dimensions: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, dimensions))


def remembering(rows: int, dimensions: int, seed: int, memory: float = 0.9) -> Floats:
    """Each row is ``memory`` times the one before and news, with variance 1."""
    news = independent(rows, dimensions, seed) * sqrt(1 - memory**2)
    made = np.empty_like(news)
    made[0] = news[0] / sqrt(1 - memory**2)
    for row in range(1, rows):
        made[row] = memory * made[row - 1] + news[row]
    return made


def drift_of(baseline: Floats, current: Floats, seed: int = 1) -> Drift:
    found = kl_divergence(
        baseline,
        current,
        baseline_at=np.arange(len(baseline)),
        current_at=np.arange(len(current)) + len(baseline),
        seed=seed,
    )
    assert isinstance(found, Drift), found
    return found


def widened(rows: Floats, nats: float, dimension: int = 0) -> tuple[Floats, float]:
    """Rows with one dimension so much wider that they diverge by so many nats, and the factor."""
    ratio = 3.0
    for _ in range(100):
        ratio = 1 + 2 * nats + log(ratio)
    rows = rows.copy()
    rows[:, dimension] *= sqrt(ratio)
    return rows, sqrt(ratio)


@pytest.mark.parametrize("seed", range(5))
def test_without_drift_it_reads_about_0_and_its_interval_holds_0(seed: int) -> None:
    found = drift_of(independent(800, 8, seed), independent(800, 8, seed + 100))
    assert abs(found.value) < 0.06
    assert found.low <= 0 <= found.high
    assert found.effective_samples == pytest.approx(800, rel=0.15)


def test_where_the_plain_formula_cries_drift_it_does_not() -> None:
    baseline, current = independent(1000, 32, 3), independent(1000, 32, 4)
    s0, s1 = np.cov(baseline.T), np.cov(current.T)
    away = current.mean(0) - baseline.mean(0)
    logs = np.linalg.slogdet(s0)[1] - np.linalg.slogdet(s1)[1]
    plain = (np.trace(np.linalg.solve(s0, s1)) + away @ np.linalg.solve(s0, away) - 32 + logs) / 2
    assert plain > 0.3
    assert abs(drift_of(baseline, current).value) < 0.2


@pytest.mark.parametrize("nats", [0.1, 0.3, 0.6])
def test_a_shifted_mean_reads_as_much_as_was_put_in(nats: float) -> None:
    current = independent(3000, 6, 12)
    current[:, 2] += sqrt(2 * nats)
    found = drift_of(independent(3000, 6, 11), current)
    assert found.value == pytest.approx(nats, abs=0.16 * sqrt(nats))
    assert found.low <= nats <= found.high
    assert found.dominant == f"dimension 3: mean {sqrt(2 * nats):+.1f}"


@pytest.mark.parametrize("nats", [0.1, 0.3, 0.6])
def test_a_wider_spread_reads_as_much_as_was_put_in(nats: float) -> None:
    current, factor = widened(independent(3000, 6, 22), nats, dimension=4)
    found = drift_of(independent(3000, 6, 21), current)
    assert found.value == pytest.approx(nats, abs=0.2 * sqrt(nats))
    assert found.low <= nats <= found.high
    assert found.dominant == f"dimension 5: spread ×{factor:.1f}"


def test_dimensions_that_begin_to_move_together_are_told_together() -> None:
    current = independent(2000, 6, 32)
    current[:, 5] = 0.8 * current[:, 1] + 0.6 * current[:, 5]
    found = drift_of(independent(2000, 6, 31), current)
    assert found.value == pytest.approx(-log(1 - 0.8**2) / 2, abs=0.12)
    assert found.dominant.startswith("dimensions 2 and 6: spread")


def test_memory_makes_fewer_of_many_windows() -> None:
    found = drift_of(remembering(4000, 8, 41), remembering(4000, 8, 42))
    assert found.effective_samples == pytest.approx(4000 * (1 - 0.9) / (1 + 0.9), rel=0.2)
    assert abs(found.value) < 0.25
    assert found.low <= 0 <= found.high


def test_below_eight_independent_windows_a_dimension_nothing_is_known() -> None:
    baseline, current = remembering(1000, 16, 51), remembering(1000, 16, 52)
    found = kl_divergence(
        baseline, current, baseline_at=np.arange(1000), current_at=np.arange(1000), seed=1
    )
    assert isinstance(found, Undefined)
    assert found.state == "warming"
    assert "of 128 independent windows" in found.reason
    few = kl_divergence(
        baseline, current[:127], baseline_at=np.arange(1000), current_at=np.arange(127), seed=1
    )
    assert few == Undefined("warming", "127 of 128 times with windows", samples=127)


def test_two_symbols_that_move_as_one_are_worth_one() -> None:
    one, other = independent(600, 4, 61), independent(600, 4, 62)
    hours = np.arange(600)
    alone = drift_of(one, other)
    twice = kl_divergence(
        np.repeat(one, 2, axis=0),
        np.concatenate([other, other]),
        baseline_at=np.repeat(hours, 2),
        current_at=np.concatenate([hours, hours]),
        seed=1,
    )
    assert isinstance(twice, Drift)
    assert twice.windows == 1200
    assert twice.effective_samples == pytest.approx(alone.effective_samples, rel=0.01)
    assert twice.value == pytest.approx(alone.value, abs=0.01)
    assert twice.high - twice.low == pytest.approx(alone.high - alone.low, rel=0.25)


def test_two_symbols_that_know_nothing_of_each_other_are_worth_two() -> None:
    hours = np.repeat(np.arange(600), 2)
    found = kl_divergence(
        independent(1200, 4, 71), independent(1200, 4, 72),
        baseline_at=hours, current_at=hours, seed=1,
    )  # fmt: skip
    assert isinstance(found, Drift)
    assert found.effective_samples == pytest.approx(1200, rel=0.2)


def test_units_of_a_dimension_and_the_order_of_dimensions_do_not_matter() -> None:
    baseline, current = independent(700, 5, 81), independent(700, 5, 82) + 0.2
    plain = drift_of(baseline, current)
    scale, offset = np.array([1, -3, 0.01, 1e4, 2]), np.array([0, 5, -7, 1e3, 0])
    other = drift_of(baseline * scale + offset, current * scale + offset)
    assert other[:4] == pytest.approx(plain[:4], rel=1e-6, abs=1e-9)
    order = [3, 0, 4, 1, 2]
    turned = drift_of(baseline[:, order], current[:, order])
    assert turned[:4] == pytest.approx(plain[:4], rel=1e-6, abs=1e-9)


def test_time_run_backwards_reads_the_same() -> None:
    baseline, current = remembering(2000, 4, 91), remembering(2000, 4, 92)
    forward, backward = drift_of(baseline, current), drift_of(baseline[::-1], current[::-1])
    assert backward.value == pytest.approx(forward.value, abs=1e-9)
    assert backward.effective_samples == pytest.approx(forward.effective_samples, rel=1e-9)


def test_the_order_of_rows_does_not_matter_their_times_do() -> None:
    baseline, current = remembering(2000, 4, 93), remembering(2000, 4, 94)
    order = np.random.default_rng(5).permutation(2000)
    shuffled = kl_divergence(
        baseline[order], current, baseline_at=order, current_at=np.arange(2000) + 2000, seed=1
    )
    assert shuffled == drift_of(baseline, current)


def test_heavy_tails_that_stay_as_they_were_are_no_drift() -> None:
    rng = np.random.default_rng(95)
    mixed = rng.standard_t(3, size=(2, 1500, 6)) @ rng.normal(size=(6, 6))
    found = drift_of(mixed[0], mixed[1])
    assert abs(found.value) < 0.15
    assert found.low <= 0 <= found.high


def test_what_lies_beyond_the_baseline_is_not_cut_off() -> None:
    far = drift_of(independent(500, 4, 96), independent(500, 4, 97) + np.array([5, 0, 0, 0]))
    assert far.value == pytest.approx(12.5, rel=0.25)


def test_what_the_baseline_drifts_in_itself_is_taken_off() -> None:
    wave = np.sin(np.arange(6000) / 6000 * 2 * np.pi * 12)[:, None]
    baseline = independent(6000, 4, 98) + wave
    calm = drift_of(baseline, independent(1500, 4, 99) + wave[:1500])
    assert abs(calm.value) < 0.1


def test_one_odd_stretch_of_the_baseline_does_not_hide_what_drifts_now() -> None:
    baseline = independent(4000, 6, 111)
    baseline[-800:, 1] += 2.5
    same, shifted = independent(1000, 6, 112), independent(1000, 6, 113)
    shifted[:, 0] += 1.2
    assert abs(drift_of(baseline, same).value) < 0.2
    assert drift_of(baseline, shifted).low > 0.3


def test_the_same_seed_gives_the_same_and_another_the_same_value() -> None:
    baseline, current = independent(400, 4, 101), independent(400, 4, 102)
    assert drift_of(baseline, current) == drift_of(baseline, current)
    other = drift_of(baseline, current, seed=2)
    assert other.value == drift_of(baseline, current).value
    assert other.low != drift_of(baseline, current).low


def test_its_value_lies_in_its_interval_however_large_the_drift() -> None:
    baseline, current = independent(300, 4, 103), independent(300, 4, 104)
    for shift in (0, 0.5, 2, 20):
        found = drift_of(baseline, current + shift)
        assert found.low <= found.value <= found.high


def test_a_dimension_that_follows_from_the_others_is_an_error_of_the_encoder() -> None:
    baseline, current = independent(400, 4, 105), independent(400, 4, 106)
    baseline[:, 2] = np.exp(baseline[:, 0])
    with pytest.raises(TiltyardError, match="EMBEDDING_INVALID baseline: a dimension follows"):
        drift_of(baseline, current)


@pytest.mark.parametrize(
    ("spoil", "facts"),
    [
        (lambda x: np.where(np.arange(4) == 2, 1.5, x), "dimension 3 is always the same"),
        (lambda x: np.where(np.arange(400)[:, None] == 7, np.nan, x), "1 windows are not finite"),
        (lambda x: x[:, :3], "3 dimensions, the baseline has 4"),
        (lambda x: x[:, 0], r"shape \(400,\), times \(400,\)"),
    ],
)
def test_what_no_encoder_should_give_is_an_error(
    spoil: Callable[[Floats], Floats], facts: str
) -> None:
    rows = independent(400, 4, 107)
    with pytest.raises(TiltyardError, match=f"EMBEDDING_INVALID current: {facts}"):
        kl_divergence(
            rows, spoil(rows), baseline_at=np.arange(400), current_at=np.arange(400), seed=1
        )
