"""``alerts generate|validate|status|test|dashboard``: Prometheus and others beside the desk."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import Fault, Faults, TiltyardError
from tiltyard.shell.alerts.made import RULES, SCRAPE, Made, make
from tiltyard.shell.alerts.writing import places, read, write
from tiltyard.shell.as_made import is_edited
from tiltyard.shell.cli.alerts_dashboard import dashboard
from tiltyard.shell.cli.alerts_told import told_by, warning_of
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import steady_seconds, system_now
from tiltyard.shell.exit_codes import BREACH, UNKNOWN
from tiltyard.shell.sections.alerts import AlertSettings
from tiltyard.shell.sections.web_address import fault_of_address
from tiltyard.shell.settings import FILE, Settings

if TYPE_CHECKING:
    from tiltyard.shell.alerts.servers import Server

_UNKNOWN_ALERT = "GuardUnknown"

Output = Annotated[
    Path, typer.Option("--output", metavar="PATH", help="A folder, or the file of the rules.")
]
PrometheusUrl = Annotated[
    str | None, typer.Option("--prometheus-url", metavar="URL", help="[alerts.prometheus_url]")
]
AlertmanagerUrl = Annotated[
    str | None, typer.Option("--alertmanager-url", metavar="URL", help="[alerts.alertmanager_url]")
]
WebhookUrl = Annotated[
    str | None,
    typer.Option("--webhook-url", metavar="URL", help="The desk's /v1/alerts. [alerts.webhook]"),
]
TestSeverity = Annotated[
    Literal["critical", "warning", "info"],
    typer.Option("--severity", help="Which route a test alert takes."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that somebody has edited.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    alerts = typer.Typer(help="Prometheus and Alertmanager beside the desk.", no_args_is_help=True)
    alerts.command()(generate)
    alerts.command()(validate)
    alerts.command()(status)
    alerts.command("test")(try_alert)
    alerts.command()(dashboard)
    app.add_typer(alerts, name="alerts")


def generate(
    output: Output = Path(),
    webhook_url: WebhookUrl = None,
    force: Force = False,
    config: Config = None,
) -> None:
    """Write rules, routes and a scrape configuration, made from the checklist."""
    settings = _settings(config, webhook_url)
    made = make(settings, _source(config), places(output)[RULES].name)
    for path in write(made.texts, output, force=force):
        typer.echo(f"wrote {path}")
    _warn_if_nobody_is_told(settings)


def validate(
    output: Output = Path(),
    prometheus_url: PrometheusUrl = None,
    alertmanager_url: AlertmanagerUrl = None,
    webhook_url: WebhookUrl = None,
    within: Annotated[
        float,
        typer.Option(
            help="Seconds that Prometheus has from its start or reload on.", min=0, max=300
        ),
    ] = 30,
    config: Config = None,
) -> None:
    """Check the written files, and what runs by them where an address is given."""
    from tiltyard.shell.alerts.checking import by_tools  # noqa: PLC0415 only here

    settings = _settings(config, webhook_url, prometheus_url, alertmanager_url)
    where = places(output)
    made = make(settings, _source(config), where[RULES].name)
    _warn_if_nobody_is_told(settings)
    missing: list[str] = []
    stale = [f"{where[name]}: {fault}" for name, fault in _not_as_made(where, made.texts)]
    refused = list(by_tools(where, missing))
    for tool in missing:
        typer.echo(f"not checked by {tool}: it is not installed", err=True)
    running = _of_what_runs(
        settings.alerts, made, prometheus_url, alertmanager_url,
        0 if stale or refused else within,
    )  # fmt: skip
    if faults := [*stale, *refused, *running]:
        many = f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}"
        raise TiltyardError(
            "ALERTS_INVALID", str(output), "\n  ".join([many, *faults]),
            "; ".join(_remedies(stale, refused, running, where[SCRAPE].parent, settings.alerts)),
        )  # fmt: skip
    live = [server for server in (prometheus_url, alertmanager_url) if server is not None]
    beside = f", and so is what runs at {' and '.join(live)}" if live else ""
    typer.echo(f"{len(made.rules)} rules and their routes are in order{beside}")


def status(
    prometheus_url: PrometheusUrl = None,
    alertmanager_url: AlertmanagerUrl = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 3 when an alert fires, 4 when only unknowns do.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Say which alerts fire or are about to, since when, and whether they are silenced."""
    from tiltyard.shell.alerts.standing import standings  # noqa: PLC0415 only here
    from tiltyard.shell.cli.alerts_table import show  # noqa: PLC0415 slow

    told = _settings(config, None, prometheus_url, alertmanager_url).alerts
    prometheus = _server("Prometheus", told.prometheus_url)
    try:
        found = standings(prometheus, _server("Alertmanager", told.alertmanager_url), told.desk)
    except TiltyardError as error:
        if not error.subject.startswith("Alertmanager"):
            raise
        typer.echo(f"whether they are silenced is unknown: {error}", err=True)
        found = standings(prometheus, None, told.desk)
    if as_json:
        rows = [{**asdict(one), "since": time_text(one.since)} for one in found]
        typer.echo(json.dumps({"generated_at": time_text(system_now()), "alerts": rows}, indent=2))
    else:
        show(found)
    firing = {one.alert for one in found if one.state == "firing"}
    if check and firing:
        raise typer.Exit(UNKNOWN if firing == {_UNKNOWN_ALERT} else BREACH)


def try_alert(
    alertmanager_url: AlertmanagerUrl = None,
    severity: TestSeverity = "critical",
    within: Annotated[float, typer.Option(help="Seconds each may take.", min=1, max=300)] = 60,
    database: Database = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Send a marked test alert through Alertmanager, and wait until it has arrived.

    At Alertmanager, and where the settings name the desk's webhook, in the desk's record.
    """
    from tiltyard.shell.alerts.trying import try_out  # noqa: PLC0415 only here

    settings = _settings(config, None, None, alertmanager_url)
    told = settings.alerts
    arrival = try_out(
        _server("Alertmanager", told.alertmanager_url), told.desk, severity, secrets.token_hex(4),
        now=system_now(), seconds=steady_seconds, pause=time.sleep, within=within,
    )  # fmt: skip
    if not as_json:
        typer.echo(
            f"the test alert was at Alertmanager after {arrival.seconds:.1f} s, "
            f"for {told_by(arrival.receivers, told)}"
        )
        if severity != "info":
            _warn_if_nobody_is_told(settings)
    is_told = bool(told.webhook) and severity != "info"
    at_the_desk = _at_the_desk(database, settings, arrival.fingerprint, within) if is_told else None
    if as_json:
        said = {
            "alertmanager_seconds": round(arrival.seconds, 3),
            "receivers": arrival.receivers,
            "desk_seconds": None if at_the_desk is None else round(at_the_desk, 3),
        }
        typer.echo(json.dumps(said, indent=2))
    elif at_the_desk is not None:
        typer.echo(f"and {at_the_desk:.1f} s later in the desk's record")
    else:
        typer.echo("the desk is not told of it")


def _warn_if_nobody_is_told(settings: Settings) -> None:
    if warning := warning_of(settings):
        typer.echo(f"warning: {warning}", err=True)


def _at_the_desk(
    database: str | None, settings: Settings, fingerprint: str, within: float
) -> float:
    """Seconds until the desk has written down that Alertmanager has told it."""
    from tiltyard.shell.alerts.trying import wait_at_the_desk  # noqa: PLC0415 only here
    from tiltyard.shell.store.alert_table import was_told  # noqa: PLC0415 as above

    with open_ledger(database, settings) as ledger:

        def has_it() -> bool:
            with ledger.snapshot() as still:
                return was_told(still.connection, fingerprint)

        return wait_at_the_desk(has_it, seconds=steady_seconds, pause=time.sleep, within=within)


def _of_what_runs(
    told: AlertSettings,
    made: Made,
    prometheus_url: str | None,
    alertmanager_url: str | None,
    within: float,
) -> Sequence[str]:
    """What is wrong at the servers that are asked, once they have had their time."""
    from tiltyard.shell.alerts.checking import (  # noqa: PLC0415 only here
        by_alertmanager,
        by_prometheus,
    )
    from tiltyard.shell.alerts.settling import once_settled  # noqa: PLC0415 as above

    asked = None if prometheus_url is None else _server("Prometheus", told.prometheus_url)
    routing = None if alertmanager_url is None else _server("Alertmanager", told.alertmanager_url)

    def look() -> list[str]:
        found = [] if asked is None else list(by_prometheus(asked, made.rules, told.desk))
        return found if routing is None else [*found, *by_alertmanager(asked, routing)]

    if asked is None:
        return look()
    return once_settled(look, asked, seconds=steady_seconds, pause=time.sleep, within=within)


def _remedies(
    stale: Sequence[str],
    refused: Sequence[str],
    running: Sequence[str],
    folder: Path,
    told: AlertSettings,
) -> Iterator[str]:
    if stale:
        yield "make the files anew: tiltyard alerts generate"
    token = folder / told.scrape_token_file
    without_token = [fault for fault in refused if str(token.name) in fault]
    if without_token:
        command = f"(umask 077; tiltyard token create prometheus --scope read > {token})"
        yield f"make the token: {command}, or check where Prometheus has it"
    if len(refused) > len(without_token):
        yield "mend what the tools refuse"
    if running:
        yield "start Prometheus again, so that it reads its files, and see that the desk runs"


def _server(what: str, url: str) -> "Server":
    """Prometheus or Alertmanager, as they are asked."""
    from tiltyard.shell.alerts.servers import Server  # noqa: PLC0415 slow

    return Server(what, url)


def _settings(
    config: Path | None,
    webhook: str | None,
    prometheus: str | None = None,
    alertmanager: str | None = None,
) -> Settings:
    """The settings, as the options have them; marks are due as a desk on bars expects them."""
    settings = settings_from(config)
    said = {"webhook": webhook, "prometheus_url": prometheus, "alertmanager_url": alertmanager}
    given = {name: url.rstrip("/") for name, url in said.items() if url is not None}
    faults = [
        Fault(f"--{name.removesuffix('_url')}-url", fault)
        for name, url in given.items()
        if (fault := fault_of_address(url))
    ]
    if faults:
        raise Faults("CONFIG_INVALID", "the command line", faults)
    alerts = settings.alerts.model_copy(update=given)
    return with_marks_every_bar(settings.model_copy(update={"alerts": alerts}))


def with_marks_every_bar(settings: Settings) -> Settings:
    """The settings as a desk goes by them that trades on bars; what is amiss with those is said."""
    if not settings.market.feed:
        return settings
    from tiltyard.shell.feeds.folder import interval_in  # noqa: PLC0415 slow

    try:
        return settings.marked_every(interval_in(Path(settings.market.feed)))
    except TiltyardError as error:
        typer.echo(f"warning: marks are expected as if there were no feed: {error}", err=True)
        return settings


def _source(config: Path | None) -> str:
    path = config or Path(FILE)
    return path.name if path.is_file() else "the built-in checklist"


def _not_as_made(where: Mapping[str, Path], texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, path in where.items():
        there = read(path)
        if is_edited(there):
            yield name, "somebody has edited it"
        elif there != texts[name]:
            yield name, "it is not what the settings give now"
