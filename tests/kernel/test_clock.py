"""Times are UTC and exact, and a time that could mean two things is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.kernel.clock import (
    EARLIEST,
    from_microseconds,
    microseconds,
    moment,
    time_text,
)
from tiltyard.kernel.errors import TiltyardError

AFTERNOON = datetime(2025, 7, 7, 15, 26, 40, tzinfo=UTC)
moments = st.datetimes(
    datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001 hypothesis adds it
)  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        "2025-07-07T15:26:40Z",
        "2025-07-07 15:26:40+00:00",
        "2025-07-07T17:26:40+02:00",
        "20250707T152640Z",
        " 2025-07-07T15:26:40Z ",
        1751902000000,
        1751902000000.0,
        "1751902000000",
        AFTERNOON,
        AFTERNOON.astimezone(timezone(timedelta(hours=-5))),
    ],
)
def test_one_moment_has_many_names(value: datetime | str | float) -> None:
    time = moment(value)
    assert time == AFTERNOON
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("2025-07-07T15:26:40", "2025-07-07T15:26:40Z"), ("2025-07-07", "2025-07-07T00:00Z"),
        ("20250707", "2025-07-07T00:00Z"),
    ],
)  # fmt: skip
def test_a_time_without_an_offset_is_refused_unless_it_is_said_to_be_utc(
    value: str, said: str
) -> None:
    with pytest.raises(TiltyardError) as caught:
        moment(value)
    assert caught.value.code == "TIME_NAIVE"
    assert caught.value.remedy == (
        f"say which, such as {said} (ingest, replay and train: or pass --assume-utc)"
    )
    assert moment(said) == moment(value, assume_utc=True)
    assert moment(value, assume_utc=True).date() == AFTERNOON.date()


def test_a_date_with_an_offset_and_no_hour_is_told_how_to_name_one() -> None:
    with pytest.raises(TiltyardError, match=r"^TIME_INVALID 2024-06-01Z: .*2024-06-01T00:00Z"):
        moment("2024-06-01Z")


def test_eight_digits_are_a_date_and_not_milliseconds() -> None:
    assert moment("20250707", assume_utc=True) == datetime(2025, 7, 7, tzinfo=UTC)


def test_saying_utc_does_not_override_an_offset() -> None:
    assert moment("2025-07-07T17:26:40+02:00", assume_utc=True) == AFTERNOON


@pytest.mark.parametrize(
    ("value", "facts"),
    [
        ("yesterday", "expected ISO-8601 or epoch milliseconds"),
        ("", "expected ISO-8601 or epoch milliseconds"),
        (True, "expected ISO-8601 or epoch milliseconds"),
        (None, "expected ISO-8601 or epoch milliseconds"),
        (float("nan"), "expected epoch milliseconds"),
        (1e300, "expected epoch milliseconds"),
        ("9" * 400, "expected epoch milliseconds"),
        ("-9999999999999", "before 1980; epoch times are milliseconds, not seconds"),
        (1751902000, "before 1980; epoch times are milliseconds, not seconds"),
        ("1751902000", "before 1980; epoch times are milliseconds, not seconds"),
        ("9999-12-31T23:59:59-14:00", "outside the calendar"),
        ("1979-12-31T23:59:59Z", "before 1980; epoch times are milliseconds, not seconds"),
    ],
)
def test_what_is_no_time_is_refused(value: str | float, facts: str) -> None:
    with pytest.raises(TiltyardError) as caught:
        moment(value)
    assert (caught.value.code, caught.value.facts) == ("TIME_INVALID", facts)


def test_the_first_moment_is_1980() -> None:
    assert moment("1980-01-01T00:00:00Z") == EARLIEST


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (AFTERNOON, "2025-07-07T15:26:40Z"),
        (AFTERNOON.replace(microsecond=500), "2025-07-07T15:26:40.000500Z"),
        (AFTERNOON.astimezone(timezone(timedelta(hours=2))), "2025-07-07T15:26:40Z"),
    ],
)
def test_times_are_written_in_utc(time: datetime, text: str) -> None:
    assert time_text(time) == text


@given(moments)
def test_what_is_written_is_read_back(time: datetime) -> None:
    assert moment(time_text(time)) == time
    assert from_microseconds(microseconds(time)) == time


def test_microseconds_are_exact_where_floats_would_not_be() -> None:
    late = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert microseconds(late + timedelta(microseconds=1)) - microseconds(late) == 1
