"""Where snapshots lie: in the bucket, and what it refused on this disk.

Whoever looks for one looks into the bucket first, then into the folder. Where the bucket cannot be
looked into, what lies in the folder is found all the same, and it is said that there may be more.
What was brought from the folder into the bucket lies in both for a while: where it is harmed in the
bucket, it is read from the folder.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import count_text
from tiltyard.shell.archive.manifest import Manifest
from tiltyard.shell.archive.place import HARMS, PATIENCE, Place, folder_of, place_of
from tiltyard.shell.archive.restoring import (
    NEWEST,
    meant_by,
    read_manifest,
    restore,
    snapshots_in,
)
from tiltyard.shell.sections.archive import ArchiveSettings


class Lying(NamedTuple):
    """Where a snapshot lies.

    Attributes:
        place: Whence it is read.
        is_here_only: It is on this disk, and not in the bucket that is named; None where nobody
            can say.
        beside: The folder on this disk, where it lies there, too.
    """

    place: Place
    is_here_only: bool | None
    beside: Place | None = None


class Whereabouts(NamedTuple):
    """All that can be found.

    Attributes:
        place: Of the archive, for people.
        snapshots: By name, oldest first.
        refused: Why the bucket could not be looked into; None where it was, or none is named.
    """

    place: str
    snapshots: Mapping[str, Lying]
    refused: TiltyardError | None

    def told(self) -> tuple[list[tuple[Manifest, Lying]], dict[str, TiltyardError]]:
        """Every snapshot, newest first, and what is wrong with manifests that are harmed, by name.

        Raises:
            TiltyardError: What keeps a place from being read.
        """
        told: list[tuple[Manifest, Lying]] = []
        harmed: dict[str, TiltyardError] = {}
        for name, lying in reversed(list(self.snapshots.items())):
            try:
                told.append((read_manifest(lying.place, name), lying))
            except TiltyardError as error:
                if error.code == "ARCHIVE_HARMED":
                    harmed[name] = error
                    if lying.beside is not None and (found := _read_if_whole(lying.beside, name)):
                        told.append((found, Lying(lying.beside, is_here_only=False)))
                elif error.code != "ARCHIVE_MISSING":  # somebody has just cleared it away
                    raise
        return told, harmed

    def found(self, name: str, own: str = "") -> tuple[Place, Manifest]:
        """A snapshot, and where it lies.

        Args:
            name: Its own, or its end, or ``newest``.
            own: Whose the newest is to be: the hash of the oldest row of a ledger's audit; empty
                where nobody can say, and then there must be those of one ledger alone.

        Raises:
            TiltyardError: ``KEPT_UNKNOWN``, ``ARCHIVE_HARMED``, or what keeps it from being read.
        """
        if name == NEWEST and self.snapshots:
            return self._newest(own)
        return self._read(meant_by(name, list(self.snapshots), self.place))

    def _newest(self, own: str) -> tuple[Place, Manifest]:
        """One that is harmed is not passed over for an older one; those before it are."""
        told, harmed = self.told()
        may_be = [one for one in told if not own or one[0].ledger in (own, "")]
        newest = max((one.name for one, _ in may_be), default="")
        for name, error in harmed.items():
            if name > newest:
                raise error
        ledgers = {one.ledger for one, _ in told if one.ledger}
        if may_be and (own or len(ledgers) < 2):  # noqa: PLR2004 more than one
            manifest, lying = may_be[0]
            return lying.place, manifest
        facts = f"snapshots of {count_text(len(ledgers), 'ledger')} are in {self.place}"
        raise TiltyardError(
            "KEPT_UNKNOWN", NEWEST, f"{facts}, and none of them is this one" if own else facts,
            "name one: tiltyard snapshot list names them",
        )  # fmt: skip

    def _read(self, name: str) -> tuple[Place, Manifest]:
        place, _, beside = self.snapshots[name]
        try:
            return place, read_manifest(place, name)
        except TiltyardError as error:
            if error.code not in HARMS or beside is None:
                raise
            return beside, read_manifest(beside, name)

    def restored(
        self, name: str, folder: Path, own: str = ""
    ) -> tuple[Manifest, TiltyardError | None]:
        """Bring a snapshot back into a folder, from wherever it lies whole.

        Args:
            name: As in :meth:`found`.
            folder: Where to; empty, or not there.
            own: As in :meth:`found`.

        Returns:
            Which it is, and what is wrong with it in the bucket, where it was brought from the
            folder on this disk instead.

        Raises:
            TiltyardError: As :meth:`found`, and :func:`tiltyard.shell.archive.restoring.restore`.
        """
        _, manifest = self.found(name, own)
        place, _, beside = self.snapshots[manifest.name]
        harm = None
        try:
            restore(place, read_manifest(place, manifest.name), folder)
        except TiltyardError as error:
            if error.code not in HARMS or beside is None:
                raise
            harm = error
        if harm is not None and beside is not None:
            restore(beside, manifest, folder)
        return manifest, harm


def whereabouts(settings: ArchiveSettings, patience: timedelta = PATIENCE) -> Whereabouts:
    """Where every snapshot lies.

    Args:
        settings: Of the archive.
        patience: For one request to a bucket, and all that is tried again after it had no answer.

    Raises:
        TiltyardError: What keeps the archive from being read; of a bucket where no folder is
            there, either.
    """
    if not settings.bucket:
        folder = folder_of(settings)
        return Whereabouts(folder.name, _lying(folder, is_here_only=False), None)
    try:
        bucket = place_of(settings, patience=patience)
        there = Whereabouts(bucket.name, _lying(bucket, is_here_only=False), None)
    except TiltyardError as error:
        if not settings.path.is_dir():
            raise
        there = Whereabouts(str(settings.path), {}, error)
    if settings.path.is_dir():
        here = _lying(folder_of(settings), is_here_only=None if there.refused else True)
        both = {
            name: lying._replace(beside=here[name].place)
            for name, lying in there.snapshots.items() if name in here
        }  # fmt: skip
        every = {**here, **there.snapshots, **both}
        there = there._replace(snapshots=dict(sorted(every.items())))
    return there


def _lying(place: Place, *, is_here_only: bool | None) -> dict[str, Lying]:
    return {name: Lying(place, is_here_only) for name in snapshots_in(place)}


def _read_if_whole(place: Place, name: str) -> Manifest | None:
    try:
        return read_manifest(place, name)
    except TiltyardError as error:
        if error.code not in HARMS:
            raise
        return None
