"""Where snapshots lie: each in a folder of its own, written once and checked when it is read.

The folder is called as a policy is, by kind, time and the first eight digits of the digest. It
appears whole or not at all, and whoever reads it checks every byte before anything is made of it.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from errno import ELOOP, ENOENT, ENXIO
from hashlib import sha256
from itertools import count
from pathlib import Path
from stat import S_ISREG
from typing import Any

from safetensors import SafetensorError

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.learners.snapshot import FORMAT, Snapshot, digest_of, is_name, snapshot_from

MANIFEST = "manifest.json"
NAMED_BY = 8
"""Digits of the digest that a folder's name ends with."""
HARMED = frozenset({"SNAPSHOT_TAMPERED", "SNAPSHOT_UNREADABLE"})
GONE = frozenset({ENOENT, ELOOP, ENXIO})
"""Of a file that is not there, or is none that was written."""
_DIGITS = re.compile(rf"[0-9a-f]{{{NAMED_BY},64}}")
_HALF_WRITTEN = re.compile(
    rf"\.(?:(?P<name>[a-z0-9-]+_\d{{8}}_\d{{6}}_[0-9a-f]{{{NAMED_BY}}})\.)?\d+\.partial"
)
"""What is written here is called so until it is whole; nothing else is cleared away."""
LARGEST_MANIFEST, LARGEST_FILE = 4 << 20, 1 << 30
"""Bytes of a file that is read."""


def save(snapshot: Snapshot, folder: Path, now: datetime) -> Path:
    """Write a snapshot, whole or not at all; where it lies.

    One of the same digest that is there already, whole, is the same, and is left as it is. One that
    was harmed is put aside, under the same name with a dot before it and ``.harmed`` behind, once
    the new one is written, which is then called as it was; one that was put aside before stays
    beside it. One that cannot be read just now is left alone.

    Args:
        snapshot: What was trained.
        folder: Where snapshots are kept; made when it is not there.
        now: UTC, for its name.

    Raises:
        TiltyardError: ``SNAPSHOT_UNWRITABLE``; ``SNAPSHOT_MISSING`` where the same is there and
            cannot be read.
    """
    files = snapshot.files()
    manifest = snapshot.manifest(files)
    digest = digest_of(manifest)
    path = folder / f"{snapshot.kind}_{now:%Y%m%d_%H%M%S}_{digest[:8]}"
    partial = folder / f".{path.name}.{os.getpid()}.partial"
    try:
        with _alone(folder):
            for known in _named(folder, digest[:8]):
                if not _is(known, digest) and known != path:
                    continue  # another that begins with the same digits
                if _is_whole(known, digest):
                    return known
                path = known
            partial.mkdir()
            for name, content in (*files.items(), (MANIFEST, manifest)):
                _write(partial / name, content)
            _sync(partial)
            if path.exists():
                _put_aside(path)
            partial.rename(path)
            _sync(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise TiltyardError(
            "SNAPSHOT_UNWRITABLE", str(path), error.strerror or str(error), "nothing was written"
        ) from error
    return path


def refuse_unwritable_folder(folder: Path) -> None:
    """Find out before any work whether snapshots can be kept there.

    Raises:
        TiltyardError: ``SNAPSHOT_UNWRITABLE``.
    """
    try:
        with _alone(folder):
            probe = folder / f".{os.getpid()}.partial"
            probe.mkdir()
            probe.rmdir()
    except OSError as error:
        raise TiltyardError(
            "SNAPSHOT_UNWRITABLE", str(folder), error.strerror or str(error),
            "name a folder that can be written to: --output",
        ) from error  # fmt: skip


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else saves here; what those have left that were killed is named, or removed."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob(".*.partial"):
            called = _HALF_WRITTEN.fullmatch(left.name)
            if called and not left.is_symlink() and not _gets_its_name(left, called["name"]):
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _gets_its_name(left: Path, name: str | None) -> bool:
    """Whether it was whole already, and only its name was missing, which is free."""
    if not name or left.with_name(name).exists():
        return False
    try:
        load(left, name.rpartition("_")[2])
    except TiltyardError:
        return False
    left.rename(left.with_name(name))
    return True


def load(path: Path, digest: str = "") -> Snapshot:
    """Read a snapshot, and check every byte of it.

    Args:
        path: Its folder.
        digest: What it has to be, in full; empty checks it against its own name alone, which ends
            with eight digits at least.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING``; ``SNAPSHOT_UNREADABLE``, also where its folder was
            renamed, so that its name vouches for nothing.
        Faults: ``SNAPSHOT_TAMPERED`` with every file that is not as it was written.
    """
    raw = _read(path / MANIFEST, LARGEST_MANIFEST)
    own = digest_of(raw)
    expected = digest or path.name.rpartition("_")[2]
    if not _DIGITS.fullmatch(expected):
        raise TiltyardError(
            "SNAPSHOT_UNREADABLE", str(path), "its folder is not called as it was when it was made",
            f"call it <kind>_<yyyymmdd>_<hhmmss>_{own[:NAMED_BY]} again",
        )  # fmt: skip
    if not own.startswith(expected):
        fault = Fault(MANIFEST, f"SHA-256 {own[:8]}…, expected {expected[:8]!r}…")
        raise _tampered(path, [fault])
    try:
        manifest = json.loads(raw)
        if manifest["format"] != FORMAT:
            raise _unreadable(path, f"format {manifest['format']!r}, expected {FORMAT}")
        return snapshot_from(manifest, _checked(path, manifest["files"]))
    except (
        ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError
    ) as error:  # fmt: skip
        raise _unreadable(path, f"{type(error).__name__}: {error}"[:200]) from error


def find(folder: Path, digest: str) -> Path:
    """Where the snapshot of a digest lies.

    Args:
        folder: Where snapshots are kept.
        digest: 64 hexadecimal digits.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING``.
    """
    if (known := _known(folder, digest)) is not None:
        return known
    raise TiltyardError(
        "SNAPSHOT_MISSING", f"{digest[:8]}…", f"no snapshot in {folder} has this digest",
        "put its folder back",
    )  # fmt: skip


def _known(folder: Path, digest: str) -> Path | None:
    return next((one for one in _named(folder, digest[:8]) if _is(one, digest)), None)


def _named(folder: Path, sha8: str) -> list[Path]:
    return sorted(one for one in folder.glob(f"*_{sha8}") if not one.name.startswith("."))


def _is_whole(path: Path, digest: str) -> bool:
    """Whether it is as it was written; whoever cannot read it just now does not know."""
    try:
        load(path, digest)
    except TiltyardError as error:
        if error.code in HARMED:
            return False
        raise
    return True


def _put_aside(path: Path) -> None:
    names = (f".{path.name}{'' if n == 1 else f'.{n}'}.harmed" for n in count(1))
    path.rename(next(one for one in map(path.with_name, names) if not one.exists()))


def _is(path: Path, digest: str) -> bool:
    try:
        return digest_of(_read(path / MANIFEST, LARGEST_MANIFEST)) == digest
    except TiltyardError:
        return False


def _checked(path: Path, told: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a manifest; all that are not as it says, at once."""
    files: dict[str, bytes] = {}
    try:
        there = sorted(path.iterdir())
    except OSError as error:
        raise TiltyardError("SNAPSHOT_MISSING", str(path), error.strerror or str(error)) from error
    faults = [
        Fault(one.name, "it was not there when this was made")
        for one in there
        if one.name not in {*told, MANIFEST} and not one.name.startswith(".")
    ]
    for name, expected in told.items():
        if not is_name(name):
            raise _unreadable(path, f"a file cannot be called {name!r}")
        try:
            files[name] = _read(path / name, LARGEST_FILE)
        except TiltyardError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno not in GONE:
                raise  # it may be whole
            faults.append(Fault(name, error.facts))
            continue
        if len(files[name]) != expected["bytes"]:
            faults.append(Fault(name, f"{len(files[name]):,} bytes, not {expected['bytes']:,}"))
        elif (found := sha256(files[name]).hexdigest()) != expected["sha256"]:
            faults.append(Fault(name, f"SHA-256 {found[:8]}…, not {expected['sha256'][:8]}…"))
    if faults:
        raise _tampered(path, faults)
    return files


def _read(file: Path, most: int) -> bytes:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:  # noqa: PTH123 it is open already
            told = os.fstat(descriptor)
            if not S_ISREG(told.st_mode):
                raise TiltyardError("SNAPSHOT_MISSING", str(file), "it is no plain file")
            raw = opened.read(min(told.st_size, most) + 1)
    except OSError as error:
        raise TiltyardError("SNAPSHOT_MISSING", str(file), error.strerror or str(error)) from error
    if len(raw) > most:
        raise _unreadable(file, f"larger than {most >> 20:,} MB")
    return raw


def _write(file: Path, content: bytes) -> None:
    with file.open("xb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tampered(path: Path, faults: list[Fault]) -> Faults:
    return Faults(
        "SNAPSHOT_TAMPERED", str(path), faults,
        remedy="It is not what was trained, and nothing of it was used. Put the original back",
    )  # fmt: skip


def _unreadable(path: Path, facts: str) -> TiltyardError:
    return TiltyardError("SNAPSHOT_UNREADABLE", str(path), facts)
