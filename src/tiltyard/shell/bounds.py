"""What the database's trigger is told of the settings, so that it can clamp an edit by SQL.

The champion's floor, the cap, and when trading days begin: a trigger knows no time zone.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache

import sqlalchemy as sa

from tiltyard.scaling.trading_day import starts_at, trading_day
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.edits import knows_days, write_bounds, write_days

DAYS_AHEAD = 400


def tell_bounds(connection: sa.Connection, settings: Settings, now: datetime) -> None:
    """Bring what the trigger knows up to date, inside a transaction that writes."""
    rules, schedule = settings.shares.rules(), settings.schedule
    write_bounds(connection, rules.champion_floor, rules.cap)
    days = _days(trading_day(now, schedule.nightly, schedule.zone), schedule.nightly, schedule.zone)
    if not knows_days(connection, days):
        write_days(connection, days)


@lru_cache(maxsize=2)
def _days(today: date, nightly: time, zone: tzinfo) -> Sequence[datetime]:
    """When trading days begin, from this one on; asked for in every step of a desk."""
    return [starts_at(today + timedelta(days=ahead), nightly, zone) for ahead in range(DAYS_AHEAD)]
