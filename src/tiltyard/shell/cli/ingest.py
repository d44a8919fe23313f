"""``ingest``: trades from files into the ledger."""

from pathlib import Path
from typing import Annotated

import typer

from tiltyard.facts.trade import Trade
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.kernel.text import refuse_long
from tiltyard.shell.cli.asking import waking_times
from tiltyard.shell.cli.options import (
    Capital,
    Config,
    Database,
    capital_from,
    open_ledger,
    settings_from,
)
from tiltyard.shell.cli.progress import counting
from tiltyard.shell.clock import system_now
from tiltyard.shell.in_its_stead import see_to_it
from tiltyard.shell.ingest import Ingested, Reading, ingest
from tiltyard.shell.replaying.replay import actor_name
from tiltyard.shell.sources import PolicyFrom as SourcePolicyFrom
from tiltyard.shell.store.lease import Lease

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE…", help="csv, jsonl, parquet, freqtrade.")
]
Source = Annotated[str | None, typer.Option(help="Who reported these trades. [from the file]")]
Policy = Annotated[str | None, typer.Option(help="Policy of rows that name none.")]
Account = Annotated[str | None, typer.Option(help="Account of rows that name none.")]
Columns = Annotated[
    list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Rename a column.")
]
AssumeUtc = Annotated[bool, typer.Option("--assume-utc", help="Times without offset are UTC.")]
PolicyFrom = Annotated[
    SourcePolicyFrom,
    typer.Option(help="What names the policy in freqtrade; nothing: --policy does."),
]


NOTHING_TAKEN = 2


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("ingest")(ingest_files)


def ingest_files(
    files: Files,
    policy: Policy = None,
    source: Source = None,
    account: Account = None,
    capital: Capital = None,
    columns: Columns = None,
    assume_utc: AssumeUtc = False,
    policy_from: PolicyFrom = "strategy",
    register: Annotated[
        bool, typer.Option("--register", help="Register unknown policies.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Write good rows, and a rejects file.")
    ] = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Record closed trades. A bad file writes nothing; reading a file twice changes nothing."""
    refuse_long(source=source or "", account=account or "")
    settings = settings_from(config)
    how = Reading(
        source=source, policy=policy, account=account, capital=capital_from(capital),
        columns=columns_from(columns), assume_utc=assume_utc, policy_from=policy_from,
        register=register, skip_bad=skip_bad,
    )  # fmt: skip
    with open_ledger(database, settings, create=True) as ledger:
        for file in files:
            with counting(file.name, "rows") as progress:
                done = ingest(
                    ledger, file, how, settings, system_now(),
                    actor=actor_name(), progress=progress,
                )  # fmt: skip
            _say(done)
            counts = done.counts
            taken = counts.new + counts.corrected + counts.unchanged + counts.quarantined
            if done.rejected and not taken:
                raise typer.Exit(NOTHING_TAKEN)
            if done.left_to is not None:
                with waking_times(ledger) as times:
                    see_to_it(ledger, settings, done.left_to, times, actor_name(), _say_waiting)


def columns_from(pairs: list[str] | None) -> dict[str, str]:
    """``--map field=column`` as a mapping.

    Raises:
        TiltyardError: ``MAP_INVALID`` for anything that is no pair, or no field.
    """
    columns = {}
    for pair in pairs or ():
        field, equals, column = pair.partition("=")
        if not equals or not column or field not in Trade._fields or field == "seq":
            hint = did_you_mean(field, Trade._fields) or "expected field=column"
            raise TiltyardError("MAP_INVALID", repr(pair), f"no trade field {field!r}", hint)
        columns[field] = column
    return columns


def _say(done: Ingested) -> None:
    counts = done.counts
    typer.echo(
        f"{done.file.name}: {counts.new:,} new, {counts.corrected:,} corrected, "
        f"{counts.unchanged:,} unchanged"
    )
    if done.registered:
        typer.echo(f"  registered as challengers: {', '.join(done.registered)}")
    if counts.quarantined:
        trades = "trade" if counts.quarantined == 1 else "trades"
        typer.echo(
            f"  quarantined: {counts.quarantined:,} {trades} in the future (tiltyard doctor)"
        )
    if done.rejects is not None:
        rows = "row" if done.rejected == 1 else "rows"
        typer.echo(f"  rejected: {done.rejected:,} {rows}, see {done.rejects}")


def _say_waiting(lease: Lease) -> None:
    typer.echo(f"  waiting for a sign of life: {lease.holder} holds the lease", err=True)
