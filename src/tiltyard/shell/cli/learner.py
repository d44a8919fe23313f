"""``learner``: how the supervised learner is, and to have it restarted."""

import json
import uuid
from datetime import datetime

import typer

from tiltyard.actions.record import acted
from tiltyard.facts.action import PERSON, Action
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.text import refuse_long, storable
from tiltyard.shell.cli.asking import Actor, Reason, waking_times
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.commanding import Times
from tiltyard.shell.replaying.replay import actor_name
from tiltyard.shell.sections.learner import LearnerSettings
from tiltyard.shell.settings import Settings
from tiltyard.shell.store.lease import holder_of
from tiltyard.shell.store.ledger import Ledger
from tiltyard.shell.store.outbox import LEARNER, RESTART, Effect, effect_under, request_effect
from tiltyard.shell.supervise.contract import Status, read_status
from tiltyard.shell.supervise.journal import MOST_RESTARTS, Journal, Known
from tiltyard.shell.supervise.learner import journal_unreachable
from tiltyard.shell.supervise.own import is_supervised
from tiltyard.shell.supervise.processes import is_up
from tiltyard.shell.supervise.supervised import journal_in, log_in, status_in, supervisor_from
from tiltyard.shell.supervise.supervisor import Standing

_MORE_SECONDS = 30.0
"""Beyond what saving its work and ending it may take."""


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    learner = typer.Typer(help="The learner that is supervised.", no_args_is_help=True)
    learner.command("status")(status)
    learner.command("restart")(restart)
    app.add_typer(learner, name="learner")


def status(as_json: AsJson = False, config: Config = None) -> None:
    """How it is, how far its job has come, and where its log is."""
    settings = _supervised(settings_from(config))
    row = _row(settings, system_now())
    if as_json:
        typer.echo(json.dumps(row, indent=2))
        return
    process = f", process {row['process']}" if row["process"] else ""
    since = f" since {row['since']}" if row["since"] else ""
    typer.echo(f"learner: {row['state']}{process}{since}")
    if row["step"] is None:
        typer.echo(f"progress: {row['said']}")
    else:
        job = f"job {row['job']}" if row["job"] else "no job"
        saved = row["checkpoint_at"] or "never"
        typer.echo(f"progress: {job}, step {row['step']} at {row['at']}; work saved: {saved}")
    typer.echo(f"restarts: {row['restarts_left']} of {MOST_RESTARTS} left in 24 hours")
    if row["log"]:
        typer.echo(f"log: {row['log']}")


def restart(
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Have the desk restart it when it has saved its work; also one that was given up."""
    refuse_long(actor=actor or "", reason=reason)
    settings = settings_from(config)
    learner = _supervised(settings)
    patience = learner.checkpoint_within + learner.grace + _MORE_SECONDS
    with open_ledger(database, settings) as ledger, waking_times(ledger) as times:
        who = storable(actor or actor_name())
        key = _request(ledger, settings, who, storable(reason), times.now())
        effect = _settled(ledger, key, times, patience)
    if effect.state == "failed":
        raise TiltyardError("LEARNER_WAITING", "learner", effect.told)
    if as_json:
        typer.echo(json.dumps({"done": "restarted"}, indent=2))
    else:
        typer.echo("the learner was restarted")


def _supervised(settings: Settings) -> LearnerSettings:
    if not settings.learner.is_supervised:
        raise TiltyardError(
            "LEARNER_UNNAMED", "learner", "the settings name none",
            'say who runs it, such as [learner] command = ["python", "train.py"]',
        )  # fmt: skip
    return settings.learner


def _request(ledger: Ledger, settings: Settings, actor: str, reason: str, now: datetime) -> str:
    """Ask the desk for it, and tell the audit; the key of what was asked for."""
    key = f"person-{uuid.uuid4().hex}"
    action = Action("restart_learner", "", PERSON, "enforce", now, reason=reason)
    event = acted(action, settings.checklist.digest, actor)
    with ledger.transaction() as inside:
        if holder_of(inside.connection, now) is None:
            raise TiltyardError(
                "LEARNER_UNSUPERVISED", "learner", "no desk runs that would restart it",
                "start one: tiltyard run",
            )  # fmt: skip
        inside.change_roster(lambda roster: (roster, [event]), at=now)
        request_effect(inside.connection, key, LEARNER, RESTART, event, now)
    return key


def _settled(ledger: Ledger, key: str, times: Times, patience: float) -> Effect:
    until = times.steady() + patience
    while times.steady() < until:
        with ledger.snapshot() as still:
            effect = effect_under(still.connection, key)
        if effect.settled_at is not None:
            return effect
        times.wait(0.2)
    raise TiltyardError(
        "LEARNER_WAITING", "learner", f"the desk has not restarted it within {patience:g} s",
        "it goes on trying; see what it says, and tiltyard learner status",
    )  # fmt: skip


def _row(settings: LearnerSettings, now: datetime) -> dict[str, object]:
    known = _known(Journal(journal_in(settings)))
    said = read_status(status_in(settings), now)
    told = said if isinstance(said, Status) else None
    state = _state(settings)
    is_own = bool(settings.command)
    runs = is_own and state == "running"
    saved = None if told is None else told.checkpoint_at
    return {
        "state": state,
        "process": known.run.pid if runs and known.run is not None else None,
        "since": time_text(known.began_at) if runs and known.began_at is not None else None,
        "restarts_left": 0 if state == "given_up" else known.restarts_left(now),
        "restarts": known.restarts_ever,
        "job": None if told is None else told.job,
        "step": None if told is None else told.step,
        "at": None if told is None else time_text(told.at),
        "checkpoint_at": None if saved is None else time_text(saved),
        "said": said if isinstance(said, str) else None,
        "log": str(log_in(settings)) if is_own else None,
    }


def _known(journal: Journal) -> Known:
    try:
        return journal.known
    except OSError as error:
        raise journal_unreachable(error) from None


def _state(settings: LearnerSettings) -> Standing:
    journal = Journal(journal_in(settings))
    known = _known(journal)
    if known.fate == "given_up":
        return known.fate
    if not settings.command:
        return supervisor_from(settings, journal, say=lambda _: None).standing()
    if known.fate:
        return known.fate
    if known.run is not None and is_up(known.run):
        return "running"
    return "starting" if is_supervised(status_in(settings).parent) else "stopped"
