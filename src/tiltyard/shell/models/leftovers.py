"""What else lies in the folder of models and belongs to nothing that is there: work, pages, caches.

Unfinished work is kept while a training may go on from it: while one is at it, and for as long as
nobody has touched it. A page belongs to the models that it names, a cache to the one it is called
by; where none of them is left, it goes with them.
"""

import fcntl
import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from tiltyard.kernel.clock import from_microseconds
from tiltyard.shell.models.shelf import MODEL, Shelf

WORK, EMBEDDED = ".work", ".embedded"
LARGEST_PAGE = 64 << 20
"""Bytes of a page that are read."""
_MODEL = re.compile(MODEL)
_PAGE = re.compile(rf"(?:{MODEL}|sweep_\d{{8}}_\d{{6}})\.html")


def trains(folder: Path) -> bool:
    """Whether somebody trains in a folder of models at this moment."""
    return any(_is_locked(lock) for lock in (folder / WORK).glob("*.lock"))


def idle_work(folder: Path, keep: timedelta, now: datetime) -> list[Path]:
    """Unfinished work that nobody is at, nor has touched for long, in the order of the names."""
    try:
        every = sorted((folder / WORK).iterdir())
    except OSError:
        return []
    return [
        path
        for path in every
        if path.is_dir()
        and not path.is_symlink()
        and not path.name.startswith(".")
        and not _is_locked(path.with_name(f"{path.name}.lock"))
        and is_untouched(path, keep, now)
    ]


def lone_pages(folder: Path, gone: Collection[str] = ()) -> list[Path]:
    """Pages about models of which none is there, in the order of the names.

    Args:
        folder: Of models.
        gone: Names of models that are still there and are to be taken for gone.
    """
    listed = Shelf(folder).names()
    there = set(listed) - set(gone)
    return [
        folder / name
        for name in listed
        if _PAGE.fullmatch(name)
        and not (folder / name).is_symlink()
        and (named := _named_in(folder / name))
        and named.isdisjoint(there)
    ]


def caches_of(folder: Path, digest: str) -> list[Path]:
    """What was worked out of a model once, and is no use without it."""
    return sorted((folder / EMBEDDED).glob(f"{digest}-*"))


def _named_in(page: Path) -> set[str]:
    """The models that a page is about; nothing where nobody can say."""
    if _MODEL.fullmatch(page.stem):
        return {page.stem}
    with suppress(OSError, UnicodeDecodeError):
        if page.stat().st_size <= LARGEST_PAGE:
            return set(_MODEL.findall(page.read_text("utf-8")))
    return set()


def _is_locked(lock: Path) -> bool:
    """Whether somebody holds it; also where nobody can say."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_untouched(path: Path, keep: timedelta, now: datetime) -> bool:
    """Whether nobody has written anything in a folder for so long; not where nobody can say."""
    try:
        touched = max(one.lstat().st_mtime_ns for one in _all_in(path))
    except OSError:
        return False
    return now - from_microseconds(touched // 1000) >= keep


def _all_in(path: Path) -> Iterator[Path]:
    yield path
    for folder, folders, files in os.walk(path):
        yield from (Path(folder, name) for name in (*folders, *files))
