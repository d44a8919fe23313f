"""When cron is to begin what is due at an hour of another place.

Debian's cron goes by the zone of the machine and by no other: it takes no ``CRON_TZ``. Where the
desk has the same hours, it is told them, and sees to the days on which clocks are set by itself.
Where it has others, no hour of the machine is right in winter and in summer. So cron begins each
hour, and the entry asks what hour it is where the desk is, and what it was before: then what is
due in an hour that is left out in spring is done in the next, as a trading day begins then, and in
an hour that comes twice in autumn, it is done in the first.
"""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tiltyard.kernel.errors import TiltyardError
from tiltyard.scaling.trading_day import starts_at

LOCAL = Path("/etc/localtime")
HOUR = timedelta(hours=1)
DAYS_AHEAD = 2 * 366
"""That are looked at: every clock that is set is set by then."""


class Hours(NamedTuple):
    """What stands before a command.

    Attributes:
        when: Minute, hour, day, month and weekday.
        asks: The format in which ``date`` is asked for the present; empty where nothing is asked.
        answers: The present and the hour before it, where it is due.
    """

    when: str
    asks: str = ""
    answers: tuple[str, ...] = ()


def machine_zone(local: Path = LOCAL) -> tuple[ZoneInfo, str]:
    """The zone that cron goes by, and its name; UTC where a machine says nothing.

    Raises:
        TiltyardError: ``SETUP_UNSUITABLE`` for a file that is no zone.
    """
    try:
        with local.open("rb") as file:
            zone = ZoneInfo.from_file(file)
    except FileNotFoundError:
        return ZoneInfo("UTC"), "UTC"
    except (OSError, ValueError) as error:
        raise TiltyardError(
            "SETUP_UNSUITABLE", str(local), f"it says no time zone: {error}",
            "set that of the machine: timedatectl set-timezone UTC",
        ) from error  # fmt: skip
    _, found, name = os.path.realpath(local).partition("/zoneinfo/")
    return zone, name if found else "the machine's own"


def hours_of(
    at: time, zone: ZoneInfo, machine: ZoneInfo, now: datetime, weekday: int | None = None
) -> Hours:
    """When cron is to begin something.

    Args:
        at: Time of day where the desk is; seconds are made up to a minute, for cron knows none.
        zone: Where that is.
        machine: Cron's own.
        now: UTC.
        weekday: 0 for Monday; None for every day.
    """
    at = whole_minute(at)
    if have_same_hours(zone, machine, now):
        day = "*" if weekday is None else (weekday + 1) % 7
        return Hours(f"{at.minute} {at.hour} * * {day}")
    due = list(_due(at, zone, now, weekday))
    minutes = sorted({one.astimezone(machine).minute for one in due})
    asks = "%H" if weekday is None else "%u%H"
    told = {f"{one.astimezone(zone):{asks}} {(one - HOUR).astimezone(zone):%H}" for one in due}
    return Hours(f"{','.join(map(str, minutes))} * * * *", asks, tuple(sorted(told)))


def whole_minute(at: time) -> time:
    """The time, or the next whole minute.

    >>> whole_minute(time(2)), whole_minute(time(23, 59, 1))
    (datetime.time(2, 0), datetime.time(0, 0))
    """
    seconds = at.second or at.microsecond
    rounded = datetime.combine(date.min, at.replace(second=0, microsecond=0))
    return (rounded + timedelta(minutes=1 if seconds else 0)).time()


def have_same_hours(one: ZoneInfo, other: ZoneInfo, now: datetime) -> bool:
    """Whether their clocks show the same, from now on."""
    hours = (now + timedelta(hours=count) for count in range(24 * DAYS_AHEAD))
    return all(
        hour.astimezone(one).utcoffset() == hour.astimezone(other).utcoffset() for hour in hours
    )


def _due(at: time, zone: ZoneInfo, now: datetime, weekday: int | None) -> Iterator[datetime]:
    first = now.astimezone(UTC).date()
    for day in (first + timedelta(days=count) for count in range(DAYS_AHEAD)):
        if weekday in (None, day.weekday()):
            yield starts_at(day, at, zone)
