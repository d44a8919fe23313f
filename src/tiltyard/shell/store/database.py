"""A database of ours, open: who may read and write in it, and whether it is still the same.

Everything is done in transactions. A single read or write has one of its own; several are
made one by :meth:`Database.transaction` and :meth:`Database.snapshot`, which give the same
database to work with inside. What a driver says goes no further than here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor as Cursor

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store import schema
from tiltyard.shell.store.answer_limit import AnswerLimit
from tiltyard.shell.store.engine import BUSY_TIMEOUT_MS, connect, database_url
from tiltyard.shell.store.plain_errors import in_plain_words, speaking_plainly
from tiltyard.shell.store.staging import Staging


class Database:
    """An open database.

    Args:
        engine: Made by :func:`tiltyard.shell.store.engine.connect`.
        joined: A connection inside a transaction, for everything to be done in it.
    """

    def __init__(self, engine: sa.Engine, joined: sa.Connection | None = None) -> None:
        self._engine = engine
        self._joined = joined
        self.url = engine.url
        self._file = _identity(engine.url, None)

    @classmethod
    def open(
        cls,
        database: str,
        *,
        create: bool = False,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        answers: AnswerLimit | None = None,
        is_scratch: bool = False,
    ) -> Self:
        """Open a database by URL or path.

        Args:
            database: URL or path.
            create: Make what is not there, and bring it to the newest schema.
            busy_timeout_ms: How long is waited for a lock.
            answers: How long is waited for an answer of a server; for ever when None.
            is_scratch: What is committed to a file need not outlive the machine.

        Raises:
            TiltyardError: ``DATABASE_MISSING``, ``DATABASE_OUTDATED``, ``DATABASE_CORRUPT`` …
        """
        url = database_url(database)
        path = url.database or ""
        if url.get_backend_name() == "sqlite" and not create and not Path(path).is_file():
            raise TiltyardError(
                "DATABASE_MISSING", path, "no such file", "check --db and TILTYARD_DB, or make it: "
                "tiltyard init, ingest or db upgrade",
            )  # fmt: skip
        engine = connect(
            url, busy_timeout_ms=busy_timeout_ms, answers=answers, is_scratch=is_scratch
        )
        opened = cls(engine)
        with speaking_plainly(url):
            try:
                if create:
                    schema.upgrade(opened._engine)
                schema.check_version(opened._engine)
            except BaseException:
                opened.close()
                raise
        opened._file = _identity(url, None)
        return opened

    def beside(self, *, answers: AnswerLimit | None = None) -> Self:
        """The same database by connections of its own; it need not answer at this moment."""
        return type(self)(connect(self.url, answers=answers))

    def refuse_replaced(self) -> None:
        """Whether the file is still the one that was opened.

        Raises:
            TiltyardError: ``DATABASE_REPLACED``: what is written now would be lost.
        """
        if self._file != _identity(self.url, self._file):
            raise TiltyardError(
                "DATABASE_REPLACED", str(self.url.database), "the file was removed or replaced "
                "while it was open", "start the desk again on the one that is there now",
            )  # fmt: skip

    def settle(self) -> None:
        """Bring all of it into its one file.

        Raises:
            TiltyardError: ``DATABASE_LOCKED`` when somebody else has it open and reads.
        """
        with speaking_plainly(self.url):
            connection = self._engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                answer = cursor.fetchone()
            finally:
                connection.close()
        if answer is None or answer[0]:
            raise TiltyardError(
                "DATABASE_LOCKED", str(self.url.database), "somebody else reads it",
                "let nobody open it before it is complete",
            )  # fmt: skip

    @contextmanager
    def by_hand(self, patience_ms: int) -> Iterator[Cursor]:
        """A cursor for what cannot be done inside a transaction, on a connection of its own.

        Args:
            patience_ms: How long is waited for a lock.
        """
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            if self.url.get_backend_name() == "sqlite":
                cursor.execute(f"PRAGMA busy_timeout = {int(patience_ms)}")
            else:
                connection.driver_connection.autocommit = True  # type: ignore[union-attr] # it is there
                cursor.execute(f"SET lock_timeout = {int(patience_ms)}")
            yield cursor
        except self._engine.dialect.loaded_dbapi.Error as error:
            plain = in_plain_words(error, self.url)
            raise plain or error from error
        finally:
            connection.invalidate()  # nobody else goes by its settings
            connection.close()

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self, staging: Staging | None = None) -> Iterator[Self]:
        """The same database, where all reads and writes are one transaction.

        It takes the write lock at once, so what is read in it cannot change before what is
        written. All of it is written at the end, or nothing when an error leaves it.

        Args:
            staging: What is staged there may be appended in the same transaction.
        """
        if self._joined is not None:
            yield self
            return
        begun = self._engine.begin() if staging is None else staging.transaction()
        with speaking_plainly(self.url), begun as connection:
            yield type(self)(self._engine, connection)

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """The same database, read as it stands now, whatever others write meanwhile."""
        if self._joined is not None:
            yield self
            return
        with speaking_plainly(self.url), self._engine.connect() as connection:
            reading = connection.execution_options(reading=True)
            with reading.begin():
                yield type(self)(self._engine, reading)

    @property
    def connection(self) -> sa.Connection:
        """The connection of one inside :meth:`transaction` or :meth:`snapshot`."""
        if self._joined is None:
            raise RuntimeError("only one inside a transaction has one")  # noqa: TRY003 for a programmer
        return self._joined

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        if self._joined is not None:
            yield self._joined
            return
        with speaking_plainly(self.url), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if self._joined is not None:
            yield self._joined
            return
        with speaking_plainly(self.url), self._engine.connect() as connection:
            yield connection.execution_options(reading=True)

    @contextmanager
    def staging(self, *, named_after_file: bool = False) -> Iterator[Staging]:
        """Take in a file of trades; nothing is seen until it is appended.

        Args:
            named_after_file: Nobody has said which source it is.
        """
        with speaking_plainly(self.url), self._engine.connect() as connection:
            yield Staging(connection, named_after_file=named_after_file)


def _identity(url: sa.URL, known: tuple[int, int] | None) -> tuple[int, int] | None:
    """Which file a SQLite database is; None where there is none.

    A folder that does not answer at the moment is no other file: then it is the one known.
    """
    if url.get_backend_name() != "sqlite":
        return None
    try:
        found = Path(url.database or "").stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return known
    return found.st_dev, found.st_ino
