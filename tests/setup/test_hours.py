"""When cron begins what is due: once a trading day, at the hour of the desk, wherever it runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from setup.places import NOW
from tiltyard.kernel.errors import TiltyardError
from tiltyard.scaling.trading_day import starts_at, trading_day
from tiltyard.shell.setup.hours import Hours, hours_of, machine_zone, whole_minute

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEARS = 2 * 365 * DAY
SUNDAY = 6
CLOCKS = [
    ("Europe/Berlin", "UTC"),
    ("Europe/Berlin", "America/New_York"),
    ("America/New_York", "Europe/Berlin"),
    ("UTC", "Europe/Berlin"),
    ("Asia/Kolkata", "Europe/Berlin"),
    ("Australia/Sydney", "America/Los_Angeles"),
    ("America/Sao_Paulo", "Pacific/Apia"),
]


def begun(hours: Hours, zone: ZoneInfo, machine: ZoneInfo) -> Iterator[datetime]:
    """When cron begins an entry that asks, in two years."""
    (minute,) = map(int, hours.when.split()[0].split(","))
    at = NOW.replace(minute=0)
    while at < NOW + YEARS:
        if at.astimezone(machine).minute == minute:
            there = f"{at.astimezone(zone):{hours.asks}} {(at - HOUR).astimezone(zone):%H}"
            if there in hours.answers:
                yield at
        at += timedelta(minutes=15)


@pytest.mark.parametrize(("own", "other"), CLOCKS)
@pytest.mark.parametrize("at", [time(2), time(2, 30), time(0), time(23, 45), time(3)])
def test_elsewhere_a_night_begins_once_a_trading_day_and_when_that_begins(
    own: str, other: str, at: time
) -> None:
    zone, machine = ZoneInfo(own), ZoneInfo(other)
    nights = list(begun(hours_of(at, zone, machine, NOW), zone, machine))
    days = [trading_day(night, at, zone) for night in nights]
    assert days == [days[0] + count * DAY for count in range(len(days))]
    assert len(days) >= YEARS.days - 1
    assert nights == [starts_at(day, at, zone) for day in days]


@pytest.mark.parametrize(("own", "other"), CLOCKS)
@pytest.mark.parametrize("at", [time(3), time(2, 30), time(0, 15), time(23, 45)])
def test_elsewhere_the_week_begins_once_a_week_and_at_its_time(
    own: str, other: str, at: time
) -> None:
    zone, machine = ZoneInfo(own), ZoneInfo(other)
    weeks = list(begun(hours_of(at, zone, machine, NOW, SUNDAY), zone, machine))
    assert weeks == [starts_at(one.astimezone(zone).date(), at, zone) for one in weeks]
    assert {one.astimezone(zone).weekday() for one in weeks} == {SUNDAY}
    assert len(weeks) in (103, 104, 105)


@pytest.mark.parametrize(("own", "other"), [("UTC", "Etc/UTC"), ("Europe/Paris", "Europe/Berlin")])
def test_where_clocks_show_the_same_cron_is_told_the_hour(own: str, other: str) -> None:
    zone, machine = ZoneInfo(own), ZoneInfo(other)
    assert hours_of(time(2, 5), zone, machine, NOW) == Hours("5 2 * * *")
    assert hours_of(time(3), zone, machine, NOW, SUNDAY) == Hours("0 3 * * 0")
    assert hours_of(time(3), zone, machine, NOW, 0) == Hours("0 3 * * 1")


def test_zones_that_only_agree_in_winter_are_not_the_same() -> None:
    lagos, berlin = ZoneInfo("Africa/Lagos"), ZoneInfo("Europe/Berlin")
    assert hours_of(time(2), lagos, berlin, NOW).asks == "%H"


def test_cron_begins_no_earlier_than_the_trading_day() -> None:
    assert whole_minute(time(2, 0, 30)) == time(2, 1)
    assert hours_of(time(2, 0, 0, 1), ZoneInfo("UTC"), ZoneInfo("UTC"), NOW).when == "1 2 * * *"


def test_the_zone_of_a_machine_is_read_as_cron_reads_it(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    assert machine_zone(link)[1] == "UTC"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    zone, name = machine_zone(link)
    assert name == "Europe/Berlin"
    assert datetime(2026, 7, 1, tzinfo=UTC).astimezone(zone).hour == 2
    copied = tmp_path / "copied"
    copied.write_bytes(Path("/usr/share/zoneinfo/Europe/Berlin").read_bytes())
    assert machine_zone(copied)[1] == "the machine's own"
    copied.write_bytes(b"no zone")
    with pytest.raises(TiltyardError, match="SETUP_UNSUITABLE"):
        machine_zone(copied)
