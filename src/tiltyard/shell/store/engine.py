"""How the database is reached, and what its errors mean in plain words.

SQLite runs with a write-ahead log, full synchronisation and a busy timeout. Writers
take the write lock when they begin, so two of them queue instead of failing half-way. The
log is switched on when we make the database: a file of other software is left as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from tiltyard.kernel.errors import TiltyardError

BUSY_TIMEOUT_MS = 5000


def database_url(text: str) -> URL:
    """The URL of ``--db``: a URL as it is, anything else as the path of a SQLite file.

    Raises:
        TiltyardError: ``DATABASE_URL_INVALID``.
    """
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text)))
    try:
        return make_url(text)
    except sa.exc.ArgumentError as error:
        raise TiltyardError("DATABASE_URL_INVALID", "--db", str(error)) from error


def connect(url: URL, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> sa.Engine:
    """An engine whose ``begin()`` takes the write lock at once."""
    try:
        engine = sa.create_engine(url)
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise TiltyardError("DATABASE_URL_INVALID", url.drivername, str(error)) from error
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, busy_timeout_ms)
    return engine


def _prepare_sqlite(engine: sa.Engine, busy_timeout_ms: int) -> None:
    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout_ms)}")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = FILE")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def write_ahead(engine: sa.Engine) -> None:
    """Switch the write-ahead log on, for good, in a database of our own."""
    if engine.url.get_backend_name() == "sqlite":
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()


_MEANINGS = (
    ("locked", "DATABASE_LOCKED", "another process is writing", "try again when it has finished"),
    ("busy", "DATABASE_LOCKED", "another process is writing", "try again when it has finished"),
    ("not a database", "DATABASE_CORRUPT", "not a SQLite database", "check the path"),
    ("malformed", "DATABASE_CORRUPT", "the file is damaged", "restore a snapshot"),
    ("full", "DATABASE_FULL", "no space left", "free some and run the command again"),
    ("readonly", "DATABASE_READ_ONLY", "cannot be written", "check the permissions"),
    ("disk I/O error", "DATABASE_UNREACHABLE", "the disk refused", "check its space and limits"),
    ("unable to open", "DATABASE_UNREACHABLE", "cannot be opened", "check path and permissions"),
)


@contextmanager
def speaking_plainly(url: URL) -> Iterator[None]:
    """Turn a driver's error into one a person can act on; passwords stay hidden."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        text = str(error.orig)
        shown = url.render_as_string(hide_password=True)
        for needle, code, facts, remedy in _MEANINGS:
            if needle in text:
                raise TiltyardError(code, shown, f"{facts} ({text})", remedy) from error
        if isinstance(error, sa.exc.OperationalError):
            raise TiltyardError("DATABASE_UNREACHABLE", shown, text) from error
        raise
