"""The courier: brings effects to the world outside, beside the desk and never in its way.

A target that hangs must not keep the desk from judging, nor other targets waiting, nor its
own notices the shares. So every lane has a courier, a thread of its own. When the database
cannot say what is to be delivered, because it is locked or gone or the desk has fallen
silent, what matters most is sent without it: the shares as they now stand in memory.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from tiltyard.facts.audit import canonical
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.delivery import Patience, deliver
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import Effect, Lane
from tiltyard.shell.targets import Target

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 1.0
"""Seconds between two looks for effects that are due again."""


class Courier:
    """Delivers the effects of one lane until it is stopped.

    Args:
        lane: The target's name and the kind.
        ledger: A door to the ledger, not inside a transaction.
        token: Of the lease.
        targets: All of them, by name.
        now: The time of day.
        patience: With targets that fail.
        on_failed: Told how many effects were given up.
    """

    def __init__(
        self,
        lane: Lane,
        ledger: Ledger,
        token: int,
        targets: Mapping[str, Target],
        now: Callable[[], datetime],
        patience: Patience,
        on_failed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._lane = lane
        self._ledger = ledger
        self._token = token
        self._targets = targets
        self._now = now
        self._patience = patience
        self._on_failed = on_failed
        self._nudged = threading.Event()
        self._stopping = False
        self._alone: tuple[Mapping[str, object], int] | None = None
        self._sent_alone: tuple[Mapping[str, object], int] | None = None
        self._count_alone = 0
        self._thread = threading.Thread(target=self._go, name=f"courier of {lane}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def nudge(self) -> None:
        """The database answers, and there may be something new in it."""
        self._alone = None
        self._nudged.set()

    def stand(self, shares: Mapping[str, object], revision: int) -> None:
        """The database does not answer, or nobody judges: these are the shares, as they stand.

        Args:
            shares: As :func:`tiltyard.shell.announce.shares_body` makes them.
            revision: Of the last shares that the database has.
        """
        self._alone = (shares, revision)
        self._nudged.set()

    def end(self) -> None:
        """End after a last delivery of what is due."""
        self._stopping = True
        self._nudged.set()

    def wait(self, until: float) -> None:
        """Wait for the end, but no longer than until then; who still hangs is left behind.

        Args:
            until: By :func:`time.monotonic`.
        """
        self._thread.join(max(0, until - time.monotonic()))

    def send_alone(self, shares: Mapping[str, object], revision: int) -> None:
        """Send shares without the database, once for each change.

        What fails is logged, and tried again when this is called again.
        """
        news = (shares, revision)
        if self._sent_alone == news:
            return
        name = self._lane[0]
        at, count = self._now(), self._count_alone
        self._count_alone += 1
        body = canonical({**shares, "revision": revision + count + 1, "decided_at": at})
        key = f"{self._token}-alone-{count}-{name}"
        effect = Effect(0, key, name, "shares", body, "requested", 0, at, at, None, "")
        try:
            self._targets[name].send(effect)
        except TiltyardError as error:
            _LOG.error("%s", error)
        else:
            self._sent_alone = news

    def _go(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping
            self._nudged.clear()
            try:
                self._deliver()
            except TiltyardError as error:
                if error.code == "LEASE_LOST":
                    return
                _LOG.warning("%s", error)
            except Exception:  # noqa: BLE001 whatever a target does, the next effect is delivered
                _LOG.exception("an effect could not be delivered")
            if not self._stopping:
                self._nudged.wait(LOOK_EVERY)

    def _deliver(self) -> None:
        standing = self._alone
        if standing is not None:
            self.send_alone(*standing)
            return
        done = deliver(self._ledger, self._token, self._targets, self._now(),
                       patience=self._patience, lane=self._lane)  # fmt: skip
        if done.failed:
            self._on_failed(done.failed)
