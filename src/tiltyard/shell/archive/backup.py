"""A copy of the database as it stands at one moment, whoever writes meanwhile.

SQLite is copied by its own online backup, and the copy is opened and looked through. Postgres is
dumped by ``pg_dump`` in its custom format, from the very view of the database in which we read what
its audit says.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import URL

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.audit_table import audit_head, audit_position, identity_of
from tiltyard.shell.store.engine import SECRETS
from tiltyard.shell.store.ledger import Ledger

FILE, DUMP = "tiltyard.db", "tiltyard.dump"
LOCK_WAIT_MS = 60_000
PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian keeps what belongs to each version of Postgres."""


class Backup(NamedTuple):
    """A copy of a database.

    Attributes:
        file: It.
        database: ``sqlite`` or ``postgres``.
        audit_head: Hash of the newest row of its audit.
        audit_rows: Of it.
        champion: Name of the arm; empty for none.
        ledger: Hash of the oldest row of its audit; empty for none.
    """

    file: Path
    database: str
    audit_head: str
    audit_rows: int
    champion: str
    ledger: str


def backed_up(ledger: Ledger, folder: Path) -> Backup:
    """Copy a database into a folder.

    Args:
        ledger: Whose.
        folder: That has nothing of ours in it.

    Raises:
        TiltyardError: ``BACKUP_FAILED``, or what is wrong with the database.
    """
    if ledger.url.get_backend_name() == "sqlite":
        return _copied(Path(ledger.url.database or ""), folder / FILE)
    return _dumped(ledger, folder / DUMP)


def _copied(file: Path, copy: Path) -> Backup:
    try:
        with (
            closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            (faults,) = target.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise _failed(str(file), str(error)) from error
    if faults != "ok":
        raise TiltyardError(
            "DATABASE_CORRUPT", str(file), f"SQLite says: {faults}"[:200], "restore a snapshot"
        )
    with Ledger.open(str(copy)) as ledger:
        with ledger.snapshot() as still:
            backup = _told(still, copy, "sqlite")
        ledger.settle()
    return backup


def _dumped(ledger: Ledger, dump: Path) -> Backup:
    url = ledger.url
    with ledger.snapshot() as still:
        still.connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        backup = _told(still, dump, "postgres")
        view = str(still.connection.scalar(sa.text("SELECT pg_export_snapshot()")))
        command = [_program(still.connection), *dump_options(url, view, dump)]
        password = password_of(url)
        secret = {"PGPASSWORD": password} if password else {}
        done = subprocess.run(  # noqa: S603 a tool of this machine, with our own words
            command, env={**os.environ, **secret}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise _failed(str(url.database), said[-1][:300] if said else "pg_dump has failed")
        return backup


def dump_options(url: URL, view: str, dump: Path) -> list[str]:
    """How ``pg_dump`` is called, for everybody to see: without what lets somebody in.

    Args:
        url: Of the database.
        view: That one of its transactions has exported.
        dump: The file to write.
    """
    plain = url._replace(drivername="postgresql", password=None)
    plain = plain.difference_update_query(SECRETS)
    return [
        "--format=custom", "--no-owner", "--no-privileges", "--no-password",
        f"--lock-wait-timeout={LOCK_WAIT_MS}", f"--snapshot={view}", f"--file={dump}",
        f"--dbname={plain.render_as_string(hide_password=False)}",
    ]  # fmt: skip


def password_of(url: URL) -> str:
    """That in a URL, wherever it stands in it; empty where there is none."""
    beside = url.query.get("password", "")
    return str(url.password or (beside if isinstance(beside, str) else beside[0]))


def _program(connection: sa.Connection) -> str:
    """``pg_dump``, of the server's own version where that is here; a newer one will do."""
    version = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10_000
    own = PROGRAMS / str(version) / "bin" / "pg_dump"
    found = str(own) if own.is_file() else shutil.which("pg_dump")
    if found is None:
        raise _failed("pg_dump", "there is no such program here", "install Postgres's client")
    return found


def _told(still: Ledger, file: Path, database: str) -> Backup:
    champions = [arm.name for arm in still.roster().arms.values() if arm.role == "champion"]
    return Backup(
        file, database, audit_head(still.connection), audit_position(still.connection),
        champions[0] if champions else "", identity_of(still.connection),
    )  # fmt: skip


def _failed(subject: str, facts: str, remedy: str = "") -> TiltyardError:
    return TiltyardError("BACKUP_FAILED", subject, facts, remedy)
