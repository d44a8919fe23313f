"""``checklist lint|explain|enforce|observe``: the declaration, and what it would do."""

from pathlib import Path
from typing import Annotated

import tomlkit
import typer

from tiltyard.checklist.guard import NEEDS_AN_END, Checklist
from tiltyard.checklist.warnings import warnings
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.shell.cli.options import (
    AsJson,
    At,
    Config,
    Database,
    open_ledger,
    settings_from,
)
from tiltyard.shell.clock import system_now
from tiltyard.shell.report.desk import other_checklist
from tiltyard.shell.settings import FILE
from tiltyard.shell.store.lease import read_lease


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    checklist = typer.Typer(help="The declared checklist.", no_args_is_help=True)
    checklist.command()(lint)
    checklist.command()(explain)
    checklist.command()(enforce)
    checklist.command()(observe)
    app.add_typer(checklist, name="checklist")


def lint(
    file: Annotated[Path | None, typer.Argument(help="[./tiltyard.toml]")] = None,
    config: Config = None,
) -> None:
    """Check the declaration; every fault at once, exit 2. Warns of what nobody means."""
    settings = settings_from(file or config)
    guards = settings.checklist.guards
    for guard in guards:
        latch = "by a person" if guard.effect in NEEDS_AN_END else "–"
        end = f"clear {guard.clear}" if guard.clear else latch
        typer.echo(
            f"{guard.priority:>3}  {guard.name:<30}{guard.scope:<9}{guard.metric:<25}"
            f"{guard.when!s:<18}{guard.effect:<19}{guard.mode:<9}{end}"
        )
    doubts = warnings(settings.checklist)
    for doubt in doubts:
        typer.echo(f"warning: {doubt}")
    many = "" if not doubts else f", {len(doubts)} {'warning' if len(doubts) == 1 else 'warnings'}"
    typer.echo(f"{len(guards)} guards, no fault{many}. {settings.checklist.digest[:12]}")


def explain(
    policy: Annotated[str, typer.Argument(help="Name or unique suffix.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same answer.")] = 1,
    as_json: AsJson = False,
    at: At = None,
    database: Database = None,
    config: Config = None,
) -> None:
    """Say how often each guard would trip if this policy went on exactly as it has."""
    settings = settings_from(config)
    from tiltyard.shell.cli.explaining import say_chances  # noqa: PLC0415 slow

    say_chances(settings, policy, database, seed=seed, at=at, as_json=as_json)


GuardName = Annotated[str, typer.Argument(help="A guard of the checklist.")]


def enforce(guard: GuardName, config: Config = None) -> None:
    """Let a guard act, by setting its mode in the settings file."""
    _set_mode(guard, "enforce", config)


def observe(guard: GuardName, config: Config = None) -> None:
    """Let a guard only record what it would have done."""
    _set_mode(guard, "observe", config)


def _set_mode(name: str, mode: Mode, config: Path | None) -> None:
    _refuse_unknown(settings_from(config).checklist, name)
    path = config or Path(FILE)
    text = path.read_text("utf-8") if path.exists() else ""
    document = tomlkit.parse(text)
    guards = document.setdefault("guard", tomlkit.aot())
    table = next((guard for guard in guards if guard["name"] == name), None)
    if table is None:
        table = tomlkit.table()
        table["name"] = name
        guards.append(table)
    table["mode"] = mode
    unsaved = path.with_name(path.name + ".unsaved")
    unsaved.write_text(tomlkit.dumps(document), encoding="utf-8")
    unsaved.replace(path)
    typer.echo(f"{name}: {mode} ({path})")
    _tell_of_desk(path)


def _tell_of_desk(path: Path) -> None:
    """Say it when a desk runs that knows nothing of what was written."""
    settings = settings_from(path)
    try:
        with open_ledger(None, settings) as ledger, ledger.snapshot() as still:
            lease = read_lease(still.connection)
    except TiltyardError:
        return  # a checklist is changed also where there is no database yet
    for line in other_checklist(lease, settings.checklist.digest, str(path), system_now()):
        typer.echo(line)


def _refuse_unknown(checklist: Checklist, name: str) -> None:
    names = [guard.name for guard in checklist.guards]
    if name not in names:
        hint = did_you_mean(name, names) or "see: tiltyard checklist lint"
        raise TiltyardError("GUARD_UNKNOWN", name, "no such guard", hint)
