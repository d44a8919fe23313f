"""The lease: who may write state now, and a number by which a stalled holder is told apart.

One row. Whoever takes the lease gets a higher token; every write of the holder checks, in
its own transaction, that the token is still its own. A holder that was stopped and wakes
up after another has taken over finds a higher token, and writes nothing.

A desk says by which checklist it goes. A verb that acts because no desk runs has the lease
for a moment, and says nothing of the kind.

A lease that was renewed in the future tells of a clock that was set back. It is not
trusted and not taken at once: :class:`Watch` watches whether it still beats.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.store.desk_tables import leases

LASTS = timedelta(seconds=15)
RENEW_EVERY = timedelta(seconds=5)
_NAME = "desk"
_LEASE = sa.select(leases).where(leases.c.name == _NAME)


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease as it stands.

    Attributes:
        holder: Who has it, for people; empty when nobody has.
        token: Rises with every holder.
        beat: Rises with every renewal.
        renewed_at: UTC, by the holder's clock.
        checklist: Digest of what a desk judges by; empty while the holder is no desk.
    """

    holder: str
    token: int
    beat: int
    renewed_at: datetime
    checklist: str = ""

    def is_held(self, now: datetime) -> bool:
        """Whether somebody has it, as far as clocks tell."""
        return bool(self.holder) and now < self.renewed_at + LASTS


class Watch:
    """Watches a lease for as long as it lasts: one that has not beaten meanwhile is dead.

    It goes by the watcher's own steady clock, so a wall clock that was set back does not
    keep a dead holder alive.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    def is_dead(self, lease: Lease, steady: float) -> bool:
        """Whether it has not beaten for as long as a lease lasts.

        Args:
            lease: As it stands.
            steady: Seconds on a clock that is never set.
        """
        beat = (lease.token, lease.beat)
        if beat != self._seen:
            self._seen, self._since = beat, steady
        return steady - self._since >= LASTS.total_seconds()


def read_lease(connection: sa.Connection) -> Lease | None:
    """The lease; None when nobody ever had it."""
    row = connection.execute(_LEASE).mappings().first()
    if row is None:
        return None
    return Lease(row["holder"], row["token"], row["beat"], row["renewed_at"], row["checklist"])


def holder_of(connection: sa.Connection, now: datetime) -> Lease | None:
    """The lease when somebody has it, and so writes the state of arms."""
    lease = read_lease(connection)
    return lease if lease is not None and lease.is_held(now) else None


def take_lease(
    connection: sa.Connection, holder: str, now: datetime, *, dead: bool = False
) -> int | None:
    """Take the lease, inside a writing transaction; its token, or None when it is held.

    Args:
        connection: Where nobody else writes meanwhile.
        holder: Who takes it.
        now: UTC.
        dead: The present holder is known to be gone, whatever its row says.
    """
    lease = read_lease(connection)
    if lease is None:
        first = leases.insert().values(name=_NAME, holder=holder, token=1, beat=1, renewed_at=now)
        connection.execute(first)
        return 1
    if lease.is_held(now) and not dead:
        return None
    token = lease.token + 1
    taken = {"holder": holder, "token": token, "beat": 1, "renewed_at": now, "checklist": ""}
    connection.execute(leases.update().values(**taken))
    return token


def go_by(connection: sa.Connection, token: int, checklist: str) -> None:
    """Say that the holder is a desk, and by which checklist it goes until it ends."""
    own = leases.update().where(leases.c.token == token)
    connection.execute(own.values(checklist=checklist))


def check_lease(connection: sa.Connection, token: int) -> Lease:
    """The lease, when it is still the one with this token.

    Raises:
        TiltyardError: ``LEASE_LOST``.
    """
    lease = read_lease(connection)
    if lease is None or lease.token != token or not lease.holder:
        holder = lease.holder if lease and lease.holder else "somebody else"
        raise TiltyardError(
            "LEASE_LOST", "desk", f"{holder} has taken over: this process was too slow to renew "
            "its lease", "it has stopped; nothing of its last step was written",
        )  # fmt: skip
    return lease


def renew_lease(connection: sa.Connection, token: int, now: datetime) -> None:
    """Say that the holder lives."""
    beat = leases.c.beat + 1
    connection.execute(
        leases.update().where(leases.c.token == token).values(beat=beat, renewed_at=now)
    )


def release_lease(connection: sa.Connection, token: int) -> None:
    """Give it back, if it is still one's own; the token stays used."""
    connection.execute(leases.update().where(leases.c.token == token).values(holder=""))
