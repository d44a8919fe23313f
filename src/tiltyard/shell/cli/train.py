"""``train``: make an encoder, a policy, or several to choose from, out of a folder of bars."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.options import AsJson, Config, settings_from
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.settings import Settings
from tiltyard.shell.training.machine import require_learn
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
OnDevice = Annotated[Device, typer.Option("--device", help="Where is calculated.")]
Threads = Annotated[int, typer.Option(min=0, max=1_024, help="0: one for each processor.")]
Output = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Of snapshots. [models.folder]")
]
Report = Annotated[Path | None, typer.Option(metavar="FILE", help="[beside the snapshot]")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    train = typer.Typer(help="Train policies on bars.", no_args_is_help=True)
    train.command("encoder")(encoder)
    train.command("tabnet")(tabnet)
    train.command("sweep")(sweep)
    app.add_typer(train, name="train")


def encoder(
    data: Data,
    symbols: Symbols = None,
    interval: Interval = None,
    since: Since = None,
    until: Until = None,
    assume_utc: AssumeUtc = False,
    seed: Seed = 1,
    budget: Budget = None,
    epochs: EncoderEpochs = None,
    refresh: Refresh = None,
    device: OnDevice = "auto",
    threads: Threads = 0,
    output: Output = None,
    report: Report = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Train what looks at windows of bars; no test of a policy is known to it."""
    settings = settings_from(config)
    order = _order(
        "encoder", settings, data, symbols, interval, since, until, output, None, refresh,
        assume_utc=assume_utc, seed=seed, minutes=budget, epochs=epochs, device=device,
        threads=threads,
    )  # fmt: skip
    _run(order, report, as_json=as_json)


def tabnet(
    data: Data,
    symbols: Symbols = None,
    interval: Interval = None,
    since: Since = None,
    until: Until = None,
    assume_utc: AssumeUtc = False,
    seed: Seed = 1,
    budget: Budget = None,
    epochs: HeadEpochs = None,
    encoder: Given = None,
    refresh: Refresh = None,
    funding: Funding = False,
    device: OnDevice = "auto",
    threads: Threads = 0,
    output: Output = None,
    report: Report = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Train a policy, and say what it would have made of days it did not know."""
    settings = settings_from(config)
    if encoder is not None and refresh is not None:
        raise TiltyardError(
            "OPTION_IDLE", "--encoder", "whoever is refreshed has an encoder", "leave one out"
        )
    if funding and refresh is not None:
        raise TiltyardError(
            "OPTION_IDLE", "--funding", "whoever is refreshed learns from what it did before",
            "leave one out",
        )  # fmt: skip
    order = _order(
        "tabnet", settings, data, symbols, interval, since, until, output, encoder, refresh,
        assume_utc=assume_utc, seed=seed, minutes=budget, epochs=epochs, device=device,
        threads=threads,
    )  # fmt: skip
    _run(replace(order, has_funding=funding), report, as_json=as_json)


def sweep(
    data: Data,
    symbols: Symbols = None,
    interval: Interval = None,
    since: Since = None,
    until: Until = None,
    assume_utc: AssumeUtc = False,
    seed: Seed = 1,
    budget: Budget = None,
    epochs: HeadEpochs = None,
    trials: Annotated[int, typer.Option(min=1, max=1_000, help="In all.")] = 10,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    funding: Funding = False,
    device: OnDevice = "auto",
    output: Output = None,
    report: Report = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Train policies of other settings, by what they earn, and keep the best two."""
    settings = settings_from(config)
    order = _order(
        "sweep", settings, data, symbols, interval, since, until, output, None, None,
        assume_utc=assume_utc, seed=seed, minutes=budget, epochs=epochs, device=device, threads=1,
    )  # fmt: skip
    order = replace(order, trials=trials, workers=workers, has_funding=funding)
    _run(order, report, as_json=as_json)


def _order(
    what: What, settings: Settings, data: Path, symbols: str | None, interval: str | None,
    since: str | None, until: str | None, output: Path | None, given: str | None,
    refresh: str | None, *, assume_utc: bool, seed: int, minutes: float | None,
    epochs: int | None, device: Device, threads: int,
) -> Order:  # fmt: skip
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
    )  # fmt: skip


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


def _run(order: Order, report: Path | None, *, as_json: bool) -> None:
    """Train, and say what came of it."""
    require_learn()
    from tiltyard.learners.job import Step  # noqa: PLC0415 slow
    from tiltyard.shell.pictures.file import refuse_unwritable  # noqa: PLC0415 slow
    from tiltyard.shell.training.bars import read_bars  # noqa: PLC0415 slow
    from tiltyard.shell.training.flaws import flaw_lines  # noqa: PLC0415 slow
    from tiltyard.shell.training.machine import settle  # noqa: PLC0415 slow
    from tiltyard.shell.training.rates import rate_lines, refreshes_by_funding  # noqa: PLC0415 slow
    from tiltyard.shell.training.status import StatusFile, status_path  # noqa: PLC0415 slow
    from tiltyard.shell.training.telling import telling  # noqa: PLC0415 slow

    if report is not None:
        refuse_unwritable(report)
    with _keeping_work():
        job = f"train {order.what}"
        status = StatusFile(status_path(os.environ), job, system_now, steady_seconds)
        try:
            bars = read_bars(
                order.folder, order.symbols, order.interval, order.since, order.until,
                assume_utc=order.assume_utc,
            )  # fmt: skip
            needs_rates = order.has_funding or refreshes_by_funding(order)
            left_out = rate_lines(order, bars) if needs_rates else []
            for line in (*flaw_lines(bars), *left_out):
                typer.echo(line, err=True)
            place = settle(order.device, order.threads)
            # not before: what is wrong with the bars is said before torch is loaded
            from tiltyard.shell.training.carrying_out import carry_out  # noqa: PLC0415 slow
            from tiltyard.shell.training.running import World  # noqa: PLC0415 slow

            with telling(steady_seconds) as tell:

                def told(step: Step) -> None:
                    tell(step)
                    status.step(step)

                world = World(system_now, steady_seconds, told, status.saved, place)
                lines, row = carry_out(order, bars, world, report)
        finally:
            status.ended()
    for line in [json.dumps(row, indent=2)] if as_json else lines:
        typer.echo(line)


@contextmanager
def _keeping_work() -> Iterator[None]:
    """An interruption leaves what was learnt; who asks for a checkpoint has one each epoch."""
    signal.signal(signal.SIGUSR1, lambda *_: None)  # it would end a process that does not know it
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nwhat was learnt is kept: the same command goes on from there", err=True)
        raise
