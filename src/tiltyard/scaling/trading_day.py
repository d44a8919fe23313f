"""The trading day: from 02:00 to the next 02:00 in the schedule's time zone.

Everything that runs once a night is keyed by the day's start date, so running it twice
is running it once.

>>> from datetime import UTC
>>> trading_day(datetime(2025, 7, 8, 1, 59, tzinfo=UTC), NIGHTLY, UTC)
datetime.date(2025, 7, 7)
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

NIGHTLY = time(2)
ONE_DAY = timedelta(days=1)


def trading_day(at: datetime, nightly: time, zone: tzinfo) -> date:
    """The start date of the trading day that ``at`` lies in."""
    day = at.astimezone(zone).date()
    return day if at >= starts_at(day, nightly, zone) else day - ONE_DAY


def starts_at(day: date, nightly: time, zone: tzinfo) -> datetime:
    """When a trading day starts, in UTC; right across changes of daylight saving."""
    return datetime.combine(day, nightly, tzinfo=zone).astimezone(UTC)


def nights_between(
    after: datetime, until: datetime, nightly: time, zone: tzinfo
) -> Iterator[datetime]:
    """Every nightly instant in ``(after, until]``."""
    day = trading_day(after, nightly, zone) + ONE_DAY
    while (start := starts_at(day, nightly, zone)) <= until:
        yield start
        day += ONE_DAY
