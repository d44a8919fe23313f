"""Tells one target the shares: what the outbox says, and without it what stands in memory.

What shares give to challengers expires, so that who is cut off from a desk, or whose desk is
gone, stops trading them. While the desk judges, the target is told the shares that it has
again, under the same revision and with a later expiry. That is told from memory: nothing was
decided, so the outbox and the audit say nothing of it.

While the database cannot say what is to be told, because it is locked or gone or the desk
has fallen silent, the shares are told as they stand. They are numbered on from the highest
revision that the target was ever told here, whether from the outbox or without it, or that
the desk knows of, so that nothing older replaces them; and the next ones that the database
has are always higher. A number is used for a change of the shares, however often they have
to be told.

All that the target is told of shares passes through here, so this also says, for people,
when the target cannot be told them and when it can.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from tiltyard.facts.audit import canonical
from tiltyard.kernel.clock import EARLIEST, moment, time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.effects.announce import EXPIRE_AFTER, next_alone
from tiltyard.shell.effects.delivery import Patience
from tiltyard.shell.store.outbox import SHARES, Effect
from tiltyard.shell.targets import Target

RENEW_AFTER = timedelta(seconds=40)
"""By so much later shares must expire before they are told again; also the longest wait between
two attempts to tell them without the outbox."""


@dataclass(frozen=True, slots=True)
class Told:
    """Shares as they were told.

    Attributes:
        shares: As :func:`tiltyard.shell.effects.announce.shares_body` makes them, in JSON's terms.
        revision: Their number.
        decided_at: When, as text.
        expires_at: Until then challengers have theirs.
    """

    shares: Mapping[str, object]
    revision: int
    decided_at: str
    expires_at: datetime

    @classmethod
    def of(cls, body: str) -> Self:
        """What an effect tells; of an earlier version, shares that have expired."""
        said = json.loads(body)
        expires_at = moment(said.pop("expires_at", EARLIEST))
        return cls(said, said.pop("revision", 0), said.pop("decided_at", ""), expires_at)

    def body(self) -> str:
        """As an effect tells it."""
        about = {name: getattr(self, name) for name in ("revision", "decided_at", "expires_at")}
        return canonical({**self.shares, **about})

    def is_renewed_by(self, other: "Told") -> bool:
        """Whether that only expires at another time."""
        return replace(self, expires_at=other.expires_at) == other


class Telling:
    """A target, as the outbox and the desk's memory tell it the shares; for one thread.

    Args:
        target: Whom to tell.
        token: Of the lease.
        from_outbox: Delivers to the target that it is given what the outbox has for it.
        now: The time of day.
        patience: With a target that fails.
        say: Told, for people, when the target cannot be told, and when it can again.
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
        self._judged_at: datetime | None = None
        self._last: Told | None = None
        self._held: Told | None = None
        self._highest = 0
        self._is_lacking = False
        self._failures = 0
        self._due_at: datetime | None = None

    def judged(self, at: datetime) -> None:
        """The desk has judged: what stands may last. Any thread may say so."""
        self._judged_at = at

    def follow_outbox(self) -> None:
        """The database answers: what it has is to be told. Any thread may say so."""
        self._alone = None

    def stand_alone(self, shares: Mapping[str, object], revision: int) -> None:
        """The database does not answer, or nobody judges: these are the shares, as they stand.

        Any thread may say so.

        Args:
            shares: As :func:`tiltyard.shell.effects.announce.shares_body` makes them.
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
            standing = self._held  # what it does not have, the outbox tells it again
        else:
            standing = self._as_it_stands(*alone)
        if standing is not None:
            self._keep(standing)

    def send(self, effect: Effect) -> None:
        """Tell it, and remember what it was told: it may have it though its answer is lost."""
        told = Told.of(effect.body)
        if self._held is not None and not self._held.is_renewed_by(told):
            self._held = None
        self._last, self._highest = told, max(self._highest, told.revision)
        try:
            self._target.send(effect)
        except TiltyardError as error:
            self._lacks(str(error))
            raise
        self._held = told

    def has(self, effect: Effect) -> bool | None:
        """Ask it, after it said that it took them; if it does not answer, that counts."""
        try:
            answer = self._target.has(effect)
        except TiltyardError:
            self._knows()
            raise
        if answer is False:
            self._held = None
            self._lacks(f"{self.name} took the shares, and did not have them when asked")
        else:
            self._knows()
        return answer

    def _as_it_stands(self, shares: Mapping[str, object], revision: int) -> Told:
        wanted, last = json.loads(canonical(shares)), self._last
        if last is not None and last.shares == wanted:
            return last
        now, self._due_at, self._failures = self._now(), None, 0
        expires_at = (self._judged_at or now) + EXPIRE_AFTER
        return Told(wanted, self._next_number(revision), time_text(now), expires_at)

    def _keep(self, standing: Told) -> None:
        """See that the target has this, and that it does not expire while the desk judges."""
        if self._judged_at is not None:
            expires_at = self._judged_at + EXPIRE_AFTER
            if abs(expires_at - standing.expires_at) >= RENEW_AFTER:  # earlier: a clock was set
                standing = replace(standing, expires_at=expires_at)
        now = self._now()
        if standing == self._held or not self._is_due(now):
            return
        key = f"{self._token}-{standing.revision}-{time_text(standing.expires_at)}-{self.name}"
        body = standing.body()
        effect = Effect(0, key, self.name, SHARES, body, "requested", 0, now, now, None, "")
        try:
            self.send(effect)
        except TiltyardError:
            self._failures += 1
            self._due_at = now + min(self._patience.wait(self._failures), RENEW_AFTER)
        else:
            self._failures, self._due_at = 0, None
            self._knows()

    def _next_number(self, revision: int) -> int:
        """One more than the target was ever told."""
        return next_alone(max(revision, self._highest))

    def _is_due(self, now: datetime) -> bool:
        """Whether it is time for another attempt; a clock that was set back delays nothing."""
        return self._due_at is None or not timedelta() < self._due_at - now <= RENEW_AFTER

    def _lacks(self, why: str) -> None:
        if not self._is_lacking:
            self._is_lacking = True
            self._say(
                f"{why}\n  {self.name} cannot be told the shares: "
                "challengers lose their traffic there when those that it has expire"
            )

    def _knows(self) -> None:
        if self._is_lacking:
            self._is_lacking = False
            self._say(f"{self.name} is told the shares again")
