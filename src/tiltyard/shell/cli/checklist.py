"""``checklist lint|explain|enforce|observe``: the declaration, and what it would do."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import tomlkit
import typer

from tiltyard.checklist.explain import Answer, operating_characteristics, sentences
from tiltyard.checklist.guard import NEEDS_AN_END, Checklist, Guard
from tiltyard.checklist.warnings import warnings
from tiltyard.facts.verdict import Mode
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.policies.name import select
from tiltyard.shell.cli.options import (
    AsJson,
    At,
    Config,
    Database,
    now_from,
    open_ledger,
    settings_from,
)
from tiltyard.shell.clock import system_now
from tiltyard.shell.history import roster_at
from tiltyard.shell.measure import measure
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
            f"{guard.priority:>3}  {guard.name:<30}{guard.scope:<9}{guard.metric:<24}"
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
    now = now_from(at)
    with open_ledger(database, settings) as opened, opened.snapshot() as ledger:
        roster = roster_at(ledger, now) if at else ledger.roster()
        arm = roster.arms[select(policy, list(roster.arms))]
        desk = measure(ledger, settings, now, roster)
        capital = arm.capital or settings.default_capital() or 0
        outcomes = [
            (trade.pnl, trade.capital or capital, trade.risk or 0)
            for trade in ledger.trades(arm.name, closed_by=now)
        ]
    scope = "champion" if arm.role == "champion" else "arm"
    guards = [guard for guard in settings.checklist.guards if guard.scope == scope]
    readings = desk.panel.readings([g.when.metric for g in guards if g.when.metric], arm.name, now)
    others = {name: value.number for name, value in readings.items() if isinstance(value, Value)}
    rng = np.random.default_rng(seed)
    answers = operating_characteristics(guards, outcomes, rng, others=others)
    if as_json:
        typer.echo(json.dumps([_answer_json(guard, answer) for guard, answer in answers], indent=2))
        return
    for sentence in sentences(answers):
        typer.echo(sentence)


def _answer_json(guard: Guard, answer: Answer) -> dict[str, object]:
    if isinstance(answer, Undefined):
        return {"guard": guard.name, "state": answer.state, "reason": answer.reason}
    return {
        "guard": guard.name,
        "state": "defined",
        "trades_used": answer.trades_used,
        "within": {str(trades): share for trades, share in answer.within.items()},
        "standard_error": {str(trades): se for trades, se in answer.standard_error.items()},
        "median_trades_to_breach": answer.median_trades_to_breach,
    }


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
