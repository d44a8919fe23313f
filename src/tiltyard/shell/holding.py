"""The lease, as whoever holds it keeps it: checked in every transaction, renewed in time.

A lease lasts 15 s from its last renewal. A desk renews it in its steps; while it reads a
large ledger, between portions; and at the end of a step that took long, by the time it is
then.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.lease import RENEW_EVERY, Lease, check_lease, renew_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE

F = TypeVar("F")
PAUSE_AFTER = 20_000
"""Facts that are read between two pauses, in which the lease is renewed: about a second."""


def pausing(facts: Iterable[F], on_pause: Callable[[], None]) -> Iterator[F]:
    """The facts, with a pause now and then."""
    for number, fact in enumerate(facts):
        if number % PAUSE_AFTER == 0:
            on_pause()
        yield fact


class Holding:
    """A lease that we hold.

    Args:
        ledger: Where it is.
        token: Of the lease.
        clock: The time of day; None where nothing takes long.
    """

    def __init__(
        self, ledger: Ledger, token: int, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._ledger = ledger
        self.token = token
        self._clock = clock

    def check(self, ledger: Ledger) -> Lease:
        """The lease, while it is still ours.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        return check_lease(ledger.connection, self.token)

    def keep(self, inside: Ledger, now: datetime) -> None:
        """Check it in a transaction that writes, and renew it when that is due.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        renewed_at = self.check(inside).renewed_at
        if not timedelta() <= now - renewed_at < RENEW_EVERY:
            renew_lease(inside.connection, self.token, now)

    def keep_apart(self, now: datetime) -> None:
        """Renew it though the step could not be written, which took its renewal back.

        Whoever edits by SQL, and leaves that open, keeps a step waiting and not the lease.
        """
        try:
            with self._ledger.transaction() as inside:
                self.keep(inside, now)
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise

    def keep_at_the_end(self, inside: Ledger, began: datetime) -> None:
        """Renew it in a transaction that has taken long since it began."""
        if self._clock is not None and (ended := self._clock()) - began >= RENEW_EVERY:
            renew_lease(inside.connection, self.token, ended)

    def keep_while_reading(self) -> None:
        """Renew it in a transaction of its own, between two portions of what is read.

        Raises:
            TiltyardError: ``LEASE_LOST``.
        """
        if self._clock is None:
            return
        try:
            with self._ledger.transaction() as inside:
                self.check(inside)
                renew_lease(inside.connection, self.token, self._clock())
        except TiltyardError as error:
            if error.code not in UNAVAILABLE:
                raise  # else there is time for another try: it lasts longer than two of them
