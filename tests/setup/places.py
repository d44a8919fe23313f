"""A desk to set up around, and the crontab that it is given."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tiltyard.checklist.defaults import DEFAULT_CHECKLIST
from tiltyard.shell.sections.jobs import JobSettings
from tiltyard.shell.settings import ScheduleSettings, Settings
from tiltyard.shell.setup.crontab import crontab
from tiltyard.shell.setup.place import Place

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def settings(
    zone: str = "UTC", nightly: str = "02:00", jobs: JobSettings | None = None
) -> Settings:
    return Settings(
        checklist=DEFAULT_CHECKLIST,
        schedule=ScheduleSettings.model_validate({"timezone": zone, "nightly": nightly}),
        jobs=jobs or JobSettings(),
    )


def place(folder: Path, database: str = "") -> Place:
    return Place(folder, Path(sys.executable), "root", database)


def written(folder: Path, told: Settings, machine: str = "UTC", database: str = "") -> str:
    """The crontab of a desk."""
    zone = (ZoneInfo(machine), machine)
    return crontab(told, place(folder, database), zone, NOW, "tiltyard.toml")


def entries(text: str) -> dict[str, str]:
    """What cron has to do, by the job that it is."""
    lines = [one for one in text.splitlines() if one[:1].isdigit() or one[:1] == "*"]
    return {one.partition(" jobs run ")[2].split()[0]: one for one in lines}


def command(entry: str) -> str:
    """What the shell is given of an entry: cron takes ``\\%`` for ``%``."""
    return entry.split(maxsplit=5)[5].replace(r"\%", "%")
