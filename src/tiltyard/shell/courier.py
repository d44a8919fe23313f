"""The courier: brings effects to the world outside, beside the desk and never in its way.

A target that hangs must not keep the desk from judging, so effects are delivered by a
thread of their own. When the database cannot say what is to be delivered, because it is
locked or gone or the desk has fallen silent, what matters most is sent without it: the
shares as they now stand in memory.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from tiltyard.facts.audit import canonical
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.delivery import Patience, deliver
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import Effect
from tiltyard.shell.targets import Target

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 1.0
"""Seconds between two looks for effects that are due again."""


class Courier:
    """Delivers until it is stopped.

    Args:
        ledger: Its own door to the ledger.
        token: Of the lease.
        targets: By name.
        now: The time of day.
        patience: With targets that fail.
    """

    def __init__(
        self,
        ledger: Ledger,
        token: int,
        targets: Mapping[str, Target],
        now: Callable[[], datetime],
        patience: Patience,
    ) -> None:
        self._ledger = ledger
        self._token = token
        self._targets = targets
        self._now = now
        self._patience = patience
        self._nudged = threading.Event()
        self._stopping = False
        self._sent_alone: dict[str, tuple[object, int]] = {}
        self._count_alone = 0
        self._thread = threading.Thread(target=self._go, name="courier", daemon=True)

    def start(self) -> None:
        """Begin, if there is anybody to deliver to."""
        if self._targets:
            self._thread.start()

    def nudge(self) -> None:
        """There may be something new."""
        self._nudged.set()

    def stop(self) -> None:
        """End after a last delivery of what is due."""
        self._stopping = True
        self._nudged.set()
        if self._thread.is_alive():
            self._thread.join()

    def send_alone(self, shares: Mapping[str, object], revision: int) -> None:
        """Send shares without the database, once for each change.

        What fails is logged, and tried again when this is called again.

        Args:
            shares: As :func:`tiltyard.shell.announce.shares_body` makes them.
            revision: Of the last shares that the database has.
        """
        news = (shares, revision)
        lacking = {
            name: target
            for name, target in self._targets.items()
            if "shares" in target.takes and self._sent_alone.get(name) != news
        }
        if not lacking:
            return
        at, count = self._now(), self._count_alone
        self._count_alone += 1
        body = canonical({**shares, "revision": revision + count + 1, "decided_at": at})
        for name, target in lacking.items():
            key = f"{self._token}-alone-{count}-{name}"
            effect = Effect(0, key, name, "shares", body, "requested", 0, at, at, None, "")
            try:
                target.send(effect)
            except TiltyardError as error:
                _LOG.error("%s", error)
            else:
                self._sent_alone[name] = news

    def _go(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping
            self._nudged.clear()
            try:
                deliver(self._ledger, self._token, self._targets, self._now(),
                        patience=self._patience)  # fmt: skip
            except TiltyardError as error:
                if error.code == "LEASE_LOST":
                    return
                _LOG.warning("%s", error)
            if not self._stopping:
                self._nudged.wait(LOOK_EVERY)
