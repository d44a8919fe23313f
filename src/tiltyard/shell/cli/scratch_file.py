"""The scratch database of a replay: gone afterwards, or kept whole under a name.

While it is filled nothing waits for the disk; it gets its name when all of it is there.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.ledger import Ledger


@contextmanager
def scratch_ledger(into: Path | None) -> Iterator[Ledger]:
    """An empty ledger; it gets its name when it is complete, and what is interrupted leaves none.

    Args:
        into: Where it is kept; None keeps nothing.

    Raises:
        TiltyardError: ``SCRATCH_EXISTS``.
    """
    with tempfile.TemporaryDirectory(prefix="tiltyard-") as folder:
        if into is not None and into.exists():
            raise TiltyardError("SCRATCH_EXISTS", str(into), "it is there already")
        path = _beside(into) if into is not None else Path(folder) / "scratch.db"
        with (
            _kept_whole(path, into),
            Ledger.open(str(path), create=True, is_scratch=True) as scratch,
        ):
            yield scratch


def _beside(into: Path) -> Path:
    return into.with_name(f"{into.name}.{os.getpid()}.part")


@contextmanager
def _kept_whole(path: Path, into: Path | None) -> Iterator[None]:
    try:
        yield
        if into is not None:
            _bring_to_disk(path)
            path.rename(into)
            _bring_to_disk(into.parent)
    finally:
        if into is not None:
            for suffix in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)


def _bring_to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
