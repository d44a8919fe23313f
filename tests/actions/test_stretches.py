"""Stretches: where sums are cut, and how often their intervals hold a known truth."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tiltyard.actions.stretches import Part, half_of, half_of_several

START = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SEED = 20250707
REPLICATES = 400
LEAST_HELD, MOST_HELD = 0.917, 0.983
"""Of 400 intervals of 95 %, give or take three standard errors."""


def shared(rng: Random, times: list[datetime], *, by_day: bool = False) -> list[Part]:
    """Results around 0 of which three tenths are those of the moment, or of the day."""
    ways = {at.date() if by_day else at: rng.gauss(0, 1) for at in times}
    return [
        (at, 0.3**0.5 * ways[at.date() if by_day else at] + 0.7**0.5 * rng.gauss(0, 1))
        for at in times
    ]


def held(times: list[datetime], *, by_day: bool = False) -> float:
    """How often 0 lies in the interval."""
    rng, found = Random(SEED), 0  # noqa: S311 a simulation
    for _ in range(REPLICATES):
        parts = shared(rng, times, by_day=by_day)
        half = half_of(parts)
        assert half is not None
        found += abs(sum(part for _, part in parts)) <= half
    return found / REPLICATES


@pytest.mark.parametrize("symbols", [1, 7, 10, 16, 20])
def test_intervals_hold_the_truth_where_a_bar_is_shared_by_many_symbols(symbols: int) -> None:
    times = [START + 4 * HOUR * (number // symbols) for number in range(100)]
    assert LEAST_HELD <= held(times) <= MOST_HELD


@pytest.mark.parametrize("a_day", [1, 6, 9, 10])
def test_intervals_hold_the_truth_where_a_day_is_shared(a_day: int) -> None:
    times = [START + DAY * (at // a_day) + HOUR * (at % a_day) for at in range(100)]
    assert LEAST_HELD <= held(times, by_day=True) <= MOST_HELD


def test_intervals_hold_the_truth_where_one_bar_has_more_than_others() -> None:
    times = [START + HOUR * max(0, number - 12) for number in range(100)]
    assert LEAST_HELD <= held(times) <= MOST_HELD


@pytest.mark.parametrize("counts", [[50, 50], [25] * 4, [91, *[1] * 9], [60, *[2] * 20]], ids=str)
def test_too_few_moments_or_too_uneven_ones_have_no_interval(counts: list[int]) -> None:
    times = [START + DAY * bar for bar, count in enumerate(counts) for _ in range(count)]
    assert half_of([(at, 1.0) for at in times]) is None


def test_no_order_among_what_began_together_makes_a_difference() -> None:
    rng = Random(SEED)  # noqa: S311 a simulation
    parts = shared(rng, [START + HOUR * (number // 7) for number in range(100)])
    other = sorted(parts, key=lambda part: (part[0], -part[1]))
    assert half_of(parts) == pytest.approx(half_of(other))


def test_a_scale_is_a_scale_and_a_shift_is_nothing() -> None:
    rng = Random(SEED)  # noqa: S311 a simulation
    parts = shared(rng, [START + HOUR * number for number in range(100)])
    half = half_of(parts)
    assert half
    assert half_of([(at, 3 * part) for at, part in parts]) == pytest.approx(3 * half)
    assert half_of([(at, part + 5) for at, part in parts]) == pytest.approx(half)


def test_stretches_in_which_all_cancels_are_no_evidence() -> None:
    """Of 200 moments four say something: that is an interval with three degrees of freedom."""
    moments = dict.fromkeys(range(200), 0.0) | {3: 1.0, 4: -1.0, 190: 1.0, 191: -1.0}
    alone = {number: more for number, more in moments.items() if more}
    assert half_of_several(moments, 20, 100.0) == pytest.approx(half_of_several(alone, 1, 100.0))
    assert half_of_several(moments, 20, 100.0) > 2 * 3.1
    assert half_of_several(moments, 20, 0.5) == 0.5, "the receipts' own intervals come to no more"


def test_what_follows_one_another_for_long_makes_the_interval_wider() -> None:
    moments = {number: 1.0 if number % 100 < 50 else -1.0 for number in range(1_000)}
    rng = Random(SEED)  # noqa: S311 a simulation
    other = dict(enumerate(rng.sample(list(moments.values()), len(moments))))
    assert half_of_several(moments, 5, 1e9) > 3 * half_of_several(other, 5, 1e9)
