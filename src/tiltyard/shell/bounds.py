"""What the database's trigger is told of the settings, so that it can clamp an edit by SQL.

The champion's floor, the cap, and when trading days begin: a trigger knows no time zone.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from tiltyard.scaling.trading_day import starts_at, trading_day
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.edits import knows_days, write_bounds, write_days

DAYS_AHEAD = 400


def tell_bounds(connection: sa.Connection, settings: Settings, now: datetime) -> None:
    """Bring what the trigger knows up to date, inside a transaction that writes."""
    rules, schedule = settings.shares.rules(), settings.schedule
    write_bounds(connection, rules.champion_floor, rules.cap)
    today = trading_day(now, schedule.nightly, schedule.zone)

    def begins(days: int) -> datetime:
        return starts_at(today + timedelta(days=days), schedule.nightly, schedule.zone)

    if not knows_days(connection, now, begins(1)):
        write_days(connection, [begins(days) for days in range(DAYS_AHEAD)])
