"""The crontab: what is done by the clock, as Debian's cron is told it.

Cron gives a command next to nothing: ``/bin/sh``, a short path, and the home of the user. So every
entry says where the desk is, by which interpreter it runs, and where goes what it says. Two that
overlap are in no danger, for a job of a day is run once, whoever asks.
"""

import shlex
from collections.abc import Iterator
from datetime import datetime, time
from zoneinfo import ZoneInfo

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.yaml_text import comment
from tiltyard.shell.as_made import sealed
from tiltyard.shell.settings import Settings
from tiltyard.shell.setup.hours import Hours, have_same_hours, hours_of, whole_minute
from tiltyard.shell.setup.place import Place

NAME = "live_ops_crontab"
LOG = "logs/jobs.log"
REFRESH_AFTER = 15
"""Minutes after the nightly job: then what it has found is known."""
LONGEST = 990
"""Letters of a command; cron takes not many more."""
HEAD = "# What Tiltyard does by the clock, as cron is told it."
"""The first line."""
_ANEW = """\
Made by: tiltyard setup, from {source}. Do not edit this: change the settings, and make it anew."""
_HOSTED = """\
jobs.hosted is true: the running desk does all this by itself, so cron has nothing to do.
To have cron do it, set jobs.hosted = false, and make this anew."""
_SAME = """\
Hours are those of the machine ({machine}), which are those of schedule.timezone ({zone}). Debian's
cron itself makes up for an hour that is left out in spring, and repeats none in autumn."""
_OTHER = """\
Hours are those of schedule.timezone ({zone}). Debian's cron knows those of the machine alone
({machine}), and CRON_TZ is nothing to it. So each hour an entry asks what hour it is there, and
what it was before: then it is right in winter, in summer, and when clocks are set."""


def crontab(
    settings: Settings, place: Place, machine: tuple[ZoneInfo, str], now: datetime, source: str
) -> str:
    """The file.

    Args:
        settings: Whose hours.
        place: Where the desk is.
        machine: The zone that cron goes by, and its name.
        now: UTC.
        source: Where the settings are from, for people.

    Raises:
        TiltyardError: ``SETUP_UNSUITABLE`` where a command becomes longer than cron takes.
    """
    body = _body(settings, place, machine, now)
    return "\n".join([HEAD, *comment(_ANEW.format(source=source)), sealed(body)])


def _body(settings: Settings, place: Place, machine: tuple[ZoneInfo, str], now: datetime) -> str:
    zone, name = machine
    own = settings.schedule.zone
    told = _SAME if have_same_hours(own, zone, now) else _OTHER
    lines = [
        "SHELL=/bin/sh", "PATH=/usr/local/bin:/usr/bin:/bin", 'MAILTO=""', "",
        *comment(told.format(machine=name, zone=own.key)),
    ]  # fmt: skip
    if settings.jobs.hosted:
        lines += ["", *comment(_HOSTED)]
    for says, job, hours in _entries(settings, zone, now):
        entry = f"{hours.when} {_command(job, hours, place, own.key)}"
        lines += ["", f"# {says}", f"# {entry}" if settings.jobs.hosted else entry]
    return "\n".join(lines) + "\n"


def _entries(
    settings: Settings, machine: ZoneInfo, now: datetime
) -> Iterator[tuple[str, str, Hours]]:
    jobs, zone = settings.jobs, settings.schedule.zone
    night = whole_minute(settings.schedule.nightly)
    later = _later(night)
    yield (
        f"each night at {night:%H:%M}: fresh observations, then shares",
        "nightly", hours_of(night, zone, machine, now),
    )  # fmt: skip
    yield (
        f"at {later:%H:%M}: encoders that have drifted are refreshed",
        "refresh", hours_of(later, zone, machine, now),
    )  # fmt: skip
    yield (
        f"each {jobs.weekly.title()}: snapshot, retraining, sweep, purge, clean-up",
        "weekly", hours_of(jobs.weekly_time, zone, machine, now, jobs.weekday),
    )  # fmt: skip
    count = jobs.health_hours
    yield (
        f"every {count} h: a look at the house",
        "health", Hours("0 0 * * *" if count == 24 else f"0 */{count} * * *"),  # noqa: PLR2004 of a day
    )  # fmt: skip


def _later(night: time) -> time:
    minutes = (night.hour * 60 + night.minute + REFRESH_AFTER) % (24 * 60)
    return time(minutes // 60, minutes % 60)


def _command(job: str, hours: Hours, place: Place, zone: str) -> str:
    """A line of shell, with ``%`` as cron wants it, for which it is the end of a line."""
    words = shlex.join([str(place.python), "-m", "tiltyard", "jobs", "run", job, *place.options])
    line = f"cd {shlex.quote(str(place.folder))} && mkdir -p logs && {words} >>{LOG} 2>&1"
    if hours.asks:
        date = f"TZ={shlex.quote(zone)} date"
        there = f"\"$({date} +{hours.asks}) $({date} -d '1 hour ago' +%H)\""
        line = f"case {there} in {'|'.join(map(shlex.quote, hours.answers))}) {line} ;; esac"
    line = line.replace("%", r"\%")
    if len(line) > LONGEST:
        raise TiltyardError(
            "SETUP_UNSUITABLE", str(place.folder),
            f"a command of {len(line):,} letters is longer than cron takes",
            "move the desk to a folder with a shorter name",
        )  # fmt: skip
    return line
