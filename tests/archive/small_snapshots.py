"""Snapshots of a few bytes, for those who look at places and not at houses."""

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

from tiltyard.shell.archive.gathering import Gathered
from tiltyard.shell.archive.manifest import File, Manifest
from tiltyard.shell.archive.place import Place
from tiltyard.shell.archive.taking import keep
from tiltyard.shell.archive.turns import Wait

SUNDAY = datetime(2026, 11, 29, 3, tzinfo=UTC)
WEEK = timedelta(weeks=1)
OURS = "0f" * 32
"""The ledger whose they are, where nothing else is said."""
Files = Mapping[str, bytes]


def keep_small(
    place: Place, weeks_ago: int, files: Files, wait: Wait = time.sleep, *, ledger: str = OURS
) -> Manifest:
    """Keep a snapshot of so many weeks ago, of these files."""
    folder = Path(mkdtemp())
    told = {}
    for path, raw in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
        told[path] = File(sha256(raw).hexdigest(), len(raw))
    at = SUNDAY - weeks_ago * WEEK
    manifest = Manifest(at, "1.0", "sqlite", "ab" * 32, 1, "", told, ledger=ledger)
    keep(Gathered(folder, manifest, {}, []), place, lambda _: None, wait)
    shutil.rmtree(folder)
    return manifest


def keep_unnamed(place: Place, raw: bytes) -> str:
    """Keep a content that no snapshot names, as somebody who was killed does; its digest."""
    folder = Path(mkdtemp())
    (folder / "file").write_bytes(raw)
    digest = sha256(raw).hexdigest()
    place.keep(folder / "file", digest)
    shutil.rmtree(folder)
    return digest
