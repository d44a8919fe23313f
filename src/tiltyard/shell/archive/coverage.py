"""Which trained models the archive holds, and whether it holds them now.

A model is called by the SHA-256 of its own manifest, which says what each of its files is. So a
snapshot that lists that manifest and those files holds the model, and whether the archive still
does is found by reading all of it. Whoever deletes a model asks here first, and takes no older
answer: what was whole last week may be gone.

Where a bucket is named it alone counts: what lies on this disk is lost with it. Of several desks
that share a place each counts its own snapshots, and those that name nobody, alone: what is another
desk's goes when that pleases.
"""

import json
from collections.abc import Mapping

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.manifest import MODELS, File, Manifest
from tiltyard.shell.archive.place import HARMS, Place, place_of
from tiltyard.shell.archive.restoring import newest_first
from tiltyard.shell.models.manifest import LARGEST_MANIFEST
from tiltyard.shell.models.shelf import MANIFEST
from tiltyard.shell.sections.archive import ArchiveSettings


def held_whole(settings: ArchiveSettings, model: str, digest: str, own: str) -> str | None:
    """The newest snapshot that holds a model, every byte of it read now; None where none does.

    Args:
        settings: Where snapshots are kept.
        model: Name of its folder.
        digest: SHA-256 of its manifest, 64 hexadecimal digits.
        own: Whose snapshots count: the hash of the oldest row of a ledger's audit; empty where it
            has none.

    Raises:
        TiltyardError: What keeps the archive from being read: ``ARCHIVE_UNREACHABLE``,
            ``ARCHIVE_REFUSED``, ``BUCKET_MISSING``, ``ARCHIVE_CREDENTIALS``,
            ``ARCHIVE_UNWRITABLE``, or ``ARCHIVE_MISSING`` where there is no archive yet.
    """
    return proof(place_of(settings), model, digest, own)


def proof(place: Place, model: str, digest: str, own: str) -> str | None:
    """The newest snapshot in a place that holds a model, every byte of it read now.

    A snapshot whose manifest is harmed holds nothing.

    Args:
        place: Where.
        model: Name of its folder.
        digest: SHA-256 of its manifest, 64 hexadecimal digits.
        own: Whose snapshots count: the hash of the oldest row of a ledger's audit; empty where it
            has none.

    Raises:
        TiltyardError: What keeps the place from being read.
    """
    counting = (one for one in newest_first(place, past=HARMS) if one.ledger in (own, ""))
    return next((one.name for one in counting if _is_whole(place, one, model, digest)), None)


def covering(place: Place) -> Mapping[str, str]:
    """By the digest of each model that is listed, the newest snapshot that lists it.

    Nothing of a model is read here: :func:`proof` does that.

    Args:
        place: Where.

    Raises:
        TiltyardError: What keeps the place from being read.
    """
    found: dict[str, str] = {}
    for manifest in newest_first(place, past=HARMS):
        for digest in manifest.model_digests:
            found.setdefault(digest, manifest.name)
    return found


def _is_whole(place: Place, manifest: Manifest, model: str, digest: str) -> bool:
    """Whether a snapshot lists all of a model, and the place has all that it lists."""
    own = manifest.files.get(f"{MODELS}/{model}/{MANIFEST}")
    if own is None or own.digest != digest or own.size > LARGEST_MANIFEST:
        return False
    try:
        raw = b"".join(place.pieces(own.digest, own.size))
        for name, file in _files(raw).items():
            if manifest.files.get(f"{MODELS}/{model}/{name}") != file:
                return False
            place.check(file.digest, file.size)
    except TiltyardError as error:
        if error.code not in HARMS:
            raise
        return False
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # it says no files
        return False
    return True


def _files(raw: bytes) -> Mapping[str, File]:
    """What the files of a model are, as its own manifest says."""
    told = json.loads(raw)["files"]
    return {name: File(str(one["sha256"]), int(one["bytes"])) for name, one in told.items()}
