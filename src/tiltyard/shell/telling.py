"""Tells one target the shares: what the outbox says, and without it what stands in memory.

While the database cannot say what is to be told, because it is locked or gone or the desk
has fallen silent, the shares are told as they stand. They are numbered on from the highest
revision that the target was ever told here, whether from the outbox or without it, or that
the desk knows of, so that nothing older replaces them; and the next ones that the database
has are always higher. A number is used for a change of the shares, however often they have
to be told.

All that the target is told of shares passes through here, so this also says, for people,
when the target does not know them and when it does.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from tiltyard.facts.audit import canonical
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.announce import ALONE
from tiltyard.shell.delivery import Patience
from tiltyard.shell.store.outbox import SHARES, Effect
from tiltyard.shell.targets import Target

LONGEST = timedelta(seconds=40)
"""The longest wait between two attempts to tell without the outbox."""


@dataclass(frozen=True, slots=True)
class Told:
    """Shares as they were told.

    Attributes:
        shares: As :func:`tiltyard.shell.announce.shares_body` makes them, in JSON's terms.
        revision: Their number.
        decided_at: When, as text.
    """

    shares: Mapping[str, object]
    revision: int
    decided_at: str

    @classmethod
    def of(cls, body: str) -> Self:
        """What an effect tells."""
        shares = json.loads(body)
        return cls(shares, shares.pop("revision", 0), shares.pop("decided_at", ""))

    def body(self) -> str:
        """As an effect tells it."""
        told = {**self.shares, "revision": self.revision, "decided_at": self.decided_at}
        return canonical(told)


class Telling:
    """A target, as the outbox and the desk's memory tell it the shares; for one thread.

    Args:
        target: Whom to tell.
        token: Of the lease.
        from_outbox: Delivers to the target that it is given what the outbox has for it.
        now: The time of day.
        patience: With a target that fails.
        say: Told, for people, that the target does not know the shares, and that it does.
    """

    takes = frozenset({SHARES})

    def __init__(
        self,
        target: Target,
        token: int,
        from_outbox: Callable[[Target], object],
        *,
        now: Callable[[], datetime],
        patience: Patience,
        say: Callable[[str], object],
    ) -> None:
        self.name = target.name
        self._target = target
        self._token = token
        self._from_outbox = from_outbox
        self._now = now
        self._patience = patience
        self._say = say
        self._alone: tuple[Mapping[str, object], int] | None = None
        self._last: Told | None = None
        self._has_last = False
        self._is_lacking = False
        self._highest = 0
        self._failures = 0
        self._due_at: datetime | None = None

    def follow_outbox(self) -> None:
        """The database answers: what it has is to be told. Any thread may say so."""
        self._alone = None

    def stand_alone(self, shares: Mapping[str, object], revision: int) -> None:
        """The database does not answer, or nobody judges: these are the shares, as they stand.

        Any thread may say so.

        Args:
            shares: As :func:`tiltyard.shell.announce.shares_body` makes them.
            revision: Of the last shares that the database has, as far as the desk knows.
        """
        self._alone = (shares, revision)

    def look(self) -> None:
        """Tell the target what it does not know, if that is due.

        Raises:
            TiltyardError: What is wrong with the database, or ``LEASE_LOST``.
        """
        alone = self._alone
        if alone is None:
            self._from_outbox(self)
        else:
            self._tell_alone(*alone)

    def send(self, effect: Effect) -> None:
        """Tell it, and remember what it was told: it may have it though its answer is lost."""
        self._last, self._has_last = Told.of(effect.body), False
        self._highest = max(self._highest, self._last.revision)
        try:
            self._target.send(effect)
        except TiltyardError as error:
            self._lacks(str(error))
            raise
        self._has_last = True

    def has(self, effect: Effect) -> bool | None:
        """Ask it, after it said that it took them; if it does not answer, that counts."""
        try:
            answer = self._target.has(effect)
        except TiltyardError:
            self._knows()
            raise
        if answer is False:
            self._lacks(f"{self.name} took the shares, and did not have them when asked")
        else:
            self._knows()
        return answer

    def _tell_alone(self, shares: Mapping[str, object], revision: int) -> None:
        now, wanted = self._now(), json.loads(canonical(shares))
        told = self._last
        if told is None or told.shares != wanted:
            told = Told(wanted, self._next_number(revision), time_text(now))
            self._failures = 0
        elif self._has_last or not self._is_due(now):
            return
        key = f"{self._token}-alone-{told.revision}-{self.name}"
        effect = Effect(0, key, self.name, SHARES, told.body(), "requested", 0, now, now, None, "")
        try:
            self.send(effect)
        except TiltyardError:
            self._failures += 1
            self._due_at = now + min(self._patience.wait(self._failures), LONGEST)
        else:
            self._knows()

    def _next_number(self, revision: int) -> int:
        """One more, but never as high as the next that the database may give."""
        reached = max(revision, self._highest)
        return min(reached + 1, reached - reached % ALONE + ALONE - 1)

    def _is_due(self, now: datetime) -> bool:
        """Whether it is time for another attempt; a clock that was set back delays nothing."""
        return self._due_at is None or not timedelta() < self._due_at - now <= LONGEST

    def _lacks(self, why: str) -> None:
        if not self._is_lacking:
            self._is_lacking = True
            self._say(f"{why}\n  {self.name} does not know the shares; it is told until it does")

    def _knows(self) -> None:
        if self._is_lacking:
            self._is_lacking = False
            self._say(f"{self.name} knows the shares again")
