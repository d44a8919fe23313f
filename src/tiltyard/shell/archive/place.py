"""Where an archive lies, a bucket or a folder: what was kept there once stays as it was.

Two sorts of things lie in a place. *Objects* are called by their own SHA-256, so the same content
is kept once, and whoever reads one knows whether it is what was kept. *Notes* have names, and the
first that is written under a name stays. A place where a second takes its room is no archive, and
:meth:`Place.prove` finds that out before anything is entrusted to it.

What a place refuses is told in our own words (:mod:`tiltyard.shell.archive.refusals`).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
)
from obstore.store import LocalStore, S3Store

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.credentials import credentials
from tiltyard.shell.archive.refusals import first_line, plainly
from tiltyard.shell.sections.archive import ArchiveSettings

if TYPE_CHECKING:
    from obstore.store import S3Config

PIECE = 8 << 20
"""Bytes of an object that are sent or read by one request."""
MOST_PIECES = 9_000
"""Of an object; servers take 10,000."""
PATIENCE = timedelta(seconds=60)
"""For one request, and all that is tried again after it had no answer."""
PROOFS = "proofs"
"""Below which a place is proven."""
MOST_AT_ONCE = 1_000
"""Objects that a server takes away when it is asked once."""
CONNECTS = timedelta(seconds=5)
MOST_AGAIN = 5
HARMS = frozenset({"ARCHIVE_HARMED", "ARCHIVE_MISSING"})
"""What is wrong with an object itself, and not with the way to it."""


class Listed(NamedTuple):
    """What lies there under a name.

    Attributes:
        size: Bytes.
        at: When it was written, UTC, by the clock of the place.
    """

    size: int
    at: datetime


class Place:
    """A bucket, or a folder.

    Args:
        store: Its objects.
        name: For people: a folder, or ``s3://bucket/prefix``.
        folder: Where it is on this machine; None for a bucket.
    """

    def __init__(self, store: LocalStore | S3Store, name: str, folder: Path | None) -> None:
        self._store, self.name, self._folder = store, name, folder

    def prove(self) -> None:
        """Write a note twice, and remove it.

        Raises:
            TiltyardError: ``ARCHIVE_OVERWRITES`` where the second took the first one's room, as in
                a bucket of versions of some servers; and what keeps the place from being written.
        """
        key = f"{PROOFS}/{token_hex(16)}"
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

    def keep(self, file: Path, digest: str) -> int:
        """Keep the content of a file that nobody changes meanwhile, and read it back.

        What is there already is not sent again, unless it is not what it should be.

        Args:
            file: Whose.
            digest: Its SHA-256, 64 hexadecimal digits.

        Returns:
            Bytes that were sent.

        Raises:
            TiltyardError: ``ARCHIVE_UNREACHABLE``, ``ARCHIVE_REFUSED``, ``BUCKET_MISSING`` or
                ``ARCHIVE_UNWRITABLE``; ``ARCHIVE_HARMED`` where it is not what was just sent;
                ``ARCHIVE_MISSING`` where the file is gone.
        """
        try:
            size = file.stat().st_size
        except FileNotFoundError as error:
            raise TiltyardError("ARCHIVE_MISSING", str(file), "it is not there") from error
        try:
            self.check(digest, size)
        except TiltyardError as error:
            if error.code not in HARMS:
                raise
        else:
            return 0
        key, piece = object_key(digest), max(PIECE, size // MOST_PIECES)
        with self._speaking_plainly(key):
            obstore.put(self._store, key, file, chunk_size=piece, max_concurrency=1)
            self._bring_to_disk(key)
        self.check(digest, size)
        return size

    def write(self, key: str, raw: bytes) -> None:
        """Write a note under a name that is free.

        Raises:
            TiltyardError: ``ARCHIVE_TAKEN`` where it is not, or what :meth:`keep` raises.
        """
        with self._speaking_plainly(key):
            obstore.put(self._store, key, raw, mode="create")
            self._bring_to_disk(key)

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

    def pieces(self, digest: str, size: int) -> Iterator[bytes]:
        """An object, piece by piece; whoever reads it to its end has seen that it is the one kept.

        Args:
            digest: Its SHA-256.
            size: Its bytes.

        Raises:
            TiltyardError: ``ARCHIVE_MISSING``; ``ARCHIVE_HARMED`` where it is shorter or longer,
                and at its end where it is another; or what :meth:`keep` raises.
        """
        key, own = object_key(digest), sha256()
        with self._speaking_plainly(key):
            there = int(obstore.head(self._store, key)["size"])
        if there != size:
            raise self._harmed(key, f"{there:,} bytes, not {size:,}")
        for start in range(0, size, PIECE):
            with self._speaking_plainly(key):
                end = min(size, start + PIECE)
                raw = bytes(obstore.get_range(self._store, key, start=start, end=end))
            own.update(raw)
            yield raw
        if own.hexdigest() != digest:
            raise self._harmed(key, f"its SHA-256 is {own.hexdigest()[:8]}…, not {digest[:8]}…")

    def check(self, digest: str, size: int) -> None:
        """Read all of an object.

        Raises:
            TiltyardError: As :meth:`pieces`.
        """
        for _ in self.pieces(digest, size):
            pass

    def keys(self, prefix: str) -> Sequence[str]:
        """Names of all notes below a name, sorted.

        Raises:
            TiltyardError: As :meth:`keep`.
        """
        return sorted(self.listed(prefix))

    def listed(self, prefix: str) -> Mapping[str, Listed]:
        """What lies below a name, by its own.

        Raises:
            TiltyardError: As :meth:`keep`.
        """
        with self._speaking_plainly(prefix):
            return {
                one["path"]: Listed(int(one["size"]), one["last_modified"])
                for batch in obstore.list(self._store, prefix)
                for one in batch
            }

    def stamp(self, key: str) -> datetime:
        """Write an empty note, whether one is there or not; when that was, by the place's clock.

        Raises:
            TiltyardError: As :meth:`keep`.
        """
        with self._speaking_plainly(key):
            obstore.put(self._store, key, b"")
            return obstore.head(self._store, key)["last_modified"]

    def remove(self, keys: Sequence[str]) -> None:
        """Take notes and objects away; those that are not there are no matter.

        Args:
            keys: At most :data:`MOST_AT_ONCE`; a bucket is asked once.

        Raises:
            TiltyardError: As :meth:`keep`.
        """
        if self._folder is None and keys:
            with self._speaking_plainly(keys[0]):
                obstore.delete(self._store, keys)
            return
        for key in keys:
            with self._speaking_plainly(key):
                with suppress(FileNotFoundError):
                    obstore.delete(self._store, key)
                self._bring_removal_to_disk(key)

    def clear_unfinished(self) -> None:
        """Remove from a folder what those who were killed have left half written.

        Raises:
            TiltyardError: As :meth:`keep`.
        """
        if self._folder is not None:
            with self._speaking_plainly("objects"), suppress(FileNotFoundError):
                for file in self._folder.glob("objects/*/*#*"):  # others may clear it, too
                    file.unlink(missing_ok=True)

    def _bring_to_disk(self, key: str) -> None:
        """See to it that what was written outlives the machine, before anything tells of it."""
        if self._folder is not None:
            file = self._folder / key
            for path in (file, *file.parents[: len(Path(key).parts)]):
                bring_to_disk(path)

    def _bring_removal_to_disk(self, key: str) -> None:
        """See to it that what was removed stays so, before what it named is removed."""
        if self._folder is not None:
            for parent in (self._folder / key).parents:
                with suppress(FileNotFoundError):  # a folder that is empty goes, too
                    bring_to_disk(parent)
                    return

    @contextmanager
    def _speaking_plainly(self, key: str) -> Iterator[None]:
        try:
            yield
        except AlreadyExistsError as error:
            raise TiltyardError(
                "ARCHIVE_TAKEN", f"{self.name}/{key}", "somebody has written it before"
            ) from error
        except (BaseError, OSError) as error:
            is_folder = self._folder is not None
            raise plainly(self.name, f"{self.name}/{key}", error, is_folder=is_folder) from error

    def _harmed(self, key: str, facts: str) -> TiltyardError:
        return TiltyardError("ARCHIVE_HARMED", f"{self.name}/{key}", facts)


def place_of(
    settings: ArchiveSettings, *, create: bool = False, patience: timedelta = PATIENCE
) -> Place:
    """Where the settings say that snapshots are kept.

    Args:
        settings: Whose.
        create: Make a folder that is not there; a bucket has to be.
        patience: For one request, and all that is tried again after it had no answer.

    Raises:
        TiltyardError: ``ARCHIVE_CREDENTIALS``; ``ARCHIVE_MISSING`` or ``ARCHIVE_UNWRITABLE`` for a
            folder that is not there, or cannot be made.
    """
    if not settings.bucket:
        return folder_of(settings, create=create)
    opens = credentials(settings)
    config: S3Config = {
        "region": settings.region, "access_key_id": opens.key, "secret_access_key": opens.secret,
        "virtual_hosted_style_request": not settings.endpoint and "." not in settings.bucket,
    }  # fmt: skip
    if opens.session:
        config["session_token"] = opens.session
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
    return Place(bucket, f"s3://{settings.bucket}/{settings.prefix}".rstrip("/"), None)


def folder_of(settings: ArchiveSettings, *, create: bool = False) -> Place:
    """The folder on this disk, also where a bucket is named.

    Args:
        settings: Whose.
        create: Make it where it is not there.

    Raises:
        TiltyardError: ``ARCHIVE_MISSING`` or ``ARCHIVE_UNWRITABLE`` where it is not there, or
            cannot be made.
    """
    path = settings.path
    folder = path.absolute()
    if not create and not folder.is_dir():
        raise TiltyardError(
            "ARCHIVE_MISSING", str(path), "there is no such folder",
            "tiltyard snapshot take makes it; is its disk there?",
        )  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        store = LocalStore(folder, automatic_cleanup=True)
    except (BaseError, OSError) as error:
        raise TiltyardError(
            "ARCHIVE_UNWRITABLE", str(path), first_line(str(error)),
            "name another folder: archive.folder",
        ) from error  # fmt: skip
    return Place(store, str(path), folder)


def bring_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Raises:
        OSError: They are not.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def object_key(digest: str) -> str:
    """Under which an object is kept.

    >>> object_key("ab12")
    'objects/ab/ab12'
    """
    return f"objects/{digest[:2]}/{digest}"
