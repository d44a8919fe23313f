"""What the API works with; the addresses are given it, and know nothing else of the desk."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tiltyard.shell.api.gate import Gate
from tiltyard.shell.api.held_shares import HeldShares
from tiltyard.shell.api.recorder import Recorder
from tiltyard.shell.commanding import Times
from tiltyard.shell.exporter.exposition import Exposition
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.targets import Target


@dataclass(frozen=True, slots=True)
class Inside:
    """Behind the API.

    Attributes:
        door: To the ledger, for verbs and whoever looks; gate and recorder have their own.
        settings: Should a command have to be carried out without a desk.
        gate: Who may come in.
        recorder: Writes what is reported.
        shares: As bots are told them.
        salt: Of the choices of this ledger.
        times: Clocks, and how to wait for a command's outcome.
        holder: Our name on the lease, should we have to act.
        targets: Who outside is told then.
        troubles: Why the desk does not judge, for people; empty while it does.
        on_floor: Arms that the desk trades itself, on bars.
        observes: The desk judges, and changes nothing.
        exposition: What ``/metrics`` shows.
    """

    door: Ledger
    settings: Settings
    gate: Gate
    recorder: Recorder
    shares: HeldShares
    salt: Callable[[], str]
    times: Times
    holder: str
    targets: Mapping[str, Target]
    troubles: Callable[[], Sequence[str]]
    on_floor: Callable[[], Collection[str]]
    observes: bool
    exposition: Exposition

    def now(self) -> datetime:
        """The time of day, UTC."""
        return self.times.now()
