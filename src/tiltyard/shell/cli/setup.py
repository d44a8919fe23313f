"""``setup``: everything around a desk, made in one go, and what is left for a person."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tiltyard.facts.arm import FLAT, Arm, Roster
from tiltyard.kernel.errors import TiltyardError
from tiltyard.shell.alerts.made import make
from tiltyard.shell.cli.alerts import with_marks_every_bar
from tiltyard.shell.cli.alerts_told import warning_of
from tiltyard.shell.cli.ledger import initial_text
from tiltyard.shell.cli.options import Database, open_ledger, settings_from
from tiltyard.shell.cli.policy import register_policy
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import FAILED
from tiltyard.shell.maintenance.health import check_health
from tiltyard.shell.replaying.replay import actor_name
from tiltyard.shell.report.text import share as share_text
from tiltyard.shell.settings import FILE, Settings
from tiltyard.shell.setup import crontab, installed, unit
from tiltyard.shell.setup.files import Put, put
from tiltyard.shell.setup.hours import machine_zone
from tiltyard.shell.setup.place import Place, refuse_unsuitable
from tiltyard.shell.setup.policy import Meant, policy_meant
from tiltyard.shell.setup.remaining import Situation, remaining
from tiltyard.shell.setup.surroundings import known_to_this_shell
from tiltyard.shell.store.lease import read_lease
from tiltyard.shell.store.ledger import Ledger

CONFIG = Path("config")
DASHBOARD = "grafana_dashboard.json"
_COLOURS = {"-": typer.colors.RED, "+": typer.colors.GREEN, "@": typer.colors.CYAN}

Quick = Annotated[
    bool, typer.Option("--quick", help="Register a snapshot that is not known as a challenger.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that somebody has edited.")]


def add_to(app: typer.Typer) -> None:
    """Put this command on the command line."""
    app.command()(setup)


def setup(
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="NAME", help="Policy or snapshot, or how it ends."),
    ] = None,
    quick: Quick = False,
    force: Force = False,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="Where the desk lives.")
    ] = Path(),
    database: Database = None,
) -> None:
    """Write crontab, unit, alerts and dashboard, look at the house, and say what remains."""
    named = _named(database)
    _enter(folder)
    settings, now = settings_from(None), system_now()
    place = Place(Path.cwd(), Path(sys.executable), actor_name(), named)
    refuse_unsuitable(place)
    meant = None if policy is None else policy_meant(
        policy, _arms(named, settings), settings.models.path
    )  # fmt: skip
    texts = _texts(settings, place, now)
    with _house(named, settings) as ledger:
        if meant is not None:
            meant = _joined(meant, ledger, named, quick=quick)
        _say_champion(ledger.roster())
        done = put(texts, force=force)
        _say_files(texts, done)
        health = check_health(ledger, settings, now)
        _say("How the house is:", health.lines)
        steps = remaining(_situation(settings, ledger, meant, done.kept, texts, now))
    _say("What remains for you:", [f"{number:>2}. {step}" for number, step in enumerate(steps, 1)])
    if health.failed:
        raise typer.Exit(FAILED)


def _named(database: str | None) -> str:
    """The database that is named beside the settings, so that it is found from anywhere."""
    named = database or os.environ.get("TILTYARD_DB") or ""
    return named if not named or "://" in named else str(Path(named).absolute())


def _enter(folder: Path) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise TiltyardError(
            "SETUP_UNSUITABLE", str(folder), f"the desk cannot live there: {error.strerror}",
            "make the folder, or name another: --folder",
        ) from error  # fmt: skip


def _arms(named: str, settings: Settings) -> Mapping[str, Arm]:
    """Those of the ledger; none where there is no ledger yet."""
    try:
        with open_ledger(named or None, settings) as ledger:
            return ledger.roster().arms
    except TiltyardError as error:
        if error.code != "DATABASE_MISSING":
            raise
        return {}


def _house(named: str, settings: Settings) -> Ledger:
    """The ledger; it and the settings are made where they are missing."""
    if not Path(FILE).exists():
        put({Path(FILE): initial_text()}, force=False)
        typer.echo(f"wrote {FILE}")
    try:
        return open_ledger(named or None, settings)
    except TiltyardError as error:
        if error.code != "DATABASE_MISSING":
            raise
    ledger = open_ledger(named or None, settings, create=True)
    typer.echo(f"made {ledger.url.render_as_string(hide_password=True)}")
    return ledger


def _texts(settings: Settings, place: Place, now: datetime) -> Mapping[Path, str]:
    """Every file as it is to be."""
    from tiltyard.shell.dashboard.grafana import grafana_text  # noqa: PLC0415 slow
    from tiltyard.shell.dashboard.rows import every_row  # noqa: PLC0415 only here

    alerts = make(with_marks_every_bar(settings), FILE)
    rows = list(every_row(settings.checklist, settings.run.deadman))
    texts = {
        crontab.NAME: crontab.crontab(settings, place, machine_zone(), now, FILE),
        **alerts.texts,
        DASHBOARD: grafana_text(rows),
        unit.NAME: unit.unit(place),
    }
    return {CONFIG / name: text for name, text in texts.items()}


def _joined(meant: Meant, ledger: Ledger, named: str, *, quick: bool) -> Meant:
    """The policy, which joins where that was asked for and is still to be done."""
    if meant.arm is None and quick:
        register_policy(meant.name, database=named or None)
        meant = meant._replace(arm=ledger.roster().arms[meant.name])
    whole = "" if meant.snapshot is None else ", every byte of it as it was trained"
    if meant.arm is None:
        typer.echo(f"policy: {meant.name}, a snapshot that is not registered{whole}")
    else:
        arm = meant.arm
        typer.echo(f"policy: {arm.name}, {arm.role}, {arm.state}, {share_text(arm.share)}{whole}")
    return meant


def _say_champion(roster: Roster) -> None:
    champion = next((arm.name for arm in roster.arms.values() if arm.role == "champion"), FLAT)
    if champion == FLAT:
        typer.echo("champion: none is registered, so it is flat, which trades nothing")
    else:
        typer.echo(f"champion: {champion}")


def _say_files(texts: Iterable[Path], done: Put) -> None:
    """What became of each, and how one that was kept would have changed."""
    for path in texts:
        if path in done.kept:
            typer.echo(f"kept {path}, which somebody has edited:")
        else:
            typer.echo(f"{'wrote' if path in done.written else 'unchanged'} {path}")
        for line in done.kept.get(path, ()):
            typer.secho(f"  {line}", fg=_COLOURS.get(line[:1]))


def _say(title: str, lines: Iterable[str]) -> None:
    typer.echo(f"\n{title}")
    for line in lines:
        typer.echo(line)


def _situation(
    settings: Settings,
    ledger: Ledger,
    meant: Meant | None,
    kept: Mapping[Path, Sequence[str]],
    texts: Mapping[Path, str],
    now: datetime,
) -> Situation:
    with ledger.snapshot() as still:
        lease, roster = read_lease(still.connection), still.roster()
    file = CONFIG / crontab.NAME
    cron = "" if settings.jobs.hosted else installed.step_for_cron(file, texts[file])
    mail = warning_of(settings) or ""
    shell = list(known_to_this_shell(settings, os.environ))
    return Situation(settings, roster, lease, meant, CONFIG, kept, cron, mail, shell, now)
