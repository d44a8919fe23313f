"""One process hosts the jobs of a ledger at a time.

Two of them would each go on with what the other has begun. The system lets go of the lock when its
process ends, however that comes: a file beside the jobs for SQLite, a lock of the server's for
Postgres, held by a connection of its own.
"""

import fcntl
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import sqlalchemy as sa

from tiltyard.shell.jobs.place import JobsPlace, unwritable
from tiltyard.shell.store.plain_errors import speaking_plainly

LOOK_EVERY = 3.0
"""Seconds between two looks whether a lock of the server's lasts."""
LOCK_LOST = 1
_ON_POSTGRES = 0x71_17_4A_0B
"""Number of the server's lock."""


@contextmanager
def alone(place: JobsPlace) -> Iterator[bool]:
    """Whether nobody else hosts these jobs; while the caller is inside, nobody else will.

    Raises:
        TiltyardError: ``JOBS_UNWRITABLE``, or what the database refuses.
    """
    held = _file_locked(place) if place.is_sqlite else _server_locked(place)
    with held as is_ours:
        yield is_ours


def is_hosted(place: JobsPlace) -> bool:
    """Whether anybody hosts these jobs now.

    Raises:
        TiltyardError: As :func:`alone`.
    """
    with alone(place) as is_ours:
        return not is_ours


@contextmanager
def _file_locked(place: JobsPlace) -> Iterator[bool]:
    file = place.file.with_suffix(".lock")
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(file, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@contextmanager
def _server_locked(place: JobsPlace) -> Iterator[bool]:
    engine = sa.create_engine(place.ledger, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with speaking_plainly(place.ledger), engine.connect() as connection:
        taken = sa.select(sa.func.pg_try_advisory_lock(_ON_POSTGRES))
        is_ours = bool(connection.execute(taken).scalar())
        with _watched(connection) if is_ours else nullcontext():
            yield is_ours


@contextmanager
def _watched(connection: sa.Connection) -> Iterator[None]:
    """See that the lock lasts: a server that was started anew has forgotten it.

    Whoever has lost it ends at once, wherever it is, as if it had been killed: another host may
    have begun.
    """
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(LOOK_EVERY):
            try:
                connection.execute(sa.select(1))
            except sa.exc.SQLAlchemyError:
                sys.stderr.write("the server has let go of the lock of these jobs; ended\n")
                os._exit(LOCK_LOST)

    thread = threading.Thread(target=watch, name="lock of jobs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
