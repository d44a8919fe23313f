"""``drift``: how far the encoders of trained policies have drifted, measured now."""

from typing import Annotated

import typer

from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(drift)


def drift(
    policy: Annotated[
        str | None, typer.Argument(help="Name or unique suffix. [every trained policy]")
    ] = None,
    as_json: AsJson = False,
    report: Annotated[
        bool, typer.Option("--report", help="Record it, as a running desk does.")
    ] = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """How far the encoders of trained policies have drifted, on the bars of the market's feed."""
    settings = settings_from(config)
    from tiltyard.shell.cli.drift_measuring import measure_drifts  # noqa: PLC0415 slow

    with open_ledger(database, settings) as ledger:
        is_well = measure_drifts(ledger, settings, policy, as_json=as_json, report=report)
    if not is_well:
        raise typer.Exit(1)
