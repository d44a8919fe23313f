"""What has expired goes: first the manifests, then the contents that none of the others names.

So whoever is killed on the way leaves contents that nobody names, and never a snapshot with holes;
the next time they are cleared away. Contents go in turn alone
(:mod:`tiltyard.shell.archive.turns`): a snapshot that is being kept may use one that nobody names.

A manifest that cannot be read may name anything, so while there is one no content goes. Of what
lies on this disk beside a bucket, that goes which goes from the bucket, and it goes first: else it
would be brought there again. What the bucket does not have stays.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.manifest import Manifest, key_of
from tiltyard.shell.archive.place import (
    HARMS,
    MOST_AT_ONCE,
    PATIENCE,
    Place,
    folder_of,
    object_key,
    place_of,
)
from tiltyard.shell.archive.restoring import read_manifest, snapshots_in
from tiltyard.shell.archive.retention import Needed, expired
from tiltyard.shell.archive.taking import OnStage
from tiltyard.shell.archive.turns import sweeping, who_keeps
from tiltyard.shell.sections.archive import ArchiveSettings

FORGOTTEN, SWEPT = STAGES = ("forgotten", "swept")
"""What is passed: a manifest is gone, some contents are gone."""
_OBJECT = re.compile(r"objects/([0-9a-f]{2})/\1[0-9a-f]{62}")


class Cleared(NamedTuple):
    """What has gone from a place, or would go.

    Attributes:
        place: For people.
        snapshots: Names of those that expired, oldest first.
        objects: Contents that no snapshot named any more.
        freed: Bytes of them.
        failed: Manifests that cannot be read, or who was at work there: why contents were left.
    """

    place: str
    snapshots: tuple[str, ...]
    objects: int
    freed: int
    failed: tuple[TiltyardError, ...]


class _Read(NamedTuple):
    """The manifests of a place, by name, and what is wrong with those that cannot be read."""

    manifests: Mapping[str, Manifest]
    harmed: Sequence[TiltyardError]


def prune(
    settings: ArchiveSettings, needed: Needed | None, now: datetime, *, dry_run: bool = False,
    on_stage: OnStage = lambda _: None, patience: timedelta = PATIENCE,
) -> tuple[Cleared, ...]:  # fmt: skip
    """Clear away what has expired.

    Args:
        settings: Of the archive.
        needed: Whose snapshots may go, and for which models some have to be kept; None where
            nobody can say, and then none expires.
        now: UTC.
        dry_run: Only say what would go.
        on_stage: Told each of :data:`STAGES` that is passed.
        patience: For one request to a bucket, and all that is tried again after it had no answer.

    Returns:
        Of each place what has gone: of the folder on this disk before the bucket.

    Raises:
        TiltyardError: What keeps an archive from being read or written.
    """
    places = [place_of(settings, patience=patience)]
    if settings.bucket and settings.path.is_dir():
        places.insert(0, folder_of(settings))
    read = [_read(place, {}) for place in places]
    gone = expired(list(read[-1].manifests.values()), needed, now, settings.kept_for)
    cleared = []
    for place, found in zip(places, read, strict=True):
        names = [name for name in gone if name in found.manifests]
        rest = {name: one for name, one in found.manifests.items() if name not in names}
        if dry_run:
            cleared.append(_would_clear(place, names, _Read(rest, found.harmed), now))
            continue
        for name in names:
            place.remove([key_of(name)])
            on_stage(FORGOTTEN)
        cleared.append(_clear(place, names, _Read(rest, found.harmed), on_stage))
    return tuple(cleared)


def _read(place: Place, known: Mapping[str, Manifest]) -> _Read:
    """The manifests that are there; those that are known need not be read again."""
    manifests: dict[str, Manifest] = {}
    harmed: list[TiltyardError] = []
    for name in snapshots_in(place):
        try:
            manifests[name] = known[name] if name in known else read_manifest(place, name)
        except TiltyardError as error:
            if error.code not in HARMS:
                raise
            if error.code != "ARCHIVE_MISSING":  # somebody else has just cleared it away
                harmed.append(error)
    return _Read(manifests, harmed)


def _would_clear(place: Place, names: Sequence[str], rest: _Read, now: datetime) -> Cleared:
    busy = who_keeps(place, now)
    failed = [*rest.harmed, *([] if busy is None else [busy])]
    garbage = {} if failed else _unnamed(place, rest.manifests.values())
    return Cleared(place.name, tuple(names), len(garbage), sum(garbage.values()), tuple(failed))


def _clear(place: Place, names: Sequence[str], known: _Read, on_stage: OnStage) -> Cleared:
    """Clear away contents that nobody names, in turn."""
    objects = freed = 0
    failed: Sequence[TiltyardError] = ()
    try:
        with sweeping(place) as turn:
            found = _read(place, known.manifests)
            failed = found.harmed
            garbage = {} if failed else _unnamed(place, found.manifests.values())
            keys = list(garbage)
            for some in (keys[at : at + MOST_AT_ONCE] for at in range(0, len(keys), MOST_AT_ONCE)):
                turn.renew()
                place.remove(some)
                objects += len(some)
                freed += sum(garbage[key] for key in some)
                on_stage(SWEPT)
            turn.clear_notes()
            place.clear_unfinished()
    except TiltyardError as error:
        if error.code != "ARCHIVE_BUSY":
            raise
        failed = [*known.harmed, error]
    return Cleared(place.name, tuple(names), objects, freed, tuple(failed))


def _unnamed(place: Place, manifests: Iterable[Manifest]) -> Mapping[str, int]:
    """Contents that none of the snapshots names, and the bytes of each."""
    named = {object_key(file.digest) for one in manifests for file in one.files.values()}
    return {
        key: one.size
        for key, one in place.listed("objects").items()
        if key not in named and _OBJECT.fullmatch(key)
    }
