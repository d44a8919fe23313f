"""``train``: make an encoder, a policy, or several to choose from, out of a folder of bars."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltyard.kernel.clock import moment
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.cli.options import AsJson, Config, Database, ledger_if_any, settings_from
from tiltyard.shell.cli.train_options import (
    AsOf,
    AssumeUtc,
    Budget,
    Data,
    EncoderEpochs,
    Funding,
    Given,
    HeadEpochs,
    Interval,
    LoggedShare,
    OnCluster,
    OnDevice,
    Output,
    Refresh,
    Report,
    Seed,
    Since,
    Symbols,
    Threads,
    Until,
    order_of,
)
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.extra_learn import require_learn
from tiltyard.shell.settings import Settings
from tiltyard.shell.training.order import GENERATION, Device, Order, refuse_no_address

if TYPE_CHECKING:
    from tiltyard.learners.logged import Log
    from tiltyard.learners.rivals import Champion
    from tiltyard.shell.training.bars import Bars
    from tiltyard.shell.training.status import StatusFile


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    train = typer.Typer(help="Train policies on bars.", no_args_is_help=True)
    train.command("encoder")(encoder)
    train.command("tabnet")(tabnet)
    train.command("rl")(rl)
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
    order = order_of(
        "encoder", settings, data, symbols, interval, since, until, output, refresh=refresh,
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
    order = order_of(
        "tabnet", settings, data, symbols, interval, since, until, output, encoder, refresh,
        assume_utc=assume_utc, seed=seed, minutes=budget, epochs=epochs, device=device,
        threads=threads,
    )  # fmt: skip
    _run(replace(order, has_funding=funding), report, as_json=as_json)


def rl(
    data: Data,
    symbols: Symbols = None,
    interval: Interval = None,
    since: Since = None,
    until: Until = None,
    assume_utc: AssumeUtc = False,
    steps: Annotated[int, typer.Option(min=1_000, help="Of players, for each network.")] = 250_000,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Networks; the gate asks for 5.")] = 5,
    seed: Seed = 1,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="MINUTES", help="After that, keep the best there is."),
    ] = None,
    encoder: Given = None,
    champion: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Whom to beat: a kind of rule, or a snapshot. [the ledger's]"
        ),
    ] = None,
    logged: LoggedShare = None,
    as_of: AsOf = None,
    funding: Funding = False,
    ray: OnCluster = None,
    threads: Threads = 0,
    output: Output = None,
    report: Report = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Train a policy that says how much to hold, and judge it by its worse seeds."""
    settings = settings_from(config)
    order = order_of(
        "rl", settings, data, symbols, interval, since, until, output, encoder,
        assume_utc=assume_utc, seed=seed, minutes=timeout, epochs=None, device="cpu",
        threads=threads,
    )  # fmt: skip
    order = replace(order, steps=steps, seeds=seeds, has_funding=funding, ray=_address(ray))
    require_learn()
    known_by = None if as_of is None else moment(as_of)
    rival = _rival(champion, database, settings, order.output, known_by)
    if isinstance(rival, str):
        typer.echo(f"compared with no champion: {rival}", err=True)

    def log_for(bars: "Bars") -> "Log | None":
        return _log(logged, bars, order, database, settings, known_by)

    _run(
        order, report, as_json=as_json, champion=None if isinstance(rival, str) else rival,
        log_for=log_for,
    )  # fmt: skip


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
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes. [1]")] = None,
    generation: Annotated[
        int,
        typer.Option(
            min=1, max=1_000, help="Trials that do not know of each other, and may run at once."
        ),
    ] = GENERATION,
    ray: OnCluster = None,
    funding: Funding = False,
    device: OnDevice = "auto",
    output: Output = None,
    report: Report = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Train policies of other settings, by what they earn, and keep the best two."""
    settings = settings_from(config)
    if workers is not None and ray is not None:
        raise TiltyardError(
            "OPTION_IDLE", "--workers", "the processors of a cluster are its own to share out",
            "leave out --workers, or --ray",
        )  # fmt: skip
    order = order_of(
        "sweep", settings, data, symbols, interval, since, until, output,
        assume_utc=assume_utc, seed=seed, minutes=budget, epochs=epochs,
        device=_device(device, ray), threads=1,
    )  # fmt: skip
    order = replace(
        order, trials=trials, workers=workers or 1, generation=generation, has_funding=funding,
        ray=_address(ray),
    )  # fmt: skip
    _run(order, report, as_json=as_json)


def _address(ray: str | None) -> str:
    """Of a cluster; empty for this machine."""
    if ray is not None:
        refuse_no_address(ray)
    return ray or ""


def _device(device: Device, ray: str | None) -> Device:
    """Of a sweep; tasks of a cluster calculate on its processors."""
    if ray is None:
        return device
    if device == "cuda":
        raise TiltyardError(
            "DEVICE_MISSING", device, "on a cluster is calculated on its processors",
            "leave out --ray, or --device cuda",
        )  # fmt: skip
    return "cpu"


def _rival(
    text: str | None,
    database: str | None,
    settings: Settings,
    output: Path,
    known_by: datetime | None,
) -> "Champion | str":
    """The champion that is named, or that of the ledger; in words, why there is none."""
    from tiltyard.shell.training.champion import (  # noqa: PLC0415 slow
        champion_named,
        champion_of,
    )

    if text is not None:
        return champion_named(text, dict.fromkeys([output, settings.models.path]))
    if (opened := ledger_if_any(database, settings)) is None:
        return "there is no ledger"
    with opened as ledger:
        return champion_of(ledger, settings.models.path, known_by)


def _log(
    share: float | None,
    bars: "Bars",
    order: Order,
    database: str | None,
    settings: Settings,
    known_by: datetime | None,
) -> "Log | None":
    """What the arms of the ledger held, and a word of it; why there is nothing is said if asked."""
    from tiltyard.learners.logged import SHARE  # noqa: PLC0415 slow
    from tiltyard.shell.training.logged import log_of  # noqa: PLC0415 slow
    from tiltyard.shell.training.logged_words import log_line  # noqa: PLC0415 slow

    if share == 0:
        return None
    found: Log | str = "there is no ledger"
    if (opened := ledger_if_any(database, settings)) is not None:
        with opened as ledger:
            found = log_of(ledger, bars.candles, share or SHARE, order.until, known_by)
    if not isinstance(found, str):
        typer.echo(log_line(found), err=True)
        return found
    if share is not None:
        typer.echo(f"logged: nothing: {found}", err=True)
    return None


def _run(
    order: Order,
    report: Path | None,
    *,
    as_json: bool,
    champion: "Champion | None" = None,
    log_for: "Callable[[Bars], Log | None]" = lambda _: None,
) -> None:
    """Train, and say what came of it."""
    require_learn()
    from tiltyard.learners.job import Step  # noqa: PLC0415 slow
    from tiltyard.learners.snapshot_folder import refuse_unwritable_folder  # noqa: PLC0415 slow
    from tiltyard.shell.pictures.file import refuse_unwritable  # noqa: PLC0415 slow
    from tiltyard.shell.training.bars import read_bars  # noqa: PLC0415 slow
    from tiltyard.shell.training.flaws import flaw_lines  # noqa: PLC0415 slow
    from tiltyard.shell.training.machine import settle  # noqa: PLC0415 slow
    from tiltyard.shell.training.rates import rate_lines, refreshes_by_funding  # noqa: PLC0415 slow
    from tiltyard.shell.training.status import StatusFile, status_path  # noqa: PLC0415 slow
    from tiltyard.shell.training.telling import telling  # noqa: PLC0415 slow

    if report is not None:
        refuse_unwritable(report)
    shown = ExitStack()

    def say(lines: Sequence[str], row: Mapping[str, Any]) -> None:
        shown.close()  # a live line on a terminal takes everything that is printed beside it
        for line in [json.dumps(row, indent=2)] if as_json else lines:
            typer.echo(line)

    job = f"train {order.what}"
    status = StatusFile(status_path(os.environ), job, system_now, steady_seconds)
    with _keeping_work(status):
        try:
            bars = read_bars(
                order.folder, order.symbols, order.interval, order.since, order.until,
                assume_utc=order.assume_utc,
            )  # fmt: skip
            needs_rates = order.has_funding or refreshes_by_funding(order)
            left_out = rate_lines(order, bars) if needs_rates else []
            for line in (*flaw_lines(bars, system_now(), order.until), *left_out):
                typer.echo(line, err=True)
            refuse_unwritable_folder(order.output)
            log = log_for(bars)
            place = settle(order.device, order.threads)
            # not before: what is wrong with the bars is said before torch is loaded
            from tiltyard.shell.training.carrying_out import carry_out  # noqa: PLC0415 slow
            from tiltyard.shell.training.running import World  # noqa: PLC0415 slow
            from tiltyard.shell.training.spreading import spread_over  # noqa: PLC0415 slow

            with spread_over(order.ray) as (hire, fitter), shown:
                tell = shown.enter_context(telling(steady_seconds))

                def told(step: Step) -> None:
                    tell(step)
                    status.step(step)

                world = World(system_now, steady_seconds, told, status.saved, place, hire, fitter)
                carry_out(order, bars, world, report, say, champion, log)
        finally:
            status.ended()


@contextmanager
def _keeping_work(status: "StatusFile") -> Iterator[None]:
    """An interruption leaves what was learnt; who asks for a checkpoint has one each epoch."""
    signal.signal(signal.SIGUSR1, lambda *_: None)  # it would end a process that does not know it
    try:
        yield
    except KeyboardInterrupt:
        kept = status.saved_at
        told = (
            "nothing was kept since it began: the same command begins where this one did"
            if kept is None
            else f"what was learnt by {kept:%H:%M:%S}Z is kept: the same command goes on from there"
        )
        typer.echo(f"\n{told}", err=True)
        raise
