"""Shares as this process holds them, for whoever asks it over HTTP.

The desk tells them in its own thread, as soon as a step is committed, so that nobody is told
older ones after that; and as they stand in memory while the database is away, or when nothing is
judged. Whoever has obeyed a verb for safety tells them as well, before it is answered. They are
gone with the process, and its next desk tells them anew.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tiltyard.router.split import Split
from tiltyard.shell.effects.announce import next_alone

REMEMBERED = 200
"""Revisions, by which decisions are checked that others report."""


@dataclass(frozen=True, slots=True)
class Held:
    """The shares of one revision.

    Attributes:
        body: As :func:`tiltyard.shell.effects.announce.shares_body` makes them.
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

    Two say what the shares are: the desk, step after step, and whoever has obeyed a verb for
    safety. Both say how far the audit had come when they knew it. What is as old as what the desk
    has told, or as what was taken before, is passed over, and so the order in which they come does
    not matter; what was taken after it is laid over what the desk has told, until the desk knows
    of it. Bots refuse a lower number than the last, so none is ever told.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base: _Base | None = None
        self._taken: tuple[Mapping[str, Any], int] | None = None
        self._held: Held | None = None
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
        self,
        body: Mapping[str, Any],
        revision: int,
        now: datetime,
        expires_at: datetime,
        *,
        known: int,
    ) -> None:
        """The database has these, after a step of the desk.

        Args:
            body: As :func:`tiltyard.shell.effects.announce.shares_body` makes them.
            revision: Under which bots are told them.
            now: UTC.
            expires_at: Until then challengers have theirs.
            known: The revision that shares would have had after the step; other than
                ``revision`` when they are as they were.
        """
        with self._lock:
            self._told.setdefault(revision, body["shares"])
            while len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
            self._base = _Base(body, revision, known, expires_at, is_written=True)
            self._hold(self._base, now)

    def stand(
        self, body: Mapping[str, Any], known: int, now: datetime, expires_at: datetime
    ) -> None:
        """These stand in memory, whatever the database has; numbered on from what was told.

        Args:
            body: As for :meth:`follow`.
            known: As for :meth:`follow`, of the last step that was written.
            now: UTC.
            expires_at: Until then challengers have theirs.
        """
        with self._lock:
            self._base = _Base(body, known, known, expires_at, is_written=False)
            self._hold(self._base, now)

    def take(self, body: Mapping[str, Any], known: int, now: datetime) -> None:
        """Somebody has lost something by now; nobody gets more by it than is held.

        Args:
            body: As the ledger has it, as for :meth:`follow`.
            known: The revision that shares would have had when that was read.
            now: UTC.
        """
        with self._lock:
            if self._taken is None or known > self._taken[1]:
                self._taken = (body, known)
            if self._base is not None:
                self._hold(self._base, now)

    def _hold(self, base: "_Base", now: datetime) -> None:
        taken, known = self._taken or (base.body, base.known)
        body = less(base.body, taken) if known > base.known else base.body
        held, highest = self._held, 0 if self._held is None else self._held.revision
        is_as_written = base.is_written and body == base.body
        if is_as_written and base.revision > highest:
            number = base.revision
        elif held is not None and held.body == body:
            number = highest
        else:
            number = next_alone(max(base.revision, highest))
        since = now if held is None or held.body != body else held.decided_at
        self._held = Held(body, number, since, base.expires_at)


@dataclass(frozen=True, slots=True)
class _Base:
    """What the desk has told last.

    Attributes:
        body: As for :meth:`HeldShares.follow`.
        revision: The highest that the database has for it, or before it.
        known: As for :meth:`HeldShares.follow`.
        expires_at: Until then challengers have theirs.
        is_written: The database has it, under that revision.
    """

    body: Mapping[str, Any]
    revision: int
    known: int
    expires_at: datetime
    is_written: bool


def less(held: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """The shares as they are held, without what was taken since.

    A champion that may only leave, by what is held, is none, though the database knows no other.
    """
    champion = taken["champion"]
    if champion in held["reduce_only"]:
        champion = held["champion"]
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
