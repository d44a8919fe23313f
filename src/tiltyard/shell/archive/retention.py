"""Which snapshots may go: those past their weeks, unless somebody needs what they hold.

Only the ledger's own are looked at: others may be kept in the same place, and what is theirs, or
names nobody, is neither counted nor let go.

Kept is whatever is younger than the settings say, the newest in any case, and of every model that
an arm may still be traded by, or is asked about, the newest snapshot that holds it, however old.

The weeks are counted back from the newest snapshot where that is older than the present: where none
has been taken for long none goes, and a clock that is ahead takes nothing.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from tiltyard.facts.arm import Roster
from tiltyard.shell.archive.manifest import Manifest
from tiltyard.shell.store.audit_table import identity_of
from tiltyard.shell.store.ledger import Ledger


class Needed(NamedTuple):
    """Models that a ledger's snapshots have to be kept for.

    Attributes:
        ledger: Whose: the hash of the oldest row of its audit; empty where it has none, and then no
            snapshot is its own.
        digests: SHA-256 of each.
        names: Of those whose digest nobody has said.
    """

    ledger: str
    digests: frozenset[str]
    names: frozenset[str]


def needed_by(roster: Roster, ledger: str) -> Needed:
    """The models of every arm that is not retired, or that a person is still asked about.

    Champions, former champions that are kept as known-good, and those on trial are among them.

    Args:
        roster: All arms.
        ledger: The hash of the oldest row of its audit.
    """
    asked = {review.policy for review in roster.open_reviews()}
    arms = [arm for arm in roster.arms.values() if arm.state != "retired" or arm.name in asked]
    said = {arm.name: arm.digest for arm in arms}
    return Needed(
        ledger,
        frozenset(digest for digest in said.values() if digest),
        frozenset(name for name, digest in said.items() if not digest),
    )


def needed_in(ledger: Ledger) -> Needed:
    """The same of a ledger.

    Raises:
        TiltyardError: What keeps it from being read.
    """
    with ledger.snapshot() as still:
        return needed_by(still.roster(), identity_of(still.connection))


def expired(
    manifests: Collection[Manifest], needed: Needed | None, now: datetime, kept_for: timedelta
) -> list[str]:
    """Names of the snapshots that may go, oldest first.

    Args:
        manifests: All there are, whoever's.
        needed: Whose may go, and models to be kept; None where nobody can say, and then none goes.
        now: UTC.
        kept_for: How long each is kept in any case.
    """
    if needed is None or not needed.ledger:
        return []
    own = [one for one in manifests if one.ledger == needed.ledger]
    if not own:
        return []
    newest_first = sorted(own, key=lambda one: (one.taken_at, one.name), reverse=True)
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
