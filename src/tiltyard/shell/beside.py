"""Who works beside the desk, in threads of their own, and never in its way.

Couriers bring to the world outside what the desk has written, each to one target the shares, the
notices, or what people are told in words; one sees to it that others are told when nobody has
acknowledged a page; a watchdog listens whether the desk still judges. While the database cannot be
written, the shares are those that stand in memory.

When nothing was judged for ``run.deadman`` seconds, the champion alone has any. That is told
first, since the database may be what everybody waits for, and asked afterwards whether
another desk has taken over. It stands until the desk has written a step that began later:
the step that took so long knows nothing of it, and what stands then is to be told again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.api.held_shares import HeldShares
from tiltyard.shell.effects.announce import EXPIRE_AFTER, champion_alone, shares_body
from tiltyard.shell.effects.courier import Courier
from tiltyard.shell.effects.delivery import Delivered, Patience, deliver
from tiltyard.shell.effects.telling import Telling
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.notify.escalation import escalate
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.lease import check_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import FOR_PEOPLE, MESSAGE, NOTICE, PAGE, RESTART, SHARES, Lane
from tiltyard.shell.targets import Target
from tiltyard.shell.watchdog import Watchdog

STOP_SECONDS = 8.0
"""So long targets that hang may keep a desk from ending; what is for them is delivered later."""


class Beside:
    """The couriers and the watchdog of one desk, who work from entering to leaving.

    Args:
        desk: Started.
        door: To its ledger, of their own.
        settings: Patience, with targets and with the desk.
        token: Of the lease.
        targets: Who is told, by name.
        now: The time of day.
        say: Told, for people, what the watchdog does and who does not know what.
        shares: Held for the API; None where there is none.
    """

    def __init__(
        self,
        desk: LiveDesk,
        door: Ledger,
        settings: Settings,
        token: int,
        targets: Mapping[str, Target],
        *,
        now: Callable[[], datetime],
        say: Callable[[str], object],
        shares: HeldShares | None = None,
    ) -> None:
        self._shares = shares
        self._judged_at: datetime | None = None
        self._desk = desk
        self._notify = settings.notify
        self._door = door
        self._token = token
        self._now = now
        self._say = say
        self._targets = targets
        self._patience = Patience(settings.effects.attempts)
        self._tellings = [
            Telling(
                target, token, partial(self._from_outbox, SHARES),
                now=now, patience=self._patience, say=say,
            )
            for target in targets.values()
            if SHARES in target.takes
        ]  # fmt: skip
        self._couriers = [
            *(Courier(f"shares for {one.name}", one.look) for one in self._tellings),
            *(
                Courier(f"{kind}s for {name}", partial(self._from_outbox, kind, target))
                for name, target in targets.items()
                for kind in (PAGE, MESSAGE, NOTICE, RESTART)
                if kind in target.takes
            ),
        ]
        if settings.notify.recipient:
            self._couriers.append(Courier("escalation", self._escalate))
        self._watchdog = Watchdog(settings.run.deadman, self._alarm)
        self._untaken: set[Lane] = set()
        self._silence = f"nothing was judged for {settings.run.deadman:g} s"
        self._lock = threading.Lock()
        self._has_judged = self._is_silent = False
        self._silent_at: int | None = None

    def deliver(self) -> None:
        """The database answers, and there may be something new in it."""
        self._judged()
        with self._lock:
            self._notice_the_alarm()
            if self._is_silent:
                self._stand()
            else:
                for telling in self._tellings:
                    telling.follow_outbox()
                self._hold_for_the_api()
        self._nudge()

    def stand(self) -> None:
        """The database cannot be written: the shares are those that stand in memory.

        Before anything was judged, nothing is told: what the desk before has told expires.
        """
        if not self._desk.is_blind:
            self._judged()
        with self._lock:
            self._notice_the_alarm()
            if self._has_judged or self._is_silent:
                self._stand()
        self._nudge()

    def _hold_for_the_api(self) -> None:
        if self._shares is not None and self._judged_at is not None:
            shares, until = shares_body(self._desk.roster), self._judged_at + EXPIRE_AFTER
            self._shares.follow(
                shares, self._desk.told_revision, self._judged_at, until, known=self._desk.revision
            )

    def _judged(self) -> None:
        self._has_judged, self._judged_at = True, self._now()
        for telling in self._tellings:
            telling.judged(self._now())

    def _stand(self) -> None:
        known = self._desk.revision  # before the shares: a desk that is silent may write meanwhile
        shares = self._desk.shares_alone
        if self._is_silent:
            shares = champion_alone(shares)
        for telling in self._tellings:
            telling.stand_alone(shares, known)
        if self._shares is not None:
            now = self._now()
            until = (self._judged_at or now) + EXPIRE_AFTER
            self._shares.stand(shares, known, now, until)

    def _notice_the_alarm(self) -> None:
        """Between two steps: see that the next one tells again, and whether one has."""
        if not self._is_silent:
            return
        if self._silent_at is None:
            self._silent_at = self._desk.revision
            self._desk.tell_again(f"{self._silence}, and bots were told of the champion alone")
        elif self._desk.revision > self._silent_at:
            self._is_silent, self._silent_at = False, None

    def beat(self) -> None:
        """Something was judged."""
        self._watchdog.beat()

    def __enter__(self) -> Self:
        for courier in self._couriers:
            courier.start()
        self._watchdog.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watchdog.stop()
        for courier in self._couriers:
            courier.end()
        until = time.monotonic() + STOP_SECONDS
        for courier in self._couriers:
            courier.wait(until)

    def _nudge(self) -> None:
        for courier in self._couriers:
            courier.nudge()

    def _from_outbox(self, kind: str, target: Target) -> None:
        targets = {**self._targets, target.name: target}
        done = deliver(
            self._door, self._token, targets, self._now(),
            patience=self._patience, lane=(target.name, kind),
        )  # fmt: skip
        if kind in FOR_PEOPLE:
            self._say_whether_taken((target.name, kind), done)
        if done.failed:
            given_up = f"{_effects_were(done.failed)} given up"
            self._say(f"{given_up}, and its target does not know: see tiltyard doctor")
        if done.unnamed:
            given_up = f"{_effects_were(done.unnamed)} given up"
            self._say(f"{given_up}, since the settings name its target no more")

    def _say_whether_taken(self, lane: Lane, done: Delivered) -> None:
        """Once for as long as somebody cannot be told, and once when they can again."""
        name, kind = lane
        if done.postponed and lane not in self._untaken:
            self._untaken.add(lane)
            self._say(f"{name} does not take a {kind}: it is tried again; see tiltyard doctor")
        elif done.sent and lane in self._untaken:
            self._untaken.discard(lane)
            self._say(f"{name} takes what it is told again")

    def _escalate(self) -> None:
        if escalate(self._door, self._token, self._notify, self._now()):
            self._nudge()

    def _alarm(self) -> None:
        """Nothing was judged for too long; the desk's own thread may hang."""
        if self._desk.observes:
            return
        with self._lock:
            self._is_silent, self._silent_at = True, None
            self._stand()
        self._nudge()
        self._say(f"{self._silence}: no traffic for challengers")
        if self._is_lost():
            for courier in self._couriers:
                courier.end()  # another desk has taken over, and speaks for itself

    def _is_lost(self) -> bool:
        """Whether another has the lease, as far as the database can say."""
        try:
            with self._door.snapshot() as still:
                check_lease(still.connection, self._token)
        except TiltyardError as error:
            return error.code == "LEASE_LOST"
        return False


def _effects_were(count: int) -> str:
    return "an effect was" if count == 1 else f"{count} effects were"
