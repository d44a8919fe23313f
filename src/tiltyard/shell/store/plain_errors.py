"""What a driver's errors mean in plain words.

SQLite is known by its text. Postgres is known by the code that its server sends; an
attempt to connect and a connection that was lost have none, and are known by their text.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL

from tiltyard.kernel.errors import TiltyardError

_WRITING = ("DATABASE_LOCKED", "another process is writing", "try again when it has finished")
_FULL = ("DATABASE_FULL", "no space left", "free some and run the command again")
_READ_ONLY = ("DATABASE_READ_ONLY", "cannot be written", "check the permissions")
_UNREACHABLE = "DATABASE_UNREACHABLE"
_SILENT = (_UNREACHABLE, "no server answers", "check host and port; start it")
_STALLED = (
    _UNREACHABLE, "the server has stalled",
    "look at it, its disk and its standbys; a desk waits for half of run.deadman",
)  # fmt: skip

_SQLITE = {
    "locked": _WRITING,
    "busy": _WRITING,
    "not a database": ("DATABASE_CORRUPT", "not a SQLite database", "check the path"),
    "malformed": ("DATABASE_CORRUPT", "the file is damaged", "restore a snapshot"),
    "full": _FULL,
    "readonly": _READ_ONLY,
    "disk I/O error": (_UNREACHABLE, "the disk refused", "check its space and limits"),
    "unable to open": (_UNREACHABLE, "cannot be opened", "check path and permissions"),
}
_POSTGRES_CODES = {
    "55P03": _WRITING,  # lock_not_available
    "40P01": _WRITING,  # deadlock_detected
    "53100": _FULL,  # disk_full
    "25006": _READ_ONLY,  # read_only_sql_transaction
    "42501": _READ_ONLY,  # insufficient_privilege
}
_POSTGRES_TEXTS = {
    '" does not exist': ("DATABASE_MISSING", "the server has no such database",
                         "make it: createdb --encoding=UTF8 --template=template0 NAME"),
    "password": (_UNREACHABLE, "the server refused", "check user and password"),
    "not permitted to log in": (_UNREACHABLE, "the server refused", "check user and password"),
    "Connection refused": _SILENT,
    "No such file": _SILENT,
    "timeout expired": _SILENT,
    "timed out": _SILENT,  # as the kernel says it, of a host that has fallen silent
    "no answer within": _STALLED,
}  # fmt: skip


@contextmanager
def speaking_plainly(url: URL) -> Iterator[None]:
    """Turn a driver's error into one a person can act on; passwords stay hidden."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        if error.orig is None or (plain := in_plain_words(error.orig, url)) is None:
            raise
        raise plain from error


def in_plain_words(error: BaseException, url: URL) -> TiltyardError | None:
    """What a driver's own error means; None for a mistake of ours."""
    text = str(error).strip()
    shown = url.render_as_string(hide_password=True)
    if (meaning := _meaning(error, text, url)) is not None:
        code, facts, remedy = meaning
        return TiltyardError(code, shown, f"{facts} ({text})", remedy)
    if any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        return TiltyardError(_UNREACHABLE, shown, text)
    return None


def _meaning(error: BaseException, text: str, url: URL) -> tuple[str, str, str] | None:
    if url.get_backend_name() == "sqlite":
        known = _SQLITE
    elif (code := getattr(error, "sqlstate", None)) is not None:
        return _POSTGRES_CODES.get(code)
    else:
        known = _POSTGRES_TEXTS
    return next((meaning for needle, meaning in known.items() if needle in text), None)
