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
from tiltyard.shell.announce import ALONE, next_alone

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
    """What was told last, and lately; any thread may tell and ask.

    The desk has the last word: it tells in one thread, step after step. What a verb has taken is
    laid over what the desk has told, until it tells the next: that step knows of it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base: Held | None = None
        self._taken: Mapping[str, Any] | None = None
        self._held: Held | None = None
        self._highest = 0
        self._told: OrderedDict[int, Mapping[str, float]] = OrderedDict()

    @property
    def held(self) -> Held | None:
        """The newest; None before anything was told."""
        with self._lock:
            return self._held

    def told(self, revision: int) -> Mapping[str, float] | None:
        """The shares of a revision that the database knows; None of one that was not told here.

        What stands in memory is numbered by everybody who tells it, so its number says nothing.
        """
        with self._lock:
            return self._told.get(revision)

    def follow(
        self, body: Mapping[str, Any], revision: int, now: datetime, expires_at: datetime
    ) -> None:
        """The database has these, after a step of the desk.

        Args:
            body: As :func:`tiltyard.shell.announce.shares_body` makes them.
            revision: Under which bots are told them.
            now: UTC.
            expires_at: Until then challengers have theirs.
        """
        with self._lock:
            self._taken = None
            self._hold(Held(body, revision, self._since(body, now), expires_at))

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
            base = self._base
            if base is not None and base.body == body:
                number = base.revision
            else:
                number = self._next_number(revision)
            self._hold(Held(body, number, self._since(body, now), expires_at))

    def take(self, body: Mapping[str, Any], now: datetime) -> None:
        """Somebody has lost something by now; nobody gets more by it than is held.

        Args:
            body: As the ledger has it, as for :meth:`follow`.
            now: UTC.
        """
        with self._lock:
            if self._base is not None:
                self._taken = body
                self._lay_over(self._base, now)

    def _hold(self, base: Held) -> None:
        self._base = base
        self._highest = max(self._highest, base.revision)
        if base.revision % ALONE == 0:
            self._told[base.revision] = base.shares
            while len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
        self._lay_over(base, base.decided_at)

    def _lay_over(self, base: Held, now: datetime) -> None:
        body = base.body if self._taken is None else less(base.body, self._taken)
        if body == base.body:
            self._held = base
        elif self._held is None or self._held.body != body:
            self._held = Held(body, self._next_number(base.revision), now, base.expires_at)
        else:
            self._held = replace(self._held, expires_at=base.expires_at)

    def _next_number(self, revision: int) -> int:
        """One more than was ever told."""
        self._highest = next_alone(max(revision, self._highest))
        return self._highest

    def _since(self, body: Mapping[str, Any], now: datetime) -> datetime:
        return self._base.decided_at if self._base and self._base.body == body else now


def less(held: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """The shares as they are held, without what was taken since."""
    champion = taken["champion"]
    shares = {
        name: min(share, held["shares"].get(name, 0.0))
        for name, share in taken["shares"].items()
        if name != champion
    }
    if champion is not None:
        shares[champion] = round(1.0 - sum(shares.values()), 12)
    return {
        "champion": champion,
        "shares": {name: share for name, share in shares.items() if share},
        "entries_stopped_by": sorted({*held["entries_stopped_by"], *taken["entries_stopped_by"]}),
        "reduce_only": sorted({*held["reduce_only"], *taken["reduce_only"]}),
    }
