"""The folder of snapshots by their names: who is there, and whether it has changed.

Nothing of a snapshot is read here, so that whoever only asks loads nothing that learns.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tiltyard.facts.arm import GONE, Arm, Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.feeds.stamp import Stamp, stamp_of

MANIFEST = "manifest.json"
"""A folder with such a file is a snapshot."""
MODEL = r"[a-z][a-z0-9-]*_\d{8}_\d{6}_[0-9a-f]{8}"
"""What a snapshot is called, as a regular expression: kind, time, and how its digest begins."""
SHORTEST_SUFFIX = 4
"""Letters of the end of a name by which a snapshot is meant; fewer may be anything."""
SERVED = ("tabnet", "dqn")
"""The kinds of snapshots that are policies by themselves."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(rf"(?:{'|'.join(SERVED)})_\d{{8}}_\d{{6}}_(?P<sha8>[0-9a-f]{{8}})")
_END = re.compile(r"[0-9a-f]{2,64}")


class Shelf:
    """A folder of snapshots; it need not be there.

    Args:
        folder: Where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def listed(self) -> Sequence[str]:
        """What may be a snapshot, in the order of the names.

        Raises:
            OSError: Nobody can say: the folder cannot be listed, or is not there.
        """
        every = sorted(one.name for one in self.folder.iterdir())
        return [name for name in every if not name.startswith(".")]

    def names(self) -> Sequence[str]:
        """The same; nothing where nobody can say."""
        try:
            return self.listed()
        except OSError:
            return []

    def may_have_of(self, arms: Mapping[str, str]) -> Collection[str]:
        """Of which arms it may have what serves them, by one look into the folder.

        Args:
            arms: The digest of each, SHA-256, by name; an empty one goes by the name.

        Raises:
            OSError: As :meth:`listed`.
        """
        there = self.listed() if arms else ()
        return {
            name
            for name, digest in arms.items()
            if (self._called_like(digest, there) if digest else self._has(name))
        }

    def called_like(self, digest: str) -> Sequence[Path]:
        """Snapshots that are called by the first digits of a digest."""
        return self._called_like(digest, self.names())

    def _called_like(self, digest: str, there: Sequence[str]) -> Sequence[Path]:
        if not _DIGEST.fullmatch(digest):
            return []
        paths = (self.folder / one for one in there if one.endswith(f"_{digest[:8]}"))
        return [path for path in paths if is_snapshot(path)]

    def _has(self, name: str) -> bool:
        return is_plain(name) and is_snapshot(self.folder / name)

    def meant_by(self, text: str) -> Path | None:
        """The snapshot that has this name, or whose name alone ends so; None where there is none.

        Raises:
            TiltyardError: ``POLICY_AMBIGUOUS``.
        """
        if not is_plain(text):
            return None
        if is_snapshot(self.folder / text):
            return self.folder / text
        if len(text) < SHORTEST_SUFFIX:
            return None
        ends = [one for one in self.names() if one.endswith(text)]
        found = [one for one in ends if is_snapshot(self.folder / one)]
        if len(found) > 1:
            raise TiltyardError(
                "POLICY_AMBIGUOUS", text,
                f"{len(found)} snapshots in {self.folder} end so: {', '.join(found)}",
                "give more of the name",
            )  # fmt: skip
        return self.folder / found[0] if found else None


def is_called_by(name: str, digest: str) -> bool:
    """Whether an arm is called as the snapshot of its digest is, and that can be a policy.

    >>> is_called_by("tabnet_20261126_200407_deadbeef", "deadbeef" + 56 * "0")
    True
    """
    made = _NAME.fullmatch(name)
    return made is not None and made["sha8"] == digest[:8]


def trained_here(roster: Roster) -> list[Arm]:
    """Arms that still trade and are called as a snapshot is, so that there should be one."""
    return [
        arm
        for arm in roster.arms.values()
        if arm.state not in GONE and is_called_by(arm.name, arm.digest)
    ]


def made_at(name: str) -> datetime | None:
    """When a snapshot was made, as its name says, UTC; None where it says no time."""
    try:
        _, day, time, _ = name.split("_")
        return datetime.strptime(day + time, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def looks_like_snapshot(text: str) -> bool:
    """Whether it has the form of a trained policy's name, or of the end of one.

    >>> looks_like_snapshot("tabnet_20261126_200407_deadbeef"), looks_like_snapshot("my_bot")
    (True, False)
    """
    return (_NAME.fullmatch(text) or _END.fullmatch(text)) is not None


def is_plain(name: str) -> bool:
    """Whether a name can be that of a snapshot in a folder: it leads nowhere else."""
    return "/" not in name and not name.startswith(".") and bool(name)


def is_snapshot(path: Path) -> bool:
    """Whether a snapshot lies there, whole or not."""
    try:
        return (path / MANIFEST).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def stamps_of(path: Path) -> tuple[tuple[str, Stamp | None], ...]:
    """By what one sees that a file of a snapshot has changed; empty where there is none."""
    try:
        files = sorted(path.iterdir())
    except OSError:
        return ()
    return tuple((file.name, stamp_of(file)) for file in files)
