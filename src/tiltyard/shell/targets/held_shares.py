"""Shares as this process holds them, for whoever asks it over HTTP.

A target like any other: told what the outbox has, and from memory when the database is away,
renewed while the desk judges. It is gone with the process, and its desk tells it again.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.router.split import Split
from tiltyard.shell.store.outbox import SHARES, Effect
from tiltyard.shell.targets.target import refused


@dataclass(frozen=True, slots=True)
class Held:
    """The shares of one revision.

    Attributes:
        key: Of the effect that told them.
        body: As bots are told.
        revision: Their number.
        expires_at: Until then challengers have theirs.
        shares: Of each arm that has any.
        champion: Who has all of it afterwards; None where there is nobody.
        may_enter: Nothing keeps everybody from entering.
        only_leave: Arms that may not enter.
    """

    key: str
    body: Mapping[str, object]
    revision: int
    expires_at: datetime
    shares: Mapping[str, float]
    champion: str | None
    may_enter: bool
    only_leave: frozenset[str]

    def split(self, now: datetime, salt: str) -> Split | None:
        """Who gets an opportunity now; None when nobody may enter."""
        if not self.may_enter or self.champion is None:
            return None
        if now < self.expires_at:
            return Split(self.shares, revision=self.revision, salt=salt)
        return Split({self.champion: 1.0}, revision=0, salt=salt)


class HeldShares:
    """What was told last; any thread may ask."""

    name = "api"
    takes = frozenset({SHARES})

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Held | None = None

    @property
    def held(self) -> Held | None:
        """The newest; None before anything was told."""
        with self._lock:
            return self._held

    def send(self, effect: Effect) -> None:
        """Hold these, unless newer ones are there."""
        told = _held(effect)
        with self._lock:
            if self._held is not None and self._held.revision > told.revision:
                raise refused(self.name, f"it holds revision {self._held.revision}")
            self._held = told

    def has(self, effect: Effect) -> bool | None:
        """Whether it holds this effect's."""
        with self._lock:
            return self._held is not None and self._held.key == effect.key


def _held(effect: Effect) -> Held:
    body = json.loads(effect.body)
    try:
        shares = {name: float(share) for name, share in body["shares"].items()}
        return Held(
            effect.key, body, int(body["revision"]), moment(body["expires_at"]), shares,
            body["champion"], not body["entries_stopped_by"], frozenset(body["reduce_only"]),
        )  # fmt: skip
    except (AttributeError, LookupError, TypeError, ValueError, TiltyardError) as error:
        raise refused("api", f"these are no shares: {error}") from None
