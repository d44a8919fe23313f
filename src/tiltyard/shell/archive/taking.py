"""A snapshot of the house: gathered, kept, and read back; in the bucket, or else on this disk.

Objects are kept and read back before the manifest that names them is written: a snapshot is there
whole, or not at all, wherever it is interrupted, and what was kept need not be sent again.

Where a bucket is named and refuses, for whatever reason, at the first byte or half-way, the
snapshot is kept in the folder on this disk instead: a copy at hand is better than none. Whoever
took it is told, and :mod:`tiltyard.shell.archive.syncing` brings it into the bucket later.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.gathering import Belongings, Gathered, gathered
from tiltyard.shell.archive.manifest import LARGEST, Manifest, key_of
from tiltyard.shell.archive.place import PATIENCE, Place, folder_of, place_of
from tiltyard.shell.archive.turns import Wait, keeping
from tiltyard.shell.sections.archive import ArchiveSettings

GATHERED, KEPT, WRITTEN = STAGES = ("gathered", "kept", "written")
"""What is passed: everything is copied, an object is kept, the manifest is there."""
OnStage = Callable[[str], None]


class Taken(NamedTuple):
    """A snapshot that was taken.

    Attributes:
        manifest: It.
        place: Where it is, for people.
        sent: Bytes that were not there before.
        left_out: Models that are not as they were when they were trained, and why.
        missing: Arms whose models are not there.
        refused: Why it is on this disk, and not in the bucket that is named; None where it is
            where it should be.
    """

    manifest: Manifest
    place: str
    sent: int
    left_out: Mapping[str, TiltyardError]
    missing: Sequence[str]
    refused: TiltyardError | None = None


def take_for(
    house: Belongings, settings: ArchiveSettings, now: datetime, on_stage: OnStage = lambda _: None,
    *, patience: timedelta = PATIENCE, wait: Wait = time.sleep,
) -> Taken:  # fmt: skip
    """Keep all of the house where the settings say, or on this disk where the bucket refuses.

    Args:
        house: Whose.
        settings: Where.
        now: UTC.
        on_stage: Told each of :data:`STAGES` that is passed.
        patience: For one request to a bucket, and all that is tried again after it had no answer.
        wait: For whoever clears away there.

    Raises:
        TiltyardError: As :func:`take`, of the folder.
    """
    if not settings.bucket:
        return take(house, folder_of(settings, create=True), now, on_stage, wait)
    with gathered(house, now) as found:
        on_stage(GATHERED)
        try:
            bucket = place_of(settings, patience=patience)
            bucket.prove()
            return keep(found, bucket, on_stage, wait)
        except TiltyardError as error:
            refused = error
        try:
            kept = keep(found, folder_of(settings, create=True), on_stage, wait)
        except TiltyardError as error:
            facts = f"{error.facts}; and the bucket refused: {refused.code}: {refused.facts}"
            raise TiltyardError(error.code, error.subject, facts, error.remedy) from error
    return kept._replace(refused=refused)


def take(
    house: Belongings, place: Place, now: datetime, on_stage: OnStage = lambda _: None,
    wait: Wait = time.sleep,
) -> Taken:  # fmt: skip
    """Keep all of the house in a place.

    Args:
        house: Whose.
        place: Where.
        now: UTC.
        on_stage: Told each of :data:`STAGES` that is passed.
        wait: For whoever clears away there.

    Raises:
        TiltyardError: ``SCRATCH_UNWRITABLE``, ``BACKUP_FAILED``, ``CONFIG_UNREADABLE``,
            ``SNAPSHOT_MISSING`` where the folder of models cannot be listed, or what the place
            refuses.
    """
    place.prove()
    with gathered(house, now) as found:
        on_stage(GATHERED)
        return keep(found, place, on_stage, wait)


def keep(found: Gathered, place: Place, on_stage: OnStage, wait: Wait) -> Taken:
    """Keep in a place what was gathered.

    Raises:
        TiltyardError: What the place refuses.
    """
    sent = 0
    with keeping(place, wait) as turn:
        for path, file in found.manifest.files.items():
            sent += place.keep(found.folder / path, file.digest)
            turn.renew()
            on_stage(KEPT)
        write(place, found.manifest)
    on_stage(WRITTEN)
    return Taken(found.manifest, place.name, sent, found.left_out, found.missing)


def write(place: Place, manifest: Manifest) -> None:
    """Write a manifest; who has written the very same before has done it for us.

    Raises:
        TiltyardError: ``ARCHIVE_TAKEN``, or what the place refuses.
    """
    key, raw = key_of(manifest.name), manifest.raw()
    try:
        place.write(key, raw)
    except TiltyardError as error:
        if error.code != "ARCHIVE_TAKEN" or place.read(key, LARGEST) != raw:
            raise
