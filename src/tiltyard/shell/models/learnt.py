"""Until when a trained policy has learnt, by the lineage of its snapshot.

On bars before then it knows what comes next, so whatever it makes of them is no test of it. The
last bar counts that its head or its encoder has learnt from; an encoder may have gone on learning.
Where the lineage does not say it of both, nobody knows.

The manifest alone is read, and its SHA-256 is the digest: nothing that learns is imported.

>>> learnt_until({"data": {"until": 0}, "encoder": {"data": {"until": 3600}}})
datetime.datetime(1970, 1, 1, 1, 0, tzinfo=datetime.timezone.utc)
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from tiltyard.facts.arm import Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.catalogue import POLICIES
from tiltyard.shell.floor.seating import kind_of
from tiltyard.shell.models.manifest import read_manifest
from tiltyard.shell.models.shelf import Shelf, is_plain

Learnt = Mapping[str, datetime | None]
"""Until when each trained policy has learnt, by its name; None where nobody knows."""


def learnt_until(lineage: Mapping[str, Any]) -> datetime | None:
    """The end of the last bar that was learnt from, UTC; None where that is not told."""
    parts = [lineage, *([lineage["encoder"]] if "encoder" in lineage else [])]
    try:
        ends = [int(part["data"]["until"]) for part in parts]
        return datetime.fromtimestamp(max(ends), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def learnt_by_snapshot(path: Path, digest: str) -> datetime | None:
    """The same of a snapshot.

    Args:
        path: Its folder.
        digest: SHA-256 that its manifest has to have; empty for any. Of another nobody knows.
    """
    try:
        raw = read_manifest(path)
    except TiltyardError:
        return None
    if digest and sha256(raw).hexdigest() != digest:
        return None
    try:
        return learnt_until(json.loads(raw)["lineage"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def learnt_by_arms(roster: Roster, folder: Path) -> Learnt:
    """The same of every arm whose snapshot lies in a folder; nobody else is named.

    Args:
        roster: All arms.
        folder: Of snapshots.
    """
    shelf = Shelf(folder)
    arms = {name: arm.digest for name, arm in roster.arms.items() if kind_of(arm) not in POLICIES}
    try:
        there = sorted(shelf.may_have_of(arms))
    except OSError:  # no folder, or none that can be listed: whoever trades by it says so
        return {}
    return {name: _learnt_by(shelf, name, arms[name]) for name in there}


def _learnt_by(shelf: Shelf, name: str, digest: str) -> datetime | None:
    paths = shelf.called_like(digest) if digest else [shelf.folder / name] if is_plain(name) else []
    found = [learnt_by_snapshot(path, digest) for path in paths]
    return next((one for one in found if one is not None), None)
