"""The scratch database of a replay: gone afterwards, or kept whole under a name.

It is filled in a folder of its own beside that name, and nothing waits for the disk meanwhile. It
gets its name when all of it is there, on the disk; a process that is killed leaves the folder.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger


@contextmanager
def scratch_ledger(into: Path | None = None) -> Iterator[Ledger]:
    """An empty ledger that nobody else knows of.

    Args:
        into: Where it is kept when nothing has gone wrong; None keeps nothing.

    Raises:
        TiltyardError: ``SCRATCH_EXISTS``, ``SCRATCH_UNWRITABLE``; ``DATABASE_LOCKED`` when
            somebody has found it and reads it.
    """
    if into is not None and into.exists():
        raise _exists(into)
    with _folder_for(into) as folder:
        path = Path(folder) / "scratch.db"
        with Ledger.open(str(path), create=True, is_scratch=True) as scratch:
            yield scratch
            if into is not None:
                scratch.settle()
        if into is not None:
            _bring_to_disk(path)
            _give_name(path, into)
            with suppress(OSError):  # some file systems know no sync of a folder
                _bring_to_disk(into.parent)


def _folder_for(into: Path | None) -> TemporaryDirectory[str]:
    if into is None:
        return TemporaryDirectory(prefix="tiltyard-")
    try:
        return TemporaryDirectory(prefix=f".{into.name}.", dir=into.parent)
    except OSError as error:
        raise TiltyardError("SCRATCH_UNWRITABLE", str(into), str(error.strerror)) from error


def _give_name(path: Path, into: Path) -> None:
    """Whatever has come there meanwhile stays."""
    try:
        into.hardlink_to(path)
    except FileExistsError:
        raise _exists(into) from None
    except OSError:  # a file system without such links
        if into.exists():
            raise _exists(into) from None
        path.rename(into)


def _exists(into: Path) -> TiltyardError:
    return TiltyardError("SCRATCH_EXISTS", str(into), "it is there already")


def _bring_to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
