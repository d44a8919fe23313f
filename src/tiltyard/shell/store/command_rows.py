"""A row of ``commands`` as a command, whatever somebody has written there by SQL.

Anyone may append a command, and SQLite takes anything in any column. A row that cannot be
read is a command all the same, one that says what is wrong with it and is refused. If reading
it were an error, it would stop everybody who looks for what waits, for good.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from tiltyard.facts.command import LASTS, Command
from tiltyard.kernel.clock import EPOCH, from_microseconds, moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.shell.store.desk_tables import commands

_SHOWN = 40
"""So many characters of what cannot be read are shown."""
_BYTES = sa.LargeBinary().with_variant(sa.Text(), "postgresql")
"""As SQLite keeps it: its text may be of another encoding, which is an error to read as text."""

COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    commands.c.seq,
    *(sa.cast(column, _BYTES).label(column.name) for column in commands.c if column.name != "seq"),
)
"""What :func:`command_from` reads."""


def command_from(row: sa.RowMapping) -> Command:
    """A row with these columns as a command."""
    said = {name: _text(row[name]) for name in row if name in commands.c and name != "seq"}
    faults: list[str] = []
    arguments, asked_at = said.pop("arguments"), said.pop("asked_at")
    return Command(
        **said,  # type: ignore[arg-type] # a verb that nobody knows is refused by who obeys
        arguments=_arguments(arguments, faults),
        asked_at=_asked_at(asked_at, faults),
        seq=row["seq"],
        unreadable="; ".join(faults),
    )


def _text(value: bytes | str) -> str:
    return storable(
        value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    )


def _arguments(text: str, faults: list[str]) -> Mapping[str, str]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and all(isinstance(value, str) for value in said.values()):
        return {storable(name): storable(value) for name, value in said.items()}
    faults.append(f"its arguments are {_shown(text)}, and no JSON object of texts such as {{}}")
    return {}


def _asked_at(text: str, faults: list[str]) -> datetime:
    try:
        at = moment(from_microseconds(int(text)))
        at + LASTS  # whoever obeys reckons so
    except (ValueError, OverflowError, TiltyardError):
        faults.append(f"it was asked at {_shown(text)}, and not at microseconds since 1970 UTC")
        return EPOCH
    return at


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
