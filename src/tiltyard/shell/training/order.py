"""What is to be trained, as it was asked for on the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from tiltyard.kernel.errors import TiltyardError

What = Literal["encoder", "tabnet", "rl", "sweep"]
Device = Literal["auto", "cpu", "cuda"]
GENERATION = 2
"""So many trials of a sweep do not know of each other, if nobody says otherwise."""
PORTS = 65_536
AUTO = "auto"
"""The cluster that this machine is a node of."""


def refuse_no_address(address: str) -> None:
    """See that something may be the address of a cluster, before anybody is asked.

    Raises:
        TiltyardError: ``CLUSTER_ADDRESS_INVALID``.

    >>> refuse_no_address("10.0.0.5:6379")
    >>> refuse_no_address("auto")
    >>> refuse_no_address("")
    Traceback (most recent call last):
      ...
    tiltyard.kernel.errors.TiltyardError: CLUSTER_ADDRESS_INVALID '': no address of a cluster. ...
    """
    host, _, port = address.rpartition(":")
    is_one = bool(host) and "/" not in host and port.isdecimal() and int(port) < PORTS
    if address != AUTO and not is_one:
        raise TiltyardError(
            "CLUSTER_ADDRESS_INVALID", address or "''", "no address of a cluster",
            "expected host:port of its head, such as 10.0.0.5:6379, or auto",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be trained.

    Attributes:
        what: ``encoder``, ``tabnet``, ``rl`` or ``sweep``.
        folder: Of bars.
        output: Where snapshots lie.
        symbols: Those that are learnt from; empty for all there are.
        interval: How long a bar lasts; None for the only one, or an hour.
        since: The first moment that is learnt from; None for the first bar.
        until: What has closed by then is known; None for all.
        assume_utc: Read times without an offset as UTC.
        seed: Of all that is drawn.
        minutes: After so long no further epoch is begun; None for as long as it takes.
        epochs: Of the encoder, or of a head at most; None for the usual number.
        encoder: A snapshot whose encoder is taken.
        refresh: A snapshot that goes on learning.
        has_funding: Funding rates are learnt from, too.
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: Of torch; 0 for as many as there are processors.
        trials: Of a sweep.
        workers: Processes of a sweep.
        generation: Trials of a sweep that do not know of each other.
        ray: Address of a cluster that runs trials or fits; empty for this machine.
        steps: Of players, for each network of a sizing policy.
        seeds: Networks of a sizing policy.
        same_bars: Options of the command line that name the same bars and the same folders.
    """

    what: What
    folder: Path
    output: Path
    symbols: Sequence[str] = ()
    interval: timedelta | None = None
    since: datetime | None = None
    until: datetime | None = None
    assume_utc: bool = False
    seed: int = 1
    minutes: float | None = None
    epochs: int | None = None
    encoder: Path | None = None
    refresh: Path | None = None
    has_funding: bool = False
    device: Device = "auto"
    threads: int = 0
    trials: int = 10
    workers: int = 1
    generation: int = GENERATION
    ray: str = ""
    steps: int = 250_000
    seeds: int = 5
    same_bars: str = ""
