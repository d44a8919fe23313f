"""The policy that a desk is set up for: an arm of the ledger, or a snapshot that is none yet."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from tiltyard.facts.arm import Arm
from tiltyard.kernel.errors import TiltyardError
from tiltyard.policies.name import select
from tiltyard.shell.models.shelf import SERVED, Shelf
from tiltyard.shell.models.versions import versions_in
from tiltyard.shell.models.whole import whole_manifest

MOST_NAMED = 3


class Meant(NamedTuple):
    """A policy.

    Attributes:
        name: In full.
        arm: As the ledger has it; None where it is not registered.
        snapshot: Where what serves it lies, every byte of it checked; None where it lies elsewhere.
    """

    name: str
    arm: Arm | None
    snapshot: Path | None


def policy_meant(text: str, arms: Mapping[str, Arm], folder: Path) -> Meant:
    """The one policy that has this name, or whose name alone ends so.

    Args:
        text: What somebody has typed.
        arms: Of the ledger.
        folder: Where snapshots lie.

    Raises:
        TiltyardError: ``POLICY_UNKNOWN`` with the nearest names, ``POLICY_AMBIGUOUS``,
            ``SNAPSHOT_NO_POLICY``, or what is wrong with the snapshot.
    """
    versions = {version.name: version for version in versions_in(folder)}
    names = sorted({*arms, *versions})
    try:
        name = select(text, names)
    except TiltyardError as error:
        if error.code != "POLICY_UNKNOWN":
            raise
        near = nearest(text, names)
        raise TiltyardError(
            error.code, error.subject, f"no policy in the ledger and no snapshot in {folder} has "
            "this name or ends so",
            f"did you mean {' or '.join(near)}?" if near
            else "train one, or register one: tiltyard policy register NAME",
        ) from None  # fmt: skip
    arm = arms.get(name)
    if name in versions:
        if versions[name].kind not in SERVED:
            raise TiltyardError(
                "SNAPSHOT_NO_POLICY", name, "what it says is for other networks, and it trades "
                "nothing", f"train a head on it: tiltyard train tabnet --encoder {name}",
            )  # fmt: skip
        whole_manifest(folder / name)
        return Meant(name, arm, folder / name)
    called = Shelf(folder).called_like(arm.digest) if arm is not None else ()
    for path in called:
        whole_manifest(path)
    return Meant(name, arm, called[0] if called else None)


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """Names that are like what was typed, or end like it; the most alike first.

    >>> nearest("eee02a75", ["dqn_20250707_154526_eee02a74", "flat"])
    ['dqn_20250707_154526_eee02a74']
    """
    every = list(names)
    ends = {name[-len(text) :]: name for name in reversed(every)} if text else {}
    found = [
        *(ends[end] for end in get_close_matches(text, list(ends), n=MOST_NAMED)),
        *get_close_matches(text, every, n=MOST_NAMED),
    ]
    return list(dict.fromkeys(found))[:MOST_NAMED]
