"""What players have met, kept on disk while it is learnt from: a replay buffer.

A *transition* is a step of a player: what it knew and held, what it wanted, what that came to, and
what it knew and held then; with the probability with which it wanted this, and which policy and
which encoder it went by. What was known is told as a row of the matrix that is learnt from, so a
transition has 24 bytes.

The buffer is a folder: a file for each column, as long as all that will ever be in it, and a
manifest that says how much of it is there. Rows are appended in memory (the files are mapped), and
are there for good when they are *committed*; a commit costs what was appended since the last one.
Whoever is killed finds what was committed last, and nothing of what came later. For each column the
manifest has a SHA-256 that goes on from commit to commit, and whoever opens the buffer checks all
that is in it.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     replay = Replay.create(Path(folder), capacity=8, policies=["explorer"])
...     replay.append(Transitions(*(np.ones(3) for _ in Transitions._fields)))
...     replay.commit()
...     replay.append(Transitions(*(np.ones(3) for _ in Transitions._fields)))
...     len(replay), len(Replay.open(Path(folder)))
(6, 3)
"""

import json
import mmap
import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.learners.job import write_whole

MANIFEST = "manifest.json"
FORMAT = 1
REMEDY = "Nothing of it was used. Delete the folder: it is filled afresh"


class Transitions(NamedTuple):
    """Steps of players; columns of shape (n,).

    Attributes:
        row: What was known, a row of the matrix that is learnt from; int32.
        position: Held, a place among the positions; int8.
        action: Position that was wanted; int8.
        reward: What came of it, in notionals; float32.
        next_row: What was known then; int32.
        next_position: Held then; int8.
        terminated: Whether nothing comes after it.
        propensity: Probability with which this was wanted; float32.
        policy: By which was decided, a place in the buffer's list; int16.
        encoder: By which ``row`` was made, likewise; int16.
    """

    row: NDArray[Any]
    position: NDArray[Any]
    action: NDArray[Any]
    reward: NDArray[Any]
    next_row: NDArray[Any]
    next_position: NDArray[Any]
    terminated: NDArray[Any]
    propensity: NDArray[Any]
    policy: NDArray[Any]
    encoder: NDArray[Any]


TYPES = ("<i4", "<i1", "<i1", "<f4", "<i4", "<i1", "|b1", "<f4", "<i2", "<i2")


class Replay:
    """A buffer in a folder; one process at a time writes to it.

    Args:
        folder: Where it is.
        told: Its manifest.
        maps: Of each column's file.

    Attributes:
        columns: Plain arrays over the files, each as long as the capacity. What is there are the
            first ``len(self)`` rows.
    """

    def __init__(self, folder: Path, told: dict[str, Any], maps: Sequence[mmap.mmap]) -> None:
        self._folder, self._told, self._maps = folder, told, maps
        self.columns = Transitions(
            *(np.frombuffer(one, kind) for one, kind in zip(maps, TYPES, strict=True))
        )
        self._count = self.committed

    @classmethod
    def create(
        cls, folder: Path, capacity: int, *, policies: Sequence[str] = ("",),
        encoders: Sequence[str] = ("",),
    ) -> "Replay":  # fmt: skip
        """An empty buffer, in place of one that may be there.

        Whoever has opened that one keeps what it has: these are other files.

        Args:
            folder: Made when it is not there.
            capacity: Rows, 1 or more; all of the disk that they will take is taken now.
            policies: Versions of policies that ``policy`` will be places of.
            encoders: Likewise.

        Raises:
            TiltyardError: ``CHECKPOINT_UNWRITABLE``, as when the disk is full.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / MANIFEST).unlink(missing_ok=True)
            for name, kind in zip(Transitions._fields, TYPES, strict=True):
                _allocate(folder / name, capacity * np.dtype(kind).itemsize)
        except OSError as error:
            for name in Transitions._fields:
                with suppress(OSError):
                    (folder / name).unlink()
            raise _unwritable(folder, error) from error
        told = {
            "format": FORMAT, "capacity": capacity, "commits": [0],
            "sha256": dict.fromkeys(Transitions._fields, ""),
            "policies": list(policies), "encoders": list(encoders),
        }  # fmt: skip
        made = cls(folder, told, [_mapped(folder / name) for name in Transitions._fields])
        made._write(told)
        return made

    @classmethod
    def open(cls, folder: Path) -> "Replay | None":
        """What was committed last, after every byte of it was checked; None where no buffer is.

        Raises:
            Faults: ``BUFFER_DAMAGED`` with every file that is not as it was written.
        """
        told = _manifest(folder)
        if told is None:
            return None
        maps, faults = [], []
        for name, kind in zip(Transitions._fields, TYPES, strict=True):
            expected = told["capacity"] * np.dtype(kind).itemsize
            try:
                if (size := (folder / name).stat().st_size) != expected:
                    faults.append(Fault(name, f"{size:,} bytes, not {expected:,}"))
                    continue
                maps.append(_mapped(folder / name))
            except OSError as error:
                faults.append(Fault(name, error.strerror or str(error)))
                continue
            found = _digest(maps[-1], kind, told["commits"])
            if found != told["sha256"][name]:
                facts = f"SHA-256 {found[:8]}…, not {told['sha256'][name][:8]}…"
                faults.append(Fault(name, facts))
        if faults:
            raise _damaged(folder, faults)
        return cls(folder, told, maps)

    def __len__(self) -> int:
        """Rows that are there, those included that are not committed yet."""
        return self._count

    @property
    def committed(self) -> int:
        """Rows that are there for good."""
        last: int = self._told["commits"][-1]
        return last

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each column as far as it is committed, for a lineage."""
        return dict(self._told["sha256"])

    @property
    def policies(self) -> tuple[str, ...]:
        """Versions that ``policy`` is a place of."""
        return tuple(self._told["policies"])

    @property
    def encoders(self) -> tuple[str, ...]:
        """Versions that ``encoder`` is a place of."""
        return tuple(self._told["encoders"])

    def append(self, met: Transitions) -> None:
        """Add rows, in memory for now.

        Raises:
            ValueError: There is no room for them; none was added.
        """
        until = self._count + len(met.row)
        if until > self._told["capacity"]:
            full = f"{until:,} rows in a buffer of {self._told['capacity']:,}"
            raise ValueError(full)
        for column, new in zip(self.columns, met, strict=True):
            column[self._count : until] = new
        self._count = until

    def commit(self) -> None:
        """Keep what was appended, on disk.

        Raises:
            TiltyardError: ``CHECKPOINT_UNWRITABLE``; what was committed before is still there.
        """
        begun, told = self.committed, self._told
        if begun == self._count:
            return
        digests = {}
        for one, kind, (name, before) in zip(
            self._maps, TYPES, told["sha256"].items(), strict=True
        ):
            size = np.dtype(kind).itemsize
            first = begun * size // mmap.PAGESIZE * mmap.PAGESIZE
            try:
                one.flush(first, self._count * size - first)
            except OSError as error:
                raise _unwritable(self._folder, error) from error
            digests[name] = _next(before, one, begun * size, self._count * size)
        self._write({**told, "commits": [*told["commits"], self._count], "sha256": digests})

    def cut(self, count: int) -> bool:
        """Go back to the commit by which there were so many rows; whether there was one.

        Raises:
            TiltyardError: ``CHECKPOINT_UNWRITABLE``.
        """
        commits = [one for one in self._told["commits"] if one <= count]
        if commits[-1] != count:
            return False
        digests = {
            name: _digest(one, kind, commits)
            for name, one, kind in zip(Transitions._fields, self._maps, TYPES, strict=True)
        }
        self._write({**self._told, "commits": commits, "sha256": digests})
        self._count = count
        return True

    def _write(self, told: dict[str, Any]) -> None:
        raw = json.dumps(told).encode()
        digest = sha256(raw).hexdigest().encode()
        write_whole(self._folder / MANIFEST, digest + b"\n" + raw + b"\n")
        self._told = told


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        digest, _, told = (folder / MANIFEST).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(folder, [Fault(MANIFEST, error.strerror or str(error))]) from error
    if told[-1:] != b"\n" or sha256(told[:-1]).hexdigest().encode() != digest:
        raise _damaged(folder, [Fault(MANIFEST, "it is not as it was written")])
    found: dict[str, Any] = json.loads(told)
    if found["format"] != FORMAT:
        facts = f"format {found['format']!r}, expected {FORMAT}"
        raise _damaged(folder, [Fault(MANIFEST, facts)])
    return found


def _digest(content: mmap.mmap, kind: str, commits: Sequence[int]) -> str:
    digest, size = "", np.dtype(kind).itemsize
    for first, until in pairwise(commits):
        digest = _next(digest, content, first * size, until * size)
    return digest


def _next(before: str, content: mmap.mmap, first: int, until: int) -> str:
    """A digest of what was there, and of the bytes that have come."""
    digest = sha256(before.encode())
    with memoryview(content) as whole, whole[first:until] as new:
        digest.update(new)
    return digest.hexdigest()


def _allocate(file: Path, size: int) -> None:
    """A file of zeros whose disk is really there: a map without it ends the process later.

    A new one for the same reason: one that is mapped must not become shorter.
    """
    file.unlink(missing_ok=True)
    with file.open("xb") as opened:
        os.posix_fallocate(opened.fileno(), 0, size)


def _mapped(file: Path) -> mmap.mmap:
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), 0)


def _unwritable(folder: Path, error: OSError) -> TiltyardError:
    return TiltyardError(
        "CHECKPOINT_UNWRITABLE", str(folder), error.strerror or str(error),
        "what was kept before is still there",
    )  # fmt: skip


def _damaged(folder: Path, faults: list[Fault]) -> Faults:
    return Faults("BUFFER_DAMAGED", str(folder), faults, remedy=REMEDY)
