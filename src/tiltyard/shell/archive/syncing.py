"""What lies on this disk alone is brought into the bucket that refused it.

As where one is taken, its objects are sent and read back first, and its manifest is written last,
under a name that is free: whoever is interrupted goes on by doing it again. The copies on this disk
stay until they expire (:mod:`tiltyard.shell.archive.pruning`).
"""

import time
from datetime import datetime, timedelta
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.gathering import Belongings
from tiltyard.shell.archive.manifest import Manifest
from tiltyard.shell.archive.place import HARMS, PATIENCE, folder_of, object_key, place_of
from tiltyard.shell.archive.restoring import check, read_manifest, snapshots_in
from tiltyard.shell.archive.taking import KEPT, WRITTEN, OnStage, Taken, take_for, write
from tiltyard.shell.archive.turns import Wait, keeping
from tiltyard.shell.sections.archive import ArchiveSettings


class Synced(NamedTuple):
    """What was brought into the bucket.

    Attributes:
        brought: Snapshots, newest first.
        sent: Bytes that were not in the bucket before.
        failed: What is wrong with those that could not be, or with the bucket.
    """

    brought: tuple[Manifest, ...]
    sent: int
    failed: tuple[TiltyardError, ...]


NOTHING = Synced((), 0, ())


def take_and_sync(
    house: Belongings, settings: ArchiveSettings, now: datetime,
    on_stage: OnStage = lambda _: None, *, patience: timedelta = PATIENCE, wait: Wait = time.sleep,
) -> tuple[Taken, Synced]:  # fmt: skip
    """Take a snapshot, and where it is in the bucket, bring what lies on this disk alone there too.

    Args:
        house: Whose.
        settings: Of the archive.
        now: UTC.
        on_stage: Told what is passed, of both.
        patience: For one request, and all that is tried again after it had no answer.
        wait: For whoever clears away there.

    Raises:
        TiltyardError: As :func:`tiltyard.shell.archive.taking.take_for`.
    """
    taken = take_for(house, settings, now, on_stage, patience=patience, wait=wait)
    if taken.refused is not None:
        return taken, NOTHING
    try:
        return taken, sync(settings, on_stage, patience=patience, wait=wait)
    except TiltyardError as error:
        return taken, NOTHING._replace(failed=(error,))


def sync(
    settings: ArchiveSettings, on_stage: OnStage = lambda _: None, *,
    patience: timedelta = PATIENCE, wait: Wait = time.sleep,
) -> Synced:  # fmt: skip
    """Bring what is in the folder alone into the bucket; nothing where none is named.

    Args:
        settings: Of the archive.
        on_stage: Told that an object was brought (``kept``), or a whole snapshot (``written``).
        patience: For one request, and all that is tried again after it had no answer.
        wait: For whoever clears away there.

    Raises:
        TiltyardError: What keeps the bucket or the folder from being read, or the bucket from being
            written.
    """
    if not settings.bucket or not settings.path.is_dir():
        return NOTHING
    folder, bucket = folder_of(settings), place_of(settings, patience=patience)
    there = set(snapshots_in(bucket))
    missing = [name for name in reversed(snapshots_in(folder)) if name not in there]
    if not missing:
        return NOTHING
    bucket.prove()
    brought: list[Manifest] = []
    failed: list[TiltyardError] = []
    sent = 0
    with keeping(bucket, wait) as turn:
        for name in missing:
            try:
                manifest = read_manifest(folder, name)
                check(folder, manifest)
                for file in manifest.files.values():
                    sent += bucket.keep(settings.path / object_key(file.digest), file.digest)
                    turn.renew()
                    on_stage(KEPT)
            except TiltyardError as error:
                if error.code not in HARMS:
                    raise
                if name in snapshots_in(folder):  # else somebody has just cleared it away
                    failed.append(error)
                continue
            write(bucket, manifest)
            brought.append(manifest)
            on_stage(WRITTEN)
    return Synced(tuple(brought), sent, tuple(failed))
