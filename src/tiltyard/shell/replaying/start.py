"""What a replay of trades starts from: all that decides how it comes out, in one audit event.

Which facts there were, with their digests; the conditions; and since when there is something
to challenge.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tiltyard.actions.record import Event
from tiltyard.facts.audit import canonical
from tiltyard.facts.content import digest_of
from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.replaying.conditions import Conditions
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions

EVENT, FINISHED = "replay", "replayed"
_UNREAD = {"decisions": 0}
"""Kinds of facts that an earlier version did not measure by."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first event of a replay, as it was recorded.

    Attributes:
        champion_since: Trades that opened earlier are shadow; None for no such time.
        up_to: The last fact of each kind.
        facts: The digest of each kind up to there.
        conditions: Everything else that decides.
    """

    champion_since: datetime | None
    up_to: Positions
    facts: Mapping[str, str]
    conditions: Conditions

    def digest(self) -> str:
        """Of all the facts together."""
        return hashlib.sha256(canonical(self.facts).encode()).hexdigest()


def last_start(ledger: Ledger) -> int:
    """Where in the audit the last replay began; 0 in a ledger that no replay has kept."""
    began = 0
    for row in ledger.audit():
        if EVENT in row.body and json.loads(row.body)["event"] == EVENT:
            began = row.seq
    return began


def start_event(
    ledger: Ledger, settings: Settings, at: datetime, actor: str, champion_since: datetime | None
) -> Event:
    """The event of a replay over all the facts that the ledger now holds."""
    up_to = ledger.positions()
    return {
        "event": EVENT, "at": at, "actor": actor, "champion_since": champion_since,
        "up_to_seq": up_to._asdict(),
        "facts": {"trades": ledger.anchor()[1], **digests_beside_trades(ledger, up_to)},
        **Conditions.of(settings).told(),
    }  # fmt: skip


def start_from(event: Mapping[str, Any]) -> Start:
    """What such an event recorded.

    Raises:
        TiltyardError: ``REPLAY_OUTDATED`` for one that does not say from which facts.
    """
    if "facts" not in event:
        raise TiltyardError(
            "REPLAY_OUTDATED", "replay", "an earlier version of tiltyard made this record, which "
            "does not say from which facts", "replay again",
        )  # fmt: skip
    since = event["champion_since"]
    return Start(
        None if since is None else moment(since), Positions(**{**_UNREAD, **event["up_to_seq"]}),
        event["facts"], Conditions.told_by(event),
    )  # fmt: skip


def digests_beside_trades(ledger: Ledger, up_to: Positions) -> dict[str, str]:
    """The digests of marks, of observations and of decisions up to a position."""
    return {
        "marks": digest_of(ledger.marks(up_to_seq=up_to.marks)),
        "observations": digest_of(ledger.observations(up_to_seq=up_to.observations)),
        "decisions": digest_of(ledger.decisions(up_to_seq=up_to.decisions)),
    }
