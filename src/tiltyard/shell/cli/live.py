"""``run``: the command of the running desk; :mod:`tiltyard.shell.cli.running_desk` runs it."""

from typing import Annotated

import typer

from tiltyard.shell.cli.options import AsJson, Config, Database, settings_from
from tiltyard.shell.live import TICK
from tiltyard.shell.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("run")(run_desk)


def run_desk(
    interval: Annotated[
        float, typer.Option(help="Seconds between two looks when nothing comes in.", min=0.1)
    ] = TICK.total_seconds(),
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait while another desk holds the lease.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Do what is due now, and end; for cron.")
    ] = False,
    observe: Annotated[
        bool, typer.Option("--observe", help="Judge and record; change nothing.")
    ] = False,
    only: Annotated[
        str | None, typer.Option("--only", metavar="POLICY", help="Print what concerns this arm.")
    ] = None,
    serve: Annotated[
        bool | None, typer.Option("--serve/--no-serve", help="Over HTTP, too. [api.serve]")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Of HTTP. [api.port]", min=0, max=65535)] = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Watch the ledger and act, until stopped: judge every trade, obey commands, run nights."""
    settings = _with_api(settings_from(config), serve=serve, port=port)
    from tiltyard.shell.cli.running_desk import be_the_desk  # noqa: PLC0415 slow

    be_the_desk(settings, config, database, interval=interval, wait=wait, once=once,
                observe=observe, only=only, as_json=as_json)  # fmt: skip


def _with_api(settings: Settings, *, serve: bool | None, port: int | None) -> Settings:
    """The settings, as the command line amends them."""
    said = {"serve": serve if port is None or serve is not None else True, "port": port}
    chosen = {name: value for name, value in said.items() if value is not None}
    return settings.model_copy(update={"api": settings.api.model_copy(update=chosen)})
