"""The thread in which drifts are observed, for as long as a desk that trades on bars runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.drift.apart import Apart
from tiltyard.shell.drift.observer import DriftObserver
from tiltyard.shell.effects.courier import Courier
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


@contextmanager
def drift_watched(
    settings: Settings, ledger: Ledger, *, say: Callable[[str], object]
) -> Iterator[None]:
    """Observe the drift of every policy that was trained, if the desk trades on bars.

    Args:
        settings: How often, and on which bars.
        ledger: Where observations go; by a door of its own.
        say: Told, for people, why one is not observed.
    """
    if not settings.market.feed or settings.drift.is_off:
        yield
        return
    with ledger.beside() as door:
        apart = Apart(addresses={one.address_env for one in settings.notify.recipient})
        observer = DriftObserver(
            door, settings, apart.measure, Gauges(door, system_now).report,
            now=system_now, steady=steady_seconds, say=say,
        )  # fmt: skip
        with Courier("drift", observer.look).at_work():
            try:
                yield
            finally:
                apart.end()
