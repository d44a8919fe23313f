"""Where an archive lies, a bucket or a folder: what was kept there once is never written over.

Two sorts of things lie in a place. *Objects* are called by their own SHA-256, so the same content
is kept once, and whoever reads one knows whether it is what was kept. *Notes* have names, and the
first that is written under a name stays. A place where a second takes its room is no archive, and
:meth:`Place.prove` finds that out before anything is entrusted to it.

What a place refuses is told in our own words. Addresses of objects may be in them; credentials are
in none.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, S3Store

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.credentials import credentials
from tiltyard.shell.sections.archive import ArchiveSettings

if TYPE_CHECKING:
    from obstore.store import S3Config

PIECE = 8 << 20
"""Bytes of an object that are sent or read at a time."""
PATIENCE = timedelta(seconds=30)
"""Until somebody who does not answer is given up."""
CONNECTS = timedelta(seconds=5)
MOST_AGAIN = 5
_CODE = re.compile(r"<Code>(\w+)</Code>")
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
"""What servers of S3 say to who may not come in."""


class Place:
    """A bucket, or a folder.

    Args:
        store: Its objects.
        name: For people: a folder, or ``s3://bucket/prefix``.
        is_here: It is on this machine, so what is written has to be brought to the disk.
    """

    def __init__(self, store: LocalStore | S3Store, name: str, *, is_here: bool) -> None:
        self._store, self.name, self._is_here = store, name, is_here

    def prove(self) -> None:
        """Write a note twice, and remove it.

        Raises:
            TiltyardError: ``ARCHIVE_OVERWRITES`` where the second took the first one's room, as in
                a bucket of versions of some servers; and what keeps the place from being written.
        """
        key = f"proofs/{token_hex(16)}"
        self.write(key, b"first")
        try:
            self.write(key, b"second")
        except TiltyardError as error:
            if error.code != "ARCHIVE_TAKEN":
                raise
        else:
            raise TiltyardError(
                "ARCHIVE_OVERWRITES", self.name, "a second note took the room of the first",
                "name a bucket that keeps what is there: without versions, "
                "on a server that knows If-None-Match",
            )  # fmt: skip
        finally:
            with suppress(BaseError, OSError):  # one that is left is in nobody's way
                obstore.delete(self._store, key)

    def keep(self, file: Path, digest: str) -> bool:
        """Keep the content of a file that nobody changes meanwhile; whether it was not there yet.

        Args:
            file: Whose.
            digest: Its SHA-256, 64 hexadecimal digits.

        Raises:
            TiltyardError: ``ARCHIVE_UNREACHABLE``, ``ARCHIVE_REFUSED``, ``BUCKET_MISSING`` or
                ``ARCHIVE_UNWRITABLE``.
        """
        key, size = _object(digest), file.stat().st_size
        with self._speaking_plainly(key):
            if self._size(key) == size:
                return False
            obstore.put(self._store, key, file, chunk_size=PIECE, max_concurrency=2)
        return True

    def write(self, key: str, raw: bytes) -> None:
        """Write a note under a name that is free.

        Raises:
            TiltyardError: ``ARCHIVE_TAKEN`` where it is not, or what :meth:`keep` raises.
        """
        self._settle()
        with self._speaking_plainly(key):
            obstore.put(self._store, key, raw, mode="create")
        self._settle()

    def read(self, key: str, most: int) -> bytes:
        """A note.

        Args:
            key: Its name.
            most: Bytes that are read of one.

        Raises:
            TiltyardError: ``ARCHIVE_MISSING``, ``ARCHIVE_HARMED`` where it is longer, or what
                :meth:`keep` raises.
        """
        with self._speaking_plainly(key):
            found = obstore.get(self._store, key)
            if found.meta["size"] > most:
                raise TiltyardError(
                    "ARCHIVE_HARMED", f"{self.name}/{key}", f"it has more than {most:,} bytes"
                )
            return bytes(found.bytes())

    def pieces(self, digest: str) -> Iterator[bytes]:
        """An object, piece by piece; whoever reads it to its end has seen that it is the one kept.

        Raises:
            TiltyardError: ``ARCHIVE_MISSING``, ``ARCHIVE_HARMED`` at its end where it is another,
                or what :meth:`keep` raises.
        """
        key, own = _object(digest), sha256()
        with self._speaking_plainly(key):
            for piece in obstore.get(self._store, key).stream(min_chunk_size=PIECE):
                raw = bytes(piece)
                own.update(raw)
                yield raw
        if own.hexdigest() != digest:
            raise TiltyardError(
                "ARCHIVE_HARMED", f"{self.name}/{key}",
                f"its SHA-256 is {own.hexdigest()[:8]}…, not {digest[:8]}…",
            )  # fmt: skip

    def keys(self, prefix: str) -> Sequence[str]:
        """Names of all notes below a name, sorted.

        Raises:
            TiltyardError: As :meth:`keep`.
        """
        with self._speaking_plainly(prefix):
            return sorted(
                one["path"] for batch in obstore.list(self._store, prefix) for one in batch
            )

    def _size(self, key: str) -> int | None:
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            return None

    def _settle(self) -> None:
        """Bring to the disk what was written, before anything tells of it."""
        if self._is_here:
            os.sync()

    @contextmanager
    def _speaking_plainly(self, key: str) -> Iterator[None]:
        where = f"{self.name}/{key}"
        try:
            yield
        except AlreadyExistsError as error:
            raise TiltyardError("ARCHIVE_TAKEN", where, "somebody has written it before") from error
        except (BaseError, OSError) as error:
            raise self._plain(where, error) from error

    def _plain(self, where: str, error: Exception) -> TiltyardError:
        said = str(error)
        code = found[1] if (found := _CODE.search(said)) else ""
        if code == "NoSuchBucket":
            return TiltyardError(
                "BUCKET_MISSING", self.name, "the server has no such bucket",
                "make it, or name another: archive.bucket",
            )  # fmt: skip
        refuses = isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError)
        if code in _REFUSED or refuses or " 403 " in said or " 401 " in said:
            return TiltyardError(
                "ARCHIVE_REFUSED", where, code or "it may not be read or written",
                "look at the credentials, and at what they may do there",
            )  # fmt: skip
        if isinstance(error, FileNotFoundError):
            return TiltyardError("ARCHIVE_MISSING", where, "it is not there")
        if self._is_here or isinstance(error, OSError):
            return TiltyardError("ARCHIVE_UNWRITABLE", where, _first_line(said))
        return TiltyardError(
            "ARCHIVE_UNREACHABLE", where, code or _first_line(said),
            "look whether the server runs, and at archive.endpoint",
        )  # fmt: skip


def place_of(settings: ArchiveSettings, patience: timedelta = PATIENCE) -> Place:
    """Where the settings say that snapshots are kept.

    Args:
        settings: Whose.
        patience: For an answer, and for all that is tried again after none.

    Raises:
        TiltyardError: ``ARCHIVE_CREDENTIALS``; ``ARCHIVE_UNWRITABLE`` for a folder that cannot be
            made.
    """
    if not settings.bucket:
        return _folder(settings.path)
    key, secret = credentials(settings)
    config: S3Config = {
        "region": settings.region, "access_key_id": key, "secret_access_key": secret,
        "virtual_hosted_style_request": not settings.endpoint,
    }  # fmt: skip
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
    bucket = S3Store(
        settings.bucket,
        prefix=settings.prefix or None,
        config=config,
        client_options={
            "allow_http": settings.endpoint.startswith("http://"),
            "connect_timeout": min(CONNECTS, patience),
            "timeout": patience,
        },
        retry_config={"max_retries": MOST_AGAIN, "retry_timeout": patience},
    )
    return Place(bucket, f"s3://{settings.bucket}/{settings.prefix}".rstrip("/"), is_here=False)


def _folder(path: Path) -> Place:
    try:
        store = LocalStore(path.absolute(), mkdir=True, automatic_cleanup=True)
    except (BaseError, OSError) as error:
        raise TiltyardError(
            "ARCHIVE_UNWRITABLE", str(path), _first_line(str(error)),
            "name another folder: archive.folder",
        ) from error  # fmt: skip
    return Place(store, str(path), is_here=True)


def _object(digest: str) -> str:
    return f"objects/{digest[:2]}/{digest}"


def _first_line(said: str) -> str:
    return said.strip().partition("\n")[0][:300]
