"""One training at a time is at a folder of unfinished work.

Two of the same would write into one replay buffer, and whoever came to its end first would clear
away what the other goes on from. So whoever trains holds a lock, a file beside the folder of its
work, and a second one is refused at once. The system lets go of it when the process ends, however
that comes: whoever was killed keeps nobody out.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as models:
...     with alone_at(Path(models) / ".work" / "a1"), suppress(TiltyardError):
...         with alone_at(Path(models) / ".work" / "a1"):
...             print("two at once")
...     list(Path(models).iterdir())
[]
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError

TRIES = 100
"""Whoever ends removes the lock's folder when it is empty, perhaps just as another comes."""


@contextmanager
def alone_at(work: Path) -> Iterator[None]:
    """Nobody else is at this work meanwhile.

    Args:
        work: Its folder, two below the one of the snapshots. It need not be there and is not made;
            those above it that were made for the lock and stay empty are removed.

    Raises:
        TiltyardError: ``TRAINING_RUNS`` where another is at it, also one of this process;
            ``CHECKPOINT_UNWRITABLE``.
    """
    every, output = work.parent, work.parent.parent
    is_new = not output.exists()
    lock = work.with_name(f"{work.name}.lock")
    descriptor = _locked(lock, work)
    try:
        yield
    finally:
        with suppress(OSError):
            if _is_at(lock, descriptor):
                lock.unlink()  # before it is let go: whoever waits for it sees that it is gone
        os.close(descriptor)
        for folder in [every, output] if is_new else [every]:
            with suppress(OSError):  # there is something in it
                folder.rmdir()


def _locked(lock: Path, work: Path) -> int:
    for _ in range(TRIES):
        try:
            with suppress(FileNotFoundError):
                lock.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                if _is_taken(lock, descriptor, work):
                    return descriptor
        except OSError as error:
            raise _unwritable(lock, error.strerror or str(error)) from error
    raise _unwritable(lock, "its folder does not stay there")


def _is_taken(lock: Path, descriptor: int, work: Path) -> bool:
    """Whether the lock is ours now; not where it was removed before it was."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(lock, descriptor):
            return True
    except BlockingIOError as error:
        os.close(descriptor)
        raise TiltyardError(
            "TRAINING_RUNS", str(work), "another training of the same is at it",
            "wait until it has ended, or name another folder: --output",
        ) from error  # fmt: skip
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return False


def _is_at(file: Path, descriptor: int) -> bool:
    """Whether what was opened is still what lies there."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _unwritable(lock: Path, facts: str) -> TiltyardError:
    return TiltyardError(
        "CHECKPOINT_UNWRITABLE", str(lock), facts, "what was kept before is still there"
    )
