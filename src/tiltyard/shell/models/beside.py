"""The thread in which models are loaded and looked after, for as long as a desk runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tiltyard.shell.clock import system_now
from tiltyard.shell.effects.courier import Courier
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.models.health import SETTLES, Health, repeated_every
from tiltyard.shell.models.stable import Stable
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger


@contextmanager
def models_kept(
    stable: Stable,
    settings: Settings,
    ledger: Ledger,
    *,
    say: Callable[[str], object],
    once: bool = False,
) -> Iterator[None]:
    """Load what the desk asks for, and report how it is.

    Args:
        stable: The models.
        settings: Whose checklist says how often a reading is needed.
        ledger: Where observations go; by a door of its own.
        say: Told, for people, what is wrong with them.
        once: The desk ends at once: they are loaded by now, and reported before it trades and
            after.
    """
    with ledger.beside() as door:
        health = Health(
            stable, Gauges(door, system_now).report, every=repeated_every(settings.checklist),
            now=system_now, say=say, settles=0 if once else SETTLES,
        )  # fmt: skip
        if once:
            health.look()
            yield
            health.look()  # what the floor has found
            return
        courier = Courier("models", health.look)
        stable.nudge = courier.nudge
        with courier.at_work():
            yield
