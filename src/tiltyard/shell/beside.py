"""Who works beside the desk, in threads of their own, and never in its way.

Couriers bring to the world outside what the desk has written, each to one target the shares or
the notices; a watchdog listens whether the desk still judges. While the database cannot be
written, the shares are those that stand in memory; and when nothing was judged for
``run.deadman`` seconds, nobody but the champion gets any until something is judged again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

from tiltyard.actions.silence import without_challengers
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.announce import shares_body
from tiltyard.shell.courier import Courier
from tiltyard.shell.delivery import Patience, deliver
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.lease import check_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import NOTICE, SHARES
from tiltyard.shell.targets import Target
from tiltyard.shell.telling import Telling
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
    ) -> None:
        self._desk = desk
        self._door = door
        self._deadman = settings.run.deadman
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
                Courier(f"notices for {name}", partial(self._from_outbox, NOTICE, target))
                for name, target in targets.items()
                if NOTICE in target.takes
            ),
        ]
        self._watchdog = Watchdog(self._deadman, self._silent)
        self._standing = threading.Lock()
        self._has_judged = False

    def deliver(self) -> None:
        """The database answers, and there may be something new in it."""
        self._judged()
        with self._standing:
            for telling in self._tellings:
                telling.follow_outbox()
        self._nudge()

    def stand(self) -> None:
        """The database cannot be written: the shares are those that stand in memory.

        Before anything was judged, nothing is told: what the desk before has told expires.
        """
        if not self._desk.is_blind:
            self._judged()
        if self._has_judged:
            self._stand()

    def _judged(self) -> None:
        self._has_judged = True
        for telling in self._tellings:
            telling.judged(self._now())

    def _stand(self) -> None:
        with self._standing:
            shares = self._desk.shares_alone
            if self._watchdog.has_called and not self._desk.observes:
                shares = shares_body(without_challengers(self._desk.roster, self._now()))
            for telling in self._tellings:
                telling.stand_alone(shares, self._desk.revision)
        self._nudge()

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
        if done.failed:
            effects = "an effect was" if done.failed == 1 else f"{done.failed} effects were"
            self._say(f"{effects} given up, and its target does not know: see tiltyard doctor")

    def _silent(self) -> None:
        """Nothing was judged for too long; the desk's own thread may hang."""
        can_be_asked = self._desk.trouble is None  # else nobody can say who holds the lease
        if self._desk.observes or (can_be_asked and self._is_lost()):
            return  # another desk has taken over, and speaks for itself
        if not self._watchdog.has_called:
            return  # while we asked, something was judged
        self._say(f"nothing was judged for {self._deadman:g} s: no traffic for challengers")
        self._stand()

    def _is_lost(self) -> bool:
        """Whether another has the lease, as far as the database can say."""
        try:
            with self._door.snapshot() as still:
                check_lease(still.connection, self._token)
        except TiltyardError as error:
            return error.code == "LEASE_LOST"
        return False
