"""Whom a sizing policy has to beat: the champion of a ledger, or one that is named.

Only who decides by bars can be played over a past: a hand-written policy, or a snapshot. A bot's
champion cannot, and it is said that nobody was compared with it.
"""

from collections.abc import Collection
from datetime import datetime
from math import inf
from pathlib import Path

from tiltyard.kernel.errors import TiltyardError
from tiltyard.learners.rivals import Champion
from tiltyard.learners.snapshot import Snapshot
from tiltyard.policies.catalogue import POLICIES
from tiltyard.shell.floor.seating import kind_of
from tiltyard.shell.history import roster_at
from tiltyard.shell.models.learnt import learnt_until
from tiltyard.shell.models.loading import checked_snapshot, found_snapshot, trained_policy
from tiltyard.shell.models.shelf import Shelf, is_called_by, is_snapshot
from tiltyard.shell.store.ledger import Ledger


def champion_named(text: str, folders: Collection[Path]) -> Champion:
    """The hand-written policy or snapshot that is meant.

    Args:
        text: A kind of hand-written policy, a folder, or a name in a folder of snapshots.
        folders: Of snapshots; the first that has one of that name is meant.

    Raises:
        TiltyardError: ``POLICY_UNKNOWN``, and what loading a snapshot raises.
    """
    if text in POLICIES:
        return Champion(text, POLICIES.get(text))
    if is_snapshot(Path(text)):
        found: Path | None = Path(text)
    else:
        every = (Shelf(folder).meant_by(text) for folder in folders)
        found = next((path for path in every if path is not None), None)
    if found is None:
        places = " or ".join(map(str, folders))
        raise TiltyardError(
            "POLICY_UNKNOWN", text, f"it is no snapshot, nor is any in {places} called so",
            f"name one, or a hand-written policy: {', '.join(POLICIES)}",
        )  # fmt: skip
    return _trained(found.name, checked_snapshot(found))


def champion_of(ledger: Ledger, folder: Path, known_by: datetime | None = None) -> Champion | str:
    """The champion of a ledger; in words, why there is none to compare with.

    Args:
        ledger: Where it is known.
        folder: Of snapshots.
        known_by: Whoever was the champion then; None for the present one.
    """
    roster = ledger.roster() if known_by is None else roster_at(ledger, known_by)
    champions = [arm for arm in roster.arms.values() if arm.role == "champion"]
    if not champions:
        return "the ledger has none"
    (arm,) = champions
    kind = kind_of(arm)
    if kind in POLICIES:
        return Champion(arm.name, POLICIES.get(kind))
    shelf = Shelf(folder)
    try:
        is_ours = bool(shelf.may_have_of({arm.name: arm.digest}))
    except OSError:
        is_ours = False
    if not is_ours and not is_called_by(arm.name, arm.digest):
        return f"{arm.name} is no policy of ours, so nobody knows what it would have made"
    path = found_snapshot(shelf, arm.name, arm.digest)
    return _trained(arm.name, checked_snapshot(path, arm.digest))


def _trained(name: str, snapshot: Snapshot) -> Champion:
    until = learnt_until(snapshot.lineage)
    knows = inf if until is None else round(until.timestamp())
    return Champion(name, trained_policy(snapshot, name), knows)
