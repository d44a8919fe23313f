"""What ``checklist explain`` says: how often each guard would trip, and what sizing means."""

import json

import typer

from tiltyard.checklist.explain import sentences
from tiltyard.checklist.lives import REPLICATES
from tiltyard.policies.name import select
from tiltyard.scaling.characteristics import rule_sentences
from tiltyard.shell.cli.options import asked_time, open_ledger
from tiltyard.shell.history import roster_at
from tiltyard.shell.prospects import OwnTrades, prospects
from tiltyard.shell.replaying.measure import measure
from tiltyard.shell.report.chances import prospect_json
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
        at: As of this time; the end of a record, or now, when None.
        as_json: Print JSON.
    """
    with open_ledger(database, settings) as opened, opened.snapshot() as ledger:
        now = asked_time(at, ledger)
        roster = roster_at(ledger, now) if at else ledger.roster()
        arm = roster.arms[select(policy, list(roster.arms))]
        own = OwnTrades(settings, roster)
        desk = measure(ledger, settings, now, roster, own.see)
    found = prospects(desk, arm, own.of(arm.name), now, seed=seed, replicates=REPLICATES)
    if as_json:
        typer.echo(json.dumps([prospect_json(prospect) for prospect in found], indent=2))
        return
    for sentence in (*sentences(found), *rule_sentences(settings.scaling.rule)):
        typer.echo(sentence)
