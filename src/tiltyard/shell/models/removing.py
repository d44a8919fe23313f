"""How a model is removed: under its name it is there whole, or not at all.

Whoever removes one holds the folder as whoever saves one does, puts it aside under a name by which
nobody looks for it, and looks once more whether it is needed before anything of it is deleted. What
is left aside by one that was killed is cleared away by whoever saves or cleans next. Links are
neither followed nor removed.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError

ASIDE = ".partial"
"""What the names of folders end with that anybody who saves may clear away."""
PUT_ASIDE, DELETED = STAGES = ("put aside", "deleted")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else saves or removes anything in a folder meanwhile.

    Raises:
        TiltyardError: ``MODEL_UNREMOVABLE``.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unremovable(folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def clear_aside(folder: Path) -> None:
    """Delete what was left aside, by whoever is alone in the folder."""
    for left in folder.glob(f".*{ASIDE}"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)


def remove(
    path: Path, is_needed: Callable[[], str], on_stage: Callable[[str], None] = lambda _: None
) -> str:
    """Delete a folder, by whoever is alone in the one that it is in.

    Args:
        path: It.
        is_needed: Why it is needed after all, asked while it is aside; empty when it is not.
        on_stage: Told each of :data:`STAGES` that is passed.

    Returns:
        Why it is still there; empty when it is gone.

    Raises:
        TiltyardError: ``MODEL_UNREMOVABLE``; whatever ``is_needed`` raises, and then it is still
            there.
    """
    if path.is_symlink():
        return "it is a link to somewhere else"
    aside = path.with_name(f".{path.name}.{os.getpid()}{ASIDE}")
    try:
        path.rename(aside)
    except OSError as error:
        raise _unremovable(path, error) from error
    on_stage(PUT_ASIDE)
    needed = "nobody has said that it is not"
    try:
        needed = is_needed()
    finally:
        if needed:
            aside.rename(path)
    if needed:
        return needed
    try:
        shutil.rmtree(aside)
    except OSError as error:
        raise _unremovable(aside, error) from error
    on_stage(DELETED)
    return ""


def bytes_in(path: Path) -> int:
    """Of all files in a folder, links left out."""
    return sum(
        one.lstat().st_size for one in path.rglob("*") if one.is_file() and not one.is_symlink()
    )


def _unremovable(path: Path, error: OSError) -> TiltyardError:
    return TiltyardError(
        "MODEL_UNREMOVABLE", str(path), error.strerror or str(error),
        "look at who may write there; nothing else was removed with it",
    )  # fmt: skip
