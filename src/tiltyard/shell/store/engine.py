"""How the database is reached: SQLite by path, Postgres by URL.

Transactions are of two kinds. One that writes takes the one write lock when it begins, so
two writers queue instead of failing half-way. One that reads (execution option
``reading``) takes no lock, and all of it sees the ledger as it stood when it began.

SQLite runs with a write-ahead log, full synchronisation and a busy timeout. The log is
switched on when we make the database: a file of other software is left as it is. In
Postgres the write lock is an advisory one, and a transaction that wrote something tells
those who are :class:`tiltyard.shell.store.waking.Waking` when it commits.

A server whose host has fallen silent is given up after some 15 s, whether something was
being said or nothing (``tcp_user_timeout``, and the keepalives for those who only wait). One
that has stalled while its host lives on is waited for, unless the caller sets an
:class:`tiltyard.shell.store.answer_limit.AnswerLimit`. The server for its part gives up a
writer of ours that stalls, or whose host is gone, in the middle of a transaction.
"""

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.answer_limit import AnswerLimit

BUSY_TIMEOUT_MS = 5000
LOOK_SECONDS = 0.001
"""So often somebody who wants to write looks whether another has finished."""
CHANNEL = "tiltyard"
"""Where Postgres tells of commits."""
POSTGRES = "postgresql+psycopg"
WRITE_LOCK = int.from_bytes(b"tiltyard", "big")
"""Key of the advisory lock, of which every Postgres database has its own."""

EXPECTED = (
    "expected a SQLite file, --db folder/tiltyard.db, or a Postgres server, "
    "--db postgresql://user@host/database"
)
"""What may be named as a database."""

SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""Options of a URL of Postgres that let somebody in."""

STALLED_MS = 15_000
"""As long as a lease lasts: then the server takes the write lock from who says nothing."""

SERVER: Mapping[str, str | int] = {
    "application_name": "tiltyard",
    "client_encoding": "utf8",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
"""What a connection to Postgres has unless the URL says otherwise; seconds, the last milliseconds.

The kernel's own defaults would be a quarter of an hour for what is not acknowledged, and two
hours until it looks whether the other side is still there.
"""


def database_url(text: str) -> URL:
    """The URL of ``--db``: a URL as it is, anything else as the path of a SQLite file.

    Raises:
        TiltyardError: ``DATABASE_URL_INVALID``.
    """
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text)))
    try:
        url = make_url(text)
    except sa.exc.ArgumentError as error:
        raise TiltyardError("DATABASE_URL_INVALID", "--db", "it is no URL", EXPECTED) from error
    except ValueError as error:  # it quotes what it takes for the port: a piece of a password
        raise TiltyardError(
            "DATABASE_URL_INVALID", "--db", "its port is no number",
            "in a password write %40 for @, %3A for : and %2F for /",
        ) from error  # fmt: skip
    if url.get_backend_name() in {"postgres", "postgresql"}:
        return _postgres(url)
    if url.get_backend_name() != "sqlite":
        raise TiltyardError(
            "DATABASE_URL_INVALID", url.drivername, "it is neither SQLite nor Postgres", EXPECTED
        )
    return url


def address_of(url: URL) -> str:
    """What :func:`database_url` makes a URL of.

    It may hold a password, so it stands on no command line: ``TILTYARD_DB`` tells it to processes.
    """
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=False)


def _postgres(url: URL) -> URL:
    """The driver that we bring, and the password where it is not shown; nothing else is secret."""
    password = url.query.get("password")
    if isinstance(password, str):
        url = url.set(password=password).difference_update_query(["password"])
    if shown := sorted(SECRETS & url.query.keys()):
        raise TiltyardError(
            "DATABASE_URL_INVALID", "--db", f"{shown[0]} in it would be shown to everybody",
            "put it into ~/.pg_service.conf, and name its section: "
            "--db postgresql://user@host/database?service=SECTION",
        )  # fmt: skip
    is_named = url.drivername not in {"postgres", "postgresql"}
    return url if is_named else url.set(drivername=POSTGRES)


def connect(
    url: URL,
    *,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    answers: AnswerLimit | None = None,
    is_scratch: bool = False,
) -> sa.Engine:
    """An engine whose ``begin()`` takes the write lock at once.

    Args:
        url: Of :func:`database_url`.
        busy_timeout_ms: How long is waited for a lock.
        answers: How long is waited for an answer of a server; for ever when None.
        is_scratch: What is committed to a file need not outlive the machine.
    """
    postgres = url.get_backend_name() == "postgresql"
    unsaid = {name: value for name, value in SERVER.items() if name not in url.query}
    try:
        engine = sa.create_engine(
            url, connect_args=unsaid if postgres else {}, pool_pre_ping=postgres
        )
    except (sa.exc.NoSuchModuleError, ImportError) as error:
        raise TiltyardError(
            "DATABASE_URL_INVALID", url.drivername, "there is no such driver here", EXPECTED
        ) from error
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, busy_timeout_ms, "OFF" if is_scratch else "FULL")
    elif postgres:
        _prepare_postgres(engine, busy_timeout_ms)
        _make_prompt(engine, answers or AnswerLimit())
    return engine


def _prepare_sqlite(engine: sa.Engine, busy_timeout_ms: int, synchronous: str) -> None:
    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout_ms)}")
        cursor.execute(f"PRAGMA synchronous = {synchronous}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = FILE")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("reading", False):
            connection.exec_driver_sql("BEGIN")
        else:
            _begin_writing(connection, busy_timeout_ms)


def _begin_writing(connection: sa.Connection, busy_timeout_ms: int) -> None:
    """Take the write lock, and look for it often.

    SQLite's own patience looks ever more seldom, up to once in 100 ms, and starves beside
    somebody who writes without a pause.
    """
    cursor = connection.connection.cursor()
    until = time.monotonic() + busy_timeout_ms / 1000
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= until:
                    break
                time.sleep(LOOK_SECONDS)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {int(busy_timeout_ms)}")
        cursor.close()


def _prepare_postgres(engine: sa.Engine, busy_timeout_ms: int) -> None:
    # 0 would wait for ever
    patience = f"SET LOCAL lock_timeout = {max(1, int(busy_timeout_ms))}"
    alive = f"SET LOCAL idle_in_transaction_session_timeout = {STALLED_MS}"
    one_view = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    as_others_commit = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        if options.get("reading", False):
            # a temporary table cannot be made in a transaction that says it only reads
            only = "" if options.get("staging", False) else ", READ ONLY"
            connection.exec_driver_sql(f"{one_view}{only}; {patience}")
        else:
            lock = f"SELECT pg_advisory_xact_lock({WRITE_LOCK})"
            connection.exec_driver_sql(f"{as_others_commit}; {patience}; {alive}; {lock}")

    @sa.event.listens_for(engine, "commit")
    def _on_commit(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get("reading", False):
            wrote = "pg_current_xact_id_if_assigned() IS NOT NULL"
            connection.exec_driver_sql(f"SELECT pg_notify('{CHANNEL}', '') WHERE {wrote}")


def _make_prompt(engine: sa.Engine, answers: AnswerLimit) -> None:
    from tiltyard.shell.store.prompt_connection import PromptConnection  # noqa: PLC0415 slow

    @sa.event.listens_for(engine, "do_connect")
    def _on_connect(
        _dialect: sa.Dialect, _record: object, where: tuple[str, ...], options: dict[str, Any]
    ) -> PromptConnection:
        connection = PromptConnection.connect(*where, **options)
        connection.answers = answers
        return connection


def write_ahead(engine: sa.Engine) -> None:
    """Switch the write-ahead log on, for good, in a database of our own."""
    if engine.url.get_backend_name() == "sqlite":
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
