"""Waiting until somebody commits something, instead of asking again and again.

A desk that has judged all there is sleeps here until there is more. Whatever another
connection commits wakes it, one of the same process included; many commits between two
waits wake it once. What was committed is read from the ledger.

Postgres tells of the commits of this program's ledgers (``NOTIFY``); what people write by
hand is seen when the time is up. SQLite tells of everybody's, and is asked every 10 ms, or
every 25 ms when nobody has committed for a second: asking takes 0.15 ms where system calls
are dear, and at rest that must be less than 1 % of a core.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine import URL

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.answer_limit import AnswerLimit
from tiltyard.shell.store.engine import CHANNEL, connect
from tiltyard.shell.store.plain_errors import in_plain_words, speaking_plainly

BUSY_SECONDS = 0.01
REST_SECONDS = 0.025
LULL_SECONDS = 1.0
ANSWER_SECONDS = 5.0
"""So long Postgres may take to say that it listens; it has nothing to look up for it."""


class Waking:
    """A connection that is told of other people's commits, from when it is made on.

    It belongs to one thread.

    Args:
        url: The ledger's (:attr:`tiltyard.shell.store.ledger.Ledger.url`).
        pause: How the time between two questions to SQLite is spent.

    Raises:
        TiltyardError: ``DATABASE_UNREACHABLE`` …
    """

    def __init__(self, url: URL, pause: Callable[[float], object] = time.sleep) -> None:
        self._url = url
        self._pause = pause
        self._engine = connect(url, answers=AnswerLimit(ANSWER_SECONDS))
        with self._speaking_plainly(), speaking_plainly(url):
            self._connection = self._engine.raw_connection()
        postgres = url.get_backend_name() == "postgresql"
        with self._speaking_plainly():
            self._wait = self._listening() if postgres else self._polling()

    def wait(self, seconds: float) -> bool:
        """Whether somebody committed something, as soon as that is so; else after ``seconds``.

        Raises:
            TiltyardError: ``DATABASE_UNREACHABLE`` when the connection was lost.
        """
        with self._speaking_plainly():
            return self._wait(seconds)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.invalidate()
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

    def _listening(self) -> Callable[[float], bool]:
        connection: Any = self._connection.driver_connection
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")

        def wait(seconds: float) -> bool:
            woken = list(connection.notifies(timeout=seconds, stop_after=1))
            if woken:  # whatever else is committed by now is told with the answer
                connection.execute("SELECT 1")
                list(connection.notifies(timeout=0))
            return bool(woken)

        return wait

    def _polling(self) -> Callable[[float], bool]:
        connection: Any = self._connection.driver_connection

        def version() -> int:
            (number,) = connection.execute("PRAGMA data_version").fetchone()
            return int(number)

        seen, quiet_from = version(), time.monotonic()

        def wait(seconds: float) -> bool:
            nonlocal seen, quiet_from
            now = time.monotonic()
            until, before = now + seconds, seen
            while (seen := version()) == before:
                if (now := time.monotonic()) >= until:
                    return False
                pause = REST_SECONDS if now >= quiet_from else BUSY_SECONDS
                self._pause(min(pause, until - now))
            quiet_from = now + LULL_SECONDS
            return True

        return wait

    @contextmanager
    def _speaking_plainly(self) -> Iterator[None]:
        """As :func:`speaking_plainly`, of the driver's own errors."""
        driver: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        try:
            yield
        except driver as error:
            if (plain := in_plain_words(error, self._url)) is None:
                raise
            raise plain from error


class Bell:
    """Ends a pause early: whoever has just committed in this process rings it."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Something was committed. Any thread may say so."""
        self._rung.set()

    def pause(self, seconds: float) -> None:
        """Wait so long, or until it is rung."""
        self._rung.wait(seconds)
        self._rung.clear()


class LastingWaking:
    """A waking that outlives its connection: while the database is away it waits by the clock.

    It belongs to one thread.

    Args:
        url: The ledger's.
        pause: As of :class:`Waking`.

    Raises:
        TiltyardError: ``DATABASE_UNREACHABLE`` … when there is no connection to begin with.
    """

    def __init__(self, url: URL, pause: Callable[[float], object] = time.sleep) -> None:
        self._url = url
        self._pause = pause
        self._waking: Waking | None = Waking(url, pause)

    def wait(self, seconds: float) -> bool:
        """Whether somebody may have committed something; else after ``seconds``."""
        try:
            if self._waking is not None:
                return self._waking.wait(seconds)
            self._waking = Waking(self._url, self._pause)
        except TiltyardError:
            self.close()
            time.sleep(seconds)
            return False
        return True  # whatever was committed before it was there

    def close(self) -> None:
        """Let go of the connection."""
        if self._waking is not None:
            self._waking.close()
            self._waking = None
