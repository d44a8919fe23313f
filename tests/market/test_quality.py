from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.market.bar import HOUR, Bar
from tiltyard.market.quality import Flaw, Inspected, inspect

NOON = datetime(2024, 10, 28, 12, tzinfo=UTC)


def bar(hours: float, close: float = 100.0, volume: float = 1.0, **other: float) -> Bar:
    whole = Bar("BTC/USDT", NOON + hours * HOUR, close, close + 1, close - 1, close, volume)
    return whole._replace(**other)  # type: ignore[arg-type] # prices


def still(hours: float, close: float = 100.0) -> Bar:
    return bar(hours, close, 0.0, high=close, low=close)


def kinds(found: Inspected) -> list[tuple[str, int]]:
    return [(flaw.kind, flaw.bars) for flaw in found.flaws]


def test_good_bars_are_prices_and_nothing_is_said_of_them() -> None:
    bars = [bar(n, 100.0 + n) for n in range(5)]
    assert inspect(bars, HOUR) == Inspected(bars, [])


@pytest.mark.parametrize(
    ("bars", "flaws", "kept"),
    [
        ([bar(0), bar(3)], [("gap", 2)], [0, 3]),
        ([bar(0), still(1), still(2), bar(3)], [("frozen", 2)], [0, 3]),
        ([bar(0), bar(1, volume=0.0), bar(2)], [("no_volume", 1)], [0, 2]),
        ([bar(0), bar(0), bar(1)], [("duplicate", 1)], [0, 1]),
        ([bar(0), bar(0, 101.0), bar(1)], [("duplicate", 1)], [1]),
        ([bar(1), bar(0), bar(2)], [("disorder", 1)], [1, 2]),
        ([bar(0), bar(1), bar(1.5), bar(2)], [("off_grid", 1)], [0, 1, 2]),
        ([bar(0), bar(1, low=101.0)], [("impossible", 1)], [0]),
        ([bar(0), bar(1, high=99.0)], [("impossible", 1)], [0]),
        ([bar(0), bar(1, open=0.0)], [("impossible", 1)], [0]),
        ([bar(0), bar(1, close=nan)], [("impossible", 1)], [0]),
        ([bar(0), bar(1, high=inf)], [("impossible", 1)], [0]),
        ([bar(0), bar(1, volume=-1.0)], [("impossible", 1)], [0]),
        ([bar(0), bar(1, volume=nan)], [("impossible", 1)], [0]),
    ],
    ids=[
        "hours that are missing",
        "a feed that stands still",
        "prices without volume",
        "an hour told twice alike",
        "an hour told twice otherwise",
        "an hour after a later one",
        "half an hour off",
        "a low above the rest",
        "a high below the rest",
        "a price of zero",
        "no number",
        "an infinite high",
        "a negative volume",
        "a volume that is no number",
    ],
)
def test_what_is_no_price_is_found_named_and_left_out(
    bars: list[Bar], flaws: list[tuple[str, int]], kept: list[float]
) -> None:
    found = inspect(bars, HOUR)
    assert kinds(found) == flaws
    assert [(one.opened_at - NOON) / HOUR for one in found.bars] == kept


def test_a_stretch_of_one_flaw_is_told_once() -> None:
    found = inspect([bar(0), *(still(n) for n in range(1, 5)), bar(5)], HOUR)
    assert [str(flaw) for flaw in found.flaws] == [
        "BTC/USDT frozen 2024-10-28T13:00:00Z: 4 bars, no volume, every price 100"
    ]


@st.composite
def feeds(draw: st.DrawFn) -> list[Bar]:
    """Feeds with hours left out, repeated, moved and spoilt."""
    hours = draw(st.lists(st.integers(0, 12), max_size=20))
    price = st.sampled_from([99.0, 100.0, 101.0, 0.0, nan])
    return [bar(hour, draw(price), draw(st.sampled_from([0.0, 1.0]))) for hour in hours]


@given(feeds())
def test_what_is_kept_is_in_order_traded_and_was_told(bars: list[Bar]) -> None:
    found = inspect(bars, HOUR)
    times = [one.opened_at for one in found.bars]
    assert times == sorted(set(times))
    assert all(one in bars and one.volume > 0 and one.low > 0 for one in found.bars)


@given(feeds())
def test_every_bar_is_kept_or_blamed_and_every_missing_hour_named(bars: list[Bar]) -> None:
    found = inspect(bars, HOUR)
    blamed = sum(flaw.bars for flaw in found.flaws if flaw.kind != "gap")
    unlike = sum("another close" in flaw.told for flaw in found.flaws)
    assert len(bars) - unlike <= len(found.bars) + blamed <= len(bars)
    hours = {one.opened_at for one in bars}
    span = (max(hours) - min(hours)) // HOUR + 1 if hours else 0
    assert sum(flaw.bars for flaw in found.flaws if flaw.kind == "gap") == span - len(hours)


SHUFFLED = [bar(n, 100.0 + n) for n in (0, 5, 3, 4, 1, 6, 2)]


def test_a_shuffled_file_misses_nothing_and_every_row_that_came_late_is_counted_once() -> None:
    found = inspect(SHUFFLED, HOUR)
    assert [str(flaw) for flaw in found.flaws] == [
        "BTC/USDT disorder 2024-10-28T13:00:00Z: 1 bar, after the bar of 2024-10-28T17:00:00Z",
        "BTC/USDT disorder 2024-10-28T14:00:00Z: 1 bar, after the bar of 2024-10-28T18:00:00Z",
        "BTC/USDT disorder 2024-10-28T15:00:00Z: 2 bars, after the bar of 2024-10-28T17:00:00Z",
    ]
    assert found.bars == [SHUFFLED[0], SHUFFLED[1], SHUFFLED[5]]


def test_an_hour_that_is_nowhere_in_a_shuffled_file_is_missing() -> None:
    found = inspect([one for one in SHUFFLED if one.close != 103.0], HOUR)
    assert kinds(found) == [("disorder", 1), ("disorder", 1), ("gap", 1), ("disorder", 1)]


def test_a_file_that_was_put_behind_itself_is_told_twice_and_is_in_order() -> None:
    bars = [bar(n, 100.0 + n) for n in range(5)]
    assert inspect([*bars, *bars], HOUR) == Inspected(
        bars, [Flaw("duplicate", "BTC/USDT", NOON, 5, "told twice")]
    )
    another = bars[1]._replace(close=101.5)
    found = inspect([*bars, another], HOUR)
    assert kinds(found) == [("duplicate", 1)]
    assert found.bars == [bars[0], *bars[2:]], "nobody knows which of the two it was"


def test_intervals_other_than_hours_have_gaps_of_their_own() -> None:
    quarter = timedelta(minutes=15)
    found = inspect([bar(0), bar(0.25), bar(1)], quarter)
    assert kinds(found) == [("gap", 2)]
