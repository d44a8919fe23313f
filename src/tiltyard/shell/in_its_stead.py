"""Facts were recorded while somebody held the lease: is it a desk that acts on them?

A desk that lives takes them in within seconds, and its progress or its lease shows it. One
that was killed keeps its lease for 15 s more, and would leave what came in meanwhile to
whoever writes next: candidates wait, and the metric columns are those of before. So whoever
has recorded waits for a sign of life, and when there is none does what a desk would do.
"""

from collections.abc import Callable

from tiltyard.shell.commanding import Times
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.desk_record import read_progress
from tiltyard.shell.store.lease import RENEW_EVERY, Lease, Watch, holder_of, read_lease
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.without_desk import act_in_its_stead


def see_to_it(
    ledger: Ledger,
    settings: Settings,
    left_to: Lease,
    times: Times,
    actor: str,
    on_wait: Callable[[Lease], object] = lambda _: None,
) -> bool:
    """Wait until a desk has shown that it lives, or act in its stead; whether we did.

    Args:
        ledger: Where the facts are.
        settings: Bounds of shares, and how trading days go.
        left_to: The lease as it was when they were recorded.
        times: Clocks.
        actor: Who recorded them, for the audit.
        on_wait: Told once whom we wait for, when a desk that lives would have renewed its lease.
    """
    began, watch, is_told = times.steady(), Watch(), False
    recorded = ledger.positions().trades or 0
    while True:
        with ledger.snapshot() as still:
            lease, progress = read_lease(still.connection), read_progress(still.connection)
        if lease is None or not lease.is_held(times.now()) or watch.is_dead(lease, times.steady()):
            return _act(ledger, settings, lease, times, actor)
        has_beaten = lease.token == left_to.token and lease.beat != left_to.beat
        if has_beaten or (progress is not None and progress.step and progress.trades >= recorded):
            return False
        left_to = lease
        if not is_told and times.steady() - began >= RENEW_EVERY.total_seconds():
            is_told = True
            on_wait(lease)
        times.wait(0.1)


def _act(ledger: Ledger, settings: Settings, dead: Lease | None, times: Times, actor: str) -> bool:
    with ledger.transaction() as inside:
        now = times.now()
        if holder_of(inside.connection, now) not in (None, dead):
            return False  # another desk was faster
        act_in_its_stead(inside, settings, now, actor)
        return True
