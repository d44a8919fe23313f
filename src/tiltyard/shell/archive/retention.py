"""Which snapshots may go: those past their weeks, unless somebody needs what they hold.

Kept is whatever is younger than the settings say, the newest in any case, and of every model that
an arm may still be traded by, or is asked about, the newest snapshot that holds it, however old.

The weeks are counted back from the newest snapshot where that is older than the present: where none
has been taken for long none goes, and a clock that is ahead takes nothing.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from tiltyard.facts.arm import Arm, Roster
from tiltyard.shell.archive.manifest import Manifest
from tiltyard.shell.store.ledger import Ledger


class Needed(NamedTuple):
    """Models that a snapshot has to be kept for.

    Attributes:
        digests: SHA-256 of each.
        names: Of those whose digest nobody has said.
    """

    digests: frozenset[str]
    names: frozenset[str]


def needed_by(roster: Roster) -> Needed:
    """The models of every arm that is not retired, or that a person is still asked about.

    Champions, former champions that are kept as known-good, and those on trial are among them.

    Args:
        roster: All arms.
    """
    asked = {review.policy for review in roster.open_reviews()}
    arms = [arm for arm in roster.arms.values() if arm.state != "retired" or arm.name in asked]
    return _models_of(arms)


def needed_in(ledger: Ledger) -> Needed:
    """The same of a ledger.

    Raises:
        TiltyardError: What keeps it from being read.
    """
    with ledger.snapshot() as still:
        return needed_by(still.roster())


def _models_of(arms: Iterable[Arm]) -> Needed:
    said = {arm.name: arm.digest for arm in arms}
    return Needed(
        frozenset(digest for digest in said.values() if digest),
        frozenset(name for name, digest in said.items() if not digest),
    )


def expired(
    manifests: Collection[Manifest], needed: Needed | None, now: datetime, kept_for: timedelta
) -> list[str]:
    """Names of the snapshots that may go, oldest first.

    Args:
        manifests: All there are.
        needed: Models to be kept; None where nobody can say, and then none goes.
        now: UTC.
        kept_for: How long each is kept in any case.
    """
    if needed is None or not manifests:
        return []
    newest_first = sorted(manifests, key=lambda one: (one.taken_at, one.name), reverse=True)
    since = min(now, newest_first[0].taken_at) - kept_for
    digests, names = set(needed.digests), set(needed.names)
    gone = []
    for one in newest_first:
        holds = digests & set(one.model_digests), names & set(one.models)
        if one is not newest_first[0] and one.taken_at < since and not any(holds):
            gone.append(one.name)
        digests -= holds[0]
        names -= holds[1]
    return gone[::-1]
