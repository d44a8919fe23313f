"""Where a desk lives, as cron and systemd have to be told it."""

from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.engine import SECRETS


class Place(NamedTuple):
    """A desk on this machine.

    Attributes:
        folder: Where its settings lie, absolute.
        python: The interpreter that it runs by, absolute.
        user: Who it runs as.
        database: What is named to every command; empty where the settings name it.
    """

    folder: Path
    python: Path
    user: str
    database: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """What every command is given."""
        return ("--db", self.database) if self.database else ()


def refuse_unsuitable(place: Place) -> None:
    """Whether the place can be written into a crontab and a unit.

    Raises:
        TiltyardError: ``SETUP_UNSUITABLE``.
    """
    for path in (place.folder, place.python, place.database):
        if "\\" in str(path) or not str(path).isprintable():
            raise TiltyardError(
                "SETUP_UNSUITABLE", repr(str(path)), "cron and systemd cannot be told such a name",
                "move it where no name has a backslash or a line break",
            )  # fmt: skip
    if "://" in place.database and _has_a_secret(place.database):
        raise TiltyardError(
            "SETUP_UNSUITABLE", "TILTYARD_DB", "it has a password, which would stand in files that "
            "others may read", "put it into ~/.pgpass, or name the database in tiltyard.toml: "
            "ledger.database",
        )  # fmt: skip


def _has_a_secret(address: str) -> bool:
    """Whether an address says what lets somebody in, wherever it stands in it."""
    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        return True  # nobody knows what is in it
    return url.password is not None or not SECRETS.isdisjoint(url.query)
