"""The courier: brings effects to the world outside, beside the desk and never in its way.

A target that hangs must not keep the desk from judging, so effects are delivered by
threads of their own: one for shares, one for notices, so that no notice keeps shares
waiting. When the database cannot say what is to be delivered, because it is locked or gone
or the desk has fallen silent, what matters most is sent without it: the shares as they
now stand in memory.
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
STOP_SECONDS = 8.0
"""So long a target that hangs may keep a desk from ending; its effect is delivered later."""
LOOK_EVERY = 1.0
"""Seconds between two looks for effects that are due again."""


class Courier:
    """Delivers effects of one kind until it is stopped.

    Args:
        kind: ``shares`` or ``notice``.
        ledger: A door to the ledger, not inside a transaction.
        token: Of the lease.
        targets: By name.
        now: The time of day.
        patience: With targets that fail.
        on_failed: Told how many effects were given up.
    """

    def __init__(
        self,
        kind: str,
        ledger: Ledger,
        token: int,
        targets: Mapping[str, Target],
        now: Callable[[], datetime],
        patience: Patience,
        on_failed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._kind = kind
        self._ledger = ledger
        self._token = token
        self._targets = {name: one for name, one in targets.items() if kind in one.takes}
        self._now = now
        self._patience = patience
        self._on_failed = on_failed
        self._nudged = threading.Event()
        self._stopping = False
        self._alone: tuple[Mapping[str, object], int] | None = None
        self._sent_alone: dict[str, tuple[object, int]] = {}
        self._count_alone = 0
        self._thread = threading.Thread(target=self._go, name=f"courier of {kind}", daemon=True)

    def start(self) -> None:
        """Begin, if there is anybody to deliver to."""
        if self._targets:
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

    def stop(self) -> None:
        """End after a last delivery of what is due; who still hangs is left behind."""
        self._stopping = True
        self._nudged.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def send_alone(self, shares: Mapping[str, object], revision: int) -> None:
        """Send shares without the database, to every target once for each change.

        What fails is logged, and tried again when this is called again.
        """
        news = (shares, revision)
        lacking = {
            name: target
            for name, target in self._targets.items()
            if self._sent_alone.get(name) != news
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
                       patience=self._patience, kinds=(self._kind,))  # fmt: skip
        if done.failed:
            self._on_failed(done.failed)
