"""Quiet hours by the clock on the wall, also on the days on which it is changed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tiltyard.shell.notify.quiet import QuietHours

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "time", "holds"),
    [
        ("22:00-07:00", "2025-07-07T19:59:59", False),
        ("22:00-07:00", "2025-07-07T20:00:00", True),
        ("22:00-07:00", "2025-07-08T04:59:59", True),
        ("22:00-07:00", "2025-07-08T05:00:00", False),
        ("12:00-14:00", "2025-07-07T10:00:00", True),
        ("12:00-14:00", "2025-07-07T12:00:00", False),
        ("22:00-07:00", "2025-12-08T21:00:00", True),  # in winter an hour later
        ("22:00-07:00", "2025-12-08T20:59:59", False),
        ("22:00-07:00", "2025-03-30T04:59:59", True),  # the night in which an hour is skipped
        ("22:00-07:00", "2025-03-30T05:00:00", False),
        ("22:00-07:00", "2025-10-26T05:59:59", True),  # the night in which one comes twice
        ("22:00-07:00", "2025-10-26T06:00:00", False),
        ("22:00-02:30", "2025-03-30T01:29:59", True),  # ends at a time that there is not
        ("22:00-02:30", "2025-03-30T01:30:00", False),
        ("22:00-02:30", "2025-10-26T00:29:59", True),  # ends at a time that comes twice: once
        ("22:00-02:30", "2025-10-26T00:30:00", False),
        ("22:00-02:30", "2025-10-26T01:29:00", False),
        ("00:00-23:59", "2025-07-07T21:58:00", True),
    ],
)
def test_quiet_hours_hold(hours: str, time: str, holds: bool) -> None:  # noqa: FBT001 a table
    assert QuietHours.parse(hours).hold(at(time), BERLIN) is holds


@pytest.mark.parametrize(
    "text", ["22:00", "22-7", "25:00-07:00", "07:00-07:00", "22:00-07:00-08:00"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected hours|they begin when they end"):
        QuietHours.parse(text)
