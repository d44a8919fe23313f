"""A snapshot of the house, looked through or brought back: every byte is checked on the way.

What is restored appears in its folder whole or not at all. Everything that is wrong with a snapshot
is told at once.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.archive.manifest import LARGEST, SNAPSHOTS, File, Manifest, key_of, name_of
from tiltyard.shell.archive.place import Place

HARMS = frozenset({"ARCHIVE_HARMED", "ARCHIVE_MISSING"})
"""What is wrong with an object itself, and not with the way to it."""
NEWEST = "newest"


def snapshots_in(place: Place) -> Sequence[str]:
    """Names of all snapshots, oldest first.

    Raises:
        TiltyardError: What keeps the place from being read.
    """
    return [name for key in place.keys(SNAPSHOTS) if (name := name_of(key)) is not None]


def manifest_named(place: Place, name: str) -> Manifest:
    """What a snapshot says of itself.

    Args:
        place: Where it is kept.
        name: Its own, or its end, or ``newest``.

    Raises:
        TiltyardError: ``KEPT_UNKNOWN``, ``ARCHIVE_HARMED``, or what keeps the place from being
            read.
    """
    there = snapshots_in(place)
    found = there[-1:] if name == NEWEST else [one for one in there if one.endswith(name)]
    if len(found) != 1 or not name:
        facts = f"{len(found)} snapshots end so" if found else f"none of {len(there)} ends so"
        raise TiltyardError("KEPT_UNKNOWN", name, facts, "tiltyard snapshot list names them")
    return Manifest.read(found[0], place.read(key_of(found[0]), LARGEST))


def check(place: Place, manifest: Manifest, tell: Callable[[str], object]) -> None:
    """Read all of a snapshot, and see that it is what was kept.

    Args:
        place: Where.
        manifest: Which.
        tell: Told each path before it is read.

    Raises:
        Faults: ``ARCHIVE_HARMED`` with every file that is not.
        TiltyardError: What keeps the place from being read.
    """
    _each(place, manifest, lambda path, pieces: (tell(path), sum(map(len, pieces)))[1])


def restore(place: Place, manifest: Manifest, folder: Path, tell: Callable[[str], object]) -> None:
    """Bring a snapshot back into a folder that is empty, or not there.

    Args:
        place: Where it is kept.
        manifest: Which.
        folder: Where to.
        tell: Told each path before it is read.

    Raises:
        Faults: ``ARCHIVE_HARMED`` with every file that is not what was kept; nothing is restored.
        TiltyardError: ``FOLDER_IN_USE``, ``RESTORE_UNWRITABLE``, or what keeps the place from being
            read.
    """
    target = folder.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise TiltyardError(
            "FOLDER_IN_USE", str(folder), "there is something in it", "name an empty one"
        )
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")

    def write(path: str, pieces: Iterator[bytes]) -> int:
        tell(path)
        file = partial / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as opened:
            return sum(map(opened.write, pieces))

    try:
        partial.mkdir(parents=True)
        _each(place, manifest, write)
        os.sync()
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as error:
        raise TiltyardError(
            "RESTORE_UNWRITABLE", str(folder), error.strerror or str(error), "nothing was restored"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _each(place: Place, manifest: Manifest, read: Callable[[str, Iterator[bytes]], int]) -> None:
    faults = []
    for path, file in manifest.files.items():
        try:
            size = read(path, place.pieces(file.digest))
        except TiltyardError as error:
            if error.code not in HARMS:
                raise
            faults.append(Fault(path, error.facts))
            continue
        faults += _shorter(path, file, size)
    if faults:
        raise Faults(
            "ARCHIVE_HARMED", f"{place.name}, {manifest.name}", faults,
            remedy="Another snapshot may have them whole: tiltyard snapshot list",
        )  # fmt: skip


def _shorter(path: str, file: File, size: int) -> Iterator[Fault]:
    if size != file.size:
        yield Fault(path, f"{size:,} bytes, not {file.size:,}")
