"""Shares as this process holds them, for whoever asks it over HTTP.

The desk tells them in its own thread, as soon as a step is committed, so that nobody is told
older ones after that; and as they stand in memory while the database is away, or when nothing is
judged. Whoever has obeyed a verb for safety tells them as well, before it is answered. They are
gone with the process, and its next desk tells them anew.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tiltyard.router.split import Split
from tiltyard.shell.announce import ALONE

REMEMBERED = 200
"""Revisions, by which decisions are checked that others report."""


@dataclass(frozen=True, slots=True)
class Held:
    """The shares of one revision.

    Attributes:
        body: As :func:`tiltyard.shell.announce.shares_body` makes them.
        revision: Their number.
        decided_at: Since when they stand, UTC.
        expires_at: Until then challengers have theirs.
    """

    body: Mapping[str, Any]
    revision: int
    decided_at: datetime
    expires_at: datetime

    @property
    def shares(self) -> Mapping[str, float]:
        """Of each arm that has any."""
        shares: Mapping[str, float] = self.body["shares"]
        return shares

    @property
    def champion(self) -> str | None:
        """Who has all of it when they have expired; None where there is nobody."""
        champion: str | None = self.body["champion"]
        return champion

    def split(self, now: datetime, salt: str) -> Split | None:
        """Who gets an opportunity now; None when nobody may enter."""
        if self.body["entries_stopped_by"] or self.champion is None:
            return None
        if now < self.expires_at:
            return Split(self.shares, revision=self.revision, salt=salt)
        return Split({self.champion: 1.0}, revision=0, salt=salt)

    def lets_enter(self, policy: str, now: datetime) -> bool:
        """Whether an arm may enter now with an episode that is its own."""
        if self.body["entries_stopped_by"] or policy in self.body["reduce_only"]:
            return False
        has_share = now < self.expires_at and bool(self.shares.get(policy))
        return policy == self.champion or has_share


class HeldShares:
    """What was told last, and lately; any thread may tell and ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._told: OrderedDict[int, Mapping[str, float]] = OrderedDict()

    @property
    def held(self) -> Held | None:
        """The newest; None before anything was told."""
        with self._lock:
            return self._held

    def told(self, revision: int) -> Mapping[str, float] | None:
        """The shares of a revision; None of one that was not told here, or long ago."""
        with self._lock:
            return self._told.get(revision)

    def follow(
        self, body: Mapping[str, Any], revision: int, now: datetime, expires_at: datetime
    ) -> None:
        """The database has these; older ones than are held change nothing.

        Args:
            body: As :func:`tiltyard.shell.announce.shares_body` makes them.
            revision: Of the database when it had them.
            now: UTC.
            expires_at: Until then challengers have theirs.
        """
        with self._lock:
            held = self._held
            if held is not None and held.body == body:
                self._held = replace(held, expires_at=max(held.expires_at, expires_at))
            elif held is None or revision > held.revision:
                self._hold(Held(body, revision, now, expires_at))

    def stand(
        self, body: Mapping[str, Any], revision: int, now: datetime, expires_at: datetime
    ) -> None:
        """These stand in memory, whatever the database has; numbered on from what was told.

        Args:
            body: As for :meth:`follow`.
            revision: Of the database, as far as the desk knows.
            now: UTC.
            expires_at: Until then challengers have theirs.
        """
        with self._lock:
            held = self._held
            if held is not None and held.body == body:
                self._held = replace(held, expires_at=max(held.expires_at, expires_at))
                return
            reached = max(revision, held.revision if held else 0)
            number = min(reached + 1, reached - reached % ALONE + ALONE - 1)
            self._hold(Held(body, number, now, expires_at))

    def take(self, body: Mapping[str, Any], now: datetime) -> None:
        """Somebody has lost something by now; nobody gets more by it than is held.

        Args:
            body: As the ledger has it, as for :meth:`follow`.
            now: UTC.
        """
        held = self.held
        if held is None:
            return
        champion = body["champion"]
        shares = {
            name: min(share, held.shares.get(name, 0.0))
            for name, share in body["shares"].items()
            if name != champion
        }
        if champion is not None:
            shares[champion] = round(1.0 - sum(shares.values()), 12)
        left = {name: share for name, share in shares.items() if share}
        self.stand({**body, "shares": left}, held.revision, now, held.expires_at)

    def _hold(self, held: Held) -> None:
        self._held = held
        self._told[held.revision] = held.shares
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
