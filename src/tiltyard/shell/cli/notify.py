"""``notify``: pages that wait for somebody, and whether messages arrive."""

import json
import time
from typing import Annotated

import typer

from tiltyard.kernel.clock import time_text
from tiltyard.kernel.errors import TiltyardError
from tiltyard.kernel.registry import did_you_mean
from tiltyard.kernel.text import refuse_long, storable
from tiltyard.shell.cli.asking import Actor, Reason
from tiltyard.shell.cli.options import AsJson, Config, Database, open_ledger, settings_from
from tiltyard.shell.clock import system_now
from tiltyard.shell.exit_codes import FAILED
from tiltyard.shell.notify.probe import Probe, probe
from tiltyard.shell.replaying.replay import actor_name
from tiltyard.shell.store.page_table import Page, acknowledge_page, every_page, open_pages
from tiltyard.shell.targets.person_target import recipients


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    notify = typer.Typer(help="What people are told on their phones.", no_args_is_help=True)
    notify.command("list")(list_pages)
    notify.command("ack")(acknowledge)
    notify.command("test")(send_test)
    app.add_typer(notify, name="notify")


def list_pages(
    every: Annotated[bool, typer.Option("--all", help="Acknowledged ones, too.")] = False,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Pages that nobody has acknowledged."""
    with open_ledger(database, settings_from(config)) as ledger, ledger.snapshot() as still:
        found = every_page(still.connection) if every else open_pages(still.connection)
    if as_json:
        typer.echo(json.dumps([page_json(page) for page in found], indent=2))
        return
    if not found:
        typer.echo("no page was made" if every else "no page is open")
    for page in found:
        typer.echo(f"page {page.number}  {time_text(page.happened_at)}  {page.title}")
        typer.echo(f"    {_state(page)}")


def acknowledge(
    number: Annotated[int, typer.Argument(help="Of the page: see notify list.")],
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
    database: Database = None,
    config: Config = None,
) -> None:
    """Say that somebody has seen it, so that nobody else is told."""
    who = storable(actor or actor_name())
    refuse_long(reason=reason, actor=who)
    with open_ledger(database, settings_from(config)) as ledger, ledger.transaction() as inside:
        page = acknowledge_page(inside.connection, number, who, storable(reason), system_now())
    if as_json:
        typer.echo(json.dumps(page_json(page), indent=2))
    else:
        typer.echo(f"page {number}: {_state(page)}")


def send_test(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Only this recipient.")] = "",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Send a message now that is marked as a test, also in quiet hours; exit 1 if one fails."""
    everybody = recipients(settings_from(config))
    names = [one.recipient.name for one in everybody]
    if not everybody:
        raise TiltyardError(
            "RECIPIENT_UNKNOWN", "notify", "the settings name nobody", "add [[notify.recipient]]"
        )
    if name and name not in names:
        hint = did_you_mean(name, names) or f"there are: {', '.join(names)}"
        raise TiltyardError("RECIPIENT_UNKNOWN", repr(name)[:60], "nobody is called so", hint)
    chosen = [one for one in everybody if name in ("", one.recipient.name)]
    done = [probe(one, system_now(), time.monotonic) for one in chosen]
    if as_json:
        typer.echo(json.dumps([probe_json(one) for one in done], indent=2))
    else:
        width = max(len(one.name) for one in done)
        for one in done:
            said = f"taken in {one.seconds:.2f} s" if one.is_taken else one.said
            typer.echo(f"{one.name:<{width}}  {said}")
    if not all(one.is_taken for one in done):
        raise typer.Exit(FAILED)


def page_json(page: Page) -> dict[str, object]:
    """A page, as JSON."""
    at, others = page.acknowledged_at, page.escalated_at
    return {
        "number": page.number,
        "event": page.event,
        "policy": page.policy,
        "cause": page.cause,
        "title": page.title,
        "lines": list(page.lines),
        "happened_at": time_text(page.happened_at),
        "acknowledged_at": None if at is None else time_text(at),
        "acknowledged_by": page.acknowledged_by,
        "reason": page.reason,
        "escalated_at": None if others is None else time_text(others),
    }


def probe_json(done: Probe) -> dict[str, object]:
    """What came of a test message, as JSON."""
    return {"name": done.name, "taken": done.is_taken, "seconds": round(done.seconds, 3),
            "said": done.said}  # fmt: skip


def _state(page: Page) -> str:
    if page.acknowledged_at is not None:
        why = f": {page.reason}" if page.reason else ""
        return f"acknowledged by {page.acknowledged_by} at {time_text(page.acknowledged_at)}{why}"
    if page.escalated_at is not None:
        return f"open, others were told at {time_text(page.escalated_at)}"
    return "open"
