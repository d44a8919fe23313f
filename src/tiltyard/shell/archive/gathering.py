"""The house of which a snapshot is taken: database, models and settings, copied at one moment.

Everything is copied into a folder that nobody else touches, so that what is kept is what was
hashed. A model that is not as it was when it was trained is left out, and named.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import tiltyard
from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import storable
from tiltyard.shell.archive.backup import backed_up
from tiltyard.shell.archive.manifest import MODELS, File, Manifest
from tiltyard.shell.archive.place import PIECE
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.models.shelf import MANIFEST, Shelf, is_snapshot, trained_here
from tiltyard.shell.own_folder import own_folder
from tiltyard.shell.store.ledger import Ledger

SETTINGS = "tiltyard.toml"
PREFIX = "tiltyard-snapshot-"
"""What folders begin with in which a house is copied."""
NOT_WHOLE = frozenset({"SNAPSHOT_MISSING", "SNAPSHOT_TAMPERED", "SNAPSHOT_UNREADABLE"})
"""What is wrong with a model, and with nothing else."""


class Belongings(NamedTuple):
    """What a snapshot is taken of.

    Attributes:
        ledger: Not inside a transaction.
        models: The folder of trained snapshots; it need not be there.
        settings: The file; it need not be there.
    """

    ledger: Ledger
    models: Path
    settings: Path


class Gathered(NamedTuple):
    """All of a house, copied.

    Attributes:
        folder: Where; it is gone afterwards.
        manifest: What lies there.
        left_out: Models that are not as they were when they were trained, and why.
        missing: Arms whose models are not there.
    """

    folder: Path
    manifest: Manifest
    left_out: Mapping[str, TiltyardError]
    missing: Sequence[str]


@contextmanager
def gathered(house: Belongings, now: datetime) -> Iterator[Gathered]:
    """Copy all of a house into a folder that nobody else touches.

    Args:
        house: Whose.
        now: UTC.

    Raises:
        TiltyardError: ``SCRATCH_UNWRITABLE``, ``BACKUP_FAILED``, ``CONFIG_UNREADABLE``, or
            ``SNAPSHOT_MISSING`` where the folder of models cannot be listed.
    """
    with _scratch() as folder:
        backup = backed_up(house.ledger, folder)
        files = {backup.file.name: _hashed(backup.file)}
        if house.settings.exists():
            files[SETTINGS] = _copied(house.settings, folder / SETTINGS, "CONFIG_UNREADABLE")
        models, left_out = _models(house.models, folder)
        manifest = Manifest(
            now.replace(microsecond=0), tiltyard.__version__, backup.database, backup.audit_head,
            backup.audit_rows, backup.champion, files | models,
            {name: error.code for name, error in left_out.items()}, backup.ledger,
        )  # fmt: skip
        yield Gathered(folder, manifest, left_out, _missing(house.ledger.roster(), manifest))


def _missing(roster: Roster, manifest: Manifest) -> list[str]:
    """Arms that were trained here, of which no model is in the folder, harmed or not."""
    there, digests = {*manifest.models, *manifest.left_out}, set(manifest.model_digests)
    return [
        arm.name
        for arm in trained_here(roster)
        if arm.name not in there and arm.digest not in digests
    ]


def _models(shelf: Path, folder: Path) -> tuple[dict[str, File], dict[str, TiltyardError]]:
    """Every trained snapshot that is whole, copied; and those that are not."""
    files: dict[str, File] = {}
    left_out: dict[str, TiltyardError] = {}
    try:
        names = Shelf(shelf).listed()
    except FileNotFoundError:
        return files, left_out
    except OSError as error:
        raise TiltyardError(
            "SNAPSHOT_MISSING", str(shelf), f"it cannot be listed: {error.strerror or error}"
        ) from error
    for name in names:
        if not is_snapshot(shelf / name):
            continue
        try:
            files |= _model(shelf / name, folder)
        except TiltyardError as error:
            if error.code not in NOT_WHOLE:
                raise
            left_out[storable(name)] = error
    return files, left_out


def _model(path: Path, folder: Path) -> dict[str, File]:
    manifest = manifest_of(path)
    target = folder / MODELS / path.name
    target.mkdir(parents=True)
    files: dict[str, File] = {}
    try:
        expected = {
            MANIFEST: manifest.digest,
            **{name: str(one["sha256"]) for name, one in manifest.told["files"].items()},
        }
    except (KeyError, TypeError) as error:
        raise TiltyardError(
            "SNAPSHOT_UNREADABLE", str(path), f"its manifest does not say {error}"
        ) from error
    for name, digest in expected.items():
        found = _copied(path / name, target / name, "SNAPSHOT_MISSING")
        if found.digest != digest:
            raise TiltyardError(
                "SNAPSHOT_TAMPERED", str(path), f"{name}: SHA-256 {found.digest[:8]}…"
            )
        files[f"{MODELS}/{path.name}/{name}"] = found
    return files


def _copied(source: Path, copy: Path, unreadable: str) -> File:
    """Copy a file; what the copy holds.

    Raises:
        TiltyardError: With this code where it cannot be read; ``SCRATCH_UNWRITABLE``.
    """
    digest, size = sha256(), 0
    with _enough_room(copy), copy.open("wb") as written:
        for piece in _pieces(source, unreadable):
            digest.update(piece)
            size += written.write(piece)
    return File(digest.hexdigest(), size)


def _pieces(source: Path, unreadable: str) -> Iterator[bytes]:
    try:
        with source.open("rb") as read:
            while piece := read.read(PIECE):
                yield piece
    except OSError as error:
        raise TiltyardError(unreadable, str(source), error.strerror or str(error)) from error


def _hashed(file: Path) -> File:
    with file.open("rb") as read:
        return File(file_digest(read, "sha256").hexdigest(), file.stat().st_size)


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that nobody else touches; it is gone afterwards."""
    with ExitStack() as stack:
        with _enough_room(Path(gettempdir())):
            folder = stack.enter_context(own_folder(PREFIX))
        yield folder


@contextmanager
def _enough_room(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TiltyardError(
            "SCRATCH_UNWRITABLE", str(where), error.strerror or str(error),
            "make room there, or name another folder: TMPDIR",
        ) from error  # fmt: skip
