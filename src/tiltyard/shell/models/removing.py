"""How a model is removed: under its name it is there whole, or not at all.

Whoever removes one holds the folder as whoever saves one does, puts it aside under a name by which
nobody looks for it, and looks once more whether it is needed before anything of it is deleted. Who
was killed before it knew leaves it aside, and the next puts it back and asks anew. What is left of
one that was being deleted is cleared away by whoever saves or cleans next. Links are neither
followed nor removed.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError

DOUBTED = ".doubted"
"""What the names of folders end with of which nobody has said yet that they are not needed."""
ASIDE = ".partial"
"""What the names of folders end with that anybody who saves may clear away."""
PUT_ASIDE, DOOMED, DELETED = STAGES = ("put aside", "doomed", "deleted")


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
    """Put back what nobody has decided about, and delete what was; by whoever is alone there."""
    for left in folder.glob(f".*{DOUBTED}"):
        whole = left.with_name(left.name.removeprefix(".").removesuffix(DOUBTED))
        if left.is_dir() and not left.is_symlink() and not whole.exists():
            left.rename(whole)
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
    aside = path.with_name(f".{path.name}{DOUBTED}")
    doomed = path.with_name(f".{path.name}.{os.getpid()}{ASIDE}")
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
        aside.rename(doomed)
        on_stage(DOOMED)
        shutil.rmtree(doomed)
    except OSError as error:
        raise _unremovable(path, error) from error
    on_stage(DELETED)
    return ""


def bytes_in(path: Path) -> int:
    """Of all files in a folder, links left out."""
    size = 0
    for one in path.rglob("*"):
        with suppress(OSError):  # somebody has removed it meanwhile
            size += one.lstat().st_size if one.is_file() and not one.is_symlink() else 0
    return size


def _unremovable(path: Path, error: OSError) -> TiltyardError:
    return TiltyardError(
        "MODEL_UNREMOVABLE", str(path), error.strerror or str(error),
        "look at who may write there; nothing else was removed with it",
    )  # fmt: skip
