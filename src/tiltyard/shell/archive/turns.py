"""Whose turn it is in a place: those who keep what is to stay, or those who clear away.

Whoever keeps a snapshot may find that the place has a content already, from one that nobody names
any more, and does not send it again. Were that content cleared away before the manifest is written,
the snapshot would have a hole. So both say in a note that they are at work, and look for notes of
the others only *after* their own is there. A place shows at once what was written, so of two who
begin together at least one sees the other. Who clears away then leaves it for another time; who
keeps waits until that note is gone. Any number may keep at once, or clear away at once.

Whoever is killed leaves a note behind, so a note speaks for a time only, by the clock of the place
itself. Who is at work writes it again before whatever has to be done in turn, and gives up where
more than half of that time has passed since the last. So nobody acts on a turn that others may
think is over, unless the other half passes between two statements.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from secrets import token_hex

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.archive.place import MOST_AT_ONCE, PROOFS, Place

KEEPING, SWEEPING = "turns/keeping", "turns/sweeping"
LASTS = {KEEPING: timedelta(hours=6), SWEEPING: timedelta(minutes=3)}
"""What one note speaks for. To keep, a large file has to be sent meanwhile; to clear away is short,
and whoever keeps has to wait for the end of one that was killed."""
KEPT_THERE = "a snapshot is being kept there, or one was broken off within six hours"
LOOKS_AGAIN = timedelta(seconds=5)
MOST_LOOKS = 60
Wait = Callable[[float], None]
"""Told for how many seconds to do nothing."""


class Turn:
    """A note that says who is at work.

    Args:
        place: Where.
        kind: :data:`KEEPING` or :data:`SWEEPING`.
    """

    def __init__(self, place: Place, kind: str) -> None:
        self._place, self._kind = place, kind
        self._key = f"{kind}/{token_hex(16)}"
        self._at: datetime | None = None

    def renew(self) -> None:
        """Write the note again; to be called before anything that has to be done in one's turn.

        Raises:
            TiltyardError: ``ARCHIVE_BUSY`` where the turn may be over; or what the place refuses.
        """
        at, last = self._place.stamp(self._key), self._at
        if last is not None and at - last > LASTS[self._kind] / 2:
            raise TiltyardError(
                "ARCHIVE_BUSY", self._place.name,
                f"this was held up for {at - last}, and others may have gone on meanwhile",
                "run it again: what was done is not done twice",
            )  # fmt: skip
        self._at = at

    def others(self, kind: str) -> Collection[str]:
        """Notes of those who are at work on something, and not killed."""
        self.renew()
        return {
            key
            for key, one in self._place.listed(kind).items()
            if self._at is not None and self._at - one.at <= LASTS[kind]
        }

    def clear_notes(self) -> None:
        """Take away notes that speak for nobody any more: of turns, and of proofs.

        Raises:
            TiltyardError: What the place refuses.
        """
        self.renew()
        old = [
            key
            for prefix in (*LASTS, PROOFS)
            for key, one in self._place.listed(prefix).items()
            if self._at is not None and self._at - one.at > max(LASTS.values())
        ]
        self._place.remove(old[:MOST_AT_ONCE])

    def end(self) -> None:
        """Take the note away; one that is left speaks for no longer than it lasts."""
        with suppress(TiltyardError):
            self._place.remove([self._key])


@contextmanager
def keeping(place: Place, wait: Wait = time.sleep) -> Iterator[Turn]:
    """While nothing is cleared away that is there; waits for whoever does so.

    Args:
        place: Where.
        wait: For the end of another's turn.

    Raises:
        TiltyardError: ``ARCHIVE_BUSY`` where that does not come; or what the place refuses.
    """
    turn = Turn(place, KEEPING)
    try:
        for _ in range(MOST_LOOKS):
            if not turn.others(SWEEPING):
                break
            wait(LOOKS_AGAIN.total_seconds())
        else:
            raise _busy(place, "it is being cleared away there, and does not end")
        yield turn
    finally:
        turn.end()


@contextmanager
def sweeping(place: Place) -> Iterator[Turn]:
    """While nobody keeps anything.

    Raises:
        TiltyardError: ``ARCHIVE_BUSY`` where somebody does; or what the place refuses.
    """
    turn = Turn(place, SWEEPING)
    try:
        if turn.others(KEEPING):
            raise _busy(place, KEPT_THERE)
        yield turn
    finally:
        turn.end()


def who_keeps(place: Place, now: datetime) -> TiltyardError | None:
    """Why whoever cleared away now would have to leave contents; None where nobody keeps anything.

    Args:
        place: Where.
        now: UTC, by our own clock: nothing is written there that would tell the place's.

    Raises:
        TiltyardError: What the place refuses.
    """
    if any(now - one.at <= LASTS[KEEPING] for one in place.listed(KEEPING).values()):
        return _busy(place, KEPT_THERE)
    return None


def _busy(place: Place, facts: str) -> TiltyardError:
    return TiltyardError("ARCHIVE_BUSY", place.name, facts, "run it again later")
