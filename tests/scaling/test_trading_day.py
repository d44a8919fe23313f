"""The trading day: from 02:00 to 02:00 local time, daylight saving or not."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.scaling.trading_day import NIGHTLY, nights_between, starts_at, trading_day

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        (UTC, "2025-07-07", "2025-07-07T02:00"),
        (BERLIN, "2025-01-15", "2025-01-15T01:00"),
        (BERLIN, "2025-07-07", "2025-07-07T00:00"),
        (BERLIN, "2025-03-30", "2025-03-30T01:00"),  # 02:00 does not exist: 03:00 summer time
        (BERLIN, "2025-10-26", "2025-10-26T00:00"),  # 02:00 comes twice: the first
        (NEW_YORK, "2025-01-15", "2025-01-15T07:00"),
        (NEW_YORK, "2025-07-07", "2025-07-07T06:00"),
        (NEW_YORK, "2025-03-09", "2025-03-09T07:00"),  # 02:00 does not exist: 03:00 summer time
        (NEW_YORK, "2025-11-02", "2025-11-02T07:00"),  # 01:00 comes twice, 02:00 once
    ],
)
def test_a_day_starts_at_two_local_time(zone: tzinfo, day: str, start: str) -> None:
    begins, today = utc(start), date.fromisoformat(day)
    assert starts_at(today, NIGHTLY, zone) == begins
    assert trading_day(begins, NIGHTLY, zone) == today
    assert trading_day(begins - SECOND, NIGHTLY, zone) == today - DAY
    assert trading_day(begins + SECOND, NIGHTLY, zone) == today


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BERLIN, "2025-03-29", 24),
        (BERLIN, "2025-03-30", 23),
        (BERLIN, "2025-10-25", 24),
        (BERLIN, "2025-10-26", 25),
        (NEW_YORK, "2025-03-08", 24),
        (NEW_YORK, "2025-03-09", 23),
        (NEW_YORK, "2025-11-01", 25),
        (NEW_YORK, "2025-11-02", 24),
        (UTC, "2025-03-30", 24),
    ],
)
def test_the_day_of_a_change_is_an_hour_shorter_or_longer(
    zone: tzinfo, day: str, hours: int
) -> None:
    today = date.fromisoformat(day)
    length = starts_at(today + DAY, NIGHTLY, zone) - starts_at(today, NIGHTLY, zone)
    assert length == timedelta(hours=hours)


def test_another_nightly_time_starts_another_day() -> None:
    assert trading_day(utc("2025-07-07T16:59"), time(17), UTC) == date(2025, 7, 6)
    assert trading_day(utc("2025-07-07T17:00"), time(17), UTC) == date(2025, 7, 7)


@pytest.mark.parametrize(
    ("after", "until", "nights"),
    [
        ("2025-07-07T02:00", "2025-07-07T23:00", []),
        ("2025-07-07T01:59", "2025-07-07T02:00", ["2025-07-07T02:00"]),
        ("2025-07-07T02:00", "2025-07-08T02:00", ["2025-07-08T02:00"]),
        ("2025-07-07T02:00", "2025-07-08T01:59", []),
        (
            "2025-07-07T12:00",
            "2025-07-10T12:00",
            ["2025-07-08T02:00", "2025-07-09T02:00", "2025-07-10T02:00"],
        ),
        ("2025-07-08T12:00", "2025-07-07T12:00", []),
        ("2025-07-08T12:00", "2025-07-08T12:00", []),
    ],
)
def test_nights_are_those_after_and_up_to(after: str, until: str, nights: list[str]) -> None:
    found = list(nights_between(utc(after), utc(until), NIGHTLY, UTC))
    assert found == [utc(night) for night in nights]


@pytest.mark.parametrize("zone", [UTC, BERLIN, NEW_YORK])
def test_a_year_has_a_night_for_every_day(zone: tzinfo) -> None:
    new_year = datetime(2025, 1, 1, 12, tzinfo=zone)
    nights = list(nights_between(new_year, new_year.replace(year=2026), NIGHTLY, zone))
    days = [trading_day(night, NIGHTLY, zone) for night in nights]
    assert days == [date(2025, 1, 2) + DAY * count for count in range(365)]


moments = st.datetimes(
    datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 hypothesis adds it
)  # fmt: skip


@given(moments, moments, moments, st.sampled_from([UTC, BERLIN, NEW_YORK]))
def test_nights_of_adjacent_spans_are_those_of_the_whole(
    one: datetime, two: datetime, three: datetime, zone: tzinfo
) -> None:
    first, second, third = sorted((one, two, three))
    parts = [
        *nights_between(first, second, NIGHTLY, zone),
        *nights_between(second, third, NIGHTLY, zone),
    ]
    assert parts == list(nights_between(first, third, NIGHTLY, zone))
    assert all(first < night <= third for night in parts)
