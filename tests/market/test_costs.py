"""Which funding rates are known at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from tiltyard.market.costs import EVERY, FundingRates

NOON = datetime(2025, 7, 7, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def rates(*numbers: int, late: timedelta = timedelta()) -> FundingRates:
    """Rates on the grid at these places, each as large as its place; odd ones told late."""
    return FundingRates([(NOON + n * EVERY + (n % 2) * late, float(n)) for n in numbers])


@pytest.mark.parametrize(
    ("at", "count", "known"),
    [
        (NOON - SECOND, 1, None),
        (NOON, 1, [0.0]),
        (NOON + EVERY - SECOND, 1, [0.0]),
        (NOON + EVERY, 1, [1.0]),
        (NOON + EVERY, 2, [0.0, 1.0]),
        (NOON + EVERY, 3, None),
        (NOON + 2 * EVERY, 1, [1.0]),
        (NOON + 2 * EVERY + SECOND, 1, None),
        (NOON + 4 * EVERY, 1, [4.0]),
        (NOON + 4 * EVERY, 2, None),
        (NOON + 5 * EVERY, 2, [4.0, 5.0]),
        (NOON + 5 * EVERY, 3, None),
    ],
)
def test_the_last_rates_are_known_where_none_of_them_is_missing(
    at: datetime, count: int, known: list[float] | None
) -> None:
    assert rates(0, 1, 4, 5).last(at, count) == known


def test_rates_that_are_stamped_a_little_late_are_on_the_grid_all_the_same() -> None:
    late = rates(0, 1, 2, 3, late=timedelta(milliseconds=7))
    assert late.last(NOON + 3 * EVERY + SECOND, 4) == [0.0, 1.0, 2.0, 3.0]
    assert late.last(NOON + 3 * EVERY, 2) == [1.0, 2.0], "the third is not there yet"
    assert rates().last(NOON) is None
