"""How a model is removed: under its name it is there whole, or not at all.

Whoever removes one holds the folder as whoever saves one does, puts it aside under a name by which
nobody looks for it, and looks once more whether it is needed before anything of it is deleted. Who
was killed before it knew leaves it aside, and the next puts it back and asks anew; what is left of
one that was being deleted goes then (:mod:`tiltyard.shell.models.aside`). Links are neither
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
DOOMED = ".doomed"
"""Of which somebody has, and which are being deleted."""
STAGES = PUT_ASIDE, DECIDED, DELETED = ("put aside", "doomed", "deleted")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else saves or removes anything in a folder meanwhile.

    Raises:
        TiltyardError: ``MODEL_UNREMOVABLE``.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise unremovable(folder, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise unremovable(folder, error) from error
        yield
    finally:
        os.close(descriptor)


def remove(
    path: Path, is_needed: Callable[[Path], str], on_stage: Callable[[str], None] = lambda _: None
) -> str:
    """Delete a folder, by whoever is alone in the one that it is in.

    Args:
        path: It.
        is_needed: Why it is needed after all, asked of the folder while that is aside; empty when
            it is not.
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
    doomed = path.with_name(f".{path.name}.{os.getpid()}{DOOMED}")
    _rename(path, aside)
    on_stage(PUT_ASIDE)
    try:
        needed = is_needed(aside)
        if not needed:
            _rename(aside, doomed)
    except BaseException:
        _rename(aside, path)
        raise
    if needed:
        _rename(aside, path)
        return needed
    on_stage(DECIDED)
    delete(doomed)
    on_stage(DELETED)
    return ""


def delete(path: Path) -> None:
    """Delete a file, or a folder for which nobody looks any more, links in it not followed.

    Raises:
        TiltyardError: ``MODEL_UNREMOVABLE``; some of it may be gone.
    """
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise unremovable(path, error) from error


def _rename(path: Path, new: Path) -> None:
    try:
        path.rename(new)
    except OSError as error:
        raise unremovable(path, error) from error


def bytes_in(path: Path) -> int:
    """Of a file, or of all files in a folder, links left out."""
    size = 0
    every = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    for one in (path, *every):
        with suppress(OSError):  # somebody has removed it meanwhile
            size += one.lstat().st_size if one.is_file() and not one.is_symlink() else 0
    return size


def unremovable(path: Path, error: OSError) -> TiltyardError:
    """``MODEL_UNREMOVABLE`` of something in the folder of models."""
    return TiltyardError(
        "MODEL_UNREMOVABLE", str(path), error.strerror or str(error),
        "look at who may write there; nothing else was removed with it",
    )  # fmt: skip
