"""A folder of one's own for as long as it is needed: gone afterwards, however its owner ends.

Whoever is killed cannot clear away behind himself, and what he had copied there would stay for
ever. So an owner holds a lock on the folder, which the system lets go of when his process ends, and
the next who wants such a folder clears away those that nobody holds.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as disk:
...     left = Path(disk) / "tiltyard-sum-left"
...     left.mkdir()
...     with own_folder("tiltyard-sum-", Path(disk)) as place:
...         [one == place for one in Path(disk).iterdir()]
...     list(Path(disk).iterdir())
[True]
[]
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp


@contextmanager
def own_folder(prefix: str, beside: Path | None = None) -> Iterator[Path]:
    """A folder that is gone afterwards; where somebody was killed, with the next one.

    It is called what others look for once it is locked, so that nobody finds it before.

    Args:
        prefix: What its name begins with, and the names of all that are for the same.
        beside: The folder that it is made in; None for that of temporary files.

    Raises:
        OSError: It cannot be made.
    """
    where = Path(gettempdir()) if beside is None else beside
    for left in where.glob(f"{prefix}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)
    made = Path(mkdtemp(prefix=f".{prefix}", dir=where))
    with _locked(made):
        place = made.rename(made.with_name(made.name.removeprefix(".")))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)  # whatever remains, the next one clears away


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else takes it for one that was left behind."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
