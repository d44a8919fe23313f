"""What a driver's errors mean in plain words.

SQLite is known by its text. Postgres is known by the code that its server sends; an
attempt to connect and a connection that was lost have none, and are known by their text.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import URL

from tiltyard.kernel.errors import TiltyardError

UNAVAILABLE = frozenset(
    {
        "DATABASE_FULL", "DATABASE_LOCKED", "DATABASE_MISSING", "DATABASE_READ_ONLY",
        "DATABASE_UNREACHABLE",
    }
)  # fmt: skip
"""Troubles of a database that pass, for one who has had it open.

While a server restarts, hands over to another or is restored, it may say any of these, also
that there is no such database. Who opens it for the first time has mistaken its name.
"""

_WRITING = ("DATABASE_LOCKED", "another process is writing", "try again when it has finished")
_FULL = ("DATABASE_FULL", "no space left", "free some and run the command again")
_READ_ONLY = ("DATABASE_READ_ONLY", "cannot be written", "check the permissions")
_FOLLOWS = ("DATABASE_READ_ONLY", "the server only reads", "if it is a standby, name the primary")
_MISSING = "DATABASE_MISSING"
_DAMAGED = "DATABASE_CORRUPT"
_UNREACHABLE = "DATABASE_UNREACHABLE"
_SILENT = (_UNREACHABLE, "no server answers", "check host and port; start it")
_REFUSED = (_UNREACHABLE, "the server refused", "check user and password")
_NOT_READY = (_UNREACHABLE, "the server is not ready", "try again in a moment")
_CROWDED = (_UNREACHABLE, "it has no connection left", "close some, or raise its max_connections")
_GONE = (_UNREACHABLE, "the server ended the connection", "try again; if it stays, see its log")
_FAILED = (_UNREACHABLE, "the server failed", "see its log")
_STALLED = (
    _UNREACHABLE, "the server has stalled",
    "look at it, its disk and its standbys; a desk waits for half of run.deadman",
)  # fmt: skip

_SQLITE = {
    "locked": _WRITING,
    "busy": _WRITING,
    "not a database": (_DAMAGED, "not a SQLite database", "check the path"),
    "malformed": (_DAMAGED, "the file is damaged", "restore a snapshot"),
    "full": _FULL,
    "readonly": _READ_ONLY,
    "disk I/O error": (_UNREACHABLE, "the disk refused", "check its space and limits"),
    "unable to open": (_UNREACHABLE, "cannot be opened", "check path and permissions"),
}
_POSTGRES_CODES = {
    "25006": _FOLLOWS,  # read_only_sql_transaction
    "25P03": _GONE,  # idle_in_transaction_session_timeout
    "40P01": _WRITING,  # deadlock_detected
    "42501": _READ_ONLY,  # insufficient_privilege
    "42P01": (_MISSING, "its tables are not there", "if it is being restored, wait for that"),
    "53100": _FULL,  # disk_full
    "53300": _CROWDED,  # too_many_connections
    "55P03": _WRITING,  # lock_not_available
    "57P03": _NOT_READY,  # cannot_connect_now
    "XX001": (_DAMAGED, "a table is damaged", "restore a snapshot"),
    "XX002": (_DAMAGED, "an index is damaged", "rebuild it: REINDEX"),
}
_POSTGRES_CLASSES = {
    "08": _GONE,  # connection exceptions, also those of a proxy
    "53": _FAILED,  # insufficient resources
    "57": _GONE,  # operator intervention: shut down, cancelled
    "58": _FAILED,  # system errors, as of its disk
    "XX": _FAILED,  # internal errors
}
_POSTGRES_TEXTS = {
    "too many": _CROWDED,
    "connection slots are reserved": _CROWDED,
    'role "': _REFUSED,
    '" does not exist': (
        _MISSING, "the server has no such database",
        "check its name; a new one: createdb --encoding=UTF8 --template=template0 NAME",
    ),
    "password": _REFUSED,
    "not permitted to log in": _REFUSED,
    "permission denied": _REFUSED,
    "no pg_hba.conf entry": (_UNREACHABLE, "the server refused", "add one to its pg_hba.conf"),
    "the database system is": _NOT_READY,
    "not currently accepting connections": _NOT_READY,
    "is read-only": _FOLLOWS,  # with target_session_attrs
    "Connection refused": _SILENT,
    "No such file": _SILENT,
    "could not translate host name": _SILENT,
    "timeout expired": _SILENT,
    "timed out": _SILENT,  # as the kernel says it, of a host that has fallen silent
    "no answer within": _STALLED,
}  # fmt: skip
"""In this order: the first that is found counts."""


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
        return _POSTGRES_CODES.get(code) or _POSTGRES_CLASSES.get(code[:2])
    else:
        known = _POSTGRES_TEXTS
    return next((meaning for needle, meaning in known.items() if needle in text), None)
