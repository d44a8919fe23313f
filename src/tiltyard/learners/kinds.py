"""The kinds of snapshots that are policies, and what each becomes on a desk."""

from collections.abc import Mapping

from tiltyard.learners.served import Served
from tiltyard.learners.sizing import Sizing
from tiltyard.learners.snapshot import Snapshot
from tiltyard.learners.trained import Trained

KINDS: Mapping[str, type[Served]] = {one.kind: one for one in (Trained, Sizing)}


def served(snapshot: Snapshot) -> Served:
    """The policy that a snapshot is.

    Raises:
        ValueError: It is none, or does not have what its kind has; so do a KeyError and a
            TypeError.
    """
    if snapshot.kind not in KINDS:
        raise ValueError(snapshot.kind)
    return KINDS[snapshot.kind](snapshot)
