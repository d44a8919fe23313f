"""The verbs: what people and scripts may ask for, and reviews.

Each appends a command and waits for its outcome; without a running desk it is carried out
at once, by this process.
"""

import json
from collections.abc import Callable
from typing import Annotated

import typer

from tiltyard.facts.command import Verb
from tiltyard.kernel.clock import time_text
from tiltyard.shell.cli.asking import Actor, Key, Reason, ask_for
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.report.asked import asked_json, asked_text
from tiltyard.shell.store.command_table import every_command

_ABOUT_ONE: dict[Verb, str] = {
    "throttle": "Take an arm's traffic; its shadow book goes on, and a review is opened.",
    "halt": "Take an arm out: traffic to 0 %, positions reduce-only; says what is open.",
    "rearm": "Put a throttled or halted arm on a new trial, once its review is acknowledged.",
    "retire": "Take an arm out for good; never the champion, never with open positions.",
    "approve": "Make a proposed challenger the champion; the former is kept as known-good.",
}

PolicyName = Annotated[str, typer.Argument(metavar="POLICY", help="Name or unique suffix.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("freeze")(_about_all("freeze", "Take all challengers' traffic, until resume."))
    app.command("stop-all")(_about_all("stop_all", "No entries for anyone, until resume."))
    app.command()(resume)
    app.command()(scale)
    app.command("commands")(list_commands)
    reviews = typer.Typer(help="What throttles and halts leave for a person.", no_args_is_help=True)
    reviews.command("list")(list_reviews)
    reviews.command("ack")(acknowledge)
    app.add_typer(reviews, name="review")


def add_verbs_to(policies: typer.Typer) -> None:
    """Put the verbs about one policy under ``policy``."""
    for verb, says in _ABOUT_ONE.items():
        policies.command(verb)(_about_one(verb, says))
    policies.command()(rollback)


def _about_one(verb: Verb, says: str) -> Callable[..., None]:
    """The command of a verb that needs nothing but a policy."""

    def command(
        policy: PolicyName,
        reason: Reason = "",
        actor: Actor = None,
        key: Key = None,
        as_json: AsJson = False,
        database: Database = None,
        config: Config = None,
    ) -> None:
        ask_for(verb, policy, reason=reason, actor=actor, key=key, as_json=as_json,
                database=database, config=config)  # fmt: skip

    command.__doc__ = says
    return command


def _about_all(verb: Verb, says: str) -> Callable[..., None]:
    """The command of a verb that is about everybody."""

    def command(
        reason: Reason = "",
        actor: Actor = None,
        key: Key = None,
        as_json: AsJson = False,
        database: Database = None,
        config: Config = None,
    ) -> None:
        ask_for(verb, reason=reason, actor=actor, key=key, as_json=as_json,
                database=database, config=config)  # fmt: skip

    command.__doc__ = says
    return command


def rollback(
    policy: Annotated[str, typer.Argument(metavar="CHAMPION", help="The champion to replace.")],
    to: Annotated[str, typer.Option(help="A former champion. [the last in good standing]")] = "",
    digest: Annotated[str, typer.Option(help="Refuse unless it is pinned to this.")] = "",
    reason: Reason = "",
    actor: Actor = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Halt the champion, and crown the previous known-good one, or flat."""
    arguments = {name: value for name, value in (("to", to), ("digest", digest)) if value}
    ask_for("rollback", policy, arguments=arguments, reason=reason, actor=actor, key=key,
            as_json=as_json, database=database, config=config)  # fmt: skip


def resume(
    hold: Annotated[
        str, typer.Argument(help="freeze, stop-all, deadman or a guard. [a person's]")
    ] = "",
    reason: Reason = "",
    actor: Actor = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """End what is on hold; challengers that were frozen get back what they had."""
    ask_for("resume", arguments={"hold": hold} if hold else {}, reason=reason, actor=actor,
            key=key, as_json=as_json, database=database, config=config)  # fmt: skip


def scale(
    policy: Annotated[str, typer.Argument(metavar="[POLICY]", help="Only this arm.")] = "",
    reason: Reason = "",
    actor: Actor = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Run the nightly rule now; a share is multiplied once in a trading day at most."""
    ask_for("scale", policy, reason=reason, actor=actor, key=key, as_json=as_json,
            database=database, config=config)  # fmt: skip


def acknowledge(
    number: Annotated[int, typer.Argument(help="Of the review: see review list.")],
    reason: Reason = "",
    actor: Actor = None,
    key: Key = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Say that a person has looked at it; only then may its arm be re-armed."""
    ask_for("acknowledge", arguments={"number": str(number)}, reason=reason, actor=actor,
            key=key, as_json=as_json, database=database, config=config)  # fmt: skip


def list_reviews(
    every: Annotated[bool, typer.Option("--all", help="Acknowledged ones, too.")] = False,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Open reviews, and proposals that wait for a person."""
    settings = settings_from(config)
    with open_ledger(database, settings) as ledger:
        roster = ledger.roster()
    reviews = roster.reviews if every else roster.open_reviews()
    proposals = [one for one in roster.proposals if every or one.closed_at is None]
    if as_json:
        body = {
            "reviews": [
                {"number": one.number, "policy": one.policy, "guard": one.guard,
                 "opened_at": time_text(one.opened_at), "advisory": one.advisory,
                 "acknowledged_at": time_text(one.acknowledged_at) if one.acknowledged_at else None}
                for one in reviews
            ],
            "proposals": [
                {"number": one.number, "kind": one.kind, "policy": one.policy,
                 "opened_at": time_text(one.opened_at), "expires_at": time_text(one.expires_at),
                 "evidence": one.evidence, "outcome": one.outcome}
                for one in proposals
            ],
        }  # fmt: skip
        typer.echo(json.dumps(body, indent=2))
        return
    if not reviews and not proposals:
        typer.echo("no open review, no open proposal")
    for review in reviews:
        state = "acknowledged" if review.acknowledged_at else "open"
        kind = "advisory, " if review.advisory else ""
        typer.echo(
            f"review {review.number}  {state:<13}{review.policy}  {kind}{review.guard}, "
            f"{time_text(review.opened_at)}"
        )
    for proposal in proposals:
        typer.echo(
            f"{proposal.kind} of {proposal.policy}: {proposal.evidence}; "
            f"{proposal.outcome or 'open'} until {time_text(proposal.expires_at)}"
        )


def list_commands(
    as_json: AsJson = False, database: Database = None, config: Config = None
) -> None:
    """Every command that was asked for, by whom, with what and why, and what came of it."""
    settings = settings_from(config)
    with open_ledger(database, settings) as ledger, ledger.snapshot() as still:
        asked = every_command(still.connection)
    if as_json:
        typer.echo(json.dumps([asked_json(*one) for one in asked], indent=2))
        return
    for one in asked:
        typer.echo(asked_text(*one))
