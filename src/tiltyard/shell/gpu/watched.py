"""The thread in which GPUs are read, for as long as a desk runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.effects.courier import Courier
from tiltyard.shell.gauges import Gauges
from tiltyard.shell.gpu.reader import GpuReader, source_from
from tiltyard.shell.gpu.readings import GpuReadings
from tiltyard.shell.sections.gpu import AUTO, GpuSettings
from tiltyard.shell.store.ledger import Ledger


@contextmanager
def gpus_watched(
    settings: GpuSettings, ledger: Ledger, readings: GpuReadings, *, say: Callable[[str], object]
) -> Iterator[None]:
    """Read the GPUs that the settings name, if any.

    Args:
        settings: Whom to ask.
        ledger: Where observations go; by a door of its own.
        readings: Where the newest reading is kept.
        say: Told, for people, when none can be read.
    """
    source = source_from(settings)
    if source is None:
        yield
        return
    with ledger.beside() as door:
        reader = GpuReader(
            source, readings, Gauges(door, system_now).report, every=settings.every,
            now=system_now, steady=steady_seconds, say=say, is_expected=settings.source != AUTO,
        )  # fmt: skip
        with Courier("gpus", reader.look).at_work():
            yield
