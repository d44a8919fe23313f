"""How a snapshot becomes a policy: every byte of it is checked, and it has to be able to trade.

This is where a process imports torch, and not before.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from tiltyard.features.technical import Indicators
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.extra_learn import extra_missing
from tiltyard.shell.models.shelf import SERVED, Shelf, is_plain

if TYPE_CHECKING:
    from tiltyard.learners.served import Served
    from tiltyard.learners.snapshot import Snapshot


def found_snapshot(shelf: Shelf, name: str, digest: str) -> Path:
    """Where the snapshot of an arm lies, be it whole or not.

    Args:
        shelf: Where snapshots are kept.
        name: Of the arm.
        digest: SHA-256 of what serves it; empty goes by its name.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING``, ``EXTRA_MISSING``.
    """
    try:
        shelf.listed()
    except OSError as error:
        raise TiltyardError(
            "SNAPSHOT_MISSING", str(shelf.folder),
            f"it cannot be listed: {error.strerror or error}",
            "put it back, or name another: models.folder",
        ) from error  # fmt: skip
    if not digest:
        if not is_plain(name):
            raise TiltyardError(
                "SNAPSHOT_MISSING", name, f"no snapshot in {shelf.folder} can be called so",
                "register it by its digest",
            )  # fmt: skip
        return shelf.folder / name
    try:
        from tiltyard.learners.snapshot_folder import find  # noqa: PLC0415 slow
    except ModuleNotFoundError as error:
        raise extra_missing(error) from error
    try:
        return find(shelf.folder, digest)
    except TiltyardError:
        changed = shelf.called_like(digest)
        if not changed:
            raise
        return changed[0]  # its manifest is another, which whoever reads it says


def checked_snapshot(path: Path, digest: str = "") -> "Snapshot":
    """A snapshot that a policy can be made of, checked byte by byte; it takes no torch.

    Raises:
        TiltyardError: As :func:`tiltyard.learners.snapshot_folder.load`; ``SNAPSHOT_NO_POLICY``,
            ``EXTRA_MISSING``.
    """
    try:
        from tiltyard.learners.snapshot_folder import load  # noqa: PLC0415 slow
    except ModuleNotFoundError as error:
        raise extra_missing(error) from error
    snapshot = load(path, digest)
    if snapshot.kind not in SERVED:
        raise TiltyardError(
            "SNAPSHOT_NO_POLICY", path.name, f"a snapshot of kind {snapshot.kind!r} says nothing "
            "of what to hold",
            f"train a head on it: tiltyard train tabnet --encoder {path.name}",
        )  # fmt: skip
    return snapshot


def trained_policy(snapshot: "Snapshot", where: str) -> "Served":
    """The policy that a snapshot is, which has decided once of each symbol for practice.

    Args:
        snapshot: Checked.
        where: For people.

    Raises:
        TiltyardError: ``SNAPSHOT_UNREADABLE`` where no policy can be made of it, and what that
            raises itself; ``EXTRA_MISSING``.
    """
    try:
        from tiltyard.learners.kinds import served  # noqa: PLC0415 slow
    except ModuleNotFoundError as error:
        raise extra_missing(error) from error
    try:
        policy = served(snapshot)
        Indicators("", policy.needs, policy.interval)
        policy.rehearse()
    except TiltyardError:
        raise
    except Exception as error:
        facts = f"no policy can be made of it: {type(error).__name__}: {error}"[:200]
        raise TiltyardError("SNAPSHOT_UNREADABLE", where, facts) from error
    return policy
