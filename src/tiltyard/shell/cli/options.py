"""Options that several commands share, and how they are turned into values."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.money import Money
from tiltyard.shell.clock import system_now
from tiltyard.shell.registration import capital_of
from tiltyard.shell.replaying.closed_record import record_end
from tiltyard.shell.settings import Settings, load
from tiltyard.shell.store.answer_limit import AnswerLimit
from tiltyard.shell.store.engine import BUSY_TIMEOUT_MS, database_url
from tiltyard.shell.store.ledger import Ledger

Database = Annotated[
    str | None,
    typer.Option(
        "--db", metavar="URL", help="Database: a path or URL. [TILTYARD_DB, ./tiltyard.db]"
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", "--checklist", metavar="FILE", help="Settings. [./tiltyard.toml]"),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="Judge as of this time. [now; a record's end]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Capital = Annotated[
    str | None, typer.Option("--capital", metavar="X", help="Equity allotted to each policy.")
]


def settings_from(config: Path | None) -> Settings:
    """The settings of a command."""
    return load(config)


def chosen_database(database: str | None, settings: Settings) -> str:
    """Where the ledger of a command is: ``--db``, else ``TILTYARD_DB``, else the settings'."""
    return database or os.environ.get("TILTYARD_DB") or settings.ledger.database


def open_ledger(
    database: str | None,
    settings: Settings,
    *,
    create: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    answers: AnswerLimit | None = None,
) -> Ledger:
    """The ledger of a command, at :func:`chosen_database`."""
    chosen = chosen_database(database, settings)
    url = database_url(chosen)
    if url.get_backend_name() == "sqlite" and Path(url.database or "").is_dir():
        raise TiltyardError(
            "DATABASE_URL_INVALID", chosen, "it is a folder", f"name a file: {chosen}/tiltyard.db"
        )
    return Ledger.open(chosen, create=create, busy_timeout_ms=busy_timeout_ms, answers=answers)


def ledger_if_any(database: str | None, settings: Settings) -> Ledger | None:
    """That of :func:`open_ledger`; None where there is none, and nobody has named one."""
    try:
        return open_ledger(database, settings)
    except TiltyardError as error:
        if database is not None or error.code != "DATABASE_MISSING":
            raise
        return None


def asked_time(at: str | None, ledger: Ledger) -> datetime:
    """``--at``; else the end of the finished record that the ledger holds, else the present."""
    return record_end(ledger) or system_now() if at is None else moment(at)


def capital_from(text: str | None) -> Money | None:
    """``--capital`` as money.

    Raises:
        TiltyardError: ``CAPITAL_INVALID`` for anything but a positive amount.
    """
    return None if text is None else capital_of(text)
