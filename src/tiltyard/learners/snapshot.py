"""A snapshot: what was trained, with where it comes from, as files that nobody changes.

It is a folder of a manifest (JSON), weights (safetensors) and arrays (npy); nothing in it is
code. The SHA-256 of the manifest, which holds those of all other files, is its *digest*: the same
training gives the same digest, whenever it was run. The folder is called as a policy is, by kind,
time and the first eight digits of the digest. It appears whole or not at all, and whoever reads
it checks every byte before anything is made of it.

>>> import numpy as np
>>> made = Snapshot("timesnet", weights={"bias": np.zeros(2, np.float32)}, settings={"layers": 2})
>>> made.digest == Snapshot("timesnet", {"bias": np.zeros(2, np.float32)}, {}, {"layers": 2}).digest
True
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from math import prod
from pathlib import Path
from stat import S_ISREG
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as tensors_from
from safetensors.numpy import save as tensors_to

from tiltyard.kernel.errors import Fault, Faults, TiltyardError

MANIFEST = "manifest.json"
PARTS = ("settings", "scalers", "lineage", "metrics")
WEIGHTS = "weights.safetensors"
FORMAT = 1
NAMED_BY = 8
"""Digits of the digest that a folder's name ends with."""
LARGEST_MANIFEST, LARGEST_FILE = 4 << 20, 1 << 30
"""Bytes of a file that is read."""

Arrays = Mapping[str, NDArray[Any]]
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What was trained; never modified.

    Attributes:
        kind: ``timesnet``, ``tabnet`` …
        weights: Of its networks, by name.
        arrays: What else it needs, by name: baseline windows and the like.
        settings: By which it was trained, and is built again.
        scalers: Fitted on the training range.
        lineage: Data range, parents by digest, code version, seed.
        metrics: How it did; None where that is not known.
    """

    kind: str
    weights: Arrays = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    scalers: Json = field(default_factory=dict)
    lineage: Json = field(default_factory=dict)
    metrics: Json = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, 64 hexadecimal digits."""
        return _digest(_manifest(self, self._files()))

    def part(self, name: str) -> dict[str, NDArray[Any]]:
        """The weights of one of its networks, called as they are there: ``encoder``, ``head``."""
        own = f"{name}."
        return {
            weight.removeprefix(own): array
            for weight, array in self.weights.items()
            if weight.startswith(own)
        }

    def _files(self) -> dict[str, bytes]:
        files = {WEIGHTS: tensors_to({name: _plain(one) for name, one in self.weights.items()})}
        for name, array in sorted(self.arrays.items()):
            if not _is_name(name):
                raise ValueError(f"no file can be called {name!r}")  # noqa: TRY003 a slip of ours
            files[f"{name}.npy"] = _npy(array)
        return files


def save(snapshot: Snapshot, folder: Path, now: datetime) -> Path:
    """Write a snapshot, whole or not at all; where it lies.

    One of the same digest that is there already, whole, is the same, and is left as it is. One that
    was harmed is put aside, under the same name with a dot before it and ``.harmed`` behind.

    Args:
        snapshot: What was trained.
        folder: Where snapshots are kept; made when it is not there.
        now: UTC, for its name.

    Raises:
        TiltyardError: ``SNAPSHOT_UNWRITABLE``.
    """
    files = snapshot._files()  # noqa: SLF001 its own module
    manifest = _manifest(snapshot, files)
    digest = _digest(manifest)
    path = folder / f"{snapshot.kind}_{now:%Y%m%d_%H%M%S}_{digest[:8]}"
    partial = folder / f".{path.name}.{os.getpid()}.partial"
    try:
        with _alone(folder):
            for known in _named(folder, digest[:8]):
                if not _is(known, digest) and known != path:
                    continue  # another that begins with the same digits
                if _is_whole(known, digest):
                    return known
                _put_aside(known)
            partial.mkdir()
            for name, content in (*files.items(), (MANIFEST, manifest)):
                _write(partial / name, content)
            _sync(partial)
            partial.rename(path)
            _sync(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise TiltyardError(
            "SNAPSHOT_UNWRITABLE", str(path), error.strerror or str(error), "nothing was written"
        ) from error
    return path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else saves here; what those have left half-written that were killed is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in folder.glob(".*.partial"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def load(path: Path, digest: str = "") -> Snapshot:
    """Read a snapshot, and check every byte of it.

    Args:
        path: Its folder.
        digest: What it has to be, in full; empty checks it against its own name alone, which ends
            with eight digits at least.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING``, ``SNAPSHOT_UNREADABLE``.
        Faults: ``SNAPSHOT_TAMPERED`` with every file that is not as it was written.
    """
    raw = _read(path / MANIFEST, LARGEST_MANIFEST)
    own = _digest(raw)
    expected = digest or path.name.rpartition("_")[2]
    if len(expected) < NAMED_BY or not own.startswith(expected):
        fault = Fault(MANIFEST, f"SHA-256 {own[:8]}…, expected {expected[:8]!r}…")
        raise _tampered(path, [fault])
    try:
        manifest = json.loads(raw)
        if manifest["format"] != FORMAT:
            raise _unreadable(path, f"format {manifest['format']!r}, expected {FORMAT}")
        files = _checked(path, manifest["files"])
        weights = tensors_from(files.pop(WEIGHTS))
        arrays = {name.removesuffix(".npy"): _array(raw) for name, raw in files.items()}
        parts = {part: dict(manifest[part]) for part in PARTS}
        return Snapshot(_text(manifest["kind"]), weights, arrays, **parts)
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
    try:
        load(path, digest)
    except TiltyardError:
        return False
    return True


def _put_aside(path: Path) -> None:
    aside = path.with_name(f".{path.name}.harmed")
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)


def _is(path: Path, digest: str) -> bool:
    try:
        return _digest(_read(path / MANIFEST, LARGEST_MANIFEST)) == digest
    except TiltyardError:
        return False


def _manifest(snapshot: Snapshot, files: Mapping[str, bytes]) -> bytes:
    told = {
        "format": FORMAT,
        "kind": snapshot.kind,
        "settings": snapshot.settings,
        "scalers": snapshot.scalers,
        "lineage": snapshot.lineage,
        "metrics": snapshot.metrics,
        "files": {
            name: {"bytes": len(content), "sha256": sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        },
    }
    return json.dumps(told, sort_keys=True, indent=1, allow_nan=False).encode() + b"\n"


def _digest(manifest: bytes) -> str:
    return sha256(manifest).hexdigest()


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, order="C")  # a number stays one: ascontiguousarray makes it a row


def _npy(array: NDArray[Any]) -> bytes:
    out = BytesIO()
    np.save(out, _plain(array), allow_pickle=False)
    return out.getvalue()


def _array(raw: bytes) -> NDArray[Any]:
    """An array whose header says no more than there is: memory is taken by what it says."""
    stream = BytesIO(raw)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"npy of version {version}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    told, there = prod(shape) * dtype.itemsize, len(raw) - stream.tell()
    if dtype.hasobject or told != there:
        raise ValueError(f"an array of {told:,} bytes in {there:,}")  # noqa: TRY003 as above
    array: NDArray[Any] = np.load(BytesIO(raw), allow_pickle=False)
    return array


def _text(kind: str) -> str:
    if not isinstance(kind, str):
        raise TypeError(f"kind {kind!r}")  # noqa: TRY003 told as SNAPSHOT_UNREADABLE
    return kind


def _is_name(name: str) -> bool:
    return Path(name).name == name and not name.startswith(".")


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
        if not _is_name(name):
            raise _unreadable(path, f"a file cannot be called {name!r}")
        try:
            files[name] = _read(path / name, LARGEST_FILE)
        except TiltyardError as error:
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
