"""A snapshot of the house, looked through or brought back: every byte is checked on the way.

What is restored appears in its folder whole or not at all, for nobody but its owner to read.
Everything that is wrong with a snapshot is told at once.
"""

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from tempfile import mkdtemp

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.archive.manifest import LARGEST, SNAPSHOTS, Manifest, key_of, name_of
from tiltyard.shell.archive.place import HARMS, Place, bring_to_disk

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
    return read_manifest(place, meant_by(name, snapshots_in(place), place.name))


def meant_by(name: str, there: Sequence[str], where: str) -> str:
    """The name of the snapshot that somebody means.

    Args:
        name: Its own, or its end, or ``newest``.
        there: All names, oldest first.
        where: They are, for people.

    Raises:
        TiltyardError: ``KEPT_UNKNOWN``.
    """
    found = there[-1:] if name == NEWEST else [one for one in there if one.endswith(name)]
    if len(found) != 1 or not name:
        facts = f"{len(found)} snapshots end so" if found else f"none of {len(there)} ends so"
        raise TiltyardError(
            "KEPT_UNKNOWN", name or "''", facts if there else f"no snapshot is in {where}",
            "tiltyard snapshot list names them" if there else "take one: tiltyard snapshot take",
        )  # fmt: skip
    return found[0]


def read_manifest(place: Place, name: str) -> Manifest:
    """What the snapshot of this very name says of itself.

    Raises:
        TiltyardError: ``ARCHIVE_HARMED``, ``ARCHIVE_MISSING``, or what keeps the place from being
            read.
    """
    return Manifest.read(name, place.read(key_of(name), LARGEST))


def newest_first(place: Place, past: Collection[str] = ("ARCHIVE_MISSING",)) -> Iterator[Manifest]:
    """What each snapshot says of itself.

    Args:
        place: Where.
        past: Codes of what may be wrong with one that is passed over: as it is, that somebody has
            cleared it away meanwhile.

    Raises:
        TiltyardError: ``ARCHIVE_HARMED`` where it is the turn of one that is, or what keeps the
            place from being read.
    """
    for name in reversed(snapshots_in(place)):
        try:
            yield read_manifest(place, name)
        except TiltyardError as error:
            if error.code not in past:
                raise


def check(place: Place, manifest: Manifest) -> None:
    """Read all of a snapshot, and see that it is what was kept.

    Args:
        place: Where.
        manifest: Which.

    Raises:
        Faults: ``ARCHIVE_HARMED`` with every file that is not.
        TiltyardError: What keeps the place from being read.
    """

    def look(_: str, pieces: Iterator[bytes]) -> None:
        for _piece in pieces:
            pass

    _each(place, manifest, look)


def restore(place: Place, manifest: Manifest, folder: Path) -> None:
    """Bring a snapshot back into a folder that is empty, or not there.

    Args:
        place: Where it is kept.
        manifest: Which.
        folder: Where to.

    Raises:
        Faults: ``ARCHIVE_HARMED`` with every file that is not what was kept; nothing is restored.
        TiltyardError: ``FOLDER_IN_USE``, ``RESTORE_UNWRITABLE``, or what keeps the place from being
            read.
    """
    target = folder.resolve()
    _refuse_in_use(target)
    partial: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        _each(place, manifest, _writing_below(partial))
        for inside in {partial, *(one for one in partial.rglob("*") if one.is_dir())}:
            bring_to_disk(inside)
        if target.exists():
            target.rmdir()
        partial.rename(target)
        bring_to_disk(target.parent)
    except OSError as error:
        raise TiltyardError(
            "RESTORE_UNWRITABLE", str(folder), error.strerror or str(error), "nothing was restored"
        ) from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _refuse_in_use(target: Path) -> None:
    facts = ""
    if target.exists() and not target.is_dir():
        facts = "it is no folder"
    elif target.exists() and any(target.iterdir()):
        facts = "there is something in it"
    elif target.is_mount():
        facts = "something is mounted there, so it cannot appear at once"
    if facts:
        raise TiltyardError(
            "FOLDER_IN_USE", str(target), facts, "name one that is empty, or not there"
        )


def _writing_below(folder: Path) -> Callable[[str, Iterator[bytes]], None]:
    def write(path: str, pieces: Iterator[bytes]) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as opened:  # noqa: PTH123 it is open already
            opened.writelines(pieces)
            opened.flush()
            os.fsync(descriptor)

    return write


def _each(place: Place, manifest: Manifest, read: Callable[[str, Iterator[bytes]], None]) -> None:
    faults = []
    for path, file in manifest.files.items():
        try:
            read(path, place.pieces(file.digest, file.size))
        except TiltyardError as error:
            if error.code not in HARMS:
                raise
            faults.append(Fault(path, error.facts))
    if faults:
        raise Faults(
            "ARCHIVE_HARMED", f"{place.name}, {manifest.name}", faults,
            remedy="Another snapshot may have them whole: tiltyard snapshot list",
        )  # fmt: skip
