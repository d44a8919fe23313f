"""Delivery: carries effects from the outbox to their targets, and sees that they arrived.

An effect is sent, noted as ``applied``, asked after, and noted as ``verified``; each note is
a short transaction of its own that checks the lease, and no transaction is open while a
target is spoken to. Killed anywhere, the next delivery takes up where the notes end: at
worst a target is told again, under the same key.

What fails or is refused is tried again, later each time. A notice is given up after a number
of tries, for the sake of those behind it, and what people are told after a day of them. The
newest shares never are: who has older ones would trade by them for ever. A lane holds up nobody
but itself; lanes take turns.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.lease import check_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import (
    FOR_PEOPLE,
    RESTART,
    SHARES,
    UNNAMED,
    Effect,
    EffectState,
    Lane,
    lane_heads,
    move_effect,
)
from tiltyard.shell.store.page_table import add_link
from tiltyard.shell.targets.target import Person, Target

SENT, APPLIED, CHECKED, VERIFIED = STAGES = (
    "effect sent", "effect applied", "effect checked", "effect verified",
)  # fmt: skip
"""What an effect passes; the second and the fourth are passed when they are committed."""
MOST = 50
LONGEST_TOLD = 300
ATTEMPTS_FOR_PEOPLE = 296
"""With the waits in between they take 24 hours."""

Ending = Literal["verified", "applied", "failed"]
Outcome = Literal["verified", "applied", "failed", "unnamed", "postponed", "superseded"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a thing is tried, and how long is waited in between.

    Attributes:
        attempts: After so many failures a notice is given up, and what was taken is asked after
            no more.
        first: Waited after the first failure; twice as long after each further one.
        longest: Never waited longer.

    >>> [Patience().wait(failures).seconds for failures in (1, 2, 3, 8, 9, 99_999)]
    [2, 4, 8, 256, 300, 300]
    """

    attempts: int = 8
    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=5)

    def wait(self, failures: int) -> timedelta:
        """How long to wait after so many failures in a row, at least one."""
        wait = self.first
        for _ in range(failures - 1):
            wait *= 2
            if wait >= self.longest:
                return self.longest
        return min(wait, self.longest)


class Delivered(NamedTuple):
    """What one delivery came to; an effect counts once, save in ``sent``.

    Attributes:
        sent: How many a target took.
        verified: Settled: the target has them.
        applied: Settled: the target took them, and cannot be asked.
        failed: Settled: given up.
        unnamed: Settled: given up, since the settings do not name its target any more.
        postponed: To be tried again later.
        superseded: Settled meanwhile by newer ones.
    """

    sent: int = 0
    verified: int = 0
    applied: int = 0
    failed: int = 0
    unnamed: int = 0
    postponed: int = 0
    superseded: int = 0


def deliver(
    ledger: Ledger,
    token: int,
    targets: Mapping[str, Target],
    now: datetime,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    patience: Patience = Patience(),
    most: int = MOST,
    lane: Lane | None = None,
    in_service: bool = True,
) -> Delivered:
    """Deliver the effects that are due.

    Args:
        ledger: Not inside a transaction.
        token: Of the lease.
        targets: All of them, by name.
        now: UTC; what fails is due again so much later.
        on_stage: Told each of :data:`STAGES` that an effect has passed.
        patience: With targets that fail.
        most: After so many effects it returns, so that its caller gets on with other work.
        lane: Only effects of this one, and those for targets that nobody names any more.
        in_service: An effect for a target that is not among them fails. Whoever only acts where no
            desk runs may have other settings than the desk, and leaves it as it is.

    Raises:
        TiltyardError: ``LEASE_LOST``, or what is wrong with the database. Nothing of the
            last note was written.
    """
    run = _Delivery(ledger, token, targets, now, on_stage, patience, lane, in_service)
    outcomes: Counter[str] = Counter()
    while outcomes.total() < most and (effect := run.next_due()):
        outcomes[run.carry(effect)] += 1
    return Delivered(run.sent, **outcomes)


@dataclass(slots=True)
class _Delivery:
    """One call of :func:`deliver`.

    Attributes:
        turns: How many effects of each lane were taken up.
    """

    ledger: Ledger
    token: int
    targets: Mapping[str, Target]
    now: datetime
    on_stage: Callable[[str], None]
    patience: Patience
    lane: Lane | None = None
    in_service: bool = True
    sent: int = 0
    turns: Counter[Lane] = field(default_factory=Counter)

    def next_due(self) -> Effect | None:
        """The oldest of the lanes that had the fewest turns."""
        with self.ledger.snapshot() as inside:
            check_lease(inside.connection, self.token)
            heads = lane_heads(inside.connection)
        due = [head for head in heads if self._is_mine(head) and self._is_due(head)]
        chosen = min(due, key=lambda effect: (self.turns[effect.lane], effect.seq), default=None)
        if chosen is not None:
            self.turns[chosen.lane] += 1
        return chosen

    def carry(self, effect: Effect) -> Outcome:
        """Take one effect as far as it goes now."""
        target = self.targets.get(effect.target)
        if target is None:
            told = f"{UNNAMED} {effect.target!r}"
            outcome = self._settle(effect, "failed", told)
            return "unnamed" if outcome == "failed" else outcome
        if effect.state == "requested":
            return self._send(target, effect)
        return self._verify(target, effect)

    def _send(self, target: Target, effect: Effect) -> Outcome:
        person = target if isinstance(target, Person) else None
        secret = "" if person is None else self._link(person, effect)
        try:
            if person is None:
                target.send(effect)
            else:
                person.tell(effect, self.now, secret)
        except TiltyardError as error:
            return self._lacks(effect, _told(error))
        self.sent += 1
        self.on_stage(SENT)
        applied = replace(effect, state="applied", due_at=self.now, told="taken")
        if not self._write(lambda connection: move_effect(connection, effect, applied)):
            return "superseded"
        self.on_stage(APPLIED)
        return self._verify(target, applied)

    def _link(self, person: Person, effect: Effect) -> str:
        """The secret of a new link that acknowledges a page; empty where there is to be none."""
        number = person.page_of(effect)
        if not number:
            return ""
        with self.ledger.transaction() as inside:
            check_lease(inside.connection, self.token)
            return add_link(inside.connection, number, effect.target, self.now)

    def _verify(self, target: Target, effect: Effect) -> Outcome:
        try:
            answer = target.has(effect)
        except TiltyardError as error:
            return self._silent(effect, f"taken; {_told(error)}", is_no=_is_no(error))
        self.on_stage(CHECKED)
        if answer is None:
            return self._settle(effect, "applied", "taken; the target cannot be asked")
        if not answer:
            return self._lacks(effect, "taken, but the target did not have it when asked")
        outcome = self._settle(effect, "verified", "the target has it")
        if outcome == "verified":
            self.on_stage(VERIFIED)
        return outcome

    def _lacks(self, effect: Effect, told: str) -> Outcome:
        """The target does not have it: tell it later, but a notice not for ever."""
        effect = replace(effect, attempts=effect.attempts + 1)
        if effect.kind != SHARES and effect.attempts >= self._most_attempts(effect):
            return self._settle(effect, "failed", told)
        return self._postpone(effect, "requested", told)

    def _silent(self, effect: Effect, told: str, *, is_no: bool) -> Outcome:
        """The target took it and does not say that it has it: ask later, but not for ever."""
        effect = replace(effect, attempts=effect.attempts + 1)
        if is_no or effect.attempts >= self.patience.attempts:
            return self._settle(effect, "applied", told)
        return self._postpone(effect, "applied", told)

    def _postpone(self, effect: Effect, state: EffectState, told: str) -> Outcome:
        due_at = self.now + self.patience.wait(effect.attempts)
        later = replace(effect, state=state, due_at=due_at, told=told)
        if not self._write(lambda connection: move_effect(connection, effect, later)):
            return "superseded"
        return "postponed"

    def _settle(self, effect: Effect, state: Ending, told: str) -> Outcome:
        settled = replace(effect, state=state, settled_at=self.now, told=told)
        own = self._write(lambda connection: move_effect(connection, effect, settled))
        return state if own else "superseded"

    def _write(self, note: Callable[[sa.Connection], bool]) -> bool:
        with self.ledger.transaction() as inside:
            check_lease(inside.connection, self.token)
            return note(inside.connection)

    def _most_attempts(self, effect: Effect) -> int:
        return ATTEMPTS_FOR_PEOPLE if effect.kind in FOR_PEOPLE else self.patience.attempts

    def _is_mine(self, effect: Effect) -> bool:
        if effect.target in self.targets:
            return self.lane in {None, effect.lane}
        # a restart is for the desk that supervises, and no other
        return self.in_service and effect.kind != RESTART

    def _is_due(self, effect: Effect) -> bool:
        """Whether its time has come; a clock that was set back keeps nothing waiting."""
        target = self.targets.get(effect.target)
        if isinstance(target, Person) and target.rests(effect.kind, self.now):
            return False
        wait = effect.due_at - self.now
        return not effect.attempts or not timedelta(0) < wait <= self.patience.longest


def _is_no(error: TiltyardError) -> bool:
    return error.code == "TARGET_REFUSED"


def _told(error: TiltyardError) -> str:
    said = error.facts + (f". {error.remedy}" if error.remedy else "")
    return said[:LONGEST_TOLD]
