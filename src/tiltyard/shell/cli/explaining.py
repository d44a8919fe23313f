"""What ``checklist explain`` says: how often each guard would trip, if a policy went on so."""

import json

import numpy as np
import typer

from tiltyard.checklist.explain import Answer, operating_characteristics, sentences
from tiltyard.checklist.guard import Guard
from tiltyard.kernel.undefined import Undefined, Value
from tiltyard.policies.name import select
from tiltyard.shell.cli.options import now_from, open_ledger
from tiltyard.shell.history import roster_at
from tiltyard.shell.measure import measure
from tiltyard.shell.settings import Settings


def say_chances(
    settings: Settings,
    policy: str,
    database: str | None,
    *,
    seed: int,
    at: str | None,
    as_json: bool,
) -> None:
    """Say it of one policy.

    Args:
        settings: With the checklist.
        policy: Name or unique suffix.
        database: As the command line says.
        seed: The same seed gives the same answer.
        at: As of this time; now when None.
        as_json: Print JSON.
    """
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
