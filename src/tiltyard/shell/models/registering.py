"""A snapshot as somebody registers it: which one is meant, what it is, and where it is put.

What is registered is its name, its kind and its digest; every byte of it is checked first. One that
lies elsewhere is copied into the folder of snapshots, since a desk looks there alone. Until it is
registered nobody uses it, so whoever registers it sees to it that nobody removes it meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import parse
from tiltyard.shell.models.loading import checked_snapshot
from tiltyard.shell.models.manifest import manifest_of
from tiltyard.shell.models.removing import alone_in
from tiltyard.shell.models.shelf import MANIFEST, Shelf, is_snapshot, made_at


class Joining(NamedTuple):
    """What a snapshot says of the policy that it is.

    Attributes:
        path: Where it lies.
        name: Of its folder.
        kind: What sort of policy it is.
        digest: SHA-256, 64 hexadecimal digits.
        made_at: When it was made, UTC.
    """

    path: Path
    name: str
    kind: str
    digest: str
    made_at: datetime


def snapshot_meant(text: str, folder: Path) -> Path | None:
    """The snapshot that somebody means; None where it is a plain name.

    Args:
        text: A path, the name of a snapshot in the folder, or how that name alone ends.
        folder: Where snapshots lie.

    Raises:
        TiltyardError: ``POLICY_AMBIGUOUS``; ``SNAPSHOT_MISSING`` for a path where none is.
    """
    found = Shelf(folder).meant_by(text)
    if found is not None:
        return found
    path = Path(text)
    if is_snapshot(path):
        return path
    if "/" in text and not text.startswith("/") and not path.parent.is_dir():
        return None  # a name may have a stroke in it
    if "/" in text:
        raise TiltyardError(
            "SNAPSHOT_MISSING", text, f"there is no snapshot: no file {MANIFEST} is in it",
            "name the folder that tiltyard train has made",
        )  # fmt: skip
    return None


def checked_for_trial(path: Path) -> Joining:
    """What a snapshot is, every byte of it checked.

    Raises:
        TiltyardError: As :func:`tiltyard.shell.models.loading.checked_snapshot`;
            ``SNAPSHOT_UNREADABLE`` for one whose folder has another name than it was given.
    """
    path = path.resolve()
    snapshot = checked_snapshot(path)
    digest, named = snapshot.digest, parse(path.name)
    if (named.kind, named.sha8) != (snapshot.kind, digest[:8]):
        raise TiltyardError(
            "SNAPSHOT_UNREADABLE", str(path), "its folder is not called as it was when it was made",
            f"call it {snapshot.kind}_<yyyymmdd>_<hhmmss>_{digest[:8]} again",
        )  # fmt: skip
    at = made_at(path.name)
    if at is None:
        raise TiltyardError(
            "SNAPSHOT_UNREADABLE", path.name, "its name says no time", "give its name back"
        )
    return Joining(path, path.name, snapshot.kind, digest, at)


def brought_home(joining: Joining, folder: Path) -> bool:
    """Save a snapshot in the folder, whole or not at all; False where it lies there already.

    Raises:
        TiltyardError: ``SNAPSHOT_UNWRITABLE``; what is wrong with one of the same name there.
    """
    target = folder / joining.name
    if joining.path.parent == folder.resolve():
        return False
    if is_snapshot(target):
        checked_snapshot(target, joining.digest)
        return False
    from tiltyard.learners.snapshot_folder import save  # noqa: PLC0415 slow

    there = Shelf(folder).names()
    path = save(checked_snapshot(joining.path, joining.digest), folder, joining.made_at)
    return path.name not in there


@contextmanager
def staying(joining: Joining, folder: Path) -> Iterator[None]:
    """Nobody removes a snapshot from the folder meanwhile.

    Whoever saves or removes something there is waited for, which takes seconds; one that trains
    there is not in the way.

    Args:
        joining: Checked before, and in the folder.
        folder: Where snapshots lie.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING`` where somebody has just removed it;
            ``MODEL_UNREMOVABLE`` where the folder cannot be held.
    """
    with alone_in(folder):
        manifest_of(folder / joining.name)
        yield
