"""What a replay starts from: everything that decides how it comes out, in one audit event.

Which facts there were, with their digests; the checklist, the version of the metrics and
the settings; and since when there is something to challenge. Judging again needs the
same, and says what is different when it is not.
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
from tiltyard.metrics import METRICS_VERSION
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.news import Positions

EVENT = "replay"
_UNREAD = {"decisions": 0}
"""Kinds of facts that an earlier version did not measure by."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first event of a replay, as it was recorded.

    Attributes:
        champion_since: Trades that opened earlier are shadow; None for no such time.
        up_to: The last fact of each kind.
        facts: The digest of each kind up to there.
        checklist: The checklist's digest.
        metrics_version: Of the program that replayed.
        settings: Everything else that decides, by section and name.
    """

    champion_since: datetime | None
    up_to: Positions
    facts: Mapping[str, str]
    checklist: str
    metrics_version: int
    settings: Mapping[str, Any]

    def digest(self) -> str:
        """Of all the facts together."""
        return _digest(self.facts)

    def settings_digest(self) -> str:
        """Of checklist, version and settings together."""
        return _digest(
            {"checklist": self.checklist, "metrics_version": self.metrics_version,
             "settings": self.settings}
        )  # fmt: skip

    def refuse_others(self, settings: Settings, where: str) -> None:
        """Whether these settings are those of the start.

        Raises:
            TiltyardError: ``CHECKLIST_DIFFERS``, ``METRICS_VERSION_DIFFERS`` or
                ``SETTINGS_DIFFER``.
        """
        now = settings.checklist.digest
        if self.checklist != now:
            raise TiltyardError(
                "CHECKLIST_DIFFERS", where,
                f"it was made with checklist {self.checklist[:12]}, and this is {now[:12]}",
                "pass the one it was made with: --checklist FILE",
            )  # fmt: skip
        if self.metrics_version != METRICS_VERSION:
            raise TiltyardError(
                "METRICS_VERSION_DIFFERS", where, "it was made with metrics version "
                f"{self.metrics_version}, and these are version {METRICS_VERSION}",
                "verify it with the version of tiltyard that made it, or replay again",
            )  # fmt: skip
        differing = [
            f"{section}.{name} was {value} and is {_deciding(settings)[section].get(name)}"
            for section, values in self.settings.items()
            for name, value in values.items()
            if _deciding(settings)[section].get(name) != value
        ]
        if differing:
            raise TiltyardError(
                "SETTINGS_DIFFER", where, "; ".join(differing),
                "pass the settings it was made with: --config FILE",
            )  # fmt: skip


def start_event(
    ledger: Ledger, settings: Settings, at: datetime, actor: str, champion_since: datetime | None
) -> Event:
    """The event of a replay over all the facts that the ledger now holds."""
    up_to = ledger.positions()
    return {
        "event": EVENT, "at": at, "actor": actor, "champion_since": champion_since,
        "up_to_seq": up_to._asdict(),
        "facts": {"trades": ledger.anchor()[1], **gauge_digests(ledger, up_to)},
        "checklist": settings.checklist.digest, "metrics_version": METRICS_VERSION,
        "settings": _deciding(settings),
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
        event["facts"], event["checklist"], event["metrics_version"], event["settings"],
    )  # fmt: skip


def gauge_digests(ledger: Ledger, up_to: Positions) -> dict[str, str]:
    """The digests of marks, of observations and of decisions up to a position."""
    return {
        "marks": digest_of(ledger.marks(up_to_seq=up_to.marks)),
        "observations": digest_of(ledger.observations(up_to_seq=up_to.observations)),
        "decisions": digest_of(ledger.decisions(up_to_seq=up_to.decisions)),
    }


def _deciding(settings: Settings) -> Mapping[str, Any]:
    """Every setting that decides, as the audit writes it."""
    exclude = {"ledger", "effects", "run", "api", "market", "checklist"}
    plain = settings.model_dump(mode="json", exclude=exclude)
    kept: Mapping[str, Any] = json.loads(canonical(plain))
    return kept


def _digest(value: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
