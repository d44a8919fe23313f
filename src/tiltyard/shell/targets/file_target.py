"""Shares in a file that bots read.

The file is replaced as a whole, so a reader sees the old shares or the new ones and never
half of them, and after a power cut one of the two is there. It holds the effect's body as
one JSON object, with the effect's ``key`` in it. Newer shares, by ``revision``, are never
replaced by older ones: the comparison and the replacement are made under a lock of the
folder, so that a desk that was stopped and wakes up too late does no harm.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tiltyard.facts.audit import canonical
from tiltyard.shell.store.outbox import SHARES, Effect
from tiltyard.shell.targets.target import refused, unreachable

LARGEST = 16 << 20
_MODE = 0o644

_Content = Mapping[str, object]


class FileTarget:
    """A file on this machine; a symbolic link is followed.

    What the file system refuses can be mended by a person, so it is tried again.

    Args:
        path: The file. Its folder must be there.
    """

    name = "file"
    takes = frozenset({SHARES})

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, effect: Effect) -> None:
        """Replace the file, unless it is this effect's already."""
        content = self._content(effect)
        with self._in_plain_words():
            path = Path(os.path.realpath(self._path))
            with _locked(path.parent) as folder:
                present = _read(path)
                if present != content:
                    self._refuse_older(content, present)
                    _replace(path, canonical(content) + "\n")
                os.fsync(folder)

    def has(self, effect: Effect) -> bool | None:
        """Whether the file is this effect's, key and content."""
        content = self._content(effect)
        with self._in_plain_words():
            return _read(Path(os.path.realpath(self._path))) == content

    def _content(self, effect: Effect) -> _Content:
        if effect.kind not in self.takes:
            raise refused(str(self._path), f"a file takes no {effect.kind}")
        body = json.loads(effect.body)
        if _revision(body) is None:
            raise refused(str(self._path), "the shares have no revision")
        return {**body, "key": effect.key}

    def _refuse_older(self, content: _Content, present: object) -> None:
        own, there = _revision(content), _revision(present)
        if own is not None and there is not None and there > own:
            raise refused(
                str(self._path), f"it holds revision {there}, newer than revision {own}",
                "is it another desk's? if the database was restored, remove the file",
            )  # fmt: skip

    @contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError:
            raise unreachable(str(self._path), "another process is writing it") from None
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise unreachable(str(self._path), said) from error


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """The folder's descriptor, locked; closing it unlocks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return  # a file system without locks of folders, such as NFS: the lease has to do


def _read(path: Path) -> object:
    """What the file says; None where there is none, or nothing that makes sense."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 it is open already
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise unreachable(str(path), "it is not a plain file", "name another file")
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _revision(content: object) -> int | None:
    revision = content.get("revision") if isinstance(content, dict) else None
    whole = isinstance(revision, int) and not isinstance(revision, bool)
    return revision if whole else None


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # left behind by a desk that was killed
    try:
        _write(new, text.encode())
        new.replace(path)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _write(path: Path, raw: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, _MODE), "wb") as file:  # noqa: PTH123 it must be new
        file.write(raw)
        file.flush()
        os.fchmod(file.fileno(), _MODE)
        os.fsync(file.fileno())
