"""Options of ``train``, and how they become what is to be trained."""

import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.settings import Settings
from tiltyard.shell.training.order import Device, Order, What

_INTERVAL = re.compile(r"(?P<count>[1-9]\d{0,3})(?P<unit>[mhd])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

Data = Annotated[Path, typer.Option("--data", metavar="FOLDER", help="Bars to learn from.")]
Symbols = Annotated[
    str | None, typer.Option(metavar="A,B", help="SOL/USDT,BTC/USDT, or SOL,BTC. [all there are]")
]
Interval = Annotated[
    str | None, typer.Option(metavar="1h", help="Length of a bar. [the only one; 1h of several]")
]
Since = Annotated[str | None, typer.Option("--from", metavar="TIME", help="[the first bar]")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="[the last bar]")]
AssumeUtc = Annotated[bool, typer.Option("--assume-utc", help="Times without an offset are UTC.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The same seed makes the same.")]
Budget = Annotated[
    float | None, typer.Option(min=0, metavar="MINUTES", help="Begin no further epoch after that.")
]
EncoderEpochs = Annotated[
    int | None, typer.Option("--epochs", min=1, max=10_000, help="Of the encoder.")
]
HeadEpochs = Annotated[
    int | None, typer.Option("--epochs", min=1, max=10_000, help="Of a head, at most.")
]
Given = Annotated[
    str | None, typer.Option(metavar="SNAPSHOT", help="Take its encoder: a folder, or a name.")
]
Refresh = Annotated[
    str | None, typer.Option(metavar="SNAPSHOT", help="Let this one go on learning.")
]
Funding = Annotated[bool, typer.Option("--funding", help="Learn from funding rates, too.")]
LoggedShare = Annotated[
    float | None,
    typer.Option(
        "--logged", min=0, max=0.9, metavar="SHARE",
        help="Of each batch, what the ledger's arms did. 0: none. [0.25, where they did anything]",
    ),
]  # fmt: skip
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME", help="The ledger as it was known then, with its champion. [now]"
    ),
]
OnDevice = Annotated[Device, typer.Option("--device", help="Where is calculated.")]
Threads = Annotated[int, typer.Option(min=0, max=1_024, help="0: one for each processor.")]
OnCluster = Annotated[
    str | None,
    typer.Option(
        "--ray", metavar="ADDRESS", help="A Ray cluster to run on: host:port, or auto. [none]"
    ),
]
Output = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Of snapshots. [models.folder]")
]
Report = Annotated[Path | None, typer.Option(metavar="FILE", help="[beside the snapshot]")]


def order_of(
    what: What, settings: Settings, data: Path, symbols: str | None, interval: str | None,
    since: str | None, until: str | None, output: Path | None, given: str | None = None,
    refresh: str | None = None, *, assume_utc: bool, seed: int, minutes: float | None,
    epochs: int | None, device: Device, threads: int,
) -> Order:  # fmt: skip
    """What is to be trained, by what was typed.

    Args:
        what: ``encoder``, ``tabnet``, ``rl`` or ``sweep``.
        settings: Where snapshots lie, unless ``output`` says it.
        data: A folder of bars.
        symbols: Their names, with commas between; None for all.
        interval: Such as ``1h``; None for the only one there is.
        since: A time; None for the first bar.
        until: A time; None for the last bar.
        output: Where the snapshot goes.
        given: A snapshot whose encoder is taken: its folder, its name, or how that ends.
        refresh: A snapshot that goes on learning, meant in the same way.
        assume_utc: Times without an offset are UTC.
        seed: Of all that is drawn.
        minutes: After so long no further epoch is begun.
        epochs: Of the encoder, or of a head at most.
        device: Where is calculated.
        threads: Of torch.

    Raises:
        TiltyardError: ``RANGE_EMPTY``, ``FEED_MISSING``, ``INTERVAL_INVALID``,
            ``SNAPSHOT_MISSING``, ``POLICY_AMBIGUOUS``; what is wrong with a time.
    """
    folder = output or settings.models.path
    begins = None if since is None else moment(since, assume_utc=assume_utc)
    ends = None if until is None else moment(until, assume_utc=assume_utc)
    if begins is not None and ends is not None and begins >= ends:
        raise TiltyardError(
            "RANGE_EMPTY", f"{since} to {until}", "it ends before it begins",
            "--from names the earlier time, --until the later one",
        )  # fmt: skip
    return Order(
        what, data, folder,
        symbols=_symbols(symbols),
        interval=None if interval is None else _interval(interval),
        since=begins, until=ends,
        assume_utc=assume_utc, seed=seed, minutes=minutes, epochs=epochs,
        encoder=_snapshot(given, folder), refresh=_snapshot(refresh, folder),
        device=device, threads=threads,
        same_bars=_same_bars(data, symbols, interval, since, until, output, assume_utc=assume_utc),
    )  # fmt: skip


def _same_bars(
    data: Path, symbols: str | None, interval: str | None, since: str | None, until: str | None,
    output: Path | None, *, assume_utc: bool,
) -> str:  # fmt: skip
    typed = {
        "--data": data, "--symbols": symbols, "--interval": interval, "--from": since,
        "--until": until, "--output": output,
    }  # fmt: skip
    options = [f"{name} {shlex.quote(str(one))}" for name, one in typed.items() if one is not None]
    return " ".join([*options, *(["--assume-utc"] if assume_utc else [])])


def _symbols(text: str | None) -> tuple[str, ...]:
    """Those that are named; none where nobody said which."""
    named = tuple(filter(None, map(str.strip, (text or "").split(","))))
    if text is not None and not named:
        raise TiltyardError(
            "FEED_MISSING", f"--symbols {text!r}", "it names none",
            "name some, such as SOL,BTC, or leave --symbols out for all",
        )  # fmt: skip
    return named


def _interval(text: str) -> timedelta:
    found = _INTERVAL.fullmatch(text)
    if found is None:
        raise TiltyardError(
            "INTERVAL_INVALID", text, "no length of a bar", "expected one such as 15m, 1h or 1d"
        )
    return int(found["count"]) * _UNITS[found["unit"]]


def _snapshot(text: str | None, folder: Path) -> Path | None:
    """Where it lies: a folder, or what is called so, or ends so, where snapshots lie."""
    from tiltyard.shell.models.shelf import Shelf, is_snapshot  # noqa: PLC0415 slow

    if text is None or is_snapshot(Path(text)):
        return None if text is None else Path(text)
    meant = Shelf(folder).meant_by(text)
    if meant is None:
        raise TiltyardError(
            "SNAPSHOT_MISSING", text, f"it is no snapshot, and none in {folder} is called so"
        )
    return meant
