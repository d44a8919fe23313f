"""The manifest of a snapshot, read and checked without loading anything that learns.

Its SHA-256 is the digest, so whoever reads it alone knows that it says what was written when the
snapshot was made. Of the other files it is seen that they are there, and as long as they were;
every byte of them is checked by whoever serves or registers it
(:mod:`tiltyard.learners.snapshot_folder`), which refuses with the same codes.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple

from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.models.shelf import MANIFEST, is_plain

FORMAT = 1
LARGEST_MANIFEST = 4 << 20
"""Bytes that are read of one."""
_DIGITS = re.compile(r"[0-9a-f]{8,64}")


class Manifest(NamedTuple):
    """What a snapshot says of itself.

    Attributes:
        digest: SHA-256 of all of it, 64 hexadecimal digits.
        told: Its kind, settings, lineage, metrics, and what its files are.
    """

    digest: str
    told: Mapping[str, Any]


def manifest_of(path: Path, name: str = "") -> Manifest:
    """What a snapshot says of itself.

    Args:
        path: Its folder.
        name: What that is called when it is not put aside; as it is if not given.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING``; ``SNAPSHOT_UNREADABLE``, also where its folder was
            renamed, so that its name vouches for nothing.
        Faults: ``SNAPSHOT_TAMPERED`` with the manifest where it is another, or with every file that
            is not there or not as long as it was.
    """
    raw = read_manifest(path)
    digest, expected = sha256(raw).hexdigest(), (name or path.name).rpartition("_")[2]
    if not _DIGITS.fullmatch(expected):
        raise _unreadable(path, "its folder is not called as it was when it was made")
    if not digest.startswith(expected):
        raise _tampered(path, Fault(MANIFEST, f"SHA-256 {digest[:8]}…, expected {expected[:8]}…"))
    try:
        told = json.loads(raw)
        if told["format"] != FORMAT:
            raise _unreadable(path, f"format {told['format']!r}, expected {FORMAT}")
        faults = list(_faults(path, told["files"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}"[:200]) from error
    if faults:
        raise _tampered(path, *faults)
    return Manifest(digest, told)


def read_manifest(path: Path) -> bytes:
    """The manifest as it is there.

    Raises:
        TiltyardError: ``SNAPSHOT_MISSING``, ``SNAPSHOT_UNREADABLE``.
    """
    try:
        descriptor = os.open(path / MANIFEST, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 it is open already
            if not S_ISREG(os.fstat(descriptor).st_mode):
                raise TiltyardError(
                    "SNAPSHOT_MISSING", str(path), f"{MANIFEST}: it is no plain file"
                )
            raw = file.read(LARGEST_MANIFEST + 1)
    except OSError as error:
        facts = f"{MANIFEST}: {error.strerror or error}"
        raise TiltyardError("SNAPSHOT_MISSING", str(path), facts) from error
    if len(raw) > LARGEST_MANIFEST:
        raise _unreadable(path, f"{MANIFEST} is larger than {LARGEST_MANIFEST >> 20} MB")
    return raw


def _faults(path: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    for name, expected in files.items():
        if not is_plain(name):
            raise _unreadable(path, f"a file cannot be called {name!r}")
        try:
            found = (path / name).stat()
        except OSError as error:
            yield Fault(name, error.strerror or str(error))
            continue
        if not S_ISREG(found.st_mode):
            yield Fault(name, "it is no plain file")
        elif found.st_size != expected["bytes"]:
            yield Fault(name, f"{found.st_size:,} bytes, not {expected['bytes']:,}")


def _tampered(path: Path, *faults: Fault) -> Faults:
    return Faults(
        "SNAPSHOT_TAMPERED", str(path), faults,
        remedy="It is not what was trained. Put the original back",
    )  # fmt: skip


def _unreadable(path: Path, facts: str) -> TiltyardError:
    return TiltyardError("SNAPSHOT_UNREADABLE", str(path), facts)
