"""How wild the market was when an episode was given to an arm, for as long as that is asked.

Decisions come before the trades that follow from them, and many are followed by none. Those of
the latest decisions are kept, whatever the order in which they were told; an older one is as one
that nobody has told.
"""

from datetime import datetime
from heapq import heappop, heappush

from tiltyard.facts.decision import VOLATILITY, Decision

MOST = 10_000
"""Decisions of an arm that are kept: some megabytes."""


class Terciles:
    """Of the episodes of one arm.

    Attributes:
        newest: When the last of them was decided; None for none.
    """

    def __init__(self) -> None:
        self._of: dict[str, tuple[datetime, int | None]] = {}
        self._oldest: list[tuple[datetime, str]] = []
        self._has_forgotten = False
        self.newest: datetime | None = None

    def copy(self) -> "Terciles":
        """The same, which goes its own way from here."""
        other = Terciles()
        other._of, other._oldest = self._of.copy(), self._oldest.copy()
        other._has_forgotten, other.newest = self._has_forgotten, self.newest
        return other

    def note(self, decision: Decision) -> None:
        """One more decision; each is told once."""
        at, episode = decision.decided_at, decision.episode_id
        self._of[episode] = (at, decision.volatility_tercile)
        heappush(self._oldest, (at, episode))
        self.newest = at if self.newest is None else max(self.newest, at)
        if len(self._oldest) > MOST:
            del self._of[heappop(self._oldest)[1]]
            self._has_forgotten = True

    def of(self, episode: str, closed_at: datetime) -> int | None:
        """0, 1 or 2; None when nobody has said so by the time at which the episode was over."""
        at, tercile = self._of.get(episode, (closed_at, None))
        return tercile if at <= closed_at and tercile in range(len(VOLATILITY)) else None

    def are_ahead_of(self, closed_at: datetime) -> bool:
        """Whether what was known at a time may have been forgotten for what was decided later."""
        return self._has_forgotten and self.newest is not None and closed_at < self.newest
