"""``tiltyard run``: one process that holds the lease and goes round until it is told to stop.

Each round is a step of the desk and what follows outside. A second process waits for the
lease or is refused. Whoever lost the lease stops: it wrote nothing since.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tiltyard.actions.record import Event
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.commanding import Times, give_back, take
from tiltyard.shell.live import LiveDesk
from tiltyard.shell.store.lease import Lease, Watch, go_by, read_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.plain_errors import UNAVAILABLE

LOOK_UP_EVERY = 0.2
"""Seconds in which a waiting desk notices that it is told to stop."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """What a round does beside the step, and what is told of it.

    Attributes:
        deliver: There may be effects to bring to the world outside.
        stand: The database cannot be written, and what the desk decides stands in memory.
        beat: A round is complete.
        between: Done now and then while nothing comes in.
        on_event: Told every event that was written.
        on_alone: Told every event that stands in memory, once, before it is written.
        on_trouble: Told when the database stops answering, and None when it answers again.
        follow: Done after a step; whether another step and more of it are to follow at once.
        stopping: Whether to end after this round.
        once: End as soon as everything that is there has been judged.
        interval: Seconds between two rounds when nothing is written meanwhile.
    """

    deliver: Callable[[], object]
    stand: Callable[[], object]
    beat: Callable[[], object]
    on_event: Callable[[Event], object]
    on_alone: Callable[[Event], object]
    on_trouble: Callable[[TiltyardError | None], object]
    stopping: Callable[[], bool]
    between: Callable[[], object] = lambda: None
    follow: Callable[[], bool] = lambda: False
    once: bool = False
    interval: float = 5.0


def hold_lease(
    ledger: Ledger,
    holder: str,
    times: Times,
    *,
    checklist: str,
    wait: bool,
    stopping: Callable[[], bool] = lambda: False,
    on_wait: Callable[[Lease], object] = lambda _: None,
) -> int | None:
    """Take the lease for a desk; its token, or None when told to stop while waiting.

    Args:
        ledger: Where the lease is.
        holder: Our name on it.
        times: Clocks.
        checklist: Digest of what the desk will judge by, whoever changes the settings.
        wait: Wait for it while another has it.
        stopping: Whether to give up.
        on_wait: Told once who has it.

    Raises:
        TiltyardError: ``LEASE_HELD`` when another has it and we do not wait.
    """
    watch, told = Watch(), False
    while not stopping():
        try:
            with ledger.snapshot() as still:
                lease = read_lease(still.connection)
            dead = lease if lease is not None and watch.is_dead(lease, times.steady()) else None
            with ledger.transaction() as inside:
                token = take(inside, holder, times.now(), dead=dead)
                if token is not None:
                    go_by(inside.connection, token, checklist)
        except TiltyardError as error:
            if not wait or error.code not in UNAVAILABLE:
                raise
            times.wait(1.0)
            continue
        if token is not None:
            return token
        if lease is None:
            continue  # somebody else was first, just now
        if not wait:
            raise TiltyardError(
                "LEASE_HELD", "desk", f"{lease.holder} acts on this ledger, and renewed its lease "
                f"at {time_text(lease.renewed_at)}", "stop it first, or wait for it: --wait",
            )  # fmt: skip
        if not told:
            told = True
            on_wait(lease)
        times.wait(1.0)
    return None


def go_round(desk: LiveDesk, times: Times, rounds: Rounds) -> None:
    """Step after step until told to stop.

    Raises:
        TiltyardError: ``LEASE_LOST``, ``DATABASE_REPLACED``.
    """
    trouble: TiltyardError | None = None
    alone: list[Event] = []
    while True:
        desk.refuse_replaced()
        for event in desk.step(times.now(), times.steady()):
            rounds.on_event(event)
        if (desk.trouble is None) != (trouble is None):
            rounds.on_trouble(desk.trouble)
        trouble = desk.trouble
        for event in desk.decided_alone:
            if event not in alone:
                rounds.on_alone(event)
        alone = list(desk.decided_alone)
        if trouble is None:
            rounds.deliver()
        else:
            rounds.stand()
        if not desk.is_blind:
            rounds.beat()
        has_more = rounds.follow()
        goes_on = has_more or (desk.is_behind and trouble is None)
        if rounds.stopping() or (rounds.once and not goes_on):
            return
        if not goes_on:
            _wait(desk, times, rounds)


def _wait(desk: LiveDesk, times: Times, rounds: Rounds) -> None:
    """Until the next look is due, or somebody else than the desk has committed something."""
    until = times.steady() + rounds.interval
    while not rounds.stopping() and (left := until - times.steady()) > 0:
        if times.wait(min(left, LOOK_UP_EVERY)) and desk.has_news:
            return
        rounds.between()


def let_go(ledger: Ledger, token: int) -> None:
    """Give the lease back, if the database lets us; else it ends by itself."""
    try:
        give_back(ledger, token)
    except TiltyardError as error:
        if error.code not in UNAVAILABLE:
            raise
