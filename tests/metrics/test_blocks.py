"""Deviations by block against Student's tables."""

import math

import pytest

from tiltyard.metrics.blocks import chance_above_zero, deviation, sigmas

TABLE = [(10, 2.262157), (15, 2.144787), (30, 2.045230), (100, 1.984217), (10_000, 1.960201)]
"""Blocks, and the quantile of 97.5 % with one degree of freedom less."""


@pytest.mark.parametrize(("blocks", "quantile"), TABLE)
def test_the_interval_is_as_wide_as_students_table_says(blocks: int, quantile: float) -> None:
    assert sigmas(blocks) == pytest.approx(quantile, abs=0.002)


@pytest.mark.parametrize(("blocks", "quantile"), TABLE)
def test_a_number_at_the_edge_of_its_interval_is_above_0_with_975_in_1000(
    blocks: int, quantile: float
) -> None:
    assert chance_above_zero(quantile, 1, blocks) == pytest.approx(0.975, abs=0.0002)
    assert chance_above_zero(sigmas(blocks), 1, blocks) == pytest.approx(0.975, abs=1e-12)


@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.3, 2.0, 50.0])
def test_the_chances_of_a_number_and_its_opposite_are_1_together(mean: float) -> None:
    both = chance_above_zero(mean, 0.7, 12) + chance_above_zero(-mean, 0.7, 12)
    assert both == pytest.approx(1, abs=1e-15)


def test_where_all_blocks_say_the_same_there_is_no_doubt() -> None:
    assert [chance_above_zero(mean, 0, 10) for mean in (-1.0, 0.0, 1.0)] == [0, 0.5, 1]


def test_of_blocks_of_one_thing_each_it_is_the_standard_error_of_a_mean() -> None:
    numbers = [1.0, 4.0, -2.0, 5.0]
    mean = sum(numbers) / 4
    spread = math.sqrt(sum((one - mean) ** 2 for one in numbers) / 3)
    parts = [(one - mean) / 4 for one in numbers]
    assert deviation(parts) == pytest.approx(spread / 2)
