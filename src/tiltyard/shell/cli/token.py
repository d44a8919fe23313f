"""``token``: who may talk to the desk over HTTP, and what each may do there."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Annotated

import typer

from tiltyard.facts import cells
from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.kernel.text import refuse_long, storable
from tiltyard.shell.cli.asking import Actor
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.replaying.replay import actor_name
from tiltyard.shell.store.token_table import (
    PREFIX,
    SCOPES,
    Scope,
    Token,
    add_token,
    every_token,
    in_order,
    revoke_token,
)

RESERVED = frozenset({"floor", "desk", "ladder", "lifecycle", "maintenance", "person", "sql"})
"""Who acts or reports in the ledger already."""

Name = Annotated[str, typer.Argument(help="Who it is: the audit calls them so.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    tokens = typer.Typer(help="Who may talk to the desk over HTTP.", no_args_is_help=True)
    tokens.command("create")(create_token)
    tokens.command("list")(list_tokens)
    tokens.command("revoke")(revoke)
    app.add_typer(tokens, name="token")


def create_token(
    name: Name,
    scopes: Annotated[
        list[str],
        typer.Option("--scope", help="read, ingest, operate or approve; may be given again."),
    ],
    days: Annotated[
        int | None, typer.Option(help="It ends after so many days. [never]", min=1, max=3650)
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Let somebody in; the secret is shown this once, and kept nowhere."""
    refuse_long(actor=actor or "")
    try:
        cells.text(name)
    except ValueError as error:
        raise TiltyardError("TOKEN_NAME_INVALID", repr(name)[:40], str(error)) from None
    if not name.strip() or "/" in name or name in RESERVED:
        raise TiltyardError(
            "TOKEN_NAME_INVALID", repr(name), "it is the source of what it reports, so it is not "
            f"empty, has no slash, and is none of {', '.join(sorted(RESERVED))}",
            "choose another name",
        )  # fmt: skip
    chosen = frozenset(_scope(scope) for scope in scopes)
    now = system_now()
    ends = None if days is None else now + timedelta(days=days)
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(storable(name), chosen, now, ends)
    with (
        open_ledger(database, settings_from(config), create=True) as ledger,
        ledger.transaction() as inside,
    ):
        add_token(inside.connection, token, secret, storable(actor or actor_name()))
    if as_json:
        typer.echo(json.dumps({**_row(token, "good"), "token": secret}, indent=2))
        return
    typer.echo(secret)
    typer.echo("this secret is shown once: put it where only its owner reads it", err=True)


def list_tokens(as_json: AsJson = False, database: Database = None, config: Config = None) -> None:
    """Who may do what, and until when."""
    with open_ledger(database, settings_from(config)) as ledger, ledger.snapshot() as still:
        found = every_token(still.connection)
    now = system_now()
    rows = [_row(token, _state(token, now)) for token in found]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("nobody may talk to the desk over HTTP: tiltyard token create NAME --scope …")
        return
    width = max(len(token.name) for token in found)
    for token, row in zip(found, rows, strict=True):
        until = f"  until {time_text(token.expires_at)}" if token.expires_at else ""
        scopes = " ".join(in_order(token.scopes))
        typer.echo(f"{token.name:<{width}}  {row['state']:<8} {scopes}{until}")


def revoke(
    name: Name, actor: Actor = None, database: Database = None, config: Config = None
) -> None:
    """Shut somebody out, for good; a running desk follows within seconds."""
    refuse_long(name=name, actor=actor or "")
    with open_ledger(database, settings_from(config)) as ledger, ledger.transaction() as inside:
        actor = storable(actor or actor_name())
        is_new = revoke_token(inside.connection, storable(name), system_now(), actor)
    typer.echo(f"{name} is shut out" if is_new else f"{name} was shut out before")


def _scope(text: str) -> Scope:
    for scope in SCOPES:
        if scope == text:
            return scope
    hint = did_you_mean(text, SCOPES) or f"expected one of {', '.join(SCOPES)}"
    raise TiltyardError("SCOPE_UNKNOWN", repr(text), "no token may do that", hint)


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "good" if token.is_good(now) else "over"


def _row(token: Token, state: str) -> dict[str, object]:
    return {
        "name": token.name,
        "state": state,
        "scopes": in_order(token.scopes),
        "created_at": time_text(token.created_at),
        "expires_at": None if token.expires_at is None else time_text(token.expires_at),
    }
